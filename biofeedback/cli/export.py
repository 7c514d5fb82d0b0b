"""`biofeedback export`: recordings for other programs and people, without names and words when asked to."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from biofeedback.cli.common import add_example, called, complain, config_of, print_json, say
from biofeedback.cli.consent import check_export
from biofeedback.cli.named import check_is_recording, recording_at
from biofeedback.cli.passphrase import add_passphrase_option, keys_for
from biofeedback.cli.progress import FileBar
from biofeedback.errors import OutputError, UnreadableError, UsageError
from biofeedback.typed import as_typed

if TYPE_CHECKING:
    from biofeedback.config import Config
    from biofeedback.recording.chain import Line
    from biofeedback.recording.reader import StoredRecording

TARGETS: Final = ("recording", "csv", "kubios", "bids", "edf", "methods")
HERE: Final = "recording"
NOT_YET: Final = "methods"
ANONYMISED: Final = "names and words"
"""What the head of an anonymised copy says was taken out."""


def add_to(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("file", nargs="+", help="recordings; a file of another program first goes through import")
    parser.add_argument(
        "--to",
        choices=TARGETS,
        required=True,
        help="recording: a copy in our own format; csv: tables of beats, events and metrics; kubios: RR text, raw and "
        "corrected, split at gaps; bids: a session of a BIDS data set; edf: EDF+",
    )
    parser.add_argument(
        "--anonymise",
        action="store_true",
        help="hide names, words, notes, marks and what the strap is called; all but a recording tell no date either",
    )
    parser.add_argument("--output", metavar="DIR", required=True, help="folder of the copies; nothing is overwritten")
    parser.add_argument("--json", action="store_true", help="one JSON object a file")
    add_passphrase_option(parser)
    add_example(parser, "biofeedback export my_session.session.jsonl --to csv --anonymise --output to_share")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """0 when every file was exported, and every copy gives the same numbers; the worst of the exit codes otherwise."""
    if args.to == NOT_YET:
        raise UsageError(
            f"Exporting to {args.to} is not there yet.",
            f"A copy in our own format: --to {HERE}; tables with every number: --to csv",
        )
    config, bar, worst = config_of(args), FileBar(args, args.file), 0
    for number, name in enumerate(args.file):
        try:
            worst = max(worst, _one(args, config, bar, number, recording_at(args, name)))
        except (UnreadableError, OutputError) as error:
            if args.json:
                print_json({"file": name, "error": error.what})
            complain(args, error.what, error.advice, error)
            worst = max(worst, error.exit_code)
    if not args.anonymise and worst == 0:
        say(args, "Names, notes and words are in it as they are in the original; without: --anonymise")
    return worst


def _one(args: argparse.Namespace, config: Config, bar: FileBar, number: int, path: Path) -> int:
    """Export one recording; its exit code. Raises UnreadableError, OutputError, UsageError."""
    source = _source(args, config, path)
    if args.to != HERE:
        with bar.at(number, path.name):
            made, files = _exported(args, source)
        if args.json:
            print_json({"file": str(path), "to": args.to, "made": str(made), "files": [str(each) for each in files]})
        else:
            sys.stdout.write(f"{made}\n")
        return 0
    from biofeedback.session.replay import verify

    with bar.at(number, path.name):
        copy = _copy(args, source)
        found = verify(copy)
    if args.json:
        print_json({"file": str(path), "recording": str(copy), "verify": found.to_json()})
    else:
        sys.stdout.write(f"{copy}\n")
    if found.differences:
        say(args, f"The copy gives other numbers than it holds: {found.first_difference}.")
        return 5
    return 0


def _source(args: argparse.Namespace, config: Config, path: Path) -> StoredRecording:
    """The recording, opened, whole, and its person agrees. Raises UnreadableError, UsageError."""
    from biofeedback.recording.naming import PART
    from biofeedback.recording.reader import open_recording

    check_is_recording(path)
    source = open_recording(path, keys_for(args, config, path))
    check_export(args, config, str(source.head.get("subject", "")))
    if source.damage is not None:
        raise UnreadableError(
            f"{path} is damaged, {source.damage}.", f"First: {called()} library repair {as_typed(path)}"
        )
    if not source.finished and path.name.endswith(PART):
        raise UnreadableError(f"{path} is not finished.", f"First: {called()} library rebuild")
    return source


def _exported(args: argparse.Namespace, source: StoredRecording) -> tuple[Path, list[Path]]:
    """What was made, and the files of it."""
    from biofeedback.session.exporting import gather, write_export

    return write_export(gather(source, anonymise=args.anonymise), args.to, Path(args.output))


def _plain(session: str) -> str:
    """The first digits of a session's id as part of a file name; whoever wrote it may have meant another folder."""
    return re.sub(r"[^0-9A-Za-z-]", "_", session[:8])


def _copy(args: argparse.Namespace, source: StoredRecording) -> Path:
    """Write the copy, in clear, under a name that tells nobody. Raises OutputError."""
    from biofeedback.recording.starts import stamp_of, unknown_in
    from biofeedback.recording.naming import SUFFIX
    from biofeedback.recording.private import make_private_folder
    from biofeedback.recording.rewriting import copy_to
    from biofeedback.session.sharing import anonymised_lines

    lines: Sequence[Line] = source.lines
    head = source.head
    start = stamp_of(int(head.get("wall_ns", 0)), int(head.get("utc_off_s", 0)), unknown_in(head))
    target = Path(args.output) / f"{start}_{_plain(str(head['session']))}{SUFFIX}"
    if target.exists():
        raise OutputError(f"{target} exists already.", "Choose another folder; nothing is ever overwritten.")
    try:
        make_private_folder(target.parent)
    except OSError as error:
        raise OutputError(f"{target.parent} cannot be used: {error.strerror}.", "Choose another folder.") from error
    if not args.anonymise:
        return copy_to(target, source, lines, [], None)
    return copy_to(target, source, anonymised_lines(lines), [ANONYMISED], None)
