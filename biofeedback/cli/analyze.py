"""`biofeedback analyze`: heart-rate variability of recordings and RR files."""

from __future__ import annotations

import argparse
import sys
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from biofeedback.cli.common import add_example, print_json
from biofeedback.errors import BiofeedbackError, UnreadableError, UsageError

if TYPE_CHECKING:
    from biofeedback.session.analysis import Analysis


def add_to(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("file", nargs="+", help="recordings of ours, or text files of RR intervals")
    parser.add_argument("--json", action="store_true", help="one JSON object a file")
    parser.add_argument("--from", dest="from_s", type=float, metavar="S", help="leave out what opens before S seconds")
    parser.add_argument("--to", dest="to_s", type=float, metavar="S", help="leave out what opens at S seconds or later")
    parser.add_argument("--window", dest="window_s", type=float, metavar="S", help="only the last S seconds")
    parser.add_argument("--no-correction", action="store_true", help="take every interval as it is")
    parser.add_argument("--unit", help="unit of a text file when it cannot be told: ms, s, 1/1024, samples@HZ")
    add_example(parser, "biofeedback analyze morning.txt --from 60 --to 360 --json")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Every file in turn; one that cannot be read is named and the others go on. 4 if there was one."""
    for name in ("from_s", "to_s", "window_s"):
        value = getattr(args, name)
        if value is not None and not (isfinite(value) and value >= 0):
            raise UsageError(f"--{name[:-2]} cannot be {value:g}.", "Give seconds, 0 or more.")
    return max(_one(args, name) for name in args.file)


def _one(args: argparse.Namespace, name: str) -> int:
    from biofeedback.session.analysis import analyse_file

    try:
        found = analyse_file(
            Path(name),
            from_s=args.from_s,
            to_s=args.to_s,
            window_s=args.window_s,
            correction=not args.no_correction,
            unit=args.unit,
        )
    except BiofeedbackError as error:
        if args.json:
            print_json({"file": name, "error": error.what})
        sys.stderr.write(f"biofeedback: {error.what}\n{error.advice}\n")
        return error.exit_code
    if args.json:
        print_json(found.to_json())
    else:
        sys.stdout.write(_table(found))
    if found.damage is None:
        return 0
    sys.stderr.write(f"biofeedback: {name} is damaged, {found.damage}.\nOnly what stands before it was analysed.\n")
    return UnreadableError.exit_code


def _table(found: Analysis) -> str:
    from biofeedback.hrv.window import Estimate

    summary = found.summary
    flagged = f"{summary.excluded} flagged" + (f" ({summary.quality})" if summary.quality else "")
    covered = f"{100 * summary.coverage:.0f} % covered"
    lines = [
        f"{found.file}  ({found.format})",
        f"  {summary.duration_s:.0f} s, {summary.beats} beats, {flagged}, {summary.gaps} gaps, " + covered,
    ]
    for name, answer in summary.metrics.items():
        if isinstance(answer, Estimate):
            lines.append(f"  {name:<20}{answer.value:>10.3f} {answer.unit}")
        else:
            lines.append(f"  {name:<20}{'-':>10} {answer.reason}")
    return "\n".join(lines) + "\n"
