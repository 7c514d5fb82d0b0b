"""`biofeedback person`: who is recorded here, what they agreed to, and how all of it is deleted."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, cast

from biofeedback.cli.common import Parser, add_example, called, config_of, print_json, say
from biofeedback.cli.passphrase import add_passphrase_option
from biofeedback.cli.person_logs import belongings, existing_person, local_time, log_of
from biofeedback.errors import UsageError
from biofeedback.recording.consents import CONSENTS, COPIES_MAY_REMAIN
from devices.names import printable

if TYPE_CHECKING:
    from biofeedback.config import Config
    from biofeedback.events import Json
    from biofeedback.recording.person_state import Consent, PersonState


def add_to(parser: Parser) -> None:
    """Its options."""
    parser.add_argument("what", choices=tuple(_WHAT), help="what to do")
    parser.add_argument("person", nargs="?", metavar="PERSON", help="pseudonym, or a name that only one person has")
    parser.add_argument("--name", help="new: the name behind the pseudonym; it is kept in people.json only")
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
    return _WHAT[args.what](args, config_of(args))


def _list(args: argparse.Namespace, config: Config) -> int:
    from biofeedback.recording.people import People

    if args.person:
        raise UsageError("person list is about everybody.", f"For one: {called()} person show {args.person}")
    people = People(config.home)
    names = people.names()
    rows: list[Json] = []
    for person in people.pseudonyms():
        state = log_of(args, config, person).state()
        name, given = names.get(person) or state.profile.name, [id_ for id_ in CONSENTS if state.holds(id_)]
        rows.append({"person": person, "name": name, "consents": [*given]})
        if not args.json:
            shown = f"{person:<12} {name or '':<20} {', '.join(given) or 'no consent yet'}"
            sys.stdout.write(printable(shown) + "\n")
    if args.json:
        print_json(rows)
    elif not rows:
        say(args, f"Nobody yet. The first session makes '{config.text('person')}'; or: {called()} person new")
    return 0


def _new(args: argparse.Namespace, config: Config) -> int:
    from biofeedback.recording.people import People, checked_name

    people = People(config.home)
    name = checked_name(args.name) if args.name is not None else None
    person = people.make(args.person or people.next_free())
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

    person = existing_person(config, args.person)
    log = log_of(args, config, person)
    stored, state = log.read(), log.state()
    found: dict[str, Json] = {
        "person": person,
        "name": People(config.home).names().get(person) or state.profile.name,
        "consents": {id_: _consent_row(state.consents.get(id_)) for id_ in CONSENTS},
        "profile": _profile_row(state),
        "sessions": [owned.session.id for owned in belongings(args, config, person, required=False).recordings],
        "journal": len(state.entries),
        "damage": stored.damage if stored is not None else None,
    }
    if args.json:
        print_json(found)
        return 0
    sys.stdout.write("\n".join(_shown(person, state, found)) + "\n")
    return 0


def _shown(person: str, state: PersonState, found: dict[str, Any]) -> list[str]:
    profile = {key: value for key, value in found["profile"].items() if value}
    lines = [printable(person + (f"  {found['name']}" if found["name"] else ""))]
    lines += [f"  {id_:<13} {_spoken(state.consents.get(id_))}" for id_ in CONSENTS]
    lines += [f"  {key:<13} {printable(_listed(value))}" for key, value in profile.items()]
    lines.append(f"  {'sessions':<13} {len(found['sessions'])}")
    lines.append(f"  {'journal':<13} {found['journal']}")
    if found["damage"]:
        lines.append(f"  damaged: {found['damage']}. Mend it: {called()} person repair {person}")
    return lines


def _listed(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} = {text}" for key, text in cast("dict[str, str]", value).items())
    return ", ".join(cast("list[str]", value)) if isinstance(value, list) else str(value)


def _spoken(consent: Consent | None) -> str:
    if consent is None:
        return "not given"
    when = f"{local_time(consent.said)} (version {consent.version})"
    if not consent.given:
        return f"taken back {when}"
    return f"given {when}" + ("" if consent.holds else "; the sentence has changed since, it does not count any more")


def _consent_row(consent: Consent | None) -> Json:
    if consent is None:
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
    from biofeedback.recording.people import People, checked_pseudonym

    give, back = _ids(args.give), _ids(args.withdraw)
    if both := [id_ for id_ in give if id_ in back]:
        raise UsageError(f"{both[0]} cannot be given and taken back at once.", "Decide for one.")
    word = args.person or config.text("person")
    # Who agrees for the first time is new here; who only looks or takes back is somebody.
    known = People(config.home).find(word)
    person = known or (checked_pseudonym(word) if give else existing_person(config, word))
    if known is None and word != config.text("person"):
        say(args, f"{person} is new here.")
    for id_ in back:
        withdraw(args, config, person, id_)
    if give:
        log = log_of(args, config, person)
        log.write(*(CONSENTS[id_].line(given=True) for id_ in give))
    state = log_of(args, config, person).state()
    for id_, text in CONSENTS.items():
        sys.stdout.write(f"[{'x' if state.holds(id_) else ' '}] {id_:<13} {text.sentence}\n")
        sys.stdout.write(f"    {'':<13} {_spoken(state.consents.get(id_))}\n")
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
    person = existing_person(config, args.person)
    delete_person(args, config, person)
    say(args, f"All of {person} is deleted. {COPIES_MAY_REMAIN}")
    return 0


def _repair(args: argparse.Namespace, config: Config) -> int:
    person = existing_person(config, args.person)
    aside = log_of(args, config, person).repair()
    if aside is None:
        say(args, f"What is kept of {person} is in order.")
    else:
        say(args, f"Everything that could be read is kept. The damaged file lies beside: {aside}")
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
