"""Garmin FIT: messages 78 (intervals) and 132 (times of beats), by fitdecode.

Layout: FIT SDK profile, messages hrv (78) and hr (132); FORMATS 1.2. The bytes of those two are decoded here, since
fitdecode takes 255 and 65535 in them for "nothing" by the base type, and not by what the message means.
"""

from __future__ import annotations

import io
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta, timezone
from importlib import import_module
from itertools import pairwise
from typing import Any, Final, Literal

from biofeedback.errors import ImportRefused
from biofeedback.events import Json
from biofeedback.formats.content import Content, Hole, Marker, Start
from biofeedback.formats.dates import start_at
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.lines import MOST_BEATS
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.formats.units import fills
from biofeedback.hrv.ticks import TICKS_OF_STRAP, TICKS_PER_MS, TICKS_PER_S

_EPOCH: Final = datetime(1989, 12, 31, tzinfo=UTC)
_FIRST_DATE: Final = 0x10000000
"""Smaller time stamps count from the watch's start and are no dates (FIT SDK, type date_time)."""
_EMPTY: Final = 0xFFFF
_ROLL: Final = 1 << 12
_LONGEST_BEAT: Final = 2560
"""In 1/1024 s: between two stretches of stored beats, more than this is a hole and no interval."""
_HOLE_S: Final = 3
"""By so much the clock of the file has to run ahead of the summed intervals at once, to be a hole."""
_PAUSE_TICKS: Final = 5 * TICKS_PER_S // 2
"""A longer interval is a pause (RULINGS B1)."""
_MOST_MARKERS: Final = 10_000
_REPORT_EVERY: Final = 500
_HINT: Final = {290: "beat intervals of the watch's optical sensor", 372: "raw intervals of the watch's optical sensor"}
_BEATS: Final = "132"


@dataclass(slots=True)
class _Lists:
    """Message 78: intervals in ms in the order of the file, and by the clock of records and events what is missing."""

    ms: array[int] = field(default_factory=lambda: array("l"))
    messages: int = 0
    passed_ms: int = 0
    first_s: int | None = None
    last_s: int | None = None
    lag_ms: int | None = None
    clock_moved: bool = False
    holes: list[Hole] = field(default_factory=list[Hole])
    marks: list[tuple[int, int, str]] = field(default_factory=list[tuple[int, int, str]])

    def time(self, stamp: int) -> None:
        """A record or event of the watch, at this second."""
        if self.first_s is None:
            self.first_s = stamp
        self.last_s = stamp
        self.clock_moved = True

    def take(self, values: list[int]) -> None:
        """The intervals of one message."""
        before = len(self.ms)
        self.ms.extend(values)
        self.messages += 1
        self.passed_ms += sum(values)
        if self.clock_moved and self.first_s is not None and self.last_s is not None and values:
            lag = (self.last_s - self.first_s) * 1000 - self.passed_ms
            if self.lag_ms is not None and lag - self.lag_ms > _HOLE_S * 1000:
                self.holes.append(Hole(before, (lag - self.lag_ms) * TICKS_PER_MS))
                self.passed_ms += lag - self.lag_ms
            else:
                self.lag_ms = lag
            self.clock_moved = False


@dataclass(slots=True)
class _Stored:
    """Message 132: times of beats in 1/1024 s of the strap's clock, in stretches that each open with a full time."""

    stretches: list[array[int]] = field(default_factory=list["array[int]"])
    count: int = 0
    back: int = 0
    clock: tuple[int, float] | None = None
    """A time of the strap's clock, and what it is in seconds of FIT."""

    def full(self, times: list[int]) -> None:
        """Full times; each opens a stretch."""
        for time in times:
            self._step(time)
            self.stretches.append(array("q", [time]))

    def packed(self, lows: list[int]) -> None:
        """The lower 12 bits of later times; without a full time before them they say nothing."""
        if not self.stretches:
            return
        for low in lows:
            last = self.stretches[-1][-1]
            time = (last & ~(_ROLL - 1)) | low
            time += _ROLL if time < last else 0
            self._step(time)
            self.stretches[-1].append(time)

    def _step(self, time: int) -> None:
        self.count += 1
        self.back += bool(self.stretches) and time <= self.stretches[-1][-1]


@dataclass(slots=True)
class _Found:
    """All that is taken from a file."""

    lists: _Lists = field(default_factory=_Lists)
    stored: _Stored = field(default_factory=_Stored)
    files: int = 0
    created: int | None = None
    begun: int | None = None
    elapsed_ms: int = 0
    offset_s: int | None = None
    laps: int = 0
    markers: list[tuple[int, int, str]] = field(default_factory=list[tuple[int, int, str]])
    """Place among the intervals of message 78, second of FIT, words."""
    other: set[int] = field(default_factory=set[int])

    def mark(self, stamp: int, text: str) -> None:
        """Words for a moment."""
        self.markers.append((len(self.lists.ms), stamp, text))


def _read(file: Foreign, choices: Choices, progress: Progress) -> Content:
    found = _Found()
    fault = _gather(file.data, found, progress)
    lists, stored = len(found.lists.ms), found.stored.count
    if fault is not None and not (choices.partial and (lists or stored > 1)):
        raise _faulty(found, *fault)
    if not lists and stored < 2:
        raise _without(found)
    content = _chosen(found, choices)
    if fault is None:
        return content
    left = f"the file is damaged ({fault[0]} at byte {fault[1]}): only what stands before the fault was taken; partial."
    return replace(content, why=_joined(content.why, left), decisions=(left, *content.decisions))


def _gather(data: bytes, found: _Found, progress: Progress) -> tuple[str, int] | None:
    """Read message by message into `found`; what went wrong and at which byte, or None."""
    fit = _library()
    place = 0
    try:
        with fit.FitReader(
            io.BytesIO(data),
            processor=None,
            check_crc=fit.CrcCheck.RAISE,
            error_handling=fit.ErrorHandling.IGNORE,
            keep_raw_chunks=True,
        ) as reader:
            for index, frame in enumerate(reader):
                place = frame.chunk.offset + len(frame.chunk.bytes)
                if frame.frame_type == fit.FIT_FRAME_HEADER:
                    found.files += 1
                elif frame.frame_type == fit.FIT_FRAME_DATA:
                    _take(frame, found)
                if index % _REPORT_EVERY == 0:
                    progress(place / max(1, len(data)))
    except ImportRefused:
        raise
    except Exception as error:  # noqa: BLE001 - fitdecode raises whatever its parts do (RECORDING 2.3 row 9)
        return ("CRC" if isinstance(error, fit.FitCRCError) else "CRC or end of file"), place
    return None


def _library() -> Any:  # noqa: ANN401 - a module without types
    try:
        return import_module("fitdecode")
    except ImportError as error:
        raise ImportRefused(
            "reading Garmin FIT files needs the package fitdecode, which is not installed.",
            'Install it: pip install "biofeedback[formats]".',
        ) from error


def _take(frame: Any, found: _Found) -> None:  # noqa: ANN401 - of a library without types
    number = frame.global_mesg_num
    if number in _HINT:
        found.other.add(number)
    taker = _TAKERS.get(number)
    if taker is not None:
        taker(frame, found)
        if max(len(found.lists.ms), found.stored.count) > MOST_BEATS:
            raise ImportRefused(f"it holds more than {MOST_BEATS} beats.", "Cut it into parts.")


def _bytes_of(frame: Any) -> dict[int, bytes]:  # noqa: ANN401 - of a library without types
    """The bytes of each field of a message, by the field's number."""
    data: bytes = frame.chunk.bytes
    fields: dict[int, bytes] = {}
    place = 1
    for each in frame.def_mesg.field_defs:
        fields[int(each.def_num)] = data[place : place + int(each.size)]
        place += int(each.size)
    return fields


def _wholes(data: bytes, size: int, frame: Any) -> list[int]:  # noqa: ANN401 - of a library without types
    order: Literal["big", "little"] = "big" if frame.def_mesg.endian == ">" else "little"
    last = len(data) - len(data) % size
    return [int.from_bytes(data[place : place + size], order) for place in range(0, last, size)]


def _stamp(frame: Any, name: str | int = 253) -> int | None:  # noqa: ANN401 - of a library without types
    """A date of a message in seconds of FIT, or None."""
    value = _number(frame, name)
    return value if value is not None and _FIRST_DATE <= value < 0xFFFFFFFF else None


def _number(frame: Any, name: str | int) -> int | None:  # noqa: ANN401 - of a library without types
    value = frame.get_raw_value(name, fallback=None)
    return value if isinstance(value, int) else None


def _hrv(frame: Any, found: _Found) -> None:  # noqa: ANN401
    values = _wholes(_bytes_of(frame).get(0, b""), 2, frame)
    found.lists.take([value for value in values if value != _EMPTY])


def _hr(frame: Any, found: _Found) -> None:  # noqa: ANN401
    fields = _bytes_of(frame)
    times = _wholes(fields.get(9, b""), 4, frame)
    stamp = _stamp(frame)
    if times and stamp is not None and found.stored.clock is None:
        fraction = (_wholes(fields.get(0, b""), 2, frame) or [0])[0]
        found.stored.clock = times[0], stamp + fraction / 32768
    found.stored.full(times)
    found.stored.packed(_twelve_bits(fields.get(10, b"")))


def _twelve_bits(data: bytes) -> list[int]:
    """Numbers of 12 bits, packed two in three bytes, lower bits first."""
    numbers: list[int] = []
    for low, middle, high in zip(data[0::3], data[1::3], data[2::3], strict=False):
        numbers += [low | (middle & 15) << 8, middle >> 4 | high << 4]
    return numbers


def _file_id(frame: Any, found: _Found) -> None:  # noqa: ANN401
    found.created = found.created or _stamp(frame, 4)


def _record(frame: Any, found: _Found) -> None:  # noqa: ANN401
    stamp = _stamp(frame)
    if stamp is not None:
        found.lists.time(stamp)


def _event(frame: Any, found: _Found) -> None:  # noqa: ANN401
    """Of the timer only: 0 starts it, 1, 4, 8 and 9 stop it."""
    stamp, what = _stamp(frame), _number(frame, 1)
    if stamp is None or _number(frame, 0) != 0:
        return
    found.lists.time(stamp)
    if what == 0:
        found.mark(stamp, "timer started")
    elif what in (1, 4, 8, 9):
        found.mark(stamp, "timer stopped")


def _lap(frame: Any, found: _Found) -> None:  # noqa: ANN401
    stamp = _stamp(frame)
    found.laps += 1
    if stamp is not None:
        found.mark(stamp, f"end of lap {found.laps}")
    _begin(_stamp(frame, 2), found)


def _session(frame: Any, found: _Found) -> None:  # noqa: ANN401
    found.elapsed_ms += _number(frame, 7) or 0
    _begin(_stamp(frame, 2), found)


def _begin(stamp: int | None, found: _Found) -> None:
    if stamp is not None:
        found.begun = stamp if found.begun is None else min(found.begun, stamp)


def _activity(frame: Any, found: _Found) -> None:  # noqa: ANN401
    stamp, local = _stamp(frame), _stamp(frame, 5)
    if stamp is not None and local is not None and abs(local - stamp) <= 14 * 3600 and (local - stamp) % 900 == 0:
        found.offset_s = local - stamp


_TAKERS: Final[dict[int, Callable[[Any, _Found], None]]] = {
    0: _file_id,
    18: _session,
    19: _lap,
    20: _record,
    21: _event,
    34: _activity,
    78: _hrv,
    132: _hr,
}


def _faulty(found: _Found, what: str, place: int) -> ImportRefused:
    whole = len(found.lists.ms) or max(0, found.stored.count - 1)
    if whole:
        advice = f"Copy it from the watch again, or take the {whole} intervals before the fault with --partial."
    else:
        advice = "Copy it from the watch again."
    count = f"{whole} intervals stand before the fault" if whole else "no intervals stand before the fault"
    return ImportRefused(f"CRC or end of file: it is cut off or damaged ({what}); {count}.", advice, f"byte {place}")


def _without(found: _Found) -> ImportRefused:
    held = " and ".join(f"{_HINT[number]} (message {number})" for number in sorted(found.other))
    also = f"; it holds {held}, which are not read" if held else ""
    return ImportRefused(
        f"there is no RR inside (no message 78 or 132){also}.",
        "Switch on the logging of heart rate variability in the watch, and wear a chest strap.",
    )


def _chosen(found: _Found, choices: Choices) -> Content:
    """Intervals or times of beats; where a file has both, those that cover more, unless somebody chose."""
    both = len(found.lists.ms) > 0 and found.stored.count > 1
    if not both:
        return _of_lists(found) if len(found.lists.ms) else _of_stored(found)
    lists, stored = _of_lists(found), _of_stored(found)
    longer = stored if sum(stored.ticks) > sum(lists.ticks) else lists
    chosen = {"78": lists, _BEATS: stored}.get(choices.signal or "", longer)
    other = stored if chosen is lists else lists
    covered = [round(sum(each.ticks) / TICKS_PER_S) for each in (chosen, other)]
    said = (
        f"both messages 78 (intervals) and 132 (times of beats) are in it; {chosen.format} was taken, with "
        f"{covered[0]} s of intervals; {other.format} has {covered[1]} s."
    )
    return replace(chosen, decisions=(said, *chosen.decisions))


def _of_lists(found: _Found) -> Content:
    lists = found.lists
    ticks = array("q", [value * TICKS_PER_MS for value in lists.ms])
    span_ms = _span_ms(found)
    holes = tuple(lists.holes)
    decisions: list[str] = []
    summed, missing = sum(lists.ms), sum(hole.ticks for hole in holes) // TICKS_PER_MS
    if holes and span_ms and abs(summed + missing - span_ms) >= abs(summed - span_ms):
        decisions.append("pauses between its time stamps were not taken for holes, as the intervals fill the time.")
        holes, missing = (), 0
    if holes:
        decisions.append(f"{len(holes)} holes of {missing // 1000} s in all, by the time stamps around the intervals.")
    start_s = lists.first_s or found.begun or found.created
    about: dict[str, Json] = {"messages": lists.messages, "max_ms": max(lists.ms)}
    if span_ms:
        about["span_s"] = span_ms / 1000
    return Content(
        "fit mesg 78",
        "rr",
        ticks,
        unit="s",
        rule="FIT message 78: seconds, kept as whole ms",
        start=_start(found, start_s),
        holes=holes,
        markers=_in_order(found, ticks, holes, decisions),
        why=_mismatch(summed + missing, span_ms) or _gone_back(lists),
        decisions=(*decisions, *_chained(found)),
        about=about,
    )


def _span_ms(found: _Found) -> int:
    lists = found.lists
    if lists.first_s is not None and lists.last_s is not None and lists.last_s > lists.first_s:
        return (lists.last_s - lists.first_s) * 1000
    return found.elapsed_ms


def _mismatch(covered_ms: int, span_ms: int) -> str | None:
    """FORMATS 1.3: what the intervals add up to against the time that the file says."""
    if not span_ms or fills(covered_ms, span_ms, 1000):
        return None
    return f"its intervals add up to {covered_ms / 1000:.0f} s, but it spans {span_ms / 1000:.0f} s."


def _gone_back(lists: _Lists) -> str | None:
    if lists.first_s is None or lists.last_s is None or lists.last_s >= lists.first_s:
        return None
    return "its clock goes back: sessions in it are not in the order of their times, and holes are not known."


def _in_order(found: _Found, ticks: array[int], holes: tuple[Hole, ...], decisions: list[str]) -> tuple[Marker, ...]:
    """Markers of messages 78 by their place among the intervals, which is surer than a clock of whole seconds.

    Within a hole, or an interval that is a pause, the clock says where.
    """
    edges = {hole.before: hole.ticks for hole in holes}
    passed, place = 0, 0
    markers: list[Marker] = []
    for index, stamp, text in _bounded(found, decisions):
        while place < index:
            passed += edges.get(place, 0) + ticks[place]
            place += 1
        latest = passed + edges.get(index, 0)
        if index < len(ticks) and ticks[index] > _PAUSE_TICKS:
            latest += ticks[index]
        clock = (stamp - (found.lists.first_s or stamp)) * TICKS_PER_S
        markers.append(Marker(min(max(passed, clock), latest), text))
    return tuple(markers)


def _bounded(found: _Found, decisions: list[str]) -> list[tuple[int, int, str]]:
    if len(found.markers) > _MOST_MARKERS:
        decisions.append(f"of {len(found.markers)} laps and pauses the first {_MOST_MARKERS} were kept.")
    return found.markers[:_MOST_MARKERS]


def _of_stored(found: _Found) -> Content:
    stored = found.stored
    times, opens = _in_time(stored.stretches)
    ticks: array[int] = array("q")
    holes: list[Hole] = []
    for early, late in pairwise(times):
        if late in opens and late - early > _LONGEST_BEAT:
            holes.append(Hole(len(ticks), (late - early) * TICKS_OF_STRAP))
        else:
            ticks.append((late - early) * TICKS_OF_STRAP)
    decisions: list[str] = []
    if len(stored.stretches) > 1:
        decisions.append(f"{len(stored.stretches)} stretches of beats were put in order of time.")
    if late_ones := stored.count - len(times):
        which = "1 time that does" if late_ones == 1 else f"{late_ones} times that do"
        decisions.append(f"left out: {which} not come after the beat before.")
    if holes:
        decisions.append(f"holes between stretches of stored beats: {len(holes)}.")
    start_s = None if stored.clock is None else stored.clock[1] + (times[0] - stored.clock[0]) / 1024
    zero = found.begun or found.created if start_s is None else start_s
    markers = [Marker(round((at - (zero or at)) * TICKS_PER_S), text) for _, at, text in _bounded(found, decisions)]
    return Content(
        "fit mesg 132",
        "beats",
        ticks,
        unit="1/1024",
        rule="FIT message 132: times of beats in 1/1024 s",
        start=_start(found, zero),
        holes=tuple(holes),
        markers=tuple(markers),
        decisions=(*decisions, *_chained(found)),
        about={"n": stored.count, "span_s": (times[-1] - times[0]) / 1024, "steps_back": stored.back},
    )


def _in_time(stretches: list[array[int]]) -> tuple[list[int], set[int]]:
    """Times that rise, stretches in order of their first time; and the first time that each stretch brings."""
    times: list[int] = []
    opens: set[int] = set()
    for stretch in sorted(stretches, key=lambda each: each[0]):
        new = [time for time in stretch if not times or time > times[-1]]
        rising = [time for index, time in enumerate(new) if not index or time > new[index - 1]]
        opens.update(rising[:1])
        times += rising
    return times, opens


def _chained(found: _Found) -> tuple[str, ...]:
    return (f"{found.files} FIT files chained in one were read as one.",) if found.files > 1 else ()


def _start(found: _Found, stamp: float | None) -> Start | None:
    if stamp is None:
        return None
    moment = (_EPOCH + timedelta(seconds=stamp)).replace(microsecond=0)
    if found.offset_s is None:
        return start_at(moment.replace(tzinfo=None), "utc")
    local = moment.astimezone(timezone(timedelta(seconds=found.offset_s)))
    return start_at(local.replace(tzinfo=None), local.isoformat()[-6:])


def _joined(first: str | None, second: str) -> str:
    return second if first is None else f"{first} {second}"


def _claims(file: Foreign) -> bool:
    return len(file.head) >= 12 and file.head[0] in (12, 14) and file.head[8:12] == b".FIT"


READERS: Final[tuple[Reader, ...]] = (Reader("fit", _claims, _read),)
