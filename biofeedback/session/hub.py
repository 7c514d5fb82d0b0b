"""Hands events to views on other threads: each view drains its own queue once a frame."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final

from biofeedback.events import Arousal, Beat, Event, Hrv, Pacer

OVERTAKEN: Final = (Hrv, Arousal, Pacer, Beat)
"""Only these may be dropped for newer ones when a view is slow (RULINGS D5)."""
MOST_WAITING: Final = 4096


class ViewQueue:
    """One view's queue. `put` on the session thread, `drain` on the view's; neither waits for the other."""

    def __init__(self) -> None:
        self._waiting: deque[Event] = deque()
        self.dropped = 0

    def put(self, events: Sequence[Event]) -> None:
        """Add events; when the view has not come for long, let newer numbers overtake older ones."""
        self._waiting.extend(events)
        if len(self._waiting) > MOST_WAITING:
            kept = [event for event in self._waiting if not isinstance(event, OVERTAKEN)]
            self.dropped += len(self._waiting) - len(kept)
            self._waiting = deque(kept)

    def drain(self) -> list[Event]:
        """Everything that came since the last call."""
        taken: list[Event] = []
        while self._waiting:
            taken.append(self._waiting.popleft())
        return taken
