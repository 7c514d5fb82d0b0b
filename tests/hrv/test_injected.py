"""The generator of artefacts says what it did, keeps the time, and leaves all other beats alone."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import isnan, sqrt
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hrv.injected import APART, KINDS, LENGTH, TAIL, Fault, Kind, deep_rsa, inject, is_clean, rmssd

FIRST = 20


def clean_heart(seed: int) -> list[float]:
    chance = Random(seed)
    return [chance.gauss(850, 20) for _ in range(LENGTH)]


def undone(series: Sequence[float], faults: Sequence[Fault], clean: Sequence[float]) -> list[float]:
    """The clean series again, from what the faults say of themselves."""
    back: list[float] = []
    k = 0
    for fault in faults:
        back += series[k : fault.where.start]
        back += clean[len(back) : len(back) + (1 if fault.kind == "extra" else 2)]
        k = fault.where.stop
    return [*back, *series[k:]]


@given(st.integers(0, 10**6), st.sampled_from((0.02, 0.05, 0.10)))
def test_beats_without_a_fault_are_the_clean_ones(seed: int, share: float) -> None:
    clean = clean_heart(seed)
    series, faults = inject(clean, share, Random(seed), FIRST)
    assert undone(series, faults, clean) == clean


@given(st.integers(0, 10**6), st.sampled_from((0.02, 0.05, 0.10)), st.sampled_from(KINDS))
def test_every_fault_keeps_the_time(seed: int, share: float, kind: Kind) -> None:
    clean = clean_heart(seed)
    series, _ = inject(clean, share, Random(seed), FIRST, (kind,))
    assert sum(series) == pytest.approx(sum(clean), rel=1e-12)


@given(st.integers(0, 10**6))
def test_each_kind_is_what_its_name_says(seed: int) -> None:
    clean = clean_heart(seed)
    series, faults = inject(clean, 0.10, Random(seed), FIRST)
    for fault in faults:
        made = [series[k] for k in fault.where]
        place = clean_place(series, faults, fault)
        here, after = clean[place], clean[place + 1]
        early = 1 - made[0] / here
        match fault.kind:
            case "missed":
                assert made == [here + after]
            case "extra":
                assert 0.3 <= made[0] / here <= 0.7
                assert sum(made) == pytest.approx(here)
            case "ectopic":
                assert 0.2 - 1e-9 <= early <= 0.4 + 1e-9
                assert sum(made) == pytest.approx(here + after)
            case "shift":
                assert 0.08 - 1e-9 <= abs(early) <= 0.2 + 1e-9
                assert sum(made) == pytest.approx(here + after)


def clean_place(series: Sequence[float], faults: Sequence[Fault], fault: Fault) -> int:
    """The clean beat at which a fault begins: each missed beat before it took one, each extra gave one."""
    before = [each.kind for each in faults if each.where.start < fault.where.start]
    return fault.where.start + before.count("missed") - before.count("extra")


@given(st.integers(0, 10**6), st.sampled_from((0.02, 0.05, 0.10)))
def test_faults_stand_apart_behind_the_first_and_before_the_last_beats(seed: int, share: float) -> None:
    series, faults = inject(clean_heart(seed), share, Random(seed), FIRST)
    starts = [clean_place(series, faults, fault) for fault in faults]
    assert all(FIRST <= start < LENGTH - TAIL for start in starts)
    assert all(b - a >= APART for a, b in pairwise(starts))
    assert len(faults) <= round(share * (LENGTH - FIRST))


def test_about_the_wanted_share_of_beats_gets_a_fault_of_every_kind() -> None:
    """Of 24 places drawn from 230 about a sixth fall within two beats of another and are left out."""
    many = [fault for seed in range(40) for fault in inject(clean_heart(seed), 0.10, Random(seed), FIRST)[1]]
    assert 0.075 <= len(many) / (40 * (LENGTH - FIRST)) <= 0.10
    for kind in KINDS:
        assert 0.2 <= sum(fault.kind == kind for fault in many) / len(many) <= 0.3


def test_a_seed_makes_the_same_faults_again_and_another_one_others() -> None:
    clean = clean_heart(1)
    assert inject(clean, 0.05, Random("a"), FIRST) == inject(clean, 0.05, Random("a"), FIRST)
    assert inject(clean, 0.05, Random("a"), FIRST) != inject(clean, 0.05, Random("b"), FIRST)


@pytest.mark.parametrize("mean_ms", [750.0, 850.0, 1000.0])
def test_deep_breathing_swings_by_330_ms_six_times_a_minute(mean_ms: float) -> None:
    """With drift and noise of 23 ms the tenth part of a minute's extremes lies about 40 ms beyond the wave."""
    series = deep_rsa(3, mean_ms, 600)
    ranked = sorted(series)
    middle = ranked[len(ranked) // 50], ranked[-len(ranked) // 50]
    assert 300 <= middle[1] - middle[0] <= 400
    crossings = sum(a < mean_ms <= b for a, b in pairwise(smooth(series)))
    assert crossings == pytest.approx(60, abs=3)


def smooth(series: Sequence[float]) -> list[float]:
    """Means of five beats, which noise crosses less often."""
    return [sum(series[k : k + 5]) / 5 for k in range(len(series) - 4)]


def test_a_piece_is_not_clean_with_a_step_of_18_per_cent_or_a_beat_no_heart_makes() -> None:
    clean = clean_heart(2)
    assert is_clean(clean)
    assert not is_clean([*clean[:100], 1.2 * clean[99], *clean[101:]])
    assert not is_clean([*clean, 2000.0])


def test_rmssd_is_taken_over_adjacent_good_beats_only() -> None:
    series = [800.0, 810.0, 1600.0, 790.0, 820.0]
    assert rmssd(series, [False, False, True, False, False]) == pytest.approx(sqrt((10**2 + 30**2) / 2))
    assert rmssd(series) == pytest.approx(sqrt((10**2 + 790**2 + 810**2 + 30**2) / 4))
    assert isnan(rmssd(series, [True] * 5))
