"""Gathers from a recording what is exported of it, and writes it for a target (FORMATS 2.1).

Anonymised, it is gathered from the lines of the anonymised copy, so that both hide the same; and as an export is read
beside others, not verified, the date goes too: times count from the session's beginning, and no wall clock is told.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

from biofeedback import __version__
from biofeedback.breathing.pacer import Schedule, Stretch
from biofeedback.errors import OutputError
from biofeedback.events import (
    Answer,
    Arousal,
    Ask,
    Battery,
    Clock,
    Command,
    Cue,
    End,
    Epoch,
    Event,
    Gap,
    Hrv,
    Json,
    Link,
    Mark,
    Motion,
    Note,
    Notice,
    Open,
    Pacer,
    Rr,
    Safety,
    Sensor,
    Suds,
    Verdict,
)
from biofeedback.formats.exports.correction import corrected_ticks
from biofeedback.formats.exports.gathered import Anchor, ExportedBeat, Gathered, MetricValue, Moment, runs
from biofeedback.formats.exports.whole import open_output, whole_file, whole_folder, write_private
from biofeedback.hrv.registry import METRICS
from biofeedback.hrv.window import Estimate
from biofeedback.recording.starts import local_time, unknown_in
from biofeedback.recording.reader import StoredRecording
from biofeedback.recording.rewriting import sha256_of
from biofeedback.session.recorded import Recording
from biofeedback.session.sharing import anonymised_lines

Writer: TypeAlias = Callable[[Gathered, Path], Path]
"""Writes into a folder and returns what it made there, a folder or a file."""
PROGRAM: Final = f"biofeedback {__version__}"
FORMAT: Final = "biofeedback-export/1"
NEAR_US: Final = 3_000_000
"""A gap that another version recorded may begin and end so much from where today's does."""
_IN_LEVEL: Final = {
    "level_bpm": ("bpm", "bpm"),
    "level_change_bpm": ("delta_bpm", "bpm"),
    "level_change_z": ("z", "z"),
    "rsa_bpm": ("rsa_bpm", "bpm"),
}
"""Numbers of an `arousal` line by the names they have in a table: its key, and their unit."""


def gather(stored: StoredRecording, *, anonymise: bool = False) -> Gathered:
    """All that is exported of a recording. `anonymise`: without names, words, strap and wall clock.

    Raises UnreadableError when a line lacks what its kind must have.
    """
    sha256 = sha256_of(stored.path)
    if anonymise:
        stored = replace(stored, lines=tuple(anonymised_lines(stored.lines)))
        stored = replace(stored, head=stored.lines[0].body)
    recording = Recording(stored)
    opening = next((event for event in recording.events if isinstance(event, Open)), None)
    start = None if anonymise else _start(stored.head)
    session = _plain(str(stored.head.get("session", "")))
    plan = str(opening.plan.get("name") or "unknown") if opening is not None else "unknown"
    beats = _beats(recording)
    gathered = Gathered(
        stem=_stem(start, session),
        session=session,
        subject=str(stored.head.get("subject", "")),
        plan=plan,
        anonymised=anonymise,
        start=start,
        anchors=_anchors(stored.head, recording.events) if start is not None and start.tzinfo is not None else (),
        strap_unit=_strap_unit(recording.events, opening),
        length_us=round(recording.duration_s * 1e6),
        beats=beats,
        moments=tuple(sorted(_moments(recording, beats), key=lambda moment: moment.at_us)),
        pacer=_schedule(recording.events),
        metrics=partial(_metrics, recording),
        device="" if anonymise else _device(opening),
        program=PROGRAM,
        about={},
    )
    return replace(gathered, about=_about(recording, gathered, opening, sha256))


def write_export(gathered: Gathered, target: str, folder: Path) -> tuple[Path, list[Path]]:
    """Write a recording for `csv`, `kubios`, `bids` or `edf` into a folder; returns what was made, and its files.

    Everything of it appears whole or not at all. Raises OutputError when it is there already or cannot be written.
    """
    open_output(folder)
    try:
        made = WRITERS[target](gathered, folder)
        return made, sorted(path for path in made.rglob("*") if path.is_file()) or [made]
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written: {error.strerror}.", "Choose another place, or make room there."
        ) from error


def _csv(gathered: Gathered, folder: Path) -> Path:
    from biofeedback.formats.exports.tidy import write_csv

    target = folder / f"{gathered.stem}_csv"
    with whole_folder(target) as made:
        write_csv(gathered, made)
    return target


def _kubios(gathered: Gathered, folder: Path) -> Path:
    from biofeedback.formats.exports.kubios import write_kubios

    target = folder / f"{gathered.stem}_kubios"
    with whole_folder(target) as made:
        write_kubios(gathered, made)
    return target


def _bids(gathered: Gathered, folder: Path) -> Path:
    from biofeedback.formats.exports.bids import write_bids

    return write_bids(gathered, folder)


def _edf(gathered: Gathered, folder: Path) -> Path:
    from biofeedback.formats.exports.edf import edf_bytes

    data, target = edf_bytes(gathered), folder / f"{gathered.stem}.edf"
    with whole_file(target) as made:
        write_private(made, data)
    return target


WRITERS: Final[Mapping[str, Writer]] = {"csv": _csv, "kubios": _kubios, "bids": _bids, "edf": _edf}


def _plain(session: str) -> str:
    """The first digits of a session's id; whoever wrote it may have meant another folder."""
    return "".join(sign for sign in session[:8] if sign.isascii() and sign.isalnum()) or "session"


def _stem(start: datetime | None, session: str) -> str:
    """UTC where the zone is known; it tells nothing of when it was where nobody knows, or nobody is to know."""
    if start is None:
        return f"session_{session}"
    zone = "" if start.tzinfo is None else "Z"
    return f"{start if start.tzinfo is None else start.astimezone(UTC):%Y%m%dT%H%M%S}{zone}_{session}"


def _start(head: Mapping[str, Any]) -> datetime | None:
    """When it began, in its local time; without an offset where the zone is not known."""
    unknown = unknown_in(head)
    if unknown == "all":
        return None
    start = local_time(int(head["wall_ns"]), int(head.get("utc_off_s", 0)))
    return start.replace(tzinfo=None) if unknown == "zone" else start


def _anchors(head: Mapping[str, Any], events: Iterable[Event]) -> tuple[Anchor, ...]:
    clocks = [Anchor(event.at, event.wall_ns) for event in events if isinstance(event, Clock)]
    return (Anchor(0, int(head["wall_ns"])), *clocks)


def _strap_unit(events: Iterable[Event], opening: Open | None) -> bool:
    """Whether its intervals were counted in 1/1024 s: those of a strap, and of files that say so."""
    if not any(isinstance(event, Rr) for event in events):
        return True
    parent = opening.parent if opening is not None else None
    return parent is not None and parent.get("unit") == "1/1024"


def _device(opening: Open | None) -> str:
    """What the strap is called; empty where there was none: a file is no device."""
    if opening is None or opening.source.get("kind") == "file":
        return ""
    return str(opening.source.get("name") or "")


def _beats(recording: Recording) -> tuple[ExportedBeat, ...]:
    table = recording.beats
    ticks: list[int] = table["ticks"].tolist()
    gaps: list[bool] = table["gap_before"].tolist()
    oks: list[bool] = table["ok"].tolist()
    corrected = [value for run in runs(gaps) for value in corrected_ticks(ticks[run], oks[run])]
    times: list[float] = table["t_s"].tolist()
    whys: list[str] = table["why"].tolist()
    return tuple(
        ExportedBeat(round(t_s * 1e6), each, why, gap, value)
        for t_s, each, why, gap, value in zip(times, ticks, whys, gaps, corrected, strict=True)
    )


def _schedule(events: Iterable[Event]) -> Schedule:
    """The pacer from what was recorded of it."""
    schedule: list[Stretch] = []
    for event in events:
        if isinstance(event, Pacer):
            start_us = event.at if event.rate is None else event.at - round(event.at_phase * 60e6 / event.rate)
            schedule = [stretch for stretch in schedule if stretch.start_us < start_us]
            schedule.append(Stretch(start_us, event.rate, event.inhale))
    return tuple(schedule)


def _moments(recording: Recording, beats: Sequence[ExportedBeat]) -> Iterator[Moment]:
    for span in recording.phases:
        length_us = max(0, span.end_us - span.start_us)
        yield Moment(span.start_us, "phase", span.name, span.index, length_us, span.pair, span.script)
    yield from _gaps(beats, [event for event in recording.events if isinstance(event, Gap)])
    for event in recording.events:
        moment = _moment(event)
        if moment is not None:
            yield moment


def _gaps(beats: Sequence[ExportedBeat], recorded: Sequence[Gap]) -> Iterator[Moment]:
    """The holes between the beats; why they are there is what was recorded of them."""
    known = sorted(recorded, key=lambda gap: gap.to_us)
    for before, beat in pairwise(beats):
        if beat.gap_before:
            end_us = beat.opening_us
            near = bisect_left(known, end_us - NEAR_US, key=lambda gap: gap.to_us)
            same = [gap for gap in known[near : near + 8] if abs(gap.from_us - before.t_us) <= NEAR_US]
            why = min(same, key=lambda gap: abs(gap.to_us - end_us)).why if same else ""
            yield Moment(before.t_us, "gap", why, None, max(0, end_us - before.t_us))


def _moment(event: Event) -> Moment | None:
    moment: Moment | None = None
    match event:
        case Pacer():
            moment = Moment(event.at, "pacer", "off" if event.rate is None else "", event.rate)
        case Cue():
            moment = Moment(event.at, "cue", event.say, event.index, script=event.script)
        case Ask():
            moment = Moment(event.at, "ask", event.what)
        case Answer() if event.what != "suds":
            moment = Moment(event.at, "answer", event.what, event.value)
        case Suds():
            moment = Moment(event.at, "suds", event.when, event.value)
        case Mark() | Note():
            moment = Moment(event.at, "mark" if isinstance(event, Mark) else "note", event.text)
        case Epoch():
            moment = Moment(event.at, "epoch", event.label, event.bpm, pair=event.pair)
        case Verdict():
            moment = Moment(event.at, "verdict", event.words, script=event.visualization)
        case _:
            moment = _moment_of_program(event)
    return moment


def _moment_of_program(event: Event) -> Moment | None:
    moment: Moment | None = None
    match event:
        case Safety():
            moment = Moment(event.at, "safety", f"{event.tier} {'on' if event.on else 'off'}", event.delta_bpm)
        case Notice():
            moment = Moment(event.at, "notice", event.code)
        case Command() if event.what not in ("mark", "note"):
            moment = Moment(event.at, "command", event.what)
        case Link():
            moment = Moment(event.at, "link", event.state)
        case Battery():
            moment = Moment(event.at, "battery", "", event.percent)
        case Sensor():
            moment = Moment(event.at, "sensor", event.location or "")
        case Clock() if event.why != "tick":
            moment = Moment(event.at, "clock", event.why, event.step_ns / 1e9)
        case End():
            moment = Moment(event.at, "end", event.why)
        case _:
            pass
    return moment


def _metrics(recording: Recording) -> Iterator[MetricValue]:
    """Every number: live as recorded, then of the whole session and of each of its parts by an analysis."""
    rules = {name: f"{name}/{version}" for name, version in recording.stored.algorithms.items()}
    for event in recording.events:
        if isinstance(event, Hrv):
            yield from _of_hrv(event, rules)
        elif isinstance(event, Arousal):
            yield from _of_level(event, rules)
        elif isinstance(event, Motion):
            rule, length = rules.get("motion", ""), None
            rate = event.breaths_per_min
            yield MetricValue(event.t_us, "movement_mg", event.rms_mg, "mg", length, rule, "", "live")
            yield MetricValue(event.t_us, "breaths_per_min", rate, "1/min", length, rule, "", "live")
    yield from _analysed(recording, None, None, round(recording.duration_s * 1e6), "session")
    for span in recording.phases:
        if span.end_us > span.start_us:
            yield from _analysed(recording, span.start_s, span.end_s, span.end_us, f"phase {span.index}")


def _of_hrv(event: Hrv, rules: Mapping[str, str]) -> Iterator[MetricValue]:
    for name, value in event.values.items():
        ours = METRICS.get(name)
        if ours is not None and ours.live_s is None:  # no trailing window can hold it
            continue
        unit = "" if ours is None else ours.unit
        window_s = event.window_s if ours is None else ours.live_s
        reason = event.reasons.get(name, "") if value is None else ""
        quality = event.quality or ""
        rule = rules.get(name, "")
        yield MetricValue(event.t_us, name, value, unit, window_s, rule, quality, "live", reason)


def _of_level(event: Arousal, rules: Mapping[str, str]) -> Iterator[MetricValue]:
    for name, (key, unit) in _IN_LEVEL.items():
        value = cast("float | None", getattr(event, key))
        reason = (event.withheld or "") if value is None else ""
        yield MetricValue(event.t_us, name, value, unit, None, rules.get("engine", ""), "", "live", reason)


def _analysed(
    recording: Recording, from_s: float | None, to_s: float | None, end_us: int, scope: str
) -> Iterator[MetricValue]:
    try:
        summary = recording.analyze(from_s=from_s, to_s=to_s)
    except ValueError:  # there is no beat in it
        return
    for name, answer in summary.items():
        if isinstance(answer, Estimate):
            rule, quality = f"{name}/{answer.version}", summary.quality or ""
            yield MetricValue(end_us, name, answer.value, answer.unit, answer.window_s, rule, quality, scope)
        else:
            unit = METRICS[name].unit if name in METRICS else ""
            yield MetricValue(end_us, name, None, unit, None, "", summary.quality or "", scope, answer.reason)


def _about(recording: Recording, gathered: Gathered, opening: Open | None, sha256: str) -> dict[str, Json]:
    """What the session was: `session.json`."""
    start, head = gathered.start, recording.head
    about: dict[str, Json] = {
        "format": FORMAT,
        "program": PROGRAM,
        "recording": {
            "session": str(head.get("session", "")),
            "sha256": sha256,
            "by": cast(Json, head.get("app")),
            "algorithms": dict(recording.stored.algorithms),
        },
        "anonymised": gathered.anonymised,
        "subject": gathered.subject,
        "start": None if start is None else start.isoformat(timespec="seconds"),
        "duration_s": recording.duration_s,
        "beats": len(gathered.beats),
        "flagged": sum(bool(beat.why) for beat in gathered.beats),
        "gaps": sum(moment.kind == "gap" for moment in gathered.moments),
        "interval_unit": "1/1024 s" if gathered.strap_unit else _unit_of_file(opening),
    }
    if opening is not None:
        about |= {"plan": dict(opening.plan), "source": dict(opening.source), "demo": opening.demo}
        about["imported_from"] = None if opening.parent is None else dict(opening.parent)
    about["epochs"] = [cast(Json, _without_time(epoch)) for epoch in recording.epochs]
    return about


def _unit_of_file(opening: Open | None) -> str | None:
    """The unit in which an imported file has its intervals, None where that is not known."""
    unit = opening.parent.get("unit") if opening is not None and opening.parent is not None else None
    return unit if isinstance(unit, str) else None


def _without_time(epoch: Epoch) -> dict[str, Any]:
    return {"t_s": epoch.at / 1e6, **{key: value for key, value in asdict(epoch).items() if key != "at"}}
