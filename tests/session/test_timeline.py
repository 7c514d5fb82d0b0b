"""Where a session is, and the pacer that goes with it; pauses keep both (RULINGS C1, C3, E4)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.breathing.pacer import position, stretch_at
from biofeedback.hrv.beats import NEVER
from biofeedback.session.plan import Pair, free_plan, practice_plan, steps_of, trial_plan
from biofeedback.session.timeline import UNPACED, Timeline

SECOND = 1_000_000
PAIR = Pair("safe_place", "breath_only")


def trial(pace: float = 6.0) -> Timeline:
    plan = trial_plan((PAIR,) * 3, pace)
    return Timeline(plan, steps_of(plan))


def at_step(timeline: Timeline, name: str, start_us: int = 0) -> int:
    """Walk to the first step of that name; when it began."""
    at = start_us
    while timeline.next(at).name != name:
        at = timeline.deadline
    return at


@given(st.sampled_from((4.5, 5.4, 6.0, 6.7, 7.0)), st.integers(0, 10**9))
def test_e4_epochs_and_washouts_begin_at_phase_0_to_the_microsecond(pace: float, start: int) -> None:
    timeline, at = trial(pace), start
    while not timeline.finished:
        step = timeline.next(at)
        if step.name not in UNPACED and step.name != "ramp":
            here = position(timeline.schedule, at)
            assert here is not None
            assert min(here.phase, 1 - here.phase) * 60e6 / pace <= 0.5
            assert abs(timeline.ends_us - at - (step.breaths or 0) * 60e6 / pace) <= 1
        at = timeline.deadline
    assert at == timeline.schedule[-1].breath_start_us(round((at - timeline.schedule[-1].start_us) * pace / 60e6))


def test_an_unpaced_part_has_no_pacer_and_a_paced_one_has() -> None:
    timeline = trial()
    timeline.next(0)
    assert timeline.schedule == ()
    timeline.next(60 * SECOND)
    assert timeline.deadline == 60 * SECOND + 67_432_812
    first = stretch_at(timeline.schedule, 60 * SECOND)
    assert first is not None
    assert first.start_us == 60 * SECOND


def test_a_part_without_an_end_has_none_even_after_a_pause() -> None:
    timeline = Timeline(free_plan(None), steps_of(free_plan(None)))
    timeline.next(0)
    assert timeline.deadline == NEVER
    timeline.pause(5)
    timeline.resume(10)
    assert timeline.deadline == NEVER
    assert timeline.finished


@given(st.integers(0, 59 * SECOND), st.integers(0, 10**9))
def test_a_pause_in_an_unpaced_part_takes_nothing_of_it(after: int, length: int) -> None:
    timeline = trial()
    timeline.next(0)
    timeline.pause(after)
    assert timeline.deadline == NEVER
    timeline.resume(after + length)
    assert timeline.deadline == 60 * SECOND + length


@given(st.integers(0, 479 * SECOND), st.integers(1, 10**9))
def test_a_paced_part_goes_on_at_phase_0_for_whole_breaths_and_loses_none(after: int, length: int) -> None:
    plan = practice_plan("safe_place", 8)
    timeline = Timeline(plan, steps_of(plan))
    began = at_step(timeline, "practice")
    left = timeline.deadline - began - after
    timeline.pause(began + after)
    assert position(timeline.schedule, began + after) is None
    resumed = began + after + length
    timeline.resume(resumed)
    here = position(timeline.schedule, resumed)
    assert here is not None
    assert here.phase == 0.0
    assert (timeline.deadline - resumed) % 10_000_000 == 0
    assert left <= timeline.deadline - resumed < left + 10_000_000


def test_a_pause_in_the_ramp_begins_the_ramp_again_and_forgets_its_faster_breaths() -> None:
    timeline = trial()
    began = at_step(timeline, "ramp")
    timeline.pause(began + 20 * SECOND)
    assert position(timeline.schedule, began + 40 * SECOND) is None
    timeline.resume(began + 50 * SECOND)
    assert timeline.deadline == began + 50 * SECOND + 67_432_812
    assert all(a.start_us <= b.start_us for a, b in pairwise(timeline.schedule))


def test_c1_a_baseline_is_lengthened_by_whole_breaths() -> None:
    timeline = trial(5.4)
    began = at_step(timeline, "baseline")
    ended = timeline.deadline
    timeline.extend(3)
    assert timeline.deadline - ended == pytest.approx(3 * 60e6 / 5.4, abs=1)
    assert timeline.deadline - began == pytest.approx(9 * 60e6 / 5.4, abs=1)


def test_dropping_a_pair_leaves_the_others_in_order() -> None:
    timeline = trial()
    at_step(timeline, "washout")
    timeline.drop_pair(0)
    following = timeline.next(timeline.deadline)
    assert (following.name, following.pair, following.slot) == ("washout", 1, 0)


def test_finishing_now_ends_the_part_here_and_a_pause_with_it() -> None:
    timeline = trial()
    began = at_step(timeline, "image")
    timeline.pause(began + SECOND)
    timeline.finish_now(began + 2 * SECOND)
    assert timeline.deadline == began + 2 * SECOND
    assert not timeline.paused
    timeline.next(began + 2 * SECOND)
    here = position(timeline.schedule, began + 2 * SECOND)
    assert here is not None
    assert here.phase == 0.0


def test_an_unpaced_part_after_a_paced_one_stops_the_pacer() -> None:
    timeline = trial()
    began = at_step(timeline, "image")
    timeline.replace_rest((steps_of(free_plan(1))[0],))
    timeline.next(began + SECOND)
    assert position(timeline.schedule, began + SECOND - 1) is not None
    assert position(timeline.schedule, began + SECOND) is None
    assert timeline.finished
