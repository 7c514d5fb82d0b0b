"""Whether a source keeps to the vocabulary: values are held against the annotations of `devices.events`.

What passes can be written to a recording and read again: whole numbers that JSON keeps exactly, texts that can be
encoded, nothing longer than a line of a recording has room for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from math import isfinite
from types import NoneType, UnionType
from typing import Any, Final, Literal, Union, cast, get_args, get_origin, get_type_hints

from devices.events import SourceEvent, StrapInfo

EVENT_TYPES: Final[tuple[type, ...]] = get_args(SourceEvent)
LONGEST_TEXT: Final = 1000
LONGEST_RAW: Final = 512
"""The longest value of a Bluetooth characteristic, in bytes."""
MOST_VALUES: Final = 1024
LARGEST_INT: Final = 2**53
AHEAD_US: Final = 1_000_000
"""An event may be stamped this much ahead of the clock, which is more than any rounding needs."""

_RANGES: Final[Mapping[str, tuple[int, int]]] = {"percent": (0, 100), "packets": (1, LARGEST_INT)}
_KNOWN: Final[dict[type, Mapping[str, Any]]] = {}


def event_fault(event: object, now_us: int) -> str | None:
    """What is wrong with something a source yielded at session time `now_us`; None when nothing is.

    The words are for whoever wrote the source: "Packet.raw is '0048', not bytes".
    """
    if type(event) not in EVENT_TYPES:
        return f"it yields {_shown(event)}, which is no event of devices.events"
    fault = value_fault(event)
    if fault is not None:
        return fault
    stamp_us: int = cast("SourceEvent", event).stamp_us
    if stamp_us < 0:
        return f"{type(event).__name__}.stamp_us is {stamp_us}, before the session began"
    if stamp_us > now_us + AHEAD_US:
        ahead_s = (stamp_us - now_us) / 1e6
        return f"{type(event).__name__}.stamp_us is {ahead_s:.0f} s ahead of the clock that was given"
    return None


def info_fault(info: object) -> str | None:
    """What is wrong with the `info` of a source; None when nothing is."""
    return value_fault(info) if type(info) is StrapInfo else f"its info is {_shown(info)}, not a StrapInfo"


def value_fault(value: Any) -> str | None:  # noqa: ANN401 - a dataclass of any kind
    """What is wrong with the fields of a frozen value, by their annotations; None when nothing is."""
    for name, hint in _hints(cast("type[Any]", type(value))).items():
        held: object = getattr(value, name)
        low, high = _RANGES.get(name, (0, 0))
        if not _fits(held, hint):
            return f"{type(value).__name__}.{name} is {_shown(held)}, not {_words(hint)}"
        if name in _RANGES and held is not None and not low <= cast("int", held) <= high:
            return f"{type(value).__name__}.{name} is {_shown(held)}, not from {low} to {high}"
    return None


def _hints(kind: type[Any]) -> Mapping[str, Any]:
    """The annotations of a dataclass's fields; found out once."""
    if kind not in _KNOWN:
        hints = get_type_hints(kind)
        _KNOWN[kind] = {field.name: hints[field.name] for field in fields(kind)}
    return _KNOWN[kind]


def _fits(value: object, hint: Any) -> bool:  # noqa: ANN401 - an annotation is of any type
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return any(type(value) is type(allowed) and value == allowed for allowed in inner)
    if origin in (Union, UnionType):
        return any(_fits(value, each) for each in inner)
    if origin is tuple:
        return type(value) is tuple and _all_fit(cast("tuple[object, ...]", value), inner)
    if is_dataclass(hint):
        return type(value) is hint and value_fault(value) is None
    return (type(value) is hint or (hint is float and type(value) is int)) and _PLAIN[hint](value)


def _all_fit(values: tuple[object, ...], hints: tuple[Any, ...]) -> bool:
    if hints[-1] is Ellipsis:
        return len(values) <= MOST_VALUES and all(_fits(each, hints[0]) for each in values)
    return len(values) == len(hints) and all(map(_fits, values, hints))


def _can_be_written(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return len(text) <= LONGEST_TEXT


_PLAIN: Final[Mapping[type, Callable[[Any], bool]]] = {
    int: lambda number: abs(number) <= LARGEST_INT,
    float: isfinite,
    bool: lambda _: True,
    str: _can_be_written,
    bytes: lambda raw: len(raw) <= LONGEST_RAW,
    NoneType: lambda _: True,
}


def _words(hint: Any) -> str:  # noqa: ANN401 - as above
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return f"one of {', '.join(map(repr, inner))}"
    if origin in (Union, UnionType):
        return " or ".join(map(_words, inner))
    if origin is tuple:
        return f"a tuple of {_words(inner[0])}"
    limits = {str: f" of up to {LONGEST_TEXT} characters", bytes: f", up to {LONGEST_RAW}"}
    return "None" if hint is NoneType else f"{hint.__name__}{limits.get(hint, '')}"


def _shown(value: object) -> str:
    """A value in a sentence: short, and printable whatever it is."""
    try:
        text = ascii(value)
    except Exception:  # noqa: BLE001 - it is a stranger's __repr__
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:59]}…"
