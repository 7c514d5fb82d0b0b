"""When a recording began, as far as anybody knows: an import may come from a file that does not say."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final, Literal, TypeAlias, get_args

UNKNOWN: Final = "start_unknown"
"""The key of a head that says what of `wall_ns` and `utc_off_s` is not known; absent where all of it is."""
Unknown: TypeAlias = Literal["all", "zone"]
"""all: `wall_ns` is when it was imported; zone: the local time is known, the zone is the one of that computer."""


def unknown_in(head: Mapping[str, Any]) -> Unknown | None:
    """What is not known of a start; None when all of it is."""
    said = head.get(UNKNOWN)
    return next((word for word in get_args(Unknown) if word == said), None)


def start_text(wall_ns: int, utc_off_s: int, unknown: str | None = None) -> str | None:
    """A start in its local time, ISO 8601: with its offset as far as that is known; None when it is not known at all.

    One outside of the calendar is the beginning of 1970.
    """
    if unknown == "all":
        return None
    at = local_time(wall_ns, utc_off_s)
    return (at.replace(tzinfo=None) if unknown == "zone" else at).isoformat(timespec="seconds")


def stamp_of(wall_ns: int, utc_off_s: int, unknown: str | None = None) -> str:
    """A start for a file's name: in UTC, with a Z; where no zone is known the local time, without one."""
    if unknown == "zone":
        return f"{local_time(wall_ns, utc_off_s):%Y%m%dT%H%M%S}"
    return f"{local_time(wall_ns, 0):%Y%m%dT%H%M%SZ}"


def start_in(head: Mapping[str, Any]) -> str | None:
    """The same of a recording's head."""
    return start_text(int(head["wall_ns"]), int(head.get("utc_off_s", 0)), unknown_in(head))


def local_time(wall_ns: int, utc_off_s: int) -> datetime:
    """A time with the offset of its place; one outside of the calendar is the beginning of 1970."""
    with suppress(ValueError, OverflowError, OSError):
        zone = timezone(timedelta(seconds=utc_off_s))
        return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=wall_ns // 1000)).astimezone(zone)
    return datetime(1970, 1, 1, tzinfo=UTC)
