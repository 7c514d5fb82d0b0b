"""Time-domain metrics by the Task Force 1996 definitions (Circulation 93:1043), exact on integer ticks.

Differences are taken only between adjacent accepted intervals; SDs have ddof 1. Each function returns its value in
the unit of its name, or None when a spread has nothing to be taken of.
"""

from __future__ import annotations

from bisect import bisect
from math import log, sqrt
from typing import Final

from biofeedback.hrv.ticks import TICKS_PER_MS, TICKS_PER_S
from biofeedback.hrv.window import BeatWindow

PNN_LIMIT: Final = 50 * TICKS_PER_MS
BAYEVSKY_BIN: Final = 50 * TICKS_PER_MS


def mean_nn_ms(window: BeatWindow) -> float | None:
    """Mean accepted interval, ms."""
    nn = window.nn
    return sum(nn) / (len(nn) * TICKS_PER_MS) if nn else None


def mean_hr_bpm(window: BeatWindow) -> float | None:
    """60 000 / mean NN, bpm (as Kubios; not the mean of 60 000 / NN, which breathing biases upwards)."""
    nn = window.nn
    return 60 * TICKS_PER_S * len(nn) / sum(nn) if nn else None


def sdnn_ms(window: BeatWindow) -> float | None:
    """Standard deviation of NN, ms."""
    return _root_ms(_variance(window.nn))


def rmssd_ms(window: BeatWindow) -> float | None:
    """Root mean square of successive differences, ms."""
    differences = window.differences
    if not differences:
        return None
    return sqrt(sum(d * d for d in differences) / len(differences)) / TICKS_PER_MS


def sdsd_ms(window: BeatWindow) -> float | None:
    """Standard deviation of successive differences, ms (of d itself; some libraries take |d| and are wrong)."""
    return _root_ms(_variance(window.differences))


def pnn50_pct(window: BeatWindow) -> float | None:
    """Share of successive differences over 50 ms, per cent of the differences; strictly over."""
    differences = window.differences
    if not differences:
        return None
    return 100 * sum(abs(d) > PNN_LIMIT for d in differences) / len(differences)


def sd1_ms(window: BeatWindow) -> float | None:
    """Poincare width, sqrt(var(d) / 2), ms (Brennan 2001, IEEE Trans Biomed Eng 48:1342)."""
    spread = _variance(window.differences)
    return None if spread is None else _root_ms(spread / 2)


def sd2_ms(window: BeatWindow) -> float | None:
    """Poincare length, sqrt(2 var(NN) - var(d) / 2), ms (Brennan 2001)."""
    of_nn, of_d = _variance(window.nn), _variance(window.differences)
    if of_nn is None or of_d is None:
        return None
    return _root_ms(max(0.0, 2 * of_nn - of_d / 2))


def sqrt_stress_index(window: BeatWindow) -> float | None:
    """Square root of Baevsky's AMo / (2 Mo MxDMn): bins of 50 ms, Mo the median, no trend removed.

    Depends on the window's length; compare only windows of one length.
    """
    nn = sorted(window.nn)
    if not nn or nn[0] == nn[-1]:
        return None
    counts: dict[int, int] = {}
    for ticks in nn:
        counts[ticks // BAYEVSKY_BIN] = counts.get(ticks // BAYEVSKY_BIN, 0) + 1
    amplitude_pct = 100 * max(counts.values()) / len(nn)
    middle = len(nn) // 2
    median = nn[middle] if len(nn) % 2 else (nn[middle - 1] + nn[middle]) / 2
    return sqrt(amplitude_pct / (2 * (median / TICKS_PER_S) * ((nn[-1] - nn[0]) / TICKS_PER_S)))


def ln_hr(window: BeatWindow) -> float | None:
    """ln of the beat count over its time, ln bpm: what breathing moves least (`biofeedback.arousal.level`).

    A flagged interval keeps its time and counts as its length times the rate of its good neighbours.
    """
    total = sum(window.ticks)
    if total == 0 or not window.nn:
        return None
    beats = sum(1.0 if ok else ticks * rate for ticks, ok, rate in _with_rates(window))
    return log(60 * beats * TICKS_PER_S / total)


def _with_rates(window: BeatWindow) -> list[tuple[int, bool, float]]:
    rates = interpolated_rates(window.ticks, window.ok, window.joined)
    return list(zip(window.ticks, window.ok, rates, strict=True))


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


def _variance(values: tuple[int, ...]) -> float | None:
    """Variance with ddof 1 of whole numbers; the sums are exact."""
    count = len(values)
    if count < 2:
        return None
    total = sum(values)
    return (count * sum(value * value for value in values) - total * total) / (count * (count - 1))


def _root_ms(variance: float | None) -> float | None:
    return None if variance is None else sqrt(variance) / TICKS_PER_MS
