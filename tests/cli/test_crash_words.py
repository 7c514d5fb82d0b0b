"""What is said when the program itself fails: where, and nothing of what it was working on (threat row 23)."""

from __future__ import annotations

import pytest

from biofeedback.cli import config as command
from biofeedback.cli.main import main


def fail(_: object) -> int:
    """Stands for a mistake somewhere inside."""
    raise ValueError("Anna Canary: 877 ms")


@pytest.fixture(autouse=True)
def broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "run", fail)


def test_row_23_a_crash_says_what_kind_and_where_in_two_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show"]) == 1
    out, said = capsys.readouterr()
    assert out == ""
    assert "877" not in said
    assert "Canary" not in said
    first, second = said.splitlines()
    assert first.startswith("biofeedback: Something went wrong inside the program: ValueError at test_crash_words.py:")
    assert "-vv" in second


def test_row_23_who_asks_with_vv_gets_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "show", "-vv"]) == 1
    assert "ValueError: Anna Canary: 877 ms" in capsys.readouterr().err
