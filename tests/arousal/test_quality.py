"""When beats may be believed: what no heart does is found, and no heart we know of is taken for it (docs/signal.md)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.arousal.quality import (
    ERRATIC,
    MOST_CHANGE,
    REPEATED,
    TOO_MANY,
    changes,
    holds,
    unreadable,
    why_not,
    why_not_covered,
)
from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.summary import beats_of_intervals
from biofeedback.hrv.ticks import TICKS_OF_STRAP
from biofeedback.hrv.window import BeatWindow, window_of
from devices.events import Packet
from devices.heart_rate_measurement import decode
from devices.people import PEOPLE, person_named
from devices.simulated import SimulatedStrap
from tests.real import holter, needs_data, real_series
from tests.strategies import MS, even, window

MINUTE_S = 60


def minutes(ticks: Sequence[int]) -> Iterator[BeatWindow]:
    """The trailing minute at every beat, once there is a whole one."""
    beats, first = beats_of_intervals(ticks), 0
    for place, beat in enumerate(beats):
        while beats[first].opening_us < beat.t_us - MINUTE_S * 1_000_000:
            first += 1
        if first > 0 and place - first > 10:
            yield window_of(_run(beats, first, place))


def _run(beats: Sequence[TimedBeat], first: int, last: int) -> Sequence[TimedBeat]:
    return beats[first : last + 1]


def alarms(ticks: Sequence[int]) -> tuple[int, int]:
    """How many minutes cannot be read, of how many."""
    judged = [unreadable(minute) is not None for minute in minutes(ticks)]
    return sum(judged), len(judged)


@needs_data
@pytest.mark.slow
@pytest.mark.timeout(120)
def test_no_minute_of_a_real_recording_is_taken_for_a_strap_on_a_table() -> None:
    """At rest, standing up, exercising, through an hour and a day; with strap noise and ectopic beats left in."""
    series = {name: [round(rr * MS) for rr in rr_ms] for name, rr_ms in real_series().items()}
    series |= {name: [round(rr * MS) for rr, _, _ in holter(name)[:12000]] for name in ("nsr001", "nsr004")}
    found = {name: alarms(ticks) for name, ticks in series.items()}
    assert {name: false for name, (false, _) in found.items() if false} == {}
    assert sum(many for _, many in found.values()) > 30_000


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(PEOPLE))
@pytest.mark.parametrize("hr", ["", "35", "180"])
def test_no_minute_of_a_simulated_person_is_taken_for_one(name: str, hr: str) -> None:
    person, seed = person_named(name, {"hr": hr} if hr else {})
    strap, ticks = SimulatedStrap(person, seed=seed), list[int]()
    while strap.next_at_us < 600_000_000:
        event = strap.take()
        if isinstance(event, Packet) and (said := decode(event.raw)).contact is not False:
            ticks += [value * TICKS_OF_STRAP for value in said.rr_1024]
    assert alarms(ticks)[0] == 0


def invented(kind: str, seed: int, many: int = 1500) -> list[int]:
    """Intervals that nobody's heart made."""
    chance = Random(seed)
    draws: dict[str, Callable[[], float]] = {
        "anything": lambda: chance.uniform(300, 2000),
        "a detector in noise": lambda: 280 + chance.expovariate(1 / 450),
        "wide around a mean": lambda: max(300.0, chance.gauss(800, 200)),
    }
    return [round(draws[kind]() * MS) for _ in range(many)]


@pytest.mark.parametrize("kind", ["anything", "a detector in noise", "wide around a mean"])
@pytest.mark.parametrize("seed", range(3))
def test_every_minute_of_invented_beats_is_found(kind: str, seed: int) -> None:
    found, many = alarms(invented(kind, seed))
    assert found == many > 500


@pytest.mark.parametrize(
    ("rr_ms", "many", "repeated"),
    [(1000, 19, False), (1000, 20, True), (400, 19, False), (400, 20, True), (1900, 10, False), (1900, 11, True)],
)
def test_one_interval_is_a_pattern_after_20_beats_or_20_s(rr_ms: int, many: int, repeated: bool) -> None:
    held = window([*even(rr_ms, 15), *[rr_ms * MS] * many, *even(rr_ms, 15)])
    assert (unreadable(held) == REPEATED) is repeated


@given(st.integers(400, 1500), st.integers(12, 80))
def test_a_heart_that_varies_by_a_tick_is_no_pattern(rr_ms: int, many: int) -> None:
    assert why_not(window(even(rr_ms, many)), 0.05) is None


def test_a_change_across_a_gap_is_none_and_a_few_tell_nothing() -> None:
    wild = [600 * MS if number % 2 else 1000 * MS for number in range(40)]
    assert changes(window(wild)) > MOST_CHANGE
    assert unreadable(window(wild)) == ERRATIC
    assert changes(window(wild, joined=[False] * 40)) == 0
    assert changes(window(wild[:10])) == 0
    assert changes(window([])) == 0


def test_what_cannot_be_read_is_said_before_the_share_of_flags() -> None:
    assert why_not(window([800 * MS] * 40, [False] * 40), 0.05) == REPEATED
    assert why_not(window(even(800, 40), [False] * 4 + [True] * 36), 0.05) == "10 % of the beats cannot be trusted"
    assert why_not(window(even(800, 40), [False] * 4 + [True] * 36), 0.10) is None


@pytest.mark.parametrize(
    ("share", "why", "good"),
    [
        (None, None, False),
        (0.82, "only 82 % of the heartbeats arrived", False),
        (0.90, None, False),
        (0.95, None, True),
        (1.02, None, True),
        (1.05, None, True),
        (1.06, TOO_MANY, False),
    ],
)
def test_coverage_under_nine_tenths_and_above_what_is_possible_is_not_believed(
    share: float | None, why: str | None, good: bool
) -> None:
    assert why_not_covered(share) == why
    assert holds(share) is good
