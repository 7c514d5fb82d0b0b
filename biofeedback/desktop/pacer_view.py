"""The breath on the screen: a disc that grows and shrinks inside a ring that never changes (METHOD 2.1)."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QRect, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QPen, QPixmap, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from biofeedback.desktop.pieces import LEAST_PX, blend
from biofeedback.presenter import words

if TYPE_CHECKING:
    from collections.abc import Callable

    from biofeedback.breathing.pacer import Position
    from biofeedback.desktop.theme import Theme
    from biofeedback.presenter.picture import Picture

SMALLEST: Final = 0.30
"""The emptiest disc, as a share of the ring."""
LARGEST: Final = 0.93
"""The fullest: it never touches the ring, so that nobody is pushed to breathe more than is easy."""
WIDEST_PX: Final = 620
"""A larger ring would ask the eyes to wander."""
RIM_PX: Final = 2.5
TONES: Final = ((1.0, 0.26), (0.86, 0.30), (0.72, 0.34), (0.58, 0.38), (0.44, 0.42))
"""Share of the disc's radius, share of the colour: quiet steps towards the middle, cheaper than a gradient."""


@dataclass(frozen=True, slots=True)
class Frame:
    """What was painted last: the session time it shows, and the breath then; None while breathing is free."""

    at_us: int
    breath: Position | None


class PacerView(QWidget):
    """Paints the breath of `picture` at the session time of the moment of painting, which `now` tells."""

    painted = Signal()
    """Sent when a frame is done; `frame` tells what it shows."""

    def __init__(self, theme: Theme, picture: Picture, now: Callable[[], int], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._picture = picture
        self._now = now
        self._word = ""
        self._ring = QRectF()
        self._place = QRect()
        self._type = QFont(self.font())
        self._stills: dict[tuple[bool, float], QPixmap] = {}
        self.frame: Frame | None = None
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.setAccessibleName("Breathing pacer")

    @property
    def word(self) -> str:
        """What stands below the ring."""
        return self._word

    def wish(self, pixels: float) -> None:
        """How large the word should be when there is room."""
        self._type.setPixelSize(max(LEAST_PX, round(pixels)))
        self._arrange()

    def advance(self) -> None:
        """Show the breath as it is now: only the ring is painted again, and nothing while nothing moves."""
        breath = self._picture.breath(self._now())
        word = words.breath_words(self._picture, breath)
        if word != self._word:
            self._word = word
            self.setAccessibleDescription(word)
            self.update()
        elif breath is not None or self.frame is None or self.frame.breath is not None:
            self.update(self._ring.toAlignedRect())

    def radius(self, breath: Position | None) -> float:
        """Of the disc, in pixels; the smallest while breathing is free."""
        fullness = 0.0 if breath is None else breath.fullness
        return self._ring.width() / 2 * (SMALLEST + (LARGEST - SMALLEST) * fullness)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """The ring follows the room there is."""
        super().resizeEvent(event)
        self._arrange()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """The ring, the disc at this moment, and the word below."""
        at_us = self._now()
        breath = self._picture.breath(at_us)
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._still(breath is not None))
        self._paint_disc(painter, breath)
        if event.rect().intersects(self._place):
            painter.setPen(QColor(self._theme.ink))
            painter.setFont(self._type)
            painter.drawText(self._place, Qt.AlignmentFlag.AlignCenter, self._word)
        painter.end()
        self.frame = Frame(at_us, breath)
        self.painted.emit()

    def _arrange(self) -> None:
        font = QFontMetrics(self._type)
        longest = max(font.horizontalAdvance(word) for word in (words.BREATHE_OUT, words.AS_YOU_LIKE))
        if longest > self.width() > 0:
            self._type.setPixelSize(max(LEAST_PX, self._type.pixelSize() * self.width() // longest))
        line = ceil(QFontMetrics(self._type).height() * 1.5)
        side = max(0, min(self.width(), self.height() - line, WIDEST_PX) - 4)
        left, top = (self.width() - side) / 2, (self.height() - line - side) / 2
        self._ring = QRectF(left, top, side, side)
        self._place = QRect(0, ceil(top + side) + 2, self.width(), line)
        self._stills.clear()
        self.update()

    def _paint_disc(self, painter: QPainter, breath: Position | None) -> None:
        """Discs on one another: a stroke costs three times as much as a disc."""
        theme, middle, radius = self._theme, self._ring.center(), self.radius(breath)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(blend(theme.beat, theme.ground, 0.95 if breath else 0.6))
        painter.drawEllipse(middle, radius, radius)
        for share, colour in TONES:
            painter.setBrush(blend(theme.beat, theme.ground, colour if breath else colour * 0.6))
            painter.drawEllipse(middle, (radius - RIM_PX) * share, (radius - RIM_PX) * share)

    def _still(self, moves: bool) -> QPixmap:
        """The ring on its ground, which is the same in every frame."""
        ratio = self.devicePixelRatioF()
        if (moves, ratio) not in self._stills:
            still = QPixmap(self.size() * ratio)
            still.setDevicePixelRatio(ratio)
            still.fill(QColor(self._theme.ground))
            painter = QPainter(still)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(blend(self._theme.quiet, self._theme.ground, 0.8 if moves else 0.6), 1.5))
            half = self._ring.width() / 2 - 1
            painter.drawEllipse(self._ring.center(), half, half)
            painter.end()
            self._stills[moves, ratio] = still
        return self._stills[moves, ratio]
