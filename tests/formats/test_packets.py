"""Late packets and lost ones."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from biofeedback.formats.packets import evened
from tests.formats.waves import Wave

HZ = 130.0
PACKET = 73


def arrivals(count: int, hz: float, late_s: float, lost: tuple[int, ...] = (), seed: int = 1) -> tuple[Wave, Wave]:
    """When samples came in packets, each stamped back from its last one; and when they were taken."""
    random = Random(seed)
    number = np.arange(count)
    late = np.repeat([random.random() * late_s for _ in range(count // PACKET + 1)], PACKET)[:count]
    kept = ~np.isin(number // PACKET, lost)
    return (number / hz + late)[kept] + 1000, (number / hz)[kept] + 1000


def leaps(stamps: Wave, hz: float) -> list[int]:
    """The packets before which there is a hole."""
    return (np.flatnonzero(np.diff(stamps) > 1.5 / hz) + 1).tolist()


@pytest.mark.parametrize("late_s", [0.0, 0.05, 0.3])
@pytest.mark.parametrize("hz", [129.9, 130.0, 130.1])
def test_late_packets_are_evened_out_without_a_hole(hz: float, late_s: float) -> None:
    came, taken = arrivals(150 * 130, hz, late_s)
    even = evened(came, HZ)
    assert leaps(even, HZ) == []
    assert np.ptp(even - taken) < 0.15 * late_s + 1e-9
    assert np.diff(even) == pytest.approx(1 / hz, rel=1e-3)


@pytest.mark.parametrize("lost", [(1,), (20,), (60, 61), (30, 40, 200), (264,)])
@pytest.mark.parametrize("late_s", [0.0, 0.08])
def test_each_lost_packet_is_a_hole_of_its_length(lost: tuple[int, ...], late_s: float) -> None:
    came, taken = arrivals(150 * 130, 129.96, late_s, lost)
    even = evened(came, HZ)
    assert leaps(even, HZ) == leaps(taken, HZ)
    assert np.diff(even)[np.diff(taken) > 0.1] == pytest.approx(np.diff(taken)[np.diff(taken) > 0.1], abs=late_s + 1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_where_packets_are_very_late_no_lost_one_is_overlooked(seed: int) -> None:
    came, taken = arrivals(150 * 130, 129.96, 0.3, (50, 120, 200), seed)
    assert set(leaps(taken, HZ)) <= set(leaps(evened(came, HZ), HZ))


def test_four_lost_samples_at_30_hz_are_a_hole_and_three_are_none() -> None:
    number = np.arange(1800)
    for lost, holes in ((3, 0), (4, 1)):
        assert len(leaps(evened(np.delete(number, slice(900, 900 + lost)) / 30, 30.0), 30.0)) == holes


@pytest.mark.parametrize("stamps", [[], [1.0], [1.0, 2.0], [1.0, float("nan"), 2.0], [3.0, 2.0, 1.0], [1.0] * 9])
def test_stamps_that_cannot_be_evened_do_no_harm(stamps: list[float]) -> None:
    assert evened(np.array(stamps), HZ).size == len(stamps)
