"""From samples to beats for all formats: what is looked at, what is found, what a hole is, and what is refused."""

from __future__ import annotations

from array import array
from datetime import datetime

import numpy as np
import pytest

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content, Marker, Start, Waveform
from biofeedback.formats.reading import Choices
from biofeedback.formats.readers.ecg import ecg_content
from biofeedback.formats.waveform import WaveformKind, rr_from_waveform
from biofeedback.hrv.ticks import TICKS_PER_S
from tests.formats.waves import Wave, beat_times, ecg, noise, pulse

HZ = 130.0
SECONDS = 60.0
TRUTH = beat_times(SECONDS, seed=4)
ECG = ecg(TRUTH, HZ, SECONDS)
LOOK = Choices(look=True)
AT = np.arange(ECG.size) / HZ


@pytest.fixture(scope="module", autouse=True)
def heartpy_is_loaded() -> None:
    """Its second of import is nobody's."""
    rr_from_waveform(ECG, HZ, "ecg")


def found_in(samples: Wave, **more: object) -> Content:
    return ecg_content("made", "ECG", samples, HZ, "uV", Choices(), kind="ecg", **more)  # type: ignore[arg-type]


def beats_of(content: Content) -> Wave:
    """Times of the beats in seconds since the first one; holes of the signal are jumped over."""
    holes = {hole.before: hole.ticks for hole in content.holes}
    times, now = [0], 0
    for index, value in enumerate(content.ticks):
        if index in holes:
            now += holes[index]
            times.append(now)
        now += value
        times.append(now)
    return np.array(times) / TICKS_PER_S


def test_a_look_describes_the_channel_and_looks_for_no_beats() -> None:
    content = ecg_content("made", "ECG", np.zeros(1300), HZ, "uV", LOOK, kind="ecg")
    assert content.verdict == "ecg"
    assert not content.has_beats
    assert content.waveforms == (Waveform("ECG", 130.0, "uV", 10.0),)
    assert content.to_json()["signals"] == [["ECG", 130.0, "uV"]]


def test_the_beats_found_are_those_that_were_made_with_times_from_the_first() -> None:
    content = found_in(ECG)
    assert content.has_beats
    assert len(content.ticks) == TRUTH.size - 1
    assert np.abs(beats_of(content) - (TRUTH - TRUTH[0])).max() < 0.004
    assert f"{TRUTH.size} beats found in two ways" in content.decisions[0]
    assert content.about["n"] == TRUTH.size - 1
    assert content.why is None
    assert not content.holes


def test_start_and_markers_are_counted_from_the_first_beat() -> None:
    markers = (Marker(0, "the first sample"), Marker(10 * TICKS_PER_S, "later"))
    content = found_in(ECG, start=Start("2025-05-03T23:59:59.900", "+01:00"), markers=markers)
    first = TRUTH[0]
    assert content.markers[0].at / TICKS_PER_S == pytest.approx(-first, abs=0.01)
    assert content.markers[1].at - content.markers[0].at == 10 * TICKS_PER_S
    assert content.start is not None
    assert content.start.zone == "+01:00"
    shifted = datetime.fromisoformat(content.start.text) - datetime.fromisoformat("2025-05-03T23:59:59.900")
    assert shifted.total_seconds() == pytest.approx(first, abs=0.01)


@pytest.mark.parametrize("lost_s", [0.2, 1.0, 7.6])
def test_a_hole_of_the_signal_is_no_interval_and_time_goes_on_through_it(lost_s: float) -> None:
    begin = TRUTH[30] + 0.35
    end = begin + lost_s
    content = found_in(np.where((begin <= AT) & (end > AT), np.nan, ECG))
    (hole,) = content.holes
    assert hole.ticks / TICKS_PER_S > lost_s
    assert content.span_ticks / TICKS_PER_S == pytest.approx(TRUTH[-1] - TRUTH[0], abs=0.01)
    times = beats_of(content) + TRUTH[0]
    nearest = TRUTH[np.abs(TRUTH[:, None] - times).argmin(axis=0)]
    assert np.abs(times - nearest).max() < 0.01
    assert max(content.ticks) / TICKS_PER_S < np.diff(TRUTH).max() + 0.01
    assert not [time for time in times if begin < time < end]
    assert f"{lost_s:.{int(lost_s < 1)}f} of 60 s hold no heartbeat that can be trusted;" in content.decisions[-1]


def test_missing_time_between_stamps_is_a_hole_too() -> None:
    kept = (AT < 20) | (AT >= 31.3)
    content = ecg_content("made", "ECG", ECG[kept], None, "uV", Choices(), kind="ecg", times_s=AT[kept] + 5000)
    assert [hole.before for hole in content.holes] == [int((TRUTH < 20 - 0.1).sum()) - 1]
    assert content.span_ticks / TICKS_PER_S == pytest.approx(TRUTH[-1] - TRUTH[0], abs=0.01)
    assert content.waveforms[0].seconds == pytest.approx(60, abs=0.05)
    assert content.waveforms[0].hz == pytest.approx(ECG[kept].size / 60, rel=0.01)


def test_a_lead_that_is_off_at_first_moves_the_start_and_is_no_hole() -> None:
    content = found_in(np.where(AT < 12, 0.0, ECG), start=Start("2025-05-03T10:00:00"))
    assert not content.holes
    first = TRUTH[TRUTH > 12.1].min()
    assert content.start is not None
    assert content.start.text.startswith(f"2025-05-03T10:00:{int(first):02d}")


def test_a_heart_that_is_paced_at_one_rate_is_no_bad_signal() -> None:
    paced = np.arange(78, ECG.size - 78, 104) / HZ
    content = found_in(ecg(paced, HZ, SECONDS))
    assert set(content.ticks) == {104 * TICKS_PER_S // 130}
    assert len(content.ticks) == paced.size - 1


def test_a_pulse_wave_says_that_its_intervals_are_not_rr() -> None:
    wave = pulse(TRUTH, HZ, SECONDS)
    kinds: tuple[WaveformKind | None, ...] = (None, "ppg")
    for kind in kinds:
        content = ecg_content("made", "Pleth", wave, HZ, "", Choices(), kind=kind)
        assert sum("pulse intervals, not RR" in word for word in content.decisions) == 1
    assert "not RR" in ecg_content("made", "Pleth", wave, HZ, "", LOOK, kind="ppg").decisions[0]


@pytest.mark.parametrize(
    ("samples", "hz", "sentence"),
    [
        (ECG[:300], HZ, "the signal is only 2.3 s long."),
        (ECG[::13], 10.0, "10 samples a second are too few for the beats of an ECG."),
        (np.zeros(6000), HZ, "the signal keeps one value for 100% of its time, as when a lead is off."),
        (
            noise("white", 6000, HZ, 1),
            HZ,
            "nothing in this signal stands out as the beats of an ECG do.",
        ),
        (ECG, 0.0, "0.0 Hz is no rate of a signal."),
    ],
)
def test_the_gate_refuses_in_its_own_words(samples: Wave, hz: float, sentence: str) -> None:
    with pytest.raises(ImportRefused) as refused:
        ecg_content("made", "ECG", samples, hz, "uV", Choices(), kind="ecg")
    assert refused.value.what == sentence
    assert "kind=" not in refused.value.advice


def test_a_start_that_is_no_date_stays_as_it_was() -> None:
    assert found_in(ECG, start=Start("12:30")).start == Start("12:30")


def test_nothing_is_found_without_its_ticks_being_whole() -> None:
    assert isinstance(found_in(ECG).ticks, array)
    assert found_in(ECG).ticks.typecode == "q"
