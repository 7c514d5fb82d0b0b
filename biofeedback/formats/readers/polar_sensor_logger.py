"""Polar Sensor Logger: one file a sensor stream, told by the names of its columns (FORMATS 1.2)."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Final

from biofeedback.errors import ImportRefused
from biofeedback.formats.units import wholes_of
from biofeedback.formats.arrivals import ARRIVALS, LOCAL, OPTICAL, holes_of, opened_us, span_why
from biofeedback.formats.clocks import Clock, clock_of, set_clocks, stamp_of
from biofeedback.formats.content import Content, Marker, Start
from biofeedback.formats.dates import day_in_name
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.lines import Row, cells_in, lines_of, number_of, printable, rows_below
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.hrv.ticks import TICKS_PER_MS, us_to_ticks

ECG_HZ: Final = 130.0
"""What Polar straps send; the stamps of the sensor say by how little it differs."""
_NEAR: Final = 0.01
_EVEN: Final = 0.001
"""The mean step of an ECG without holes is as near to the usual one."""
_PHONE: Final = ("phone timestamp", "phone data rx timestamp")
_RR, _PP, _ECG, _HR, _MARK = "rr-interval [ms]", "pp-interval [ms]", "ecg [uv]", "hr [bpm]", "marker start/stop"
_NS, _MS = "sensor timestamp [ns]", "timestamp [ms]"
_SAMPLE: Final = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,9})?\Z")
_STAMP: Final = re.compile(r"[0-9]{1,19}(?:\.[0-9]{1,12})?\Z")
_STREAM: Final = re.compile(r"_(RR|HR|PPI|ECG|PPG|ACC|GYRO|MAGN?)(?=[._ (])", re.IGNORECASE)
_SET: Final = re.compile(r"[0-9]{8}_[0-9]{6}")
_RECORD: Final = "Record again with RR or ECG switched on."


def _heading(file: Foreign) -> list[str]:
    return [cell.strip().lower() for cell in file.first_line.rstrip("; \t").split(";")]


def _claims(file: Foreign) -> bool:
    heading = _heading(file)
    return heading[0] in _PHONE and len(heading) > 1


def _read(file: Foreign, choices: Choices, _progress: Progress) -> Content:
    heading = _heading(file)
    if _RR in heading:
        return _intervals(file, heading, heading.index(_RR), "polar-sensor-logger rr")
    if _PP in heading:
        return _intervals(file, heading, heading.index(_PP), "polar-sensor-logger ppi")
    if _ECG in heading:
        return _wave(file, choices, heading, heading.index(_ECG))
    channels = [place for place, name in enumerate(heading) if name.startswith("channel ")]
    if channels:
        names = [heading[place] for place in channels]
        chosen = choices.signal.strip().lower() if choices.signal else names[0]
        if chosen not in names:
            raise ImportRefused(f"it has no '{printable(chosen)}'.", f"Choose {', '.join(names)} (--signal).")
        return _wave(file, choices, heading, heading.index(chosen))
    if _MARK in heading:
        return _marker_file(file)
    raise _no_beats(file, heading)


def _no_beats(file: Foreign, heading: Sequence[str]) -> ImportRefused:
    """Why a stream holds no intervals, and which file beside it does."""
    sibling = next((name for name in _siblings(file.name) if file.beside(name)), None)
    advice = f"Give {printable(sibling, 100)} beside it." if sibling else _RECORD
    if _HR in heading:
        return ImportRefused("it holds heart rate only; the RR are in the sibling _RR.txt.", advice)
    return ImportRefused("it holds movement or other values of the sensor, no heartbeats.", advice)


def _siblings(name: str) -> list[str]:
    return [_STREAM.sub(f"_{word}", name) for word in ("RR", "PPI", "ECG") if _STREAM.search(name)]


def _intervals(file: Foreign, heading: Sequence[str], column: int, kind: str) -> Content:
    rows, cut = rows_below(file.text, ";", column + 1)
    rows, cut = _without_half_row(file, rows, column, cut)
    clock = clock_of(cells_in(rows, 0))
    if clock is None:
        raise ImportRefused("it holds no interval, only a heading.", _RECORD)
    ticks = wholes_of(cells_in(rows, column), TICKS_PER_MS)
    stamps, changes = set_clocks(clock.us, clock.first)
    holes = holes_of(ticks, stamps)
    start, told = _start(file, clock)
    markers = _markers_beside(file, clock, opened_us(ticks, stamps, holes))
    return Content(
        kind,
        "rr",
        ticks,
        unit="ms",
        rule="Polar Sensor Logger writes ms",
        start=start,
        holes=holes,
        markers=markers,
        why=span_why(ticks, holes, us_to_ticks(stamps[-1] - stamps[0]) + ticks[0], "its times of arrival"),
        decisions=(*_pulses(rows, heading), ARRIVALS, *told, *changes, *([cut] if cut else []), *_half(file.text)),
    )


def _without_half_row(file: Foreign, rows: list[Row], column: int, cut: str | None) -> tuple[list[Row], str | None]:
    """The rows without a last one that has no line end and cannot be read."""
    if cut or not rows or file.text.endswith(("\n", "\r")):
        return rows, cut
    last = rows[-1]
    if stamp_of(last[1][0]) and number_of(last[1][column]) is not None:
        return rows, None
    return rows[:-1], f"its last line ({last[0]}) is cut off and left out"


def _half(text: str) -> list[str]:
    return [] if text.endswith(("\n", "\r")) else ["its last line has no end, so its value may be cut"]


def _start(file: Foreign, clock: Clock) -> tuple[Start | None, list[str]]:
    """The first stamp as a start; a time of day gets the date of the file's name, when it has one."""
    told = [f"its times of day passed midnight: {clock.midnights}"] if clock.midnights else []
    if clock.first.dated:
        return clock.first.start, [LOCAL, *told]
    day = day_in_name(file.name)
    if day is None:
        return None, ["it says the time of day only, so its date is not known", *told]
    told.append("it says the time of day only; the date is that of its name")
    return Start(f"{day}T{clock.first.start.text}", None), [LOCAL, *told]


def _pulses(rows: Sequence[Row], heading: Sequence[str]) -> list[str]:
    """Of an optical sensor: that it is one, and how many intervals it marks as disturbed by movement; they stay."""
    if _PP not in heading:
        return []
    column = heading.index("blocker") if "blocker" in heading else len(heading)
    marked = sum(cells[column : column + 1] == ["1"] for _, cells in rows)
    moved = f"the sensor marks {marked} of {len(rows)} intervals as moved (blocker); they are kept"
    return [OPTICAL, moved] if marked else [OPTICAL]


def _markers_beside(file: Foreign, clock: Clock, opened: int) -> tuple[Marker, ...]:
    """The marks of the same recording, from MARKER_<date>_<time>.txt."""
    found = _SET.search(file.name)
    other = file.beside(f"MARKER_{found[0]}.txt") if found else None
    if other is None or _MARK not in _heading(other):
        return ()
    try:
        marks = _marks(other)
    except ImportRefused:
        return ()
    same = [(us, text) for us, dated, text in marks if dated == clock.first.dated]
    return tuple(Marker(us_to_ticks(us - opened), text) for us, text in same)


def _marks(file: Foreign) -> list[tuple[int, bool, str]]:
    """Stamp, whether it has a date, and words of each row."""
    rows, _ = rows_below(file.text, ";", 2)
    clock = clock_of(cells_in(rows, 0))
    if clock is None:
        return []
    texts = [printable(cells[1], 200) or "mark" for _, cells in rows]
    return [(us, clock.first.dated, text) for us, text in zip(clock.us, texts, strict=True)]


def _marker_file(file: Foreign) -> Content:
    marks = _marks(file)
    if not marks:
        raise ImportRefused("it holds no mark, and no interval.", "Give the _RR.txt or _ECG.txt beside it.")
    markers = tuple(Marker(us_to_ticks(us - marks[0][0]), text) for us, _, text in marks)
    why = "marks only; the _RR.txt of the same recording takes them along."
    return Content("polar-sensor-logger marker", "summary", markers=markers, why=why, about={"rows": len(marks)})


def _wave(file: Foreign, choices: Choices, heading: Sequence[str], column: int) -> Content:
    """An ECG, or one channel of a pulse wave. A night has millions of rows: none is kept longer than it is needed."""
    from biofeedback.formats.readers.ecg import ecg_content

    ecg = heading[column] == _ECG
    text, cut = _whole_lines(file.text)
    samples = array("d", (_sample(cell, number) for number, cell in _cells_of(text, column)))
    if not samples:
        raise ImportRefused("it holds no sample, only a heading.", _RECORD)
    times_s, hz, said = _times(text, heading, ecg)
    first = stamp_of(next(_cells_of(text, 0))[1])
    clock = Clock(array("q", [first.us]), first) if first else None
    start, told = _start(file, clock) if clock else (None, ["its start cannot be read"])
    return ecg_content(
        f"polar-sensor-logger {'ecg' if ecg else 'ppg'}",
        "ECG" if ecg else heading[column],
        samples,
        hz,
        "uV" if ecg else "",
        choices,
        kind="ecg" if ecg else "ppg",
        start=start,
        markers=_markers_beside(file, clock, clock.first.us) if clock else (),
        decisions=[*told, said, *cut, *([] if ecg else [OPTICAL])],
        times_s=times_s,
        about={"rows": len(samples)},
    )


def _whole_lines(text: str) -> tuple[str, list[str]]:
    """The text without a last line that has no end, of which one sample may be cut, and what to say of that."""
    if text.endswith(("\n", "\r")):
        return text, []
    place = max(text.rfind("\n"), text.rfind("\r")) + 1
    return text[:place], ["its last line has no end and is left out"] if place else []


def _cells_of(text: str, column: int) -> Iterator[tuple[int, str]]:
    """The cells of a column below the first line that holds anything. Raises ImportRefused for a row without one."""
    heading = True
    for number, line in lines_of(text):
        if not line or line.isspace():
            continue
        if heading:
            heading = False
            continue
        cells = line.split(";", column + 1)
        if len(cells) <= column:
            raise ImportRefused(f"it has only {len(cells)} columns.", "Mend that line.", f"line {number}")
        yield number, cells[column].strip(" \t")


def _sample(cell: str, number: int) -> float:
    if not _SAMPLE.match(cell):
        raise ImportRefused(f"this is no sample: '{printable(cell)}'.", "Mend that line.", f"line {number}")
    return float(cell)


def _times(text: str, heading: Sequence[str], ecg: bool) -> tuple[array[float] | None, float, str]:
    """When each sample was taken by the sensor's own clock in s, or None where all are as far apart; the rate; words.

    A rate that is not near the one of Polar's ECG is not believed.
    """
    for name, each in ((_NS, 1_000_000_000), (_MS, 1000)):
        times = _rising(text, heading.index(name), each) if name in heading else None
        if times is None:
            continue
        steps = sorted(late - early for early, late in pairwise(times))
        step = steps[len(steps) // 2]
        if ecg and abs(ECG_HZ * step - 1) > _NEAR:
            continue
        said = f"the rate is that of the sensor's own clock ('{name}')"
        mean = round((len(times) - 1) / times[-1], 3)
        if abs(mean * step - 1) <= _EVEN and steps[-1] <= 1.5 * step:
            return None, mean, said
        return times, ECG_HZ if ecg else float(f"{1 / step:.4g}"), f"{said}; where it leaps, samples are missing"
    if not ecg:
        raise ImportRefused("its sensor has no clock that rises, so its rate is not known.", "Give the _PPI.txt.")
    return None, ECG_HZ, "130 samples a second are taken for granted: the sensor's own clock cannot be used"


def _rising(text: str, column: int, each: int) -> array[float] | None:
    """A column of times in seconds since its first; None unless it is numbers that only rise."""
    times = array("d")
    first = Decimal(0)
    for _, cell in _cells_of(text, column):
        if not _STAMP.match(cell):
            return None
        if not times:
            first = Decimal(cell)
        time = float(Decimal(cell) - first) / each
        if times and time <= times[-1]:
            return None
        times.append(time)
    return times if len(times) > 1 else None


READERS: Final[tuple[Reader, ...]] = (Reader("polar-sensor-logger", _claims, _read),)
