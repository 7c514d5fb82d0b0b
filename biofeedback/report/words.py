"""Numbers, times and names as the page says them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

from biofeedback.events import ArtefactName, GapReason
from biofeedback.recording.starts import unknown_in

NONE: Final = "–"
LONGEST_TITLE: Final = 120
LONGEST_TEXT: Final = 600
"""Longer words of a person are cut on the page; the recording holds them whole."""

MONTHS: Final = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
"""Not those of the system's language: the page is in English."""

ARTEFACTS: Final[Mapping[ArtefactName, str]] = {
    "missed": "a beat was not seen, the interval is far too long",
    "extra": "a beat was seen that was none, the intervals are too short",
    "ectopic": "a beat out of turn, with a pause behind it",
    "misplaced": "a beat seen a little too early or too late",
    "range": "shorter than 273 ms or longer than 2000 ms",
}
GAPS: Final[Mapping[GapReason, str]] = {
    "link": "the strap was not connected",
    "contact": "no contact with the skin",
    "sensor": "no usable interval came",
    "silence": "nothing came from the strap",
    "lost": "beats were lost on the way",
    "pause": "the session was paused",
    "doubled": "more came than there was time for",
    "suspend": "the computer slept, or the program was away",
    "file": "the file holds nothing of this time",
}
_DIRECTIONS: Final = re.compile(r"[\u202a-\u202e\u2066-\u2069]")
"""Would turn the words that follow around, beyond those they came with."""
_UNPRINTABLE: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def clean(text: object, longest: int = LONGEST_TEXT) -> str:
    """Somebody's words, fit for a page: nothing that cannot be printed or written, and not longer than it should be."""
    words = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", _DIRECTIONS.sub("", str(text)))
    return words if len(words) <= longest else words[: longest - 1] + "…"


def quoted(text: str | None) -> str:
    """A title inside a sentence of ours; whichever way it is written, the sentence keeps its own."""
    return f"“\N{FIRST STRONG ISOLATE}{text or NONE}\N{POP DIRECTIONAL ISOLATE}”"


def number(value: float | None, digits: int = 1) -> str:
    """A number with a true minus sign; a dash when there is none."""
    return NONE if value is None else f"{value:.{digits}f}".replace("-", "−")


def signed(value: float, digits: int = 1) -> str:
    """A difference with its sign; what rounds to nothing has none."""
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def share(part: int, whole: int) -> str:
    """A share in per cent, one digit below ten."""
    if not whole:
        return NONE
    percent = 100 * part / whole
    return f"{percent:.1f} %" if 0 < percent < 10 else f"{percent:.0f} %"


def count(many: int, one: str, more: str | None = None) -> str:
    """How many of what: 1 beat, 2 beats; thousands are set apart by a narrow space."""
    return f"{many:,}".replace(",", "\N{NARROW NO-BREAK SPACE}") + f" {one if many == 1 else more or one + 's'}"


def began(head: Mapping[str, Any]) -> str | None:
    """When the recording began, in the local time it was made in; None when its head does not say.

    Of an import from a file that names no zone, without one.
    """
    unknown = unknown_in(head)
    if unknown == "all":
        return None
    try:
        zone = timezone(timedelta(seconds=int(head.get("utc_off_s", 0))))
        at = datetime.fromtimestamp(int(head["wall_ns"]) / 1e9, UTC).astimezone(zone)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None
    zone_words = "" if unknown == "zone" else f" ({at:%Z})"
    return f"{at.day} {MONTHS[at.month - 1]} {at.year} at {at:%H:%M}{zone_words}"
