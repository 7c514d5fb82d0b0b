"""`biofeedback import`: recordings of foreign files, or a word on what they are."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Final

from biofeedback.cli.common import add_example, add_unit_option, called, complain, config_of, print_json, say
from biofeedback.cli.passphrase import add_passphrase_option
from biofeedback.errors import ImportRefused, RecordingError, UnreadableError, UsageError
from biofeedback.typed import as_typed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from biofeedback.config import Config
    from biofeedback.events import Json
    from biofeedback.formats.door import Door, Found
    from biofeedback.formats.reading import Choices
    from biofeedback.recording.sealing import Keys
    from biofeedback.session.importing import Known, Shelf
    from biofeedback.session.plugins import MetricPlugins

NOTHING: Final = frozenset({"skip", "summary"})
"""What holds no beats and is no mistake either."""
BECAME: Final = ("imported", "already here", "passed over", "refused")
"""What may become of a file, in the order in which it is told."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("path", nargs="+", help="files, folders or archives of other programs: docs/formats.md")
    parser.add_argument("--inspect", action="store_true", help="only say what each is; nothing is written")
    parser.add_argument(
        "--output", metavar="DIR", help="folder of the recordings, instead of the sessions of this computer"
    )
    parser.add_argument("--person", metavar="NAME", help="whose they are: a pseudonym, or a name that `person` knows")
    add_unit_option(parser)
    parser.add_argument("--signal", metavar="LABEL", help="the waveform to find beats in, where there are several")
    parser.add_argument("--partial", action="store_true", help="of a damaged file take what stands before the fault")
    parser.add_argument(
        "--again", "--yes", dest="again", action="store_true", help="import also what was imported before"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a file")
    add_passphrase_option(parser)
    add_example(parser, "biofeedback import --inspect morning.txt")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Every file in turn; the worst of their exit codes."""
    from biofeedback.formats.door import Door
    from biofeedback.formats.reading import Choices

    choices = Choices(unit=args.unit, signal=args.signal, partial=args.partial, look=args.inspect)
    if args.inspect:
        if args.output or args.again:
            raise UsageError("--inspect writes nothing.", "Leave out --output and --again.")
        with Door() as door:
            return max(_inspect(args, door, Path(name), choices) for name in args.path)
    return _Importing(args, config_of(args), choices).run()


# What a file is


def _inspect(args: argparse.Namespace, door: Door, path: Path, choices: Choices) -> int:
    """Say what is there; 4 when something of it cannot be read."""
    from biofeedback.cli.import_words import as_json, as_text, others_words

    worst, others = 0, list[str]()
    for found in _found_at(args, door, path, choices):
        if _is_ours(found):
            _inspect_recording(args, Path(found.file))
            continue
        other = _is_aside(found, path)
        others += [found.file] if other else []
        if args.json:
            print_json(as_json(found))
        elif not other:
            sys.stdout.write(as_text(found, get_terminal_size().columns))
            sys.stdout.flush()
        if found.content.verdict in ("ask", "refuse") and not other:
            worst = UnreadableError.exit_code
    if others and not args.json:
        sys.stdout.write(f"{others_words(others)}\n")
    return worst


def _inspect_recording(args: argparse.Namespace, path: Path) -> None:
    from biofeedback.cli.import_words import recording_json, recording_text
    from biofeedback.recording.catalogue import facts_of

    facts = facts_of(path.parent, path.name, path.stat())
    if args.json:
        print_json(recording_json(str(path), facts))
    else:
        sys.stdout.write(recording_text(str(path), facts, get_terminal_size().columns))


def _found_at(args: argparse.Namespace, door: Door, path: Path, choices: Choices) -> Iterator[Found]:
    """What is found at a path, with a bar while it is read. Raises ImportRefused when a folder holds nothing."""
    from biofeedback.cli.progress import ShareBar

    bar = ShareBar(args)
    with bar.at(f"Reading {path.name}"):
        found = door.contents(path, choices, bar.tell)
        ahead = next(found, None)
    if ahead is None:
        raise ImportRefused(f"{path}: there are no files in it.", "Give a file, or a folder with files.")
    while ahead is not None:
        for complaint in ahead.complaints:
            say(args, complaint)
        yield ahead
        with bar.at(f"Reading {path.name}"):
            ahead = next(found, None)


def _is_aside(found: Found, path: Path) -> bool:
    """Whether this is no recording and only lies in the folder or archive that was named."""
    return found.is_no_recording and not _is_named(found, path)


def _is_named(found: Found, path: Path) -> bool:
    """Whether this is the file that was named, and none in it."""
    from biofeedback.formats.wire import shown

    return found.file == shown(str(path))


def _is_ours(found: Found) -> bool:
    from biofeedback.session.importing import is_ours

    # What the door left alone, such as links and hidden files in a folder, is not looked at here either.
    return found.content.verdict != "skip" and is_ours(Path(found.file))


# The recordings


class _Importing:
    """One call: what it writes where, what was there already, and what became of each file."""

    def __init__(self, args: argparse.Namespace, config: Config, choices: Choices) -> None:
        from biofeedback.cli.person_logs import person_of
        from biofeedback.session.plugins import metric_plugins

        self._args = args
        self._config = config
        self._choices = choices
        self._folder = Path(args.output) if args.output else config.home / "sessions"
        self._keys = self._prepared()
        self._person = person_of(args, config)
        self._plugins: MetricPlugins = metric_plugins()
        self._shelf: Shelf
        self._came: Counter[str] = Counter()
        self._left: list[tuple[str, str]] = []
        self._others: list[str] = []
        self._advised: set[str] = set()
        self._made: list[Path] = []
        self._new = ""
        self._worst = 0

    def _prepared(self) -> Keys | None:
        """A look at whether the folder can be used; what encrypts the recordings."""
        from biofeedback.cli.passphrase import keys_for_new
        from biofeedback.recording.private import check_home, make_private_folder

        if self._args.output is None:
            check_home(self._config.home)
        keys = keys_for_new(self._args, self._config)
        try:
            make_private_folder(self._folder)
        except OSError as error:
            raise RecordingError(
                f"{self._folder} cannot be used: {error.strerror}.", "Choose another folder."
            ) from error
        return keys

    def _what_is_there(self) -> Shelf:
        from biofeedback.recording.library import open_library
        from biofeedback.session.importing import Shelf, clear_scratch, shelf_of

        clear_scratch(self._folder)
        if self._args.output is not None:
            return shelf_of(self._folder, self._keys)
        with open_library(self._config.home, self._keys) as library:
            return Shelf(each.facts for each in library.sessions() if not each.deleted)

    def run(self) -> int:
        """All paths, and a summary where there was more than one file."""
        from biofeedback.cli.consent import check_session
        from biofeedback.cli.person_logs import new_words
        from biofeedback.cli.running import forbid_core_dumps
        from biofeedback.formats.door import Door
        from biofeedback.session.importing import alone_in
        from biofeedback.session.plan import free_plan

        forbid_core_dumps()
        check_session(self._args, self._config, self._person, free_plan(None), "file")
        self._new = new_words(self._args, self._config, self._person)
        with alone_in(self._folder), Door() as door:
            self._shelf = self._what_is_there()
            for name in self._args.path:
                for found in _found_at(self._args, door, Path(name), self._choices):
                    self._take(found, Path(name))
        self._summarise()
        return self._worst

    def _take(self, found: Found, path: Path) -> None:
        from biofeedback.session.foreign_files import why_not

        try:
            if _is_ours(found):
                self._take_ours(Path(found.file))
            elif _is_aside(found, path):
                self._others.append(found.file)
                self._say_refused(found, why_not(found))
            elif found.content.verdict in NOTHING:
                self._pass_over(found, named=_is_named(found, path))
            else:
                self._import(found)
        except (ImportRefused, UnreadableError) as error:
            self._refuse(found, error)

    def _import(self, found: Found) -> None:
        from biofeedback.cli.consent import takes_words_out
        from biofeedback.cli.progress import ShareBar
        from biofeedback.session.importing import import_found

        known = self._shelf.import_of(found.sha256) if found.sha256 else None
        if known is not None and not self._args.again:
            self._already(found.file, known)
            return
        with ShareBar(self._args).at(f"Writing {Path(found.file).name}") as tell:
            path, session = import_found(found, self._folder, self._person, self._plugins, self._keys, tell)
        takes_words_out(self._args, self._config, self._person, path, "file")
        if self._new:
            say(self._args, self._new)
            self._new = ""
        self._shelf.add(path, found.sha256, session)
        self._done(found.file, found.content.verdict, path, session)

    def _take_ours(self, path: Path) -> None:
        from biofeedback.cli.passphrase import keys_for
        from biofeedback.session.importing import copy_recording, session_of

        facts = session_of(path)
        known = self._shelf.recording_of(facts.id)
        if known is not None:
            self._already(str(path), known)
            return
        keys = keys_for(self._args, self._config, path, required=False)
        copied = copy_recording(path, self._folder, facts, keys)
        self._shelf.add(copied.path, None, copied.session)
        self._done(str(path), "rr", copied.path, copied.session)
        if copied.remark:
            say(self._args, f"{path}: {copied.remark}")
        if not facts.encrypted and self._keys is not None:
            say(self._args, f"{path} is not encrypted, and was taken as it is; to encrypt it: {called()} lock on")
        if facts.subject is not None and facts.subject != self._person:
            say(
                self._args,
                f"{path} was recorded for {facts.subject}; if it is somebody else's here: {called()} library move",
            )

    def _done(self, file: str, verdict: str, path: Path, session: str) -> None:
        self._came["imported"] += 1
        self._made.append(path)
        if self._args.json:
            print_json({"file": file, "verdict": verdict, "recording": str(path), "id": session, "already": None})
        else:
            sys.stdout.write(f"{path}\n")
            sys.stdout.flush()

    def _already(self, file: str, known: Known) -> None:
        from biofeedback.cli.import_words import already_words

        self._came["already here"] += 1
        path = self._folder / known.file
        if self._args.json:
            print_json(
                {"file": file, "verdict": "rr", "recording": str(path), "id": known.session, "already": str(path)}
            )
        say(self._args, f"{file}: {already_words(known)}. To import it once more: --again")

    def _pass_over(self, found: Found, *, named: bool) -> None:
        content = found.content
        self._came["passed over"] += 1
        why = content.why or {"skip": "a side file."}.get(content.verdict, "values without intervals.")
        if content.verdict == "summary":
            self._left.append((found.file, f"{content.format}: {why}"))
        elif named:
            self._left.append((found.file, why))
        if self._args.json:
            print_json({"file": found.file, "verdict": content.verdict, "recording": None, "why": why})

    def _refuse(self, found: Found, error: UnreadableError) -> None:
        self._came["refused"] += 1
        self._worst = max(self._worst, error.exit_code)
        self._say_refused(found, error)
        # Of a folder's hundred strange files each is named, but what to do is said once.
        complain(self._args, error.what, "" if error.advice in self._advised else error.advice, error)
        self._advised.add(error.advice)

    def _say_refused(self, found: Found, error: UnreadableError) -> None:
        if not self._args.json:
            return
        said: dict[str, Json] = {"file": found.file, "verdict": "refuse", "recording": None, "why": error.what}
        if found.content.verdict == "ask":
            said["verdict"] = "ask"
        print_json({**said, "advice": error.advice})

    def _summarise(self) -> None:
        """What became of all of them, when there was more than one; what holds no intervals is named."""
        from biofeedback.cli.import_words import others_words

        for file, why in self._left:
            say(self._args, f"{file}: not imported, {why}")
        if self._others:
            say(self._args, others_words(self._others))
        if sum(self._came.values()) > 1:
            said = ", ".join(f"{self._came[what]} {what}" for what in BECAME if self._came[what])
            say(self._args, f"{said}.")
        elif self._made and not self._args.json:
            path = as_typed(self._made[0])
            say(self._args, f"A page about it: {called()} report {path}\nTo watch it: {called()} replay {path}")
