"""What there is to replay: a recording computed anew or as it is stored, or a file of another program."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from biofeedback.formats.door import Found
from biofeedback.hrv.foreign import metric_lost
from biofeedback.recording.parents import fewer, parent_of, sentences
from biofeedback.recording.reader import StoredRecording
from biofeedback.recording.starts import start_in
from biofeedback.session.foreign_files import free_session, length_us, start_of_content
from biofeedback.session.opening import open_session
from biofeedback.session.plan import free_plan
from biofeedback.session.playback import About, Tape
from biofeedback.session.plugins import MetricPlugins
from biofeedback.session.replay import other_rules, refold
from biofeedback.session.scripts import Shelf
from devices.events import StrapInfo
from devices.names import printable

ANEW: Final = "The numbers are computed anew by the rules of today; --as-recorded shows those that were stored."


def recorded_tape(recording: StoredRecording, *, as_recorded: bool) -> Tape:
    """A recording: its inputs and what comes of them today, or all that was stored, as it was stored."""
    length_us = max((line.t for line in recording.event_lines), default=0)
    events = recording.events() if as_recorded else refold(recording)
    said = [f"The recording is damaged, {recording.damage}. Showing what stands before it."] if recording.damage else []
    others = () if as_recorded else other_rules(recording)
    if others:
        said.append(f"This recording was made by rules that this program does not have: {', '.join(others)}. {ANEW}")
    return Tape(events, length_us, " ".join(said), _imported(recording))


def foreign_tape(found: Found, shelf: Shelf, plugins: MetricPlugins) -> Tape:
    """A file of another program as the free session that it would have been."""
    info = StrapInfo(name=Path(found.file).name, kind="file", spec=f"file:{found.file}")
    opening = open_session(free_plan(None), info, shelf, metrics=plugins.metrics)
    said = [metric_lost(refused.words) for refused in plugins.refused]
    return Tape(free_session(found.content, opening), length_us(found.content), " ".join(said), _described(found))


def _described(found: Found) -> About:
    """Which file it is, what wrote it, when it began, and what is doubtful about it."""
    content, name = found.content, printable(Path(found.file).name)
    notes = sentences([*([content.why] if content.why else []), *content.decisions])
    began = _began(start_of_content(content))
    return About(name, content.format, began, fewer(notes, f"biofeedback import --inspect {name}"))


def _imported(recording: StoredRecording) -> About | None:
    """The same of a recording that was made of such a file; None for any other."""
    parent = parent_of(recording.lines)
    if parent is None:
        return None
    notes = fewer(parent.notes, "biofeedback library show")
    return About(parent.name, parent.format, _began(start_in(recording.head)), notes, imported=True)


def _began(start: str | None) -> str:
    return "start not known" if start is None else f"began {start[:16].replace('T', ' ')}"
