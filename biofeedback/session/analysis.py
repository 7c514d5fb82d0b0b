"""Analyses of files: recordings of ours and plain RR text, by one path (RULINGS A8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

from biofeedback.errors import UnreadableError
from biofeedback.events import Json, Link, Packet, Rr
from biofeedback.formats.plain import read_plain
from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.stream import BeatStream
from biofeedback.hrv.summary import Summary, as_they_came, beats_of_intervals, cut, summarise, uncorrected
from biofeedback.hrv.ticks import TICKS_PER_MS
from biofeedback.hrv.window import Estimate
from biofeedback.session.signal import LINKED
from biofeedback.recording.reader import Recording, is_recording, read_recording


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
        summary = self.summary
        metrics: dict[str, Json] = {}
        for name, answer in summary.metrics.items():
            if isinstance(answer, Estimate):
                metrics[name] = {
                    "value": answer.value,
                    "unit": answer.unit,
                    "window_s": answer.window_s,
                    "beats": answer.beats,
                    "version": answer.version,
                }
            else:
                metrics[name] = {"value": None, "reason": answer.reason}
        found: dict[str, Json] = {
            "file": self.file,
            "format": self.format,
            "start": self.start,
            "duration_s": summary.duration_s,
            "beats": summary.beats,
            "excluded": summary.excluded,
            "gaps": summary.gaps,
            "coverage": summary.coverage,
            "metrics": metrics,
        }
        if summary.quality is not None:
            found["quality"] = summary.quality
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
) -> Analysis:
    """Every metric over a file or a cut of it, seconds from its first opening beat (a recording: from its start).

    Raises UnreadableError when the file cannot be read or the cut holds no beats.
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
    return Analysis(str(path), found, start, summarise(held), damage)


def analyse_intervals(rr_ms: Sequence[float], *, correction: bool = True) -> Summary:
    """Every metric over a list of RR intervals in milliseconds (`biofeedback.analyze`).

    Values over 2500 ms are holes, flagged intervals are left out; `correction=False` takes all of them as they are.
    Raises ValueError when there are none.
    """
    ticks = [round(value * TICKS_PER_MS) for value in rr_ms]
    beats = beats_of_intervals(ticks) if correction else uncorrected(ticks)
    if not beats:
        raise ValueError("there are no intervals to analyse")
    return summarise(beats)


def recorded_beats(recording: Recording) -> list[TimedBeat]:
    """All beats of a recording on session time, their flags settled."""
    stream = BeatStream()
    for _, event in recording.timed_events(("packet", "rr", "link")):
        stream.advance(event.at)
        match event:
            case Packet():
                stream.add_packet(event)
            case Rr():
                stream.add_intervals(event)
            case Link(state=state) if state not in LINKED:
                stream.interrupt("link")
            case _:
                pass
    stream.finish()
    return list(stream.beats)


def _start(recording: Recording) -> str:
    """The local time of the recording, with its offset."""
    began = datetime.fromtimestamp(int(recording.head["wall_ns"]) / 1e9, UTC)
    zone = timezone(timedelta(seconds=int(recording.head.get("utc_off_s", 0))))
    return began.astimezone(zone).isoformat(timespec="seconds")
