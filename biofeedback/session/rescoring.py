"""Scores a recording again with today's rules and keeps both values (RULINGS C4: the file stays as it is)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from biofeedback.events import Epoch, Event, Hrv, Phase
from biofeedback.recording.reader import StoredRecording
from biofeedback.session.opening import ALGORITHMS
from biofeedback.session.replay import plugged, refold
from biofeedback.session.guarded import GuardedEngine
from biofeedback.session.spans import PhaseSpan, is_imported, spans_of

WHOLE: Final = "whole"
"""What the one part of an import is called, of which nobody knows what it was."""
LEVEL: Final = "epoch_ln_hr"
"""The level of an epoch, `y`: the number that evidence is made of."""
BENEATH: Final = ("artefacts", "engine")
"""The rules under every metric: it is another number when they change."""

Values = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class PhaseValue:
    """One metric at the end of one part of a session: what the recording says, and what today's rules say.

    The value is that of the last `hrv` of the part, so of its last minute or two; None while it was withheld.
    `epoch_ln_hr` is the level of an epoch, ln bpm over its last whole breaths. A rule names what the value hangs on,
    such as "rmssd_ms/1 artefacts/1 engine/4".
    """

    phase: int
    name: str
    metric: str
    stored: float | None
    stored_rule: str
    now: float | None
    now_rule: str


def phase_values(recording: StoredRecording, again: Iterable[Event] | None = None) -> tuple[PhaseValue, ...]:
    """Every metric of every part, phases in order, metrics in the recording's order.

    A metric that only one of the two versions has is None on the other side, its rule "". Nothing for a recording
    without a part. `again`: what comes out now, of which `Epoch` and `Hrv` are looked at; when it is not given it is
    worked out, which takes some seconds for an hour.
    """
    stored = list(recording.events())
    length_us = max((line.t for line in recording.event_lines), default=0)
    imported = is_imported(recording)
    spans = list(spans_of([event for event in stored if isinstance(event, Phase)], length_us))
    foreign = plugged(recording).metrics
    here = {**ALGORITHMS, **{each.metric.name: each.metric.version for each in foreign}}
    if again is None:
        again = refold(recording, GuardedEngine(foreign))
    then, now = _by_phase(stored, spans), _by_phase(again, spans)
    return tuple(
        PhaseValue(
            span.index,
            WHOLE if imported else span.name,
            metric,
            then.get(span.index, {}).get(metric),
            _rule(metric, recording.algorithms),
            now.get(span.index, {}).get(metric),
            _rule(metric, here),
        )
        for span in spans
        for metric in {**then.get(span.index, {}), **now.get(span.index, {})}
    )


def _by_phase(events: Iterable[Event], spans: list[PhaseSpan]) -> dict[int, dict[str, float | None]]:
    """The last values within each part, by its index; an epoch is told when its part is over."""
    found: dict[int, dict[str, float | None]] = {}
    for index, values in _values(events, spans):
        found.setdefault(index, {}).update(values)
    return found


def _values(events: Iterable[Event], spans: list[PhaseSpan]) -> Iterator[tuple[int, Values]]:
    epochs = [span.index for span in spans if span.name in ("image", "control")]
    place = 0
    for event in events:
        if isinstance(event, Epoch) and event.index < len(epochs):
            yield epochs[event.index], {LEVEL: event.y}
        elif isinstance(event, Hrv):
            while place < len(spans) and event.at >= spans[place].end_us:
                place += 1
            if place < len(spans) and event.at >= spans[place].start_us:
                yield spans[place].index, event.values


def _rule(metric: str, versions: Mapping[str, int]) -> str:
    """The rules that a value hangs on; none for a metric that these versions do not have."""
    own = () if metric == LEVEL else (metric,)
    if any(name not in versions for name in own):
        return ""
    return " ".join(f"{name}/{versions[name]}" for name in (*own, *BENEATH) if name in versions)
