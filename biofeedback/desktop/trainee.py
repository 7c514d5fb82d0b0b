"""The trainee window: the breath in the middle, one thing said at a time, four actions (DESIGN 8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QCloseEvent, QFontInfo, QKeyEvent, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from biofeedback.desktop.keys_panel import KeysPanel
from biofeedback.desktop.pacer_view import PacerView
from biofeedback.desktop.pieces import FittingLabel, KeyButton, SignalSign
from biofeedback.desktop.position import PositionLine
from biofeedback.desktop.question import QuestionPanel
from biofeedback.desktop.strap_list import StrapList
from biofeedback.desktop.theme import Theme
from biofeedback.presenter import words
from biofeedback.presenter.keys import (
    END,
    ESC,
    HOME,
    LEFT,
    MARK,
    MINUS,
    PAGE_DOWN,
    PAGE_UP,
    PLUS,
    RIGHT,
    SHIFT_LEFT,
    SHIFT_RIGHT,
    SPACE,
    STRONG,
    press,
)
from biofeedback.presenter.picture import HIDDEN, Picture
from biofeedback.presenter.sentences import sentences
from biofeedback.session.playback import Playback
from biofeedback.session.runner import RunningSession
from devices.choosing import StrapQuestion

TITLE: Final = "Biofeedback"
USUAL: Final = (900, 640)
SMALLEST: Final = (400, 360)
GO_ON: Final = "Go on"
AGAIN: Final = "Again"
REPLAY: Final = "A replay: it runs as it was recorded. Esc closes."
KEYS_HINT: Final = "F1 shows the keys"
CLOSE_HINT: Final = "Esc or the button closes this window."
BETWEEN: Final = "  ·  "


SEEKING: Final[Mapping[int, str]] = {
    Qt.Key.Key_Left: LEFT,
    Qt.Key.Key_Right: RIGHT,
    Qt.Key.Key_PageUp: PAGE_UP,
    Qt.Key.Key_PageDown: PAGE_DOWN,
    Qt.Key.Key_Home: HOME,
    Qt.Key.Key_End: END,
}
SEEKING_SHIFTED: Final[Mapping[int, str]] = {Qt.Key.Key_Left: SHIFT_LEFT, Qt.Key.Key_Right: SHIFT_RIGHT}


@dataclass(frozen=True, slots=True)
class Action:
    """A button: `key` is the presenter's, `on_it` how it is called on the button."""

    key: str
    caption: str
    on_it: str
    description: str


PAUSE: Final = Action(SPACE, "Pause", "Space", "Stops the time and the pacer until you go on.")
ACTIONS: Final = (
    PAUSE,
    Action(STRONG, "Something strong", "S", "Something strong came up: leads back to the room at once."),
    Action(MARK, "Mark", "M", "Marks this moment in the recording."),
    Action(ESC, "End", "Esc", "Ends the session gently."),
)
CLOSE: Final = Action(ESC, "Close", "Esc", "Closes the window.")
ONWARD: Final = Action(RIGHT, "On 10 s", "→", "Goes on by ten seconds.")
MOVING: Final = (
    Action(MINUS, "Slower", "−", "Shows the recording more slowly."),
    Action(LEFT, "Back 10 s", "←", "Goes ten seconds back."),
    ONWARD,
    Action(PLUS, "Faster", "+", "Shows the recording faster."),
)
"""What a replay offers besides Pause, which stands in the middle, and Close."""


class TraineeWindow(QWidget):
    """Shows `picture` and hands keys to `session`. Its owner folds the events and calls `refresh`."""

    plots_wanted = Signal()
    """Somebody pressed P."""

    def __init__(self, theme: Theme, picture: Picture, session: RunningSession) -> None:
        super().__init__()
        self._theme = theme
        self._picture = picture
        self._session = session
        self.painted = False
        """Whether it has been on the screen."""
        self.gone = False
        """Whether the person has closed it."""
        self.setWindowTitle(TITLE)
        self.setAccessibleName(TITLE)
        self.setMinimumSize(*SMALLEST)
        self.setAutoFillBackground(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._make()
        self._lay_out()
        self.resize(*USUAL)
        self.setFocus()  # not on a button: none should look chosen
        self.refresh(session.now())

    # What stands where

    def _make(self) -> None:
        theme, left, right = self._theme, Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight
        self.sign = SignalSign(theme, self)
        self.signal = FittingLabel("Signal", theme.ink, self, left)
        self.part = FittingLabel("Part", theme.ink, self, right)
        self.pacer = PacerView(theme, self._picture, self._session.now, self)
        self.file = FittingLabel("File", theme.ink, self, Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignBottom)
        self.said = QWidget(self)
        self.said.setAccessibleName("What is said")
        self.script = FittingLabel("Script", theme.ink, self.said)
        self.question = QuestionPanel(theme, self._press, self.said)
        self.program = FittingLabel("Program", theme.quiet, self.said)
        self.straps = StrapList(theme, self._session.choose_strap, self)
        self.closing = QWidget(self)
        self.closing.setAccessibleName("The end")
        middle, top = Qt.AlignmentFlag.AlignHCenter, Qt.AlignmentFlag.AlignTop
        self.over = FittingLabel("The end", theme.ink, self.closing, middle, Qt.AlignmentFlag.AlignBottom)
        self.result = FittingLabel("Result", theme.ink, self.closing, middle, top)
        self.foot = FittingLabel("Numbers", theme.quiet, self)
        self.foot.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.bar = QWidget(self)
        self.bar.setAccessibleName("Actions")
        playback = self._session.playback
        self.position = None if playback is None else PositionLine(theme, playback, self)
        offered = (*MOVING[:2], PAUSE, *MOVING[2:], CLOSE) if playback is not None else (*ACTIONS, CLOSE)
        self.buttons = {action.caption: self._button(action) for action in offered}
        self.replay = FittingLabel("Replay", theme.quiet, self.bar)
        self.replay.say(REPLAY)
        self.keys = KeysPanel(theme, live=self._session.live, replay=playback is not None, parent=self)

    def _button(self, action: Action) -> KeyButton:
        button = KeyButton(action.caption, action.on_it, action.description, self._theme, self.bar)
        button.clicked.connect(partial(self._clicked, action.key))
        return button

    def _lay_out(self) -> None:
        self._header = QHBoxLayout()
        self._header.addWidget(self.sign)
        self._header.addWidget(self.signal, 1)
        self._header.addWidget(self.part, 1)
        saying = _column(self.said, (self.script, 4), (self.question, 6), (self.program, 2))
        self._ending = _column(self.closing, (self.over, 3), (self.result, 5))
        row = QHBoxLayout(self.bar)
        self._inner: Sequence[tuple[QBoxLayout, int]] = (
            (saying, 56),
            (self._ending, 52),
            (row, 62),
            (self.straps.column, 46),
        )
        row.addStretch(1)
        for widget in (*self.buttons.values(), self.replay):
            row.addWidget(widget, 1000)
        row.addStretch(1)
        self._all = QVBoxLayout(self)
        self._all.addLayout(self._header)
        self._all.addWidget(self.pacer, 1)
        self._all.addWidget(self.file, 1)
        self._all.addWidget(self.said)
        self._all.addWidget(self.straps, 1)
        self._all.addWidget(self.closing, 1)
        self._all.addWidget(self.foot)
        if self.position is not None:
            self._all.addWidget(self.position)
        self._all.addWidget(self.bar)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """All sizes follow from the window's and from the person's own type."""
        super().resizeEvent(event)
        width, height = self.width(), self.height()
        share = min(width / USUAL[0], height / USUAL[1])
        unit = QFontInfo(self.font()).pixelSize() * min(2.0, max(0.92, share))
        narrow = width < 62 * unit
        self._space(round(unit), round(unit * (0.9 if narrow else 1.6)))
        for widget, lines in ((self.foot, 2.8 if narrow else 1.5), (self.bar, 3.6)):
            widget.setFixedHeight(round(unit * lines))
        self.said.setFixedHeight(round(min(height * 0.34, unit * 11.5)))
        self.sign.setFixedSize(round(unit * 1.1), round(unit * 2))
        if self.position is not None:
            self.position.setFixedHeight(round(unit * 2.6))
            self.position.wish(unit)
        for label, size in self._types():
            label.wish(unit * size)
        self.pacer.wish(unit * 1.6)
        self.question.wish(unit)
        self.straps.wish(unit)
        self.keys.wish(unit * 1.1)
        self.keys.setGeometry(self.rect())
        for button in self.buttons.values():
            font = button.font()
            font.setPixelSize(round(unit * 1.05))
            button.setFont(font)
            button.setMaximumWidth(round(unit * 15))
        for inner, widest in self._inner:
            beside = max(0, round(width / 2 - unit * widest / 2) - self._all.contentsMargins().left())
            inner.setContentsMargins(beside, 0, beside, 0)
            inner.setSpacing(round(unit * (1.5 if inner is self._ending else 0.5)))

    def _types(self) -> tuple[tuple[FittingLabel, float], ...]:
        """The words and how large they are against the ordinary type."""
        return (
            (self.signal, 1.1),
            (self.part, 1.1),
            (self.file, 2.4),
            (self.script, 1.9),
            (self.program, 1.15),
            (self.over, 2.0),
            (self.result, 1.25),
            (self.foot, 0.95),
            (self.replay, 1.0),
        )

    def _space(self, gap: int, margin: int) -> None:
        self._all.setContentsMargins(margin, margin, margin, margin)
        self._all.setSpacing(gap // 2)
        self._header.setSpacing(gap // 2)

    # What stands there

    def refresh(self, now_us: int) -> None:
        """Show the picture as it is at this session time; the pacer moves by `pacer.advance`."""
        picture = self._picture
        self.sign.show_signal(picture.signal)
        self.signal.say(words.signal_words(picture))
        self.part.say("" if picture.file is not None else BETWEEN.join(words.part_and_time(picture, now_us)))
        self._say(now_us)
        self._close_up()
        self.foot.say(self._foot())
        self._offer()
        self.pacer.advance()

    def _say(self, now_us: int) -> None:
        said = {"script": "", "program": "", "question": ""}
        for sentence in sentences(self._picture, now_us, hears=self._session.live):
            said[sentence.kind] = sentence.text
        for label, kind in ((self.script, "script"), (self.program, "program")):
            label.say(said[kind])
            label.setVisible(bool(said[kind]))
        self.program.paint_in(self._colour_of_program())
        self._ask(bool(said["question"]) and self._session.live)

    def _colour_of_program(self) -> str:
        if self._picture.paused or (self._picture.part is None and self._picture.signal == "waiting"):
            return self._theme.ink  # nothing else is on the screen, and it is for the person to do
        lost = self._picture.signal == "lost" and self._picture.file is None
        return self._theme.flag if lost else self._theme.quiet

    def _ask(self, wanted: bool) -> None:
        if not wanted and self.question.isAncestorOf(self.focusWidget()):
            self.setFocus()
        self.question.setVisible(wanted)

    def _close_up(self) -> None:
        """At the end the words of the end take the place of the breath; before it may begin, the straps in sight do.

        A file of another program has no breath to be followed: its name stands there.
        """
        closing = words.closing(self._picture)
        ended = bool(closing)
        asking = self._ask_for_strap(None if ended else self._session.straps)
        for shown in (self.sign, self.signal):
            shown.setVisible(not ended)
        self.said.setVisible(not (ended or asking))
        self.pacer.setVisible(not (ended or asking or self._picture.file is not None))
        self.file.setVisible(not ended and self._picture.file is not None)
        self.file.say("" if self._picture.file is None else words.clean(self._picture.file.name))
        self.closing.setVisible(ended)
        if ended:
            self.over.say(closing[0])
            self.result.say("\n\n".join(closing[1:]))

    def _ask_for_strap(self, question: StrapQuestion | None) -> bool:
        """Whether it is asked now which strap is the person's."""
        self.straps.show_question(question)
        if question is None and self.straps.isAncestorOf(self.focusWidget()):
            self.setFocus()
        self.straps.setVisible(question is not None)
        return question is not None

    def _foot(self) -> str:
        picture = self._picture
        if picture.end is not None:
            return CLOSE_HINT
        if picture.numbers_hidden:
            return HIDDEN
        if picture.signal == "rate only":
            return words.heart_words(picture)  # why there is no other number is said above
        if picture.part is None:
            return KEYS_HINT
        free = picture.plan is None or picture.plan.name == "free"
        if picture.is_test or not (free or not self._session.live):
            return KEYS_HINT if picture.part.name == "settle" else ""
        return BETWEEN.join(words.numbers(picture))

    def _offer(self) -> None:
        """The buttons that do something now."""
        picture, live, playback = self._picture, self._session.live, self._session.playback
        if playback is not None:
            self._offer_moves(playback)
            return
        for action in ACTIONS:
            self.buttons[action.caption].setVisible(live and picture.end is None)
        self.buttons[CLOSE.caption].setVisible(picture.end is not None)
        self.replay.setVisible(not live and picture.end is None)
        pause = self.buttons[PAUSE.caption]
        pause.caption(GO_ON if picture.paused else PAUSE.caption)
        pause.setEnabled(picture.part is None or picture.part.name != "recovery")

    def _offer_moves(self, playback: Playback) -> None:
        self.replay.hide()
        self.buttons[PAUSE.caption].caption(AGAIN if playback.over else GO_ON if playback.paused else PAUSE.caption)
        self.buttons[ONWARD.caption].setEnabled(not playback.over)
        if self.position is not None:
            self.position.refresh()

    # What the person does

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """The session's keys and the window's own; a key that is held down counts once."""
        chord = event.modifiers() & ~(Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.KeypadModifier)
        seeks = self._session.playback is not None and event.key() in SEEKING
        if (event.isAutoRepeat() and not seeks) or chord:
            event.ignore()
            return
        if seeks:
            shifted = event.modifiers() & Qt.KeyboardModifier.ShiftModifier
            self._press((SEEKING_SHIFTED if shifted else SEEKING).get(event.key(), SEEKING[event.key()]))
            return
        own: dict[int, Callable[[], object]] = {
            Qt.Key.Key_F1: self._toggle_keys,
            Qt.Key.Key_F11: self._toggle_full_screen,
            Qt.Key.Key_P: self.plots_wanted.emit,
            Qt.Key.Key_Escape: partial(self._press, ESC),
            Qt.Key.Key_Right: partial(self._step, 1),
            Qt.Key.Key_Left: partial(self._step, -1),
            Qt.Key.Key_Up: partial(self._step, 1, down=-1),
            Qt.Key.Key_Down: partial(self._step, -1, down=1),
        }
        if (does := own.get(event.key())) is not None:
            does()
        elif event.text():
            self._press(event.text().lower())

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """A closed window ends a live session; the link to the strap still has to be let go."""
        if not self.gone:
            self.gone = True
            if not self._session.done:
                self._session.command("stop", "the window was closed")
                self._session.leave()
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        """The ground is Qt's to paint; that it is there is what is noted."""
        super().paintEvent(event)
        self.painted = True

    def _clicked(self, key: str, *_checked: object) -> None:
        self._press(key)

    def _press(self, key: str) -> None:
        if key == ESC and self.keys.isVisible():
            self._toggle_keys()
        elif key == ESC and (self._picture.end is not None or not self._session.live):
            self.close()
        else:
            press(key, self._picture, self._session)

    def _step(self, by: int, down: int = 0) -> None:
        """Through the figures of a question; in the list of straps up and down are the other way round."""
        if self.straps.isVisible():
            self.straps.step(down or by)
        elif self.question.isVisible():
            self.question.step(by)

    def _toggle_keys(self) -> None:
        self.keys.setVisible(not self.keys.isVisible())
        self.keys.raise_()

    def _toggle_full_screen(self) -> None:
        self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)


def _column(parent: QWidget, *parts: tuple[QWidget, int]) -> QVBoxLayout:
    column = QVBoxLayout(parent)
    column.setContentsMargins(0, 0, 0, 0)
    for widget, stretch in parts:
        column.addWidget(widget, stretch)
    return column
