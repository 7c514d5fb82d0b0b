"""The strap's own schedule: which packets never came, and which were only late."""

from __future__ import annotations

from random import Random

import pytest

from biofeedback.hrv.schedule import NEVER, Schedule
from tests.hrv.straps import SECOND


def told(arrivals_us: list[int]) -> tuple[Schedule, list[int]]:
    """The schedule after these arrivals, and the times of the packets behind what it told to be lost."""
    schedule, behind = Schedule(), list[int]()
    for at_us in arrivals_us:
        what = schedule.add(at_us)
        if what.withdrawn:
            behind.pop()
        if what.lost is not None:
            behind.append(what.lost.behind[0].at_us)
    return schedule, behind


def paced(seconds: int, seed: int = 1) -> list[int]:
    chance = Random(seed)
    return [second * SECOND + chance.randrange(15_000, 75_000) for second in range(1, seconds)]


def test_packets_at_an_even_pace_are_made_within_20_ms_of_the_line() -> None:
    """They are 60 ms more or less on their way."""
    schedule = Schedule()
    late = list[int]()
    for second, at_us in enumerate(paced(120), 1):
        slot = schedule.add(at_us).slot
        late.append(schedule.made_us(slot) - second * SECOND - 15_000)
    assert schedule.steady
    assert max(map(abs, late[45:])) <= 20_000


@pytest.mark.fault(29, "unit")
def test_fault_29_a_packet_that_never_came_leaves_its_place_empty() -> None:
    arrivals = paced(60)
    del arrivals[30]
    assert told(arrivals)[1] == [arrivals[30]]


@pytest.mark.fault(28, "unit")
@pytest.mark.parametrize("held", [2, 5, 20])
def test_fault_28_packets_that_come_together_after_a_stall_leave_no_place_empty(held: int) -> None:
    arrivals = paced(90)
    for place in range(30, 30 + held):
        arrivals[place] = arrivals[30 + held] - (30 + held - place) * 3_000
    schedule, behind = told(arrivals)
    assert behind == []
    assert schedule.steady
    assert schedule.doubtful_from_us == NEVER


def test_a_stall_that_ends_in_two_bunches_is_withdrawn_as_a_loss() -> None:
    """The first bunch looks as if what was behind it had been lost, until it comes."""
    arrivals = paced(60)
    arrivals[30:34] = [33_200_000, 33_201_000, 34_300_000, 34_301_000]
    assert told(arrivals)[1] == []


def test_every_packet_twice_is_no_pace() -> None:
    twice = sorted([*paced(60), *(at_us + 1000 for at_us in paced(60))])
    schedule, behind = told(twice)
    assert not schedule.steady
    assert behind == []


def test_a_strap_that_begins_anew_keeps_its_pace_but_not_its_places() -> None:
    schedule, _ = told(paced(60))
    schedule.restart()
    later = [at_us + 100 * SECOND + 370_000 for at_us in paced(8)]
    del later[4]
    behind = [what.lost.behind[0].at_us for at_us in later if (what := schedule.add(at_us)).lost is not None]
    assert behind == [later[4]]


def test_a_strap_with_another_pace_after_a_restart_is_learnt_anew() -> None:
    schedule, _ = told(paced(60))
    schedule.restart()
    slots = [schedule.add(100 * SECOND + number * 600_000).slot for number in range(40)]
    assert schedule.steady
    assert schedule.made_us(slots[-1]) == slots[-1].at_us
