"""Numbers with a unit as ticks, and the rule for numbers without one (FORMATS 1.3). Never guessed silently."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import Final, TypeVar

from biofeedback.errors import ImportRefused
from biofeedback.formats.lines import NUMBER, interval_of
from biofeedback.hrv.ticks import TICKS_OF_STRAP, TICKS_PER_MS, TICKS_PER_S

EXACT: Final = 60
"""Digits that hold any number we read times any unit."""
_TICKS: Final[dict[str, int]] = {"ms": TICKS_PER_MS, "s": TICKS_PER_S, "1/1024": TICKS_OF_STRAP}
UNIT_WORDS: Final = "ms, s, 1/1024 or samples@HZ (for example samples@256)"
FASTEST_HZ: Final = 1_000_000
LARGEST_TICKS: Final = 2**62
SHORTEST_MS: Final = 150
LONGEST_MS: Final = 3000
"""Between these lies the median of all real recordings; outside, a heading's unit is not that of its numbers."""
AS_TOLD_MS: Final = (250, 2500)
"""The same where somebody said the unit: it is only a word of doubt then."""
FAR: Final = 5.0
MOST_FAR: Final = 0.25
LEAST_JUDGED: Final = 8
"""Of so many numbers at most this share may be `FAR` times their median or a fifth of it, holes and noise included."""
_FEW_DIGITS: Final = 14
MOST_KNOWN: Final = 1 << 16
"""Cells whose number is kept at hand: most files repeat a few hundred."""
Value = TypeVar("Value", float, Decimal)
_POWERS: Final = tuple(10**places for places in range(21))


@dataclass(frozen=True, slots=True)
class Told:
    """A unit and how it is known; without `unit`, why somebody has to say it."""

    unit: str | None
    rule: str


def unit_of(values: Sequence[Value]) -> Told:
    """The unit of bare numbers by the median of all of them (FORMATS 1.3)."""
    if not values:
        return Told(None, "there are no numbers")
    if only_rises(values):
        return Told(None, "its numbers only rise, they could be times or positions of beats")
    middle = float(median(values))
    if 300 <= middle <= 2200:
        return Told("ms", "median between 300 and 2200")
    if 0.30 <= middle <= 2.2:
        return Told("s", "median between 0.30 and 2.2")
    other = "; it could be heart rate, samples or a very fast heart in ms" if 25 <= middle < 300 else ""
    return Told(None, f"their median is {middle:g}, which is no usual interval in ms or s{other}")


def only_rises(values: Sequence[Value]) -> bool:
    """Whether each of at least three numbers is larger than the one before: no heart slows down that long."""
    return len(values) > 2 and all(early < late for early, late in pairwise(values))


def doubt_of(values: array[float], unit: str, usual_ms: tuple[int, int] = (SHORTEST_MS, LONGEST_MS)) -> str | None:
    """Why numbers cannot all be intervals of this unit, whatever said so; None when nothing speaks against it.

    Thousands separators (1,012 for 1012 ms), two files in one with two units, a heading that names another unit than
    that of its numbers, and decimal commas taken for separators all leave numbers that no heart makes.
    """
    middle = float(median(values))
    usual = middle * float(ticks_each(unit)) / TICKS_PER_MS
    if not usual_ms[0] <= usual <= usual_ms[1]:
        length = f"{usual:.4g} ms" if usual < 1000 else f"{usual / 1000:.0f} s"
        return f"their median would be {length}, which is no usual interval"
    odd: list[float] = []
    if unit == "ms":
        odd = [value for value in values if 0.2 <= value < 10 and not value.is_integer()]
    elif unit == "s":
        odd = [value for value in values if 300 <= value <= 2200 and value.is_integer()]
    if odd:
        other = "s, or like 1,012 with a sign for thousands" if unit == "ms" else "ms"
        return (
            f"most of its numbers look like {unit}, but {len(odd)} of {len(values)}, such as {odd[0]:g}, like {other}"
        )
    far = sum(not middle / FAR <= value <= middle * FAR for value in values)
    if len(values) >= LEAST_JUDGED and far > MOST_FAR * len(values):
        return f"{far} of its {len(values)} numbers are far from the others"
    return None


def asked(told: Told) -> str:
    """The sentence of the verdict ask for a unit that is not clear."""
    return f"the unit is not clear: {told.rule}: say it with --unit {UNIT_WORDS}"


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
        found = [_rounded(above * each.numerator, below * each.denominator) for above, below in _ratios(values)]
    else:
        with localcontext(prec=EXACT, rounding=ROUND_HALF_EVEN):
            found = [int((value * each.numerator).to_integral_value()) for value in values]
    return _checked(found)


def wholes_of(cells: Sequence[tuple[int, str]], each: int) -> array[int]:
    """Numbers as whole multiples of 1/`each`, half to even. Raises ImportRefused naming the line of what is none."""
    together = "".join(cell for _, cell in cells)
    if together.isascii() and together.isdigit() and all(0 < len(cell) <= _FEW_DIGITS for _, cell in cells):
        return array("q", [int(cell) * each for _, cell in cells])
    return ticks_of([interval_of(cell, number) for number, cell in cells], Fraction(each))


def _ratios(values: Sequence[Decimal]) -> Iterator[tuple[int, int]]:
    return (value.as_integer_ratio() for value in values)


def _rounded(above: int, below: int) -> int:
    whole, rest = divmod(above, below)
    return whole + (2 * rest > below or (2 * rest == below and whole % 2))


def _checked(found: Iterable[int]) -> array[int]:
    try:
        ticks = array("q", found)
    except OverflowError:
        raise _no_time() from None
    if ticks and not -LARGEST_TICKS < min(ticks) <= max(ticks) < LARGEST_TICKS:
        raise _no_time()
    return ticks


def _no_time() -> ImportRefused:
    return ImportRefused("a number in it is no time of this world.", "Check the unit and the column.")


def fills(total: float, span: float, second: float) -> bool:
    """Whether intervals make the time that they are said to take, give or take 3 s or 2 % of it (FORMATS 1.3).

    All in one unit, of which `second` are one second.
    """
    return abs(total - span) <= max(3 * second, abs(span) / 50)


class Numbers:
    """Decimal numbers as they were written, exact, in 9 bytes each: a number is `digits` / 10 ** `places`.

    A list of `Decimal` needs 112 bytes each, more than the 5 million intervals of the largest file may take.
    """

    __slots__ = ("_digits", "_known", "_long", "_places", "commas")

    def __init__(self) -> None:
        self._digits = array("q")
        self._places = array("b")
        self._long: dict[int, int] = {}
        self._known: dict[str, tuple[int, int]] = {}
        self.commas = False

    def __len__(self) -> int:
        return len(self._digits)

    def add(self, cell: str) -> bool:
        """Take one more; False when the cell is no number by `NUMBER`."""
        return self.extend((cell,)) is None

    def extend(self, cells: Iterable[str]) -> str | None:
        """Take many; the first cell that is no number is given back, and it and those behind it are not taken."""
        known, digits, places = self._known, self._digits.append, self._places.append
        for cell in cells:
            pair = known.get(cell)
            if pair is None:
                pair = self._learnt(cell)
                if pair is None:
                    return cell
            digits(pair[0])
            places(pair[1])
        return None

    def cut(self, length: int) -> None:
        """Forget all but the first `length`."""
        del self._digits[length:], self._places[length:]
        self._long = {index: digits for index, digits in self._long.items() if index < length}

    def _learnt(self, cell: str) -> tuple[int, int] | None:
        if NUMBER.match(cell) is None:
            return None
        self.commas |= "," in cell
        whole, _, part = cell.replace(",", ".").partition(".")
        digits = int(whole + part)
        if digits >= LARGEST_TICKS:
            self._long[len(self._digits)] = digits
            return 0, len(part)
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        pair = self._known[cell] = digits, len(part)
        return pair

    def values(self) -> array[float]:
        """The numbers as floats, each the nearest one."""
        found = array("d", map(int.__truediv__, self._digits, map(_POWERS.__getitem__, self._places)))
        for index, digits in self._long.items():
            found[index] = digits / _POWERS[self._places[index]]
        return found

    def ticks(self, each: Fraction) -> array[int]:
        """The numbers, of `each` ticks, as whole ticks, half to even, exact. Raises ImportRefused when too large."""
        if not self._long and not any(self._places) and each.denominator == 1:
            return _checked(map(each.numerator.__mul__, self._digits))
        below = [each.denominator * power for power in _POWERS]
        found = _checked(_rounded(digits * each.numerator, below[n]) for digits, n in zip(*self._both(), strict=True))
        for index, digits in self._long.items():
            found[index] = _checked([_rounded(digits * each.numerator, below[self._places[index]])])[0]
        return found

    def _both(self) -> tuple[array[int], array[int]]:
        return self._digits, self._places


def between(positions: Sequence[int]) -> array[int]:
    """The intervals between times of beats that were rounded by themselves (RULINGS A7), in ticks."""
    return array("q", [late - early for early, late in pairwise(positions)])
