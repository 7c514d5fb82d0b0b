"""Analyses of files: recordings of ours and plain RR text, by one path (RULINGS A8)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from math import isfinite
from pathlib import Path
from statistics import median
from typing import Final, get_args

from biofeedback.errors import UnreadableError
from biofeedback.events import Command, Json, Link, Packet, Rr
from biofeedback.formats.plain import read_plain
from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.every_beat import every_beat, ready_of
from biofeedback.hrv.reception import Reception
from biofeedback.hrv.stream import BeatStream, StreamEvent
from biofeedback.hrv.summary import (
    Summary,
    as_they_came,
    asked_s,
    beats_of_intervals,
    bounds_us,
    cut,
    events_of_intervals,
    summarise,
    uncorrected,
)
from biofeedback.hrv.ticks import TICKS_PER_MS
from biofeedback.hrv.window import Detrend
from biofeedback.recording.reader import StoredRecording, is_recording, open_recording
from biofeedback.recording.sealing import Keys
from biofeedback.session.beat_table import BeatTable
from biofeedback.session.metrics import AllMetrics


SECONDS_BELOW: Final = 10.0
"""Half of the intervals are never shorter than so many milliseconds; in seconds they always are."""


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
    table: BeatTable | None = None,
    keys: Keys | None = None,
) -> Analysis:
    """Every metric over a file or a cut of it, seconds from its first opening beat (a recording: from its start).

    `window_s`: the last so many seconds; they count as the window's length as far as there are data. `metrics`: all
    that are installed; several files share one, so that what fails in a plug-in is not asked again. `table`: where
    every metric at every beat of the stretch is written. `keys` open an encrypted recording. Raises
    UnreadableError when the file cannot be read or the cut holds no beats, OutputError when the table cannot be
    written.
    """
    opened = _open(path, unit, keys, correction=correction)
    if table is not None and window_s is None:
        _tabulate(opened, table, *bounds_us(from_s, to_s))
    beats = opened.all_beats()
    held = cut(beats, from_s, to_s, window_s)
    if not beats:
        raise _no_beats(path, opened.format)
    if not held:
        raise UnreadableError(f"{path}: there are no beats in this stretch.", "Choose another --from and --to.")
    if table is not None and window_s is not None:
        _tabulate(_open(path, unit, keys, correction=correction), table, held[0].opening_us, held[-1].opening_us + 1)
    span_s = asked_s(beats, from_s, to_s, window_s)
    summary = summarise(held, span_s, detrend, (metrics or AllMetrics()).by_name)
    return Analysis(str(path), opened.format, opened.start, summary, opened.damage)


def _no_beats(path: Path, format_: str) -> UnreadableError:
    if format_ == "plain":
        return UnreadableError(f"{path}: no number in it is an interval of 2.5 s or less.", "Check the --unit.")
    return UnreadableError(f"{path} holds no heartbeat.", "Choose another recording.")


@dataclass(frozen=True, slots=True)
class _Opened:
    """A file that is about to be read: what its stream will say, and the beats that have come of it then."""

    format: str
    start: str | None
    damage: str | None
    events: Iterator[StreamEvent]
    beats: Sequence[TimedBeat] | deque[TimedBeat]

    def all_beats(self) -> list[TimedBeat]:
        """The beats of the whole file."""
        deque(self.events, maxlen=0)
        return list(self.beats)


def _open(path: Path, unit: str | None, keys: Keys | None, *, correction: bool) -> _Opened:
    if is_recording(path):
        recording, reception = open_recording(path, keys), Reception()
        about = "biofeedback", start_of(recording), recording.damage
        if correction:
            return _Opened(*about, recorded_events(recording, reception), reception.beats)
        taken = as_they_came(recorded_beats(recording))
        return _Opened(*about, ready_of(taken), taken)
    ticks, stream = read_plain(path, unit).ticks, BeatStream()
    if correction:
        return _Opened("plain", None, None, events_of_intervals(ticks, stream), stream.beats)
    try:
        taken = uncorrected(ticks)
    except ValueError as error:
        raise UnreadableError(
            f"{path}: {error}.", "Leave out --no-correction; what is no interval is a gap then."
        ) from error
    return _Opened("plain", None, None, ready_of(taken), taken)


def _tabulate(opened: _Opened, table: BeatTable, from_us: int, to_us: int) -> None:
    for block in every_beat(opened.events, from_us, to_us):
        table.write(block)


def analyse_intervals(rr_ms: Sequence[float], *, correction: bool = True, detrend: Detrend = "linear") -> Summary:
    """Every metric over a list of RR intervals in milliseconds (`biofeedback.analyze`).

    Values over 2500 ms are holes, flagged intervals are left out; `correction=False` takes all of them as they are.
    `detrend`: "linear", or "smoothness-priors" (lambda 500, as Kubios), for the spectrum. Metrics of plug-ins come
    after ours. Raises ValueError when there are no intervals, a value is no number or below nought, most are so short
    that they must be seconds, or they last months as they are.
    """
    if detrend not in get_args(Detrend):
        raise ValueError(f"detrend is {detrend!r}; it can be {' or '.join(get_args(Detrend))}")
    if not all(map(isfinite, rr_ms)):
        raise ValueError("an interval is no finite number")
    if any(value < 0 for value in rr_ms):
        raise ValueError("an interval is below nought")
    if len(rr_ms) and median(rr_ms) < SECONDS_BELOW:
        raise ValueError("these look like seconds: give milliseconds")
    ticks = [round(value * TICKS_PER_MS) for value in rr_ms]
    beats = beats_of_intervals(ticks) if correction else uncorrected(ticks)
    if not beats:
        raise ValueError("there are no intervals to analyse")
    return summarise(beats, detrend=detrend, metrics=AllMetrics().by_name)


def recorded_beats(recording: StoredRecording) -> list[TimedBeat]:
    """All beats of a recording on session time, their flags settled."""
    reception = Reception()
    deque(recorded_events(recording, reception), maxlen=0)
    return list(reception.beats)


def recorded_events(recording: StoredRecording, reception: Reception) -> Iterator[StreamEvent]:
    """What the stream says of a recording, as it said in the session."""
    for _, event in recording.timed_events(("packet", "rr", "link", "command")):
        yield from reception.advance(event.at)
        match event:
            case Packet():
                yield from reception.add_packet(event)
            case Rr():
                yield from reception.add_intervals(event)
            case Link():
                yield from reception.link(event)
            case Command():
                yield from reception.command(event)
            case _:
                pass
    yield from reception.finish()


def start_of(recording: StoredRecording) -> str:
    """When it began, ISO 8601 in the local time of the recording with its offset."""
    began = datetime.fromtimestamp(int(recording.head["wall_ns"]) / 1e9, UTC)
    zone = timezone(timedelta(seconds=int(recording.head.get("utc_off_s", 0))))
    return began.astimezone(zone).isoformat(timespec="seconds")
