"""Suunto: SML and the older XML of Ambit watches, .sdf of the Training Manager, and the JSON of the app.

All hold one list of intervals in ms, without a time for each. A value over 2.5 s in it (19.8 s have been seen) is time
without beats: it stays in the list, and the artefact rule makes a gap of it. Tracks and other samples are not read.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from biofeedback.errors import ImportRefused
from biofeedback.events import Json
from biofeedback.formats.content import Content
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.dates import start_of
from biofeedback.formats.json_text import json_head, json_of
from biofeedback.formats.lines import MOST_BEATS, interval_of, lines_of, number_of, printable
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.formats.units import fills, ticks_each, ticks_of
from biofeedback.formats.xml_stream import Elements, root_of, walk
from biofeedback.hrv.ticks import TICKS_PER_S

LONGEST_TEXT: Final = 64 * 1024 * 1024
"""Signs of the list of intervals; more than the most beats that are read."""
"""The intervals may add up to so much more or less than the duration that the file states."""
WANTED: Final[dict[tuple[str, str], str]] = {
    ("R-R", "Data"): "intervals",
    ("Header", "DateTime"): "start",
    ("Header", "Duration"): "duration",
    ("header", "DateTime"): "start",
    ("header", "Duration"): "duration",
}
"""What is read, by the names of an element and the one around it; <IBI> counts wherever it stands."""

_DOTTED: Final = re.compile(r"([0-9]{2})\.([0-9]{2})\.([0-9]{4}) ([0-9]{2})[:.]([0-9]{2})[:.]([0-9]{2})\Z")
_NONE: Final = "it holds no list of intervals (R-R or IBI), only samples."
_ADVICE: Final = "Wear a heart rate belt and record again; a watch's own pulse sensor stores no intervals."


def _is_sml(file: Foreign) -> bool:
    return root_of(file).rpartition(":")[2] == "sml"


def _is_ambit(file: Foreign) -> bool:
    return root_of(file) == "header" and b"<DateTime>" in file.head


def _read_sml(file: Foreign, choices: Choices, progress: Progress) -> Content:
    return _read_xml(file, "suunto-sml", choices, progress, parts=False)


def _read_ambit(file: Foreign, choices: Choices, progress: Progress) -> Content:
    return _read_xml(file, "suunto-ambit", choices, progress, parts=True)


def _read_xml(file: Foreign, name: str, choices: Choices, progress: Progress, *, parts: bool) -> Content:
    found, fault = _Texts(), None
    try:
        walk(file, Elements(found.start, found.end, found.text, parts=parts), progress)
    except ImportRefused as error:
        if not choices.partial or not found.of("intervals").strip():
            raise
        fault = f"read only up to a fault: {error.where}: {error.what}"
    values = [_number(word, place) for place, word in enumerate(found.of("intervals").split(), 1)]
    return _content(name, values, found.of("start").strip(), number_of(found.of("duration").strip()), fault)


class _Texts:
    """The texts of the wanted elements on the way through a document."""

    def __init__(self) -> None:
        self._path: list[str] = []
        self._kept: dict[str, list[str]] = {}
        self._signs = 0
        self._into: list[str] | None = None

    def of(self, what: str) -> str:
        return "".join(self._kept.get(what, ()))

    def start(self, name: str, _: list[str]) -> None:
        self._path.append(name.rpartition(":")[2])
        self._turn()

    def end(self, _: str) -> None:
        self._path.pop()
        self._turn()

    def text(self, piece: str) -> None:
        if self._into is None:
            return
        self._signs += len(piece)
        if self._signs > LONGEST_TEXT:
            raise ImportRefused(f"it has more than {MOST_BEATS} beats.", "Export a shorter time.")
        self._into.append(piece)

    def _turn(self) -> None:
        """Where text goes from here on; a blank keeps two lists apart."""
        around, name = ["", "", *self._path][-2:]
        what = "intervals" if name == "IBI" else WANTED.get((around, name))
        self._into = None if what is None else self._kept.setdefault(what, [])
        if self._into is not None:
            self._into.append(" ")


def _is_json(file: Foreign) -> bool:
    head = json_head(file)
    return head is not None and head.startswith("{") and '"DeviceLog"' in head


def _read_json(file: Foreign, choices: Choices, progress: Progress) -> Content:  # noqa: ARG001 - as all readers
    log = _within(json_of(file.text), "DeviceLog")
    listed = _within(log, "R-R").get("Data")
    header = _within(log, "Header")
    if not isinstance(listed, list) or not listed:
        raise ImportRefused(_NONE, _ADVICE)
    values = [_number(_word(value), place) for place, value in enumerate(listed, 1)]
    start = header.get("DateTime")
    lasts = header.get("Duration")
    return _content("suunto-json", values, start if isinstance(start, str) else "", number_of(_word(lasts)))


def _within(value: Json, key: str) -> dict[str, Json]:
    inner = value.get(key) if isinstance(value, dict) else None
    return inner if isinstance(inner, dict) else {}


def _word(value: Json) -> str:
    return str(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else "no number"


def _number(word: str, place: int) -> Decimal:
    found = number_of(word)
    if found is None:
        raise ImportRefused(f"this is no interval: '{printable(word)}'.", "Export it again.", f"interval {place}")
    return found


def _is_sdf(file: Foreign) -> bool:
    head = file.head.upper()
    return file.first_line.strip().upper() == "[HEADER]" and b"[CUSTOM1]" in head and b"STARTTIME=" in head


def _read_sdf(file: Foreign, choices: Choices, progress: Progress) -> Content:  # noqa: ARG001 - as all readers
    values: list[Decimal] = []
    header: dict[str, str] = {}
    section = ""
    for number, line in lines_of(file.text):
        if line.startswith("["):
            section = line.strip().upper()
        elif section == "[CUSTOM1]":
            values += [interval_of(word, number) for word in line.split()]
        elif section == "[HEADER]":
            key, _, value = line.partition("=")
            header[key.strip().upper()] = value.strip()
    return _content("suunto-sdf", values, _dotted(header.get("STARTTIME", "")), None)


def _dotted(text: str) -> str:
    found = _DOTTED.match(text)
    return f"{found[3]}-{found[2]}-{found[1]}T{found[4]}:{found[5]}:{found[6]}" if found else ""


def _content(name: str, values: list[Decimal], start: str, duration: Decimal | None, why: str | None = None) -> Content:
    if not values:
        raise ImportRefused(_NONE, _ADVICE)
    if len(values) > MOST_BEATS:
        raise ImportRefused(f"it has more than {MOST_BEATS} beats.", "Export a shorter time.")
    ticks = ticks_of(values, ticks_each("ms"))
    return Content(
        name,
        "rr",
        ticks,
        unit="ms",
        rule="Suunto writes intervals in ms",
        start=start_of(start),
        why=why or _differs(sum(ticks) / TICKS_PER_S, duration),
        decisions=("the track and other samples are left out",),
    )


def _differs(sum_s: float, duration: Decimal | None) -> str | None:
    if not duration or fills(sum_s, float(duration), 1):
        return None
    return f"the intervals add up to {sum_s:.0f} s, but the file says that it lasts {duration:f} s."


READERS: Final[tuple[Reader, ...]] = (
    Reader("suunto-sml", _is_sml, _read_sml),
    Reader("suunto-ambit", _is_ambit, _read_ambit),
    Reader("suunto-json", _is_json, _read_json),
    Reader("suunto-sdf", _is_sdf, _read_sdf),
)
