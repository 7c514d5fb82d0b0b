"""`biofeedback report`: one HTML page about a session."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from biofeedback.cli.common import add_example


def add_to(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("file", help="a recording")
    parser.add_argument("--output", metavar="FILE", help="where the page goes (beside the recording)")
    add_example(parser, "biofeedback report my_session.session.jsonl --output session.html")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write the page and say where."""
    from biofeedback.recording.reader import read_recording
    from biofeedback.report import write_report

    path = Path(args.file)
    target = Path(args.output) if args.output else path.with_name(path.name.split(".")[0] + ".html")
    sys.stdout.write(f"{write_report(read_recording(path), target)}\n")
    return 0
