"""Session time: whole microseconds since the session began (RULINGS A5), real, scaled, or jumping."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Collection
from heapq import heappop, heappush
from typing import Any, Final, Protocol

from biofeedback.hrv.beats import NEVER
from devices.clock import SteadyClock

_SPINS: Final = 10_000
_TURNS: Final = 4
"""Turns of the event loop that a command needs from the one who posts it to the session that waits."""


class SessionClock(Protocol):
    """A clock a session can wait on. It runs `speed` times as fast as the machine's."""

    @property
    def speed(self) -> float:
        """Session seconds in a second."""
        ...

    def now(self) -> int:
        """Microseconds since the session began."""
        ...

    async def sleep_until(self, at_us: int) -> None:
        """Return when `at_us` is reached."""
        ...

    async def wait(self, futures: Collection[Future[Any]], until_us: int) -> None:
        """Return when one of `futures` is done or `until_us` is reached."""
        ...


class LiveClock(SteadyClock):
    """The steady clock of this machine, times `speed`.

    On Linux it goes on while the machine sleeps, and the session finds out. Elsewhere `time.monotonic` may stand still
    then: the session goes on where it was, and the sleep shows as the gap that the strap's lost link leaves.
    """

    async def wait(self, futures: Collection[Future[Any]], until_us: int) -> None:
        """Return when one of `futures` is done or `until_us` is reached."""
        left_s = None if until_us >= NEVER else max(0.0, (until_us - self.now()) / 1e6 / self.speed)
        await asyncio.wait(futures, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)


class JumpingClock:
    """Time that jumps from `at_us` to the next thing that is waited for: a whole session in a moment, always alike."""

    def __init__(self, at_us: int = 0) -> None:
        self.speed = 1.0
        self._now_us = at_us
        self._sleepers: list[tuple[int, int, Future[None]]] = []
        self._order = 0

    def now(self) -> int:
        """Microseconds since the session began."""
        return self._now_us

    async def sleep_until(self, at_us: int) -> None:
        """Return when the clock has jumped to `at_us`."""
        if at_us <= self._now_us:
            return
        woken: Future[None] = asyncio.get_running_loop().create_future()
        self._order += 1
        heappush(self._sleepers, (at_us, self._order, woken))
        await woken

    async def wait(self, futures: Collection[Future[Any]], until_us: int) -> None:
        """Jump from sleeper to sleeper until one of `futures` is done or `until_us` is reached."""
        while not await self._settle(futures):
            while self._sleepers and self._sleepers[0][2].done():
                heappop(self._sleepers)
            due_us = self._sleepers[0][0] if self._sleepers else NEVER
            if min(due_us, until_us) >= NEVER:
                await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
                return
            if until_us < due_us:
                self._now_us = max(self._now_us, until_us)
                return
            self._wake()

    def _wake(self) -> None:
        at_us, _, woken = heappop(self._sleepers)
        self._now_us = max(self._now_us, at_us)
        if not woken.done():
            woken.set_result(None)

    async def _settle(self, futures: Collection[Future[Any]]) -> bool:
        """Let tasks run until one of `futures` is done or all that runs has come to sleep on this clock."""
        for turn in range(_SPINS):
            await asyncio.sleep(0)
            if any(future.done() for future in futures):
                return True
            if turn >= _TURNS and any(not woken.done() for _, _, woken in self._sleepers):
                return False
        return False
