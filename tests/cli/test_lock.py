"""`biofeedback lock`, and how commands get a passphrase: the program as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from biofeedback.recording.chain import open_line, seal_line
from biofeedback.recording.home_lock import HomeLock, alone_with_lock, lost_lock, read_home_lock, write_home_lock
from biofeedback.recording.keys import new_home
from biofeedback.recording.locked_files import clear_head, locked_files
from biofeedback.recording.people import People
from biofeedback.recording.person import PersonLog
from tests.cli.programs import PROGRAM, consent, environment, run, run_here, start
from tests.recording.logs import CODE, KEYS, PASSPHRASE, QUICK, Logs
from tests.recording.test_encrypted_log import EVENTS, HEAD
from tests.terminal.pseudo import Terminal

posix = pytest.mark.skipif(os.name != "posix", reason="rights of files")


def secret(folder: Path, text: str, name: str = "passphrase") -> str:
    path = folder / name
    path.write_text(text + "\n", "utf-8")
    path.chmod(0o600)
    return str(path)


def recording(folder: Path, name: str, *, locked: bool) -> Path:
    with Logs(KEYS if locked else None).new(folder / "sessions" / f"{name}.session.jsonl", HEAD) as log:
        for event in EVENTS:
            log.append(event)
    return log.path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A data folder with a quick lock that is on."""
    write_home_lock(tmp_path, KEYS.lock, on=True)
    return tmp_path


def status(home: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(home, "lock", "status", "--json").stdout)
    return found


def opens(home: Path, path: str, given: str) -> bool:
    """Whether a passphrase file opens a recording."""
    return run(home, "analyze", "--json", path, "--passphrase-file", given).returncode == 0


def practise(home: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run(home, "practice", "--source", "sim:calm", "--minutes", "1", "--speed", "max", "--view", "none", *words)


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_session_under_lock_verifies_analyses_replays_and_reports_like_a_plain_one(tmp_path: Path) -> None:
    words = "--passphrase-file", secret(tmp_path, PASSPHRASE)
    assert practise(tmp_path).returncode == 0
    done = run(tmp_path, "lock", "on", *words)
    assert done.returncode == 0, done.stderr
    assert "Nobody can open them without the passphrase or the recovery code" in done.stderr
    code = done.stdout.strip()
    assert practise(tmp_path, *words).returncode == 0
    # Both may have begun in the same second, so their names tell no order.
    found = list((tmp_path / "sessions").glob("*.jsonl"))
    plain, locked = sorted(found, key=lambda path: b'"k":"packet"' not in path.read_bytes())
    assert b'"k":"packet"' in plain.read_bytes()
    assert b'"k":"packet"' not in locked.read_bytes()

    alone = json.loads(run(tmp_path, "verify", "--json", str(locked)).stdout)
    assert (alone["locked"], alone["intact"], alone["compared"]) == (True, True, 0)
    by_code = secret(tmp_path, code, "code")
    checked = json.loads(run(tmp_path, "verify", "--json", "--exact", str(locked), "--passphrase-file", by_code).stdout)
    assert (checked["locked"], checked["intact"], checked["differences"]) == (False, True, 0)
    assert checked["compared"] == checked["outputs"] > 100

    analysed = run(tmp_path, "analyze", "--json", str(plain), str(locked), *words).stdout.splitlines()
    assert json.loads(analysed[0])["metrics"] == json.loads(analysed[1])["metrics"]
    replayed = run(tmp_path, "replay", "--json", "--speed", "max", "--view", "none", str(locked), *words)
    assert len(replayed.stdout.splitlines()) == checked["events"]
    assert run(tmp_path, "report", str(locked), *words).returncode == 0


@pytest.mark.slow
def test_c5_without_a_passphrase_verify_says_intact_and_the_others_what_to_do(home: Path) -> None:
    path = str(recording(home, "a", locked=True))
    done = run(home, "verify", "-q", path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = run(home, "verify", path)
    assert done.returncode == 0
    assert done.stdout.endswith(
        ": intact; encrypted, and without its passphrase neither its numbers nor its end were checked\n"
    )
    for words in (["analyze"], ["report"], ["replay", "--view", "none"]):
        done = run(home, *words, path)
        assert done.returncode == 4
        assert "no terminal to ask for the passphrase" in done.stderr
        assert "--passphrase-file" in done.stderr.splitlines()[1]
    done = practise(home)
    assert done.returncode == 4
    assert len(list((home / "sessions").iterdir())) == 1, "nothing is recorded in clear instead"


def test_c5_damage_is_told_without_the_key(home: Path) -> None:
    path = recording(home, "a", locked=True)
    data = bytearray(path.read_bytes())
    data[-700] ^= 1
    path.chmod(0o600)
    path.write_bytes(data)
    done = run(home, "verify", "-q", str(path))
    assert done.returncode == 4
    assert "DAMAGED" in done.stdout


@pytest.mark.slow
def test_a_wrong_passphrase_is_told_in_two_lines_and_the_environment_names_a_file_too(home: Path) -> None:
    path = str(recording(home, "a", locked=True))
    wrong = secret(home, "not this one", "wrong")
    for done in (
        run(home, "verify", path, "--passphrase-file", wrong),
        run(home, "verify", path, env={"BIOFEEDBACK_PASSPHRASE_FILE": wrong}),
    ):
        assert done.returncode == 4
        assert "does not open a.session.jsonl" in done.stderr
        assert len(done.stderr.splitlines()) == 2
    right = secret(home, PASSPHRASE)
    assert run(home, "analyze", path, env={"BIOFEEDBACK_PASSPHRASE_FILE": right}).returncode == 0
    done = run(home, "analyze", path, "--passphrase-file", right, env={"BIOFEEDBACK_PASSPHRASE_FILE": wrong})
    assert done.returncode == 0, "the command line is heard first"
    slip = secret(home, ("1" if CODE[0] != "1" else "2") + CODE[1:], "slip")
    done = run(home, "verify", path, "--passphrase-file", slip)
    assert "Group 1 of the recovery code is not right" in done.stderr


@posix
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_a_passphrase_file_that_others_can_read_is_refused(home: Path, mode: int) -> None:
    given = secret(home, PASSPHRASE)
    Path(given).chmod(mode)
    done = run(home, "lock", "off", "--passphrase-file", given)
    assert done.returncode == 2
    assert "can be read by others" in done.stderr
    assert "chmod 600" in done.stderr


@posix
@pytest.mark.slow
def test_what_is_no_passphrase_file_is_refused(home: Path) -> None:
    os.mkfifo(home / "pipe", 0o600)
    (home / "folder").mkdir(mode=0o700)
    bad = {"pipe": "is not a file", "folder": "is not a file", "missing": "cannot be read"}
    bad |= {Path(secret(home, text, name)).name: "not one line" for name, text in [("empty", ""), ("two", "one\ntwo")]}
    (home / "binary").write_bytes(b"\xff\xfe\n")
    (home / "binary").chmod(0o600)
    (home / "long").write_bytes(b"x" * 5000)
    (home / "long").chmod(0o600)
    for name, why in {**bad, "binary": "not text", "long": "not one line"}.items():
        done = run(home, "lock", "off", "--passphrase-file", name)
        assert done.returncode == 2, name
        assert why in done.stderr, name


@pytest.mark.slow
def test_existing_recordings_are_made_anew_both_ways(home: Path) -> None:
    words = "--passphrase-file", secret(home, PASSPHRASE)
    plain, locked = recording(home, "plain", locked=False), recording(home, "locked", locked=True)
    (home / "sessions" / "plain.html").write_text("a report")
    (home / "library.db").write_text("numbers of what was plain")
    left_over = home / "sessions" / "dead.session.jsonl.relock"
    left_over.write_text("half of a file")
    PersonLog(home, "me").write(("journal", {"entry": 1, "text": "canary-note"}))
    person = home / "people" / "me" / "person.jsonl"
    assert status(home) == {"on": True, "home": KEYS.lock.ident, "encrypted": 1, "plain": 2}
    done = run(home, "lock", "on", "--existing", *words)
    assert done.returncode == 0
    assert "Written anew: 2 files." in done.stderr
    assert "plain.html" in done.stderr
    assert not (home / "library.db").exists()
    assert not left_over.exists()
    assert b"canary" not in person.read_bytes()
    assert status(home)["encrypted"] == 3
    assert run(home, "lock", "off", "--existing", *words).returncode == 2, "it is asked first"
    assert status(home)["encrypted"] == 3
    assert run(home, "lock", "off", "--existing", "--yes", *words).returncode == 0
    assert status(home) == {"on": False, "home": None, "encrypted": 0, "plain": 3}
    assert [entry.text for entry in PersonLog(home, "me").state().entries] == ["canary-note"]
    assert b'"k":"packet"' in plain.read_bytes()
    assert b'"k":"packet"' in locked.read_bytes()


def test_one_file_that_cannot_be_made_anew_stops_no_other(home: Path) -> None:
    words = "--passphrase-file", secret(home, PASSPHRASE)
    damaged = recording(home, "a", locked=False)
    damaged.chmod(0o600)
    damaged.write_bytes(damaged.read_bytes()[:-200])
    recording(home, "b", locked=False)
    before = damaged.read_bytes()
    done = run(home, "lock", "on", "--existing", *words)
    assert done.returncode == 1
    assert "Written anew: 1 file; left as it was: 1 file." in done.stderr
    assert damaged.read_bytes() == before


@pytest.mark.slow
def test_off_leaves_what_is_encrypted_to_its_passphrase(home: Path) -> None:
    words = "--passphrase-file", secret(home, PASSPHRASE)
    path = str(recording(home, "a", locked=True))
    done = run(home, "lock", "off", *words)
    assert "Still encrypted: 1 file" in done.stderr
    assert status(home) == {"on": False, "home": KEYS.lock.ident, "encrypted": 1, "plain": 0}
    assert opens(home, path, words[1])
    assert run(home, "lock", "on", *words).stdout == "", "the code it has stays"
    assert status(home)["on"]


@pytest.mark.slow
def test_change_and_code(home: Path) -> None:
    path = str(recording(home, "a", locked=True))
    old, new = secret(home, PASSPHRASE), secret(home, "a new good passphrase", "new")
    code = secret(home, CODE, "code")
    weak = secret(home, "1234567", "weak")
    done = run(home, "lock", "change", "--passphrase-file", old, "--new-passphrase-file", weak)
    assert done.returncode == 2
    assert "fewer than 8" in done.stderr
    done = run(home, "lock", "change", "--passphrase-file", code, "--new-passphrase-file", new)
    assert done.returncode == 0, "the code sets a forgotten passphrase anew"
    assert [opens(home, path, each) for each in (old, new, code)] == [False, True, True]
    elsewhere = home / "elsewhere"
    elsewhere.mkdir()
    assert opens(elsewhere, path, old), "alone: that of its day"
    done = run(home, "lock", "code", "--passphrase-file", new, "--print-code", "paper.txt")
    assert done.returncode == 0
    assert done.stdout == ""
    paper = home / "paper.txt"
    assert paper.stat().st_mode & 0o777 == 0o600
    assert [opens(home, path, each) for each in (code, str(paper))] == [False, True]
    before = paper.read_text()
    done = run(home, "lock", "code", "--passphrase-file", new, "--print-code", "paper.txt")
    assert done.returncode == 1
    assert paper.read_text() == before
    assert opens(home, path, str(paper)), "nothing was changed"


@pytest.mark.slow
def test_a_damaged_lock_stops_a_session_and_opens_files_by_themselves(home: Path) -> None:
    words = "--passphrase-file", secret(home, PASSPHRASE)
    path = str(recording(home, "a", locked=True))
    (home / "lock.json").write_text("{")
    done = practise(home, *words)
    assert done.returncode == 4
    assert "lock.json is damaged" in done.stderr
    assert opens(home, path, words[1])


def test_without_a_lock_nothing_is_asked(tmp_path: Path) -> None:
    for what in ("off", "change", "code"):
        done = run(tmp_path, "lock", what)
        assert done.returncode == 2
        assert done.stderr.splitlines() == [
            "biofeedback: Nothing is encrypted here.",
            "Begin with: biofeedback lock on",
        ]
    done = run(tmp_path, "lock", "on")
    assert done.returncode == 2
    assert "no terminal" in done.stderr
    assert not (tmp_path / "lock.json").exists()


on_terminals = pytest.mark.skipif(sys.platform == "win32", reason="needs pseudo terminals")


@contextmanager
def typing(home: Path, *words: str) -> Generator[Terminal]:
    """Somebody who sits at a terminal."""
    terminal = Terminal([*PROGRAM, *words], environment(home))
    try:
        yield terminal
    finally:
        terminal.close()


def answer(terminal: Terminal, prompt: str, text: str) -> None:
    terminal.wait_for(prompt)
    terminal.press(f"{text}\n")


def printed(terminal: Terminal) -> str:
    assert terminal.program.stdout is not None
    return terminal.program.stdout.read().decode()


@on_terminals
@pytest.mark.slow
def test_a_new_passphrase_is_typed_twice_and_shown_nowhere(tmp_path: Path) -> None:
    with typing(tmp_path, "lock", "on") as terminal:
        for word, again in (("a good passphrase", "a good passphrasr"), ("another good one", "something else")):
            answer(terminal, "New passphrase: ", word)
            answer(terminal, "The same again: ", again)
            terminal.wait_for("The two are not the same.")
        answer(terminal, "New passphrase: ", "short")
        terminal.wait_for("fewer than 8 letters")
        assert terminal.finish() == 2
        assert "No passphrase was set" in terminal.text
        assert printed(terminal) == ""
    assert not (tmp_path / "lock.json").exists()
    with typing(tmp_path, "lock", "on") as terminal:
        answer(terminal, "New passphrase: ", "a good passphrase")
        answer(terminal, "The same again: ", "a good passphrase")
        assert terminal.finish() == 0
        assert "a good" not in terminal.text
        code = printed(terminal).strip()
    assert run(tmp_path, "lock", "code", "--passphrase-file", secret(tmp_path, code, "code")).returncode == 0


@on_terminals
@pytest.mark.slow
def test_a_passphrase_is_asked_for_again_and_verify_goes_on_without(home: Path) -> None:
    path = str(recording(home, "a", locked=True))
    prompt = "recovery code for a.session.jsonl: "
    with typing(home, "verify", path) as terminal:
        answer(terminal, "; Enter: without it: ", "")
        assert terminal.finish() == 0
        assert "neither its numbers nor its end were checked" in printed(terminal)
    with typing(home, "analyze", "--json", path) as terminal:
        answer(terminal, prompt, "wrong")
        answer(terminal, prompt, f"{CODE[:-1]}?")
        answer(terminal, prompt, CODE.lower())
        assert terminal.finish() == 0
        assert json.loads(printed(terminal))["file"] == path
    with typing(home, "analyze", path) as terminal:
        for _ in range(3):
            answer(terminal, prompt, "wrong")
        assert terminal.finish() == 4
        assert "still locked after 3 tries" in terminal.text


@on_terminals
def test_off_for_all_is_asked_first(home: Path) -> None:
    path = recording(home, "a", locked=True)
    with typing(home, "lock", "off", "--existing") as terminal:
        answer(terminal, "for your recordings: ", PASSPHRASE)
        answer(terminal, "Go on? [y/N] ", "")
        assert terminal.finish() == 2
        assert "Nothing was changed" in terminal.text
    assert status(home)["on"]
    assert b'"k":"packet"' not in path.read_bytes()


def canaries(home: Path) -> list[str]:
    """Files of the data folder in which a word of the person stands in clear."""
    found = (path for path in home.rglob("*") if path.is_file())
    return sorted(str(path.relative_to(home)) for path in found if b"CANARY" in path.read_bytes())


def begun(home: Path) -> tuple[str, str]:
    """A person with a name and a journal from before the lock; what gives the passphrase."""
    assert run_here(home, "person", "new", "P-001", "--name", "CANARY-NAME").returncode == 0
    PersonLog(home, "P-001").write(("journal", {"entry": 1, "text": "CANARY-BEFORE"}))
    return "--passphrase-file", secret(home, PASSPHRASE)


def test_p41_lock_on_encrypts_the_person_logs_that_are_there(tmp_path: Path) -> None:
    words = begun(tmp_path)
    assert canaries(tmp_path) == ["people.json", "people/P-001/person.jsonl"]
    assert run_here(tmp_path, "lock", "on", *words).returncode == 0
    assert canaries(tmp_path) == []
    shown = run_here(tmp_path, "person", "show", "P-001", "--json", *words)
    assert (json.loads(shown.stdout)["name"], json.loads(shown.stdout)["journal"]) == ("CANARY-NAME", 1)


def test_p41_what_is_written_on_under_a_lock_is_encrypted_first(home: Path) -> None:
    consent(home, "P-001", "words")
    PersonLog(home, "P-001").write(("journal", {"entry": 1, "text": "CANARY-BEFORE"}))
    with (home / "people" / "P-001" / "person.jsonl").open("ab") as file:
        file.write(b'{"n":')  # the computer went off
    words = "--passphrase-file", secret(home, PASSPHRASE)
    done = run_here(home, "journal", "add", "CANARY-AFTER", "--person", "P-001")
    assert done.returncode == 4, "nothing is written in clear for want of a passphrase"
    assert run_here(home, "journal", "add", "CANARY-AFTER", "--person", "P-001", *words).returncode == 0
    assert canaries(home) == []
    said = [entry.text for entry in PersonLog(home, "P-001", KEYS).state().entries]
    assert said == ["CANARY-BEFORE", "CANARY-AFTER"]


@pytest.fixture
def lost(home: Path) -> Path:
    """An encrypted home that has lost its lock.json."""
    recording(home, "a", locked=True)
    (home / "lock.json").unlink()
    return home


def test_p31_where_the_lock_is_lost_nothing_is_recorded_in_clear(lost: Path) -> None:
    for words in (["person", "new", "B"], ["practice", "--source", "sim:calm", "--minutes", "1"]):
        done = run_here(lost, *words)
        assert done.returncode == 4
        assert "lock.json is missing, though files here are encrypted" in done.stderr
        assert "lock off" in done.stderr
    assert not list(lost.glob("people/*/*.jsonl"))
    assert len(list((lost / "sessions").iterdir())) == 1
    assert status(lost) == {"on": True, "home": KEYS.lock.ident, "encrypted": 1, "plain": 0}


def test_p31_a_lost_lock_is_made_again_from_a_file(lost: Path) -> None:
    words = "--passphrase-file", secret(lost, PASSPHRASE)
    done = run_here(lost, "person", "new", "B", "--name", "CANARY", *words)
    assert done.returncode == 0
    assert "lock.json was missing here and is made again" in done.stderr
    assert read_home_lock(lost) == HomeLock(KEYS.lock, on=True)
    assert canaries(lost) == []


def test_p31_lock_on_after_a_lost_lock_makes_no_second_home_key(lost: Path) -> None:
    words = "--passphrase-file", secret(lost, PASSPHRASE)
    assert run_here(lost, "lock", "on").returncode == 4
    assert not (lost / "lock.json").exists()
    done = run_here(lost, "lock", "on", *words)
    assert (done.returncode, done.stdout) == (0, ""), "no new recovery code: the old one opens it"
    assert read_home_lock(lost) == HomeLock(KEYS.lock, on=True)


def test_p31_whoever_has_files_of_others_only_can_choose_to_record_in_clear(lost: Path) -> None:
    assert run_here(lost, "lock", "off").returncode == 2, "it is asked first"
    assert run_here(lost, "person", "new", "B").returncode == 4
    done = run_here(lost, "lock", "off", "--yes")
    assert (done.returncode, "Still encrypted: 1 file" in done.stderr) == (0, True)
    assert run_here(lost, "person", "new", "C").returncode == 0
    assert status(lost) == {"on": False, "home": None, "encrypted": 1, "plain": 1}
    own = "--passphrase-file", secret(lost, "a passphrase of my own", "own")
    done = run_here(lost, "lock", "on", *own)
    assert (done.returncode, len(done.stdout) > 40) == (0, True)
    assert status(lost)["on"]
    assert status(lost)["home"] != KEYS.lock.ident


def test_p31_the_lock_is_that_of_the_persons_log_in_its_newest_form(home: Path) -> None:
    other, _ = new_home("somebody else's words", QUICK)
    for name in ("x", "y"):
        with Logs(other).new(home / "sessions" / f"{name}.session.jsonl", HEAD) as log:
            log.append(EVENTS[0])
    PersonLog(home, "me", KEYS).write()
    changed = KEYS.with_passphrase("a new good passphrase", QUICK)
    assert lost_lock(home) is None, "it is there"
    (home / "lock.json").unlink()
    assert lost_lock(home) == KEYS.lock
    newer = datetime.now().astimezone() + timedelta(days=1)
    PersonLog(home, "you", changed, now=lambda: newer).write()
    assert lost_lock(home) == changed.lock


def test_p31_a_lost_lock_that_no_file_tells_is_no_plain_home(lost: Path) -> None:
    path = next((lost / "sessions").iterdir())
    line, _ = open_line(path.read_bytes().split(b"\n")[0], 0)
    line.body["cipher"]["passphrase"]["kdf"]["name"] = "of tomorrow"
    path.chmod(0o600)
    path.write_bytes(seal_line(line.n, line.t, line.kind, line.body, 0)[0])
    done = run_here(lost, "practice", "--source", "sim:calm", "--minutes", "1")
    assert done.returncode == 4
    assert "does not say how it is encrypted" in done.stderr


@posix
@pytest.mark.slow
def test_p27_p43_two_windows_at_once_make_one_home_key(tmp_path: Path) -> None:
    for number in range(3):
        recording(tmp_path, f"plain{number}", locked=False)
    words = "lock", "on", "--existing", "--passphrase-file", secret(tmp_path, PASSPHRASE)
    programs = [start(tmp_path, *words) for _ in range(3)]
    told = [program.communicate(timeout=60) for program in programs]
    codes = [out.strip() for out, _ in told if out]
    assert len(codes) == 1, told
    assert opens(tmp_path, str(tmp_path / "sessions" / "plain0.session.jsonl"), secret(tmp_path, codes[0], "code"))
    idents = {clear_head(path)["cipher"]["home"] for path in locked_files(tmp_path)}
    assert idents == {status(tmp_path)["home"]}


@posix
def test_p27_a_lock_that_is_being_changed_is_not_changed(home: Path) -> None:
    words = "--passphrase-file", secret(home, PASSPHRASE)
    with alone_with_lock(home):
        done = run_here(home, "lock", "off", *words)
        assert done.returncode == 1
        assert "being changed in another window" in done.stderr
        assert run_here(home, "lock", "status").returncode == 0
    assert status(home)["on"]


@pytest.fixture
def two(home: Path) -> Path:
    """An encrypted home of one person with a recording that came from another home, and one that is damaged."""
    consent(home, "A", "heart_data")
    assert run_here(home, "lock", "on", "--passphrase-file", secret(home, PASSPHRASE)).returncode == 0
    recording(home, "own", locked=True)
    (home / "sessions" / "own.session.jsonl").rename(home / "sessions" / "z_own.session.jsonl")
    other, _ = new_home("somebody else's words", QUICK)
    with Logs(other).new(home / "sessions" / "a_foreign.session.jsonl", {**HEAD, "session": "f" * 32}) as log:
        for event in EVENTS:
            log.append(event)
    return home


def test_p28_a_file_of_another_home_blocks_nothing(two: Path) -> None:
    words = "--passphrase-file", secret(two, PASSPHRASE)
    listed = run_here(two, "library", "list", "--json", *words)
    assert listed.returncode == 0, listed.stderr
    states = {Path(row["file"]).name: row["state"] for row in json.loads(listed.stdout)}
    assert states["a_foreign.session.jsonl"] == "locked"
    assert states["z_own.session.jsonl"] != "locked"
    assert run_here(two, "person", "show", "A", *words).returncode == 0
    assert run_here(two, "person", "list", *words).returncode == 0
    done = run_here(two, "person", "consent", "A", "--withdraw", "heart_data", "--yes", *words)
    assert done.returncode == 0, done.stderr
    assert run_here(two, "person", "delete", "A", "--yes", *words).returncode == 0
    assert (two / "sessions" / "a_foreign.session.jsonl").exists()


def test_p28_a_passphrase_that_opens_nothing_here_is_told(two: Path) -> None:
    wrong = secret(two, "not any of these", "wrong")
    done = run_here(two, "library", "list", "--passphrase-file", wrong)
    assert done.returncode == 4
    assert "does not open" in done.stderr


def test_p28_the_other_home_s_passphrase_opens_the_other_s_file(two: Path) -> None:
    other = secret(two, "somebody else's words", "other")
    listed = run_here(two, "library", "list", "--json", "--passphrase-file", other)
    states = {Path(row["file"]).name: row["state"] for row in json.loads(listed.stdout)}
    assert states["z_own.session.jsonl"] == "locked"
    assert states["a_foreign.session.jsonl"] != "locked"


@on_terminals
@pytest.mark.slow
def test_p28_one_question_for_each_home(two: Path) -> None:
    with typing(two, "person", "list") as terminal:
        answer(terminal, "for your recordings; Enter: without it: ", PASSPHRASE)
        answer(terminal, "for a_foreign.session.jsonl; Enter: without it: ", "")
        assert terminal.finish() == 0
        assert terminal.text.count("Passphrase") == 2
        assert "heart_data" in printed(terminal)


@on_terminals
@pytest.mark.slow
def test_p28_two_homes_with_one_passphrase_are_opened_by_one_answer(home: Path) -> None:
    twin, _ = new_home(PASSPHRASE, QUICK)
    recording(home, "a", locked=True)
    PersonLog(home, "A", twin).write()
    with typing(home, "person", "list") as terminal:
        answer(terminal, "for your recordings; Enter: without it: ", PASSPHRASE)
        assert terminal.finish() == 0
        assert terminal.text.count("Passphrase") == 1
        assert "A " in printed(terminal)


def test_p30_half_made_copies_are_removed_whatever_is_done_with_the_lock(home: Path) -> None:
    recording(home, "a", locked=True)
    words = "--passphrase-file", secret(home, PASSPHRASE)
    left_over = [home / "sessions" / f"a.session.jsonl{ending}" for ending in (".relock", ".rewriting")]
    left_over.append(home / "people" / "me" / "person.jsonl.relock")
    left_over[-1].parent.mkdir(parents=True)
    for path in left_over:
        path.write_text("CANARY, in clear: lock off --existing was killed")
    assert run_here(home, "lock", "on", *words).returncode == 0
    assert canaries(home) == []


def test_p36_only_what_can_be_read_is_named_as_left(home: Path) -> None:
    words = "--passphrase-file", secret(home, PASSPHRASE)
    recording(home, "a", locked=True).rename(home / "sessions" / "closed.session.jsonl.part")
    recording(home, "b", locked=False).rename(home / "sessions" / "open.session.jsonl.part")
    done = run_here(home, "lock", "on", "--existing", *words)
    assert "can read them: open.session.jsonl.part." in done.stderr


def test_p45_a_mark_at_the_beginning_of_a_passphrase_file_is_not_of_the_passphrase(tmp_path: Path) -> None:
    marked = secret(tmp_path, f"\ufeff{PASSPHRASE}", "marked")
    assert run_here(tmp_path, "lock", "on", "--passphrase-file", marked).returncode == 0
    for given in (marked, secret(tmp_path, PASSPHRASE)):
        assert run_here(tmp_path, "lock", "off", "--passphrase-file", given).returncode == 0


@pytest.mark.parametrize("unseen", ["\ufeff", "\u200b", "\t", "\u00a0"])
def test_p45_what_nobody_sees_is_refused_in_a_new_passphrase(tmp_path: Path, unseen: str) -> None:
    given = secret(tmp_path, f"vier Stühle{unseen} am Fenster")
    done = run_here(tmp_path, "lock", "on", "--passphrase-file", given)
    assert done.returncode == 2
    assert "cannot be seen" in done.stderr
    assert not (tmp_path / "lock.json").exists()


@pytest.fixture
def forgotten(home: Path) -> Path:
    """Two people in an encrypted home, a recording of one of them, and nobody who knows the passphrase."""
    words = "--passphrase-file", secret(home, PASSPHRASE)
    for person in ("A", "B"):
        assert run_here(home, "person", "new", person, "--name", f"CANARY {person}", *words).returncode == 0
    with Logs(KEYS).new(home / "sessions" / "a.session.jsonl", {**HEAD, "session": "a" * 32, "subject": "A"}) as log:
        for event in EVENTS:
            log.append(event)
    return home


def test_p18_a_recording_can_be_deleted_without_the_passphrase(forgotten: Path) -> None:
    done = run_here(forgotten, "library", "delete", "aaaaaaaa", "--yes")
    assert done.returncode == 0, done.stderr
    assert "not written down" in done.stderr
    assert not list((forgotten / "sessions").iterdir())


@pytest.mark.parametrize("lock", ["kept", "damaged", "lost"])
def test_p18_a_person_can_be_deleted_without_the_passphrase(forgotten: Path, lock: str) -> None:
    PersonLog(forgotten, "C").write(("tag", {"session": "a" * 32, "what": "add", "value": "quiet"}))
    if lock == "damaged":
        (forgotten / "lock.json").write_text("{")
    elif lock == "lost":
        (forgotten / "lock.json").unlink()
    done = run_here(forgotten, "person", "delete", "A", "--yes")
    assert done.returncode == 1, "not all of it, and that is said"
    assert "All of" not in done.stderr
    assert "a.session.jsonl" in done.stderr
    assert "library delete" in done.stderr
    assert sorted(path.name for path in (forgotten / "people").iterdir()) == ["B", "C"]
    assert (forgotten / "sessions" / "a.session.jsonl").exists(), "it may be another's"
    if lock == "kept":
        words = "--passphrase-file", secret(forgotten, PASSPHRASE)
        done = run_here(forgotten, "person", "delete", "A", "--yes", *words)
        assert (done.returncode, "All of A is deleted" in done.stderr) == (0, True), done.stderr
        assert not list((forgotten / "sessions").iterdir())


@on_terminals
@pytest.mark.slow
def test_p18_at_a_terminal_enter_is_enough(forgotten: Path) -> None:
    with typing(forgotten, "person", "delete", "A") as terminal:
        answer(terminal, "for your recordings; Enter: without it: ", "")
        answer(terminal, "Type A to go on: ", "A")
        assert terminal.finish() == 1
        assert terminal.text.count("Passphrase") == 1
    assert [path.name for path in (forgotten / "people").iterdir()] == ["B"]


def test_p28_a_log_of_another_home_leaves_nobody_s_recordings_to_be_guessed(two: Path) -> None:
    other, _ = new_home("somebody else's words", QUICK)
    PersonLog(two, "X", other).write()
    words = "--passphrase-file", secret(two, PASSPHRASE)
    done = run_here(two, "person", "consent", "A", "--withdraw", "heart_data", "--yes", *words)
    assert done.returncode == 4
    assert "encrypted by another lock" in done.stderr
    assert PersonLog(two, "A", KEYS).state().holds("heart_data")


def test_p21_names_are_found_in_the_open_list_again_when_all_is_in_clear(tmp_path: Path) -> None:
    words = begun(tmp_path)
    assert run_here(tmp_path, "lock", "on", *words).returncode == 0
    assert run_here(tmp_path, "person", "new", "P-002", "--name", "Berta", *words).returncode == 0
    assert People(tmp_path).names() == {}
    assert run_here(tmp_path, "lock", "off", "--existing", "--yes", *words).returncode == 0
    assert People(tmp_path).names() == {"P-001": "CANARY-NAME", "P-002": "Berta"}
    assert run_here(tmp_path, "lock", "on", *words).returncode == 0
    assert canaries(tmp_path) == []


def test_p41_a_log_that_cannot_be_encrypted_is_told_and_stops_no_other(tmp_path: Path) -> None:
    words = begun(tmp_path)
    assert run_here(tmp_path, "person", "new", "P-002", "--name", "Berta").returncode == 0
    damaged = tmp_path / "people" / "P-002" / "person.jsonl"
    damaged.write_bytes(b"{" + damaged.read_bytes())
    done = run_here(tmp_path, "lock", "on", *words)
    assert done.returncode == 1
    assert "P-002/person.jsonl" in done.stderr
    assert "Names that stay in people.json, readable by anyone: 1." in done.stderr
    assert People(tmp_path).names() == {"P-002": "Berta"}
    assert canaries(tmp_path) == []


def test_p18_a_recording_that_stays_does_not_go_back_to_whose_it_was(forgotten: Path) -> None:
    words = "--passphrase-file", secret(forgotten, PASSPHRASE)
    done = run_here(forgotten, "library", "move", "aaaaaaaa", "B", *words)
    assert done.returncode == 0, done.stderr
    PersonLog(forgotten, "A", KEYS).relock(None)  # whose log is not encrypted, as after `lock off`
    assert run_here(forgotten, "person", "delete", "B", "--yes").returncode == 1
    listed = run_here(forgotten, "library", "list", "--json", *words)
    assert [row["person"] for row in json.loads(listed.stdout)] == ["B"]


@on_terminals
@pytest.mark.slow
def test_p28_what_did_not_open_another_home_is_not_asked_for_again(two: Path) -> None:
    (two / "straps.json").write_text("[]")  # at the end it is asked again who is left
    with typing(two, "person", "delete", "A") as terminal:
        answer(terminal, "for your recordings; Enter: without it: ", PASSPHRASE)
        for _ in range(3):
            answer(terminal, "for a_foreign.session.jsonl; Enter: without it: ", "a guess")
        answer(terminal, "Type A to go on: ", "A")
        assert terminal.finish() == 0
        assert terminal.text.count("Passphrase") == 4
