"""A recording on an even grid of 4 Hz: intervals by the house's spline, and the breath of the pacer."""

from __future__ import annotations

from typing import Final

import numpy as np

from biofeedback.breathing.pacer import position
from biofeedback.formats.exports.gathered import ExportedBeat, Gathered, stretches
from biofeedback.hrv.tachogram import GRID_US, Curve
from biofeedback.hrv.ticks import TICKS_PER_MS
from biofeedback.hrv.window import Floats

GRID_HZ: Final = 1_000_000 // GRID_US


def points_of(gathered: Gathered) -> int:
    """How many points the grid has: from the session's beginning to its last beat or event."""
    last = max([gathered.length_us, *(beat.t_us for beat in gathered.beats[-1:])])
    return max(0, last // GRID_US) + 1


def tachogram(gathered: Gathered) -> Floats:
    """The intervals in ms at each point of the grid, (n,) from session time 0 on; nan in gaps and where none is.

    The cubic spline of the house (hrv/tachogram.py) through the sound intervals, each at its closing beat.
    """
    grid = np.full(points_of(gathered), np.nan)
    for stretch in stretches(gathered.beats):
        sound = [beat for beat in stretch if not beat.why]
        if len(sound) >= 2:
            _lay(grid, sound)
    return grid


def _lay(grid: Floats, sound: list[ExportedBeat]) -> None:
    begin = -(-sound[0].t_us // GRID_US)
    if begin > sound[-1].t_us // GRID_US:
        return
    t_us = np.array([beat.t_us for beat in sound], np.int64)
    first = np.zeros(len(sound), bool)
    first[0] = True
    curve = Curve(t_us, np.array([beat.ticks for beat in sound], np.int64), first)
    rows, counts = curve.rows(np.array([0]), np.array([len(sound) - 1]))
    skipped = max(0, -begin)  # a first beat may lie before the session's beginning
    values = rows[0, skipped : int(counts[0])] / TICKS_PER_MS
    grid[begin + skipped : begin + skipped + len(values)] = values


def paced_breath(gathered: Gathered) -> Floats:
    """How full the chest is by the pacer, 0 to 1, at each point of the grid (n,); nan while there is no pacer."""
    grid = np.full(points_of(gathered), np.nan)
    for number in range(len(grid)):
        there = position(gathered.pacer, number * GRID_US)
        if there is not None:
            grid[number] = there.fullness
    return grid
