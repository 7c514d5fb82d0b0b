"""The one artefact rule (RULINGS B1), used live, in analyses, gates and exports alike.

After Lipponen & Tarvainen 2019 (J Med Eng Technol 43:173), in a robust form: medians and quartiles are taken over
accepted intervals only, so that a tenth of bad beats does not widen the thresholds until nothing is found.

Deviations from the paper: thresholds have floors (20 and 40 ms); an interval within 8 % of its median is never
flagged, one more than 20 % away always; the windows are causal, they end `look_ahead` beats after the judged beat.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from itertools import compress, pairwise
from typing import Final, TypeAlias

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
EDGE: Final = SETTLED + 1
"""The newest beats, judged anew with every beat that comes."""

Judgement: TypeAlias = tuple[int, ArtefactName | None]
"""A beat's index in its stretch and its name, None when it is good."""


def is_interval(ticks: int) -> bool:
    """Whether a value is an interval between beats at all (rule 0); anything else is a gap."""
    return 0 < ticks <= NO_INTERVAL_OVER


def in_range(ticks: int) -> bool:
    """Whether an interval is one a seated heart can make, 30 to 220 bpm (rule 1)."""
    return SHORTEST <= ticks <= LONGEST


class ArtefactFilter:
    """Judges the intervals of one gap-free stretch as they come.

    `push` takes the next interval and returns the judgements that are now possible; `finish` closes the stretch and
    judges what is left. A judgement is (index in the stretch, name or None).

    The last six beats, the edge, are judged anew with every beat; what those before them give to the quartiles is
    final. Sorted lists are kept, not made anew, and thresholds are taken only for a beat that they can flag.
    """

    def __init__(self) -> None:
        self._count = 0
        self._finished = 0
        self._ticks: list[int] = []
        self._accepted: list[bool] = []
        self._last_rejected = -1
        self._ranked: list[int] = []
        self._gate_median = self._median = 0.0
        self._differences: list[int] = []
        self._strays: list[float | None] = []
        self._deviations: list[float] = []
        self._deviation: float | None = None

    def push(self, ticks: int) -> tuple[Judgement | None, Judgement | None]:
        """Take one interval (ticks of 1/1 024 000 s); return the provisional and the settled judgement, if any."""
        self._take(ticks)
        edge, ranked = self._count - 1, self._ranked
        if self._last_rejected <= edge - MEDIAN_BEATS and _all_good(ranked):
            median = self._gate_median = self._median = ranked[MEDIAN_BEATS // 2]
            near = NEAR * median
            soon, final = self._ticks[-1 - PROVISIONAL], self._ticks[-1 - SETTLED]
            if abs(soon - median) <= near and abs(final - median) <= near:
                return (edge - PROVISIONAL, None), (edge - SETTLED, None)
        else:
            self._judge_edge()
        return self._judgement(edge - PROVISIONAL), self._judgement(edge - SETTLED)

    def finish(self) -> list[Judgement]:
        """Settle the last beats of the stretch with what there is behind them."""
        left = range(max(self._finished, self._count - SETTLED), self._count)
        self._finished = self._count
        return [(index, self._name(index)) for index in left]

    def _take(self, ticks: int) -> None:
        """Append a beat; the one six before it is no longer judged again, the one 91 before it leaves."""
        kept, accepted, ranked = self._ticks, self._accepted, self._ranked
        if len(kept) == QUARTILE_BEATS:
            self._forget()
        if accepted and accepted[-1]:
            insort(self._differences, abs(ticks - kept[-1]))
        kept.append(ticks)
        accepted.append(True)
        self._count += 1
        self._deviation = None
        if len(kept) > MEDIAN_BEATS:
            del ranked[bisect_left(ranked, kept[-1 - MEDIAN_BEATS])]
        insort(ranked, ticks)
        if len(kept) > EDGE:
            stray = _doubled_if_short(kept[-1 - EDGE], self._gate_median) if accepted[-1 - EDGE] else None
            self._strays.append(stray)
            if stray is not None:
                insort(self._deviations, stray)

    def _forget(self) -> None:
        """Drop the oldest beat, and what it gave to the sorted lists."""
        stray = self._strays.pop(0)
        if stray is not None:
            del self._deviations[bisect_left(self._deviations, stray)]
            if self._accepted[1]:
                del self._differences[bisect_left(self._differences, abs(self._ticks[1] - self._ticks[0]))]
        del self._ticks[0], self._accepted[0]

    def _judge_edge(self) -> None:
        """Two passes of the gross gate over the last beats, and the median of those that passed."""
        ranked = self._ranked
        around = _middle(ranked[bisect_left(ranked, SHORTEST) : bisect_right(ranked, LONGEST)] or ranked)
        flags = self._accepted[-MEDIAN_BEATS:]
        flags[-EDGE:] = self._gate(around)
        self._gate_median = self._median = self._median_of(flags)
        if self._median != around:
            flags[-EDGE:] = self._gate(self._median)
            self._median = self._median_of(flags)
        self._accept(flags)

    def _median_of(self, flags: Sequence[bool]) -> float:
        """The median of the accepted among the last beats; of all when none is."""
        if all(flags):
            return _middle(self._ranked)
        return _middle(sorted(compress(self._ticks[-MEDIAN_BEATS:], flags)) or self._ranked)

    def _gate(self, median: float) -> list[bool]:
        """Which beats of the edge pass the gross gate: near the median, or on a wave that is not too far from it."""
        ticks, gross, farthest = self._ticks, GROSS * median, FARTHEST * median
        passes: list[bool] = []
        for place in self._edge():
            off = abs(ticks[place] - median)
            near = off <= gross or (off <= farthest and self._is_smooth(place))
            passes.append(near and in_range(ticks[place]))
        return passes

    def _edge(self) -> range:
        return range(max(0, len(self._ticks) - EDGE), len(self._ticks))

    def _is_smooth(self, place: int) -> bool:
        ticks = self._ticks[place]
        most = SMOOTH * ticks
        return all(abs(ticks - near) <= most for near in self._neighbours(place))

    def _neighbours(self, place: int) -> list[int]:
        return [*self._ticks[max(0, place - 1) : place], *self._ticks[place + 1 : place + 2]]

    def _accept(self, flags: list[bool]) -> None:
        """Take these flags of the last beats; only steps between two accepted beats count."""
        before, recent = self._accepted[-len(flags) :], self._ticks[-len(flags) :]
        self._last_rejected = self._count - 1 - flags[::-1].index(False) if False in flags else -1
        if flags == before:
            return
        self._accepted[-len(flags) :] = flags
        for place in range(1, len(flags)):
            step = abs(recent[place] - recent[place - 1])
            counted, counts = before[place - 1] and before[place], flags[place - 1] and flags[place]
            if counts and not counted:
                insort(self._differences, step)
            elif counted and not counts:
                del self._differences[bisect_left(self._differences, step)]

    def _judgement(self, index: int) -> Judgement | None:
        return None if index < 0 else (index, self._name(index))

    def _name(self, index: int) -> ArtefactName | None:
        place = index - self._count + len(self._ticks)
        ticks, median = self._ticks[place], self._median
        if not in_range(ticks):
            return "range"
        passes = self._accepted[place]
        if median != self._gate_median:
            passes = self._gate(median)[place - len(self._ticks)]
        if passes and abs(ticks - median) <= NEAR * median:
            return None
        shape = None if index < FIRST_BEATS else self._shape(place)
        return None if passes and shape is None else self._classify(place, shape)

    def _shape(self, place: int) -> str | None:
        """By the paper's tests: ectopic, long, short or far; None when none holds."""
        steps = [after - here for here, after in pairwise(self._ticks[place - 2 : place + 3])]
        before, here, after, later = (*steps, 0, 0)[:4]
        limit = max(FLOOR_DIFFERENCE, SPREAD * _quartile_deviation(self._differences))
        shape = None
        if abs(here) > limit or abs(before) > limit:
            shape = _shape_of_steps(before / limit, here / limit, after / limit, later / limit)
        return "far" if shape is None and self._is_far(place) else shape

    def _is_far(self, place: int) -> bool:
        stray = _doubled_if_short(self._ticks[place], self._median)
        return stray > DEVIATIONS * FLOOR_DEVIATION and stray > DEVIATIONS * self._most_deviation()

    def _most_deviation(self) -> float:
        """How far values may stray from the median, in ticks: by the accepted beats of the window."""
        if self._deviation is None:
            edge = compress(self._ticks[-EDGE:], self._accepted[-EDGE:])
            strays = self._deviations + [_doubled_if_short(ticks, self._median) for ticks in edge]
            self._deviation = max(FLOOR_DEVIATION, SPREAD * _quartile_deviation(sorted(strays)))
        return self._deviation

    def _classify(self, place: int, shape: str | None) -> ArtefactName:
        ticks, median, deviation = self._ticks[place], self._median, self._most_deviation()
        if ticks > median and abs(ticks / 2 - median) < deviation:
            return "missed"
        if ticks < median and any(abs(ticks + other - median) < deviation for other in self._neighbours(place)):
            return "extra"
        return "ectopic" if shape == "ectopic" else "misplaced"


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


def _all_good(ranked: Sequence[int]) -> bool:
    """Whether all of these sorted beats are in range and pass the gross gate around their median."""
    median = ranked[len(ranked) // 2]
    gross = GROSS * median
    least, most = ranked[0], ranked[-1]
    return least >= SHORTEST and most <= LONGEST and median - least <= gross and most - median <= gross


def _shape_of_steps(before: float, here: float, after: float, later: float) -> str | None:
    """The paper's tests on steps in units of their threshold; the last: a smaller step back belongs to the one before.

    A step counts from the beat before to the beat; `here` is that to the judged beat.
    """
    if _is_ectopic(here, before, after):
        return "ectopic"
    passed_on = abs(here) < abs(after)
    if (here > 1 and min(after, later) < -1) or (passed_on and before > 1 and min(here, after) < -1):
        return "long"
    if (here < -1 and max(after, later) > 1) or (passed_on and before < -1 and max(here, after) > 1):
        return "short"
    return None


def _is_ectopic(here: float, before: float, after: float) -> bool:
    if here > 1:
        return max(before, after) < -0.13 * here - 0.17
    if here < -1:
        return min(before, after) > -0.13 * here + 0.17
    return False


def _middle(ranked: Sequence[int]) -> float:
    """The median of sorted values."""
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
