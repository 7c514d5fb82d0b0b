"""The live face on a real pseudo-terminal: keys work, and the terminal is as before afterwards."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are a POSIX thing", allow_module_level=True)

import termios

from tests.terminal.pseudo import CURSOR, ENTER, LEAVE, Terminal


@pytest.fixture
def opened() -> Iterator[Callable[..., Terminal]]:
    terminals: list[Terminal] = []

    def open_one(speed: float = 10.0, **environment: str) -> Terminal:
        words = [sys.executable, "-m", "tests.terminal.showing", str(speed)]
        terminals.append(Terminal(words, environment))
        return terminals[-1]

    yield open_one
    for terminal in terminals:
        terminal.close()


def assert_restored(terminal: Terminal) -> None:
    assert terminal.modes() == terminal.before
    assert terminal.text.count(ENTER) == terminal.text.count(LEAVE) >= 1
    assert terminal.text.rindex(LEAVE) > terminal.text.rindex(ENTER)
    assert terminal.text.rindex(CURSOR) > terminal.text.rindex("\x1b[?25l")


@pytest.mark.slow
def test_keys_steer_the_session_and_the_terminal_is_as_before(opened: Callable[..., Terminal]) -> None:
    terminal = opened()
    terminal.wait_for("Breathe in")
    during = terminal.modes()
    assert isinstance(during[3], int)
    assert not during[3] & (termios.ECHO | termios.ICANON)
    terminal.press("\x1b[A\x1b[B")
    terminal.press(" ")
    terminal.wait_for("Paused. Space goes on.")
    terminal.press(" ")
    terminal.wait_for("Breathe in")
    terminal.press("m")
    terminal.wait_for("Marked.")
    terminal.press("S")
    terminal.wait_for("Press your feet into the floor.")
    terminal.press("\x1b")
    terminal.wait_for("You stopped when you needed to.")
    assert terminal.finish() == 0
    assert "heartbeats. " in terminal.text[terminal.text.rindex(LEAVE) :]
    assert_restored(terminal)
    assert terminal.program.stdout is not None
    assert terminal.program.stdout.read() == b""


@pytest.mark.slow
def test_an_interruption_leaves_the_terminal_as_before(opened: Callable[..., Terminal]) -> None:
    terminal = opened()
    terminal.wait_for("Breathe in")
    assert terminal.interrupt() != 0
    assert "KeyboardInterrupt" in terminal.text
    assert_restored(terminal)


@pytest.mark.slow
def test_a_stop_leaves_the_screen_and_comes_back_to_it(opened: Callable[..., Terminal]) -> None:
    terminal = opened(NO_COLOR="1")
    terminal.wait_for("Breathe in")
    # The system does not really stop a group without a shell: it goes on at once.
    terminal.program.send_signal(signal.SIGTSTP)
    terminal.wait_for(LEAVE)
    terminal.wait_for(ENTER)
    terminal.wait_for("Breathe")
    assert terminal.modes() != terminal.before
    terminal.press("\x1b")
    terminal.wait_for("Closing")
    assert terminal.finish() == 0
    assert_restored(terminal)
    assert "\x1b[36m" not in terminal.text


@pytest.mark.slow
def test_a_dumb_terminal_gets_lines(opened: Callable[..., Terminal]) -> None:
    terminal = opened(20.0, TERM="dumb")
    terminal.wait_for("Keys: Space pause")
    terminal.wait_for("Paced baseline")
    terminal.press("s")
    terminal.wait_for("Press your feet")
    terminal.press("\x1b")
    assert terminal.finish() == 0
    assert "\x1b" not in terminal.text
    assert terminal.modes() == terminal.before
