"""`biofeedback report`: one HTML page about a session."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from biofeedback.cli.common import add_example, config_of, report_path
from biofeedback.cli.named import check_is_recording, recording_at
from biofeedback.cli.passphrase import add_passphrase_option, keys_for
from biofeedback.errors import UnreadableError


def add_to(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("file", help="a recording, or the first digits of its id")
    parser.add_argument("--output", metavar="FILE", help="where the page goes (beside the recording)")
    add_passphrase_option(parser)
    add_example(parser, "biofeedback report my_session.session.jsonl --output session.html")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the page and say where."""
    from biofeedback.recording.reader import open_recording
    from biofeedback.report import write_report

    path = recording_at(args, args.file)
    check_is_recording(path)
    target = Path(args.output) if args.output else report_path(path)
    recording = open_recording(path, keys_for(args, config_of(args), path))
    sys.stdout.write(f"{write_report(recording, target)}\n")
    if recording.damage is None:
        return 0
    sys.stderr.write(f"biofeedback: {path} is damaged, {recording.damage}.\nThe page shows what stands before it.\n")
    return UnreadableError.exit_code
