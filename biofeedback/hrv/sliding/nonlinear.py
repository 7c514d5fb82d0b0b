"""Sample entropy and scaling of many windows at once (definitions: `hrv.nonlinear`)."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from biofeedback.hrv.nonlinear import BOXES, TOLERANCE, box_residuals, bridged, exponents
from biofeedback.hrv.sliding.windows import Beats, Windows
from biofeedback.hrv.window import Bools, Floats, Ints

Narrow: TypeAlias = npt.NDArray[np.int32]

TOGETHER = 512
"""So many windows at once are compared: their distances stay in the processor's cache."""
FAR = np.iinfo(np.int32).max


def sampen(windows: Windows, sdnn_ticks: Floats) -> Floats:
    """Sample entropy of each window, (rows,); NaN where no pattern matches."""
    beats = windows.beats
    radius = np.floor(TOLERANCE * np.where(windows.nn > 1, sdnn_ticks, -1.0)).astype(np.int32)
    counts = [
        _matches(beats, windows.last[start : start + TOGETHER], windows.count[start : start + TOGETHER], part)
        for start in range(0, len(radius), TOGETHER)
        if len(part := radius[start : start + TOGETHER])
    ]
    pairs, triples = (np.concatenate([count[which] for count in counts]) for which in (0, 1))
    found = (triples > 0) & (windows.nn > 1)
    return np.where(found, np.log(np.where(found, pairs, 1) / np.where(found, triples, 1)), np.nan)


def _matches(beats: Beats, last: Ints, count: Ints, radius: Narrow) -> tuple[Ints, Ints]:
    """Matching pairs and triples of windows of `count` beats up to `last`.

    Distances of patterns `lag` beats apart lie in one row for all windows, and each window is a stretch of it, made as
    long as the longest one's; before its own first beat nothing matches.
    """
    most = int(count.max())
    if most < 4:
        return np.zeros(len(last), np.int64), np.zeros(len(last), np.int64)
    patterns = most - 2
    begin = last - most + 1
    held = np.arange(int(begin.min()), int(last.max()) + 1)
    ticks = beats.ticks[np.maximum(held, 0)].astype(np.int32)
    whole = (held >= 0) & _whole(beats)[np.maximum(held, 0)]
    limits = np.where(np.arange(patterns)[:, None] >= most - count, radius, -1)
    near = np.empty((patterns, len(last)), bool)
    found = np.zeros((2, patterns, len(last)), np.uint8 if patterns < 256 else np.int32)
    places = begin - held[0]
    for lag in range(1, patterns):
        width = patterns - lag
        for which, distance in enumerate(_distances(ticks, whole, lag)):
            part = np.less_equal(_stretches(distance, places, width), limits[:width], out=near[:width])
            found[which, :width] += part.view(np.uint8)
    pairs, triples = found.sum(axis=1, dtype=np.int64)
    return pairs, triples


def _stretches(values: Narrow, places: Ints, width: int) -> Narrow:
    """The stretches of `width` values that begin at these places, (width, places); a view where they follow closely."""
    if len(places) == places[-1] - places[0] + 1:
        step, start = values.itemsize, int(places[0]) * values.itemsize
        return np.ndarray((width, len(places)), values.dtype, values, start, (step, step))
    return values[np.arange(width)[:, None] + places]


def _whole(beats: Beats) -> Bools:
    """Whether three accepted intervals in a row begin at each beat."""
    ok, joined, whole = beats.ok, beats.joined, np.zeros(len(beats.ok), bool)
    whole[:-2] = ok[:-2] & ok[1:-1] & ok[2:] & joined[1:-1] & joined[2:]
    return whole


def _distances(ticks: Narrow, whole: Bools, lag: int) -> tuple[Narrow, Narrow]:
    """How far patterns `lag` beats apart are from each other over two intervals and over three."""
    apart = np.abs(ticks[lag:] - ticks[:-lag])
    pairs = np.maximum(apart[:-2], apart[1:-1])
    pairs[~(whole[: len(pairs)] & whole[lag : lag + len(pairs)])] = FAR
    return pairs, np.maximum(pairs, apart[2:])


def dfa_alpha1(windows: Windows) -> Floats:
    """The scaling exponent of each gap-free window, (rows,); NaN where nothing fluctuates."""
    beats = windows.beats
    if not len(beats.accepted):
        return np.full(len(windows.last), np.nan)
    offset = beats.accepted[0]
    residuals = box_residuals(bridged(beats.ticks, beats.accepted))
    first = beats.accepted[np.minimum(beats.ranks[windows.first], len(beats.accepted) - 1)] - offset
    last = beats.accepted[np.maximum(beats.ranks[windows.last + 1] - 1, 0)] - offset
    boxes = np.maximum(last - first + 1, 0)[:, None] // np.array(BOXES)
    totals = np.empty(boxes.shape, np.int64)
    for column, length in enumerate(BOXES):
        strided = _strided_sums(residuals[:, column], length)
        totals[:, column] = strided[first + boxes[:, column] * length] - strided[first]
    return exponents(totals, boxes)


def _strided_sums(values: Ints, stride: int) -> Ints:
    """Sums over every `stride`-th value before each place, (n + stride,): entry i adds i - stride, i - 2 stride..."""
    filled = np.zeros(-(-len(values) // stride) * stride, np.int64)
    filled[: len(values)] = values
    sums = np.cumsum(filled.reshape(-1, stride), axis=0).ravel()
    return np.append(np.zeros(stride, np.int64), sums)
