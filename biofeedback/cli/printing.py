"""Events as JSON lines on stdout, written by a thread of its own.

Whoever reads them may be slow: a session waits for nobody, since a strap's packets are stamped on its thread.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from json import dumps
from queue import Queue
from threading import Thread
from typing import Final, Self

from biofeedback.errors import BiofeedbackError
from biofeedback.events import Event
from biofeedback.recording.codec import to_object

AHEAD: Final = 4096
"""A replay may be so many lines ahead of its reader, then it waits."""


class JsonLines:
    """Prints events of the given kinds (all when None), each line at once. A context manager: leaving it waits.

    `live`: never keep the session waiting. `gone` is called when nobody reads the output any more, from the thread
    that prints and then from any that brings further events.
    """

    def __init__(self, kinds: frozenset[str] | None, gone: Callable[[], None], *, live: bool) -> None:
        self._kinds = kinds
        self._gone = gone
        self._broken = False
        self._failure: OSError | None = None
        self._out = -1
        self._aside = redirect_stdout(sys.stderr)
        self._lines: Queue[str | None] = Queue(0 if live else AHEAD)
        self._thread = Thread(target=self._print, name="json lines", daemon=True)

    def __enter__(self) -> Self:
        """Begin to print. What a plug-in prints meanwhile goes to stderr: stdout is for events."""
        sys.stdout.flush()
        self._out = sys.stdout.fileno()
        self._aside.__enter__()
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Print what is left. Raises BiofeedbackError when not all could be written, to a full disk for example.

        Who presses Ctrl-C once more does not wait for the reader.
        """
        self._aside.__exit__(None, None, None)
        if kind is KeyboardInterrupt:
            return
        self._lines.put(None)
        self._thread.join()
        if self._failure is not None and kind is None:
            what = f"The events could not all be printed: {self._failure.strerror}."
            raise BiofeedbackError(what, "Send them to another place; a recording is complete without them.")

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
        # Not through sys.stdout: whoever holds its lock while the reader is stuck aborts the end of the program.
        while (line := self._lines.get()) is not None:
            if self._broken or self._failure is not None:
                continue
            try:
                _write(self._out, line.encode())
            except BrokenPipeError:
                self._broken = True
                self._tell_gone()
            except OSError as failure:
                self._failure = failure

    def _tell_gone(self) -> None:
        """On this thread only a live session can be told; a replay is when it brings the next event."""
        if not self._lines.maxsize:
            self._gone()


def _write(out: int, data: bytes) -> None:
    """All of `data`, in as many steps as it takes."""
    while data:
        data = data[os.write(out, data) :]
