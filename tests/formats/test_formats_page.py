"""docs/formats.md does as it says: every command in it is run, and every program in it has a reader."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest

from biofeedback.formats.content import VERDICTS
from biofeedback.formats.limits import CPU_S, MEMORY_BYTES, MOST_FILES, MOST_RATIO, MOST_UNPACKED
from biofeedback.formats.lines import MOST_BEATS
from biofeedback.formats.xml_stream import MOST_ELEMENTS
from tests.cli.programs import PROGRAM, ROOT, environment, run
from tests.formats.downloads import downloads

PAGE = (ROOT / "docs" / "formats.md").read_text("utf-8")
BLOCKS = [block.strip().splitlines() for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)]


def done(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    """One line of the page, in this folder, by a shell in which `biofeedback` is this checkout's."""
    named = f'biofeedback() {{ {shlex.join(PROGRAM)} "$@"; }}\n'
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail\n{named}{line}"],
        env=environment(folder), cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_page_has_the_blocks_that_are_run_below() -> None:
    assert [block[0].split()[:3] for block in BLOCKS] == [
        ["biofeedback", "import", "--inspect"],
        ["biofeedback", "import", "samples.txt"],
        ["biofeedback", "export", "my_session.session.jsonl"],
        ["head", "-c", "2000"],
    ]


@pytest.mark.slow
@pytest.mark.timeout(120)  # starts the program for every line
@pytest.mark.parametrize("block", [BLOCKS[0], BLOCKS[1], BLOCKS[2]], ids=["reading", "units", "giving away"])
def test_every_command_of_the_page_does_what_it_says(tmp_path: Path, block: list[str]) -> None:
    downloads(tmp_path)
    if "my_session" in block[0]:
        made = run(tmp_path, "simulate", "--minutes", "3", "--seed", "5", "--output", "my_session.session.jsonl")
        assert made.returncode == 0, made.stderr
    for line in block:
        ended = done(tmp_path, line)
        assert ended.returncode == 0, (line, ended.stderr)
        assert "Traceback" not in ended.stderr


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_an_archive_of_apple_health_is_one_recording_and_its_side_files_are_passed_over(tmp_path: Path) -> None:
    downloads(tmp_path)
    ended = done(tmp_path, "biofeedback import --inspect --json export.zip")
    found = {json.loads(line)["file"].rpartition("/")[2]: json.loads(line) for line in ended.stdout.splitlines()}
    assert ended.returncode == 0, ended.stderr
    assert {name: each["verdict"] for name, each in found.items()} == {
        "export.xml": "beats", "export_cda.xml": "skip", "route.gpx": "skip",
    }  # fmt: skip
    assert (found["export.xml"]["n"], found["export.xml"]["records"]) == (30, 1)


@pytest.mark.slow
def test_what_is_sent_of_a_refused_file_holds_no_digit_of_it(tmp_path: Path) -> None:
    downloads(tmp_path)
    refused = done(tmp_path, "biofeedback import --inspect strange.csv")
    assert refused.returncode == 4
    assert "strange.csv" in refused.stdout
    (line,) = BLOCKS[3]
    assert done(tmp_path, line).returncode == 0
    report = (tmp_path / "to_report.txt").read_text()
    assert report.splitlines()[0] == "beat 555;mine;0x555".replace("0x", "5x")
    assert set(re.findall(r"\d", report)) == {"5"}


def test_the_page_tells_every_verdict() -> None:
    assert set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)) - {
        "csv", "kubios", "bids", "edf", "methods", "recording",
    } == set(VERDICTS)  # fmt: skip


@pytest.mark.parametrize(
    "word",
    [
        "Apple Health", "Elite HRV", "HRV Logger", "HRV4Training", "OpenHRV", "Kubios", "Polar Flow",
        "Polar Sensor Logger", ".hrm", "Suunto", "Garmin", "emWave", "Gadgetbridge", "Empatica", "VNS Analyse", "WFDB",
        "EDF+", ".xdf", "BIDS", "MATLAB",
    ],
)  # fmt: skip
def test_the_page_names_every_program_that_has_a_reader(word: str) -> None:
    assert word in PAGE


def test_the_limits_on_the_page_are_those_of_the_program() -> None:
    page = " ".join(PAGE.split())
    for said in (
        f"{MEMORY_BYTES // 1024**3} GiB of memory", f"{CPU_S} s of computing", f"{MOST_BEATS // 10**6} million beats",
        f"{MOST_ELEMENTS // 10**6} million XML elements", f"{MOST_FILES // 1000} 000 files",
        f"{MOST_UNPACKED // 1024**3} GiB unpacked", f"{MOST_RATIO} times their size",
    ):  # fmt: skip
        assert said in page


def test_links_of_the_page_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)", PAGE):
        assert target.startswith("http") or (ROOT / "docs" / target).exists(), target
