"""Every metric over a stretch of beats: what `analyze` reports (RULINGS A8, B2)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from biofeedback.events import Rr
from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.registry import METRICS
from biofeedback.hrv.stream import BeatStream, StreamEvent
from biofeedback.hrv.ticks import ticks_to_us
from biofeedback.hrv.window import POOR, Answer, Detrend, window_of

IRREGULAR = 0.20
AT_A_TIME = 256
"""A file's intervals are fed so many at a time: what a stream says of them is let go at once, not held for a day."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Metrics by name over one stretch, with what they were made of."""

    duration_s: float
    beats: int
    excluded: int
    gaps: int
    coverage: float
    metrics: dict[str, Answer]
    quality: str | None


def events_of_intervals(ticks: Sequence[int], stream: BeatStream) -> Iterator[StreamEvent]:
    """What the stream says of a file's intervals (1/1 024 000 s); session time starts at the first opening beat."""
    for start in range(0, len(ticks), AT_A_TIME):
        yield from stream.add_intervals(Rr(0, tuple(ticks[start : start + AT_A_TIME])))
    yield from stream.finish()


def beats_of_intervals(ticks: Sequence[int]) -> list[TimedBeat]:
    """A file's intervals as settled beats."""
    stream = BeatStream()
    deque(events_of_intervals(ticks, stream), maxlen=0)
    return list(stream.beats)


def uncorrected(ticks: Sequence[int]) -> list[TimedBeat]:
    """The same without rules 0 to 2: every positive interval is taken as it is, and there are no gaps."""
    beats: list[TimedBeat] = []
    clock = 0
    for value in ticks:
        if value > 0:
            clock += value
            beats.append(TimedBeat(len(beats), ticks_to_us(clock), value, not beats, settled=True))
    return beats


def as_they_came(beats: Sequence[TimedBeat]) -> list[TimedBeat]:
    """Placed beats without flags and without gap marks."""
    return [replace(beat, why=None, gap_before=number == 0) for number, beat in enumerate(beats)]


def cut(
    beats: Sequence[TimedBeat],
    from_s: float | None = None,
    to_s: float | None = None,
    window_s: float | None = None,
) -> list[TimedBeat]:
    """The beats whose opening lies in [from, to) seconds, then those of the trailing window at their end."""
    low = -(2**62) if from_s is None else round(from_s * 1e6)
    high = 2**62 if to_s is None else round(to_s * 1e6)
    held = [beat for beat in beats if low <= beat.opening_us < high]
    if window_s is not None and held:
        start = held[-1].t_us - round(window_s * 1e6)
        held = [beat for beat in held if beat.opening_us >= start]
    return held


def summarise(beats: Sequence[TimedBeat], span_s: float | None = None, detrend: Detrend = "linear") -> Summary:
    """Every metric over these beats (flags settled, RULINGS B1.3); `span_s` when they were asked for by a length."""
    window = window_of(beats, span_s, detrend)
    share = window.flagged_share
    return Summary(
        duration_s=window.span_s,
        beats=len(window.ticks),
        excluded=window.flagged,
        gaps=sum(beat.gap_before for beat in beats[1:]),
        coverage=window.coverage,
        metrics={name: metric.over(window) for name, metric in METRICS.items()},
        quality=quality_of(share),
    )


def quality_of(share: float) -> str | None:
    """The mark that a share of flagged intervals earns, None for a good one (RULINGS B1.4)."""
    return "irregular" if share > IRREGULAR else "poor" if share > POOR else None
