"""Dates and times of day as other programs write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from biofeedback.formats.content import Start
from biofeedback.hrv.ticks import ticks_to_us

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME: Final = r"(?P<h>[0-9]{1,2})[:.](?P<min>[0-9]{2})(?:[:.](?P<s>[0-9]{2})(?:[.,](?P<part>[0-9]{1,9}))?)?"
_HALF: Final = r"(?:[ \u00a0\u202f]*(?P<half>[aApP])\.?[ \u00a0\u202f]*[mM]\.?)?"
_ZONE: Final = r"(?:[ ]*(?P<zone>Z|UTC|[+-][0-9]{2}:?[0-9]{2}))?"
_CLOCK: Final = rf"(?:(?:T|[ ,]+){_TIME}{_HALF}{_ZONE})?"
_YEAR_FIRST: Final = re.compile(rf"(?P<y>[0-9]{{4}})[-/.](?P<m>[0-9]{{1,2}})[-/.](?P<d>[0-9]{{1,2}}){_CLOCK}\Z")
_YEAR_LAST: Final = re.compile(
    rf"(?P<a>[0-9]{{1,2}})(?P<sep>[-/.])(?P<b>[0-9]{{1,2}}|[A-Za-z]{{3}})(?P=sep)(?P<y>[0-9]{{4}}){_CLOCK}\Z"
)
_ISO: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?)"
    r" ?(Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])?\Z"
)
_DAY_IN_NAME: Final = re.compile(r"(?<![0-9])((?:19|20)[0-9]{2})-?([01][0-9])-?([0-3][0-9])(?![0-9])")
LONGEST: Final = 64
LATEST_US: Final = 230 * 366 * 86_400 * 1_000_000


@dataclass(frozen=True, slots=True)
class Moment:
    """A date and time as written, without a zone in it; `zone`: "utc", "+01:00" or None."""

    when: datetime
    zone: str | None = None

    @property
    def start(self) -> Start:
        """The same as a start."""
        return start_at(self.when, self.zone)


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


def start_of(text: str) -> Start | None:
    """A date and time in ISO 8601, with a zone or without, as it is written; None for anything else."""
    found = _ISO.match(text.strip(" \t\r\n"))
    if found is None:
        return None
    local = f"{found[1]}T{found[2]}"
    try:
        datetime.fromisoformat(local)
    except ValueError:
        return None
    return Start(local, zone_of(found[3]))


def unix_start(us: int) -> Start | None:
    """Microseconds since 1970 in UTC as a start; None outside of the years 1970 to 2200, which is no clock's time."""
    if not 0 <= us < LATEST_US:
        return None
    return start_at(datetime(1970, 1, 1) + timedelta(microseconds=us), "utc")  # noqa: DTZ001 - the zone is told


def later(start: Start | None, ticks: int) -> Start | None:
    """A start so many ticks later, in the same zone; as it was where it is no date and time."""
    if start is None:
        return None
    try:
        return start_at(datetime.fromisoformat(start.text) + timedelta(microseconds=ticks_to_us(ticks)), start.zone)
    except (ValueError, OverflowError):
        return start


def day_in_name(name: str) -> str | None:
    """The one date in a file's name as ISO 8601; None when there is none or more than one."""
    found = {"-".join(each) for each in _DAY_IN_NAME.findall(name)}
    day = found.pop() if len(found) == 1 else ""
    try:
        return date.fromisoformat(day).isoformat()
    except ValueError:
        return None


def zone_of(text: str | None) -> str | None:
    """A zone as `Start` has it: "utc" for Z and UTC, else such as "+01:00", with a colon or not; None for None."""
    if text is None:
        return None
    text = text.strip()
    return "utc" if text in ("Z", "UTC") else f"{text[:3]}:{text[-2:]}"


def start_at(when: datetime, zone: str | None = None) -> Start:
    """A local time as a start, with as many digits of its seconds as it has: none, three or six."""
    digits = "milliseconds" if when.microsecond % 1000 == 0 else "microseconds"
    return Start(when.isoformat(timespec=digits if when.microsecond else "seconds"), zone)


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
    return Moment(when, zone_of(found["zone"]))
