"""Sample entropy and the short scaling exponent of detrended fluctuations (HRV 2).

Both are sensitive to their recipe: tools disagree by it, not by the heart. What was chosen stands in the docstrings.
"""

from __future__ import annotations

from functools import lru_cache
from math import floor, isnan, sqrt
from typing import Final, Protocol

import numpy as np

from biofeedback.hrv.ticks import TICKS_PER_S
from biofeedback.hrv.time_domain import variance
from biofeedback.hrv.window import BeatWindow, Bools, Floats, Ints, NotYet, stretches

TOLERANCE: Final = 0.2
"""Patterns match within this share of the standard deviation."""
MOST_BEATS: Final = 5000
BLOCK: Final = 256
"""So many patterns at once are compared with all."""
BOXES: Final = range(4, 17)
"""Lengths of the boxes, in beats."""
BOXES_AT_ONCE: Final = 4096
DFA_S: Final = 120.0
_LOGS: Final = np.log(np.array(BOXES, float))
_WEIGHTS: Final = _LOGS - _LOGS.mean()
_SPREAD: Final = 2 * float(_WEIGHTS @ _WEIGHTS)
_LENGTHS: Final = np.array(BOXES)
_OF_TILT: Final = 3.0 / (_LENGTHS * (_LENGTHS * _LENGTHS - 1))
_PLACES: Final = np.arange(float(BOXES[-1]))


def sampen(window: BeatWindow) -> float | None:
    """Sample entropy, m = 2, r = 0.2 SDNN, no unit (Richman & Moorman 2000, Am J Physiol 278:H2039).

    -ln(A / B), B the pairs of patterns of two intervals that match within r, A those that match with the third as
    well; the N - 2 patterns that have a third are compared in both. A pattern that touches a flagged interval or a
    gap is left out. None when no pattern matches, or none with its third.
    """
    radius = match_radius(window)
    if radius is None:
        return None
    pairs, triples = matches(window.arrays.ticks, pattern_starts(window.arrays), radius)
    return float(np.log(pairs / triples)) if triples else None


def match_radius(window: BeatWindow) -> int | None:
    """The largest whole difference in ticks that is within 0.2 SDNN."""
    spread = variance(window.nn_moments)
    return None if spread is None else floor(TOLERANCE * sqrt(spread))


class Flags(Protocol):
    """Beats in columns, (n,) each: whether one is accepted, and whether it follows the one before it."""

    @property
    def ok(self) -> Bools:
        """Whether each may be used."""
        ...

    @property
    def joined(self) -> Bools:
        """Whether each follows the one before it without a gap."""
        ...


def pattern_starts(beats: Flags) -> Ints:
    """Where three accepted intervals follow one another."""
    ok, joined = beats.ok, beats.joined
    return np.flatnonzero(ok[:-2] & ok[1:-1] & ok[2:] & joined[1:-1] & joined[2:])


def matches(ticks: Ints, starts: Ints, radius: int) -> tuple[int, int]:
    """Pairs of patterns that differ by at most `radius` ticks in two intervals, and in three."""
    parts = [ticks[starts + step] for step in range(3)]
    pairs = triples = 0
    for start in range(0, len(starts), BLOCK):
        near = [np.abs(part[start : start + BLOCK, None] - part[None, start:]) <= radius for part in parts]
        both = near[0] & near[1]
        pairs += _above_diagonal(both)
        triples += _above_diagonal(both & near[2])
    return pairs, triples


def _above_diagonal(near: Bools) -> int:
    """Pairs of a pattern with a later one; the left part of the block holds each of its own pairs twice."""
    own = len(near)
    return int(np.count_nonzero(near[:, own:])) + (int(np.count_nonzero(near[:, :own])) - own) // 2


def dfa_alpha1(window: BeatWindow) -> float | None:
    """Slope of the log fluctuation over the log box length, boxes of 4 to 16 beats, no unit (Peng 1995, Chaos 5:82).

    Boxes lie end to end from the first accepted beat on, a least-squares line is taken out of each, and F is the root
    of the mean square left. Ordinary least squares over the thirteen lengths; Kubios takes 4 to 12, others 4 to 11.
    Flagged intervals are bridged linearly by beat number: leaving them out would move every box behind them. None
    without 120 s in one piece, or when nothing fluctuates.
    """
    totals, boxes = np.zeros(len(BOXES), np.int64), np.zeros(len(BOXES), np.int64)
    for piece in window.pieces(DFA_S):
        series = bridged(piece.arrays.ticks, piece.arrays.accepted)
        places, starts = _boxes_of(len(series))
        totals += np.add.reduceat(box_residuals(series).ravel()[places], starts)
        boxes += len(series) // _LENGTHS
    alpha = float(exponents(totals[None, :], boxes[None, :])[0])
    return None if isnan(alpha) else alpha


def scaling(window: BeatWindow) -> float | NotYet | None:
    """`dfa_alpha1`; not with an interval, taken as it is, that lasts for minutes: 64 bits do not hold its squares."""
    if int(window.nn.max(initial=0)) > DFA_S * TICKS_PER_S:
        return NotYet(f"an interval lasts longer than {DFA_S:g} s")
    return dfa_alpha1(window)


@lru_cache(maxsize=512)
def _boxes_of(beats: int) -> tuple[Ints, Ints]:
    """Where the residuals of boxes end to end stand among those of all boxes, and where each length's begin there."""
    places = [np.arange(0, beats - length + 1, length) * len(BOXES) + column for column, length in enumerate(BOXES)]
    return np.concatenate(places), np.cumsum([0, *(len(each) for each in places[:-1])])


def bridged(ticks: Ints, accepted: Ints) -> Ints:
    """The intervals from the first accepted to the last, those between bridged linearly, in whole ticks."""
    if not len(accepted):
        return ticks[:0]
    place: Ints = np.arange(int(accepted[0]), int(accepted[-1]) + 1)
    before = accepted[np.searchsorted(accepted, place, side="right") - 1]
    after = accepted[np.searchsorted(accepted, place)]
    run = np.maximum(after - before, 1)
    rise = 2 * (ticks[after] - ticks[before]) * (place - before)
    filled: Ints = ticks[before] + (rise + run) // (2 * run)
    return filled


def box_residuals(series: Ints) -> Ints:
    """What a line leaves of the integrated series in a box that begins at each beat, (n, lengths) ticks squared.

    Profiles start anew in each box: the sum of a whole day squared would leave no digits for what is wanted. Boxes
    that reach past the end hold nothing of use.
    """
    padded = np.zeros(len(series) + BOXES[-1] - 1)
    padded[: len(series)] = series
    boxes = stretches(padded, BOXES[-1])
    whole = np.empty((len(series), len(BOXES)), np.int64)
    for start in range(0, len(series), BOXES_AT_ONCE):
        part = slice(start, start + BOXES_AT_ONCE)
        whole[part] = np.rint(_residuals(boxes[part]))
    return whole


def _residuals(boxes: Floats) -> Floats:
    """What a line leaves of these boxes (n, longest), (n, lengths)."""
    profile = np.cumsum(boxes - boxes[:, :1], axis=1)
    sums, moments, squares = (
        np.cumsum(values, axis=1)[:, BOXES[0] - 1 :] for values in (profile, profile * _PLACES, profile * profile)
    )
    tilt = 2 * moments - (_LENGTHS - 1) * sums
    left: Floats = squares - sums * sums / _LENGTHS - tilt * tilt * _OF_TILT
    return left


def exponents(totals: Ints, boxes: Ints) -> Floats:
    """The slope for each row (rows, lengths) of summed residuals over so many boxes; NaN when one is nothing."""
    fluctuates: Bools = np.logical_and.reduce((totals > 0) & (boxes > 0), axis=1)
    safe = np.where(fluctuates[:, None], totals, 1) / (np.where(fluctuates[:, None], boxes, 1) * _LENGTHS)
    logs = np.log(np.ascontiguousarray(safe.T))
    slope = np.add.accumulate(logs * _WEIGHTS[:, None], axis=0)[-1]
    return np.where(fluctuates, slope / _SPREAD, np.nan)
