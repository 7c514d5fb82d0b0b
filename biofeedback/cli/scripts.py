"""`biofeedback scripts`: the imagery scripts - list, show, check, new."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from biofeedback.cli.common import add_example, called, print_json
from biofeedback.errors import RecordingError, UsageError
from biofeedback.events import Json

if TYPE_CHECKING:
    from biofeedback.imagery.script import Script
    from biofeedback.session.scripts import Shelf

TEMPLATE_HEAD = """# Your own imagery script. Change every word you like; at most 12 words a line, on the exhale.
# at: seconds into a 90-s test epoch. every_breaths: in a practice the lines come in turn, so many breaths apart.
# sense: what the line asks for - sight, sound, temperature, touch, smell or nothing.
# control: what a test compares with; its lines should come at the same times and be about as long.
# Changing a line makes it another image for the evidence; changing the title does not.
"""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("what", choices=("list", "show", "check", "new"), help="what to do")
    parser.add_argument("name", nargs="?", help="an id (show), a .toml file (check), the new id (new)")
    parser.add_argument("--json", action="store_true", help="list as one JSON array")
    add_example(parser, "biofeedback scripts show safe_place")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """One of the four."""
    if args.what == "list":
        return _list(args)
    if not args.name:
        raise UsageError(f"scripts {args.what} needs a name.", f"Add it; see: {called()} scripts --help")
    return {"show": _show, "check": _check, "new": _new}[args.what](args.name)


def _list(args: argparse.Namespace) -> int:
    from biofeedback.session.scripts import shipped

    shelf = shipped()
    if args.json:
        print_json([_row(script, shelf) for script in shelf.scripts.values()])
        return 0
    for script in shelf.scripts.values():
        sys.stdout.write(f"{script.id:<14} {script.title:<20} {script.kind}, {script.mode}, {script.evidence}\n")
    return 0


def _row(script: Script, shelf: Shelf) -> Json:
    return {
        "id": script.id,
        "title": script.title,
        "mode": script.mode,
        "kind": script.kind,
        "evidence": script.evidence,
        "hash": shelf.hash_of(script),
    }


def _show(name: str) -> int:
    from biofeedback.session.scripts import shelf_with

    shelf, (id_,) = shelf_with([name])
    script = shelf.find(id_)
    practice, control = script.practice, script.control or "none, it is one"
    lines = [
        f"{script.title}  ({script.id}, version {script.version})",
        f"{script.kind}, {script.mode}, evidence: {script.evidence}; eyes: {script.eyes}; control: {control}",
        *(f"Care: {caution}" for caution in script.caution),
        *(f"Your own words: {name} = {text!r}" for name, text in script.words.items()),
        *(f"{cue.at_s:>5.0f} s  {script.spoken(cue)}" for cue in script.cues),
        f"Practice: {practice.minutes:g} min, a cue every {practice.every_breaths} breaths, then: {practice.closing}",
        f"hash {shelf.hash_of(script)}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _check(name: str) -> int:
    from biofeedback.imagery.script import match_warnings
    from biofeedback.session.scripts import shelf_with

    shelf, (id_,) = shelf_with([name])
    script = shelf.find(id_)
    warnings = match_warnings(script, shelf.find(script.control)) if script.control else []
    for warning in warnings:
        sys.stdout.write(f"{id_}: note: {warning}\n")
    sys.stdout.write(f"{id_}: in order, {script.word_count} spoken words in {len(script.cues)} cues\n")
    if name.endswith(".toml"):
        sys.stdout.write(f"Practise it: {called()} practice {name} --source sim:calm\n")
    return 0


def _new(id_: str) -> int:
    """A copy of safe_place under another id, to be edited; an existing file is never overwritten."""
    from importlib.resources import files

    if not id_.isidentifier() or not id_.isascii():
        raise UsageError(f"'{id_}' is no id.", "Use small letters, digits and _, for example my_garden.")
    path = Path(f"{id_}.toml")
    text = (files("biofeedback.imagery") / "library" / "safe_place.toml").read_text("utf-8")
    changes = {
        'id = "safe_place"': f'id = "{id_}"',
        'title = "A safe place"': f'title = "{id_.replace("_", " ").capitalize()}"',
        'evidence = "studied"': 'evidence = "personal"',
    }
    for old, new in changes.items():
        text = text.replace(old, new)
    text = TEMPLATE_HEAD + text
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError(f"{path} exists already.", "Choose another id, or edit that file.") from error
    except OSError as error:
        raise RecordingError(f"{path} cannot be written: {error.strerror}.", "Choose another folder.") from error
    sys.stdout.write(f"{path}: edit it, then run: {called()} scripts check {path}\n")
    return 0
