"""A terminal or pipe that is not UTF-8: nothing that a person wrote ends a command."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from pathlib import Path

import pytest

from biofeedback.cli.main import COMMANDS
from tests.cli.programs import PROGRAM, consent, environment, run_here
from tests.recording.test_library_index import record

pytestmark = pytest.mark.slow
WORDS = "Schön: é 日本 \N{SNOWMAN}"
ASKED = [
    ("journal", "list"),
    ("journal", "export", "--to", "csv"),
    ("journal", "export", "--to", "json"),
    ("library", "list"),
    ("library", "show", "aaaa1111"),
    ("library", "tag", "aaaa1111", "日本"),
    ("person", "list"),
    ("person", "show", "P-001"),
    ("verify", "日本.session.jsonl"),
    ("library", "show", "日本日本"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with words that few terminals of old can show."""
    home = tmp_path_factory.mktemp("home")
    home.chmod(0o700)
    record(home, "aaaa1111-0000-4000-8000-000000000001", subject="P-001", plan="日本")
    assert run_here(home, "person", "new", "P-001", "--name", "Zoë 日本").returncode == 0
    consent(home, "P-001", "heart_data", "words")
    done = run_here(home, "journal", "add", WORDS, "--person", "P-001")
    assert done.returncode == 0, done.stderr
    assert run_here(home, "library", "tag", "aaaa1111", "静か").returncode == 0
    return home


def raw(home: Path, encoding: str, *words: str) -> subprocess.CompletedProcess[bytes]:
    """What the program writes, as bytes, where the pipes are `encoding`."""
    return subprocess.run(
        [*PROGRAM, *words],
        env={**environment(home), "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        timeout=60,
        check=False,
        cwd=home,
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.parametrize("words", ASKED, ids=" ".join)
def test_every_command_says_what_it_has_to_say(home: Path, encoding: str, words: tuple[str, ...]) -> None:
    person = ("--person", "P-001") if words[0] == "journal" else ()
    utf = raw(home, "utf-8", *words, *person)
    done = raw(home, encoding, *words, *person)
    assert done.returncode == utf.returncode, done.stderr
    assert b"went wrong" not in done.stderr
    if words[:2] != ("journal", "export"):
        for said, expected in ((done.stdout, utf.stdout), (done.stderr, utf.stderr)):
            text = expected.decode()
            assert said.decode(encoding) == text.encode(encoding, "backslashreplace").decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_what_is_exported_into_a_file_is_utf_8_and_whole(home: Path, encoding: str) -> None:
    table = raw(home, encoding, "journal", "export", "--to", "csv", "--person", "P-001").stdout.decode("utf-8")
    assert [row["text"] for row in csv.DictReader(table.splitlines())] == [WORDS]
    rows = json.loads(raw(home, encoding, "journal", "export", "--to", "json", "--person", "P-001").stdout)
    assert [row["text"] for row in rows] == [WORDS]


@pytest.mark.skipif(os.name != "posix", reason="names there are bytes")
def test_a_name_that_is_no_text_is_told_too(home: Path) -> None:
    name = os.fsdecode(b"\xff.session.jsonl")
    done = raw(home, "utf-8", "verify", name)
    assert (done.returncode, b"went wrong" in done.stderr) == (4, False)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_the_help_of_every_command_is_there(home: Path, command: str) -> None:
    assert raw(home, "ascii", command, "--help").returncode == 0
