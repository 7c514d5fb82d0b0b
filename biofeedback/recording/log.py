"""Writes a session: one append-only file, one write for each event, a chained checksum on every line (RECORDING 1).

An event is committed when `append` returns: it survives the death of the program, and within a second a power cut.
The file is called `.part` until `close` has synced it and given it its final name, which never overwrites another.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

from biofeedback.errors import RecordingError
from biofeedback.events import Event, Json
from biofeedback.recording.chain import seal_line
from biofeedback.recording.codec import kind_of, to_body
from biofeedback.recording.syncer import Syncer

FORMAT: Final = "biofeedback-session"
VERSION: Final = 1
SUFFIX: Final = ".session.jsonl"
PART: Final = ".part"
IRREPLACEABLE: Final = frozenset({"open", "commit", "reveal", "phase", "suds", "mark", "note", "safety", "end"})
"""After these the file is brought to the disk at once."""
SEAL_EVERY_US: Final = 60_000_000


class SessionLog:
    """One recording being written. Use as a context manager or call `close`."""

    def __init__(self, path: Path, head: Mapping[str, Json]) -> None:
        """Create `<path>.part` with its head; `close` names it `path`. Raises RecordingError."""
        self.path = path
        self._part = path.with_name(path.name + PART)
        self._n = 0
        self._crc = 0
        self._sha = hashlib.sha256()
        self._bytes = 0
        self._events = 0
        self._last_t = 0
        self._sealed_t = 0
        self._ended = False
        self.failed: str | None = None
        for taken in (self.path, self._part):
            if taken.exists():
                raise RecordingError(f"{taken} exists already.", "Choose another name; nothing is ever overwritten.")
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = os.open(self._part, flags | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except OSError as error:
            raise RecordingError(
                f"No recording can be made in {path.parent}: {error.strerror}.",
                "Choose another folder with --output, or make this one writable.",
            ) from error
        self._syncer = Syncer(self._fd)
        self._write(0, "head", {"format": FORMAT, "v": VERSION, "min_reader": VERSION, **head})

    def append(self, event: Event) -> None:
        """Write one event. On a full disk recording stops, `failed` says why, and the session can go on."""
        kind = kind_of(event)
        self._events += 1
        self._ended = kind == "end"
        self._write(event.at, kind, to_body(event))
        self._syncer.changed(at_once=kind in IRREPLACEABLE)
        if event.at - self._sealed_t >= SEAL_EVERY_US and kind != "end":
            self._seal(event.at)

    def append_line(self, t: int, kind: str, body: Mapping[str, Json]) -> None:
        """Write a line that is no event, such as the version of a rule (`alg`)."""
        self._write(t, kind, body)

    @property
    def empty(self) -> bool:
        """Whether no event was written: the session never began."""
        return not self._events

    def discard(self) -> None:
        """Remove the file of a session that never began. Raises RecordingError for any other."""
        if not self.empty:
            raise RecordingError(f"{self._part} holds a session.", "It is kept.")
        self._syncer.close()
        os.close(self._fd)
        self._fd = -1
        self._part.unlink()

    def close(self) -> Path:
        """Seal, sync and name the file. Returns where it is; one without the session's end stays `.part`."""
        if self._fd < 0:
            return self.path if self.path.exists() else self._part
        self._seal(self._last_t)
        self._syncer.close()
        if self._syncer.error is not None:
            self._give_up(self._syncer.error)
        os.close(self._fd)
        self._fd = -1
        if self.failed is not None or not self._ended:
            return self._part
        self._part.chmod(0o400)
        _rename_without_overwriting(self._part, self.path)
        _sync_folder(self.path.parent)
        return self.path

    def __enter__(self) -> Self:
        """Nothing to do: the file is open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close, whatever happened."""
        self.close()

    def _seal(self, t: int) -> None:
        """A line with the SHA-256 of all bytes before it: evidence of tampering, not proof against it."""
        self._sealed_t = t
        body: dict[str, Json] = {
            "sha256": self._sha.hexdigest(),
            "bytes": self._bytes,
            "events": self._events,
        }
        self._write(t, "seal", body)

    def _write(self, t: int, kind: str, body: Mapping[str, Json]) -> None:
        if self.failed is None and self._syncer.error is not None:
            self._give_up(self._syncer.error)
        if self.failed is not None:
            return
        line, crc = seal_line(self._n, t, kind, body, self._crc)
        try:
            written = os.write(self._fd, line)
        except OSError as error:
            self._give_up(error.strerror or str(error))
            return
        if written != len(line):
            os.ftruncate(self._fd, self._bytes)
            self._give_up(os.strerror(errno.ENOSPC))
            return
        self._n, self._crc, self._last_t = self._n + 1, crc, t
        self._sha.update(line)
        self._bytes += written

    def _give_up(self, why: str) -> None:
        self.failed = f"Recording stopped: {why}. What was recorded until then is kept."


def _rename_without_overwriting(part: Path, final: Path) -> None:
    """Give the file its name; fails when the name is taken."""
    try:
        os.link(part, final)
    except FileExistsError as error:
        raise _taken(part, final) from error
    except OSError:  # a file system without hard links
        _reserve(part, final)
        part.replace(final)
        return
    part.unlink()


def _reserve(part: Path, final: Path) -> None:
    try:
        os.close(os.open(final, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError as error:
        raise _taken(part, final) from error


def _taken(part: Path, final: Path) -> RecordingError:
    return RecordingError(f"{final} exists already.", f"The recording is kept as {part}.")


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
