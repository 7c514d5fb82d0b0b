"""What the heading of a column says: intervals, times, heart rate, notes; and its unit."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

Kind: TypeAlias = Literal["rr", "pulse", "time", "rate", "note", "other"]
"""rr: intervals; pulse: intervals of a pulse wave; time; rate: heart rate; note: words for a moment."""

_RR: Final = """
    rr rri rrs rris rrinterval rrintervals rrintervall rrintervalle rrabstand rrdauer rrduration rrvalue rrtime rrseries
    ibi ibis interbeatinterval interbeatintervals nn nni nns nninterval nnintervals beatinterval beatintervals
    beattobeatinterval heartbeatinterval heartbeatintervals
"""
_PULSE: Final = "pp ppi ppis ppinterval ppintervals pulseinterval pulseintervals pulsetopulseinterval"
_TIME: Final = """
    time times zeit zeiten t timestamp timestamps datetime date datum uhrzeit clock sincestart elapsed elapsedtime
    offset seconds sekunden phonetimestamp sensortimestamp unixtime utc utctime localtime beattime zeitstempel
"""
_RATE: Final = "hr bpm heartrate heartrates herzfrequenz puls pulse pulserate meanhr averagehr averageheartrate"
_NOTE: Final = """
    note notes notiz notizen event events marker markers mark annotation annotations label labels comment comments
    kommentar ereignis
"""
_WORDS: Final[dict[str, Kind]] = {
    **dict.fromkeys(_RR.split(), "rr"),
    **dict.fromkeys(_PULSE.split(), "pulse"),
    **dict.fromkeys(_TIME.split(), "time"),
    **dict.fromkeys(_RATE.split(), "rate"),
    **dict.fromkeys(_NOTE.split(), "note"),
}
"""Headings in small letters without blanks, points, dashes and underscores."""
_UNITS: Final[dict[str, str]] = {
    **dict.fromkeys(["ms", "msec", "msecs", "millis", "millisecond", "milliseconds", "millisekunden"], "ms"),
    **dict.fromkeys(["s", "sec", "secs", "second", "seconds", "sek", "sekunden"], "s"),
    **dict.fromkeys(["1/1024", "1/1024s", "1024"], "1/1024"),
    **dict.fromkeys(["bpm", "1/min", "/min", "beats/min"], "bpm"),
}
_BRACKETS: Final = re.compile(r"[\[(]([^\[\]()]*)[\])]\Z")
_ENDING: Final = re.compile(r"[\s_.\-]+(ms|msecs?|milliseconds?|s|secs?|seconds?|sek|1024|1/1024|bpm)\Z")
_QUALITY: Final = re.compile(
    r"(?:\A|[\s_.\-])(?:raw|roh|rohwerte|original|corrected|korrigiert|clean|cleaned|filtered|gefiltert)(?=\Z|[\s_.\-])"
)
_JOINTS: Final = re.compile(r"[\s_.\-/]+")
LONGEST: Final = 80


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a column holds, and the unit its heading names: ms, s, 1/1024, bpm; None where it names none."""

    kind: Kind
    unit: str | None = None


def meaning_of(heading: str) -> Meaning:
    """The meaning of a heading such as "RR-Interval [ms]", "ibi_s" or "Zeit"; a unit we do not know makes it other."""
    text = heading.strip().casefold()
    if not text or len(text) > LONGEST:
        return Meaning("other")
    unit: str | None = None
    brackets = _BRACKETS.search(text)
    ending = None if brackets else _ENDING.search(text)
    if brackets is not None:
        unit = _UNITS.get(brackets[1].replace(" ", ""))
        text = text[: brackets.start()].strip()
    elif ending is not None:
        unit = _UNITS.get(ending[1])
        text = text[: ending.start()]
    kind = _WORDS.get(_JOINTS.sub("", _QUALITY.sub(" ", text)), "other")
    if kind in ("rr", "pulse") and brackets is not None and unit is None:
        return Meaning("other")
    if unit == "bpm" and kind in ("rr", "pulse", "other"):
        return Meaning("rate" if kind != "other" else "other", unit)
    return Meaning(kind, unit)
