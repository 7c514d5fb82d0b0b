"""The spectrum against closed forms, the patterns of ANSI/AAMI EC57 and scipy's Welch (HRV 2, 3, 7; RULINGS B2)."""

from __future__ import annotations

import json
from functools import cache
from importlib import import_module
from math import cos, pi, sin, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from biofeedback.hrv import spectrum as sp
from biofeedback.hrv.registry import METRICS
from biofeedback.hrv.summary import summarise, uncorrected
from biofeedback.hrv.tachogram import tachogram
from biofeedback.hrv.window import BeatWindow, Estimate, NotYet
from tests.cli.programs import run
from tests.hrv.tones import Floats, Tone, apart, heart, noise, pattern, plain, ticks_of, told
from tests.real import needs_data, plain_ms, real_series
from tests.strategies import MS, hearts

# Untyped, and without stubs: only Any is what both checkers make of them.
signal: Any = import_module("scipy.signal")
interpolate: Any = import_module("scipy.interpolate")

TP2: tuple[float, list[Tone]] = (800, [(35, 0.25)])
TP3: tuple[float, list[Tone]] = (1000, [(70, 0.1)])
TP4: tuple[float, list[Tone]] = (3000, [(280, 0.0333)])
TP5: tuple[float, list[Tone]] = (1500, [(140, 0.000278)])
MIX: tuple[float, list[Tone]] = (850, [(40, 0.095), (30, 0.26)])
BANDS = ("vlf_ms2", "lf_ms2", "hf_ms2")
TRUTHS = {
    "TP2": (TP2, (0.0, 0.0, 612.5)),
    "TP3": (TP3, (0.0, 2450.0, 0.0)),
    "TP4": (TP4, (39_200.0, 0.0, 0.0)),
    "TP5": (TP5, (0.0, 0.0, 0.0)),
    "mix": (MIX, (0.0, 800.0, 450.0)),
}
LENGTHS_S = (64, 200, 299, 301, 455, 1000)


def powers(window: BeatWindow) -> tuple[float, float, float]:
    found = sp.spectrum(window, 60)
    assert found is not None
    return found.power_ms2(sp.VLF), found.power_ms2(sp.LF), found.power_ms2(sp.HF)


def within_2_pct(found: tuple[float, ...], truths: tuple[float, ...], tones: list[Tone]) -> None:
    """Of what should be there; of the tones' own power where nothing should."""
    own = sum(a * a / 2 for a, _ in tones)
    for value, truth in zip(found, truths, strict=True):
        assert value == pytest.approx(truth, rel=0.02, abs=0.0 if truth else 0.02 * own)


@pytest.mark.parametrize("seconds", [310, 900, 3600])
@pytest.mark.parametrize("name", TRUTHS)
def test_ec57_patterns_within_2_pct_in_every_band(name: str, seconds: float) -> None:
    (base, tones), truths = TRUTHS[name]
    metrics = summarise(uncorrected(ticks_of(pattern(base, tones, seconds)))).metrics
    answers = [metrics[band] for band in BANDS]
    values = tuple(answer.value for answer in answers if isinstance(answer, Estimate))
    within_2_pct(values, truths, tones)


@pytest.mark.slow
def test_ec57_patterns_end_to_end_through_analyze(tmp_path: Path) -> None:
    for name, ((base, tones), _) in TRUTHS.items():
        text = "\n".join(f"{value:.4f}" for value in pattern(base, tones, 900))
        (tmp_path / f"{name}.txt").write_text(text + "\n", "ascii")
    files = [f"{name}.txt" for name in TRUTHS]
    for words in ((*files, "--no-correction"), ("TP2.txt", "TP3.txt", "mix.txt")):
        done = run(tmp_path, "analyze", *words, "--json", "--unit", "ms")
        assert (done.returncode, done.stderr) == (0, "")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert [line["file"] for line in lines] == [word for word in words if word.endswith(".txt")]
        for line in lines:
            (_, tones), truths = TRUTHS[line["file"].removesuffix(".txt")]
            within_2_pct(tuple(line["metrics"][band]["value"] for band in BANDS), truths, tones)
            assert line["excluded"] == line["gaps"] == 0


def test_3_mix_has_the_ratio_1_778_within_2_pct() -> None:
    assert sp.lf_hf(plain(pattern(*MIX, 900))) == pytest.approx(800 / 450, rel=0.02)


def by_scipy(tachograms: list[Floats]) -> tuple[Floats, Floats]:
    """Welch's density of 4 Hz tachograms in ms: each less its line, segments of 300 s, averaged over all segments."""
    points = max(1024, min(1200, max(len(each) for each in tachograms)))
    total: Floats = np.zeros(points // 2 + 1)
    frequencies: Floats = np.empty(0)
    segments = 0
    for values in tachograms:
        width = min(1200, len(values))
        own = 1 + (len(values) - width) // 600
        frequencies, density = signal.welch(
            signal.detrend(values, type="linear"),
            fs=4,
            window="hann",
            nperseg=width,
            noverlap=width - 600 if len(values) > 1200 else 0,
            nfft=points,
            detrend="constant",
        )
        total += own * density
        segments += own
    return frequencies, total / segments


def is_scipys(window: BeatWindow, tachograms: list[Floats], least_s: float = 60) -> None:
    found = sp.spectrum(window, least_s)
    assert found is not None
    frequencies, density = by_scipy(tachograms)
    bins = len(found.density)
    assert bins > 100
    assert [k * found.hz / found.points for k in range(bins)] == pytest.approx(frequencies[:bins], rel=1e-14)
    assert frequencies[bins - 1] >= 0.40
    # Bin 0 lies in no band; being one of a kind it would be half of ours in a density that is one-sided there too.
    assert found.density[1:] == pytest.approx(density[1:bins], rel=1e-9, abs=1e-12 * density.max())


@pytest.mark.parametrize("seconds", LENGTHS_S)
def test_b2_density_is_scipys_welch_of_the_same_tachogram_to_1e9(seconds: float) -> None:
    wander = noise(3000, seed=round(seconds), exponent=1)
    window = plain(800 + 50 * wander[: round(seconds / 0.8)])
    is_scipys(window, [tachogram(window) / MS])


@needs_data
@pytest.mark.parametrize("name", ["rest", "resting_2026-04-28", "exercise"])
def test_b2_density_of_real_hearts_is_scipys(name: str) -> None:
    window = plain(real_series()[name])
    is_scipys(window, [tachogram(window) / MS])


@pytest.mark.parametrize("seconds", [200, 1000])
def test_7_the_local_spline_has_the_power_of_the_whole_records_spline(seconds: float) -> None:
    """Nothing of ours in the oracle: scipy's natural spline through all beats, scipy's Welch."""
    rr = 800 + 40 * noise(round(seconds / 0.8), seed=5, exponent=1)
    window = plain(rr)
    t_s = np.array(window.t_us) / 1e6
    grid: Floats = np.arange(float(np.ceil(t_s[0] * 4)), float(np.floor(t_s[-1] * 4)) + 1) / 4
    spline = interpolate.CubicSpline(t_s, np.array(window.ticks) / MS, bc_type="natural")
    frequencies, density = by_scipy([spline(grid)])
    step = frequencies[1]
    for found, (low, high) in zip(powers(window), (sp.VLF, sp.LF, sp.HF), strict=True):
        truth = density[(frequencies >= low) & (frequencies < high)].sum() * step
        assert found == pytest.approx(truth, rel=0.002)


@given(hearts(90, 400))
@example(ticks_of(pattern(*MIX, 900)))
def test_b2_vlf_lf_and_hf_make_the_total(ticks: list[int]) -> None:
    window = told_ticks(ticks)
    found = sp.spectrum(window, 10)
    assert found is not None
    assert sum(found.power_ms2(band) for band in (sp.VLF, sp.LF, sp.HF)) == pytest.approx(
        found.power_ms2(sp.TOTAL), rel=1e-12
    )


@pytest.mark.parametrize(
    ("edge", "below", "above"),
    [(0.0033, None, sp.VLF), (0.04, sp.VLF, sp.LF), (0.15, sp.LF, sp.HF), (0.40, sp.HF, None)],
)
def test_b2_bands_are_half_open(edge: float, below: sp.Band | None, above: sp.Band | None) -> None:
    """All power in the bin that lies exactly on the edge: the band above has it."""
    points = 40_000
    density = np.zeros(round(0.41 * points / 4))
    density[round(edge * points / 4)] = 7.0
    found = sp.Spectrum(density, 4, points)
    held = {band: found.power_ms2(band) for band in (sp.VLF, sp.LF, sp.HF)}
    assert held == {band: 7.0 * 4 / points if band == above else 0.0 for band in held}
    assert below is None or held[below] == 0.0
    assert found.power_ms2(sp.TOTAL) == (0.0 if edge == 0.40 else 7.0 * 4 / points)


def root_error_ms(ticks: float) -> float:
    """How far the root of a band's power can move when every point of a tachogram moves by so many ticks.

    By Parseval the density's sum is the mean square under the window, at most the largest square; removing the
    line adds less than four times as much at the ends.
    """
    return 5 * ticks / MS


@pytest.mark.parametrize("seconds", [150, 800])
def test_b2_deviations_doubled_are_power_fourfold(seconds: float) -> None:
    single = plain(800 + 50 * noise(round(seconds / 0.8), seed=11, exponent=1))
    doubled = told(single.t_us, [2 * value - 800 * MS for value in single.ticks])
    for was, now in zip(powers(single), powers(doubled), strict=True):
        assert sqrt(now) == pytest.approx(2 * sqrt(was), abs=root_error_ms(1.5))


@pytest.mark.parametrize("per_s", [-400, 37, 1000])
def test_b2_a_straight_line_added_changes_nothing_in_a_single_segment(per_s: int) -> None:
    """A line in time: -0.4 to 1 ms a second, 240 ms in the whole window."""
    level = plain(800 + 50 * noise(300, seed=12, exponent=1))
    tilted = told(
        level.t_us,
        [value + round(per_s * MS / 1000 * t / 1e6) for value, t in zip(level.ticks, level.t_us, strict=True)],
    )
    assert tilted.span_s < 300
    for was, now in zip(powers(level), powers(tilted), strict=True):
        # The spline of a line is the line; what is rounded: the added line, and either tachogram.
        assert sqrt(now) == pytest.approx(sqrt(was), abs=root_error_ms(1.5 + 0.5))


TRANSFER = [(0.04, 0.63), (0.058, 0.90), (0.075, 0.96), (0.1, 0.987)]


@pytest.mark.parametrize(("frequency", "share"), TRANSFER)
def test_2_smoothness_priors_500_keep_this_share_of_a_tones_power(frequency: float, share: float) -> None:
    place = np.arange(4000)
    tone = np.sin(2 * pi * frequency * place / 4)
    left = sp.without_trend(tone)[1000:3000]
    inside = tone[1000:3000]
    assert (left @ left) / (inside @ inside) == pytest.approx(share, abs=0.01)
    exact = 1 - 1 / (1 + 500**2 * (2 - 2 * cos(2 * pi * frequency / 4)) ** 2)
    assert left == pytest.approx(exact * inside, abs=1e-6)


@pytest.mark.parametrize(("frequency", "share"), TRANSFER[1:])
def test_2_the_transfer_is_seen_in_a_bands_power(frequency: float, share: float) -> None:
    """A tone alone in the LF band: with smoothness priors it has that share of its power with a line removed."""
    window = plain(pattern(850, [(40, frequency)], 1500))
    other = BeatWindow(window.t_us, window.ticks, window.ok, window.joined, window.span_s, "smoothness-priors")
    linear, priors = sp.lf_ms2(window), sp.lf_ms2(other)
    assert linear is not None
    assert priors is not None
    assert priors / linear == pytest.approx(share, abs=0.01)


@pytest.mark.parametrize("count", [4, 5, 6, 13, 60])
@pytest.mark.parametrize("weight", [0.5, 20.0, 500.0])
def test_2_smoothness_priors_are_the_dense_solution(count: int, weight: float) -> None:
    """z - (I + l^2 D2'D2)^-1 z with the matrix written out (Tarvainen 2002, eq. 9), less its mean."""
    values = 800 + 50 * noise(count, seed=count)
    second = np.zeros((count - 2, count))
    for row in range(count - 2):
        second[row, row : row + 3] = (1, -2, 1)
    trend = np.linalg.solve(np.eye(count) + weight**2 * second.T @ second, values)
    rest = values - trend
    condition = 1 + 16 * weight**2
    assert sp.without_trend(values, weight) == pytest.approx(
        rest - rest.mean(), abs=condition * np.finfo(float).eps * values.max()
    )


def wandering(count: int, seed: int, base_ms: float = 800) -> list[int]:
    return ticks_of(base_ms + 50 * noise(count, seed, exponent=1))


@pytest.mark.parametrize("counts", [(500, 1000), (200, 150), (90, 900), (800, 100, 420)])
def test_b2_segments_never_cross_a_gap_and_stretches_are_averaged(counts: tuple[int, ...]) -> None:
    window, alone = apart([wandering(count, seed, 700 + 100 * seed) for seed, count in enumerate(counts, 1)])
    is_scipys(window, [tachogram(each) / MS for each in alone])


def test_b2_two_stretches_of_one_length_are_the_mean_of_both_alone() -> None:
    window, alone = apart([wandering(180, 1), wandering(180, 2)])
    both = powers(window)
    each = np.mean([powers(one) for one in alone], axis=0)
    assert both == pytest.approx(each.tolist(), rel=1e-12)


def test_b2_a_stretch_that_is_too_short_for_the_band_adds_nothing() -> None:
    """118 s count as 120 s for LF (98 %), 117 s do not; HF takes both from 60 s on."""
    for count, counts in ((148, True), (146, False)):
        window, alone = apart([wandering(300, 1), wandering(count, 2)])
        assert (alone[1].span_s >= 0.98 * 120) is counts
        of_lf, of_hf = sp.spectrum(window, 120), sp.spectrum(window, 60)
        assert of_lf is not None
        assert of_hf is not None
        is_scipys(window, [tachogram(each) / MS for each in (alone if counts else alone[:1])], 120)
        assert (of_lf.power_ms2(sp.HF) == of_hf.power_ms2(sp.HF)) is counts


@cache
def local_maxima(window: BeatWindow) -> dict[float, float]:
    """Frequencies of all local maxima in 0.04-0.40 Hz, and how high, by scipy's density."""
    frequencies, density = by_scipy([tachogram(window) / MS])
    return {
        float(frequencies[k]): float(density[k])
        for k in range(1, len(density) - 1)
        if 0.04 <= frequencies[k] < 0.40 and density[k - 1] < density[k] >= density[k + 1]
    }


def is_the_largest_local_maximum(window: BeatWindow) -> None:
    maxima, found = local_maxima(window), sp.peak_hz(window)
    assert found is not None
    assert found == pytest.approx(max(maxima, key=lambda f: maxima[f]), rel=1e-12)
    assert 0.04 <= found < 0.40


@needs_data
@pytest.mark.parametrize("start", range(0, 600, 100))
def test_7_peak_of_rest_is_the_largest_local_maximum(start: int) -> None:
    is_the_largest_local_maximum(plain(plain_ms("rr_rest_rhenan/rest_rri.txt")[start : start + 284]))


@pytest.mark.parametrize("seed", range(12))
def test_7_peak_of_pink_noise_is_the_largest_local_maximum(seed: int) -> None:
    is_the_largest_local_maximum(plain(850 + 60 * noise(360, seed, exponent=1)))


def test_7_peak_of_tones_on_a_trend_is_a_tone_and_not_the_edge_of_the_band() -> None:
    """A slow wave of 250 ms leaks over the edge: there the density is largest, but it is no maximum."""
    tones: list[Tone] = [(250, 0.0345), (8, 0.1), (6, 0.25)]
    window = plain(pattern(900, tones, 299))
    frequencies, density = by_scipy([tachogram(window) / MS])
    inside = (frequencies >= 0.04) & (frequencies < 0.40)
    assert frequencies[inside][density[inside].argmax()] == frequencies[inside][0]
    is_the_largest_local_maximum(window)


def test_7_a_density_that_only_falls_has_no_peak() -> None:
    falling = np.exp(-np.arange(120.0))[None, :] + 1.0
    assert sp.peak_bins(falling, sp.PEAK, 4, 1024).tolist() == [0]
    assert sp.peak_bins(falling[:, ::-1].copy(), sp.PEAK, 4, 1024).tolist() == [0]


@given(st.lists(st.integers(0, 4), min_size=110, max_size=110), st.sampled_from((1024, 1100, 1200)))
def test_7_peak_bins_against_a_plain_search(heights: list[int], points: int) -> None:
    density = np.array([heights + [0] * 20], float)
    best = 0
    for k in range(1, density.shape[1] - 1):
        before, here, after = density[0, k - 1 : k + 2]
        top = before < here >= after
        if 0.04 <= k * 4 / points < 0.40 and top and (best == 0 or here > density[0, best]):
            best = k
    assert sp.peak_bins(density, sp.PEAK, 4, points).tolist() == [best]


@pytest.mark.parametrize("rr_ms", [333, 800, 1250])
@pytest.mark.parametrize("seconds", [130, 700])
def test_constant_beats_have_no_power_and_no_peak(rr_ms: int, seconds: int) -> None:
    window = plain([float(rr_ms)] * (seconds * 1000 // rr_ms))
    assert powers(window) == (0.0, 0.0, 0.0)
    assert sp.lf_hf(window) is None
    assert sp.peak_hz(window) is None
    assert METRICS["peak_hz"].over(window) == NotYet("no frequency stands out")
    assert METRICS["lf_hf"].over(window) == NotYet("too few good beats for a spectrum, or no HF power")


@pytest.mark.parametrize("rr_ms", [300, 800, 1900])
def test_beats_that_differ_by_their_rounding_alone_have_no_peak(rr_ms: int) -> None:
    """A clock of 1/1 024 000 s: its last tick holds no rhythm."""
    for seed in range(10):
        last = np.random.default_rng(seed).integers(0, 2, 400)  # noqa: TID251
        assert sp.peak_hz(told_ticks([rr_ms * MS + int(tick) for tick in last])) is None


def told_ticks(ticks: list[int]) -> BeatWindow:
    return apart([ticks])[1][0]


def test_2_a_slow_drift_stays_under_the_bands_of_the_breath() -> None:
    """Four minutes up and down by 100 ms, which no line takes out: less than 2 % of it is above 0.04 Hz."""
    vlf, lf, hf = powers(plain(heart(lambda t: 900 + 100 * sin(2 * pi * t / 240), 900)))
    assert vlf > 4000
    assert max(lf, hf) < 0.02 * 5000


def test_7_the_spectrum_of_a_part_knows_nothing_of_what_is_outside() -> None:
    """The same beats have the same bits alone, and cut from two days that differ before and behind."""
    middle = wandering(250, 3)
    alone = told_ticks(middle)
    for seed, base in ((4, 800), (5, 1100)):
        before, behind = wandering(100, seed, base), wandering(80, seed + 2, base)
        before[0] += -sum(before) % 1_024_000  # whole seconds, so that the grid lies alike
        whole = told_ticks([*before, *middle, *behind])
        assert powers(whole.part(100, 350)) == powers(alone)
        assert sp.peak_hz(whole.part(100, 350)) == sp.peak_hz(alone)
