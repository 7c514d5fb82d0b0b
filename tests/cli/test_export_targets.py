"""`export --to csv|kubios|bids|edf` as a user calls it."""

from __future__ import annotations

import csv
import json
import os
import stat
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import biofeedback as bf
from biofeedback.recording.consents import CONSENTS, RESEARCH
from biofeedback.recording.person import PersonLog
from tests.cli.programs import run, run_here
from tests.recording.logs import KEYS, PASSPHRASE
from tests.recording.told import CANARY, told_session
from tests.session.sessions import heart, replayed, run_session, steady
from biofeedback.session.plan import free_plan

TARGETS = ("csv", "kubios", "bids", "edf")
SUFFIXES = {
    "csv": {"beats.csv", "events.csv", "metrics.csv", "session.json", "data_dictionary.csv", "data_dictionary.md"},
    "kubios": {"rr_ms.txt", "rr_corrected_ms.txt"},
    "bids": {"physio.tsv.gz", "physio.json", "events.tsv", "events.json", "scans.tsv"},
    "edf": {".edf"},
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return told_session(tmp_path_factory.mktemp("told"))


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A minute of a steady heart of the person `me`."""
    return run_session(tmp_path_factory.mktemp("short"), replayed(heart(steady(70), 60)), free_plan(1)).path


def objects(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("target", TARGETS)
def test_json_tells_every_file_that_was_made(short: Path, tmp_path: Path, target: str) -> None:
    out = tmp_path / "out"
    done = run_here(tmp_path, "export", str(short), "--to", target, "--output", str(out), "--json", "--anonymise")
    assert (done.returncode, done.stderr) == (0, "")
    (said,) = objects(done.stdout)
    assert (said["file"], said["to"]) == (str(short), target)
    files = [Path(each) for each in said["files"]]
    ends = SUFFIXES[target] - {"scans.tsv"}  # without a date there are no times of scans
    assert len(files) == len(ends)
    assert all(any(each.name.endswith(end) for each in files) for end in ends)
    for each in files:
        assert each.is_file()
        assert each.is_relative_to(said["made"])
        if os.name == "posix":
            assert stat.S_IMODE(each.stat().st_mode) & 0o077 == 0
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]


@pytest.mark.parametrize("target", TARGETS)
def test_a_person_sees_where_it_is_and_that_names_are_in_it(short: Path, tmp_path: Path, target: str) -> None:
    words = ("export", str(short), "--to", target, "--output", str(tmp_path / "out"))
    done = run_here(tmp_path, *words)
    assert done.returncode == 0
    assert Path(done.stdout.strip()).exists()
    assert "--anonymise" in done.stderr
    again = run_here(tmp_path, *words)
    assert (again.returncode, again.stdout) == (1, "")
    assert "exists already" in again.stderr


def test_of_several_files_the_good_ones_are_exported_and_the_others_named(
    short: Path, told: Path, tmp_path: Path
) -> None:
    foreign = tmp_path / "morning.txt"
    foreign.write_text("850\n860\n")
    words = ("export", str(short), str(foreign), str(tmp_path / "none"), str(told))
    done = run_here(tmp_path, *words, "--to", "kubios", "--output", str(tmp_path / "out"), "--json")
    assert done.returncode == 4
    assert [("made" in each, "error" in each) for each in objects(done.stdout)] == [
        (True, False), (False, True), (False, True), (True, False)
    ]  # fmt: skip
    assert f"{foreign} is not a recording of this program." in done.stderr
    assert f"import {foreign}" in done.stderr
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_several_sessions_are_one_data_set(short: Path, told: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    done = run_here(tmp_path, "export", str(short), str(told), "--to", "bids", "--output", str(out))
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    people = (out / "participants.tsv").read_text().splitlines()
    assert people == ["participant_id\tpseudonym", "sub-me\tme", "sub-CanaryAnna\tCanaryAnna"]


@pytest.mark.parametrize("target", TARGETS)
def test_an_encrypted_recording_is_exported_with_its_passphrase_only(tmp_path: Path, target: str) -> None:
    path = told_session(tmp_path / "in", KEYS)
    words = ("export", str(path), "--to", target, "--anonymise", "--output", str(tmp_path / "out"))
    refused = run_here(tmp_path, *words)
    assert (refused.returncode, refused.stdout) == (4, "")
    assert not (tmp_path / "out").exists()
    secret = tmp_path / "secret"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    done = run_here(tmp_path, *words, "--passphrase-file", str(secret))
    assert done.returncode == 0, done.stderr
    assert CANARY not in done.stdout.replace(str(tmp_path), "").lower()


@pytest.mark.parametrize("target", TARGETS)
def test_nothing_is_exported_of_somebody_who_took_that_back(short: Path, tmp_path: Path, target: str) -> None:
    log = PersonLog(tmp_path, "me")
    log.write(CONSENTS[RESEARCH].line(given=True), CONSENTS[RESEARCH].line(given=False))
    done = run_here(tmp_path, "export", str(short), "--to", target, "--output", str(tmp_path / "out"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "has taken this back" in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_exported_tables_give_the_rmssd_of_analyze(short: Path, tmp_path: Path) -> None:
    done = run(tmp_path, "export", str(short), "--to", "csv", "--output", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    with (Path(done.stdout.strip()) / "beats.csv").open(encoding="utf-8", newline="") as file:
        beats = list(csv.DictReader(file))
    squares = [
        (float(late["rr_ms"]) - float(early["rr_ms"])) ** 2
        for early, late in pairwise(beats)
        if not (early["artefact"] or late["artefact"] or late["gap_before"] == "true")
    ]
    told = json.loads(run(tmp_path, "analyze", str(short), "--json").stdout)["metrics"]["rmssd_ms"]["value"]
    assert (sum(squares) / len(squares)) ** 0.5 == pytest.approx(told, abs=0.01)


@pytest.mark.parametrize("target", TARGETS)
def test_an_import_whose_start_nobody_knows_is_exported_without_one(tmp_path: Path, target: str) -> None:
    foreign = tmp_path / "rr.txt"
    foreign.write_text("".join(f"{850 + 13 * (number % 5)}\n" for number in range(90)))
    imported = run_here(tmp_path, "import", str(foreign), "--output", str(tmp_path / "in"), "--json")
    assert imported.returncode == 0, imported.stderr
    (recording,) = (tmp_path / "in").glob("*.session.jsonl")
    done = run_here(tmp_path, "export", str(recording), "--to", target, "--output", str(tmp_path / "out"), "--json")
    assert done.returncode == 0, done.stderr
    (said,) = objects(done.stdout)
    names = " ".join(Path(each).name for each in said["files"])
    assert f"{datetime.now(UTC):%Y}" not in names.replace(bf.read(recording).head["session"][:8], "")
    if target == "csv":
        with (Path(said["made"]) / "beats.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["rr_ms"] for row in rows] == foreign.read_text().split()
        assert {row["utc"] + row["rr_raw_1024"] for row in rows} == {""}


@pytest.mark.slow
@pytest.mark.parametrize("target", ["edf", "bids"])
def test_what_is_exported_and_imported_again_is_the_same_recording(told: Path, tmp_path: Path, target: str) -> None:
    done = run_here(tmp_path, "export", str(told), "--to", target, "--output", str(tmp_path / "out"), "--json")
    (said,) = objects(done.stdout)
    (name,) = (each for each in said["files"] if each.endswith((".edf", "events.tsv")))
    again = run(tmp_path, "import", name, "--output", str(tmp_path / "in"))
    assert again.returncode == 0, again.stderr
    (recording,) = (tmp_path / "in").glob("*.session.jsonl")
    first, second = bf.read(told), bf.read(recording)
    for column in ("ticks", "why", "gap_before"):
        assert first.beats[column].tolist() == second.beats[column].tolist()
    assert first.analyze().numbers()["rmssd_ms"] == second.analyze().numbers()["rmssd_ms"]
    assert datetime.fromisoformat(second.start or "").replace(tzinfo=None) == pytest.approx(
        datetime.fromisoformat(first.start or "").replace(tzinfo=None), abs=timedelta(seconds=3)
    )
