"""Reads a recording back, whole or damaged; never changes it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from biofeedback.errors import UnreadableError
from biofeedback.events import Event
from biofeedback.recording.chain import Line, LineError, open_line
from biofeedback.recording.codec import EVENT_KINDS, from_body
from biofeedback.recording.log import FORMAT, PART, VERSION

FIRST_BYTES: Final = b'{"n":0,"t":0,"k":"head"'
LARGEST_BYTES: Final = 1024**3
LOG_ONLY: Final = frozenset({"head", "alg", "drop", "err", "resume", "seal"})


@dataclass(frozen=True, slots=True)
class StoredRecording:
    """A recording as lines. `damage` says where the good part ends and why, None when all of it is good.

    `finished`: its last line but the seal is the session's end.
    """

    path: Path
    head: Mapping[str, Any]
    lines: tuple[Line, ...]
    damage: str | None

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
        """The lines of these kinds with the events they hold; kinds this version does not know are left out."""
        return (
            (line, from_body(line.kind, line.t, line.body))
            for line in self.event_lines
            if line.kind in kinds and line.kind in EVENT_KINDS
        )

    def events(self) -> Iterator[Event]:
        """The events, those of kinds this version knows."""
        return (event for _, event in self.timed_events())


def is_recording(path: Path) -> bool:
    """Whether the file begins as a recording of ours does. Raises UnreadableError when there is no such file."""
    if not path.is_file():
        what = f"{path} is not a file." if path.exists() else f"There is no file {path}."
        raise UnreadableError(what, "Check the name.")
    try:
        with path.open("rb") as file:
            return file.read(len(FIRST_BYTES)) == FIRST_BYTES
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror}.", "Check its rights.") from error


def read_recording(path: Path) -> StoredRecording:
    """Read all lines up to the first damaged one. Raises UnreadableError when there is not even a head."""
    if not is_recording(path):
        raise UnreadableError(f"{path} is not a recording of this program.", "Give a .session.jsonl file.")
    if path.stat().st_size > LARGEST_BYTES:
        raise UnreadableError(f"{path} is larger than 1 GiB.", "No session of this program is as long as that.")
    lines, damage = _read_lines(path.read_bytes())
    if not lines or lines[0].kind != "head" or lines[0].body.get("format") != FORMAT:
        raise UnreadableError(f"{path} is damaged from its first line on.", "Was it changed by another program?")
    if damage is None and lines[-1].kind != "seal" and not path.name.endswith(PART):
        damage = f"after line {len(lines)}: its closing seal is missing, lines may have been cut off"
    if lines[0].body.get("min_reader", VERSION) > VERSION:
        raise UnreadableError(f"{path} was made by a newer version.", "Update the program to read it.")
    return StoredRecording(path, lines[0].body, tuple(lines), damage)


def _read_lines(data: bytes) -> tuple[list[Line], str | None]:
    lines: list[Line] = []
    crc, sha = 0, hashlib.sha256()
    *whole, rest = data.split(b"\n")
    for number, raw in enumerate(whole, start=1):
        try:
            line, crc = open_line(raw, crc)
        except LineError as error:
            return lines, f"line {number}: {error}"
        if line.n != number - 1:
            return lines, f"line {number}: its number is {line.n}"
        if line.kind == "seal" and line.body.get("sha256") != sha.hexdigest():
            return lines, f"line {number}: its seal does not fit what stands before it"
        sha.update(raw + b"\n")
        lines.append(line)
    return lines, f"line {len(whole) + 1}: the line is cut short" if rest else None
