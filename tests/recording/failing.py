"""System calls that fail, or end the program, at a chosen moment: the operating system's own functions, wrapped."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast

CALLS: Final = ("open", "write", "fsync", "ftruncate", "link", "unlink", "rename", "replace", "chmod")
"""All by which a log changes the disk."""

HALF: Final = -1
"""Only half of what is to be written is, as on a disk that gets full."""
DIE: Final = -2
"""The program is killed instead."""
DIE_HALFWAY: Final = -3
"""The program is killed when half of it is written; any other call is not made."""
Decision = Callable[[str, int], int | None]
"""Asked before each call, with its name and how many of that name there were. Gives an errno, one of these, or None."""


@dataclass(slots=True)
class Calls:
    """The calls that touched one folder."""

    folder: Path
    decide: Decision
    made: Counter[str] = field(default_factory=Counter[str])
    failed: Counter[str] = field(default_factory=Counter[str])
    descriptors: set[int] = field(default_factory=set[int])
    lock: threading.RLock = field(default_factory=threading.RLock)

    def concerns(self, target: object) -> bool:
        """Whether a call with this first argument touches the folder."""
        if isinstance(target, int):
            return target in self.descriptors
        return isinstance(target, str | Path) and Path(target).absolute().is_relative_to(self.folder.absolute())

    def wrapped(self, name: str, real: Callable[..., object]) -> Callable[..., object]:
        """The function, which now fails when it is decided so."""

        def call(target: object, *rest: object, **more: object) -> object:
            with self.lock:
                if not self.concerns(target):
                    return real(target, *rest, **more)
                self.made[name] += 1
                number = self.decide(name, self.made[name])
                self.failed[name] += number is not None
            if number is not None and number > 0:
                raise OSError(number, os.strerror(number), target if not isinstance(target, int) else None)
            if name == "write" and number in (HALF, DIE_HALFWAY):
                whole = cast(bytes, rest[0])
                result = real(target, whole[: len(whole) // 2])
            else:
                result = None
            if number in (DIE, DIE_HALFWAY):
                os.kill(os.getpid(), signal.SIGKILL)
            if result is None:
                result = real(target, *rest, **more)
            if name == "open":
                self.descriptors.add(cast(int, result))
            return result

        return call

    def closing(self, real: Callable[[int], None]) -> Callable[[int], None]:
        """Descriptors are forgotten when they are closed."""

        def close(descriptor: int) -> None:
            self.descriptors.discard(descriptor)
            real(descriptor)

        return close


@contextmanager
def system_calls(folder: Path, decide: Decision) -> Generator[Calls]:
    """Ask `decide` before each call that touches the folder. Modules look the functions up in `os` each time."""
    calls = Calls(folder, decide)
    real = {name: getattr(os, name) for name in (*CALLS, "close")}
    wrapped = {name: calls.wrapped(name, real[name]) for name in CALLS} | {"close": calls.closing(real["close"])}
    for name, function in wrapped.items():
        setattr(os, name, function)
    try:
        yield calls
    finally:
        for name, function in real.items():
            setattr(os, name, function)


def never(_name: str, _number: int) -> int | None:
    """Nothing fails."""
    return None
