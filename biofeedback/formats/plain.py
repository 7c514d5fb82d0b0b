"""Plain RR text: one interval a line, in milliseconds or seconds (FORMATS 1.3). A unit is never guessed silently."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Final

from biofeedback.errors import UnreadableError
from biofeedback.hrv.ticks import TICKS_OF_STRAP, TICKS_PER_MS, TICKS_PER_S

LARGEST_BYTES: Final = 512 * 1024 * 1024
EXACT: Final = 60
"""Digits that hold any number we read times any unit."""
MOST_BEATS: Final = 5_000_000
_NUMBER: Final = re.compile(r"[0-9]{1,12}(?:[.,][0-9]{1,20})?\Z")
_BOMS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))

_TICKS: Final[dict[str, int]] = {"ms": TICKS_PER_MS, "s": TICKS_PER_S, "1/1024": TICKS_OF_STRAP}
UNIT_WORDS: Final = "ms, s, 1/1024 or samples@HZ (for example samples@256)"


@dataclass(frozen=True, slots=True)
class Intervals:
    """A file's intervals in ticks of 1/1 024 000 s, and the unit they were written in."""

    ticks: tuple[int, ...]
    unit: str
    rule: str


def read_plain(path: Path, unit: str | None = None) -> Intervals:
    """Read a text file of intervals. Raises UnreadableError naming the line, or asking for the unit."""
    values = _values(path, _text(path))
    if not values:
        raise _empty(path)
    found, rule = (unit, "as told") if unit is not None else _unit_of(path, values)
    return Intervals(_ticks(values, _ticks_each(found)), found, rule)


def _ticks(values: list[Decimal], each: Fraction) -> tuple[int, ...]:
    """Values of `each` ticks as whole ticks, half to even, by exact arithmetic."""
    if each.denominator > 1:
        return tuple(round(Fraction(value) * each) for value in values)
    with localcontext(prec=EXACT, rounding=ROUND_HALF_EVEN):
        return tuple(int((value * each.numerator).to_integral_value()) for value in values)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise UnreadableError(f"{path} is larger than 512 MiB.", "Cut it into parts.")
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"{path} cannot be read: {error.strerror}.", "Check the name and its rights.") from error
    if not data.strip():
        raise _empty(path)
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), "utf-8")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise _not_plain(path) from error


def _values(path: Path, text: str) -> list[Decimal]:
    if "\0" in text:
        raise _not_plain(path)
    values: list[Decimal] = []
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1):
        cell = line.strip(" \t")
        if not cell:
            continue
        if _NUMBER.match(cell) is None:
            raise _bad_line(path, number, cell, first=not values)
        values.append(Decimal(cell.replace(",", ".")))
    if len(values) > MOST_BEATS:
        raise UnreadableError(f"{path} holds more than 5 million intervals.", "Cut it into parts.")
    return values


def _empty(path: Path) -> UnreadableError:
    return UnreadableError(f"{path} is empty.", "Export it again from the program it comes from.")


def _not_plain(path: Path) -> UnreadableError:
    return UnreadableError(
        f"{path} is not a text file of RR intervals.",
        "Give one interval a line, or a recording of this program.",
    )


def _bad_line(path: Path, number: int, cell: str, *, first: bool) -> UnreadableError:
    if first:
        return UnreadableError(
            f"{path}: line {number} is not an interval: '{cell[:40]}'.",
            "This version reads one interval a line, without a heading or other columns, and its own recordings.",
        )
    return UnreadableError(
        f"{path}: line {number} is not an interval: '{cell[:40]}'.",
        "Mend or remove that line; nothing was read.",
    )


def _unit_of(path: Path, values: list[Decimal]) -> tuple[str, str]:
    """The unit by the median of all values; what could be something else is asked for."""
    middle = float(median(values))
    if len(values) > 2 and all(early < late for early, late in pairwise(values)):
        raise _ask(path, "its numbers only rise, they could be times of beats")
    if 300 <= middle <= 2200:
        return "ms", "median between 300 and 2200"
    if 0.30 <= middle <= 2.2:
        return "s", "median between 0.30 and 2.2"
    raise _ask(path, f"their median is {middle:g}, which is no usual interval in ms or s")


def _ask(path: Path, why: str) -> UnreadableError:
    return UnreadableError(f"{path}: the unit is not clear: {why}.", f"Say it with --unit {UNIT_WORDS}.")


def _ticks_each(unit: str) -> Fraction:
    if unit in _TICKS:
        return Fraction(_TICKS[unit])
    rate = unit.removeprefix("samples@").replace(",", ".")
    if unit.startswith("samples@") and _NUMBER.match(rate) and Fraction(rate) > 0:
        return Fraction(TICKS_PER_S) / Fraction(rate)
    raise UnreadableError(f"There is no unit '{unit}'.", f"Choose {UNIT_WORDS}.")
