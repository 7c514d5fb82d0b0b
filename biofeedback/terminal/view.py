"""Watches a session from the main thread: a calm screen on a terminal, plain lines anywhere else."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType
from typing import Final, Self, TypeAlias

from rich.console import Console, ConsoleDimensions, Group
from rich.live import Live
from rich.text import Text

from biofeedback.presenter import words
from biofeedback.presenter.keys import press
from biofeedback.presenter.picture import BREAKS_OFF, CUT, Picture
from biofeedback.presenter.replaying import left_words, replayed, told
from biofeedback.session.runner import RunningSession
from biofeedback.terminal.keys import Keyboard, NoKeyboard, in_foreground, open_keyboard
from biofeedback.terminal.lines import Teller
from biofeedback.terminal.painter import Painter

FRAME_S: Final = 1 / 15
LINES_EVERY_S: Final = 0.05
KEYS: Final = "Keys: Space pause, S something strong, M mark, 0–9 or T (ten) answer, Esc end gently."
KEYS_OF_A_REPLAY: Final = (
    "Keys: Space pause, arrows 10 s back or on, Page Up and Down a minute, Home, End, + and - speed, Esc close."
)
_Handler: TypeAlias = "Callable[[int, FrameType | None], object] | int | signal.Handlers | None"


def watch(
    session: RunningSession, picture: Picture, *, plain: bool | None = None, console: Console | None = None
) -> None:
    """Show the session on stderr until it is over and all is shown.

    `picture` folds its events; it may know some already. `plain`: lines instead of the screen; None chooses by
    whether stderr is a terminal in whose foreground this program runs.
    """
    used = console or Console(stderr=True)
    steered = session.playback is not None or (session.live and not plain)
    keyboard = open_keyboard() if steered else NoKeyboard()
    session.can_be_asked(keyboard.hears)
    lines = plain or (plain is None and not _can_draw(used))
    if session.playback is not None:
        session.playback.stay(keyboard.hears and not lines)
    (_tell if lines else _draw)(session, picture, keyboard, used)
    end_told = lines and picture.end is not None
    _see_the_end(session, picture)
    closing = [] if end_told else [*left_words(picture, session.playback), *words.closing(picture)]
    if session.playback is not None and not lines:
        closing += told(session.playback)
    for line in closing:
        used.print(Text(line), highlight=False)


def _see_the_end(session: RunningSession, picture: Picture) -> None:
    """A recording may break off; one that is left before its end has none."""
    if session.live or session.failed:
        return
    playback = session.playback
    if playback is None or playback.over:
        picture.break_off(CUT if playback is not None and playback.cut else BREAKS_OFF)


def _can_draw(console: Console) -> bool:
    if not console.is_terminal or console.is_dumb_terminal:
        return False
    try:
        return in_foreground(console.file.fileno())
    except (OSError, ValueError):
        return True


# Plain lines


def _tell(session: RunningSession, picture: Picture, keyboard: Keyboard, console: Console) -> None:
    teller = Teller(picture, session.playback)
    with keyboard:
        if keyboard.hears:
            _say(console, [KEYS_OF_A_REPLAY if session.playback is not None else KEYS])
        done = False
        while not done:
            done = session.done
            events = session.drain()
            if session.playback is not None:
                picture.replay = replayed(session.playback)
            _say(console, teller.say_state())
            for event in events:
                picture.see(event)
                _say(console, teller.tell(event))
            _say(console, teller.ask(session.straps))
            if not done:
                for key in keyboard.read(LINES_EVERY_S):
                    press(key, picture, session)


def _say(console: Console, lines: Sequence[str]) -> None:
    for line in lines:
        console.print(Text(line), soft_wrap=True, highlight=False)


# The screen


def _draw(session: RunningSession, picture: Picture, keyboard: Keyboard, console: Console) -> None:
    """Draw until the session is over; Ctrl-Z gives the shell a clean terminal until we go on."""
    painter = Painter(console, live=session.live, keys=keyboard.hears, playback=session.playback)
    with _Suspension() as suspension:
        over = False
        while not over:
            with keyboard, _Screen(console) as screen:
                while not over and not suspension.asked:
                    over = _frame(session, picture, painter, screen)
                    if not over:
                        _listen(session, picture, keyboard)
            suspension.obey()


def _frame(session: RunningSession, picture: Picture, painter: Painter, screen: _Screen) -> bool:
    """Draw once; returns whether there is nothing more to come."""
    done, over = session.done, session.over
    for event in session.drain():
        picture.see(event)
    if session.playback is not None:
        picture.replay = replayed(session.playback)
    if over:
        _see_the_end(session, picture)
    screen.show(painter.paint(picture, session.now(), session.straps))
    return done


def _listen(session: RunningSession, picture: Picture, keyboard: Keyboard) -> None:
    """Spend the rest of a frame; a key ends it, so that its effect shows at once."""
    for key in keyboard.read(FRAME_S - time.monotonic() % FRAME_S):
        press(key, picture, session)


class _Screen:
    """The alternate screen: what stood there before comes back afterwards, and the cursor with it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(
            console=console, screen=True, auto_refresh=False, redirect_stdout=False, redirect_stderr=False
        )
        self._shown: tuple[ConsoleDimensions, list[Text]] | None = None

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, lines: list[Text]) -> None:
        """Draw the lines, unless they stand there already."""
        shown = (self._console.size, lines)
        if shown != self._shown:
            self._shown = shown
            self._live.update(Group(*lines), refresh=True)


class _Suspension:
    """Notes that the shell asked the program to stop, so that it can leave the screen in order first."""

    def __init__(self) -> None:
        self.asked = False
        self._before: _Handler = None

    def __enter__(self) -> Self:
        if sys.platform != "win32":
            self._before = signal.signal(signal.SIGTSTP, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if sys.platform != "win32":
            signal.signal(signal.SIGTSTP, self._before)

    def obey(self) -> None:
        """Stop if that was asked; returns when the shell lets the program go on."""
        if sys.platform == "win32" or not self.asked:
            return
        self.asked = False
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._note)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True
