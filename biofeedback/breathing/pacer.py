"""The pacer (METHOD 2.1): a schedule of breaths and the pure functions that read it.

The pacer on screen, the tone, the cues and the report all call `position`; nothing else knows where a breath is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, cos, pi
from typing import Final, TypeAlias

SPONTANEOUS_RATE: Final = 12.0
"""Breaths a minute from which the ramp leads when the person's own rate is not measured."""
SPONTANEOUS_RATES: Final = (8.0, 20.0)
"""A ramp begins at a measured rate inside these: below, nothing is left to slow down; above, it would take too long."""
LONGER_BY: Final = 1.08
"""A breath of the ramp is at most this much longer than the one before."""
DEFAULT_RATE: Final = 6.0
DEFAULT_INHALE: Final = 0.40
MINUTE_US: Final = 60_000_000


@dataclass(frozen=True, slots=True)
class Stretch:
    """Breaths of one length from `start_us` on, which is phase 0; `rate` None: no pacer from here on."""

    start_us: int
    rate: float | None
    inhale: float = DEFAULT_INHALE

    @property
    def breath_us(self) -> float:
        """Length of one breath, microseconds; only of a stretch that has a pacer."""
        if self.rate is None:
            raise ValueError("a stretch without a pacer has no breath length")
        return MINUTE_US / self.rate

    def breath_start_us(self, number: int) -> int:
        """When breath `number` (from 0) begins."""
        return self.start_us + round(number * self.breath_us)


Schedule: TypeAlias = tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class Position:
    """Where a breath is: `phase` 0-1, whether it goes in, and how full the chest is, 0-1."""

    phase: float
    inhaling: bool
    fullness: float
    rate: float


def stretch_at(schedule: Schedule, t_us: int) -> Stretch | None:
    """The stretch in force, None before the first one."""
    current = None
    for stretch in schedule:
        if stretch.start_us > t_us:
            break
        current = stretch
    return current


def position(schedule: Schedule, t_us: int) -> Position | None:
    """Where the paced breath is at `t_us`; None while there is no pacer."""
    stretch = stretch_at(schedule, t_us)
    if stretch is None or stretch.rate is None:
        return None
    phase = ((t_us - stretch.start_us) / stretch.breath_us) % 1.0
    inhaling = phase < stretch.inhale
    share = phase / stretch.inhale if inhaling else (1 - phase) / (1 - stretch.inhale)
    return Position(phase, inhaling, (1 - cos(pi * share)) / 2, stretch.rate)


def next_exhale_us(schedule: Schedule, t_us: int) -> int:
    """The first beginning of an exhale at or after `t_us`; `t_us` itself while there is no pacer."""
    return _next_at_phase(schedule, t_us, exhale=True)


def next_inhale_us(schedule: Schedule, t_us: int) -> int:
    """The first beginning of an inhale at or after `t_us`; `t_us` itself while there is no pacer."""
    return _next_at_phase(schedule, t_us, exhale=False)


def _next_at_phase(schedule: Schedule, t_us: int, *, exhale: bool) -> int:
    for stretch, following in _with_next(_from(schedule, t_us)):
        if stretch.rate is None:
            return max(t_us, stretch.start_us)
        within = round((stretch.inhale if exhale else 0.0) * stretch.breath_us)
        number = max(0, ceil((t_us - within - stretch.start_us) / stretch.breath_us - 1e-9))
        found = stretch.breath_start_us(number) + within
        if following is None or found < following.start_us:
            return max(t_us, found)
    return t_us


def _from(schedule: Schedule, t_us: int) -> Schedule:
    current = stretch_at(schedule, t_us)
    return schedule if current is None else schedule[schedule.index(current) :]


def _with_next(schedule: Schedule) -> list[tuple[Stretch, Stretch | None]]:
    return list(zip(schedule, [*schedule, None][1:], strict=True))


def ramp_start(measured_rate: float) -> float:
    """Where a ramp begins for somebody who breathes so fast by themselves (RULINGS D1)."""
    least, most = SPONTANEOUS_RATES
    return min(max(measured_rate, least), most)


def ramp_rates(to_rate: float, from_rate: float = SPONTANEOUS_RATE) -> Sequence[float]:
    """The rate of each breath that leads from `from_rate` to `to_rate`, each at most 8 % longer than the last.

    The first ramp breath is already longer: from 12 to 6 a minute takes 9 breaths, 67 s (RULINGS G).
    """
    rates: list[float] = []
    rate = from_rate / LONGER_BY
    while rate > to_rate:
        rates.append(rate)
        rate /= LONGER_BY
    return rates


def ramp(start_us: int, to_rate: float, inhale: float, from_rate: float = SPONTANEOUS_RATE) -> Schedule:
    """One stretch a ramp breath from `start_us`, then the pace itself."""
    stretches: list[Stretch] = []
    at = start_us
    for rate in ramp_rates(to_rate, from_rate):
        stretches.append(Stretch(at, rate, inhale))
        at = stretches[-1].breath_start_us(1)
    return (*stretches, Stretch(at, to_rate, inhale))


def breaths_for(seconds: float, rate: float) -> int:
    """The least number of whole breaths that last at least `seconds` (RULINGS E4)."""
    return ceil(seconds * rate / 60 - 1e-9)


def breaths_within(seconds: float, rate: float) -> int:
    """The most whole breaths that fit into `seconds` (RULINGS E4)."""
    return int(seconds * rate / 60 + 1e-9)
