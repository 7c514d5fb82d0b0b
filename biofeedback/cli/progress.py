"""A bar on stderr for work on several files, or on a long one, when somebody sits at a terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from rich.progress import Progress

LONG_BYTES: Final = 500_000
"""A file of this size takes long enough to be waited for."""


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
