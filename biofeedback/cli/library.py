"""`biofeedback library`: the sessions on this computer - list, show, tag, move, delete, rebuild, verify, repair."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Final

from biofeedback.cli.asking import confirm
from biofeedback.cli.common import Parser, add_example, called, complain, config_of, print_json, say
from biofeedback.cli.library_words import VERIFIED, as_json, as_line, shown
from biofeedback.cli.passphrase import add_passphrase_option, given_file, keys_for, keys_of
from biofeedback.cli.person_logs import existing_person, find_person, home_keys_of, log_of
from biofeedback.errors import BiofeedbackError, LockedError, UnreadableError, UsageError
from devices.names import printable

if TYPE_CHECKING:
    from biofeedback.config import Config
    from biofeedback.events import Json
    from biofeedback.recording.library import Library, Session
    from biofeedback.recording.sealing import Keys

LONGEST_TAG: Final = 64
PERSON: Final = "me"
"""Who keeps a word when neither the person of a recording nor that of the settings can have a log."""
NOTHING_LEFT: Final = (
    "Deleted here for good. Backups, synced folders and the spare blocks of an SSD may keep copies for a while."
)


def add_to(parser: Parser) -> None:
    """Its options."""
    parser.add_argument("what", choices=tuple(_WHAT), help="what to do")
    parser.rest = "name"
    parser.add_argument("name", nargs="*", metavar="ID", help="sessions by the first digits of their ids, or files")
    parser.add_argument("--person", metavar="P", help="list: the sessions of one person")
    parser.add_argument("--since", metavar="DATE", help="list: from this day on, such as 2026-11-25")
    parser.add_argument("--remove", action="store_true", help="tag: take the words away")
    parser.add_argument("--yes", action="store_true", help="delete without asking")
    parser.add_argument("--all", action="store_true", help="verify: all of them, those that were verified too")
    parser.add_argument("--verify", action="store_true", help="rebuild: read every recording whole as well")
    parser.add_argument("--json", action="store_true", help="list: one array; else one object a session")
    add_passphrase_option(parser)
    add_example(parser, "biofeedback library list --since 2026-11-01")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """One of the eight. Raises UsageError for words that do not go together."""
    from biofeedback.recording.private import check_home

    for option, what in _ONLY.items():
        if getattr(args, option) and args.what != what:
            raise UsageError(f"--{option} is for library {what}.", "Leave it out.")
    config = config_of(args)
    if args.what not in {"list", "show"} or config.home.exists():
        check_home(config.home)
    return _WHAT[args.what](args, config)


_ONLY: Final = {
    "person": "list",
    "since": "list",
    "remove": "tag",
    "yes": "delete",
    "all": "verify",
    "verify": "rebuild",
}


def _list(args: argparse.Namespace, config: Config) -> int:
    if args.name:
        raise UsageError("library list takes no ids.", f"For one session: {called()} library show {args.name[0]}")
    since = _day(args.since)
    person = (find_person(args, config, args.person) or args.person) if args.person else None
    with _library(args, config, ask=args.person is not None) as library:
        everything = library.sessions()
        found = [
            session
            for session in everything
            if (since is None or (session.facts.start or "")[:10] >= since)
            and (person is None or (session.person or "").casefold() == person.casefold())
        ]
        if args.json:
            print_json([as_json(library, session) for session in found])
            return 0
        sys.stdout.write("".join(as_line(library, session) + "\n" for session in found))
        if not found:
            wanted = "" if since is None and person is None else " that fit"
            say(args, f"There are no sessions{wanted} in {library.folder}.")
        if strangers := sum(each.person is None for each in everything):
            say(args, f"Whose {strangers} of {len(everything)} are is not known: encrypted, or a log of a person is.")
            say(args, f"Give --passphrase-file, or look which log is damaged: {called()} person list")
    return 0


def _show(args: argparse.Namespace, config: Config) -> int:
    with _library(args, config, ask=True) as library:
        for session in _named(args, library):
            keys = _keys(args, config, library, session)
            if args.json:
                print_json(shown(library, session, keys).to_json())
            else:
                sys.stdout.write(shown(library, session, keys).text())
    return 0


def _tag(args: argparse.Namespace, config: Config) -> int:
    from biofeedback.recording.people import People

    if len(args.name) < 2:
        raise UsageError("library tag needs an id and a word.", f"For example: {called()} library tag 1f0c quiet")
    word, *tags = args.name
    tags = [tag.removeprefix("#") for tag in tags]
    for tag in tags:
        if not tag.isprintable() or not 0 < len(tag) <= LONGEST_TAG:
            raise UsageError(f"{tag!r} cannot be a tag.", f"Use up to {LONGEST_TAG} letters.")
    with _library(args, config, ask=True) as library:
        session = _identified(library, word)
        people = People(config.home)
        if args.remove:
            for person in people.pseudonyms():
                log = log_of(args, config, person)
                there = [tag for tag in tags if tag in log.state().tags.get(session.id, ())]
                log.write(*(("tag", {"session": session.id, "what": "remove", "value": tag}) for tag in there))
        else:
            _check_known(session)
            log = log_of(args, config, _keeper(config, session))
            log.write(*(("tag", {"session": session.id, "what": "add", "value": tag}) for tag in tags))
        library.refresh()
        _tell(args, library, library.find(session.facts.file))
    return 0


def _move(args: argparse.Namespace, config: Config) -> int:
    if len(args.name) != 2:
        raise UsageError("library move needs an id and a person.", f"For example: {called()} library move 1f0c P-002")
    word, wanted = args.name
    with _library(args, config, ask=True) as library:
        session = _identified(library, word)
        original = session.facts.subject or ""
        person = original if original.casefold() == wanted.casefold() else existing_person(args, config, wanted)
        _write_move(args, config, session, person)
        library.refresh()
        _tell(args, library, library.find(session.facts.file))
        if session.person:
            say(args, f"To undo this: {called()} library move {session.short} {session.person}")
    return 0


def _write_move(args: argparse.Namespace, config: Config, session: Session, person: str) -> None:
    """Say in the log of the new person that a session is theirs, and in that of the old one: each may be damaged."""
    from biofeedback.recording.people import is_pseudonym
    from biofeedback.recording.person_marks import marks_of, person_logs_in
    from biofeedback.recording.person_state import MOVED

    log = log_of(args, config, person if is_pseudonym(person) else _keeper(config, session))
    order = marks_of(person_logs_in(config.home), log.keys).next_order(session.id, time.time_ns() // 1_000_000)
    said: dict[str, Json] = {"session": session.id, "what": MOVED, "value": person, "order": order}
    # Its tags are said again there: they are not to go with the person whose it was.
    tagged = log.state().tags.get(session.id, ())
    tags = [tag for tag in session.tags if tag not in tagged]
    log.write(("edit", said), *(("tag", {"session": session.id, "what": "add", "value": tag}) for tag in tags))
    before = session.person or session.facts.subject or ""
    if is_pseudonym(before) and before.casefold() not in {person.casefold(), log.person.casefold()}:
        log_of(args, config, before).write(("edit", said))


def _delete(args: argparse.Namespace, config: Config) -> int:
    from biofeedback.recording.library import is_running
    from biofeedback.recording.side_files import remove_recording, side_files

    with _library(args, config, ask=True) as library:
        for session in _named(args, library):
            path = library.path(session)
            if is_running(library, session):
                raise UsageError(f"{path} is being recorded now.", "End that session first.")
            lines = [as_line(library, session), *(printable(f"  {each}") for each in (path, *side_files(path)))]
            sys.stderr.write("This will be deleted for good:\n" + "\n".join(lines) + "\n")
            confirm(args, "Delete it?")
            _forget(args, config, library, session)
            gone = remove_recording(path)
            library.forget(session.facts.file)
            if args.json:
                print_json({"id": session.id, "deleted": [str(each) for each in gone]})
        say(args, NOTHING_LEFT)
    return 0


def _forget(args: argparse.Namespace, config: Config, library: Library, session: Session) -> None:
    """Say in the person log that it is gone, and take its tags away; not when another file holds the same session.

    A passphrase that nobody knows any more keeps no recording from being deleted.
    """
    from biofeedback.cli.withdrawing import forget_tags

    if any(each.id == session.id and each.facts.file != session.facts.file for each in library.sessions()):
        return
    try:
        _check_known(session)
        _end_series(args, config, session)
        forget_tags(args, config, {session.id} - {""})
    except (LockedError, UsageError) as error:
        say(args, printable(f"{error.what} So it is not written down that this session is gone, nor are its tags."))
    library.refresh()


def _end_series(args: argparse.Namespace, config: Config, session: Session) -> None:
    """Say it in the log of whose session it was, before it is gone: evidence that rests on it ends there."""
    from biofeedback.recording.people import People

    owner = session.person or ""
    if not session.id or (session.facts.simulated and People(config.home).find(owner) is None):
        return
    said = {"session": session.id, "start": session.facts.start}
    log_of(args, config, _keeper(config, session)).write(("delete", {**said}))


def _rebuild(args: argparse.Namespace, config: Config) -> int:
    from biofeedback.recording.library import open_library
    from biofeedback.recording.side_files import remove_scratch

    if args.name:
        raise UsageError("library rebuild takes no ids.", "It is about all sessions.")
    folder = config.home / "sessions"
    remove_scratch(folder)
    worst = _finish_parts(args, config, folder)
    with open_library(config.home, anew=True) as library:
        sessions = library.sessions()
        say(args, f"The index is made anew; sessions: {len(sessions)}.")
        if args.verify:
            return max(worst, _verify_each(args, config, library, sessions))
    return worst


def _finish_parts(args: argparse.Namespace, config: Config, folder: Path) -> int:
    """Finish the recordings whose program has died; one that cannot be is told and left as it is."""
    from biofeedback.recording.recovery import parts_in
    from biofeedback.session.resuming import finish_interrupted

    worst = 0
    for part in parts_in(folder):
        try:
            whole = finish_interrupted(part, keys_for(args, config, part))
        except BiofeedbackError as error:
            complain(args, error.what, error.advice, error)
            worst = max(worst, error.exit_code)
        else:
            say(args, printable(f"Finished {whole}" if whole else f"{part.name} held nothing and is gone"))
    return worst


def _verify(args: argparse.Namespace, config: Config) -> int:
    with _library(args, config) as library:
        everything = _named(args, library) if args.name else library.sessions()
        chosen = [each for each in everything if args.name or args.all or each.verified in _NOT_YET]
        if not everything:
            say(args, f"There are no sessions in {library.folder}.")
        elif not chosen:
            say(args, f"All sessions were verified already; again: {called()} library verify --all")
        return _verify_each(args, config, library, chosen)


_NOT_YET: Final = frozenset({None, "locked"})


def _verify_each(args: argparse.Namespace, config: Config, library: Library, sessions: Sequence[Session]) -> int:
    from biofeedback.cli.progress import FileBar
    from biofeedback.session.scoring import score

    worst, given_up = 0, False
    bar = FileBar(args, [str(library.path(session)) for session in sessions])
    for number, session in enumerate(sessions):
        path = library.path(session)
        try:
            keys = None if given_up else _keys(args, config, library, session, required=False)
            given_up = given_up or (keys is None and session.facts.encrypted)  # asked once, not for every file
            with bar.at(number, path.name):
                found, scored = score(path, keys)
        except UnreadableError as error:
            complain(args, error.what, error.advice, error)
            worst = max(worst, error.exit_code)
            continue
        if scored.verified != "locked" or session.verified is None:
            library.store(session, scored)
        worst = max(worst, {"differs": 5, "damaged": 4}.get(scored.verified, 0))
        if args.json:
            print_json({"id": session.id, **found.to_json()})
        elif not args.quiet or scored.verified in {"differs", "damaged"}:
            sys.stdout.write(printable(f"{session.short}  {session.facts.file}: {VERIFIED[scored.verified]}") + "\n")
    return worst


def _repair(args: argparse.Namespace, config: Config) -> int:
    with _library(args, config) as library:
        for name in _names(args):
            path = Path(name) if Path(name).exists() else library.path(library.find(name))
            made = _repaired(args, config, library, path)
            if args.json:
                print_json({"file": str(path), "recording": str(made)})
            else:
                sys.stdout.write(f"{made}\n")
                say(args, f"What could be read of {path} is in it; that file stays as it is.")
    return 0


def _repaired(args: argparse.Namespace, config: Config, library: Library, path: Path) -> Path:
    """The copy, which is whose the recording is by now, and has its tags. Raises RecordingError, UsageError."""
    from biofeedback.recording.reader import read_recording
    from biofeedback.recording.repair import repair

    keys = keys_for(args, config, path)
    if path.resolve().parent != library.folder.resolve():
        return repair(path, keys)
    library.keys = library.keys or keys
    _open_person_logs(args, config, library)
    session = library.find(path.name)
    _check_known(session)
    made = repair(path, keys, subject=session.person)
    if session.tags:
        ident = str(read_recording(made, keys).head["session"])
        log = log_of(args, config, _keeper(config, session))
        log.write(*(("tag", {"session": ident, "what": "add", "value": tag}) for tag in session.tags))
    return made


@contextmanager
def _library(args: argparse.Namespace, config: Config, *, ask: bool = False) -> Generator[Library]:
    """The library, with what opens encrypted recordings when a passphrase was given; `ask`: for it, at a terminal."""
    from biofeedback.recording.library import open_library

    with open_library(config.home) as library:
        if ask or given_file(args):
            library.keys = home_keys_of(args, config)
        yield library


def _open_person_logs(args: argparse.Namespace, config: Config, library: Library) -> None:
    """Whose a session is and its tags stand in person logs. Raises LockedError when one is encrypted and stays so."""
    from biofeedback.recording.person_marks import person_logs_in

    logs = [log.path for log in person_logs_in(config.home)]
    library.keys = library.keys or keys_of(args, config, logs, required=True)


def _keys(
    args: argparse.Namespace, config: Config, library: Library, session: Session, *, required: bool = True
) -> Keys | None:
    if not session.facts.encrypted:
        return None
    return library.keys or keys_for(args, config, library.path(session), required=required)


def _names(args: argparse.Namespace) -> list[str]:
    if not args.name:
        raise UsageError(f"library {args.what} needs an id.", f"See which there are: {called()} library list")
    return list(args.name)


def _named(args: argparse.Namespace, library: Library) -> list[Session]:
    return [library.find(name) for name in _names(args)]


def _identified(library: Library, word: str) -> Session:
    """The session, of which something can be said later. Raises UsageError when its file does not tell its id."""
    session = library.find(word)
    if not session.id:
        raise UsageError(f"{session.facts.file} cannot be read, and has no id.", "Nothing can be said of it later.")
    return session


def _check_known(session: Session) -> None:
    """Raises UsageError while it cannot be known whose a session is."""
    if session.person is None and (session.facts.encrypted or session.facts.subject is not None):
        raise UsageError(
            f"Whose {session.facts.file} is cannot be known now: something is encrypted and closed, or damaged.",
            f"Give --passphrase-file; which logs are damaged: {called()} person list",
        )


def _keeper(config: Config, session: Session) -> str:
    """In whose log a word about a session is kept: its person's, or that of whoever uses the program.

    Whoever stands in a recording need not be a pseudonym, and then cannot have a log.
    """
    from biofeedback.recording.people import People, is_pseudonym

    people, user = People(config.home), config.text("person")
    wanted = [*filter(None, [session.person or session.facts.subject]), user]
    for person in wanted:
        if (found := people.find(person)) is not None:
            return found
        if is_pseudonym(person) and not (session.facts.simulated and person != user):
            return person
    return PERSON


def _tell(args: argparse.Namespace, library: Library, session: Session) -> None:
    if args.json:
        print_json(as_json(library, session))
    else:
        sys.stdout.write(as_line(library, session) + "\n")


def _day(text: str | None) -> str | None:
    """The day in ISO form. Raises UsageError."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise UsageError(f"'{text}' is no date.", "Write it as 2026-11-25.") from error


_WHAT: Final[dict[str, Callable[[argparse.Namespace, Config], int]]] = {
    "list": _list,
    "show": _show,
    "tag": _tag,
    "move": _move,
    "delete": _delete,
    "rebuild": _rebuild,
    "verify": _verify,
    "repair": _repair,
}
