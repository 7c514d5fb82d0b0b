"""Cuts of a recording and reading it without the artefact rule (RULINGS A8)."""

from __future__ import annotations

import pytest

import biofeedback as bf
from biofeedback.hrv.summary import beats_of_intervals, cut, summarise, uncorrected
from tests.strategies import MS, beats_of

SECOND = 1_000_000


def test_a8_without_from_and_to_every_beat_is_held_even_one_that_opened_before_the_session() -> None:
    beats = beats_of([800 * MS] * 10, start_us=-700_000)
    assert cut(beats) == beats
    assert cut(beats, from_s=0) == beats[1:]


def test_a8_the_opening_beat_lies_in_from_to_and_not_at_to() -> None:
    beats = beats_of([1000 * MS] * 30)
    assert [beat.index for beat in cut(beats, 5, 10)] == [5, 6, 7, 8, 9]
    assert [beat.index for beat in cut(beats, 5, 10, window_s=3)] == [7, 8, 9]
    assert cut(beats, 50, 60) == []


def test_a8_no_correction_takes_every_positive_interval_and_knows_no_gap() -> None:
    ticks = [800 * MS] * 30 + [0, 5000 * MS, 100 * MS] + [800 * MS] * 30
    plain, ruled = uncorrected(ticks), beats_of_intervals(ticks)
    assert [beat.ticks for beat in plain] == [t for t in ticks if t > 0]
    assert (summarise(plain).excluded, summarise(plain).gaps) == (0, 0)
    assert (summarise(ruled).excluded, summarise(ruled).gaps) == (1, 1)
    assert plain[-1].t_us == ruled[-1].t_us == sum(ticks) * 1000 // MS


def test_seconds_and_negative_intervals_are_told() -> None:
    with pytest.raises(ValueError, match="these look like seconds"):
        bf.analyze([0.8] * 100)
    with pytest.raises(ValueError, match="below nought"):
        bf.analyze([800.0, -800.0])
    with pytest.raises(ValueError, match="no intervals"):
        bf.analyze([])
