"""Polar Flow: pulse intervals of the account export, and a session's CSV or JSON, which hold none (FORMATS 1.2)."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Final

from biofeedback.errors import ImportRefused
from biofeedback.events import Json
from biofeedback.formats.arrivals import LOCAL, OPTICAL, holes_of, span_why
from biofeedback.formats.clocks import clock_of, set_clocks, stamp_of
from biofeedback.formats.content import Content
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.json_text import json_head, json_of
from biofeedback.formats.lines import MOST_BEATS, printable
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.formats.units import ticks_of
from biofeedback.hrv.ticks import TICKS_PER_MS, us_to_ticks

_PPI: Final = '"devicePpiSamplesList"'
_SESSION: Final = ("Name", "Sport", "Date", "Start time", "Duration")
_NO_RR: Final = "Polar Flow gives no RR of a training; record with an app that keeps them, such as Polar Sensor Logger."
_WHERE: Final = "Export your account's data again from Polar Flow."


@dataclass(slots=True)
class _Device:
    """What one device measured: pulse lengths in ms and their times, in the order of the file."""

    lengths: list[Decimal] = field(default_factory=list[Decimal])
    times: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])


def _claims_ppi(file: Foreign) -> bool:
    head = json_head(file)
    return head is not None and _PPI in head


def _claims_training(file: Foreign) -> bool:
    head = json_head(file)
    return head is not None and '"exercises"' in head and '"exportVersion"' in head


def _claims_csv(file: Foreign) -> bool:
    cells = file.first_line.replace(";", ",").split(",")
    return tuple(cell.strip() for cell in cells[: len(_SESSION)]) == _SESSION


def _read_ppi(file: Foreign, choices: Choices, _progress: Progress) -> Content:
    devices = _devices(json_of(file.text))
    name = _chosen(devices, choices.signal)
    device = devices[name]
    ticks = ticks_of(device.lengths, Fraction(TICKS_PER_MS))
    clock = clock_of(device.times)
    if clock is None:
        raise ImportRefused("it holds no pulse interval.", _WHERE)
    opening = stamp_of(device.times[clock.us.index(min(clock.us))][1])
    ticks, stamps, sorted_words = _in_order(ticks, clock.us)
    stamps, changes = set_clocks(stamps, clock.first)
    holes = holes_of(ticks, stamps)
    span = us_to_ticks(stamps[-1] - stamps[0]) + ticks[0]
    others = [f"{len(each.lengths)} of {other}" for other, each in devices.items() if other != name]
    left_out = f"only the intervals of {name} are read; left out: {', '.join(others[:8])} (--signal chooses)"
    doubt = span_why(ticks, holes, span, "its times of pulses")
    return Content(
        "polar-flow ppi",
        "rr",
        ticks,
        unit="ms",
        rule="Polar Flow writes ms",
        start=opening.start if opening else None,
        holes=holes,
        why=f"{OPTICAL}; {doubt}" if doubt else f"{OPTICAL}.",
        decisions=(OPTICAL, LOCAL, *sorted_words, *changes, *([left_out] if others else [])),
    )


def _chosen(devices: dict[str, _Device], signal: str | None) -> str:
    """The device somebody chose, or the one with the most intervals."""
    if not devices:
        raise ImportRefused("it holds no pulse interval.", _WHERE)
    if signal is None:
        return max(devices, key=lambda name: len(devices[name].lengths))
    if signal not in devices:
        raise ImportRefused(f"it has no '{printable(signal)}'.", f"Choose {', '.join(devices)} (--signal).")
    return signal


def _devices(document: Json) -> dict[str, _Device]:
    """Intervals by device, "device 1" and so on in the order in which they come; devices without any left out."""
    names: dict[Json, str] = {}
    found: dict[str, _Device] = {}
    count = 0
    for day in _listed(document, "days"):
        for part in _listed(_entry(day, "devicePpiSamplesList"), "devicePpiSamplesList"):
            identity = str(_entry(part, "deviceId"))
            name = names.setdefault(identity, f"device {len(names) + 1}")
            for sample in _listed(_entry(part, "ppiSamples"), "ppiSamples"):
                count += 1
                length, time = _sample(sample, count)
                device = found.setdefault(name, _Device())
                device.lengths.append(length)
                device.times.append((count, time))
    if count > MOST_BEATS:
        raise ImportRefused("it holds more than 5 million intervals.", "Cut it into parts.")
    return found


def _listed(value: Json, what: str) -> Iterator[Json]:
    """The members of a list, of one object as if it stood in a list, or of nothing."""
    if value is None:
        return iter(())
    if isinstance(value, dict):
        return iter((value,))
    if not isinstance(value, list):
        raise ImportRefused(f"its {what} are no list.", _WHERE)
    return iter(value)


def _entry(value: Json, key: str) -> Json:
    if not isinstance(value, dict):
        raise ImportRefused(f"it has something else where '{key}' should be.", _WHERE)
    return value.get(key)


def _sample(sample: Json, number: int) -> tuple[Decimal, str]:
    """Length in ms and time of one pulse."""
    length, time = _entry(sample, "pulseLength"), _entry(sample, "sampleDateTime")
    if isinstance(length, bool) or not isinstance(length, int | float) or not 0 <= length < 10**12:
        raise ImportRefused(f"this is no length of a pulse: {printable(str(length))}.", _WHERE, f"sample {number}")
    if not isinstance(time, str):
        raise ImportRefused("it has no time.", _WHERE, f"sample {number}")
    return Decimal(str(length)), time


def _in_order(ticks: array[int], stamps: array[int]) -> tuple[array[int], array[int], list[str]]:
    """Intervals and stamps in the order of the stamps: an account export may put its days in any order."""
    if all(early <= late for early, late in pairwise(stamps)):
        return ticks, stamps, []
    order = sorted(range(len(stamps)), key=stamps.__getitem__)
    told = ["its intervals are not in the order of their times; they were put in this order"]
    return array("q", (ticks[each] for each in order)), array("q", (stamps[each] for each in order)), told


def _refuse_training(_file: Foreign, _choices: Choices, _progress: Progress) -> Content:
    raise ImportRefused("it is a training's export with heart rate once a second only, no RR.", _NO_RR)


def _refuse_csv(_file: Foreign, _choices: Choices, _progress: Progress) -> Content:
    raise ImportRefused("it holds heart rate once a second only, no RR.", _NO_RR)


READERS: Final[tuple[Reader, ...]] = (
    Reader("polar-flow ppi", _claims_ppi, _read_ppi),
    Reader("polar-flow training", _claims_training, _refuse_training),
    Reader("polar-flow session csv", _claims_csv, _refuse_csv),
)
