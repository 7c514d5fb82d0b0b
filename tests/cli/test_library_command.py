"""`library` as people use it: list, show, tag, move, delete, rebuild, verify, repair."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from biofeedback.recording.person import PersonLog
from tests.cli.programs import run, run_here, start
from tests.recording.test_library_index import record
from tests.recording.test_repair import spoiled

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a practice and a free session, both of a simulated person."""
    home = tmp_path_factory.mktemp("home")
    common = ("--speed", "max", "--view", "none", "-q")
    for words in (("safe_place", "--source", "sim:calm"), ("--source", "sim:tense")):
        done = run(home, "practice", *words, "--minutes", "1", *common)
        assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def home(recorded: Path, tmp_path: Path) -> Path:
    """A copy of it to change."""
    copy = tmp_path / "home"
    shutil.copytree(recorded, copy)
    copy.chmod(0o700)
    return copy


def sessions(home: Path, *words: str) -> list[dict[str, Any]]:
    done = run(home, "library", "list", "--json", *words)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_a12_list_json_is_one_array_with_the_contract_s_keys_newest_first(home: Path) -> None:
    free, practice = sessions(home)
    assert list(free)[:8] == ["id", "file", "person", "start", "duration_s", "plan", "quality", "verified"]
    assert (free["plan"], practice["plan"]) == ("free", "practice")
    assert free["start"] >= practice["start"]
    assert Path(free["file"]).is_file()
    assert (free["person"], free["verified"], free["state"]) == ("me", None, "finished")
    assert free["duration_s"] > 60
    assert free["quality"] == "good"


def test_c1_simulated_people_are_marked_and_never_pass_for_a_real_one(home: Path) -> None:
    assert {each["simulated"] for each in sessions(home)} == {True}
    done = run(home, "library", "list")
    assert [line.count("simulated") for line in done.stdout.splitlines()] == [1, 1]


def test_list_by_person_and_day_and_an_empty_list_says_so(home: Path) -> None:
    assert len(sessions(home, "--person", "ME")) == 2
    assert sessions(home, "--person", "P-002") == []
    today = sessions(home)[0]["start"][:10]
    assert len(sessions(home, "--since", today)) == 2
    assert sessions(home, "--since", "2099-01-01") == []
    done = run(home, "library", "list", "--since", "2099-01-01")
    assert (done.returncode, done.stdout) == (0, "")
    assert "no sessions that fit" in done.stderr
    for day in ("yesterday", "2026-13-01"):
        assert run(home, "library", "list", "--since", day).returncode == 2


def test_show_tells_parts_and_answers_by_the_first_digits(home: Path) -> None:
    practice = sessions(home)[1]
    done = run(home, "library", "show", practice["id"][:8])
    assert done.returncode == 0
    for word in (practice["id"], practice["file"], "settle", "baseline", "practice", "SUDS before", "close"):
        assert word in done.stdout
    (shown,) = [json.loads(line) for line in run(home, "library", "show", practice["id"], "--json").stdout.splitlines()]
    assert [name for name, _ in shown["phases"]] == ["settle", "ramp", "baseline", "practice", "close"]
    assert [when for _, when, _ in shown["suds"]] == ["before", "after"]
    assert shown["damage"] is None


def test_an_unknown_id_says_what_to_do(home: Path) -> None:
    done = run(home, "library", "show", "ffffffff")
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        done.stderr
        == "biofeedback: There is no session 'ffffffff' here.\nSee which there are: biofeedback library list\n"
    )


def test_c2_tags_come_and_go_and_the_recording_stays_as_it_was(home: Path) -> None:
    free = sessions(home)[0]
    before = Path(free["file"]).read_bytes()
    assert run(home, "library", "tag", free["id"][:6], "quiet", "evening").returncode == 0
    assert sessions(home)[0]["tags"] == ["quiet", "evening"]
    assert "#quiet, #evening" in run(home, "library", "list").stdout
    assert run(home, "library", "tag", free["id"][:6], "quiet", "--remove").returncode == 0
    assert sessions(home)[0]["tags"] == ["evening"]
    assert Path(free["file"]).read_bytes() == before


def test_c4_a_session_moves_to_another_person_and_back(home: Path) -> None:
    free = sessions(home)[0]
    refused = run(home, "library", "move", free["id"], "P-002")
    assert refused.returncode == 2
    assert "nobody called" in refused.stderr
    assert run(home, "person", "new", "P-002").returncode == 0
    moved = run(home, "library", "move", free["id"], "P-002")
    assert moved.returncode == 0
    assert f"library move {free['id'][:8]} me" in moved.stderr
    assert [each["id"] for each in sessions(home, "--person", "P-002")] == [free["id"]]
    assert run(home, "library", "move", free["id"], "me").returncode == 0
    assert sessions(home)[0]["person"] == "me"


def test_delete_asks_first_and_then_nothing_is_left_but_the_word_that_it_was(home: Path) -> None:
    free = sessions(home)[0]
    path = Path(free["file"])
    beside = [path.with_name(f"{path.name}.part.torn99"), path.with_name(path.name.split(".")[0] + ".html")]
    for each in beside:
        each.write_text("torn")
    assert run(home, "person", "new", "me").returncode == 0
    assert run(home, "library", "verify", free["id"]).returncode == 0
    refused = run(home, "library", "delete", free["id"][:8])
    assert refused.returncode == 2
    assert "--yes" in refused.stderr
    assert all(each.exists() for each in (path, *beside))
    done = run(home, "library", "delete", free["id"][:8], "--yes")
    assert done.returncode == 0
    assert "SSD may keep copies" in done.stderr
    assert not any(each.exists() for each in (path, *beside))
    assert free["id"] not in {each["id"] for each in sessions(home)}
    stored = PersonLog(home, "me").read()
    assert stored is not None
    (said,) = [line for line in stored.lines if line.kind == "delete"]
    assert (said.body["session"], said.body["start"]) == (free["id"], free["start"])
    assert not any(path.name.encode() in each.read_bytes() for each in home.rglob("*") if each.is_file())


def test_a_deletion_that_was_interrupted_is_shown_and_can_be_done_again(home: Path) -> None:
    free = sessions(home)[0]
    PersonLog(home, "me").write(("delete", {"session": free["id"]}))
    assert sessions(home)[0]["state"] == "deleting"
    assert "delete it again" in run(home, "library", "list").stdout
    assert run(home, "library", "delete", free["id"], "--yes").returncode == 0
    assert not Path(free["file"]).exists()


def test_verify_reads_all_and_the_list_knows_it_from_then_on(home: Path) -> None:
    done = run(home, "library", "verify")
    assert done.returncode == 0
    assert done.stdout.count("every number came out again") == 2
    assert {each["verified"] for each in sessions(home)} == {True}
    again = run(home, "library", "verify")
    assert (again.stdout, "--all" in again.stderr) == ("", True)
    lines = run(home, "library", "verify", "--all", "--json").stdout.splitlines()
    assert [json.loads(line)["differences"] for line in lines] == [0, 0]
    shown = json.loads(run(home, "library", "show", sessions(home)[0]["id"], "--json").stdout)
    rmssd = [row for row in shown["metrics"] if row["metric"] == "rmssd_ms"]
    assert rmssd
    assert all(row["stored"] == row["now"] and row["rule"] == row["rule_now"] for row in rmssd)


def test_a_damaged_recording_is_found_with_4_and_repaired_into_a_copy(home: Path) -> None:
    free = sessions(home)[0]
    path = Path(free["file"])
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    assert run(home, "library", "verify", free["id"]).returncode == 4
    assert sessions(home)[0]["verified"] is False
    assert "damaged" in run(home, "library", "list").stdout
    repaired = run(home, "library", "repair", free["id"][:8])
    assert repaired.returncode == 0, repaired.stderr
    made = Path(repaired.stdout.strip())
    assert path.read_bytes() == bytes(data)
    assert run(home, "verify", str(made)).returncode == 0
    assert len(sessions(home)) == 3
    assert run(home, "library", "repair", str(made)).returncode == 1


def test_rebuild_makes_the_index_from_the_files_alone(home: Path) -> None:
    before = sessions(home)
    for each in home.glob("library.db*"):
        each.unlink()
    done = run(home, "library", "rebuild", "--verify")
    assert done.returncode == 0, done.stderr
    assert "sessions: 2" in done.stderr
    after = sessions(home)
    assert [each["id"] for each in after] == [each["id"] for each in before]
    assert {each["verified"] for each in after} == {True}


@pytest.mark.skipif(os.name != "posix", reason="a signal that cannot be caught")
def test_1_4_a_session_killed_with_9_is_shown_as_running_then_unfinished_and_rebuild_finishes_it(home: Path) -> None:
    words = ("practice", "--source", "sim:calm", "--speed", "20", "--minutes", "30", "--view", "none", "-q")
    program = start(home, *words)
    try:
        until = time.monotonic() + 15
        while not any(each.stat().st_size > 20_000 for each in (home / "sessions").glob("*.part")):
            assert time.monotonic() < until
            time.sleep(0.05)
        assert sessions(home)[0]["state"] == "running"
        refused = run(home, "library", "delete", sessions(home)[0]["id"], "--yes")
        assert refused.returncode == 2
        assert "being recorded" in refused.stderr
    finally:
        program.send_signal(signal.SIGKILL)
        program.communicate()
    assert sessions(home)[0]["state"] == "unfinished"
    assert "not finished" in run(home, "library", "list").stdout.splitlines()[0]
    done = run(home, "library", "rebuild")
    assert done.returncode == 0, done.stderr
    (newest, *_) = sessions(home)
    assert newest["state"] == "finished"
    assert run(home, "verify", newest["file"]).returncode == 0


def test_c5_an_encrypted_session_is_listed_as_such_and_in_full_with_the_passphrase(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    secret = tmp_path / "secret"
    secret.write_text("four words in a row")
    secret.chmod(0o600)
    given = ("--passphrase-file", str(secret))
    assert run(tmp_path, "lock", "on", "-q", *given).returncode == 0
    words = ("practice", "--source", "sim:calm", "--minutes", "1", "--speed", "max", "--view", "none", "-q", *given)
    assert run(tmp_path, *words).returncode == 0
    (locked,), (opened,) = sessions(tmp_path), sessions(tmp_path, *given)
    assert (locked["state"], locked["person"], locked["plan"], locked["duration_s"]) == ("locked", None, None, None)
    assert (opened["state"], opened["person"], opened["plan"], opened["encrypted"]) == ("finished", "me", "free", True)
    assert locked["start"] == opened["start"]
    assert run(tmp_path, "library", "tag", opened["id"], "canary", *given).returncode == 0
    assert run(tmp_path, "library", "verify").returncode == 0
    assert (sessions(tmp_path)[0]["verified"], sessions(tmp_path)[0]["verification"]) == (None, "locked")
    assert "every number came out again" in run(tmp_path, "library", "verify", *given).stdout
    assert sessions(tmp_path, *given)[0]["tags"] == ["canary"]
    assert sessions(tmp_path)[0]["tags"] == []
    assert not any(b"canary" in each.read_bytes() for each in tmp_path.rglob("*") if each.is_file())
    without = run(tmp_path, "library", "verify", "--all")
    assert (without.returncode, without.stderr) == (0, "")
    assert (
        "intact; encrypted, and without its passphrase neither its numbers nor its end were checked" in without.stdout
    )
    assert sessions(tmp_path)[0]["verification"] == "exact", "what was known with it is not forgotten"
    assert run(tmp_path, "library", "delete", opened["id"], "--yes", *given).returncode == 0
    assert sessions(tmp_path, *given) == []


@pytest.mark.parametrize("subject", ["Anna Müller", "../evil", "con", "x" * 200, " ", "日本"])
@pytest.mark.parametrize("user", ["me", "Anna Müller"])
def test_c2_whoever_stands_in_a_recording_it_can_be_tagged_moved_and_deleted(
    tmp_path: Path, subject: str, user: str
) -> None:
    settings = tmp_path / "config" / "biofeedback" / "config.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text(f'person = "{user}"\n', "utf-8")
    tmp_path.chmod(0o700)
    path = record(tmp_path, "aaaa1111-0000-4000-8000-000000000001", subject=subject)
    assert run_here(tmp_path, "person", "new", "P-002").returncode == 0
    for words in (
        ("tag", "aaaa1111", "quiet"),
        ("move", "aaaa1111", "P-002"),
        ("move", "aaaa1111", subject),
        ("tag", "aaaa1111", "late"),
        ("tag", "aaaa1111", "quiet", "--remove"),
    ):
        done = run_here(tmp_path, "library", *words)
        assert done.returncode == 0, done.stderr
        (said,) = json.loads(run_here(tmp_path, "library", "list", "--json").stdout)
        assert said["person"] == ("P-002" if words[-1] == "P-002" else subject)
    assert json.loads(run_here(tmp_path, "library", "list", "--json").stdout)[0]["tags"] == ["late"]
    assert run_here(tmp_path, "library", "delete", "aaaa1111", "--yes").returncode == 0
    assert not path.exists()
    assert {each.name for each in (tmp_path / "people").iterdir()} == {"P-002", "me"}


def test_c2_a_file_that_cannot_be_read_is_not_tagged_but_can_be_deleted(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    record(tmp_path, "aaaa1111-0000-4000-8000-000000000001")
    junk = tmp_path / "sessions" / "junk.session.jsonl"
    for name in ("junk.session.jsonl", "other.session.jsonl"):
        (tmp_path / "sessions" / name).write_bytes(b"junk")
    for words in (("tag", "junk.session.jsonl", "quiet"), ("move", "junk.session.jsonl", "me")):
        assert run_here(tmp_path, "library", *words).returncode == 2
    assert not (tmp_path / "people").exists()
    assert run_here(tmp_path, "library", "delete", "junk.session.jsonl", "--yes").returncode == 0
    assert not junk.exists()


@pytest.mark.parametrize("locked", [False, True])
def test_c4_a_repaired_copy_is_whose_the_session_was_moved_to_and_has_its_tags(tmp_path: Path, *, locked: bool) -> None:
    tmp_path.chmod(0o700)
    secret = tmp_path / "secret"
    secret.write_text("four words in a row")
    secret.chmod(0o600)
    given = ("--passphrase-file", str(secret)) if locked else ()
    path = record(tmp_path, "aaaa1111-0000-4000-8000-000000000001", subject="A")
    assert run_here(tmp_path, "person", "new", "A").returncode == 0
    assert run_here(tmp_path, "person", "new", "B").returncode == 0
    if locked:
        assert run_here(tmp_path, "lock", "on", "-q", "--existing", *given).returncode == 0
    assert run_here(tmp_path, "library", "move", "aaaa1111", "B", *given).returncode == 0
    assert run_here(tmp_path, "library", "tag", "aaaa1111", "quiet", *given).returncode == 0
    spoiled(path, 5)
    if locked:
        refused = run_here(tmp_path, "library", "repair", "aaaa1111")
        assert (refused.returncode, "--passphrase-file" in refused.stderr) == (4, True)
    done = run_here(tmp_path, "library", "repair", "aaaa1111", *given)
    assert done.returncode == 0, done.stderr
    made = Path(done.stdout.strip())
    found = {each["file"]: each for each in json.loads(run_here(tmp_path, "library", "list", "--json", *given).stdout)}
    assert set(found) == {str(path), str(made)}
    for each in found.values():
        assert (each["person"], each["tags"]) == ("B", ["quiet"]), each["file"]
    assert run_here(tmp_path, "library", "delete", "aaaa1111", "--yes", *given).returncode == 0
    (left,) = json.loads(run_here(tmp_path, "library", "list", "--json", *given).stdout)
    assert (left["file"], left["person"], left["tags"]) == (str(made), "B", ["quiet"])


def test_c4_a_repaired_copy_is_not_listed_as_verified(home: Path) -> None:
    path = Path(sessions(home)[0]["file"])
    spoiled(path, 9)
    made = Path(run_here(home, "library", "repair", path.name).stdout.strip())
    path.unlink()
    said = run_here(home, "library", "verify", "--all")
    assert (said.returncode, said.stdout.count("came out again"), said.stdout.count("nothing in it")) == (0, 1, 1)
    (copy,) = [each for each in sessions(home) if each["file"] == str(made)]
    assert (copy["verified"], copy["verification"]) == (None, "nothing")
    assert [line.count("verified") for line in run(home, "library", "list").stdout.splitlines()] in ([0, 1], [1, 0])


def encrypted_home(home: Path) -> tuple[str, str]:
    """An encrypted home with one session of A; what opens it."""
    home.chmod(0o700)
    secret = home / "secret"
    secret.write_text("four words in a row")
    secret.chmod(0o600)
    given = ("--passphrase-file", str(secret))
    record(home, "aaaa1111-0000-4000-8000-000000000001", subject="A")
    assert run_here(home, "person", "new", "A").returncode == 0
    assert run_here(home, "lock", "on", "-q", "--existing", *given).returncode == 0
    return given


def test_c5_a_session_whose_passphrase_is_lost_can_still_be_deleted(tmp_path: Path) -> None:
    encrypted_home(tmp_path)
    done = run_here(tmp_path, "library", "delete", "aaaa1111", "--yes")
    assert done.returncode == 0, done.stderr
    assert "not written down" in done.stderr
    assert list((tmp_path / "sessions").iterdir()) == []
    assert [each.name for each in (tmp_path / "people").iterdir()] == ["A"]


def test_c5_without_the_passphrase_no_word_goes_into_the_log_of_somebody_else(tmp_path: Path) -> None:
    given = encrypted_home(tmp_path)
    for words in (("tag", "aaaa1111", "quiet"), ("move", "aaaa1111", "A")):
        assert run_here(tmp_path, "library", *words).returncode != 0
    assert [each.name for each in (tmp_path / "people").iterdir()] == ["A"]
    listed = run_here(tmp_path, "library", "list", "--person", "A")
    assert (listed.returncode, listed.stdout) == (0, "")
    assert "Whose 1 of 1 are is not known" in listed.stderr
    assert run_here(tmp_path, "library", "list", "--person", "A", *given).stdout.count("\n") == 1
    assert run_here(tmp_path, "library", "tag", "aaaa1111", "quiet", *given).returncode == 0
    assert "#quiet" in run_here(tmp_path, "library", "list", *given).stdout


def test_c4_of_two_files_of_one_session_one_can_go_and_be_tagged(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    path = record(tmp_path, "aaaa1111-0000-4000-8000-000000000001")
    copy = path.with_name("backup.session.jsonl")
    shutil.copy(path, copy)
    assert run_here(tmp_path, "library", "tag", copy.name, "quiet").returncode == 0
    assert run_here(tmp_path, "library", "move", copy.name, "me").returncode == 0
    assert run_here(tmp_path, "library", "delete", copy.name, "--yes").returncode == 0
    (left,) = json.loads(run_here(tmp_path, "library", "list", "--json").stdout)
    assert (left["file"], left["state"], left["tags"]) == (str(path), "finished", ["quiet"])
    assert run_here(tmp_path, "library", "delete", path.name, "--yes").returncode == 0
    assert PersonLog(tmp_path, "me").state().deleted == {left["id"]}


def test_row_23_what_a_file_says_of_itself_moves_no_cursor(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    record(tmp_path, "\x1b]0;PWNED\x07aaaa", subject="\x1b[2J").rename(tmp_path / "sessions" / "\x1b[1m.session.jsonl")
    name = "\x1b[1m.session.jsonl"
    for words in (("verify", "--all"), ("list",), ("show", name), ("tag", name, "quiet"), ("delete", name, "--yes")):
        done = run_here(tmp_path, "library", *words)
        assert done.returncode == (5 if words[0] == "verify" else 0), done.stderr
        assert "\x1b" not in done.stdout + done.stderr, words


def test_since_takes_a_day_and_nothing_behind_it(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert run_here(tmp_path, "library", "list", "--since", "2026-11-25garbage").returncode == 2
    assert run_here(tmp_path, "library", "list", "--since", "2026-11-25").returncode == 0


@pytest.mark.skipif(os.name != "posix", reason="rights are POSIX")
def test_row_20_a_data_folder_others_may_write_to_is_refused_with_advice(home: Path) -> None:
    home.chmod(0o777)
    done = run(home, "library", "list")
    assert (done.returncode, done.stdout) == (1, "")
    assert f"chmod 700 '{home}'" in done.stderr
    home.chmod(0o700)
    (home / "sessions").chmod(0o777)
    assert run(home, "library", "list").returncode == 1
    (home / "sessions").chmod(0o700)
    assert run(home, "library", "list").returncode == 0
    assert stat.S_IMODE((home / "library.db").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "words",
    [
        ["list", "abcd"], ["show"], ["tag", "abcd"], ["move", "abcd"], ["delete"], ["repair"], ["rebuild", "abcd"],
        ["list", "--yes"], ["show", "abcd", "--remove"], ["fold"], [],
    ],
)  # fmt: skip
def test_words_that_do_not_go_together_are_2_and_two_lines(home: Path, words: list[str]) -> None:
    done = run(home, "library", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert len(done.stderr.strip().splitlines()) == 2


def test_help_has_a_worked_example(home: Path) -> None:
    for command in ("library", "export"):
        assert "example:" in run(home, command, "--help").stdout


@pytest.mark.skipif(os.name != "posix", reason="rights are POSIX")
@pytest.mark.parametrize(
    "words",
    [
        ["practice", "--source", "sim:calm", "--minutes", "1", "--speed", "max", "--view", "none"],
        ["journal", "add", "canary"],
        ["person", "show", "me"],
    ],
    ids=lambda words: words[0],
)
def test_row_20_every_command_that_keeps_something_refuses_a_folder_that_others_may_write_to(
    tmp_path: Path, words: list[str]
) -> None:
    assert run(tmp_path, "person", "new", "me").returncode == 0
    (tmp_path / "people").chmod(0o777)
    done = run(tmp_path, *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"chmod 700 '{tmp_path / 'people'}'" in done.stderr
    assert not (tmp_path / "sessions").exists()
