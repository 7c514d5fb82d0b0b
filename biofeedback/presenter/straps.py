"""Which strap is yours? The question as every face asks it, and what is told of a strap in sight."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from biofeedback.presenter.words import clean
from devices.choosing import Sight, StrapQuestion

MOST_ROWS: Final = 9
"""Each has a figure for a key."""
LONGEST_NAME: Final = 40
SIGNALS: Final = ((-60, "strong signal"), (-75, "good signal"), (-88, "weak signal"), (-200, "very weak signal"))
"""From so many dBm on; at arm's length a strap has about -60."""
MONTHS: Final = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
"""English whatever the system's language is."""

WHICH: Final = "Several straps are in sight. Which one is yours?"
HOW: Final = "Press its number. The search goes on."
CONNECTED: Final = "connected to this computer"
IN_USE: Final = "read by another session"


@dataclass(frozen=True, slots=True)
class Row:
    """One strap to choose. `facts` for the eye; `spoken` for the ear, without what changes by the second."""

    number: int
    address: str
    name: str
    facts: str
    spoken: str
    free: bool


@dataclass(frozen=True, slots=True)
class Prompt:
    """The question: `title`, the straps, and `more` where they are too many to be shown; else empty."""

    title: str
    rows: tuple[Row, ...]
    more: str


def prompt(question: StrapQuestion) -> Prompt:
    """The question in words; its rows are numbered from 1."""
    shown, hidden = question.sights[:MOST_ROWS], len(question.sights) - MOST_ROWS
    more = f"{hidden} more in sight: name one: strap:NAME." if hidden > 0 else ""
    return Prompt(_title(question), tuple(_row(number, sight) for number, sight in enumerate(shown, 1)), more)


def strap_name(name: str, address: str) -> str:
    """What a strap is called on the screen: by its name, else by its address."""
    called = clean(name) or address
    return called if len(called) <= LONGEST_NAME else called[: LONGEST_NAME - 1] + "…"


def signal_and_use(sight: Sight) -> str:
    """The facts of a strap in sight that can be had without connecting to it."""
    if sight.in_use:
        return IN_USE
    measured = "" if sight.rssi is None else f" ({sight.rssi} dBm)"
    return ", ".join((_signal(sight) + measured, *_uses(sight)))


def _title(question: StrapQuestion) -> str:
    if question.missing is None:
        return WHICH
    yours = f"Your strap {clean(question.missing)}".rstrip()
    if question.missing_in_use:
        return f"{yours} is being read by another session on this computer. End that session, or choose another strap."
    return f"{yours} is not in sight. Put it on and it is taken by itself, or choose another one."


def _row(number: int, sight: Sight) -> Row:
    name = strap_name(sight.name, sight.address)
    spoken = ", ".join((name, _signal(sight), *_uses(sight)))
    return Row(number, sight.address, name, signal_and_use(sight), spoken, not sight.in_use)


def _signal(sight: Sight) -> str:
    if sight.in_use:
        return IN_USE
    if sight.rssi is None:
        return CONNECTED
    return next((words for least, words in SIGNALS if sight.rssi >= least), SIGNALS[-1][1])


def _uses(sight: Sight) -> list[str]:
    return [f"used last on {day(sight.last_used)}"] if sight.last_used else []


def day(at: str) -> str:
    """The day of a UTC time (ISO 8601) as the person's calendar has it: 22 November 2026."""
    local = datetime.fromisoformat(at).astimezone()
    return f"{local.day} {MONTHS[local.month - 1]} {local.year}"
