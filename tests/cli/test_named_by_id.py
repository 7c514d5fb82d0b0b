"""A recording can be named by the first digits of its id wherever a file can."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.programs import run_here


@pytest.fixture
def session(tmp_path: Path) -> str:
    words = ("practice", "--source", "sim:calm", "--minutes", "1", "--speed", "max", "--view", "none")
    assert run_here(tmp_path, *words).returncode == 0
    (row,) = json.loads(run_here(tmp_path, "library", "list", "--json").stdout)
    return str(row["id"])[:6]


@pytest.mark.parametrize("command", ["verify", "analyze", "report", "replay", "export"])
def test_each_command_finds_it(tmp_path: Path, session: str, command: str) -> None:
    more = {"replay": ("--view", "none", "--speed", "max"), "export": ("--to", "recording", "--output", "copy")}
    done = run_here(tmp_path, command, session, *more.get(command, ()))
    assert done.returncode == 0, done.stderr


def test_what_is_neither_a_file_nor_an_id_is_told(tmp_path: Path, session: str) -> None:
    assert session
    done = run_here(tmp_path, "verify", "ffffffffffff")
    assert done.returncode == 4
    assert "There is no file" in done.stderr


def test_a_word_behind_an_option_is_a_word_too(tmp_path: Path, session: str) -> None:
    for words in (
        ("library", "tag", session, "quiet", "calm"),
        ("library", "tag", session, "--remove", "quiet"),
        ("journal", "add", "--before", "7", "It got quieter."),
        ("journal", "remove", "--yes", "1"),
        ("library", "delete", "--yes", session),
    ):
        done = run_here(tmp_path, *words)
        assert done.returncode == 0, (words, done.stderr)
    assert run_here(tmp_path, "library", "list", "--json").stdout == "[]\n"


def test_what_was_taken_back_binds_exports_and_watchers(tmp_path: Path) -> None:
    rr = tmp_path / "rr.txt"
    rr.write_text("800\n810\n" * 60)
    words = ("practice", "--source", f"file:{rr}", "--speed", "max", "--view", "none", "--person", "P-001")
    assert run_here(tmp_path, *words).returncode == 0
    (row,) = json.loads(run_here(tmp_path, "library", "list", "--json").stdout)
    export = ("export", row["file"], "--to", "recording", "--anonymise", "--output", str(tmp_path / "copy"))
    for consent, bound in (("research", export), ("practitioner", (*words, "--practitioner"))):
        run_here(tmp_path, "person", "consent", "P-001", "--give", consent)
        run_here(tmp_path, "person", "consent", "P-001", "--withdraw", consent, "--yes")
        done = run_here(tmp_path, *bound)
        assert (done.returncode, "has taken this back" in done.stderr) == (2, True), done.stderr
    assert not (tmp_path / "copy").exists()


def test_a_pseudonym_that_stays_in_moved_recordings_is_told_when_its_person_is_deleted(tmp_path: Path) -> None:
    words = ("practice", "--source", "sim:calm", "--minutes", "1", "--speed", "max", "--view", "none")
    for made in (("person", "new", "ann"), ("person", "new", "bob"), (*words, "--person", "ann")):
        assert run_here(tmp_path, *made).returncode == 0
    (row,) = json.loads(run_here(tmp_path, "library", "list", "--json").stdout)
    assert run_here(tmp_path, "library", "move", row["id"], "bob").returncode == 0
    done = run_here(tmp_path, "person", "delete", "ann", "--yes")
    assert f"still says ann: {row['id'][:8]}" in done.stderr
