"""Hypothesis strategies and small builders that several folders share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from random import Random

from hypothesis import strategies as st

from biofeedback.events import ArtefactName, Packet
from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.ticks import TICKS_PER_S, ticks_to_us
from biofeedback.hrv.window import BeatWindow

MS = 1024
"""Ticks in a millisecond."""


def window(
    ticks: Sequence[int],
    ok: Sequence[bool] | None = None,
    joined: Sequence[bool] | None = None,
    span_s: float | None = None,
) -> BeatWindow:
    """A window of these intervals; all good and joined unless said otherwise, a gap being 3 s long."""
    clock, t_us = 0, list[int]()
    for number, value in enumerate(ticks):
        clock += value + (3 * TICKS_PER_S if number and joined is not None and not joined[number] else 0)
        t_us.append(ticks_to_us(clock))
    return BeatWindow(
        tuple(t_us),
        tuple(ticks),
        tuple(ok) if ok is not None else (True,) * len(ticks),
        tuple(joined) if joined is not None else tuple(number > 0 for number in range(len(ticks))),
        span_s if span_s is not None else sum(ticks) / TICKS_PER_S,
    )


@st.composite
def windows(draw: st.DrawFn, least: int = 1, most: int = 120) -> BeatWindow:
    """Windows with flagged intervals and gaps; intervals a heart can make."""
    count = draw(st.integers(least, most))
    ticks = draw(st.lists(st.integers(273 * MS, 2000 * MS), min_size=count, max_size=count))
    rarely = st.integers(0, 9).map(bool)
    ok = draw(st.lists(rarely, min_size=count, max_size=count))
    joined = [False, *draw(st.lists(rarely, min_size=count - 1, max_size=count - 1))]
    return window(ticks, ok, joined)


@st.composite
def hearts(draw: st.DrawFn, least: int = 1, most: int = 150) -> list[int]:
    """Intervals of a heart with breath, noise, and now and then something broken, in ticks."""
    chance = Random(draw(st.integers(0, 2**32)))
    count = draw(st.integers(least, most))
    base, swing = draw(st.integers(500, 1200)), draw(st.integers(0, 200))
    broken = draw(st.sampled_from((0.0, 0.03, 0.15)))
    series: list[int] = []
    phase = chance.random()
    for _ in range(count):
        phase = (phase + chance.uniform(0.06, 0.2)) % 1.0
        rr_ms = base + swing * (4 * abs(phase - 0.5) - 1) + chance.gauss(0, 15)
        if chance.random() < broken:
            rr_ms *= chance.choice((0.3, 0.5, 0.7, 0.88, 1.12, 1.3, 2.0))
        series.append(max(1, round(rr_ms * MS)))
    return series


def beats_at(
    times_us: Sequence[int],
    opening_us: int,
    why: dict[int, ArtefactName] | None = None,
    gaps: Iterable[int] = (),
) -> list[TimedBeat]:
    """Settled beats that close at these times, each as long as the time since the one before."""
    starts = [opening_us, *times_us[:-1]]
    held = set(gaps) | {0}
    return [
        TimedBeat(
            number,
            t_us,
            round((t_us - start) * 1.024),
            number in held,
            (why or {}).get(number),
            settled=True,
        )
        for number, (start, t_us) in enumerate(zip(starts, times_us, strict=True))
    ]


def parted(beats: Sequence[TimedBeat], place: int, hole_us: int) -> list[TimedBeat]:
    """The same beats with a hole before this one."""
    behind = (replace(beat, t_us=beat.t_us + hole_us) for beat in beats[place:])
    apart = [*beats[:place], *behind]
    apart[place].gap_before = True
    return apart


def beats_of(ticks: Sequence[int], start_us: int = 0, why: dict[int, ArtefactName] | None = None) -> list[TimedBeat]:
    """Settled gap-free beats of these lengths, the first opening at `start_us`."""
    clock = 0
    beats: list[TimedBeat] = []
    for number, value in enumerate(ticks):
        clock += value
        flag = (why or {}).get(number)
        beats.append(TimedBeat(number, start_us + ticks_to_us(clock), value, number == 0, flag, settled=True))
    return beats


def even(rr_ms: int, count: int) -> list[int]:
    """So many intervals of this length, in turns one tick shorter and longer: no heart repeats itself to the tick."""
    return [rr_ms * MS + (1 if number % 2 else -1) for number in range(count)]


def packet(at_us: int, ticks_1024: Iterable[int] = (), hr: int | None = 60, contact: bool | None = None) -> Packet:
    """A strap's packet of intervals in 1/1024 s."""
    return Packet(at_us, "test", at_us, hr, contact, None, tuple(ticks_1024), "")
