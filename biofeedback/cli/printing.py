"""Events as JSON lines on stdout, written by a thread of its own.

Whoever reads them may be slow: a session waits for nobody, since a strap's packets are stamped on its thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from json import dumps
from queue import Queue
from threading import Thread
from typing import Final, Self

from biofeedback.events import Event
from biofeedback.recording.codec import to_object

AHEAD: Final = 4096
"""A replay may be so many lines ahead of its reader, then it waits."""


class JsonLines:
    """Prints events of the given kinds (all when None), each line flushed. A context manager: leaving it waits.

    `live`: never keep the session waiting. `gone` is called when nobody reads the output any more, from the thread
    that prints and then from any that brings further events.
    """

    def __init__(self, kinds: frozenset[str] | None, gone: Callable[[], None], *, live: bool) -> None:
        self._kinds = kinds
        self._gone = gone
        self._broken = False
        self._lines: Queue[str | None] = Queue(0 if live else AHEAD)
        self._thread = Thread(target=self._print, name="json lines", daemon=True)

    def __enter__(self) -> Self:
        """Begin to print."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Print what is left."""
        self._lines.put(None)
        self._thread.join()

    def __call__(self, events: Sequence[Event]) -> None:
        """Hand in events."""
        if self._broken:
            self._gone()
            return
        for event in events:
            shown = to_object(event)
            if self._kinds is None or shown["kind"] in self._kinds:
                self._lines.put(dumps(shown, allow_nan=False) + "\n")

    def _print(self) -> None:
        while (line := self._lines.get()) is not None:
            if self._broken:
                continue
            try:
                sys.stdout.write(line)
                sys.stdout.flush()
            except BrokenPipeError:
                self._broken = True
                self._tell_gone()

    def _tell_gone(self) -> None:
        """On this thread only a live session can be told; a replay is when it brings the next event."""
        if not self._lines.maxsize:
            self._gone()
