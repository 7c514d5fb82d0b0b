"""How commands get at the people of the data folder and their logs."""

from __future__ import annotations

import argparse
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from biofeedback.cli.common import called, config_of, say
from biofeedback.config import Config
from biofeedback.errors import BiofeedbackError, LockedError, RecordingError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from biofeedback.recording.sealing import Keys
    from biofeedback.recording.belongings import Belongings
    from biofeedback.recording.person import PersonLog
    from biofeedback.recording.person_state import Said


def home_of(args: argparse.Namespace) -> Config:
    """The settings, after a look at whether the data folder is the person's own. Raises RecordingError."""
    from biofeedback.recording.private import check_home

    config = config_of(args)
    if config.home.exists():
        check_home(config.home)
    return config


def person_of(args: argparse.Namespace, config: Config) -> str:
    """The pseudonym meant by `--person` or the settings: a name that only one person has stands for it.

    Who is not here yet is meant by a new pseudonym. Raises UsageError when the word cannot be one.
    """
    from biofeedback.recording.people import checked_pseudonym

    word = args.person or config.text("person")
    return checked_pseudonym(find_person(args, config, word) or word)


def find_person(args: argparse.Namespace, config: Config, word: str) -> str | None:
    """Who is meant by a word: somebody with a folder or with recordings, by pseudonym or by name, a hidden one too."""
    from biofeedback.recording.people import People

    people = People(config.home)
    if any(person.casefold() == word.casefold() for person in people.pseudonyms()):
        return people.find(word)
    hidden = _hidden_names(args, config)
    person = people.find(word, recorded_people(args, config), hidden)
    if person is None and len(several := people.named(word, hidden)) > 1:
        raise UsageError(f"{len(several)} people are called '{word}'.", f"Give a pseudonym: {', '.join(several)}")
    return person


def existing_person(args: argparse.Namespace, config: Config, word: str | None) -> str:
    """The pseudonym of somebody who is here. Raises UsageError, naming who comes near."""
    wanted = word or config.text("person")
    person = find_person(args, config, wanted)
    if person is None:
        near = nearest(args, config, wanted)
        advice = f"Do you mean {near}? " if near else ""
        raise UsageError(
            f"There is nobody called '{wanted}' here.", f"{advice}See who is there: {called()} person list"
        )
    return person


def nearest(args: argparse.Namespace, config: Config, word: str) -> str | None:
    """The pseudonym that is most like a word that is nobody's."""
    from difflib import get_close_matches

    known = {person.casefold(): person for person in everybody(args, config)}
    found = get_close_matches(word.casefold(), known, n=1, cutoff=0.6)
    return known[found[0]] if found else None


def everybody(args: argparse.Namespace, config: Config) -> list[str]:
    """All who have a folder here, a name in the table, or a recording."""
    from biofeedback.recording.people import People

    people = People(config.home)
    known = {person.casefold(): person for person in [*recorded_people(args, config), *people.names()]}
    known |= {person.casefold(): person for person in people.pseudonyms()}
    return [known[key] for key in sorted(known)]


def recorded_people(args: argparse.Namespace, config: Config) -> list[str]:
    """Whose recordings there are, as far as that can be known with what was given to open them.

    Where it is in doubt, for whom they were recorded.
    """
    from biofeedback.recording.library import open_library

    if not (config.home / "sessions").is_dir():
        return []
    keys = home_keys_of(args, config)
    with open_library(config.home, keys) as library:
        found = [each.person or each.facts.subject for each in library.sessions()]
        return list(dict.fromkeys(person for person in found if person))


def home_keys_of(args: argparse.Namespace, config: Config) -> Keys | None:
    """What opens the encrypted logs of the data folder, None when there are none or nobody gives the passphrase."""
    from biofeedback.cli.passphrase import keys_of
    from biofeedback.recording.library import open_library

    if not config.home.is_dir():
        return None
    with open_library(config.home) as library:
        locked = [library.path(each) for each in library.sessions() if each.facts.encrypted]
    return keys_of(args, config, [*locked_logs(config), *locked])


def locked_logs(config: Config) -> list[Path]:
    """The person logs that are encrypted."""
    from biofeedback.recording.locked_files import is_locked
    from biofeedback.recording.person_marks import person_logs_in

    return [log.path for log in person_logs_in(config.home) if is_locked(log.path)]


def _hidden_names(args: argparse.Namespace, config: Config) -> dict[str, str]:
    """Names that stand in person logs, as they do where these are encrypted."""
    from biofeedback.recording.people import People, is_pseudonym
    from biofeedback.recording.person import PersonLog

    names: dict[str, str] = {}
    keys = home_keys_of(args, config) if locked_logs(config) else None
    for person in filter(is_pseudonym, People(config.home).pseudonyms()):
        with suppress(BiofeedbackError):
            if name := PersonLog(config.home, person, keys).state().profile.name:
                names[person] = name
    return names


def say_if_new(args: argparse.Namespace, config: Config, person: str) -> None:
    """A word that nobody here is called by makes somebody new: that is said, since it may have been mistyped."""
    if words := new_words(args, config, person):
        say(args, words)


def new_words(args: argparse.Namespace, config: Config, person: str) -> str:
    """What is said of somebody new; empty for whoever is here, and where no word was given."""
    if not args.person or person == config.text("person") or find_person(args, config, person) is not None:
        return ""
    near = nearest(args, config, person)
    other = f"; {near} is here already" if near else ""
    return f"{person} is new here{other}."


def check_not_mistyped(args: argparse.Namespace, config: Config, person: str) -> None:
    """Words are never kept under a mistyped pseudonym. Raises UsageError when others are here and this one is not."""
    if not args.person or person == config.text("person") or find_person(args, config, person) is not None:
        return
    if everybody(args, config):
        near = nearest(args, config, person)
        raise UsageError(
            f"There is nobody called '{person}' here.",
            f"{f'Do you mean {near}? ' if near else ''}Somebody new: {called()} person new {person}",
        )
    say(args, f"{person} is new here.")


def log_of(args: argparse.Namespace, config: Config, person: str) -> PersonLog:
    """The log of a person, with what opens it when it is encrypted, or encrypts it when it is next written.

    Raises RecordingError when others may write to the data folder.
    """
    from biofeedback.cli.passphrase import keys_for, keys_for_new
    from biofeedback.recording.locked_files import is_locked
    from biofeedback.recording.person import PersonLog
    from biofeedback.recording.private import check_home

    if config.home.exists():
        check_home(config.home)
    log = PersonLog(config.home, person)
    return replace(log, keys=keys_for(args, config, log.path) if is_locked(log.path) else keys_for_new(args, config))


def log_to_take_from(args: argparse.Namespace, config: Config, person: str) -> PersonLog | None:
    """The log of a person, for taking lines out of it; None when it is encrypted and nobody gives the passphrase."""
    from biofeedback.cli.passphrase import keys_for
    from biofeedback.recording.locked_files import is_locked
    from biofeedback.recording.person import PersonLog

    log = PersonLog(config.home, person)
    if not is_locked(log.path):
        return log
    keys = keys_for(args, config, log.path, required=False)
    return None if keys is None else replace(log, keys=keys)


def belongings(
    args: argparse.Namespace, config: Config, person: str, *, required: bool = True, deleting: bool = False
) -> Belongings:
    """The recordings of a person in the data folder. `required`: encrypted ones must be opened, to know whose they are.

    Not for `deleting` all of somebody: that can be done without the passphrase, which may be forgotten. Raises
    LockedError when nobody has it, RecordingError when a damaged log leaves it in doubt whose recordings are.
    """
    from biofeedback.cli.passphrase import keys_of
    from biofeedback.recording.belongings import belongings_of
    from biofeedback.recording.person import FILE

    found = belongings_of(config.home, person, None)
    if found.locked:
        keys = keys_of(args, config, found.locked, required=required and not deleting)
        found = found if keys is None else belongings_of(config.home, person, keys)
    if not required:
        return found
    if found.in_doubt:
        who = found.in_doubt[0]
        raise RecordingError(
            f"The log of {who} cannot be read whole, so that nobody knows whose each recording is.",
            f"Nothing was changed. Mend it: {called()} person repair {who}",
        )
    if not deleting and (closed := [path for path in found.locked if path.name == FILE]):
        raise LockedError(
            f"{closed[0]} is encrypted by another lock, so that nobody knows whose each recording is.",
            "Nothing was changed. Give what opens it, or move it out of the data folder.",
        )
    return found


def left_closed(config: Config, paths: Iterable[Path]) -> list[Path]:
    """Which of these files are encrypted by the lock of this data folder, and not by that of another."""
    from biofeedback.recording.home_lock import read_home_lock
    from biofeedback.recording.locked_files import clear_head
    from biofeedback.recording.sealing import CIPHER

    own = None
    with suppress(BiofeedbackError):
        own = read_home_lock(config.home)
    return [path for path in paths if own is None or clear_head(path).get(CIPHER, {}).get("home") == own.lock.ident]


def local_time(said: Said) -> str:
    """When it was, by the clock of that place: 2026-11-25 19:30."""
    try:
        when = datetime.fromisoformat(said.at)
    except ValueError:
        return said.at or "?"
    return (when + timedelta(seconds=said.utc_off_s)).strftime("%Y-%m-%d %H:%M")
