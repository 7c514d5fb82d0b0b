"""The pieces the trainee window is made of: words that fit their place, buttons that name their key."""

from __future__ import annotations

from bisect import bisect
from typing import Final

from PySide6.QtCore import QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QAbstractButton, QLabel, QSizePolicy, QWidget

from biofeedback.desktop.theme import Theme

LEAST_PX: Final = 9
"""Below this no word can be read; what does not fit then is cut."""
_WRAPPED: Final = int(Qt.TextFlag.TextWordWrap)


def blend(over: str, ground: str, share: float) -> QColor:
    """`share` of one colour on another, opaque: cheaper to paint than transparency."""
    one, other = QColor(over), QColor(ground)
    mixed = [
        round(share * mine + (1 - share) * theirs)
        for mine, theirs in (
            (one.red(), other.red()),
            (one.green(), other.green()),
            (one.blue(), other.blue()),
        )
    ]
    return QColor(*mixed)


class FittingLabel(QLabel):
    """Plain words in the largest type, up to what is wished, in which they fit their place whole."""

    def __init__(
        self,
        called: str,
        colour: str,
        parent: QWidget,
        across: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignHCenter,
        down: Qt.AlignmentFlag = Qt.AlignmentFlag.AlignVCenter,
    ) -> None:
        """`called`: what a screen reader says before the words."""
        super().__init__(parent)
        self._called = called
        self._wished_px = LEAST_PX
        self._words = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setAlignment(across | down)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        self.setAccessibleName(called)
        self.paint_in(colour)

    @property
    def words(self) -> str:
        """What it was asked to say; shown whole unless even the smallest type is too large."""
        return self._words

    def paint_in(self, colour: str) -> None:
        """Change the colour of the words."""
        palette = self.palette()
        if palette.windowText().color() != QColor(colour):
            palette.setColor(self.foregroundRole(), QColor(colour))
            self.setPalette(palette)

    def wish(self, pixels: float) -> None:
        """How large the type should be when there is room."""
        self._wished_px = max(LEAST_PX, round(pixels))
        self._fit()

    def say(self, words: str) -> None:
        """Show these words."""
        if words != self._words:
            self._words = words
            self.setAccessibleName(f"{self._called}: {words}" if words else self._called)
            self._fit()

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """It never asks for room: the words follow the place."""
        return QSize(0, 0)

    def hasHeightForWidth(self) -> bool:  # noqa: N802 - Qt's name
        """Nor does it push others aside when its words are long."""
        return False

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Another size, another type."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        font = QFont(self.font())
        for pixels in range(self._wished_px, LEAST_PX - 1, -1):
            font.setPixelSize(pixels)
            if self._fits(font, self._words):
                break
        self.setFont(font)
        self.setText(self._words if self._fits(font, self._words) else self._cut(font))

    def _cut(self, font: QFont) -> str:
        """As many of the words as fit at all."""
        kept = [self._words[:length].rstrip() + "…" for length in range(1, len(self._words))]
        fitting = bisect(kept, 0, key=lambda words: 0 if self._fits(font, words) else 1)
        return kept[fitting - 1] if fitting else "…"

    def _fits(self, font: QFont, words: str) -> bool:
        room = self.contentsRect()
        if not words:
            return True
        needed = QFontMetrics(font).boundingRect(QRect(0, 0, room.width(), 100_000), _WRAPPED, words)
        return needed.width() <= room.width() and needed.height() <= room.height()


class Plate(QAbstractButton):
    """A button of our own drawing. Enter presses it; Space is left to the window, where it means Pause."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """It takes the place it is given."""
        return QSize(0, 0)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Enter clicks; all other keys are the window's."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.isAutoRepeat():
            self.click()
        else:
            event.ignore()

    def keyReleaseEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Nothing happens when a key is let go."""
        event.ignore()

    def paint_plate(self, painter: QPainter) -> None:
        """A soft plate, its edge brighter when the keyboard is on it."""
        theme = self._theme
        focused = self.hasFocus()
        raised = 0.14 if self.isDown() else 0.07 if self.underMouse() and self.isEnabled() else 0.0
        painter.setBrush(blend(theme.ink, theme.surface, raised))
        painter.setPen(QPen(QColor(theme.beat if focused else theme.edge), 2 if focused else 1))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1.5, 1.5, -1.5, -1.5), 8, 8)


class KeyButton(Plate):
    """A caption and, below it, its key."""

    def __init__(self, caption: str, key: str, description: str, theme: Theme, parent: QWidget) -> None:
        """`key` may be empty: then only the caption is shown."""
        super().__init__(theme, parent)
        self._row = parent
        self._key = key
        self.setAccessibleDescription(f"{description} Key: {key}." if key else description)
        self.caption(caption)

    def caption(self, caption: str) -> None:
        """What it is called now."""
        self.setText(caption)
        self.setAccessibleName(caption)

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """The caption on its plate, its key below."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.paint_plate(painter)
        width = self.width() - 8
        caption, key = self._fonts(width)
        enabled = self.isEnabled()
        painter.setPen(QColor(self._theme.ink if enabled else self._theme.quiet))
        painter.setFont(caption)
        if not self._key:
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.text())
            return
        tall = QFontMetrics(caption).height()
        small = QFontMetrics(key).height()
        top = (self.height() - tall - small) // 2
        painter.drawText(QRect(0, top, self.width(), tall), Qt.AlignmentFlag.AlignCenter, self.text())
        painter.setPen(QColor(self._theme.quiet))
        painter.setFont(key)
        painter.drawText(QRect(0, top + tall, self.width(), small), Qt.AlignmentFlag.AlignCenter, self._key)

    def _fonts(self, width: int) -> tuple[QFont, QFont]:
        """The type of caption and key, as large as fits beside the edges; buttons in one row are all alike."""
        caption, key = QFont(self.font()), QFont(self.font())
        size = caption.pixelSize()
        row = [button.text() for button in self._row.findChildren(KeyButton) if button.isVisible()]
        while size > LEAST_PX and max(map(QFontMetrics(caption).horizontalAdvance, [self.text(), *row])) > width:
            size -= 1
            caption.setPixelSize(size)
        key.setPixelSize(max(LEAST_PX, round(size * 0.82)))
        return caption, key


class SignalSign(QWidget):
    """A full dot while the signal is good, a ring otherwise: its shape says it without its colour."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._signal = "waiting"
        self.setAccessibleName("Signal sign")

    def show_signal(self, signal: str) -> None:
        """`signal`: waiting, good or lost."""
        if signal != self._signal:
            self._signal = signal
            self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """The dot or the ring, in the middle."""
        theme = self._theme
        colour = QColor({"good": theme.image, "lost": theme.flag}.get(self._signal, theme.quiet))
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(colour, 2))
        painter.setBrush(colour if self._signal == "good" else Qt.BrushStyle.NoBrush)
        radius = min(self.width(), self.height()) / 2 - 2
        painter.drawEllipse(QPointF(self.width() / 2, self.height() / 2), radius, radius)
