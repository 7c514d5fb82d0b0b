"""Where a replay is: a line with a mark on it that the mouse can move, and the same in words."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QPointF, QRect, QRectF, Qt
from PySide6.QtGui import QColor, QFont, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from biofeedback.desktop.pieces import LEAST_PX
from biofeedback.desktop.theme import Theme
from biofeedback.presenter import replaying
from biofeedback.session.playback import Playback

LINE_PX: Final = 4
MARK_PX: Final = 6
"""Radius of the mark."""
WORDS: Final = 0.62
"""The upper part of the place there is, for the words."""


class PositionLine(QWidget):
    """The words above, the line below. A click, or the mark drawn along, seeks."""

    def __init__(self, theme: Theme, playback: Playback, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._playback = playback
        self._type = QFont(self.font())
        self._told = ("", "")
        self._places_px: tuple[int, int] = (-1, -1)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setAccessibleDescription("The arrows, Page Up, Page Down, Home and End move it.")
        self.refresh()

    @property
    def told(self) -> str:
        """The words that stand there."""
        return ", ".join(words for words in self._told if words)

    def wish(self, pixels: float) -> None:
        """The size of the words."""
        self._type.setPixelSize(max(LEAST_PX, round(pixels)))
        self.update()

    def refresh(self) -> None:
        """Show where the replay is now."""
        told = (replaying.place_words(self._playback), replaying.state_words(self._playback))
        places_px = (round(self._mark_x()), round(self._now_x()))
        if told != self._told or places_px != self._places_px:
            self._told, self._places_px = told, places_px
            self.setAccessibleName(f"Position: {self.told}")
            self.update()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Go to the time below the pointer."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._seek(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        """Go with the pointer."""
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._seek(event.position().x())

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """Place on the left, state on the right, the line below."""
        painter, theme = QPainter(self), self._theme
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(self._type)
        room = QRect(0, 0, self.width(), round(self.height() * WORDS))
        middle = Qt.AlignmentFlag.AlignVCenter
        for words, colour, side in zip(
            self._told, (theme.ink, theme.quiet), (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight), strict=True
        ):
            painter.setPen(QColor(colour))
            painter.drawText(room, side | middle, words)
        y = self.height() * (1 + WORDS) / 2
        painter.setPen(Qt.PenStyle.NoPen)
        for to_x, colour in ((self._x(1.0), theme.edge), (self._now_x(), theme.beat)):
            painter.setBrush(QColor(colour))
            line = QRectF(MARK_PX, y - LINE_PX / 2, max(0.0, to_x - MARK_PX), LINE_PX)
            painter.drawRoundedRect(line, LINE_PX / 2, LINE_PX / 2)
        painter.drawEllipse(QPointF(self._mark_x(), y), MARK_PX, MARK_PX)

    def _mark_x(self) -> float:
        return self._x(replaying.share(self._playback, replaying.shown_us(self._playback)))

    def _now_x(self) -> float:
        """How far it has come: while it is on its way, not yet to the mark."""
        return self._x(replaying.share(self._playback, self._playback.now()))

    def _x(self, share: float) -> float:
        return MARK_PX + share * max(1, self.width() - 2 * MARK_PX)

    def _seek(self, x: float) -> None:
        share = (x - MARK_PX) / max(1, self.width() - 2 * MARK_PX)
        self._playback.seek(round(share * self._playback.length_us))
