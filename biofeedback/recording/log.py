"""Writes a session: one append-only file, one write for each event, a chained checksum on every line (RECORDING 1).

An event is committed when `append` returns: it survives the death of the program, and within a second a power cut.
The file is called `.part` until `close` has synced it and given it its final name, which never overwrites another.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import Final, Self

from biofeedback.errors import RecordingError
from biofeedback.events import Event, Json
from biofeedback.recording.chain import LineError
from biofeedback.recording.codec import kind_of, to_body
from biofeedback.recording.line_file import LineFile
from biofeedback.recording.naming import FORMAT, final_of, part_of
from biofeedback.recording.reader import StoredRecording, recording_of
from biofeedback.recording.recovery import clear_finished_parts
from biofeedback.recording.scan import Scan
from biofeedback.recording.sealing import Keys
from biofeedback.recording.syncer import sync_folder

IRREPLACEABLE: Final = frozenset(
    {"open", "commit", "reveal", "phase", "suds", "mark", "note", "safety", "consent", "end"}
)
"""After these the file is brought to the disk at once."""
NO_LINKS: Final = frozenset(
    {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK, errno.EINVAL, errno.EXDEV}
)
"""What a file system says that has no hard links."""
SEAL_EVERY_US: Final = 60_000_000


class SessionLog:
    """One recording being written. Use as a context manager or call `close`."""

    def __init__(
        self,
        path: Path,
        head: Mapping[str, Json],
        keys: Keys | None = None,
        *,
        part: tuple[LineFile, Scan] | None = None,
    ) -> None:
        """Create `<path>.part` with its head; `close` names it `path`. `keys` encrypt it. Raises RecordingError.

        `part`: one that was reopened is gone on with instead.
        """
        self.path = path
        self.stored: StoredRecording | None = None
        """What the file held when it was gone on with; None for a new one."""
        self._events = self._last_t = self._sealed_t = 0
        self._ended = False
        self._sealed_lines = 0
        """So many lines are sealed already, when nothing more is written."""
        self._named: Path | None = None
        self._unnamed: str | None = None
        if part is None:
            self._file = _new_file(path, head, keys)
        else:
            self._file = part[0]
            self._go_on(part[1])

    @classmethod
    def resume(cls, part: Path, keys: Keys | None = None) -> Self:
        """Go on with a recording whose program has died. Raises RecordingError as `LineFile.reopen` does."""
        return cls(final_of(part), {}, part=LineFile.reopen(part, keys))

    def _go_on(self, found: Scan) -> None:
        self.stored = recording_of(self._file.path, found)
        self._events = sum(1 for _ in self.stored.event_lines)
        self._last_t = found.lines[-1].t
        self._sealed_t = max((line.t for line in found.lines if line.kind == "seal"), default=0)
        self._ended = self.stored.finished
        self._sealed_lines = found.frames if found.lines[-1].kind == "seal" else 0

    @property
    def failed(self) -> str | None:
        """One sentence once nothing can be kept any more; the session can go on."""
        return self._file.failed or self._unnamed

    @property
    def trouble(self) -> str | None:
        """One sentence while the disk is full or fails, and events wait in memory."""
        return self._file.trouble

    @property
    def moved(self) -> str | None:
        """One sentence once a disk has failed and the session goes on in another file."""
        return self._file.moved

    @property
    def part(self) -> Path:
        """The file that is written now."""
        return self._file.path

    @property
    def durable(self) -> int:
        """How many bytes of `part` are on the disk for certain."""
        return self._file.durable

    @property
    def torn_bytes(self) -> int:
        """How many bytes of a torn end were moved aside when the file was gone on with."""
        return self._file.torn_bytes

    @property
    def empty(self) -> bool:
        """Whether no event was written: the session never began."""
        return not self._events

    def append(self, event: Event) -> None:
        """Write one event. While the disk is full it waits in memory, and `trouble` says so."""
        kind = kind_of(event)
        self._events += 1
        self._ended = kind == "end"
        self._write(event.at, kind, to_body(event), at_once=kind in IRREPLACEABLE)
        if event.at - self._sealed_t >= SEAL_EVERY_US and kind != "end":
            self._seal(event.at)

    def append_line(self, t: int, kind: str, body: Mapping[str, Json]) -> None:
        """Write a line that is no event, such as the version of a rule (`alg`)."""
        self._write(t, kind, body)

    def discard(self) -> None:
        """Remove the file of a session that never began. Raises RecordingError for any other."""
        if not self.empty:
            raise RecordingError(f"{self.part} holds a session.", "It is kept.")
        self._file.close()
        self.part.unlink(missing_ok=True)

    def abandon(self) -> None:
        """Remove the file of a session that came to nothing, whatever it holds."""
        self._file.close()
        for path in self.path.parent.glob(f"{escape(self.path.name)}*"):
            path.unlink(missing_ok=True)

    def close(self) -> Path:
        """Seal, sync and name the file. Returns where it is; one without the session's end stays `.part`."""
        if self._named is not None:
            return self._named
        if self._file.lines > self._sealed_lines:
            self._seal(self._last_t)
        self._file.finish()
        self._named = self.part
        if os.name == "nt":  # there an open file keeps its name
            self._file.release()
        if self._file.failed is None and self._ended:
            self._name()
        self._file.release()  # only now: nobody may take it for a session that was broken off
        return self._named

    def _name(self) -> None:
        self._unnamed = give_final_name(self.part, self.path)
        if self._unnamed is None:
            self._named = self.path
            with suppress(OSError):
                clear_finished_parts(self.path)

    def __enter__(self) -> Self:
        """Nothing to do: the file is open."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close, whatever happened."""
        self.close()

    def _write(self, t: int, kind: str, body: Mapping[str, Json], *, at_once: bool = False) -> None:
        self._last_t = max(self._last_t, t)
        try:
            self._file.write(t, kind, body, at_once=at_once)
        except LineError as error:
            self._file.write(t, "err", {"code": "too_long", "kind": kind, "error": str(error)})

    def _seal(self, t: int) -> None:
        self._sealed_t = t
        self._file.seal(t, {"events": self._events})


def _new_file(path: Path, head: Mapping[str, Json], keys: Keys | None) -> LineFile:
    if path.exists():
        raise RecordingError(f"{path} exists already.", "Choose another name; nothing is ever overwritten.")
    cipher = keys.new_file(str(head.get("session", ""))) if keys is not None else None
    return LineFile.create(part_of(path), {"format": FORMAT, **head}, cipher)


def give_final_name(part: Path, final: Path) -> str | None:
    """Name a finished file, read-only, never over another; a sentence why it stays `.part`, None when it is done."""
    try:
        _rename_without_overwriting(part, final)
    except FileExistsError:
        return f"{final} exists already. The recording is whole, and kept as {part.name}."
    except OSError as error:
        return f"The recording is whole, but could not get its name: {error.strerror}. It is kept as {part.name}."
    with suppress(OSError):  # the name comes to the disk a little later, at the worst
        sync_folder(final.parent)
    return None


def _rename_without_overwriting(part: Path, final: Path) -> None:
    """Give the file its name. Raises FileExistsError when the name is taken, OSError when it cannot be done."""
    if os.name == "nt":  # there a rename replaces nothing, and no file that is read-only is taken away
        part.rename(final)
        make_read_only(final)
        return
    try:
        os.link(part, final)
    except FileExistsError:
        if not _same_file(part, final):
            raise
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        _replace_reserved(part, final)
        make_read_only(final)
        return
    make_read_only(final)
    with suppress(OSError):  # two names of one file do no harm; the next start takes the first away
        part.unlink()


def make_read_only(final: Path) -> None:
    """A finished file is not written any more."""
    with suppress(OSError):
        final.chmod(0o400)


def _replace_reserved(part: Path, final: Path) -> None:
    """The same without links: take the name for a file that will be replaced."""
    _reserve(final)
    try:
        part.replace(final)
    except OSError:
        with suppress(OSError):
            final.unlink()
        raise


def _same_file(part: Path, final: Path) -> bool:
    """Whether a start before this one died between giving the name and taking the old one away."""
    try:
        return part.samefile(final)
    except OSError:
        return False


def _reserve(final: Path) -> None:
    """Take a name for a file that will replace what is there; nothing of another is replaced."""
    try:
        os.close(os.open(final, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if final.stat().st_size:  # an empty one was left by a start that died here
            raise
