"""The machine is suspended for a second to eight hours (RECORDING R10): one gap, and nothing spans it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from biofeedback.events import Beat, Clock, Command, End, Epoch, Event, Gap, Hrv, Link, Notice, Packet
from biofeedback.session import wall
from biofeedback.session.clock import LiveClock
from biofeedback.session.loop import SessionLoop
from biofeedback.session.opening import open_session
from biofeedback.session.plan import Plan, free_plan, trial_plan
from biofeedback.session.replay import verify
from biofeedback.session.scripts import shipped
from biofeedback.session.wall import Reading, WallWatch
from devices import clock as clocks
from devices.bluetooth import Radio
from devices.events import SourceEvent
from devices.heart_rate_measurement import encode
from devices.strap import Strap
from tests.bluez.worlds import eventually
from tests.devices.radio import Air
from tests.session.sessions import SAFE_PLACE, Ran, heart, replayed, run_session, steady
from tests.session.test_sleep import SleepingClock

S = 1_000_000
SINCE_S = 150.3
HOUR = 3600


def watched(clock: SleepingClock) -> WallWatch:
    """The clocks of a machine that sleeps as this one does: one goes on, one stands still."""

    def read() -> Reading:
        now_us, awake_us = clock.now(), clock.awake_us
        return Reading(10**18 + now_us * 1000, 10**12 + now_us * 1000, 10**12 + awake_us * 1000, 0)

    return WallWatch(read)


def slept(folder: Path, lasts_s: float, plan: Plan | None = None, since_s: float = SINCE_S) -> Ran:
    """A session that sleeps; the heart is 9 bpm faster when it wakes, so whatever spans the sleep shows it."""
    clock = SleepingClock(since_s, lasts_s)

    def strap() -> Iterator[SourceEvent]:
        for event in heart(lambda t: 66.0 if t < since_s else 75.0, since_s + lasts_s + 150):
            if not since_s * S < event.stamp_us < (since_s + lasts_s) * S:
                yield event

    ran = run_session(folder, replayed(strap()), plan or free_plan(None), clock=clock, wall=watched(clock))
    found = verify(ran.path)
    assert (found.exact, found.differences, found.intact, found.finished) == (True, 0, True, True)
    return ran


def commands(ran: Ran) -> list[str]:
    return [command.what for command in ran.of(Command) if command.what != "stop"]


@pytest.mark.parametrize("lasts_s", [1, 2, 5, 9, 11, 60, 600, 1799])
def test_r10_a_suspend_is_one_gap_and_the_session_goes_on(tmp_path: Path, lasts_s: int) -> None:
    ran = slept(tmp_path, lasts_s)
    assert commands(ran) == ["sleep", "wake"]
    assert [gap.why for gap in ran.of(Gap)] == ["suspend"]
    (gap,) = ran.of(Gap)
    assert gap.from_us <= SINCE_S * S
    assert gap.to_us >= (SINCE_S + lasts_s - 2.1) * S, "a packet brings intervals of the two seconds before it"
    assert gap.to_us - gap.from_us == pytest.approx(lasts_s * S, abs=3 * S)
    assert [seen.why for seen in ran.of(Clock) if seen.why != "tick"] == ["suspend"]
    assert ran.of(End)[0].beats == len(ran.of(Beat))
    check_nothing_spans(ran, gap)


@pytest.mark.slow
@pytest.mark.parametrize("lasts_s", [1801, HOUR, 8 * HOUR])
def test_r10_a_suspend_of_hours_is_one_gap_and_ends_the_session(tmp_path: Path, lasts_s: int) -> None:
    ran = slept(tmp_path, lasts_s)
    (gap,) = ran.of(Gap)
    assert gap.why == "suspend"
    assert gap.to_us - gap.from_us == pytest.approx(lasts_s * S, abs=4 * S)
    assert ran.of(End)[0].why == "the computer slept"
    assert ran.of(End)[0].at == gap.to_us


def test_r10_what_the_strap_sent_just_before_it_stays_before_it(tmp_path: Path) -> None:
    ran = slept(tmp_path, 60, since_s=150)
    (sleep,) = [command for command in ran.of(Command) if command.what == "sleep"]
    packets = [packet.at / S for packet in ran.of(Packet) if 148 * S <= packet.at <= 212 * S]
    assert packets == [148, 149, 150, 210, 211, 212]
    assert ran.events.index(sleep) > next(n for n, event in enumerate(ran.events) if event.at == 150 * S)


def test_r10_less_than_a_second_is_no_suspend(tmp_path: Path) -> None:
    ran = slept(tmp_path, 0.9)
    assert commands(ran) == []


def test_r10_the_pair_it_fell_into_is_lost_even_for_a_second(tmp_path: Path) -> None:
    ran = slept(tmp_path, 1, trial_plan((SAFE_PLACE,)), since_s=250.3)
    lost = [epoch for epoch in ran.of(Epoch) if epoch.pair == 0]
    assert {epoch.why for epoch in lost} == {"the computer slept"}
    told = next(notice for notice in ran.of(Notice) if notice.code == "slept")
    assert told.text == "The computer slept for 1 second. The session goes on where it stopped."


def check_nothing_spans(ran: Ran, gap: Gap) -> None:
    """No difference between a beat before the sleep and one behind it is in any number.

    They differ by 109 ms, the beats on either side by a tick or two; one such difference among sixty is an RMSSD of
    14 ms and a pNN50 above 1 %.
    """
    behind = [hrv for hrv in ran.of(Hrv) if hrv.t_us > gap.to_us]
    assert len(behind) > 150
    for hrv in behind:
        assert (hrv.values["rmssd_ms"] or 0.0) < 3.0
        assert (hrv.values["pnn50_pct"] or 0.0) == 0.0
    beats = [beat for beat in ran.of(Beat) if beat.ok]
    first = next(beat for beat in beats if beat.t_us > gap.to_us)
    assert first.gap_before
    for before, after in pairwise(beats):
        if not after.gap_before:
            assert abs(after.rr_ms - before.rr_ms) < 50


def test_r10_the_strap_is_back_within_10_s_of_waking(monkeypatch: pytest.MonkeyPatch) -> None:
    """In real time, by our own reconnecting: the link is gone when the machine wakes, as it is with BlueZ."""
    jumped_ns, real = 0, clocks.system_ns
    monkeypatch.setattr(clocks, "system_ns", lambda: real() + jumped_ns)
    monkeypatch.setattr(wall, "system_ns", lambda: real() + jumped_ns)
    events: list[Event] = []

    async def whole() -> None:
        nonlocal jumped_ns
        air = Air()
        worn = air.add_strap("Polar H10 12345678")
        source = Strap("", radio=Radio(air.scanner_backend, air.client_backend, air.adapter_backend))
        opening = open_session(free_plan(None), source.info, shipped())
        loop = SessionLoop(source, LiveClock(), opening, (), None, events.extend, WallWatch())
        running = asyncio.ensure_future(loop.run())
        await eventually(lambda: worn.subscribed)
        worn.notify(encode(60, rr_1024=(1024,)))
        await asyncio.sleep(0.1)
        jumped_ns = 8 * HOUR * 1_000_000_000 // 20  # 24 minutes
        worn.drop_link()
        await eventually(lambda: worn.subscribed)
        worn.notify(encode(60, rr_1024=(1024,)))
        await eventually(lambda: sum(isinstance(event, Packet) for event in events) == 2)
        loop.post(lambda at_us: Command(at_us, "stop"))
        await running

    asyncio.run(whole())
    told = [event.what for event in events if isinstance(event, Command)]
    assert told == ["sleep", "wake", "stop"]
    woke = next(event for event in events if isinstance(event, Command) and event.what == "wake")
    back = [event for event in events if isinstance(event, Link) and event.state == "streaming"][-1]
    packet = [event for event in events if isinstance(event, Packet)][-1]
    assert 0 <= back.at - woke.at < 10 * S
    assert packet.at - woke.at < 10 * S
    assert [event.why for event in events if isinstance(event, Clock)] == ["tick", "suspend"]


def test_r10_a_heart_that_beats_on_evenly_has_no_sleep_in_its_numbers(tmp_path: Path) -> None:
    """The session with a sleep against one without: the same beats behind it give the same RMSSD once a minute old."""
    ran = slept(tmp_path, 60)
    plain = run_session(tmp_path / "plain", replayed(heart(steady(75), 400)), free_plan(None))
    assert ran.of(Hrv)[-1].values["rmssd_ms"] == pytest.approx(plain.of(Hrv)[-1].values["rmssd_ms"], abs=0.2)
