"""`biofeedback demo`: a whole session in small, so that everything can be seen without a strap."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from biofeedback.cli.common import (
    INTERRUPTED,
    add_example,
    called,
    config_of,
    print_json,
    report_path,
    say,
)

from biofeedback.cli.faces import add_view_options, face_of
from biofeedback.config import LEGIBLE

if TYPE_CHECKING:
    from biofeedback.session.replay import Verification


def add_to(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    add_view_options(parser)
    parser.add_argument("--seed", type=int, default=1, help="which simulated day it is (1)")
    parser.add_argument("--output", metavar="DIR", help="where the recording and the report go")
    parser.add_argument("--json", action="store_true", help="one JSON object with the three results")
    add_example(parser, "biofeedback demo --speed 10")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Session, recording, verification, report."""
    from biofeedback.cli.running import View, Work, run_session
    from biofeedback.recording.reader import read_recording
    from biofeedback.report import write_report
    from biofeedback.session.plan import Pair, demo_plan
    from biofeedback.session.replay import verify
    from biofeedback.session.scripts import shipped
    from biofeedback.session.sources import parse_speed
    from devices.opening import open_source
    from devices.source import parse_spec

    face = "none" if args.quiet else face_of(args, parse_speed(args.speed or "1"))
    speed = parse_speed(args.speed or ("1" if face == "desktop" else "max"))
    folder = Path(args.output) if args.output else config_of(args).home / "demo"
    source = open_source(parse_spec(f"sim:calm?seed={args.seed}"))
    plan = demo_plan(Pair("safe_place", "breath_only"))
    if face != "none":
        say(args, "A demonstration: a simulated person, one pair of epochs, 4 min 40 s of session time.")
    work = Work(source, plan, shipped(), speed, folder, person="demo", seed=args.seed, demo=True)
    view = View(face, False, plain=True if speed > LEGIBLE else None, plots=True, hide_numbers=True)
    outcome = run_session(args, work, view)
    if outcome.recording is None:
        return 1
    checked = verify(outcome.recording)
    page = write_report(read_recording(outcome.recording), report_path(outcome.recording))
    if args.json:
        print_json({"recording": str(outcome.recording), "report": str(page), "verify": checked.to_json()})
    else:
        _tell(outcome.recording, checked, page)
        if face == "terminal" and speed > LEGIBLE:
            say(args, f"To breathe along in real time: {called()} demo --speed 1")
    if outcome.interrupted:
        return INTERRUPTED
    if outcome.trouble or not checked.intact:
        return 1
    return 5 if checked.differences else 0


def _tell(recording: Path, checked: Verification, page: Path) -> None:
    equal = "every number came out again" if checked.exact else f"{checked.differences} numbers differ"
    sys.stdout.write(
        f"Recording  {recording}\n"
        f"Verified   {checked.compared} of {checked.outputs} outputs compared: {equal}\n"
        f"Report     {page}\n"
    )
