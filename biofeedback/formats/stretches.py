"""Which stretches of a signal hold beats that can be trusted: those in which two ways of finding them keep agreeing."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from biofeedback.formats.peaks import Found
from biofeedback.formats.sampled import Signal

if TYPE_CHECKING:
    from biofeedback.formats.sampled import Samples

Stretch: TypeAlias = tuple[float, float]

AGREEMENT: Final = 0.95
"""The two ways must find the same beats in this share of the whole, or else in all of what is trusted.

Chosen, with the numbers below, on 4704 made signals of a minute under eight kinds of noise. Of 2352 others 1354 are
given, 152 of them in part: of their 97 384 beats 7 are false, and 45 are missed outside the holes. (As a whole or not
at all 1247 are given: of 92 554 beats 9 are false, and 109 missed.) Of an hour of noise alone nothing is trusted.
"""
WINDOW_S: Final = 10.0
"""Two beats within this, each found in only one way, are no slip any more: what lies between them is not trusted."""
BESIDE_S: Final = 1.0
"""Nor is what lies so close to them."""
LEAST_STRETCH_S: Final = 10.0
"""What lies beside a disagreement is believed from this length on: shorter, noise may agree by chance."""
BLURRED_S: Final = 0.008
"""A beat's two readings lie at most so far from their usual distance, where much of the signal is not trusted."""

OFF_S: Final = 0.04
"""And its second way lies at most so far from its first, less the usual."""


def trusted(signal: Signal, found: Found) -> tuple[Stretch, ...]:
    """(from, to) in s since the first sample, in order: the signal's pieces less what is not trusted in them.

    Where the two ways agree on the whole, a beat that only one found is a slip, and left out, unless there are two
    within WINDOW_S. Where they do not, nothing is trusted but stretches without any such beat, or one whose place is
    blurred.
    """
    strict = found.agreement < AGREEMENT
    doubtful = np.sort(np.concatenate((found.lone, _blurred(found)))) if strict else found.lone
    stretches: list[Stretch] = []
    for piece in signal.pieces:
        begin, end = piece.at_s, piece.at_s + piece.values.size / signal.hz
        inside = doubtful[(doubtful >= begin) & (doubtful < end)]
        stretches += _left(begin, end, _disagreements(inside, 1 if strict else 2))
    return tuple(stretches)


def _blurred(found: Found) -> Samples:
    apart = found.again - found.beats
    if not apart.size:
        return apart
    return found.beats[(np.abs(apart - np.median(apart)) > BLURRED_S) | (np.abs(found.off) > OFF_S)]


def _disagreements(doubtful: Samples, least: int) -> list[Stretch]:
    """Where at least so many doubtful beats lie within WINDOW_S of each other, with what is beside them."""
    starts = np.flatnonzero(np.diff(doubtful) > WINDOW_S) + 1
    return [
        (float(doubtful[first]) - BESIDE_S, float(doubtful[last - 1]) + BESIDE_S)
        for first, last in pairwise([0, *starts.tolist(), doubtful.size])
        if last - first >= least
    ]


def _left(begin: float, end: float, out: list[Stretch]) -> list[Stretch]:
    """What is left of a piece; all of it where nothing is taken out, else what is long enough."""
    if not out:
        return [(begin, end)]
    froms = [begin, *(until for _, until in out)]
    tos = [*(since for since, _ in out), end]
    return [(since, until) for since, until in zip(froms, tos, strict=True) if until - since >= LEAST_STRETCH_S]
