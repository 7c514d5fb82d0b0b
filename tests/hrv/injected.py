"""Clean stretches of real hearts, faults put into them at known places, and what became of those.

Used by the tests of the artefact rule and by `benchmarks/artefacts.py`. Intervals are in ms. Every fault keeps the
time: what one beat loses or gains its neighbour gains or loses, as a detector's faults and an early beat's pause do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import nan, pi, sin, sqrt
from random import Random
from typing import Final, Literal, TypeAlias

from biofeedback.hrv.artefacts import ArtefactFilter
from tests.real import holter
from tests.strategies import MS

LENGTH: Final = 260
APART: Final = 3
"""Faults are at least so many beats apart."""
TAIL: Final = 10
"""So many beats at the end of a stretch stay as they are."""

Kind: TypeAlias = Literal["missed", "extra", "ectopic", "shift"]
KINDS: Final[tuple[Kind, ...]] = ("missed", "extra", "ectopic", "shift")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and the intervals of the new series that it made."""

    kind: Kind
    where: range


def is_clean(segment: Sequence[float]) -> bool:
    """Whether every interval is one of a heart, and none differs from the one before by 18 % or more."""
    return all(300 < rr < 1900 for rr in segment) and all(abs(b - a) / a < 0.18 for a, b in pairwise(segment))


def clean_pieces(series: Sequence[float]) -> Iterator[tuple[float, ...]]:
    """Clean stretches of 260 beats that do not overlap, searched in steps of 20 beats."""
    start = 0
    while start + LENGTH <= len(series):
        segment = tuple(series[start : start + LENGTH])
        clean = is_clean(segment)
        if clean:
            yield segment
        start += LENGTH if clean else 20


def holter_pieces(name: str, wanted: int) -> Iterator[tuple[float, ...]]:
    """So many clean stretches of a Holter day, drawn by a seed, in which every beat is labelled normal."""
    day = holter(name)
    chance = Random(name)
    found = 0
    while found < wanted:
        start = chance.randrange(len(day) - LENGTH)
        part = day[start : start + LENGTH]
        segment = tuple(rr for rr, _, _ in part)
        if is_clean(segment) and all(a == b == "N" for _, a, b in part):
            found += 1
            yield segment


def deep_rsa(seed: int, mean_ms: float, seconds: float, swing_ms: float = 330.0) -> tuple[float, ...]:
    """Somebody who breathes 6 times a minute and swings by `swing_ms` from peak to trough; every beat is good.

    Beside the wave: a slow drift (SD 20 ms, correlation 0.95 from beat to beat) and white noise (SD 12 ms).
    """
    chance = Random(f"{seed} {mean_ms}")
    t, drift = 0.0, chance.gauss(0, 20)
    intervals: list[float] = []
    while t < seconds:
        intervals.append(mean_ms + swing_ms / 2 * sin(2 * pi * 0.1 * t) + drift + chance.gauss(0, 12))
        drift = 0.95 * drift + chance.gauss(0, 20 * sqrt(1 - 0.95**2))
        t += intervals[-1] / 1000
    return tuple(intervals)


def fault(chance: Random, kind: Kind, here: float, after: float) -> tuple[list[float], bool]:
    """The intervals a fault makes of one or two, and whether it took the second.

    missed: two become one. extra: one becomes two, cut at 30 to 70 %. ectopic: 20 to 40 % early, the pause makes up
    for it. shift: the beat between the two lies 8 to 20 % of the first too early or too late.
    """
    if kind == "missed":
        return [here + after], True
    if kind == "extra":
        part = here * chance.uniform(0.3, 0.7)
        return [part, here - part], False
    early = here * (
        chance.uniform(0.2, 0.4) if kind == "ectopic" else chance.uniform(0.08, 0.2) * chance.choice((-1, 1))
    )
    return [here - early, after + early], True


def inject(
    clean: Sequence[float], share: float, chance: Random, first: int, kinds: Sequence[Kind] = KINDS
) -> tuple[list[float], list[Fault]]:
    """The series with faults in about `share` of its beats from beat `first` on, and where they are in it."""
    wanted = sorted(chance.sample(range(first, len(clean) - TAIL), round(share * (len(clean) - first))))
    places = {b for a, b in pairwise([-APART, *wanted]) if b - a >= APART}
    series: list[float] = []
    faults: list[Fault] = []
    k = 0
    while k < len(clean):
        if k in places:
            kind = chance.choice(kinds)
            made, both = fault(chance, kind, clean[k], clean[k + 1])
            faults.append(Fault(kind, range(len(series), len(series) + len(made))))
            series += made
            k += 2 if both else 1
        else:
            series.append(clean[k])
            k += 1
    return series, faults


def both_flags(series_ms: Sequence[float]) -> tuple[list[bool], list[bool]]:
    """Our rule's provisional and settled flags of one gap-free series in ms."""
    judge = ArtefactFilter()
    provisional = [False] * len(series_ms)
    settled = [False] * len(series_ms)
    early = 0
    for rr_ms in series_ms:
        soon, final = judge.push(round(rr_ms * MS))
        if soon is not None:
            provisional[soon[0]], early = soon[1] is not None, soon[0] + 1
        if final is not None:
            settled[final[0]] = final[1] is not None
    for k, name in judge.finish():
        settled[k] = name is not None
        if k >= early:
            provisional[k] = name is not None
    return provisional, settled


def rmssd(series: Sequence[float], flags: Sequence[bool] | None = None) -> float:
    """RMSSD in ms over adjacent intervals of which neither is flagged; nan when there are none."""
    pairs = zip(pairwise(series), pairwise(flags or [False] * len(series)), strict=True)
    squares = [(b - a) ** 2 for (a, b), (bad_a, bad_b) in pairs if not bad_a and not bad_b]
    return sqrt(sum(squares) / len(squares)) if squares else nan
