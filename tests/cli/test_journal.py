"""`journal`: one sentence a day, kept out of the shell's history, shown calmly, exported safely, and taken back."""

from __future__ import annotations

import csv
import io
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.cli.journal import _csv, _row
from biofeedback.recording.person import PersonLog
from biofeedback.recording.person_state import Entry, Said
from tests.cli.programs import PROGRAM, consent, environment, run, run_here
from tests.terminal.pseudo import Terminal

posix = pytest.mark.skipif(os.name != "posix", reason="a pseudo-terminal")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    consent(tmp_path, "me", "words")
    return tmp_path


def said(home: Path, *words: str, code: int = 0, **env: str) -> str:
    done = run_here(home, "journal", *words, env=env)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def entries(home: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(said(home, "list", "--json"))
    return found


def test_method_3_3_17_what_came_and_what_set_it_off(home: Path) -> None:
    said(home, "add", "It got", "quieter.", "--practice", "safe_place", "--before", "7", "--after", "4")
    said(home, "add", "--trigger", "a call", "--session", "0123abcd")
    first, second = entries(home)
    assert {key: first[key] for key in ("entry", "kind", "text", "practice", "before", "after", "trigger")} == {
        "entry": 1, "kind": "journal", "text": "It got quieter.", "practice": "safe_place", "before": 7, "after": 4,
        "trigger": "",
    }  # fmt: skip
    assert (second["kind"], second["trigger"], second["session"], second["before"]) == (
        "trigger", "a call", "0123abcd", None,
    )  # fmt: skip


def test_the_table_is_calm_and_says_nothing_of_connections(home: Path) -> None:
    assert said(home, "list") == ""
    for number in range(12):
        said(home, "add", f"day {number}", "--before", "10", "--after", str(number % 11))
    table = said(home, "list")
    head, *rows = table.splitlines()
    assert head.split() == ["No", "When", "Before", "After", "What", "came"]
    assert len(rows) == 12
    assert rows[3].split()[0] == "4"
    assert rows[3].endswith("day 3")
    assert not set(table) & set("→↑↓↗↘\x1b")
    assert "correl" not in table.casefold()
    assert len({row.index("day") for row in rows}) == 1, "columns stand under each other"


def test_an_entry_keeps_the_local_time_of_where_it_was_written(home: Path) -> None:
    zones = {"TZ": "XXX-05:30"}
    written = run(home, "journal", "add", "far away", env=zones)
    assert written.returncode == 0
    (entry,) = entries(home)
    utc, local = entry["at"], entry["local"]
    minutes = [int(text[11:13]) * 60 + int(text[14:16]) for text in (utc, local)]
    assert (minutes[1] - minutes[0]) % 1440 == 330
    assert local in said(home, "list")


@pytest.mark.parametrize("option", ["--before", "--after"])
@pytest.mark.parametrize("number", ["-1", "11", "100"])
def test_suds_go_from_0_to_10(home: Path, option: str, number: str) -> None:
    assert "0 to 10" in said(home, "add", "x", f"{option}={number}", code=2)
    said(home, "add", "x", f"{option}=0")
    said(home, "add", "x", f"{option}=10")
    assert len(entries(home)) == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["add"], "nothing to write down"),
        (["add", "x" * 10_001], "too many"),
        (["add", "x", "--practice", "y" * 201], "too many"),
        (["remove"], "number"),
        (["remove", "one"], "number"),
        (["remove", "7", "--yes"], "no entry 7"),
        (["list", "x"], "no text"),
        (["export"], "--to"),
        (["list", "--person", "nobody-here"], "nobody"),
        (["add", "x", "--person", "a/b"], "pseudonym"),
    ],
)
def test_words_that_do_not_fit_get_two_lines_and_2(home: Path, words: list[str], told: str) -> None:
    talk = said(home, *words, code=2)
    assert len(talk.splitlines()) == 2
    assert told in talk
    assert entries(home) == []


def test_where_nobody_can_be_asked_words_that_are_handed_in_are_kept(tmp_path: Path) -> None:
    said(tmp_path, "add", "canary")
    assert len(entries(tmp_path)) == 1


def test_method_5_words_are_not_kept_after_their_consent_was_taken_back(tmp_path: Path) -> None:
    consent(tmp_path, "me", "words")
    assert run_here(tmp_path, "person", "consent", "me", "--withdraw", "words", "--yes").returncode == 0
    talk = said(tmp_path, "add", "canary", code=2)
    command = talk.splitlines()[1].partition(": biofeedback ")[2]
    assert run_here(tmp_path, *command.split()).returncode == 0
    said(tmp_path, "add", "canary")
    assert len(entries(tmp_path)) == 1


def piped(home: Path, data: bytes, *words: str) -> tuple[int, str]:
    import subprocess

    done = subprocess.run(
        [*PROGRAM, "journal", "add", *words], env=environment(home), cwd=home, input=data, capture_output=True,
        check=False, timeout=20,
    )  # fmt: skip
    return done.returncode, done.stderr.decode()


@pytest.mark.parametrize("words", [(), ("-",)])
def test_text_comes_through_a_pipe_whole(home: Path, words: tuple[str, ...]) -> None:
    code, talk = piped(home, "first line\r\nzweite Zeile äöü €\n\n".encode(), *words)
    assert code == 0, talk
    assert "first line" not in talk
    assert [entry["text"] for entry in entries(home)] == ["first line\nzweite Zeile äöü €"]
    assert "first line zweite Zeile" in said(home, "list")


@pytest.mark.parametrize("data", [b"", b" \n\t\n", b"\xff\xfe\x00", b"x" * 50_000, "ä".encode() * 20_001])
def test_input_that_cannot_be_kept_is_refused(home: Path, data: bytes) -> None:
    code, talk = piped(home, data)
    assert (code, len(talk.splitlines())) == (2, 2)
    assert entries(home) == []


def test_what_could_move_a_cursor_is_not_kept_and_not_shown(home: Path) -> None:
    code, _ = piped(home, b"\x1b[2Jclear\x07 \xe2\x80\xaetxt")
    assert code == 0
    assert entries(home)[0]["text"] == "[2Jclear   txt"
    PersonLog(home, "me").write(("journal", {"entry": 2, "text": "\x1b[31mred\x9b"}))
    assert not [sign for sign in said(home, "list") if not sign.isprintable() and sign != "\n"]


@pytest.fixture
def terminal(home: Path) -> Iterator[Terminal]:
    opened = Terminal([*PROGRAM, "journal", "add"], environment(home))
    yield opened
    opened.close()


@posix
def test_on_a_terminal_it_is_asked_line_by_line(terminal: Terminal, home: Path) -> None:
    for question, answer in (
        ("before, 0-10?", "eleven"),
        ("whole number", "7"),
        ("now, 0-10?", ""),
        ("practise?", "safe_place"),
        ("set it off?", "a call"),
        ("one sentence?", "It got quieter."),
    ):
        terminal.wait_for(question)
        terminal.press(f"{answer}\n")
    assert terminal.finish() == 0
    (entry,) = entries(home)
    assert [entry[key] for key in ("before", "after", "practice", "trigger", "text")] == [
        7, None, "safe_place", "a call", "It got quieter.",
    ]  # fmt: skip


@posix
def test_the_end_of_input_while_asking_keeps_nothing(terminal: Terminal, home: Path) -> None:
    terminal.wait_for("before, 0-10?")
    for _ in range(5):
        terminal.press("\x04")
    assert terminal.finish() == 2
    assert entries(home) == []


def test_remove_takes_an_entry_out_of_the_file_and_numbers_stay(home: Path) -> None:
    for text in ("one", "canary", "three"):
        said(home, "add", text)
    assert "--yes" in said(home, "remove", "2", code=2)
    assert len(entries(home)) == 3
    said(home, "remove", "2", "--yes")
    assert [(entry["entry"], entry["text"]) for entry in entries(home)] == [(1, "one"), (3, "three")]
    files = [path for path in home.rglob("*") if path.is_file()]
    assert not [path for path in files if b"canary" in path.read_bytes()]
    said(home, "remove", "3", "--yes")
    said(home, "add", "four")
    assert [entry["entry"] for entry in entries(home)] == [1, 4], "a number is never given twice"


@pytest.mark.parametrize("start", list("=+-@\t\r"))
def test_threat_6_cells_that_a_spreadsheet_would_work_out_are_made_harmless(home: Path, start: str) -> None:
    text = f'{start}HYPERLINK("http://x")'
    PersonLog(home, "me").write(
        ("trigger", {"entry": 1, "text": text, "trigger": text, "practice": text, "session": text, "before": 3})
    )
    head, row = csv.reader(io.StringIO(said(home, "export", "--to", "csv"), newline=""))
    cells = dict(zip(head, row, strict=True))
    assert {cells[name] for name in ("text", "trigger", "practice", "session")} == {f"'{text}"}
    assert cells["before"] == "3"
    (exported,) = json.loads(said(home, "export", "--to", "json"))
    assert exported["text"] == text, "JSON is data"


@given(st.text(max_size=30))
def test_csv_gives_back_any_text(text: str) -> None:
    entry = Entry(1, "journal", Said("2026-11-25T18:00:00.000Z", 3600), text=text)
    _, row = csv.reader(io.StringIO(_csv([_row(entry)]), newline=""), strict=True)
    assert row[-1] in {text, f"'{text}"}
    assert not row[-1].startswith(("=", "+", "-", "@", "\t", "\r"))
    assert row[2] == "2026-11-25 19:00"


@pytest.mark.parametrize("to", ["csv", "json"])
def test_an_export_is_for_its_owner_and_never_overwrites(home: Path, to: str) -> None:
    said(home, "add", "ünïcode\nlines")
    path = home / f"journal.{to}"
    said(home, "export", "--to", to, "--output", str(path))
    assert path.read_text("utf-8") == said(home, "export", "--to", to)
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert "exists already" in said(home, "export", "--to", to, "--output", str(path), code=1)
    assert path.read_bytes() == before


def test_an_export_that_cannot_be_written_says_so_and_leaves_no_half_file(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said(home, "add", "x")
    assert len(said(home, "export", "--to", "csv", "--output", "/nowhere/journal.csv", code=1).splitlines()) == 2

    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    def full(descriptor: int, *_: object, **__: object) -> Full:
        os.close(descriptor)
        return Full()

    monkeypatch.setattr(os, "fdopen", full)
    assert "No space left" in said(home, "export", "--to", "csv", "--output", str(home / "j.csv"), code=1)
    assert not (home / "j.csv").exists()


def test_whose_journal_it_is(home: Path) -> None:
    consent(home, "P-002", "words")
    said(home, "add", "mine")
    said(home, "add", "theirs", "--person", "p-002")
    assert [entry["text"] for entry in entries(home)] == ["mine"]
    assert "theirs" in said(home, "list", "--person", "P-002")
