"""The power spectrum of the tachogram and what is read from it (Task Force 1996, HRV 2, RULINGS B2).

Welch: the least-squares line of each gap-free stretch removed (or smoothness priors, Tarvainen 2002, IEEE Trans
Biomed Eng 49:172), segments of up to 300 s, half overlapping, periodic Hann, at least 1024 points, one-sided density
in ms^2/Hz. A band's power is the sum of density times bin width over a half-open band. The spline keeps 0.995 of a
tone's power at 12 breaths a minute and 0.968 at 18; nothing makes up for that.

`lf_hf` is the ratio of two powers and no balance of anything: under nine breaths a minute the breath itself lies in
the LF band.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias, cast

import numpy as np

from biofeedback.hrv.tachogram import tachogram
from biofeedback.hrv.ticks import TICKS_PER_MS
from biofeedback.hrv.window import BeatWindow, Floats, Ints, stretches

Band: TypeAlias = tuple[float, float]

VLF: Final[Band] = (0.0033, 0.04)
LF: Final[Band] = (0.04, 0.15)
HF: Final[Band] = (0.15, 0.40)
TOTAL: Final[Band] = (0.0033, 0.40)
PEAK: Final[Band] = (0.04, 0.40)
GRID_HZ: Final = 4
SEGMENT: Final = 300 * GRID_HZ
"""Points of a segment of full length."""
POINTS: Final = 1024
"""A segment is filled up with zeros to at least so many points."""
TOGETHER: Final = 256
"""So many windows at once are transformed: more than that the processor's cache does not hold."""
LAMBDA: Final = 500.0
NOTHING_UNDER_MS2_HZ: Final = 1e-5
"""Density that rounding to ticks alone can leave; a spectrum below it has no peak."""


@dataclass(frozen=True, slots=True)
class Spectrum:
    """One-sided density up to 0.40 Hz, (bins,) ms^2/Hz; bin k lies at k `hz` / `points`."""

    density: Floats
    hz: int
    points: int

    def power_ms2(self, band: Band) -> float:
        """Power in a half-open band."""
        return float(band_power(self.density, band, self.hz, self.points))

    def peak_hz(self, band: Band) -> float | None:
        """Where the largest local maximum inside the band lies, None when there is none."""
        bin_ = int(peak_bins(self.density[None, :], band, self.hz, self.points)[0])
        return bin_ * self.hz / self.points if bin_ else None


def bins_of(band: Band, hz: int, points: int) -> range:
    """The bins of a half-open band."""
    low, high = (next(k for k in range(points) if k * hz / points >= edge) for edge in band)
    return range(low, high)


_bins = lru_cache(maxsize=64)(bins_of)


def band_power(density: Floats, band: Band, hz: int, points: int) -> Floats:
    """Power of each row (..., bins) in a band, ms^2."""
    inside = _bins(band, hz, points)
    power: Floats = np.add.reduce(density[..., inside.start : inside.stop], axis=-1) * (hz / points)
    return power


def peak_bins(density: Floats, band: Band, hz: int, points: int) -> Ints:
    """The bin of the largest local maximum of each row (rows, bins) inside a band; 0 when there is none."""
    inside = _bins(band, hz, points)
    here = density[:, inside.start : inside.stop]
    before, after = (density[:, inside.start + step : inside.stop + step] for step in (-1, 1))
    rising = (here > before) & (here >= after) & (here > NOTHING_UNDER_MS2_HZ)
    best = np.where(rising, here, 0.0).argmax(axis=1)
    return np.where(rising[np.arange(len(best)), best], best + inside.start, 0)


@lru_cache(maxsize=256)
def hann(count: int, width: int) -> Floats:
    """A periodic Hann window of `count` points, filled up with zeros to `width`."""
    window = np.zeros(width)
    window[:count] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(count) / count)
    return window


def without_line(rows: Floats, counts: Ints) -> Floats:
    """Each row (rows, width) of whole ticks less the least-squares line of its first `counts` points, ticks.

    Behind them a row holds nought. Sums of whole numbers are exact, in whatever order they are made.
    """
    place = np.arange(float(rows.shape[1]))
    total, moment = rows.sum(axis=1), np.einsum("ij,j->i", rows, place)
    slope = (2 * moment - total * (counts - 1)) / (counts * (counts * counts - 1) // 6)
    start = total / counts - slope * ((counts - 1) / 2)
    rest: Floats = slope[:, None] * place
    rest += start[:, None]
    return np.subtract(rows, rest, out=rest)


def densities(rows: Floats, windows: Floats, counts: Ints, hz: int, points: int) -> Floats:
    """One-sided density of each row (rows, width) of ticks under its window, (rows, bins) ms^2/Hz up to 0.40 Hz."""
    bins = _bins(TOTAL, hz, points).stop + 1
    found = np.fft.rfft(rows * windows, points, axis=1)[:, :bins]
    scale = 2 / (hz * 0.375 * counts * TICKS_PER_MS**2)
    return (found.real * found.real + found.imag * found.imag) * scale[:, None]


def density_of_rows(rows: Floats, counts: Ints, hz: int, points: int) -> Floats:
    """Density of rows (rows, width) of a tachogram in ticks, each one segment of `counts` points."""
    shortest = int(counts.min())
    if shortest == counts.max():
        return densities(without_line(rows, counts), hann(shortest, rows.shape[1]), counts, hz, points)
    windows = np.array([hann(count, rows.shape[1]) for count in range(shortest, int(counts.max()) + 1)])
    return densities(without_line(rows, counts), windows[counts - shortest], counts, hz, points)


def spectrum(window: BeatWindow, least_s: float) -> Spectrum | None:
    """Welch's spectrum over the stretches that hold `least_s` seconds, None when there is none."""
    return window.remember(f"spectrum {least_s:g}", lambda held: _welch(held, least_s))


def _welch(window: BeatWindow, least_s: float) -> Spectrum | None:
    series = [values for piece in window.pieces(least_s) if len(values := tachogram(piece))]
    if not series:
        return None
    points = max(POINTS, min(SEGMENT, max(len(values) for values in series)))
    found = [_segments(values, window.detrend, points) for values in series]
    rows = np.concatenate(found)
    return Spectrum(rows[0] if len(rows) == 1 else rows.mean(axis=0), GRID_HZ, points)


def _segments(values: Floats, detrend: str, points: int) -> Floats:
    """Densities of the segments of one stretch, (segments, bins)."""
    count = np.array([len(values)])
    rows = without_line(values[None, :], count) if detrend == "linear" else without_trend(values)[None, :]
    if len(values) > SEGMENT:
        rows = stretches(rows[0], SEGMENT)[:: SEGMENT // 2]
        rows, count = rows - rows.mean(axis=1, keepdims=True), np.full(len(rows), SEGMENT)
    return densities(rows, hann(rows.shape[1], rows.shape[1])[None, :], count, GRID_HZ, points)


def without_trend(values: Floats, weight: float = LAMBDA) -> Floats:
    """A tachogram at 4 Hz less its smoothness-priors trend and its mean (Tarvainen 2002), ticks.

    With `weight` 500 a tone at 0.04 Hz keeps 0.63 of its power, one at 0.1 Hz 0.987.
    """
    count, square = len(values), weight * weight
    second = np.zeros((3, count))
    diagonal = np.full(count, 6.0)
    diagonal[[0, -1]], diagonal[[1, -2]] = 1.0, 5.0
    beside = np.full(count, -4.0)
    beside[[1, -1]] = -2.0
    second[2], second[1], second[0] = 1 + square * diagonal, square * beside, square
    centred = values - values.mean()
    from scipy import linalg  # pyright: ignore[reportMissingTypeStubs] - scipy has no types

    trend: Floats = np.asarray(cast(Any, linalg).solveh_banded(second, centred), dtype=np.float64)
    rest: Floats = centred - trend
    rest -= rest.mean()
    return rest


def vlf_ms2(window: BeatWindow) -> float | None:
    """Power from 0.0033 to 0.04 Hz, ms^2, over stretches of 300 s: the slowest hundredths hold a cycle or two."""
    return _power_ms2(window, VLF, 300)


def lf_ms2(window: BeatWindow) -> float | None:
    """Power from 0.04 to 0.15 Hz, ms^2, over stretches of 120 s."""
    return _power_ms2(window, LF, 120)


def hf_ms2(window: BeatWindow) -> float | None:
    """Power from 0.15 to 0.40 Hz, ms^2, over stretches of 60 s."""
    return _power_ms2(window, HF, 60)


def total_ms2(window: BeatWindow) -> float | None:
    """Power from 0.0033 to 0.40 Hz, ms^2, over stretches of 300 s."""
    return _power_ms2(window, TOTAL, 300)


def lf_hf(window: BeatWindow) -> float | None:
    """LF power over HF power, both over stretches of 120 s; None without HF power."""
    found = spectrum(window, 120)
    if found is None or (hf := found.power_ms2(HF)) <= 0:
        return None
    return found.power_ms2(LF) / hf


def peak_hz(window: BeatWindow) -> float | None:
    """Where the spectrum's largest local maximum from 0.04 to 0.40 Hz lies, Hz; None without one."""
    found = spectrum(window, 60)
    return None if found is None else found.peak_hz(PEAK)


def _power_ms2(window: BeatWindow, band: Band, least_s: float) -> float | None:
    found = spectrum(window, least_s)
    return None if found is None else found.power_ms2(band)
