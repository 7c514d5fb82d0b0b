"""The soak in short: half an hour with a lost link loses nothing and leaves nothing behind (R5; benchmarks/soak.py)."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.soak import INFO, Sample, slope_kb_per_h, soak, write_session
from biofeedback.recording.reader import read_recording
from biofeedback.session.clock import JumpingClock
from biofeedback.session.replay import verify


@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="memory and descriptors are read from /proc")
def test_r5_half_an_hour_loses_no_beat_outside_its_gap_and_keeps_no_descriptor_or_thread(tmp_path: Path) -> None:
    watch = soak(JumpingClock(), 30, tmp_path, 60, None)
    assert watch.ticks.hexdigest() == watch.fake.ticks.hexdigest()
    assert watch.beats == watch.fake.beats
    assert watch.gaps == {"link": 1}
    first, last = watch.samples[1], watch.samples[-1]
    assert (last.descriptors, last.threads) == (first.descriptors, first.threads)
    (path,) = tmp_path.iterdir()
    recording = read_recording(path)
    stored = [tick for line in recording.lines if line.kind == "packet" for tick in line.body["ticks"]]
    assert len(stored) == watch.fake.beats
    assert verify(path).exact


def test_the_slope_is_that_of_a_line() -> None:
    samples = [Sample(60.0 * n, 1000 + 3 * n, 5, 2) for n in range(300)]
    assert slope_kb_per_h(samples) == pytest.approx(180)


@pytest.mark.slow
def test_r6_a_session_of_the_thirty_days_is_a_whole_recording(tmp_path: Path) -> None:
    write_session(tmp_path, 1, lambda second: 900 + second % 100)
    (path,) = (tmp_path / "sessions").iterdir()
    recording = read_recording(path)
    assert (recording.damage, recording.finished) == (None, True)
    assert [line.kind for line in recording.lines].count("packet") == 3599
    assert INFO.kind == "strap"
