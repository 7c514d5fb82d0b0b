"""A window of beats as metrics see it, and what a metric answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, TypeAlias

from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.ticks import TICKS_PER_S


POOR: Final = 0.05
"""A window with a larger share of flagged intervals is marked so (RULINGS B1.4)."""


@dataclass(frozen=True)
class BeatWindow:
    """Intervals in order, in ticks of 1/1 024 000 s.

    `ok[i]`: may be used; `joined[i]`: follows interval i-1 with no gap between (False for the first).
    `span_s` is the time from the first opening to the last closing beat, or the length that was asked for.
    """

    ticks: tuple[int, ...]
    ok: tuple[bool, ...]
    joined: tuple[bool, ...]
    span_s: float

    @cached_property
    def nn(self) -> tuple[int, ...]:
        """The accepted intervals."""
        return tuple(ticks for ticks, ok in zip(self.ticks, self.ok, strict=True) if ok)

    @cached_property
    def differences(self) -> tuple[int, ...]:
        """Successive differences, only where both intervals are accepted and adjacent."""
        return tuple(
            self.ticks[i] - self.ticks[i - 1]
            for i in range(1, len(self.ticks))
            if self.joined[i] and self.ok[i] and self.ok[i - 1]
        )

    @property
    def flagged(self) -> int:
        """Number of intervals that may not be used."""
        return len(self.ok) - sum(self.ok)

    @property
    def flagged_share(self) -> float:
        """Flagged intervals over all intervals, 0 when there are none."""
        return self.flagged / len(self.ok) if self.ok else 0.0

    @property
    def coverage(self) -> float:
        """Summed time of the intervals over the span; holes lower it."""
        return sum(self.ticks) / TICKS_PER_S / self.span_s if self.span_s > 0 else 0.0


def window_of(beats: Iterable[TimedBeat], span_s: float | None = None) -> BeatWindow:
    """The window over these beats; `span_s` defaults to the time from first opening to last closing beat."""
    held = list(beats)
    if span_s is None:
        span_s = (held[-1].t_us - held[0].opening_us) / 1e6 if held else 0.0
    return BeatWindow(
        tuple(beat.ticks for beat in held),
        tuple(beat.ok for beat in held),
        tuple(number > 0 and not beat.gap_before for number, beat in enumerate(held)),
        span_s,
    )


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric's value over a window; `beats` is the number of intervals it used."""

    value: float
    unit: str
    window_s: float
    beats: int
    version: int


@dataclass(frozen=True, slots=True)
class NotYet:
    """Why a metric cannot be given, in words for a person."""

    reason: str


Answer: TypeAlias = Estimate | NotYet
