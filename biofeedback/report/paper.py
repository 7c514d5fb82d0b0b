"""What the figure is drawn on: colours, the few calls of matplotlib it needs, and the way from its SVG to the page."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO
from typing import Any, Final, Protocol, cast

INK, QUIET, EDGE, GRID = "#1a1f24", "#566069", "#a9b1b8", "#d5d9dc"
LINE, FLAG, IMAGE, OTHER, GROUND = "#0072b2", "#d55e00", "#009e73", "#b0598a", "#fcfcfa"
VARIABLES: Final[Mapping[str, str]] = {
    INK: "ink",
    QUIET: "quiet",
    EDGE: "edge",
    GRID: "rule",
    LINE: "line",
    FLAG: "flag",
    IMAGE: "image",
    OTHER: "other",
    GROUND: "ground",
}
"""The light ground's colours (DESIGN 8); in the page each is the CSS variable of this name."""
TEXT_PT: Final = 7.0
NAMED: Final = (
    'role="img" aria-labelledby="strip-title" aria-describedby="described">'
    '<title id="strip-title">Heart rate over the session</title>'
)


class Axes(Protocol):
    """The part of matplotlib's Axes that is used; its own types leave the options unknown."""

    transAxes: Any  # noqa: N815 - matplotlib's name

    def plot(self, x: Sequence[float], y: Sequence[float], /, *style: str, **options: object) -> object:
        """Draw a line or symbols."""
        ...

    def text(self, x: float, y: float, words: str, /, **options: object) -> object:
        """Write."""
        ...

    def axvline(self, x: float, /, **options: object) -> object:
        """Draw an upright line through the axes."""
        ...

    def axhline(self, y: float, /, **options: object) -> object:
        """Draw a level line through the axes."""
        ...

    def axvspan(self, start: float, end: float, /, **options: object) -> object:
        """Shade from `start` to `end`."""
        ...

    def set(self, **properties: object) -> object:
        """Set limits and colours by name."""
        ...

    def set_xlabel(self, words: str, /, **options: object) -> object:
        """Name the axis across."""
        ...

    def set_ylabel(self, words: str, /, **options: object) -> object:
        """Name the axis up."""
        ...

    def set_xticks(self, at: Sequence[float], words: Sequence[str] | None = None, /) -> object:
        """Say where the ticks across are, and what they are called."""
        ...

    def set_yticks(self, at: Sequence[float], words: Sequence[str] | None = None, /) -> object:
        """Say where the ticks up are, and what they are called."""
        ...

    def grid(self, **options: object) -> None:
        """Draw the grid."""
        ...

    def tick_params(self, **options: object) -> None:
        """Say what ticks look like."""
        ...

    def get_xaxis_transform(self) -> object:
        """Across in data, up in parts of the axes."""
        ...


class Paper:
    """A sheet of `width` x `height` inches. Matplotlib is imported when it is made: it takes half a second."""

    def __init__(self, width: float, height: float) -> None:
        from matplotlib.figure import Figure

        self.width = width
        self.height = height
        self._figure = cast(Any, Figure(figsize=(width, height), facecolor="none"))

    def axes(self, left: float, bottom: float, right: float, height: float) -> Axes:
        """Axes without a frame, `right` inches from the right edge."""
        across, up = self.width, self.height
        place = (left / across, bottom / up, (across - left - right) / across, height / up)
        return cast(Axes, self._figure.add_axes(place, frame_on=False))

    def svg(self) -> str:
        """The drawing for a page; the same drawing gives the same bytes."""
        from matplotlib.backends.backend_svg import FigureCanvasSVG

        target = BytesIO()
        canvas = cast(Any, FigureCanvasSVG(self._figure))
        canvas.print_svg(target, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
        return for_page(target.getvalue().decode())


def drawn(draw: Callable[[], str]) -> str:
    """Draw under our settings, whatever a matplotlibrc on this machine says."""
    import matplotlib as mpl

    rc = cast(Any, mpl)
    with rc.rc_context():
        rc.rcdefaults()
        rc.rcParams.update(
            {
                "svg.fonttype": "none",
                "svg.hashsalt": "biofeedback",
                "hatch.linewidth": 0.7,
                "font.size": TEXT_PT,
                "text.parse_math": False,
            }
        )
        return draw()


def for_page(svg: str) -> str:
    """The drawing as part of a page: its colours and fonts are the page's, it names no other place, it is small."""
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>", "", body, flags=re.DOTALL)
    body = re.sub(r' xmlns(:\w+)?="[^"]*"', "", body).replace("xlink:href=", "href=")
    opening = rf'<svg viewBox="\1" {NAMED}'
    body = re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', opening, body, count=1)
    body = re.sub(r"font-family: [^;\"]*;? ?", "", body)
    body = re.sub(r"font: ((?:bold |\d+ )*)([\d.]+)px [^;\"]*", _font, body)
    body = re.sub(r"(\d+\.\d\d)\d+", r"\1", body)
    for colour, name in VARIABLES.items():
        body = body.replace(colour, f"var(--{name})")
    return re.sub(r"\n\s*", "\n", body).strip()


def _font(found: re.Match[str]) -> str:
    weight = f"font-weight: {found[1].strip()}; " if found[1] else ""
    return f"{weight}font-size: {found[2]}px"
