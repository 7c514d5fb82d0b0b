"""Rows of shared sums are `Metric.live` over each window, to the bit (RULINGS A6, B2): any hearts, flags and gaps."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import isnan, nan, pi, sin
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.registry import LENGTHS_S, METRICS
from biofeedback.hrv.sliding import nonlinear
from biofeedback.hrv.sliding.rows import RowValues, metric_rows
from biofeedback.hrv.sliding.spectrum import MOST
from biofeedback.hrv.sliding.windows import Beats, Rows
from biofeedback.hrv.summary import beats_of_intervals
from biofeedback.hrv.tachogram import GRID_US
from biofeedback.hrv.ticks import ticks_to_us
from biofeedback.hrv.window import BeatWindow, Estimate
from tests.real import holter, needs_data, real_series
from tests.strategies import MS, hearts

SECOND = 1_000_000
LIVE = [name for name, metric in METRICS.items() if metric.live_s is not None]
WHOLE = [name for name in LIVE if METRICS[name].whole]


def beats_in(ticks: Sequence[int], ok: Sequence[bool] | None = None, gaps: Mapping[int, int] | None = None) -> Beats:
    """Beats of these lengths; `gaps`: before which of them lies one, and how many microseconds it lasts."""
    held, clock, late = gaps or {}, 0, 0
    t_us = list[int]()
    for number, value in enumerate(ticks):
        clock, late = clock + value, late + held.get(number, 0)
        t_us.append(ticks_to_us(clock) + late)
    joined = [number > 0 and number not in held for number in range(len(ticks))]
    good = [True] * len(ticks) if ok is None else list(ok)
    return Beats(np.array(t_us), np.array(ticks), np.array(good, bool), np.array(joined, bool))


def columns_of(beats: Sequence[TimedBeat]) -> Beats:
    """Beats of a stream in columns."""
    return Beats(
        np.array([beat.t_us for beat in beats]),
        np.array([beat.ticks for beat in beats]),
        np.array([beat.ok for beat in beats]),
        np.array([not beat.gap_before for beat in beats]),
    )


def openings(beats: Beats) -> list[int]:
    return [t - ticks_to_us(ticks) for t, ticks in zip(beats.t_us.tolist(), beats.ticks.tolist(), strict=True)]


def window_of_row(beats: Beats, opening_us: Sequence[int], last: int, since_us: int, seconds: float) -> BeatWindow:
    """The beats that opened in the last `seconds` before the beat `last` closed, fewer when numbers began later."""
    end_us = int(beats.t_us[last])
    span_us = min(round(seconds * SECOND), end_us - since_us)
    return beats.window(bisect_left(opening_us, end_us - span_us, 0, last + 1), last, span_us / 1e6)


def defined(beats: Beats, rows: Sequence[int], since_us: int) -> dict[str, list[float]]:
    """Every metric of each row by its definition over one window; NaN where it is not given."""
    opening_us = openings(beats)
    values = dict[str, list[float]]((name, []) for name in METRICS)
    for last in rows:
        held = {seconds: window_of_row(beats, opening_us, last, since_us, seconds) for seconds in LENGTHS_S}
        for name, metric in METRICS.items():
            answer = metric.live(held[metric.live_s]) if metric.live_s is not None else None
            values[name].append(answer.value if isinstance(answer, Estimate) else nan)
    return values


def shared(beats: Beats, rows: Sequence[int], since_us: int) -> RowValues:
    """The same from shared sums."""
    last = np.array(rows)
    nought = np.zeros(len(rows), np.int64)
    return metric_rows(Rows(beats, last, nought + since_us, nought))


def same(beats: Beats, rows: Sequence[int], since_us: int | None = None) -> Counter[str]:
    """Hold shared sums against the definitions, bit for bit; how many values of each metric were given."""
    began_us = openings(beats)[0] if since_us is None else since_us
    found, wanted = shared(beats, rows, began_us), defined(beats, rows, began_us)
    assert list(found.values) == list(METRICS)
    for name, column in wanted.items():
        got = found.values[name].tolist()
        wrong = [
            (row, a, b) for row, a, b in zip(rows, got, column, strict=True) if a != b and not (isnan(a) and isnan(b))
        ]
        assert not wrong, (name, wrong[:3])
    minutes = [window_of_row(beats, openings(beats), last, began_us, 60) for last in rows]
    assert found.beats.tolist() == [len(window.ticks) for window in minutes]
    assert found.flagged.tolist() == [window.flagged for window in minutes]
    return Counter({name: sum(not isnan(value) for value in column) for name, column in wanted.items()})


def some_rows(chance: Random, count: int, most: int = 40) -> list[int]:
    """Rows in a row, or scattered."""
    if chance.random() < 0.5:
        start = chance.randrange(max(1, count - most + 1))
        return list(range(start, min(count, start + most)))
    return sorted(chance.sample(range(count), min(count, most // 2)))


def some_flags(chance: Random, count: int) -> list[bool]:
    """Flags here and there, in runs, at the ends, or everywhere."""
    share = chance.choice((0, 0.02, 0.1, 0.3, 0.5, 1))
    ok = [chance.random() >= share for _ in range(count)]
    runs = [(chance.randrange(count), chance.choice((5, 20, 60))) for _ in range(chance.choice((0, 0, 1, 2)))]
    if chance.random() < 0.3:
        runs += [(0, chance.randrange(4)), (count - 3, 3)]
    for start, length in runs:
        for place in range(max(0, start), min(count, start + length)):
            ok[place] = False
    return ok


GAPS_US = (0, 1, 1000, GRID_US, 3 * SECOND, 55 * SECOND, 100 * SECOND, 7200 * SECOND)


def some_gaps(chance: Random, count: int) -> dict[int, int]:
    return {chance.randrange(1, count): chance.choice(GAPS_US) for _ in range(chance.choice((0, 0, 1, 1, 2, 5)))}


@settings(max_examples=60)
@given(hearts(least=2, most=300), st.integers(0, 2**32))
def test_a6_hearts_with_any_flags_and_gaps(ticks: list[int], seed: int) -> None:
    chance = Random(seed)
    beats = beats_in(ticks, some_flags(chance, len(ticks)), some_gaps(chance, len(ticks)))
    same(beats, some_rows(chance, len(ticks)))


Odd = Callable[[Random, int], list[int]]


def swinging(base_ms: float, swing_ms: float, noise_ms: float, breath: float) -> Odd:
    return lambda chance, count: [
        round((base_ms + swing_ms * sin(2 * pi * number / breath) + chance.gauss(0, noise_ms)) * MS)
        for number in range(count)
    ]


def alternating(ticks: int, step: int, count: int) -> list[int]:
    return [ticks + number % 2 * step for number in range(count)]


ODD_HEARTS: Mapping[str, Odd] = {
    "constant": lambda chance, count: [chance.choice((280, 500, 750, 1000, 1500, 2000)) * MS] * count,
    "alternating": lambda chance, count: alternating(750 * MS, chance.choice((1, 51200, 51201)), count),
    "slow": swinging(1900, 50, 20, 4),
    "fast": swinging(280, 3, 2, 9),
    "deep breath": swinging(850, 250, 5, 11),
    "uncorrected": lambda chance, count: [
        round((chance.uniform(600, 1000) if chance.random() < 0.95 else chance.choice((3e3, 5e3, 4e4))) * MS)
        for _ in range(count)
    ],
    "hours in one interval": lambda chance, count: [
        round((chance.uniform(600, 1000) if chance.random() < 0.98 else chance.choice((1e5, 225_800, 3.6e6, 1e7))) * MS)
        for _ in range(count)
    ],
    "long ones among thousandths": lambda chance, count: [
        chance.choice((1, 5, 200, 900, 9000)) * MS for _ in range(count)
    ],
}
NEVER_GIVEN = {
    "constant": {"sqrt_stress_index", "dfa_alpha1", "peak_hz", "coherence_ratio", "coherence_peak_hz", "lf_hf"},
    "slow": {"sampen", "dfa_alpha1"},
    "long ones among thousandths": {"dfa_alpha1"},
}


@pytest.mark.parametrize("kind", ODD_HEARTS)
def test_a6_odd_hearts(kind: str) -> None:
    given_values = Counter[str]()
    for seed in range(36):
        chance = Random(f"{kind} {seed}")
        ticks = ODD_HEARTS[kind](chance, chance.choice((2, 13, 60, 160, 320)) * (2 if kind == "fast" else 1))
        good = seed % 3 == 0
        ok = None if good else some_flags(chance, len(ticks))
        gaps = None if good else some_gaps(chance, len(ticks))
        given_values += same(beats_in(ticks, ok, gaps), some_rows(chance, len(ticks)))
    assert {name for name in LIVE if not given_values[name]} == NEVER_GIVEN.get(kind, set())


@pytest.mark.parametrize("hole_us", [0, 1, 200_000, 1_000_000])
def test_b2_a_gap_at_the_very_edge_of_a_window_leaves_a_piece_that_is_long_enough(hole_us: int) -> None:
    chance = Random(hole_us)
    ticks = [round((600 + 40 * sin(number / 2) + chance.gauss(0, 10)) * MS) for number in range(420)]
    for wave in range(3):
        gaps = {200 + step: hole_us for step in range(0, 3 * wave, 3)} | {200: hole_us}
        beats = beats_in(ticks, None, gaps)
        same(beats, [*range(195, 215), *range(280, 320), *range(385, 420)])
        behind = [row for row in range(200, 420) if 0 < (beats.t_us[row] - beats.t_us[200]) / 1e6 < 0.5]
        counts = same(beats, [*behind, 200])
        assert all(counts[name] for name in WHOLE) == (hole_us < 200_000), counts


@pytest.mark.parametrize("seconds", [60, 120, 64])
def test_b2_gaps_at_both_edges_of_a_window(seconds: int) -> None:
    ticks = swinging(420, 40, 5, 11)(Random(seconds), 520)
    closing = beats_in(ticks).t_us
    behind = 1 + bisect_left(closing.tolist(), int(closing[199]) + round(0.981 * seconds * SECOND))
    beats = beats_in(ticks, None, {200: 1, behind: 1})
    counts = same(beats, [behind - 1, behind, behind + 1])
    assert all(counts[name] for name in WHOLE if METRICS[name].live_s == seconds), counts


@pytest.mark.parametrize("kind", ["constant", "alternating", "deep breath", "uncorrected"])
def test_windows_of_flagged_beats_only_give_nothing_and_their_neighbours_do(kind: str) -> None:
    ticks = ODD_HEARTS[kind](Random(3), 400)
    assert not same(beats_in(ticks, [False] * 400), range(0, 400, 9)).total()
    assert same(beats_in(ticks, [not 100 <= number < 330 for number in range(400)]), range(400))["ln_hr"]
    assert same(beats_in(ticks, [number in (200, 201) for number in range(400)]), range(0, 400, 3)).total() == 0


@pytest.mark.parametrize("count", [1, 2, 3, 11, 12, 13])
def test_very_short_records(count: int) -> None:
    for place in range(count):
        same(beats_in([1000 * MS] * count, None, {place: 3 * SECOND} if place else None), range(count))
        same(beats_in([5000 * MS] * count, [number != place for number in range(count)]), range(count))


def test_a_beat_alone_behind_a_gap_may_close_on_a_point_of_the_grid() -> None:
    ticks = [round(chance * MS) for chance in (Random(5).uniform(700, 900) for _ in range(150))]
    beats = beats_in(ticks, None, {149: 3 * SECOND})
    beats.t_us[149] = -(-beats.t_us[149] // GRID_US) * GRID_US
    assert same(beats, range(150))["hf_ms2"]


def test_rows_are_the_same_in_order_and_scattered(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = Random(8)
    ticks = ODD_HEARTS["deep breath"](chance, 900)
    beats = beats_in(ticks, some_flags(Random(2), 900), {400: 3 * SECOND})
    whole, began_us = shared(beats, range(900), 0), 0
    for rows in (range(0, 900, 7), range(890, 900), [3, 4, 800], [5]):
        part = shared(beats, rows, began_us)
        for name, column in whole.values.items():
            assert part.values[name].tobytes() == column[list(rows)].tobytes()
    monkeypatch.setattr(nonlinear, "TOGETHER", 64)
    assert shared(beats, range(900), 0).values["sampen"].tobytes() == whole.values["sampen"].tobytes()


@settings(max_examples=25)
@given(hearts(least=90, most=250), st.integers(0, 2**32), st.integers(0, 80))
def test_numbers_that_began_later_have_shorter_windows(ticks: list[int], seed: int, began: int) -> None:
    chance = Random(seed)
    beats = beats_in(ticks, some_flags(chance, len(ticks)), some_gaps(chance, len(ticks)))
    since_us = openings(beats)[began]
    rows = [row for row in some_rows(chance, len(ticks)) if row >= began]
    found = same(beats, rows or [len(ticks) - 1], since_us)
    assert set(found) == set(METRICS)


@settings(max_examples=25)
@given(hearts(least=150, most=250), st.integers(0, 2**32), st.integers(-(10**7), 10**7))
def test_whole_seconds_move_nothing(ticks: list[int], seed: int, seconds: int) -> None:
    chance = Random(seed)
    beats = beats_in(ticks, some_flags(chance, len(ticks)), some_gaps(chance, len(ticks)))
    moved = Beats(beats.t_us + seconds * SECOND, beats.ticks, beats.ok, beats.joined)
    here, there = shared(beats, range(len(ticks)), 0), shared(moved, range(len(ticks)), seconds * SECOND)
    for name in METRICS:
        assert here.values[name].tobytes() == there.values[name].tobytes()


def test_no_window_is_longer_than_what_its_curve_is_worked_out_for() -> None:
    assert LENGTHS_S[-1] * SECOND // GRID_US + 1 <= MOST


@needs_data
@pytest.mark.slow
def test_a6_every_real_series() -> None:
    for name, series in real_series().items():
        beats = columns_of(beats_of_intervals([round(rr_ms * MS) for rr_ms in series]))
        found = same(beats, range(0, len(beats.ok), 7))
        assert all(found[metric] for metric in LIVE), name


@needs_data
@pytest.mark.slow
def test_a6_beats_of_a_day() -> None:
    series = [round(rr_ms * MS) for rr_ms, _, _ in holter("nsr001")]
    beats = columns_of(beats_of_intervals(series))
    chance = Random(1)
    found = same(beats, sorted(chance.sample(range(len(beats.ok)), 300)))
    assert all(found[metric] > 200 for metric in LIVE), found
