"""The SQLite file behind the library: made anew whenever it is missing, damaged or of another version (RECORDING 1.6).

It holds nothing that is not in recordings and person logs, so it is never repaired and never asked about.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeVar

from biofeedback.recording.private import FILE_MODE, private_file
from biofeedback.recording.syncer import sync_folder
from devices.file_lock import take_lock

NAME: Final = "library.db"
SCHEMA_V: Final = 3
WAIT_S: Final = 2.0
"""So long another program may be busy with the index; then this one works with its own, in memory."""
RETRY_S: Final = 0.02
SCHEMA: Final = """
CREATE TABLE session(
    file TEXT PRIMARY KEY, id TEXT NOT NULL, bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT,
    subject TEXT, start_utc TEXT NOT NULL, start_ns INTEGER NOT NULL, utc_off_s INTEGER NOT NULL, dur_s REAL,
    beats INTEGER, quality TEXT, coverage REAL, phases TEXT, verified TEXT, format_v INTEGER NOT NULL,
    plan TEXT, scripts TEXT, source TEXT, simulated INTEGER NOT NULL, demo INTEGER NOT NULL, parent TEXT,
    encrypted INTEGER NOT NULL, state TEXT NOT NULL, imported TEXT, start_unknown TEXT
) WITHOUT ROWID;
CREATE TABLE metric(
    file TEXT NOT NULL, m TEXT NOT NULL, phase INTEGER, name TEXT, v REAL, rule TEXT, a REAL, rule_a TEXT
);
CREATE TABLE suds(file TEXT NOT NULL, t INTEGER NOT NULL, "when" TEXT NOT NULL, v INTEGER);
CREATE TABLE person_log(
    person TEXT PRIMARY KEY, bytes INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, whole INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE tag(person TEXT NOT NULL, session TEXT NOT NULL, word TEXT NOT NULL);
CREATE TABLE edit(person TEXT NOT NULL, session TEXT NOT NULL, what TEXT NOT NULL, value TEXT, place INTEGER NOT NULL);
CREATE TABLE deleted(person TEXT NOT NULL, session TEXT NOT NULL);
CREATE INDEX metric_file ON metric(file);
CREATE INDEX suds_file ON suds(file);
CREATE TABLE meta(schema_v INTEGER NOT NULL);
"""
_STATEMENTS: Final = {statement.strip() for statement in SCHEMA.split(";")} - {""}
_ASKED: Final = (
    "SELECT schema_v FROM meta",
    "PRAGMA quick_check(1)",
    "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL",
)
Fill = Callable[[sqlite3.Connection], None]
Result = TypeVar("Result")
BROKEN: Final = (sqlite3.Error, ValueError, TypeError, KeyError, IndexError, OverflowError)
"""What is raised where an index does not hold what it should."""
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})


class Index:
    """The index of a home while it is open."""

    def __init__(self, home: Path, fill: Fill, connection: sqlite3.Connection) -> None:
        self._home = home
        self._fill = fill
        self._connection = connection

    def tried(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """What `work` gives. Where it meets an index that is broken, that is made anew once, then one in memory."""
        for anew in (True, False):
            try:
                return work(self._connection)
            except BROKEN as error:
                self._connection.close()
                self._connection = (
                    _opened(self._home, self._fill, anew=True)
                    if anew and not _is_busy(error)
                    else (_in_memory(self._fill))
                )
        return work(self._connection)

    def close(self) -> None:
        """Nothing is read or kept any more."""
        self._connection.close()


@contextmanager
def opened_index(home: Path, fill: Fill, *, anew: bool = False) -> Generator[Index]:
    """The index of a home, made fresh by `fill`; `anew`: it is thrown away and made from nothing.

    Where the disk is full, the folder read-only or another program busy with it for long, one in memory is used and
    lost again: it costs time, and nothing else.
    """
    index = Index(home, fill, _opened(home, fill, anew=anew))
    try:
        yield index
    finally:
        index.close()


def _opened(home: Path, fill: Fill, *, anew: bool) -> sqlite3.Connection:
    try:
        with _alone(home):
            return _usable(home / NAME, fill, anew=anew)
    except _UnusableError:
        return _in_memory(fill)


def _is_busy(error: Exception) -> bool:
    """Whether another program is at it, so that nothing is wrong with the index."""
    return isinstance(error, sqlite3.Error) and getattr(error, "sqlite_errorcode", 0) & 0xFF in _BUSY


class _UnusableError(Exception):
    """Raised when no index can be kept on the disk."""


@contextmanager
def _alone(home: Path) -> Generator[None]:
    """Nobody else of us changes the index meanwhile. Raises _UnusableError."""
    path = home / f"{NAME}.lock"
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), FILE_MODE)
    except OSError as error:
        raise _UnusableError from error
    try:
        until_s = time.monotonic() + WAIT_S
        while not take_lock(descriptor):
            if time.monotonic() > until_s:
                raise _UnusableError
            time.sleep(RETRY_S)
        yield
    finally:
        os.close(descriptor)


def _usable(path: Path, fill: Fill, *, anew: bool) -> sqlite3.Connection:
    """The index on the disk, made first when there is none that can be used. Raises _UnusableError."""
    try:
        if not anew and (found := _existing(path)) is not None and _fill(found, fill):
            return found
        _make(path, fill)
        return _connect(path)
    except (OSError, *BROKEN) as error:
        raise _UnusableError from error


def _existing(path: Path) -> sqlite3.Connection | None:
    """The index as it is; None when it is missing, damaged, or of another version."""
    if path.is_symlink() or not path.is_file():
        return None
    connection: sqlite3.Connection | None = None
    with suppress(sqlite3.Error, OSError):
        if os.name == "posix":
            path.chmod(FILE_MODE)
        connection = _connect(path)
        told = [connection.execute(asked).fetchall() for asked in _ASKED]
        if told[:2] == [[(SCHEMA_V,)], [("ok",)]] and {sql for (sql,) in told[2]} == _STATEMENTS:
            return connection
    if connection is not None:
        connection.close()
    return None


def _make(path: Path, fill: Fill) -> None:
    """Build it under another name and put it in its place. Raises OSError, sqlite3.Error."""
    made = path.with_name(f"{NAME}.new")
    for left in (made, *_beside(made)):
        left.unlink(missing_ok=True)
    os.close(private_file(made))
    connection = sqlite3.connect(made, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous=FULL")
        _create(connection, fill)
    finally:
        connection.close()
    # A log of the old index must not be taken for one of the new: first the old index goes, then its log.
    for old in (path, *_beside(path)):
        old.unlink(missing_ok=True)
    made.replace(path)
    sync_folder(path.parent)


def _in_memory(fill: Fill) -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    _create(connection, fill)
    return connection


def _create(connection: sqlite3.Connection, fill: Fill) -> None:
    connection.executescript(f"BEGIN;{SCHEMA}")
    connection.execute("INSERT INTO meta VALUES (?)", (SCHEMA_V,))
    fill(connection)
    connection.execute("COMMIT")


def _fill(connection: sqlite3.Connection, fill: Fill) -> bool:
    """Make it fresh, in one step; whether it could be. It is closed, and what was begun undone, when it could not."""
    try:
        connection.execute("BEGIN IMMEDIATE")
        fill(connection)
        connection.execute("COMMIT")
    except BROKEN as error:
        connection.close()
        if _is_busy(error):
            raise
        return False
    return True


def _connect(path: Path) -> sqlite3.Connection:
    """Open it as RECORDING 1.6 wants it; what is deleted is overwritten, as it may be withdrawn words."""
    connection = sqlite3.connect(path, isolation_level=None)
    for setting in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", "trusted_schema=OFF"):
        connection.execute(f"PRAGMA {setting}")
    return connection


def _beside(path: Path) -> tuple[Path, Path]:
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")
