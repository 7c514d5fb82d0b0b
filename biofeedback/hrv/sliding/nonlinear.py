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

    Distances of beats `lag` apart lie in one row for all windows: a window is a stretch of it. Each window's stretch
    is made as long as the longest one's; before its own first beat nothing matches.
    """
    most = int(count.max())
    if most < 4:
        return np.zeros(len(last), np.int64), np.zeros(len(last), np.int64)
    patterns = most - 2
    begin = last - most + 1
    held = np.arange(begin.min(), int(last.max()) + 1)
    ticks = beats.ticks[np.maximum(held, 0)].astype(np.int32)
    whole = (held >= 0) & _whole(beats)[np.maximum(held, 0)]
    limits = np.where(np.arange(patterns) >= (most - count)[:, None], radius[:, None], -1)
    found = np.zeros((2, len(last), patterns), np.int32)
    near = np.empty((len(last), patterns), bool)
    rows = begin - begin[0] if len(last) == last[-1] - last[0] + 1 else None
    offsets = begin - held[0]
    for lag in range(1, patterns):
        pairs, triples = _distances(ticks, whole, lag)
        for which, distance in enumerate((pairs, triples)):
            views = np.lib.stride_tricks.sliding_window_view(distance, patterns - lag)
            views = views[offsets[0] : offsets[-1] + 1] if rows is not None else views[offsets]
            part = np.less_equal(views, limits[:, : patterns - lag], out=near[:, : patterns - lag])
            found[which, :, : patterns - lag] += part
    pairs_of, triples_of = found.sum(axis=2)
    return pairs_of, triples_of


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
