"""Events as JSON: one line in a recording (`n t k ... x`), one object on the command line (`at kind ...`).

The same keys in both but for four: `t` and `rx` are whole microseconds in a recording where the command line has
`at` and `rx_s` in seconds; `k` and `sessions` are its `kind` and `n`. Fields that end in `_us` are written as seconds
ending in `_s`; NaN and infinity as null.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from math import isfinite
from typing import Any, Final, cast, get_args

from biofeedback.events import Beat, Event, Json

_EVENTS: Final[Mapping[str, type]] = {
    re.sub(r"(?<!^)([A-Z])", r"_\1", kind.__name__).lower(): kind
    for union in get_args(Event)
    for kind in (get_args(union) or (union,))
}
_KINDS: Final = {kind: name for name, kind in _EVENTS.items()}
EVENT_KINDS: Final = frozenset(_EVENTS)
INPUT_KINDS: Final = frozenset(
    ["open", "packet", "acc", "rr", "link", "sensor", "battery", "clock", "command", "answer", "commit", "reveal"]
)


def kind_classes() -> Mapping[str, type]:
    """The class of each kind of event, by the kind's word."""
    return _EVENTS


def kind_of(event: Event) -> str:
    """The word for an event, as in a recording's `k`."""
    return _KINDS[type(event)]


def to_body(event: Event) -> dict[str, Json]:
    """The keys of an event besides its time and kind, in the order of its class; `rx` stays in microseconds."""
    body: dict[str, Json] = {}
    for field in fields(event):
        if field.name == "at":
            continue
        value = getattr(event, field.name)
        if field.name == "lost" and value == 0:
            continue  # as in the recordings of before
        body[key_of(field.name)] = value / 1e6 if field.name.endswith("_us") else _plain(value)
    if isinstance(event, Beat):
        body["rr_ms"] = event.rr_ms
    return body


def to_line(at: int, kind: str, body: Mapping[str, Json]) -> dict[str, Json]:
    """The object the command line prints for an event of a recording."""
    shown: dict[str, Json] = {}
    for key, value in body.items():
        if key == "rx":
            shown["rx_s"] = cast(int, value) / 1e6
        else:
            shown["n" if key == "sessions" else key] = value
    return {"at": at / 1e6, "kind": kind, **shown}


def to_object(event: Event) -> dict[str, Json]:
    """The object the command line prints for an event."""
    return to_line(event.at, kind_of(event), to_body(event))


def from_body(kind: str, at: int, body: Mapping[str, Any]) -> Event:
    """The event a recording's line holds; keys it does not know are left aside. Raises KeyError, TypeError."""
    target = _EVENTS[kind]
    values: dict[str, Any] = {"at": at}
    for field in fields(target):
        key = key_of(field.name)
        if field.name == "at" or key not in body:
            continue
        value = body[key]
        if field.name.endswith("_us"):
            value = round(value * 1e6)
        elif isinstance(value, list):
            value = tuple(cast("list[object]", value))
        values[field.name] = value
    return cast(Event, target(**values))


def key_of(field: str) -> str:
    """What a field of an event is called in a line."""
    return f"{field[:-3]}_s" if field.endswith("_us") else field


def _plain(value: object) -> Json:
    """The value as JSON can hold it."""
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("list[object]", value)]
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in cast("Mapping[object, object]", value).items()}
    return cast(Json, value)
