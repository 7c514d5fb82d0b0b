"""The artefact rule (RULINGS B1) written out slowly, and how its names are had from the fast one."""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import TypeAlias

from biofeedback.events import ArtefactName
from biofeedback.hrv.artefacts import ArtefactFilter
from tests.strategies import MS

Names: TypeAlias = list[ArtefactName | None]
LAST = 5
"""Beats that can still change their acceptance: up to L = 5 behind the newest."""


class Slowly:
    """The definition of B1 with every window taken anew from the whole list. `edge` is the newest beat known.

    For look-ahead L the judged beat is edge - L: its median runs over k-10+L ... k+L and its quartiles over
    k-90+L ... k+L, which are the last 11 and the last 91 beats.
    """

    def __init__(self, ticks: list[int]) -> None:
        self.ticks = ticks
        self.ranged = [273 * MS <= value <= 2000 * MS for value in ticks]
        self.accepted = [False] * len(ticks)
        self.centre = [0.0] * len(ticks)
        self.known = 0

    def neighbours(self, k: int) -> list[int]:
        return [self.ticks[i] for i in (k - 1, k + 1) if 0 <= i < self.known]

    def gross(self, k: int, around: float) -> bool:
        """Within 20 % of the median, or (our deviation) on a wave: 12 % from both neighbours, 40 % from the median."""
        value = self.ticks[k]
        wave = all(abs(value - near) <= 0.12 * value for near in self.neighbours(k))
        return self.ranged[k] and (abs(value - around) <= (0.40 if wave else 0.20) * around)

    def median11(self, accepted: list[bool]) -> float:
        window = range(max(0, self.known - 11), self.known)
        return float(median([self.ticks[i] for i in window if accepted[i]] or [self.ticks[i] for i in window]))

    def learn(self, edge: int) -> tuple[float, float, float]:
        """Both passes at this edge; then the median and the thresholds Th1 and Th2."""
        self.known = edge + 1
        recent = range(max(0, edge - LAST), edge + 1)
        for accepted in (self.ranged, self.accepted):
            around = self.median11(accepted)
            for k, passes in [(k, self.gross(k, around)) for k in recent]:
                self.accepted[k], self.centre[k] = passes, around
        around = self.median11(self.accepted)
        window = [k for k in range(max(0, edge - 90), edge + 1) if self.accepted[k]]
        steps = [abs(self.ticks[b] - self.ticks[a]) for a, b in pairwise(window) if b == a + 1]
        centres = {k: around if k in recent else self.centre[k] for k in window}
        strays = [self.stray(k, centres[k]) for k in window]
        return around, max(20.0 * MS, 5.2 * spread(steps)), max(40.0 * MS, 5.2 * spread(strays))

    def stray(self, k: int, around: float) -> float:
        off = self.ticks[k] - around
        return off if off >= 0 else -2 * off

    def step(self, k: int, th1: float) -> float:
        return (self.ticks[k] - self.ticks[k - 1]) / th1 if 0 < k < self.known else 0.0

    def name(self, k: int, around: float, th1: float, th2: float) -> ArtefactName | None:
        if not self.ranged[k]:
            return "range"
        shape = "" if k < 20 else self.shape(k, around, th1, th2)
        off = abs(self.ticks[k] - around)
        if self.gross(k, around) and not (shape and off > 0.08 * around):
            return None
        if self.ticks[k] > around and abs(self.ticks[k] / 2 - around) < th2:
            return "missed"
        if self.ticks[k] < around and any(abs(self.ticks[k] + n - around) < th2 for n in self.neighbours(k)):
            return "extra"
        return "ectopic" if shape == "ectopic" else "misplaced"

    def shape(self, k: int, around: float, th1: float, th2: float) -> str:
        before, here, after, later = (self.step(i, th1) for i in (k - 1, k, k + 1, k + 2))
        if here > 1 and max(before, after) < -0.13 * here - 0.17:
            return "ectopic"
        if here < -1 and min(before, after) > -0.13 * here + 0.17:
            return "ectopic"
        if (here > 1 and min(after, later) < -1) or (here < -1 and max(after, later) > 1):
            return "long or short"
        if self.stray(k, around) > 3 * th2:
            return "far"
        passed_on = (before > 1 and min(here, after) < -1) or (before < -1 and max(here, after) > 1)
        return "the beat after" if passed_on and abs(here) < abs(after) else ""


def spread(values: list[int] | list[float]) -> float:
    """Quartile deviation by order statistic (RULINGS E11)."""
    ranked = sorted(values)
    return (ranked[3 * len(ranked) // 4] - ranked[len(ranked) // 4]) / 2 if ranked else 0.0


def slowly(ticks: list[int]) -> tuple[Names, Names]:
    """Provisional and settled names by definition; at the end of the stretch with what there is."""
    slow = Slowly(ticks)
    provisional: Names = [None] * len(ticks)
    settled: Names = [None] * len(ticks)
    last = len(ticks) - 1
    for edge in range(len(ticks)):
        limits = slow.learn(edge)
        for ahead, names in ((2, provisional), (5, settled)):
            judged = range(max(0, edge - ahead), edge + 1) if edge == last else range(edge - ahead, edge - ahead + 1)
            for k in judged:
                if k >= 0:
                    names[k] = slow.name(k, *limits)
    return provisional, settled


def quickly(ticks: list[int]) -> tuple[Names, Names]:
    """Provisional and settled names by the filter."""
    judge = ArtefactFilter()
    provisional: Names = [None] * len(ticks)
    settled: Names = [None] * len(ticks)
    early = set[int]()
    for value in ticks:
        soon, final = judge.push(value)
        if soon is not None:
            provisional[soon[0]] = soon[1]
            early.add(soon[0])
        if final is not None:
            settled[final[0]] = final[1]
    for k, name in judge.finish():
        settled[k] = name
        if k not in early:
            provisional[k] = name
    return provisional, settled
