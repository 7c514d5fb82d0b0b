"""Folders and files that appear whole or not at all, and never in the place of another."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from biofeedback.errors import OutputError
from biofeedback.recording.private import make_private_folder, private_file
from biofeedback.recording.syncer import sync_file, sync_folder


def open_output(folder: Path) -> Path:
    """The folder that exports go to, made for this user only when it is not there. Raises OutputError."""
    try:
        return make_private_folder(folder)
    except OSError as error:
        raise OutputError(f"{folder} cannot be used: {error.strerror}.", "Choose another folder.") from error


def check_free(target: Path) -> None:
    """Raises OutputError when something is there already."""
    if os.path.lexists(target):
        raise OutputError(f"{target} exists already.", "Choose another folder; nothing is ever overwritten.")


@contextmanager
def whole_folder(target: Path) -> Generator[Path]:
    """A folder to write into, which is put in its place when all is written. Raises OutputError.

    A program that dies meanwhile leaves `.<name>.` and some letters beside it.
    """
    check_free(target)
    try:
        made = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))  # 0700
        try:
            yield made
            _sync_all(made)
            check_free(target)
            made.rename(target)
            sync_folder(target.parent)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
    except OSError as error:
        raise _unwritable(target, error) from error


@contextmanager
def whole_file(target: Path) -> Generator[Path]:
    """The same for one file: the path it is to be written to."""
    check_free(target)
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
        try:
            yield folder / target.name
            _sync_all(folder)
            _put(folder / target.name, target)
            sync_folder(target.parent)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except OSError as error:
        raise _unwritable(target, error) from error


def write_private(path: Path, data: bytes) -> None:
    """A new file for this user only. Raises OSError."""
    with os.fdopen(private_file(path), "wb") as file:
        file.write(data)


def _put(made: Path, target: Path) -> None:
    """Give the file its name, unless somebody else has taken it meanwhile."""
    with suppress(OSError, NotImplementedError):
        os.link(made, target)
        return
    check_free(target)  # a disk that has no links, or the name is taken
    made.rename(target)


def _sync_all(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb+") as file:
                sync_file(file.fileno())


def _unwritable(target: Path, error: OSError) -> OutputError:
    return OutputError(f"{target} cannot be written: {error.strerror}.", "Choose another place, or make room there.")
