"""What there is to replay: a recording computed anew or as it is stored, or a file of another program."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast

from biofeedback.formats.door import Found
from biofeedback.hrv.foreign import metric_lost
from biofeedback.recording.reader import StoredRecording
from biofeedback.recording.starts import start_in
from biofeedback.session.foreign_files import free_session, length_us, start_of_content
from biofeedback.session.opening import open_session
from biofeedback.session.plan import free_plan
from biofeedback.session.playback import Tape
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
    if (imported := _imported(recording)) is not None:
        said.insert(0, imported)
    others = () if as_recorded else other_rules(recording)
    if others:
        said.append(f"This recording was made by rules that this program does not have: {', '.join(others)}. {ANEW}")
    return Tape(events, length_us, " ".join(said))


def foreign_tape(found: Found, shelf: Shelf, plugins: MetricPlugins) -> Tape:
    """A file of another program as the free session that it would have been."""
    info = StrapInfo(name=Path(found.file).name, kind="file", spec=f"file:{found.file}")
    opening = open_session(free_plan(None), info, shelf, metrics=plugins.metrics)
    said = [_described(found), *(metric_lost(refused.words) for refused in plugins.refused)]
    return Tape(free_session(found.content, opening), length_us(found.content), " ".join(said))


def _described(found: Found) -> str:
    """Which file it is, what wrote it and when it began."""
    when = _began(start_of_content(found.content))
    return f"{printable(Path(found.file).name)} ({found.content.format}), {when}."


def _imported(recording: StoredRecording) -> str | None:
    """The same of a recording that was made of such a file; None for any other."""
    parent: object = next((line.body.get("parent") for line in recording.lines if line.kind == "open"), None)
    if not isinstance(parent, Mapping) or "rule" not in parent:
        return None
    told = cast("Mapping[str, object]", parent)
    name, kind = printable(str(told.get("name"))), printable(str(told.get("format")))
    return f"Imported from {name} ({kind}), {_began(start_in(recording.head))}."


def _began(start: str | None) -> str:
    return "start not known" if start is None else f"began {start[:16].replace('T', ' ')}"
