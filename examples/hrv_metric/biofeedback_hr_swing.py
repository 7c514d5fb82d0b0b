"""An example plug-in: the metric `hr_swing_bpm`, how far the heart rate swings with the breath.

The highest less the lowest heart rate of every 15 s, in the mean; 15 s hold a whole breath from 4 a minute on. Large
swings are what slow breathing makes; they say how deep and slow the breath is as much as how the heart answers. How to
write and install a metric: docs/adding_a_metric.md.
"""

from __future__ import annotations

from typing import Final

from biofeedback.hrv.registry import Metric
from biofeedback.hrv.ticks import TICKS_PER_S
from biofeedback.hrv.window import BeatWindow

PIECE_US: Final = 15_000_000
LEAST_BEATS: Final = 6
"""With fewer good beats in 15 s its highest and lowest may be among those that are missing."""


def hr_swing_bpm(window: BeatWindow) -> float | None:
    """Mean of the highest less the lowest heart rate of each 15 s without a gap, bpm; None where there are none."""
    swings: list[float] = []
    for stretch in window.stretches:  # what lies between two gaps
        beats = stretch.arrays
        piece = (beats.t_us - beats.t_us[0]) // PIECE_US
        for number in range(int(piece[-1])):  # the last one is not full
            ticks = beats.ticks[(piece == number) & beats.ok]
            if len(ticks) >= LEAST_BEATS:
                swings.append(60 * TICKS_PER_S / int(ticks.min()) - 60 * TICKS_PER_S / int(ticks.max()))
    return sum(swings) / len(swings) if swings else None


HR_SWING: Final = Metric(
    name="hr_swing_bpm",
    unit="bpm",
    version=1,  # another number whenever values change: recordings name it
    compute=hr_swing_bpm,
    least_s=30,
    least_beats=20,
    live_s=60,
    live_beats=20,
    without="no 15 s of beats in one piece",
)
