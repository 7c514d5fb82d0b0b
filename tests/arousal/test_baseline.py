"""The paced baseline, its slope, and the live level beside it (METHOD 1.3.5, 1.4)."""

from __future__ import annotations

from math import exp, log
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.arousal.baseline import paced_baseline, slope_bpm_per_min
from biofeedback.arousal.live import NO_WINDOW, LiveLevel
from biofeedback.events import ArtefactName, Arousal
from biofeedback.hrv.beats import TimedBeat
from tests.strategies import MS, beats_at, beats_of, even, parted

TEN_S = 10_000_000.0
levels = st.lists(st.floats(40, 150), min_size=10, max_size=60)


@given(levels)
def test_1_3_5_baseline_is_the_median_and_the_scaled_mad_of_ln_levels(bpm: list[float]) -> None:
    logs = np.log(bpm)
    centre = float(np.median(logs))
    found = paced_baseline(bpm)
    assert found is not None
    assert found.centre == pytest.approx(centre, abs=1e-12)
    assert found.spread == pytest.approx(max(0.015, 1.4826 * float(np.median(abs(logs - centre)))), abs=1e-12)
    assert found.bpm == pytest.approx(exp(centre))
    assert found.delta_bpm(found.bpm + 3) == pytest.approx(3)
    assert found.z(exp(found.centre + 2 * found.spread)) == pytest.approx(2)


def test_a_steady_heart_has_a_spread_of_0_015_and_not_of_zero() -> None:
    found = paced_baseline([66.0] * 20)
    assert found is not None
    assert found.spread == 0.015


def test_under_ten_levels_there_is_no_baseline() -> None:
    assert paced_baseline([66.0] * 9) is None
    assert paced_baseline([66.0] * 10) is not None


@given(st.floats(-20, 20), st.floats(50, 100), st.integers(3, 80))
def test_1_4_slope_of_a_line_is_found_in_bpm_a_minute(slope: float, start: float, count: int) -> None:
    times = [n * 900_000 for n in range(count)]
    assert slope_bpm_per_min(times, [start + slope * t / 60e6 for t in times]) == pytest.approx(slope, abs=1e-8)


def test_slope_equals_least_squares() -> None:
    chance = Random(1)
    times = sorted(chance.sample(range(60_000_000), 50))
    bpm = [66 + chance.gauss(0, 2) for _ in times]
    assert slope_bpm_per_min(times, bpm) == pytest.approx(60e6 * float(np.polyfit(times, bpm, 1)[0]), rel=1e-6)


def test_a_slope_needs_three_levels_at_different_times() -> None:
    assert slope_bpm_per_min([0, 1], [60.0, 61.0]) is None
    assert slope_bpm_per_min([5, 5, 5], [60.0, 61.0, 62.0]) is None


def follow(level: LiveLevel, beats: list[TimedBeat], breath_us: float | None = TEN_S) -> list[Arousal]:
    return [level.at_beat(beat.t_us, beats, beat, breath_us) for beat in beats]


def test_the_live_level_is_counted_over_the_last_breath_and_over_30_s_without_a_pacer() -> None:
    beats = beats_of(even(1000, 30) + even(750, 80))
    paced, free = follow(LiveLevel(), beats), follow(LiveLevel(), beats, None)
    assert paced[49].bpm == pytest.approx(80.0)
    assert free[49].bpm == pytest.approx(60 * (20 + 15) / 30)
    assert [found.withheld for found in paced[:9]] == [NO_WINDOW] * 9
    assert paced[9].bpm == pytest.approx(60.0)
    assert free[28].withheld == NO_WINDOW
    assert free[29].bpm == pytest.approx(60.0)


def test_1_4_above_10_per_cent_flagged_in_30_s_the_level_is_blank() -> None:
    why: dict[int, ArtefactName] = {40: "ectopic", 42: "ectopic", 44: "ectopic", 46: "ectopic"}
    beats = beats_of(even(1000, 90), why=why)
    found = follow(LiveLevel(), beats)
    blank = [number for number, one in enumerate(found) if number > 30 and one.bpm is None]
    assert blank == list(range(46, 75)), "until 5 s after the fourth one has left"
    assert all(found[number].withheld for number in blank)


def test_a_level_near_the_limit_is_withheld_once_and_does_not_flicker() -> None:
    """Three or four flagged beats in 30 s by turns, as one leaves and the next one comes."""
    why: dict[int, ArtefactName] = {20 + 8 * number + number % 2: "ectopic" for number in range(20)}
    beats = beats_of(even(1000, 200), why=why)
    level, turns = LiveLevel(), 0
    for beat in beats[30:]:
        before = level.doubtful
        level.at_beat(beat.t_us, beats, beat, TEN_S)
        turns += (before is None) != (level.doubtful is None)
    assert turns == 2


def test_one_flagged_beat_among_the_first_few_is_no_lost_signal() -> None:
    level = LiveLevel()
    beats = beats_of(even(1000, 30), why={0: "ectopic"})
    for beat in beats:
        level.at_beat(beat.t_us, beats, beat, TEN_S)
        assert level.doubtful is None


def test_1_4_a_level_never_crosses_a_gap_over_3_s_and_one_lost_packet_does_not_hide_it() -> None:
    beats = beats_at([1_000_000 * n + n % 2 for n in range(1, 61)], 0)
    long, short = (follow(LiveLevel(), parted(beats, 30, hole_us)) for hole_us in (3_100_000, 2_900_000))
    assert [n for n, one in enumerate(long) if one.bpm is None] == [*range(9), *range(30, 39)]
    assert [n for n, one in enumerate(short) if one.bpm is None] == [*range(9)]
    assert [one.bpm for one in short[9:]] == pytest.approx([60.0] * 51, rel=1e-5)


def baseline_of(beats: list[TimedBeat], from_us: int, until_us: int) -> LiveLevel:
    level = LiveLevel()
    for beat in beats:
        if beat.t_us >= from_us > beat.opening_us:
            level.begin_baseline(from_us)
        if beat.t_us > until_us:
            break
        level.at_beat(beat.t_us, beats, beat, TEN_S)
    return level


def test_1_3_5_only_levels_whose_whole_window_lies_in_the_baseline_count() -> None:
    """At 60 bpm until 20 s and 80 after: a level that reaches back would pull the baseline down."""
    level = baseline_of(beats_of(even(1000, 20) + even(750, 200)), 20_000_000, 80_000_000)
    level.end_baseline(usable=True)
    assert level.baseline is not None
    assert level.baseline.bpm == pytest.approx(80.0)
    assert level.baseline.spread == 0.015


def test_1_4_slope_of_the_last_minute_of_the_baseline() -> None:
    rr_s, t = list[float](), 0.0
    while t < 130:
        rr_s.append(60 / (60 + 6 * t / 60))
        t += rr_s[-1]
    level = baseline_of(beats_of([round(rr * 1000 * MS) for rr in rr_s]), 1_000_000, 120_000_000)
    assert level.baseline_slope() == pytest.approx(6.0, abs=0.1)


def test_a_heart_that_did_not_settle_has_no_baseline() -> None:
    level = baseline_of(beats_of(even(800, 200)), 10_000_000, 80_000_000)
    level.end_baseline(usable=False)
    assert level.baseline is None
    assert level.at_beat(0, beats_of(even(800, 40)), beats_of(even(800, 40))[-1], TEN_S).delta_bpm is None


def test_1_3_5_distance_is_shown_in_bpm_and_in_spreads() -> None:
    level = baseline_of(beats_of(even(800, 200)), 10_000_000, 80_000_000)
    level.end_baseline(usable=True)
    beats = beats_of(even(750, 40))
    found = level.at_beat(0, beats, beats[-1], TEN_S)
    assert found.delta_bpm == pytest.approx(5.0)
    assert found.z == pytest.approx(log(80 / 75) / 0.015)
