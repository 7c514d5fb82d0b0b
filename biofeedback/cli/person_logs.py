"""How commands get at the people of the data folder and their logs."""

from __future__ import annotations

import argparse
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from biofeedback.cli.common import called
from biofeedback.config import Config
from biofeedback.errors import UsageError

if TYPE_CHECKING:
    from biofeedback.recording.belongings import Belongings
    from biofeedback.recording.person import PersonLog
    from biofeedback.recording.person_state import Said


def person_of(args: argparse.Namespace, config: Config) -> str:
    """The pseudonym meant by `--person` or the settings: a name that only one person has stands for it."""
    from biofeedback.recording.people import People

    word = args.person or config.text("person")
    return People(config.home).find(word) or word


def existing_person(config: Config, word: str | None) -> str:
    """The pseudonym of somebody who is here. Raises UsageError."""
    from biofeedback.recording.people import People

    wanted = word or config.text("person")
    person = People(config.home).find(wanted)
    if person is None:
        raise UsageError(f"There is nobody called '{wanted}' here.", f"See who is there: {called()} person list")
    return person


def log_of(args: argparse.Namespace, config: Config, person: str) -> PersonLog:
    """The log of a person, with what opens it when it is encrypted, or encrypts it when it is to be made.

    Raises RecordingError when others may write to the data folder.
    """
    from biofeedback.cli.passphrase import clear_head, keys_for, keys_for_new
    from biofeedback.recording.person import PersonLog
    from biofeedback.recording.private import check_home

    if config.home.exists():
        check_home(config.home)
    log = PersonLog(config.home, person)
    begun = bool(clear_head(log.path))
    return replace(log, keys=keys_for(args, config, log.path) if begun else keys_for_new(args, config))


def belongings(args: argparse.Namespace, config: Config, person: str, *, required: bool = True) -> Belongings:
    """The recordings of a person in the data folder. `required`: encrypted ones must be opened, to know whose they are.

    Raises LockedError when nobody has the passphrase for them.
    """
    from biofeedback.cli.passphrase import keys_for
    from biofeedback.recording.belongings import belongings_of

    found = belongings_of(config.home, person, None)
    if not found.locked:
        return found
    keys = keys_for(args, config, found.locked[0], required=required)
    return found if keys is None else belongings_of(config.home, person, keys)


def local_time(said: Said) -> str:
    """When it was, by the clock of that place: 2026-11-25 19:30."""
    try:
        when = datetime.fromisoformat(said.at)
    except ValueError:
        return said.at or "?"
    return (when + timedelta(seconds=said.utc_off_s)).strftime("%Y-%m-%d %H:%M")
