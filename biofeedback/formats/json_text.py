"""JSON of other programs, read more strictly than Python's own reader does (RECORDING 2.3 row 7).

Python takes a key twice, NaN, and numbers that become infinite; deep nesting and integers of thousands of digits it
refuses by errors of other kinds. Here each is an ImportRefused. Strings may hold anything JSON can: what goes into
messages, markers or recordings passes through `lines.printable` first.
"""

from __future__ import annotations

import json
from collections import Counter
from math import isfinite
from typing import Final, NoReturn, cast

from biofeedback.errors import EXPORT_AGAIN, ImportRefused
from biofeedback.events import Json
from biofeedback.formats.foreign import Foreign, decoded
from biofeedback.formats.lines import printable

LONGEST_NUMBER: Final = 100
"""Signs of a number; 20 hold every integer of 64 bits."""


def json_head(file: Foreign) -> str | None:
    """The first 64 KiB of a file that begins as JSON does, for telling formats apart; None for any other."""
    begin = file.head.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")[:1]
    if begin not in (b"{", b"["):
        return None
    try:
        head = decoded(file.head, cut=True).lstrip(" \t\r\n\ufeff")
    except ImportRefused:
        return None
    return head if head.startswith(("{", "[")) else None


def json_of(text: str) -> Json:
    """The value of a JSON text. Raises ImportRefused saying where it is broken, or what in it may not be."""
    try:
        return cast("Json", _DECODER.decode(text.removeprefix("\ufeff")))
    except RecursionError as error:
        raise ImportRefused("its JSON is nested too deeply.", EXPORT_AGAIN) from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise ImportRefused("its JSON is broken or cut off here.", EXPORT_AGAIN, place) from error


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise ImportRefused(f"its JSON has the key '{printable(twice)}' twice in one object.", EXPORT_AGAIN)
    return found


def _whole(text: str) -> int:
    return int(_short(text))


def _decimal(text: str) -> float:
    found = float(_short(text))
    if not isfinite(found):
        raise ImportRefused(f"its JSON has a number out of all bounds: {text}.", EXPORT_AGAIN)
    return found


def _short(text: str) -> str:
    if len(text) > LONGEST_NUMBER:
        raise ImportRefused(f"its JSON has a number of {len(text)} signs.", EXPORT_AGAIN)
    return text


def _constant(word: str) -> NoReturn:
    raise ImportRefused(f"its JSON has {word}, which is no number.", EXPORT_AGAIN)


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole, parse_float=_decimal, parse_constant=_constant
)
