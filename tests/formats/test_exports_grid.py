"""The 4 Hz grid of exports."""

from __future__ import annotations

from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given

from biofeedback.breathing.pacer import Stretch
from biofeedback.formats.exports.gathered import Gathered
from biofeedback.formats.exports.grid import paced_breath, points_of, tachogram
from tests.formats.gathering import beats_of, gathered, recordings
from tests.strategies import MS

interpolate: Any = import_module("scipy.interpolate")


def swinging(count: int) -> list[int]:
    return [round((850 + 60 * np.sin(number / 2)) * MS) for number in range(count)]


def test_the_grid_is_a_natural_spline_through_the_intervals_at_their_closing_beats() -> None:
    beats = beats_of(swinging(120))
    found = tachogram(gathered(beats))
    spline = interpolate.CubicSpline(
        [beat.t_us / 1e6 for beat in beats], [beat.rr_ms for beat in beats], bc_type="natural"
    )
    places = np.flatnonzero(~np.isnan(found))
    assert np.abs(found[places] - spline(places / 4)).max() < 0.2
    assert places[0] == np.ceil(beats[0].t_us / 250_000)
    assert places[-1] == beats[-1].t_us // 250_000
    assert (np.diff(places) == 1).all()


def test_no_point_lies_in_a_gap_and_a_flagged_interval_is_bridged() -> None:
    ticks = swinging(60)
    ticks[20] = 1700 * MS
    beats = beats_of(ticks, {20: "missed"}, [40])
    found = tachogram(gathered(beats))
    hole = np.arange(len(found)) * 250_000
    inside = (hole > beats[39].t_us) & (hole < beats[40].t_us)
    assert inside.sum() > 15
    assert np.isnan(found[inside]).all()
    assert np.nanmax(found) < 920


@given(recordings())
def test_the_grid_holds_values_only_between_beats_of_one_stretch(recording: Gathered) -> None:
    found = tachogram(recording)
    assert len(found) == points_of(recording)
    covered = np.zeros(len(found), bool)
    at = np.arange(len(found)) * 250_000
    sound = [beat for beat in recording.beats if not beat.why]
    for early, late in pairwise(sound):
        if not any(beat.gap_before and early.t_us < beat.t_us <= late.t_us for beat in recording.beats):
            covered |= (at >= early.t_us) & (at <= late.t_us)
    assert (~np.isnan(found) <= covered).all()


def test_the_paced_breath_is_the_pacers_own_and_absent_without_it() -> None:
    pacer = (Stretch(2_000_000, 6.0, 0.4), Stretch(22_000_000, None))
    found = paced_breath(gathered((), length_us=30_000_000, pacer=pacer))
    assert np.isnan(found[:8]).all()
    assert np.isnan(found[88:]).all()
    assert (found[8], found[8 + 16], found[8 + 40]) == (0.0, 1.0, 0.0)
    assert ((found[8:88] >= 0) & (found[8:88] <= 1)).all()
