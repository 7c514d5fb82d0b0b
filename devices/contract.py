"""What every source keeps to, as tests to inherit: a plug-in's author subclasses `SourceContract` and runs pytest.

    from devices.contract import SourceContract

    class TestMyDevice(SourceContract):
        def source(self) -> Source:
            return MyDevice("name")

pytest is not imported here; a test fails with a sentence on what the source did.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from devices.checking import event_fault, info_fault
from devices.clock import SteadyClock
from devices.events import Heard, HeardCue, HeardPacer, HeardPhase, HeardQuestion, SourceEvent
from devices.source import Source

LEAVE_S: Final = 5.0
"""A source is left within so long, whatever it was doing."""
TURNS: Final = 50
"""Turns of the event loop in which a cancelled task comes to its end."""
UNDER_WAY_US: Final = 1_000_000_000
"""A live source meets a session that has been going on for a while: a clock of its own would not fit."""

SAID: Final[Sequence[Heard]] = (
    HeardPacer(0, 6.0),
    HeardPacer(0, 5.5, 0.45, 0.25),
    HeardPacer(0, None),
    HeardPhase(0, "settle"),
    HeardPhase(0, "image", "safe_place"),
    HeardPhase(0, "control", "breath_only", control=True),
    HeardCue(0, "safe_place", 0, "Notice the ground beneath your feet."),
    HeardQuestion(0, "q1", "suds"),
    HeardQuestion(0, "q2", "a question that will be asked one day"),
)
"""One of each thing a source may be told."""


class SourceContract(ABC):
    """Inherit, say in `source` what is tested, and adapt the rest where the defaults do not fit."""

    speed: float = 1.0
    """Of the clock. A source that waits on the clock it is given can be tested at 100 times its speed."""
    least_events: int = 3
    """So many events have come within `patience_s`, unless the source ends before."""
    patience_s: float = 10.0
    steps: Sequence[int] = (0, 1, 2, 3, 5, 8, 13, 21, 34, 55)
    """After so many steps of its life a source is left; a step is a turn of the event loop, and `step_s` long."""
    step_s: float = 0.0

    @abstractmethod
    def source(self) -> Source:
        """A new source that is not entered yet."""

    @asynccontextmanager
    async def world(self) -> AsyncGenerator[None]:
        """What has to be there for the source to speak, around every `source()`: nothing, unless overridden."""
        yield

    def test_its_info_is_what_a_recording_can_hold(self) -> None:
        """And names no plug-in: that is filled in by the program."""

        async def look() -> None:
            async with self.world():
                info = self.source().info
                _demand(info_fault(info) is None, f"{info_fault(info)}")
                _demand(info.plugin is None, "its info names a plug-in; leave that to the program")

        _run(look())

    def test_it_speaks_in_order_and_only_in_known_words(self) -> None:
        """Stamps are of the clock that was given: whole microseconds, neither early nor late nor backwards."""

        async def listen() -> None:
            async with self.world():
                source = self.source()
                clock = self._clock(source)
                last_us = clock.now() if source.info.kind == "strap" else 0
                events = 0
                async with asyncio.timeout(self.patience_s), source:
                    async for event in source.events(clock):
                        fault = event_fault(event, clock.now())
                        _demand(fault is None, f"event {events + 1}: {fault}")
                        stamp_us = event.stamp_us
                        _demand(stamp_us >= last_us, f"event {events + 1} is stamped {stamp_us} µs, after {last_us} µs")
                        events, last_us = events + 1, stamp_us
                        if events >= self.least_events:
                            break
                _demand(events > 0, "it ended without a word")

        _run(listen())

    def test_it_can_be_left_without_being_listened_to(self) -> None:
        """And leaves nothing behind."""

        async def look_in() -> None:
            async with self.world():
                before = asyncio.all_tasks()
                source = self.source()
                await source.__aenter__()
                await _leave(source)
                await _demand_nothing_left(before)

        _run(look_in())

    def test_it_can_be_cancelled_after_any_number_of_steps(self) -> None:
        """While it is entered, while it is waited for, between events: it ends soon and leaves no task behind."""

        async def cut_short(steps: int) -> None:
            async with self.world():
                before = asyncio.all_tasks()
                life = asyncio.create_task(self._live(self.source(), []), name="life")
                for _ in range(steps):
                    await asyncio.sleep(self.step_s)
                life.cancel()
                await asyncio.wait({life}, timeout=LEAVE_S)
                _demand(life.done(), f"after {steps} steps it could not be cancelled within {LEAVE_S:.0f} s")
                _demand(life.cancelled() or life.exception() is None, f"after {steps} steps: {_why(life)}")
                await _demand_nothing_left(before)

        async def all_of_them() -> None:
            for steps in self.steps:
                await cut_short(steps)

        _run(all_of_them())

    def test_it_can_be_cancelled_once_it_has_spoken(self) -> None:
        """As a session does that ends by its plan."""

        async def end() -> None:
            async with self.world():
                before = asyncio.all_tasks()
                heard: list[SourceEvent] = []
                life = asyncio.create_task(self._live(self.source(), heard), name="life")
                await self._spoken(heard, life)
                life.cancel()
                await asyncio.wait({life}, timeout=LEAVE_S)
                _demand(life.done(), f"it could not be cancelled within {LEAVE_S:.0f} s")
                await _demand_nothing_left(before)

        _run(end())

    def test_it_says_no_more_once_it_is_left(self) -> None:
        """Whoever still listens comes to an end, and hears of nothing that happened afterwards."""

        async def leave() -> None:
            async with self.world():
                source = self.source()
                clock = self._clock(source)
                heard: list[SourceEvent] = []
                await source.__aenter__()
                listening = asyncio.create_task(_listen(source, clock, heard), name="listening")
                await self._spoken(heard, listening)
                await _leave(source)
                left_us = clock.now()
                await asyncio.wait({listening}, timeout=LEAVE_S)
                _demand(listening.done(), "it goes on after it was left")
                _demand(listening.exception() is None, f"after it was left: {_why(listening)}")
                late = [event for event in heard if getattr(event, "stamp_us", 0) > left_us]
                _demand(not late, f"it speaks of what came after it was left: {late[:1]}")

        _run(leave())

    def test_it_may_be_told_anything_at_any_time(self) -> None:
        """Before it is entered, while it speaks, and afterwards."""

        async def tell() -> None:
            async with self.world():
                source = self.source()
                heard: list[SourceEvent] = []
                _tell_all(source)
                life = asyncio.create_task(self._live(source, heard), name="life")
                await self._spoken(heard, life)
                _tell_all(source)
                life.cancel()
                await asyncio.wait({life}, timeout=LEAVE_S)
                _tell_all(source)

        _run(tell())

    def _clock(self, source: Source) -> SteadyClock:
        return SteadyClock(self.speed, UNDER_WAY_US if source.info.kind == "strap" else 0)

    async def _live(self, source: Source, heard: list[SourceEvent]) -> None:
        """The whole life of a source."""
        async with source:
            await _listen(source, self._clock(source), heard)

    async def _spoken(self, heard: list[SourceEvent], speaking: asyncio.Task[None]) -> None:
        """Return when enough has been heard, or there is no more."""
        deadline_s = asyncio.get_running_loop().time() + self.patience_s
        while len(heard) < self.least_events and not speaking.done():
            in_time = asyncio.get_running_loop().time() < deadline_s
            _demand(in_time, f"it said {len(heard)} of {self.least_events} things in {self.patience_s:g} s")
            await asyncio.sleep(0.001)
        if speaking.done():
            _demand(speaking.exception() is None, _why(speaking))


async def _listen(source: Source, clock: SteadyClock, heard: list[SourceEvent]) -> None:
    async for event in source.events(clock):
        heard.append(event)  # noqa: PERF401 - others look at the list meanwhile


async def _leave(source: Source) -> None:
    try:
        async with asyncio.timeout(LEAVE_S):
            await source.__aexit__(None, None, None)
    except TimeoutError as error:
        raise AssertionError(f"it could not be left within {LEAVE_S:.0f} s") from error


async def _demand_nothing_left(before: set[asyncio.Task[Any]]) -> None:
    """Nothing runs but what ran before."""
    for _ in range(TURNS):
        await asyncio.sleep(0)
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    _demand(not left, f"it leaves running: {', '.join(repr(task.get_coro()) for task in left)}")


def _tell_all(source: Source) -> None:
    for said in SAID:
        source.hear(said)


def _why(task: asyncio.Task[None]) -> str:
    """How a task ended, in words."""
    return "it was cancelled from inside" if task.cancelled() else f"it raised {task.exception()!r}"


def _demand(kept: object, otherwise: str) -> None:
    if not kept:
        raise AssertionError(otherwise)


def _run(scenario: Coroutine[Any, Any, None]) -> None:
    """In a loop of its own, in which nothing may go wrong behind the scenes either."""
    unseen: list[str] = []
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _, said: unseen.append(str(said.get("exception", said))))
    try:
        loop.run_until_complete(scenario)
    finally:
        loop.run_until_complete(_clear_up())
        loop.close()
    _demand(not unseen, f"an error that nobody caught: {'; '.join(unseen)}")


async def _clear_up() -> None:
    """End what a test that failed left running; asyncio.run would wait for ever for what cannot be cancelled."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=1.0)
    await asyncio.get_running_loop().shutdown_asyncgens()
