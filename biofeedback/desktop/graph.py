"""The one place that knows pyqtgraph: a panel over time, its curves and points, and what lies behind them.

pyqtgraph has no types of its own; what is used of it is wrapped here once. Importing this takes a third of a second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Final, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QFont, QFontMetrics, QPainter, QPen
from PySide6.QtWidgets import QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from biofeedback.desktop.theme import Theme

pg = cast(Any, import_module("pyqtgraph"))

Floats: TypeAlias = NDArray[np.float64]
GUTTER_PX: Final = 64
"""Room for the axis on the left, the same for all panels."""
LONGEST_TIME: Final = "0:00:00"
AXIS_PX: Final = 20
LEAST_S: Final = 5.0
MOST_S: Final = 48 * 3600.0
AIR_PX: Final = 8.0
"""Beyond the limits of an upright axis, so that lines and numbers on them are whole."""
EVERYWHERE: Final = QRectF(-1e6, -1e4, 2e6, 2e4)
SYMBOLS: Final[tuple[str, ...]] = ("t1", "t", "d", "s", "x")
"""pyqtgraph's names of the signs for missed, extra, ectopic, misplaced and range."""
FLAG_PX: Final = 9.0
DASHED: Final = (5.0, 3.0)
DOTTED: Final = (1.0, 2.0)
UNSURE: Final = (2.0, 2.0)
NOTHING: Final[Floats] = np.empty(0)


def with_alpha(colour: str, alpha: int) -> QColor:
    """A colour that lets its ground through; 255 hides it."""
    made = QColor(colour)
    made.setAlpha(alpha)
    return made


def pen_of(colour: QColor, width: float, dashes: Sequence[float] = ()) -> QPen:
    """A line of just one pixel is painted five times as fast as any other: only the smooth ones may be wider."""
    pen = QPen(colour, width, Qt.PenStyle.SolidLine, Qt.PenCapStyle.FlatCap)
    if dashes:
        pen.setDashPattern(dashes)
    pen.setCosmetic(True)
    return pen


def thinned(t_s: Floats, values: Floats, bins: int) -> tuple[Floats, Floats]:
    """A long line for so many bins of equal time: each keeps its lowest and highest value and its breaks."""
    if len(t_s) <= 4 * bins:
        return t_s, values
    held = np.floor((t_s - t_s[0]) * (bins / max(t_s[-1] - t_s[0], 1e-9)))
    starts = np.flatnonzero(np.diff(held, prepend=-1.0))
    lengths = np.diff(starts, append=len(t_s))
    broken = np.isnan(values)
    least, most = np.where(broken, np.inf, values), np.where(broken, -np.inf, values)
    low = np.repeat(np.minimum.reduceat(least, starts), lengths)
    high = np.repeat(np.maximum.reduceat(most, starts), lengths)
    kept = (values == low) | (values == high) | broken
    return t_s[kept], values[kept]


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time that is shaded."""

    from_s: float
    to_s: float
    fill: QBrush


@dataclass(frozen=True, slots=True)
class Upright:
    """A line from top to bottom."""

    at_s: float
    pen: QPen


class Backdrop(QGraphicsItem):
    """Shades, upright lines and the grid of a panel, painted in pixels so that hatches keep their shape."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.spans: Sequence[Span] = ()
        self.uprights: Sequence[Upright] = ()
        self.grid: tuple[Sequence[float], Sequence[float]] = ((), ())
        self._view = QRectF()
        self._grid_pen = QPen(QColor(theme.edge))
        self.setZValue(-10)

    def show_range(self, view: QRectF) -> None:
        """The part of the plane that is seen."""
        self._view = view
        self.update()

    def boundingRect(self) -> QRectF:  # noqa: N802 - Qt's name
        """It lies behind everything."""
        return EVERYWHERE

    def paint(self, painter: QPainter, option: QStyleOptionGraphicsItem, widget: QWidget | None = None) -> None:  # noqa: ARG002 - Qt's signature
        """Paint what can be seen."""
        transform = painter.worldTransform()
        area = transform.mapRect(self._view)
        scale = area.width() / max(self._view.width(), 1e-9)
        left = area.left() - self._view.left() * scale
        painter.save()
        painter.resetTransform()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        for span in self.spans:
            start, end = max(area.left(), left + span.from_s * scale), min(area.right(), left + span.to_s * scale)
            if end > start:
                painter.fillRect(QRectF(start, area.top(), max(1.0, end - start), area.height()), span.fill)
        self._paint_grid(painter, area, left, scale)
        for upright in self.uprights:
            x = round(left + upright.at_s * scale)
            painter.setPen(upright.pen)
            painter.drawLine(x, round(area.top()), x, round(area.bottom()))
        painter.restore()

    def _paint_grid(self, painter: QPainter, area: QRectF, left: float, scale: float) -> None:
        painter.setPen(self._grid_pen)
        across, up = self.grid
        for at_s in across:
            x = round(left + at_s * scale)
            painter.drawLine(x, round(area.top()), x, round(area.bottom()))
        for value in up:
            y = round(area.bottom() - (value - self._view.top()) / self._view.height() * area.height())
            painter.drawLine(round(area.left()), y, round(area.right()), y)


class Curve:
    """A line in a panel; it is broken at NaN."""

    def __init__(self, pen: QPen) -> None:
        self.item = pg.PlotCurveItem(pen=pen, connect="finite", antialias=True)
        # A wide line is painted faster in pieces, a narrow one as a path.
        self.item.setSegmentedLineMode("on" if pen.widthF() > 1 else "off")
        self._held = (NOTHING, NOTHING)

    def set(self, t_s: Floats, values: Floats) -> None:
        """Draw these."""
        if not _same((t_s, values), self._held):
            self._held = (t_s, values)
            self.item.setData(t_s, values)

    def held(self) -> tuple[Floats, Floats]:
        """What is drawn."""
        t_s, values = self.item.getData()
        return (NOTHING, NOTHING) if t_s is None else (t_s, values)


def _same(these: tuple[Floats, Floats], those: tuple[Floats, Floats]) -> bool:
    return all(np.array_equal(one, other, equal_nan=True) for one, other in zip(these, those, strict=True))


class Points:
    """Signs in a panel."""

    def __init__(self, pen: QPen, fill: QBrush, size_px: float) -> None:
        self._size_px = size_px
        self._held = (NOTHING, NOTHING)
        self._look: tuple[str | list[str], float] = ("o", size_px)
        self.item = pg.ScatterPlotItem(pen=pen, brush=fill, size=size_px, antialias=True)

    def set(self, t_s: Floats, values: Floats, signs: Sequence[str] | str = "o", size_px: float | None = None) -> None:
        """Draw these; `signs` are pyqtgraph's names."""
        symbol = signs if isinstance(signs, str) else list(signs)
        look = (symbol, self._size_px if size_px is None else size_px)
        if look != self._look or not _same((t_s, values), self._held):
            self._held, self._look = (t_s, values), look
            self.item.setData(x=t_s, y=values, symbol=look[0], size=look[1])

    def held(self) -> list[tuple[float, float, str]]:
        """What is drawn: time, value, sign."""
        return [(point.pos().x(), point.pos().y(), str(point.symbol())) for point in self.item.points()]


class Panel:
    """A plot over session time in seconds. Its axes move only when they are told to, or along the time by hand."""

    def __init__(self, theme: Theme, name: str, title: str, *, times: bool) -> None:
        """`name` is for screen readers; `title` names the upright axis; `times`: the time axis is labelled here."""
        self._widget = pg.PlotWidget(background=theme.ground)
        self.widget = cast(QWidget, self._widget)
        self.viewport = cast(QWidget, self._widget.viewport())
        self.widget.setAccessibleName(name)
        self.widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._plot = self._widget.getPlotItem()
        self._box = self._plot.getViewBox()
        self._times = times
        self._theme = theme
        self.inside_px = (0.0, 1.0)
        """Where the time axis begins and ends, in pixels of the widget, when it was measured last."""
        self.height_px = 1.0
        self._limits = (0.0, 1.0)
        self._air = 0.0
        self._x = (0.0, 1.0)
        self.backdrop = Backdrop(theme)
        self._set_up(title)

    def _set_up(self, title: str) -> None:
        self._plot.hideButtons()
        self._plot.setMenuEnabled(False)
        self._box.setMouseEnabled(x=True, y=False)
        self._box.disableAutoRange()
        self._box.setBackgroundColor(self._theme.surface)
        self._box.setLimits(minXRange=LEAST_S, maxXRange=MOST_S)
        self._box.setDefaultPadding(0.0)
        self._box.addItem(self.backdrop, ignoreBounds=True)
        for side in ("left", "bottom"):
            axis = self._plot.getAxis(side)
            axis.setPen(QPen(Qt.PenStyle.NoPen))
            axis.setTextPen(QPen(QColor(self._theme.quiet)))
            axis.setStyle(tickLength=0, tickTextOffset=6, autoExpandTextSpace=False, hideOverlappingLabels=False)
            axis.enableAutoSIPrefix(False)
        self._plot.getAxis("left").setWidth(GUTTER_PX)
        self._plot.setLabel("left", title, color=self._theme.quiet)
        self._plot.getAxis("bottom").setHeight(AXIS_PX)
        for side in ("top", "right") if self._times else ("top", "right", "bottom"):
            self._plot.hideAxis(side)
            # An axis that nobody sees follows the range all the same.
            self._plot.getAxis(side).enableAutoSIPrefix(False)
            self._plot.getAxis(side).unlinkFromView()

    def set_font(self, font: QFont) -> None:
        """The font of the axes; half of a time must have room behind the end of its axis."""
        beyond_px = QFontMetrics(font).horizontalAdvance(LONGEST_TIME) // 2 + 2
        self._plot.layout.setContentsMargins(0, 2, beyond_px, 2)
        for side in ("left", "bottom"):
            axis = self._plot.getAxis(side)
            axis.setTickFont(font)
            axis.label.setFont(font)

    def add(self, drawn: Curve | Points) -> None:
        """Draw something in it."""
        self._box.addItem(drawn.item, ignoreBounds=True)

    def on_moved(self, tell: Callable[[float, float], None]) -> None:
        """`tell` is called with the new range when somebody moves the time axis with the mouse."""

        def moved(_mouse: object) -> None:
            tell(*self.seen())

        self._box.sigRangeChangedManually.connect(moved)

    def seen(self) -> tuple[float, float]:
        """The stretch of time that is seen, s."""
        low, high = self._box.viewRange()[0]
        return float(low), float(high)

    def limits(self) -> tuple[float, float]:
        """The limits of the upright axis."""
        return self._limits

    def show_time(self, from_s: float, to_s: float, ticks: Sequence[tuple[float, str]]) -> None:
        """Show a stretch of time."""
        self._x = (from_s, to_s)
        self._box.setXRange(from_s, to_s, padding=0)
        self.backdrop.grid = ([at_s for at_s, _ in ticks], self.backdrop.grid[1])
        if self._times:
            self._plot.getAxis("bottom").setTicks([ticks])
        self._tell_backdrop()

    def show_values(self, low: float, high: float, ticks: Sequence[float]) -> None:
        """Set the upright axis."""
        air = (high - low) * AIR_PX / max(4 * AIR_PX, self.height_px - 2 * AIR_PX)
        if (low, high, air) == (*self._limits, self._air) and list(ticks) == list(self.backdrop.grid[1]):
            return
        self._limits, self._air = (low, high), air
        self._box.setYRange(low - air, high + air, padding=0)
        self._plot.getAxis("left").setTicks([[(value, f"{value:g}") for value in ticks]])
        self.backdrop.grid = (self.backdrop.grid[0], list(ticks))
        self._tell_backdrop()

    def measure(self) -> bool:
        """Look how large the panel's inside has become; whether it is another size than before."""
        area = self._box.sceneBoundingRect()
        before = (self.inside_px, self.height_px)
        self.inside_px = (float(area.left()), float(area.right()))
        self.height_px = float(area.height())
        return before != (self.inside_px, self.height_px)

    def _tell_backdrop(self) -> None:
        # Else pyqtgraph puts it off until it paints, and then paints twice.
        self._box.updateMatrix()
        low, high = self._limits[0] - self._air, self._limits[1] + self._air
        self.backdrop.show_range(QRectF(self._x[0], low, self._x[1] - self._x[0], high - low))
