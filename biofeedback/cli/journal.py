"""`biofeedback journal`: what came, in one sentence, after a session or on any day."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from biofeedback.cli.asking import asked, can_ask, confirm
from biofeedback.cli.common import Parser, add_example, called, print_exported, print_json, say
from biofeedback.cli.consent import check_words
from biofeedback.cli.passphrase import add_passphrase_option
from biofeedback.cli.person_logs import (
    check_not_mistyped,
    existing_person,
    home_of,
    local_time,
    log_of,
    person_of,
)
from biofeedback.errors import OutputError, UsageError
from biofeedback.recording.private import private_file
from devices.names import printable

if TYPE_CHECKING:
    from biofeedback.config import Config
    from biofeedback.events import Json
    from biofeedback.recording.person import NewLine
    from biofeedback.recording.person_state import Entry, PersonState

LONGEST_TEXT: Final = 10_000
"""Characters; a line of a log holds at most 64 KiB, encrypted too."""
LONGEST_WORD: Final = 200
COLUMNS: Final = ("entry", "at", "local", "kind", "before", "after", "practice", "trigger", "session", "text")
WIDEST: Final = 32
FORMULAS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet would take a cell that begins so for something to be worked out."""


def add_to(parser: Parser) -> None:
    """Its options."""
    parser.rest = "words"
    parser.add_argument("what", choices=tuple(_WHAT), help="what to do")
    parser.add_argument(
        "words",
        nargs="*",
        metavar="TEXT",
        help="add: what came; - or nothing: from the input, so that it stays out of the shell's history."
        " remove: the entry's number",
    )
    parser.add_argument("--trigger", metavar="T", help="add: what set it off")
    parser.add_argument("--practice", metavar="SCRIPT", help="add: what you practised then")
    parser.add_argument("--before", type=int, metavar="N", help="add: how strong it felt before, 0-10")
    parser.add_argument("--after", type=int, metavar="N", help="add: how strong it felt afterwards, 0-10")
    parser.add_argument("--session", metavar="ID", help="add: the session it is about")
    parser.add_argument("--person", metavar="P", help="whose journal (the person of the settings)")
    parser.add_argument("--to", choices=("csv", "json"), help="export: as what")
    parser.add_argument("--output", metavar="FILE", help="export: where to, instead of printing it")
    parser.add_argument("--json", action="store_true", help="list as one JSON array")
    add_passphrase_option(parser)
    parser.add_argument("--yes", action="store_true", help="remove without asking")
    add_example(parser, 'biofeedback journal add "It got quieter." --practice safe_place --before 7 --after 4')
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """One of the four."""
    if args.words and args.what in {"list", "export"}:
        raise UsageError(f"journal {args.what} takes no text.", f"To write something: {called()} journal add")
    return _WHAT[args.what](args, home_of(args))


def _add(args: argparse.Namespace, config: Config) -> int:
    for name in ("before", "after"):
        _check_suds(getattr(args, name), name)
    person = person_of(args, config)
    check_not_mistyped(args, config, person)
    text = " ".join(args.words)
    typing = not text and can_ask()
    check_words(args, config, person)
    if (not text and not typing) or text == "-":
        text = _from_input()
    body = _typed(args) if typing else _given(args, text)
    if not body:
        raise UsageError("There is nothing to write down.", f'{called()} journal add "What came, in one sentence."')
    number = 0

    def line(state: PersonState) -> Sequence[NewLine]:
        nonlocal number
        number = state.next_entry
        return [("trigger" if "trigger" in body else "journal", {"entry": number, **body})]

    log_of(args, config, person).update(line)
    say(args, f"Written down as entry {number}. Take it back: {called()} journal remove {number}{_whose(args)}")
    return 0


def _whose(args: argparse.Namespace) -> str:
    return f" --person {args.person}" if args.person else ""


def _given(args: argparse.Namespace, text: str) -> dict[str, Json]:
    """The entry from the words of the command; what was not said is left out."""
    said: dict[str, Json] = {
        "text": _clean(text, LONGEST_TEXT),
        "trigger": _clean(args.trigger, LONGEST_TEXT),
        "practice": _clean(args.practice, LONGEST_WORD),
        "before": args.before,
        "after": args.after,
        "session": _session_of(args),
    }
    return {key: value for key, value in said.items() if value not in {None, ""}}


def _session_of(args: argparse.Namespace) -> str:
    """The whole id of the session that was named; one that the library does not know is kept as it was said."""
    if args.session is None:
        return ""
    from biofeedback.recording.library import open_library

    try:
        with open_library(home_of(args).home) as library:
            return library.find(args.session).id
    except UsageError as error:
        say(args, f"{error.what} The entry keeps it as you wrote it.")
        return _clean(args.session, LONGEST_WORD)


def _typed(args: argparse.Namespace) -> dict[str, Json]:
    """The entry line by line from the terminal; what was said in the command is not asked again."""
    sys.stderr.write("Enter leaves a line out.\n")
    args.before = _typed_suds("How strong did it feel before, 0-10? ") if args.before is None else args.before
    args.after = _typed_suds("And now, 0-10? ") if args.after is None else args.after
    args.practice = asked("What did you practise? ") if args.practice is None else args.practice
    args.trigger = asked("What set it off? ") if args.trigger is None else args.trigger
    return _given(args, asked("What came, in one sentence? "))


def _typed_suds(question: str) -> int | None:
    while True:
        answer = asked(question)
        if not answer:
            return None
        if answer.isdecimal() and int(answer) <= 10:
            return int(answer)
        sys.stderr.write("A whole number from 0 (not at all) to 10 (as strong as can be), or Enter.\n")


def _check_suds(value: int | None, name: str) -> None:
    if value is not None and not 0 <= value <= 10:
        raise UsageError(
            f"--{name} is a whole number from 0 to 10, not {value}.", "0: not at all; 10: as strong as can be."
        )


def _from_input() -> str:
    """All of the input, as text. Raises UsageError when it is no text or too long."""
    if sys.stdin is None:  # a program without an input, as one that cron starts
        return ""
    data = sys.stdin.buffer.read(4 * LONGEST_TEXT + 2)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        what = "That is too long for an entry." if len(data) > 4 * LONGEST_TEXT else "The input is not text in UTF-8."
        raise UsageError(what, f"Give at most {LONGEST_TEXT} characters of text.") from error


def _clean(text: str | None, longest: int) -> str:
    """Words as they are kept: lines stay lines, other signs that cannot be seen become blanks."""
    kept = "".join(sign if sign.isprintable() or sign == "\n" else " " for sign in (text or "").replace("\r\n", "\n"))
    kept = kept.strip()
    if len(kept) > longest:
        raise UsageError(f"{len(kept)} characters are too many.", f"At most {longest} can be kept here.")
    return kept


def _list(args: argparse.Namespace, config: Config) -> int:
    entries = _entries(args, config)
    if args.json:
        print_json([_row(entry) for entry in entries])
    elif not entries:
        say(args, f"No entries yet. The first one: {called()} journal add{_whose(args)}")
    else:
        sys.stdout.write(_table(entries))
    return 0


def _entries(args: argparse.Namespace, config: Config) -> Sequence[Entry]:
    person = person_of(args, config) if args.person is None else existing_person(args, config, args.person)
    return log_of(args, config, person).state().entries


def _row(entry: Entry) -> dict[str, Json]:
    return {
        "entry": entry.number,
        "at": entry.said.at,
        "local": local_time(entry.said),
        "kind": entry.kind,
        "before": entry.before,
        "after": entry.after,
        "practice": entry.practice,
        "trigger": entry.trigger,
        "session": entry.session,
        "text": entry.text,
    }


def _table(entries: Sequence[Entry]) -> str:
    """One line an entry, by the clock of the place where it was written; only columns that somebody used."""
    heads = {"entry": "No", "local": "When", "before": "Before", "after": "After", "practice": "Practice",
             "trigger": "What set it off", "text": "What came"}  # fmt: skip
    rows = [{key: _cell(value) for key, value in _row(entry).items() if key in heads} for entry in entries]
    used = [key for key in heads if any(row[key] for row in rows)]
    # One long cell does not push all others to the right: its own line is longer, and no more.
    widths = {key: max(len(heads[key]), *(min(len(row[key]), WIDEST) for row in rows)) for key in used}
    numbers = {"entry", "before", "after"}
    lines = [{key: heads[key] for key in used}, *rows]
    shown = (
        "  ".join(row[key].rjust(widths[key]) if key in numbers else row[key].ljust(widths[key]) for key in used)
        for row in lines
    )
    return "".join(line.rstrip() + "\n" for line in shown)


def _cell(value: Json) -> str:
    return "" if value is None else " ".join(printable(str(value)).split())


def _export(args: argparse.Namespace, config: Config) -> int:
    if args.to is None:
        raise UsageError("As what?", f"Add --to csv or --to json; see: {called()} journal --help")
    rows = [_row(entry) for entry in _entries(args, config)]
    text = _csv(rows) if args.to == "csv" else json.dumps(rows, ensure_ascii=False, indent=1, allow_nan=False) + "\n"
    if args.output is None:
        print_exported(text)
        return 0
    _write_new(Path(args.output), text)
    say(args, f"{len(rows)} entries in {args.output}. Only you can read it; mind where you copy it.")
    return 0


def _csv(rows: Sequence[dict[str, Json]]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_harmless(row[name]) for name in COLUMNS] for row in rows)
    return out.getvalue()


def _harmless(value: Json) -> Json:
    """A text that a spreadsheet would take for a formula gets a ' in front."""
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULAS) else value


def _write_new(path: Path, text: str) -> None:
    try:
        descriptor = private_file(path)
    except FileExistsError as error:
        raise OutputError(f"{path} exists already.", "Choose another name; nothing is ever overwritten.") from error
    except OSError as error:
        raise OutputError(f"{path} cannot be made: {error.strerror}.", "Choose another place.") from error
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as error:
        path.unlink(missing_ok=True)
        raise OutputError(f"{path} cannot be written: {error.strerror}.", "Make room, or choose another.") from error


def _remove(args: argparse.Namespace, config: Config) -> int:
    if len(args.words) != 1 or not args.words[0].isdecimal():
        raise UsageError("Which entry?", f"Give its number, as in: {called()} journal list")
    number = int(args.words[0])
    log = log_of(args, config, existing_person(args, config, args.person))
    entry = next((entry for entry in log.state().entries if entry.number == number), None)
    if entry is None:
        raise UsageError(f"There is no entry {number}.", f"See: {called()} journal list{_whose(args)}")
    if not args.yes and can_ask():
        sys.stderr.write(_table([entry]))
    confirm(args, f"Remove entry {number} for good?")
    gone: list[NewLine] = [("delete", {"entry": number})]
    log.rewrite(lambda line: None if line.body.get("entry") == number else line.body, [entry.kind], gone)
    say(args, f"Entry {number} is removed.")
    return 0


_WHAT: Final[dict[str, Callable[[argparse.Namespace, Config], int]]] = {
    "add": _add,
    "list": _list,
    "export": _export,
    "remove": _remove,
}
