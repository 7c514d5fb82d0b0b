"""The simulated strap as a source: the same events for the same ears, nothing lost, or lost and counted."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from statistics import fmean

import pytest

from devices.events import (
    Answered,
    Battery,
    Heard,
    HeardCue,
    HeardPacer,
    HeardPhase,
    HeardQuestion,
    LinkState,
    Packet,
    SourceEvent,
)
from devices.heart_rate_measurement import decode
from devices.notifications import Truth
from devices.people import PEOPLE, Person, StrapHabits
from devices.simulated import SimulatedStrap
from tests.devices.listening import LogicalClock, collect, intervals_1024

SECOND = 1_000_000
CLEAN = ("calm", "tense", "flat", "nonfollower", "ectopic")
SCRIPT: tuple[Heard, ...] = (
    HeardPhase(0, "settle"),
    HeardPacer(30_123_456, 9.0),
    HeardPacer(42_000_001, 6.0, 0.4, 0.25),
    HeardQuestion(50_000_000, "q1", "suds"),
    HeardPhase(61_000_000, "image", "safe_place"),
    HeardCue(61_500_000, "safe_place", 0, "Look around."),
    HeardQuestion(100_000_000, "q2", "suds"),
    HeardPhase(100_000_000, "recovery"),
)


def strap(name: str, seed: int = 1, truth: Truth | None = None) -> SimulatedStrap:
    return SimulatedStrap(PEOPLE[name], name=name, seed=seed, truth=truth)


def sent_ticks(truth: Truth, until_us: int) -> list[int]:
    """The strap's count of 1/1024 s at each true beat."""
    return [beat.at_us * 1024 // SECOND for beat in truth.beats if beat.at_us <= until_us]


def packets(events: list[SourceEvent]) -> list[Packet]:
    return [event for event in events if isinstance(event, Packet)]


@pytest.mark.parametrize("name", PEOPLE)
def test_same_seed_and_same_ears_give_identical_events(name: str) -> None:
    assert collect(strap(name), 180, SCRIPT) == collect(strap(name), 180, SCRIPT)


@pytest.mark.parametrize("late_us", [1, 20_000, 299_999])
@pytest.mark.parametrize("name", ["tense", "faulty"])
def test_a_busy_caller_up_to_a_reaction_time_late_changes_nothing(name: str, late_us: int) -> None:
    assert collect(strap(name), 180, SCRIPT, late_us=late_us) == collect(strap(name), 180, SCRIPT)


def test_all_heard_at_the_start_is_the_same_as_heard_in_time() -> None:
    early = strap("calm")
    for heard in SCRIPT:
        early.hear(heard)
    assert collect(early, 180) == collect(strap("calm"), 180, SCRIPT)


def test_a_fast_clock_that_oversleeps_changes_nothing() -> None:
    """At 1000 times real time a wake-up is late by seconds of session time; the stamps must not notice."""

    class Oversleeping(LogicalClock):
        async def sleep_until(self, at_us: int) -> None:
            await super().sleep_until(at_us if at_us < self.now() else at_us + 200_000)

    async def listen() -> list[SourceEvent]:
        source = strap("calm")
        clock = Oversleeping(source, SCRIPT)
        said: list[SourceEvent] = []
        async for event in source.events(clock):
            if event.stamp_us > 180 * SECOND:
                break
            said.append(event)
        return said

    assert asyncio.run(listen()) == collect(strap("calm"), 180, SCRIPT)


def test_without_asyncio_it_says_the_same() -> None:
    source = strap("faulty")
    said: list[SourceEvent] = []
    while source.next_at_us <= 180 * SECOND:
        event = source.take()
        if event is not None:
            said.append(event)
    assert said == collect(strap("faulty"), 180)


def test_hearing_something_else_changes_what_comes_after_it_only() -> None:
    plain, paced = collect(strap("calm"), 120), collect(strap("calm"), 120, [HeardPacer(60 * SECOND, 6.0)])
    before = [event for event in plain if event.stamp_us <= 60 * SECOND]
    assert paced[: len(before)] == before
    assert paced != plain


def test_other_seeds_say_something_else() -> None:
    assert collect(strap("calm", 1), 60) != collect(strap("calm", 2), 60)


@pytest.mark.parametrize("name", PEOPLE)
def test_stamps_never_go_backwards_and_the_generator_never_sleeps_long(name: str) -> None:
    """An answer may be due at any time, so no sleep may reach further than the next second."""

    async def listen() -> tuple[list[SourceEvent], list[int]]:
        source = strap(name)
        clock = LogicalClock(source, SCRIPT)
        said: list[SourceEvent] = []
        async for event in source.events(clock):
            if event.stamp_us > 600 * SECOND:
                break
            said.append(event)
        return said, clock.naps

    said, naps = asyncio.run(listen())
    assert all(a.stamp_us <= b.stamp_us for a, b in pairwise(said))
    assert all(0 <= b - a <= SECOND for a, b in pairwise(naps))


def test_the_link_is_connecting_then_streaming_before_the_first_packet() -> None:
    first = collect(strap("calm"), 10)[:4]
    assert [type(event) for event in first] == [LinkState, LinkState, Battery, Packet]
    assert [event.state for event in first if isinstance(event, LinkState)] == ["connecting", "streaming"]


def test_packets_come_about_once_a_second_after_a_delay_of_some_tens_of_ms() -> None:
    stamps = [packet.stamp_us for packet in packets(collect(strap("calm"), 600))]
    steps = [b - a for a, b in pairwise(stamps)]
    assert len(stamps) == pytest.approx(599, abs=1)
    assert fmean(steps) == pytest.approx(SECOND, rel=1e-3)
    assert all(abs(step - SECOND) <= 60_000 for step in steps)
    assert max(steps) - min(steps) > 20_000


@pytest.mark.parametrize("name", CLEAN)
@pytest.mark.parametrize("seed", [1, 2])
def test_every_beat_of_a_clean_strap_is_delivered_exactly_once(name: str, seed: int) -> None:
    truth = Truth()
    rr_1024 = intervals_1024(collect(strap(name, seed, truth), 600, SCRIPT))
    ticks = sent_ticks(truth, 600 * SECOND)
    expected = [b - a for a, b in pairwise(ticks)]
    assert len(expected) - len(rr_1024) <= 3
    assert rr_1024 == expected[: len(rr_1024)]
    assert truth.undelivered == {0: "first"}


def test_intervals_cut_to_1024ths_lose_no_time() -> None:
    truth = Truth()
    rr_1024 = intervals_1024(collect(strap("calm", truth=truth), 3_600))
    reached = 0
    for interval, beat in zip(rr_1024, truth.beats[1:], strict=False):
        reached += interval
        true = (beat.at_us - truth.beats[0].at_us) * 1024 / SECOND
        assert abs(reached - true) <= 1


def test_no_packet_arrives_before_its_beats() -> None:
    truth = Truth()
    delivered = 1
    for packet in packets(collect(strap("calm", truth=truth), 300)):
        delivered += len(decode(packet.raw).rr_1024)
        assert truth.beats[delivered - 1].at_us < packet.stamp_us


def test_the_heart_rate_field_goes_with_the_intervals() -> None:
    for packet in packets(collect(strap("calm"), 300))[10:]:
        assert decode(packet.raw).hr == pytest.approx(PEOPLE["calm"].hr_bpm, abs=14)


@pytest.mark.parametrize(("name", "contact"), [("calm", None), ("tense", True)])
def test_contact_bits_depend_on_the_strap(name: str, contact: bool | None) -> None:
    assert {decode(packet.raw).contact for packet in packets(collect(strap(name), 60))} == {contact}


def wearing(habits: StrapHabits) -> Person:
    return replace(PEOPLE["calm"], strap=habits)


def listen_to(
    habits: StrapHabits, until_s: int, seed: int = 1
) -> tuple[list[SourceEvent], list[int], Truth, list[int]]:
    """Events, intervals that came, truth, and the intervals that the truth says came."""
    truth = Truth()
    events = collect(SimulatedStrap(wearing(habits), seed=seed, truth=truth), until_s)
    ticks = [beat.at_us * 1024 // SECOND for beat in truth.beats]
    expected = [b - a for number, (a, b) in enumerate(pairwise(ticks), 1) if number not in truth.undelivered]
    return events, intervals_1024(events), truth, expected


def test_case_29_lost_packets_are_lost_at_the_set_share_and_counted() -> None:
    events, came, truth, expected = listen_to(StrapHabits(loss_pct=10.0), 3_000)
    assert len(packets(events)) + truth.lost_packets == pytest.approx(3_000, abs=3)
    assert truth.lost_packets == pytest.approx(300, rel=0.2)
    assert came == expected[: len(came)]
    assert len(expected) - len(came) <= 3
    assert set(truth.undelivered.values()) == {"first", "loss"}


def test_case_10_a_dropped_link_says_so_and_the_beats_in_the_hole_never_come() -> None:
    events, came, truth, expected = listen_to(StrapHabits(drop_s=12.0), 600)
    states = [(event.state, event.stamp_us) for event in events if isinstance(event, LinkState)][2:]
    assert [state for state, _ in states] == ["waiting", "streaming"] * (len(states) // 2)
    assert len(states) >= 4
    for (_, down_us), (_, up_us) in zip(states[::2], states[1::2], strict=True):
        assert up_us - down_us == 12 * SECOND
        assert not any(down_us <= packet.stamp_us <= up_us for packet in packets(events))
        inside = [n for n, beat in enumerate(truth.beats) if down_us < beat.at_us < up_us - SECOND]
        assert {truth.undelivered.get(number) for number in inside} == {"link"}
    assert came == expected[: len(came)]
    assert len(expected) - len(came) <= 3


def test_case_22_contact_goes_for_a_few_seconds_and_no_interval_spans_the_hole() -> None:
    habits = StrapHabits(reports_contact=True, contact_gaps=True)
    events, came, truth, expected = listen_to(habits, 900)
    off = [packet for packet in packets(events) if decode(packet.raw).contact is False]
    assert len(off) >= 6
    assert all(not decode(packet.raw).rr_1024 for packet in off)
    assert came == expected[: len(came)]
    assert max(came) < 1_400
    unseen = [number for number, why in truth.undelivered.items() if why == "contact"]
    first_seen_again = [number for number in unseen if number + 1 not in truth.undelivered]
    spells_end_us = [a.stamp_us for a, b in pairwise(off) if b.stamp_us - a.stamp_us > 10 * SECOND]
    for number, last_off_us in zip(first_seen_again, spells_end_us, strict=False):
        assert last_off_us - 75_000 <= truth.beats[number].at_us <= last_off_us + 2 * SECOND


def test_case_28_stalled_packets_come_late_in_a_bunch_and_none_is_lost() -> None:
    events, came, truth, expected = listen_to(StrapHabits(stalls=True), 900)
    stamps = [packet.stamp_us for packet in packets(events)]
    silences = [b - a for a, b in pairwise(stamps) if b - a > 1_200_000]
    bunched = [b - a for a, b in pairwise(stamps) if b - a < 100_000]
    assert len(silences) >= 4
    assert all(silence <= 5_200_000 for silence in silences)
    assert len(bunched) >= len(silences)
    assert came == expected[: len(came)]
    assert truth.undelivered == {0: "first"}


def test_case_27_odd_bytes_are_decoded_and_cost_no_beat() -> None:
    events, came, truth, expected = listen_to(StrapHabits(odd_pct=20.0), 900)
    problems = {problem for packet in packets(events) for problem in decode(packet.raw).problems}
    assert problems >= {"empty", "no heart rate", "torn interval", "reserved flags"}
    assert came == expected[: len(came)]
    assert truth.undelivered == {0: "first"}


@pytest.mark.parametrize("seed", range(5))
def test_everything_at_once_the_truth_names_each_missing_beat(seed: int) -> None:
    events, came, truth, expected = listen_to(PEOPLE["faulty"].strap, 1_200, seed)
    assert came == expected[: len(came)]
    assert len(expected) - len(came) <= 6
    assert set(truth.undelivered.values()) == {"first", "loss", "link", "contact"}
    assert any(decode(packet.raw).problems for packet in packets(events))


def test_faults_change_nothing_of_the_heart() -> None:
    clean, faulty = Truth(), Truth()
    collect(SimulatedStrap(PEOPLE["calm"], truth=clean), 300)
    collect(SimulatedStrap(wearing(PEOPLE["faulty"].strap), truth=faulty), 300)
    assert clean.beats == faulty.beats
    assert clean.seconds == faulty.seconds


def test_a_question_is_answered_once_a_few_seconds_later() -> None:
    answers = [event for event in collect(strap("calm"), 120, SCRIPT) if isinstance(event, Answered)]
    assert [answer.question for answer in answers] == ["q1", "q2"]
    for answer, asked_us in zip(answers, (50 * SECOND, 100 * SECOND), strict=True):
        assert 2 * SECOND <= answer.stamp_us - asked_us <= 6 * SECOND
        assert answer.value in {1, 2, 3, 4}


def test_a_question_is_answered_even_while_the_link_is_down() -> None:
    source = SimulatedStrap(wearing(StrapHabits(drop_s=600.0)))
    answers = [
        event
        for event in collect(source, 400, [HeardQuestion(300 * SECOND, "q", "vividness")])
        if isinstance(event, Answered)
    ]
    assert [answer.value for answer in answers] == [3]


def test_suds_rise_and_fall_with_arousal() -> None:
    def suds(effect_bpm: float) -> float:
        questions = [HeardQuestion(n * 20 * SECOND, f"q{n}", "suds") for n in range(4, 44)]
        source = SimulatedStrap(replace(PEOPLE["calm"], effect_bpm=effect_bpm))
        script: list[Heard] = [HeardPhase(0, "image", "safe_place"), *questions]
        values = [event.value for event in collect(source, 900, script) if isinstance(event, Answered)]
        return fmean(value for value in values if value is not None)

    assert suds(0.0) == pytest.approx(2.5, abs=0.4)
    assert suds(-5.0) < suds(0.0) - 1 < suds(10.0) - 3


def test_an_unknown_question_stays_without_a_value() -> None:
    events = collect(strap("calm"), 20, [HeardQuestion(5 * SECOND, "q", "favourite_colour")])
    assert [event.value for event in events if isinstance(event, Answered)] == [None]
