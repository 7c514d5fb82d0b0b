"""Reads a log back, whole or damaged; never changes it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

from biofeedback.errors import LockedError, UnreadableError
from biofeedback.events import Event
from biofeedback.recording.chain import Line, SealedError
from biofeedback.recording.codec import EVENT_KINDS, from_body
from biofeedback.recording.naming import FIRST_BYTES, FORMAT, PART, VERSION
from biofeedback.recording.scan import CUT_SHORT, Scan, head_of, scan
from biofeedback.recording.sealing import Keys

LARGEST_BYTES: Final = 1024**3
DAMAGED: Final = "damaged"
"""What `head.parent.removed` says of a copy that has only what could be read of a damaged recording."""
LOG_ONLY: Final = frozenset({"head", "alg", "drop", "err", "resume", "seal"})


@dataclass(frozen=True, slots=True)
class StoredLines:
    """A log as lines.

    `damage` says where the good part ends and why, None when all of it is good; `beyond` are lines behind the damage
    that are good again. `locked`: it is encrypted and no key was given, so `lines` are its clear ones only.
    """

    path: Path
    head: Mapping[str, Any]
    lines: tuple[Line, ...]
    damage: str | None
    beyond: tuple[Line, ...] = ()
    locked: bool = False

    @property
    def holed(self) -> bool:
        """Whether lines that were whole once cannot be read: more than an end that was being written is damaged."""
        return self.damage is not None and (bool(self.beyond) or not self.damage.endswith(CUT_SHORT))


@dataclass(frozen=True, slots=True)
class StoredRecording(StoredLines):
    """A recording as lines. `finished`: its last line but the seal is the session's end."""

    @property
    def finished(self) -> bool:
        """Whether the session came to its end before the file did."""
        last = next((line for line in reversed(self.lines) if line.kind != "seal"), None)
        return last is not None and last.kind == "end"

    @property
    def event_lines(self) -> Iterator[Line]:
        """The lines that are events of the session."""
        return (line for line in self.lines if line.kind not in LOG_ONLY)

    @property
    def algorithms(self) -> Mapping[str, int]:
        """The rules that made the stored numbers, by name and version."""
        return {
            name: int(version)
            for line in self.lines
            if line.kind == "alg"
            for name, _, version in (str(line.body["a"]).partition("/"),)
        }

    def timed_events(self, kinds: Collection[str] = EVENT_KINDS) -> Iterator[tuple[Line, Event]]:
        """The lines of these kinds with the events they hold; kinds this version does not know are left out.

        Raises UnreadableError at a line that lacks what its kind must have.
        """
        return (
            (line, self._event(line)) for line in self.event_lines if line.kind in kinds and line.kind in EVENT_KINDS
        )

    def events(self) -> Iterator[Event]:
        """The events, those of kinds this version knows."""
        return (event for _, event in self.timed_events())

    def _event(self, line: Line) -> Event:
        try:
            return from_body(line.kind, line.t, line.body)
        except (KeyError, TypeError, ValueError) as error:
            raise UnreadableError(
                f"{self.path}: line {line.n + 1} is no {line.kind} of this program.",
                "It was written by something else, or by a newer version; update the program.",
            ) from error


def is_recording(path: Path) -> bool:
    """Whether the file begins as a recording of ours does; a person's log, which does too, is told when it is read.

    Raises UnreadableError when there is no such file.
    """
    if not path.is_file():
        what = f"{path} is not a file." if path.exists() else f"There is no file {path}."
        raise UnreadableError(what, "Check the name.")
    try:
        with path.open("rb") as file:
            return file.read(len(FIRST_BYTES)) == FIRST_BYTES
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror}.", "Check its rights.") from error


def read_lines(path: Path, keys: Keys | None = None, *, format_: str) -> StoredLines:
    """Read all lines of a log of this format. Raises UnreadableError when there is not even a head."""
    return _read(path, keys, format_)[0]


def _read(path: Path, keys: Keys | None, format_: str) -> tuple[StoredLines, Scan]:
    found = _scan(path, keys)
    lines = found.lines
    if not lines or lines[0].kind != "head" or "format" not in lines[0].body:
        raise UnreadableError(f"{path} is damaged from its first line on.", "Was it changed by another program?")
    if lines[0].body["format"] != format_:
        raise UnreadableError(f"{path} is a {lines[0].body['format']}, not a {format_}.", "Give another file.")
    if lines[0].body.get("min_reader", VERSION) > VERSION:
        raise UnreadableError(f"{path} was made by a newer version.", "Update the program to read it.")
    stored = StoredLines(path, head_of(lines), tuple(lines), found.damage, tuple(found.beyond), found.locked)
    return stored, found


def read_recording(path: Path, keys: Keys | None = None) -> StoredRecording:
    """Read a session's log: all lines up to the first damaged one, and the good ones behind it.

    `keys` open an encrypted one; without them only its clear lines are read. Raises UnreadableError when there is not
    even a head, or when they are not its keys.
    """
    if not is_recording(path):
        raise UnreadableError(f"{path} is not a recording of this program.", "Give a .session.jsonl file.")
    stored, found = _read(path, keys, FORMAT)
    recording = StoredRecording(path, stored.head, stored.lines, stored.damage, stored.beyond, stored.locked)
    if recording.damage is None and not path.name.endswith(PART):
        return replace(recording, damage=_cut_off(recording, found))
    return recording


def _cut_off(recording: StoredRecording, found: Scan) -> str | None:
    """What a file with its final name lacks at its end; whether an encrypted one has its end is seen with its key."""
    if found.last_kind != "seal":
        return f"after line {found.frames}: its closing seal is missing, lines may have been cut off"
    if not (recording.finished or recording.locked or DAMAGED in removed_from(recording.head)):
        return f"after line {found.frames}: the end of the session is missing, lines were cut off"
    return None


def removed_from(head: Mapping[str, Any]) -> tuple[str, ...]:
    """What was left out of a recording when it was written anew, in words; empty for an original."""
    parent = head.get("parent")
    removed = cast("Mapping[str, object]", parent).get("removed") if isinstance(parent, Mapping) else None
    return tuple(map(str, cast("list[object]", removed))) if isinstance(removed, list) else ()


def open_recording(path: Path, keys: Keys | None = None) -> StoredRecording:
    """The same for who cannot do without its lines. Raises LockedError too, when it is encrypted and `keys` missing."""
    recording = read_recording(path, keys)
    if recording.locked:
        raise LockedError(f"{path} is encrypted.", "Give its passphrase: --passphrase-file FILE, or at a terminal.")
    return recording


def recording_of(path: Path, found: Scan) -> StoredRecording:
    """The good lines of a file that is being gone on with."""
    return StoredRecording(path, head_of(found.lines), tuple(found.lines), None, (), found.locked)


def _scan(path: Path, keys: Keys | None) -> Scan:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise UnreadableError(f"{path} is larger than 1 GiB.", "No session of this program is as long as that.")
        return scan(path.read_bytes(), keys)
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror}.", "Check its rights.") from error
    except SealedError as error:
        raise UnreadableError(f"{path} does not open: {error}.", "Is it the passphrase of this file?") from error
