"""Coverage (STRAP 3.4.5): received over elapsed time, whatever the radio does."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.events import Packet
from biofeedback.hrv.coverage import GOOD, HIGH, LOW, Coverage
from biofeedback.hrv.reception import Reception
from biofeedback.hrv.stream import Ready
from biofeedback.hrv.window import window_of
from biofeedback.hrv.live import trailing
from biofeedback.session.loop import packet_input
from devices.events import Packet as StrapPacket
from devices.people import person_named
from devices.simulated import SimulatedStrap
from tests.strategies import packet

S = 1_000_000
Sent = tuple[int, tuple[int, ...]]


def strap(bpm: float, seconds: int, clock: float = 1.0, seed: int = 1) -> list[Sent]:
    """(arrival in us, intervals in 1/1024 s): a packet a second, up to 80 ms late, its clock off by a factor."""
    chance, sent = Random(seed), list[Sent]()
    t, rr = chance.random(), 60 / bpm
    for second in range(1, seconds + 1):
        due = list[int]()
        while t < second:
            due.append(round(rr * 1024 * clock))
            rr = 60 / bpm * (1 + 0.04 * chance.uniform(-1, 1))
            t += rr
        sent.append((second * S + chance.randrange(80_000), tuple(due)))
    return sent


def shares(sent: Sequence[Sent]) -> tuple[Coverage, list[float]]:
    """The ledger after all of it, and coverage of the minute at every arrival."""
    ledger, found = Coverage(), list[float]()
    for at, ticks in sent:
        ledger.take(packet(at, ticks))
        share = ledger.minute(at)
        if share is not None:
            found.append(share)
    return ledger, found


@pytest.mark.parametrize("bpm", [31, 40, 59, 75, 120, 200])
@pytest.mark.parametrize("clock", [0.995, 1.0, 1.005])
def test_a_strap_that_sends_all_is_covered_whatever_its_rate_and_with_a_clock_half_a_percent_off(
    bpm: float, clock: float
) -> None:
    ledger, found = shares(strap(bpm, 900, clock))
    assert len(found) > 200
    assert min(found) > LOW + 0.05
    assert max(found) < HIGH - 0.01
    assert not ledger.excessive


@given(st.integers(25, 80), st.integers(2, 40), st.integers(0, 9))
def test_case_28_a_stall_and_the_bunch_behind_it_change_nothing(begins: int, lasts: int, seed: int) -> None:
    """Before, in and after it, wherever in the window it lies."""
    ends = (begins + lasts) * S
    held = [
        (ends + 100 * number if begins * S < at < ends else at, ticks)
        for number, (at, ticks) in enumerate(strap(66, 200, seed=seed))
    ]
    held.sort(key=lambda sent: sent[0])
    ledger, found = shares(held)
    assert min(found) > LOW
    assert max(found) < HIGH
    assert not ledger.excessive


@pytest.mark.fault(31, "unit")
@pytest.mark.parametrize("bpm", [45, 66, 150])
@pytest.mark.parametrize("begins", [1, 30, 300])
def test_case_31_every_packet_twice_is_impossible_within_ten_seconds(bpm: float, begins: int) -> None:
    ledger, at = Coverage(), 0
    for at, ticks in strap(bpm, begins + 60):
        for _ in range(1 if at < begins * S else 2):
            ledger.take(packet(at, ticks))
        if ledger.excessive:
            break
    assert begins * S < at < (begins + 10) * S
    assert ledger.excessive


def test_case_31_twenty_seconds_that_are_possible_end_it() -> None:
    ledger, ended = Coverage(), 0
    for at, ticks in strap(66, 200):
        for _ in range(2 if 60 * S < at < 120 * S else 1):
            ledger.take(packet(at, ticks))
        if at > 66 * S and not ledger.excessive:
            ended = ended or at
    assert 130 * S < ended < 145 * S


def test_a_wrong_offset_that_reads_energy_as_an_interval_is_impossible() -> None:
    ledger = Coverage()
    for at, ticks in strap(66, 60):
        ledger.take(packet(at, (*ticks, 700)))
    assert ledger.excessive


@pytest.mark.parametrize("lost", [0.2, 0.5])
def test_case_29_packets_that_are_lost_lower_it_by_their_share(lost: float) -> None:
    chance = Random(3)
    ledger, found = shares([sent for sent in strap(66, 400) if chance.random() > lost])
    assert found[-1] == pytest.approx(1 - lost, abs=0.12)
    assert max(found[60:]) < GOOD
    assert not ledger.excessive


def test_the_first_packet_brings_beats_from_before_it() -> None:
    ledger = Coverage()
    ledger.take(packet(S, (900,) * 9))
    for at, ticks in strap(66, 40)[1:]:
        ledger.take(packet(at, ticks))
    assert ledger.minute(40 * S) == pytest.approx(1.0, abs=0.03)


def test_a_minute_counts_holes_of_every_kind_and_what_is_unbroken_begins_behind_them() -> None:
    ledger = Coverage()
    for at, ticks in strap(66, 100):
        if 60 * S < at < 75 * S:
            ledger.take(packet(at, (), contact=False))
        else:
            ledger.take(packet(at, ticks))
    assert ledger.minute(100 * S) == pytest.approx(45 / 60, abs=0.04)
    assert ledger.unbroken(100 * S) == pytest.approx(1.0, abs=0.03)


def test_values_that_are_no_interval_hold_no_time() -> None:
    ledger, found = shares([(at, (*ticks, 0, 0xFFFF, 2561)) for at, ticks in strap(66, 120)])
    assert max(found) < HIGH
    assert not ledger.excessive


def test_what_is_forgotten_is_older_than_asked_for() -> None:
    kept, whole = Coverage(120 * S), Coverage()
    for at, ticks in strap(66, 1000):
        kept.take(packet(at, ticks))
        whole.take(packet(at, ticks))
        assert kept.minute(at) == whole.minute(at)
    assert len(kept._at) <= 240


def received(name: str, options: Mapping[str, str], seconds: int) -> Iterator[Packet]:
    """The packets of a simulated person who hears nothing."""
    person, seed = person_named(name, options)
    strap = SimulatedStrap(person, seed=seed)
    while strap.next_at_us < seconds * S:
        event = strap.take()
        if isinstance(event, StrapPacket):
            yield packet_input(event.stamp_us, event)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("person", "hr"),
    [("calm", ""), ("tense", ""), ("flat", ""), ("nonfollower", ""), ("ectopic", ""), ("calm", "35"), ("flat", "180")],
)
def test_it_is_the_share_of_the_minute_that_beats_cover_on_every_person_we_simulate(person: str, hr: str) -> None:
    """Where delivery is possible, arrivals and the beats on the time line tell the same: one figure, one word."""
    stream, differ = Reception(360 * S), list[float]()
    for event in received(person, {"hr": hr} if hr else {}, 900):
        for one in stream.add_packet(event):
            share = stream.coverage.minute(event.at)
            if isinstance(one, Ready) and event.at > 70 * S and share is not None:
                differ.append(share - window_of(trailing(stream.beats, one.beat, 60), 60).coverage)
    assert len(differ) > 300
    assert max(map(abs, differ)) < 0.05
    assert not stream.coverage.excessive
