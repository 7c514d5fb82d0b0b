"""Hands events to views on other threads: each view drains its own queue once a frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
from typing import Final, TypeAlias

from biofeedback.events import Arousal, Beat, Event, Hrv, Pacer

OVERTAKEN: Final = (Hrv, Arousal, Pacer, Beat)
"""Only these may be dropped for newer ones when a view is slow (RULINGS D5)."""
MOST_WAITING: Final = 4096


@dataclass(frozen=True, slots=True)
class Sought:
    """A replay goes to another time, which a view is told and nobody else: what lies before it follows at once.

    `anew`: forget what was seen; it follows from the first event on, or from what was kept as number `kept`. Else it
    goes on with what comes next.
    """

    at: int
    anew: bool
    kept: int = 0


@dataclass(frozen=True, slots=True)
class Keep:
    """A view shall keep what it knows now, so that a replay can go back to it: `number` from 1 on."""

    at: int
    number: int


Seen: TypeAlias = Event | Sought | Keep
"""What a view gets."""
_Line: TypeAlias = "deque[tuple[int, Seen]]"


class ViewQueue:
    """One view's queue. `put` on the session thread, `drain` on the view's; neither waits for the other.

    Two lines, so that what may be overtaken falls off the end of its own by itself: one step of a deque is whole
    for every thread, going through one while another thread takes from it is not.
    """

    def __init__(self, most_waiting: int | None = MOST_WAITING) -> None:
        """`most_waiting`: numbers that wait at the most; None for a recording, of which every beat is to be seen."""
        self.dropped = 0
        self._put = 0
        self._kept: _Line = deque()
        self._newest: _Line = deque(maxlen=most_waiting)

    @property
    def waiting(self) -> int:
        """How many the view has not taken yet."""
        return len(self._kept) + len(self._newest)

    def put(self, events: Sequence[Seen]) -> None:
        """Add events; when the view has not come for long, newer numbers overtake older ones."""
        for event in events:
            line = self._newest if isinstance(event, OVERTAKEN) else self._kept
            self.dropped += len(line) == line.maxlen
            line.append((self._put, event))
            self._put += 1

    def drain(self) -> list[Seen]:
        """Everything that came since the last call, in its order."""
        until = self._put
        lines = (_taken(self._kept, until), _taken(self._newest, until))
        return [event for _, event in merge(*lines, key=lambda numbered: numbered[0])]


def _taken(line: _Line, until: int) -> Iterator[tuple[int, Seen]]:
    """What came before the event with number `until`; what comes meanwhile waits, so that none is seen too early."""
    while line and line[0][0] < until:
        yield line.popleft()
