"""A damaged recording is never rewritten: a copy has every line that can be read, and says where some are missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from biofeedback.errors import RecordingError
from biofeedback.recording.reader import read_recording
from biofeedback.recording.repair import repair
from biofeedback.recording.rewriting import LINES_LOST
from biofeedback.recording.rewriting import sha256_of
from biofeedback.session.plan import free_plan
from biofeedback.session.replay import verify
from tests.recording.logs import Logs
from tests.recording.told import told_session
from tests.recording.test_log import EVENTS
from tests.session.sessions import run_session, simulated


def spoiled(path: Path, *numbers: int) -> Path:
    """The recording with a bit flipped in these lines."""
    raws = path.read_bytes().splitlines(keepends=True)
    for number in numbers:
        raw = bytearray(raws[number])
        raw[len(raw) // 2] ^= 1
        raws[number] = bytes(raw)
    path.chmod(0o600)
    path.write_bytes(b"".join(raws))
    return path


def test_1_4_the_copy_has_every_readable_line_and_the_damaged_file_stays(tmp_path: Path, logs: Logs) -> None:
    path = spoiled(logs.written(tmp_path, EVENTS), 4)
    before, source = path.read_bytes(), logs.read(path)
    assert source.damage is not None
    made = repair(path, logs.keys)
    copy = logs.read(made)
    assert path.read_bytes() == before
    assert (copy.damage, copy.finished) == (None, True)
    layout = {"head", "seal"}
    kept = [(line.t, line.kind, line.body) for line in copy.lines if line.kind not in layout]
    readable = [(line.t, line.kind, line.body) for line in (*source.lines, *source.beyond) if line.kind not in layout]
    assert [each for each in kept if each[1] != "err"] == readable
    (hole,) = [each for each in kept if each[1] == "err"]
    assert hole[2]["code"] == LINES_LOST
    assert kept.index(hole) == len([line for line in source.lines if line.kind not in layout])


def test_the_copy_is_a_session_of_its_own_that_names_what_it_was_made_from(tmp_path: Path, logs: Logs) -> None:
    path = spoiled(logs.written(tmp_path, EVENTS), 4)
    made = repair(path, logs.keys)
    head = logs.read(made).head
    assert head["session"] != "s"
    assert made.name == f"20261122T101500Z_{head['session'][:8]}.session.jsonl"
    assert head["parent"] == {"sha256": sha256_of(path), "removed": ["damaged"], "session": "s"}
    if logs.keys is not None:
        assert b"rmssd_ms" not in made.read_bytes()


def test_no_difference_is_taken_across_what_was_lost(tmp_path: Path) -> None:
    ran = run_session(tmp_path, simulated("sim:calm"), free_plan(1))
    beats = [line.n for line in read_recording(ran.path).lines if line.kind == "beat"]
    made = read_recording(repair(spoiled(ran.path, beats[20])))
    lost = next(place for place, line in enumerate(made.lines) if line.kind == "err")
    behind = next(line for line in made.lines[lost:] if line.kind == "beat")
    assert behind.body["gap_before"] is True
    assert [line.body["gap_before"] for line in made.lines if line.kind == "beat"].count(True) == 2


def test_a_whole_recording_is_not_repaired(tmp_path: Path, logs: Logs) -> None:
    with pytest.raises(RecordingError, match="not damaged"):
        repair(logs.written(tmp_path, EVENTS), logs.keys)


def test_a_recording_whose_end_is_lost_says_so(tmp_path: Path, logs: Logs) -> None:
    path = logs.written(tmp_path, EVENTS)
    data = path.read_bytes()
    path.chmod(0o600)
    path.write_bytes(data[:-200])
    copy = logs.read(repair(path, logs.keys))
    assert copy.damage is None
    assert not copy.finished
    last = [line for line in copy.lines if line.kind != "seal"][-1]
    assert (last.kind, last.body["code"]) == ("err", LINES_LOST)


@pytest.mark.slow
def test_a6_of_a_repaired_recording_the_numbers_before_the_hole_come_out_again(tmp_path: Path) -> None:
    path = run_session(tmp_path, simulated("sim:calm"), free_plan(3)).path
    lines = read_recording(path).lines
    place = next(n for n, line in enumerate(lines) if line.kind == "packet" and line.t > 120_000_000)
    outputs = sum(1 for line in lines[:place] if line.kind in {"beat", "hrv", "arousal", "phase", "motion"})
    found = verify(repair(spoiled(path, place, place + 7)))
    assert (found.differences, found.intact, found.removed) == (0, True, ("damaged",))
    assert outputs * 0.9 < found.compared < found.outputs
    assert (found.bits, found.exact, found.complete, found.lost) == (True, False, False, 2)


@pytest.mark.slow
def test_e12_the_coins_of_a_repaired_trial_are_those_that_were_sealed(tmp_path: Path) -> None:
    path = told_session(tmp_path)
    lines = read_recording(path).lines
    place = next(n for n, line in enumerate(lines) if line.kind == "packet" and line.t > 200_000_000)
    found = verify(repair(spoiled(path, place)))
    assert found.first_difference is None


def test_c4_the_copy_is_whose_the_recording_was_moved_to(tmp_path: Path, logs: Logs) -> None:
    path = spoiled(logs.written(tmp_path, EVENTS), 4)
    assert logs.read(repair(path, logs.keys, subject="P-002")).head["subject"] == "P-002"
    assert logs.read(path).head.get("subject") != "P-002"
