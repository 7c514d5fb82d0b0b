"""`person`: four consents of their own, and when one is taken back or a person deleted, it is really gone."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

from biofeedback.recording.consents import CONSENTS
from biofeedback.recording.home_lock import write_home_lock
from biofeedback.recording.keys import Cost, HomeKeys, new_home
from biofeedback.recording.person import PersonLog
from tests.cli.programs import PROGRAM, ROOT, consent, environment, run_here, start
from tests.terminal.pseudo import Terminal

posix = pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal")
NOWHERE = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere/bus"}
"""No Bluetooth: a session that may begin ends with 3."""
STRAP = ("practice", "safe_place", "--source", "strap:")
FREE = ("practice", "--source", "strap:", "--view", "none")


@dataclass(frozen=True)
class Home:
    """A data folder, plain or encrypted, and how it is opened."""

    path: Path
    env: Mapping[str, str]
    keys: HomeKeys | None = None

    def run(self, *words: str, code: int = 0) -> str:
        done = run_here(self.path, *words, env=self.env)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout

    def show(self, person: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("person", "show", person, "--json"))
        return found

    def practise(self, person: str) -> Path:
        before = set(self.path.glob("sessions/*.session.jsonl"))
        words = ("practice", "safe_place", "--source", "sim:calm", "--speed", "max", "--minutes", "1", "--view", "none")
        self.run(*words, "--person", person)
        (path,) = set(self.path.glob("sessions/*.session.jsonl")) - before
        return path

    def holds(self, *words: bytes) -> list[str]:
        """The files in which one of the words stands, or whose name has it."""
        files = [path for path in self.path.rglob("*") if path.is_file() and "config" not in path.parts]
        return [
            path.name
            for path in files
            if any(word in path.read_bytes() or word in str(path.relative_to(self.path)).encode() for word in words)
        ]


@pytest.fixture
def plain(tmp_path: Path) -> Home:
    return Home(tmp_path, {})


@pytest.fixture(params=["plain", pytest.param("encrypted", marks=pytest.mark.slow)])
def home(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, tmp_path: Path) -> Home:
    if request.param == "plain":
        return Home(tmp_path, {})
    secret = tmp_path_factory.mktemp("secret") / "passphrase"
    secret.touch(0o600)
    secret.write_text("four quiet words here\n")
    opened, _ = new_home("four quiet words here", Cost(1, 64, 1))  # cheap to open: there are many programs here
    write_home_lock(tmp_path, opened.lock, on=True)
    return Home(tmp_path, {"BIOFEEDBACK_PASSPHRASE_FILE": str(secret)}, opened)


def test_consents_named_one_by_one_are_all_given(plain: Home) -> None:
    plain.run("person", "new")
    plain.run("person", "consent", "P-001", "--give", "heart_data", "--give", "words", "research")
    (row,) = json.loads(plain.run("person", "list", "--json"))
    assert row["consents"] == ["heart_data", "words", "research"]


def test_people_get_numbers_or_the_pseudonym_that_was_chosen(plain: Home) -> None:
    assert plain.run("person", "list", "--json") == "[]\n"
    assert plain.run("person", "new") == "P-001\n"
    assert plain.run("person", "new", "--name", "Anna Müller") == "P-002\n"
    assert plain.run("person", "new", "bo.x") == "bo.x\n"
    plain.run("person", "new", "BO.X", code=2)
    plain.run("person", "new", "con", code=2)
    rows = json.loads(plain.run("person", "list", "--json"))
    assert [(row["person"], row["name"], row["consents"]) for row in rows] == [
        ("bo.x", None, []), ("P-001", None, []), ("P-002", "Anna Müller", []),
    ]  # fmt: skip
    assert plain.show("anna müller")["person"] == "P-002"
    assert plain.holds("Müller".encode()) == ["people.json"]


def test_method_5_nothing_is_given_until_it_is_and_each_for_itself(home: Home) -> None:
    home.run("person", "new", "P-001")
    assert home.run("person", "consent", "P-001").count("[ ]") == 4
    home.run("person", "consent", "P-001", "--give", "words", "practitioner")
    found = home.show("P-001")["consents"]
    assert {id_: row["holds"] for id_, row in found.items()} == {
        "heart_data": False, "words": True, "practitioner": True, "research": False,
    }  # fmt: skip
    assert found["words"]["v"] == CONSENTS["words"].version
    assert found["words"]["at"].startswith("20")
    home.run("person", "consent", "P-001", "--withdraw", "practitioner")
    found = home.show("P-001")["consents"]
    assert (found["practitioner"]["holds"], found["words"]["holds"]) == (False, True)
    assert found["practitioner"]["at"] is not None, "when it was taken back is kept"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["consent", "P-001", "--give", "everything"], "heart_data, words, practitioner, research"),
        (["consent", "P-001", "--give", "words", "--withdraw", "words"], "at once"),
        (["consent", "P-009", "--withdraw", "words"], "nobody"),
        (["show", "P-009"], "nobody"),
        (["delete"], "Whom"),
        (["list", "P-001"], "everybody"),
        (["show", "P-001", "--give", "words"], "--give"),
        (["show", "P-001", "--name", "x"], "--name"),
        (["new", "a/b"], "pseudonym"),
        (["new", "--name", " "], "name"),
    ],
)
def test_words_that_do_not_fit_get_two_lines_and_2(plain: Home, words: list[str], said: str) -> None:
    plain.run("person", "new", "P-001")
    done = run_here(plain.path, "person", *words)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2
    assert said in done.stderr


@pytest.mark.slow
def test_taking_back_heart_data_deletes_all_recordings_of_that_person_and_no_other(home: Home) -> None:
    mine, yours = home.practise("P-001"), home.practise("P-002")
    torn = mine.with_name(mine.name + ".part.torn77")
    torn.write_bytes(b"half a line")
    page = mine.with_name(mine.name.split(".")[0] + ".html")
    page.write_text("a page")
    consent_ = ("person", "consent", "P-001")
    home.run(*consent_, "--give", "heart_data", "words")
    done = run_here(home.path, *consent_, "--withdraw", "heart_data", env=home.env)
    assert done.returncode == 2, "there is nobody to ask"
    assert mine.name in done.stderr
    assert "and 2 files beside it" in done.stderr
    assert mine.exists()
    assert home.show("P-001")["consents"]["heart_data"]["holds"]
    done = run_here(home.path, *consent_, "--withdraw", "heart_data", "--yes", env=home.env)
    assert done.returncode == 0, done.stderr
    assert "backups" in done.stderr, "it says honestly that copies may remain"
    assert not mine.exists()
    assert not torn.exists()
    assert not page.exists()
    found = home.show("P-001")
    assert (found["sessions"], found["consents"]["heart_data"]["holds"], found["consents"]["words"]["holds"]) == (
        [], False, True,
    )  # fmt: skip
    assert yours.exists()
    home.run("verify", str(yours))


def listed(home: Home) -> list[str]:
    return [row["person"] for row in json.loads(home.run("person", "list", "--json"))]


@pytest.mark.slow
def test_taking_back_words_takes_them_out_of_everything_and_the_numbers_stay(home: Home) -> None:
    mine = home.practise("P-001")
    home.run("person", "consent", "P-001", "--give", "heart_data", "words")
    home.run("journal", "add", "canary one", "--person", "P-001", "--before", "7")
    home.run("journal", "add", "--trigger", "canary two", "--person", "P-001")
    log = PersonLog(home.path, "P-001", home.keys)
    log.write(
        ("profile", {"words": {"place": "canary three"}, "pace": 5.5}),
        ("text", {"what": "place", "value": "canary four"}),
        ("edit", {"session": "s", "what": "mark", "value": "canary five"}),
        ("edit", {"session": "other", "what": "person", "value": "P-001"}),
        ("tag", {"session": "s", "what": "add", "value": "canary seven"}),
    )
    log.path.with_name("person.jsonl.torn9").write_text("canary six")
    home.run("library", "list")
    home.run("person", "consent", "P-001", "--withdraw", "words", "--yes")
    assert home.holds(b"canary") == []
    state = log.state()
    assert (state.entries, state.texts, state.profile.words, state.profile.pace) == ((), {}, {}, 5.5)
    assert [edit.value for edit in state.edits] == ["P-001"], "whose a session is, is no word of theirs"
    assert state.tags == {}, "tags are free words"
    assert (state.holds("words"), state.holds("heart_data")) == (False, True)
    assert mine.exists()
    if not home.env:
        lines = [json.loads(line) for line in mine.read_text("utf-8").splitlines()]
        assert not [line for line in lines if line["k"] == "suds" or (line.get("what") == "suds" and "value" in line)]
        assert sum(line["k"] == "beat" for line in lines) > 60
        assert set(lines[0]["parent"]["removed"]) >= {"suds", "answer"}
    home.run("verify", str(mine))


@pytest.mark.slow
def test_deleting_a_person_leaves_nothing_of_them(home: Home) -> None:
    home.run("person", "new", "Quark-7", "--name", "Anna Canary")
    home.practise("Quark-7")
    yours = home.practise("P-002")
    home.run("person", "consent", "Quark-7", "--give", "words")
    home.run("journal", "add", "canary text", "--person", "Quark-7")
    done = run_here(home.path, "person", "delete", "quark-7", env=home.env)
    assert done.returncode == 2, "there is nobody to ask"
    assert home.show("Quark-7")["journal"] == 1
    home.run("person", "delete", "quark-7", "--yes")
    assert home.holds(b"Canary", b"canary", b"Quark") == []
    assert "Quark-7" not in listed(home)
    assert list(home.path.glob("sessions/*")) == [yours]


def test_encrypted_logs_say_nothing_of_the_person(home: Home) -> None:
    if not home.env:
        pytest.skip("about encrypted ones")
    home.run("person", "new", "P-001", "--name", "Anna Canary")
    home.run("person", "consent", "P-001", "--give", "words")
    home.run("journal", "add", "canary text", "--person", "P-001", "--trigger", "canary call")
    assert home.holds(b"anary", b"heart_data", b"words") == []
    assert home.show("P-001")["name"] == "Anna Canary"
    locked = run_here(home.path, "journal", "list", "--person", "P-001")
    assert locked.returncode != 0
    assert "canary" not in locked.stdout + locked.stderr


@pytest.mark.slow
def test_turning_encryption_on_takes_the_names_out_of_the_table(tmp_path: Path) -> None:
    secret = tmp_path / "config-secret"
    secret.touch(0o600)
    secret.write_text("four quiet words here\n")
    home = Home(tmp_path, {"BIOFEEDBACK_PASSPHRASE_FILE": str(secret)})
    home.run("person", "new", "P-001", "--name", "Anna Canary")
    home.run("lock", "on", "--existing", "--yes")
    assert home.holds(b"Canary") == []
    assert home.show("P-001")["name"] == "Anna Canary"


DIES = """
import os, sys
left = int(sys.argv.pop(1))
def counted(real):
    def call(*words, **more):
        global left
        left -= 1
        if left < 0:
            os._exit(9)
        return real(*words, **more)
    return call
for name in ("unlink", "rmdir", "replace", "remove"):
    setattr(os, name, counted(getattr(os, name)))
from biofeedback.cli.main import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize("words", [("delete", "P-001"), ("consent", "P-001", "--withdraw", "heart_data")])
def test_a_deletion_that_was_interrupted_anywhere_can_be_done_again(tmp_path: Path, words: tuple[str, ...]) -> None:
    began = Home(tmp_path / "began", {})
    began.path.mkdir()
    consent(began.path, "P-001")
    recording = began.practise("P-001")
    recording.with_name(recording.name + ".part.torn5").write_bytes(b"x")
    for left in range(40):
        place = Home(tmp_path / str(left), {})
        shutil.copytree(began.path, place.path)
        done = subprocess.run(
            [*PROGRAM[:2], "-c", DIES, str(left), "person", *words, "--yes"],
            env=environment(place.path), cwd=place.path, capture_output=True, check=False, timeout=20,
        )  # fmt: skip
        if done.returncode == 0:
            assert left >= 3
            return
        assert done.returncode == 9, done.stderr
        again = run_here(place.path, "person", *words, "--yes")
        gone = again.returncode == 2 and "nobody" in again.stderr
        assert again.returncode == 0 or gone, again.stderr
        assert list(place.path.glob("sessions/*")) == []
        assert (place.path / "people" / "P-001").exists() == (words[0] == "consent")
    raise AssertionError("it never came to its end")


@pytest.mark.slow
def test_a_session_that_is_being_recorded_stops_the_deletion_before_it_begins(plain: Home) -> None:
    plain.run("person", "new", "P-001")
    old = plain.practise("P-001")
    words = ("practice", "--source", "sim:calm", "--speed", "20", "--view", "none", "--json", "--person", "P-001")
    with start(plain.path, *words) as program:
        assert program.stdout is not None
        for _ in range(50):
            program.stdout.readline()
        for job in (("delete", "P-001"), ("consent", "P-001", "--withdraw", "heart_data")):
            done = run_here(plain.path, "person", *job, "--yes")
            assert done.returncode == 1
            assert "being recorded" in done.stderr
        assert old.exists()
        program.terminate()
        program.communicate(timeout=15)


def test_a_damaged_log_is_told_of_and_mended(plain: Home) -> None:
    consent(plain.path, "P-001", "words")
    for number in range(3):
        plain.run("journal", "add", f"text {number}", "--person", "P-001")
    path = plain.path / "people" / "P-001" / "person.jsonl"
    path.write_bytes(path.read_bytes().replace(b"text 1", b"test 1"))
    assert "damaged" in plain.run("person", "show", "P-001")
    refused = run_here(plain.path, "journal", "add", "more", "--person", "P-001")
    assert refused.returncode == 1
    assert "person repair P-001" in refused.stderr
    plain.run("person", "repair", "P-001")
    plain.run("person", "consent", "P-001", "--give", "words")
    plain.run("journal", "add", "more", "--person", "P-001")
    texts = [row["text"] for row in json.loads(plain.run("journal", "list", "--person", "P-001", "--json"))]
    assert {"text 0", "more"} <= set(texts)
    assert plain.show("P-001")["damage"] is None


class Open(Protocol):
    def __call__(self, *words: str, **more: str) -> Terminal: ...


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Open]:
    opened: list[Terminal] = []

    def open_one(*words: str, **more: str) -> Terminal:
        opened.append(Terminal([*PROGRAM, *words], {**environment(tmp_path), **more}))
        return opened[-1]

    yield open_one
    for each in opened:
        each.close()


@posix
@pytest.mark.slow
def test_c2_a_strap_is_recorded_only_with_consent_which_is_asked_once(terminal: Open, tmp_path: Path) -> None:
    asking = terminal(*STRAP, **NOWHERE)
    asking.wait_for("keep recordings of your heartbeats")
    asking.wait_for("[y/N]")
    asking.press("\n")
    assert asking.finish() == 2
    assert "--no-record" in asking.text
    assert not list(tmp_path.rglob("*.jsonl*")), "a no is not kept, nor the person made"
    asking = terminal(*STRAP, **NOWHERE)
    asking.wait_for("[y/N]")
    asking.press("what?\n")
    asking.wait_for("Type y for yes")
    asking.press("y\n")
    assert asking.finish() == 3
    assert PersonLog(tmp_path, "me").state().holds("heart_data")
    again = terminal(*STRAP, **NOWHERE)
    assert again.finish() == 3
    assert "[y/N]" not in again.text


@pytest.mark.slow
def test_c2_where_nobody_can_be_asked_it_is_said_how_to_agree(tmp_path: Path) -> None:
    done = run_here(tmp_path, *STRAP, "--view", "none", "--person", "P-001", env=NOWHERE)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 2)
    command = done.stderr.splitlines()[1].partition(": ")[2]
    assert command == "biofeedback person consent P-001 --give heart_data"
    assert not list(tmp_path.rglob("*.jsonl*"))
    assert run_here(tmp_path, *STRAP, "--view", "none", "--no-record", env=NOWHERE).returncode == 3
    assert run_here(tmp_path, *command.split()[1:]).returncode == 0
    assert run_here(tmp_path, *STRAP, "--view", "none", "--person", "P-001", env=NOWHERE).returncode == 3
    assert run_here(tmp_path, *STRAP, "--view", "none", env=NOWHERE).returncode == 2, "another person"
    run_here(tmp_path, "person", "consent", "P-001", "--withdraw", "heart_data", "--yes")
    assert run_here(tmp_path, *STRAP, "--view", "none", "--person", "P-001", env=NOWHERE).returncode == 2


def test_c2_a_free_session_needs_no_consent_unless_it_was_taken_back(tmp_path: Path) -> None:
    assert run_here(tmp_path, *FREE, env=NOWHERE).returncode == 3
    assert run_here(tmp_path, "practice", "breath_only", *FREE[1:], env=NOWHERE).returncode == 3
    assert not (tmp_path / "people").exists()
    run_here(tmp_path, "person", "consent", "me", "--give", "heart_data")
    run_here(tmp_path, "person", "consent", "me", "--withdraw", "heart_data", "--yes")
    assert run_here(tmp_path, *FREE, env=NOWHERE).returncode == 2


def test_c2_simulated_people_and_files_are_asked_nothing(tmp_path: Path) -> None:
    (tmp_path / "rr.txt").write_text("800\n" * 60)
    for source in ("sim:calm", "file:rr.txt"):
        words = ("practice", "--source", source, "--speed", "max", "--minutes", "1", "--view", "none")
        assert run_here(tmp_path, *words).returncode == 0
    assert not (tmp_path / "people").exists()


def test_a_name_stands_for_its_pseudonym_so_that_it_is_not_recorded(plain: Home) -> None:
    plain.run("person", "new", "--name", "Canary")
    path = plain.practise("canary")
    assert json.loads(path.read_text("utf-8").splitlines()[0])["subject"] == "P-001"
    assert plain.holds(b"anary") == ["people.json"]


@posix
def test_deleting_asks_for_the_pseudonym_to_be_typed(terminal: Open, plain: Home) -> None:
    plain.run("person", "new", "P-001")
    for typed, code in (("y", 2), ("P-01", 2), ("P-001", 0)):
        asking = terminal("person", "delete", "P-001")
        asking.wait_for("Type P-001 to go on:")
        asking.press(f"{typed}\n")
        assert asking.finish() == code
        assert (plain.path / "people" / "P-001").exists() == (code != 0)


def test_person_starts_light() -> None:
    code = (
        "import sys; from biofeedback.cli import person, journal, consent;"
        "print([name for name in ('numpy', 'sqlite3', 'cryptography', 'argon2', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_commands_of_the_page_run_in_their_order(tmp_path: Path) -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "docs" / "people.md").read_text("utf-8"), re.DOTALL)
    commands = [line.split("  #")[0].removeprefix("biofeedback ") for block in blocks for line in block.splitlines()]
    assert len(commands) > 10
    for command in commands:
        words = shlex.split(command.partition(" < ")[0])
        if "strap:" in words:
            continue
        sure = ["--yes"] if {"delete", "remove", "--withdraw"} & set(words) else []
        done = run_here(tmp_path, *words, *sure, given="a note")
        assert done.returncode == 0, (command, done.stderr)
    assert (tmp_path / "journal.csv").read_text("utf-8").count("\n") == 3
