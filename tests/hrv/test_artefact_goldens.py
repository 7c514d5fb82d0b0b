"""Every name and every event, one by one, against the rule written out slowly (RULINGS B1, A6).

The filter is fast by keeping sorted lists, by making thresholds only when they can matter, and by what it knows to
be so while all beats are good. None of that may move a name, provisional or settled.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from math import pi, sin
from random import Random
from typing import Final, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.events import ArtefactName, Rr
from biofeedback.hrv.artefacts import flag_stretch, is_interval
from biofeedback.hrv.beats import Hole, TimedBeat
from biofeedback.hrv.stream import BeatStream, StreamEvent
from biofeedback.hrv.summary import beats_of_intervals
from biofeedback.hrv.ticks import ticks_to_us
from tests.hrv.slow_rule import quickly, slowly
from tests.real import holter, needs_data, real_series
from tests.strategies import MS

QUANTUM: Final = 8000
"""7.8 ms: beats found in an ECG of 128 Hz."""


def clean(chance: Random, base_ms: float, count: int) -> list[float]:
    return [base_ms + chance.gauss(0, 15) for _ in range(count)]


def breathing(chance: Random, base_ms: float, count: int) -> list[float]:
    """RSA of up to a half of the interval, ten beats a breath or so."""
    swing, beats = chance.uniform(0.05, 0.3) * base_ms, chance.uniform(5, 14)
    return [base_ms + swing * sin(2 * pi * k / beats) + chance.gauss(0, 8) for k in range(count)]


def ectopic(chance: Random, base_ms: float, count: int) -> list[float]:
    series, owed = list[float](), 0.0
    for _ in range(count):
        early = chance.uniform(0.1, 0.45) * base_ms if not owed and chance.random() < 0.12 else 0.0
        series.append(base_ms + chance.gauss(0, 12) - early + owed)
        owed = early
    return series


def out_of_range(chance: Random, base_ms: float, count: int) -> list[float]:
    """Beats in between that no heart makes, singly and in runs longer than the window of the median."""
    series = list[float]()
    while len(series) < count:
        series += clean(chance, base_ms, chance.randrange(1, 15))
        series += [chance.choice((1, 120, 272.9, 273, 2000, 2000.1, 2400))] * chance.choice((1, 1, 2, 3, 13))
    return series[:count]


def borderline(chance: Random, base_ms: float, count: int) -> list[float]:
    """At the fastest or the slowest a heart may be: good beats and bad ones are close to each other."""
    edge_ms = 276 if base_ms < 900 else 1990
    return [edge_ms * (1 + chance.gauss(0, 0.015)) for _ in range(count)]


def constant(chance: Random, base_ms: float, count: int) -> list[float]:
    """Thresholds at their floors, and steps of exactly those floors and of the shares that the rule compares with."""
    series = [base_ms] * count
    for k in range(chance.randrange(1, 9), count, 9):
        series[k] = base_ms * chance.choice((0.6, 0.8, 0.88, 0.92, 1.08, 1.12, 1.2, 1.4)) + chance.choice((0, 20, 40))
    return series


def alternating(chance: Random, base_ms: float, count: int) -> list[float]:
    """Long and short in turns, up to bigeminy: half of the beats lie outside the gate."""
    half = chance.uniform(0.02, 0.4) * base_ms
    return [base_ms + (half if k % 2 else -half) + chance.gauss(0, 3) for k in range(count)]


def stairs(chance: Random, base_ms: float, count: int) -> list[float]:
    """Rates that change at once and stay: the median lags behind them."""
    levels = [base_ms * chance.uniform(0.6, 1.6) for _ in range(count // 17 + 1)]
    return [levels[k // 17] + chance.gauss(0, 10) for k in range(count)]


KINDS: Final[Mapping[str, Callable[[Random, float, int], list[float]]]] = {
    "clean": clean,
    "breathing": breathing,
    "ectopic": ectopic,
    "out of range": out_of_range,
    "borderline": borderline,
    "constant": constant,
    "alternating": alternating,
    "stairs": stairs,
}


@st.composite
def spells(draw: st.DrawFn) -> list[int]:
    """Intervals in ticks, of one kind after another, some of them on the grid of a slow ECG."""
    chance = Random(draw(st.integers(0, 2**32)))
    series_ms = list[float]()
    for kind in draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=4)):
        series_ms += KINDS[kind](chance, draw(st.integers(400, 1400)), draw(st.integers(1, 120)))
    grid = draw(st.sampled_from((1, MS, QUANTUM)))
    return [max(grid, round(rr * MS / grid) * grid) for rr in series_ms]


@given(spells())
def test_b1_every_name_is_that_of_the_definition_in_spells_of_every_kind(ticks: list[int]) -> None:
    assert quickly(ticks) == slowly(ticks)


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("grid", [1, QUANTUM])
def test_b1_every_name_is_that_of_the_definition_in_long_spells(kind: str, grid: int) -> None:
    chance = Random(f"{kind} {grid}")
    for _ in range(6):
        series_ms = KINDS[kind](chance, chance.uniform(450, 1300), 700)
        ticks = [max(grid, round(rr * MS / grid) * grid) for rr in series_ms]
        assert quickly(ticks) == slowly(ticks)


def stretches(series_ms: Sequence[float]) -> list[list[int]]:
    """The gap-free stretches of a series, in ticks."""
    found: list[list[int]] = [[]]
    for rr_ms in series_ms:
        if is_interval(ticks := round(rr_ms * MS)):
            found[-1].append(ticks)
        else:
            found.append([])
    return [stretch for stretch in found if stretch]


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("name", ["rest", "hour", "exercise", "noisy", *(f"resting_2026-04-{d}" for d in (24, 25, 28))])
def test_b1_every_name_is_that_of_the_definition_in_real_recordings(name: str) -> None:
    for ticks in stretches(real_series()[name]):
        assert quickly(ticks) == slowly(ticks)


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("name", ["nsr001", "nsr004"])
@pytest.mark.parametrize("part", range(3))
def test_b1_every_name_is_that_of_the_definition_on_a_third_of_a_holter_day(name: str, part: int) -> None:
    """Every eighth thousand of beats: a whole day takes the definition minutes."""
    day = [rr_ms for rr_ms, _, _ in holter(name)]
    for start in range(8000 * part, len(day), 24_000):
        for ticks in stretches(day[start : start + 1000]):
            assert quickly(ticks) == slowly(ticks)


Said: TypeAlias = tuple[str, int, ArtefactName | int | None]
"""Ready and Settled with the beat's index and its name at that moment, or a hole with its ends in us."""


def said(event: StreamEvent) -> Said:
    if isinstance(event, Hole):
        return "hole", event.from_us, event.to_us
    return type(event).__name__, event.beat.index, event.beat.why


def by_definition(ticks: Sequence[int]) -> list[Said]:
    """What a stream must say of a file's intervals, one at a time, from the names of the slow rule alone."""
    ends_us = [ticks_to_us(end) for end in accumulate(max(0, value) for value in ticks)]
    runs: list[list[int]] = [[]]
    for place, value in enumerate(ticks):
        if is_interval(value):
            runs[-1].append(place)
        elif runs[-1]:
            runs.append([])
    events, first, last_us = list[Said](), 0, 0
    names = dict[int, ArtefactName | None]()
    for number, run in enumerate(run for run in runs if run):
        provisional, settled = slowly([ticks[place] for place in run])
        if number:
            begins_us = max(last_us, ends_us[run[0]] - ticks_to_us(ticks[run[0]]))
            ends_us[run[0]] = begins_us + ticks_to_us(ticks[run[0]])
            events.append(("hole", last_us, begins_us))
        names.update({first + k: name for k, name in enumerate(settled)})
        for k in range(len(run)):
            if k >= 5:
                events.append(("Settled", first + k - 5, settled[k - 5]))
            if first + k >= 2:
                events.append(("Ready", first + k - 2, provisional[k - 2] if k >= 2 else names[first + k - 2]))
        for k in range(max(0, len(run) - 5), len(run)):
            events.append(("Settled", first + k, settled[k]))
        first, last_us = first + len(run), ends_us[run[-1]]
    return events


@st.composite
def files(draw: st.DrawFn) -> list[int]:
    """Spells with values in between that are no intervals."""
    ticks = draw(spells())
    for place in draw(st.lists(st.integers(0, len(ticks) - 1), max_size=6)):
        ticks[place] = draw(st.sampled_from((0, -5, 2501 * MS, 65535 * 1000, 2500 * MS)))
    return ticks


@given(files())
def test_b1_3_a_stream_says_every_beat_and_hole_as_the_definition_does(ticks: list[int]) -> None:
    stream = BeatStream()
    events = [said(event) for value in ticks for event in stream.add_intervals(Rr(0, (value,)))]
    events += [said(event) for event in stream.finish()]
    assert events == by_definition(ticks)


@given(files())
def test_a6_the_beats_of_a_file_are_those_of_the_stream(ticks: list[int]) -> None:
    stream = BeatStream()
    for value in ticks:
        stream.add_intervals(Rr(0, (value,)))
    stream.finish()
    assert beats_of_intervals(ticks) == list(stream.beats)


@given(files(), st.integers(0, 30))
def test_forgetting_beats_costs_nothing_but_the_ready_of_those_forgotten(ticks: list[int], seconds: int) -> None:
    whole, brief = BeatStream(), BeatStream(keep_us=seconds * 1_000_000)
    for value in ticks:
        expected = [said(event) for event in whole.add_intervals(Rr(0, (value,)))]
        events = [said(event) for event in brief.add_intervals(Rr(0, (value,)))]
        assert events == [each for each in expected if each[0] != "Ready" or each[1] >= brief.beats[0].index]
        assert all(beat.t_us >= brief.beats[-1].t_us - seconds * 1_000_000 for beat in list(brief.beats)[:-6])
    assert [said(event) for event in brief.finish()] == [said(event) for event in whole.finish()]


def test_a_stream_holds_the_beats_of_its_window_and_no_more() -> None:
    """A file that is played as if live for a day must not fill the memory."""

    def held() -> int:
        return sum(isinstance(each, TimedBeat) for each in gc.get_objects())

    before, stream, chance = held(), BeatStream(keep_us=60_000_000), Random(6)
    for value_ms in clean(chance, 800, 3000):
        stream.add_intervals(Rr(0, (round(value_ms * MS),)))
    assert 74 <= len(stream.beats) <= 77
    assert held() - before <= len(stream.beats) + 1


def test_the_names_of_a_long_stretch_do_not_depend_on_what_was_forgotten() -> None:
    """A window holds 91 beats: what lay before them must have left every list."""
    chance = Random(3)
    early = ectopic(chance, 700, 400) + out_of_range(chance, 900, 200)
    late = [round(rr * MS) for rr in breathing(chance, 950, 300)]
    ticks = [round(rr * MS) for rr in early] + late
    assert flag_stretch(ticks)[-150:] == flag_stretch(ticks[-300:])[-150:]
