"""Numbers with a unit as ticks, and the rule for numbers without one (FORMATS 1.3). Never guessed silently."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import Final

from biofeedback.errors import ImportRefused
from biofeedback.formats.lines import NUMBER
from biofeedback.hrv.ticks import TICKS_OF_STRAP, TICKS_PER_MS, TICKS_PER_S

EXACT: Final = 60
"""Digits that hold any number we read times any unit."""
_TICKS: Final[dict[str, int]] = {"ms": TICKS_PER_MS, "s": TICKS_PER_S, "1/1024": TICKS_OF_STRAP}
UNIT_WORDS: Final = "ms, s, 1/1024 or samples@HZ (for example samples@256)"
FASTEST_HZ: Final = 1_000_000
LARGEST_TICKS: Final = 2**62


@dataclass(frozen=True, slots=True)
class Told:
    """A unit and how it is known; without `unit`, why somebody has to say it."""

    unit: str | None
    rule: str


def unit_of(values: Sequence[Decimal]) -> Told:
    """The unit of bare numbers by the median of all of them."""
    middle = float(median(values))
    if len(values) > 2 and all(early < late for early, late in pairwise(values)):
        return Told(None, "its numbers only rise, they could be times or positions of beats")
    if 300 <= middle <= 2200:
        return Told("ms", "median between 300 and 2200")
    if 0.30 <= middle <= 2.2:
        return Told("s", "median between 0.30 and 2.2")
    return Told(None, f"their median is {middle:g}, which is no usual interval in ms or s")


def ticks_each(unit: str) -> Fraction:
    """Ticks of 1/1 024 000 s in one of `unit`. Raises ImportRefused for a unit that is none."""
    if unit in _TICKS:
        return Fraction(_TICKS[unit])
    rate = unit.removeprefix("samples@").replace(",", ".")
    if unit.startswith("samples@") and NUMBER.match(rate) and 0 < Fraction(rate) <= FASTEST_HZ:
        return Fraction(TICKS_PER_S) / Fraction(rate)
    raise ImportRefused(f"there is no unit '{unit}'.", f"Choose {UNIT_WORDS}.")


def ticks_of(values: Sequence[Decimal], each: Fraction) -> array[int]:
    """Values of `each` ticks as whole ticks, half to even, by exact arithmetic. Raises ImportRefused when too large."""
    if each.denominator > 1:
        found = [round(Fraction(value) * each) for value in values]
    else:
        with localcontext(prec=EXACT, rounding=ROUND_HALF_EVEN):
            found = [int((value * each.numerator).to_integral_value()) for value in values]
    if any(not -LARGEST_TICKS < value < LARGEST_TICKS for value in found):
        raise ImportRefused("a number in it is no time of this world.", "Check the unit and the column.")
    return array("q", found)


def between(positions: Sequence[int]) -> array[int]:
    """The intervals between times of beats that were rounded by themselves (RULINGS A7), in ticks."""
    return array("q", [late - early for early, late in pairwise(positions)])
