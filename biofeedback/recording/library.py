"""The sessions on this computer: found in their files, kept in an index that is always as fresh as they are.

A file is read again only when its size or time has changed, and then only its two ends. Whose a session is says its
head, then the newest `edit` line of a person log; tags are lines of person logs too.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass, fields, replace
from functools import cache
from json import dumps, loads
from pathlib import Path
from typing import Any, Final

from biofeedback.errors import BiofeedbackError, UsageError
from biofeedback.recording.catalogue import NOT_READ, Facts, facts_of, recordings_in, storable_text
from biofeedback.recording.index_file import Index, opened_index
from biofeedback.recording.naming import PART
from biofeedback.recording.person_marks import LogFile, Marks, marks_of, person_logs_in
from biofeedback.recording.recovery import in_use
from biofeedback.recording.sealing import Keys

SESSIONS: Final = "sessions"
SHORT: Final = 8
"""So many digits of an id are shown."""
LEAST_DIGITS: Final = 4
_FEW_DIGITS: Final = re.compile(rf"[0-9a-f]{{1,{LEAST_DIGITS - 1}}}")
_FACTS: Final = tuple(field.name for field in fields(Facts))
_INSERT: Final = (
    f"INSERT OR REPLACE INTO session({', '.join(_FACTS)}, start_utc) "  # noqa: S608 - names of our own fields
    f"VALUES ({', '.join('?' * (len(_FACTS) + 1))})"
)
_SELECT: Final = f"SELECT {', '.join(_FACTS)}, sha256, phases, verified FROM session"  # noqa: S608 - as above


@dataclass(frozen=True, slots=True)
class Scored:
    """What a full reading of a recording found.

    `verified`: exact (to the bit), equal (within 1e-9), partial (only what stands before lost lines or a failure was
    compared), nothing (there is none to compare), locked (intact, as far as can be seen without its key), rescored
    (made by other versions), differs or damaged.
    `metrics`: (metric, phase index, phase name, stored value, its rule, value now, its rule), values in the metric's
    unit. `suds`: (time in microseconds, when, value 0-10 or None).
    """

    sha256: str
    verified: str
    beats: int
    quality: str | None
    phases: Sequence[str]
    metrics: Sequence[tuple[str, int | None, str, float | None, str | None, float | None, str | None]]
    suds: Sequence[tuple[int, str, int | None]]


@dataclass(frozen=True, slots=True)
class Session:
    """A session as the library knows it.

    `person`: whose it is, None while that cannot be known, because the log of some person is encrypted or damaged.
    """

    facts: Facts
    person: str | None
    tags: tuple[str, ...] = ()
    sha256: str | None = None
    phases: tuple[str, ...] = ()
    verified: str | None = None
    deleted: bool = False
    """Somebody began to delete it, and was interrupted."""

    @property
    def id(self) -> str:
        """The id in full."""
        return self.facts.id

    @property
    def short(self) -> str:
        """What of the id is shown."""
        return self.facts.id[:SHORT]


class Library:
    """The library of a home, while its index is open; get it from `open_library`."""

    def __init__(self, home: Path, index: Index, keys: Keys | None = None) -> None:
        self.home = home
        self.keys = keys
        """What opens encrypted recordings and person logs, None when they stay closed."""
        self._index = index

    @property
    def folder(self) -> Path:
        """Where the recordings lie."""
        return self.home / SESSIONS

    def path(self, session: Session) -> Path:
        """The file of a session."""
        return self.folder / session.facts.file

    def sessions(self) -> list[Session]:
        """All of them, the newest first; encrypted ones with what they hold only when there are keys."""
        found = self._index.tried(_stored_sessions)
        if self.keys is not None:
            marks = marks_of(person_logs_in(self.home), self.keys)
            found = [self._unlocked(session, marks) for session in found]
        return sorted(found, key=lambda session: (session.facts.start_ns, session.facts.file), reverse=True)

    def find(self, word: str) -> Session:
        """The one session that a word names: the first digits of its id, or its file. Raises UsageError."""
        wanted = word.strip().casefold().removesuffix("…")
        everything = self.sessions()
        name = Path(word).name
        same = [each for each in everything if name in (each.facts.file, each.facts.file.removesuffix(PART))]
        if not same and len(wanted) >= LEAST_DIGITS:
            same = [each for each in everything if each.id.casefold().startswith(wanted)]
        if len(same) == 1:
            return same[0]
        if not same and _FEW_DIGITS.fullmatch(wanted) is not None:
            raise UsageError(f"'{word}' is too short for an id.", f"Give at least {LEAST_DIGITS} of its digits.")
        if not same:
            raise UsageError(f"There is no session '{word}' here.", "See which there are: biofeedback library list")
        told = "; ".join(
            f"{each.id} of {each.facts.start or 'a time not known'} ({each.facts.file})" for each in same[:5]
        )
        raise UsageError(f"'{word}' names {len(same)} sessions: {told}.", "Give more digits, or the name of the file.")

    def store(self, session: Session, scored: Scored) -> None:
        """Keep what a full reading found. Of an encrypted recording nothing of what it holds is kept."""
        self._index.tried(lambda index: _store(index, session.facts, scored))

    def metrics(self, session: Session) -> list[tuple[Any, ...]]:
        """The stored and re-scored values of a session, as in `Scored`; empty before a full reading."""
        wanted = "SELECT m, phase, name, v, rule, a, rule_a FROM metric WHERE file=? ORDER BY rowid"
        return self._rows(wanted, session)

    def suds(self, session: Session) -> list[tuple[int, str, int | None]]:
        """The answers to how strong it felt, as in `Scored`; empty before a full reading."""
        wanted = 'SELECT t, "when", v FROM suds WHERE file=? ORDER BY rowid'
        return self._rows(wanted, session)

    def refresh(self) -> None:
        """Look again which files have changed, and read the ends of those."""

        def look(index: sqlite3.Connection) -> None:
            index.execute("BEGIN IMMEDIATE")
            _read_changes(index, self.home)
            index.execute("COMMIT")

        self._index.tried(look)

    def forget(self, file: str) -> None:
        """Drop a session's rows, whose file is gone; its words do not stay in the index's own log either."""

        def drop(index: sqlite3.Connection) -> None:
            index.execute("BEGIN IMMEDIATE")
            _forget(index, file)
            index.execute("COMMIT")
            index.execute("PRAGMA wal_checkpoint(TRUNCATE)")

        self._index.tried(drop)

    def _rows(self, wanted: str, session: Session) -> list[tuple[Any, ...]]:
        return self._index.tried(lambda index: index.execute(wanted, (session.facts.file,)).fetchall())

    def _unlocked(self, session: Session, marks: Marks) -> Session:
        """The session with what an encrypted file holds, read now and kept nowhere."""
        facts = session.facts
        if facts.encrypted:
            facts = facts_of(self.folder, facts.file, self.path(session).stat(), self.keys)
        return replace(
            session,
            facts=facts,
            person=marks.owner(facts.id, facts.subject),
            tags=tuple(marks.tags.get(facts.id, ())),
            deleted=facts.id in marks.deleted,
        )


@contextmanager
def open_library(home: Path, keys: Keys | None = None, *, anew: bool = False) -> Generator[Library]:
    """The library of a home, fresh. `anew`: its index is made from nothing. Raises BiofeedbackError."""

    def fill(connection: sqlite3.Connection) -> None:
        _read_changes(connection, home)

    try:
        with opened_index(home, fill, anew=anew) as index:
            yield Library(home, index, keys)
    except OSError as error:
        raise BiofeedbackError(
            f"The sessions in {home} cannot be read: {error.strerror}.", "Check its rights."
        ) from error


def is_running(library: Library, session: Session) -> bool:
    """Whether a session is being recorded at this moment."""
    return session.facts.state != "finished" and in_use(library.path(session))


def _read_changes(index: sqlite3.Connection, home: Path) -> None:
    known = {file: (size, mtime) for file, size, mtime in index.execute("SELECT file, bytes, mtime_ns FROM session")}
    folder = home / SESSIONS
    for name, found in recordings_in(folder):
        if known.pop(name, None) != (found.st_size, found.st_mtime_ns):
            _forget(index, name)
            facts = facts_of(folder, name, found)
            index.execute(_INSERT, (*astuple(facts), facts.start_utc))
    for gone in known:
        _forget(index, gone)
    _read_person_logs(index, home)


def _read_person_logs(index: sqlite3.Connection, home: Path) -> None:
    """The edits, tags and deletions of the person logs that have changed; of encrypted ones nothing is kept."""
    seen = {person: at for person, *at in index.execute("SELECT person, bytes, mtime_ns FROM person_log")}
    for log in person_logs_in(home):
        if seen.pop(log.person, None) != [log.bytes, log.mtime_ns]:
            _forget_person(index, log.person)
            _keep_marks(index, log)
    for person in seen:
        _forget_person(index, person)


def _keep_marks(index: sqlite3.Connection, log: LogFile) -> None:
    said = log.read()
    at = log.mtime_ns if said.whole or said.locked else NOT_READ
    index.execute("INSERT INTO person_log VALUES (?,?,?,?)", (log.person, log.bytes, at, said.whole))
    for table, rows in (("tag", said.tags), ("edit", said.edits), ("deleted", [(each,) for each in said.deleted])):
        for row in rows:
            words = [log.person, *(storable_text(word) if isinstance(word, str) else word for word in row)]
            index.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(words))})", words)  # noqa: S608 - our own


def _store(index: sqlite3.Connection, facts: Facts, scored: Scored) -> None:
    file = facts.file
    index.execute("BEGIN IMMEDIATE")
    if facts.encrypted:
        index.execute("UPDATE session SET sha256=?, verified=? WHERE file=?", (scored.sha256, scored.verified, file))
    else:
        _forget_scores(index, file)
        index.execute(
            "UPDATE session SET sha256=?, verified=?, beats=?, quality=?, phases=? WHERE file=?",
            (scored.sha256, scored.verified, scored.beats, scored.quality, dumps([*scored.phases]), file),
        )
        index.executemany("INSERT INTO metric VALUES (?,?,?,?,?,?,?,?)", [(file, *row) for row in scored.metrics])
        index.executemany("INSERT INTO suds VALUES (?,?,?,?)", [(file, *row) for row in scored.suds])
    index.execute("COMMIT")


def _stored_sessions(index: sqlite3.Connection) -> list[Session]:
    marks = _stored_marks(index)
    return [_session(row, marks) for row in index.execute(_SELECT)]


def _session(row: tuple[Any, ...], marks: Marks) -> Session:
    """Raises ValueError, TypeError when the row is none that we wrote."""
    facts = _facts(row)
    sha256, phases, verified = row[len(_FACTS) :]
    return Session(
        facts,
        marks.owner(facts.id, facts.subject),
        tuple(marks.tags.get(facts.id, ())),
        sha256,
        tuple(loads(phases)) if phases else (),
        verified,
        facts.id in marks.deleted,
    )


def _stored_marks(index: sqlite3.Connection) -> Marks:
    return Marks.of(
        index.execute("SELECT session, word FROM tag ORDER BY rowid").fetchall(),
        index.execute("SELECT session, what, value, place FROM edit ORDER BY rowid").fetchall(),
        [session for (session,) in index.execute("SELECT session FROM deleted")],
        whole=not index.execute("SELECT 1 FROM person_log WHERE NOT whole LIMIT 1").fetchall(),
    )


def _facts(row: Sequence[Any]) -> Facts:
    if not _fits(tuple(map(type, row))):
        raise TypeError("a row of the index does not hold what it should")
    values: dict[str, Any] = dict(zip(_FACTS, row, strict=False))
    for flag in ("simulated", "demo", "encrypted"):
        values[flag] = bool(values[flag])
    return Facts(**values)


@cache
def _fits(types: tuple[type, ...]) -> bool:
    """Whether the columns of `_SELECT` have the types of our fields."""
    columns = [str(field.type) for field in fields(Facts)] + ["str | None"] * 3
    return all(found in _TYPES[column] for found, column in zip(types, columns, strict=True))


_NOTHING: Final = type(None)
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "str": (str,),
    "int": (int,),
    "bool": (int,),
    "str | None": (str, _NOTHING),
    "int | None": (int, _NOTHING),
    "float | None": (float, _NOTHING),
}


def _forget(index: sqlite3.Connection, file: str) -> None:
    index.execute("DELETE FROM session WHERE file=?", (file,))
    _forget_scores(index, file)


def _forget_scores(index: sqlite3.Connection, file: str) -> None:
    index.execute("DELETE FROM metric WHERE file=?", (file,))
    index.execute("DELETE FROM suds WHERE file=?", (file,))


def _forget_person(index: sqlite3.Connection, person: str) -> None:
    for table in ("person_log", "tag", "edit", "deleted"):
        index.execute(f"DELETE FROM {table} WHERE person=?", (person,))  # noqa: S608 - names of our own tables
