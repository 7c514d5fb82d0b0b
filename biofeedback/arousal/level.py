"""The heart-rate level: beats counted over whole breaths (METHOD 1.3.3, RULINGS E4).

Phi(t) counts beats continuously: it rises by one over each good interval, and by its length times the rate of its
good neighbours over a flagged one, or over a short hole. Counting over whole breaths leaves out what breathing does to
single intervals.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log, sqrt
from statistics import fmean, stdev
from typing import Final

from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.ticks import TICKS_PER_S
from biofeedback.hrv.time_domain import interpolated_rates

MIDPOINTS: Final = 200
"""Points at which the one-breath ramps of the epoch value are averaged (RULINGS E4)."""

BRIDGED_US: Final = 3_000_000
"""A longer hole ends a run of beats (METHOD 1.4); a lost packet or two do not hide what a heart does over a breath."""


@dataclass(frozen=True, slots=True)
class BeatCount:
    """Phi over one run of beats: `counts[i]` beats had passed at `times_us[i]`."""

    times_us: tuple[int, ...]
    counts: tuple[float, ...]

    def covers(self, from_us: float, to_us: float) -> bool:
        """Whether the run holds the whole span."""
        return bool(self.times_us) and self.times_us[0] <= from_us and to_us <= self.times_us[-1]

    def at(self, t_us: float) -> float:
        """Beats counted until `t_us`, linear between beats; `t_us` must be covered."""
        right = min(max(bisect_right(self.times_us, t_us), 1), len(self.times_us) - 1)
        left_us, right_us = self.times_us[right - 1], self.times_us[right]
        share = (t_us - left_us) / (right_us - left_us)
        return self.counts[right - 1] + share * (self.counts[right] - self.counts[right - 1])


def count_beats(beats: Sequence[TimedBeat]) -> BeatCount:
    """Phi over the last run of `beats` without a hole that is too long to be bridged."""
    start = 0
    for number, (before, beat) in enumerate(pairwise(beats), 1):
        if _parted(before, beat):
            start = number
    run = beats[start:]
    if not run:
        return BeatCount((), ())
    ticks, ok, times = [run[0].ticks], [run[0].ok], [run[0].opening_us, run[0].t_us]
    for before, beat in pairwise(run):
        if beat.gap_before and beat.opening_us > before.t_us:
            ticks.append((beat.opening_us - before.t_us) * TICKS_PER_S // 1_000_000)
            ok.append(False)
            times.append(beat.opening_us)
        ticks.append(beat.ticks)
        ok.append(beat.ok)
        times.append(beat.t_us)
    rates = interpolated_rates(tuple(ticks), tuple(ok), (False, *([True] * (len(ticks) - 1))))
    counts = [0.0]
    for length, good, rate in zip(ticks, ok, rates, strict=True):
        counts.append(counts[-1] + (1.0 if good else length * rate))
    return BeatCount(tuple(times), tuple(counts))


def run_around(beats: Sequence[TimedBeat], from_us: float, to_us: float) -> list[TimedBeat]:
    """The run of beats that holds `from_us`, up to the first long hole after it or the first beat past `to_us`."""
    run: list[TimedBeat] = []
    for beat in beats:
        if run and _parted(run[-1], beat):
            if run[-1].t_us > from_us:
                break
            run = []
        run.append(beat)
        if beat.t_us >= to_us:
            break
    return run


def _parted(before: TimedBeat, beat: TimedBeat) -> bool:
    return beat.gap_before and beat.opening_us - before.t_us > BRIDGED_US


def window_bpm(count: BeatCount, from_us: float, to_us: float) -> float | None:
    """Mean heart rate over a window, bpm; None when the beats do not cover it."""
    if to_us <= from_us or not count.covers(from_us, to_us):
        return None
    return 60e6 * (count.at(to_us) - count.at(from_us)) / (to_us - from_us)


@dataclass(frozen=True, slots=True)
class EpochLevel:
    """An epoch's value: `y` is ln bpm, `se` its standard error over the breaths (None under three breaths)."""

    y: float
    se: float | None


def epoch_level(count: BeatCount, end_us: int, breaths: int, breath_us: float) -> EpochLevel | None:
    """Level over the last `breaths` whole breaths before `end_us`, with one-breath ramps at its ends (RULINGS E4).

    Y = ln(60 / ((n-1) T) * mean over v in [0, T) of [Phi(a+v+(n-1)T) - Phi(a+v)]), a = end - n T. None when the
    beats do not cover the window without a long gap.
    """
    if breaths < 2:
        return None
    start = end_us - breaths * breath_us
    if not count.covers(start, end_us):
        return None
    inner = (breaths - 1) * breath_us
    step = breath_us / MIDPOINTS
    points = [start + (number + 0.5) * step for number in range(MIDPOINTS)]
    mean_count = fmean(count.at(point + inner) - count.at(point) for point in points)
    return EpochLevel(log(60e6 * mean_count / inner), _standard_error(count, start, breaths, breath_us))


def _standard_error(count: BeatCount, start: float, breaths: int, breath_us: float) -> float | None:
    """SE of the mean of the breath levels, widened for their lag-one correlation in [0, 0.7] (METHOD 1.3.6)."""
    edges = [count.at(start + number * breath_us) for number in range(breaths + 1)]
    levels = [log(60e6 * (late - early) / breath_us) for early, late in pairwise(edges)]
    if len(levels) < 3:
        return None
    spread = stdev(levels)
    if spread == 0.0:
        return 0.0
    mean = fmean(levels)
    lagged = sum((a - mean) * (b - mean) for a, b in pairwise(levels))
    correlation = min(0.7, max(0.0, lagged / sum((level - mean) ** 2 for level in levels)))
    return spread / sqrt(len(levels)) * sqrt((1 + correlation) / (1 - correlation))
