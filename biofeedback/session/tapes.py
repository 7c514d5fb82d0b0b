"""What there is to replay: a recording computed anew or as it is stored, or a text file of intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from biofeedback.events import Command, Event, Rr
from biofeedback.formats.plain import read_plain
from biofeedback.hrv.foreign import ForeignMetric, metric_lost
from biofeedback.hrv.ticks import ticks_to_us
from biofeedback.recording.reader import StoredRecording
from biofeedback.session.guarded import GuardedEngine
from biofeedback.session.loop import SOURCE_ENDED
from biofeedback.session.opening import open_session
from biofeedback.session.plan import free_plan
from biofeedback.session.playback import Tape
from biofeedback.session.plugins import MetricPlugins
from biofeedback.session.replay import other_rules, refold
from biofeedback.session.scripts import Shelf
from devices.events import StrapInfo

ANEW: Final = "The numbers are computed anew by the rules of today; --as-recorded shows those that were stored."


def recorded_tape(recording: StoredRecording, *, as_recorded: bool) -> Tape:
    """A recording: its inputs and what comes of them today, or all that was stored, as it was stored."""
    length_us = max((line.t for line in recording.event_lines), default=0)
    events = recording.events() if as_recorded else refold(recording)
    said = [f"The recording is damaged, {recording.damage}. Showing what stands before it."] if recording.damage else []
    others = () if as_recorded else other_rules(recording)
    if others:
        said.append(f"This recording was made by rules that this program does not have: {', '.join(others)}. {ANEW}")
    return Tape(events, length_us, " ".join(said))


def intervals_tape(path: Path, unit: str | None, shelf: Shelf, plugins: MetricPlugins) -> Tape:
    """A text file of RR intervals as the free session that it would have been. Raises UnreadableError."""
    ticks = read_plain(path, unit).ticks
    length_us = ticks_to_us(sum(max(0, value) for value in ticks))
    remark = " ".join(metric_lost(refused.words) for refused in plugins.refused)
    return Tape(_free_session(path, ticks, shelf, plugins.metrics), length_us, remark)


def _free_session(path: Path, ticks: Sequence[int], shelf: Shelf, metrics: Sequence[ForeignMetric]) -> Iterator[Event]:
    """Each interval when its closing beat comes, counted from the first opening beat."""
    info = StrapInfo(name=path.name, kind="file", spec=f"file:{path}")
    opening = open_session(free_plan(None), info, shelf, metrics=metrics)
    engine, clock = GuardedEngine(opening.metrics), 0
    yield opening.event
    yield from engine.feed(opening.event)
    for value in ticks:
        clock += max(0, value)
        at_us = ticks_to_us(clock)
        yield from engine.advance(at_us)
        event = Rr(at_us, (value,))
        yield event
        yield from engine.feed(event)
    stop = Command(engine.time, "stop", "program", SOURCE_ENDED)
    yield stop
    yield from engine.feed(stop)
