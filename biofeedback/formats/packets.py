"""Times of samples that came in packets: late ones are evened out, a lost one is a hole.

A late packet is made up for by those behind it, a lost one is not: so what counts is the earliest that samples come
before and behind a leap, against their number. Where packets are late just before one is lost, there may be a hole too
many, not one too few.
"""

from __future__ import annotations

from collections import deque
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from biofeedback.formats.sampled import Samples

LOST_S: Final = 0.1
LOST_SAMPLES: Final = 3
"""More than the larger of these missing is a hole: no beat is believed to be where it would be off by as much."""
LOOK_S: Final = 20.0
"""The earliest is looked for so far before and behind a leap: some thirty packets of a strap."""
LEAST_LOOK_S: Final = 10.0
"""Nearer to the end few packets tell late from lost: a leap is a hole there if it is larger than any that was late."""
WRONG_RATE, WRONG_S = 0.002, 2.0
"""A rate that the stamps contradict by more than this share and these seconds in all is not that of the samples."""


def evened(stamps: Samples, hz: float) -> Samples:
    """Times of arrival in s, put on one straight line for each stretch without a hole. `hz`: samples a second, told."""
    if stamps.size < 3 or not np.isfinite(stamps).all():
        return stamps
    bounds = [0, *_holes(stamps, _rate(stamps, hz)), stamps.size]
    numbers = np.arange(stamps.size, dtype=np.float64)
    middles = [(float(numbers[a:b].mean()), float(stamps[a:b].mean())) for a, b in pairwise(bounds)]
    over = under = 0.0
    for (a, b), (number, stamp) in zip(pairwise(bounds), middles, strict=True):
        off = numbers[a:b] - number
        over += float(off @ (stamps[a:b] - stamp))
        under += float(off @ off)
    step = over / under if under and over > 0 else 1 / hz
    even = np.empty(stamps.size)
    for (a, b), (number, stamp) in zip(pairwise(bounds), middles, strict=True):
        even[a:b] = stamp + step * (numbers[a:b] - number)
    return even


def _rate(stamps: Samples, hz: float) -> float:
    """The told rate, unless the usual time over a quarter of the samples, or LOOK_S of them, contradicts it."""
    apart = min(round(LOOK_S * hz), stamps.size // 4)
    usual = float(np.median(stamps[apart:] - stamps[:-apart])) if apart else 0.0
    wrong = WRONG_RATE + WRONG_S / (stamps.size / hz)
    return apart / usual if usual > 0 and abs(apart / usual / hz - 1) > wrong else hz


def _holes(stamps: Samples, hz: float) -> list[int]:
    """The numbers of the samples before which some are missing."""
    filters = import_module("scipy.ndimage")
    least, wide = max(LOST_S, LOST_SAMPLES / hz), max(1, min(round(LOOK_S * hz), stamps.size))
    late = stamps - np.arange(stamps.size) / hz
    smallest: object = filters.minimum_filter1d(late, wide, mode="nearest", origin=-(wide // 2))
    ahead = np.asarray(smallest, dtype=np.float64)
    holes: list[int] = []
    behind: deque[tuple[int, float]] = deque()
    since = begun = 0
    for place in (np.flatnonzero(np.diff(late) > least) + 1).tolist():
        earliest = float(late[since:place].min())
        while behind and behind[-1][1] >= earliest:
            behind.pop()
        behind.append((place, earliest))
        while behind[0][0] <= place - wide:
            behind.popleft()
        since = place
        leap, latest = float(ahead[place]) - behind[0][1], 0.0
        if stamps.size - place < LEAST_LOOK_S * hz:
            latest = float(late[max(begun, place - wide) : place].max()) - behind[0][1]
        if leap > least + latest:
            holes.append(place)
            behind.clear()
            begun = place
    return holes
