"""What the keys do, on a page of its own over the window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QFont, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QLabel, QWidget

from biofeedback.desktop.theme import Theme
from biofeedback.presenter import replaying, words

STEERING: Final = (
    ("Space", "Pause, and go on"),
    ("S", "Something strong: back to the room at once"),
    ("M", "Mark this moment"),
    ("0–9, T", "Answer when asked; T is ten; arrows and Enter do the same"),
    ("1–9", "Choose your strap when it is asked which one is yours"),
    ("Esc", "End gently; at the end: close"),
)
LEAVING: Final = (("Esc", "Close"),)
ALWAYS: Final = (
    ("P", "Show or hide the plots"),
    ("F11", "Full screen, and back"),
    ("Tab, Enter", "Choose a button and press it"),
    ("F1 or Esc", "Leave this page; F1 shows it again"),
)
PLOTS: Final = ("In the plots", "Home follows the newest beats, W shows all, + and − zoom, arrows move")


class KeysPanel(QWidget):
    """Two columns, keys and what they do. `live`: whether a session can be steered; `replay`: whether it is one."""

    def __init__(self, theme: Theme, *, live: bool, replay: bool, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._labels: list[QLabel] = []
        self.setAccessibleName("Keys")
        self._grid = QGridLayout(self)
        steering = STEERING if live else (*(replaying.KEYS if replay else ()), *LEAVING)
        self._fill([*steering, *ALWAYS, PLOTS, ("Numbers", words.EXPLAINED)])
        self.hide()

    def wish(self, pixels: float) -> None:
        """The size of the ordinary type."""
        font = QFont(self.font())
        font.setPixelSize(round(pixels))
        for label in self._labels:
            label.setFont(font)
        margin = round(pixels * 1.5)
        self._grid.setContentsMargins(margin, margin, margin, margin)
        self._grid.setHorizontalSpacing(round(pixels * 1.4))

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """It covers the window."""
        QPainter(self).fillRect(self.rect(), QColor(self._theme.ground))

    def _fill(self, rows: Sequence[tuple[str, str]]) -> None:
        self._grid.setRowStretch(0, 1)
        for row, (key, does) in enumerate(rows, 1):
            self._add(key, self._theme.beat, row, 0, Qt.AlignmentFlag.AlignRight)
            self._add(does, self._theme.ink, row, 1, Qt.AlignmentFlag.AlignLeft)
        self._grid.setRowStretch(len(rows) + 1, 1)
        self._grid.setColumnStretch(0, 2)
        self._grid.setColumnStretch(1, 5)
        self._grid.setVerticalSpacing(8)

    def _add(self, text: str, colour: str, row: int, column: int, align: Qt.AlignmentFlag) -> None:
        label = QLabel(text, self)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setWordWrap(column == 1)
        label.setAccessibleName(text)
        palette = label.palette()
        palette.setColor(label.foregroundRole(), QColor(colour))
        label.setPalette(palette)
        self._labels.append(label)
        self._grid.addWidget(
            label, row, column, align | Qt.AlignmentFlag.AlignTop if column == 0 else Qt.AlignmentFlag(0)
        )
