"""The breathing rate that a strap's accelerometer shows: the chest tilts with each breath.

Five values a second, without their slope and bend; of the three axes the direction that moves most; on it, one sine
of each rate by least squares. The best rate is the answer, and the share of the movement that its sine explains is
the quality. From 10 breaths a minute on the last 30 s are looked at, since nobody breathes like a clock; slower rates,
down to 4, need 40 s. An axis that is stuck, noise, talk and shuffling are not one sine and score low; the slowest and
the fastest rate that are tried stand for drift and noise, and score nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from math import cos, pi, sin, sqrt
from operator import mul
from typing import Final, TypeAlias

from biofeedback.breathing.acceleration import Sample

GOOD: Final = 0.6
"""From this quality on a rate is used and shown. `benchmarks/motion.py` tells how often it is then wrong."""
SLOW_HZ: Final = 5.0
LONG: Final = 200
SHORT: Final = 150
"""Values in 40 and in 30 s."""
LEAST_RMS_MG: Final = 1.5
"""Less is the noise of the sensor: an axis that is stuck, or no chest."""
SLOWEST: Final = 4.0
BRISK: Final = 10.0
"""Breaths a minute from which the short window is used."""
FASTEST: Final = 42.0
STEP: Final = 0.5
BRISK_RATES: Final = tuple(BRISK + STEP * number for number in range(-1, round((FASTEST - BRISK) / STEP) + 1))
ALL_RATES: Final = tuple(SLOWEST + STEP * number for number in range(-1, round((FASTEST - SLOWEST) / STEP) + 1))
"""What is tried: from one step below, which stands for everything slower."""
_NEEDED: Final = (*((SHORT, rate) for rate in BRISK_RATES), *((LONG, rate) for rate in ALL_RATES))
_TURNS: Final = 12
"""Squarings of a covariance: the second largest part is then gone, unless it is as large."""

Row: TypeAlias = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """A breathing rate a minute, None when there is none, and how far it can be trusted, 0 to 1."""

    rate: float | None
    quality: float


NOTHING: Final = Measured(None, 0.0)


class BreathTrace:
    """Keeps the slow tilt of one run of samples of `fs_hz`."""

    def __init__(self, fs_hz: float) -> None:
        self._each = max(1, round(fs_hz / SLOW_HZ))
        self._sum = (0, 0, 0)
        self._many = 0
        self._slow: deque[tuple[float, float, float]] = deque(maxlen=LONG)
        self._ready = 0

    def step(self, sample: Sample) -> None:
        """Take one sample."""
        self._sum = (self._sum[0] + sample[0], self._sum[1] + sample[1], self._sum[2] + sample[2])
        self._many += 1
        if self._many == self._each:
            x, y, z = self._sum
            self._slow.append((x / self._each, y / self._each, z / self._each))
            self._sum, self._many = (0, 0, 0), 0
            self._prepare()

    def _prepare(self) -> None:
        """Make one sine at a time, so that no look makes a live session wait for all of them."""
        if self._ready < len(_NEEDED):
            _wave(*_NEEDED[self._ready])
            self._ready += 1

    def forget(self) -> None:
        """Somebody moved: breath before and after are not on one axis."""
        self._slow.clear()

    def measure(self, fs_hz: float) -> Measured:
        """The rate of the last 40 s, when samples come at `fs_hz`."""
        if len(self._slow) < SHORT:
            return NOTHING
        found = rate_of(*zip(*self._slow, strict=True))
        if found.rate is None:
            return found
        return Measured(found.rate * fs_hz / (self._each * SLOW_HZ), found.quality)


def rate_of(x: Sequence[float], y: Sequence[float], z: Sequence[float]) -> Measured:
    """The breathing rate of 150 values an axis or more, five a second, in mg."""
    brisk = _best(x[-SHORT:], y[-SHORT:], z[-SHORT:], BRISK_RATES)
    if len(x) < LONG:
        return brisk
    slow = _best(x[-LONG:], y[-LONG:], z[-LONG:], ALL_RATES)
    return slow if slow.rate is not None and slow.rate < BRISK else brisk


def _best(x: Sequence[float], y: Sequence[float], z: Sequence[float], rates: Sequence[float]) -> Measured:
    """The one of these rates whose sine explains most; none when it is the first or the last."""
    axes = [_level(axis) for axis in (x, y, z)]
    trace = _along(_main_direction(axes), axes)
    total = _dot(trace, trace)
    if total < LEAST_RMS_MG * LEAST_RMS_MG * len(trace):
        return NOTHING
    waves = (_wave(len(trace), rate) for rate in rates)
    powers = [_dot(trace, in_phase) ** 2 + _dot(trace, across) ** 2 for in_phase, across in waves]
    best = max(range(len(powers)), key=powers.__getitem__)
    if best in (0, len(powers) - 1):
        return NOTHING
    before, peak, after = powers[best - 1 : best + 2]
    bend = before - 2 * peak + after
    shift = (before - after) / (2 * bend) if bend else 0.0
    summit = peak - (before - after) * shift / 4
    return Measured(rates[best] + shift * STEP, min(1.0, summit / total))


def _dot(left: Iterable[float], right: Iterable[float]) -> float:
    return float(sum(map(mul, left, right)))


@cache
def _wave(values: int, rate: float) -> tuple[Row, Row]:
    """A cosine and a sine of a rate, as a levelled axis holds them, orthogonal and of length 1."""
    angle = 2 * pi * rate / 60 / SLOW_HZ
    in_phase = _unit(_level([cos(angle * place) for place in range(values)]))
    across = _level([sin(angle * place) for place in range(values)])
    shared = _dot(in_phase, across)
    return in_phase, _unit([value - shared * along for value, along in zip(across, in_phase, strict=True)])


def _unit(row: Sequence[float]) -> Row:
    length = sqrt(_dot(row, row))
    return tuple(value / length for value in row)


@cache
def _trends(values: int) -> tuple[Row, ...]:
    """Constant, slope and bend, orthogonal and of length 1."""
    middle = (values - 1) / 2
    slope = [place - middle for place in range(values)]
    square = sum(value * value for value in slope) / values
    rows = ([1.0] * values, slope, [value * value - square for value in slope])
    return tuple(_unit(row) for row in rows)


def _level(axis: Sequence[float]) -> list[float]:
    """An axis without its mean, slope and bend."""
    left = list(axis)
    for trend in _trends(len(axis)):
        share = _dot(left, trend)
        left = [value - share * step for value, step in zip(left, trend, strict=True)]
    return left


def _main_direction(axes: Sequence[Sequence[float]]) -> tuple[float, float, float]:
    """The direction in which three axes move most, of length 1: squaring their covariance leaves its largest part."""
    matrix = [[_dot(left, right) for right in axes] for left in axes]
    for _ in range(_TURNS):
        size = sum(matrix[place][place] for place in range(3))
        if not size:
            return 1.0, 0.0, 0.0
        scaled = [[value / size for value in row] for row in matrix]
        matrix = [[_dot(row, column) for column in zip(*scaled, strict=True)] for row in scaled]
    x, y, z = max(matrix, key=lambda row: _dot(row, row))
    length = sqrt(x * x + y * y + z * z)
    return x / length, y / length, z / length


def _along(direction: tuple[float, float, float], axes: Sequence[Sequence[float]]) -> list[float]:
    a, b, c = direction
    return [a * x + b * y + c * z for x, y, z in zip(*axes, strict=True)]
