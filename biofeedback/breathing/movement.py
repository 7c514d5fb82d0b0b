"""Whether a person moves, from a strap's accelerometer: METHOD 1.4, calibrated by RULINGS D3.

Moving is an RMS above 30 mg between 1 and 10 Hz for 3 s. The band is cut by a Butterworth high-pass of fourth order
at 1 Hz, which lets 6 % of a breath's tilt at 0.5 Hz through and 0.8 % at 0.3 Hz, and one low-pass of second order at
10 Hz. Both are bilinear transforms with their corners warped into place, so that at 25 Hz, where 12.5 Hz is the
last frequency there is, 9 Hz still passes with 90 % and 5 Hz with all of its size.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from math import cos, pi, sqrt, tan
from typing import Final, TypeAlias

from biofeedback.breathing.acceleration import Sample

LOW_HZ: Final = 1.0
HIGH_HZ: Final = 10.0
THRESHOLD_MG: Final = 30.0
SECONDS: Final = 3
"""It must last so long to begin, and be over for so long to end."""

Coefficients: TypeAlias = tuple[float, float, float, float, float]
_DAMPING: Final = (2 * cos(pi / 8), 2 * cos(3 * pi / 8))
"""1/Q of the two halves of a Butterworth filter of fourth order."""


@dataclass(frozen=True, slots=True)
class Second:
    """One second of movement: `rms_mg` over the last three, `moving` whether the person moves."""

    rms_mg: float
    moving: bool


class Section:
    """A filter of second order in direct form; as if its input had always been what it was first."""

    def __init__(self, coefficients: Coefficients, first: float) -> None:
        self._b0, self._b1, self._b2, self._a1, self._a2 = coefficients
        self._x1 = self._x2 = first
        gain = (self._b0 + self._b1 + self._b2) / (1 + self._a1 + self._a2)
        self._y1 = self._y2 = gain * first

    def step(self, x: float) -> float:
        """The next value."""
        y = self._b0 * x + self._b1 * self._x1 + self._b2 * self._x2 - self._a1 * self._y1 - self._a2 * self._y2
        self._x2, self._x1 = self._x1, x
        self._y2, self._y1 = self._y1, y
        return y


def high_pass(corner_hz: float, fs_hz: float, damping: float) -> Coefficients:
    """b0 b1 b2 a1 a2 of a high-pass; `damping` is 1/Q."""
    k = tan(pi * corner_hz / fs_hz)
    norm = 1 + damping * k + k * k
    return 1 / norm, -2 / norm, 1 / norm, 2 * (k * k - 1) / norm, (1 - damping * k + k * k) / norm


def low_pass(corner_hz: float, fs_hz: float, damping: float) -> Coefficients:
    """b0 b1 b2 a1 a2 of a low-pass; `damping` is 1/Q."""
    k = tan(pi * corner_hz / fs_hz)
    norm = 1 + damping * k + k * k
    gain = k * k / norm
    return gain, 2 * gain, gain, 2 * (k * k - 1) / norm, (1 - damping * k + k * k) / norm


class Movement:
    """Follows one run of samples of `fs_hz`, from its first sample on; `moving`: as it was before the run."""

    def __init__(self, fs_hz: float, first: Sample, *, moving: bool = False) -> None:
        self._each_second = round(fs_hz)
        high = [high_pass(LOW_HZ, fs_hz, damping) for damping in _DAMPING]
        low = low_pass(HIGH_HZ, fs_hz, sqrt(2))
        self._axes = [
            (Section(high[0], value), Section(high[1], 0.0), Section(low, 0.0)) for value in map(float, first)
        ]
        self._sum = 0.0
        self._many = 0
        self._squares: deque[float] = deque(maxlen=SECONDS)
        self._moving = moving

    def step(self, sample: Sample) -> Second | None:
        """Take one sample; what the second was like that it ends, if it ends one."""
        for value, (first, second, third) in zip(sample, self._axes, strict=True):
            passed = third.step(second.step(first.step(value)))
            self._sum += passed * passed
        self._many += 1
        if self._many < self._each_second:
            return None
        self._squares.append(self._sum / self._many)
        self._sum, self._many = 0.0, 0
        above = [square > THRESHOLD_MG * THRESHOLD_MG for square in self._squares]
        if len(above) == SECONDS and len(set(above)) == 1:
            self._moving = above[0]
        return Second(sqrt(sum(self._squares) / len(self._squares)), self._moving)
