"""The legend below the plots: what the signs mean, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPaintEvent, QPolygonF, QResizeEvent
from PySide6.QtWidgets import QWidget

from biofeedback.desktop.graph import DASHED, FLAG_PX, SYMBOLS, UNSURE, pen_of, with_alpha
from biofeedback.desktop.lane import fill_of, gap_fill, paint_sign
from biofeedback.desktop.theme import Theme
from biofeedback.presenter.traces import KINDS, MomentKind

SAMPLE_PX: Final = 26
GAP_PX: Final = 18
MOMENTS: Final[Mapping[MomentKind, str]] = {"mark": "mark", "suds": "answer", "safety": "safety", "cue": "cue"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the legend: `paint` draws its sample in a small field; None: words only."""

    words: str
    paint: Callable[[QPainter, QRectF], None] | None


class Legend(QWidget):
    """What the signs mean, in as many rows as the width needs."""

    def __init__(self, theme: Theme, entries: Sequence[Entry], parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._entries = entries
        self.setAccessibleName("Legend")
        self.setAccessibleDescription("; ".join(entry.words for entry in entries))

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Take the height that this width needs."""
        super().resizeEvent(event)
        self.setFixedHeight(self._laid(self.width())[1])

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As high as its rows."""
        return QSize(400, self._laid(max(self.width(), 400))[1])

    def _laid(self, width: int) -> tuple[list[QRectF], int]:
        metrics = self.fontMetrics()
        x, y, high = 0.0, 0.0, metrics.height() + 4.0
        places: list[QRectF] = []
        for entry in self._entries:
            wide = _sample_px(entry) + metrics.horizontalAdvance(entry.words)
            if x and x + wide > width:
                x, y = 0.0, y + high
            places.append(QRectF(x, y, wide, high))
            x += wide + GAP_PX
        return places, int(y + high)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802, ARG002 - Qt's signature
        """Paint samples and words."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for entry, place in zip(self._entries, self._laid(self.width())[0], strict=True):
            if entry.paint is not None:
                painter.save()
                entry.paint(painter, QRectF(place.left(), place.top(), SAMPLE_PX - 6, place.height()))
                painter.restore()
            painter.setPen(QColor(self._theme.quiet))
            painter.drawText(place.adjusted(_sample_px(entry), 0, 4, 0), Qt.AlignmentFlag.AlignVCenter, entry.words)
        painter.end()


def _sample_px(entry: Entry) -> int:
    return 0 if entry.paint is None else SAMPLE_PX


def legend_of(theme: Theme) -> list[Entry]:
    """What each sign means, in words."""
    return [
        Entry("usable interval", _sample(theme.beat)),
        Entry("not judged yet", _ring(theme)),
        Entry("flagged, left out:", None),
        *(Entry(name, _sign(theme, shape)) for name, shape in zip(KINDS, SYMBOLS, strict=True)),
        Entry("gap: no beats", _field(gap_fill(theme))),
        Entry("image", _field(fill_of(theme, "image"))),
        Entry("control", _field(fill_of(theme, "control"))),
        Entry("paced baseline", _sample(theme.ink, DASHED)),
        Entry("rate of each beat", _sample(theme.quiet)),
        Entry("unsure: many artefacts", _sample(theme.flag, UNSURE)),
        *(Entry(name, _moment(theme, kind)) for kind, name in MOMENTS.items()),
    ]


def _sample(colour: str, dashes: Sequence[float] = ()) -> Callable[[QPainter, QRectF], None]:
    def paint(painter: QPainter, place: QRectF) -> None:
        painter.setPen(pen_of(QColor(colour), 1, dashes))
        y = place.center().y()
        painter.drawLine(QPointF(place.left(), y), QPointF(place.right(), y))

    return paint


def _field(fill: QBrush | None) -> Callable[[QPainter, QRectF], None]:
    def paint(painter: QPainter, place: QRectF) -> None:
        painter.fillRect(place.adjusted(0, 3, 0, -3), fill or QBrush())

    return paint


def _ring(theme: Theme) -> Callable[[QPainter, QRectF], None]:
    def paint(painter: QPainter, place: QRectF) -> None:
        painter.setPen(pen_of(QColor(theme.ink), 1))
        painter.drawEllipse(place.center(), 2.5, 2.5)

    return paint


def _moment(theme: Theme, kind: MomentKind) -> Callable[[QPainter, QRectF], None]:
    def paint(painter: QPainter, place: QRectF) -> None:
        paint_sign(painter, theme, kind, place.center())

    return paint


def _sign(theme: Theme, shape: str) -> Callable[[QPainter, QRectF], None]:
    r = FLAG_PX / 2
    corners = {
        "t1": [(-r, r), (r, r), (0, -r)],
        "t": [(-r, -r), (r, -r), (0, r)],
        "d": [(0, -r), (r, 0), (0, r), (-r, 0)],
        "s": [(-r, -r), (r, -r), (r, r), (-r, r)],
        "x": [(-r, -r), (r, r), (0, 0), (-r, r), (r, -r), (0, 0)],
    }[shape]

    def paint(painter: QPainter, place: QRectF) -> None:
        painter.setPen(pen_of(QColor(theme.flag), 1.2))
        painter.setBrush(with_alpha(theme.flag, 70))
        painter.drawPolygon(QPolygonF([place.center() + QPointF(x, y) for x, y in corners]))

    return paint
