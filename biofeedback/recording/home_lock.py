"""`lock.json`: how the home key of a data folder is opened, and whether new files are encrypted with it.

It holds no secret. Every encrypted file has a copy of it from the day it was begun; without both, nothing opens.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from biofeedback.errors import RecordingError, UnreadableError
from biofeedback.events import Json
from biofeedback.recording.whole_file import replace_whole
from biofeedback.recording.keys import Lock, LockError, lock_of
from biofeedback.recording.locked_files import clear_head, locked_files
from biofeedback.recording.people import wait_for
from biofeedback.recording.private import make_private_folder
from biofeedback.recording.syncer import sync_folder
from devices.file_lock import take_lock

FILE_NAME: Final = "lock.json"
FORMAT: Final = "biofeedback-lock"
VERSION: Final = 1
_ALONE: Final = f"{FILE_NAME}.lock"
_ALONE_FLAGS: Final = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_MOST_BYTES: Final = 65_536


@dataclass(frozen=True, slots=True)
class HomeLock:
    """The lock of a data folder. `on`: new recordings and person logs are encrypted; `lost`: its file is missing."""

    lock: Lock
    on: bool
    lost: bool = False


def read_home_lock(home: Path) -> HomeLock | None:
    """The lock of the folder; None when it has none, or somebody chose so when it was lost.

    Raises UnreadableError when the file is not what we wrote.

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
        if table == _NO_LOCK:
            return None
        return HomeLock(Lock.from_json(table), bool(table["on"]))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnreadableError(f"{path} is damaged.", advice) from error


_NO_LOCK: Final[dict[str, Json]] = {"format": FORMAT, "v": VERSION, "min_reader": VERSION, "on": False}


def lost_lock(home: Path) -> Lock | None:
    """What the encrypted files of a folder without a `lock.json` know of it; None when there are none, or it is there.

    The lock of the home that encrypted its person logs, else most of its recordings, as the newest file says it. Raises
    UnreadableError when no file says it in a way that this version knows.
    """
    if os.path.lexists(home / FILE_NAME):
        return None
    found: dict[str, list[_Seen]] = {}
    unknown: Path | None = None
    for path in locked_files(home):
        head = clear_head(path)
        try:
            lock = lock_of(head)
        except LockError:
            lock = None
        if lock is None:
            unknown = path
        else:
            begun = head.get("wall_ns")
            found.setdefault(lock.ident, []).append(
                _Seen(lock, begun if isinstance(begun, int) else 0, in_person_log="person_log" in head)
            )
    if found:
        ours = max(found.values(), key=lambda seen: (sum(each.in_person_log for each in seen), len(seen)))
        return max(ours, key=lambda each: each.begun_ns).lock
    if unknown is not None:
        raise UnreadableError(
            f"{home / FILE_NAME} is missing, and {unknown} does not say how it is encrypted.",
            "Put lock.json back from a copy, or update the program.",
        )
    return None


@dataclass(frozen=True, slots=True)
class _Seen:
    """A lock as one file says it; `begun_ns`: when the file was begun."""

    lock: Lock
    begun_ns: int
    in_person_log: bool


def write_no_lock(home: Path) -> None:
    """Keep it that new files are plain here, though the lock of some is gone. Raises RecordingError."""
    _write(home, _NO_LOCK)


@contextmanager
def alone_with_lock(home: Path) -> Generator[None]:
    """Nobody else of us changes the lock of this folder meanwhile. Raises RecordingError."""
    try:
        make_private_folder(home)
        descriptor = os.open(home / _ALONE, _ALONE_FLAGS, 0o600)
    except OSError as error:
        raise RecordingError(f"{home} cannot be used: {error.strerror}.", "Check its rights.") from error
    try:
        wait_for(partial(take_lock, descriptor), f"The lock of {home} is being changed in another window.")
        yield
    finally:
        os.close(descriptor)


def write_home_lock(home: Path, lock: Lock, *, on: bool) -> None:
    """Replace the lock of the folder, all of it or not at all. Raises RecordingError."""
    _write(home, {**_NO_LOCK, "on": on, **lock.to_json()})


def _write(home: Path, table: Mapping[str, Json]) -> None:
    text = json.dumps(table, indent=2) + "\n"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_whole(home / FILE_NAME, text.encode())
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
