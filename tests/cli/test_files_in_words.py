"""What analyze, library and report say of a file of another program and of a recording that was made of one."""

from __future__ import annotations

import html
import json
import re
from pathlib import Path

import pytest

from tests.cli.programs import run

HRM = """[Params]
Version=106
Monitor=12
SMode=000000000
Date=20080209
StartTime=09:28:17.0
Length=00:{minutes:02}:00.0
Interval=238
[HRData]
{values}
"""


@pytest.fixture
def doubtful(tmp_path: Path) -> Path:
    """Two minutes of beats; its head says 11."""
    path = tmp_path / "my race.hrm"
    path.write_text(HRM.format(minutes=11, values="\n".join(str(900 + 7 * (n % 9)) for n in range(130))))
    return path


@pytest.fixture
def imported(tmp_path: Path, doubtful: Path) -> str:
    done = run(tmp_path, "import", str(doubtful))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_analyze_says_what_is_doubtful(tmp_path: Path, doubtful: Path, imported: str) -> None:
    [found] = [json.loads(line) for line in run(tmp_path, "analyze", str(doubtful), "--json").stdout.splitlines()]
    assert "660" in found["why"]
    assert any("zone" in decision for decision in found["decisions"])
    text = run(tmp_path, "analyze", str(doubtful)).stdout
    assert re.search(r"^  doubtful: [Ii]ts .*660", text, re.MULTILINE)
    assert re.search(r"^  note: [Ii]ts clock is local", text, re.MULTILINE)
    [ours] = [json.loads(line) for line in run(tmp_path, "analyze", imported, "--json").stdout.splitlines()]
    assert ours["why"] is None
    assert any("660" in decision for decision in ours["decisions"])


def test_library_show_says_where_it_comes_from_in_order_of_time(tmp_path: Path, imported: str) -> None:
    [listed] = json.loads(run(tmp_path, "library", "list", "--json").stdout)
    text = run(tmp_path, "library", "show", listed["id"]).stdout
    assert "made from my race.hrm (polar-hrm)\n" in text
    assert re.search(r"^note      .*\.$", text, re.MULTILINE)
    assert "660" in text
    shown = json.loads(run(tmp_path, "library", "show", listed["id"], "--json").stdout)
    assert (shown["made_from"]["name"], shown["made_from"]["format"]) == ("my race.hrm", "polar-hrm")
    assert any("660" in decision for decision in shown["decisions"])


def test_the_report_says_it_in_words(tmp_path: Path, imported: str) -> None:
    page = tmp_path / "page.html"
    assert run(tmp_path, "report", imported, "--output", str(page)).returncode == 0
    text = html.unescape(re.sub(r"<[^>]+>", "", page.read_text()))
    assert "my race.hrm (polar-hrm), " in text
    assert "Taken for granted" in text
    assert "660" in text
    assert "sha256:" not in text
    assert "start zone:" not in text


def test_a_file_of_another_program_cannot_be_reported_and_the_way_is_told(tmp_path: Path, doubtful: Path) -> None:
    done = run(tmp_path, "report", str(doubtful))
    assert done.returncode == 4
    assert done.stderr.splitlines()[1].endswith(f"import '{doubtful}'")


@pytest.mark.parametrize("words", [("report", "866"), ("analyze", "8"), ("replay", "86f")])
def test_too_few_digits_of_an_id_are_told_as_that(tmp_path: Path, words: tuple[str, str]) -> None:
    done = run(tmp_path, *words)
    assert done.returncode == 4
    assert "an id needs at least four digits" in done.stderr


def test_so_they_are_in_the_library(tmp_path: Path, imported: str) -> None:
    done = run(tmp_path, "library", "show", "866")
    assert (done.returncode, "at least 4" in done.stderr) == (2, True)


@pytest.mark.slow
def test_a_length_is_written_in_one_way(tmp_path: Path) -> None:
    path = tmp_path / "long.txt"
    path.write_text("\n".join("1009" for _ in range(3800)))
    assert run(tmp_path, "import", str(path), "--unit", "ms").returncode == 0
    assert re.search(r" 1:03:54  imported$", run(tmp_path, "library", "list").stdout, re.MULTILINE)
    done = run(tmp_path, "replay", str(path), "--unit", "ms", "--speed", "max", "--view", "terminal")
    assert done.stderr.count("The file ends here.") == 1
    assert "1 h 3 min" in done.stderr
