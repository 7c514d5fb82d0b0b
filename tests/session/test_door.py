"""A source that fails ends the session with its recording whole and its name in it, whatever it does (DESIGN 5)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Self, cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from biofeedback.errors import SourceFailedError
from biofeedback.events import End, Packet
from biofeedback.recording.reader import read_recording
from biofeedback.session import door
from biofeedback.session.clock import JumpingClock, LiveClock
from biofeedback.session.door import Door, door_of
from biofeedback.session.plan import free_plan, practice_plan
from biofeedback.session.replay import verify
from devices.bluetooth import Radio
from devices.errors import BluetoothError, DeviceError, Reason, SourceSpecError
from devices.events import Battery, Heard, HeardPacer, Intervals, LinkState, Plugin, SourceEvent, StrapInfo
from devices.events import Packet as StrapPacket
from devices.heart_rate_measurement import encode
from devices.source import Clock, Source
from devices.strap import Delays, Strap
from tests.devices.radio import Air
from tests.session.sessions import Ran, run_session

S = 1_000_000
SOUND = 5
PLUGIN = Plugin("acme-sensor", "2.1")
RAW = encode(60, rr_1024=(1024,))


class Failing:
    """Sends five sound packets, a second apart, and then does what `then` says."""

    def __init__(self, then: object = Battery(6 * S, 80)) -> None:
        self.info = StrapInfo("acme", "simulated", spec="acme:", plugin=PLUGIN)
        self.then = then
        self.left = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.left += 1

    async def events(self, clock: Clock) -> AsyncIterator[SourceEvent]:
        for second in range(1, SOUND + 1):
            await clock.sleep_until(second * S)
            yield StrapPacket(second * S, "s1", RAW)
        await self.fail(clock)
        yield cast("SourceEvent", self.then)
        await clock.sleep_until(3600 * S)

    async def fail(self, clock: Clock) -> None:
        if isinstance(self.then, BaseException):
            raise self.then

    def hear(self, heard: Heard) -> None:
        """It does not listen."""


class CancelledInside(Failing):
    async def fail(self, clock: Clock) -> None:
        inner = asyncio.ensure_future(asyncio.sleep(0))
        inner.cancel()
        await inner


class FailingToHear(Failing):
    def hear(self, heard: Heard) -> None:
        if isinstance(heard, HeardPacer):
            raise KeyError("pacer")


class FailingToClose(Failing):
    async def __aexit__(self, *_: object) -> None:
        raise OSError("the port is gone")


class FailingTwice(FailingToClose):
    async def fail(self, clock: Clock) -> None:
        raise ValueError("first")


class NeverClosing(Failing):
    async def __aexit__(self, *_: object) -> None:
        await asyncio.get_running_loop().create_future()


def errors(ran: Ran) -> list[str]:
    return [str(line.body["error"]) for line in read_recording(ran.path).lines if line.kind == "err"]


def assert_whole(ran: Ran, packets: int = SOUND) -> None:
    """The recording holds what was sent before, comes out again to the bit and has its end."""
    found = verify(ran.path)
    assert (found.intact, found.finished, found.exact, found.differences) == (True, True, True, 0)
    assert len([line for line in read_recording(ran.path).lines if line.kind == "packet"]) == packets


@pytest.mark.parametrize(
    ("then", "said"),
    [
        (ValueError("no number"), "ValueError: no number"),
        (ValueError(), "ValueError"),
        (ValueError("a\nb \ud800" + "x" * 1000), "ValueError: a b \\ud800xxx"),
        (ValueError("\x1b[2Jgone"), "ValueError: [2Jgone"),
        (KeyError("/hci0/dev_A0_9E_1A_00_00_01"), "KeyError: '/hci0/dev_(address)'"),
        (DeviceError(Reason.LINK_FAILED, "A0:9e:1A:00:00:01\n" + "x" * 10_000, ""), "(address) xxx"),
        (SystemExit(3), "SystemExit: 3"),
        (StopAsyncIteration(), "RuntimeError"),
        (asyncio.CancelledError(), "CancelledError"),
        (TimeoutError(), "TimeoutError"),
        (DeviceError(Reason.LINK_FAILED, "The cable is out.", "Plug it in."), "The cable is out."),
        (BluetoothError(Reason.NO_BLUETOOTH, "The radio is gone.", "Plug it in."), "The radio is gone."),
        ("not an event", "it yields 'not an event'"),
        (StrapPacket(-1, "s1", RAW), "before the session began"),
        (StrapPacket(10**15, "s1", RAW), "ahead of the clock"),
        (StrapPacket(6 * S, "s1", cast("bytes", RAW.hex())), "not bytes"),
        (StrapPacket(6 * S, "\ud800", RAW), "StrapPacket.device"),
        (Intervals(6 * S, cast("tuple[int, ...]", (812.5,))), "Intervals.ticks"),
        (Battery(6 * S, 300), "Battery.percent is 300"),
        (LinkState(6 * S, "off", "x" * 100_000), "LinkState.why"),
    ],
    ids=str,
)
def test_whatever_a_source_does_wrong_ends_in_a_whole_recording_that_names_it(
    tmp_path: Path, then: object, said: str
) -> None:
    source = Failing(then)
    ran = run_session(tmp_path, source, free_plan(None))
    assert_whole(ran)
    (what,) = errors(ran)
    assert what.startswith("The plug-in acme-sensor 2.1 failed: ")
    assert said.replace("StrapPacket", "Packet") in what
    assert len(what) < 500
    assert ran.failure is not None
    assert ran.failure.what == what
    assert "what was recorded until then is kept" in ran.failure.advice
    assert [end.why for end in ran.of(End)] == ["the source failed"]
    assert len(ran.of(Packet)) == SOUND
    assert source.left == 1, "it is closed all the same"


@pytest.mark.parametrize(
    ("source", "said"),
    [(CancelledInside(), "CancelledError"), (FailingTwice(), "ValueError: first")],
    ids=["cancelled inside", "fails on closing too"],
)
def test_what_comes_first_is_what_is_told(tmp_path: Path, source: Source, said: str) -> None:
    ran = run_session(tmp_path, source, free_plan(None))
    assert_whole(ran)
    (what,) = errors(ran)
    assert said in what
    assert ran.failure is not None
    assert ran.failure.what == what


def test_a_source_that_cannot_hear_ends_the_session_by_that(tmp_path: Path) -> None:
    ran = run_session(tmp_path, FailingToHear(), practice_plan("safe_place", 1, 6.0, 0.4))
    assert [end.why for end in ran.of(End)] == ["the source failed"]
    assert "KeyError: 'pacer'" in errors(ran)[0]
    found = verify(ran.path)
    assert (found.intact, found.finished, found.exact, found.differences) == (True, True, True, 0)


def test_a_source_that_fails_on_closing_is_told_of_though_the_recording_is_finished(tmp_path: Path) -> None:
    ran = run_session(tmp_path, FailingToClose(), free_plan(5 / 60))
    assert [end.why for end in ran.of(End)] == ["planned end"]
    assert ran.failure is not None
    assert "OSError: the port is gone" in ran.failure.what


def test_a_source_that_never_closes_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "LEAVE_S", 0.05)
    ran = run_session(tmp_path, NeverClosing(), free_plan(5 / 60))
    assert ran.failure is not None
    assert "it was not closed within" in ran.failure.what


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (ValueError("no port"), SourceFailedError),
        (DeviceError(Reason.LINK_FAILED, "No port.", "Plug it in."), SourceFailedError),
        (SystemExit(), SourceFailedError),
        (asyncio.CancelledError(), SourceFailedError),
        (SourceSpecError(Reason.BAD_SPEC, "No port.", "Name one."), SourceSpecError),
        (BluetoothError(Reason.BLUETOOTH_OFF, "It is off.", "Switch it on."), BluetoothError),
    ],
    ids=str,
)
def test_a_source_that_cannot_be_opened_leaves_nothing_in_the_recording(
    tmp_path: Path, raised: BaseException, told: type[Exception]
) -> None:
    class Closed(Failing):
        async def __aenter__(self) -> Self:
            raise raised

    with pytest.raises(told) as caught:
        run_session(tmp_path, Closed(), free_plan(None))
    if isinstance(caught.value, SourceFailedError):
        assert "acme-sensor 2.1" in caught.value.what
        assert "recorded" not in caught.value.advice
    (part,) = tmp_path.iterdir()
    assert {line.kind for line in read_recording(part).lines} == {"head", "alg", "seal"}


def test_a_session_that_is_cancelled_is_no_failure_of_its_source() -> None:
    async def whole() -> None:
        async with Door(Failing(), Failing().info) as source:
            clock = Still()
            waiting = asyncio.ensure_future(anext(aiter(source.events(clock)), None))
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting

    asyncio.run(whole())


class Still:
    """A clock on which nothing comes due."""

    def now(self) -> int:
        return 0

    async def sleep_until(self, at_us: int) -> None:
        await asyncio.get_running_loop().create_future()


def test_a_source_of_ours_that_fails_is_said_to_be_our_mistake() -> None:
    source = Failing(ValueError("oops"))
    source.info = StrapInfo("simulated person, calm", "simulated", spec="sim:calm")

    async def whole() -> None:
        async with door_of(source) as held:
            async for _ in held.events(Hurried()):
                pass

    with pytest.raises(SourceFailedError) as caught:
        asyncio.run(whole())
    assert caught.value.what == "The source sim:calm failed: ValueError: oops."
    assert "a mistake in the program" in caught.value.advice
    assert caught.value.__cause__ is source.then


class Hurried:
    """A clock on which everything is due."""

    def now(self) -> int:
        return 10 * S

    async def sleep_until(self, at_us: int) -> None:
        """It is late already."""


def test_a_source_goes_through_one_door_only() -> None:
    held = door_of(Failing())
    assert door_of(held) is held


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.builds(StrapPacket, st.integers() | st.floats(), st.text() | st.none(), st.binary(max_size=600) | st.text()),
        st.builds(Intervals, st.integers(), st.lists(st.integers()) | st.tuples(st.integers() | st.floats())),
        st.builds(LinkState, st.integers(0, 6 * S), st.sampled_from(["off", "stale", "gone"]), st.text()),
        st.builds(Battery, st.integers(0, 6 * S), st.integers() | st.none() | st.floats()),
    )
)
def test_no_event_however_made_spoils_a_recording(tmp_path_factory: pytest.TempPathFactory, event: object) -> None:
    ran = run_session(tmp_path_factory.mktemp("made"), Failing(event), free_plan(0.5))
    found = verify(ran.path)
    assert (found.intact, found.finished, found.exact, found.differences) == (True, True, True, 0)
    assert len(errors(ran)) == (ran.failure is not None)


def test_a_strap_that_fails_as_nobody_expected_ends_in_a_whole_recording(tmp_path: Path) -> None:
    """A mistake below the strap, in bleak or in us, that is none of Bluetooth's own errors."""
    air = Air()

    class Mistaken(air.client_backend):  # type: ignore[name-defined, misc]  # a class made for this air
        async def start_notify(self, *_: object, **__: object) -> None:
            raise ZeroDivisionError("a mistake")

    air.add_strap("Polar H10 12345678")
    radio = Radio(air.scanner_backend, Mistaken, air.adapter_backend)
    source = Strap(radio=radio, delays=Delays(scale=0.01), spec="strap:")
    ran = run_session(tmp_path, source, free_plan(None), clock=cast("JumpingClock", LiveClock()))
    assert_whole(ran, packets=0)
    assert errors(ran) == ["The source strap: failed: ZeroDivisionError: a mistake."]
    assert [end.why for end in ran.of(End)] == ["the source failed"]


class DoesNotStop(Failing):
    """Goes on when it is cancelled, until it is closed."""

    async def fail(self, clock: Clock) -> None:
        while not self.left:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.001)


def test_a_source_that_does_not_stop_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "LEAVE_S", 0.05)
    ran = run_session(tmp_path, DoesNotStop(), free_plan(4.5 / 60))
    assert ran.failure is not None
    assert "it does not stop when it is asked to" in ran.failure.what
    assert [end.why for end in ran.of(End)] == ["planned end"]
    assert_whole(ran)
    assert errors(ran) == [], "the end stays the last word"
