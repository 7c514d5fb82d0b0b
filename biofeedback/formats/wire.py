"""What the process that reads foreign files says to the one that asked: a line of JSON, and numbers as bytes.

The numbers are the intervals and then the holes, two numbers each; so a line is short, and parsing it costs little.

The side that asked believes nothing of it: a file may have taken the other process over. Types, sizes and lengths are
checked, numbers have bounds, and signs that would steer a terminal are taken out of every text.
"""

from __future__ import annotations

import json
import re
import unicodedata
from array import array
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from math import isfinite
from typing import Any, Final, TypeVar, cast

from biofeedback.errors import EXPORT_AGAIN, ImportRefused
from biofeedback.events import Json
from biofeedback.formats.checking import ZONE
from biofeedback.formats.content import VERDICTS, Content, Hole, Marker, Start, Verdict, Waveform
from biofeedback.formats.lines import MOST_BEATS

LONGEST_LINE: Final = 8 * 1024**2
MOST_ITEMS: Final = 100_000
"""Markers, decisions or waveforms of one file."""
MOST_HOLES: Final = 1_000_000
"""An Apple export of ten years has one for each of its records."""
MOST_TICKS: Final = 2**53
"""Of one interval, hole or moment: some 280 years, and exact in every JSON."""
NONSENSE: Final = "it holds times or numbers that cannot be."
LONGEST_TEXT: Final = 10_000
LONGEST_NAME: Final = 4_096
LONGEST_FORMAT: Final = 200
_DEEPEST: Final = 6
_MOST_VALUES: Final = 10_000
_SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")
_BLANKS: Final = {"Zs", "Zl", "Zp"}
_NO_SIGN: Final = {"Cs", "Co", "Cn"}

Item = TypeVar("Item")


class Senseless(ValueError):  # noqa: N818 - the word of whoever reads it
    """Raised for an answer that no honest reader gives."""


def shown(text: str, longest: int = LONGEST_TEXT) -> str:
    """A text without signs that would steer a terminal or turn the direction of writing, and not too long."""
    if text.isascii() and text.isprintable():
        return text[:longest]
    return "".join(map(_shown, text[:longest]))


def _shown(sign: str) -> str:
    if sign.isprintable():
        return sign
    kind = unicodedata.category(sign)
    if kind in _BLANKS or sign in "\t\n\r":
        return " "
    return "\ufffd" if kind in _NO_SIGN else ""


def told(content: Content) -> dict[str, Any]:
    """A content as plain JSON, without its intervals and holes.

    Raises ImportRefused when it holds more than the other side takes.
    """
    for items, most in ((content.ticks, MOST_BEATS), (content.holes, MOST_HOLES), (content.markers, MOST_ITEMS)):
        if len(items) > most:
            raise ImportRefused(f"it holds more than {most} values of one kind.", "Cut it into parts.")
    lengths = [*(hole.ticks for hole in content.holes), *(marker.at for marker in content.markers)]
    if not (_are_bounded(content.ticks) and _are_bounded(lengths)):
        raise ImportRefused("it holds a time of more than 280 years.", "Mend that number, or export the file again.")
    start = content.start
    return {
        "format": content.format,
        "verdict": content.verdict,
        "unit": content.unit,
        "rule": content.rule,
        "start": None if start is None else [start.text, start.zone],
        "n": len(content.ticks),
        "holes": len(content.holes),
        "markers": [[marker.at, marker.text] for marker in content.markers],
        "waveforms": [[each.label, each.hz, each.unit, each.seconds] for each in content.waveforms],
        "why": content.why,
        "decisions": list(content.decisions),
        "about": dict(content.about),
    }


def line_of(content: Content, more: Mapping[str, object]) -> bytes:
    """The line that tells a content, and more beside it.

    Raises ImportRefused for what the other side would not believe: the reader was fooled by what stands in the file.
    """
    line = json.dumps({"content": told(content), **more}).encode("ascii") + b"\n"
    if len(line) > LONGEST_LINE:
        raise ImportRefused("it holds more than 8 MiB of words.", "Cut it into parts.")
    try:
        content_from(parsed(line)["content"], numbers_of(content))
    except Senseless as error:
        raise ImportRefused(NONSENSE, EXPORT_AGAIN) from error
    return line


def numbers_of(content: Content) -> array[int]:
    """The intervals, and behind them the holes."""
    pairs = chain.from_iterable((hole.before, hole.ticks) for hole in content.holes)
    return content.ticks + array("q", pairs) if content.holes else content.ticks


def count_of(answer: Mapping[str, Any]) -> int:
    """How many numbers come behind the line of a content. Raises Senseless."""
    return whole(answer.get("n"), 0, MOST_BEATS) + 2 * whole(answer.get("holes"), 0, MOST_HOLES)


def refusal_told(error: ImportRefused) -> dict[str, Any]:
    """A refusal as plain JSON."""
    return {"what": error.what, "advice": error.advice, "where": error.where, "format": error.format}


def parsed(line: bytes) -> dict[str, Any]:
    """One line as an object. Raises Senseless."""
    if len(line) > LONGEST_LINE or not line.endswith(b"\n"):
        raise Senseless
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Senseless from error
    if not isinstance(found, dict):
        raise Senseless
    return cast("dict[str, Any]", found)


def content_from(answer: Mapping[str, Any], numbers: array[int]) -> Content:
    """The content of an answer and the numbers behind it, believed in nothing. Raises Senseless."""
    if len(numbers) != count_of(answer) or not _are_bounded(numbers):
        raise Senseless
    count = whole(answer["n"], 0, MOST_BEATS)
    ticks, pairs = numbers[:count], numbers[count:]
    verdict = _text(answer.get("verdict"))
    if verdict not in VERDICTS:
        raise Senseless
    about = answer.get("about")
    if not isinstance(about, dict):
        raise Senseless
    return Content(
        format=_text(answer.get("format"), LONGEST_FORMAT),
        verdict=cast("Verdict", verdict),
        ticks=ticks,
        unit=_maybe(answer.get("unit")),
        rule=_text(answer.get("rule")),
        start=_start(answer.get("start")),
        holes=tuple(
            Hole(whole(before, 0, count), whole(length, 0, MOST_TICKS))
            for before, length in zip(pairs[::2], pairs[1::2], strict=True)
        ),
        markers=_items(answer.get("markers"), 2, lambda one: Marker(_moment(one[0]), _text(one[1]))),
        waveforms=_items(answer.get("waveforms"), 4, _waveform),
        why=_maybe(answer.get("why")),
        decisions=_items(answer.get("decisions"), None, _text),
        about=cast("dict[str, Json]", _Values().checked(cast("object", about))),
    )


def refusal_from(answer: Mapping[str, Any]) -> ImportRefused:
    """The refusal of an answer. Raises Senseless."""
    refused = ImportRefused(*(_text(answer.get(key), 2000) for key in ("what", "advice", "where")))
    refused.format = _text(answer.get("format"), LONGEST_FORMAT)
    return refused


def sha256_from(value: object) -> str:
    """A digest in hex. Raises Senseless."""
    if not (isinstance(value, str) and _SHA256.match(value)):
        raise Senseless
    return value


def complaints_from(value: object) -> tuple[str, ...]:
    """Sentences on plug-ins that failed. Raises Senseless."""
    return () if value is None else _items(value, None, _text)


def name_from(value: object) -> str:
    """A member's name. Raises Senseless."""
    return _text(value, LONGEST_NAME)


def whole(value: object, least: int, most: int) -> int:
    """A whole number within bounds. Raises Senseless."""
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Senseless
    return value


def share_from(value: object) -> float:
    """A share between 0 and 1. Raises Senseless."""
    return min(1.0, max(0.0, _real(value)))


def _are_bounded(values: Sequence[int]) -> bool:
    return not values or (min(values) >= -MOST_TICKS and max(values) <= MOST_TICKS)


def _real(value: object) -> float:
    if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > MOST_TICKS or not isfinite(value):
        raise Senseless
    return float(value)


def _moment(value: object) -> int:
    return whole(value, -MOST_TICKS, MOST_TICKS)


def _text(value: object, longest: int = LONGEST_TEXT) -> str:
    if not isinstance(value, str):
        raise Senseless
    return shown(value, longest)


def _maybe(value: object) -> str | None:
    return None if value is None else _text(value)


def _items(value: object, size: int | None, each: Callable[[Any], Item], *, most: int = MOST_ITEMS) -> tuple[Item, ...]:
    if not isinstance(value, list) or len(cast("list[object]", value)) > most:
        raise Senseless
    found = cast("list[Any]", value)
    if size is not None and not all(isinstance(one, list) and len(cast("list[Any]", one)) == size for one in found):
        raise Senseless
    return tuple(each(one) for one in found)


def _waveform(one: list[Any]) -> Waveform:
    hz, seconds = _real(one[1]), _real(one[3])
    if hz <= 0 or seconds < 0:
        raise Senseless
    return Waveform(_text(one[0]), hz, _text(one[2]), seconds)


def _start(value: object) -> Start | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(cast("list[object]", value)) != 2:
        raise Senseless
    text, zone = cast("list[object]", value)
    moment, offset = _text(text, 40), None if zone is None else _text(zone, 10)
    try:
        datetime.fromisoformat(moment)
    except ValueError as error:
        raise Senseless from error
    if offset is not None and not ZONE.match(offset):
        raise Senseless
    return Start(moment, offset)


class _Values:
    """Checks a tree of JSON values, and how many they are in all."""

    def __init__(self) -> None:
        self._left = _MOST_VALUES

    def checked(self, value: object, depth: int = 0) -> Json:
        self._left -= 1
        if depth > _DEEPEST or self._left < 0:
            raise Senseless
        if isinstance(value, str):
            return shown(value)
        if isinstance(value, list):
            return [self.checked(each, depth + 1) for each in cast("list[object]", value)]
        if isinstance(value, dict):
            pairs = cast("dict[str, object]", value).items()
            return {shown(key, 100): self.checked(each, depth + 1) for key, each in pairs}
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int):
            return _moment(value)
        return _real(value)
