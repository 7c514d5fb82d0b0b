"""Stalls and lost packets over a real D-Bus, onto the beat time line: eight times as fast as a heart (STRAP 3.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from itertools import pairwise

import pytest

from biofeedback.hrv.beats import Hole
from biofeedback.hrv.coverage import LOW
from biofeedback.hrv.reception import Reception
from biofeedback.hrv.stream import StreamEvent
from biofeedback.session.loop import packet_input
from devices.clock import SteadyClock
from devices.events import Packet
from devices.heart_rate_measurement import encode
from devices.strap import Strap
from tests.bluez.rig import MISSING, Rig
from tests.bluez.wearer import Wearer
from tests.hrv.straps import SECOND, beat_times_us, strap

pytestmark = [pytest.mark.skipif(bool(MISSING), reason=MISSING), pytest.mark.slow, pytest.mark.timeout(90)]
SPEED = 8


class Session:
    """What arrived of a strap, beats made of it, and what was said of them and when."""

    def __init__(self) -> None:
        self.reception = Reception()
        self.packets: list[Packet] = []
        self.said: list[tuple[int, StreamEvent]] = []

    @property
    def holes(self) -> list[tuple[int, Hole]]:
        return [(at, event) for at, event in self.said if isinstance(event, Hole)]

    def take(self, packet: Packet) -> None:
        self.packets.append(packet)
        while self.reception.deadline <= packet.stamp_us:
            due = self.reception.deadline
            self.said += [(due, event) for event in self.reception.advance(due)]
        fed = self.reception.add_packet(packet_input(packet.stamp_us, packet))
        self.said += [(packet.stamp_us, event) for event in fed]


def worn(rig: Rig, seconds: int, lost: Collection[int] = (), held: Callable[[int], float] = lambda _: 0.0) -> Session:
    """A strap that is worn for so long, through bleak and a Bluetooth daemon."""
    worn_strap, session = rig.add_strap(), Session()
    made = strap(beat_times_us(seconds, 1), 1, lost=lost, held=held).packets
    said = [Packet(each.at, "", encode(70, rr_1024=each.ticks)) for each in made]

    async def listen() -> None:
        async with Strap() as source:
            async for event in source.events(SteadyClock(SPEED)):
                if isinstance(event, Packet):
                    session.take(event)

    async def scenario() -> None:
        listening = asyncio.create_task(listen())
        await rig.reached(lambda: worn_strap.subscribed, 15)
        with Wearer(worn_strap, said, SPEED) as wearer:
            await rig.reached(lambda: wearer.finished and len(session.packets) == len(said), 60)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)

    asyncio.run(scenario())
    return session


@pytest.mark.fault(29, "fake")
def test_case_29_packets_that_never_come_are_a_gap_within_15_s_and_coverage_falls(rig: Rig) -> None:
    session = worn(rig, 100, lost=range(70, 78))
    ((told_us, hole),) = session.holes
    stamps = [packet.stamp_us for packet in session.packets]
    (behind,) = [later for one, later in pairwise(stamps) if later - one > 4 * SECOND]
    assert told_us - behind <= 15 * SECOND
    assert 7 * SECOND <= hole.to_us - hole.from_us <= 9.5 * SECOND
    share = session.reception.coverage.minute(stamps[-1])
    assert share is not None
    assert share < LOW


@pytest.mark.fault(28, "fake")
def test_case_28_a_silence_of_20_s_and_then_its_packets_at_once_is_no_gap(rig: Rig) -> None:
    session = worn(rig, 100, held=lambda second: 85 - second if 65 <= second < 85 else 0.0)
    assert session.holes == []
    beats = list(session.reception.beats)
    assert all(later.t_us - one.t_us <= 1.5 * SECOND for one, later in pairwise(beats))
