"""Time-domain metrics of many windows at once (definitions: `hrv.time_domain`)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from biofeedback.hrv.sliding.windows import Beats, Windows, running
from biofeedback.hrv.ticks import TICKS_PER_MS, TICKS_PER_S
from biofeedback.hrv.time_domain import BAYEVSKY_BIN, PARTS, PNN_LIMIT
from biofeedback.hrv.window import Bools, Floats, Ints

NOTHING = np.iinfo(np.int32).max


@dataclass(frozen=True)
class TimeSums:
    """Running sums from which the metrics of any window are read."""

    nn: Ints
    nn_squares: Ints
    steps: Ints
    step_squares: Ints
    over_50: Ints
    ticks: Ints

    @classmethod
    def of(cls, beats: Beats) -> TimeSums:
        """Those of these beats."""
        nn = np.where(beats.ok, beats.ticks, 0)
        steps = np.where(beats.follows, np.diff(beats.ticks, prepend=0), 0)
        return cls(
            running(nn),
            running(nn * nn),
            running(steps),
            running(steps * steps),
            running(np.abs(steps) > PNN_LIMIT),
            running(beats.ticks),
        )


def time_domain(windows: Windows, sums: TimeSums) -> dict[str, Floats]:
    """The metrics by name, (rows,) each; where a window holds too little the values mean nothing."""
    count, total = windows.nn, windows.sums(sums.nn)
    pairs = windows.pairs
    squares = windows.pair_sums(sums.step_squares)
    of_nn = _variance(count, total, windows.sums(sums.nn_squares))
    of_steps = _variance(pairs, windows.pair_sums(sums.steps), squares)
    return {
        "mean_hr_bpm": 60 * TICKS_PER_S * count / total,
        "mean_nn_ms": total / (count * TICKS_PER_MS),
        "sdnn_ms": np.sqrt(of_nn) / TICKS_PER_MS,
        "rmssd_ms": np.sqrt(squares / pairs) / TICKS_PER_MS,
        "sdsd_ms": np.sqrt(of_steps) / TICKS_PER_MS,
        "pnn50_pct": 100 * windows.pair_sums(sums.over_50) / pairs,
        "sd1_ms": np.sqrt(of_steps / 2) / TICKS_PER_MS,
        "sd2_ms": np.sqrt(np.maximum(0.0, 2 * of_nn - of_steps / 2)) / TICKS_PER_MS,
    }


def _variance(count: Ints, total: Ints, squares: Ints) -> Floats:
    variance: Floats = (count * squares - total * total) / (count * (count - 1))
    return variance


def sdnn_ticks(windows: Windows, sums: TimeSums) -> Floats:
    """SDNN of each window in ticks."""
    return np.sqrt(_variance(windows.nn, windows.sums(sums.nn), windows.sums(sums.nn_squares)))


def stress_roots(windows: Windows) -> Floats:
    """The square root of the stress index of each window, NaN where the beats do not differ."""
    beats, count = windows.beats, windows.nn
    nn = beats.ticks[beats.accepted].astype(np.int32)
    start = beats.ranks[windows.first]
    place: Ints = np.arange(int(count.max(initial=1)))
    held = nn[np.minimum(start[:, None] + place, len(nn) - 1)]
    held[place >= count[:, None]] = NOTHING
    held.sort(axis=1)
    row = np.arange(len(held))
    high, low = held[row, np.maximum(count, 1) - 1].astype(np.int64), held[:, 0]
    twice_median = held[row, count // 2].astype(np.int64) + held[row, (np.maximum(count, 1) - 1) // 2]
    there, bins = np.unique(nn // BAYEVSKY_BIN, return_inverse=True)
    filled = running(bins[:, None] == np.arange(len(there)))
    fullest = (filled[start + count] - filled[start]).max(axis=1)
    spread = high - low
    root = np.sqrt(100 * fullest / count / (twice_median / TICKS_PER_S * (spread / TICKS_PER_S)))
    return np.where((count > 0) & (spread > 0), root, np.nan)


def ln_hr(windows: Windows, sums: TimeSums, parts: FlaggedParts) -> tuple[Floats, Bools]:
    """ln of the beat count over its time, and where it must be counted beat by beat instead.

    That is where flagged beats have no accepted neighbour on this side of a gap to take their rate from.
    """
    beats, stop = windows.beats, windows.last + 1
    begin = np.minimum(windows.first, windows.last)
    first = beats.accepted[np.minimum(beats.ranks[windows.first], len(beats.accepted) - 1)]
    last = beats.accepted[np.maximum(beats.ranks[stop] - 1, 0)]
    counted = parts.between[last + 1] - parts.between[first]
    counted += parts.before[first] - parts.before[windows.first]
    counted += parts.behind[stop] - parts.behind[last + 1]
    gaps = beats.gaps
    odd = (gaps[first + 1] != gaps[begin + 1]) | (gaps[stop] != gaps[last + 1]) | (windows.sums(parts.alone) > 0)
    value = np.log(60 * TICKS_PER_S * (windows.nn + counted / PARTS) / windows.sums(sums.ticks))
    return value, odd & (windows.nn > 0)


@dataclass(frozen=True)
class FlaggedParts:
    """Running sums of what flagged beats count for, in 1/`PARTS` of a beat.

    `between` accepted beats, `before` the first of a window, `behind` the last; `alone`: how many have no accepted
    beat beside them in their stretch.
    """

    between: Ints
    before: Ints
    behind: Ints
    alone: Ints

    @classmethod
    def of(cls, beats: Beats) -> FlaggedParts:
        """Those of these beats (RULINGS B4: linear between good neighbours, constant at the ends)."""
        flagged, parts = np.flatnonzero(~beats.ok), np.zeros((4, len(beats.ok)), np.int64)
        if len(flagged) and len(beats.accepted):
            parts[:, flagged] = _parts(beats, flagged)
        return cls(*(running(part) for part in parts))


def _parts(beats: Beats, flagged: Ints) -> tuple[Ints, Ints, Ints, Bools]:
    """What each of these beats counts for between its neighbours, by the right one alone, by the left one alone."""
    ticks, rank, stretch = beats.ticks, beats.ranks[flagged], beats.gaps[1:]
    left = beats.accepted[np.maximum(rank - 1, 0)]
    right = beats.accepted[np.minimum(rank, len(beats.accepted) - 1)]
    has_left = (rank > 0) & (stretch[left] == stretch[flagged])
    has_right = (rank < len(beats.accepted)) & (stretch[right] == stretch[flagged])
    twice_middle = 2 * np.cumsum(ticks) - ticks
    whole = np.where(has_left & has_right, twice_middle[right] - twice_middle[left], 1)
    share = (twice_middle[flagged] - twice_middle[left]) / whole
    from_left, from_right = 1 / ticks[left], 1 / ticks[right]
    rate = np.where(has_right, from_right, from_left)
    rate = np.where(has_left & has_right, (1 - share) / ticks[left] + share / ticks[right], rate)
    between, before, behind = (_fixed(ticks[flagged] * each) for each in (rate, from_right, from_left))
    return between, before, behind, ~(has_left | has_right)


def _fixed(beats: Ints | Floats) -> Ints:
    whole: Ints = np.rint(beats * PARTS).astype(np.int64)
    return whole
