"""Live numbers: made when two more beats have come, of the trailing minute, with the flags known then (B1.3, B2)."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from biofeedback.events import Hrv, Rr
from biofeedback.hrv.live import Trailing, known_at, live_hrv, trailing
from biofeedback.hrv.reception import Reception
from biofeedback.hrv.registry import METRICS
from biofeedback.hrv.stream import Ready
from tests.strategies import MS, beats_of


def heart(count: int, bad: tuple[int, ...] = ()) -> list[int]:
    chance = Random(4)
    return [round((850 + chance.gauss(0, 30)) * MS * (2 if k in bad else 1)) for k in range(count)]


def live(ticks: list[int]) -> list[Hrv]:
    """The live numbers at every beat, as the engine makes them."""
    stream, found = Reception(), list[Hrv]()
    for at, value in enumerate(ticks):
        events = stream.add_intervals(Rr(at, (value,)))
        found += [numbers(at, stream, e) for e in events if isinstance(e, Ready)]
    return found


def numbers(at: int, stream: Reception, ready: Ready, withheld: str | None = None) -> Hrv:
    known = known_at(ready, stream.beats)
    return live_hrv(at, Trailing(known, 0), stream.coverage.minute(ready.beat.t_us), withheld)


def test_b1_3_numbers_of_beat_k_are_made_when_beat_k_plus_2_comes() -> None:
    assert [found.at for found in live(heart(40))] == list(range(2, 40))


def test_b2_each_live_number_is_the_batch_value_over_the_trailing_minute() -> None:
    ticks = heart(150)
    ends_us = np.cumsum(ticks) / 1.024
    for k, found in enumerate(live(ticks)):
        inside = [
            t for t, end in zip(ticks[: k + 1], ends_us, strict=False) if end - t / 1.024 >= ends_us[k] - 60e6 - 1
        ]
        rr = np.array(inside, np.longdouble) / 1024
        assert found.beats == len(inside)
        if found.values["rmssd_ms"] is not None:
            assert found.values["rmssd_ms"] == pytest.approx(float(np.sqrt((np.diff(rr) ** 2).mean())), rel=1e-9)
        if found.values["sdnn_ms"] is not None:
            assert found.values["sdnn_ms"] == pytest.approx(float(rr.std(ddof=1)), rel=1e-9)


def test_b2_before_98_per_cent_of_its_window_there_is_a_reason_and_never_a_number() -> None:
    ticks = heart(200)
    ends_us = np.cumsum(ticks) / 1.024
    for k, found in enumerate(live(ticks)):
        for name, value in found.values.items():
            seconds = METRICS[name].live_s
            ready = seconds is not None and float(ends_us[k]) >= 0.98e6 * seconds
            assert (value is not None) is ready, name
            assert (name in found.reasons) is not ready


def test_b1_4_above_5_per_cent_flagged_the_numbers_are_marked_poor() -> None:
    marks = [(found.flagged / found.beats, found.quality) for found in live(heart(200, bad=(60, 90, 95, 100, 105)))]
    assert {quality for share, quality in marks if share > 0.05} == {"poor"}
    assert {quality for share, quality in marks if share <= 0.05} == {None}


def test_a_window_holds_the_beats_that_opened_in_it() -> None:
    beats = beats_of([1000 * MS] * 30)
    assert [beat.index for beat in trailing(beats, beats[19], 5.0)] == [15, 16, 17, 18, 19]
    assert [beat.index for beat in trailing(beats, beats[19], 4.999)] == [16, 17, 18, 19]


def test_coverage_falls_with_a_hole() -> None:
    stream = Reception()
    stream.add_intervals(Rr(0, (*[1000 * MS] * 40, 10_000 * MS, *[1000 * MS] * 40)))
    ready = Ready(stream.beats[-3], (None,) * 4)
    found = numbers(0, stream, ready)
    assert found.coverage == pytest.approx(50 / 60)
    assert found.coverage == pytest.approx(Trailing(known_at(ready, stream.beats), 0).minute.coverage)


def test_withheld_numbers_are_null_and_all_give_the_reason() -> None:
    stream = Reception()
    stream.add_intervals(Rr(0, tuple(heart(90))))
    found = numbers(0, stream, Ready(stream.beats[-1], ()), "only 82% of the heartbeats arrived")
    assert set(found.values.values()) == {None}
    assert set(found.reasons) == set(found.values)
    assert set(found.reasons.values()) == {"only 82% of the heartbeats arrived"}
