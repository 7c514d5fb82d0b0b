"""Makes recordings of foreign files: an import is a session like any other, with its file as its parent (RULINGS A7).

What is written stands under a name of its own until it is whole, so that nothing half-written is ever taken for a
session, whenever the program dies.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC
from hashlib import file_digest, sha256
from pathlib import Path
from typing import Final

from biofeedback.errors import ImportRefused, RecordingError, UnreadableError
from biofeedback.typed import as_typed
from biofeedback.events import End, Event, Json, Rr
from biofeedback.formats.content import Content
from biofeedback.formats.door import Found
from biofeedback.formats.reading import Progress
from biofeedback.recording.catalogue import Facts, facts_of, recordings_in, storable_text
from biofeedback.recording.chain import Line
from biofeedback.recording.codec import kind_of, to_body
from biofeedback.recording.log import SessionLog, give_final_name
from biofeedback.recording.naming import FORMAT, PART, SUFFIX
from biofeedback.recording.private import private_file
from biofeedback.recording.reader import StoredRecording, is_recording
from biofeedback.recording.recovery import in_use
from biofeedback.recording.sealing import Keys
from biofeedback.recording.starts import stamp_of
from biofeedback.recording.syncer import sync_file
from biofeedback.session.foreign_files import (
    LONGEST_MARKER,
    MOST_MARKERS,
    began_of,
    check_can_be_used,
    free_session,
    length_us,
    now,
    why_not,
)
from biofeedback.session.loop import METRIC_FAILED
from biofeedback.session.opening import Began, Opening, open_session
from biofeedback.session.plan import free_plan
from biofeedback.session.plugins import MetricPlugins
from biofeedback.session.replay import Verification, verify
from biofeedback.session.scripts import shipped
from devices.events import StrapInfo
from devices.file_lock import take_lock

SCRATCH: Final = ".importing"
"""What a recording is called while it is written."""
MOST_BEATS: Final = 650_000
MOST_ENCRYPTED: Final = 400_000
"""A recording of more would be larger than what is read again (1 GiB): a beat with its numbers is 1.5 kB."""
MOST_DECISIONS: Final = 20
LONGEST_TEXT: Final = 200
_PLAIN_NAME: Final = re.compile(r"\w[\w .,+()-]*\Z")
"""A name that steers no terminal, is not hidden and no option."""
TOLD_EVERY: Final = 200
"""Beats after which it is told how far the writing is."""


@dataclass(frozen=True, slots=True)
class Known:
    """A recording that is there already: its file, its session's id, when it was written in ns since 1970."""

    file: str
    session: str
    written_ns: int


class Shelf:
    """What a folder of recordings holds already, by the bytes it was made of and by session."""

    def __init__(self, facts: Iterable[Facts]) -> None:
        self._by_parent: dict[str, Known] = {}
        self._by_session: dict[str, Known] = {}
        for each in facts:
            known = Known(each.file, each.id, each.mtime_ns)
            self._by_session.setdefault(each.id, known)
            if each.imported is not None:
                self._by_parent.setdefault(each.imported, known)

    def import_of(self, sha256_: str) -> Known | None:
        """The recording that was made of a file with these bytes."""
        return self._by_parent.get(sha256_)

    def recording_of(self, session: str) -> Known | None:
        """The recording of a session."""
        return self._by_session.get(session)

    def add(self, path: Path, sha256_: str | None, session: str) -> None:
        """A recording has just been written."""
        known = Known(path.name, session, path.stat().st_mtime_ns)
        self._by_session[session] = known
        if sha256_ is not None:
            self._by_parent[sha256_] = known


def shelf_of(folder: Path, keys: Keys | None = None) -> Shelf:
    """What a folder holds that is no library."""
    return Shelf(facts_of(folder, name, found, keys) for name, found in recordings_in(folder))


def clear_scratch(folder: Path) -> None:
    """Remove what an import left half-written that was killed."""
    for left in folder.glob(f"*{SUFFIX}{SCRATCH}*"):
        if not in_use(left):
            with suppress(OSError):
                left.unlink()


@contextmanager
def alone_in(folder: Path) -> Generator[None, None, None]:
    """While this is held no other import writes into the folder: the same file would come in twice.

    Raises RecordingError when another import holds it. Where folders cannot be locked (Windows) it holds nothing.
    """
    if sys.platform == "win32":
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if not take_lock(descriptor):
            raise RecordingError(f"Another import into {folder} is running.", "Wait until it has ended.")
        yield
    finally:
        os.close(descriptor)


def opening_of(found: Found, person: str, plugins: MetricPlugins) -> Opening:
    """The session that an import is, before its first beat."""
    content, moment = found.content, now()
    began, decided = began_of(content.start)
    name = storable_text(Path(found.file).name)
    parent: dict[str, Json] = {
        "name": name[-LONGEST_TEXT:],
        "sha256": found.sha256,
        "bytes": found.bytes,
        "format": content.format,
        "rule": content.rule,
        "unit": content.unit,
        "decisions": _decisions(content, decided),
        "start": None if content.start is None else content.start.text,
        "start_zone": None if content.start is None else content.start.zone,
        "imported": moment.astimezone(UTC).isoformat(timespec="seconds"),
    }
    info = StrapInfo(name=name[:LONGEST_TEXT], kind="file", spec=f"file:{name[:LONGEST_TEXT]}")
    return open_session(
        free_plan(None),
        info,
        shipped(),
        person=person,
        parent=parent,
        metrics=plugins.metrics,
        began=began or Began(moment, "all"),
    )


def _decisions(content: Content, more: Sequence[str]) -> list[Json]:
    """What was taken for granted, in words that fit into a line."""
    doubtful = content.why or ""
    said = [words for words in content.decisions if words.rstrip(".") != doubtful.rstrip(".")]
    said += [*([doubtful] if doubtful else []), *more, *_of_markers(content)]
    kept: list[Json] = [storable_text(words)[:LONGEST_TEXT] for words in said[:MOST_DECISIONS]]
    return [*kept, f"{len(said) - MOST_DECISIONS} more"] if len(said) > MOST_DECISIONS else kept


def _of_markers(content: Content) -> list[str]:
    """What becomes of markers that do not lie among the beats, or are too long or too many."""
    end = content.span_ticks
    outside = sum(not 0 <= marker.at <= end for marker in content.markers)
    long = sum(len(marker.text) > LONGEST_MARKER for marker in content.markers)
    said = [f"{outside} markers lie before the first beat or after the last one; they stand there."] if outside else []
    said += [f"{long} markers are longer than {LONGEST_MARKER} signs and were cut."] if long else []
    many = len(content.markers) - MOST_MARKERS
    return said + ([f"{many} markers beyond the first {MOST_MARKERS} were left out."] if many > 0 else [])


def import_found(
    found: Found,
    folder: Path,
    person: str,
    plugins: MetricPlugins,
    keys: Keys | None = None,
    progress: Progress = lambda _: None,
) -> tuple[Path, str]:
    """Write a file's recording into a folder; where it is, and its session. `keys` encrypt it.

    Raises ImportRefused when none can be made of it, RecordingError when it cannot be written. Nothing is left then.
    """
    content = found.content
    if not content.has_beats:
        raise why_not(found)
    check_can_be_used(found)
    _check_size(found, MOST_BEATS if keys is None else MOST_ENCRYPTED)
    opening = opening_of(found, person, plugins)
    final = folder / opening.file_name
    log = SessionLog(final.with_name(final.name + SCRATCH), opening.head, keys)
    try:
        _write(log, opening, content, plugins, progress)
        made = _finished(log)
    except BaseException:
        log.abandon()
        raise
    if (unnamed := give_final_name(made, final)) is not None:
        made.unlink(missing_ok=True)
        raise RecordingError(unnamed.split(". ")[0] + ".", "Choose another folder; nothing is ever overwritten.")
    return final, opening.session


def _check_size(found: Found, most: int) -> None:
    many = len(found.content.ticks)
    if many > most:
        raise ImportRefused(
            f"it holds {many} intervals, and a recording can hold {most} of them.",
            "Cut the file into parts, such as one for each year.",
        ).named(found.file)


def _finished(log: SessionLog) -> Path:
    made = log.close()
    if log.failed or made.name.endswith(PART):
        raise _not_written(log)
    return made


def _not_written(log: SessionLog) -> RecordingError:
    """What kept it from being written, without what a live session would be told: of an import nothing is kept."""
    why = (log.trouble or log.failed or "").removeprefix("Recording waits: ").partition(".")[0]
    return RecordingError(
        f"The recording could not be written{f' ({why})' if why else ''}; nothing of it is kept.",
        "Make room on the disk, and import it again.",
    )


def _write(log: SessionLog, opening: Opening, content: Content, plugins: MetricPlugins, progress: Progress) -> None:
    for rule in opening.algorithms:
        log.append_line(0, "alg", rule)
    for refused in plugins.refused:
        log.append_line(0, "err", {"code": METRIC_FAILED, "error": refused.words})
    heard, all_us = 0, max(1, length_us(content))
    for event in free_session(content, opening):
        log.append(event)
        if isinstance(event, Rr):
            heard += 1
            if heard % TOLD_EVERY == 0:
                progress(heard / len(content.ticks))
                if log.failed or log.trouble:
                    raise _not_written(log)
        elif isinstance(event, End):
            progress(event.at / all_us)


def stored_of(found: Found, person: str, plugins: MetricPlugins) -> StoredRecording:
    """The recording that a file would become, in memory only. Raises ImportRefused."""
    if not found.content.has_beats:
        raise why_not(found)
    check_can_be_used(found)
    opening = opening_of(found, person, plugins)
    head: Mapping[str, Json] = {"format": FORMAT, "v": 1, "min_reader": 1, **opening.head}
    lines = [Line(0, 0, "head", head)]
    lines += [Line(number, 0, "alg", rule) for number, rule in enumerate(opening.algorithms, start=1)]
    for event in free_session(found.content, opening):
        lines.append(_line_of(len(lines), event))
    return StoredRecording(Path(found.file), head, tuple(lines), None)


def _line_of(number: int, event: Event) -> Line:
    return Line(number, event.at, kind_of(event), to_body(event))


# Recordings of ours from another computer


@dataclass(frozen=True, slots=True)
class Copied:
    """A recording of ours that was taken in. `remark`: what its verification could not say, or who it is of."""

    path: Path
    session: str
    remark: str


def session_of(path: Path) -> Facts:
    """What a recording says of itself. Raises UnreadableError when it is none, or has no end yet."""
    facts = facts_of(path.parent, path.name, path.stat())
    if facts.state == "unreadable":
        raise UnreadableError(f"{path} is damaged from its first line on.", "Copy it again from where it comes from.")
    if path.name.endswith(PART) or facts.state == "unfinished":
        raise UnreadableError(
            f"{path} is a session without its end.", "Finish it where it was made: biofeedback library rebuild"
        )
    return facts


def copy_recording(path: Path, folder: Path, facts: Facts, keys: Keys | None = None) -> Copied:
    """Take a recording into a folder as it is, once it is known to be whole.

    Raises UnreadableError when it is damaged or its numbers do not come out again, RecordingError when it cannot be
    written.
    """
    found = verify(path, keys)
    if not found.intact:
        raise UnreadableError(
            f"{path} is damaged, {found.damage}.", f"First: biofeedback library repair {as_typed(path)}"
        )
    if found.differences:
        raise UnreadableError(
            f"{path}: its numbers are not those that come out of its beats: {found.first_difference}.",
            f"Look at it with: biofeedback verify {as_typed(path)}",
        )
    final = folder / _name_of(path, facts)
    if final.exists():
        raise RecordingError(f"{final} exists already.", "Nothing is ever overwritten; rename the file that comes in.")
    made = final.with_name(final.name + SCRATCH)
    try:
        _copy(path, made)
        if (unnamed := give_final_name(made, final)) is not None:
            raise RecordingError(unnamed.split(". ")[0] + ".", "Nothing is ever overwritten.")
    except OSError as error:
        raise RecordingError(f"{final} cannot be written: {error.strerror}.", "Check its folder.") from error
    finally:
        made.unlink(missing_ok=True)
    return Copied(final, facts.id, _remark(found))


def _copy(path: Path, made: Path) -> None:
    """The same bytes in a file for this user only, on the disk. Raises RecordingError when they are not the same."""
    made.unlink(missing_ok=True)
    data = path.read_bytes()
    with os.fdopen(private_file(made), "wb") as file:
        file.write(data)
        file.flush()
        sync_file(file.fileno())
    with made.open("rb") as file:
        if file_digest(file, "sha256").digest() != sha256(data).digest():
            raise RecordingError(f"The copy of {path} is not what was read.", "Check the disk.")


def _name_of(path: Path, facts: Facts) -> str:
    if path.name.endswith(SUFFIX) and _PLAIN_NAME.match(path.name):
        return path.name
    plain = "".join(sign if sign.isalnum() or sign == "-" else "_" for sign in facts.id[:8])
    return f"{stamp_of(facts.start_ns, facts.utc_off_s, facts.start_unknown)}_{plain}{SUFFIX}"


def _remark(found: Verification) -> str:
    if found.locked:
        return "It is encrypted: that it is whole was checked, its numbers were not."
    if found.rescored:
        return (
            f"It was made by other versions of the rules, whose numbers are not compared: {', '.join(found.rescored)}."
        )
    return ""


def is_ours(path: Path) -> bool:
    """Whether this is a recording of ours; what cannot be looked at is none."""
    with suppress(UnreadableError, OSError):  # the latter of a name that is too long
        return path.is_file() and is_recording(path)
    return False
