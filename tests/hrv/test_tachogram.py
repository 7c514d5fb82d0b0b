"""The intervals on an even grid (HRV 2, RULINGS B2): what curve it is, and that only a few beats shape it."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from itertools import accumulate
from math import ceil, pi, sin, sqrt
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeedback.hrv.live import Trailing, live_hrv
from biofeedback.hrv.summary import beats_of_intervals
from biofeedback.hrv.tachogram import GRID_US, LEAST_KNOTS, REACH, Curve, begins, tachogram
from biofeedback.hrv.ticks import TICKS_PER_S
from biofeedback.hrv.window import BeatWindow, Floats, window_of
from tests.real import needs_data, real_series
from tests.strategies import MS, beats_of, hearts, window

SECOND = 1_000_000
interpolate: Any = import_module("scipy.interpolate")


def placed(t_us: Sequence[int], ticks: Sequence[int], ok: Sequence[bool] | None = None) -> BeatWindow:
    """A gap-free window of beats that may lie anywhere."""
    good = (True,) * len(ticks) if ok is None else tuple(ok)
    joined = tuple(number > 0 for number in range(len(ticks)))
    return BeatWindow(tuple(t_us), tuple(ticks), good, joined, (t_us[-1] - t_us[0]) / 1e6)


def grid_of(held: BeatWindow) -> Floats:
    """Where the points of its tachogram lie, microseconds."""
    good = held.arrays.t_us[held.arrays.ok].tolist()
    return np.arange(ceil(good[0] / GRID_US), int(good[-1] // GRID_US) + 1).astype(float) * GRID_US


def straight_at(seconds: Floats, ticks: Floats) -> set[int]:
    """The ends, and both sides of flagged runs over three seconds."""
    steps = np.diff(seconds)
    far = np.flatnonzero((steps > 3.0) & (steps - ticks[1:] / TICKS_PER_S > 0.1)).tolist()
    return {0, len(ticks) - 1, *far, *(knot + 1 for knot in far)}


def by_definition(held: BeatWindow) -> Floats:
    """The curve from scipy's natural spline through `REACH` beats on either side of each, not rounded."""
    good = held.arrays.ok
    seconds, ticks = held.arrays.t_us[good] / 1e6, held.arrays.ticks[good].astype(float)
    bends, straight = np.zeros(len(ticks)), straight_at(seconds, ticks)
    for knot in sorted(set(range(len(ticks))) - straight):
        before = max((other for other in straight if other < knot), default=0)
        after = min((other for other in straight if other > knot), default=len(ticks) - 1)
        near = slice(max(before, knot - REACH), min(after, knot + REACH) + 1)
        bends[knot] = interpolate.CubicSpline(seconds[near], ticks[near], bc_type="natural")(seconds[knot], 2)
    points = grid_of(held) / 1e6
    piece = np.clip(np.searchsorted(seconds, points) - 1, 0, len(ticks) - 2)
    step = seconds[piece + 1] - seconds[piece]
    b = (points - seconds[piece]) / step
    a = 1 - b
    bent = ((a**3 - a) * bends[piece] + (b**3 - b) * bends[piece + 1]) * step**2 / 6
    curve: Floats = a * ticks[piece] + b * ticks[piece + 1] + bent
    return curve


def waves(count: int, seed: int, ms: float = 850, swing_ms: float = 60) -> list[int]:
    """Intervals that breathe, in ticks."""
    chance = Random(seed)
    return [round((ms + swing_ms * sin(number / 2) + chance.gauss(0, 20)) * MS) for number in range(count)]


def chosen(values: Sequence[int], chance: Random, share: float) -> list[bool]:
    return [chance.random() >= share for _ in values]


@given(st.lists(st.integers(300, 2000), min_size=LEAST_KNOTS, max_size=60), st.integers(-300, 300), st.integers(0, 999))
def test_a_straight_line_is_met_exactly(steps_ms: list[int], rise: int, start_ms: int) -> None:
    t_us = [1000 * (start_ms + late) for late in accumulate(steps_ms)]
    ticks = [10**8 + rise * (late // 1000) for late in t_us]
    held = placed(t_us, ticks)
    assert tachogram(held).tolist() == [10**8 + rise * (late // 1000) for late in grid_of(held).tolist()]


@settings(max_examples=60)
@given(hearts(least=LEAST_KNOTS, most=80), st.integers(0, 2**32))
def test_b2_it_is_the_spline_through_five_beats_on_either_side(ticks: list[int], seed: int) -> None:
    ok = chosen(ticks, Random(seed), 0.1)
    held = window(ticks, ok)
    if sum(ok) < LEAST_KNOTS:
        assert not len(tachogram(held))
        return
    found, truth = tachogram(held), by_definition(held)
    assert len(found) == len(truth)
    assert np.abs(found - truth).max(initial=0.0) <= 0.5 + 1e-9 * np.abs(truth).max(initial=0.0)


def whole_record(held: BeatWindow) -> Floats:
    good = held.arrays.ok
    spline = interpolate.CubicSpline(held.arrays.t_us[good] / 1e6, held.arrays.ticks[good], bc_type="natural")
    curve: Floats = spline(grid_of(held) / 1e6)
    return curve


@needs_data
def test_hrv_2_within_half_a_per_cent_of_the_spline_through_the_whole_record() -> None:
    held = window_of(beats_of_intervals([round(rr_ms * MS) for rr_ms in real_series()["rest"]]))
    found, truth = tachogram(held), whole_record(held)
    apart = np.abs(found - truth)
    assert (apart / truth).max() < 0.002
    assert sqrt(float(np.mean(apart**2))) < 0.001 * found.std()


@given(st.integers(0, 2**32), st.integers(0, 79), st.integers(300, 1500))
def test_beats_farther_than_its_reach_leave_the_bits_of_the_curve(seed: int, place: int, by_ms: int) -> None:
    ticks = waves(80, seed)
    held = window(ticks)
    other = placed(held.t_us, [*ticks[:place], by_ms * MS, *ticks[place + 1 :]])
    before, after = tachogram(held), tachogram(other)
    changed = grid_of(held)[before != after]
    assert len(changed)
    reach = [held.t_us[max(0, place - REACH - 1)], held.t_us[min(79, place + REACH + 1)]]
    assert reach[0] < changed.min() or place == 0
    assert changed.max() < reach[1] or place == 79


@st.composite
def parted(draw: st.DrawFn) -> tuple[BeatWindow, int, int]:
    """A window with flags and gaps, and where a part of it begins and ends."""
    ticks = draw(hearts(least=30, most=120))
    chance = Random(draw(st.integers(0, 2**32)))
    gaps = {chance.randrange(1, len(ticks)) for _ in range(chance.choice((0, 1, 1, 3)))}
    ok = chosen(ticks, chance, chance.choice((0, 0.05, 0.3)))
    held = window(ticks, ok, [number > 0 and number not in gaps for number in range(len(ticks))])
    start = draw(st.integers(0, len(ticks) - 1))
    return held, start, draw(st.integers(start + 1, len(ticks)))


def fresh(held: BeatWindow, start: int, stop: int) -> BeatWindow:
    """The same beats as a part has, as a window of their own."""
    part = held.part(start, stop)
    return BeatWindow(part.t_us, part.ticks, part.ok, part.joined, part.span_s)


@settings(max_examples=200)
@given(parted(), st.sampled_from((1, 2)), st.booleans())
def test_a6_a_part_of_a_window_has_the_bits_of_a_window_of_its_own(
    found: tuple[BeatWindow, int, int], every: int, told: bool
) -> None:
    held, start, stop = found
    if told:
        held.remember("parts begin", lambda _: tuple(range(len(held.ticks))))
    for piece, alone in zip(held.part(start, stop).stretches, fresh(held, start, stop).stretches, strict=True):
        own = BeatWindow(alone.t_us, alone.ticks, alone.ok, alone.joined, alone.span_s)
        assert tachogram(piece, every).tobytes() == tachogram(own, every).tobytes()


@settings(max_examples=60)
@given(hearts(least=40, most=150), st.integers(0, 2**32), st.sampled_from((1, 2)), st.sampled_from(("", "all", "some")))
def test_a6_many_windows_at_once_have_the_bits_of_each_alone(
    ticks: list[int], seed: int, every: int, told: str
) -> None:
    chance = Random(seed)
    gaps = {chance.randrange(1, len(ticks)) for _ in range(chance.choice((0, 1, 3)))}
    held = window(
        ticks, chosen(ticks, chance, 0.05), [number > 0 and number not in gaps for number in range(len(ticks))]
    )
    columns = held.arrays
    curve = Curve(columns.t_us[columns.ok], columns.ticks[columns.ok], begins(columns.joined, columns.ok))
    ends = np.append(curve.first.nonzero()[0], len(curve.first))
    rows = list[tuple[int, int]]()
    for _ in range(30):
        first = chance.choice([*range(len(curve.first)), *ends[:-1].tolist()])
        end = int(ends[np.searchsorted(ends, first, side="right")])
        if end - first >= LEAST_KNOTS:
            rows.append((first, chance.choice([end - 1, chance.randrange(first + LEAST_KNOTS - 1, end)])))
    if not rows:
        return
    first, last = np.array(rows).T
    if told == "all":
        curve.tabulate(10**6)
    elif told == "some":
        curve.begin_at(np.unique(first))
    table, counts = curve.rows(first, last, every)
    for row, count, (begin, end) in zip(table, counts.tolist(), rows, strict=True):
        kept = slice(begin, end + 1)
        own = placed(curve.t_us[kept].tolist(), curve.ticks[kept].tolist())
        assert row[:count].tobytes() == tachogram(own, every).tobytes()
        assert not row[count:].any()


@given(st.integers(0, 2**32), st.integers(-(10**9), 10**9))
def test_points_lie_on_multiples_of_a_quarter_of_a_second(seed: int, seconds: int) -> None:
    ticks = waves(40, seed)
    held = window(ticks)
    values = tachogram(held)
    assert len(values) == held.t_us[-1] // GRID_US - -(-held.t_us[0] // GRID_US) + 1
    moved = placed([late + seconds * SECOND for late in held.t_us], ticks)
    assert tachogram(moved).tobytes() == values.tobytes()
    assert tachogram(moved, 2).tobytes() == tachogram(held, 2).tobytes()
    aside = tachogram(placed([late + 100_000 for late in held.t_us], ticks))
    assert aside.tobytes() != values.tobytes()


@given(st.lists(st.integers(2, 8), min_size=LEAST_KNOTS, max_size=40), st.integers(0, 2**32))
def test_beats_on_the_grid_are_met_exactly(steps: list[int], seed: int) -> None:
    ticks = waves(len(steps), seed)
    t_us = [step * GRID_US for step in accumulate(steps)]
    values = tachogram(placed(t_us, ticks))
    assert values[[(late - t_us[0]) // GRID_US for late in t_us]].tolist() == ticks
    behind = placed([-(SECOND * 10), *t_us], [1, *ticks])
    parted = BeatWindow(behind.t_us, behind.ticks, behind.ok, (False, False, *behind.joined[2:]), behind.span_s)
    assert tachogram(parted.stretches[1]).tobytes() == values.tobytes()
    assert tachogram(behind.part(1, len(behind.ticks))).tobytes() == values.tobytes()


def test_it_reaches_from_the_first_accepted_beat_to_the_last() -> None:
    held = window(waves(60, 1), [3 <= number < 55 for number in range(60)])
    assert grid_of(held)[[0, -1]].tolist() == [
        ceil(held.t_us[3] / GRID_US) * GRID_US,
        held.t_us[54] // GRID_US * GRID_US,
    ]
    assert tachogram(held).tobytes() == tachogram(window_part(held, 3, 55)).tobytes()


def window_part(held: BeatWindow, start: int, stop: int) -> BeatWindow:
    return placed(held.t_us[start:stop], held.ticks[start:stop])


@pytest.mark.parametrize("count", range(15))
def test_too_few_accepted_beats_have_no_curve(count: int) -> None:
    held = window(waves(30, 2), [number % 2 == 0 and number < 2 * count for number in range(30)])
    assert bool(len(tachogram(held))) == (count >= LEAST_KNOTS)


@given(st.integers(0, 2**32), st.integers(LEAST_KNOTS, 40))
def test_each_second_point_is_the_one_on_half_seconds(seed: int, count: int) -> None:
    held = window(waves(count, seed))
    assert tachogram(held, 2).tobytes() == tachogram(held)[grid_of(held) % (2 * GRID_US) == 0].tobytes()


def breath_times(hz: float, seconds: int, swing_s: float = 0.04, mean_s: float = 0.85) -> list[float]:
    """Beats at which an interval is mean + swing sin(2 pi f t) at its closing beat, exactly, seconds."""
    times = [mean_s]
    while times[-1] < seconds:
        late = times[-1] + mean_s
        for _ in range(60):
            late = times[-1] + mean_s + swing_s * sin(2 * pi * hz * late)
        times.append(late)
    return times


def breathing(hz: float, seconds: int = 600) -> BeatWindow:
    times = breath_times(hz, seconds)
    ticks = [round((0.85 + 0.04 * sin(2 * pi * hz * late)) * TICKS_PER_S) for late in times]
    return placed([round(late * SECOND) for late in times], ticks)


GAIN = {6: 1.000, 12: 0.995, 15: 0.987, 18: 0.968, 23: 0.895}


@pytest.mark.parametrize("per_min", GAIN)
def test_hrv_2_share_of_a_tones_power_that_is_kept(per_min: int) -> None:
    held = breathing(per_min / 60)
    seconds, ticks = grid_of(held) / 1e6, tachogram(held)
    tones = np.array([np.sin(2 * pi * per_min / 60 * seconds), np.cos(2 * pi * per_min / 60 * seconds)])
    sizes = 2 * tones @ (ticks - ticks.mean()) / len(ticks) / TICKS_PER_S
    assert float(sizes @ sizes) / 0.04**2 == pytest.approx(GAIN[per_min], abs=0.01)


@pytest.mark.parametrize(
    ("per_min", "share", "most"), [(6, 0.0, 0.001), (6, 0.1, 0.005), (15, 0.0, 0.01), (15, 0.1, 0.1)]
)
def test_flagged_beats_are_bridged(per_min: int, share: float, most: float) -> None:
    """Root mean square error over the tone's size: measured 0.0003, 0.003, 0.007 and 0.07."""
    held = breathing(per_min / 60)
    ok = chosen(held.ticks, Random(4), share)
    spoilt = tuple(value if good else 10**6 for value, good in zip(held.ticks, ok, strict=True))
    some = placed(held.t_us, spoilt, ok)
    truth = 0.85 + 0.04 * np.sin(2 * pi * per_min / 60 * grid_of(some) / 1e6)
    wrong = (tachogram(some) / TICKS_PER_S - truth) / 0.04
    assert sqrt(float(np.mean(wrong**2))) < most


@pytest.mark.parametrize("run", [4, 6, 12, 24])
def test_long_flagged_runs_are_bridged_by_a_straight_line(run: int) -> None:
    """A spline, of the whole record too, would overshoot by up to twice the range of the good beats over 20 s."""
    for seed in range(40):
        held = window(waves(200, seed), [not 80 <= number < 80 + run for number in range(200)])
        values, points = tachogram(held), grid_of(held)
        inside = (points > held.t_us[79]) & (points < held.t_us[80 + run])
        line = np.interp(points[inside], [held.t_us[79], held.t_us[80 + run]], [held.ticks[79], held.ticks[80 + run]])
        assert np.abs(values[inside] - line).max() <= 0.5 + 1e-6
        assert max(values.max() - held.nn.max(), held.nn.min() - values.min()) < 0.25 * float(np.ptp(held.nn))


def test_a_session_goes_on_when_its_last_minute_holds_no_good_beat() -> None:
    chance = Random(1)
    ticks = [round(chance.uniform(560, 640) * MS) for _ in range(200)]
    ticks += [round(chance.uniform(1050, 1150) * MS) for _ in range(60)]
    hrv = live_hrv(0, Trailing(beats_of(ticks, why=dict.fromkeys(range(200, 260), "ectopic")), 0), None)
    assert hrv.values["lf_ms2"] is not None
    assert hrv.values["hf_ms2"] is None
