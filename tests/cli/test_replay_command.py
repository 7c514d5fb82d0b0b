"""`replay` as a user runs it: a part of a recording, what is stored, words that do not fit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from biofeedback.recording.chain import seal_line
from biofeedback.recording.reader import read_recording
from biofeedback.session.plan import free_plan
from tests.cli.programs import run
from tests.real import DATA, needs_data
from tests.session.sessions import run_session, simulated


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return run_session(tmp_path, simulated("sim:calm?seed=4"), free_plan(2)).path


def events(home: Path, path: Path, *words: str) -> list[dict[str, Any]]:
    done = run(home, "replay", str(path), "--speed", "max", "--view", "none", "--json", *words)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_a_part_is_the_part_of_the_whole(tmp_path: Path, recording: Path) -> None:
    whole = events(tmp_path, recording)
    part = events(tmp_path, recording, "--from", "30.5", "--to", "1:20")
    assert part == [event for event in whole if 30.5 <= event["at"] <= 80]
    assert 150 < len(part) < len(whole)
    assert part[0]["at"] < 32


@pytest.mark.slow
@needs_data
def test_so_is_that_of_a_file_of_intervals(tmp_path: Path) -> None:
    path = tmp_path / "rr.txt"
    path.write_text("\n".join((DATA / "rr_rest_rhenan" / "rest_rri.txt").read_text().split()[:300]))
    whole = events(tmp_path, path, "--unit", "ms")
    part = events(tmp_path, path, "--unit", "ms", "--from", "60", "--to", "120")
    assert part == [event for event in whole if 60 <= event["at"] <= 120]
    assert {event["kind"] for event in part} == {"rr", "beat", "hrv", "arousal"}


@pytest.mark.slow
def test_as_recorded_is_what_is_stored_and_one_sentence_names_it_where_the_rules_are_others(
    tmp_path: Path, recording: Path
) -> None:
    older = tmp_path / "older.session.jsonl"
    older.write_bytes(by_an_older_rule(recording))
    now = run(tmp_path, "replay", str(older), "--speed", "max", "--view", "none", "--json")
    assert now.returncode == 0
    assert now.stderr.count("--as-recorded") == 1
    assert "rmssd_ms/0" in now.stderr
    then = run(tmp_path, "replay", str(older), "--speed", "max", "--view", "none", "--json", "--as-recorded")
    assert (then.returncode, then.stderr) == (0, "")
    anew, stored = rmssd(now.stdout), rmssd(then.stdout)
    assert anew == rmssd(run(tmp_path, "replay", str(recording), "--speed", "max", "--view", "none", "--json").stdout)
    assert stored == [0.0 for _ in anew] != []


def rmssd(text: str) -> list[float]:
    values = [line["values"]["rmssd_ms"] for line in map(json.loads, text.splitlines()) if line["kind"] == "hrv"]
    return [value for value in values if value is not None]


def by_an_older_rule(path: Path) -> bytes:
    """The recording as a version would have made it whose RMSSD is always 0; chained and sealed anew."""

    def older(kind: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        if kind == "alg" and str(body["a"]).startswith("rmssd_ms/"):
            return {**body, "a": "rmssd_ms/0"}
        if kind == "hrv" and body["values"]["rmssd_ms"] is not None:
            return {**body, "values": {**body["values"], "rmssd_ms": 0.0}}
        return body

    data, crc = b"", 0
    for line in read_recording(path).lines:
        body = older(line.kind, line.body)
        if line.kind == "seal":
            body = {**body, "sha256": sha256(data).hexdigest(), "bytes": len(data)}
        raw, crc = seal_line(line.n, line.t, line.kind, body, crc)
        data += raw
    return data


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", "soon"], "'soon' is no time"),
        (["--to", "1:75"], "'1:75' is no time"),
        (["--from", "-3"], "no time"),
        (["--from", "60", "--to", "60"], "--to does not come after --from"),
        (["--from", "9:00:00"], "is only 1"),
        (["--speed", "fast"], "'fast' is no speed"),
    ],
)
def test_words_that_do_not_fit_are_told(tmp_path: Path, recording: Path, words: list[str], said: str) -> None:
    done = run(tmp_path, "replay", str(recording), "--view", "none", *words)
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr
    assert len(done.stderr.strip().splitlines()) == 2


def test_a_file_of_intervals_has_nothing_stored(tmp_path: Path) -> None:
    path = tmp_path / "rr.txt"
    path.write_text("800\n" * 10)
    done = run(tmp_path, "replay", str(path), "--view", "none", "--as-recorded")
    assert done.returncode == 2
    assert "holds no numbers" in done.stderr
