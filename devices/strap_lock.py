"""One reader for each strap on this computer.

Bluetooth lets two programs listen to one strap, and then gives each of them every notification twice: each beat would
be counted double. So a run of ours holds a lock for as long as it reads a strap. The system frees it with the run that
holds it, however that ends.
"""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final, Self

from devices.file_lock import take_lock, try_lock

FOLDER: Final = "biofeedback-straps"


class StrapLocks:
    """The locks in `folder`; None: there are none, and every strap is free.

    Where the folder cannot be used, straps are free as well: better a reader too many than none.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @classmethod
    def usual(cls) -> Self:
        """The locks of this person's runs on this computer."""
        runtime = os.environ.get("XDG_RUNTIME_DIR", "")
        if runtime and Path(runtime).is_dir():
            return cls(Path(runtime) / FOLDER)
        return cls(Path(tempfile.gettempdir()) / f"{FOLDER}{_person()}")

    def take(self, address: str) -> StrapLock | None:
        """The lock of this strap, held from now on; None when another run holds it."""
        return self._lock(address, take_lock, os.O_CREAT)

    def in_use(self, address: str) -> bool:
        """Whether another run reads this strap now; not to be asked of one that is held here. Leaves no file."""
        lock = self._lock(address, try_lock, 0)
        if lock is not None:
            lock.free()
        return lock is None

    def _lock(self, address: str, locks: Callable[[int], bool | None], create: int) -> StrapLock | None:
        if self._folder is None or not _is_ours(self._folder):
            return StrapLock(address, None)
        # The name is a hash: whoever can list the folder learns no address from it.
        path = self._folder / f"{sha256(address.casefold().encode()).hexdigest()[:24]}.lock"
        try:
            descriptor = os.open(path, create | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except OSError:
            return StrapLock(address, None)
        if locks(descriptor) is not False:
            return StrapLock(address, descriptor)
        os.close(descriptor)
        return None


class StrapLock:
    """A lock that is held until `free` or the end of the process."""

    def __init__(self, address: str, descriptor: int | None) -> None:
        self.address = address
        self._descriptor = descriptor

    def free(self) -> None:
        """Let it go. The file stays: removing it could take it from under somebody who has just opened it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def _is_ours(folder: Path) -> bool:
    """Make the folder; whether nobody else can put anything into it."""
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.lstat()
        if sys.platform == "win32":
            return stat.S_ISDIR(found.st_mode)
        return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077
    return False


def _person() -> str:
    """Whose folder in the temporary one that all share; on Windows each person has one."""
    return "" if sys.platform == "win32" else f"-{os.getuid()}"
