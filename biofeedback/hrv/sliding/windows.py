"""Beats in columns, and the trailing windows that end with some of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from biofeedback.hrv.ticks import ticks_to_us
from biofeedback.hrv.window import FULL, BeatWindow, Bools, Floats, Ints


def running(values: Ints | Bools) -> Ints:
    """Running sums along the first axis, a nought before them; differences are exact even where they wrap."""
    sums = np.zeros((len(values) + 1, *values.shape[1:]), np.int64)
    np.cumsum(values, axis=0, out=sums[1:])
    return sums


@dataclass(frozen=True)
class Beats:
    """Beats in order, (n,) each: closing time in microseconds, length in ticks, accepted, no gap before it."""

    t_us: Ints
    ticks: Ints
    ok: Bools
    joined: Bools

    @cached_property
    def opening_us(self) -> Ints:
        """When each interval began, microseconds."""
        return self.t_us - ticks_to_us(self.ticks)

    @cached_property
    def accepted(self) -> Ints:
        """The numbers of the accepted beats."""
        return np.flatnonzero(self.ok)

    @cached_property
    def ranks(self) -> Ints:
        """How many beats before each one, and in all, are accepted, (n + 1,)."""
        return running(self.ok)

    @cached_property
    def follows(self) -> Bools:
        """Which beats are accepted and follow an accepted one."""
        follows: Bools = self.joined & self.ok
        follows[1:] &= self.ok[:-1]
        follows[:1] = False
        return follows

    @cached_property
    def paired(self) -> Ints:
        """How many beats before each one, and in all, follow an accepted one, (n + 1,)."""
        return running(self.follows)

    @cached_property
    def gaps(self) -> Ints:
        """How many gaps lie before the interval of each beat opens, and in all, (n + 1,)."""
        return running(~self.joined)

    def part(self, start: int, stop: int) -> Beats:
        """The beats from `start` to before `stop`."""
        kept = slice(start, stop)
        return Beats(self.t_us[kept], self.ticks[kept], self.ok[kept], self.joined[kept])

    def window(self, first: int, last: int, span_s: float) -> BeatWindow:
        """One window of them, as the metrics' definitions take it."""
        held = self.part(first, last + 1)
        joined = (False, *held.joined[1:].tolist())
        return BeatWindow(
            tuple(held.t_us.tolist()), tuple(held.ticks.tolist()), tuple(held.ok.tolist()), joined, span_s
        )


@dataclass(frozen=True)
class Rows:
    """Rows that are wanted, (rows,) each: the beats `last` that their windows end with.

    `since_us`: when their numbers began. `least`: the first beat that they may see.
    """

    beats: Beats
    last: Ints
    since_us: Ints
    least: Ints


@dataclass(frozen=True)
class Windows:
    """The trailing windows of one length that end with the beats `last`, (rows,) each.

    `first`: the beat that begins each. `span_s`: its length, shorter where numbers began less long ago.
    """

    beats: Beats
    seconds: float
    last: Ints
    first: Ints
    span_s: Floats

    @classmethod
    def of(cls, rows: Rows, seconds: float) -> Windows:
        """Those of `seconds` that end with these rows."""
        beats, last = rows.beats, rows.last
        span_us = np.minimum(round(seconds * 1e6), beats.t_us[last] - rows.since_us)
        first = np.maximum(np.searchsorted(beats.opening_us, beats.t_us[last] - span_us), rows.least)
        return cls(beats, seconds, last, np.minimum(first, last + 1), span_us / 1e6)

    @cached_property
    def count(self) -> Ints:
        """Beats in each."""
        return self.last + 1 - self.first

    @cached_property
    def nn(self) -> Ints:
        """Accepted beats in each."""
        return self.sums(self.beats.ranks)

    @cached_property
    def pairs(self) -> Ints:
        """Pairs of accepted beats that follow one another in each."""
        return self.pair_sums(self.beats.paired)

    @cached_property
    def gaps(self) -> Ints:
        """Gaps in each."""
        return self.pair_sums(self.beats.gaps)

    @cached_property
    def usable(self) -> Bools:
        """Whether each is full, and at most half of its beats are flagged."""
        return (self.span_s >= FULL * self.seconds) & (2 * (self.count - self.nn) <= self.count)

    def sums(self, running_sums: Ints) -> Ints:
        """The sum over the beats of each."""
        sums: Ints = running_sums[self.last + 1] - running_sums[self.first]
        return sums

    def pair_sums(self, running_sums: Ints) -> Ints:
        """The sum over the beats of each but its first, for what is said of a beat and the one before it."""
        sums: Ints = running_sums[self.last + 1] - running_sums[np.minimum(self.first, self.last) + 1]
        return sums
