"""Bridges over flagged beats: how far the curve leaves the beats that it knows (HRV 2, RULINGS B2)."""

from __future__ import annotations

from math import pi, sin

import pytest

from biofeedback.hrv.spectrum import lf_ms2
from biofeedback.hrv.tachogram import tachogram
from biofeedback.hrv.window import BeatWindow
from tests.real import needs_data, plain_ms
from tests.strategies import MS, window


def bridged_heart(flagged: int, first: int) -> BeatWindow:
    """150 beats about 800 ms that swing by 40 ms at a breath in eight beats, some of them flagged."""
    ticks = [round((800 + 40 * sin(2 * pi * beat / 8)) * MS) for beat in range(150)]
    return window(ticks, [not first <= beat < first + flagged for beat in range(150)])


@pytest.mark.parametrize("first", range(60, 68))
@pytest.mark.parametrize("flagged", [0, 1, 2, 4, 24, 48])
def test_the_curve_stays_within_half_a_swing_of_the_beats(flagged: int, first: int) -> None:
    held = tachogram(bridged_heart(flagged, first)) / MS
    assert held.min() >= 720
    assert held.max() <= 880


@needs_data
@pytest.mark.parametrize("seconds", [1, 2, 3, 5, 10])
def test_flagged_seconds_at_rest_leave_lf_power_within_a_factor_of_two(seconds: int) -> None:
    ticks = [round(value * MS) for value in plain_ms("rr_rest_rhenan/rest_rri.txt")][:500]
    clock, ends = 0, list[float]()
    for value in ticks:
        clock += value
        ends.append(clock / MS / 1000)
    count = sum(end <= 120.2 for end in ends)
    whole = lf_ms2(window(ticks[:count]))
    bridged = lf_ms2(window(ticks[:count], [not 40 < end <= 40 + seconds for end in ends[:count]]))
    assert whole is not None
    assert bridged is not None
    assert whole / 2 < bridged < whole * 2
