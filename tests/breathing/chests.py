"""Made-up frames of an accelerometer, for the tests of movement and breath."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import pi, sin

from biofeedback.breathing.acceleration import delta_coded
from biofeedback.events import Acc

Axes = Callable[[float], tuple[float, float, float]]
"""x, y, z in mg at a time in s."""
CLOCK_NS = 599_616_000_000_000_000
GRAVITY = (-60.0, -985.0, 150.0)


def still(_: float) -> tuple[float, float, float]:
    """A strap on a table."""
    return GRAVITY


def swinging(*parts: tuple[float, float], axis: int = 2) -> Axes:
    """Gravity, and on one axis sines of so many mg and Hz."""

    def at(t: float) -> tuple[float, float, float]:
        values = list(GRAVITY)
        values[axis] += sum(size * sin(2 * pi * hz * t) for size, hz in parts)
        return values[0], values[1], values[2]

    return at


def frames(
    axes: Axes,
    seconds: float,
    *,
    fs: float = 25.0,
    asked: int | None = 25,
    many: int = 36,
    clock_ns: int = CLOCK_NS,
    delay_us: Callable[[int], int] = lambda number: 30_000 + 7_000 * (number % 5),
    from_s: float = 0.0,
) -> Iterator[Acc]:
    """Frames of `many` samples taken at `fs`, the first at `from_s`; `delay_us` is how long each is on its way."""
    for number in range(int(seconds * fs) // many):
        times = [from_s + (number * many + place) / fs for place in range(many)]
        xyz_mg = [(round(x), round(y), round(z)) for x, y, z in map(axes, times)]
        rx = round(times[-1] * 1e6) + delay_us(number)
        yield Acc(rx, "s1", rx, clock_ns + round(times[-1] * 1e9), asked, delta_coded(xyz_mg))
