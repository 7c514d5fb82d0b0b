"""Advisory locks on open files, held until the file is closed or the process ends, however it ends."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 40
    """Windows lets nobody read a locked byte, so one is locked that no file has."""

    def take_lock(descriptor: int) -> bool:
        """Lock the file; whether it was free."""
        with suppress(OSError):
            before = os.lseek(descriptor, 0, os.SEEK_CUR)
            os.lseek(descriptor, _FAR, os.SEEK_SET)
            try:
                msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
            finally:
                os.lseek(descriptor, before, os.SEEK_SET)
            return True
        return False

    def try_lock(descriptor: int) -> bool | None:
        """The same for a moment; close the file soon."""
        return take_lock(descriptor)

else:
    import fcntl

    def take_lock(descriptor: int) -> bool:
        """Lock the file; whether it was free. A file system without locks counts as free."""
        return _lock(descriptor, fcntl.LOCK_EX) is not False

    def try_lock(descriptor: int) -> bool | None:
        """The same for a moment, so that two who only look do not see each other; close the file soon.

        None: this file system has no locks, so that nobody can tell.
        """
        return _lock(descriptor, fcntl.LOCK_SH)

    def _lock(descriptor: int, how: int) -> bool | None:
        try:
            fcntl.flock(descriptor, how | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            return None
        return True
