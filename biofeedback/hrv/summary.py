"""Every metric over a stretch of beats: what `analyze` reports (RULINGS A8, B2)."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final, TypeAlias

from biofeedback.events import Json, Rr
from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.registry import METRICS, Metric
from biofeedback.hrv.stream import BeatStream, StreamEvent
from biofeedback.hrv.ticks import TICKS_PER_S, ticks_to_us
from biofeedback.hrv.window import POOR, Answer, Detrend, Estimate, window_of

IRREGULAR = 0.20
AT_A_TIME = 256
"""A file's intervals are fed so many at a time: what a stream says of them is let go at once, not held for a day."""

MOST_DAYS = 120
"""Five million intervals of two seconds: as many as are read from a file."""


@dataclass(frozen=True, slots=True)
class Summary(Mapping[str, Answer]):
    """Metrics by name over one stretch, with what they were made of: `summary["rmssd_ms"]` is an Estimate or a NotYet.

    `duration_s`: from the first opening to the last closing beat. `beats`: all intervals; `excluded`: flagged ones,
    `flags` by kind. `coverage`: time of the intervals over the duration. `quality`: "poor" above 5 % flagged intervals,
    "irregular" above 20 %, else None. `detrend`: how the slow trend was removed before a spectrum.
    """

    duration_s: float
    beats: int
    excluded: int
    gaps: int
    coverage: float
    metrics: dict[str, Answer]
    quality: str | None
    flags: dict[str, int]
    detrend: Detrend

    def __getitem__(self, name: str) -> Answer:
        """The answer of one metric. Raises KeyError when there is none of this name."""
        return self.metrics[name]

    def __iter__(self) -> Iterator[str]:
        """The names of the metrics."""
        return iter(self.metrics)

    def __len__(self) -> int:
        """How many metrics there are."""
        return len(self.metrics)

    def numbers(self) -> dict[str, float | None]:
        """The values alone, None where a metric cannot be given."""
        return {name: each.value if isinstance(each, Estimate) else None for name, each in self.metrics.items()}

    def to_json(self) -> dict[str, Json]:
        """The part of `analyze --json` that speaks of beats."""
        quality: dict[str, Json] = {} if self.quality is None else {"quality": self.quality}
        return {
            "duration_s": self.duration_s,
            "beats": self.beats,
            "excluded": self.excluded,
            "flags": {**self.flags},
            "gaps": self.gaps,
            "coverage": self.coverage,
            "detrend": self.detrend,
            "metrics": {name: _answer(answer) for name, answer in self.metrics.items()},
            **quality,
        }


def _answer(answer: Answer) -> Json:
    if not isinstance(answer, Estimate):
        return {"value": None, "reason": answer.reason}
    return {
        "value": answer.value,
        "unit": answer.unit,
        "window_s": answer.window_s,
        "beats": answer.beats,
        "coverage": answer.coverage,
        "version": answer.version,
    }


Holes: TypeAlias = Mapping[int, int | None]
"""Time before intervals that a file knows nothing of, by their number from 0: 1/1 024 000 s, None of unknown length."""
NO_HOLES: Final[Holes] = {}


def events_of_intervals(ticks: Sequence[int], stream: BeatStream, holes: Holes = NO_HOLES) -> Iterator[StreamEvent]:
    """What the stream says of a file's intervals (1/1 024 000 s); session time starts at the first opening beat."""
    starts = sorted({*range(0, len(ticks), AT_A_TIME), *(before for before in holes if 0 < before < len(ticks))})
    for start, end in pairwise([*starts, len(ticks)]):
        yield from stream.add_intervals(Rr(0, tuple(ticks[start:end]), holes.get(start, 0)))
    yield from stream.finish()


def beats_of_intervals(ticks: Sequence[int], holes: Holes = NO_HOLES) -> list[TimedBeat]:
    """A file's intervals as settled beats."""
    stream = BeatStream()
    deque(events_of_intervals(ticks, stream, holes), maxlen=0)
    return list(stream.beats)


def uncorrected(ticks: Sequence[int], holes: Holes = NO_HOLES) -> list[TimedBeat]:
    """The same without rules 0 to 2: every positive interval is taken as it is, and only `holes` are gaps.

    Raises ValueError when they would last longer than `MOST_DAYS`: a curve at 4 Hz is laid through all of it.
    """
    beats: list[TimedBeat] = []
    days = sum(max(0, value) for value in ticks) / TICKS_PER_S / 86400
    if days > MOST_DAYS:
        raise ValueError(f"taken as they are, the intervals last {days:.0f} days")
    clock, gap = 0, True
    for number, value in enumerate(ticks):
        if number in holes and beats:
            clock, gap = clock + (holes[number] or 0), True
        if value > 0:
            clock += value
            beats.append(TimedBeat(len(beats), ticks_to_us(clock), value, gap, settled=True))
            gap = False
    return beats


def as_they_came(beats: Sequence[TimedBeat]) -> list[TimedBeat]:
    """Placed beats without flags and without gap marks."""
    return [replace(beat, why=None, gap_before=number == 0) for number, beat in enumerate(beats)]


def bounds_us(from_s: float | None, to_s: float | None) -> tuple[int, int]:
    """[from, to) in microseconds; without one of them the stretch is open there."""
    low_us = -(2**62) if from_s is None else round(from_s * 1e6)
    return low_us, 2**62 if to_s is None else round(to_s * 1e6)


def cut(
    beats: Sequence[TimedBeat],
    from_s: float | None = None,
    to_s: float | None = None,
    window_s: float | None = None,
) -> list[TimedBeat]:
    """The beats whose opening lies in [from, to) seconds, then those of the trailing window at their end."""
    low, high = bounds_us(from_s, to_s)
    held = [beat for beat in beats if low <= beat.opening_us < high]
    if window_s is not None and held:
        start = held[-1].t_us - round(window_s * 1e6)
        held = [beat for beat in held if beat.opening_us >= start]
    return held


def asked_s(
    beats: Sequence[TimedBeat],
    from_s: float | None = None,
    to_s: float | None = None,
    window_s: float | None = None,
) -> float | None:
    """How long the stretch is that `cut` was asked for, as far as there are data; None when no length was.

    It is longer than its intervals by what the first of them, which opened before it, reaches into it.
    """
    if not beats or (from_s is None and to_s is None and window_s is None):
        return None
    low_us = beats[0].opening_us if from_s is None else max(beats[0].opening_us, round(from_s * 1e6))
    held = cut(beats, from_s, to_s)
    if not held:
        return None
    length_s = (held[-1].t_us - low_us) / 1e6
    return length_s if window_s is None else min(length_s, window_s)


def summarise(
    beats: Sequence[TimedBeat],
    span_s: float | None = None,
    detrend: Detrend = "linear",
    metrics: Mapping[str, Metric] = METRICS,
) -> Summary:
    """Every metric over these beats (flags settled, RULINGS B1.3); `span_s` when they were asked for by a length."""
    window = window_of(beats, span_s, detrend)
    duration_s = (beats[-1].t_us - beats[0].opening_us) / 1e6 if beats else 0.0
    share = window.flagged_share
    return Summary(
        duration_s=duration_s,
        beats=len(window.ticks),
        excluded=window.flagged,
        gaps=sum(beat.gap_before for beat in beats[1:]),
        coverage=sum(window.ticks) / TICKS_PER_S / duration_s if duration_s > 0 else 0.0,
        metrics={name: metric.over(window) for name, metric in metrics.items()},
        quality=quality_of(share),
        flags=dict(Counter(beat.why for beat in beats if beat.why is not None)),
        detrend=detrend,
    )


def quality_of(share: float) -> str | None:
    """The mark that a share of flagged intervals earns, None for a good one (RULINGS B1.4)."""
    return "irregular" if share > IRREGULAR else "poor" if share > POOR else None
