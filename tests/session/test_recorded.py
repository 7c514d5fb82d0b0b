"""`bf.read`: a recording in Python gives the numbers of the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from itertools import pairwise
from math import isclose, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import biofeedback as bf
from biofeedback.cli.main import main
from biofeedback.errors import LockedError, UnreadableError
from biofeedback.events import Beat, Epoch
from biofeedback.recording.codec import EVENT_KINDS
from biofeedback.recording.home_lock import write_home_lock
from biofeedback.recording.reader import read_recording
from biofeedback.recording.relock import relock
from biofeedback.session.engine import VERSION
from biofeedback.session.plan import demo_plan, free_plan
from biofeedback.session.recorded import BEAT
from tests.cli.programs import environment
from tests.recording.golden.make_golden import HERE
from tests.recording.logs import CODE, KEYS, PASSPHRASE, QUICK
from tests.session.sessions import SAFE_PLACE, Ran, run_session, simulated


@pytest.fixture(scope="module")
def free(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """Five minutes with ectopic beats and a strap that loses packets and links."""
    return run_session(
        tmp_path_factory.mktemp("free"), simulated("sim:ectopic?seed=3&loss_pct=2&drop_s=8"), free_plan(5)
    )


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A trial in small."""
    return run_session(tmp_path_factory.mktemp("trial"), simulated("sim:tense?seed=5"), demo_plan(SAFE_PLACE))


def said_by_analyze(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert main(["analyze", "--json", *words]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_the_beats_are_those_the_session_said(free: Ran) -> None:
    beats = bf.read(free.path).beats
    assert beats.dtype == BEAT
    live = free.of(Beat)
    assert any(not beat.ok for beat in live)
    assert sum(beat.gap_before for beat in live) > 1
    for name in ("rr_ms", "ticks", "ok", "gap_before"):
        assert beats[name].tolist() == [getattr(beat, name) for beat in live], name
    assert beats["t_s"].tolist() == [beat.t_us / 1e6 for beat in live]
    assert beats["why"].tolist() == [beat.why or "" for beat in live]
    assert (beats["ticks"] == beats["rr_ms"] * 1024).all(), "exact"


def test_the_beats_cannot_be_changed_by_mistake(free: Ran) -> None:
    recording = bf.read(free.path)
    with pytest.raises(ValueError, match="read-only"):
        recording.beats["rr_ms"][0] = 1.0
    assert recording.beats is recording.beats


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ((), {}),
        (("--from", "60", "--to", "200"), {"from_s": 60, "to_s": 200}),
        (("--window", "90"), {"window_s": 90}),
        (("--from", "30", "--to", "250", "--window", "150"), {"from_s": 30, "to_s": 250, "window_s": 150}),
        (("--no-correction",), {"correction": False}),
        (("--detrend", "smoothness-priors"), {"detrend": "smoothness-priors"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_analyze_gives_the_numbers_of_the_command(
    free: Ran, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], asked: Mapping[str, Any]
) -> None:
    told = said_by_analyze(capsys, *words, str(free.path))
    found = bf.read(free.path).analyze(**asked)
    assert json.loads(json.dumps(found.to_json())) == {
        key: value for key, value in told.items() if key not in ("file", "format", "start", "why", "decisions")
    }


def test_rmssd_of_the_beats_by_its_definition(free: Ran) -> None:
    recording = bf.read(free.path)
    beats = recording.beats
    joined = beats["ok"][1:] & beats["ok"][:-1] & ~beats["gap_before"][1:]
    assert 0 < np.count_nonzero(~joined) < 60
    rmssd = sqrt(np.mean(np.diff(beats["rr_ms"])[joined] ** 2))
    found = recording.analyze().numbers()["rmssd_ms"]
    assert found is not None
    assert isclose(found, rmssd, rel_tol=1e-12)


def test_the_parts_of_a_session_follow_one_another_and_can_be_analysed(trial: Ran) -> None:
    recording = bf.read(trial.path)
    names = [phase.name for phase in recording.phases]
    assert sorted(names) == sorted(["settle", "baseline", "washout", "image", "washout", "control", "close"])
    assert [phase.index for phase in recording.phases] == list(range(7))
    assert all(one.end_s == other.start_s for one, other in pairwise(recording.phases))
    assert recording.phases[-1].end_s == recording.duration_s
    baseline = recording.phases[1]
    found = recording.analyze(from_s=baseline.start_s, to_s=baseline.end_s)
    inside = [
        beat for beat in trial.of(Beat) if baseline.start_s <= beat.t_us / 1e6 - beat.rr_ms / 1e3 < baseline.end_s
    ]
    assert found.beats == len(inside)
    assert [phase.script for phase in recording.phases if phase.script] == [
        "safe_place" if name == "image" else "breath_only" for name in names if name in ("image", "control")
    ]


def test_epochs_and_events_are_those_of_the_session(trial: Ran) -> None:
    recording = bf.read(trial.path)
    assert list(recording.events) == trial.events
    assert list(recording.epochs) == trial.of(Epoch)
    assert {epoch.label for epoch in recording.epochs} == {"image", "control"}


def test_head_start_and_state_are_told(trial: Ran) -> None:
    recording = bf.read(str(trial.path))
    assert recording.head["subject"] == "me"
    assert (recording.start or "")[:10] == f"{trial.path.name[:4]}-{trial.path.name[4:6]}-{trial.path.name[6:8]}"
    assert (recording.finished, recording.damage, recording.path) == (True, None, trial.path)
    assert recording.duration_s == trial.events[-1].at / 1e6
    count = len(trial.of(Beat))
    assert repr(recording) == f"<Recording {recording.start} trial, 4:41 min, {count} beats, finished>"


def test_a_damaged_file_gives_what_stands_before_the_damage_and_says_so(free: Ran, tmp_path: Path) -> None:
    lines = free.path.read_bytes().splitlines(keepends=True)
    damaged = tmp_path / "damaged.session.jsonl"
    middle = len(lines) // 2
    damaged.write_bytes(b"".join([*lines[:middle], lines[middle].replace(b'"t":', b'"t":1'), *lines[middle + 1 :]]))
    recording = bf.read(damaged)
    assert recording.damage == f"line {middle + 1}: the line is not the one that was written"
    assert not recording.finished
    assert str(recording.damage) in repr(recording)
    assert recording.lines == read_recording(free.path).lines[:middle]
    whole = bf.read(free.path).beats
    assert 100 < len(recording.beats) < len(whole)
    assert recording.beats["rr_ms"].tolist() == whole["rr_ms"][: len(recording.beats)].tolist()
    assert recording.analyze().beats == len(recording.beats)


def test_lines_of_a_later_version_are_kept_as_lines(tmp_path: Path) -> None:
    recording = bf.read(HERE / f"engine_{VERSION}" / "every_kind.session.jsonl")
    (aura,) = [line for line in recording.lines if line.kind == "aura"]
    assert aura.body == {"of": "a later version", "colours": [1, 2.5, None]}
    assert len(recording.events) == sum(line.kind in EVENT_KINDS for line in recording.lines)


def test_the_log_of_a_person_is_no_recording() -> None:
    with pytest.raises(UnreadableError, match="biofeedback-person"):
        bf.read(HERE / f"engine_{VERSION}" / "person.jsonl")


def test_a_file_that_is_being_written_can_be_read(free: Ran, tmp_path: Path) -> None:
    part = tmp_path / "now.session.jsonl.part"
    part.write_bytes(free.path.read_bytes()[:100_000])
    recording = bf.read(part)
    assert not recording.finished
    assert "not finished" in repr(recording)
    assert len(recording.beats)


def test_a_recording_without_a_heartbeat_is_one(tmp_path: Path) -> None:
    lines = run_session(tmp_path, simulated("sim:calm"), free_plan(0.1)).path.read_bytes().splitlines(keepends=True)
    part = tmp_path / "empty.session.jsonl.part"
    part.write_bytes(lines[0])
    recording = bf.read(part)
    assert (len(recording.beats), recording.events, recording.epochs, recording.phases) == (0, (), (), ())
    assert recording.duration_s == 0
    assert repr(recording).endswith(" unknown, 0:00 min, 0 beats, not finished>")
    with pytest.raises(ValueError, match="holds no heartbeat"):
        recording.analyze()


@pytest.mark.parametrize(
    "asked", [{"from_s": -1}, {"to_s": float("nan")}, {"window_s": 0}, {"detrend": "cubic"}, {"from_s": 1e9}]
)
def test_what_cannot_be_asked_is_refused_in_words(free: Ran, asked: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"cannot be|can be|no beats in this stretch"):
        bf.read(free.path).analyze(**asked)


def test_other_files_are_refused_in_words(tmp_path: Path) -> None:
    text = tmp_path / "rr.txt"
    text.write_text("800\nwhat\n")
    with pytest.raises(UnreadableError, match="line 2"):
        bf.read(text)
    with pytest.raises(UnreadableError, match="There is no file"):
        bf.read(tmp_path / "missing")


def test_the_package_is_imported_in_under_50_ms_and_read_is_found_when_it_is_used(tmp_path: Path) -> None:
    look = (
        "import time; began = time.process_time(); import biofeedback as bf; spent = time.process_time() - began\n"
        "import sys; assert 'numpy' not in sys.modules; bf.read; assert 'numpy' in sys.modules\n"
        "assert not {'scipy', 'matplotlib', 'PySide6', 'cryptography', 'argon2'} & set(sys.modules); print(spent)"
    )
    words = [sys.executable, "-c", look]
    told = [subprocess.run(words, env=environment(tmp_path), check=True, capture_output=True).stdout for _ in range(3)]
    assert min(map(float, told)) < 0.05


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory, free: Ran) -> Path:
    """The free session again, encrypted."""
    copy = tmp_path_factory.mktemp("locked") / "locked.session.jsonl"
    copy.write_bytes(free.path.read_bytes())
    relock(copy, None, KEYS)
    return copy


@pytest.mark.parametrize("secret", [PASSPHRASE, CODE], ids=["passphrase", "code"])
def test_an_encrypted_recording_opens_with_its_passphrase_and_is_the_same(
    free: Ran, locked: Path, secret: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BIOFEEDBACK_HOME", str(tmp_path))
    plain, opened = bf.read(free.path), bf.read(locked, passphrase=secret)
    assert opened.events == plain.events
    assert opened.beats.tolist() == plain.beats.tolist()
    assert opened.head["subject"] == plain.head["subject"]
    assert repr(opened) == repr(plain)


@pytest.mark.parametrize(
    ("secret", "why"),
    [(None, "is encrypted"), ("another one", "does not open"), (CODE[:-2] + CODE[-1] + CODE[-2], "does not|cannot be")],
    ids=["none", "another", "a code with a mistake"],
)
def test_an_encrypted_recording_without_its_passphrase_is_refused_in_words(
    locked: Path, secret: str | None, why: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BIOFEEDBACK_HOME", str(tmp_path))
    with pytest.raises(LockedError, match=why):
        bf.read(locked, passphrase=secret)


def test_a_passphrase_that_was_changed_since_opens_older_recordings_at_home(
    free: Ran, locked: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("BIOFEEDBACK_HOME", str(tmp_path))
    write_home_lock(tmp_path, KEYS.with_passphrase("fünf Äpfel im Korb", QUICK).lock, on=True)
    count = len(bf.read(free.path).beats)
    for secret in ("fünf Äpfel im Korb", PASSPHRASE):
        assert len(bf.read(locked, passphrase=secret).beats) == count


def test_a_passphrase_for_a_recording_that_is_not_encrypted_is_not_needed(free: Ran) -> None:
    assert len(bf.read(free.path, passphrase="anything").beats) == len(bf.read(free.path).beats)
