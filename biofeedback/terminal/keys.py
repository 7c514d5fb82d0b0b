"""Single keys from the keyboard, without Enter and without echo, and the terminal as it was afterwards."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Protocol, Self

from biofeedback.presenter.keys import END, ESC, HOME, LEFT, PAGE_DOWN, PAGE_UP, RIGHT, SHIFT_LEFT, SHIFT_RIGHT

_ESC: Final = 0x1B
_ESC_ALONE_S: Final = 0.1
"""An arrow key sends its sequence at once; an escape with nothing behind it for so long is the key."""
_LONGEST_SEQUENCE: Final = 32
_SEQUENCES: Final[Mapping[bytes, str]] = {
    **{lead + letter: key for lead in (b"[", b"O") for letter, key in (
        (b"D", LEFT), (b"C", RIGHT), (b"H", HOME), (b"F", END),
    )},
    b"[1;2D": SHIFT_LEFT,
    b"[1;2C": SHIFT_RIGHT,
    b"[5~": PAGE_UP,
    b"[6~": PAGE_DOWN,
    b"[1~": HOME,
    b"[7~": HOME,
    b"[4~": END,
    b"[8~": END,
}  # fmt: skip
"""What follows the escape, as the terminals in use send it."""
_WINDOWS_CODES: Final[Mapping[str, str]] = {
    "K": LEFT, "M": RIGHT, "G": HOME, "O": END, "I": PAGE_UP, "Q": PAGE_DOWN,
}  # fmt: skip
"""What follows the prefix on a Windows console."""


class KeyDecoder:
    """Turns a terminal's bytes into the presenter's keys; those it has no name for say nothing."""

    def __init__(self) -> None:
        self._pending = b""
        self._since_s = 0.0

    def feed(self, data: bytes, now_s: float) -> list[str]:
        """Take in what came; an escape at its very end waits for what may follow."""
        keys: list[str] = []
        if data:
            rest, self._pending, self._since_s = self._pending + data, b"", now_s
            while rest:
                key, rest = self._next(rest)
                keys += [key] if key else []
        elif self._pending and now_s - self._since_s >= _ESC_ALONE_S:
            keys += [ESC] if self._pending == b"\x1b" else []
            self._pending = b""
        return keys

    def _next(self, data: bytes) -> tuple[str, bytes]:
        if data[0] != _ESC:
            return (chr(data[0]).lower() if 0x20 <= data[0] < 0x7F else ""), data[1:]
        if len(data) == 1:
            self._pending = data
            return "", b""
        if data[1] == _ESC:
            return ESC, data[1:]
        if data[1] not in b"[O":
            return "", data[1:]
        end = _sequence_end(data)
        if end is None:
            self._pending = data if len(data) < _LONGEST_SEQUENCE else b""
            return "", b""
        return _SEQUENCES.get(data[1:end], ""), data[end:]


def _sequence_end(data: bytes) -> int | None:
    """Where the sequence at the start of `data` ends, behind its byte from @ to ~; None: not here yet."""
    return next((i + 1 for i in range(2, len(data)) if 0x40 <= data[i] <= 0x7E), None)


class Keyboard(Protocol):
    """Where keys come from; a context in which the terminal listens for single keys."""

    hears: bool
    """Whether keys can come at all."""

    def __enter__(self) -> Self:
        """Begin to listen."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
        /,
    ) -> None:
        """Put the terminal back as it was."""
        ...

    def read(self, timeout_s: float) -> list[str]:
        """The keys that come within the time; returns early when some do."""
        ...


class NoKeyboard:
    """Nobody can press anything."""

    hears = False

    def __enter__(self) -> Self:
        """Nothing to do."""
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing to do."""

    def read(self, timeout_s: float) -> list[str]:
        """Wait."""
        time.sleep(timeout_s)
        return []


def open_keyboard() -> Keyboard:
    """The keyboard, when a person can be at it: stdin is a terminal with this program in the foreground."""
    try:
        fd = sys.stdin.fileno()
        if not os.isatty(fd) or not in_foreground(fd):
            return NoKeyboard()
    except (AttributeError, OSError, ValueError):
        return NoKeyboard()
    return _keyboard_at(fd)


def in_foreground(fd: int) -> bool:
    """Whether the terminal listens to this program; in the background, changing it would stop us."""
    if sys.platform == "win32":
        return True
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:
        return True


if sys.platform == "win32":
    import msvcrt

    _POLL_S: Final = 0.01

    class WindowsKeyboard:
        """The console's keys."""

        hears = True

        def __enter__(self) -> Self:
            """Nothing to do."""
            return self

        def __exit__(self, *_: object) -> None:
            """Nothing to do."""

        def read(self, timeout_s: float) -> list[str]:
            """The keys that come within the time."""
            until = time.monotonic() + timeout_s
            while time.monotonic() < until and not msvcrt.kbhit():
                time.sleep(_POLL_S)
            keys: list[str] = []
            while msvcrt.kbhit():
                char = msvcrt.getwch()
                if char in "\x00\xe0":
                    keys += [key] if (key := _WINDOWS_CODES.get(msvcrt.getwch())) else []
                elif char == "\x03":
                    raise KeyboardInterrupt
                elif char == "\x1b":
                    keys.append(ESC)
                elif char.isascii() and char.isprintable():
                    keys.append(char.lower())
            return keys

    def _keyboard_at(_fd: int) -> Keyboard:
        return WindowsKeyboard()

else:
    import select
    import termios
    import tty

    class PosixKeyboard:
        """A terminal in cbreak mode: keys come at once, without echo; Ctrl-C and Ctrl-Z stay."""

        hears = True

        def __init__(self, fd: int) -> None:
            self._fd = fd
            self._decoder = KeyDecoder()
            self._before: list[object] = []
            self._gone = False

        def __enter__(self) -> Self:
            """Listen for single keys."""
            self._before = termios.tcgetattr(self._fd)
            tty.setcbreak(self._fd, termios.TCSADRAIN)
            return self

        def __exit__(self, *_: object) -> None:
            """Put the terminal back and forget keys that nobody read: they were not meant for the shell."""
            try:
                termios.tcsetattr(self._fd, termios.TCSAFLUSH, self._before)  # type: ignore[arg-type]
            except termios.error:
                self._gone = True

        def read(self, timeout_s: float) -> list[str]:
            """The keys that come within the time."""
            if self._gone:
                time.sleep(timeout_s)
                return []
            ready, _, _ = select.select([self._fd], [], [], timeout_s)
            data = b""
            if ready:
                try:
                    data = os.read(self._fd, 1024)
                except OSError:
                    data = b""
                self._gone = not data
            return self._decoder.feed(data, time.monotonic())

    def _keyboard_at(fd: int) -> Keyboard:
        return PosixKeyboard(fd)
