"""BIDS: `*_physio.tsv` with its side file, and the beats in `*_events.tsv` of our own export.

Layout: the BIDS specification, "Physiological recordings" and "The Inheritance Principle". The table has no heading;
its columns and rate stand in a json of the same name, or one that lacks some of its entities, here or in folders above.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from itertools import combinations
from math import isfinite
from typing import Final, cast

from biofeedback.errors import ImportRefused
from biofeedback.events import Json
from biofeedback.formats.content import Content, Hole, Marker, Start, Waveform
from biofeedback.formats.dates import later, start_of
from biofeedback.formats.exports.dictionary import OF_THE_PROGRAM
from biofeedback.formats.foreign import MOST_LEVELS, Foreign
from biofeedback.formats.json_text import json_head, json_of
from biofeedback.formats.lines import MOST_BEATS, cells_of, interval_of, lines_of, printable
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.formats.readers.ecg import (
    LONGEST_MARKER,
    chosen_of,
    ecg_content,
    kind_of,
    refuse_more_markers,
)
from biofeedback.formats.units import ticks_each, ticks_of
from biofeedback.hrv.ticks import TICKS_PER_S

_MOST_ENTITIES: Final = 6
_LARGEST_SIDE_FILE: Final = 1 << 20
_FASTEST_HZ: Final = 1e6
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]{1,20}(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?")
_SIDE: Final = re.compile(
    r"(.*_(physio|events|scans|sessions)\.json|(.*_)?(scans|sessions|participants)\.(tsv|json)|dataset_description\.json)"
)
_WORDS: Final = re.compile(r"(README|CHANGES|LICENSE)(\.(md|txt|rst))?|CITATION\.cff")
_SIDE_HEADS: Final = ("filename\t", "session_id\t", "participant_id\t")
_ADVICE: Final = "Export it again, or mend that line."


def _claims_table(file: Foreign) -> bool:
    cells = file.first_line.split("\t")
    return file.name.endswith("_physio.tsv") and all(cell == "n/a" or _NUMBER.fullmatch(cell) for cell in cells)


def _claims_events(file: Foreign) -> bool:
    return file.name.endswith("_events.tsv") and file.first_line.startswith("onset\tduration")


def _claims_side_file(file: Foreign) -> bool:
    if _WORDS.fullmatch(file.name):
        return file.beside("dataset_description.json") is not None
    if not _SIDE.fullmatch(file.name):
        return False
    if file.name.endswith(".json"):
        return (json_head(file) or "").startswith("{")
    return file.first_line.startswith(_SIDE_HEADS)


def _read_side_file(_file: Foreign, _choices: Choices, _progress: Progress) -> Content:
    return Content("bids side file", "skip", why="it tells of other files of a BIDS data set.")


@dataclass(frozen=True, slots=True)
class _Side:
    """What the side files say of a table: samples a second, columns, units by column, start, and what else."""

    hz: float
    columns: tuple[str, ...]
    units: dict[str, str]
    start: Start | None
    offset_s: float
    files: tuple[str, ...]


def _side(file: Foreign) -> _Side:
    """All side files that speak for this one, the nearer and more special ones last. Raises ImportRefused."""
    known: dict[str, Json] = {}
    files: list[str] = []
    for side in _side_files(file):
        if side.size > _LARGEST_SIDE_FILE:
            raise ImportRefused(
                f"its side file {printable(side.name, LONGEST_MARKER)} is larger than 1 MiB.", "Mend the side file."
            )
        found = json_of(side.text)
        if not isinstance(found, dict):
            raise ImportRefused(
                f"its side file {printable(side.name, LONGEST_MARKER)} is no JSON object.", "Mend the side file."
            )
        known |= cast("dict[str, Json]", found)
        files.append(side.name)
    hz, columns = known.get("SamplingFrequency"), known.get("Columns")
    if not files or not _is_number(hz) or not 0 < cast("float", hz) <= _FASTEST_HZ or not _is_words(columns):
        raise ImportRefused(
            "its columns or its rate are not known.",
            f"Put {printable(file.stem, LONGEST_MARKER)}.json beside it, with SamplingFrequency and Columns.",
        )
    words = tuple(printable(each) for each in cast("list[str]", columns))
    offset = known.get("StartTime", 0)
    return _Side(
        float(cast("float", hz)),
        words,
        {word: _unit(known.get(word)) for word in words},
        _start(known.get("RecordingStart")),
        float(cast("float", offset)) if _is_number(offset) else 0.0,
        tuple(files),
    )


def _side_files(file: Foreign) -> Iterator[Foreign]:
    *entities, suffix = file.stem.split("_")
    entities = entities[:_MOST_ENTITIES]
    for level in range(MOST_LEVELS, -1, -1):
        for count in range(len(entities) + 1):
            for some in combinations(entities, count):
                name = "_".join((*some, f"{suffix}.json"))
                side = file.beside(name) if level == 0 else file.above(level, name)
                if side is not None:
                    yield side


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _is_words(value: Json) -> bool:
    words = cast("list[Json]", value) if isinstance(value, list) else []
    return bool(words) and all(isinstance(word, str) and word for word in words)


def _unit(about: Json) -> str:
    unit = cast("dict[str, Json]", about).get("Units", "") if isinstance(about, dict) else ""
    return printable(unit) if isinstance(unit, str) else ""


def _start(value: Json) -> Start | None:
    return start_of(value) if isinstance(value, str) else None


def _read_table(file: Foreign, choices: Choices, progress: Progress) -> Content:
    side = _side(file)
    if side.columns[0] == "rr":
        return _our_table(file)
    waves = [(_kind_name(column), side.hz) for column in side.columns]
    named = [(column, side.hz) for column in side.columns]
    place = chosen_of(named if choices.signal is not None else waves, choices)
    if place is None:
        columns = ", ".join(f"'{column}'" for column in side.columns)
        why = f"none of its columns is an ECG or a pulse wave: {columns}. --signal NAME chooses one."
        return Content("bids physio", "refuse", why=why)
    column = side.columns[place]
    samples = _samples(file, side, place)
    progress(0.3)
    words = [f"columns and rate are those of {printable(', '.join(side.files), LONGEST_MARKER)}"]
    if side.offset_s:
        words.append(f"it begins {side.offset_s:g} s after the scan it belongs to")
    others = [name for name in side.columns if _kind_name(name) and name != column]
    if others:
        words.append(f"of several columns '{column}' is used; there are also {', '.join(others)}")
    return ecg_content(
        "bids physio",
        column,
        samples,
        side.hz,
        side.units[column],
        choices,
        kind=kind_of(column),
        start=side.start,
        decisions=words,
        waveforms=[Waveform(name, side.hz, side.units[name], len(samples) / side.hz) for name in (column, *others)],
        about={"rows": len(samples)},
    )


def _kind_name(column: str) -> str:
    """BIDS calls a pulse wave or an ECG cardiac, without saying which; the signal will tell."""
    return "ppg" if column == "cardiac" or column.startswith("cardiac_") else kind_of(column) or ""


def _samples(file: Foreign, side: _Side, place: int) -> array[float]:
    samples = array("d")
    for number, line in lines_of(file.text):
        cells = line.split("\t")
        if len(cells) != len(side.columns):
            raise ImportRefused(
                f"it has {len(cells)} columns where {len(side.columns)} are told.", _ADVICE, f"line {number}"
            )
        cell = cells[place]
        if cell != "n/a" and not _NUMBER.fullmatch(cell):
            raise ImportRefused(f"this is no number: '{printable(cell)}'.", _ADVICE, f"line {number}")
        samples.append(float("nan") if cell == "n/a" else float(cell))
    return samples


def _our_table(file: Foreign) -> Content:
    """Our own export: the tachogram here is evened out; the beats stand in the events beside it."""
    name = f"{file.stem.removesuffix('physio')}events.tsv"
    told = printable(name, LONGEST_MARKER)
    if file.beside(name) is None:
        why = f"it holds RR that were evened out, no beats; these are in {told}, which is not beside it."
        return Content("bids physio", "refuse", why=why)
    return Content("bids physio", "skip", why=f"its beats are in {told}.")


def _read_events(file: Foreign, _choices: Choices, _progress: Progress) -> Content:
    rows = _rows(file)
    beats = [row for row in rows if row["trial_type"] == "beat"]
    if not beats:
        return Content("bids events", "skip", why="it tells of events, and none of them is a beat.")
    if len(beats) > MOST_BEATS:
        raise ImportRefused("it has more than five million beats.", "Cut it into parts.")
    values = [interval_of(row["value"], int(row["line"])) for row in beats]
    ticks = ticks_of(values, ticks_each("ms"))
    closings = [_onset(row) for row in beats]
    opened = closings[0] - ticks[0]
    gaps = [_onset(row) for row in rows if row["trial_type"] == "gap"]
    others = [row for row in rows if row["trial_type"] not in ("beat", *OF_THE_PROGRAM)]
    left = len(rows) - len(beats) - len(others)
    refuse_more_markers(len(others))
    side = file.beside(f"{file.stem.removesuffix('events')}physio.json")
    told = json_of(side.text) if side is not None and side.size <= _LARGEST_SIDE_FILE else None
    start = _start(cast("dict[str, Json]", told).get("RecordingStart")) if isinstance(told, dict) else None
    return Content(
        "bids events",
        "rr",
        ticks,
        unit="ms",
        rule="column 'value' of rows 'beat'",
        start=later(start, opened),
        holes=_holes(ticks, closings, gaps),
        markers=tuple(Marker(_onset(row) - opened, _words(row)) for row in others),
        decisions=(
            "a gap of the recording is a hole; times of beats are used for its length only",
            *((f"events of the program itself, left out: {left}",) if left else ()),
        ),
    )


def _rows(file: Foreign) -> list[dict[str, str]]:
    """The lines by the names of the heading, and "line", their number. Raises ImportRefused."""
    rows: list[dict[str, str]] = []
    names: list[str] = []
    for number, line in lines_of(file.text):
        cells = cells_of(line, "\t", number)
        if not names:
            names = cells
            if "onset" not in names or len(set(names)) < len(names):
                raise ImportRefused("its heading has no onset, or a name twice.", _ADVICE, f"line {number}")
        elif len(cells) != len(names):
            raise ImportRefused(
                f"it has {len(cells)} columns where the heading has {len(names)}.", _ADVICE, f"line {number}"
            )
        else:
            row = dict(zip(names, cells, strict=True))
            rows.append({"trial_type": "n/a", "value": "n/a", "label": "n/a", **row, "line": str(number)})
    return rows


def _onset(row: dict[str, str]) -> int:
    if not _NUMBER.fullmatch(row["onset"]) or abs(float(row["onset"])) > 1e9:
        raise ImportRefused(f"this is no time: '{printable(row['onset'])}'.", _ADVICE, f"line {row['line']}")
    return round(Decimal(row["onset"]) * TICKS_PER_S)


def _words(row: dict[str, str]) -> str:
    told = [row[key] for key in ("trial_type", "label", "value") if row[key] != "n/a"]
    return printable(" ".join(told), LONGEST_MARKER)


def _holes(ticks: array[int], closings: list[int], gaps: list[int]) -> tuple[Hole, ...]:
    """Where a gap begins between two beats: from the one before it to the opening of the next interval."""
    holes: list[Hole] = []
    place = 0
    for index in range(1, len(ticks)):
        while place < len(gaps) and gaps[place] < closings[index - 1]:
            place += 1
        if place < len(gaps) and gaps[place] < closings[index]:
            holes.append(Hole(index, max(0, closings[index] - ticks[index] - closings[index - 1])))
    return tuple(holes)


READERS: Final[tuple[Reader, ...]] = (
    Reader("bids physio", _claims_table, _read_table),
    Reader("bids events", _claims_events, _read_events),
    Reader("bids side file", _claims_side_file, _read_side_file),
)
