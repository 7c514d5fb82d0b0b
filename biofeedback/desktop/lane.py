"""The lane above the plots: the parts of the session, and its marks, answers and cues."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QBrush, QColor, QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QWidget

from biofeedback.desktop.graph import with_alpha
from biofeedback.desktop.theme import Theme
from biofeedback.presenter import picture as presenter
from biofeedback.presenter import words
from biofeedback.presenter.picture import Picture
from biofeedback.presenter.traces import MomentKind, Part, Traces

ROW_PX: Final = 22
CUE_PX: Final = 8
"""Below both rows: a tick for each cue."""
PAD_PX: Final = 5
APART_PX: Final = 8
LEAST_WORD_PX: Final = 28
"""Words that would be cut to less than this are left out."""
IMAGE_ALPHA: Final = 58
HATCH_ALPHA: Final = 120


def fill_of(theme: Theme, name: str) -> QBrush | None:
    """How a part is shaded: an image plain, its control hatched."""
    if name in ("image", "practice"):
        return QBrush(with_alpha(theme.image, IMAGE_ALPHA))
    if name == "control":
        return QBrush(with_alpha(theme.control, HATCH_ALPHA), Qt.BrushStyle.BDiagPattern)
    return None


def gap_fill(theme: Theme) -> QBrush:
    """How a gap is hatched: the other way."""
    return QBrush(with_alpha(theme.quiet, HATCH_ALPHA), Qt.BrushStyle.FDiagPattern)


def part_words(picture: Picture, part: Part) -> str:
    """What a part is called, with what was shown in it."""
    title = words.part_title(picture, presenter.Part(part.name, part.script, part.from_us, part.to_us))
    return f"{part.name}: {title}" if part.name in ("image", "control") else title


class Lane(QWidget):
    """Two rows: the parts of the session, and what was marked, answered, said and held back in it."""

    def __init__(self, theme: Theme, traces: Traces, picture: Picture, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._traces = traces
        self._picture = picture
        self._range = (0.0, 1.0)
        self._inside = (0.0, 1.0)
        self.setAccessibleName("Parts of the session, marks, answers and cues")
        self.setFixedHeight(2 * ROW_PX + CUE_PX)

    def show_time(self, from_s: float, to_s: float, inside_px: tuple[float, float]) -> None:
        """Show a stretch of time between two pixels."""
        self._range, self._inside = (from_s, to_s), inside_px
        self.update()

    def x_of(self, at_s: float) -> float:
        """The pixel of a time."""
        share = (at_s - self._range[0]) / max(self._range[1] - self._range[0], 1e-9)
        return self._inside[0] + share * (self._inside[1] - self._inside[0])

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802, ARG002 - Qt's signature
        """Paint both rows."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._name_rows(painter)
        left, right = self._inside
        painter.setClipRect(QRectF(left, 0, right - left, self.height()))
        for part in self._parts_seen():
            self._paint_part(painter, part)
        self._paint_moments(painter)
        painter.end()

    def _name_rows(self, painter: QPainter) -> None:
        painter.setPen(QColor(self._theme.quiet))
        align = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for row, name in enumerate(("part", "marks")):
            painter.drawText(QRectF(0, row * ROW_PX, self._inside[0] - 8, ROW_PX), align, name)

    def _parts_seen(self) -> Iterator[Part]:
        for part in self._traces.parts:
            ends_s = (self._traces.newest_us if part.to_us is None else part.to_us) / 1e6
            if part.from_us / 1e6 <= self._range[1] and ends_s >= self._range[0]:
                yield part

    def _paint_part(self, painter: QPainter, part: Part) -> None:
        ends_us = part.to_us if part.to_us is not None else self._traces.newest_us
        left = max(self._inside[0], self.x_of(part.from_us / 1e6))
        right = min(self._inside[1], self.x_of(ends_us / 1e6))
        block = QRectF(left + 0.5, 1, max(0.0, right - left - 1), ROW_PX - 2)
        painter.fillRect(block, QColor(self._theme.surface))
        fill = fill_of(self._theme, part.name)
        if fill is not None:
            painter.fillRect(block, fill)
        painter.setPen(QColor(self._theme.ink if fill is not None else self._theme.quiet))
        self._write(painter, block, part_words(self._picture, part))

    def _write(self, painter: QPainter, block: QRectF, text: str) -> None:
        room = block.adjusted(PAD_PX, 0, -PAD_PX, 0)
        metrics = painter.fontMetrics()
        said = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(room.width()))
        if room.width() >= LEAST_WORD_PX or said == text:
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, said)

    def _paint_moments(self, painter: QPainter) -> None:
        seen = self._traces.moments_between(*(1e6 * at_s for at_s in self._range))
        worded = [moment for moment in seen if moment.kind != "cue"]
        for moment in seen:
            middle = 2 * ROW_PX + CUE_PX / 2 if moment.kind == "cue" else 1.5 * ROW_PX
            paint_sign(painter, self._theme, moment.kind, QPointF(self.x_of(moment.at_us / 1e6), middle))
        for place, moment in enumerate(worded):
            x = self.x_of(moment.at_us / 1e6)
            ends = self.x_of(worded[place + 1].at_us / 1e6) if place + 1 < len(worded) else self._inside[1]
            painter.setPen(QColor(self._theme.ink))
            self._write(painter, QRectF(x + 4, ROW_PX, ends - x - 4 - APART_PX / 2, ROW_PX), moment.words)


def paint_sign(painter: QPainter, theme: Theme, kind: MomentKind, at: QPointF) -> None:
    """The sign of a moment: each kind has a shape of its own."""
    x, y = at.x(), at.y()
    if kind == "cue":
        painter.setPen(QPen(QColor(theme.quiet), 1))
        painter.drawLine(QPointF(x, y - 3), QPointF(x, y + 3))
        return
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(theme.flag if kind == "safety" else theme.ink))
    match kind:
        case "suds":
            painter.drawEllipse(at, 3.5, 3.5)
        case "safety":
            painter.drawPolygon(QPolygonF([QPointF(x, y - 5), QPointF(x + 5, y), QPointF(x, y + 5), QPointF(x - 5, y)]))
        case _:
            painter.drawPolygon(QPolygonF([QPointF(x - 4, y - 5), QPointF(x + 4, y - 5), QPointF(x, y + 4)]))
