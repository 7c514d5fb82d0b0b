"""The one artefact rule (RULINGS B1), used live, in analyses, gates and exports alike.

After Lipponen & Tarvainen 2019 (J Med Eng Technol 43:173), in a robust form: medians and quartiles are taken over
accepted intervals only, so that a tenth of bad beats does not widen the thresholds until nothing is found.

Deviations from the paper: thresholds have floors (20 and 40 ms); an interval within 8 % of its median is never
flagged, one more than 20 % away always; the windows are causal, they end `look_ahead` beats after the judged beat.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from biofeedback.events import ArtefactName
from biofeedback.hrv.ticks import TICKS_PER_MS

VERSION: Final = 1

NO_INTERVAL_OVER: Final = 2500 * TICKS_PER_MS
"""Longer than this is a hole in the beats, not an interval (rule 0)."""
SHORTEST: Final = 273 * TICKS_PER_MS
LONGEST: Final = 2000 * TICKS_PER_MS
MEDIAN_BEATS: Final = 11
QUARTILE_BEATS: Final = 91
FIRST_BEATS: Final = 20
"""In so many beats of a stretch there is too little to take quartiles of: only the gross gate applies."""
GROSS: Final = 0.20
NEAR: Final = 0.08
SMOOTH: Final = 0.12
"""A beat this close to both its neighbours lies on a wave: deep breathing swings a heart by more than a fifth."""
FARTHEST: Final = 0.40
"""Beyond this no wave of breath explains the interval."""
SPREAD: Final = 5.2
DEVIATIONS: Final = 3.0
FLOOR_DIFFERENCE: Final = 20 * TICKS_PER_MS
FLOOR_DEVIATION: Final = 40 * TICKS_PER_MS
PROVISIONAL: Final = 2
SETTLED: Final = 5


def is_interval(ticks: int) -> bool:
    """Whether a value is an interval between beats at all (rule 0); anything else is a gap."""
    return 0 < ticks <= NO_INTERVAL_OVER


def in_range(ticks: int) -> bool:
    """Whether an interval is one a seated heart can make, 30 to 220 bpm (rule 1)."""
    return SHORTEST <= ticks <= LONGEST


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What one edge of the stretch knows: the median interval and how far values may stray, in ticks."""

    median: float
    difference: float
    deviation: float


@dataclass(slots=True)
class _Kept:
    """One interval inside the windows; `median` is the one it was last judged against."""

    ticks: int
    ranged: bool
    accepted: bool
    median: float


class ArtefactFilter:
    """Judges the intervals of one gap-free stretch as they come.

    `push` takes the next interval and returns the judgements that are now possible; `finish` closes the stretch and
    judges what is left. A judgement is (index in the stretch, name or None).
    """

    def __init__(self) -> None:
        self._kept: deque[_Kept] = deque()
        self._first = 0
        self._settled = 0
        self._differences: list[int] = []
        self._deviations: list[float] = []

    @property
    def count(self) -> int:
        """Intervals pushed so far."""
        return self._first + len(self._kept)

    def push(self, ticks: int) -> tuple[tuple[int, ArtefactName | None] | None, tuple[int, ArtefactName | None] | None]:
        """Take one interval (ticks of 1/1 024 000 s); return the provisional and the settled judgement, if any."""
        self._forget()
        self._kept.append(_Kept(ticks, in_range(ticks), True, float(ticks)))
        self._enter_interior()
        limits = self._judge_edge()
        edge = self.count - 1
        provisional = self._judgement(edge - PROVISIONAL, limits)
        settled = self._judgement(edge - SETTLED, limits)
        if settled is not None:
            self._settled = edge - SETTLED + 1
        return provisional, settled

    def finish(self) -> list[tuple[int, ArtefactName | None]]:
        """Settle the last beats of the stretch with what there is behind them."""
        if not self._kept:
            return []
        limits = self._limits(self._edge_median())
        left = [self._judgement(index, limits) for index in range(self._settled, self.count)]
        self._settled = self.count
        return [judgement for judgement in left if judgement is not None]

    def _at(self, index: int) -> _Kept:
        return self._kept[index - self._first]

    def _forget(self) -> None:
        """Drop the beat that leaves the quartile window, and what it gave to the sorted lists."""
        if len(self._kept) < QUARTILE_BEATS:
            return
        leaving, following = self._kept[0], self._kept[1]
        if leaving.accepted:
            del self._deviations[bisect_left(self._deviations, _deviation(leaving))]
            if following.accepted:
                del self._differences[bisect_left(self._differences, abs(following.ticks - leaving.ticks))]
        self._kept.popleft()
        self._first += 1

    def _enter_interior(self) -> None:
        """The beat six before the newest is no longer judged again: its values join the sorted lists."""
        index = len(self._kept) - 2 - SETTLED
        if index < 0:
            return
        entering = self._kept[index]
        if not entering.accepted:
            return
        insort(self._deviations, _deviation(entering))
        if index > 0 and self._kept[index - 1].accepted:
            insort(self._differences, abs(entering.ticks - self._kept[index - 1].ticks))

    def _judge_edge(self) -> Thresholds:
        """Two passes of the gross gate over the last beats, then the thresholds of this edge."""
        recent = list(self._kept)[-MEDIAN_BEATS:]
        first = _median([beat.ticks for beat in recent if beat.ranged] or [beat.ticks for beat in recent])
        edge = range(max(self._first, self.count - 1 - SETTLED), self.count)
        for index in edge:
            self._at(index).accepted = self._passes_gate(index, first)
        median = self._edge_median()
        for index in edge:
            beat = self._at(index)
            beat.accepted, beat.median = self._passes_gate(index, median), median
        return self._limits(self._edge_median())

    def _passes_gate(self, index: int, median: float) -> bool:
        """The gross gate: near the median, or on a wave that is not too far from it."""
        beat = self._at(index)
        off = abs(beat.ticks - median)
        return beat.ranged and (off <= GROSS * median or (off <= FARTHEST * median and self._is_smooth(index)))

    def _is_smooth(self, index: int) -> bool:
        ticks = self._at(index).ticks
        return all(abs(ticks - near) <= SMOOTH * ticks for near in self._neighbours(index))

    def _edge_median(self) -> float:
        recent = list(self._kept)[-MEDIAN_BEATS:]
        return _median([beat.ticks for beat in recent if beat.accepted] or [beat.ticks for beat in recent])

    def _limits(self, median: float) -> Thresholds:
        """Thresholds over the accepted beats of the quartile window, interior and edge together."""
        differences, deviations = list(self._differences), list(self._deviations)
        start = max(0, len(self._kept) - 1 - SETTLED)
        for index in range(start, len(self._kept)):
            beat = self._kept[index]
            if not beat.accepted:
                continue
            insort(deviations, _doubled_if_short(beat.ticks, median))
            if index > 0 and self._kept[index - 1].accepted:
                insort(differences, abs(beat.ticks - self._kept[index - 1].ticks))
        return Thresholds(
            median,
            max(FLOOR_DIFFERENCE, SPREAD * _quartile_deviation(differences)),
            max(FLOOR_DEVIATION, SPREAD * _quartile_deviation(deviations)),
        )

    def _judgement(self, index: int, limits: Thresholds) -> tuple[int, ArtefactName | None] | None:
        if index < 0:
            return None
        return index, self._name(index, limits)

    def _name(self, index: int, limits: Thresholds) -> ArtefactName | None:
        beat = self._at(index)
        if not beat.ranged:
            return "range"
        off = abs(beat.ticks - limits.median)
        shape = None if index < FIRST_BEATS else self._shape(index, limits)
        if self._passes_gate(index, limits.median) and (shape is None or off <= NEAR * limits.median):
            return None
        return self._classify(index, shape, limits)

    def _shape(self, index: int, limits: Thresholds) -> str | None:
        """By the paper's tests on scaled differences: ectopic, long, short or far; None when none holds."""
        before, here, after, later = (self._scaled(index + step, limits) for step in (-1, 0, 1, 2))
        if _is_ectopic(here, before, after):
            return "ectopic"
        if here > 1 and min(after, later) < -1:
            return "long"
        if here < -1 and max(after, later) > 1:
            return "short"
        if _doubled_if_short(self._at(index).ticks, limits.median) > DEVIATIONS * limits.deviation:
            return "far"
        return self._passed_on(index, limits)

    def _passed_on(self, index: int, limits: Thresholds) -> str | None:
        """The paper's extra test: the beat after a long or short step belongs to it when its own step is smaller."""
        if index == 0:
            return None
        before, here, after = (self._scaled(index + step, limits) for step in (-1, 0, 1))
        if abs(here) >= abs(after):
            return None
        if before > 1 and min(here, after) < -1:
            return "long"
        if before < -1 and max(here, after) > 1:
            return "short"
        return None

    def _scaled(self, index: int, limits: Thresholds) -> float:
        """The difference to the beat before in units of its threshold; 0 outside the stretch."""
        if index <= self._first or index >= self.count:
            return 0.0
        return (self._at(index).ticks - self._at(index - 1).ticks) / limits.difference

    def _classify(self, index: int, shape: str | None, limits: Thresholds) -> ArtefactName:
        ticks = self._at(index).ticks
        if ticks > limits.median and abs(ticks / 2 - limits.median) < limits.deviation:
            return "missed"
        if ticks < limits.median and any(
            abs(ticks + other - limits.median) < limits.deviation for other in self._neighbours(index)
        ):
            return "extra"
        return "ectopic" if shape == "ectopic" else "misplaced"

    def _neighbours(self, index: int) -> Iterable[int]:
        return (self._at(near).ticks for near in (index - 1, index + 1) if self._first <= near < self.count)


def flag_stretch(ticks: Sequence[int]) -> list[ArtefactName | None]:
    """Settled names of one gap-free stretch of intervals (ticks), None for a good beat."""
    judge = ArtefactFilter()
    names: list[ArtefactName | None] = [None] * len(ticks)
    for value in ticks:
        settled = judge.push(value)[1]
        if settled is not None:
            names[settled[0]] = settled[1]
    for index, name in judge.finish():
        names[index] = name
    return names


def _is_ectopic(here: float, before: float, after: float) -> bool:
    if here > 1:
        return max(before, after) < -0.13 * here - 0.17
    if here < -1:
        return min(before, after) > -0.13 * here + 0.17
    return False


def _median(values: Sequence[int]) -> float:
    ranked = sorted(values)
    middle = len(ranked) // 2
    return float(ranked[middle]) if len(ranked) % 2 else (ranked[middle - 1] + ranked[middle]) / 2


def _quartile_deviation(ranked: Sequence[float]) -> float:
    """Half the distance between the quartiles of sorted values, by order statistic."""
    count = len(ranked)
    return (ranked[(3 * count) // 4] - ranked[count // 4]) / 2 if count else 0.0


def _doubled_if_short(ticks: int, median: float) -> float:
    """How far from the median; short intervals count double, as in the paper."""
    off = ticks - median
    return -2 * off if off < 0 else off


def _deviation(beat: _Kept) -> float:
    return _doubled_if_short(beat.ticks, beat.median)
