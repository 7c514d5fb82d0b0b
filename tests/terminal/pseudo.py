"""A program on a pseudo-terminal: what it writes, and keys for it. POSIX only."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

if sys.platform != "win32":
    import fcntl
    import pty
    import struct
    import termios

ROOT: Final = Path(__file__).parents[2]
PATIENCE_S: Final = 15.0
ENTER, LEAVE, CURSOR = "\x1b[?1049h", "\x1b[?1049l", "\x1b[?25h"


class Terminal:
    """A program on a pseudo-terminal, and all that it wrote."""

    def __init__(self, words: Sequence[str], environment: Mapping[str, str]) -> None:
        self.master, self.slave = pty.openpty()
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.before = self.modes()
        self.text = ""
        self._seen = 0
        self.program = subprocess.Popen(
            words,
            stdin=self.slave,
            stdout=subprocess.PIPE,
            stderr=self.slave,
            cwd=ROOT,
            env=dressed(environment),
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


def dressed(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of a program on a terminal of 80 by 24."""
    told = ("NO_COLOR", "COLUMNS", "LINES", "FORCE_COLOR")
    kept = {key: value for key, value in os.environ.items() if key not in told}
    return {**kept, "TERM": "xterm-256color", "LANG": "C.UTF-8", **environment}
