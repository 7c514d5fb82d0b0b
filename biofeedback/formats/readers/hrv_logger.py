"""HRV Logger for Android and iOS: intervals with their time since the start, heart rate, features, events."""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

from biofeedback.errors import ImportRefused
from biofeedback.formats.arrivals import ARRIVALS, holes_of, column_of, opened_us, span_why
from biofeedback.formats.clocks import S, clock_of
from biofeedback.formats.content import Content, Hole, Marker, Start
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.lines import Row, cells_in, interval_of, printable, rows_below
from biofeedback.formats.dates import unix_start
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.formats.units import ticks_of, wholes_of
from biofeedback.hrv.ticks import TICKS_PER_MS, TICKS_PER_S, us_to_ticks

SLACK: Final = 2 * TICKS_PER_MS
"""The time column is in whole ms, and so are the intervals."""
_AGAIN: Final = "Export it again from HRV Logger."
_LONGEST_MARKER: Final = 200
_RR_NAME: Final = re.compile(r"(?i)(?<![a-z])(rrintervals|rr_intervals|rr)(?![a-z])")
_EVENT_NAME: Final = re.compile(r"(?i)(?<![a-z])(eventmarkers|events|event)(?![a-z])")
_FIRST_YEAR_US: Final = 946_684_800 * S
"""2000; what seems earlier is in another unit than ms."""
_LATEST_SINCE_START: Final = 10**7
"""Seconds; a larger number in an event's column is a time since 1970."""


def _heading(file: Foreign) -> tuple[str, ...]:
    """The columns' names in small letters; blanks and lines under them count alike."""
    return tuple(cell.strip().lower().replace(" ", "_") for cell in file.first_line.rstrip(" ,").split(","))


def _is_rr(heading: tuple[str, ...]) -> bool:
    return heading in (("timestamp", "rr", "since_start"), ("date", "rr", "since_start"))


def _is_rate(heading: tuple[str, ...]) -> bool:
    return heading[:1] in (("timestamp",), ("date",)) and {"since_start", "heart_rate"} == set(heading[1:])


def _is_features(heading: tuple[str, ...]) -> bool:
    return "timestamp" in heading[:2] and {"avnn", "sdnn", "rmssd", "lfhf", "alpha_1"} <= set(heading)


def _is_events(heading: tuple[str, ...], name: str) -> bool:
    if {"date", "timestamp", "annotation"} <= set(heading):
        return True
    named = _EVENT_NAME.search(name) is not None
    return named and heading[:1] == ("timestamp",) and set(heading) <= {"timestamp", "label", "annotation", "manual"}


def _read_rr(file: Foreign, _choices: Choices, _progress: Progress) -> Content:
    zoned = _heading(file)[0] == "date"
    rows, cut = rows_below(file.text, ",", 3)
    if not rows:
        raise ImportRefused("it holds no interval, only a heading.", "Record again with a strap that sends RR.")
    ticks = wholes_of(cells_in(rows, 1), TICKS_PER_MS)
    column = wholes_of(cells_in(rows, 2), TICKS_PER_MS)
    stamps, start = _stamps(rows, zoned)
    told_by = column_of(ticks, column, SLACK)
    holes = holes_of(ticks, stamps, told_by.holes)
    decisions = [each for each in (cut, told_by.odd, _late_beginning(told_by.opened), ARRIVALS) if each]
    markers, told = _events_of(file, opened_us(ticks, stamps, holes), told_by.opened)
    return Content(
        "hrvlogger-ios" if zoned else "hrvlogger-android",
        "rr",
        ticks,
        unit="ms",
        rule="HRV Logger writes ms",
        start=start,
        holes=holes,
        markers=markers,
        why=_why(ticks, holes, stamps),
        decisions=(*decisions, *told),
    )


def _why(ticks: array[int], holes: Sequence[Hole], stamps: Sequence[int]) -> str | None:
    return span_why(ticks, holes, us_to_ticks(stamps[-1] - stamps[0]) + ticks[0], "its times of arrival")


def _late_beginning(opened: int) -> str | None:
    if opened <= SLACK:
        return None
    return f"its first interval opens {opened / TICKS_PER_S:.1f} s after the start; earlier beats are not in it"


def _stamps(rows: Sequence[Row], zoned: bool) -> tuple[Sequence[int], Start | None]:
    """When each interval arrived, in microseconds since 1970, and the first of these as a start."""
    if zoned:
        clock = clock_of(cells_in(rows, 0))
        return (clock.us, clock.first.start) if clock else ((), None)
    stamps = wholes_of(cells_in(rows, 0), 1000)
    return stamps, unix_start(stamps[0]) if stamps[0] >= _FIRST_YEAR_US else None


def _events_of(file: Foreign, opened: int, since: int) -> tuple[tuple[Marker, ...], list[str]]:
    """The markers of the file of events beside it, and what to say of them."""
    for word in ("Event", "Events", "EventMarkers", "events"):
        other = file.beside(_RR_NAME.sub(word, file.name))
        if other is None or other.name == file.name:
            continue
        try:
            if not _is_events(_heading(other), other.name):
                continue
            found = tuple(_markers(other, opened, since))
        except ImportRefused as error:
            return (), [f"its events in {printable(other.name, 80)} are left out: {error.where} {error.what}"]
        return found, [f"its events are those of {printable(other.name, 80)}: {len(found)}"] if found else []
    return (), []


def _markers(file: Foreign, opened: int | None, since: int) -> list[Marker]:
    """Events as markers. `opened`: when the first interval opened, in us since 1970; None counts from the first event.

    `since`: the same on the clock of "since start", in ticks; iOS writes an event's seconds on that one.
    """
    heading = _heading(file)
    label = next((heading.index(name) for name in ("annotation", "label") if name in heading), None)
    if "timestamp" not in heading:
        raise ImportRefused("it has no column of times.", _AGAIN)
    at = heading.index("timestamp")
    rows, _ = rows_below(file.text, ",", max(at, label or 0) + 1)
    texts = ["event" if label is None else printable(cells[label], _LONGEST_MARKER) or "event" for _, cells in rows]
    seconds = [_seconds(cell, number) for number, cell in cells_in(rows, at)]
    if rows and "date" in heading and max(seconds) < _LATEST_SINCE_START:
        ticks = ticks_of(seconds, Fraction(TICKS_PER_S))
        return [Marker(tick - since, text) for tick, text in zip(ticks, texts, strict=True)]
    moments = [int(each * (S if each < 10**11 else 1000)) for each in seconds]
    zero = moments[0] if opened is None and moments else opened or 0
    return [Marker(us_to_ticks(us - zero), text) for us, text in zip(moments, texts, strict=True)]


def _seconds(cell: str, number: int) -> Decimal:
    return interval_of(cell.removeprefix("-") or cell, number) * (-1 if cell.startswith("-") else 1)


def _read_events(file: Foreign, _choices: Choices, _progress: Progress) -> Content:
    ios = "annotation" in _heading(file) and "date" in _heading(file)
    markers = tuple(_markers(file, None, 0))
    if not markers:
        raise ImportRefused("it holds no event, and no interval.", "Give the file of RR intervals beside it.")
    beside = next((name for name in _rr_names(file.name) if file.beside(name)), None)
    where = f"in {printable(beside, 80)} beside it, which takes them along" if beside else "in another file"
    return Content(
        "hrvlogger-ios events" if ios else "hrvlogger-android Event.csv",
        "summary",
        markers=markers,
        why=f"events only; the intervals are {where}.",
        about={"rows": len(markers)},
    )


def _rr_names(name: str) -> list[str]:
    return [_EVENT_NAME.sub(word, name) for word in ("RRIntervals", "RR", "RR_Intervals")]


def _read_summary(kind: str, what: str) -> Callable[[Foreign, Choices, Progress], Content]:
    def read(file: Foreign, _choices: Choices, _progress: Progress) -> Content:
        rows, cut = rows_below(file.text, ",", 2)
        if not rows:
            raise ImportRefused("it holds a heading only.", _AGAIN)
        system = "ios" if _heading(file)[0] == "date" else "android"
        return Content(
            f"hrvlogger-{system} {kind}",
            "summary",
            why=f"{what}; the intervals are in the file of RR intervals beside it.",
            decisions=(cut,) if cut else (),
            about={"rows": len(rows)},
        )

    return read


READERS: Final[tuple[Reader, ...]] = (
    Reader("hrv logger rr", lambda file: _is_rr(_heading(file)), _read_rr),
    Reader("hrv logger hr", lambda file: _is_rate(_heading(file)), _read_summary("HR.csv", "heart rate only")),
    Reader(
        "hrv logger features",
        lambda file: _is_features(_heading(file)),
        _read_summary("Features.csv", "values over 30 s or more"),
    ),
    Reader("hrv logger events", lambda file: _is_events(_heading(file), file.name), _read_events),
)
