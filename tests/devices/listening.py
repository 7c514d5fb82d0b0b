"""A clock that jumps, and a listener that collects what a source says while the source hears a script."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from devices.events import Heard, Packet, SourceEvent
from devices.heart_rate_measurement import decode
from devices.source import Source


class LogicalClock:
    """Jumps to whatever is slept for; the source then hears what is due of its script, `late_us` late."""

    def __init__(self, source: Source, script: Iterable[Heard] = (), late_us: int = 0) -> None:
        self._source = source
        self._script = sorted(script, key=lambda heard: heard.at_us, reverse=True)
        self._late_us = late_us
        self._now_us = 0
        self.naps: list[int] = []

    def now(self) -> int:
        return self._now_us

    async def sleep_until(self, at_us: int) -> None:
        self.naps.append(at_us)
        self._now_us = max(self._now_us, at_us)
        while self._script and self._script[-1].at_us + self._late_us <= self._now_us:
            self._source.hear(self._script.pop())


def collect(source: Source, until_s: float, script: Iterable[Heard] = (), *, late_us: int = 0) -> list[SourceEvent]:
    """The events of the first `until_s` seconds."""

    async def listen() -> list[SourceEvent]:
        clock = LogicalClock(source, script, late_us)
        said: list[SourceEvent] = []
        async with source:
            async for event in source.events(clock):
                if event.stamp_us > until_s * 1e6:
                    break
                assert event.stamp_us <= clock.now()
                said.append(event)
        return said

    return asyncio.run(listen())


def intervals_1024(events: Sequence[SourceEvent]) -> list[int]:
    """Every RR interval of the packets, in order, in 1/1024 s."""
    return [rr for event in events if isinstance(event, Packet) for rr in decode(event.raw).rr_1024]
