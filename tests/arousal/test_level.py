"""The level over whole breaths against hearts whose rate is known (METHOD 1.3.3, RULINGS E4)."""

from __future__ import annotations

from math import cos, exp, log, pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.arousal.level import BeatCount, count_beats, epoch_level, run_around, window_bpm
from biofeedback.events import ArtefactName
from biofeedback.hrv.beats import TimedBeat
from tests.hrv.straps import HEARTS, SECOND, rms, strap, streamed
from tests.strategies import MS, beats_at, beats_of, hearts, parted

SIX_US = 10_000_000.0


def ipfm(bpm: float, rsa_bpm: float, rate: float, seconds: float, phase: float = 0.0) -> list[TimedBeat]:
    """Beats where the integral of the rate passes whole numbers; breath moves the rate by +-`rsa_bpm`."""
    turn = 2 * pi * rate / 60

    def passed(t: float) -> float:
        return bpm / 60 * t + rsa_bpm / 60 / turn * (cos(phase) - cos(turn * t + phase))

    times = list[int]()
    for number in range(1, int(passed(seconds))):
        low, high = 0.0, seconds
        while high - low > 1e-8:
            middle = (low + high) / 2
            low, high = (middle, high) if passed(middle) < number else (low, middle)
        times.append(round(high * 1e6))
    return beats_at(times, 0)


def y_of(beats: list[TimedBeat], end_us: int = 90_000_000, breaths: int = 7, breath_us: float = SIX_US) -> float:
    found = epoch_level(count_beats(beats), end_us, breaths, breath_us)
    assert found is not None
    return found.y


def test_a_constant_rate_is_found_exactly() -> None:
    assert exp(y_of(beats_of([800 * MS] * 150))) == pytest.approx(75.0, rel=1e-9)
    assert window_bpm(count_beats(beats_of([800 * MS] * 150)), 3_123_457, 61_000_001) == pytest.approx(75.0, rel=1e-9)


@pytest.mark.parametrize("phase", [0.0, 1.0, 2.5, 4.0])
@pytest.mark.parametrize("bpm", [55.0, 66.0, 80.0])
def test_1_3_3_five_times_the_rsa_moves_the_level_by_a_thousandth_at_most(bpm: float, phase: float) -> None:
    small, large = (y_of(ipfm(bpm, rsa, 6.0, 100, phase)) for rsa in (2.0, 10.0))
    assert abs(large - small) <= 0.001
    assert abs(large - log(bpm)) <= 0.001


def test_e4_a_breath_0_4_off_the_pacer_moves_the_level_by_7_in_10000_where_a_rectangle_errs_tenfold() -> None:
    """RSA of +-12 bpm, all phases; the figures are those of the ruling."""
    ramped, rectangular = list[float](), list[float]()
    for number in range(12):
        for rate in (5.6, 6.4):
            beats = ipfm(66, 12, rate, 100, number * pi / 6)
            ramped.append(abs(y_of(beats) - log(66)))
            plain = window_bpm(count_beats(beats), 20_000_000, 90_000_000)
            assert plain is not None
            rectangular.append(abs(log(plain / 66)))
    assert max(ramped) <= 0.0007
    assert 0.004 <= max(rectangular) <= 0.009


@given(hearts(least=130), st.sampled_from([(4.5, 5), (5.4, 6), (6.0, 7), (7.0, 8)]), st.integers(0, 10**7))
def test_e4_y_is_the_formula_by_brute_force(ticks: list[int], pace: tuple[float, int], offset: int) -> None:
    breath_us, breaths = 60e6 / pace[0], pace[1]
    count = count_beats(beats_of(ticks))
    end = round(breaths * breath_us) + 1 + offset
    found = epoch_level(count, end, breaths, breath_us)
    if end > count.times_us[-1]:
        assert found is None
        return
    inner, start = (breaths - 1) * breath_us, end - breaths * breath_us
    v = (np.arange(200) + 0.5) * breath_us / 200
    phi = [np.interp(start + v + shift, count.times_us, count.counts) for shift in (0.0, inner)]
    assert found is not None
    assert found.y == pytest.approx(log(60e6 / inner * float(np.mean(phi[1] - phi[0]))), abs=1e-10)


def test_e4_200_midpoints_are_as_good_as_the_integral() -> None:
    count = count_beats(ipfm(66, 10, 6.0, 100))
    v = (np.arange(400_000) + 0.5) * SIX_US / 400_000
    phi = [np.interp(20e6 + v + shift, count.times_us, count.counts) for shift in (0.0, 60e6)]
    assert y_of(ipfm(66, 10, 6.0, 100)) == pytest.approx(log(float(np.mean(phi[1] - phi[0]))), abs=1e-5)


def test_1_3_3_a_flagged_beat_keeps_its_time_and_counts_by_its_neighbours() -> None:
    """A missed beat (one interval of 1600 ms) is two beats of 800; the level does not move at all."""
    ticks = [800 * MS] * 50 + [1600 * MS] + [800 * MS] * 80
    assert exp(y_of(beats_of(ticks, why={50: "missed"}))) == pytest.approx(75.0, rel=1e-9)
    assert exp(y_of(beats_of(ticks))) < 74.3


@given(st.integers(20, 80), st.floats(0.3, 0.7))
def test_an_extra_beat_does_not_move_the_level_either(at: int, share: float) -> None:
    part = round(share * 800 * MS)
    ticks = [800 * MS] * at + [part, 800 * MS - part] + [800 * MS] * (120 - at)
    why: dict[int, ArtefactName] = {at: "extra", at + 1: "extra"}
    assert exp(y_of(beats_of(ticks, why=why))) == pytest.approx(75.0, rel=1e-9)


def test_a_long_gap_inside_the_window_gives_no_level_and_one_outside_does_not_matter() -> None:
    beats = beats_at([800_000 * number for number in range(1, 151)], 0)
    for gap, measured in ((60, False), (10, True), (140, True)):
        run = run_around(parted(beats, gap, 3_100_000), 20_000_000, 90_000_000)
        assert (epoch_level(count_beats(run), 90_000_000, 7, SIX_US) is not None) is measured


@given(st.integers(1, 149), st.integers(0, 3_000_000))
def test_a_gap_of_3_s_at_most_is_counted_across_at_the_rate_beside_it(gap: int, hole_us: int) -> None:
    run = run_around(parted(beats_of([800 * MS] * 150), gap, hole_us), 20_000_000, 90_000_000)
    found = epoch_level(count_beats(run), 90_000_000, 7, SIX_US)
    assert found is not None
    assert exp(found.y) == pytest.approx(75.0, rel=1e-6)


@pytest.mark.parametrize("who", ["45 bpm", "75 bpm", "110 bpm"])
def test_one_or_two_lost_packets_move_an_epoch_by_less_than_half_a_per_cent(who: str) -> None:
    """Sessions differ by 1.5 % (METHOD 4.4); it is 0.1 to 0.2 % in the root mean square."""
    moved = list[float]()
    for seed in range(20):
        times = HEARTS[who].beats_us(170, seed)
        lost = range(100 + seed, 101 + seed + seed % 2)
        levels = [
            epoch_level(count_beats(run_around(streamed(strapped.packets).beats, 90e6, 160e6)), 160 * SECOND, 7, SIX_US)
            for strapped in (strap(times, seed), strap(times, seed, lost=lost))
        ]
        moved += [levels[1].y - levels[0].y if levels[0] is not None and levels[1] is not None else 1.0]
    assert rms(moved) < 0.005


def test_a_window_the_beats_do_not_cover_gives_no_level() -> None:
    count = count_beats(beats_of([800 * MS] * 100))
    assert epoch_level(count, 80_000_001, 7, SIX_US) is None
    assert epoch_level(count, 80_000_000, 8, SIX_US) is not None
    assert epoch_level(count, 80_000_000, 9, SIX_US) is None
    assert epoch_level(count, 60_000_000, 1, SIX_US) is None
    assert epoch_level(BeatCount((), ()), 60_000_000, 3, SIX_US) is None
    assert window_bpm(count, 5_000_000, 5_000_000) is None


@given(hearts(least=30), st.floats(0, 1), st.floats(0, 1))
def test_phi_only_rises_and_a_beat_counts_one(ticks: list[int], one: float, other: float) -> None:
    count = count_beats(beats_of(ticks))
    early, late = sorted((round(one * count.times_us[-1]), round(other * count.times_us[-1])))
    assert count.at(early) <= count.at(late)
    assert [count.at(t) for t in count.times_us] == pytest.approx(list(range(len(ticks) + 1)), abs=1e-9)


def test_1_3_6_se_is_the_spread_of_breaths_widened_for_their_correlation() -> None:
    count = count_beats(ipfm(66, 5, 5.7, 100))
    edges = [count.at(20e6 + number * SIX_US) for number in range(8)]
    levels = np.log(np.diff(edges) * 6)
    off = levels - levels.mean()
    rho = min(0.7, max(0.0, float((off[1:] * off[:-1]).sum() / (off * off).sum())))
    expected = float(levels.std(ddof=1)) / 7**0.5 * ((1 + rho) / (1 - rho)) ** 0.5
    found = epoch_level(count, 90_000_000, 7, SIX_US)
    assert found is not None
    assert found.se == pytest.approx(expected, rel=1e-9)
    two = epoch_level(count, 90_000_000, 2, SIX_US)
    assert two is not None
    assert two.se is None


def test_the_run_around_a_moment_ends_at_the_first_beat_past_the_window() -> None:
    beats = parted(parted(beats_at([1_000_000 * n for n in range(1, 31)], 0), 20, 4_000_000), 10, 4_000_000)
    assert [b.index for b in run_around(beats, 16_500_000, 20_200_000)] == list(range(10, 17))
    assert [b.index for b in run_around(beats, 5_000_000, 25_000_000)] == list(range(10))


def test_ipfm_of_these_tests_beats_at_its_mean_rate() -> None:
    times = [beat.t_us for beat in ipfm(66, 10, 6.0, 100)]
    assert len(times) / times[-1] * 60e6 == pytest.approx(66, rel=0.01)
