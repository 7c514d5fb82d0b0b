"""The pacer as a function of time (METHOD 2.1, RULINGS E4 and G)."""

from __future__ import annotations

from itertools import pairwise
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.breathing.pacer import (
    Position,
    Schedule,
    Stretch,
    breaths_for,
    breaths_within,
    next_exhale_us,
    next_inhale_us,
    position,
    ramp,
    ramp_rates,
)

SECOND = 1_000_000
SCAN_US = 5_000
"""Step of the brute-force scan."""


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Stretches of whole breaths, now and then cut off by a pause without a pacer."""
    at, stretches = draw(st.integers(0, 10**8)), list[Stretch]()
    for _ in range(draw(st.integers(1, 4))):
        inhale = draw(st.sampled_from((0.3, 0.4, 0.45, 0.6)))
        stretches.append(Stretch(at, draw(st.sampled_from((3.5, 4.5, 5.4, 6.0, 7.0, 12.0))), inhale))
        at = stretches[-1].breath_start_us(draw(st.integers(1, 3)))
        if draw(st.booleans()):
            at -= draw(st.integers(1, 3 * SECOND))
            stretches.append(Stretch(at, None, inhale))
            at += draw(st.integers(1, 20 * SECOND))
    return tuple(stretches)


def scan(schedule: Schedule, from_us: int, *, exhale: bool) -> int:
    """The first step at which the breath turns, found by looking at `position` again and again."""
    t = from_us
    before = position(schedule, t - 1)
    while True:
        here = position(schedule, t)
        if here is None:
            return t
        turned = before is None or before.inhaling != here.inhaling or (not exhale and here.phase < before.phase)
        if turned and here.inhaling is not exhale:
            return t
        before, t = here, t + SCAN_US


@given(schedules(), st.integers(0, 60 * SECOND))
def test_next_exhale_agrees_with_a_scan_of_position(schedule: Schedule, later: int) -> None:
    t = schedule[0].start_us + 1 + later
    assert 0 <= scan(schedule, t, exhale=True) - next_exhale_us(schedule, t) <= SCAN_US + 1


@given(schedules(), st.integers(0, 60 * SECOND))
def test_next_inhale_agrees_with_a_scan_of_position(schedule: Schedule, later: int) -> None:
    t = schedule[0].start_us + 1 + later
    assert 0 <= scan(schedule, t, exhale=False) - next_inhale_us(schedule, t) <= SCAN_US + 1


@given(schedules(), st.integers(0, 60 * SECOND))
def test_the_next_exhale_is_never_in_the_past_and_is_its_own_next(schedule: Schedule, later: int) -> None:
    t = schedule[0].start_us + later
    found = next_exhale_us(schedule, t)
    assert found >= t
    assert next_exhale_us(schedule, found) == found


def test_without_a_pacer_anything_is_next_at_once() -> None:
    assert next_exhale_us((), 5) == 5
    assert next_inhale_us((Stretch(0, None),), 5) == 5


def at(schedule: Schedule, t_us: int) -> Position:
    here = position(schedule, t_us)
    assert here is not None
    return here


def test_2_1_a_breath_in_starts_empty_fills_over_its_share_and_empties_over_the_rest() -> None:
    steady = (Stretch(0, 6.0, 0.4),)
    assert at(steady, 0) == Position(0.0, True, 0.0, 6.0)
    assert at(steady, 2 * SECOND).fullness == pytest.approx(0.5)
    assert at(steady, 4 * SECOND - 1).inhaling
    assert not at(steady, 4 * SECOND).inhaling
    assert at(steady, 4 * SECOND).fullness == pytest.approx(1.0)
    assert at(steady, 7 * SECOND).fullness == pytest.approx(0.5)
    assert at(steady, 10 * SECOND).phase == 0.0


@given(st.sampled_from((0.3, 0.4, 0.5, 0.6)), st.sampled_from((4.5, 6.0, 7.0)))
def test_inhale_share_is_the_share_of_time_spent_inhaling(inhale: float, rate: float) -> None:
    steady = (Stretch(0, rate, inhale),)
    times = range(0, round(60e6 / rate), 1000)
    assert sum(at(steady, t).inhaling for t in times) / len(times) == pytest.approx(inhale, abs=1e-3)


@pytest.mark.parametrize("to_rate", [4.5, 5.4, 6.0, 7.0])
def test_2_1_fullness_never_jumps_over_a_ramp(to_rate: float) -> None:
    """The fastest breath moves pi/2 of its chest in its shorter part, so 10 ms move it by no more than 2 %."""
    schedule = ramp(7, to_rate, 0.3)
    values = [at(schedule, t).fullness for t in range(7, schedule[-1].start_us + 30 * SECOND, 10_000)]
    assert max(abs(b - a) for a, b in pairwise(values)) <= 0.02


@pytest.mark.parametrize("to_rate", [3.5, 4.5, 5.4, 6.0, 7.0])
def test_2_1_each_stretch_of_a_ramp_is_one_breath_and_at_most_8_per_cent_longer(to_rate: float) -> None:
    schedule = ramp(123, to_rate, 0.4)
    lengths = [60 / 12.0, *(stretch.breath_us / 1e6 for stretch in schedule)]
    assert all(1.0 < b / a <= 1.08 + 1e-12 for a, b in pairwise(lengths))
    assert schedule[-1].rate == to_rate
    for stretch, following in pairwise(schedule):
        assert following.start_us == stretch.breath_start_us(1)


def test_g_the_ramp_from_12_to_6_takes_9_breaths_and_67_s() -> None:
    assert len(ramp_rates(6.0)) == 9
    assert sum(60 / rate for rate in ramp_rates(6.0)) == pytest.approx(67.4, abs=0.05)
    assert ramp(0, 6.0, 0.4)[-1].start_us == 67_432_812


def test_a_ramp_to_a_faster_pace_is_the_pace_itself() -> None:
    assert ramp(5, 12.0, 0.4) == (Stretch(5, 12.0, 0.4),)


@pytest.mark.parametrize(("pace", "n", "epoch_s"), [(4.5, 5, 93), (5.4, 6, 89), (6.0, 7, 90), (7.0, 8, 94)])
def test_e4_breaths_of_the_outcome_and_length_of_the_epoch(pace: float, n: int, epoch_s: int) -> None:
    assert breaths_within(70, pace) == n
    assert round((n + breaths_for(20, pace)) * 60 / pace) == epoch_s


@given(st.integers(35, 120), st.integers(1, 900))
def test_e4_whole_breaths_by_exact_fractions(tenths: int, seconds: int) -> None:
    pace = tenths / 10
    assert breaths_for(seconds, pace) == ceil(seconds * tenths / 600)
    assert breaths_within(seconds, pace) == floor(seconds * tenths / 600)


@pytest.mark.parametrize("rate", [4.5, 5.4, 7.0])
def test_a_thousand_breaths_do_not_drift(rate: float) -> None:
    assert abs(Stretch(11, rate).breath_start_us(1000) - 11 - 60e9 / rate) <= 0.5


def test_before_the_first_stretch_and_in_a_pause_there_is_no_breath() -> None:
    schedule = (Stretch(100, 6.0), Stretch(5 * SECOND, None))
    assert position(schedule, 99) is None
    assert position(schedule, 5 * SECOND) is None
    with pytest.raises(ValueError, match="no breath length"):
        _ = schedule[1].breath_us
