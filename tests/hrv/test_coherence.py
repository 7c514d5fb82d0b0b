"""The coherence ratio against a periodogram written out, slow recounts and the limits of a window (RULINGS B2)."""

from __future__ import annotations

from itertools import pairwise
from math import cos, pi, sin
from statistics import median

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from biofeedback.hrv.coherence import coherence_of_rows, peak_hz, ratio
from biofeedback.hrv.registry import METRICS
from biofeedback.hrv.tachogram import tachogram
from biofeedback.hrv.window import BeatWindow, Estimate, NotYet
from tests.hrv.tones import Floats, apart, heart, noise, pattern, plain, ticks_of
from tests.real import needs_data, real_series
from tests.strategies import MS, hearts, window

SECOND_US = 1_000_000
LIKE = 1e-9
"""Two ways to one sum of some hundred doubles differ by far less."""


def periodogram(values: Floats) -> tuple[Floats, Floats]:
    """|DFT|^2 at k / 512 Hz under a periodic Hann window, by the sum itself: 2 Hz points, their line removed."""
    place = np.arange(len(values))
    line = np.polynomial.Polynomial.fit(place, values, 1)
    shaped = (values - line(place)) * (0.5 - 0.5 * np.cos(2 * pi * place / len(values)))
    bins = np.arange(512)
    turned = np.exp(-2j * pi * np.outer(bins, place) / 1024) @ shaped
    return bins / 512, np.abs(turned) ** 2


def recipe(values: Floats) -> tuple[float, float] | None:
    """B2's words in order: the largest local maximum in 0.04-0.26 Hz, 0.015 Hz about it, the total 0.0033-0.40 Hz."""
    hz, power = periodogram(values)
    tops = [k for k in range(1, 511) if 0.04 <= hz[k] < 0.26 and power[k - 1] < power[k] >= power[k + 1]]
    if not tops:
        return None
    top = max(tops, key=lambda k: power[k])
    peak = float(power[np.abs(hz - hz[top]) <= 0.015].sum())
    total = float(power[(hz >= 0.0033) & (hz < 0.40)].sum())
    return peak / (total - peak), float(hz[top])


def of_points(values: Floats) -> tuple[float, float]:
    found = coherence_of_rows(np.rint(values)[None, :], np.array([len(values)]))
    return float(found.ratio[0]), float(found.peak_hz[0])


def hann_line(away: float) -> float:
    """Amplitude of the periodic Hann window's transform `away` bins of 1/64 Hz from a tone, closed form."""

    def dirichlet(x: float) -> complex:
        if abs(x) < 1e-12:
            return 128 + 0j
        turn = pi * x * 127 / 128
        return sin(pi * x) / sin(pi * x / 128) * complex(cos(turn), -sin(turn))

    return abs(dirichlet(away) / 2 - dirichlet(away - 1) / 4 - dirichlet(away + 1) / 4)


@pytest.mark.parametrize("bin_", [52, 64, 100])
def test_b2_ratio_of_a_pure_tone_under_a_hann_window(bin_: int) -> None:
    """Closed form but for the mirror and the line, which add under a hundredth; then B2's words on the same points."""
    frequency = bin_ / 512
    tone = 1e9 * np.cos(2 * pi * frequency * np.arange(128) / 2 + 0.3)
    power = {k: hann_line((k - bin_) / 8) ** 2 for k in range(2, 205)}
    peak = sum(power[k] for k in range(bin_ - 7, bin_ + 8))
    found, at_hz = of_points(tone)
    assert at_hz == frequency
    assert found == pytest.approx(peak / (sum(power.values()) - peak), rel=0.01)
    assert (found, at_hz) == pytest.approx(recipe(tone), rel=1e-6)


def test_b2_two_tones_of_one_height_share_the_power() -> None:
    """A tone alone has R = c / (1 - c); with another of its height, far off, c / (2 - c) = R / (R + 2) is left."""
    place = np.arange(128) / 2
    one = 1e9 * np.cos(2 * pi * 0.09375 * place)
    both = one + 1e9 * np.cos(2 * pi * 0.21875 * place)
    alone, shared = of_points(one)[0], of_points(both)[0]
    assert shared == pytest.approx(alone / (alone + 2), rel=0.01)


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.sampled_from((0.0, 1.0, 2.0)), st.sampled_from((120, 127, 128)))
def test_b2_ratio_of_noise_is_that_of_the_words(seed: int, exponent: float, count: int) -> None:
    values = np.rint(50 * MS * noise(count, seed, exponent) + 800 * MS)
    expected = recipe(values)
    if expected is not None:
        assert of_points(values) == pytest.approx(expected, rel=LIKE)


@settings(max_examples=40)
@given(st.integers(0, 10_000))
def test_b2_the_edge_of_the_band_is_no_peak(seed: int) -> None:
    """Brown noise falls through the edge at 0.04 Hz: what is found there must rise to it from both sides."""
    values = np.rint(50 * MS * noise(128, seed, 2.0) + 800 * MS)
    _, at_hz = of_points(values)
    hz, power = periodogram(values)
    if not np.isnan(at_hz):
        top = round(at_hz * 512)
        assert power[top - 1] < power[top] >= power[top + 1]
        assert 0.04 <= hz[top] < 0.26


@pytest.mark.parametrize("frequency", [0.030, 0.034, 0.27, 0.3])
def test_b2_a_tone_beside_the_band_is_not_found_at_its_edge(frequency: float) -> None:
    hz, power = periodogram(tone := 1e9 * np.cos(2 * pi * frequency * np.arange(128) / 2 + 1))
    inside = (hz >= 0.04) & (hz < 0.26)
    edge = hz[inside][0] if frequency < 0.04 else hz[inside][-1]
    assert hz[inside][power[inside].argmax()] == edge
    found, at_hz = of_points(tone)
    assert at_hz != edge
    assert np.isnan(found) or found < 0.1


def slowly(held: BeatWindow) -> list[tuple[float, float] | None]:
    """Each full window of 64 s by itself, of beats counted one by one: one every 5 s of each piece."""
    found: list[tuple[float, float] | None] = []
    cuts = [n for n, joined in enumerate(held.joined) if not joined] + [len(held.ticks)]
    for first, behind in pairwise(cuts):
        opening = [held.t_us[n] - (held.ticks[n] * 125 + 64) // 128 for n in range(first, behind)]
        start, end = opening[0], held.t_us[behind - 1]
        if end - start < 0.98 * 64 * SECOND_US:
            continue
        while True:
            inside = [n for n in range(first, behind) if opening[n - first] >= start]
            inside = [n for n in inside if held.t_us[n] <= start + 64 * SECOND_US]
            found.append(_one(held, inside))
            start += 5 * SECOND_US
            if start + 0.98 * 64 * SECOND_US > end:
                break
    return found


def _one(held: BeatWindow, inside: list[int]) -> tuple[float, float] | None:
    alone = BeatWindow(
        tuple(held.t_us[n] for n in inside),
        tuple(held.ticks[n] for n in inside),
        tuple(held.ok[n] for n in inside),
        tuple(place > 0 for place in range(len(inside))),
        64.0,
    )
    values = tachogram(alone, 2)
    return recipe(values) if len(values) and np.ptp(values) > 0 else None


def is_the_slow_median(held: BeatWindow) -> None:
    each = slowly(held)
    peaks = [one for one in each if one is not None]
    if not each or len(peaks) < len(each) / 2:
        assert ratio(held) is None
        assert peak_hz(held) is None
    else:
        assert ratio(held) == pytest.approx(median(one[0] for one in peaks), rel=LIKE)
        assert peak_hz(held) == pytest.approx(median(one[1] for one in peaks), rel=1e-12)


@pytest.mark.parametrize("seconds", [62.6, 63.9, 68, 73, 131, 300])
def test_b2_median_over_windows_every_5_s_by_a_slow_recount(seconds: float) -> None:
    is_the_slow_median(plain(heart(lambda t: 850 + 60 * sin(0.6 * t) + 30 * sin(1.7 * t + t * t / 900), seconds)))


def test_b2_how_many_windows_there_are() -> None:
    """One from 62.72 s on, the next one with the full 98 % five seconds later; none under that."""
    for seconds, count in ((62.7, 0), (62.8, 1), (67.6, 1), (67.8, 2), (72.8, 3), (300, 48)):
        ticks = [round(seconds * 1_024_000) // 100] * 100
        assert len(slowly(window(ticks))) == count


@pytest.mark.slow
@settings(max_examples=40)
@given(hearts(80, 300), st.data())
@example(ticks_of(pattern(850, [(40, 0.1)], 200)), None)
def test_b2_median_with_gaps_and_flags_by_a_slow_recount(ticks: list[int], data: st.DataObject | None) -> None:
    rarely = st.integers(0, 80).map(bool)
    joined, ok = [True] * len(ticks), [True] * len(ticks)
    if data is not None:
        joined = data.draw(st.lists(rarely, min_size=len(ticks), max_size=len(ticks)))
        ok = data.draw(st.lists(st.integers(0, 12).map(bool), min_size=len(ticks), max_size=len(ticks)))
    is_the_slow_median(window(ticks, ok, [False, *joined[1:]]))


@needs_data
@pytest.mark.parametrize("name", ["rest", "resting_2026-04-28", "exercise"])
def test_b2_median_of_real_hearts_by_a_slow_recount(name: str) -> None:
    is_the_slow_median(plain(real_series()[name][:600]))


@given(hearts(90, 200), st.integers(0, 60), st.integers(0, 60))
def test_a_part_has_the_coherence_of_its_beats_alone(ticks: list[int], before: int, behind: int) -> None:
    whole = window(ticks)
    part = whole.part(before, len(ticks) - behind) if before + behind < len(ticks) else whole.part(0, 0)
    alone = BeatWindow(part.t_us, part.ticks, part.ok, part.joined, part.span_s)
    assert (ratio(part), peak_hz(part)) == (ratio(alone), peak_hz(alone))


def test_b2_windows_with_gaps_are_those_of_both_pieces_together() -> None:
    calm = ticks_of(pattern(900, [(60, 0.1)], 90))
    restless = ticks_of(900 + 40 * noise(140, 3))
    both, alone = apart([calm, restless])
    each = [slowly(one) for one in alone]
    peaks = [one[0] for found in each for one in found if one is not None]
    assert [len(found) for found in each] == [6, 13]
    assert ratio(both) == pytest.approx(median(peaks), rel=LIKE)
    short, first = apart([calm, restless[:50]])
    assert (ratio(short), peak_hz(short)) == (ratio(first[0]), peak_hz(first[0]))


@pytest.mark.parametrize(("steady", "given_"), [(8, True), (9, True), (10, False)])
def test_b2_without_a_peak_in_more_than_half_of_the_windows_there_is_no_coherence(steady: int, given_: bool) -> None:
    """Nine windows breathe; in a piece of their own, eight, nine or ten are as constant as a clock."""
    breathing = ticks_of(pattern(900, [(60, 0.1)], 64 + 40))
    constant = [1000 * MS] * (64 + 5 * (steady - 1))
    held, alone = apart([breathing, constant])
    assert [len(slowly(one)) for one in alone] == [9, steady]
    assert all(one is not None for one in slowly(alone[0]))
    assert all(one is None for one in slowly(alone[1]))
    if given_:
        assert ratio(held) == ratio(alone[0])
        assert peak_hz(held) == peak_hz(alone[0])
    else:
        assert ratio(held) is None
        assert peak_hz(held) is None
        assert METRICS["coherence_ratio"].over(held) == NotYet("no frequency stands out")


@pytest.mark.parametrize(("knots", "given_"), [(12, True), (11, False)])
def test_b2_a_window_needs_twelve_good_beats(knots: int, given_: bool) -> None:
    ticks = ticks_of(heart(lambda t: 1500 + 100 * sin(2 * pi * 0.08 * t), 64))
    held = window(ticks, [number % 3 == 0 and number < 3 * knots for number in range(len(ticks))])
    assert sum(held.ok) == knots
    assert (ratio(held) is not None) is given_
    assert (peak_hz(held) is not None) is given_


def test_constant_beats_have_no_coherence() -> None:
    held = window([800 * MS] * 200)
    assert ratio(held) is None
    assert peak_hz(held) is None


def test_breath_at_six_a_minute_is_near_the_ceiling_and_white_noise_is_not() -> None:
    """A main lobe of the window reaches 2/64 Hz to either side, the peak only 0.015: no tone has a ratio above 9."""
    breath = plain(pattern(900, [(60, 0.1)], 200))
    answer = METRICS["coherence_ratio"].over(breath)
    assert isinstance(answer, Estimate)
    ceiling = of_points(1e9 * np.cos(2 * pi * 0.1 * np.arange(128) / 2))[0]
    assert 0.8 * ceiling < answer.value < ceiling < 9
    assert peak_hz(breath) == pytest.approx(0.1, abs=1 / 512)
    among = [ratio(plain(900 + 40 * noise(220, seed))) for seed in range(20)]
    assert all(one is not None and one < 1 for one in among)
