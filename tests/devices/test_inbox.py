"""The inbox keeps order, is bounded, and never loses a packet without saying so."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.events import Acceleration, Battery, Dropped, LinkState, Packet, SourceEvent
from devices.inbox import MOST_FRAMES, MOST_PACKETS, Inbox


async def emptied(inbox: Inbox) -> list[SourceEvent]:
    inbox.close()
    taken: list[SourceEvent] = []
    while (event := await inbox.next()) is not None:
        taken.append(event)
    return taken


def test_events_come_out_in_the_order_in_which_they_went_in() -> None:
    async def whole() -> list[SourceEvent]:
        inbox = Inbox()
        inbox.put(LinkState(0, "scanning"))
        inbox.packet(1, "s1", b"\x00\x40")
        inbox.put(Battery(2, 90))
        inbox.packet(3, "s1", b"\x00\x41")
        return await emptied(inbox)

    assert asyncio.run(whole()) == [
        LinkState(0, "scanning"),
        Packet(1, "s1", b"\x00\x40"),
        Battery(2, 90),
        Packet(3, "s1", b"\x00\x41"),
    ]


def test_one_who_waits_is_woken() -> None:
    async def whole() -> SourceEvent | None:
        inbox = Inbox()
        waiting = asyncio.create_task(inbox.next())
        await asyncio.sleep(0)
        inbox.packet(1, "s1", b"")
        return await waiting

    assert asyncio.run(whole()) == Packet(1, "s1", b"")


@pytest.mark.fault(36, "unit")
def test_a5_9_a_full_inbox_holds_1024_packets_and_counts_the_rest() -> None:
    async def whole() -> list[SourceEvent]:
        inbox = Inbox()
        for number in range(MOST_PACKETS + 7):
            inbox.packet(number, "s1", b"")
        inbox.put(LinkState(5000, "waiting"))
        first = await inbox.next()
        inbox.packet(6000, "s1", b"\x01")
        return [first, *await emptied(inbox)] if first else []

    events = asyncio.run(whole())
    assert MOST_PACKETS == 1024
    assert [event.stamp_us for event in events[:1024]] == list(range(1024))
    assert events[1024:] == [Dropped(1030, 7), LinkState(5000, "waiting"), Packet(6000, "s1", b"\x01")]


@pytest.mark.fault(36, "unit")
def test_what_was_dropped_is_told_even_when_nothing_follows() -> None:
    async def whole() -> list[SourceEvent]:
        inbox = Inbox(most_packets=1)
        inbox.packet(1, "s1", b"")
        inbox.packet(2, "s1", b"")
        return await emptied(inbox)

    assert asyncio.run(whole()) == [Packet(1, "s1", b""), Dropped(2, 1)]


@given(st.lists(st.sampled_from(["packet", "link", "take"]), max_size=60), st.integers(1, 5))
def test_every_packet_comes_out_or_is_counted(steps: list[str], most: int) -> None:
    async def whole() -> tuple[int, list[SourceEvent]]:
        inbox, sent, taken = Inbox(most), 0, list[SourceEvent]()
        for number, step in enumerate(steps):
            if step == "packet":
                inbox.packet(number, "s1", b"")
                sent += 1
            elif step == "link":
                inbox.put(LinkState(number, "waiting"))
            elif inbox.waiting:
                event = await inbox.next()
                assert event is not None
                taken.append(event)
        return sent, [*taken, *await emptied(inbox)]

    sent, events = asyncio.run(whole())
    came = sum(isinstance(event, Packet) for event in events)
    dropped = sum(event.packets for event in events if isinstance(event, Dropped))
    assert came + dropped == sent
    stamps = [event.stamp_us for event in events if isinstance(event, Packet)]
    assert stamps == sorted(stamps)


def test_d3_acceleration_never_costs_a_packet_of_the_heart() -> None:
    async def whole() -> list[SourceEvent]:
        inbox = Inbox()
        for number in range(MOST_PACKETS):
            inbox.frame(Acceleration(number, "s1", b"", 25))
            inbox.packet(number, "s1", b"")
        first = await inbox.next()
        inbox.frame(Acceleration(6000, "s1", b"", 25))
        return [first, *await emptied(inbox)] if first else []

    events = asyncio.run(whole())
    assert [event.stamp_us for event in events if isinstance(event, Packet)] == list(range(MOST_PACKETS))
    frames = [event.stamp_us for event in events if isinstance(event, Acceleration)]
    assert frames == [*range(MOST_FRAMES), 6000], "the oldest, and again once there is room"
    assert not any(isinstance(event, Dropped) for event in events)
