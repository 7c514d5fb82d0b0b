"""When cues wait for the heart: 8 bpm above the baseline at every beat of 10 s (METHOD 3.2, RULINGS C3)."""

from __future__ import annotations

import pytest

from biofeedback.events import Arousal
from biofeedback.imagery.safety import LevelWatch


def seen(*levels: tuple[float, float | None]) -> list[float]:
    """Seconds at which `high` changed."""
    watch, changes = LevelWatch(), list[float]()
    for second, delta in levels:
        t = round(second * 1e6)
        arousal = Arousal(t, t, 70.0, None, delta, None, None, None, "unknown", None, None)
        if watch.see(arousal):
            changes.append(second)
    return changes


def every_beat(start: float, end: float, delta: float | None) -> list[tuple[float, float | None]]:
    return [(start + n, delta) for n in range(int(end - start))]


def test_3_2_8_bpm_for_10_s_is_high() -> None:
    assert seen(*every_beat(0, 30, 8.0)) == [10]


def test_under_8_bpm_it_never_is() -> None:
    assert seen(*every_beat(0, 600, 7.99)) == []


def test_c3_one_beat_below_begins_the_10_s_anew() -> None:
    assert seen(*every_beat(0, 9, 9.0), (9, 7.9), *every_beat(10, 30, 9.0)) == [20]


def test_9_99_s_are_not_10() -> None:
    assert seen((0, 9.0), (9.999, 9.0)) == []
    assert seen((0, 9.0), (10.0, 9.0)) == [10.0]


def test_3_2_it_ends_under_2_bpm_for_two_slow_breaths() -> None:
    assert seen(*every_beat(0, 15, 9.0), *every_beat(15, 60, 1.9)) == [10, 35]
    assert seen(*every_beat(0, 15, 9.0), *every_beat(15, 100, 2.0)) == [10]


def test_without_a_level_nothing_is_concluded_and_high_stays() -> None:
    assert seen(*every_beat(0, 8, 9.0), (8, None), *every_beat(9, 18, 9.0)) == []
    assert seen(*every_beat(0, 15, 9.0), *every_beat(15, 200, None)) == [10]
    assert seen(*every_beat(0, 15, 9.0), *every_beat(15, 30, 0.0), (30, None), *every_beat(31, 60, 0.0)) == [10, 51]


@pytest.mark.parametrize("times", [1, 3])
def test_it_can_come_again(times: int) -> None:
    levels = [
        level
        for n in range(times)
        for level in (*every_beat(100 * n, 100 * n + 20, 9.0), *every_beat(100 * n + 20, 100 * n + 60, 0.0))
    ]
    assert seen(*levels) == [t for n in range(times) for t in (100 * n + 10, 100 * n + 40)]


def test_reset_forgets() -> None:
    watch = LevelWatch()
    watch.see(Arousal(0, 0, 70.0, None, 9.0, None, None, None, "unknown", None, None))
    watch.see(Arousal(10**7, 10**7, 70.0, None, 9.0, None, None, None, "unknown", None, None))
    assert watch.high
    watch.reset()
    assert not watch.high
