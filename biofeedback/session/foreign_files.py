"""Files of other programs as sessions need them: the one with heartbeats, its time line, its start and its markers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Final

from biofeedback.errors import ImportRefused, UsageError
from biofeedback.typed import as_typed
from biofeedback.events import Command, Event, Rr
from biofeedback.formats.content import Content, Start
from biofeedback.formats.door import Found, contents
from biofeedback.formats.reading import Choices, Progress
from biofeedback.formats.units import UNIT_WORDS
from biofeedback.hrv.artefacts import is_interval
from biofeedback.hrv.summary import Holes
from biofeedback.hrv.ticks import TICKS_PER_S, ticks_to_us
from biofeedback.recording.scan import LONGEST_SESSION_US
from biofeedback.session.guarded import GuardedEngine
from biofeedback.session.loop import SOURCE_ENDED
from biofeedback.session.opening import Began, Opening

BY_FILE: Final = "file"
"""Whose the markers of a file are."""
MOST_TICKS: Final = LONGEST_SESSION_US // 1_000_000 * TICKS_PER_S
MOST_MARKERS: Final = 10_000
LONGEST_MARKER: Final = 1000
DAY_ONLY: Final = len("2026-01-31")


def foreign_at(path: Path, choices: Choices | None = None, progress: Progress | None = None) -> Found:
    """The one file with heartbeats at this path, which may be a folder or an archive.

    Raises ImportRefused when there is none, UsageError when there are several.
    """
    everything = list(contents(path, choices, progress))
    held = [each for each in everything if each.content.has_beats]
    if len(held) > 1:
        names = ", ".join(Path(each.file).name for each in held[:5]) + (" ..." if len(held) > 5 else "")
        raise UsageError(
            f"{path} holds {len(held)} files with heartbeats: {names}.",
            f"Import them and choose one of the recordings: biofeedback import {as_typed(path)}",
        )
    if not everything:
        raise ImportRefused(f"{path}: there are no files in it.", "Give a file, or a folder with files.")
    if held:
        check_can_be_used(held[0])
        return replace(held[0], complaints=tuple(words for each in everything for words in each.complaints))
    raise why_not(everything[0]) if len(everything) == 1 else _no_beats(path, everything)


def _no_beats(path: Path, everything: Sequence[Found]) -> ImportRefused:
    refused = [each for each in everything if each.content.verdict in ("refuse", "ask")]
    said = f" {Path(refused[0].file).name}: {refused[0].content.why}" if refused else ""
    return ImportRefused(
        f"{path}: none of its {len(everything)} files holds heartbeats that can be read.{said}",
        f"See what each is: biofeedback import --inspect {as_typed(path)}",
    )


def why_not(found: Found) -> ImportRefused:
    """Why no recording can be made of a file, and what to do."""
    if found.refused is not None:
        return found.refused.named(found.file)
    content = found.content
    if content.verdict == "ask":
        why = (content.why or "the unit of its numbers is not clear.").partition(": say it with")[0].rstrip(".")
        return ImportRefused(f"{why}.", f"Say it with --unit {UNIT_WORDS}.").named(found.file)
    if content.verdict == "summary":
        why = content.why or "it holds values of whole measurements only, no intervals between heartbeats."
        return ImportRefused(why, "Export the intervals (RR) of the measurement instead.").named(found.file)
    return ImportRefused(
        content.why or "it holds no heartbeats.", "Export the intervals (RR) from the program it comes from."
    ).named(found.file)


def check_can_be_used(found: Found) -> None:
    """Raises ImportRefused when nothing in a file is an interval, or it lasts longer than a life."""
    content = found.content
    if not any(map(is_interval, content.ticks)):
        raise ImportRefused("no number in it is an interval of 2.5 s or less.", "Check the --unit.", "").named(
            found.file
        )
    if content.span_ticks > MOST_TICKS:
        raise ImportRefused("it lasts longer than 20 years.", "Check the --unit.", "").named(found.file)


def holes_of(content: Content) -> Holes:
    """Time before intervals that the file knows nothing of, by their number; there is nothing before the first."""
    found: dict[int, int | None] = {}
    for hole in content.holes:
        if 0 < hole.before < len(content.ticks):
            known = found.get(hole.before) or 0
            found[hole.before] = (known + max(0, hole.ticks)) or None
    return found


def intervals(content: Content) -> Iterator[Rr]:
    """Each interval when its closing beat comes, counted from the first opening beat."""
    holes, clock = holes_of(content), 0
    for number, value in enumerate(content.ticks):
        lost = holes.get(number, 0)
        clock += max(0, value) + (lost or 0)
        yield Rr(ticks_to_us(clock), (value,), lost)


def marks_of(content: Content) -> list[Command]:
    """The markers of a file as marks, in order; those before the first beat or after the last one stand there."""
    last = max(0, sum(max(0, value) for value in content.ticks) + sum(lost or 0 for lost in holes_of(content).values()))
    marks = [
        Command(ticks_to_us(min(max(0, marker.at), last)), "mark", BY_FILE, marker.text[:LONGEST_MARKER])
        for marker in content.markers[:MOST_MARKERS]
    ]
    return sorted(marks, key=lambda mark: mark.at)


def free_session(content: Content, opening: Opening) -> Iterator[Event]:
    """The free session that a file would have been: each interval and mark, and what the engine says to it."""
    engine, marks = GuardedEngine(opening.metrics), marks_of(content)
    yield opening.event
    yield from engine.feed(opening.event)
    marks.reverse()
    for heard in intervals(content):
        while marks and marks[-1].at < heard.at:
            yield from _step(engine, marks.pop())
        yield from _step(engine, heard)
    while marks:
        yield from _step(engine, marks.pop())
    yield from _step(engine, Command(engine.time, "stop", "program", SOURCE_ENDED))


def _step(engine: GuardedEngine, event: Rr | Command) -> Iterator[Event]:
    yield from engine.advance(event.at)
    yield event
    yield from engine.feed(event)


def length_us(content: Content) -> int:
    """How long that session is."""
    known = sum(lost or 0 for lost in holes_of(content).values())
    return ticks_to_us(sum(max(0, value) for value in content.ticks) + known)


def start_of_content(content: Content) -> str | None:
    """When it began, ISO 8601 as far as the file says it: without an offset where it names no zone (RULINGS A8)."""
    began, _ = began_of(content.start)
    if began is None:
        return None
    at = began.at if began.unknown is None else began.at.replace(tzinfo=None)
    return at.isoformat(timespec="seconds")


def began_of(start: Start | None) -> tuple[Began | None, tuple[str, ...]]:
    """The start of a file as a moment, and what had to be decided for it; None where it tells none."""
    if start is None:
        return None, ()
    try:
        at = datetime.fromisoformat(start.text)
        if at.tzinfo is None and (zone := _zone(start.zone)) is not None:
            at = at.replace(tzinfo=zone)
        known = at.tzinfo is not None
        at = at if known else at.astimezone()
        at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None, (f"Its start is written '{start.text[:40]}', which is no time; when it began is not known.",)
    day_only: tuple[str, ...] = ()
    if len(start.text) <= DAY_ONLY:
        day_only = (f"It tells only the day it was made; {at:%H:%M} was taken for its start.",)
    if known:
        return Began(at), day_only
    assumed = "Its start names no time zone; among other sessions it stands as if it had that of this computer."
    return Began(at, "zone"), (*day_only, assumed)


def _zone(said: str | None) -> tzinfo | None:
    """A zone as a file says it. Raises ValueError when it is none."""
    if said is None:
        return None
    if said.casefold() in ("utc", "z"):
        return UTC
    return datetime.fromisoformat(f"2000-01-01T00:00:00{said}").tzinfo


def now() -> datetime:
    """The local time now, with its offset."""
    return datetime.now(UTC).astimezone()
