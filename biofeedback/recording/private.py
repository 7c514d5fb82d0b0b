"""Folders and files that nobody else may read: modes are set outright, for the umask is not trusted (RECORDING 2.1).

On Windows the rights of the user's own folder hold, and nothing here changes or checks them.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from biofeedback.errors import RecordingError

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600
FINISHED_MODE: Final = 0o400
OURS: Final = ("sessions", "people")
"""Folders that are only the program's, in the home: their rights are tightened."""
_OTHERS_WRITE: Final = stat.S_IWGRP | stat.S_IWOTH
_OTHERS: Final = 0o077


def check_home(home: Path) -> Path:
    """Make sure that only this user can change the data folder, and make it when it is not there.

    A folder of somebody else, or one that others may write to, is refused: what lies in it may be theirs. Raises
    RecordingError saying what to do.
    """
    if os.name != "posix":
        home.mkdir(parents=True, exist_ok=True)
        return home
    try:
        _make(home)
        _check(home, home.stat())
        for name in OURS:
            _check_ours(home / name)
    except OSError as error:
        raise RecordingError(
            f"The data folder {home} cannot be used: {error.strerror}.", "Check its rights, or choose another --home."
        ) from error
    return home


def make_private_folder(folder: Path) -> Path:
    """A folder for this user only; its missing parents too. One that exists is left as it is. Raises OSError."""
    _make(folder)
    return folder


def private_file(path: Path) -> int:
    """Create a file for this user only and return its descriptor, open for writing.

    It must not exist, and a link that was planted in its place is not followed. Raises OSError.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags, FILE_MODE)
    if os.name == "posix":
        os.fchmod(descriptor, FILE_MODE)
    return descriptor


def _make(folder: Path) -> None:
    """Make a folder and its missing parents, each for this user only."""
    if folder.is_dir():
        return
    _make(folder.parent)
    try:
        folder.mkdir(FOLDER_MODE)
    except FileExistsError:
        if not folder.is_dir():
            raise
        return
    folder.chmod(FOLDER_MODE)


def _check_ours(folder: Path) -> None:
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode):
        raise RecordingError(
            f"{folder} is a link or a file, not the folder it should be.", "Move it away; the program makes its own."
        )
    _check(folder, found)
    if found.st_mode & _OTHERS:
        folder.chmod(FOLDER_MODE)


def _check(folder: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise RecordingError(
            f"The data folder {folder} belongs to another user of this computer.",
            "Choose one of your own with --home, or start the program as its owner.",
        )
    if found.st_mode & _OTHERS_WRITE:
        raise RecordingError(
            f"Others on this computer may write to the data folder {folder}.",
            f"Look through what is in it, then keep it to yourself: chmod 700 '{folder}'",
        )
