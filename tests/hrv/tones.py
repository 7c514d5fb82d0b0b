"""Intervals whose spectrum is known: the patterns of ANSI/AAMI EC57, coloured noise, and beats put where one likes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import pi, sin
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from biofeedback.hrv.summary import uncorrected
from biofeedback.hrv.ticks import ticks_to_us
from biofeedback.hrv.window import BeatWindow, window_of
from tests.strategies import MS

Floats: TypeAlias = npt.NDArray[np.float64]
Tone: TypeAlias = tuple[float, float]
"""Amplitude in ms and frequency in Hz."""


def pattern(base_ms: float, tones: Sequence[Tone], seconds: float) -> list[float]:
    """RR_(i+1) = base + sum of A sin(2 pi f t_i), ms, as long as they fit (HRV 3)."""
    return heart(lambda t: base_ms + sum(a * sin(2 * pi * f * t) for a, f in tones), seconds)


def heart(rr_ms: Callable[[float], float], seconds: float) -> list[float]:
    """Intervals in ms, each as long as `rr_ms` says at its opening beat (s)."""
    clock, found = 0.0, list[float]()
    while clock + (value := rr_ms(clock)) / 1000 <= seconds:
        found.append(value)
        clock += value / 1000
    return found


def ticks_of(values_ms: Sequence[float] | Floats) -> list[int]:
    """Intervals in ms as whole ticks."""
    return [round(float(value) * MS) for value in values_ms]


def plain(values_ms: Sequence[float] | Floats) -> BeatWindow:
    """A gap-free window of these intervals, none flagged."""
    return window_of(uncorrected(ticks_of(values_ms)))


def told(t_us: Sequence[int], ticks: Sequence[int]) -> BeatWindow:
    """A window of beats at these times that are said to be so long, whether or not the two agree."""
    span_s = (t_us[-1] - t_us[0] + ticks_to_us(ticks[0])) / 1e6
    return BeatWindow(
        tuple(t_us), tuple(ticks), (True,) * len(ticks), tuple(number > 0 for number in range(len(ticks))), span_s
    )


def apart(pieces: Sequence[Sequence[int]], hole_us: int = 3_000_000) -> tuple[BeatWindow, list[BeatWindow]]:
    """A window of pieces (ticks) with holes between them, and each piece as a window of its own at the same times."""
    clock_us, alone = 0, list[BeatWindow]()
    for piece in pieces:
        clock, t_us = 0, list[int]()
        for value in piece:
            clock += value
            t_us.append(clock_us + ticks_to_us(clock))
        alone.append(told(t_us, piece))
        clock_us = t_us[-1] + hole_us
    both = BeatWindow(
        tuple(t for one in alone for t in one.t_us),
        tuple(t for one in alone for t in one.ticks),
        tuple(ok for one in alone for ok in one.ok),
        tuple(follows for one in alone for follows in one.joined),
        (alone[-1].t_us[-1] - alone[0].opening_us) / 1e6,
    )
    return both, alone


def noise(count: int, seed: int, exponent: float = 0.0) -> Floats:
    """Gaussian noise of unit SD: 0 white, 1 pink, 2 Brown, the sum of white noise; 1 is summed half a time.

    Power falls as 1 / (2 sin(w / 2))^exponent, which is 1/f^exponent but for the fastest of two beats.
    """
    chance = np.random.default_rng(seed)  # noqa: TID251
    white: Floats = chance.standard_normal(2 * count)
    if not exponent:
        return white[:count]
    shape = np.fft.rfft(white)
    shape[0] = 0.0
    shape[1:] /= (2 * np.sin(np.pi * np.arange(1.0, len(shape)) / (2 * count))) ** (exponent / 2)
    coloured: Floats = np.fft.irfft(shape)[:count]
    coloured -= coloured.mean()
    coloured /= coloured.std()
    return coloured
