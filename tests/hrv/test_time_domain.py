"""Time-domain metrics against an oracle in extended precision, closed forms and invariances (HRV 2)."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import exp, log, sqrt
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given

from biofeedback.hrv import time_domain as td
from biofeedback.hrv.window import BeatWindow
from tests.strategies import MS, window, windows

Longs: TypeAlias = npt.NDArray[np.longdouble]
Metric: TypeAlias = Callable[[BeatWindow], float | None]

ON_DIFFERENCES: tuple[Metric, ...] = (td.rmssd_ms, td.sdsd_ms, td.sd1_ms, td.pnn50_pct)
SPREADS: tuple[Metric, ...] = (td.sdnn_ms, td.sd2_ms, *ON_DIFFERENCES)


def split(held: BeatWindow) -> tuple[Longs, Longs]:
    """NN and the gap-aware differences in ms, extended precision."""
    rr: Longs = np.array(held.ticks, np.longdouble) / 1024
    ok = np.array(held.ok, bool)
    joined = np.array(held.joined, bool)
    adjacent = joined[1:] & ok[1:] & ok[:-1]
    return rr[ok], np.diff(rr)[adjacent]


def sd(values: Longs) -> float | None:
    return float(np.sqrt(((values - values.mean()) ** 2).sum() / (len(values) - 1))) if len(values) > 1 else None


def same(found: float | None, expected: float | None) -> bool:
    if found is None or expected is None:
        return found is expected
    return found == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(windows())
def test_a7_time_domain_equals_an_extended_precision_oracle_to_1e9(held: BeatWindow) -> None:
    nn, d = split(held)
    of_d = sd(d)
    assert same(td.mean_nn_ms(held), float(nn.mean()) if len(nn) else None)
    assert same(td.mean_hr_bpm(held), float(60_000 / nn.mean()) if len(nn) else None)
    assert same(td.sdnn_ms(held), sd(nn))
    assert same(td.rmssd_ms(held), float(np.sqrt((d * d).mean())) if len(d) else None)
    assert same(td.sdsd_ms(held), of_d)
    assert same(td.sd1_ms(held), None if of_d is None else of_d / sqrt(2))
    assert same(td.pnn50_pct(held), float(100 * (abs(d) > 50).sum() / len(d)) if len(d) else None)


@given(windows())
def test_2_sd2_is_root_of_2_var_nn_less_half_var_d(held: BeatWindow) -> None:
    nn, d = split(held)
    of_nn, of_d = sd(nn), sd(d)
    found = td.sd2_ms(held)
    if of_nn is None or of_d is None:
        assert found is None
        return
    assert found is not None
    # The difference of two variances can cancel, so the error is measured against what is subtracted.
    assert found**2 == pytest.approx(max(0.0, 2 * of_nn**2 - of_d**2 / 2), rel=1e-9, abs=1e-9 * of_nn**2)


@given(windows())
def test_b2_sqrt_stress_index_by_bins_at_multiples_of_50_ms(held: BeatWindow) -> None:
    nn = sorted(Fraction(t, 1024) for t, ok in zip(held.ticks, held.ok, strict=True) if ok)
    found = td.sqrt_stress_index(held)
    if not nn or nn[0] == nn[-1]:
        assert found is None
        return
    bins = [int(rr // 50) for rr in nn]
    fullest_pct = Fraction(100 * max(bins.count(number) for number in bins), len(nn))
    median_s = (nn[len(nn) // 2] + nn[(len(nn) - 1) // 2]) / 2000
    assert found == pytest.approx(sqrt(fullest_pct / (2 * median_s * (nn[-1] - nn[0]) / 1000)), rel=1e-9)


@given(windows(), windows(most=1))
def test_differences_never_cross_a_gap_or_a_flagged_interval(held: BeatWindow, other: BeatWindow) -> None:
    """Two windows laid end to end with a gap between have the differences of both and no other."""
    both = window(held.ticks + other.ticks, held.ok + other.ok, held.joined + other.joined)
    assert both.differences.tolist() == [*held.differences.tolist(), *other.differences.tolist()]
    assert len(held.differences) <= sum(held.joined)


@given(windows())
def test_spreads_do_not_see_a_constant_added(held: BeatWindow) -> None:
    moved = window([t + 77 * MS for t in held.ticks], held.ok, held.joined)
    assert [metric(moved) for metric in SPREADS] == [metric(held) for metric in SPREADS]


@given(windows())
def test_metrics_scale_with_the_intervals(held: BeatWindow) -> None:
    tripled = window([3 * t for t in held.ticks], held.ok, held.joined)
    for metric in (td.sdnn_ms, td.rmssd_ms, td.sdsd_ms, td.sd1_ms, td.mean_nn_ms):
        was, now = metric(held), metric(tripled)
        assert same(now, None if was is None else 3 * was)
    slow, fast = td.mean_hr_bpm(tripled), td.mean_hr_bpm(held)
    assert same(slow, None if fast is None else fast / 3)


@given(windows())
def test_metrics_do_not_know_the_direction_of_time(held: BeatWindow) -> None:
    backwards = window(held.ticks[::-1], held.ok[::-1], (False, *held.joined[:0:-1]))
    for metric in (*SPREADS, td.mean_nn_ms, td.mean_hr_bpm, td.sqrt_stress_index):
        assert metric(backwards) == metric(held)
    assert same(td.ln_hr(backwards), td.ln_hr(held))


def test_closed_form_of_two_alternating_intervals() -> None:
    held = window([800 * MS, 860 * MS] * 50)
    assert td.rmssd_ms(held) == 60.0
    assert td.pnn50_pct(held) == 100.0
    assert td.sdnn_ms(held) == pytest.approx(30 * sqrt(100 / 99), rel=1e-12)
    assert td.mean_nn_ms(held) == 830.0
    assert td.mean_hr_bpm(held) == pytest.approx(60_000 / 830, rel=1e-15)


def test_closed_form_of_a_straight_line() -> None:
    count, step = 101, 3
    held = window([(700 + step * number) * MS for number in range(count)])
    assert td.rmssd_ms(held) == step
    assert td.sdsd_ms(held) == 0.0
    assert td.sd1_ms(held) == 0.0
    spread = step * sqrt(count * (count + 1) / 12)
    assert td.sdnn_ms(held) == pytest.approx(spread, rel=1e-12)
    assert td.sd2_ms(held) == pytest.approx(sqrt(2) * spread, rel=1e-12)


def test_2_pnn50_is_strictly_over_50_ms_and_per_difference() -> None:
    held = window([800 * MS, 850 * MS, 900 * MS + 1, 900 * MS])
    assert td.pnn50_pct(held) == pytest.approx(100 / 3)


def test_2_sdsd_is_the_sd_of_d_and_not_of_its_size() -> None:
    """heartpy takes |d|: for d = +60, -60, ... that would be 0."""
    found = td.sdsd_ms(window([800 * MS, 860 * MS] * 20 + [800 * MS]))
    assert found == pytest.approx(60 * sqrt(40 / 39), rel=1e-12)


def test_2_mean_hr_is_over_the_mean_interval_and_not_the_mean_of_rates() -> None:
    assert td.mean_hr_bpm(window([500 * MS, 1500 * MS])) == 60.0


def test_sqrt_stress_index_by_hand() -> None:
    # bins: 800 -> 2, 850 -> 1, 900 -> 1; AMo 50 %, Mo 0.82, MxDMn 0.1
    held = window([800 * MS, 810 * MS, 850 * MS, 900 * MS])
    assert td.sqrt_stress_index(held) == pytest.approx(sqrt(50 / (2 * 0.83 * 0.1)), rel=1e-12)


@given(windows())
def test_1_3_3_ln_hr_without_flags_is_the_log_of_beats_over_time(held: BeatWindow) -> None:
    clean = window(held.ticks, None, held.joined)
    bpm = td.mean_hr_bpm(clean)
    assert bpm is not None
    assert td.ln_hr(clean) == pytest.approx(log(bpm), rel=1e-12)


def test_b4_a_flagged_interval_counts_as_its_length_times_the_rate_of_its_neighbours() -> None:
    held = window([800 * MS, 1600 * MS, 800 * MS], [True, False, True])
    found = td.ln_hr(held)
    assert found is not None
    assert exp(found) == pytest.approx(75.0, rel=1e-12)


def test_b4_the_rate_between_is_linear_in_mid_beat_time() -> None:
    """Middles at 400, 1100, 2000 ms: the flagged one lies 700/1600 of the way from 1/800 to 1/1200."""
    held = window([800 * MS, 600 * MS, 1200 * MS], [True, False, True])
    rate = Fraction(9, 16) / 800 + Fraction(7, 16) / 1200
    beats = 2 + 600 * rate
    found = td.ln_hr(held)
    assert found is not None
    assert exp(found) == pytest.approx(float(60_000 * beats / 2600), rel=1e-12)


def test_b4_the_rate_is_constant_at_the_ends_of_a_stretch_and_never_crosses_a_gap() -> None:
    ticks, ok, joined = (500, 1000, 400, 600), (False, True, False, True), (False, True, False, True)
    rates = td.interpolated_rates(ticks, ok, joined)
    assert rates == [1 / 1000, 1 / 1000, 1 / 600, 1 / 600]


def test_b4_a_stretch_without_a_good_beat_takes_the_mean_rate_of_the_window() -> None:
    rates = td.interpolated_rates((500, 700, 1000, 900), (True, True, False, False), (False, True, False, True))
    assert rates[2:] == [2 / 1200, 2 / 1200]


def test_metrics_without_a_good_beat_are_none() -> None:
    held = window([800 * MS, 900 * MS], [False, False])
    for metric in (*SPREADS, td.mean_nn_ms, td.mean_hr_bpm, td.sqrt_stress_index, td.ln_hr):
        assert metric(held) is None
        assert metric(window([])) is None


def test_ln_hr_of_a_day_with_one_flag_in_twenty_is_done_in_linear_time() -> None:
    """Looking through all good beats for each flagged one takes a minute here; the suite's limit is 20 s."""
    count = 300_000
    held = window([(800 + number % 7) * MS for number in range(count)], [number % 20 != 3 for number in range(count)])
    found = td.ln_hr(held)
    assert found is not None
    assert exp(found) == pytest.approx(60_000 / 803, rel=1e-4)
