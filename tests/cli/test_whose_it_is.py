"""Whose a session is: never guessed, never deleted with another's, and whoever has one can have it deleted."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from biofeedback.cli.consent import takes_words_out
from biofeedback.config import load_config
from biofeedback.recording.consents import CONSENTS
from biofeedback.recording.home_lock import write_home_lock
from biofeedback.recording.keys import Cost, new_home
from biofeedback.recording.person import PersonLog
from biofeedback.recording.reader import read_recording
from tests.cli.programs import PROGRAM, environment, run_here
from tests.cli.test_person import FREE, NOWHERE, Home
from tests.recording.told import OWN_SCRIPT, told_session
from tests.terminal.pseudo import Terminal

posix = pytest.mark.skipif(os.name != "posix", reason="links and rights are POSIX")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "rr.txt").write_text("800\n810\n790\n" * 40)
    return Home(tmp_path, {})


@pytest.fixture
def secret(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("secret") / "passphrase"
    path.touch(0o600)
    path.write_text("four quiet words here\n")
    return str(path)


def recorded(home: Home, *words: str) -> str:
    """The id of a new session out of a file, for which nobody is asked anything."""
    before = {row["id"] for row in sessions(home)}
    home.run("practice", "--source", "file:config/rr.txt", "--speed", "max", "--view", "none", *words)
    (new,) = {row["id"] for row in sessions(home)} - before
    return str(new)


def sessions(home: Home, *words: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(home.run("library", "list", "--json", *words))
    return found


def encrypt(home: Home, secret: str) -> tuple[str, str]:
    """Encryption from now on, cheap to open; the words that open it."""
    opened, _ = new_home("four quiet words here", Cost(1, 64, 1))
    write_home_lock(home.path, opened.lock, on=True)
    return "--passphrase-file", secret


def flip(path: Path, word: bytes) -> None:
    """One bit, in the last place where this stands."""
    data = path.read_bytes()
    assert word in data
    at = data.rindex(word)
    path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


def log_file(home: Home, person: str) -> Path:
    return home.path / "people" / person / "person.jsonl"


@pytest.mark.parametrize("opened", [False, True])
def test_p1_a_session_moved_under_an_encrypted_log_is_not_deleted_with_whom_it_was_recorded_for(
    home: Home, secret: str, *, opened: bool
) -> None:
    session = recorded(home, "--person", "A")
    home.run("person", "new", "A")
    key = encrypt(home, secret)
    home.run("person", "new", "B", *key)
    assert " B " in home.run("library", "move", session, "B", *key)
    assert [row["person"] for row in sessions(home)] == [None], "nobody knows, as long as the log is closed"
    assert [row["person"] for row in sessions(home, *key)] == ["B"]
    run_here(home.path, "person", "delete", "A", "--yes", *(key if opened else ()))
    assert not log_file(home, "A").exists()
    assert len(sessions(home)) == 1
    assert [row["person"] for row in sessions(home, *key)] == ["B"]
    home.run("person", "delete", "B", "--yes", *key)
    assert sessions(home) == []


@pytest.mark.parametrize("where", [b"biofeedback-person", b'"edit"', b'"seal"'])
def test_p2_nothing_is_deleted_while_a_damaged_log_leaves_it_in_doubt_whose_it_is(home: Home, where: bytes) -> None:
    session = recorded(home, "--person", "A")
    for person in "AB":
        home.run("person", "new", person)
    home.run("library", "move", session, "B")
    home.run("person", "consent", "B", "--give", "words")
    flip(log_file(home, "B"), where)
    assert [row["person"] for row in sessions(home)] == [None]
    for job in (("delete", "A"), ("consent", "A", "--withdraw", "heart_data")):
        refused = run_here(home.path, "person", *job, "--yes")
        assert refused.returncode == 1
        assert "person repair B" in refused.stderr
    assert log_file(home, "A").exists()
    home.run("person", "repair", "B")
    assert [row["person"] for row in sessions(home)] == ["B"], "the log of A said it, too"
    home.run("person", "delete", "A", "--yes")
    assert len(sessions(home)) == 1


def test_p2_a_log_in_which_nothing_can_be_read_does_not_stop_a_deletion_for_ever(home: Home) -> None:
    recorded(home, "--person", "A")
    home.run("person", "new", "B")
    log_file(home, "B").write_bytes(b"no log\n" * 9)
    assert "person show B" in home.run("person", "list")
    assert "person repair B" in home.run("person", "show", "B")
    home.run("person", "delete", "A", "--yes", code=1)
    home.run("person", "repair", "B")
    home.run("person", "delete", "A", "--yes")
    assert sessions(home) == []


@pytest.mark.parametrize("words", [("--person", "anna"), ()])
def test_p3_whoever_has_recordings_is_there_without_a_folder(home: Home, words: tuple[str, ...]) -> None:
    person = words[-1] if words else "me"
    session = recorded(home, *words)
    assert [row["person"] for row in json.loads(home.run("person", "list", "--json"))] == [person]
    assert home.show(person)["sessions"] == [session]
    home.run("person", "consent", person.upper(), "--withdraw", "heart_data", "--yes")
    assert sessions(home) == []
    home.run("person", "consent", person, "--give", "heart_data")
    other = recorded(home, *words)
    home.run("person", "new", "B")
    home.run("library", "move", other, "B")
    home.run("library", "move", other, person)
    home.run("person", "delete", person, "--yes")
    assert sessions(home) == []
    assert "nobody" in run_here(home.path, "person", "delete", person, "--yes").stderr


def test_p3_somebody_new_does_not_get_the_pseudonym_of_recordings(home: Home) -> None:
    recorded(home, "--person", "P-001")
    assert home.run("person", "new") == "P-002\n"


@pytest.mark.parametrize("job", ["withdraw words", "withdraw heart_data", "delete session", "delete person"])
def test_p4_tags_go_with_what_they_are_about(home: Home, job: str) -> None:
    session = recorded(home, "--person", "A")
    home.run("person", "new", "A")
    home.run("library", "tag", session, "CANARYTAG", "CANARYTOO")
    home.run("library", "tag", session, "CANARYTOO", "--remove")
    home.run("person", "new", "B")
    home.run("library", "move", session, "B")
    home.run("library", "tag", session, "CANARYLATER")
    log_file(home, "A").with_name("person.jsonl.damaged").write_text(f'{session} "CANARYBESIDE"')
    if job == "withdraw words":
        home.run("person", "consent", "B", "--withdraw", "words", "--yes")
        assert sessions(home)[0]["tags"] == []
    elif job == "withdraw heart_data":
        home.run("person", "consent", "B", "--withdraw", "heart_data", "--yes")
    elif job == "delete session":
        home.run("library", "delete", session, "--yes")
    else:
        home.run("person", "delete", "B", "--yes")
    assert home.holds(b"CANARY") == []


def test_p4_a_person_who_is_deleted_is_in_the_log_of_nobody_else(home: Home) -> None:
    session = recorded(home, "--person", "A")
    home.run("person", "new", "A")
    home.run("person", "new", "Quark-7")
    home.run("library", "move", session, "quark-7")
    home.run("person", "delete", "Quark-7", "--yes")
    assert home.holds(b"Quark") == []


def test_p5_names_are_nowhere_after_a_deletion_whatever_became_of_the_table(home: Home) -> None:
    table = home.path / "people.json"
    home.run("person", "new", "A", "--name", "CanaryName")
    table.write_text(table.read_text() + "x")
    table.with_name("people.json.k3j2h1aa").write_text("CanaryName")
    home.run("person", "new", "B", "--name", "Other")
    assert home.show("A")["name"] == "CanaryName", "what can be read of a damaged table is known"
    home.run("person", "delete", "A", "--yes")
    assert home.holds(b"Canary") == []
    assert home.show("other")["person"] == "B"


@pytest.mark.slow
def test_p22_a_name_whose_table_is_busy_is_deleted_by_the_same_command_later(home: Home) -> None:
    from devices.file_lock import take_lock

    home.run("person", "new", "A", "--name", "CanaryName")
    with (home.path / "people.json.lock").open("r+b") as lock:
        assert take_lock(lock.fileno())
        home.run("person", "delete", "A", "--yes", code=1)
    home.run("person", "delete", "A", "--yes")
    assert home.holds(b"Canary") == []


def test_p6_an_entry_that_is_removed_is_in_no_side_file(home: Home) -> None:
    home.run("person", "new", "A")
    for text in ("one", "CANARYJ", "three"):
        home.run("journal", "add", text, "--person", "A")
    flip(log_file(home, "A"), b"one")
    home.run("person", "repair", "A")
    log_file(home, "A").with_name("person.jsonl.torn9").write_text("CANARYJ")
    home.run("journal", "remove", "2", "--person", "A", "--yes")
    assert home.holds(b"CANARYJ") == []


def test_p7_a_name_that_encryption_hid_still_means_its_person(home: Home, secret: str) -> None:
    home.run("person", "new", "P-001", "--name", "Annabella")
    home.run("journal", "add", "one", "--person", "Annabella")
    key = encrypt(home, secret)
    home.run("lock", "on", "--existing", *key)
    home.run("journal", "add", "two", "--person", "annabella", *key)
    session = recorded(home, "--person", "Annabella", *key)
    assert sorted(path.name for path in (home.path / "people").iterdir()) == ["P-001"]
    rows = json.loads(home.run("journal", "list", "--json", "--person", "Annabella", *key))
    assert [row["text"] for row in rows] == ["one", "two"]
    assert [row["id"] for row in sessions(home, "--person", "Annabella", *key)] == [session]
    assert "Annabella" not in {row["person"] for row in sessions(home, *key)}
    assert home.holds(b"Annabella") == []  # a short name stands in base64 by chance now and then


def test_p8_words_are_not_kept_under_a_mistyped_pseudonym(home: Home) -> None:
    first = run_here(home.path, "journal", "add", "x", "--person", "P-001")
    assert (first.returncode, first.stderr.splitlines()[0]) == (0, "P-001 is new here.")
    refused = run_here(home.path, "journal", "add", "x", "--person", "P-01")
    assert refused.returncode == 2
    assert "Do you mean P-001?" in refused.stderr
    assert "person new P-01" in refused.stderr
    assert not (home.path / "people" / "P-01").exists()
    home.run("person", "new", "P-01")
    home.run("journal", "add", "x", "--person", "P-01")
    home.run("journal", "add", "x")
    assert len(json.loads(home.run("journal", "list", "--json"))) == 1, "who is never named needs no pseudonym"


def test_p8_a_session_for_somebody_new_says_so(home: Home) -> None:
    home.run("person", "new", "P-001")
    words = ("practice", "--source", "file:config/rr.txt", "--speed", "max", "--view", "none", "--person", "P-01")
    assert "P-01 is new here; P-001 is here already." in run_here(home.path, *words).stderr
    assert "new here" not in run_here(home.path, *words).stderr


def test_p9_no_session_is_recorded_under_what_cannot_be_a_pseudonym(home: Home) -> None:
    words = ("practice", "--source", "file:config/rr.txt", "--speed", "max", "--view", "none")
    refused = run_here(home.path, *words, "--person", "Anna Müller")
    assert refused.returncode == 2
    assert "pseudonym" in refused.stderr
    assert not list(home.path.glob("sessions/*"))


@posix
@pytest.mark.parametrize(
    "words", [("person", "new"), ("person", "list"), ("journal", "add", "x"), ("journal", "list"), ("lock", "on")]
)
def test_row_20_no_command_about_people_works_in_a_folder_others_may_write_to(
    home: Home, words: tuple[str, ...]
) -> None:
    home.path.chmod(0o777)
    refused = run_here(home.path, *words)
    home.path.chmod(0o700)
    assert refused.returncode == 1
    assert "chmod 700" in refused.stderr
    assert refused.stdout == ""
    assert not (home.path / "people").exists()


@posix
def test_row_20_a_link_in_the_place_of_a_person_is_not_written_through(home: Home) -> None:
    (home.path / "elsewhere").mkdir()
    (home.path / "people").mkdir(0o700)
    (home.path / "people" / "me").symlink_to(home.path / "elsewhere")
    refused = run_here(home.path, "journal", "add", "secret")
    assert refused.returncode == 1
    assert "is a link" in refused.stderr
    assert not list((home.path / "elsewhere").iterdir())


@posix
@pytest.mark.parametrize(
    ("words", "code"), [(("journal", "add"), 2), (("lock", "on"), 2), (("person", "delete", "me"), 2)]
)
def test_p11_without_any_input_there_is_a_sentence(home: Home, words: tuple[str, ...], code: int) -> None:
    PersonLog(home.path, "me").write(("profile", {"pace": 6}))
    program = f"import os, sys; os.close(0); os.execv(sys.executable, {[*PROGRAM, *words]!r})"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment(home.path), cwd=home.path, capture_output=True, text=True,
        check=False, timeout=20,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert "went wrong inside" not in done.stderr


@pytest.mark.parametrize("line", [b'"given":false', b'"given":true'])
def test_p13_a_damaged_log_gives_no_consent_nor_does_a_mended_one(home: Home, line: bytes) -> None:
    consents = ("person", "consent", "me")
    home.run(*consents, "--give", "heart_data", "words")
    home.run(*consents, "--withdraw", "heart_data", "--yes")
    home.run("journal", "add", "one")
    flip(log_file(home, "me"), line)
    for mended in (False, True):
        if mended:
            home.run("person", "repair", "me")
        assert not any(row["holds"] for row in home.show("me")["consents"].values())
        (row,) = json.loads(home.run("person", "list", "--json"))
        assert row["consents"] == []
        refused = run_here(home.path, *FREE, env=NOWHERE)
        assert refused.returncode == (2 if mended else 1)
        assert ("--give heart_data" if mended else "person repair me") in refused.stderr
    assert "to be given again" in home.run(*consents)
    home.run(*consents, "--give", "heart_data")
    assert run_here(home.path, *FREE, env=NOWHERE).returncode == 3


def test_p16_the_last_move_counts_whatever_the_clock_says(home: Home) -> None:
    session = recorded(home, "--person", "A")
    for person in "AB":
        home.run("person", "new", person)
    fast = PersonLog(home.path, "B", now=lambda: datetime.now(UTC) + timedelta(hours=1))
    fast.write(("edit", {"session": session, "what": "person", "value": "B"}))
    assert [row["person"] for row in sessions(home)] == ["B"]
    for person in "ABA":
        home.run("library", "move", session, person)
        assert [row["person"] for row in sessions(home)] == [person]


def test_p17_a_number_of_an_entry_is_not_given_again_after_words_were_taken_back(home: Home) -> None:
    for text in ("one", "two", "three"):
        home.run("journal", "add", text)
    home.run("person", "consent", "me", "--withdraw", "words", "--yes")
    home.run("person", "consent", "me", "--give", "words")
    home.run("journal", "add", "four")
    assert [row["entry"] for row in json.loads(home.run("journal", "list", "--json"))] == [4]


def test_p49_a_copied_log_gives_nobody_the_consents_of_another(home: Home) -> None:
    home.run("person", "consent", "A", "--give", "heart_data", "research")
    home.run("person", "new", "B")
    recorded(home, "--person", "A")
    log_file(home, "B").write_bytes(log_file(home, "A").read_bytes())
    rows = {row["person"]: row["consents"] for row in json.loads(home.run("person", "list", "--json"))}
    assert rows == {"A": ["heart_data", "research"], "B": []}
    for job in (
        ("journal", "list", "--person", "B"),
        ("journal", "add", "x", "--person", "B"),
        ("person", "repair", "B"),
    ):
        refused = run_here(home.path, *job)
        assert refused.returncode in {1, 4}
        assert "is not of B, but of A" in refused.stderr
    home.run("person", "delete", "A", "--yes", code=1)
    assert len(sessions(home)) == 1


def test_p42_a_damaged_head_is_told_with_what_mends_it(home: Home) -> None:
    home.run("person", "consent", "me", "--give", "words")
    flip(log_file(home, "me"), b"biofeedback-person")
    assert "person repair me" in home.run("person", "show", "me")
    for job in (("journal", "list"), ("journal", "add", "x"), ("person", "consent", "me", "--give", "words")):
        refused = run_here(home.path, *job)
        assert refused.returncode in {1, 4}
        assert "person repair me" in refused.stderr
    home.run("person", "repair", "me")
    home.run("person", "consent", "me", "--withdraw", "words", "--yes")


def test_p35_one_log_that_cannot_be_read_does_not_hide_the_others(home: Home) -> None:
    for person in "ABC":
        home.run("person", "consent", person, "--give", "words")
    log_file(home, "A").unlink()
    log_file(home, "A").mkdir()
    rows = {row["person"]: row["consents"] for row in json.loads(home.run("person", "list", "--json"))}
    assert rows == {"A": [], "B": ["words"], "C": ["words"]}
    assert "person show A" in home.run("person", "list")
    assert "cannot be read" in home.run("person", "show", "A")


def test_p46_tags_stay_with_a_session_that_was_moved(home: Home) -> None:
    session = recorded(home, "--person", "A")
    for person in "AC":
        home.run("person", "new", person)
    home.run("library", "tag", session, "quiet")
    home.run("library", "move", session, "C")
    home.run("person", "delete", "A", "--yes")
    assert sessions(home)[0]["tags"] == ["quiet"]
    home.run("library", "tag", session, "quiet", "--remove")
    assert sessions(home)[0]["tags"] == []


def test_p34_a_deletion_that_is_repeated_does_not_reach_somebody_called_so(home: Home) -> None:
    home.run("person", "new", "Bob")
    home.run("person", "new", "P-002", "--name", "bob")
    home.run("person", "delete", "Bob", "--yes")
    refused = run_here(home.path, "person", "delete", "Bob", "--yes")
    assert refused.returncode == 2
    assert "person delete P-002 --yes" in refused.stderr
    assert home.show("Bob")["person"] == "P-002"


def test_p34_of_two_with_one_name_it_is_asked_who(home: Home) -> None:
    for _ in range(2):
        home.run("person", "new", "--name", "Anna")
    for job in (("person", "show", "Anna"), ("journal", "add", "x", "--person", "anna")):
        refused = run_here(home.path, *job)
        assert refused.returncode == 2
        assert "P-001, P-002" in refused.stderr


def test_p24_the_number_of_somebody_deleted_is_not_given_again(home: Home) -> None:
    for _ in range(3):
        home.run("person", "new")
    home.run("person", "delete", "P-003", "--yes")
    assert home.run("person", "new", "--name", "Anna") == "P-004\n"
    home.run("person", "delete", "P-001", "--yes")
    assert home.run("person", "new") == "P-005\n"


def test_p47_nothing_is_recorded_out_of_a_file_after_heart_data_were_taken_back(home: Home) -> None:
    recorded(home)
    home.run("person", "consent", "me", "--withdraw", "heart_data", "--yes")
    words = ("practice", "--source", "file:config/rr.txt", "--speed", "max", "--view", "none")
    refused = run_here(home.path, *words)
    assert refused.returncode == 2
    assert "--give heart_data" in refused.stderr
    assert not list(home.path.glob("sessions/*"))
    home.run(*words, "--no-record")


def test_p47_one_long_cell_does_not_widen_all_the_table(home: Home) -> None:
    home.run("journal", "add", "one", "--trigger", "x" * 9000)
    for number in range(4):
        home.run("journal", "add", f"day {number}")
    assert len(home.run("journal", "list")) < 9500


def test_p40_the_straps_go_with_the_last_person_and_are_told_of_before(home: Home) -> None:
    (home.path / "straps.json").write_text('{"straps": [{"address": "CANARY"}]}')
    for person in "AB":
        home.run("person", "new", person)
    done = run_here(home.path, "person", "delete", "A", "--yes")
    assert "straps.json still lists" in done.stderr
    assert home.holds(b"CANARY") == ["straps.json"]
    home.run("person", "delete", "B", "--yes")
    assert home.holds(b"CANARY") == []


@posix
@pytest.mark.slow
def test_p33_everything_is_asked_before_anything_is_deleted(home: Home) -> None:
    recorded(home)
    home.run("journal", "add", "one")
    asking = Terminal(
        [*PROGRAM, "person", "consent", "me", "--withdraw", "heart_data", "words"], environment(home.path)
    )
    asking.wait_for("Take back heart_data")
    asking.press("y\n")
    asking.wait_for("Take back words")
    asking.press("n\n")
    assert asking.finish() == 2
    asking.close()
    assert len(sessions(home)) == 1
    home.run("person", "consent", "me", "--withdraw", "heart_data", "words", "--yes")
    assert sessions(home) == []
    assert json.loads(home.run("journal", "list", "--json")) == []


@pytest.mark.slow
def test_p26_withdrawn_words_are_those_of_ones_own_scripts_too(home: Home) -> None:
    script = home.path / "config" / "canary_garden.toml"
    script.write_text(OWN_SCRIPT, "utf-8")
    words = ("--source", "sim:calm", "--speed", "max", "--view", "none", "--person", "A")
    home.run("practice", str(script), "--minutes", "1", *words)
    home.run("practice", "safe_place", "--minutes", "1", *words)
    assert len(home.holds(b"canary")) > 0
    home.run("person", "consent", "A", "--withdraw", "words", "--yes")
    assert home.holds(b"canary", b"Canary") == []
    for row in sessions(home):
        home.run("verify", row["file"])
    assert {row["scripts"][0] for row in sessions(home)} == {"own_1", "safe_place"}
    (ours,) = [row for row in sessions(home) if row["scripts"] == ["safe_place"]]
    assert "A safe place" in Path(ours["file"]).read_text("utf-8"), "what comes with the program stays"


def test_p32_no_session_asks_somebody_who_took_back_consent_to_words(home: Home) -> None:
    home.run("person", "consent", "me", "--give", "heart_data", "words")
    home.run("person", "consent", "me", "--withdraw", "words", "--yes")
    for source in ("file:config/rr.txt", "strap:"):
        words = ("practice", "breath_only", "--source", source, "--view", "none")
        refused = run_here(home.path, *words, env=NOWHERE)
        assert refused.returncode == 2
        assert "--give words" in refused.stderr
    assert not list(home.path.glob("sessions/*"))
    assert run_here(home.path, *FREE, env=NOWHERE).returncode == 3, "a free session asks nothing"
    session = recorded(home)
    assert [row["id"] for row in sessions(home)] == [session]


@pytest.mark.slow
@pytest.mark.parametrize("source", ["strap", "simulated"])
def test_p32_words_of_a_session_are_not_kept_after_they_were_taken_back(home: Home, source: str) -> None:
    PersonLog(home.path, "me").write(CONSENTS["words"].line(given=False))
    path = told_session(home.path / "sessions", person="me")
    args = argparse.Namespace(quiet=False, passphrase_file=None)
    takes_words_out(args, load_config(None, str(home.path)), "me", path, source)
    kinds = {line.kind: line.body for line in read_recording(path).lines}
    assert ("suds" in kinds) == (source == "simulated")
    assert (kinds["mark"]["text"] == "…") == (source == "strap")
