"""What one session was, gathered from its recording in one pass; every number of the page comes from here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final, TypeAlias, cast

from biofeedback.events import (
    Cue,
    End,
    Epoch,
    Event,
    Gap,
    GapReason,
    Mark,
    Note,
    Notice,
    Open,
    Phase,
    Safety,
    Suds,
    Verdict,
)
from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.summary import Summary, cut, summarise
from biofeedback.recording.parents import parent_in
from biofeedback.recording.reader import StoredRecording
from biofeedback.report.words import LONGEST_TITLE, clean
from biofeedback.session.analysis import recorded_beats
from biofeedback.session.spans import spans_of

Moment: TypeAlias = Mark | Note | Safety
WANTED: Final = frozenset(
    ["open", "phase", "epoch", "verdict", "suds", "mark", "note", "safety", "notice", "cue", "gap", "end"]
)
EPOCHS: Final = frozenset({"image", "control"})


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of the session under one name. `title` tells it from others of that name, `script` is what was said."""

    name: str
    title: str
    script: str | None
    start_us: int
    end_us: int
    summary: Summary


@dataclass(frozen=True, slots=True)
class Hole:
    """Time without beats between beats."""

    from_us: int
    to_us: int
    why: GapReason | None


SILENT_END_US: Final = 10_000_000
"""An end without heartbeats is no gap, for none follows; so much of it is told."""


@dataclass(slots=True)
class _Found:
    """The lines of the recording by kind."""

    opened: Open | None = None
    end: End | None = None
    phases: list[Phase] = field(default_factory=list[Phase])
    epochs: list[Epoch] = field(default_factory=list[Epoch])
    verdicts: list[Verdict] = field(default_factory=list[Verdict])
    suds: list[Suds] = field(default_factory=list[Suds])
    cues: list[Cue] = field(default_factory=list[Cue])
    marks: list[Moment] = field(default_factory=list[Moment])
    notices: list[Notice] = field(default_factory=list[Notice])
    gaps: dict[int, GapReason] = field(default_factory=dict[int, GapReason])

    def take(self, event: Event) -> None:
        """Sort one event in."""
        match event:
            case Open():
                self.opened = self.opened or event
            case End():
                self.end = event
            case Gap():
                self.gaps[event.from_us] = event.why
            case Phase():
                self.phases.append(event)
            case Epoch():
                self.epochs.append(event)
            case Verdict():
                self.verdicts.append(event)
            case Suds():
                self.suds.append(event)
            case Cue():
                self.cues.append(event)
            case Mark() | Note() | Safety(on=True):
                self.marks.append(event)
            case Notice():
                self.notices.append(event)
            case _:
                pass


@dataclass(frozen=True, slots=True)
class Facts:
    """A session as the page needs it. Times are whole microseconds since the recording began."""

    recording: StoredRecording
    opened: Open | None
    end: End | None
    length_us: int
    beats: Sequence[TimedBeat]
    whole: Summary
    parts: Sequence[Part]
    holes: Sequence[Hole]
    epochs: Sequence[Epoch]
    verdicts: Sequence[Verdict]
    suds: Sequence[Suds]
    cues: Sequence[Cue]
    marks: Sequence[Moment]
    notices: Sequence[Notice]

    @property
    def demo(self) -> bool:
        """Whether no person was measured here."""
        return self.opened is not None and (self.opened.demo or self.opened.source.get("kind") == "simulated")

    @property
    def source(self) -> Mapping[str, Any]:
        """Where the beats came from, as recorded; empty when the recording does not reach so far."""
        return self.opened.source if self.opened is not None else {}

    @property
    def plan(self) -> Mapping[str, Any]:
        """The plan as recorded; empty when the recording does not reach so far."""
        return self.opened.plan if self.opened is not None else {}

    @property
    def silent_end_us(self) -> int:
        """How long no heartbeat had come when the session ended; 0 where that is nothing out of the ordinary."""
        silent_us = self.length_us - self.beats[-1].t_us if self.beats else 0
        return silent_us if silent_us > SILENT_END_US else 0

    @property
    def flagged_kinds(self) -> Mapping[str, int]:
        """Flagged beats by kind, the most frequent first."""
        kinds: dict[str, int] = {}
        for beat in self.beats:
            if beat.why is not None:
                kinds[beat.why] = kinds.get(beat.why, 0) + 1
        return dict(sorted(kinds.items(), key=lambda item: -item[1]))

    def title_of(self, script: str | None) -> str | None:
        """A script's title, else its id."""
        return _title_of(self.opened, script)

    def part_before(self, at_us: int) -> Part | None:
        """The epoch that ended last before a moment."""
        ended = [part for part in self.parts if part.name in EPOCHS and part.end_us <= at_us]
        return ended[-1] if ended else None


def gather(recording: StoredRecording) -> Facts:
    """Everything the page says of a recording, whole or damaged."""
    found = _Found()
    for _, event in recording.timed_events(WANTED):
        found.take(event)
    beats = recorded_beats(recording)
    length_us = max(
        max((line.t for line in recording.lines), default=0),
        beats[-1].t_us if beats else 0,
    )
    return Facts(
        recording=recording,
        opened=found.opened,
        end=found.end,
        length_us=length_us,
        beats=beats,
        whole=summarise(beats),
        parts=tuple(_parts(found, beats, length_us)),
        holes=tuple(_holes(beats, found.gaps)),
        epochs=found.epochs,
        verdicts=found.verdicts,
        suds=found.suds,
        cues=found.cues,
        marks=found.marks,
        notices=found.notices,
    )


def _title_of(opened: Open | None, script: str | None) -> str | None:
    if script is None or opened is None:
        return None if script is None else clean(script, LONGEST_TITLE)
    return clean(opened.scripts.get(script, {}).get("title", script), LONGEST_TITLE)


def _holes(beats: Sequence[TimedBeat], reasons: Mapping[int, GapReason]) -> Iterator[Hole]:
    for before, beat in pairwise(beats):
        if beat.gap_before:
            yield Hole(before.t_us, beat.opening_us, reasons.get(before.t_us))


def _parts(found: _Found, beats: Sequence[TimedBeat], length_us: int) -> Iterator[Part]:
    if found.opened is not None and parent_in(found.opened.parent) is not None:
        return
    spans = list(spans_of(found.phases, length_us))
    names = [span.name for span in spans]
    for position, span in enumerate(spans):
        title: str = span.name
        if names.count(span.name) > 1:
            title = f"{span.name} {names[: position + 1].count(span.name)}"
        held = cut(beats, span.start_s, span.end_s)
        yield Part(span.name, title, _title_of(found.opened, span.script), span.start_us, span.end_us, summarise(held))


def span_of(pieces: Sequence[TimedBeat]) -> tuple[float, float] | None:
    """Slowest and fastest rate of the good beats among these, bpm."""
    rates = [rate_of(beat) for beat in pieces if beat.ok]
    return (min(rates), max(rates)) if rates else None


def rate_of(beat: TimedBeat) -> float:
    """60 000 / RR, bpm."""
    return 60_000 * 1024 / beat.ticks


def text_of(table: Mapping[str, Any], *keys: str) -> str | None:
    """The words at a path of nested tables, None when it is not there."""
    value: Any = table
    for key in keys:
        value = cast("Mapping[str, Any]", value).get(key) if isinstance(value, Mapping) else None
    return clean(value) if value not in (None, "") else None
