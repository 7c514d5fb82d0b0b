"""OpenHRV: a table of events with local times, opened for append, so that it may hold several recordings."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import Final

from biofeedback.errors import ImportRefused
from biofeedback.formats.units import wholes_of
from biofeedback.formats.arrivals import ARRIVALS, LOCAL, holes_of, opened_us, span_why
from biofeedback.formats.clocks import Clock, clock_of, set_clocks, stamp_of
from biofeedback.formats.content import Content, Hole, Marker
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.lines import MOST_BEATS, lines_of, printable
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.hrv.ticks import TICKS_PER_MS, us_to_ticks

HEADING: Final = "event,value,timestamp"
_INTERVALS: Final = frozenset(("ibi", "ibis", "interbeatinterval"))
_WORTH_A_MARK: Final = frozenset(("annotation", "pacerrate"))
_ROUNDED: Final = "OpenHRV rounds intervals up to whole ms, replaces odd ones by a median and keeps one of each packet"


@dataclass(slots=True)
class _Log:
    """What the lines hold: intervals, their stamps, where a recording begins again, words, and how much else."""

    values: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    stamps: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    again: list[int] = field(default_factory=list[int])
    words: list[tuple[int, str, str]] = field(default_factory=list[tuple[int, str, str]])
    others: int = 0
    cut: int | None = None


def _claims(file: Foreign) -> bool:
    return file.first_line.replace(" ", "").lower() == HEADING


def _read(file: Foreign, _choices: Choices, _progress: Progress) -> Content:
    log = _log_of(file.text)
    clock = clock_of(log.stamps)
    if clock is None:
        raise ImportRefused("it holds no interval.", "Record again with OpenHRV, with a strap connected.")
    ticks = wholes_of(log.values, TICKS_PER_MS)
    stamps, changes = set_clocks(clock.us, clock.first)
    holes = _with_restarts(ticks, stamps, log.again)
    markers, lost = _markers(log, clock, opened_us(ticks, stamps, holes))
    decisions = [ARRIVALS, LOCAL, _ROUNDED, *changes, *_told(log, lost)]
    span = us_to_ticks(stamps[-1] - stamps[0]) + ticks[0]
    return Content(
        "openhrv",
        "rr",
        ticks,
        unit="ms",
        rule="OpenHRV writes ms",
        start=clock.first.start,
        holes=holes,
        markers=markers,
        why=span_why(ticks, holes, span, "its times of arrival"),
        decisions=tuple(decisions),
    )


def _told(log: _Log, lost: int) -> list[str]:
    told: list[str] = []
    if log.again:
        told.append(f"it was recorded in {len(log.again) + 1} parts; between two of them is a hole")
    if log.others:
        told.append(f"rows of other values than intervals, left out: {log.others}")
    if lost:
        told.append(f"notes without a time that can be read, left out: {lost}")
    if log.cut is not None:
        told.append(f"its last line ({log.cut}) is cut off and left out")
    return told


def _log_of(text: str) -> _Log:
    log = _Log()
    whole = text.endswith(("\n", "\r"))
    last = (0, "")
    for number, line in lines_of(text):
        if not line or line.isspace():
            continue
        _take(log, *last)
        last = number, line
    if whole or _is_complete(last[1]):
        _take(log, *last)
    else:
        log.cut = last[0]
    if len(log.values) > MOST_BEATS:
        raise ImportRefused("it holds more than 5 million intervals.", "Cut it into parts.")
    return log


def _is_complete(line: str) -> bool:
    cells = line.split(",")
    found = stamp_of(cells[-1].strip()) if len(cells) > 2 else None
    return found is not None and found.dated


def _take(log: _Log, number: int, line: str) -> None:
    """Add one line to the log."""
    name, _, rest = line.partition(",")
    value, _, stamp = rest.rpartition(",")
    kind = name.strip().lower()
    if kind in _INTERVALS:
        log.values.append((number, value.strip()))
        log.stamps.append((number, stamp.strip()))
    elif kind in _WORTH_A_MARK:
        text = value.strip() if kind == "annotation" else f"pacer {value.strip()} a minute"
        log.words.append((len(log.values), text, stamp.strip()))
    elif kind == "event":
        if log.values:
            log.again.append(len(log.values))
    elif number:
        log.others += 1


def _with_restarts(ticks: array[int], stamps: array[int], again: list[int]) -> tuple[Hole, ...]:
    """The holes that the stamps show, and one, maybe of unknown length, wherever a recording begins again."""
    found = {hole.before: hole.ticks for hole in holes_of(ticks, stamps)}
    for place in sorted({each for each in again if each < len(ticks)}):
        step = us_to_ticks(stamps[place] - stamps[place - 1]) - ticks[place]
        found.setdefault(place, max(0, step))
    return tuple(Hole(place, found[place]) for place in sorted(found))


def _markers(log: _Log, clock: Clock, opened: int) -> tuple[tuple[Marker, ...], int]:
    """Notes and paces as markers, and how many have no time that can be read."""
    markers: list[Marker] = []
    for place, text, stamp in log.words:
        moment = stamp_of(stamp)
        if moment is None or moment.start.zone != clock.first.start.zone or moment.dated != clock.first.dated:
            continue
        at = us_to_ticks(moment.us - opened)
        markers.append(Marker(at, printable(text, 200) or f"note at interval {place}"))
    return tuple(markers), len(log.words) - len(markers)


READERS: Final[tuple[Reader, ...]] = (Reader("openhrv", _claims, _read),)
