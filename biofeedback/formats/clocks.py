"""The clock of a phone or a watch: the stamps of many rows as whole microseconds that can be subtracted (FORMATS 1.2).

A stamp without a zone counts on the clock that wrote it; nothing here knows or guesses where that was.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Final

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Start
from biofeedback.formats.dates import zone_of
from biofeedback.formats.lines import printable

S: Final = 1_000_000
HOUR: Final = 3600 * S
DAY: Final = 24 * HOUR
_DATE: Final = r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]"
_TIME: Final = r"([01]?[0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(?:[.,]([0-9]{1,9}))?"
_ZONE: Final = r" ?(Z|[+-][01][0-9]:?[0-5][0-9])"
_DATED: Final = re.compile(_DATE + _TIME + r"\Z")
_ZONED: Final = re.compile(_DATE + _TIME + _ZONE + r"\Z")
_OF_DAY: Final = re.compile(r"()" + _TIME + r"\Z")
_SECONDS: Final = re.compile(r"([0-5][0-9])(?:[.,]([0-9]{1,9}))?( ?(?:Z|[+-][01][0-9]:?[0-5][0-9]))?\Z")
_EPOCH: Final = date(1970, 1, 1).toordinal()
_CLOCK_SLACK: Final = 10 * S
"""A clock is set within so much of a full hour, by an hour give or take half of it, for it to be summer time."""
_HOURS_OF_CHANGE: Final = frozenset((23, 0, 1, 2, 3, 4))


@dataclass(frozen=True, slots=True)
class Stamp:
    """`us`: microseconds since 1970, or since midnight when `dated` is False; `start`: as written, in ISO 8601."""

    us: int
    start: Start
    dated: bool = True


@dataclass(frozen=True, slots=True)
class Clock:
    """The stamps of many rows in microseconds on one clock; `midnights`: how often it passed one without a date."""

    us: array[int]
    first: Stamp
    midnights: int = 0


def stamp_of(text: str) -> Stamp | None:
    """A date and time, with or without a zone, or a time of day; None when it is none of these."""
    for kind in (_DATED, _ZONED, _OF_DAY):
        found = kind.match(text)
        if found:
            us = _us(found, _offset(found[6]) if kind is _ZONED else 0)
            return None if us is None else Stamp(us, _as_written(found, kind is _ZONED), kind is not _OF_DAY)
    return None


def clock_of(cells: Iterable[tuple[int, str]]) -> Clock | None:
    """The stamps of rows, given with the number of the line; None without a row.

    A time of day that goes back by more than half a day has passed midnight. Raises ImportRefused, naming the line, for
    a stamp that cannot be read or is written in another way than the first.
    """
    first: Stamp | None = None
    minutes: dict[str, int | None] = {}
    stamps = array("q")
    for number, cell in cells:
        if first is None:
            first = stamp_of(cell)
        us = None if first is None else _like(first, cell, minutes)
        if us is None:
            raise ImportRefused(
                f"this is no time as the others are: '{printable(cell)}'.",
                "Mend or remove that line.",
                f"line {number}",
            )
        stamps.append(us)
    if first is None:
        return None
    midnights = 0 if first.dated else _over_midnight(stamps)
    return Clock(stamps, first, midnights)


def _like(first: Stamp, cell: str, minutes: dict[str, int | None]) -> int | None:
    """A stamp of the kind of the first; None when it is another. What `minutes` holds of whole minutes is read once."""
    place = cell.find(":", cell.find(":") + 1) + 1
    found = _SECONDS.match(cell, place)
    if found is None or not place:
        return None
    zone = found[3] or ""
    minute = cell[:place] + zone
    if minute not in minutes:
        stamp = stamp_of(f"{cell[:place]}00{zone}")
        alike = stamp and stamp.dated == first.dated and (stamp.start.zone is None) == (first.start.zone is None)
        minutes[minute] = stamp.us if stamp and alike else None
    us = minutes[minute]
    return None if us is None else us + int(found[1]) * S + (int((found[2] + "00000")[:6]) if found[2] else 0)


def set_clocks(stamps: array[int], first: Stamp) -> tuple[array[int], tuple[str, ...]]:
    """The same stamps as if nobody had set the clock by an hour for summer time, and a sentence for each time it was.

    That is believed of a clock without a zone that goes on, or back, by an hour at a full hour of the night.
    """
    if first.start.zone is not None or all(0 <= late - early < HOUR // 2 for early, late in pairwise(stamps)):
        return stamps, ()
    found = array("q", stamps[:1])
    shift, told = 0, list[str]()
    for early, late in pairwise(stamps):
        jump = _summer_time(early, late)
        if jump:
            shift -= jump
            way = "forward" if jump > 0 else "back"
            told.append(f"its clock was set {way} by an hour at {(early // HOUR + 1) % 24}:00 (summer time): no hole")
        found.append(late + shift)
    return found, tuple(told)


def _summer_time(early: int, late: int) -> int:
    """The hour, plus or minus, by which the clock was set between two stamps; 0 when it was not."""
    before_full = -early % HOUR
    for jump in (HOUR, -HOUR):
        rest = late - early - jump
        if 0 <= rest <= _CLOCK_SLACK // 2 + 2 * S and before_full <= rest and early // HOUR % 24 in _HOURS_OF_CHANGE:
            return jump
    return 0


def _over_midnight(stamps: array[int]) -> int:
    midnights, last = 0, stamps[0]
    for place, us in enumerate(stamps):
        if us < last - DAY // 2:
            midnights += 1
        last = us
        stamps[place] = us + midnights * DAY
    return midnights


def _us(found: re.Match[str], offset: int) -> int | None:
    days = _days(found[1])
    if days is None:
        return None
    whole = (days * 24 + int(found[2])) * 3600 + int(found[3]) * 60 + int(found[4]) - offset
    return whole * S + (int((found[5] + "00000")[:6]) if found[5] else 0)


@lru_cache(maxsize=64)
def _days(day: str) -> int | None:
    """Days since 1970 of an ISO date; 0 of none, None of one that no calendar has."""
    try:
        return date.fromisoformat(day).toordinal() - _EPOCH if day else 0
    except ValueError:
        return None


@lru_cache(maxsize=64)
def _offset(zone: str) -> int:
    """Seconds by which a clock of this zone is ahead of UTC."""
    if zone == "Z":
        return 0
    seconds = (int(zone[1:3]) * 60 + int(zone[-2:])) * 60
    return -seconds if zone[0] == "-" else seconds


def _as_written(found: re.Match[str], zoned: bool) -> Start:
    time = f"{found[2]:0>2}:{found[3]}:{found[4]}" + (f".{found[5]}" if found[5] else "")
    return Start(f"{found[1]}T{time}" if found[1] else time, zone_of(found[6]) if zoned else None)
