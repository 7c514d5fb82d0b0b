"""Brings a growing file to the disk, on a thread of its own: a sync may take a third of a second (RECORDING 1.4)."""

from __future__ import annotations

import os
import threading
from typing import Final

LATEST_S: Final = 1.0
"""What was written is on the disk this much later, whatever happens to the power."""


class Syncer:
    """Syncs a file within a second of a change, at once when asked. `error` is why it could not, in words."""

    def __init__(self, handle: int) -> None:
        """`handle` stays the caller's and open until `close` has returned."""
        self.error: str | None = None
        self._handle = handle
        self._dirty = threading.Event()
        self._hurry = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self._thread.start()

    def changed(self, *, at_once: bool = False) -> None:
        """The file has grown."""
        self._dirty.set()
        if at_once:
            self._hurry.set()

    def close(self) -> None:
        """Sync what is left and end the thread."""
        self._closing = True
        self.changed(at_once=True)
        self._thread.join()

    def _run(self) -> None:
        while self.error is None:
            self._dirty.wait()
            self._hurry.wait(LATEST_S)
            self._dirty.clear()
            self._hurry.clear()
            closing = self._closing  # read after clearing: a close that comes later sets the events again
            self._sync()
            if closing:
                return

    def _sync(self) -> None:
        """A sync that failed is not tried again: the system may have dropped what it could not write."""
        try:
            os.fsync(self._handle)
        except OSError as error:
            self.error = error.strerror or str(error)
