"""A bar on stderr for work on several files, or on a long one, when somebody sits at a terminal."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

LONG_BYTES: Final = 500_000
"""A file of this size takes long enough to be waited for."""


PATIENCE_S: Final = 0.5
"""What is done sooner needs no bar."""
EVERY_S: Final = 0.1


class FileBar:
    """Shows which file is worked on. It is gone whenever something else is written."""

    def __init__(self, args: argparse.Namespace, files: Sequence[str]) -> None:
        self._count = len(files)
        self._shown = not args.quiet and sys.stderr.isatty() and (self._count > 1 or any(map(_is_long, files)))

    @contextmanager
    def at(self, number: int, name: str) -> Generator[None]:
        """The bar while file `number` (from 0 on) is worked on."""
        if not self._shown:
            yield
            return
        # One file gives no share of the work that is done: its bar only moves.
        total = self._count if self._count > 1 else None
        with _bar(counted=total is not None) as bar:
            bar.add_task(Path(name).name, total=total, completed=number)
            yield


class ShareBar:
    """Shows how much of a long work is done. It comes only once the work has taken a moment."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._shown = not args.quiet and sys.stderr.isatty()
        self._began_s = self._told_s = 0.0
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._words = ""

    @contextmanager
    def at(self, words: str) -> Generator[Callable[[float], None]]:
        """The bar while this is done; what is given is told now and then what share of it is, 0 to 1."""
        self._words, self._began_s, self._task = words, time.monotonic(), None
        try:
            yield self.tell
        finally:
            if self._bar is not None:
                self._bar.stop()
            self._bar = None

    def tell(self, share: float) -> None:
        """So much is done, 0 to 1."""
        if not self._shown:
            return
        now_s = time.monotonic()
        if now_s - self._began_s < PATIENCE_S or now_s - self._told_s < EVERY_S:
            return
        self._told_s = now_s
        if self._bar is None or self._task is None:
            self._bar = _shares()
            self._bar.start()
            self._task = self._bar.add_task(self._words, total=1.0)
        self._bar.update(self._task, completed=min(1.0, max(0.0, share)))


def _shares() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False)


def _bar(*, counted: bool) -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        *([MofNCompleteColumn()] if counted else []),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True, redirect_stdout=False)


def _is_long(name: str) -> bool:
    try:
        return Path(name).stat().st_size > LONG_BYTES
    except OSError:
        return False
