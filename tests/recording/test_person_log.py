"""The log of a person: what is written is there, what is removed is gone, and nobody else's words are lost."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.errors import RecordingError, UnreadableError, UsageError
from biofeedback.events import Json
from biofeedback.recording.chain import Line
from biofeedback.recording.consents import CONSENTS
from biofeedback.recording.people import People, is_pseudonym
from biofeedback.recording.person import PersonLog
from biofeedback.recording.person_state import _STEPS, PersonState, fold
from devices.file_lock import take_lock
from tests.cli.programs import ROOT, environment
from tests.recording.logs import Logs

posix = pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX")
VIENNA = timezone(timedelta(hours=1))


def clock(*minutes: float) -> Iterator[datetime]:
    start = datetime(2026, 11, 25, 18, 0, 0, 250_000, VIENNA)
    return iter([start + timedelta(minutes=minute) for minute in minutes])


def log(home: Path, *minutes: float) -> PersonLog:
    times = clock(*minutes)
    return PersonLog(home, "P-001", now=lambda: next(times))


def entry(number: int, text: str) -> tuple[str, dict[str, Json]]:
    return "journal", {"entry": number, "text": text}


def rows(path: Path) -> list[dict[str, Json]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_c2_lines_of_a_person_are_like_those_of_a_session(tmp_path: Path) -> None:
    person = log(tmp_path, 0, 0, 90)
    person.write(("consent", {"id": "words", "v": 1, "given": True}))
    person.write(("journal", {"entry": 1, "text": "wärme"}))
    head, consent, first_seal, journal, second_seal = rows(tmp_path / "people" / "P-001" / "person.jsonl")
    assert (head["k"], head["format"], head["v"], head["min_reader"]) == ("head", "biofeedback-person", 1, 1)
    assert (head["person"], head["wall_ns"]) == ("P-001", 1_795_626_000_250_000_000)
    assert [row["n"] for row in (head, consent, first_seal, journal, second_seal)] == [0, 1, 2, 3, 4]
    assert [row["k"] for row in (consent, first_seal, journal, second_seal)] == ["consent", "seal", "journal", "seal"]
    assert (consent["t"], journal["t"]) == (0, 90 * 60 * 1_000_000)
    assert (journal["at"], journal["utc_off_s"]) == ("2026-11-25T18:30:00.250Z", 3600)
    assert list(journal)[:3] == ["n", "t", "k"]
    assert list(journal)[-1] == "x"


def test_time_never_runs_backwards_when_the_clock_of_the_computer_does(tmp_path: Path) -> None:
    person = log(tmp_path, 0, 0, 60, -600, 61)
    for number in range(1, 5):
        person.write(("journal", {"entry": number, "text": "x"}))
    lines = [row for row in rows(person.path) if row["k"] == "journal"]
    assert [row["t"] for row in lines] == [0, 3_600_000_000, 3_600_000_000, 3_660_000_000]
    assert lines[2]["at"] == "2026-11-25T07:00:00.250Z", "what the clock said is kept"


@posix
def test_only_the_owner_can_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        PersonLog(tmp_path, "P-001").write(("journal", {"entry": 1, "text": "x"}))
        People(tmp_path).name("P-001", "Anna")
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.rglob("*")}
    assert modes.pop("people") == modes.pop("P-001") == 0o700
    assert set(modes.values()) == {0o600}, modes


def test_unknown_kinds_and_keys_are_kept_and_change_nothing(tmp_path: Path, logs: Logs) -> None:
    person = PersonLog(tmp_path, "P-001", logs.keys)
    person.write(("dream", {"colour": "blue"}), ("journal", {"entry": 1, "text": "x", "weather": "rain"}))
    assert [found.text for found in person.state().entries] == ["x"]
    person.rewrite(lambda line: line.body, ["nothing"])
    stored = person.read()
    assert stored is not None
    kinds = {line.kind: line.body for line in stored.lines}
    assert kinds["dream"]["colour"] == "blue"
    assert kinds["journal"]["weather"] == "rain"


def test_newer_words_replace_older_ones() -> None:
    said: list[tuple[str, dict[str, Json]]] = [
        ("profile", {"name": "Anna", "pace": 5.5, "words": {"place": "lake"}, "flags": ["beta_blocker"]}),
        ("profile", {"pace": 6, "strap": "H10"}),
        ("profile", {"flags": []}),
        ("consent", {"id": "words", "v": 1, "given": True}),
        ("consent", {"id": "words", "v": 1, "given": False}),
        ("consent", {"id": "heart_data", "v": 1, "given": True}),
        ("consent", {"id": "research", "v": 0, "given": True}),
        ("tag", {"session": "s1", "what": "add", "value": "evening"}),
        ("tag", {"session": "s1", "what": "add", "value": "tired"}),
        ("tag", {"session": "s1", "what": "remove", "value": "evening"}),
        ("edit", {"session": "s1", "what": "person", "value": "P-002"}),
        ("edit", {"session": "s1", "what": "person", "value": "P-003"}),
        ("text", {"what": "place", "value": "the lake"}),
        ("delete", {"session": "s9"}),
    ]
    state = fold(Line(n, n, kind, body) for n, (kind, body) in enumerate(said))
    assert state.profile.name == "Anna"
    assert (state.profile.pace, state.profile.strap, state.profile.flags) == (6.0, "H10", ())
    assert state.profile.words == {"place": "lake"}
    assert (state.holds("words"), state.holds("heart_data"), state.holds("practitioner")) == (False, True, False)
    assert not state.holds("research"), "who agreed to an older sentence has not agreed to this one"
    assert state.tags == {"s1": ("tired",)}
    assert state.latest("person")["s1"].value == "P-003"
    assert state.texts == {"place": "the lake"}
    assert state.deleted == {"s9"}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KEYS = "at utc_off_s name words flags pace strap id v given entry text trigger practice before after session what value"
KINDS = "head profile screen consent journal trigger text tag edit delete seal later"


@pytest.mark.slow
@given(
    st.lists(
        st.tuples(
            st.sampled_from(KINDS.split()), st.dictionaries(st.sampled_from(KEYS.split()), json_values, max_size=6)
        ),
        max_size=8,
    )
)
def test_no_line_of_any_content_stops_the_fold(said: list[tuple[str, dict[str, object]]]) -> None:
    state = fold(Line(n, n, kind, body) for n, (kind, body) in enumerate(said))
    assert all(found.number < state.next_entry for found in state.entries)
    assert all(found.before is None or 0 <= found.before <= 10 for found in state.entries)


def test_a_number_of_an_entry_is_never_given_twice(tmp_path: Path, logs: Logs) -> None:
    person = PersonLog(tmp_path, "P-001", logs.keys)
    person.write(entry(1, "a"), entry(2, "b"))
    person.rewrite(
        lambda line: None if line.body.get("entry") == 2 else line.body, ["journal"], [("delete", {"entry": 2})]
    )
    state = person.state()
    assert [found.number for found in state.entries] == [1]
    assert state.next_entry == 3


def test_c4_rewriting_really_removes_and_says_from_what_it_was_made(tmp_path: Path, logs: Logs) -> None:
    person = PersonLog(tmp_path, "P-001", logs.keys)
    person.write(entry(1, "canary-secret"), ("profile", {"pace": 6}))
    person.write(entry(2, "stays"))
    before = hashlib.sha256(person.path.read_bytes()).hexdigest()
    person.rewrite(lambda line: None if line.body.get("entry") == 1 else line.body, ["journal"])
    stored = person.read()
    assert stored is not None
    assert stored.damage is None
    assert stored.head["parent"] == {"sha256": before, "removed": ["journal"]}
    assert b"canary" not in b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert [found.text for found in person.state().entries] == ["stays"]
    person.write(entry(3, "goes on"))
    assert [found.number for found in person.state().entries] == [2, 3]


@pytest.mark.slow
@pytest.mark.timeout(90)
def test_a_torn_end_is_kept_beside_and_the_log_goes_on(tmp_path: Path, logs: Logs) -> None:
    person = PersonLog(tmp_path, "P-001", logs.keys)
    person.write(entry(1, "a"))
    whole = person.path.read_bytes()
    for cut in range(1, len(whole), 1 if logs.keys is None else 5):
        person.path.write_bytes(whole[:cut])
        person.write(entry(9, "after"))
        kept = b"".join(path.read_bytes() for path in person.path.parent.glob("person.jsonl.torn*"))
        lines = person.path.read_bytes()
        good = whole[:cut].rpartition(b"\n")[0]
        if logs.keys is not None and whole[:cut].count(b"\n") < 2:
            good = b""  # its head is two lines
        assert lines.startswith(good)
        assert kept == whole[:cut][len(good) + bool(good) :], "no byte is thrown away"
        assert person.state().entries[-1].text == "after"
        for path in person.path.parent.glob("person.jsonl*"):
            path.unlink()


def test_a_log_damaged_before_its_end_is_left_alone_read_as_far_as_can_be_and_mended_on_request(
    tmp_path: Path, logs: Logs
) -> None:
    person = PersonLog(tmp_path, "P-001", logs.keys)
    starts = [0]
    for number in range(1, 6):
        person.write(entry(number, f"text {number}"))
        starts.append(person.path.stat().st_size)
    whole = person.path.read_bytes()
    where = starts[1] + 30  # in the line of the second entry
    damaged = whole[:where] + bytes([whole[where] ^ 1]) + whole[where + 1 :]
    person.path.write_bytes(damaged)
    with pytest.raises(RecordingError, match="damaged") as refused:
        person.write(entry(6, "more"))
    assert "person repair P-001" in refused.value.advice
    assert person.path.read_bytes() == damaged
    assert {found.number for found in person.state().entries} >= {1, 4, 5}
    aside = person.repair()
    assert aside is not None
    assert aside.read_bytes() == damaged
    person.write(entry(6, "more"))
    assert {found.number for found in person.state().entries} >= {1, 4, 5, 6}
    assert person.repair() is None
    person.forget_side_files()
    assert not aside.exists()


def test_repair_without_a_head(tmp_path: Path) -> None:
    person = log(tmp_path, *range(20))
    for number in range(1, 4):
        person.write(entry(number, f"text {number}"))
    start = rows(person.path)[0]["wall_ns"]
    whole = person.path.read_bytes()
    person.path.write_bytes(b"X" + whole[1:])
    assert person.repair() is not None
    stored = person.read()
    assert stored is not None
    assert (stored.head["person"], stored.head["wall_ns"]) == ("P-001", start)
    assert {found.number for found in person.state().entries} >= {2, 3}


def test_a_session_log_in_its_place_is_refused(tmp_path: Path) -> None:
    from biofeedback.recording.line_file import LineFile

    person = PersonLog(tmp_path, "P-001")
    LineFile.create(person.path, {"format": "biofeedback-session"}).close()
    with pytest.raises(UnreadableError, match="biofeedback-session"):
        person.state()


@pytest.mark.slow
def test_a_busy_log_is_waited_for_two_seconds_and_then_refused_in_plain_words(tmp_path: Path, logs: Logs) -> None:
    person = PersonLog(tmp_path, "P-001", logs.keys)
    person.write(entry(1, "a"))
    with (person.path.parent / "person.lock").open("r+b") as file:
        assert take_lock(file.fileno())
        began = time.monotonic()
        with pytest.raises(RecordingError, match="Another program is writing"):
            person.write(entry(2, "b"))
        assert 1.9 < time.monotonic() - began < 4
        timer = threading.Timer(0.5, file.close)
        timer.start()
        person.write(entry(3, "c"))
        timer.join()
    assert [found.number for found in person.state().entries] == [1, 3]


def test_who_waits_for_a_log_that_is_deleted_meanwhile_waits_for_the_new_one(tmp_path: Path) -> None:
    person = PersonLog(tmp_path, "P-001")
    person.write(entry(1, "old"))
    folder = person.path.parent
    with (folder / "person.lock").open("r+b") as old:
        assert take_lock(old.fileno())
        waiting = threading.Thread(target=lambda: person.write(entry(2, "new")))
        waiting.start()
        time.sleep(0.2)
        shutil.rmtree(folder)
        folder.mkdir(0o700)
        with (folder / "person.lock").open("x+b") as new:
            assert take_lock(new.fileno())
            old.close()
            time.sleep(0.3)
            assert not person.path.exists(), "somebody else has the new one"
    waiting.join()
    assert [found.number for found in person.state().entries] == [2]


WRITER = """
import sys
from pathlib import Path
from biofeedback.recording.person import PersonLog
log = PersonLog(Path(sys.argv[1]), "P-001")
for _ in range(15):
    log.update(lambda state: [("journal", {"entry": state.next_entry, "text": sys.argv[2]})])
"""


@pytest.mark.slow
def test_three_programs_writing_at_once_lose_nothing(tmp_path: Path) -> None:
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), name], env={**environment(tmp_path), "PYTHONPATH": str(ROOT)}
        )
        for name in "abc"
    ]
    assert [program.wait(timeout=18) for program in programs] == [0, 0, 0]
    entries = PersonLog(tmp_path, "P-001").state().entries
    assert [found.number for found in entries] == list(range(1, 46))
    assert sorted(found.text for found in entries) == ["a"] * 15 + ["b"] * 15 + ["c"] * 15


REWRITER = """
import os, sys
from pathlib import Path
from biofeedback.recording import person
left = int(sys.argv[2])
def counted(real):
    def call(*words, **more):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return real(*words, **more)
    return call
for name in ("open", "write", "fsync", "replace", "unlink", "close"):
    setattr(os, name, counted(getattr(os, name)))
log = person.PersonLog(Path(sys.argv[1]), "P-001")
log.rewrite(lambda line: None if line.body.get("entry") == 1 else line.body, ["journal"])
"""


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_dying_at_any_system_call_of_a_rewrite_leaves_the_old_log_or_the_new_one(tmp_path: Path) -> None:
    outcomes: list[list[int]] = []
    for calls in range(200):
        home = tmp_path / str(calls)
        person = PersonLog(home, "P-001")
        person.write(entry(1, "a"), entry(2, "b"))
        done = subprocess.run(
            [sys.executable, "-c", REWRITER, str(home), str(calls)],
            env={**environment(home), "PYTHONPATH": str(ROOT)},
            check=False,
            timeout=20,
        )
        outcomes.append([found.number for found in person.state().entries])
        person.write(entry(3, "c"))
        assert person.state().entries[-1].text == "c"
        if done.returncode == 0:
            break
        assert done.returncode == 9
    assert outcomes[0] == [1, 2]
    assert outcomes[-1] == [2]
    assert outcomes == sorted(outcomes), "old, old, ..., new, new: nothing else"


@pytest.mark.slow
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EROFS, errno.EDQUOT])
@pytest.mark.parametrize("job", ["write", "rewrite"])
def test_r4_when_any_system_call_fails_nothing_is_lost_and_what_is_said_to_be_kept_is(
    tmp_path: Path, logs: Logs, monkeypatch: pytest.MonkeyPatch, number: int, job: str
) -> None:
    for call in range(60):
        home = tmp_path / str(call)
        person = PersonLog(home, "P-001", logs.keys)
        person.write(entry(1, "a"), entry(2, "b"))
        left = [call]

        def failing(real: Callable[..., object], left: list[int] = left) -> Callable[..., object]:
            def once(*words: object, **more: object) -> object:
                left[0] -= 1
                if left[0] == -1:
                    raise OSError(number, os.strerror(number))
                return real(*words, **more)

            return once

        said = True
        with monkeypatch.context() as patched:
            for name in ("open", "write", "fsync", "replace", "unlink", "ftruncate"):
                patched.setattr(os, name, failing(getattr(os, name)))
            try:
                if job == "write":
                    person.write(entry(3, "c"))
                else:
                    person.rewrite(lambda line: None if line.body.get("entry") == 1 else line.body, ["journal"])
            except (RecordingError, UnreadableError):
                said = False
        numbers = [found.number for found in person.state().entries]
        whole, done = ([1, 2], [1, 2, 3]) if job == "write" else ([1, 2], [2])
        assert numbers == done if said else numbers in (whole, done), call
        person.write(entry(9, "and on"))
        assert person.state().entries[-1].text == "and on"
        if left[0] >= 0:
            assert call >= 5
            return
    raise AssertionError("there was no end of system calls")


@pytest.mark.parametrize(
    "word", ["P-001", "me", "a", "Anna_B.2", "x" * 64, "0", "console", "com10", "comma", "a.con", "null"]
)
def test_pseudonyms_that_can_be(word: str) -> None:
    assert is_pseudonym(word)


@pytest.mark.parametrize(
    "word",
    ["", ".", "..", ".x", "-x", "_x", "x" * 65, "a/b", "a\\b", "a b", "x.", "con", "CON", "nul.txt", "Com1", "lpt9.a.b",
     "aux", "prn", "é", "a\n", "a:b", "a*", "\x00"],
)  # fmt: skip
def test_pseudonyms_that_cannot_be(tmp_path: Path, word: str) -> None:
    assert not is_pseudonym(word)
    with pytest.raises(UsageError):
        PersonLog(tmp_path, word)
    with pytest.raises(UsageError):
        People(tmp_path).make(word)


def test_pseudonyms_are_unique_in_whatever_case(tmp_path: Path) -> None:
    people = People(tmp_path)
    people.make("Anna")
    with pytest.raises(UsageError, match="Anna"):
        people.make("ANNA")
    assert people.find("anna") == "Anna"
    assert people.pseudonyms() == ["Anna"]


def test_numbered_pseudonyms_go_on_from_the_highest(tmp_path: Path) -> None:
    people = People(tmp_path)
    assert people.next_free() == "P-001"
    people.make("P-007")
    people.make("P-x")
    assert people.next_free() == "P-008"
    people.make("P-999")
    assert people.next_free() == "P-1000"


def test_names_are_a_table_beside_and_find_somebody_when_only_one_has_it(tmp_path: Path) -> None:
    people = People(tmp_path)
    for pseudonym in ("P-001", "P-002", "P-003"):
        people.make(pseudonym)
    people.name("P-001", "Anna Müller")
    people.name("P-002", "Bo")
    people.name("P-003", "Bo")
    assert people.find("anna müller") == "P-001"
    assert people.find("Bo") is None
    people.name("P-003", None)
    assert people.find("Bo") == "P-002"
    assert json.loads((tmp_path / "people.json").read_text("utf-8")) == {
        "people": {"P-001": {"name": "Anna Müller"}, "P-002": {"name": "Bo"}}
    }


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b'{"people": 3}', b'{"people": {"P-001": 3}}', b"\xff" * 9, b"[" * 99999]
)
def test_damaged_names_are_kept_aside_and_the_people_are_still_there(tmp_path: Path, damage: bytes) -> None:
    people = People(tmp_path)
    people.make("P-001")
    (tmp_path / "people.json").write_bytes(damage)
    assert people.pseudonyms() == ["P-001"]
    assert people.names() == {}
    people.name("P-001", "Anna")
    assert people.names() == {"P-001": "Anna"}
    aside = list(tmp_path.glob("people.json.damaged*"))
    assert [path.read_bytes() for path in aside] in ([damage], []), "kept when it was no table at all"


def test_strange_things_among_the_folders_are_nobody(tmp_path: Path) -> None:
    people = People(tmp_path)
    people.make("P-001")
    (tmp_path / "people" / ".hidden").mkdir()
    (tmp_path / "people" / "a b").mkdir()
    (tmp_path / "people" / "file").write_text("x")
    if os.name == "posix":
        (tmp_path / "people" / "link").symlink_to(tmp_path)
    assert people.pseudonyms() == ["P-001"]


def test_nobody_has_said_anything_yet(tmp_path: Path) -> None:
    assert PersonLog(tmp_path, "P-001").state() == PersonState()
    assert PersonLog(tmp_path, "P-001").repair() is None
    assert not list(tmp_path.rglob("*.jsonl"))


def test_too_long_a_line_is_refused_and_the_log_goes_on(tmp_path: Path, logs: Logs) -> None:
    person = PersonLog(tmp_path, "P-001", logs.keys)
    with pytest.raises(RecordingError, match="too long"):
        person.write(entry(1, "x" * 70_000))
    person.write(entry(1, "short"))
    assert [found.text for found in person.state().entries] == ["short"]


def test_at_is_in_utc(tmp_path: Path) -> None:
    person = PersonLog(tmp_path, "P-001")
    person.write(entry(1, "x"))
    (found,) = person.state().entries
    assert abs(datetime.fromisoformat(found.said.at) - datetime.now(UTC)) < timedelta(seconds=20)


def test_the_page_about_people_names_every_kind_and_every_consent() -> None:
    page = (ROOT / "docs" / "people.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \|", page, flags=re.MULTILINE)
    assert set(rows) == {*CONSENTS, *_STEPS}
