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
