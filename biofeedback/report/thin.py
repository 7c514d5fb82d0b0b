"""Long sessions on a short line: no more points than a page can show, and no gap or peak lost that it can show."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise
from math import nan
from typing import Final

from biofeedback.hrv.beats import TimedBeat

BINS: Final = 800
"""About three for each millimetre of printed page, two for each five points of the figure."""
FEW: Final = 2 * BINS
BRIDGE_US: Final = 3_000_000
"""The line is not drawn over a longer time without a good beat."""


def breaks_of(beats: Sequence[TimedBeat], bin_us: float) -> set[int]:
    """Times of the good beats before which the line is broken: behind gaps and long doubtful stretches."""
    good = [beat for beat in beats if beat.ok]
    behind_gap = {beat.index for beat in beats if beat.gap_before}
    broken: set[int] = set()
    for before, beat in pairwise(good):
        hole = beat.opening_us - before.t_us
        gap = any(index in behind_gap for index in range(before.index + 1, beat.index + 1))
        if hole > BRIDGE_US or (gap and (hole >= bin_us or len(good) <= FEW)):
            broken.add(beat.t_us)
    return broken


def thinned(
    points: Sequence[tuple[int, float]], breaks: Collection[int], bin_us: float
) -> tuple[list[float], list[float]]:
    """Times and values to draw, a NaN at each break; of a long line each bin keeps its lowest and its highest."""
    kept = set(points) if len(points) <= FEW else _extremes(points, breaks, bin_us)
    times: list[float] = []
    values: list[float] = []
    for at, value in points:
        if at in breaks and times:
            times.append(at)
            values.append(nan)
        if (at, value) in kept:
            times.append(at)
            values.append(value)
    return times, values


def _extremes(points: Sequence[tuple[int, float]], breaks: Collection[int], bin_us: float) -> set[tuple[int, float]]:
    bins: dict[tuple[int, int], list[tuple[int, float]]] = {}
    stretch = 0
    for at, value in points:
        stretch += at in breaks
        bins.setdefault((int(at // bin_us), stretch), []).append((at, value))
    return {point for held in bins.values() for point in (min(held, key=lambda p: p[1]), max(held, key=lambda p: p[1]))}


def one_a_bin(points: Sequence[tuple[int, float]], bin_us: float) -> list[tuple[int, float]]:
    """The first point of each bin."""
    first: dict[int, tuple[int, float]] = {}
    for at, value in points:
        first.setdefault(int(at // bin_us), (at, value))
    return list(first.values())
