"""What a source says as text: a line for a person, an object for a program."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Any, Final

from devices.events import Acceleration, Answered, Battery, Dropped, Intervals, LinkState, Packet, Sensor, SourceEvent
from devices.heart_rate_measurement import decode
from devices.names import printable

_KINDS: Final[dict[type, str]] = {
    LinkState: "link",
    Intervals: "rr",
    Answered: "answer",
    Dropped: "drop",
    Acceleration: "acc",
}
"""Names that are not the class's own in snake_case; the vocabulary of recordings."""
_KEYS: Final = {"device": "dev"}


def line_of(event: SourceEvent) -> str:
    """The event for a person who looks on, with its time in seconds in front."""
    return f"{event.stamp_us / 1e6:9.3f} s  {printable(_words(event))}"


def object_of(event: SourceEvent) -> dict[str, Any]:
    """The event as JSON can hold it: `at` in seconds, `kind`, its fields; of a packet also what its bytes say.

    `ticks` of a packet are in 1/1024 s, those of `rr` in 1/1 024 000 s; `raw` is in hexadecimal digits. `lost` of `rr`
    is left out where it is 0, as in recordings.
    """
    kind = type(event)
    said: dict[str, Any] = {"at": event.stamp_us / 1e6, "kind": _KINDS.get(kind) or _snake_case(kind.__name__)}
    for field in fields(event):
        value = getattr(event, field.name)
        if field.name != "stamp_us" and (field.name, value) != ("lost", 0):
            said[_KEYS.get(field.name, field.name)] = value.hex() if isinstance(value, bytes) else value
    if isinstance(event, Packet):
        heard = decode(event.raw)
        said |= {"hr": heard.hr, "contact": heard.contact, "energy": heard.energy_kj, "ticks": heard.rr_1024}
        said["problems"] = heard.problems
    return said


def _words(event: SourceEvent) -> str:
    match event:
        case Packet(raw=raw):
            return _packet_words(raw)
        case LinkState(why=why, advice=advice, state=state):
            return f"{why} {advice}".strip() or state
        case Intervals(ticks=ticks):
            return f"RR {' '.join(f'{value / 1024:.1f}' for value in ticks)} ms"
        case Battery(percent=percent):
            return "charge unknown" if percent is None else f"charge {percent} %"
        case Sensor(location=location):
            return f"worn: {location or 'it does not say where'}"
        case Acceleration(raw=raw):
            return f"{len(raw)} bytes of acceleration"
        case Dropped(packets=packets):
            return f"{packets} packets lost: this program was too slow"
        case Answered(question=question, value=value):
            return f"answer to {question}: {value}"


def _packet_words(raw: bytes) -> str:
    said = decode(raw)
    parts = ["no heart rate" if said.hr is None else f"{said.hr:3d} bpm"]
    if said.rr_1024:
        parts.append(f"RR {' '.join(f'{ticks / 1.024:6.1f}' for ticks in said.rr_1024)} ms")
    if said.contact is False:
        parts.append("no contact with the skin")
    if said.energy_kj is not None:
        parts.append(f"{said.energy_kj} kJ")
    if said.problems:
        parts.append(f"{', '.join(said.problems)}: {raw.hex() or 'no bytes'}")
    return "  ".join(parts)


def _snake_case(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()
