"""What a metric needs before it says anything, and the words it says until then (RULINGS B2)."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from biofeedback.hrv.registry import METRICS
from biofeedback.hrv.summary import summarise
from biofeedback.hrv.window import Answer, BeatWindow, Estimate, NotYet
from tests.strategies import MS, beats_of, window

LEAST_S = {
    "mean_hr_bpm": 10,
    "mean_nn_ms": 10,
    "ln_hr": 10,
    "rmssd_ms": 30,
    "sdsd_ms": 30,
    "sd1_ms": 30,
    "pnn50_pct": 60,
    "sdnn_ms": 60,
    "sd2_ms": 60,
    "sqrt_stress_index": 60,
}
LIVE_BEATS = {name: 8 if least == 10 else 20 if least == 30 else 30 for name, least in LEAST_S.items()}
UNITS = {"bpm": "bpm", "ms": "ms", "pct": "%"}


def wavy(count: int, ok: int | None = None, span_s: float = 300.0) -> BeatWindow:
    """`count` intervals of which the first `ok` are good."""
    good = count if ok is None else ok
    return window([(800 + 40 * (n % 3)) * MS for n in range(count)], [n < good for n in range(count)], None, span_s)


OTHERS = {
    "vlf_ms2": 300,
    "lf_ms2": 120,
    "hf_ms2": 60,
    "total_ms2": 300,
    "lf_hf": 120,
    "peak_hz": 60,
    "sampen": 0,
    "dfa_alpha1": 120,
    "coherence_ratio": 64,
    "coherence_peak_hz": 64,
}


def test_b2_every_metric_of_the_table_is_there_with_its_least_window() -> None:
    assert {name: metric.least_s for name, metric in METRICS.items()} == {**LEAST_S, **OTHERS}


@pytest.mark.parametrize("name", LEAST_S)
def test_the_unit_is_in_the_name(name: str) -> None:
    ending = name.rpartition("_")[2]
    assert METRICS[name].unit == UNITS.get(ending, METRICS[name].unit)


@pytest.mark.parametrize("name", LEAST_S)
def test_b2_a_window_counts_as_full_from_98_per_cent(name: str) -> None:
    enough = 0.98 * LEAST_S[name]
    assert isinstance(METRICS[name].over(wavy(100, span_s=enough)), Estimate)
    assert isinstance(METRICS[name].over(wavy(100, span_s=enough - 0.001)), NotYet)
    assert isinstance(METRICS[name].live(wavy(100, span_s=58.8)), Estimate)
    assert isinstance(METRICS[name].live(wavy(100, span_s=58.799)), NotYet)


@pytest.mark.parametrize("name", ["rmssd_ms", "sdsd_ms", "sd1_ms"])
def test_b2_rmssd_sdsd_sd1_need_20_differences(name: str) -> None:
    assert METRICS[name].over(wavy(20)) == NotYet("needs 20 pairs of good beats, has 19")
    assert isinstance(METRICS[name].over(wavy(21)), Estimate)


@pytest.mark.parametrize("name", LIVE_BEATS)
def test_b2_least_beats_of_a_live_minute(name: str) -> None:
    metric, least = METRICS[name], LIVE_BEATS[name] + (METRICS[name].counts == "differences")
    assert isinstance(metric.live(wavy(least)), Estimate)
    assert isinstance(metric.live(wavy(least - 1)), NotYet)


def test_estimate_tells_its_unit_window_and_the_beats_it_used() -> None:
    held = window([800 * MS] * 100, [n > 4 for n in range(100)], None, 160.0)
    assert METRICS["mean_nn_ms"].over(held) == Estimate(800.0, "ms", 160.0, 95, 1, coverage=0.5)


def test_b1_a_value_is_withheld_only_when_more_than_half_is_flagged() -> None:
    assert isinstance(METRICS["mean_nn_ms"].over(wavy(200, ok=100)), Estimate)
    assert METRICS["mean_nn_ms"].over(wavy(200, ok=99)) == NotYet("more than half of the beats are flagged")


def test_beats_that_do_not_differ_have_no_stress_index_but_a_spread_of_zero() -> None:
    held = window([800 * MS] * 100)
    assert METRICS["sqrt_stress_index"].over(held) == NotYet("the beats do not differ")
    sdnn = METRICS["sdnn_ms"].over(held)
    assert isinstance(sdnn, Estimate)
    assert sdnn.value == 0.0


def test_beats_that_never_follow_one_another_have_no_sd2() -> None:
    held = window([(700 + n) * MS for n in range(100)], None, [False] * 100)
    assert METRICS["sd2_ms"].over(held) == NotYet("needs 2 pairs of good beats, has 0")


def readable(answer: Answer) -> None:
    """A reason reads as "needs A ..., has B" with B below A, or is one of the sentences without numbers."""
    if isinstance(answer, Estimate):
        return
    assert re.fullmatch(r"[a-z][a-zA-Z0-9 ,]*", answer.reason)
    numbers = [int(number) for number in re.findall(r"\d+", answer.reason)]
    assert not numbers or (len(numbers) == 2 and numbers[1] < numbers[0])


@given(st.sampled_from(sorted(METRICS)), st.integers(0, 70), st.integers(0, 70), st.floats(-1, 70))
@example("mean_hr_bpm", 30, 30, 9.79)
@example("rmssd_ms", 60, 60, 29.39)
def test_a_reason_never_says_that_it_has_what_it_needs(name: str, count: int, ok: int, span_s: float) -> None:
    held = wavy(count, min(ok, count), span_s)
    readable(METRICS[name].over(held))
    readable(METRICS[name].live(held))


def test_a8_summary_of_a_stretch() -> None:
    found = summarise(beats_of([800 * MS] * 90, why=dict.fromkeys(range(10, 19), "ectopic")))
    assert (found.duration_s, found.beats, found.excluded, found.gaps) == (72.0, 90, 9, 0)
    assert found.coverage == pytest.approx(1.0, rel=1e-9)
    assert found.metrics["mean_nn_ms"] == Estimate(800.0, "ms", 72.0, 81, 1, coverage=1.0)


@pytest.mark.parametrize(("flagged", "quality"), [(5, None), (6, "poor"), (20, "poor"), (21, "irregular")])
def test_b1_quality_is_poor_above_5_and_irregular_above_20_per_cent(flagged: int, quality: str | None) -> None:
    assert summarise(beats_of([800 * MS] * 100, why=dict.fromkeys(range(flagged), "misplaced"))).quality == quality
