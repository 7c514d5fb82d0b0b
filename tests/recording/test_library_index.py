"""RECORDING 1.6: the index is as fresh as the files, holds nothing else, and is made anew whenever in doubt."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any
from zlib import crc32

import pytest

from biofeedback.errors import UsageError
from biofeedback.events import Beat, End, Json, Open, Packet
from biofeedback.recording.catalogue import Facts, facts_of, quality_of
from biofeedback.recording.index_file import SCHEMA_V
from biofeedback.recording.library import Library, Scored, Session, open_library
from biofeedback.recording.log import SessionLog
from biofeedback.recording.person import PersonLog
from biofeedback.recording.repair import repair
from biofeedback.recording.rechain import rechained
from biofeedback.recording.sealing import Keys
from biofeedback.recording.starts import local_time
from devices.file_lock import take_lock
from tests.cli.programs import run
from tests.recording.dying import deaths
from tests.recording.logs import KEYS

SCORED = Scored("ab" * 32, "exact", 12, "poor", ["rest"], [("rmssd_ms", 0, "rest", 31.5, "rmssd/1", 31.5, "rmssd/1")],
                [(5, "before", 4), (9, "after", None)])  # fmt: skip


def record(
    home: Path,
    session: str,
    *,
    start_s: int = 1_795_000_000,
    subject: str = "me",
    keys: Keys | None = None,
    kind: str = "strap",
    ended: bool = True,
    offset_s: int = 3600,
    plan: str = "practice",
) -> Path:
    head: dict[str, Json] = {
        "session": session, "wall_ns": start_s * 10**9, "utc_off_s": offset_s, "subject": subject,
    }  # fmt: skip
    start = datetime.fromtimestamp(start_s, UTC)
    log = SessionLog(home / "sessions" / f"{start:%Y%m%dT%H%M%SZ}_{session[:8]}.session.jsonl", head, keys)
    with log:
        for number in range(22):
            log.append_line(0, "alg", {"a": f"rule{number}/1", "params": {}})
        table: dict[str, Json] = {"name": plan, "script": "safe_place", "pairs": []}
        log.append(Open(0, table, {"safe_place": {"title": "A safe place" * 900}}, {}, {"kind": kind}))
        log.append(Packet(1_000_000, "s1", 1_000_000, 63, True, None, (962,), "163fc203"))
        log.append(Beat(2_000_000, 1_900_000, 962_000, True, None, False))
        if ended:
            log.append(End(300_500_000, "planned end", 300.5, 321))
    return log.close()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    record(tmp_path, "aaaa1111-0000-4000-8000-000000000001", start_s=1_795_000_000)
    record(tmp_path, "aaaa2222-0000-4000-8000-000000000002", start_s=1_795_000_500, subject="P-002")
    record(tmp_path, "bbbb3333-0000-4000-8000-000000000003", start_s=1_794_999_000, kind="simulated")
    return tmp_path


def listed(home: Path) -> list[str]:
    with open_library(home) as library:
        return [session.id[:8] for session in library.sessions()]


def test_1_6_the_two_ends_of_a_file_say_what_a_list_needs(home: Path) -> None:
    with open_library(home) as library:
        second, first, third = library.sessions()
    facts = first.facts
    assert (facts.start, facts.start_utc) == ("2026-11-18T12:06:40+01:00", "2026-11-18T11:06:40Z")
    assert (facts.state, facts.plan, facts.scripts, facts.dur_s, facts.beats) == (
        "finished", "practice", "safe_place", 300.5, 321,
    )  # fmt: skip
    assert (first.person, second.person) == ("me", "P-002")
    assert (facts.simulated, third.facts.simulated) == (False, True)
    assert [each.verified for each in (first, second, third)] == [None] * 3


@pytest.mark.parametrize("change", ["added", "removed", "renamed", "rewritten"])
def test_1_6_a_change_of_files_is_seen_at_the_next_look(home: Path, change: str) -> None:
    assert listed(home) == ["aaaa2222", "aaaa1111", "bbbb3333"]
    path = next((home / "sessions").glob("*aaaa1111*"))
    match change:
        case "added":
            record(home, "cccc4444-0000-4000-8000-000000000004", start_s=1_796_000_000)
            expected = ["cccc4444", "aaaa2222", "aaaa1111", "bbbb3333"]
        case "removed":
            path.unlink()
            expected = ["aaaa2222", "bbbb3333"]
        case "renamed":
            path.rename(path.with_name("mine.session.jsonl"))
            expected = ["aaaa2222", "aaaa1111", "bbbb3333"]
        case _:
            other = record(home, "dddd5555-0000-4000-8000-000000000005", start_s=1_795_000_000)
            other.replace(path)
            expected = ["aaaa2222", "dddd5555", "bbbb3333"]
    assert listed(home) == expected


def test_1_6_only_changed_files_are_read_and_of_those_only_the_ends(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed(home)
    looked_at: list[str] = []

    def watched(folder: Path, name: str, found: os.stat_result, keys: Keys | None = None) -> Facts:
        looked_at.append(name)
        return facts_of(folder, name, found, keys)

    monkeypatch.setattr("biofeedback.recording.library.facts_of", watched)
    listed(home)
    assert looked_at == []
    record(home, "cccc4444-0000-4000-8000-000000000004")
    listed(home)
    assert [name[-22:-14] for name in looked_at] == ["cccc4444"]
    path = home / "sessions" / "long.session.jsonl"
    with path.open("wb") as file:
        file.write((home / "sessions" / looked_at[0]).read_bytes())
        file.truncate(10**10)
    found = facts_of(path.parent, path.name, path.stat())
    assert (found.id[:8], found.plan, found.state) == ("cccc4444", "practice", "damaged")


@pytest.mark.parametrize(
    "harm", ["missing", "other version", "no database", "cut", "bytes changed", "folder", "journal of another"]
)
def test_1_6_a_missing_damaged_or_foreign_index_is_made_anew_without_a_question(home: Path, harm: str) -> None:
    before = listed(home)
    index = home / "library.db"
    if harm == "other version":
        connection = sqlite3.connect(index)
        connection.execute("UPDATE meta SET schema_v = 99")
        connection.commit()
        connection.close()
    elif harm == "journal of another":
        index.with_name("library.db-wal").write_bytes(b"\x37\x7f\x06\x82" + bytes(4096))
    else:
        harms: dict[str, Callable[[], object]] = {
            "missing": index.unlink,
            "no database": lambda: index.write_bytes(b"a text" * 1000),
            "cut": lambda: os.truncate(index, index.stat().st_size // 2),
            "bytes changed": lambda: index.write_bytes(index.read_bytes()[:5000] + bytes(9000)),
            "folder": lambda: shutil.copytree(home / "sessions", index),
        }
        if harm == "folder":
            index.unlink()
        harms[harm]()
    assert listed(home) == before
    if harm != "folder":
        connection = sqlite3.connect(index)
        assert connection.execute("SELECT count(*) FROM session").fetchone() == (3,)
        assert connection.execute("SELECT schema_v FROM meta").fetchone() == (SCHEMA_V,)
        connection.close()


WRONG: list[str] = [
    *(f"DROP TABLE {table}" for table in ("session", "metric", "suds", "person_log", "tag", "edit", "deleted")),
    *(f"ALTER TABLE {table} RENAME COLUMN {column} TO other" for table, column in (
        ("session", "plan"), ("tag", "word"), ("edit", "place"), ("metric", "rule"), ("person_log", "mtime_ns"),
    )),
    "ALTER TABLE tag ADD COLUMN more TEXT NOT NULL DEFAULT ''",
    "UPDATE session SET phases = '{x'",
    "UPDATE session SET phases = '3'",
    "UPDATE session SET start_ns = 'soon'",
    "UPDATE session SET dur_s = 'long'",
    "UPDATE session SET id = x'ff'",
    "UPDATE session SET beats = 3.5",
    "INSERT INTO edit VALUES ('me', 's', 'person', 'P-002', x'00'), ('me', 's', 'person', 'P-002', 'x')",
]  # fmt: skip
"""What a right index does not hold, though SQLite finds nothing wrong with it."""


def harm(home: Path, wrong: str) -> None:
    connection = sqlite3.connect(home / "library.db")
    connection.execute(wrong)
    connection.commit()
    assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    connection.close()


def used(home: Path) -> None:
    """All that is done with an index."""
    with open_library(home) as library:
        session = library.find("aaaa1111")
        assert (session.person, session.tags, session.facts.dur_s) == ("P-002", ("quiet",), 300.5)
        library.store(session, SCORED)
        told(library)
        library.refresh()
        library.forget("gone.session.jsonl")
        assert len(library.sessions()) == 3


def tagged_and_moved(home: Path) -> None:
    full = "aaaa1111-0000-4000-8000-000000000001"
    PersonLog(home, "P-002").write(
        ("tag", {"session": full, "what": "add", "value": "quiet"}),
        ("edit", {"session": full, "what": "person", "value": "P-002"}),
    )


@pytest.mark.parametrize("wrong", WRONG)
def test_1_6_an_index_that_does_not_hold_what_it_should_is_made_anew_whatever_is_done_with_it(
    home: Path, wrong: str
) -> None:
    tagged_and_moved(home)
    used(home)
    harm(home, wrong)
    used(home)
    connection = sqlite3.connect(home / "library.db")
    assert connection.execute("SELECT file, phases, dur_s FROM session WHERE id LIKE 'aaaa1111%'").fetchall() == [
        (next((home / "sessions").glob("*aaaa1111*")).name, '["rest"]', 300.5)
    ]
    connection.close()


@pytest.mark.parametrize("wrong", WRONG[::4])
def test_1_6_an_index_that_breaks_while_it_is_open_and_cannot_be_made_anew_is_kept_in_memory(
    home: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    tagged_and_moved(home)
    used(home)
    monkeypatch.setattr("biofeedback.recording.index_file.WAIT_S", 0.05)
    with open_library(home) as library:
        harm(home, wrong)
        busy = os.open(home / "library.db.lock", os.O_RDWR)
        assert take_lock(busy)
        try:
            assert library.find("aaaa1111").tags == ("quiet",)
            library.store(library.find("aaaa1111"), SCORED)
            told(library)
        finally:
            os.close(busy)


@pytest.mark.parametrize(
    "more",
    [{"wall_ns": 10**30}, {"utc_off_s": -(10**30)}, {"subject": "\ud800"}, {"session": "\udfff-1"}, {"v": 2**70}],
    ids=str,
)
def test_1_6_a_file_with_what_no_index_can_hold_does_not_disturb_the_others(home: Path, more: dict[str, Json]) -> None:
    data = next((home / "sessions").glob("*aaaa1111*")).read_bytes()
    head = json.loads(data[: data.index(b"\n")])
    raw = json.dumps({key: value for key, value in (head | more).items() if key != "x"}).encode()
    crc = crc32(raw[:-1])
    (home / "sessions" / "odd.session.jsonl").write_bytes(raw[:-1] + b',"x":"%08x"}\n' % crc)
    with open_library(home) as library:
        assert len(library.sessions()) == 4
    with open_library(home) as library:
        assert library.find("odd.session.jsonl").facts.state in {"unreadable", "damaged"}


@pytest.mark.skipif(os.name != "posix", reason="names there are text")
def test_1_6_a_file_whose_name_is_no_text_does_not_disturb_the_others(home: Path) -> None:
    try:
        (home / "sessions" / os.fsdecode(b"\xff\xfe.session.jsonl")).write_bytes(b"x")
    except OSError:
        pytest.skip("this file system has no such names")
    assert len(listed(home)) == 3


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="rights that keep oneself out")
def test_1_6_what_could_not_be_read_once_is_read_at_the_next_look(home: Path) -> None:
    tagged_and_moved(home)
    path, log = next((home / "sessions").glob("*aaaa1111*")), home / "people" / "P-002" / "person.jsonl"
    for each in (path, log):
        each.chmod(0)
    with open_library(home) as library:
        assert library.find(path.name).facts.state == "unreadable"
        assert {session.person for session in library.sessions()} == {None}
    for each in (path, log):
        each.chmod(0o600)
    used(home)


def test_1_6_a_file_that_could_not_be_read_is_not_remembered_as_it_was(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = next((home / "sessions").glob("*aaaa1111*"))
    before = path.stat()
    real = Path.open

    def fails(self: Path, mode: str = "r") -> IO[Any]:
        if self == path:
            raise OSError(24, "Too many open files")
        return real(self, mode)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", fails)
        with open_library(home) as library:
            assert library.find(path.name).facts.state == "unreadable"
    with open_library(home) as library:
        assert library.find(path.name).facts.state == "finished"
    assert path.stat() == before


def test_1_4_a_finished_file_without_its_end_is_listed_as_damaged(home: Path) -> None:
    part = record(home, "ffff6666-0000-4000-8000-000000000006", ended=False)
    part.rename(part.with_name(part.name.removesuffix(".part")))
    with open_library(home) as library:
        assert library.find("ffff6666").facts.state == "damaged"
    copy = repair(part.with_name(part.name.removesuffix(".part")))
    with open_library(home) as library:
        assert library.find(copy.name).facts.state == "unfinished"


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="a process that dies is forked")
def test_1_6_dying_at_any_moment_while_the_index_is_made_costs_no_session(home: Path) -> None:
    expected = ["aaaa2222", "aaaa1111", "bbbb3333"]
    died = 0
    for died in deaths(lambda: _made_anew(home)):
        assert listed(home) == expected
        if died % 2:
            (home / "library.db").unlink()
    assert died > 5
    assert listed(home) == expected


def _made_anew(home: Path) -> None:
    with open_library(home, anew=True):
        pass


def test_1_6_damage_among_the_scores_is_met_when_they_are_read_and_the_index_is_then_made_anew(home: Path) -> None:
    row = SCORED.metrics[0]
    many = replace(SCORED, metrics=[(f"canary{number:04}", *row[1:]) for number in range(500)])
    with open_library(home) as library:
        library.store(library.find("aaaa1"), many)
        assert len(library.metrics(library.find("aaaa1"))) == 500
    index = home / "library.db"
    data = bytearray(index.read_bytes())
    page = data.index(b"canary0250") // 4096 * 4096
    data[page : page + 4096] = b"\xff" * 4096
    index.write_bytes(data)
    with open_library(home) as library:
        assert len(library.sessions()) == 3
        assert library.metrics(library.find("aaaa1")) == []
    with open_library(home) as library:
        assert library.find("aaaa1").verified is None
        library.store(library.find("aaaa1"), many)
        assert len(library.metrics(library.find("aaaa1"))) == 500


def test_1_6_the_index_is_0600_in_wal_mode_and_leaves_nothing_half_made(home: Path) -> None:
    listed(home)
    index = home / "library.db"
    assert stat.S_IMODE(index.stat().st_mode) == 0o600
    connection = sqlite3.connect(index)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()
    assert not index.with_name("library.db.new").exists()


def test_1_6_a_link_in_the_place_of_the_index_is_not_followed(home: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim.db"
    victim.write_bytes(b"precious")
    (home / "library.db").symlink_to(victim)
    assert len(listed(home)) == 3
    assert victim.read_bytes() == b"precious"
    assert not (home / "library.db").is_symlink()


def test_1_6_without_a_place_for_an_index_the_list_is_there_all_the_same(home: Path) -> None:
    descriptor = os.open(home / "library.db.lock", os.O_RDWR | os.O_CREAT, 0o600)
    assert take_lock(descriptor)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("biofeedback.recording.index_file.WAIT_S", 0.05)
            assert len(listed(home)) == 3
    finally:
        os.close(descriptor)
    assert not (home / "library.db").exists(), "it was made in memory"


def test_a_home_without_sessions_has_an_empty_library(tmp_path: Path) -> None:
    assert listed(tmp_path) == []


def test_c4_scores_are_kept_until_the_file_changes(home: Path) -> None:
    with open_library(home) as library:
        library.store(library.find("aaaa1"), SCORED)
        told(library)
    with open_library(home) as library:
        session = told(library)
    os.utime(library.path(session))
    with open_library(home) as library:
        session = library.find("aaaa1")
        assert (session.verified, library.metrics(session), library.suds(session)) == (None, [], [])
        assert session.facts.beats == 321


def told(library: Library) -> Session:
    session = library.find("aaaa1")
    assert (session.verified, session.sha256, session.phases) == ("exact", "ab" * 32, ("rest",))
    assert (session.facts.beats, session.facts.quality) == (12, "poor")
    assert library.metrics(session) == list(SCORED.metrics)
    assert library.suds(session) == list(SCORED.suds)
    return session


def test_ids_may_be_shortened_as_long_as_they_name_one(home: Path) -> None:
    with open_library(home) as library:
        assert library.find("AAAA1").id.startswith("aaaa1111")
        assert library.find(library.find("bbbb").id).id.startswith("bbbb3333")
        name = library.find("bbbb").facts.file
        assert library.find(f"/anywhere/{name}").id.startswith("bbbb3333")
        with pytest.raises(UsageError) as ambiguous:
            library.find("aaaa")
        assert "2 sessions" in ambiguous.value.what
        assert "aaaa1111" in ambiguous.value.what
        assert "aaaa2222" in ambiguous.value.what
        for word, said in (
            ("aaa", "too short"),
            ("ffff", "There is no session"),
            ("", "There is no session"),
            ("%", "There is no session"),
        ):
            with pytest.raises(UsageError, match=said):
                library.find(word)


def test_c4_whose_a_session_is_says_the_newest_edit_in_any_log(home: Path) -> None:
    full = "aaaa1111-0000-4000-8000-000000000001"

    def moved(to: str, hour: int) -> None:
        log = PersonLog(home, to, now=lambda: datetime(2026, 11, 25, hour, tzinfo=UTC))
        log.write(("edit", {"session": full, "what": "person", "value": to}))

    def owner() -> str | None:
        with open_library(home) as library:
            return library.find(full).person

    assert owner() == "me"
    moved("P-002", 12)
    assert owner() == "P-002"
    moved("P-003", 14)
    assert owner() == "P-003"
    moved("P-004", 13)
    assert owner() == "P-003", "an older word, though written into another log later"
    shutil.rmtree(home / "people" / "P-003")
    assert owner() == "P-004"


def test_c2_tags_and_deletions_are_those_of_the_person_logs(home: Path) -> None:
    full = "aaaa1111-0000-4000-8000-000000000001"
    log = PersonLog(home, "me")
    log.write(("tag", {"session": full, "what": "add", "value": "quiet"}), ("delete", {"session": full}))
    with open_library(home) as library:
        assert library.find(full).tags == ("quiet",)
        assert library.find(full).deleted
    log.write(("tag", {"session": full, "what": "remove", "value": "quiet"}))
    with open_library(home) as library:
        assert library.find(full).tags == ()


def test_2_1_nothing_of_an_encrypted_recording_or_log_enters_the_clear_index(tmp_path: Path) -> None:
    full = "eeee5555-0000-4000-8000-000000000005"
    record(tmp_path, full, subject="canary", keys=KEYS)
    PersonLog(tmp_path, "me", KEYS).write(("tag", {"session": full, "what": "add", "value": "canary"}))
    with open_library(tmp_path) as library:
        session = library.find("eeee")
        assert (session.facts.state, session.person, session.facts.dur_s, session.tags) == ("locked", None, None, ())
        assert session.facts.start_utc == "2026-11-18T11:06:40Z"
    with open_library(tmp_path, KEYS) as library:
        session = library.find("eeee")
        assert (session.facts.state, session.person, session.facts.dur_s) == ("finished", "canary", 300.5)
        assert (session.tags, session.facts.plan) == (("canary",), "practice")
        library.store(session, replace(SCORED, verified="exact"))
    everything = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b"canary" not in everything
    assert b"safe_place" not in everything
    with open_library(tmp_path) as library:
        session = library.find("eeee")
        assert (session.verified, library.suds(session), session.facts.beats) == ("exact", [], None)


def test_forgotten_rows_leave_nothing_in_the_file_of_the_index(home: Path) -> None:
    marked = replace(SCORED, suds=[(1, "canary-answer", 9)])
    with open_library(home) as library:
        session = library.find("aaaa1")
        library.store(session, marked)
    assert any(b"canary-answer" in path.read_bytes() for path in home.glob("library.db*"))
    with open_library(home) as library:
        library.forget(session.facts.file)
    assert not any(b"canary-answer" in path.read_bytes() for path in home.glob("library.db*"))


def test_unfinished_unreadable_and_foreign_files_do_not_disturb_the_list(home: Path) -> None:
    folder = home / "sessions"
    record(home, "ffff6666-0000-4000-8000-000000000006", start_s=1_797_000_000, ended=False)
    (folder / "junk.session.jsonl").write_bytes(os.urandom(5000))
    (folder / "empty.session.jsonl").write_bytes(b"")
    (folder / "deep.session.jsonl").write_bytes(b"[" * 100_000)
    (folder / "notes.txt").write_text("not ours")
    (folder / "link.session.jsonl").symlink_to(next(folder.glob("*aaaa1111*")))
    (folder / "person.session.jsonl").write_bytes(b'{"n":0,"t":0,"k":"head","format":"biofeedback-person"}\n')
    with open_library(home) as library:
        found = {session.facts.file: session.facts.state for session in library.sessions()}
    assert found.pop(next(folder.glob("*ffff6666*")).name) == "unfinished"
    assert [state for name, state in sorted(found.items()) if name[0] in "jedp"] == ["unreadable"] * 4
    assert len(found) == 7


def test_1_4_a_session_that_went_on_in_a_second_part_is_one_session(home: Path) -> None:
    folder = home / "sessions"
    part = record(home, "ffff6666-0000-4000-8000-000000000006", start_s=1_797_000_000, ended=False)
    second = part.with_name(part.name.replace(".part", ".2.part"))
    shutil.copy(part, second)
    with second.open("ab") as file:
        file.write(b"more")
    with open_library(home) as library:
        assert library.find("ffff").facts.file == second.name
    final = part.with_name(part.name.removesuffix(".part"))
    shutil.copy(part, final)
    with open_library(home) as library:
        assert library.find("ffff").facts.file == final.name
        assert len(library.sessions()) == 4
    assert len(list(folder.iterdir())) == 6


@pytest.mark.slow
@pytest.mark.timeout(90)
@pytest.mark.skipif(os.name != "posix", reason="CPU time of a child is POSIX")
def test_r17_10_000_sessions_are_listed_in_less_than_a_cpu_second_with_the_start_of_python(tmp_path: Path) -> None:
    import resource

    data = record(tmp_path / "one", "0000", start_s=1_795_000_000).read_bytes()
    sessions = tmp_path / "sessions"
    sessions.mkdir(mode=0o700)
    for number in range(10_000):
        copy, _ = rechained(data, {"session": f"{number:08x}-0000", "wall_ns": number * 10**13})
        (sessions / f"{number:08x}.session.jsonl").write_bytes(copy)
    assert len(json.loads(run(tmp_path, "library", "list", "--json").stdout)) == 10_000
    spent: list[float] = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        printed = run(tmp_path, "library", "list").stdout
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert printed.count("\n") == 10_000
    assert min(spent) < 1.0


def test_b1_quality_is_the_share_of_flagged_intervals() -> None:
    shares = [(0, "good"), (50, "good"), (51, "poor"), (200, "poor"), (201, "irregular")]
    assert [(flagged, quality_of(flagged, 1000)) for flagged, _ in shares] == shares
    assert quality_of(None, 100) is None
    assert quality_of(0, 0) is None


@pytest.mark.parametrize("wall_ns", [0, -(10**18), 10**18, 2**63 - 1, 10**30])
def test_r9_odd_start_times_are_told_and_never_raise(wall_ns: int) -> None:
    for offset in (0, 3600, -86_399, 10**9):
        assert local_time(wall_ns, offset).isoformat()
