"""Analyses of files: recordings of ours and files of other programs, by one path (RULINGS A8)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Final, get_args

from biofeedback.errors import BiofeedbackError, UnreadableError, UsageError
from biofeedback.events import Command, Json, Link, Packet, Rr
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
from biofeedback.recording.parents import parent_of
from biofeedback.recording.reader import StoredRecording, is_recording, open_recording
from biofeedback.recording.sealing import Keys
from biofeedback.recording.starts import start_in
from biofeedback.session.beat_table import BeatTable
from biofeedback.session.metrics import AllMetrics

if TYPE_CHECKING:
    from biofeedback.formats.door import Found
    from biofeedback.formats.reading import Progress


SECONDS_BELOW: Final = 10.0
"""Half of the intervals are never shorter than so many milliseconds; in seconds they always are."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """What `analyze` reports of one file. `start`: ISO 8601 as far as known; `damage`: where its good part ends.

    `why`: what is doubtful about a file of another program; `decisions`: what its reader took for granted or left out,
    of a recording that was made of such a file both.
    """

    file: str
    format: str
    start: str | None
    summary: Summary
    damage: str | None = None
    why: str | None = None
    decisions: Sequence[str] = ()

    def to_json(self) -> dict[str, Json]:
        """The object of the command line contract."""
        found: dict[str, Json] = {
            "file": self.file,
            "format": self.format,
            "start": self.start,
            **self.summary.to_json(),
            "why": self.why,
            "decisions": [*self.decisions],
        }
        if self.damage is not None:
            found["damage"] = self.damage
        if self.why is not None:
            found["why"] = self.why
        return found


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a file: a stretch in seconds, how its intervals are taken, and what opens it.

    `window_s`: the last so many seconds; they count as the window's length as far as there are data. `metrics`: all
    that are installed; several files share one, so that what fails in a plug-in is not asked again. `table`: where
    every metric at every beat of the stretch is written. `keys` open an encrypted recording. `tell`: called with a
    sentence on each importer of a plug-in that failed.
    """

    from_s: float | None = None
    to_s: float | None = None
    window_s: float | None = None
    correction: bool = True
    unit: str | None = None
    detrend: Detrend = "linear"
    metrics: AllMetrics | None = None
    table: BeatTable | None = None
    keys: Keys | None = None
    tell: Callable[[str], None] | None = None


def analyse_files(
    path: Path, asked: Asked | None = None, progress: Progress | None = None
) -> Iterator[tuple[str, Analysis | BiofeedbackError]]:
    """Every metric over a file or a cut of it, seconds from its first opening beat (a recording: from its start).

    Each file of a folder or an archive in turn, by its name; what cannot be analysed comes as the error that says why.
    Of several, side files and tables without intervals are passed over.
    """
    asked = asked or Asked()
    if not path.is_dir():
        try:
            ours = is_recording(path)
        except UnreadableError as error:
            yield str(path), error
            return
        if ours:
            yield str(path), _tried(partial(_recorded, path, asked), asked)
            return
    from biofeedback.formats.door import contents
    from biofeedback.formats.reading import Choices

    found = list(contents(path, Choices(unit=asked.unit), progress))
    if asked.tell is not None:
        for complaint in (words for each in found for words in each.complaints):
            asked.tell(complaint)
    if len(found) > 1:
        found = [each for each in found if each.content.verdict not in ("skip", "summary")]
    if not found:
        yield str(path), UnreadableError(f"{path} holds no file with heartbeats.", "Choose another one.")
    for each in found:
        yield each.file, _tried(partial(_foreign, each, asked), asked)


def analyse_file(path: Path, asked: Asked | None = None) -> Analysis:
    """The same of one file. Raises UnreadableError, and UsageError when there are several.

    OutputError when the table cannot be written.
    """
    found = list(analyse_files(path, asked))
    if len(found) > 1:
        raise UsageError(f"{path} holds {len(found)} files.", "Give one of them.")
    (_, analysis), *_ = found
    if isinstance(analysis, BiofeedbackError):
        raise analysis
    return analysis


def _tried(opened: Callable[[], _Opened], asked: Asked) -> Analysis | BiofeedbackError:
    try:
        return _analysed(opened, asked)
    except BiofeedbackError as error:
        return error


def _analysed(open_: Callable[[], _Opened], asked: Asked) -> Analysis:
    """Raises UnreadableError when the file cannot be read or the cut holds no beats, OutputError for the table."""
    opened, table, cuts = open_(), asked.table, (asked.from_s, asked.to_s)
    if table is not None and asked.window_s is None:
        _tabulate(opened, table, *bounds_us(*cuts))
    beats = opened.all_beats()
    held = cut(beats, *cuts, asked.window_s)
    if not beats:
        raise UnreadableError(f"{opened.file} holds no heartbeat.", "Choose another recording.")
    if not held:
        raise UnreadableError(f"{opened.file}: there are no beats in this stretch.", "Choose another --from and --to.")
    if table is not None and asked.window_s is not None:
        _tabulate(open_(), table, held[0].opening_us, held[-1].opening_us + 1)
    span_s = asked_s(beats, *cuts, asked.window_s)
    summary = summarise(held, span_s, asked.detrend, (asked.metrics or AllMetrics()).by_name)
    return Analysis(opened.file, opened.format, opened.start, summary, opened.damage, opened.why, opened.decisions)


@dataclass(frozen=True, slots=True)
class _Opened:
    """A file that is about to be read: what its stream will say, and the beats that have come of it then."""

    file: str
    format: str
    start: str | None
    damage: str | None
    events: Iterator[StreamEvent]
    beats: Sequence[TimedBeat] | deque[TimedBeat]
    why: str | None = None
    decisions: Sequence[str] = ()

    def all_beats(self) -> list[TimedBeat]:
        """The beats of the whole file."""
        deque(self.events, maxlen=0)
        return list(self.beats)


def _recorded(path: Path, asked: Asked) -> _Opened:
    recording, reception = open_recording(path, asked.keys), Reception()
    about = str(path), "biofeedback", start_of(recording), recording.damage
    parent = parent_of(recording.lines)
    decisions = () if parent is None else parent.notes
    if asked.correction:
        return _Opened(*about, recorded_events(recording, reception), reception.beats, None, decisions)
    try:
        taken = beats_as_they_came(recording)
    except ValueError as error:
        raise _too_long(str(path), error) from error
    return _Opened(*about, ready_of(taken), taken, None, decisions)


def _foreign(found: Found, asked: Asked) -> _Opened:
    from biofeedback.session.foreign_files import check_can_be_used, holes_of, start_of_content, why_not

    content = found.content
    if not content.has_beats:
        raise why_not(found)
    about = found.file, content.format, start_of_content(content), None
    ticks, holes, stream = content.ticks, holes_of(content), BeatStream()
    if asked.correction:
        check_can_be_used(found)
        events = events_of_intervals(ticks, stream, holes)
        return _Opened(*about, events, stream.beats, content.why, content.decisions)
    try:
        taken = uncorrected(ticks, holes)
    except ValueError as error:
        raise _too_long(found.file, error) from error
    return _Opened(*about, ready_of(taken), taken, content.why, content.decisions)


def _too_long(file: str, error: ValueError) -> UnreadableError:
    return UnreadableError(f"{file}: {error}.", "Leave out --no-correction; what is no interval is a gap then.")


def beats_as_they_came(recording: StoredRecording) -> list[TimedBeat]:
    """Every interval of a recording as it is; those of an import as those of its file.

    Raises ValueError when they would last for months.
    """
    if "packet" in {line.kind for line in recording.event_lines}:
        return as_they_came(recorded_beats(recording))
    ticks: list[int] = []
    holes: dict[int, int | None] = {}
    for _, event in recording.timed_events(("rr",)):
        if isinstance(event, Rr):
            if event.lost != 0:
                holes[len(ticks)] = event.lost
            ticks.extend(event.ticks)
    return uncorrected(ticks, holes)


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


def start_of(recording: StoredRecording) -> str | None:
    """When it began, ISO 8601 in the local time of the recording, as far as known (RULINGS A8)."""
    return start_in(recording.head)
