"""`biofeedback analyze`: heart-rate variability of recordings and RR files."""

from __future__ import annotations

import argparse
import sys
from contextlib import redirect_stdout
from functools import partial
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING

from biofeedback.cli.common import add_example, add_unit_option, complain, config_of, print_json, say
from biofeedback.cli.named import recording_at
from biofeedback.cli.passphrase import add_passphrase_option, keys_for
from biofeedback.cli.progress import FileBar
from biofeedback.errors import BiofeedbackError, UnreadableError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from biofeedback.recording.keys import HomeKeys
    from biofeedback.session.analysis import Analysis, Asked
    from biofeedback.session.metrics import AllMetrics


def add_to(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("file", nargs="+", help="recordings of ours, or files of other programs: docs/formats.md")
    parser.add_argument("--json", action="store_true", help="one JSON object a file")
    parser.add_argument("--from", dest="from_s", type=float, metavar="S", help="leave out what opens before S seconds")
    parser.add_argument("--to", dest="to_s", type=float, metavar="S", help="leave out what opens at S seconds or later")
    parser.add_argument(
        "--window",
        dest="window_s",
        type=float,
        metavar="S",
        help="only the last S seconds, of what --from and --to leave",
    )
    parser.add_argument(
        "--detrend",
        choices=("linear", "smoothness-priors"),
        default="linear",
        help="how a slow trend is removed before the spectrum (linear); smoothness-priors: lambda 500, as Kubios",
    )
    parser.add_argument(
        "--every-beat",
        metavar="OUT.csv",
        help="write a table: every metric at every beat of one file, over the last minute or two, as a session has it",
    )
    parser.add_argument("--no-correction", action="store_true", help="take every interval as it is")
    add_unit_option(parser)
    add_passphrase_option(parser)
    add_example(parser, "biofeedback analyze morning.txt --from 60 --to 360 --json")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Every file in turn; one that cannot be read is named and the others go on. 4 if there was one."""
    for name in ("from_s", "to_s", "window_s"):
        value = getattr(args, name)
        if value is not None and not (isfinite(value) and value >= 0):
            raise UsageError(f"--{name[:-2]} cannot be {value:g}.", "Give seconds, 0 or more.")
    if args.window_s == 0:
        raise UsageError("--window cannot be 0.", "Give seconds, for example --window 60.")
    if args.every_beat is not None and len(args.file) > 1:
        raise UsageError("--every-beat is for one file.", "Call it once for each file, with an OUT.csv of its own.")
    from biofeedback.session.metrics import AllMetrics

    args.file = [name if Path(name).exists() else str(recording_at(args, name)) for name in args.file]
    metrics, told = AllMetrics(), 0
    bar, worst = FileBar(args, args.file), 0
    for number, name in enumerate(args.file):
        keys = _unlocked(args, name)
        several = iter([(name, keys)]) if isinstance(keys, BiofeedbackError) else _analysed(args, name, metrics, keys)
        while True:
            with bar.at(number, name), redirect_stdout(sys.stderr):  # what a plug-in prints is not what we say
                found = next(several, None)
            if found is None:
                break
            worst = max(worst, _shown(args, *found, metrics))
        for sentence in metrics.failures[told:]:
            say(args, sentence)
        told = len(metrics.failures)
    return worst


def _unlocked(args: argparse.Namespace, name: str) -> HomeKeys | BiofeedbackError | None:
    """What opens a file, None when it is not encrypted, or why it stays shut."""
    try:
        return keys_for(args, config_of(args), Path(name))
    except BiofeedbackError as error:
        return error


def _analysed(
    args: argparse.Namespace, name: str, metrics: AllMetrics, keys: HomeKeys | None
) -> Iterator[tuple[str, Analysis | BiofeedbackError]]:
    """The analysis of one file, or of each in a folder or an archive, or why there is none."""
    from biofeedback.session.analysis import Asked, analyse_files

    asked = Asked(
        from_s=args.from_s,
        to_s=args.to_s,
        window_s=args.window_s,
        correction=not args.no_correction,
        unit=args.unit,
        detrend=args.detrend,
        metrics=metrics,
        keys=keys,
        tell=partial(say, args),
    )
    if args.every_beat is None:
        yield from analyse_files(Path(name), asked)
        return
    try:
        yield name, _tabled(args, Path(name), asked)
    except BiofeedbackError as error:
        yield name, error


def _tabled(args: argparse.Namespace, path: Path, asked: Asked) -> Analysis:
    """The analysis, and the table of every beat."""
    from biofeedback.session.analysis import analyse_file
    from biofeedback.session.beat_table import BeatTable

    with BeatTable(Path(args.every_beat), keep=path) as table:
        found = analyse_file(path, replace(asked, table=table))
    say(args, f"{table.rows} rows in {args.every_beat}")
    return found


def _shown(args: argparse.Namespace, name: str, found: Analysis | BiofeedbackError, metrics: AllMetrics) -> int:
    """Print what came of one file; its exit code."""
    if isinstance(found, BiofeedbackError):
        if args.json:
            print_json({"file": name, "error": found.what})
        complain(args, found.what, found.advice, found)
        return found.exit_code
    if args.json:
        print_json(found.to_json())
    else:
        from biofeedback.cli.analysis_table import table

        sys.stdout.write(table(found, metrics.packages))
        sys.stdout.flush()
    if found.damage is None:
        return 0
    sys.stderr.write(f"biofeedback: {name} is damaged, {found.damage}.\nOnly what stands before it was analysed.\n")
    return UnreadableError.exit_code
