"""`biofeedback simulate`: a recording of a simulated person, made in a moment."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from biofeedback.cli.common import INTERRUPTED, add_example, print_json, with_seed
from biofeedback.errors import UsageError


def add_to(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--minutes", type=float, default=5.0, help="length from the first beat (5)")
    parser.add_argument(
        "--person", default="calm", help="calm, tense, flat, nonfollower, ectopic, faulty; also ?key=value"
    )
    parser.add_argument("--seed", type=int, help="which day of that person it is (1)")
    parser.add_argument("--output", metavar="PLACE", default=".", help="folder, or file name ending in .jsonl")
    parser.add_argument("--json", action="store_true", help="one JSON object with the file's name")
    add_example(parser, "biofeedback simulate --person ectopic --minutes 10 --output recordings")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """A free session at full speed, without a view."""
    from biofeedback.cli.running import View, Work, run_session
    from biofeedback.session.plan import free_plan
    from biofeedback.session.scripts import shipped
    from devices.opening import open_source
    from devices.source import parse_spec

    if not 0 < args.minutes <= 24 * 60:
        raise UsageError(f"A recording cannot last {args.minutes:g} minutes.", "Give a number above 0, at most 1440.")
    spec = with_seed(parse_spec(f"sim:{args.person}"), args.seed)
    source = open_source(spec)
    work = Work(
        source,
        free_plan(args.minutes),
        shipped(),
        float("inf"),
        Path(args.output),
        person=spec.name,
        seed=int(spec.options.get("seed", 1)),
    )
    outcome = run_session(args, work, View("none", json=False))
    if outcome.recording is None:
        return 1
    if args.json:
        print_json({"recording": str(outcome.recording)})
    else:
        sys.stdout.write(f"{outcome.recording}\n")
    return INTERRUPTED if outcome.interrupted else 1 if outcome.trouble else 0
