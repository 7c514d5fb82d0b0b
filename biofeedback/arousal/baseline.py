"""The paced baseline of one session, and how far the heart is from it now (METHOD 1.3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log
from statistics import fmean, median
from typing import Final

LEAST_SPREAD: Final = 0.015
"""No baseline is steadier than this in ln bpm: about 1 bpm at 70."""
MAD_TO_SD: Final = 1.4826
LEAST_LEVELS: Final = 10


@dataclass(frozen=True, slots=True)
class Baseline:
    """Centre and robust spread of the one-breath levels, in ln bpm."""

    centre: float
    spread: float

    @property
    def bpm(self) -> float:
        """The baseline as a heart rate."""
        return exp(self.centre)

    def delta_bpm(self, bpm: float) -> float:
        """How far a level is from the baseline, bpm."""
        return bpm - self.bpm

    def z(self, bpm: float) -> float:
        """The same in units of the baseline's own spread."""
        return (log(bpm) - self.centre) / self.spread


def paced_baseline(levels_bpm: Sequence[float]) -> Baseline | None:
    """Median and scaled MAD of one-breath levels; None when there are too few to say."""
    if len(levels_bpm) < LEAST_LEVELS:
        return None
    logs = [log(level) for level in levels_bpm]
    centre = median(logs)
    return Baseline(centre, max(LEAST_SPREAD, MAD_TO_SD * median(abs(level - centre) for level in logs)))


def slope_bpm_per_min(times_us: Sequence[int], levels_bpm: Sequence[float]) -> float | None:
    """Least-squares slope of levels over time, bpm a minute; None under three levels."""
    if len(levels_bpm) < 3:
        return None
    middle_t, middle = fmean(times_us), fmean(levels_bpm)
    across = sum((t - middle_t) ** 2 for t in times_us)
    if across == 0:
        return None
    along = sum((t - middle_t) * (level - middle) for t, level in zip(times_us, levels_bpm, strict=True))
    return along / across * 60e6
