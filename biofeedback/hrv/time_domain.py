"""Time-domain metrics by the Task Force 1996 definitions (Circulation 93:1043), exact on integer ticks.

Differences are taken only between adjacent accepted intervals; SDs have ddof 1. Each function returns its value in
the unit of its name, or None when a spread has nothing to be taken of.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterable
from math import sqrt
from typing import Final

import numpy as np

from biofeedback.hrv.ticks import TICKS_PER_MS, TICKS_PER_S
from biofeedback.hrv.window import BeatWindow, Moments

PNN_LIMIT: Final = 50 * TICKS_PER_MS
BAYEVSKY_BIN: Final = 50 * TICKS_PER_MS
PARTS: Final = 2**40


def mean_nn_ms(window: BeatWindow) -> float | None:
    """Mean accepted interval, ms."""
    nn = window.nn_moments
    return nn.total / (nn.count * TICKS_PER_MS) if nn.count else None


def mean_hr_bpm(window: BeatWindow) -> float | None:
    """60 000 / mean NN, bpm (as Kubios; not the mean of 60 000 / NN, which breathing biases upwards)."""
    nn = window.nn_moments
    return 60 * TICKS_PER_S * nn.count / nn.total if nn.count else None


def sdnn_ms(window: BeatWindow) -> float | None:
    """Standard deviation of NN, ms (ddof 1)."""
    return _root_ms(variance(window.nn_moments))


def rmssd_ms(window: BeatWindow) -> float | None:
    """Root mean square of successive differences, ms."""
    d = window.difference_moments
    return sqrt(float(d.squares) / d.count) / TICKS_PER_MS if d.count else None


def sdsd_ms(window: BeatWindow) -> float | None:
    """Standard deviation of successive differences, ms (of d itself; some libraries take |d| and are wrong)."""
    return _root_ms(variance(window.difference_moments))


def pnn50_pct(window: BeatWindow) -> float | None:
    """Share of successive differences over 50 ms, per cent of the differences; strictly over.

    Task Force 1996 divides by the number of NN; here, as in Kubios, by that of the differences there are.
    """
    d = window.differences
    return 100 * int(np.count_nonzero(np.abs(d) > PNN_LIMIT)) / len(d) if len(d) else None


def sd1_ms(window: BeatWindow) -> float | None:
    """Poincare width, sqrt(var(d) / 2), ms (Brennan 2001, IEEE Trans Biomed Eng 48:1342)."""
    spread = variance(window.difference_moments)
    return None if spread is None else _root_ms(spread / 2)


def sd2_ms(window: BeatWindow) -> float | None:
    """Poincare length, sqrt(2 var(NN) - var(d) / 2), ms (Brennan 2001)."""
    of_nn, of_d = variance(window.nn_moments), variance(window.difference_moments)
    if of_nn is None or of_d is None:
        return None
    return _root_ms(max(0.0, 2 * of_nn - of_d / 2))


def sqrt_stress_index(window: BeatWindow) -> float | None:
    """Square root of Baevsky's AMo / (2 Mo MxDMn): bins of 50 ms, Mo the median, no trend removed.

    Depends on the window's length; compare only windows of one length.
    """
    nn = np.sort(window.nn)
    if not len(nn) or nn[0] == nn[-1]:
        return None
    fullest = int(np.bincount(nn // BAYEVSKY_BIN).max())
    twice_median = int(nn[len(nn) // 2] + nn[(len(nn) - 1) // 2])
    return stress_root(fullest, len(nn), twice_median, int(nn[-1] - nn[0]))


def stress_root(fullest: int, count: int, twice_median: int, spread: int) -> float:
    """Square root of Baevsky's index from the beats in the fullest bin, all beats, twice the median and the range."""
    return sqrt(100 * fullest / count / (twice_median / TICKS_PER_S * (spread / TICKS_PER_S)))


def ln_hr(window: BeatWindow) -> float | None:
    """ln of the beat count over its time, ln bpm: what breathing moves least (`biofeedback.arousal.level`).

    A flagged interval keeps its time and counts as its length times the rate of its good neighbours.
    """
    total = int(window.arrays.ticks.sum())
    if total == 0 or not len(window.nn):
        return None
    parts = sum(_fixed_parts(window)) if window.flagged else 0
    return float(np.log(60 * TICKS_PER_S * (len(window.nn) + parts / PARTS) / total))


def _fixed_parts(window: BeatWindow) -> Iterable[int]:
    rates = interpolated_rates(window.ticks, window.ok, window.joined)
    for ticks, ok, rate in zip(window.ticks, window.ok, rates, strict=True):
        if not ok:
            yield fixed_part(ticks * rate)


def fixed_part(beats: float) -> int:
    """A part of a beat as a whole number of 1/`PARTS`, so that sums are exact."""
    return round(beats * PARTS)


def interpolated_rates(ticks: tuple[int, ...], ok: tuple[bool, ...], joined: tuple[bool, ...]) -> list[float]:
    """Beats per tick at each interval's middle: 1/RR of a good one, between its good neighbours for a flagged one.

    Linear in time between the nearest good intervals of the same stretch, constant at its ends (RULINGS B4). A
    stretch without a good interval takes the mean rate of the whole window.
    """
    middles: list[float] = []
    clock = 0
    for value in ticks:
        middles.append(clock + value / 2)
        clock += value
    good_ticks = sum(value for value, good in zip(ticks, ok, strict=True) if good)
    fallback = sum(ok) / good_ticks if good_ticks else 0.0
    rates = [1 / value if good else fallback for value, good in zip(ticks, ok, strict=True)]
    for start, stop in _stretches(joined):
        good = [index for index in range(start, stop) if ok[index]]
        for index in range(start, stop):
            if good and not ok[index]:
                rates[index] = _between(index, good, middles, ticks)
    return rates


def _stretches(joined: tuple[bool, ...]) -> list[tuple[int, int]]:
    starts = [index for index, follows in enumerate(joined) if not follows]
    return list(zip(starts, [*starts[1:], len(joined)], strict=True))


def _between(index: int, good: list[int], middles: list[float], ticks: tuple[int, ...]) -> float:
    after = bisect(good, index)
    if after in (0, len(good)):
        return 1 / ticks[good[max(0, after - 1)]]
    left, right = good[after - 1], good[after]
    share = (middles[index] - middles[left]) / (middles[right] - middles[left])
    return (1 - share) / ticks[left] + share / ticks[right]


def variance(of: Moments) -> float | None:
    """Variance with ddof 1 of whole numbers, by their exact sums."""
    if of.count < 2:
        return None
    return float(of.count * of.squares - of.total * of.total) / float(of.count * (of.count - 1))


def _root_ms(spread: float | None) -> float | None:
    return None if spread is None else sqrt(spread) / TICKS_PER_MS
