"""What stamps of arrival tell of intervals: where time is missing, and when the first one opened. Never an interval.

A packet comes late by up to more than a second, with a scatter of 0.4 s (FORMATS 1.2, measured). So stamps are only
used by their least delay over many beats (RECORDING 1.5).
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Final

from biofeedback.formats.clocks import S
from biofeedback.formats.content import Hole
from biofeedback.formats.units import fills
from biofeedback.hrv.ticks import TICKS_PER_S, ticks_to_us, us_to_ticks

LOST: Final = 2_500_000
"""Microseconds: the least hole that is believed of stamps of arrival."""
BEFORE, AFTER = 45, 12
"""Beats whose least delay is compared on both sides of a hole."""
OPTICAL: Final = "optical pulse intervals, not RR of an ECG: they follow movement and scatter more"
ARRIVALS: Final = "its times are arrivals at the phone and make no interval; the start is when the first one arrived"
LOCAL: Final = "its clock is local and names no zone; an hour is ambiguous where summer time ends"


def ends_of(ticks: Sequence[int], holes: Sequence[Hole]) -> list[int]:
    """When each interval ends, in microseconds since the first one opened, holes of known length included."""
    if not holes:
        return [(end * 125 + 64) // 128 for end in accumulate(ticks)]
    gaps = {hole.before: hole.ticks for hole in holes}
    return [ticks_to_us(end) for end in accumulate(value + gaps.get(place, 0) for place, value in enumerate(ticks))]


def opened_us(ticks: Sequence[int], stamps: Sequence[int], holes: Sequence[Hole] = ()) -> int:
    """When the first interval opened, on the clock of the stamps: by the least delay of the first minute."""
    ends = ends_of(ticks, holes)
    return min(stamp - end for stamp, end in zip(stamps, ends, strict=True) if end <= max(60 * S, ends[0]))


def holes_of(ticks: Sequence[int], stamps: Sequence[int], known: Sequence[Hole] = ()) -> tuple[Hole, ...]:
    """Holes of more than 2.5 s that the stamps show, joined with those that are known from elsewhere.

    Behind a hole all delays are larger; behind a late packet they are not.
    """
    late = [stamp - end for stamp, end in zip(stamps, ends_of(ticks, known), strict=True)]
    gaps = {hole.before: hole.ticks for hole in known}
    since = 0
    for place in range(1, len(late)):
        if late[place] - late[place - 1] <= LOST:
            continue
        lost = min(late[place : place + AFTER]) - min(late[max(since, place - BEFORE) : place])
        if lost > LOST:
            gaps[place] = gaps.get(place, 0) + us_to_ticks(lost)
            since = place
    return tuple(Hole(place, gaps[place]) for place in sorted(gaps))


@dataclass(frozen=True, slots=True)
class Column:
    """What a time column of the beats says: holes, what is odd, and when the first interval opened, in ticks."""

    holes: tuple[Hole, ...]
    odd: str | None
    opened: int


def column_of(ticks: array[int], column: Sequence[int], slack: int) -> Column:
    """Read a time column in ticks: there is a hole where it rises by more than the interval, give or take `slack`.

    It may hold when intervals end or when they open: whichever fits more rows. Where neither fits half of them it is
    not used.
    """
    rises = [late - early for early, late in pairwise(column)]
    steps, opened = [rise - each for rise, each in zip(rises, ticks[1:], strict=True)], column[0] - ticks[0]
    fitting = _fitting(steps, slack)
    if fitting < len(steps):
        opening = [rise - each for rise, each in zip(rises, ticks, strict=False)]
        if _fitting(opening, slack) > fitting:
            steps, opened, fitting = opening, column[0], _fitting(opening, slack)
    if 2 * fitting < len(steps):
        return Column((), f"its time column fits only {fitting} of {len(steps)} intervals and is not used", opened)
    back = sum(rest < -slack for rest in steps)
    odd = f"rows where its time column rises by less than the interval, taken as they are: {back}"
    holes = tuple(Hole(place, rest) for place, rest in enumerate(steps, start=1) if rest > slack)
    return Column(holes, odd if back else None, opened)


def _fitting(rests: Sequence[int], slack: int) -> int:
    return sum(-slack <= rest <= slack for rest in rests)


def span_why(ticks: Sequence[int], holes: Sequence[Hole], span: int, of: str) -> str | None:
    """What to say when the intervals do not make the time that `of` says, `span` in ticks, within 3 s or 2 %.

    Holes that are marked are named; they do not silence it (FORMATS 1.3).
    """
    total = sum(ticks)
    if fills(total, span, TICKS_PER_S):
        return None
    said = f"its intervals make {total / TICKS_PER_S:.1f} s, {of} {span / TICKS_PER_S:.1f} s"
    if not holes:
        return f"{said}."
    known = sum(hole.ticks for hole in holes) / TICKS_PER_S
    marked = "1 hole is" if len(holes) == 1 else f"{len(holes)} holes are"
    return f"{said}; {marked} marked, {known:.1f} s."
