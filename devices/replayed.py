"""Any iterable of stamped events as a source, on equal terms with a strap."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Self

from devices.errors import DeviceError, Reason
from devices.events import Heard, SourceEvent, StrapInfo
from devices.source import Clock


class Replayed:
    """Gives each event when the clock reaches its stamp, then ends; the speed is the clock's affair."""

    def __init__(self, info: StrapInfo, events: Iterable[SourceEvent]) -> None:
        self.info = info
        self._events = events
        self._left = False

    async def __aenter__(self) -> Self:
        """Nothing has to be opened."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Say no more."""
        self._left = True

    async def events(self, clock: Clock) -> AsyncIterator[SourceEvent]:
        """The events in their order, until the source is left.

        Raises DeviceError when a stamp is before the one in front of it.
        """
        last_us = 0
        for number, event in enumerate(self._events, start=1):
            if event.stamp_us < last_us:
                raise DeviceError(
                    Reason.OUT_OF_ORDER,
                    f"Event {number} of {self.info.name} is stamped {event.stamp_us} µs, after {last_us} µs.",
                    "The times in this file go backwards; try a whole copy of it.",
                )
            last_us = event.stamp_us
            await clock.sleep_until(last_us)
            if self._left:
                return
            yield event

    def hear(self, heard: Heard) -> None:
        """A recording does not listen."""
