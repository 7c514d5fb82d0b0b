"""`lock.json`: how the home key of a data folder is opened, and whether new files are encrypted with it.

It holds no secret. Every encrypted file has a copy of it from the day it was begun; without both, nothing opens.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

from biofeedback.errors import RecordingError, UnreadableError
from biofeedback.recording.keys import Lock, LockError
from biofeedback.recording.syncer import sync_file, sync_folder

FILE_NAME: Final = "lock.json"
FORMAT: Final = "biofeedback-lock"
VERSION: Final = 1
_MOST_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class HomeLock:
    """The lock of a data folder. `on`: new recordings and person logs are encrypted."""

    lock: Lock
    on: bool


def read_home_lock(home: Path) -> HomeLock | None:
    """The lock of the folder; None when it has none. Raises UnreadableError when the file is not what we wrote.

    A file that cannot be read is never taken for no lock: recordings would be stored in plain text without a word.
    """
    path = home / FILE_NAME
    advice = "Put the file back from a copy; the passphrase still opens each encrypted file by itself."
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror}.", "Check its rights.") from error
    try:
        table = cast("dict[str, Any]", json.loads(text)) if len(text) <= _MOST_BYTES else {}
        if table["format"] != FORMAT:
            raise LockError("it is another file")
        if table["min_reader"] > VERSION:
            raise UnreadableError(f"{path} was made by a newer version.", "Update the program to use it.")
        return HomeLock(Lock.from_json(table), bool(table["on"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnreadableError(f"{path} is damaged.", advice) from error


def write_home_lock(home: Path, lock: Lock, *, on: bool) -> None:
    """Replace the lock of the folder, all of it or not at all. Raises RecordingError."""
    table = {"format": FORMAT, "v": VERSION, "min_reader": VERSION, "on": on, **lock.to_json()}
    text = json.dumps(table, indent=2) + "\n"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        _replace(home / FILE_NAME, text.encode())
    except OSError as error:
        raise RecordingError(
            f"{home / FILE_NAME} cannot be written: {error.strerror}.", "Nothing was changed; check the folder."
        ) from error


def remove_home_lock(home: Path) -> None:
    """Forget the lock: for a home where nothing is encrypted any more. Raises RecordingError."""
    try:
        (home / FILE_NAME).unlink(missing_ok=True)
        sync_folder(home)
    except OSError as error:
        raise RecordingError(f"{home / FILE_NAME} cannot be removed: {error.strerror}.", "Check its rights.") from error


def _replace(path: Path, data: bytes) -> None:
    handle, made = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            sync_file(file.fileno())
        Path(made).replace(path)
        sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            Path(made).unlink()
        raise
