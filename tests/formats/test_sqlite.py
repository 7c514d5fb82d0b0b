"""Databases of emWave and Gadgetbridge: samples, made ones, and those that mean harm (RECORDING 2.3 row 11)."""

from __future__ import annotations

import contextlib
import random
import sqlite3
import struct
import time
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content, Start
from biofeedback.formats.foreign import in_memory, on_disk
from biofeedback.formats.reading import Choices
from biofeedback.formats.readers import sqlite
from biofeedback.hrv.ticks import TICKS_PER_MS, TICKS_PER_S
from tests.formats.samples import check, expected, read, read_bytes, sample
from tests.formats.refusals import only_refusals

_T0 = 1_746_093_600_000
"""2025-05-01 10:00:00 UTC in ms."""
_EMWAVE = (
    "CREATE TABLE VersionTable(Version integer); INSERT INTO VersionTable VALUES (9);"
    "CREATE TABLE PrimaryData(TestRecID integer primary key, ClientRecID integer, DateCreated, Title text,"
    "Comment text, IBIStartTime integer, IBIEndTime integer, LiveIBI blob, ArtifactFlag blob)"
)
_GADGET = (
    "CREATE TABLE DEVICE(_id integer primary key, NAME text);"
    "CREATE TABLE HEART_RR_INTERVAL_SAMPLE(TIMESTAMP integer, DEVICE_ID integer, USER_ID integer, SEQ integer,"
    "RR_MILLIS integer, primary key(TIMESTAMP, DEVICE_ID, SEQ))"
)


def made(script: str, *rows: tuple[str, tuple[object, ...]]) -> bytes:
    """A database."""
    with closing(sqlite3.connect(":memory:")) as base:
        base.executescript(script)
        for query, values in rows:
            base.execute(query, values)
        base.commit()
        return base.serialize()


def emwave(*sessions: dict[str, object]) -> bytes:
    """One of emWave, with a row of these columns each."""
    return made(
        _EMWAVE,
        *(
            (f"INSERT INTO PrimaryData({','.join(row)}) VALUES ({','.join('?' * len(row))})", tuple(row.values()))
            for row in sessions
        ),
    )


def blob(*ms: int, order: str = "<") -> bytes:
    return struct.pack(f"{order}{len(ms)}i", *ms)


def gadget(*rows: tuple[object, ...]) -> bytes:
    """One of Gadgetbridge, of rows (ms since _T0, seq, interval[, device])."""
    insert = "INSERT INTO HEART_RR_INTERVAL_SAMPLE(TIMESTAMP, SEQ, RR_MILLIS, DEVICE_ID, USER_ID) VALUES (?,?,?,?,1)"
    values = [(_T0 + int(str(row[0])), *row[1:3], row[3] if len(row) > 3 else 1) for row in rows]
    return made(_GADGET, *((insert, each) for each in values), ("INSERT INTO DEVICE VALUES (2, 'Other')", ()))


def ms_of(content: Content) -> list[float]:
    return [value / TICKS_PER_MS for value in content.ticks]


@pytest.mark.parametrize("name", ["emWave.emdb", "Gadgetbridge.db"])
def test_samples_are_read_as_expected_on_disk_and_from_memory(name: str) -> None:
    wanted = expected(f"made_up/{name}")
    path = sample(f"made_up/{name}")
    content = read(path)
    check(content, wanted)
    assert content.format == wanted["format"]
    assert read_bytes("x", path.read_bytes()) == content


def test_only_databases_are_claimed() -> None:
    for path in sample("").rglob("*"):
        if path.is_file():
            assert sqlite.READERS[0].claims(on_disk(path)) == (path.suffix in (".db", ".emdb")), path


@given(st.lists(st.integers(0, 80_000_000), min_size=1, max_size=50))
def test_whatever_emwave_keeps_is_read(values: list[int]) -> None:
    low = sqlite._emwave_values(blob(*values))
    if sqlite._usual(values) or not sqlite._usual([int.from_bytes(v.to_bytes(4, "big"), "little") for v in values]):
        assert low == (values, [])


def test_numbers_of_old_macs_are_told_and_that_is_said() -> None:
    content = read_bytes("a.emdb", emwave({"LiveIBI": blob(800, 810, 790, order=">")}))
    assert ms_of(content) == [800, 810, 790]
    assert any("high byte first" in note for note in content.decisions)


def test_of_several_sessions_the_newest_is_taken_and_the_others_are_named() -> None:
    data = emwave(
        {"TestRecID": 5, "IBIStartTime": 1_304_244_000, "LiveIBI": blob(800), "Title": "a", "ClientRecID": 1},
        {"TestRecID": 7, "IBIStartTime": 1_404_244_000, "LiveIBI": blob(700, 710), "Title": "b", "ClientRecID": 2},
        {"TestRecID": 9, "IBIStartTime": 1_204_244_000, "LiveIBI": blob(600), "Title": "\x1b[2J", "ClientRecID": 1},
        {"TestRecID": 11, "IBIStartTime": 1_604_244_000, "LiveIBI": b""},
    )
    content = read_bytes("a.emdb", data)
    assert ms_of(content) == [700, 710]
    assert content.start == Start("2014-07-01T19:46:40", "utc")
    why = content.why or ""
    assert "3 sessions" in why
    assert "5 (of 2011-05-01T10:00:00, 1 intervals, a, client 1)" in why
    assert "\x1b" not in why
    assert "--signal" in why
    chosen = read_bytes("a.emdb", data, Choices(signal="5"))
    assert ms_of(chosen) == [800]
    assert chosen.why is None
    with pytest.raises(ImportRefused, match="no session '11' in it") as refused:
        read_bytes("a.emdb", data, Choices(signal="11"))
    assert refused.value.advice == "Choose from: 5, 7, 9."


def test_what_emwave_marked_is_kept_and_said_and_its_note_is_a_marker() -> None:
    row: dict[str, object] = {
        "LiveIBI": blob(800, 400, 790), "ArtifactFlag": blob(0, 1, 0), "Comment": "after lunch",
        "IBIStartTime": 1_304_244_000, "IBIEndTime": 1_304_244_060,
    }  # fmt: skip
    content = read_bytes("a.emdb", emwave(row))
    assert ms_of(content) == [800, 400, 790]
    assert any("marked 1 intervals" in note for note in content.decisions)
    assert [(each.at, each.text) for each in content.markers] == [(0, "after lunch")]
    assert content.why == "its intervals add up to 2 s, but the session lasts 60 s."


@pytest.mark.parametrize("bad", [b"12345", blob(800, -1), blob(800, 2**31 - 1), "text that is no blob", 12_345_678])
def test_intervals_of_emwave_that_are_none_are_refused(bad: object) -> None:
    with pytest.raises(ImportRefused, match="damaged"):
        read_bytes("a.emdb", emwave({"LiveIBI": bad}))


def test_emwave_without_sessions_is_refused() -> None:
    with pytest.raises(ImportRefused, match="no session with intervals"):
        read_bytes("a.emdb", emwave())


def test_gadgetbridge_is_ordered_by_arrival_and_sequence() -> None:
    content = read_bytes("a.db", gadget((3000, 1, 830), (3000, 0, 820), (1000, 0, 800), (2000, 0, 810)))
    assert ms_of(content) == [800, 810, 820, 830]
    assert content.start == Start("2025-05-01T10:00:00.200", "utc")


def _arriving(
    beats: int, chance: random.Random, *, hole_after: int = -1, hole_ms: int = 0
) -> list[tuple[int, int, int]]:
    """Beats in packets that arrive as straps' do: late by a second and more, in order; with a hole at some beat."""
    rows: list[tuple[int, int, int]] = []
    passed = last = 0
    for index in range(beats):
        passed += 900 + (hole_ms if index == hole_after else 0)
        last = max(last + 1, passed + round(chance.uniform(0, 1300)))
        rows.append((last, 0, 900))
    return rows


@pytest.mark.parametrize("seed", range(5))
def test_a_strap_that_was_away_leaves_one_hole_of_its_length(seed: int) -> None:
    content = read_bytes("a.db", gadget(*_arriving(300, random.Random(seed), hole_after=120, hole_ms=60_000)))
    assert [hole.before for hole in content.holes] == [120]
    assert content.holes[0].ticks / TICKS_PER_S == pytest.approx(60, abs=1.3)
    assert content.why is None


@pytest.mark.parametrize("seed", range(5))
def test_arrival_that_scatters_makes_no_hole(seed: int) -> None:
    assert read_bytes("a.db", gadget(*_arriving(300, random.Random(seed)))).holes == ()


def test_packets_that_were_held_up_make_no_hole() -> None:
    rows = [(900 * (index + 1), 0, 900) for index in range(100)]
    for index in range(50, 58):
        rows[index] = (58 * 900 + index, 0, 900)
    assert read_bytes("a.db", gadget(*rows)).holes == ()


def test_a_pause_of_an_hour_makes_another_session() -> None:
    morning = [(900 * (index + 1), 0, 900) for index in range(50)]
    noon = [(4 * 3_600_000 + 800 * (index + 1), 0, 800) for index in range(30)]
    data = gadget(*morning, *noon)
    content = read_bytes("a.db", data)
    assert (len(content.ticks), content.holes) == (30, ())
    assert "2 sessions" in (content.why or "")
    assert len(read_bytes("a.db", data, Choices(signal="1")).ticks) == 50


def test_two_straps_at_once_are_two_sessions() -> None:
    rows: list[tuple[object, ...]] = [(900 * (index + 1), 0, 900, 1) for index in range(50)]
    rows += [(10_000 + 800 * (index + 1), 0, 800, 2) for index in range(50)]
    content = read_bytes("a.db", gadget(*rows))
    assert set(ms_of(content)) == {800}
    assert "device 1, user 1" in (content.why or "")
    assert "Other, user 1" in (content.why or "")


@pytest.mark.parametrize("bad", ["nan", None, 1.5, -1, b"x", 2**40])
def test_an_interval_that_is_no_number_is_refused(bad: object) -> None:
    with pytest.raises(ImportRefused, match="no number of ms"):
        read_bytes("a.db", gadget((1000, 0, bad)))


def test_older_gadgetbridge_is_a_summary() -> None:
    script = "CREATE TABLE GARMIN_HRV_SUMMARY_SAMPLE(TIMESTAMP, X); CREATE TABLE COLMI_HRV_VALUE_SAMPLE(TIMESTAMP)"
    data = made(script, ("INSERT INTO GARMIN_HRV_SUMMARY_SAMPLE VALUES (1, 2), (3, 4)", ()))
    content = read_bytes("a.db", data)
    assert (content.verdict, content.to_json()["rows"]) == ("summary", 2)


def test_an_empty_table_of_intervals_says_so() -> None:
    with pytest.raises(ImportRefused, match="table of RR intervals is empty"):
        read_bytes("a.db", gadget())


def test_another_database_is_refused() -> None:
    with pytest.raises(ImportRefused, match="program that is not known"):
        read_bytes("a.db", made("CREATE TABLE PrimaryData(LiveIBI)"))


def test_changes_in_a_log_beside_it_are_said(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_bytes(gadget((1000, 0, 900)))
    (tmp_path / "a.db-wal").write_bytes(b"x")
    assert "close the program" in (read(tmp_path / "a.db").why or "")


def test_a_database_that_kept_a_log_is_read_on_disk_and_from_memory(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as base:
        base.execute("PRAGMA journal_mode = WAL")
        base.executescript(_GADGET)
        base.execute(f"INSERT INTO HEART_RR_INTERVAL_SAMPLE VALUES ({_T0}, 1, 1, 0, 900)")
        base.commit()
    data = (tmp_path / "a.db").read_bytes()
    assert data[18] == 2
    assert ms_of(read(tmp_path / "a.db")) == ms_of(read_bytes("a.db", data)) == [900]


def test_11_it_is_opened_without_leaving_a_trace(tmp_path: Path) -> None:
    path = tmp_path / "a b?c#.db"
    path.write_bytes(gadget((1000, 0, 900)))
    path.chmod(0o400)
    before = path.read_bytes(), path.stat().st_mtime_ns
    assert ms_of(read(path)) == [900]
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


_ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT x AS LiveIBI FROM c"


@pytest.mark.parametrize("name", ["PrimaryData", "HEART_RR_INTERVAL_SAMPLE", "A_HRV_VALUE_SAMPLE"])
def test_11_a_view_with_a_recursive_query_is_never_run(name: str) -> None:
    data = made(f"CREATE TABLE VersionTable(v); CREATE VIEW {name} AS {_ENDLESS}")
    began = time.monotonic()
    with pytest.raises(ImportRefused, match="program that is not known"):
        read_bytes("a.db", data)
    assert time.monotonic() - began < 1


def test_11_a_column_that_is_worked_out_when_it_is_read_is_not_read() -> None:
    data = made("CREATE TABLE VersionTable(v); CREATE TABLE PrimaryData(a, LiveIBI AS (zeroblob(12000000)))")
    with pytest.raises(ImportRefused, match="program that is not known"):
        read_bytes("a.db", data)


def test_11_a_view_in_the_place_of_a_table_is_denied_even_when_it_is_asked() -> None:
    file = in_memory("a.db", made(f"CREATE TABLE t(v); CREATE VIEW PrimaryData AS {_ENDLESS}"))
    with closing(sqlite._Database(file)) as base, pytest.raises(ImportRefused):
        list(base.rows("SELECT * FROM PrimaryData", limit=5))


@pytest.mark.parametrize(
    "query",
    ["INSERT INTO t VALUES (1)", "ATTACH 'x' AS y", "PRAGMA writable_schema = ON", "CREATE TABLE u(x)", "DROP TABLE t"],
)
def test_11_nothing_but_reading_is_allowed(query: str) -> None:
    with closing(sqlite._Database(in_memory("a.db", made("CREATE TABLE t(v)")))) as base, pytest.raises(ImportRefused):
        base._run(query, ())


def test_11_a_query_that_takes_too_long_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "LONGEST_S", 0.2)
    rows = [("INSERT INTO t VALUES (?)", (index,)) for index in range(200)]
    with closing(sqlite._Database(in_memory("a.db", made("CREATE TABLE t(v)", *rows)))) as base:
        began = time.monotonic()
        with pytest.raises(ImportRefused, match="takes longer than"):
            list(base.rows("SELECT max(a.v + b.v + c.v + d.v) FROM t a, t b, t c, t d", limit=5))
        assert time.monotonic() - began < 2


def test_11_a_huge_blob_is_refused() -> None:
    data = emwave({"LiveIBI": bytes(sqlite._LIMITS[sqlite3.SQLITE_LIMIT_LENGTH] + 4)})
    with pytest.raises(ImportRefused, match="larger than any session"):
        read_bytes("a.emdb", data)


def test_11_more_rows_than_the_limit_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "MOST_BEATS", 10)
    rows = [(1000 * index, 0, 900) for index in range(1, 12)]
    assert len(read_bytes("a.db", gadget(*rows[:10])).ticks) == 10
    with pytest.raises(ImportRefused, match="more than 10 rows"):
        read_bytes("a.db", gadget(*rows))


def test_11_a_file_over_512_mib_is_refused_before_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "big.db"
    with path.open("wb") as file:
        file.write(b"SQLite format 3\0")
        file.truncate(600 * 1024 * 1024)
    with pytest.raises(ImportRefused, match="512 MiB"):
        read(path)


@pytest.mark.parametrize("length", [16, 100, 512, 4096, 5000])
def test_11_a_database_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(ImportRefused):
        read_bytes("a.db", gadget(*[(1000 * index, 0, 900) for index in range(1, 500)])[:length])


def test_11_corrupt_pages_are_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    rows = [(1000 * index, 0, 900) for index in range(1, 300)]
    for data in (gadget(*rows), emwave({"TestRecID": 1, "LiveIBI": blob(*[800] * 3000)})):
        assert only_refusals(sqlite.READERS[:1], "a.db", data, count=250) > 10
    chance = random.Random(1)
    for _ in range(50):
        mutant = bytearray(gadget(*rows))
        page = chance.randrange(len(mutant) // 4096) * 4096
        mutant[page + 100 : page + 4096] = chance.randbytes(3996)
        (tmp_path / "a.db").write_bytes(mutant)
        with contextlib.suppress(ImportRefused):
            assert ms_of(read(tmp_path / "a.db")) == [900] * len(rows)
