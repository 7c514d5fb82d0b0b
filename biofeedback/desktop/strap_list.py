"""The straps to choose from: a list for the mouse, for figures and for the arrows, that grows while one looks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from biofeedback.desktop.pieces import LEAST_PX, FittingLabel, Plate
from biofeedback.desktop.theme import Theme
from biofeedback.presenter.straps import Row, prompt
from devices.choosing import StrapQuestion

CALLED: Final = "Which strap is yours"
HOW: Final = "Press its number, click it, or use the arrows and Enter. The search goes on."
TALLEST: Final = 3.4
"""A row against the ordinary type."""
_LEFT: Final = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter


class StrapList(QWidget):
    """Asks which strap is the person's. `choose` is called with the address of the chosen one."""

    def __init__(self, theme: Theme, choose: Callable[[str], None], parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self._choose = choose
        self._unit = float(LEAST_PX)
        self.setAccessibleName(CALLED)
        middle = Qt.AlignmentFlag.AlignHCenter
        self.title = FittingLabel("Question", theme.ink, self, middle, Qt.AlignmentFlag.AlignBottom)
        self.how = FittingLabel("How", theme.quiet, self, middle, Qt.AlignmentFlag.AlignTop)
        for label in (self.title, self.how):
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.rows: list[StrapRow] = []
        self._list = QVBoxLayout()
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.addStretch(1)
        self.column.addWidget(self.title)
        self.column.addLayout(self._list)
        self.column.addWidget(self.how)
        self.column.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.hide()

    def show_question(self, question: StrapQuestion | None) -> None:
        """Show what is asked now; None: nothing is, and the next question begins with an empty list."""
        if question is None:
            while self.rows:
                gone = self.rows.pop()
                self._list.removeWidget(gone)
                gone.hide()
                gone.deleteLater()
            return
        asked = prompt(question)
        self.title.say(asked.title)
        self.how.say(f"{HOW} {asked.more}".rstrip())
        for place, row in enumerate(asked.rows):
            if place == len(self.rows):
                self._add()
            self.rows[place].show_row(row)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Another size, other rows."""
        super().resizeEvent(event)
        self._fit()

    def wish(self, pixels: float) -> None:
        """The size of the ordinary type; the rest follows."""
        self._unit = pixels
        self.title.wish(pixels * 1.5)
        self.how.wish(pixels * 0.95)
        self._fit()

    def step(self, by: int) -> None:
        """Move the keyboard to the next row that can be chosen; from outside it enters at the first or the last."""
        free = [row for row in self.rows if row.isEnabled()]
        places = [place for place, row in enumerate(free) if row.hasFocus()]
        to = places[0] + by if places else (0 if by > 0 else len(free) - 1)
        if 0 <= to < len(free):
            free[to].setFocus(Qt.FocusReason.TabFocusReason)

    def _add(self) -> None:
        row = StrapRow(self._theme, self)
        row.clicked.connect(partial(self._clicked, row))
        self.rows.append(row)
        self._list.addWidget(row)
        row.show()
        self._fit()

    def _fit(self) -> None:
        """Rows as tall as is pleasant, or as there is room for."""
        unit, many = self._unit, max(1, len(self.rows))
        roomy = self.height() > unit * (8 + 4 * many)
        self.title.setFixedHeight(round(unit * (4.0 if roomy else 2.8)))
        self.how.setFixedHeight(round(unit * (3.0 if roomy else 2.2)))
        gap = round(unit * (0.5 if roomy else 0.2))
        self._list.setSpacing(gap)
        self.column.setSpacing(round(unit * (1.0 if roomy else 0.3)))
        left = self.height() - self.title.height() - self.how.height() - 2 * self.column.spacing() - gap * (many - 1)
        for row in self.rows:
            row.wish(unit, min(unit * TALLEST, left / many))

    def _clicked(self, row: StrapRow, *_checked: object) -> None:
        self._choose(row.address)


class StrapRow(Plate):
    """One strap: its number, its name, and below what is known of it."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(theme, parent)
        self._number = ""
        self._facts = self._short = ""
        self.address = ""

    def show_row(self, row: Row) -> None:
        """Show this strap as it is now."""
        if (row.address, row.name, row.facts, row.free) == (self.address, self.text(), self._facts, self.isEnabled()):
            return
        self.address, self._number, self._facts = row.address, str(row.number), row.facts
        self._short = row.spoken.removeprefix(f"{row.name}, ")
        self.setText(row.name)
        self.setEnabled(row.free)
        if self.accessibleName() != row.spoken:  # a reader says each change, and the signal changes by the second
            self.setAccessibleName(row.spoken)
            self.setAccessibleDescription(f"Reads this strap. Key: {row.number}." if row.free else "")
        self.update()

    @property
    def facts(self) -> str:
        """What is written of it beside its name; without figures where both stand in one line."""
        return self._facts if self._two_lines() else self._short

    def _small(self) -> QFont:
        small = QFont(self.font())
        small.setPixelSize(max(LEAST_PX, round(self.font().pixelSize() * 0.82)))
        return small

    def _two_lines(self) -> bool:
        return QFontMetrics(self.font()).height() + QFontMetrics(self._small()).height() + 4 <= self.height()

    def wish(self, pixels: float, tall: float) -> None:
        """The size of the ordinary type, and how tall the row is; its own type is never taller."""
        font = self.font()
        font.setPixelSize(max(LEAST_PX, round(min(pixels * 1.15, tall * 0.7))))
        self.setFont(font)
        self.setFixedHeight(max(LEAST_PX + 2, int(tall)))

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """The number on the left; name and facts in two lines, or in one where there is no room for two."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self.paint_plate(painter)
        font = self.font()
        small = self._small()
        side, height = round(font.pixelSize() * 2.4), self.height()
        if self.isEnabled():
            self._write(painter, font, self._theme.beat, QRect(0, 0, side, height), self._number, centred=True)
        ink = self._theme.ink if self.isEnabled() else self._theme.quiet
        room = QRect(side, 0, self.width() - side - 8, height)
        tall, low = QFontMetrics(font).height(), QFontMetrics(small).height()
        if not self._two_lines():
            named = min(QFontMetrics(font).horizontalAdvance(self.text()) + side // 2, room.width() // 2)
            self._write(painter, font, ink, QRect(side, 0, named - 6, height), self.text())
            self._write(painter, small, self._theme.quiet, room.adjusted(named, 0, 0, 0), self.facts)
            return
        top = (height - tall - low) // 2
        self._write(painter, font, ink, QRect(side, top, room.width(), tall), self.text())
        self._write(painter, small, self._theme.quiet, QRect(side, top + tall, room.width(), low), self.facts)

    @staticmethod
    def _write(painter: QPainter, font: QFont, colour: str, place: QRect, words: str, *, centred: bool = False) -> None:
        """Words in one line, cut where their place ends."""
        painter.setFont(font)
        painter.setPen(QColor(colour))
        shown = QFontMetrics(font).elidedText(words, Qt.TextElideMode.ElideRight, place.width())
        painter.drawText(place, Qt.AlignmentFlag.AlignCenter if centred else _LEFT, shown)
