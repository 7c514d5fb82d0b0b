"""Analyses of files: recordings of ours and plain RR text, by one path (RULINGS A8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from math import isfinite
from pathlib import Path
from typing import get_args

from biofeedback.errors import UnreadableError
from biofeedback.events import Command, Json, Link, Packet, Rr
from biofeedback.formats.plain import read_plain
from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.reception import Reception
from biofeedback.hrv.summary import Summary, as_they_came, asked_s, beats_of_intervals, cut, summarise, uncorrected
from biofeedback.hrv.ticks import TICKS_PER_MS
from biofeedback.hrv.window import Detrend
from biofeedback.recording.reader import Recording, is_recording, read_recording
from biofeedback.session.metrics import AllMetrics


@dataclass(frozen=True, slots=True)
class Analysis:
    """What `analyze` reports of one file. `start`: ISO 8601 as far as known; `damage`: where its good part ends."""

    file: str
    format: str
    start: str | None
    summary: Summary
    damage: str | None = None

    def to_json(self) -> dict[str, Json]:
        """The object of the command line contract."""
        found: dict[str, Json] = {
            "file": self.file,
            "format": self.format,
            "start": self.start,
            **self.summary.to_json(),
        }
        if self.damage is not None:
            found["damage"] = self.damage
        return found


def analyse_file(
    path: Path,
    *,
    from_s: float | None = None,
    to_s: float | None = None,
    window_s: float | None = None,
    correction: bool = True,
    unit: str | None = None,
    detrend: Detrend = "linear",
    metrics: AllMetrics | None = None,
) -> Analysis:
    """Every metric over a file or a cut of it, seconds from its first opening beat (a recording: from its start).

    `window_s`: the last so many seconds; they count as the window's length as far as there are data. `metrics`: all
    that are installed; several files share one, so that what fails in a plug-in is not asked again. Raises
    UnreadableError when the file cannot be read or the cut holds no beats.
    """
    damage = None
    if is_recording(path):
        recording = read_recording(path)
        beats = recorded_beats(recording) if correction else as_they_came(recorded_beats(recording))
        found, start, damage = "biofeedback", _start(recording), recording.damage
    else:
        ticks = read_plain(path, unit).ticks
        beats = beats_of_intervals(ticks) if correction else uncorrected(ticks)
        found, start = "plain", None
    held = cut(beats, from_s, to_s, window_s)
    if not held:
        raise UnreadableError(f"{path}: there are no beats in this stretch.", "Choose another --from and --to.")
    span_s = asked_s(beats, from_s, to_s, window_s)
    summary = summarise(held, span_s, detrend, (metrics or AllMetrics()).by_name)
    return Analysis(str(path), found, start, summary, damage)


def analyse_intervals(rr_ms: Sequence[float], *, correction: bool = True, detrend: Detrend = "linear") -> Summary:
    """Every metric over a list of RR intervals in milliseconds (`biofeedback.analyze`).

    Values over 2500 ms are holes, flagged intervals are left out; `correction=False` takes all of them as they are.
    `detrend`: "linear", or "smoothness-priors" (lambda 500, as Kubios), for the spectrum. Metrics of plug-ins come
    after ours. Raises ValueError when there are no intervals, or a value is no number.
    """
    if detrend not in get_args(Detrend):
        raise ValueError(f"detrend is {detrend!r}; it can be {' or '.join(get_args(Detrend))}")
    if not all(map(isfinite, rr_ms)):
        raise ValueError("an interval is no finite number")
    ticks = [round(value * TICKS_PER_MS) for value in rr_ms]
    beats = beats_of_intervals(ticks) if correction else uncorrected(ticks)
    if not beats:
        raise ValueError("there are no intervals to analyse")
    return summarise(beats, detrend=detrend, metrics=AllMetrics().by_name)


def recorded_beats(recording: Recording) -> list[TimedBeat]:
    """All beats of a recording on session time, their flags settled."""
    stream = Reception()
    for _, event in recording.timed_events(("packet", "rr", "link", "command")):
        stream.advance(event.at)
        match event:
            case Packet():
                stream.add_packet(event)
            case Rr():
                stream.add_intervals(event)
            case Link():
                stream.link(event)
            case Command():
                stream.command(event)
            case _:
                pass
    stream.finish()
    return list(stream.beats)


def _start(recording: Recording) -> str:
    """The local time of the recording, with its offset."""
    began = datetime.fromtimestamp(int(recording.head["wall_ns"]) / 1e9, UTC)
    zone = timezone(timedelta(seconds=int(recording.head.get("utc_off_s", 0))))
    return began.astimezone(zone).isoformat(timespec="seconds")
