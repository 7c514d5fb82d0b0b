"""`biofeedback person`: who is recorded here, what they agreed to, and how all of it is deleted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from biofeedback.cli.common import Parser, add_example, called, print_json, say
from biofeedback.cli.passphrase import add_passphrase_option
from biofeedback.cli.person_logs import (
    belongings,
    everybody,
    existing_person,
    find_person,
    home_of,
    local_time,
    log_of,
    recorded_people,
)
from biofeedback.errors import LockedError, UnreadableError, UsageError
from biofeedback.recording.consents import CONSENTS, COPIES_MAY_REMAIN
from devices.names import printable

if TYPE_CHECKING:
    from biofeedback.config import Config
    from biofeedback.events import Json
    from biofeedback.recording.person_state import PersonState


def add_to(parser: Parser) -> None:
    """Its options."""
    parser.add_argument("what", choices=tuple(_WHAT), help="what to do")
    parser.add_argument("person", nargs="?", metavar="PERSON", help="pseudonym, or a name that only one person has")
    parser.add_argument("--name", help="new: the name behind the pseudonym; it is in no recording")
    parser.add_argument(
        "--give", action="extend", nargs="+", metavar="ID", default=[], help="consent: what you agree to"
    )
    parser.add_argument(
        "--withdraw", action="extend", nargs="+", metavar="ID", default=[], help="consent: what you take back"
    )
    add_passphrase_option(parser)
    parser.add_argument("--yes", action="store_true", help="delete without asking")
    parser.add_argument("--json", action="store_true", help="list and show as JSON")
    parser.more_help = _consents
    add_example(parser, "biofeedback person consent me --give heart_data words")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """One of the six."""
    if args.name is not None and args.what != "new":
        raise UsageError("--name is for a new person.", "Leave it out.")
    if (args.give or args.withdraw) and args.what != "consent":
        raise UsageError("--give and --withdraw are about consent.", f"{called()} person consent PERSON --give ID")
    return _WHAT[args.what](args, home_of(args))


def _list(args: argparse.Namespace, config: Config) -> int:
    from biofeedback.recording.people import People

    if args.person:
        raise UsageError("person list is about everybody.", f"For one: {called()} person show {args.person}")
    names = People(config.home).names()
    rows: list[Json] = []
    for person in everybody(args, config):
        state = _state_of(args, config, person)
        name, given = names.get(person) or state.profile.name, [id_ for id_ in CONSENTS if state.holds(id_)]
        rows.append({"person": person, "name": name, "consents": [*given]})
        if not args.json:
            said = (
                f"cannot be read whole: person show {person}" if state.holed else ", ".join(given) or "no consent yet"
            )
            sys.stdout.write(printable(f"{person:<12} {name or '':<20} {said}") + "\n")
    if args.json:
        print_json(rows)
    elif not rows:
        say(args, f"Nobody yet. The first session makes '{config.text('person')}'; or: {called()} person new")
    return 0


def _state_of(args: argparse.Namespace, config: Config, person: str) -> PersonState:
    """What somebody's log says; nothing when there is none or it cannot be read at all."""
    from biofeedback.recording.people import is_pseudonym
    from biofeedback.recording.person_state import PersonState

    if not is_pseudonym(person):
        return PersonState()
    try:
        return log_of(args, config, person).state()
    except LockedError:
        raise
    except UnreadableError:
        return PersonState(holed=True)


def _new(args: argparse.Namespace, config: Config) -> int:
    from biofeedback.recording.people import People, checked_name

    people = People(config.home)
    name = checked_name(args.name) if args.name is not None else None
    recorded = recorded_people(args, config)
    if name is not None and (namesake := people.find(name)) is not None:
        say(args, f"{namesake} has that name already; this is another person. Call each by the pseudonym from now on.")
    person = people.make(args.person or people.next_free(recorded))
    if person.casefold() in {each.casefold() for each in recorded}:
        say(args, f"There are recordings of {person} already; they belong to this person.")
    log = log_of(args, config, person)
    # Where logs are encrypted the name goes into the log: the table beside it can be read by anybody.
    hidden = name is not None and log.keys is not None
    log.write(*([("profile", {"name": name})] if hidden else []))
    if name is not None and not hidden:
        people.name(person, name)
    sys.stdout.write(f"{person}\n")
    say(args, f"What {person} agrees to be kept: {called()} person consent {person}")
    return 0


def _show(args: argparse.Namespace, config: Config) -> int:
    from biofeedback.recording.people import People

    person = existing_person(args, config, args.person)
    state = _state_of(args, config, person)
    found: dict[str, Json] = {
        "person": person,
        "name": People(config.home).names().get(person) or state.profile.name,
        "consents": {id_: _consent_row(state, id_) for id_ in CONSENTS},
        "profile": _profile_row(state),
        "sessions": [owned.session.id for owned in belongings(args, config, person, required=False).recordings],
        "journal": len(state.entries),
        "damage": _damage(args, config, person),
    }
    if args.json:
        print_json(found)
        return 0
    sys.stdout.write("\n".join(_shown(person, state, found)) + "\n")
    return 0


def _damage(args: argparse.Namespace, config: Config, person: str) -> str | None:
    from biofeedback.recording.people import is_pseudonym

    try:
        stored = log_of(args, config, person).read() if is_pseudonym(person) else None
    except UnreadableError as error:
        return error.what.rstrip(".")
    return stored.damage if stored is not None else None


def _shown(person: str, state: PersonState, found: dict[str, Any]) -> list[str]:
    profile = {key: value for key, value in found["profile"].items() if value}
    lines = [printable(person + (f"  {found['name']}" if found["name"] else ""))]
    lines += [f"  {id_:<13} {_spoken(state, id_)}" for id_ in CONSENTS]
    lines += [f"  {key:<13} {printable(_listed(value))}" for key, value in profile.items()]
    lines.append(f"  {'sessions':<13} {len(found['sessions'])}")
    lines.append(f"  {'journal':<13} {found['journal']}")
    if found["damage"]:
        lines.append(printable(f"  damaged: {found['damage']}. Mend it: {called()} person repair {person}"))
    return lines


def _listed(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} = {text}" for key, text in cast("dict[str, str]", value).items())
    return ", ".join(cast("list[str]", value)) if isinstance(value, list) else str(value)


def _spoken(state: PersonState, id_: str) -> str:
    consent = state.consents.get(id_)
    if state.holed:
        return "unknown, since the log is damaged: it counts as not given"
    if consent is None:
        return "not given"
    if consent.lost:
        return f"lost with the damage that was mended {local_time(consent.said)}: to be given again"
    when = f"{local_time(consent.said)} (version {consent.version})"
    if not consent.given:
        return f"taken back {when}"
    return f"given {when}" + ("" if consent.holds else "; the sentence has changed since, it does not count any more")


def _consent_row(state: PersonState, id_: str) -> Json:
    consent = state.consents.get(id_)
    if consent is None or state.holed:
        return {"given": False, "v": None, "at": None, "holds": False}
    return {"given": consent.given, "v": consent.version, "at": consent.said.at, "holds": consent.holds}


def _profile_row(state: PersonState) -> dict[str, Json]:
    profile = state.profile
    return {
        "pace": profile.pace,
        "strap": profile.strap,
        "flags": [*profile.flags],
        "words": dict(profile.words),
    }


def _consent(args: argparse.Namespace, config: Config) -> int:
    from biofeedback.cli.withdrawing import withdraw
    from biofeedback.recording.people import checked_pseudonym

    give, back = _ids(args.give), _ids(args.withdraw)
    if both := [id_ for id_ in give if id_ in back]:
        raise UsageError(f"{both[0]} cannot be given and taken back at once.", "Decide for one.")
    word = args.person or config.text("person")
    # Who agrees for the first time is new here; who only looks or takes back is somebody.
    known = find_person(args, config, word)
    person = known or (checked_pseudonym(word) if give else existing_person(args, config, word))
    if known is None and word != config.text("person"):
        say(args, f"{person} is new here.")
    if back:
        withdraw(args, config, person, back)
    if give:
        log = log_of(args, config, person)
        log.write(*(CONSENTS[id_].line(given=True) for id_ in give))
    state = log_of(args, config, person).state()
    for id_, text in CONSENTS.items():
        sys.stdout.write(f"[{'x' if state.holds(id_) else ' '}] {id_:<13} {text.sentence}\n")
        sys.stdout.write(f"    {'':<13} {_spoken(state, id_)}\n")
    return 0


def _ids(words: list[str]) -> list[str]:
    for word in words:
        if word not in CONSENTS:
            raise UsageError(f"There is no consent '{word}'.", f"They are: {', '.join(CONSENTS)}.")
    return list(dict.fromkeys(words))


def _delete(args: argparse.Namespace, config: Config) -> int:
    from biofeedback.cli.withdrawing import delete_person

    if not args.person:
        raise UsageError("Whom?", f"Name the person: {called()} person delete PERSON")
    person = existing_person(args, config, args.person)
    if args.yes and person.casefold() != args.person.casefold():
        raise UsageError(
            f"'{args.person}' is the name of {person}; --yes deletes nobody by a name, which the next may have.",
            f"Give the pseudonym: {called()} person delete {person} --yes",
        )
    if not delete_person(args, config, person):
        say(
            args, f"What is known to be of {person} is deleted. Whose the others are is known with the passphrase only;"
        )
        say(args, f"without it delete each that is to go: {called()} library delete ID")
        return 1
    say(args, f"All of {person} is deleted. {COPIES_MAY_REMAIN}")
    if moved := _still_called(config, person):
        say(args, f"The first line of what was moved to others still says {person}: {', '.join(moved)}.")
        say(args, f"A copy that names nobody: {called()} export ID --to recording --anonymise")
    return 0


def _still_called(config: Config, person: str) -> list[str]:
    """The sessions that were recorded under this pseudonym and are somebody else's by now."""
    from biofeedback.recording.library import open_library

    with open_library(config.home) as library:
        called_so = [each for each in library.sessions() if (each.facts.subject or "").casefold() == person.casefold()]
        return [each.short for each in called_so if each.id]


def _repair(args: argparse.Namespace, config: Config) -> int:
    person = existing_person(args, config, args.person)
    aside = log_of(args, config, person).repair()
    if aside is None:
        say(args, f"What is kept of {person} is in order.")
        return 0
    say(args, f"Everything that could be read is kept. The damaged file lies beside: {aside}")
    say(args, "No consent counts any more, since one may have been taken back in what is lost. To give them again:")
    say(args, f"{called()} person consent {person} --give ID")
    return 0


def _consents() -> str:
    """The four sentences, for the help."""
    lines = [
        f"  {text.id:<13} {text.sentence}\n  {'':<13} Taken back: {text.withdrawn}\n" for text in CONSENTS.values()
    ]
    return "".join(["\nconsents, each for itself; none is given until you give it:\n", *lines])


_WHAT: Final[dict[str, Callable[[argparse.Namespace, Config], int]]] = {
    "list": _list,
    "new": _new,
    "show": _show,
    "consent": _consent,
    "delete": _delete,
    "repair": _repair,
}
