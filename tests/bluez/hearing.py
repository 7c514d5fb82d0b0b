"""A strap source at work in this event loop, and everything it says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

from devices.bluetooth import SYSTEM_RADIO, Radio
from devices.clock import SteadyClock
from devices.events import Acceleration, Battery, BodyLocation, LinkState, Packet, Sensor, SourceEvent
from devices.finding import Aids
from devices.heart_rate_measurement import encode
from devices.strap import Delays, Strap

QUICK = Delays(scale=0.02)
"""Delays of a fiftieth: a search lasts 0.3 s, attempts follow each other after 10 to 100 ms."""
DEADLINE_S = 5.0


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

    @property
    def locations(self) -> list[BodyLocation | None]:
        """Where the strap said that it is worn."""
        return [event.location for event in self.events if isinstance(event, Sensor)]

    def packets(self, at_least: int) -> bool:
        """Whether so many notifications have come."""
        return len(self.raws) >= at_least

    def connected(self, at_least: int) -> bool:
        """Whether the link was made so often."""
        return self.states.count("streaming") >= at_least

    def said(self, words: str) -> bool:
        """Whether some link event had these words."""
        return any(words in link.why for link in self.links)

    def times(self, words: str) -> int:
        """How many link events had these words."""
        return sum(words in link.why for link in self.links)

    def check(self) -> None:
        """What holds for everything a strap says: each change of the link has its reason and is told once."""
        for link in self.links:
            assert link.why.endswith("."), link
            assert link.advice or link.state in {"scanning", "connecting", "streaming"}, link
        told = [(link.state, link.why) for link in self.links]
        assert all(one != other for one, other in pairwise(told)), told


@asynccontextmanager
async def hearing(
    words: str = "",
    *,
    radio: Radio = SYSTEM_RADIO,
    delays: Delays = QUICK,
    aids: Aids | None = None,
    acceleration: bool = True,
) -> AsyncGenerator[Heard]:
    """Listen to the strap of this name until the block is left; it is closed then."""
    heard = Heard()
    source = Strap(words, radio=radio, delays=delays, aids=aids, acceleration=acceleration)

    async def listen() -> None:
        async for event in source.events(SteadyClock()):
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
    heard.check()


def packets(count: int, first: int = 0) -> list[bytes]:
    """Notifications that can be told from each other."""
    return [encode(60 + number % 40, rr_1024=(700 + number, 800 + number)) for number in range(first, first + count)]


def going(scenario: Callable[[], Awaitable[None]]) -> None:
    """Run a scenario; no task may be left at its end."""

    async def whole() -> None:
        await scenario()
        for _ in range(3):
            await asyncio.sleep(0)
        left = {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}
        assert "strap" not in left

    asyncio.run(whole())
