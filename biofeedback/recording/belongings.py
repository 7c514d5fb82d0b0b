"""What of a data folder belongs to a person: recordings, what lies beside them, and its deletion.

Whose a session is says its head, and the newest `edit` in any person's log that moved it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

from biofeedback.errors import RecordingError, UnreadableError
from biofeedback.recording.chain import LONGEST_LINE, SealedError
from biofeedback.recording.naming import FORMAT, PART, SUFFIX
from biofeedback.recording.people import People
from biofeedback.recording.person import PersonLog
from biofeedback.recording.person_state import MOVED
from biofeedback.recording.recovery import in_use
from biofeedback.recording.scan import head_of, scan
from biofeedback.recording.sealing import Keys
from biofeedback.recording.syncer import sync_folder

SESSIONS: Final = "sessions"
KeysOf: TypeAlias = Callable[[Path], Keys | None]
"""What opens a log; None for one that is not encrypted, or when nobody has the passphrase."""


@dataclass(frozen=True, slots=True)
class OwnedRecording:
    """A recording, or an unfinished part of one; `session` and `start_ns` (UTC) as in its head."""

    path: Path
    session: str
    start_ns: int

    @property
    def beside(self) -> list[Path]:
        """The page made of it, torn ends, parts left behind, and copies made while it was rewritten."""
        name = self.path.name.partition(SUFFIX)[0] + SUFFIX
        others = [path for path in self.path.parent.glob(f"{name}*") if path != self.path]
        page = self.path.with_name(name.split(".", maxsplit=1)[0] + ".html")
        return sorted([*others, *([page] if page.exists() else [])])

    @property
    def bytes(self) -> int:
        """Of the recording and all that lies beside it."""
        total = 0
        for path in (self.path, *self.beside):
            with suppress(OSError):
                total += path.stat().st_size
        return total


@dataclass(frozen=True, slots=True)
class Belongings:
    """`unknown`: files of which nobody can say whose they are, as they are encrypted or damaged in their first line."""

    recordings: tuple[OwnedRecording, ...]
    unknown: tuple[Path, ...]


def belongings_of(home: Path, person: str, keys_of: KeysOf) -> Belongings:
    """The recordings of a person, oldest first."""
    moves = _moves(home, keys_of)
    owned: list[OwnedRecording] = []
    unknown: list[Path] = []
    for path in _recordings_in(home / SESSIONS):
        head = _head(path, keys_of)
        if head is None or not isinstance(head.get("subject"), str):
            unknown.append(path)
            continue
        session, start_ns = str(head.get("session", "")), head.get("wall_ns")
        if moves.get(session, head["subject"]).casefold() == person.casefold():
            owned.append(OwnedRecording(path, session, start_ns if isinstance(start_ns, int) else 0))
    return Belongings(tuple(owned), tuple(unknown))


def check_idle(belongings: Belongings) -> None:
    """Raises RecordingError when one of the recordings is being written."""
    for owned in belongings.recordings:
        if owned.path.name.endswith(PART) and in_use(owned.path):
            raise RecordingError("A session of this person is being recorded now.", "End it, then try again.")


def delete_recording(owned: OwnedRecording) -> None:
    """Delete a recording and what lies beside it; the recording last, so that this can be done again. Raises OSError."""
    for path in (*owned.beside, owned.path):
        path.unlink(missing_ok=True)
    with suppress(OSError):
        sync_folder(owned.path.parent)


def _recordings_in(folder: Path) -> Iterator[Path]:
    """Finished ones, and parts whose recording was not finished."""
    with suppress(FileNotFoundError):
        names = sorted(path.name for path in folder.iterdir() if SUFFIX in path.name)
        finished = {name for name in names if name.endswith(SUFFIX)}
        for name in names:
            first_part = name.endswith(PART) and name.partition(SUFFIX)[0] + SUFFIX not in finished
            path = folder / name
            if (name in finished or first_part) and path.is_file() and not path.is_symlink():
                yield path


def _head(path: Path, keys_of: KeysOf) -> Mapping[str, Any] | None:
    with suppress(OSError, SealedError):
        with path.open("rb") as file:
            start = file.readline(LONGEST_LINE + 1) + file.readline(LONGEST_LINE + 1)
        lines = scan(start, keys_of(path)).lines
        if lines and lines[0].kind == "head" and lines[0].body.get("format") == FORMAT:
            return head_of(lines)
    return None


def _moves(home: Path, keys_of: KeysOf) -> Mapping[str, str]:
    """To whom sessions were moved, the newest word in all logs."""
    found: dict[str, tuple[str, str]] = {}
    for other in People(home).pseudonyms():
        log = PersonLog(home, other)
        with suppress(UnreadableError):
            log = PersonLog(home, other, keys_of(log.path)) if log.path.exists() else log
            for session, edit in log.state().latest(MOVED).items():
                if isinstance(edit.value, str):
                    found[session] = max(found.get(session, ("", "")), (edit.said.at, edit.value))
    return {session: person for session, (_, person) in found.items()}
