"""EDF+ by edfio, read back by edfio and by bytes."""

from __future__ import annotations

import io
import sys
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings

from biofeedback.errors import OutputError
from biofeedback.formats.exports.edf import LONGEST_TEXT, edf_bytes
from biofeedback.formats.exports.gathered import Gathered, Moment
from biofeedback.formats.exports.grid import tachogram
from tests.formats.gathering import beats_of, gathered, recordings
from tests.strategies import MS

edfio = pytest.importorskip("edfio")

if TYPE_CHECKING:
    from edfio import Edf


def read(recording: Gathered) -> Edf:
    found: Edf = edfio.read_edf(io.BytesIO(edf_bytes(recording)))
    return found


def swinging(count: int) -> list[int]:
    return [round((850 + 60 * np.sin(number / 2)) * 1.024) * 1000 for number in range(count)]


@given(recordings())
@settings(max_examples=40)
def test_every_beat_comes_back_to_the_microsecond_and_every_interval_to_the_tick(recording: Gathered) -> None:
    notes = read(recording).annotations
    beats = [round(note.onset * 1e6) for note in notes if note.text == "beat"]
    intervals = sorted((note.onset, note.duration, note.text) for note in notes if note.text.startswith("RR"))
    assert beats == sorted(beat.t_us for beat in recording.beats)
    told = [(round(onset * 1e6), round((length or 0) * 1_024_000), text[3:]) for onset, length, text in intervals]
    assert told == sorted((beat.opening_us, beat.ticks, beat.why) for beat in recording.beats)


def test_the_signal_is_the_tachogram_within_half_a_step_and_nought_in_gaps() -> None:
    recording = gathered(beats_of(swinging(90), gaps=[50]))
    signal = read(recording).signals[0]
    assert (signal.label, signal.sampling_frequency, signal.physical_dimension) == ("RR tachogram", 4, "ms")
    expected = np.nan_to_num(tachogram(recording))
    assert np.abs(signal.data[: len(expected)] - expected).max() <= 0.025 + 1e-9
    assert (signal.data[len(expected) :] == 0).all()
    assert (expected == 0).sum() > 10


def test_nothing_is_told_of_the_patient_and_the_start_is_local_time() -> None:
    found = read(gathered(beats_of(swinging(5))))
    assert found.local_patient_identification == "X X X X"
    assert found.local_recording_identification == "Startdate 01-MAR-2026 X X Polar_H10"
    assert found.startdatetime == datetime(2026, 3, 1, 9, 30, 15)  # noqa: DTZ001 - EDF knows no zones
    assert found.reserved == "EDF+C"


def test_without_a_start_the_date_is_the_one_that_edf_keeps_for_it() -> None:
    data = edf_bytes(gathered(beats_of(swinging(5)), start=None, anchors=(), device=""))
    assert data[88:168].decode().strip() == "Startdate X X X X"
    assert data[168:184] == b"01.01.8500.00.00"


def test_parts_gaps_and_words_are_annotations_on_one_line() -> None:
    moments = (
        Moment(1_000_000, "phase", "image", 3, 90_000_000, 1, "safe_place"),
        Moment(2_000_000, "gap", "contact", None, 6_449_616),
        Moment(3_000_000, "suds", "before", 4),
        Moment(4_000_000, "note", "two\nlines\x14\x00end"),
        Moment(5_000_000, "note", "long " * 100),
        Moment(6_000_000, "pacer", "", 11.111111111111),
    )
    notes = read(gathered(beats_of(swinging(12)), moments=moments)).annotations
    told = {note.text: (note.onset, note.duration) for note in notes if note.text.split()[0] not in ("RR", "beat")}
    long = next(text for text in told if "long" in text)
    assert len(long) == LONGEST_TEXT
    assert {text: times for text, times in told.items() if text != long} == {
        "phase image safe_place pair 1": (1.0, 90.0),
        "gap contact": (2.0, 6.449616),
        "suds before 4": (3.0, None),
        "note two lines end": (4.0, None),
        "pacer 11.1111": (6.0, None),
    }


def test_a_recording_without_a_beat_has_its_parts() -> None:
    found = read(gathered((), moments=(Moment(0, "phase", "settle", 0, 2_000_000),), length_us=2_000_000))
    assert [note.text for note in found.annotations] == ["phase settle"]
    assert (found.signals[0].data == 0).all()


def test_without_edfio_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "edfio", None)
    with pytest.raises(OutputError, match="edfio") as caught:
        edf_bytes(gathered(beats_of([800 * MS])))
    assert 'pip install "biofeedback[formats]"' in caught.value.advice
