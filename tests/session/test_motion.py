"""Movement and breath in a session: recorded, replayed to the bit, gating pairs, beginning the ramp (D1, D3)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import pi, sin
from pathlib import Path

import pytest

from biofeedback.breathing.measured import GOOD
from biofeedback.breathing.pacer import LONGER_BY
from biofeedback.events import Acc, Beat, Epoch, Event, Motion, Pacer, Packet, Phase, Verdict
from biofeedback.recording.codec import from_body, to_body
from biofeedback.recording.reader import read_recording
from biofeedback.session.plan import Plan, demo_plan, free_plan, practice_plan
from biofeedback.session.replay import refold, verify
from biofeedback.session.sources import file_source
from biofeedback.session.trials import MOVED
from devices.events import Acceleration, SourceEvent
from devices.polar_accelerometer import encode
from tests.session.sessions import SAFE_PLACE, Ran, heart, replayed, run_session, simulated, steady

CLOCK_NS = 599_616_000_000_000_000
Shaking = tuple[float, float]


def worn(seconds: float, breath_hz: float = 0.25, shaking: Shaking = (0.0, 0.0)) -> Iterator[SourceEvent]:
    """A steady heart of 66 bpm, and acceleration with a swing of 30 mg at `breath_hz`, shaken by 200 mg for a while."""
    frames: list[SourceEvent] = []
    for number in range(int(seconds * 25) // 36):
        times = [(36 * number + place) / 25 for place in range(36)]
        xyz_mg = [
            (
                0,
                -985,
                round(150 + 30 * sin(2 * pi * breath_hz * t) + (shaking[0] <= t < shaking[1]) * 200 * sin(12 * t)),
            )
            for t in times
        ]
        stamp_us = round(times[-1] * 1e6) + 40_000
        frames.append(Acceleration(stamp_us, "test", encode(CLOCK_NS + round(times[-1] * 1e9), xyz_mg), 25))
    yield from sorted([*heart(steady(66), seconds), *frames], key=lambda event: event.stamp_us)


def ran(folder: Path, plan: Plan, breath_hz: float = 0.25, shaking: Shaking = (0.0, 0.0)) -> Ran:
    return run_session(folder, replayed(worn(400, breath_hz, shaking)), plan)


def without_motion(events: list[Event]) -> list[Event]:
    return [event for event in events if not isinstance(event, Acc | Motion)]


def test_d3_acceleration_is_recorded_as_an_input_and_told_about_every_two_seconds(tmp_path: Path) -> None:
    found = ran(tmp_path, free_plan(3))
    motions = found.of(Motion)
    assert len(found.of(Acc)) == pytest.approx(180 / 1.44, abs=2)
    assert len(motions) == pytest.approx(90, abs=2)
    assert {after.t_us - before.t_us for before, after in pairwise(motions)} == {2_000_000}
    assert all(0 <= motion.at - motion.t_us <= 1_500_000 for motion in motions)
    late = [motion for motion in motions if motion.t_us > 45e6]
    assert {motion.moving for motion in motions} == {False}
    assert all(motion.breaths_per_min == pytest.approx(15, abs=0.1) for motion in late)
    assert all(motion.breath_quality > GOOD for motion in late)


def test_live_is_replay_to_the_bit(tmp_path: Path) -> None:
    found = ran(tmp_path, demo_plan(SAFE_PLACE), shaking=(100, 110))
    checked = verify(found.path)
    assert (checked.exact, checked.differences, checked.finished) == (True, 0, True)
    again = list(refold(read_recording(found.path)))
    assert [event for event in again if isinstance(event, Motion)] == found.of(Motion)
    assert found.of(Motion)


def test_an_acc_line_comes_back_as_it_was(tmp_path: Path) -> None:
    for acc in ran(tmp_path, free_plan(0.5)).of(Acc):
        body = to_body(acc)
        assert list(body) == ["dev", "rx", "dev_ns", "fs", "xyz_mg", "problems"]
        assert from_body("acc", acc.at, body) == acc


def test_a_recording_as_a_source_gives_the_same_motion_again(tmp_path: Path) -> None:
    first = ran(tmp_path, free_plan(2), shaking=(60, 70))
    second = run_session(tmp_path, file_source(first.path), free_plan(1.9))
    known = first.of(Motion)
    assert second.of(Motion) == known[: len(second.of(Motion))]
    assert len(second.of(Motion)) > 50


@pytest.mark.parametrize("keys", ["acc=1", "move_pct=100"])
def test_the_heart_is_read_as_without_an_accelerometer(tmp_path: Path, keys: str) -> None:
    plain = run_session(tmp_path, simulated("sim:calm?seed=5"), free_plan(4))
    other = run_session(tmp_path, simulated(f"sim:calm?seed=5&{keys}"), free_plan(4))
    assert other.of(Motion)
    assert without_motion(other.events)[1:] == without_motion(plain.events)[1:], "all but the source's name in `open`"
    assert [beat.t_us for beat in other.of(Beat)] == [beat.t_us for beat in plain.of(Beat)]
    assert len(other.of(Packet)) == len(plain.of(Packet))


def epoch_times(events: Ran) -> list[tuple[str, int, int]]:
    begun = {phase.index: phase.at for phase in events.of(Phase) if phase.on}
    return [
        (phase.name, begun[phase.index], phase.at)
        for phase in events.of(Phase)
        if not phase.on and phase.name in ("image", "control", "washout", "baseline")
    ]


@pytest.mark.parametrize("which", [0, 1])
def test_d3_movement_in_either_epoch_drops_the_pair(tmp_path: Path, which: int) -> None:
    plan = demo_plan(SAFE_PLACE)
    plain = ran(tmp_path, plan)
    assert [epoch.kept for epoch in plain.of(Epoch)] == [True, True]
    epochs = [(since, until) for name, since, until in epoch_times(plain) if name in ("image", "control")]
    since, _ = epochs[which]
    moved = ran(tmp_path, plan, shaking=(since / 1e6 + 20, since / 1e6 + 26))
    told = moved.of(Epoch)[which]
    assert (told.kept, told.why, told.interrupted) == (False, MOVED, True)
    assert told.y == plain.of(Epoch)[which].y, "the level is told nonetheless"
    assert moved.of(Verdict)[0].this_session == (None,)
    assert "could be used" in moved.of(Verdict)[0].words


def test_movement_in_the_last_second_of_an_epoch_counts_though_it_is_told_later(tmp_path: Path) -> None:
    plan = demo_plan(SAFE_PLACE)
    *_, (_, _, until) = (each for each in epoch_times(ran(tmp_path, plan)) if each[0] in ("image", "control"))
    moved = ran(tmp_path, plan, shaking=(until / 1e6 - 1.5, until / 1e6 + 4))
    assert [epoch.why for epoch in moved.of(Epoch)] == [None, MOVED]


def test_movement_between_epochs_drops_nothing(tmp_path: Path) -> None:
    plan = demo_plan(SAFE_PLACE)
    washouts = [(since, until) for name, since, until in epoch_times(ran(tmp_path, plan)) if name == "washout"]
    since, _ = washouts[1]
    moved = ran(tmp_path, plan, shaking=(since / 1e6 + 8, since / 1e6 + 15))
    assert any(motion.moving for motion in moved.of(Motion))
    assert [epoch.kept for epoch in moved.of(Epoch)] == [True, True]


def first_pace(found: Ran) -> float:
    rate = found.of(Pacer)[0].rate
    assert rate is not None
    return rate


@pytest.mark.parametrize(("breath_hz", "from_rate"), [(0.25, 15.0), (10 / 60, 10.0), (0.5, 20.0), (5 / 60, 8.0)])
def test_d1_the_ramp_begins_at_the_measured_rate(tmp_path: Path, breath_hz: float, from_rate: float) -> None:
    found = ran(tmp_path, practice_plan("safe_place", 1), breath_hz)
    assert first_pace(found) == pytest.approx(from_rate / LONGER_BY, rel=0.01)
    rates = [pacer.rate for pacer in found.of(Pacer) if pacer.rate]
    assert all(after >= before / LONGER_BY - 1e-9 for before, after in pairwise(rates))
    ramp = next(phase for phase in found.of(Phase) if phase.name == "ramp" and phase.on)
    ended = next(phase for phase in found.of(Phase) if phase.name == "ramp" and not phase.on)
    assert ramp.plan_s == pytest.approx((ended.at - ramp.at) / 1e6)
    assert verify(found.path).exact


@pytest.mark.parametrize("shaking", [(30.0, 70.0), (0.0, 0.0)])
def test_d1_without_a_rate_that_can_be_trusted_it_begins_at_12(tmp_path: Path, shaking: Shaking) -> None:
    breath_hz = 0.25 if shaking[1] else 0.0
    assert first_pace(ran(tmp_path, practice_plan("safe_place", 1), breath_hz, shaking)) == pytest.approx(
        12 / LONGER_BY
    )


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_a_simulated_person_who_moves_is_seen_to_move_then_and_only_then(tmp_path: Path, seed: int) -> None:
    from devices.notifications import Truth
    from devices.people import person_named
    from devices.simulated import SimulatedStrap

    truth = Truth()
    person, seed = person_named("calm", {"move_pct": "60", "seed": str(seed)})
    found = run_session(tmp_path, SimulatedStrap(person, seed=seed, truth=truth), free_plan(15))
    over_us = found.events[-1].at - 20_000_000
    spells = [(since, until) for since, until in truth.movements if until < over_us]
    seen = [motion.t_us for motion in found.of(Motion) if motion.moving]
    assert spells
    for since, until in spells:
        assert any(since + 2_000_000 <= t_us <= until + 4_000_000 for t_us in seen)
    for t_us in seen:
        assert any(since <= t_us <= until + 4_500_000 for since, until in truth.movements)
