"""heartpy as a second opinion on our time-domain metrics, where the two mean the same, and where they do not (HRV 1-3).

Equal by definition: mean rate, mean interval, RMSSD, pNN50 (theirs a share, ours per cent). The rest differs, and by
how much is known exactly: their SDNN, SD1 and SD2 divide by N, ours by N - 1; their SD2 is taken of the pairs of
neighbours, ours of all intervals; their SDSD is the spread of |d|, not of d. Nothing of heartpy's HRV is used in the
program.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from itertools import pairwise
from math import fsum, pi, sin, sqrt
from random import Random
from statistics import pvariance
from typing import Any, Final, TypeAlias

import pytest

import biofeedback as bf
from biofeedback.hrv.window import Estimate
from tests.real import needs_data, plain_ms

Series: TypeAlias = tuple[float, ...]

ROUNDING: Final = 1e-12
"""Both work in floats of 16 digits, on intervals in whole milliseconds; this leaves room for sums of some hundreds."""
H10: Final = ("resting_2026-04-24", "resting_2026-04-25", "resting_2026-04-28", "orthostatic_2026-05-17")


def made(seed: int) -> Series:
    """A breathing heart: whole milliseconds, so that our ticks hold them exactly."""
    random = Random(seed)
    mean, swing, beats = random.uniform(600, 1200), random.uniform(5, 80), random.randint(150, 400)
    drift = random.uniform(-0.2, 0.2)
    return tuple(
        float(round(mean + drift * k + swing * sin(2 * pi * k / 5.3) + random.gauss(0, 15))) for k in range(beats)
    )


def real(name: str) -> Series:
    return plain_ms("rr_rest_rhenan/rest_rri.txt")[:284] if name == "rest" else plain_ms(f"rr_h10_cardiolab/{name}.txt")


def theirs(rr_ms: Series) -> dict[str, float]:
    """heartpy's measures; its dictionaries are given anew, for its own are kept from call to call."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        process_rr: Callable[..., Any] = importlib.import_module("heartpy").process_rr
        _, measures = process_rr(list(rr_ms), clean_rr=False, calc_freq=False, measures={}, working_data={})
    return {name: float(value) for name, value in measures.items()}


def ours(rr_ms: Series) -> dict[str, float]:
    answers = bf.analyze(rr_ms, correction=False).metrics.items()
    return {name: answer.value for name, answer in answers if isinstance(answer, Estimate)}


def differences(rr_ms: Series) -> list[float]:
    return [late - early for early, late in pairwise(rr_ms)]


def check_equal(rr_ms: Series) -> None:
    they, we = theirs(rr_ms), ours(rr_ms)
    assert they["bpm"] == pytest.approx(we["mean_hr_bpm"], rel=ROUNDING)
    assert they["ibi"] == pytest.approx(we["mean_nn_ms"], rel=ROUNDING)
    assert they["rmssd"] == pytest.approx(we["rmssd_ms"], rel=ROUNDING)
    assert 100 * they["pnn50"] == pytest.approx(we["pnn50_pct"], rel=ROUNDING)


def check_deviations(rr_ms: Series) -> None:
    they, we = theirs(rr_ms), ours(rr_ms)
    n, d = len(rr_ms), differences(rr_ms)
    assert they["sdnn"] == pytest.approx(we["sdnn_ms"] * sqrt((n - 1) / n), rel=ROUNDING)
    assert they["sd1"] == pytest.approx(we["sd1_ms"] * sqrt((n - 2) / (n - 1)), rel=ROUNDING)
    pairs = pvariance(rr_ms[:-1]) + pvariance(rr_ms[1:]) - they["sd1"] ** 2
    assert they["sd2"] == pytest.approx(sqrt(pairs), rel=ROUNDING)
    whole = 2 * n / (n - 1) * pvariance(rr_ms) - we["sd1_ms"] ** 2
    assert we["sd2_ms"] == pytest.approx(sqrt(whole), rel=ROUNDING)
    mean_step, mean_size = (rr_ms[-1] - rr_ms[0]) / len(d), fsum(abs(step) for step in d) / len(d)
    of_size = we["sdsd_ms"] ** 2 * (n - 2) / (n - 1) + mean_step**2 - mean_size**2
    assert they["sdsd"] == pytest.approx(sqrt(of_size), rel=ROUNDING * 100)  # a difference of two like squares


@pytest.mark.parametrize("seed", range(8))
def test_where_the_definitions_are_one_heartpy_agrees_on_made_series(seed: int) -> None:
    check_equal(made(seed))


@pytest.mark.parametrize("seed", range(8))
def test_where_they_differ_heartpy_is_off_by_what_the_formulas_say(seed: int) -> None:
    check_deviations(made(seed))


@needs_data
@pytest.mark.parametrize("name", ["rest", *H10])
def test_heartpy_agrees_and_differs_alike_on_real_series(name: str) -> None:
    check_equal(real(name))
    check_deviations(real(name))


def test_the_spread_of_absolute_differences_is_0_6_of_that_of_differences() -> None:
    """Of normal differences by sqrt(1 - 2/pi) = 0.603: why SDSD is never taken from heartpy."""
    random = Random(1)
    rr_ms = tuple(float(round(1000 + random.gauss(0, 40))) for _ in range(1000))
    ratio = theirs(rr_ms)["sdsd"] / ours(rr_ms)["sdsd_ms"]
    assert ratio == pytest.approx(sqrt(1 - 2 / pi), abs=4 * 0.6 / sqrt(1000))


def test_sd2_of_pairs_and_of_all_intervals_part_only_by_the_ends() -> None:
    rr_ms = made(3)
    ends = max(abs(value - sum(rr_ms) / len(rr_ms)) for value in rr_ms) ** 2
    assert abs(theirs(rr_ms)["sd2"] ** 2 - ours(rr_ms)["sd2_ms"] ** 2) <= 6 * ends / len(rr_ms)


def test_the_trap_is_still_there_two_calls_without_dictionaries_share_one_answer() -> None:
    """If this fails, heartpy has mended it: the adapter may then leave the dictionaries out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        process_rr: Callable[..., Any] = importlib.import_module("heartpy").process_rr
        first, second = (process_rr(list(made(seed)))[1] for seed in (1, 2))
    assert first is second
