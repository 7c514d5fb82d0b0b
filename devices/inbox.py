"""What a strap said, waiting for the session: bounded, in order, and never silently shortened."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from devices.events import Acceleration, Dropped, Packet, SourceEvent

MOST_PACKETS: Final = 1024
"""A quarter of an hour of packets (RULINGS A5); a session that is further behind has stopped."""
MOST_FRAMES: Final = 64
"""A minute and a half of acceleration at 25 Hz. It goes before a packet of the heart ever does."""


class Inbox:
    """Events in the order in which they came. For one event loop; `packet` may be called at any time in it."""

    def __init__(self, most_packets: int = MOST_PACKETS) -> None:
        self._most_packets = most_packets
        self._waiting: deque[SourceEvent] = deque()
        self._packets = 0
        self._frames = 0
        self._dropped = 0
        self._dropped_us = 0
        self._came = asyncio.Event()
        self._closed = False

    def packet(self, stamp_us: int, device: str, raw: bytes) -> None:
        """A notification came. When there is no room for it, it is counted."""
        if self._packets >= self._most_packets:
            self._dropped += 1
            self._dropped_us = stamp_us
            return
        self._packets += 1
        self.put(Packet(stamp_us, device, raw))

    def frame(self, frame: Acceleration) -> None:
        """Acceleration came. Where there is no room it is left out: its stamps show the hole."""
        if self._frames < MOST_FRAMES:
            self._frames += 1
            self.put(frame)

    def put(self, event: SourceEvent) -> None:
        """Anything else: there are few of these, and there is always room."""
        self._tell_dropped()
        self._waiting.append(event)
        self._came.set()

    def close(self) -> None:
        """Nothing comes any more."""
        self._closed = True
        self._came.set()

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return len(self._waiting)

    async def next(self) -> SourceEvent | None:
        """The oldest event; None when the inbox is empty and closed."""
        while not self._waiting:
            self._tell_dropped()
            if self._closed and not self._waiting:
                return None
            if not self._waiting:
                self._came.clear()
                await self._came.wait()
        event = self._waiting.popleft()
        self._packets -= isinstance(event, Packet)
        self._frames -= isinstance(event, Acceleration)
        return event

    def _tell_dropped(self) -> None:
        """Say how many packets found no room, behind those that did."""
        if self._dropped:
            self._waiting.append(Dropped(self._dropped_us, self._dropped))
            self._dropped = 0
