"""Dates and times of day as other programs write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from biofeedback.formats.content import Start

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME: Final = r"(?P<h>[0-9]{1,2})[:.](?P<min>[0-9]{2})(?:[:.](?P<s>[0-9]{2})(?:[.,](?P<part>[0-9]{1,9}))?)?"
_HALF: Final = r"(?:[ \u00a0\u202f]*(?P<half>[aApP])\.?[ \u00a0\u202f]*[mM]\.?)?"
_ZONE: Final = r"(?:[ ]*(?P<zone>Z|UTC|[+-][0-9]{2}:?[0-9]{2}))?"
_CLOCK: Final = rf"(?:(?:T|[ ,]+){_TIME}{_HALF}{_ZONE})?"
_YEAR_FIRST: Final = re.compile(rf"(?P<y>[0-9]{{4}})[-/.](?P<m>[0-9]{{1,2}})[-/.](?P<d>[0-9]{{1,2}}){_CLOCK}\Z")
_YEAR_LAST: Final = re.compile(
    rf"(?P<a>[0-9]{{1,2}})(?P<sep>[-/.])(?P<b>[0-9]{{1,2}}|[A-Za-z]{{3}})(?P=sep)(?P<y>[0-9]{{4}}){_CLOCK}\Z"
)
LONGEST: Final = 64


@dataclass(frozen=True, slots=True)
class Moment:
    """A date and time as written, without a zone in it; `zone`: "utc", "+01:00" or None."""

    when: datetime
    zone: str | None = None

    def start(self, later_s: float = 0.0) -> Start:
        """The same as a start, `later_s` seconds later."""
        when = self.when
        if later_s:
            try:
                when += timedelta(seconds=round(later_s, 6))
            except OverflowError:
                when = self.when
        return Start(when.isoformat(), self.zone)


def moment_of(text: str, *, day_first: bool | None = None) -> Moment | None:
    """A date with or without a time of day; None when it is none, or when day and month cannot be told apart.

    Years come first or last. `day_first` says how 03/04/2025 is meant; with points between, the day comes first.
    """
    if len(text) > LONGEST:
        return None
    found = _YEAR_FIRST.match(text)
    if found is not None:
        return _moment(found, int(found["m"]), int(found["d"]))
    found = _YEAR_LAST.match(text)
    if found is None:
        return None
    first, second = int(found["a"]), found["b"]
    if not second.isdigit():
        month = second.lower()
        return _moment(found, _MONTHS.index(month) + 1, first) if month in _MONTHS else None
    if day_first is None:
        day_first = days_come_first(text)
    if day_first is None:
        return None
    return _moment(found, int(second), first) if day_first else _moment(found, first, int(second))


def days_come_first(text: str) -> bool | None:
    """Whether the day stands before the month in a date with the year at its end; None when either may be."""
    found = _YEAR_LAST.match(text) if len(text) <= LONGEST else None
    if found is None or not found["b"].isdigit():
        return None
    if found["sep"] == "." or int(found["a"]) > 12:
        return True
    return False if int(found["b"]) > 12 else None


def is_date(text: str) -> bool:
    """Whether a text is a date in any of these forms."""
    return len(text) <= LONGEST and bool(_YEAR_FIRST.match(text) or _YEAR_LAST.match(text))


def since_1970(seconds: float) -> Moment | None:
    """Seconds since 1970 as a moment of UTC; None outside 2000 to 2100."""
    if not 946_684_800 <= seconds < 4_102_444_800:
        return None
    return Moment(datetime.fromtimestamp(round(seconds, 6), UTC).replace(tzinfo=None), "utc")


def _moment(found: re.Match[str], month: int, day: int) -> Moment | None:
    hour = int(found["h"] or 0)
    if found["half"]:
        hour = hour % 12 + (12 if found["half"] in "pP" else 0)
    part = (found["part"] or "")[:6]
    try:
        when = datetime.fromisoformat(
            f"{found['y']}-{month:02}-{day:02}T{hour:02}:{found['min'] or '00'}:{found['s'] or '00'}"
            + (f".{part:0<6}" if part else "")
        )
    except ValueError:
        return None
    return Moment(when, _zone(found["zone"]))


def _zone(text: str | None) -> str | None:
    if text is None:
        return None
    if text in ("Z", "UTC") or not text.strip("+-0:"):
        return "utc"
    return text if ":" in text else f"{text[:3]}:{text[3:]}"
