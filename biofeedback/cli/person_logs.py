"""How commands get at the people of the data folder and their logs."""

from __future__ import annotations

import argparse
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from biofeedback.cli.common import called
from biofeedback.config import Config
from biofeedback.errors import UsageError

if TYPE_CHECKING:
    from biofeedback.recording.belongings import Belongings
    from biofeedback.recording.person import PersonLog
    from biofeedback.recording.person_state import Said
    from biofeedback.recording.sealing import Keys


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
    """The log of a person, with what opens it when it is encrypted."""
    from biofeedback.recording.person import PersonLog

    log = PersonLog(config.home, person)
    return PersonLog(config.home, person, keys_of(args, config, log.path))


def keys_of(args: argparse.Namespace, config: Config, path: Path) -> Keys | None:
    """What opens this log, or encrypts it when it is still to be made."""
    del args, config, path
    return None


def belongings(args: argparse.Namespace, config: Config, person: str) -> Belongings:
    """The recordings of a person in the data folder."""
    from biofeedback.recording.belongings import belongings_of

    return belongings_of(config.home, person, lambda path: keys_of(args, config, path))


def local_time(said: Said) -> str:
    """When it was, by the clock of that place: 2026-11-25 19:30."""
    try:
        when = datetime.fromisoformat(said.at)
    except ValueError:
        return said.at or "?"
    return (when + timedelta(seconds=said.utc_off_s)).strftime("%Y-%m-%d %H:%M")
