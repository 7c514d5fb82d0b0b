"""SQLite files of emWave and Gadgetbridge, opened as what they are: a stranger's database (RECORDING 2.3 row 11).

Read-only and as it lies there, only plain tables by name; nothing that the file brings along (views, triggers, virtual
tables) is run, and every size and the time are limited. Layouts: FORMATS 1.2.
"""

from __future__ import annotations

import sqlite3
import struct
from array import array
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from statistics import median
from time import monotonic
from typing import Any, Final, TypeAlias

from biofeedback.errors import EXPORT_AGAIN, ImportRefused
from biofeedback.formats.content import Content, Hole, Marker, Start
from biofeedback.formats.dates import start_at
from biofeedback.formats.foreign import LARGEST_BYTES, Foreign
from biofeedback.formats.limits import UNKNOWN_DATABASE
from biofeedback.formats.lines import MOST_BEATS, printable
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.formats.units import fills
from biofeedback.hrv.ticks import TICKS_PER_MS

LONGEST_S: Final = 10.0
_STEPS: Final = 10_000
"""Steps of SQLite's machine between two looks at the clock."""
_LIMITS: Final[dict[int, int]] = {
    sqlite3.SQLITE_LIMIT_LENGTH: 5 * MOST_BEATS,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 100_000,
    sqlite3.SQLITE_LIMIT_COLUMN: 500,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 10,
    sqlite3.SQLITE_LIMIT_VDBE_OP: 25_000,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 10,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 100,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 10,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
_ALLOWED: Final = {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION}
_MOST_TABLES: Final = 10_000
_MOST_SESSIONS: Final = 10_000
_NAMED: Final = 20
"""So many other sessions are named in a sentence."""
_EMWAVE: Final = "PrimaryData"
_FLAGS: Final = "factFlag"
"""How the name of emWave's column of marks ends, one mark an interval; its own spelling is not ours."""
_GADGET: Final = "HEART_RR_INTERVAL_SAMPLE"
_SUMMARIES: Final = ("_HRV_SUMMARY_SAMPLE", "_HRV_VALUE_SAMPLE")
_PAUSE_MS: Final = 30 * 60 * 1000
"""A pause from which on it is another session."""
_HOLE_MS: Final = 4000
"""Arrival times scatter by more than a second (FORMATS 1.2), and a stalled link delivers several packets at once: a
hole is what arrival runs ahead of the summed intervals by, more than this, and keeps for the next packets."""
_SETTLED: Final = 8
"""Packets before and after, over which arrival is compared."""
_LAST_MS: Final = 4_102_444_800_000
"""The year 2100."""

_Row: TypeAlias = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class _Session:
    """One of the sessions in a database. `key`: where its data are; `start_ms`: Unix time, None where not said."""

    name: str
    start_ms: int | None
    said: str
    key: Any


class _Database:
    """A database under all limits; its errors come out as refusals."""

    def __init__(self, file: Foreign) -> None:
        if file.size > LARGEST_BYTES:
            raise ImportRefused("it is larger than 512 MiB.", "Export a smaller stretch of time from the program.")
        self._connection = _opened(file)
        deadline = monotonic() + LONGEST_S
        self._connection.set_progress_handler(lambda: monotonic() > deadline, _STEPS)
        self.tables = self._plain_tables()

    def close(self) -> None:
        """Close it."""
        self._connection.close()

    def _plain_tables(self) -> frozenset[str]:
        """Names of tables that are no views and no virtual tables."""
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'table'"
        rows = [row for row in self.rows(query, limit=_MOST_TABLES) if all(isinstance(cell, str) for cell in row)]
        return frozenset(name for name, sql in rows if sql.lstrip()[:13].upper() == "CREATE TABLE ")

    def columns(self, table: str) -> frozenset[str]:
        """Names of a table's columns."""
        cursor = self._run(f"SELECT * FROM {_quoted(table)} LIMIT 0", ())  # noqa: S608 - names of ours
        return frozenset(str(each[0]) for each in cursor.description)

    def rows(self, query: str, *values: int | str, limit: int) -> Iterator[_Row]:
        """The rows of a query. Raises ImportRefused at the first beyond `limit`, and for anything that SQLite says."""
        cursor = self._run(f"{query} LIMIT {limit + 1}", values)
        count = 0
        while True:
            try:
                row = cursor.fetchone()
            except (sqlite3.Error, OverflowError, UnicodeError) as error:
                raise _refused(error) from error
            if row is None:
                return
            count += 1
            if count > limit:
                raise ImportRefused(f"a table in it has more than {limit} rows.", "Export a smaller stretch of time.")
            yield row

    def _run(self, query: str, values: Sequence[int | str]) -> sqlite3.Cursor:
        try:
            return self._connection.execute(query, values)
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            raise _refused(error) from error


def _opened(file: Foreign) -> sqlite3.Connection:
    try:
        if file.path is not None:
            connection = sqlite3.connect(f"{file.path.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
        else:
            connection = sqlite3.connect(":memory:")
            # A database whose changes went to a log of its own (bytes 18 and 19 are 2) cannot be opened in memory.
            connection.deserialize(file.data[:18] + b"\1\1" + file.data[20:])
        connection.text_factory = _text
        for what, most in _LIMITS.items():
            connection.setlimit(what, most)
        for setting in ("trusted_schema = OFF", "query_only = ON", "mmap_size = 0", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {setting}")
        connection.set_authorizer(_allowed)
    except (sqlite3.Error, OverflowError, UnicodeError) as error:
        raise _refused(error) from error
    return connection


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _allowed(action: int, _first: str | None, _second: str | None, _base: str | None, inside: str | None) -> int:
    """Reading of tables only; whatever a view or a trigger asks for is denied."""
    return sqlite3.SQLITE_OK if action in _ALLOWED and inside is None else sqlite3.SQLITE_DENY


def _refused(error: Exception) -> ImportRefused:
    if isinstance(error, sqlite3.OperationalError) and "interrupted" in str(error):
        return ImportRefused(f"reading it takes longer than {LONGEST_S:.0f} s.", "Export a smaller stretch of time.")
    if "too big" in str(error):
        return ImportRefused("one session in it is larger than any session can be.", "Export it again.")
    return ImportRefused("the database is damaged.", EXPORT_AGAIN)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _claims(file: Foreign) -> bool:
    return file.head.startswith(b"SQLite format 3\0")


def _read(file: Foreign, choices: Choices, progress: Progress) -> Content:
    with closing(_Database(file)) as database:
        progress(0.1)
        tables = database.tables
        if _EMWAVE in tables and "VersionTable" in tables:
            return _with_log(file, _emwave(database, choices))
        if _GADGET in tables and database.columns(_GADGET) >= {"TIMESTAMP", "SEQ", "RR_MILLIS"}:
            content = _gadgetbridge(database, choices)
            if content is not None:
                return _with_log(file, content)
        summaries = sorted(name for name in tables if name.endswith(_SUMMARIES))
        rows = sum(1 for name in summaries for _ in database.rows(f"SELECT 1 FROM {_quoted(name)}", limit=MOST_BEATS))  # noqa: S608 - names of ours
        if rows:
            return _summaries(summaries, rows)
        if _GADGET in tables:
            raise ImportRefused("its table of RR intervals is empty.", "Record with a chest strap in Gadgetbridge.")
    raise ImportRefused(*UNKNOWN_DATABASE)


def _with_log(file: Foreign, content: Content) -> Content:
    """Said where the program's last changes lie beside its database: such a log is not read."""
    log = file.beside(f"{file.name}-wal")
    if log is None or not log.size:
        return content
    note = f"{log.name} beside it holds the latest changes and was not read: close the program and copy it again."
    return replace(content, why=note if content.why is None else f"{content.why} {note}")


def _summaries(names: list[str], rows: int) -> Content:
    return Content(
        "gadgetbridge",
        "summary",
        why="it holds summaries of heart rate variability, no intervals; newer Gadgetbridge keeps those of straps.",
        about={"rows": rows, "tables": list(names)},
    )


def _chosen(sessions: list[_Session], choices: Choices) -> tuple[_Session, str | None]:
    """The session that was named, or the newest; and what there is besides. Raises ImportRefused for another name."""
    if choices.signal is not None:
        named = next((each for each in sessions if each.name == choices.signal), None)
        if named is None:
            there = ", ".join(each.name for each in sessions[-_NAMED:])
            raise ImportRefused(f"there is no session '{printable(choices.signal)}' in it.", f"Choose from: {there}.")
        return named, None
    newest = max(sessions, key=lambda each: -1 if each.start_ms is None else each.start_ms)
    others = [f"{each.name} ({each.said})" for each in sessions if each is not newest]
    if not others:
        return newest, None
    more = f" and {len(others) - _NAMED} earlier ones" if len(others) > _NAMED else ""
    return newest, (
        f"it holds {len(sessions)} sessions, and the newest was taken: {newest.name} ({newest.said}). "
        f"The others, to be chosen with --signal: {', '.join(others[-_NAMED:])}{more}."
    )


def _utc(unix_ms: int) -> str:
    return start_at(datetime(1970, 1, 1) + timedelta(milliseconds=unix_ms)).text  # noqa: DTZ001 - it is all in UTC


def _unix_ms(value: object) -> int | None:
    """Seconds or milliseconds since 1970 as milliseconds; None for what is no date between 1970 and 2100."""
    if not isinstance(value, int | float) or not 0 < value < _LAST_MS:
        return None
    return round(value * 1000) if value <= _LAST_MS / 1000 else round(value)


def _emwave(database: _Database, choices: Choices) -> Content:
    there = database.columns(_EMWAVE)
    if "LiveIBI" not in there:
        raise ImportRefused("its table PrimaryData has no column LiveIBI.", "Export the sessions as text from emWave.")
    sessions = list(_emwave_sessions(database, there))
    if not sessions:
        raise ImportRefused("it holds no session with intervals.", "Record a session in emWave first.")
    session, others = _chosen(sessions, choices)
    marks = next((name for name in sorted(there) if name.endswith(_FLAGS)), "")
    blobs = [_quoted(name) if name in there else "NULL" for name in ("LiveIBI", marks, "Comment")]
    query = f"SELECT {', '.join(blobs)} FROM {_EMWAVE} WHERE rowid = ?"  # noqa: S608 - names of ours
    rowid, end_ms = session.key
    live, flags, comment = next(database.rows(query, rowid, limit=1), (b"", b"", None))
    values, decisions = _emwave_values(live)
    marked = sum(1 for (flag,) in struct.iter_unpack("<i", flags) if flag) if _whole(flags, len(values)) else 0
    if marked:
        decisions.append(f"emWave marked {marked} intervals as artefacts; they were kept, our own rule decides.")
    mismatch = _mismatch(sum(values), session.start_ms, end_ms)
    note = comment.strip() if isinstance(comment, str) else ""
    return Content(
        "emwave",
        "rr",
        array("q", [value * TICKS_PER_MS for value in values]),
        unit="ms",
        rule="emWave keeps milliseconds in LiveIBI",
        start=None if session.start_ms is None else Start(_utc(session.start_ms), "utc"),
        markers=(Marker(0, printable(note, 200)),) if note else (),
        why=" ".join(each for each in (others, mismatch) if each) or None,
        decisions=("emWave measures the pulse at ear or finger, not the ECG.", *decisions),
        about={"sessions": len(sessions)},
    )


def _emwave_sessions(database: _Database, there: frozenset[str]) -> Iterator[_Session]:
    wanted = ("TestRecID", "IBIStartTime", "DateCreated", "IBIEndTime", "ClientRecID", "Title")
    cells = ", ".join(name if name in there else "NULL" for name in wanted)
    query = f"SELECT rowid, length(LiveIBI), {cells} FROM {_EMWAVE} ORDER BY rowid"  # noqa: S608 - names of ours
    rows = [row for row in database.rows(query, limit=_MOST_SESSIONS) if isinstance(row[1], int) and row[1] >= 4]
    clients = {row[6] for row in rows}
    for rowid, size, number, begun, created, ended, client, title in rows:
        start = _unix_ms(begun) or _unix_ms(created)
        said = [f"of {_utc(start)}" if start else "without a date", f"{size // 4} intervals"]
        if isinstance(title, str) and title.strip():
            said.append(printable(title.strip()))
        if len(clients) > 1:
            said.append(f"client {printable(str(client))}")
        yield _Session(
            str(number if isinstance(number, int) else rowid), start, ", ".join(said), (rowid, _unix_ms(ended))
        )


def _whole(blob: object, count: int) -> bool:
    return isinstance(blob, bytes) and len(blob) == 4 * count


def _emwave_values(blob: object) -> tuple[list[int], list[str]]:
    """Intervals in ms, and what was taken for granted. Written low byte first, except on old Macs."""
    if not isinstance(blob, bytes) or not blob or len(blob) % 4:
        raise ImportRefused("the intervals of this session are damaged.", "Choose another session with --signal.")
    low, high = ([value for (value,) in struct.iter_unpack(f"{order}i", blob)] for order in "<>")
    if not _usual(low) and _usual(high):
        return high, ["its numbers were written high byte first."]
    if min(low) < 0 or max(low) > 24 * 3600 * 1000:
        raise ImportRefused("the intervals of this session are damaged.", "Choose another session with --signal.")
    return low, []


def _usual(values: list[int]) -> bool:
    return 250 <= median(values) <= 2500 and min(values) >= 0 and max(values) < 24 * 3600 * 1000


def _mismatch(summed_ms: int, start_ms: int | None, end_ms: int | None) -> str | None:
    """FORMATS 1.3: what the intervals add up to against start and end."""
    if start_ms is None or end_ms is None or end_ms <= start_ms:
        return None
    span = end_ms - start_ms
    if fills(summed_ms, span, 1000):
        return None
    return f"its intervals add up to {summed_ms / 1000:.0f} s, but the session lasts {span / 1000:.0f} s."


@dataclass(frozen=True, slots=True)
class _Packet:
    """The intervals that arrived together: arrival in Unix ms, intervals in ms."""

    at: int
    values: list[int]


def _gadgetbridge(database: _Database, choices: Choices) -> Content | None:
    """The chosen session, or None where the table is empty."""
    there = database.columns(_GADGET)
    owners = [name if name in there else "0" for name in ("DEVICE_ID", "USER_ID")]
    query = f"SELECT {', '.join(owners)}, TIMESTAMP, SEQ, RR_MILLIS FROM {_GADGET} NOT INDEXED ORDER BY 1, 2, 3, 4"  # noqa: S608 - names of ours
    rows = database.rows(query, limit=MOST_BEATS)
    names = _device_names(database)
    sessions: list[_Session] = []
    by_owner = [(owner, list(_packets(group))) for owner, group in groupby(rows, key=lambda row: row[:2])]
    for owner, packets in by_owner:
        who = "" if len(by_owner) == 1 else f", {names.get(owner[0], f'device {owner[0]}')}, user {owner[1]}"
        for part in _sessions(packets):
            count = sum(len(packet.values) for packet in part)
            sessions.append(_Session("", part[0].at, f"of {_utc(part[0].at)}, {count} intervals{printable(who)}", part))
    if not sessions:
        return None
    sessions.sort(key=lambda each: each.start_ms or 0)
    numbered = [_Session(str(number), each.start_ms, each.said, each.key) for number, each in enumerate(sessions, 1)]
    session, others = _chosen(numbered, choices)
    return _gadget_content(session.key, others, len(numbered))


def _device_names(database: _Database) -> dict[int, str]:
    if "DEVICE" not in database.tables or not database.columns("DEVICE") >= {"_id", "NAME"}:
        return {}
    return {row[0]: str(row[1]) for row in database.rows("SELECT _id, NAME FROM DEVICE", limit=_MOST_SESSIONS)}


def _packets(rows: Iterator[_Row]) -> Iterator[_Packet]:
    packet: _Packet | None = None
    for _, _, at, _, value in rows:
        if not isinstance(value, int) or not 0 <= value <= 24 * 3600 * 1000:
            raise ImportRefused(f"an interval in it is no number of ms: '{printable(str(value))}'.", "Export it again.")
        if not isinstance(at, int) or not 0 < at < _LAST_MS:
            raise ImportRefused(f"a time in it is no date: '{printable(str(at))}'.", "Export it again.")
        if packet is None or packet.at != at:
            if packet is not None:
                yield packet
            packet = _Packet(at, [])
        packet.values.append(value)
    if packet is not None:
        yield packet


def _sessions(packets: list[_Packet]) -> Iterator[list[_Packet]]:
    """Packets without a pause of half an hour between them."""
    part: list[_Packet] = []
    for packet in packets:
        if part and packet.at - part[-1].at - sum(packet.values) > _PAUSE_MS:
            yield part
            part = []
        part.append(packet)
    if part:
        yield part


def _gadget_content(packets: list[_Packet], others: str | None, count: int) -> Content:
    values = [value for packet in packets for value in packet.values]
    holes = _holes(packets)
    missing = sum(hole.ticks for hole in holes) // TICKS_PER_MS
    decisions = [
        "times are those of arrival at the phone: intervals were taken as they are, in order of TIMESTAMP, SEQ."
    ]
    if holes:
        decisions.append(f"{len(holes)} holes of {missing / 1000:.0f} s in all, where arrival ran ahead for good.")
    start = packets[0].at - sum(packets[0].values)
    end = packets[-1].at
    return Content(
        "gadgetbridge",
        "rr",
        array("q", [value * TICKS_PER_MS for value in values]),
        unit="ms",
        rule="Gadgetbridge keeps milliseconds in RR_MILLIS",
        start=Start(_utc(max(0, start)), "utc"),
        holes=tuple(holes),
        why=" ".join(each for each in (others, _mismatch(sum(values) + missing, start, end)) if each) or None,
        decisions=tuple(decisions),
        about={"sessions": count},
    )


def _holes(packets: list[_Packet]) -> list[Hole]:
    """Where arrival runs ahead of the summed intervals, and stays there."""
    ahead: list[int] = []
    passed = 0
    for packet in packets:
        passed += sum(packet.values)
        ahead.append(packet.at - packets[0].at - passed)
    holes: list[Hole] = []
    begin = before = 0
    for index, packet in enumerate(packets):
        if index and packet.at - packets[index - 1].at > _HOLE_MS:
            step = min(ahead[index : index + _SETTLED]) - min(ahead[max(begin, index - _SETTLED) : index])
            if step > _HOLE_MS:
                holes.append(Hole(before, step * TICKS_PER_MS))
                begin = index
        before += len(packet.values)
    return holes


READERS: Final[tuple[Reader, ...]] = (Reader("sqlite", _claims, _read),)
