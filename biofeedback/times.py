"""Times and lengths of time in words, the same in every face; seconds that have not passed are not counted."""

from __future__ import annotations


def clock(us: int) -> str:
    """A time of a session, from microseconds: 4:05, or 1:02:03 from an hour on."""
    minutes, seconds = divmod(max(0, us) // 1_000_000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def gap(us: int) -> str:
    """How long a gap is, from microseconds: 3.4 s, from a minute on as a length of time."""
    return f"{max(0, us) / 1e6:.1f} s" if us < 59_950_000 else length(max(us, 60_000_000))


def length(us: int) -> str:
    """A length of time, from microseconds: 42 s, 4 min 42 s, 1 h 3 min."""
    seconds = max(0, us) // 1_000_000
    hours, minutes = seconds // 3600, seconds // 60 % 60
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {seconds % 60} s" if seconds % 60 else f"{minutes} min"
    return f"{seconds} s"
