"""Intervals no heart makes, taken as they are (RULINGS A8 --no-correction): an answer or a reason, never a failure."""

from __future__ import annotations

from math import isfinite, sin

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from biofeedback.hrv.every_beat import every_beat, ready_of
from biofeedback.hrv.live import Trailing, known_at, live_hrv
from biofeedback.hrv.stream import Ready
from biofeedback.hrv.summary import summarise, uncorrected
from biofeedback.hrv.tachogram import Curve, enough
from biofeedback.hrv.window import Answer, Estimate, NotYet
from biofeedback.session.beat_table import lines_of
from tests.strategies import MS

LIVELY = [round((800 + 50 * sin(number)) * MS) for number in range(400)]


def answers(ticks: list[int]) -> dict[str, Answer]:
    found = dict(summarise(uncorrected(ticks)).metrics)
    assert all(isinstance(answer, NotYet) or isfinite(answer.value) for answer in found.values())
    return found


@pytest.mark.parametrize("many", [1, 12, 150])
def test_a8_a_minute_of_one_interval_and_beats_of_a_millisecond_have_no_spectrum(many: int) -> None:
    """Twelve beats within a quarter of a second: the tachogram has a point or none."""
    found = answers([400_000 * MS] + [MS] * many)
    for name in ("vlf_ms2", "lf_ms2", "hf_ms2", "total_ms2", "lf_hf", "peak_hz"):
        assert isinstance(found[name], NotYet)


@pytest.mark.parametrize("short", [1, 2, MS // 100])
def test_a8_beats_closer_than_a_microsecond_are_answered(short: int) -> None:
    """Two beats at one microsecond of session time: the curve between them is a step."""
    found = answers([*LIVELY[:200], *[short] * 30, *LIVELY[200:]])
    assert isinstance(found["total_ms2"], Estimate)


@settings(max_examples=60)
@given(st.lists(st.sampled_from((1, 3, MS, 20 * MS, 700 * MS, 5000 * MS, 70_000 * MS, 400_000 * MS)), max_size=60))
def test_a8_any_positive_intervals_are_answered(odd: list[int]) -> None:
    answers([*odd, *LIVELY[:100], *odd[::-1]])


@pytest.mark.slow
@settings(max_examples=10)
@example([100_000 * MS])
@example([100_000 * MS] + [20 * MS] * 40)
@given(st.lists(st.sampled_from((20 * MS, 700 * MS, 5000 * MS, 59_000 * MS, 70_000 * MS)), max_size=20))
def test_a6_the_table_of_any_positive_intervals_is_what_a_session_says(odd: list[int]) -> None:
    """A window of 60 s behind an interval that is longer holds no beat at all; its line has empty cells.

    Bit for bit as long as sums over the grid are exact: a curve through beats a millisecond apart leaves 53 bits.
    """
    beats = uncorrected([*odd, *LIVELY[:100], *odd[::-1], *LIVELY[:40]])
    live = [
        live_hrv(0, Trailing(known_at(event, beats), beats[0].opening_us), None)
        for event in ready_of(beats)
        if isinstance(event, Ready)
    ]
    lines: list[str] = []
    rows: list[tuple[int, ...]] = []
    for block in every_beat(ready_of(beats), -(2**62), 2**62):
        rows += zip(block.t_us.tolist(), block.rows.beats.tolist(), block.rows.flagged.tolist(), strict=True)
        lines += lines_of(block)
    assert rows == [(hrv.t_us, hrv.beats, hrv.flagged) for hrv in live]
    cells = [line.split(",")[1:-1] for line in lines]
    assert cells == [["" if value is None else repr(value) for value in hrv.values.values()] for hrv in live]


def test_2_a_tachogram_takes_twelve_beats_over_three_seconds() -> None:
    t_us = np.arange(20) * 273_000
    first = np.array([0, 0, 5, 9, 20])
    last = np.array([11, 10, 19, 19, -1])
    assert enough(t_us, first, last).tolist() == [True, False, True, False, False]
    assert enough(t_us * 9 // 10, first, last).tolist() == [False, False, True, False, False]


def test_2_a_curve_through_two_beats_at_one_time_is_finite() -> None:
    t_us = np.array([*range(0, 8_000_000, 800_000), 7_200_000, *range(8_000_000, 16_000_000, 800_000)])
    ticks = 800 * MS + (np.arange(len(t_us)) % 3) * 1000
    curve = Curve(t_us, ticks, np.arange(len(t_us)) == 0)
    assert np.isfinite(curve.grid).all()
