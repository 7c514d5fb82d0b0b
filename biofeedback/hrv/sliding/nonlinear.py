"""Sample entropy and scaling of many windows at once (definitions: `hrv.nonlinear`)."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from biofeedback.hrv.nonlinear import BOXES, TOLERANCE, box_residuals, bridged, exponents, matches, pattern_starts
from biofeedback.hrv.sliding.windows import Beats, Windows
from biofeedback.hrv.window import Bools, Floats, Ints

Narrow: TypeAlias = npt.NDArray[np.int32]

TOGETHER = 1024
"""So many windows at once are compared: their distances stay in the processor's cache."""
FAR = np.iinfo(np.int32).max


def sampen(windows: Windows, sdnn_ticks: Floats) -> Floats:
    """Sample entropy of each window, (rows,); NaN where no pattern matches."""
    beats = windows.beats
    radius = np.floor(TOLERANCE * np.where(windows.nn > 1, sdnn_ticks, -1.0)).astype(np.int32)
    parts = [slice(start, start + TOGETHER) for start in range(0, len(radius), TOGETHER)]
    in_order = len(radius) == windows.last[-1] - windows.last[0] + 1
    count = _matches if in_order else _one_by_one
    counts = [count(beats, windows.last[part], windows.count[part], radius[part]) for part in parts]
    pairs, triples = (np.concatenate([count[which] for count in counts]) for which in (0, 1))
    found = (triples > 0) & (windows.nn > 1)
    return np.where(found, np.log(np.where(found, pairs, 1) / np.where(found, triples, 1)), np.nan)


def _matches(beats: Beats, last: Ints, count: Ints, radius: Narrow) -> tuple[Ints, Ints]:
    """Matching pairs and triples of windows of `count` beats up to `last`, which follow one another.

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
    starts = np.zeros(len(beats.ok), bool)
    starts[pattern_starts(beats)] = True
    whole = (held >= 0) & starts[np.maximum(held, 0)]
    limits = np.where(np.arange(patterns)[:, None] >= most - count, radius, -1)
    near = np.empty((patterns, len(last)), bool)
    found = np.zeros((2, patterns, len(last)), np.uint8 if patterns < 256 else np.int32)
    for lag in range(1, patterns):
        width = patterns - lag
        for which, distance in enumerate(_distances(ticks, whole, lag)):
            step = distance.itemsize
            stretches: Narrow = np.ndarray((width, len(last)), distance.dtype, distance, 0, (step, step))
            part = np.less_equal(stretches, limits[:width], out=near[:width])
            found[which, :width] += part.view(np.uint8)
    pairs, triples = found.sum(axis=1, dtype=np.int64)
    return pairs, triples


def _one_by_one(beats: Beats, last: Ints, count: Ints, radius: Narrow) -> tuple[Ints, Ints]:
    """The same of windows that lie anywhere."""
    found = np.zeros((2, len(last)), np.int64)
    for row, (end, beats_in, limit) in enumerate(zip(last.tolist(), count.tolist(), radius.tolist(), strict=True)):
        held = beats.part(end - beats_in + 1, end + 1)
        found[:, row] = matches(held.ticks, pattern_starts(held), limit)
    return found[0], found[1]


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
