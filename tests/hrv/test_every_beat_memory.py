"""The table of every beat takes no more memory for a longer recording, nor for one with a long pause (RULINGS A6)."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from random import Random

import numpy as np
import pytest

from biofeedback.hrv import every_beat as module
from biofeedback.hrv.every_beat import every_beat, ready_of
from biofeedback.hrv.stream import BeatStream
from biofeedback.hrv.summary import events_of_intervals, uncorrected
from biofeedback.hrv.window import Moments
from tests.strategies import MS

HOUR = 3_600_000 * MS
MB = 1e6


def heart(count: int) -> list[int]:
    chance = Random(count)
    return [round(chance.uniform(750, 850) * MS) for _ in range(count)]


def peak_mb(ticks: Sequence[int]) -> float:
    """Most memory that the table's rows took at once, beside the intervals."""
    tracemalloc.start()
    try:
        events = events_of_intervals(ticks, BeatStream(360_000_000))
        rows = sum(len(block.t_us) for block in every_beat(events, -(2**62), 2**62))
        assert rows > len(ticks) - 10
        return tracemalloc.get_traced_memory()[1] / MB
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_memory_does_not_grow_with_the_recording() -> None:
    short, long = peak_mb(heart(10_000)), peak_mb(heart(40_000))
    assert abs(long - short) < 0.2 * short


@pytest.mark.slow
def test_a_pause_of_ten_hours_takes_no_memory() -> None:
    ticks = heart(5000)
    assert peak_mb([*ticks[:300], 10 * HOUR, *ticks[300:]]) < 2 * peak_mb(ticks)


def test_numbers_begin_once_also_behind_an_interval_longer_than_any_window(monkeypatch: pytest.MonkeyPatch) -> None:
    beats = uncorrected([*heart(200), 200_000 * MS, *heart(150)])
    whole = [block.rows.values for block in every_beat(ready_of(beats), -(2**62), 2**62)]
    monkeypatch.setattr(module, "BLOCK", 1)
    rows = [block.rows.values for block in every_beat(ready_of(beats), -(2**62), 2**62)]
    assert len(whole) == 1
    for name, column in whole[0].items():
        assert b"".join(row[name].tobytes() for row in rows) == column.tobytes()


@pytest.mark.parametrize("ticks", [[3_072_000_000] * 3, [2**33, -(2**33)], heart(70_000), []])
def test_any_intervals_are_squared_exactly(ticks: list[int]) -> None:
    found = Moments.of(np.array(ticks, np.int64))
    assert (found.count, found.total, found.squares) == (len(ticks), sum(ticks), sum(value**2 for value in ticks))
