"""What is exported of a recording, in one shape for all targets: plain values, without names when that was asked for.

Times are whole microseconds since the session began, intervals whole ticks of 1/1 024 000 s, as in the recording.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from biofeedback.breathing.pacer import Schedule
from biofeedback.events import Json
from biofeedback.hrv.ticks import TICKS_PER_MS, ticks_to_us


@dataclass(frozen=True, slots=True)
class ExportedBeat:
    """One interval. `t_us` is its closing beat; `why` its flag, empty when it may be used.

    `corrected`: the interval, or what stands in a flagged one's place; None where no sound one is near.
    """

    t_us: int
    ticks: int
    why: str
    gap_before: bool
    corrected: int | None

    @property
    def opening_us(self) -> int:
        """When the interval began."""
        return self.t_us - ticks_to_us(self.ticks)

    @property
    def rr_ms(self) -> float:
        """The interval in milliseconds, exact."""
        return self.ticks / TICKS_PER_MS


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened. `label`: its words, `value`: its number; `duration_us` None for an instant."""

    at_us: int
    kind: str
    label: str = ""
    value: float | None = None
    duration_us: int | None = None
    pair: int | None = None
    script: str | None = None


@dataclass(frozen=True, slots=True)
class MetricValue:
    """One number. `scope`: live (a trailing window, as it was shown), session, or phase and its number.

    Without a `value`, `reason` says why there is none. `algorithm`: name and version of the rule.
    """

    t_us: int
    metric: str
    value: float | None
    unit: str
    window_s: float | None
    algorithm: str
    quality: str
    scope: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Anchor:
    """What the wall clock showed at a moment: ns since 1970, UTC."""

    at_us: int
    wall_ns: int


@dataclass(frozen=True, slots=True)
class Gathered:
    """A recording as the targets see it.

    `stem`: how its files are called; `session`: letters and digits that tell it from others. `start`: local time, with
    its offset as far as that is known, None when nobody knows or nobody is to know; `anchors` are empty then, and
    where the zone is not known. `strap_unit`: its intervals were counted in 1/1024 s. `about`: `session.json`.
    """

    stem: str
    session: str
    subject: str
    plan: str
    anonymised: bool
    start: datetime | None
    anchors: tuple[Anchor, ...]
    strap_unit: bool
    length_us: int
    beats: tuple[ExportedBeat, ...]
    moments: tuple[Moment, ...]
    pacer: Schedule
    metrics: Callable[[], Iterator[MetricValue]]
    device: str
    program: str
    about: Mapping[str, Json]

    def utc(self, at_us: int) -> str:
        """A moment on the wall clock, ISO 8601 to the microsecond; empty when it is not known."""
        if not self.anchors:
            return ""
        number = max(0, bisect_right(self.anchors, at_us, key=lambda each: each.at_us) - 1)
        anchor = self.anchors[number]
        wall_us = anchor.wall_ns // 1000 + at_us - anchor.at_us
        return f"{datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=wall_us):%Y-%m-%dT%H:%M:%S.%fZ}"


def stretches(beats: Sequence[ExportedBeat]) -> Iterator[Sequence[ExportedBeat]]:
    """The beats in runs without a gap."""
    return (beats[run] for run in runs([beat.gap_before for beat in beats]))


def runs(gaps: Sequence[bool]) -> Iterator[slice]:
    """Where each run without a gap lies, by whether there is a gap before each beat."""
    begins = [number for number, gap in enumerate(gaps) if gap or not number]
    yield from map(slice, begins, [*begins[1:], len(gaps)])
