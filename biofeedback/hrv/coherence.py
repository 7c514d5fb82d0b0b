"""Coherence as an open ratio: how much of the rhythm's power lies in one narrow peak (McCraty & Shaffer 2015).

Over 64 s at 2 Hz: CR = peak / (total - peak), the peak within 0.015 Hz of the largest local maximum from 0.04 to
0.26 Hz, the total from 0.0033 to 0.40 Hz (RULINGS B2). The scale of a well-known product, 0 to 16, is unpublished
and is not this one. A window without a local maximum has no coherence; the edge of the band is none.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan
from statistics import median
from typing import Final

import numpy as np

from biofeedback.hrv.spectrum import GRID_HZ, POINTS, TOGETHER, TOTAL, Band, band_power, density_of_rows, peak_bins
from biofeedback.hrv.tachogram import curve_of, enough
from biofeedback.hrv.ticks import ticks_to_us
from biofeedback.hrv.window import FULL, BeatWindow, Floats, Ints

HZ: Final = 2
WINDOW_S: Final = 64.0
EVERY: Final = GRID_HZ // HZ
"""Of the tachogram's points, each second."""
EVERY_US: Final = 5_000_000
"""In a longer stretch a window begins every five seconds."""
SEARCHED: Final[Band] = (0.04, 0.26)
AROUND: Final = int(0.015 * POINTS / HZ)
"""Bins on either side that belong to the peak: those within 0.015 Hz."""


@dataclass(frozen=True, slots=True)
class Coherence:
    """Of some windows: the ratio and where its peak lies, (rows,); NaN where there is none."""

    ratio: Floats
    peak_hz: Floats


def coherence_of_rows(rows: Floats, counts: Ints) -> Coherence:
    """Coherence of rows (rows, width) of a 2 Hz tachogram in ticks, `counts` points each."""
    density = density_of_rows(rows, counts, HZ, POINTS)
    peaks = peak_bins(density, SEARCHED, HZ, POINTS)
    there = peaks > 0
    around = np.where(there, peaks, AROUND)[:, None] + np.arange(-AROUND, AROUND + 1)
    peak = np.add.reduce(np.take_along_axis(density, around, axis=1), axis=1) * (HZ / POINTS)
    rest = band_power(density, TOTAL, HZ, POINTS) - peak
    there &= rest > 0
    return Coherence(
        np.where(there, peak / np.where(there, rest, 1.0), np.nan), np.where(there, peaks * (HZ / POINTS), np.nan)
    )


def ratio(window: BeatWindow) -> float | None:
    """Median ratio over all full windows of 64 s, no unit; None when more than half of them have no peak."""
    return _median(window, "ratio")


def peak_hz(window: BeatWindow) -> float | None:
    """Median place of the peak over all full windows of 64 s, Hz; None when more than half of them have none."""
    return _median(window, "peak_hz")


def _median(window: BeatWindow, what: str) -> float | None:
    found = window.remember("coherence", _over)
    values = [value for value in getattr(found, what).tolist() if not isnan(value)]
    return median(values) if values and 2 * len(values) >= len(found.ratio) else None


def _over(window: BeatWindow) -> Coherence:
    """Coherence of every full window; one begins every five seconds of each gap-free piece."""
    pieces = [Coherence(np.empty(0), np.empty(0)), *(_piece(piece) for piece in window.pieces(WINDOW_S))]
    ratio, peaks = (np.concatenate([getattr(piece, name) for piece in pieces]) for name in ("ratio", "peak_hz"))
    return Coherence(ratio, peaks)


def _piece(piece: BeatWindow) -> Coherence:
    held, length_us = piece.arrays, round(WINDOW_S * 1e6)
    latest_us = max(piece.opening_us, piece.t_us[-1] - round(FULL * length_us))
    start_us = np.arange(piece.opening_us, latest_us + 1, EVERY_US)
    accepted = np.append(0, np.cumsum(held.ok))
    openings = held.t_us - ticks_to_us(held.ticks)
    first = accepted[np.searchsorted(openings, start_us)]
    last = accepted[np.searchsorted(held.t_us, start_us + length_us, side="right")] - 1
    full = enough(held.t_us[held.ok], first, last)
    found = Coherence(np.full(len(start_us), np.nan), np.full(len(start_us), np.nan))
    if full.any():
        curve, offset = curve_of(piece)
        chosen = np.flatnonzero(full)
        for start in range(0, len(chosen), TOGETHER):
            rows = chosen[start : start + TOGETHER]
            some = coherence_of_rows(*curve.rows(first[rows] + offset, last[rows] + offset, EVERY))
            found.ratio[rows], found.peak_hz[rows] = some.ratio, some.peak_hz
    return found
