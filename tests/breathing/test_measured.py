"""The breathing rate from the tilt of a chest, and a quality that is low where there is no breath (PEERS 25)."""

from __future__ import annotations

from collections.abc import Iterable
from math import pi, sin
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import motion as bench
from biofeedback.breathing.measured import _wave as sines
from biofeedback.breathing.measured import GOOD, NOTHING, BreathTrace, Measured
from tests.breathing.chests import Axes, still, swinging


def measured(axes: Axes | Iterable[tuple[float, float, float]], fs: float = 25.0, length_s: float = 45.0) -> Measured:
    trace = BreathTrace(fs)
    values = axes if not callable(axes) else (axes(number / fs) for number in range(int(length_s * fs)))
    for x, y, z in values:
        trace.step((round(x), round(y), round(z)))
    return trace.measure(fs)


@pytest.mark.parametrize("rate", [4.5, 5.4, 6.0, 7.0, 9.3, 12.0, 14.2, 20.0, 30.0, 38.0])
@pytest.mark.parametrize("fs", [25.0, 25.4, 26.0, 50.0, 52.0, 200.0])
def test_a_sine_is_found_within_a_tenth_of_a_breath(rate: float, fs: float) -> None:
    found = measured(swinging((30, rate / 60)), fs)
    assert found.rate == pytest.approx(rate, abs=0.1)
    assert found.quality > 0.97


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_whichever_axis_carries_it(axis: int) -> None:
    assert measured(swinging((20, 0.2), axis=axis)).rate == pytest.approx(12.0, abs=0.1)


def test_the_axes_together_carry_it_in_any_direction() -> None:
    def slanted(t: float) -> tuple[float, float, float]:
        swing = 10 * sin(2 * pi * 0.2 * t)
        return swing, 1000 - swing, swing

    found = measured(slanted)
    assert found.rate == pytest.approx(12.0, abs=0.1)
    assert found.quality > 0.97


@pytest.mark.parametrize("length_s", [0.0, 10.0, 29.0])
def test_less_than_30_s_are_not_judged(length_s: float) -> None:
    assert measured(swinging((30, 0.25)), length_s=length_s) == NOTHING


def test_from_30_s_on_a_brisk_breath_is_known_and_from_40_s_a_slow_one() -> None:
    assert measured(swinging((30, 0.25)), length_s=31).rate == pytest.approx(15.0, abs=0.1)
    assert measured(swinging((30, 0.1)), length_s=31).quality < GOOD
    assert measured(swinging((30, 0.1)), length_s=41).rate == pytest.approx(6.0, abs=0.1)


def _flicker(seed: int, size: int) -> Iterable[tuple[float, float, float]]:
    rng = Random(seed)
    return [(rng.randrange(size + 1), -985.0, 150.0) for _ in range(1200)]


@pytest.mark.parametrize(
    "axes", [still, _flicker(1, 1), _flicker(2, 2), swinging((1, 0.25))], ids=["flat", "last bit", "two", "1 mg"]
)
def test_25_an_axis_that_is_stuck_gives_no_rate_and_no_quality(
    axes: Axes | Iterable[tuple[float, float, float]],
) -> None:
    assert measured(axes) == NOTHING


@pytest.mark.parametrize("rate", [1.0, 2.0, 3.0])
def test_what_is_slower_than_breath_is_none(rate: float) -> None:
    assert measured(swinging((100, rate / 60))).quality < GOOD


def test_a_heartbeat_is_no_breath() -> None:
    found = measured(swinging((10, 1.1), (6, 2.2), (4, 3.3)))
    assert found.quality < GOOD


@settings(max_examples=50)
@given(st.integers(0, 2**32), st.integers(0, 40), st.lists(st.integers(0, 1099), max_size=8))
def test_any_samples_give_a_rate_in_range_or_none(seed: int, bits: int, jumps: list[int]) -> None:
    rng, base, samples = Random(seed), 0, list[tuple[float, float, float]]()
    for place in range(1100):
        base = rng.randrange(-(2**bits), 2**bits) if place in jumps else base
        samples.append((base, rng.randrange(-(2**bits), 2**bits), base // 3))
    found = measured(samples)
    assert found.rate is None or 3.5 <= found.rate <= 42.0
    assert 0.0 <= found.quality <= 1.0


def test_no_look_waits_for_sines_to_be_made() -> None:
    trace = BreathTrace(25.0)
    for number in range(30 * 25):
        trace.step((0, 0, round(30 * sin(number / 16))))
    before = sines.cache_info().misses
    assert trace.measure(25.0).rate is not None
    for number in range(10 * 25):
        trace.step((0, 0, round(30 * sin(number / 16))))
    trace.measure(25.0)
    assert sines.cache_info().misses == before


def test_the_same_samples_give_the_same_bits() -> None:
    rng = Random(3)
    samples = [(rng.gauss(0, 9), rng.gauss(0, 9), rng.gauss(0, 9)) for _ in range(1100)]
    assert measured(samples) == measured(samples)


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("name", "least_good", "most_rmse"),
    [("free, 14 a minute", 0.8, 0.4), ("free, 9 a minute", 0.9, 0.3), ("paced, 6 a minute", 0.98, 0.15)],
)
def test_a_simulated_breath_is_mostly_known_and_never_wrong(name: str, least_good: float, most_rmse: float) -> None:
    looks = [look for seed in (100, 101, 102) for look in bench.judged(bench.CHESTS[name][0](seed))]
    errors = [rate - true for rate, quality, true, _ in looks if rate is not None and quality >= GOOD]
    assert len(errors) / len(looks) >= least_good
    assert sum(error * error for error in errors) / len(errors) <= most_rmse**2
    assert max(map(abs, errors)) <= bench.WRONG


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    ("name", "most"),
    [
        ("no breath, sway and noise", 0.0),
        ("a stuck axis", 0.0),
        ("talking", 0.01),
        ("no breath, shuffling 30 mg", 0.05),
        ("sliding", 0.08),
    ],
)
def test_what_is_no_breath_is_hardly_ever_taken_for_one(name: str, most: float) -> None:
    looks = [look for seed in (100, 101, 102) for look in bench.judged(bench.CHESTS[name][0](seed))]
    taken = sum(rate is not None and quality >= GOOD for rate, quality, *_ in looks)
    assert taken / len(looks) <= most
