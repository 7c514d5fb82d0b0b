"""An iterable of stamped events as a source."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from devices.errors import DeviceError, Reason
from devices.events import HeardPacer, Intervals, LinkState, Packet, SourceEvent, StrapInfo
from devices.people import PEOPLE
from devices.replayed import Replayed
from devices.simulated import SimulatedStrap
from tests.devices.listening import collect

INFO = StrapInfo("rest.txt", "file")


def test_it_gives_what_it_was_given_and_ends() -> None:
    events: list[SourceEvent] = [
        LinkState(0, "streaming"),
        Intervals(900, (1024,)),
        Intervals(900, (2048,)),
        Packet(950, "x", b""),
    ]
    assert collect(Replayed(INFO, events), 60) == events


def test_a_replayed_simulation_is_the_simulation() -> None:
    said = collect(SimulatedStrap(PEOPLE["faulty"]), 120)
    assert collect(Replayed(INFO, said), 120) == said


def test_events_are_taken_one_at_a_time() -> None:
    taken: list[int] = []

    def endless() -> Iterator[SourceEvent]:
        stamp_us = 0
        while True:
            taken.append(stamp_us)
            yield Intervals(stamp_us, (1024,))
            stamp_us += 1_000_000

    assert len(collect(Replayed(INFO, endless()), 10)) == 11
    assert len(taken) == 12


def test_stamps_that_go_backwards_are_refused_by_number() -> None:
    events = [Intervals(5, (1,)), Intervals(4, (1,))]
    with pytest.raises(DeviceError, match=r"Event 2 of rest\.txt is stamped 4 µs, after 5 µs") as caught:
        collect(Replayed(INFO, events), 60)
    assert caught.value.reason is Reason.OUT_OF_ORDER


def test_a_recording_does_not_listen() -> None:
    events = [Intervals(1_000_000, (1024,))]
    assert collect(Replayed(INFO, events), 60, [HeardPacer(0, 6.0)]) == events
