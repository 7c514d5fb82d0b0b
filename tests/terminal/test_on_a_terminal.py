"""The live face on a real pseudo-terminal: keys work, and the terminal is as before afterwards."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are a POSIX thing", allow_module_level=True)

import fcntl
import pty
import struct
import termios

ROOT = Path(__file__).parents[2]
ENTER, LEAVE, CURSOR = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"
PATIENCE_S = 15.0


class Terminal:
    """A program on a pseudo-terminal, and all that it wrote."""

    def __init__(self, speed: float, **environment: str) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = self.modes()
        self.text = ""
        self._seen = 0
        told = ("NO_COLOR", "COLUMNS", "LINES", "FORCE_COLOR")
        kept = {key: value for key, value in os.environ.items() if key not in told}
        self.program = subprocess.Popen(
            [sys.executable, "-m", "tests.terminal.showing", str(speed)],
            stdin=self.slave,
            stdout=subprocess.PIPE,
            stderr=self.slave,
            cwd=ROOT,
            env={**kept, "TERM": "xterm-256color", "LANG": "C.UTF-8", **environment},
            start_new_session=True,
        )

    def modes(self) -> list[object]:
        return termios.tcgetattr(self.slave)

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def wait_for(self, words: str) -> None:
        """Read until the words come, after those waited for last."""
        self._read_until(lambda: words in self.text[self._seen :], words)
        self._seen = self.text.index(words, self._seen) + len(words)

    def finish(self) -> int:
        self._read_until(lambda: self.program.poll() is not None, "the end of the program")
        while select.select([self.master], [], [], 0)[0]:
            self._read()
        return self.program.wait()

    def interrupt(self) -> int:
        """Ctrl-C; once more after a second, since Python drops one that falls into a destructor's call."""
        again_s = 0.0
        while self.program.poll() is None:
            if time.monotonic() >= again_s:
                self.program.send_signal(signal.SIGINT)
                again_s = time.monotonic() + 1.0
            if select.select([self.master], [], [], 0.1)[0]:
                self._read()
        return self.finish()

    def close(self) -> None:
        if self.program.poll() is None:
            self.program.kill()
        self.program.wait()
        assert self.program.stdout is not None
        self.program.stdout.close()
        os.close(self.master)
        os.close(self.slave)

    def _read_until(self, there: Callable[[], bool], what: str) -> None:
        until = time.monotonic() + PATIENCE_S
        while not there():
            assert time.monotonic() < until, f"{what!r} did not come; the last was {self.text[-2000:]!r}"
            if select.select([self.master], [], [], 0.05)[0]:
                self._read()

    def _read(self) -> None:
        self.text += os.read(self.master, 65536).decode("utf-8", "replace")


@pytest.fixture
def opened() -> Iterator[Callable[..., Terminal]]:
    terminals: list[Terminal] = []

    def open_one(speed: float = 10.0, **environment: str) -> Terminal:
        terminals.append(Terminal(speed, **environment))
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
