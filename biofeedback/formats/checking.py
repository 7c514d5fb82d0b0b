"""Whether what a reader answers is what the program can use: asked of every plug-in, and of ours by the contract.

It tells an author what to mend. What the other process says is checked once more by `wire`, which believes nobody.
"""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Mapping
from datetime import datetime
from typing import Final, cast

from biofeedback.formats.content import VERDICTS, Content, Hole, Marker, Start, Waveform
from biofeedback.formats.lines import MOST_BEATS
from biofeedback.formats.units import LARGEST_TICKS

LONGEST_FORMAT: Final = 60
LONGEST_WORDS: Final = 2000
LARGEST_ABOUT: Final = 4 * 1024 * 1024
"""Signs of `about` as JSON."""
ZONE: Final = re.compile(r"[+-][0-9]{2}:[0-9]{2}\Z|utc\Z")
OURS: Final = frozenset(
    {"file", "format", "verdict", "sum_ms", "first", "last", "unit", "start", "start_zone", "why", "markers"}
)
"""Keys of `import --inspect --json` that `about` cannot take."""


def content_fault(content: object) -> str | None:
    """What is wrong with the answer of a reader, such as "its ticks are no array('q')"; None when nothing is."""
    if not isinstance(content, Content):
        return f"it answers {type(content).__name__}, which is no Content"
    faults = (_words_fault, _beats_fault, _around_fault, _start_fault, _about_fault)
    return next((fault for each in faults if (fault := each(content)) is not None), None)


def _words_fault(content: Content) -> str | None:
    if not _is_words(content.format, LONGEST_FORMAT):
        return f"its format is {content.format!r}, which is no name"
    if content.verdict not in VERDICTS:
        return f"its verdict is {content.verdict!r}, which is none of {', '.join(VERDICTS)}"
    if content.verdict in ("ask", "refuse", "skip", "summary") and not content.why:
        return f"it does not say why its verdict is {content.verdict}"
    if content.verdict in ("rr", "beats") and not (content.unit and content.rule):
        return "it does not say the unit of its numbers, and by which rule that is known"
    said = (content.unit or "ms", content.rule or "none", content.why or "none")
    if not all(_is_words(words) for words in said):
        return "its unit, rule or why is no line of text"
    if not _is_tuple_of(content.decisions, str) or not all(_is_words(each) for each in content.decisions):
        return "its decisions are no tuple of lines of text"
    return None


def _beats_fault(content: Content) -> str | None:
    ticks: object = content.ticks
    if not (isinstance(ticks, array) and ticks.typecode == "q"):
        return "its ticks are no array('q')"
    if len(content.ticks) > MOST_BEATS:
        return f"it has more than {MOST_BEATS} beats"
    if content.verdict in ("rr", "beats") and not len(content.ticks):
        return f"its verdict is {content.verdict}, but it has no intervals"
    if not all(0 <= value < LARGEST_TICKS for value in content.ticks):
        return "an interval in it is less than nothing, or no time of this world"
    return None


def _around_fault(content: Content) -> str | None:
    """Of what stands around the beats."""
    if not _is_tuple_of(content.holes, Hole) or not _is_tuple_of(content.markers, Marker):
        return "its holes are no tuple of Hole, or its markers no tuple of Marker"
    if not _is_tuple_of(content.waveforms, Waveform) or (content.verdict == "ecg" and not content.waveforms):
        return "its waveforms are no tuple of Waveform, or an ecg has none"
    if not all(_is_whole(each) for hole in content.holes for each in (hole.before, hole.ticks)):
        return "a hole in it is not of whole numbers"
    places = [hole.before for hole in content.holes]
    if places != sorted(set(places)) or not all(0 <= place <= len(content.ticks) for place in places):
        return "its holes do not stand before intervals, one after the other"
    if not all(0 <= hole.ticks < LARGEST_TICKS for hole in content.holes):
        return "a hole in it is less than nothing, or no time of this world"
    if not all(_is_whole(marker.at) and _is_words(marker.text) for marker in content.markers):
        return "a marker in it is no line of text at whole ticks"
    return None


def _start_fault(content: Content) -> str | None:
    start: object = content.start
    if start is None:
        return None
    if not isinstance(start, Start):
        return f"its start is {type(start).__name__}, which is no Start"
    text, zone = str(start.text), str(start.zone or "utc")
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return f"its start is {text!r}, which is no ISO 8601"
    if read.tzinfo is not None:
        return "its start names the zone in its text; that belongs into `zone`"
    if not ZONE.match(zone):
        return f"the zone of its start is {zone!r}; write such as '+01:00', 'utc' or None"
    return None


def _about_fault(content: Content) -> str | None:
    about: object = content.about
    if not isinstance(about, Mapping):
        return "its about is no mapping"
    if taken := OURS & set(content.about):
        return f"its about has the key '{min(taken)}', which the program fills in itself"
    try:
        size = len(json.dumps(dict(content.about), allow_nan=False))
    except (TypeError, ValueError):
        return "its about is nothing that JSON can hold"
    return "its about is too large" if size > LARGEST_ABOUT else None


def _is_words(words: object, longest: int = LONGEST_WORDS) -> bool:
    """Whether something is one line of text that can be shown and recorded."""
    return isinstance(words, str) and words.isprintable() and 0 < len(words) <= longest


def _is_tuple_of(values: object, kind: type) -> bool:
    return isinstance(values, tuple) and all(isinstance(each, kind) for each in cast("tuple[object, ...]", values))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
