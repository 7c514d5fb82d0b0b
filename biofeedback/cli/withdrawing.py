"""Takes consent back and deletes a person: says exactly what goes, asks, and then it is gone."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from biofeedback.cli.asking import confirm
from biofeedback.cli.common import called, say
from biofeedback.cli.person_logs import belongings, keys_of, log_of
from biofeedback.errors import BiofeedbackError, RecordingError
from biofeedback.recording.consents import CONSENTS, COPIES_MAY_REMAIN, DELETING, HEART_DATA
from biofeedback.recording.person_state import ENTRY_KINDS, MOVED

if TYPE_CHECKING:
    from pathlib import Path

    from biofeedback.config import Config
    from biofeedback.recording.belongings import Belongings, OwnedRecording
    from biofeedback.recording.chain import Line
    from biofeedback.recording.person import PersonLog

WORD_CLASSES: Final = ("suds", "texts")
"""What is taken out of recordings when consent to words is taken back."""
_NO_WORDS: Final = frozenset({MOVED})
"""Edits that hold none of the person's own words."""


def withdraw(args: argparse.Namespace, config: Config, person: str, consent: str) -> None:
    """Take a consent back, with all that this deletes. Raises UsageError when the person thinks better of it."""
    log = log_of(args, config, person)
    said = {"id": consent, "v": CONSENTS[consent].version, "given": False}
    if consent not in DELETING:
        log.write(("consent", said))
        say(args, CONSENTS[consent].withdrawn)
        return
    owned = belongings(args, config, person)
    _check_idle(owned)
    _announce(args, owned, consent, log)
    confirm(args, f"Take back {consent} and delete this?")
    log.write(("consent", said))  # first of all: nothing new is kept, even if the rest is interrupted
    if consent == HEART_DATA:
        _delete_recordings(owned, log)
    else:
        _take_words_out(args, config, owned, log)
    say(args, f"Done. {COPIES_MAY_REMAIN}")


def delete_person(args: argparse.Namespace, config: Config, person: str) -> None:
    """Delete all of a person: recordings and what lies beside them, then the log, last the name."""
    from biofeedback.recording.people import People

    people = People(config.home)
    log = log_of(args, config, person)
    owned = belongings(args, config, person)
    _check_idle(owned)
    said = [f"The folder {log.path.parent} with consent, profile and journal"]
    _tell([*map(_described, owned.recordings), *said], owned.unknown)
    confirm(args, f"Delete all of {person}?", word=person)
    _delete_recordings(owned, None)
    try:
        shutil.rmtree(log.path.parent)
    except OSError as error:
        raise RecordingError(
            f"{log.path.parent} could not be deleted: {error.strerror}.", "Run this again, or delete it by hand."
        ) from error
    people.name(person, None)


def _check_idle(owned: Belongings) -> None:
    from biofeedback.recording.belongings import check_idle

    check_idle(owned)


def _announce(args: argparse.Namespace, owned: Belongings, consent: str, log: PersonLog) -> None:
    """What exactly will be deleted."""
    if consent == HEART_DATA:
        _tell([_described(one) for one in owned.recordings] or ["There are no recordings."], owned.unknown)
        return
    state = log.state()
    lines = [f"SUDS, notes and your words out of {one.path.name}" for one in owned.recordings]
    lines.append(f"{len(state.entries)} entries of the journal, {len(state.texts)} texts, your words in the profile")
    _tell(lines, owned.unknown)


def _tell(lines: Sequence[str], unknown: Sequence[Path]) -> None:
    sys.stderr.write("This will be deleted for good:\n" + "".join(f"  {line}\n" for line in lines))
    if unknown:
        names = "".join(f"  {path}\n" for path in unknown)
        sys.stderr.write(f"Nobody can say whose these are, encrypted or damaged as they are; they stay:\n{names}")
    sys.stderr.write("Recordings and exports kept in other folders (--output) stay: those are yours to delete.\n")


def _described(owned: OwnedRecording) -> str:
    start = datetime.fromtimestamp(owned.start_ns / 1e9, UTC).astimezone()
    beside = f" and {len(owned.beside)} files beside it" if owned.beside else ""
    return f"{owned.path.name} of {start:%Y-%m-%d %H:%M}, {owned.bytes / 1e6:.1f} MB{beside}"


def _delete_recordings(owned: Belongings, log: PersonLog | None) -> None:
    from biofeedback.recording.belongings import delete_recording

    for one in owned.recordings:
        try:
            delete_recording(one)
        except OSError as error:
            raise RecordingError(
                f"{one.path} could not be deleted: {error.strerror}.", "What came before it is gone; run this again."
            ) from error
        if log is not None and one.session:
            log.write(("delete", {"session": one.session}))


def _take_words_out(args: argparse.Namespace, config: Config, owned: Belongings, log: PersonLog) -> None:
    """Out of the person's log first, which is theirs alone; then out of each recording, and the rest goes on."""
    log.rewrite(_without_words, ["journal", "trigger", "text", "edit", "profile.words"])
    log.forget_side_files()
    failed: list[str] = []
    for one in owned.recordings:
        try:
            rewrite_recording(one.path, args, config)
        except BiofeedbackError as error:
            failed.append(f"{one.path.name}: {error.what}")
    if failed:
        raise RecordingError(
            f"Words are still in {len(failed)} recordings. {' '.join(failed)}",
            f"Delete those ({called()} library delete), or mend them and take the consent back again.",
        )


def rewrite_recording(path: Path, args: argparse.Namespace, config: Config) -> None:
    """Write a recording anew without SUDS and words."""
    from biofeedback.recording.withdrawal import rewrite

    rewrite(path, WORD_CLASSES, keys_of(args, config, path))


def _without_words(line: Line) -> Mapping[str, Any] | None:
    """What a line of the log is without the person's own words."""
    if line.kind in ENTRY_KINDS or line.kind == "text":
        return None
    if line.kind == "edit" and line.body.get("what") not in _NO_WORDS:
        return None
    if line.kind == "profile":
        return {key: value for key, value in line.body.items() if key != "words"}
    return line.body
