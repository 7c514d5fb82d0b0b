"""Apple Health export.xml: the times of beats beside each HRV value of an Apple Watch.

A time is the phone's clock to 0.01 s, without a date, as the language of the phone writes it, and it may be hours off
the start of its own record (after a journey, or in summer time). So only differences of the times count, and the start
of the record is taken for where they begin.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from biofeedback.errors import ImportRefused
from biofeedback.events import Json
from biofeedback.formats.content import Content, Hole, Start
from biofeedback.formats.dates import start_at
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.lines import MOST_BEATS, printable
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.formats.units import between
from biofeedback.formats.xml_stream import Elements, root_of, walk
from biofeedback.hrv.ticks import TICKS_PER_S, ticks_to_us

FORMAT: Final = "apple-health"
HRV: Final = "HKQuantityTypeIdentifierHeartRateVariabilitySDNN"
HALF_DAY: Final = 12 * 3600 * TICKS_PER_S
"""Times are compared by a clock of twelve hours, so that neither midnight nor "PM" has to be understood."""
QUARTER: Final = 900 * TICKS_PER_S
"""Clocks of two zones differ by whole quarters of an hour."""
EARLY: Final = 60 * TICKS_PER_S
"""A first beat may be so long before the start of its record."""

LISTED: Final = 1000
"""Of so many records the number of beats of each is told."""

_CLOCK: Final = re.compile(r"\D{0,20}?([0-9]{1,2})[:.]([0-9]{2})[:.]([0-9]{2})(?:[.,]([0-9]{1,9}))?\D{0,20}\Z")
_ARABIC: Final = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹٫", "01234567890123456789.")
_DATE: Final = re.compile(r"((?:19|20)\d\d-\d\d-\d\d) (\d\d:\d\d:\d\d) ([+-])(\d\d):?(\d\d)\Z", re.ASCII)
_ATTRIBUTES: Final = rb"""(?:\s++[^\s<>"'=/]++="[^"<]*+")*+\s*+"""
_SKIPPED: Final = re.compile(
    rb"<MetadataEntry%b/>|<Record%b(?:/>|>(?:\s*+<MetadataEntry%b/>)*+\s*+</Record>)" % ((_ATTRIBUTES,) * 3)
)
"""Elements that hold no beats: nearly all of an export."""
SIDE_FILES: Final = frozenset({"ClinicalDocument", "gpx"})
"""What else lies in the archive of an export: documents and tracks."""


@dataclass(slots=True)
class _Record:
    """One HRV value: start (local, with its zone) and end as written, and the clock of each beat in ticks."""

    start: str
    end: str
    clocks: array[int] = field(default_factory=lambda: array("q"))
    unread: str | None = None


def _claims(file: Foreign) -> bool:
    return root_of(file) == "HealthData"


def _read(file: Foreign, choices: Choices, progress: Progress) -> Content:
    """The beats of all records in one content, with holes between the records."""
    found = _Found()
    wanted = Elements(start=found.start, skip=_SKIPPED)
    fault: ImportRefused | None = None
    try:
        walk(file, wanted, progress)
    except ImportRefused as error:
        if not choices.partial:
            raise
        fault = error
    return _content(found.records, fault)


class _Found:
    """What has been met in the file so far."""

    def __init__(self) -> None:
        self.records: list[_Record] = []
        self._current: _Record | None = None
        self._beats = 0

    def start(self, name: str, attributes: list[str]) -> None:
        if name == "InstantaneousBeatsPerMinute":
            self._beat(attributes)
        elif name == "Record":
            self._current = None
            known = dict(zip(attributes[::2], attributes[1::2], strict=True))
            if known.get("type") == HRV:
                self._current = _Record(known.get("startDate", ""), known.get("endDate", ""))

    def _beat(self, attributes: list[str]) -> None:
        record = self._current
        if record is None:
            return
        if not record.clocks and record.unread is None:
            self.records.append(record)
        time = next(
            (attributes[place + 1] for place in range(0, len(attributes), 2) if attributes[place] == "time"), ""
        )
        clock = clock_of(time)
        if clock is None:
            record.unread = record.unread or time
            return
        record.clocks.append(clock)
        self._beats += 1
        if self._beats > MOST_BEATS:
            raise ImportRefused(f"it has more than {MOST_BEATS} beats.", "Export a shorter time.")


def clock_of(time: str) -> int | None:
    """A time of day in whatever way a phone writes it, in ticks since noon or midnight; None when it is none."""
    found = _CLOCK.match(time if time.isascii() else time.translate(_ARABIC))
    if found is None:
        return None
    hour, minute, second = int(found[1]), int(found[2]), int(found[3])
    if hour > 24 or minute > 59 or second > 59:
        return None
    digits = found[4] or "0"
    whole: int = 10 ** len(digits)
    part, rest = divmod(int(digits) * TICKS_PER_S, whole)
    part += 2 * rest > whole or (2 * rest == whole and part % 2)
    return ((hour % 12) * 3600 + minute * 60 + second) * TICKS_PER_S + part


@dataclass(frozen=True, slots=True)
class _Moment:
    """A date as Apple writes it: the local time, its zone, and whole seconds since 1970."""

    local: datetime
    zone: str
    seconds: int


def _moment(text: str) -> _Moment | None:
    found = _DATE.match(text)
    if found is None:
        return None
    try:
        local = datetime.fromisoformat(f"{found[1]}T{found[2]}")
    except ValueError:
        return None
    away = int(found[4]) * 3600 + int(found[5]) * 60
    seconds = round((local - datetime(1970, 1, 1)).total_seconds()) - (-away if found[3] == "-" else away)  # noqa: DTZ001
    return _Moment(local, f"{found[3]}{found[4]}:{found[5]}", seconds)


@dataclass(frozen=True, slots=True)
class _Timed:
    """The beats of one record in ticks since 1970, its start, and whether its clock was off or went back."""

    beats: array[int]
    start: _Moment
    off: bool
    back: bool


def _timed(record: _Record) -> _Timed | None:
    """A record's beats on one time line; None when its start or one of its times cannot be read."""
    start, end = _moment(record.start), _moment(record.end)
    if start is None or record.unread is not None:
        return None
    lasts = max(0, end.seconds - start.seconds) * TICKS_PER_S if end is not None else 0
    clock = start.local.hour * 3600 + start.local.minute * 60 + start.local.second
    first = _nearest(record.clocks[0] - clock * TICKS_PER_S)
    off = not -EARLY <= first <= lasts + EARLY
    if off:
        first = (first + EARLY) % QUARTER - EARLY
    beats = array("q", [start.seconds * TICKS_PER_S + first])
    for early, late in pairwise(record.clocks):
        beats.append(beats[-1] + _unset(_nearest(late - early), lasts))
    back = any(late < early for early, late in pairwise(beats))
    return _Timed(array("q", sorted(beats)) if back else beats, start, off, back)


def _nearest(difference: int) -> int:
    """The shortest way from one time on a clock of twelve hours to another."""
    return (difference + HALF_DAY // 2) % HALF_DAY - HALF_DAY // 2


def _unset(step: int, lasts: int) -> int:
    """The same step where the clock was set in the middle of a record, for summer time or on a journey.

    That is believed of a step longer than the record, or backwards, when without whole quarters of an hour it is none.
    """
    if -EARLY <= step <= lasts + EARLY:
        return step
    rest = (step + QUARTER // 2) % QUARTER - QUARTER // 2
    return rest if 0 <= rest <= EARLY else step


def _content(records: Sequence[_Record], fault: ImportRefused | None) -> Content:
    timed = [_timed(record) for record in records]
    unread = [record for record, each in zip(records, timed, strict=True) if each is None]
    read = sorted((each for each in timed if each is not None), key=lambda each: each.beats[0])
    usable = [each for each in read if len(each.beats) > 1]
    kept, twice = _in_order(usable)
    if not kept:
        raise _no_beats(unread, fault)
    left_out = {
        f"whose times cannot be read{_such_as(unread)}": len(unread),
        "of one beat": len(read) - len(usable),
        "that are in the file twice": twice,
        "that began before another one was over": len(usable) - len(kept) - twice,
    }
    changed = {
        "the clock of the beats is hours off the start, which counts": sum(each.off for each in kept),
        "the beats were put in order": sum(each.back for each in kept),
    }
    ticks, holes = _joined([each.beats for each in kept])
    return Content(
        FORMAT,
        "beats",
        ticks,
        unit="s",
        rule="differences of the times of beats",
        start=_start(kept[0]),
        holes=holes,
        why=None if fault is None else f"read only up to a fault: {fault.where or 'the end'}: {fault.what}",
        decisions=(
            "the times are to 0.01 s, which adds about 50 ms² to the square of an RMSSD; the bpm are not used",
            *(f"left out: {_records(number)} {which}" for which, number in left_out.items() if number),
            *(f"in {_records(number)} {what}" for what, number in changed.items() if number),
        ),
        about=_about(kept),
    )


def _in_order(records: Sequence[_Timed]) -> tuple[list[_Timed], int]:
    """Records of which none begins before the one before it ended, and how many of the others were the same again."""
    kept: list[_Timed] = []
    twice = 0
    for each in records:
        if kept and each.beats == kept[-1].beats:
            twice += 1
        elif not kept or each.beats[0] >= kept[-1].beats[-1]:
            kept.append(each)
    return kept, twice


def _joined(records: Sequence[array[int]]) -> tuple[array[int], tuple[Hole, ...]]:
    """The intervals within records, and the holes between them."""
    ticks, holes = between(records[0]), list[Hole]()
    for early, late in pairwise(records):
        if late[0] > early[-1]:
            holes.append(Hole(len(ticks), late[0] - early[-1]))
        ticks += between(late)
    return ticks, tuple(holes)


def _start(first: _Timed) -> Start:
    since = first.beats[0] - first.start.seconds * TICKS_PER_S
    opened = first.start.local + timedelta(microseconds=ticks_to_us(since))
    return start_at(opened, first.start.zone)


def _about(kept: Sequence[_Timed]) -> dict[str, Json]:
    beats = [len(each.beats) for each in kept]
    known: dict[str, Json] = {
        "n": sum(beats),
        "records": len(kept),
        "span_s": (kept[-1].beats[-1] - kept[0].beats[0]) / TICKS_PER_S,
    }
    if len(beats) <= LISTED:
        known["beats"] = list[Json](beats)
    return known


def _records(number: int) -> str:
    return "1 record" if number == 1 else f"{number} records"


def _such_as(unread: Sequence[_Record]) -> str:
    return f", such as '{printable(unread[0].unread or unread[0].start)}'" if unread else ""


def _no_beats(unread: Sequence[_Record], fault: ImportRefused | None) -> ImportRefused:
    if fault is not None:
        return fault
    if unread:
        return ImportRefused(f"no time of a beat in it can be read{_such_as(unread)}.", "Report it: docs/formats.md.")
    return ImportRefused(
        "it holds no times of beats.", "Only HRV values of an Apple Watch have them; export all health data again."
    )


def _is_side_file(file: Foreign) -> bool:
    return root_of(file) in SIDE_FILES


def _skip(file: Foreign, choices: Choices, progress: Progress) -> Content:  # noqa: ARG001 - as all readers
    return Content(FORMAT, "skip", why="a side file of an export: its beats, if any, are in export.xml.")


READERS: Final[tuple[Reader, ...]] = (
    Reader(FORMAT, _claims, _read),
    Reader("apple-health side file", _is_side_file, _skip),
)
