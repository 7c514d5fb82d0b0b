"""A strap source at work in this event loop, and everything it says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from devices.bluetooth import SYSTEM_RADIO, Radio
from devices.events import Acceleration, Battery, LinkState, Packet, SourceEvent
from devices.strap import Delays, Strap

QUICK = Delays(scale=0.02)
"""Delays of a fiftieth: a search lasts 0.3 s, attempts follow each other after 10 to 100 ms."""
DEADLINE_S = 5.0


class Stopwatch:
    """Session time for a source alone: microseconds since it was made."""

    def __init__(self) -> None:
        self._began_ns = time.monotonic_ns()

    def now(self) -> int:
        return (time.monotonic_ns() - self._began_ns) // 1000

    async def sleep_until(self, at_us: int) -> None:
        await asyncio.sleep(max(0, at_us - self.now()) / 1e6)


class Heard:
    """What a strap has said so far."""

    def __init__(self) -> None:
        self.events: list[SourceEvent] = []

    @property
    def raws(self) -> list[bytes]:
        """The notifications, in order."""
        return [event.raw for event in self.events if isinstance(event, Packet)]

    @property
    def frames(self) -> list[Acceleration]:
        """What the accelerometer sent, in order."""
        return [event for event in self.events if isinstance(event, Acceleration)]

    @property
    def links(self) -> list[LinkState]:
        return [event for event in self.events if isinstance(event, LinkState)]

    @property
    def states(self) -> list[str]:
        return [link.state for link in self.links]

    @property
    def batteries(self) -> list[int | None]:
        return [event.percent for event in self.events if isinstance(event, Battery)]

    def packets(self, at_least: int) -> bool:
        """Whether so many notifications have come."""
        return len(self.raws) >= at_least

    def connected(self, at_least: int) -> bool:
        """Whether the link was made so often."""
        return self.states.count("streaming") >= at_least

    def said(self, words: str) -> bool:
        """Whether some link event had these words."""
        return any(words in link.why for link in self.links)


@asynccontextmanager
async def hearing(
    words: str = "", *, radio: Radio = SYSTEM_RADIO, delays: Delays = QUICK, acceleration: bool = True
) -> AsyncGenerator[Heard]:
    """Listen to the strap of this name until the block is left; it is closed then."""
    heard = Heard()
    source = Strap(words, radio=radio, delays=delays, acceleration=acceleration)

    async def listen() -> None:
        async for event in source.events(Stopwatch()):
            heard.events.append(event)

    async with source:
        task = asyncio.create_task(listen())
        try:
            yield heard
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled():
        task.result()
