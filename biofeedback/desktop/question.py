"""The open question: eleven buttons from 0 to 10, for the mouse, for figures and for the arrows."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from biofeedback.desktop.pieces import FittingLabel, KeyButton
from biofeedback.desktop.theme import Theme
from biofeedback.presenter import words
from biofeedback.presenter.keys import TEN

ANSWERS: Final = tuple(range(11))


class QuestionPanel(QWidget):
    """Asks how strong it feels. `answer` is called with the key that stands for the chosen figure."""

    def __init__(self, theme: Theme, answer: Callable[[str], None], parent: QWidget) -> None:
        super().__init__(parent)
        self._answer = answer
        self.setAccessibleName("Question")
        self._question = FittingLabel("Question", theme.ink, self)
        self._scale = FittingLabel("Scale", theme.quiet, self)
        self._question.say(words.QUESTION)
        self._scale.say(words.SCALE)
        self.buttons = [KeyButton(str(number), "", self._means(number), theme, self) for number in ANSWERS]
        self._row = QHBoxLayout()
        self._row.setSpacing(4)
        for number, button in zip(ANSWERS, self.buttons, strict=True):
            button.clicked.connect(partial(self._chosen, TEN if number == ANSWERS[-1] else str(number)))
            self._row.addWidget(button)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(4)
        self._column.addWidget(self._question, 4)
        self._column.addLayout(self._row, 5)
        self._column.addWidget(self._scale, 3)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)

    def wish(self, pixels: float) -> None:
        """The size of the ordinary type; the rest follows."""
        self._question.wish(pixels * 1.25)
        self._scale.wish(pixels * 0.9)
        for button in self.buttons:
            font = button.font()
            font.setPixelSize(round(pixels * 1.1))
            button.setFont(font)

    def step(self, by: int) -> None:
        """Move the keyboard one figure on; from outside it enters at 0 going up and at 10 going down."""
        focused = self.window().focusWidget()
        places = [number for number, button in enumerate(self.buttons) if button is focused]
        to = places[0] + by if places else (0 if by > 0 else len(self.buttons) - 1)
        if 0 <= to < len(self.buttons):
            self.buttons[to].setFocus(Qt.FocusReason.TabFocusReason)

    def _chosen(self, key: str, *_checked: object) -> None:
        self._answer(key)

    @staticmethod
    def _means(number: int) -> str:
        ends = {ANSWERS[0]: "Not at all.", ANSWERS[-1]: "The strongest you can think of. Key: T."}
        return ends.get(number, f"{number} of 10.")
