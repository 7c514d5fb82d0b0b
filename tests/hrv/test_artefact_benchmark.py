"""How well the artefact rule finds what was put in: floors and ceilings on real hearts (RULINGS B5, HRV 5).

Clean stretches of 260 beats of six recordings and two Holter days get missed, extra, ectopic and shifted beats at
known places, at least three beats apart, with fixed seeds. "Found" is an event of which one interval is flagged.
The limits stand close above and below what was measured when they were set; B5's own goals are met as named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from random import Random
from statistics import median
from typing import Final

import pytest

from biofeedback.hrv.artefacts import FIRST_BEATS, flag_stretch, is_interval
from tests.hrv.injected import LENGTH, Fault, both_flags, clean_pieces, holter_pieces, inject, rmssd
from tests.real import holter, needs_data, real_series
from tests.strategies import MS

pytestmark = [needs_data, pytest.mark.slow]

CLEAN: Final = ("rest", "hour", "exercise", "resting_2026-04-24", "resting_2026-04-25", "resting_2026-04-28")


@cache
def segments() -> tuple[tuple[float, ...], ...]:
    series = real_series()
    seated = [piece for name in (*CLEAN, "orthostatic_2026-05-17") for piece in clean_pieces(series[name])]
    ambulatory = [piece for name in ("nsr001", "nsr004") for piece in holter_pieces(name, 15)]
    return (*seated, *ambulatory)


@dataclass
class Score:
    """What became of the events of one kind of flags."""

    events: int = 0
    found: int = 0
    errors: list[float] = field(default_factory=list[float])

    def add(self, clean: Sequence[float], series: Sequence[float], faults: Sequence[Fault], flags: list[bool]) -> None:
        self.events += len(faults)
        self.found += sum(any(flags[k] for k in each.where) for each in faults)
        self.errors.append(abs(rmssd(series, flags) / rmssd(clean) - 1))

    @property
    def sensitivity_pct(self) -> float:
        return 100 * self.found / self.events

    @property
    def error_pct(self) -> float:
        return 100 * median(self.errors)


@cache
def scores(share: float, first: int) -> tuple[Score, Score]:
    """Provisional and settled, four seeds a segment."""
    provisional, settled = Score(), Score()
    for seed in range(4):
        for number, clean in enumerate(segments()):
            series, faults = inject(clean, share, Random(f"{seed} {number} {share}"), first)
            for score, flags in zip((provisional, settled), both_flags(series), strict=True):
                score.add(clean, series, faults, flags)
    return provisional, settled


def test_the_benchmark_stands_on_enough_clean_beats() -> None:
    assert len(segments()) >= 45
    assert all(len(segment) == LENGTH for segment in segments())


def test_b5_at_most_5_of_1000_clean_beats_are_flagged_and_8_provisionally() -> None:
    provisional, settled = zip(*(both_flags(segment) for segment in segments()), strict=True)
    beats = LENGTH * len(segments())
    assert 1000 * sum(map(sum, settled)) / beats <= 3.5
    assert 1000 * sum(map(sum, provisional)) / beats <= 4.5


@pytest.mark.parametrize(("share", "least_pct", "most_error_pct"), [(0.05, 99.0, 2.5), (0.10, 99.0, 4.2)])
def test_b5_settled_flags_past_the_first_20_beats(share: float, least_pct: float, most_error_pct: float) -> None:
    score = scores(share, FIRST_BEATS)[1]
    assert score.sensitivity_pct >= least_pct
    assert score.error_pct <= most_error_pct


@pytest.mark.parametrize(("share", "least_pct", "most_error_pct"), [(0.05, 99.0, 2.7), (0.10, 98.9, 4.5)])
def test_b5_provisional_flags_past_the_first_20_beats(share: float, least_pct: float, most_error_pct: float) -> None:
    score = scores(share, FIRST_BEATS)[0]
    assert score.sensitivity_pct >= least_pct
    assert score.error_pct <= most_error_pct


@pytest.mark.parametrize(("share", "most_error_pct"), [(0.05, 3.0), (0.10, 5.0)])
def test_events_among_the_first_20_beats_cost_a_little_sensitivity(share: float, most_error_pct: float) -> None:
    """There only the 20 % gate applies (B1), so a quarter of the small shifts stay; whole segments reach 98 %."""
    score = scores(share, 10)[1]
    assert score.sensitivity_pct >= 98.0
    assert score.error_pct <= most_error_pct


def flags_of_day(name: str) -> Iterator[tuple[str, str, str | None, str | None]]:
    """(opening label, closing label, flag, next flag) of every interval of a Holter day."""
    stretch: list[tuple[int, str, str]] = []
    for rr_ms, a, b in [*holter(name), (0.0, "", "")]:
        if is_interval(ticks := round(rr_ms * MS)):
            stretch.append((ticks, a, b))
            continue
        names = flag_stretch([value for value, _, _ in stretch])
        labels = [(one, other) for _, one, other in stretch]
        yield from ((*ab, *flags) for ab, flags in zip(labels, pairwise([*names, None]), strict=True))
        stretch = []


def test_annotated_ectopic_beats_of_two_holter_days() -> None:
    """HRV 5 gives 92.5 % at 99.26 % for three days at the same look-ahead; the 96 / 99.5 of B5 is a stretch goal."""
    found = ectopics = wrong = normals = 0
    for name in ("nsr001", "nsr004"):
        for a, b, flag, following in flags_of_day(name):
            if b in "VAS":
                ectopics += 1
                found += flag is not None or following is not None
            elif a == b == "N":
                normals += 1
                wrong += flag is not None
    assert ectopics == 117
    assert found / ectopics >= 0.91
    assert 1 - wrong / normals >= 0.995
