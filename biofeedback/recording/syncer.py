"""Brings a growing file to the disk, on a thread of its own: a sync may take a third of a second (RECORDING 1.4)."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

LATEST_S: Final = 0.5
"""What was written is brought to the disk so much later. A line may have to wait for a sync that has just begun, so
that this is half of the second that a power cut may cost."""


class Syncer:
    """Syncs a file within a second of a change, at once when asked. `error` is why it could not, in words.

    `durable` is how many bytes of it are on the disk for certain.
    """

    def __init__(self, handle: int, folder: Path, *, durable: int = 0) -> None:
        """`handle` stays the caller's and open until `close` has returned. `folder`: the file's name is new in it."""
        self.error: str | None = None
        self.durable = durable
        self._handle = handle
        self._folder: Path | None = folder
        self._written = durable
        self._dirty = threading.Event()
        self._hurry = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self._thread.start()

    def changed(self, size: int, *, at_once: bool = False) -> None:
        """The file has `size` bytes now."""
        self._written = size
        self._dirty.set()
        if at_once:
            self._hurry.set()

    def close(self) -> None:
        """Sync what is left and end the thread."""
        self._closing = True
        self.changed(self._written, at_once=True)
        self._thread.join()

    def abandon(self) -> None:
        """Sync no more, and wait for nothing: a sync of a disk that fails may hang. The file may be closed at once."""
        self._handle = -1
        self._closing = True
        self._dirty.set()
        self._hurry.set()

    def _run(self) -> None:
        while self.error is None:
            self._dirty.wait()
            self._hurry.wait(LATEST_S)
            self._dirty.clear()
            self._hurry.clear()
            closing = self._closing  # read after clearing: a close that comes later sets the events again
            self._sync(self._written)
            if closing:
                return

    def _sync(self, size: int) -> None:
        """A sync that failed is not tried again: the system may have dropped what it could not write."""
        handle = self._handle
        if handle < 0:
            return
        try:
            sync_file(handle)
        except OSError as error:
            self.error = error.strerror or str(error)
            return
        if self._folder is None:
            self.durable = max(self.durable, size)
            return
        with suppress(OSError):  # the file itself is well; its name is tried again with the next sync
            sync_folder(self._folder)
            self._folder, self.durable = None, max(self.durable, size)


if sys.platform == "darwin":
    import fcntl

    def sync_file(handle: int) -> None:
        """Bring a file to the disk itself: there fsync ends at the disk's own memory. Raises OSError."""
        try:
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)
        except OSError:  # a file system that does not know it
            os.fsync(handle)

else:

    def sync_file(handle: int) -> None:
        """Bring a file to the disk. Raises OSError."""
        os.fsync(handle)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where folders can be opened. Raises OSError."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
