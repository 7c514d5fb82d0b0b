"""Takes consent back and deletes a person: says exactly what goes, asks, and then it is gone."""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from biofeedback.cli.asking import confirm
from biofeedback.cli.common import called, say
from biofeedback.cli.library_words import moment_of
from biofeedback.cli.person_logs import belongings, everybody, left_closed, log_of, log_to_take_from
from biofeedback.errors import BiofeedbackError, RecordingError, UsageError
from biofeedback.recording.consents import CONSENTS, COPIES_MAY_REMAIN, DELETING, HEART_DATA, WORDS
from biofeedback.recording.person_state import ENTRY_KINDS, MOVED

if TYPE_CHECKING:
    from pathlib import Path

    from biofeedback.config import Config
    from biofeedback.recording.belongings import Belongings, OwnedRecording
    from biofeedback.recording.chain import Line
    from biofeedback.recording.person import NewLine, PersonLog

WORD_CLASSES: Final = ("suds", "texts")
"""What is taken out of recordings when consent to words is taken back."""
_NO_WORDS: Final = frozenset({MOVED})
"""Edits that hold none of the person's own words."""


def withdraw(args: argparse.Namespace, config: Config, person: str, consents: Sequence[str]) -> None:
    """Take consents back, with all that this deletes. Everything is asked before anything is done.

    Raises UsageError when the person thinks better of it.
    """
    from biofeedback.recording.belongings import Belongings, check_idle, forget_words
    from biofeedback.recording.people import is_pseudonym

    if not is_pseudonym(person):
        raise UsageError(
            f"'{person}' cannot be a pseudonym, so it has no consents.",
            f"All of it: {called()} person delete '{person}'",
        )
    log = log_of(args, config, person)
    deleting = [consent for consent in consents if consent in DELETING]
    owned = belongings(args, config, person) if deleting else Belongings()
    check_idle(owned)
    for consent in deleting:
        _announce(owned, consent, log)
        confirm(args, f"Take back {consent} and delete this?")
    # First of all: nothing new is kept if the rest is interrupted.
    log.write(*(CONSENTS[consent].line(given=False) for consent in consents))
    for consent in consents:
        if consent not in DELETING:
            say(args, CONSENTS[consent].withdrawn)
    if not deleting:
        return
    forget_tags(args, config, owned.ids)
    if HEART_DATA in deleting:
        _delete_recordings(config, owned, log)
    if WORDS in deleting:
        _take_words_out(args, config, owned.recordings if HEART_DATA not in deleting else (), log)
    forget_words(config.home)
    say(args, f"Done. {COPIES_MAY_REMAIN}")


def delete_person(args: argparse.Namespace, config: Config, person: str) -> bool:
    """Delete all of a person: the name, recordings and what lies beside them, then the log.

    What is interrupted can be done again: the person is there as long as any of it is. Whether that was all: without
    the passphrase nobody knows whose an encrypted recording is, so that it stays.
    """
    from biofeedback.recording.belongings import check_idle, delete_recordings, forget_words
    from biofeedback.recording.people import PEOPLE, People, is_pseudonym
    from biofeedback.recording.person import FILE

    folder = config.home / PEOPLE / person if is_pseudonym(person) else None
    owned = belongings(args, config, person, deleting=True)
    check_idle(owned)
    closed = left_closed(config, owned.locked)
    said = [f"The folder {folder}: consent, profile, journal"] if folder is not None and folder.exists() else []
    strangers = [*owned.unknown, *(path for path in owned.locked if path.name != FILE)]
    _tell([*map(_described, owned.recordings), *said], strangers)
    confirm(args, f"Delete all of {person}?", word=person)
    People(config.home).name(person, None, gone=True)
    forget_tags(args, config, owned.ids)
    delete_recordings(config.home, owned)
    if not closed and not owned.unknown:  # what stays would go back to whose it was before
        _forget_moves_to(args, config, person)
    if folder is not None:
        _remove_folder(folder)
    forget_words(config.home)
    _forget_straps(args, config)
    return not closed or not strangers


def _forget_straps(args: argparse.Namespace, config: Config) -> None:
    """The list of straps tells a person too: it goes with the last one, and else it is said that it stays."""
    straps = config.home / "straps.json"
    if not straps.exists():
        return
    if everybody(args, config):
        say(args, f"{straps} still lists all straps used here; delete it if one was only this person's.")
        return
    straps.unlink(missing_ok=True)


def _remove_folder(folder: Path) -> None:
    try:
        if folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise RecordingError(
            f"{folder} could not be deleted: {error.strerror}.", "Run this again, or delete it by hand."
        ) from error


def forget_tags(args: argparse.Namespace, config: Config, sessions: Collection[str]) -> None:
    """Take the tags of these sessions out of every person's log. Raises BiofeedbackError."""

    def about(line: Line) -> bool:
        return line.kind == "tag" and line.body.get("session") in sessions

    if sessions:
        _drop(args, config, about, "tag", sessions)


def _forget_moves_to(args: argparse.Namespace, config: Config, person: str) -> None:
    """That a session was once moved to this person stands in the log of whose it had been, too."""

    def names(line: Line) -> bool:
        moved = line.kind == "edit" and line.body.get("what") == MOVED
        return moved and str(line.body.get("value")).casefold() == person.casefold()

    _drop(args, config, names, "edit", {person}, but=person)


def _drop(
    args: argparse.Namespace,
    config: Config,
    unwanted: Callable[[Line], bool],
    kind: str,
    words: Collection[str],
    but: str = "",
) -> None:
    from biofeedback.recording.people import People

    for person in People(config.home).pseudonyms():
        if person != but:
            log = log_to_take_from(args, config, person)
            if log is not None:
                log.drop(unwanted, [kind], words)
            else:
                say(args, f"The log of {person} is encrypted; what it says of this stays in it, and encrypted.")


def _announce(owned: Belongings, consent: str, log: PersonLog) -> None:
    """What exactly will be deleted."""
    if consent == HEART_DATA:
        _tell([_described(one) for one in owned.recordings] or ["There are no recordings."], owned.unknown)
        return
    state = log.state()
    lines = [f"SUDS, notes, tags and your words out of {one.path.name}" for one in owned.recordings]
    journal = f"{len(state.entries)} " + ("entry" if len(state.entries) == 1 else "entries")
    lines.append(f"The journal ({journal}), texts ({len(state.texts)}) and words of the profile")
    _tell(lines, owned.unknown)


def _tell(lines: Sequence[str], unknown: Sequence[Path]) -> None:
    sys.stderr.write("This will be deleted for good:\n" + "".join(f"  {line}\n" for line in lines))
    if unknown:
        names = "".join(f"  {path}\n" for path in unknown)
        sys.stderr.write(f"Whose these are is not known, for something is encrypted or damaged; they stay:\n{names}")
    sys.stderr.write("Recordings and exports kept in other folders (--output) stay: those are yours to delete.\n")


def _described(owned: OwnedRecording) -> str:
    files = len(owned.beside)
    beside = "" if not files else " and 1 file beside it" if files == 1 else f" and {files} files beside it"
    return f"{owned.path.name} of {moment_of(owned.session.facts)}, {owned.bytes / 1e6:.1f} MB{beside}"


def _delete_recordings(config: Config, owned: Belongings, log: PersonLog) -> None:
    """First the log says which are deleted: what is interrupted can be seen to have been, and their series ends."""
    from biofeedback.recording.belongings import delete_recordings

    gone: list[NewLine] = [("delete", {"session": one.session.id}) for one in owned.recordings if one.session.id]
    if gone:
        log.write(*gone)
    delete_recordings(config.home, owned)


def _take_words_out(
    args: argparse.Namespace, config: Config, recordings: Sequence[OwnedRecording], log: PersonLog
) -> None:
    """Out of the person's log first, then out of each recording; one that cannot be changed does not keep the rest."""
    from biofeedback.cli.progress import FileBar

    # A number that was given is not given again: who takes an entry back by an old one would remove another.
    last = log.state().next_entry - 1
    gone: list[NewLine] = [("delete", {"entry": last})] if last else []
    log.rewrite(_without_words, ["journal", "trigger", "text", "tag", "edit", "profile.words"], gone)
    failed: list[str] = []
    bar = FileBar(args, [str(one.path) for one in recordings])
    for number, one in enumerate(recordings):
        try:
            with bar.at(number, one.path.name):
                words_out_of(args, config, one.path)
        except BiofeedbackError as error:
            failed.append(f"{one.path.name}: {error.what} {error.advice}")
    if failed:
        raise RecordingError(
            f"Words are still in {len(failed)} of {len(recordings)} recordings. {' '.join(failed)}",
            f"Then take it back again, or delete them: {called()} library delete",
        )


def words_out_of(args: argparse.Namespace, config: Config, recording: Path) -> None:
    """Take the person's words out of a recording; it is verified. Raises BiofeedbackError."""
    from biofeedback.cli.passphrase import keys_for
    from biofeedback.recording.withdrawal import rewrite
    from biofeedback.session.scoring import check_copy_of
    from biofeedback.session.sharing import shipped_texts

    keys = keys_for(args, config, recording)
    rewrite(recording, WORD_CLASSES, keys, check_copy_of(recording, keys), shipped=shipped_texts())


def _without_words(line: Line) -> Mapping[str, Any] | None:
    """What a line of the log is without the person's own words."""
    if line.kind in ENTRY_KINDS or line.kind in {"text", "tag"}:
        return None
    if line.kind == "edit" and line.body.get("what") not in _NO_WORDS:
        return None
    if line.kind == "profile":
        return {key: value for key, value in line.body.items() if key != "words"}
    return line.body
