"""Polar .hrm: RR where [Params] says Interval=238, heart rate otherwise (FORMATS 1.2)."""

from __future__ import annotations

import re
from array import array
from collections.abc import Mapping
from typing import Final, TypeAlias

from biofeedback.errors import ImportRefused
from biofeedback.formats.units import wholes_of
from biofeedback.formats.arrivals import LOCAL, span_why
from biofeedback.formats.clocks import stamp_of
from biofeedback.formats.content import Content, Marker, Start
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.lines import MOST_BEATS, lines_of, printable
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.hrv.ticks import TICKS_PER_MS, us_to_ticks

Lines: TypeAlias = list[tuple[int, str]]

RR: Final = "238"
"""The Interval that marks RR."""
_WORDS: Final = {"204": "means of several beats"}
_DURATION: Final = re.compile(r"([0-9]{1,4}):([0-5]?[0-9]):([0-5]?[0-9](?:\.[0-9]{1,6})?)\Z")
_LONGEST_MARKER: Final = 200


def _claims(file: Foreign) -> bool:
    return file.first_line.strip().lower() == "[params]"


def _read(file: Foreign, _choices: Choices, _progress: Progress) -> Content:
    sections = _sections(file.text)
    params = _params(sections.get("params", []))
    _refuse_heart_rate(params.get("interval"))
    lines = sections.get("hrdata", [])
    if not lines:
        raise ImportRefused("it has no [HRData] values.", "Send it again from the watch, or choose another exercise.")
    if len(lines) > MOST_BEATS:
        raise ImportRefused("it holds more than 5 million intervals.", "Cut it into parts.")
    ticks = wholes_of(lines, TICKS_PER_MS)
    start, told = _start(params)
    length = _duration_ticks(params.get("length", ""))
    return Content(
        "polar-hrm",
        "rr",
        ticks,
        unit="ms",
        rule="Interval=238",
        start=start,
        markers=_markers(sections),
        why=_why(ticks, length),
        decisions=(
            *told,
            *_delay(params.get("startdelay", "0")),
            *([] if length else ["it has no Length to check by"]),
        ),
        about={"interval": 238},
    )


def _sections(text: str) -> dict[str, Lines]:
    """Lines that hold something, by the section's name in small letters. Raises ImportRefused for one that is twice."""
    found: dict[str, Lines] = {}
    lines: Lines = []
    for number, line in lines_of(text):
        cell = line.strip()
        if cell.startswith("[") and cell.endswith("]"):
            name = cell[1:-1].lower()
            if name in found:
                raise ImportRefused(f"the section {printable(cell)} is there twice.", "Cut it apart.", f"line {number}")
            lines = found[name] = []
        elif cell:
            lines.append((number, cell))
    return found


def _params(lines: Lines) -> dict[str, str]:
    pairs = (line.partition("=") for _, line in lines)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _refuse_heart_rate(interval: str | None) -> None:
    """Raise ImportRefused unless the file holds RR, saying what it holds instead."""
    if interval == RR:
        return
    advice = "Record in the watch's RR mode; of heart rate alone no variability can be worked out."
    if interval is None:
        raise ImportRefused("its [Params] have no Interval, so nothing says that it holds RR.", advice)
    often = f"every {interval} s" if re.fullmatch(r"[0-9]{1,4}", interval) else f"at '{printable(interval)}'"
    held = _WORDS.get(interval, f"heart rate {often}")
    raise ImportRefused(f"[HRData] holds {held}, not RR (Interval=238 marks RR).", advice)


def _start(params: Mapping[str, str]) -> tuple[Start | None, list[str]]:
    """Date and StartTime as written, local, and what to say of them."""
    day = params.get("date", "")
    iso = f"{day[:4]}-{day[4:6]}-{day[6:]} {params.get('starttime', '')}"
    stamp = stamp_of(iso) if re.fullmatch(r"[0-9]{8}", day) else None
    return (None, ["it says no date and time that can be read"]) if stamp is None else (stamp.start, [LOCAL])


def _delay(cell: str) -> list[str]:
    return [] if not cell.strip("0") else [f"its StartDelay={printable(cell)} is not added to the start"]


def _duration_ticks(text: str) -> int | None:
    found = _DURATION.match(text)
    if not found:
        return None
    whole, _, part = found[3].partition(".")
    seconds = (int(found[1]) * 60 + int(found[2])) * 60 + int(whole)
    return us_to_ticks(seconds * 1_000_000 + int((part + "000000")[:6]))


def _why(ticks: array[int], length: int | None) -> str | None:
    return span_why(ticks, (), length, "its Length says") if length else None


def _markers(sections: Mapping[str, Lines]) -> tuple[Marker, ...]:
    """The note, where the exercise begins, and the laps with their notes, where they end."""
    note = " ".join(line for _, line in sections.get("note", []))
    found = [Marker(0, printable(note, _LONGEST_MARKER))] if note else []
    ends = [_duration_ticks(line.split("\t")[0]) for _, line in sections.get("inttimes", [])]
    notes = _lap_notes(sections.get("intnotes", []))
    for lap, end in enumerate((each for each in ends if each is not None), start=1):
        text = f"end of lap {lap}"
        found.append(Marker(end, f"{text}: {notes[lap]}" if lap in notes else text))
    return tuple(found)


def _lap_notes(lines: Lines) -> dict[int, str]:
    """Notes of laps: a number and a text a line."""
    found: dict[int, str] = {}
    for _, line in lines:
        lap, _, text = line.partition("\t")
        if re.fullmatch(r"[0-9]{1,4}", lap) and text.strip():
            found[int(lap)] = printable(text.strip(), _LONGEST_MARKER)
    return found


READERS: Final[tuple[Reader, ...]] = (Reader("polar-hrm", _claims, _read),)
