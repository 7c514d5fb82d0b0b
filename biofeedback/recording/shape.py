"""What a line of a known kind must have, so that whoever reads it may count on it (docs/recording.schema.json).

Keys never lose their meaning and are never left out by later versions, so a line that lacks one was not written by this
program. Kinds and keys that are not known here are let through.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import MISSING, fields
from typing import Any, Final, TypeAlias

from biofeedback.recording.codec import key_of, kind_classes

_RULE: Final = re.compile(r"[^/\s]+/\d{1,9}", re.ASCII)
_MOST: Final = 2**63 - 1
_Test: TypeAlias = Callable[[Any], bool]


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and -_MOST <= value <= _MOST


def _is_words(value: object) -> bool:
    """Words that can be written again: no half of a pair of UTF-16."""
    return isinstance(value, str) and not any("\ud800" <= letter <= "\udfff" for letter in value)


_REQUIRED: Final = {
    kind: frozenset(
        key_of(field.name)
        for field in fields(event)
        if field.name != "at" and field.default is MISSING and field.default_factory is MISSING
    )
    for kind, event in kind_classes().items()
}
_TESTS: Final[Mapping[str, Mapping[str, _Test]]] = {
    "head": {
        "session": _is_words,
        "wall_ns": _is_whole,
        "mono_ns": _is_whole,
        "utc_off_s": lambda value: _is_whole(value) and abs(value) <= 86_400,
        "v": _is_whole,
        "min_reader": _is_whole,
        "subject": _is_words,
    },
    "alg": {"a": lambda value: isinstance(value, str) and _RULE.fullmatch(value) is not None},
    "clock": {"wall_ns": _is_whole, "mono_ns": _is_whole},
    "resume": {"boot": lambda value: value is None or _is_words(value)},
    "open": {key: lambda value: isinstance(value, Mapping) for key in ("plan", "scripts", "person", "source")},
    "commit": {"pair": _is_whole, "sha256": _is_words},
    "reveal": {"pair": _is_whole, "coin": _is_whole, "nonce": _is_words},
    "phase": {"pair": lambda value: value is None or _is_whole(value)},
    "end": {"why": _is_words},
}
"""Of keys that are there; which must be there is said by the events themselves, and `a` of an `alg`."""


def is_well_formed(kind: str, body: Mapping[str, Any]) -> bool:
    """Whether a line of a session's log has what its kind must have."""
    if not body.keys() >= _REQUIRED.get(kind, frozenset()) or (kind == "alg" and "a" not in body):
        return False
    tests = _TESTS.get(kind)
    return tests is None or all(test(body[key]) for key, test in tests.items() if key in body)
