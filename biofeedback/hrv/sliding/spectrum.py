"""Spectra and coherence of many gap-free windows at once (definitions: `hrv.spectrum`, `hrv.coherence`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import numpy as np

from biofeedback.hrv import coherence
from biofeedback.hrv.sliding.windows import Beats, Windows
from biofeedback.hrv.spectrum import GRID_HZ, HF, LF, PEAK, POINTS, TOGETHER, band_power, density_of_rows, peak_bins
from biofeedback.hrv.tachogram import LEAST_KNOTS, Curve, begins, enough
from biofeedback.hrv.window import Bools, Floats, Ints

MOST: Final = 120 * GRID_HZ + 1
"""So many points the longest window's tachogram can have."""

Read: TypeAlias = Callable[[Floats, Ints], Mapping[str, Floats]]
"""What is read from tachograms (rows, width) with so many points each."""


class Spectra:
    """The curve through a stretch of beats, and what is read from the tachograms of `rows` windows on it."""

    def __init__(self, beats: Beats, rows: int) -> None:
        self._ranks = beats.ranks
        first = begins(beats.joined, beats.ok)
        self._curve = Curve(beats.t_us[beats.accepted], beats.ticks[beats.accepted], first)
        if len(beats.accepted) >= max(LEAST_KNOTS, 2 * rows // 3) and 2 * rows > len(beats.accepted):
            self._curve.tabulate(MOST)

    def minute(self, windows: Windows, wanted: Bools) -> dict[str, Floats]:
        """Metrics of windows of 60 s, (rows,) each; NaN where one is not wanted or cannot be given."""
        return self._read(windows, wanted, ("hf_ms2", "peak_hz"), 1, _read_minute)

    def two_minutes(self, windows: Windows, wanted: Bools) -> dict[str, Floats]:
        """Metrics of windows of 120 s."""
        return self._read(windows, wanted, ("lf_ms2", "lf_hf"), 1, _read_two_minutes)

    def coherence(self, windows: Windows, wanted: Bools) -> dict[str, Floats]:
        """Coherence of windows of 64 s."""
        return self._read(windows, wanted, ("coherence_ratio", "coherence_peak_hz"), coherence.EVERY, _read_coherence)

    def _read(
        self, windows: Windows, wanted: Bools, names: tuple[str, ...], every: int, read: Read
    ) -> dict[str, Floats]:
        first, last = self._ranks[windows.first], self._ranks[windows.last + 1] - 1
        chosen = np.flatnonzero(wanted & enough(self._curve.t_us, first, last))
        values = {name: np.full(len(first), np.nan) for name in names}
        for start in range(0, len(chosen), TOGETHER):
            rows = chosen[start : start + TOGETHER]
            for name, found in read(*self._curve.rows(first[rows], last[rows], every)).items():
                values[name][rows] = found
        return values


def _read_minute(rows: Floats, counts: Ints) -> Mapping[str, Floats]:
    density = density_of_rows(rows, counts, GRID_HZ, POINTS)
    peaks = peak_bins(density, PEAK, GRID_HZ, POINTS)
    return {
        "hf_ms2": band_power(density, HF, GRID_HZ, POINTS),
        "peak_hz": np.where(peaks > 0, peaks * GRID_HZ / POINTS, np.nan),
    }


def _read_two_minutes(rows: Floats, counts: Ints) -> Mapping[str, Floats]:
    density = density_of_rows(rows, counts, GRID_HZ, POINTS)
    lf, hf = (band_power(density, band, GRID_HZ, POINTS) for band in (LF, HF))
    return {"lf_ms2": lf, "lf_hf": np.where(hf > 0, lf / np.where(hf > 0, hf, 1.0), np.nan)}


def _read_coherence(rows: Floats, counts: Ints) -> Mapping[str, Floats]:
    found = coherence.coherence_of_rows(rows, counts)
    return {"coherence_ratio": found.ratio, "coherence_peak_hz": found.peak_hz}
