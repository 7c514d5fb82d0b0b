"""Beats from waveforms: right, or refused in words (DESIGN 6)."""

from __future__ import annotations

import csv
import gzip
import importlib
import subprocess
import sys
from functools import cache
from itertools import pairwise
from math import sqrt
from random import Random
from typing import cast

import numpy as np
import numpy.typing as npt
import pytest

import biofeedback as bf
from biofeedback.errors import BiofeedbackError, UnreadableError, UsageError
from biofeedback.formats.waveform import WaveformBeats, WaveformKind, rr_from_waveform
from biofeedback.hrv.ticks import TICKS_PER_S
from biofeedback.hrv.window import Estimate
from tests.cli.programs import ROOT
from tests.formats.waves import NoiseName, Wave, beat_times, ecg, matched, noise, pulse
from tests.real import DATA, needs_data

KINDS: tuple[WaveformKind, ...] = ("ecg", "ppg")
HZ = 250
SECONDS = 60.0
TRUTH = beat_times(SECONDS, seed=1)
ECG = ecg(TRUTH, HZ, SECONDS)
PULSE = pulse(TRUTH, HZ, SECONDS)
AT = np.arange(ECG.size) / HZ


@pytest.fixture(scope="module", autouse=True)
def heartpy_is_loaded() -> None:
    """Its second of import is nobody's."""
    rr_from_waveform(ECG, HZ, "ecg")


def seconds_of(found: WaveformBeats) -> Wave:
    return np.array(found.beats) / TICKS_PER_S


def rmssd_ms(seconds: Wave) -> float:
    return sqrt(float(np.mean(np.diff(seconds, 2) ** 2))) * 1000


def made(kind: WaveformKind, times: Wave, hz: float, seconds: float) -> Wave:
    return ecg(times, hz, seconds) if kind == "ecg" else pulse(times, hz, seconds)


def refusal(signal: object, hz: float | None = HZ, kind: str | None = None, times_s: Wave | None = None) -> str:
    with pytest.raises(BiofeedbackError) as refused:
        rr_from_waveform(cast("Wave", signal), hz, cast("WaveformKind | None", kind), times_s=times_s)
    assert refused.value.what.endswith(".")
    assert refused.value.advice.endswith(".")
    return refused.value.what


# What is there is found


@pytest.mark.parametrize("mean_s", [0.35, 0.6, 0.9, 1.4])
@pytest.mark.parametrize("hz", [100, 130.16, 250, 500])
def test_every_beat_of_a_clean_ecg_is_found_within_a_fiftieth_of_a_sample(hz: float, mean_s: float) -> None:
    reaching_in_s = 0.001 if mean_s < 0.5 else 0  # at 171 bpm the T wave leans on the next QRS complex
    truth = beat_times(200, seed=2, mean_s=mean_s, breath_s=0.04 * mean_s)
    found = rr_from_waveform(ecg(truth, hz, 200), hz, "ecg")
    assert len(found.beats) == truth.size
    worst_s = matched(seconds_of(found), truth, 0.05)[2]
    assert worst_s < 0.02 / hz + reaching_in_s
    assert found.flagged == bf.analyze((np.diff(truth) * 1000).tolist()).excluded / (truth.size - 1)
    assert (found.quality, found.holes) == (None, ())
    assert abs(rmssd_ms(seconds_of(found)) - rmssd_ms(truth)) <= 4000 * worst_s  # a difference holds four places


@pytest.mark.parametrize("second_wave", [0.0, 0.35, 0.6])
@pytest.mark.parametrize("hz", [25, 50, 100, 250])
def test_every_pulse_of_a_clean_wave_is_found_within_2_ms(hz: float, second_wave: float) -> None:
    truth = beat_times(200, seed=3)
    found = rr_from_waveform(pulse(truth, hz, 200, second_wave), hz, "ppg")
    assert len(found.beats) == truth.size
    assert matched(seconds_of(found), truth, 0.05)[2] < 0.002
    assert (found.flagged, found.quality) == (0, None)


def test_the_place_of_a_beat_is_its_r_peak_or_its_steepest_rise() -> None:
    r_peaks = seconds_of(rr_from_waveform(ECG, HZ, "ecg"))
    rises = seconds_of(rr_from_waveform(PULSE, HZ, "ppg"))
    assert np.abs(r_peaks - TRUTH).max() < 0.002  # Q and S are not alike, which leans the peak of the band a little
    assert np.abs(rises - (TRUTH - 0.07)).max() < 0.015  # the steepest place of half a Gaussian; 5 Hz round it off


def test_a7_places_are_rounded_as_places_and_then_differenced() -> None:
    found = rr_from_waveform(ECG, HZ, "ecg")
    assert all(isinstance(ticks, int) for ticks in found.beats)
    assert found.rr_ticks == tuple(late - early for early, late in pairwise(found.beats))
    assert sum(found.rr_ticks) == found.beats[-1] - found.beats[0]
    assert found.rr_ms == tuple(ticks / 1024 for ticks in found.rr_ticks)


@pytest.mark.parametrize("signal", [-ECG, 1000 * ECG, ECG + 1e6, 1e-9 * ECG, 1e300 * ECG])
def test_neither_sign_nor_unit_nor_offset_of_an_ecg_matter(signal: Wave) -> None:
    upright, other = rr_from_waveform(ECG, HZ, "ecg"), rr_from_waveform(signal, HZ, "ecg")
    assert np.abs(np.array(upright.beats) - np.array(other.beats)).max() <= 1


def test_a_pulse_wave_upside_down_is_turned_over() -> None:
    assert rr_from_waveform(-PULSE, HZ, "ppg").beats == rr_from_waveform(PULSE, HZ, "ppg").beats


def test_lists_and_whole_numbers_do() -> None:
    counts = np.round(ECG * 1000).astype(np.int32)
    assert rr_from_waveform(list(ECG), HZ, "ecg") == rr_from_waveform(ECG, HZ, "ecg")
    assert rr_from_waveform(counts.tolist(), HZ, "ecg") == rr_from_waveform(counts, HZ, "ecg")
    assert matched(seconds_of(rr_from_waveform(counts, HZ, "ecg")), TRUTH, 0.05)[:2] == (1, 1)


def spiked(before_s: float) -> Wave:
    spikes = np.zeros(ECG.size)
    spikes[np.round((TRUTH - before_s) * HZ).astype(int)] = 5
    return spikes


@pytest.mark.parametrize(
    ("extra", "within_s"),
    [
        (5 * np.sin(2 * np.pi * 0.2 * AT), 0.0005),
        (np.sin(2 * np.pi * 50 * AT), 0.0005),
        (np.sin(2 * np.pi * 60 * AT), 0.0005),
        (noise("wander", AT.size, HZ, 1) * 3, 0.0005),
        (spiked(0.16), 0.0025),  # a spike is one sample: the beat may lie anywhere in it
        (spiked(0.04), 0.0025),
    ],
    ids=["breathing chest", "50 Hz", "60 Hz", "wander", "pacemaker, atrium", "pacemaker, ventricle"],
)
def test_what_lies_beside_the_qrs_band_does_not_matter(extra: Wave, within_s: float) -> None:
    found = rr_from_waveform(ECG + extra, HZ, "ecg")
    sensitivity, predictive, worst_s = matched(seconds_of(found), TRUTH, 0.05)
    assert (len(found.beats), sensitivity, predictive) == (TRUTH.size, 1, 1)
    assert worst_s < within_s


def test_irregular_beats_are_found_and_called_irregular() -> None:
    steps = np.array([0.45, 1.1, 0.6, 0.95, 0.5, 1.2, 0.7] * 12)
    truth = 0.7 + np.cumsum(steps)
    found = rr_from_waveform(ecg(truth, HZ, truth[-1] + 1), HZ, "ecg")
    assert len(found.beats) == truth.size
    assert found.flagged > 0.2
    assert found.quality == "irregular"


@pytest.mark.parametrize(("bumps", "given"), [(1, True), (3, False)])
def test_irregular_beats_are_believed_only_where_the_two_ways_hardly_ever_differ(bumps: int, given: bool) -> None:
    """A blunt bump is a beat to the first way and none to the second, which looks at sharper things."""
    steps = np.array([0.45, 1.1, 0.6, 0.95, 0.5, 1.2, 0.7] * 12)
    truth = 0.7 + np.cumsum(steps)
    signal = ecg(truth, HZ, truth[-1] + 1)
    at = np.arange(signal.size) / HZ
    for number in range(bumps):
        signal += 1.8 * np.exp(-((at - truth[22 + 21 * number] + 0.5) ** 2) / (2 * 0.03**2))
    if given:
        assert 0.98 < rr_from_waveform(signal, HZ, "ecg").agreement < 1
    else:
        assert "fit no rhythm" in refusal(signal, HZ, "ecg")


@pytest.mark.parametrize(("signal", "kind"), [(ECG, "ecg"), (-ECG, "ecg"), (PULSE, "ppg"), (-PULSE, "ppg")])
def test_a_clear_signal_tells_its_kind(signal: Wave, kind: str) -> None:
    assert rr_from_waveform(signal, HZ).kind == kind


def test_a_slow_signal_can_only_be_a_pulse_wave() -> None:
    assert rr_from_waveform(pulse(TRUTH, 50, SECONDS), 50).kind == "ppg"


# Holes


def lost(how: str) -> tuple[Wave, Wave | None]:
    """The ECG without its seconds 20 to 26, and the times of its samples where they are needed."""
    away = (AT >= 20) & (AT < 26)
    if how == "stamps":
        return ECG[~away], AT[~away] + 1000
    return np.where(away, {"flat": -3.0, "nan": np.nan, "infinite": np.inf}[how], ECG), None


@pytest.mark.parametrize("how", ["flat", "nan", "infinite", "stamps"])
def test_a_lost_lead_is_a_hole_and_no_beats_are_made_up_in_it(how: str) -> None:
    signal, times_s = lost(how)
    found = rr_from_waveform(signal, None if times_s is not None else HZ, "ecg", times_s=times_s)
    assert np.array(found.holes) == pytest.approx(np.array([[20, 26]]), abs=0.005)
    assert matched(seconds_of(found), TRUTH[(TRUTH < 20) | (TRUTH > 26)], 0.05)[:2] == (1, 1)
    assert found.seconds == pytest.approx(SECONDS)
    assert bf.analyze(found.rr_ms).gaps == 1
    assert found.flagged == 0


@pytest.mark.parametrize("first", range(0, 250, 10))
def test_half_a_beat_beside_a_hole_is_not_taken(first: int) -> None:
    signal = ECG.copy()
    signal[5000 + first : 7000] = np.nan
    sample = TRUTH * HZ
    whole = TRUTH[(sample < 5000 + first) | (sample > 7000)]
    sensitivity, predictive, _ = matched(seconds_of(rr_from_waveform(signal, HZ, "ecg")), whole, 0.02)
    assert predictive == 1
    assert sensitivity >= 1 - 2 / whole.size


def test_the_rate_comes_from_the_stamps() -> None:
    rounded = np.round(np.arange(round(130.16 * 60)) / 130.16, 4)  # as Polar's export has them
    found = rr_from_waveform(ecg(TRUTH, 130.16, 60), None, "ecg", times_s=rounded)
    assert found.hz == pytest.approx(130.16, rel=1e-4)
    assert matched(seconds_of(found), TRUTH, 0.05)[2] < 0.0005


def railed(begin_s: float, end_s: float) -> Wave:
    """The ECG of 120 s with an amplifier at its rail, now at this, now at that, single samples elsewhere."""
    random = Random(5)
    signal = LONG.copy()
    begin, end = round(begin_s * HZ), round(end_s * HZ)
    for start in range(begin, end, 400):
        signal[start : min(end, start + 400)] = random.choice([-18.0, 18.0])
    for place in random.sample(range(begin + 10, end - 10), (end - begin) // 20):
        signal[place] = random.uniform(-15, 15)
    return signal


LONG_TRUTH = beat_times(120, seed=6)
LONG = ecg(LONG_TRUTH, HZ, 120)


def test_an_amplifier_at_its_rail_is_a_hole_even_where_single_samples_leave_it() -> None:
    found = rr_from_waveform(railed(20, 55), HZ, "ecg")
    ((begin, end),) = found.holes
    assert [begin, end] == pytest.approx([20, 55], abs=0.3)
    whole = LONG_TRUTH[(begin - 0.1 > LONG_TRUTH) | (end + 0.1 < LONG_TRUTH)]
    assert matched(seconds_of(found), whole, 0.02)[:2] == (1, 1)
    assert "35 of 120 s hold no heartbeat that can be trusted" in found.found


def test_tops_that_are_cut_off_are_no_rail() -> None:
    cut = np.minimum(LONG, 0.9)
    cut[round(50 * HZ) : round(52 * HZ)] = 0.9
    found = rr_from_waveform(cut, HZ, "ecg")
    assert sum(end - begin for begin, end in found.holes) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("begin", "end"), [(0, 40), (50, 62), (80, 120)])
def test_a_stretch_of_noise_is_a_hole_and_sinks_nothing_else(begin: int, end: int, seed: int) -> None:
    at = np.arange(LONG.size) / HZ
    noisy = LONG + 0.3 * noise("motion", LONG.size, HZ, seed) * ((at >= begin) & (at < end))
    found = rr_from_waveform(noisy, HZ, "ecg")
    lost_s = sum(until - since for since, until in found.holes)
    assert end - begin - 2 < lost_s < end - begin + 20
    beats, there = seconds_of(found), LONG_TRUTH[~in_holes(found, LONG_TRUTH)]
    assert matched(beats, there, 0.02)[:2] == (1, 1)
    assert found.agreement > 0.98
    assert f"{lost_s:.0f} of 120 s hold no heartbeat that can be trusted" in found.found


def test_what_is_given_of_a_noisy_signal_lasts_10_s_a_stretch() -> None:
    at = np.arange(LONG.size) / HZ
    tugged = LONG + 1.5 * noise("motion", LONG.size, HZ, 2) * (at % 14 < 4)
    assert "of 100" in refusal(tugged, HZ, "ecg")


# What cannot be told is refused

NOISES: tuple[NoiseName, ...] = ("white", "muscle", "pink", "motion", "qrs band", "bursts", "wander", "hum")
LEVELS = (0.02, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 100.0)


def right_or_refused(kind: WaveformKind, name: NoiseName, level: float, seed: int) -> bool:
    """Whether beats were given; then they must be right."""
    hz = ((130, 250) if kind == "ecg" else (64, 100))[seed % 2]
    truth = beat_times(SECONDS, seed, mean_s=0.5 + 0.2 * (seed % 5))
    wave = made(kind, truth, hz, SECONDS)
    try:
        found = rr_from_waveform(wave + level * noise(name, wave.size, hz, seed), hz, kind)
    except UnreadableError:
        return False
    beats = seconds_of(found)
    predictive = matched(beats, truth, 0.06)[1]
    sensitivity = matched(beats, truth[~in_holes(found, truth)], 0.06)[0]
    assert min(sensitivity, predictive) >= 0.95, (name, level, seed, sensitivity, predictive)
    return True


def in_holes(found: WaveformBeats, times: Wave) -> npt.NDArray[np.bool_]:
    """Which of the times lie in its holes, or so close that half a beat does."""
    return np.array([any(begin - 0.1 < at < end + 0.1 for begin, end in found.holes) for at in times])


@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("kind", KINDS)
def test_with_more_noise_an_answer_turns_from_right_to_none_and_is_never_wrong(
    kind: WaveformKind, name: NoiseName
) -> None:
    given = {level: right_or_refused(kind, name, level, seed=1) for level in LEVELS}
    assert given[0.02]
    assert not given[100.0]


@pytest.mark.slow
@pytest.mark.parametrize("name", NOISES)
@pytest.mark.parametrize("kind", KINDS)
def test_no_answer_is_wrong_over_many_hearts(kind: WaveformKind, name: NoiseName) -> None:
    given = [right_or_refused(kind, name, level, seed) for seed in range(2, 5) for level in LEVELS]
    assert any(given)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(5))
def test_pure_noise_has_no_beats(kind: WaveformKind, seed: int) -> None:
    for name in NOISES:
        refusal(noise(name, ECG.size, HZ, seed), HZ, kind)


@pytest.mark.parametrize("low", [0.3, 0.4])
def test_an_ecg_that_hides_every_second_beat_is_refused(low: float) -> None:
    heights = np.where(np.arange(TRUTH.size) % 2, low, 1.0)
    assert "Beats may be missing" in refusal(ecg(TRUTH, HZ, SECONDS, heights), HZ, "ecg")


@pytest.mark.parametrize("low", [0.6, 0.8])
def test_beats_of_uneven_height_are_all_found(low: float) -> None:
    heights = np.where(np.arange(TRUTH.size) % 2, low, 1.0)
    found = rr_from_waveform(ecg(TRUTH, HZ, SECONDS, heights), HZ, "ecg")
    assert len(found.beats) == TRUTH.size


@pytest.mark.parametrize(
    ("signal", "hz", "kind", "words"),
    [
        ([], HZ, None, "empty"),
        ([1, "x", 3], HZ, None, "not a number"),
        ([[1, 2], [3, 4]], HZ, None, "2 dimensions"),
        (np.ones(5000), HZ, None, "one value for 100%"),
        (np.full(5000, np.nan), HZ, None, "not numbers"),
        (ECG[: 4 * HZ], HZ, "ecg", "only 4.0 s"),
        (ECG[: 9 * HZ], HZ, "ecg", "only 9.0 s"),
        (np.minimum(PULSE, 0.3), HZ, "ppg", "cut off"),
        (np.where(AT % 4 < 0.01, np.nan, ECG), HZ, "ecg", "torn"),
        (np.where((AT > 8) & (AT < 45), np.nan, ECG), HZ, "ecg", "of the signal is without holes"),
        (ECG, 50, "ecg", "too few"),
        (PULSE, 20, None, "too few"),
        (np.sin(2 * np.pi * 1.1 * AT), HZ, "ecg", "Nothing in this signal stands out"),
        (np.sin(2 * np.pi * 10 * AT), HZ, "ecg", "Nothing in this signal stands out"),
        (np.sin(2 * np.pi * AT / 4), HZ, "ppg", "cannot be told from this pulse wave"),
        (noise("white", AT.size, HZ, 1), HZ, None, "not clear whether"),
        (ECG, 1000, "ecg", "Nothing in this signal stands out"),
        (ECG + 0.3 * noise("white", AT.size, HZ, 1), HZ, "ecg", "of 100"),
        (PULSE + 0.1 * noise("motion", AT.size, HZ, 1), HZ, "ppg", ""),
    ],
)  # fmt: skip
def test_a_refusal_says_what_was_seen(signal: object, hz: float, kind: str | None, words: str) -> None:
    assert words in refusal(signal, hz, kind)


@pytest.mark.parametrize("hz", [0, -1, float("nan"), float("inf"), 1e9, None])
def test_a_rate_that_is_none_is_a_usage_error(hz: float | None) -> None:
    with pytest.raises(UsageError):
        rr_from_waveform(ECG, hz, "ecg")


def test_a_kind_that_is_none_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="eeg"):
        rr_from_waveform(ECG, HZ, cast("WaveformKind", "eeg"))


@pytest.mark.parametrize(
    ("times_s", "hz", "words"),
    [
        (np.repeat(AT[::10], 10), None, "do not rise"),
        (AT[::-1], None, "do not rise"),
        (np.where(AT == 3, np.nan, AT), None, "do not rise"),
        (AT[:-1], None, "15000 samples and 14999 times"),
        (AT + 0.6 / HZ * (np.arange(AT.size) % 2), None, "uneven"),
        (AT, 200, "250.00 Hz, not 200 Hz"),
    ],
)
def test_times_that_cannot_be_those_of_the_samples_are_refused(times_s: Wave, hz: float | None, words: str) -> None:
    assert words in refusal(ECG, hz, "ecg", times_s)


# How far the numbers can be believed


@pytest.mark.parametrize(("kind", "level"), [("ecg", 0.05), ("ecg", 0.1), ("ppg", 0.02), ("ppg", 0.04)])
def test_the_scatter_tells_by_how_much_the_places_are_off(kind: WaveformKind, level: float) -> None:
    said: list[float] = []
    true: list[float] = []
    for seed in range(8):
        truth = beat_times(SECONDS, seed)
        found = rr_from_waveform(made(kind, truth, 100, SECONDS) + level * noise("white", 6000, 100, seed), 100, kind)
        errors = seconds_of(found)[:, None] - truth
        nearest = errors[np.arange(len(errors)), np.abs(errors).argmin(1)]
        said.append(found.scatter_ms)
        true.append(1000 * float(nearest.std()))
    assert 0.6 < np.mean(said) / np.mean(true) < 1.6


def test_places_that_scatter_over_5_ms_are_poor_and_over_10_ms_refused() -> None:
    truth = beat_times(SECONDS, 1)
    wave = pulse(truth, 100, SECONDS)
    poor = rr_from_waveform(wave + 0.08 * noise("pink", wave.size, 100, 1), 100, "ppg")
    assert 5 < poor.scatter_ms < 10
    assert poor.quality == "poor"
    assert "scatter by" in refusal(wave + 0.13 * noise("pink", wave.size, 100, 1), 100, "ppg")


# heartpy


def test_calls_share_no_state() -> None:
    peaks = importlib.import_module("heartpy.peakdetection")
    first = rr_from_waveform(ECG, HZ, "ecg")
    rr_from_waveform(PULSE, HZ, "ppg")
    refusal(noise("white", ECG.size, HZ, 1), HZ, "ecg")
    assert rr_from_waveform(ECG, HZ, "ecg") == first
    shared = [value for function in (peaks.fit_peaks, peaks.detect_peaks) for value in function.__defaults__]
    assert [value for value in shared if isinstance(value, dict) and value] == []


def test_the_list_of_peaks_is_the_one_that_heartpy_process_gives() -> None:
    """The adapter calls the part of `heartpy.process` that detects, for the rest costs 100 times as much."""
    heartpy = importlib.import_module("heartpy")
    peaks = importlib.import_module("heartpy.peakdetection")
    mean = importlib.import_module("heartpy.datautils").rolling_mean(ECG**2, 0.75, HZ)
    whole, _ = heartpy.process(ECG**2, HZ, bpmmin=30, bpmmax=220, calc_freq=False, measures={}, working_data={})
    part = peaks.fit_peaks(ECG**2, mean, HZ, bpmmin=30, bpmmax=220, working_data={})
    assert list(whole["peaklist"]) == list(part["peaklist"])


def child(program: str, *options: str) -> str:
    done = subprocess.run(
        [sys.executable, *options, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_the_adapter_imports_neither_heartpy_nor_scipy_nor_matplotlib() -> None:
    look = "import sys, biofeedback.formats.waveform; print(*{name.partition('.')[0] for name in sys.modules})"
    assert not set(child(look).split()) & {"heartpy", "scipy", "matplotlib", "pkg_resources", "PySide6", "asyncio"}


FIND = """
from tests.formats.waves import beat_times, ecg
from biofeedback.errors import BiofeedbackError
from biofeedback.formats.waveform import rr_from_waveform
try:
    print(len(rr_from_waveform(ecg(beat_times(20, 1), 250, 20), 250, "ecg").beats))
except BiofeedbackError as error:
    print(error.what, error.advice)
print(sys.modules.get("pkg_resources") is None)
"""


@pytest.mark.slow
def test_warnings_as_errors_do_not_stop_it() -> None:
    assert child("import sys" + FIND, "-W", "error").split()[0] == str(len(beat_times(20, 1)))


@pytest.mark.slow
def test_it_works_without_pkg_resources_and_leaves_no_stand_in_behind() -> None:
    absent = "import sys; sys.modules['pkg_resources'] = None"
    assert child(absent + FIND, "-W", "error").split() == [str(len(beat_times(20, 1))), "True"]


def test_without_heartpy_it_says_what_to_install() -> None:
    words = child("import sys; sys.modules['heartpy'] = None" + FIND)
    assert "cannot be looked for" in words
    assert "pip install 'heartpy" in words


# Real signals


@cache
def heartpy_sample(name: str) -> Wave:
    return np.loadtxt(DATA / "ecg_heartpy" / name)


@cache
def h10() -> tuple[Wave, Wave]:
    """Ten minutes of a Polar H10's ECG with bigeminy: times in s, mV."""
    with gzip.open(DATA / "ecg_h10_pvc" / "polar_h10_ecg.csv.gz", "rt", encoding="ascii") as file:
        rows = [(float(row["t_s"]), float(row["ecg_mV"])) for row in csv.DictReader(file)]
    return np.array([at for at, _ in rows]), np.array([value for _, value in rows])


def third_opinion(signal: Wave, hz: float) -> Wave:
    """Beats in s by neither of the adapter's two ways: a short mean less a long one, no filter, no squares.

    On the H10's ECG it finds the 801 beats on which six published detectors agree (HRV 1).
    """

    def mean(values: Wave, seconds: float) -> Wave:
        count = round(seconds * hz) | 1
        return np.convolve(values, np.full(count, 1 / count), "same")

    padded = np.pad(signal, 500, "edge")
    hills = mean(np.abs((mean(padded, 0.02) - mean(padded, 0.12))[500:-500]), 0.1)
    gap = round(0.3 * hz)
    highest = np.lib.stride_tricks.sliding_window_view(hills, 2 * gap + 1).max(axis=1)
    tops = np.flatnonzero(hills[gap:-gap] == highest) + gap
    usual = np.array([np.median(hills[tops[max(0, k - 10) : k + 11]]) for k in range(tops.size)])
    return tops[hills[tops] > 0.4 * usual] / hz


@needs_data
def test_e0103_is_read_as_other_detectors_read_it() -> None:
    found = rr_from_waveform(heartpy_sample("e0103.csv"), 250)
    assert (found.kind, len(found.beats), found.agreement, found.quality) == ("ecg", 120, 1, None)
    assert 30.0 < rmssd_ms(seconds_of(found)) < 30.6  # HRV 1: 30.2 by NeuroKit, 30.5 on whole samples


@needs_data
def test_e0110_where_heartpy_alone_fails_is_read_right() -> None:
    signal = heartpy_sample("e0110.csv")
    found = rr_from_waveform(signal, 250)
    beats, others = seconds_of(found), third_opinion(signal, 250)
    inner = beats[(beats > 0.4) & (beats < 119.6)]
    assert matched(inner, others, 0.075)[:2] == (1, 1)
    assert 34.5 < rmssd_ms(beats) < 35.5  # HRV 1: 35 by NeuroKit, 416 by heartpy alone
    assert found.quality is None


@needs_data
def test_a_real_pulse_wave_with_high_second_waves_is_read() -> None:
    found = rr_from_waveform(heartpy_sample("data.csv"), 100)
    assert (found.kind, len(found.beats), found.flagged) == ("ppg", 24, 0)
    rate = bf.analyze(found.rr_ms).metrics["mean_hr_bpm"]
    assert isinstance(rate, Estimate)
    assert rate.value == pytest.approx(58.9, abs=0.1)  # by two detectors of NeuroKit, run by hand


@needs_data
def test_an_ecg_with_bigeminy_is_found_and_called_irregular() -> None:
    times_s, signal = h10()
    found = rr_from_waveform(signal, None, times_s=times_s)
    others = third_opinion(signal, found.hz)
    assert others.size == 801
    sensitivity, predictive, _ = matched(seconds_of(found), others[~in_holes(found, others)], 0.1)
    assert sensitivity >= 0.99
    assert predictive >= 0.99
    assert found.kind == "ecg"
    assert found.quality == "irregular"
    assert found.hz == pytest.approx(130.16, abs=0.01)
    lost_s = sum(end - begin for begin, end in found.holes)
    assert lost_s < 4
    assert len(found.beats) / (found.seconds - lost_s) * 60 == pytest.approx(79.7, rel=0.005)


@needs_data
@pytest.mark.parametrize("name", ["e0110.csv", "h10"])
def test_a_real_ecg_taken_for_a_pulse_wave_is_refused(name: str) -> None:
    signal, hz = (h10()[1], 130.16) if name == "h10" else (heartpy_sample(name), 250)
    assert "cannot be told from this pulse wave" in refusal(signal, hz, "ppg")
