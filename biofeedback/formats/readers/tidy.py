"""Our own tables (`export --to csv`): the intervals of `beats.csv`, to the tick; the other files belong to it."""

from __future__ import annotations

import csv
import io
import re
from array import array
from collections.abc import Iterator
from decimal import Decimal
from typing import Final, cast

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content, Hole, Marker, Start
from biofeedback.formats.dates import later, start_of
from biofeedback.formats.exports.dictionary import OF_THE_PROGRAM
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.json_text import json_head, json_of
from biofeedback.formats.lines import MOST_BEATS, cells_of, interval_of, lines_of, printable
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.formats.readers.ecg import LONGEST_MARKER, refuse_more_markers
from biofeedback.formats.units import ticks_each, ticks_of
from biofeedback.hrv.ticks import TICKS_OF_STRAP, TICKS_PER_S

NAME: Final = "biofeedback csv"
_BEATS: Final = "beat,t_s,utc,rr_ms,rr_raw_1024,"
_SIDE_LINES: Final = (
    "t_s,kind,label,value,duration_s,",
    "t_s,m,value,unit,window_s,",
    "file,column,unit,meaning",
    "# What the tables mean",
)
"""How the other files of such a folder begin."""
_ABOUT: Final = re.compile(r'\{\s*"format":\s*"biofeedback-export/')
_SECONDS: Final = re.compile(r"-?[0-9]{1,10}(?:\.[0-9]{1,9})?\Z")
_WHOLE: Final = re.compile(r"[0-9]{1,9}\Z")
_LARGEST_SIDE_FILE: Final = 16 << 20
_ADVICE: Final = "Export it again, or mend that line."


def _claims(file: Foreign) -> bool:
    return file.first_line.startswith(_BEATS)


def _claims_side_file(file: Foreign) -> bool:
    if file.first_line.startswith(_SIDE_LINES):
        return True
    return file.name == "session.json" and _ABOUT.match(json_head(file) or "") is not None


def _read_side_file(_file: Foreign, _choices: Choices, _progress: Progress) -> Content:
    return Content(NAME, "skip", why="it belongs to the table beats.csv of our own export.")


def _read(file: Foreign, _choices: Choices, progress: Progress) -> Content:
    ticks: array[int] = array("q")
    openings, ends, holes, utc = array("q"), array("q"), list[Hole](), ""
    for line, row in _rows(file.text):
        ticks.append(_ticks(row, line))
        openings.append(_time(row["opening_s"], line))
        ends.append(_time(row["t_s"], line))
        utc = utc or row["utc"]
        if row["gap_before"] == "true" and len(ticks) > 1:
            holes.append(Hole(len(ticks) - 1, max(0, openings[-1] - ends[-2])))
        if len(ticks) > MOST_BEATS:
            raise ImportRefused("it has more than five million beats.", "Cut it into parts.")
    if not len(ticks):
        raise ImportRefused("there is no interval in it.", "Choose another recording.")
    progress(0.7)
    markers, words = _markers(file.beside("events.csv"), openings[0])
    return Content(
        NAME,
        "rr",
        ticks,
        unit="1/1024" if all(value % TICKS_OF_STRAP == 0 for value in ticks) else "ms",
        rule="columns 'rr_raw_1024' and 'rr_ms' of our own export",
        start=_start(file.beside("session.json"), openings[0]) or later(start_of(utc), -ticks[0]),
        holes=tuple(holes),
        markers=markers,
        decisions=("a gap of the recording is a hole; times of beats are used for its length only", *words),
    )


def _rows(text: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row by the names of the heading, and its line. Raises ImportRefused."""
    names: list[str] = []
    for line, content in lines_of(text):
        cells = cells_of(content, ",", line)
        if not names:
            names = cells
            if lacking := {"opening_s", "gap_before"} - set(names):
                raise ImportRefused(f"it has no column {min(lacking)}.", "Export it again.", f"line {line}")
        elif len(cells) != len(names):
            raise ImportRefused(f"it has {len(cells)} cells under {len(names)} headings.", _ADVICE, f"line {line}")
        else:
            yield line, dict(zip(names, cells, strict=True))


def _ticks(row: dict[str, str], line: int) -> int:
    """The interval as the strap counted it, else in ms."""
    raw = row["rr_raw_1024"]
    if _WHOLE.match(raw):
        return int(raw) * TICKS_OF_STRAP
    return ticks_of([interval_of(row["rr_ms"], line)], ticks_each("ms"))[0]


def _time(cell: str, line: int) -> int:
    if not _SECONDS.match(cell):
        raise ImportRefused(f"this is no time: '{printable(cell)}'.", _ADVICE, f"line {line}")
    return round(Decimal(cell) * TICKS_PER_S)


def _start(about: Foreign | None, opened: int) -> Start | None:
    """The start that `session.json` tells, at the first opening beat."""
    if about is None or about.size > _LARGEST_SIDE_FILE:
        return None
    told = json_of(about.text)
    start = cast("dict[str, object]", told).get("start") if isinstance(told, dict) else None
    return later(start_of(start), opened) if isinstance(start, str) else None


def _markers(events: Foreign | None, opened: int) -> tuple[tuple[Marker, ...], list[str]]:
    """What a person did, said or heard, from the table beside it; what is left of it, in words."""
    if events is None or events.size > _LARGEST_SIDE_FILE or not events.first_line.startswith(_SIDE_LINES[0]):
        return (), []
    rows = list(csv.DictReader(io.StringIO(events.text), strict=True))
    kept = [row for row in rows if row["kind"] not in OF_THE_PROGRAM]
    refuse_more_markers(len(kept))
    markers: list[Marker] = []
    for row in kept:
        if _SECONDS.match(row["t_s"] or ""):
            words = " ".join(filter(None, (row["kind"], row["label"], row["value"])))
            markers.append(Marker(round(Decimal(row["t_s"]) * TICKS_PER_S) - opened, printable(words, LONGEST_MARKER)))
    left = len(rows) - len(kept)
    return tuple(markers), [f"events of the program itself, left out: {left}"] if left else []


READERS: Final[tuple[Reader, ...]] = (
    Reader(NAME, _claims, _read),
    Reader(f"{NAME} side file", _claims_side_file, _read_side_file),
)
