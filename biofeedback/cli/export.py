"""`biofeedback export`: copies of recordings to give away, without names and words when asked to."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from biofeedback.cli.common import add_example, called, complain, config_of, print_json, say
from biofeedback.cli.consent import check_export
from biofeedback.cli.named import recording_at
from biofeedback.cli.passphrase import add_passphrase_option, keys_for
from biofeedback.errors import OutputError, UnreadableError, UsageError

if TYPE_CHECKING:
    from biofeedback.config import Config
    from biofeedback.recording.chain import Line

TARGETS: Final = ("recording", "csv", "kubios", "bids", "edf", "methods")
HERE: Final = "recording"
ANONYMISED: Final = "names and words"
"""What the head of an anonymised copy says was taken out."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("file", nargs="+", help="recordings")
    parser.add_argument("--to", choices=TARGETS, required=True, help="recording: the same format, as a copy")
    parser.add_argument(
        "--anonymise", action="store_true", help="hide names, words, notes, marks and what the strap is called"
    )
    parser.add_argument("--output", metavar="DIR", required=True, help="folder of the copies; nothing is overwritten")
    parser.add_argument("--json", action="store_true", help="one JSON object a file")
    add_passphrase_option(parser)
    add_example(parser, "biofeedback export my_session.session.jsonl --to recording --anonymise --output to_share")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when every copy was made and gives the same numbers; the worst of the exit codes otherwise."""
    if args.to != HERE:
        raise UsageError(
            f"Exporting to {args.to} is not there yet.",
            f"A copy in our own format: --to {HERE}; numbers as a table: {called()} analyze FILE --every-beat OUT.csv",
        )
    config = config_of(args)
    return max(_one(args, config, recording_at(args, name)) for name in args.file)


def _one(args: argparse.Namespace, config: Config, path: Path) -> int:
    from biofeedback.session.replay import verify

    try:
        made = _copy(path, args, config)
    except UnreadableError as error:
        complain(args, error.what, error.advice, error)
        return error.exit_code
    found = verify(made)
    if args.json:
        print_json({"file": str(path), "recording": str(made), "verify": found.to_json()})
    else:
        sys.stdout.write(f"{made}\n")
    if found.differences:
        say(args, f"The copy gives other numbers than it holds: {found.first_difference}.")
        return 5
    if not args.anonymise:
        say(args, "Names, notes and words are in it as they are in the original; without: --anonymise")
    return 0


def _plain(session: str) -> str:
    """The first digits of a session's id as part of a file name; whoever wrote it may have meant another folder."""
    return re.sub(r"[^0-9A-Za-z-]", "_", session[:8])


def _copy(path: Path, args: argparse.Namespace, config: Config) -> Path:
    """Write the copy, in clear, under a name that tells nobody. Raises UnreadableError, OutputError."""
    from biofeedback.recording.starts import local_time
    from biofeedback.recording.naming import PART, SUFFIX
    from biofeedback.recording.private import make_private_folder
    from biofeedback.recording.reader import read_recording
    from biofeedback.recording.rewriting import copy_to
    from biofeedback.session.sharing import anonymised_lines

    source = read_recording(path, keys_for(args, config, path))
    check_export(args, config, str(source.head.get("subject", "")))
    if source.damage is not None:
        raise UnreadableError(f"{path} is damaged, {source.damage}.", f"First: {called()} library repair {path}")
    if not source.finished and path.name.endswith(PART):
        raise UnreadableError(f"{path} is not finished.", f"First: {called()} library rebuild")
    lines: Sequence[Line] = source.lines
    start = local_time(int(source.head.get("wall_ns", 0)), 0)
    target = Path(args.output) / f"{start:%Y%m%dT%H%M%SZ}_{_plain(str(source.head['session']))}{SUFFIX}"
    if target.exists():
        raise OutputError(f"{target} exists already.", "Choose another folder; nothing is ever overwritten.")
    try:
        make_private_folder(target.parent)
    except OSError as error:
        raise OutputError(f"{target.parent} cannot be used: {error.strerror}.", "Choose another folder.") from error
    if not args.anonymise:
        return copy_to(target, source, lines, [], None)
    return copy_to(target, source, anonymised_lines(lines), [ANONYMISED], None)
