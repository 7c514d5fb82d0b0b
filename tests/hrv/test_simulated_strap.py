"""A faulty simulated strap, whose truth is known, through the beat stream (docs/simulation.md)."""

from __future__ import annotations

from itertools import pairwise

import pytest

from biofeedback.hrv.stream import BeatStream
from biofeedback.session.loop import packet_input
from devices.events import LinkState, Packet
from devices.notifications import Truth
from devices.people import PEOPLE
from devices.simulated import SimulatedStrap


def worn(person: str, seed: int, seconds: int) -> tuple[Truth, BeatStream]:
    """What happened, and what the stream made of it."""
    truth, stream = Truth(), BeatStream()
    source = SimulatedStrap(PEOPLE[person], name=person, seed=seed, truth=truth)
    while source.next_at_us < seconds * 1_000_000:
        event = source.take()
        if event is not None and stream.deadline <= event.stamp_us:
            stream.advance(stream.deadline)
        if isinstance(event, Packet):
            stream.add_packet(packet_input(event.stamp_us, event))
        elif isinstance(event, LinkState) and event.state != "streaming":
            stream.interrupt("link")
    stream.advance(2**61)
    stream.finish()
    return truth, stream


def delivered(truth: Truth, count: int) -> list[int]:
    """The true numbers of the beats whose intervals came, in order."""
    return [k for k in range(len(truth.beats)) if k not in truth.undelivered][:count]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_clean_strap_has_every_beat_and_no_gap(seed: int) -> None:
    truth, stream = worn("calm", seed, 600)
    beats = list(stream.beats)
    numbers = delivered(truth, len(beats))
    assert [beat.gap_before for beat in beats[1:]] == [False] * (len(beats) - 1)
    for (a, b), beat in zip(pairwise(numbers), beats[1:], strict=True):
        assert b == a + 1
        true_us = truth.beats[b].at_us - truth.beats[a].at_us
        assert abs(beat.ticks / 1.024 - true_us) <= 1_000_000 / 1024


@pytest.mark.fault(29, "unit")
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_a_faulty_strap_has_its_holes_marked_and_few_besides(seed: int) -> None:
    """A packet lost in a stall may be sought a second beside its place, one lost just before the link is not seen."""
    truth, stream = worn("faulty", seed, 900)
    beats = list(stream.beats)
    numbers = delivered(truth, len(beats))
    holes = [b != a + 1 for a, b in pairwise(numbers)]
    marks = [beat.gap_before for beat in beats[1:]]
    hidden = sum(hole and not mark for hole, mark in zip(holes, marks, strict=True))
    invented = sum(mark and not hole for hole, mark in zip(holes, marks, strict=True))
    assert sum(holes) >= 20
    assert hidden <= 0.05 * sum(holes)
    assert invented <= 1
