"""Every source of ours keeps the contract that plug-ins are held to; and the contract finds those that do not."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Self, cast

import pytest

from devices.bluetooth import Radio
from devices.contract import SourceContract
from devices.events import Heard, Intervals, LinkState, Packet, SourceEvent, StrapInfo
from devices.heart_rate_measurement import encode
from devices.opening import open_source
from devices.replayed import Replayed
from devices.source import Clock, Source, parse_spec
from devices.strap import Delays, Strap
from tests.devices.radio import Air, AirStrap

RAW = encode(60, rr_1024=(1000,))


class TestSimulated(SourceContract):
    speed = 200.0
    least_events = 8

    def source(self) -> Source:
        return open_source(parse_spec("sim:faulty?seed=2"))


class TestReplayed(SourceContract):
    speed = 100.0

    def source(self) -> Source:
        return Replayed(
            StrapInfo("rest.txt", "file"), (Intervals(900_000 * beat, (921_600,)) for beat in range(1, 400))
        )


class TestStrapInMemory(SourceContract):
    step_s = 0.0005
    steps = (*range(12), 20, 40)
    least_events = 6

    @asynccontextmanager
    async def world(self) -> AsyncGenerator[None]:
        self.air = Air()
        worn = asyncio.create_task(_wear(self.air.add_strap("Polar H10 12345678")))
        yield
        worn.cancel()
        with suppress(asyncio.CancelledError):
            await worn

    def source(self) -> Source:
        air = self.air
        radio = Radio(air.scanner_backend, air.client_backend, air.adapter_backend)
        return Strap(radio=radio, delays=Delays(scale=0.01))


async def _wear(strap: AirStrap) -> None:
    while True:
        strap.notify(RAW)
        await asyncio.sleep(0.002)


# Sources that break it, each in one way.


class Sound:
    """Keeps the contract: says something every millisecond until it is left."""

    def __init__(self) -> None:
        self.info = StrapInfo("made up", "strap")
        self.left = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.left = True

    async def events(self, clock: Clock) -> AsyncIterator[SourceEvent]:
        while not self.left:
            yield self.said(clock)
            await asyncio.sleep(0.001)

    def said(self, clock: Clock) -> SourceEvent:
        return Packet(clock.now(), "s1", RAW)

    def hear(self, heard: Heard) -> None:
        """It does not listen."""


class LeavesATask(Sound):
    async def __aenter__(self) -> Self:
        self.task = asyncio.create_task(asyncio.sleep(3))
        return self


class HasAClockOfItsOwn(Sound):
    def said(self, clock: Clock) -> SourceEvent:
        return Packet(time.time_ns() // 1000, "s1", RAW)


class CountsFromItsOwnStart(Sound):
    def said(self, clock: Clock) -> SourceEvent:
        return Packet(5_000_000, "s1", RAW)


class GoesBackwards(Sound):
    step_us = 0

    def said(self, clock: Clock) -> SourceEvent:
        self.step_us += 1000
        return LinkState(clock.now() + 500_000 - 100 * self.step_us, "streaming")


class SaysStrangeThings(Sound):
    def said(self, clock: Clock) -> SourceEvent:
        return cast("SourceEvent", {"rr": 812})


class DoesNotStop(Sound):
    async def __aexit__(self, *_: object) -> None:
        """Nothing is done."""


class CannotBeCancelled(Sound):
    async def events(self, clock: Clock) -> AsyncIterator[SourceEvent]:
        while not self.left:
            yield self.said(clock)
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.001)


class IsAnnoyedByQuestions(Sound):
    def hear(self, heard: Heard) -> None:
        raise TypeError(heard)


class SaysNothing(Sound):
    async def events(self, clock: Clock) -> AsyncIterator[SourceEvent]:
        for event in cast("list[SourceEvent]", []):
            yield event


class Nameless(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.info = StrapInfo(cast("str", None), "strap")


class FailsBehindTheScenes(Sound):
    async def __aenter__(self) -> Self:
        asyncio.get_running_loop().call_soon(self._fail)
        return self

    def _fail(self) -> None:
        raise ValueError("unseen")


def contract_of(kind: type[Sound]) -> Iterator[tuple[str, Any]]:
    class Contract(SourceContract):
        patience_s = 2.0

        def source(self) -> Source:
            return kind()

    contract = Contract()
    for name in dir(contract):
        if name.startswith("test_"):
            yield name, getattr(contract, name)


def broken(kind: type[Sound]) -> dict[str, str]:
    """The tests that such a source does not pass, with what they say."""
    failed: dict[str, str] = {}
    for name, run in contract_of(kind):
        try:
            run()
        except AssertionError as error:
            failed[name] = str(error)
        except TypeError as error:
            failed[name] = repr(error)
    return failed


def test_a_source_that_keeps_it_passes() -> None:
    assert broken(Sound) == {}


@pytest.mark.parametrize(
    ("kind", "test", "words"),
    [
        (LeavesATask, "left_without_being_listened_to", "leaves running"),
        (LeavesATask, "cancelled_after_any_number_of_steps", "leaves running"),
        (HasAClockOfItsOwn, "in_order_and_only_in_known_words", "ahead of the clock"),
        (CountsFromItsOwnStart, "in_order_and_only_in_known_words", "is stamped 5000000"),
        (GoesBackwards, "in_order_and_only_in_known_words", "event 2 is stamped"),
        (SaysStrangeThings, "in_order_and_only_in_known_words", "no event of devices.events"),
        (IsAnnoyedByQuestions, "told_anything", "TypeError"),
        (SaysNothing, "in_order_and_only_in_known_words", "without a word"),
        (Nameless, "its_info", "StrapInfo.name is None"),
        (FailsBehindTheScenes, "left_without_being_listened_to", "unseen"),
    ],
)
def test_a_source_that_breaks_it_is_told_how(kind: type[Sound], test: str, words: str) -> None:
    (said,) = [said for name, said in broken(kind).items() if test in name]
    assert words in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "test", "words"),
    [
        (DoesNotStop, "says_no_more", "goes on"),
        (CannotBeCancelled, "once_it_has_spoken", "could not be cancelled"),
    ],
)
def test_a_source_that_does_not_end_is_found(
    kind: type[Sound], test: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devices.contract.LEAVE_S", 0.3)
    (run,) = [run for name, run in contract_of(kind) if test in name]
    with pytest.raises(AssertionError, match=words):
        run()
