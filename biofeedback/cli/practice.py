"""`biofeedback practice`: a live session."""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from math import isinf
from pathlib import Path
from typing import TYPE_CHECKING

from biofeedback.cli.common import (
    INTERRUPTED,
    Parser,
    add_example,
    called,
    config_of,
    quiet_libraries,
    say,
    strap_aids,
    with_seed,
)
from biofeedback.cli.consent import check_session, takes_words_out
from biofeedback.cli.passphrase import add_passphrase_option, keys_for, keys_for_new
from biofeedback.cli.faces import add_view_options, face_of
from biofeedback.cli.person_logs import person_of, say_if_new
from biofeedback.config import Config, checked
from biofeedback.errors import RecordingError, UsageError

if TYPE_CHECKING:
    from biofeedback.cli.running import Outcome, View
    from biofeedback.recording.sealing import Keys
    from biofeedback.session.resuming import BrokenOff
    from biofeedback.session.plan import Pair, Plan
    from biofeedback.session.scripts import Shelf
    from devices.source import Source, SourceSpec

FIXED = ("script", "plan", "minutes", "pace", "inhale", "control", "seed", "no_acc", "no_record")
"""Words that have no place beside --resume."""


def add_to(parser: Parser) -> None:
    """Its options."""
    parser.more_help = _plugins
    parser.add_argument("script", nargs="*", help="an imagery script, by id or .toml file; several only in a trial")
    parser.add_argument(
        "--source",
        help="where the beats come from: strap: (the one used last, else the one in sight), strap:NAME, sim:calm,"
        " file:my_rr.txt",
    )
    _add_plan(parser)
    add_view_options(parser)
    parser.add_argument(
        "--practitioner", action="store_true", help="open the window with the plots too, for somebody who sits beside"
    )
    parser.add_argument("--seed", type=int, help="which simulated day it is (sim: only)")
    parser.add_argument(
        "--no-acc", action="store_true", help="leave the strap's accelerometer alone: no movement, no breathing rate"
    )
    parser.add_argument("--person", metavar="NAME", help="pseudonym to record under, or a name that `person` knows")
    parser.add_argument(
        "--resume", action="store_true", help="go on with the session that was broken off within the last half hour"
    )
    parser.add_argument("--no-record", action="store_true", help="keep nothing, nor which strap it was")
    parser.add_argument("--output", metavar="PLACE", help="folder of the recording, or file name ending in .jsonl")
    parser.add_argument("--json", action="store_true", help="events as JSON lines on stdout")
    add_passphrase_option(parser)
    add_example(parser, "biofeedback practice safe_place --source sim:calm --minutes 5 --speed 10")
    parser.set_defaults(run=run)


def _add_plan(parser: argparse.ArgumentParser) -> None:
    """What is done in the session, how long and how fast one breathes."""
    parser.add_argument("--plan", choices=("practice", "trial", "free"), help="practice with a script, else free")
    parser.add_argument(
        "--minutes",
        type=float,
        help="free: from the first beat; practice: of the imagery, start and close come on top",
    )
    parser.add_argument("--pace", type=float, help="breaths a minute, 4.5 to 7")
    parser.add_argument("--inhale", type=float, help="share of a breath that goes in, 0.3 to 0.6")
    parser.add_argument("--control", metavar="SCRIPT", help="what a trial compares with (the script's own)")


def run(args: argparse.Namespace) -> int:
    """Assemble a session from the words, run it, say where it is."""
    from biofeedback.cli.running import Work, run_session
    from biofeedback.session.scripts import shelf_with
    from biofeedback.session.sources import open_source

    quiet_libraries(args)
    config = config_of(args)
    keys = None if args.no_record else _keys_for_recording(args, config)
    broken_off = _broken_off(args, config)
    if broken_off is not None:
        return _go_on(args, config, broken_off)
    spec = _spec(args, config)
    shelf, ids = shelf_with([*args.script, *([args.control] if args.control else [])])
    control = ids.pop() if args.control else None
    plan, shelf = _plan(args, config, shelf, ids, control)
    aids = strap_aids(config, keeps=not args.no_record) if spec.kind == "strap" else None
    source = open_source(spec, aids, keys_for(args, config, Path(spec.name)) if spec.kind == "file" else None)
    speed = _speed(args, spec, source)
    person = person_of(args, config)
    if not args.no_record:
        check_session(args, config, person, plan, source.info.kind)
        say_if_new(args, config, person)
    if isinf(speed) and spec.kind == "sim" and plan.name == "free" and plan.minutes is None:
        raise UsageError("A simulated person at full speed never comes to an end.", "Add --minutes 5.")
    work = Work(
        source=source,
        plan=plan,
        shelf=shelf,
        speed=speed,
        place=None if args.no_record else _folder(args, config),
        person=person,
        seed=int(spec.options.get("seed", 1)) if spec.kind == "sim" else None,
        saw_live="practitioner" if args.practitioner else None,
        chooser=aids.chooser if aids is not None else None,
        keys=keys,
    )
    outcome = run_session(args, work, _view(args, config, speed, plan))
    takes_words_out(args, config, person, outcome.recording, source.info.kind)
    return _end(args, outcome)


def _view(args: argparse.Namespace, config: Config, speed: float, plan: Plan) -> View:
    """How the session is shown; in a trial nobody sees numbers that could change its result."""
    from biofeedback.cli.running import View

    face = face_of(args, speed, config.text("view"))
    return View(face, args.json, plots=args.practitioner, hide_numbers=plan.name == "trial")


def _keys_for_recording(args: argparse.Namespace, config: Config) -> Keys | None:
    """What encrypts the recording, after a look at whether the data folder is the person's own."""
    from biofeedback.recording.private import check_home

    if not args.output:
        check_home(config.home)
    return keys_for_new(args, config)


def _broken_off(args: argparse.Namespace, config: Config) -> BrokenOff | None:
    """The session that is to be gone on with, None for a new one."""
    if args.resume and (name := next((word for word in FIXED if getattr(args, word)), None)):
        said = "a script" if name == "script" else f"--{name.replace('_', '-')}"
        raise UsageError(f"A session that goes on has its plan already, so {said} has no place.", "Leave it out.")
    if args.no_record:
        return None
    from biofeedback.cli.interrupted import look_for_interrupted, wants_to_go_on

    place = _folder(args, config)
    folder = place.parent if place.name.endswith(".jsonl") else place
    found = look_for_interrupted(
        args,
        folder,
        person_of(args, config),
        lambda part: keys_for(args, config, part, required=args.resume),
    )
    if args.resume and found is None:
        raise RecordingError(
            f"There is no session in {folder} to go on with.",
            "That can be done for half an hour after it was broken off; start a new one.",
        )
    return found if found is not None and (args.resume or wants_to_go_on(args, found)) else None


def _go_on(args: argparse.Namespace, config: Config, found: BrokenOff) -> int:
    """The session that was broken off, from where it stopped, with its own plan."""
    from biofeedback.cli.running import Work, run_session
    from biofeedback.session.plan import Plan
    from biofeedback.session.resuming import source_of
    from biofeedback.session.scripts import shipped
    from biofeedback.session.sources import open_source
    from devices.source import parse_spec

    opened = next(line.body for line in found.stored.lines if line.kind == "open")
    recorded = parse_spec(str(source_of(found.stored)["spec"]))
    spec = parse_spec(args.source) if args.source and args.resume else recorded
    if spec.kind != recorded.kind or (spec.kind == "sim" and spec != recorded):
        raise UsageError(f"This session began with {recorded.text}, not with {spec.text}.", "Leave out --source.")
    aids = strap_aids(config, keeps=True) if spec.kind == "strap" else None
    source = open_source(spec, aids)
    plan = Plan.from_json(opened["plan"])
    person = str(found.stored.head.get("subject", "me"))
    check_session(args, config, person, plan, source.info.kind)
    speed = _speed(args, spec, source)
    work = Work(
        source=source,
        plan=plan,
        shelf=shipped(),
        speed=speed,
        place=found.part.parent,
        seed=int(spec.options.get("seed", 1)) if spec.kind == "sim" else None,
        chooser=aids.chooser if aids is not None else None,
        broken_off=found,
    )
    outcome = run_session(args, work, _view(args, config, speed, plan))
    takes_words_out(args, config, person, outcome.recording, source.info.kind)
    return _end(args, outcome)


def _end(args: argparse.Namespace, outcome: Outcome) -> int:
    """Say where the recording is; the exit code."""
    if outcome.recording is not None:
        if args.json:
            say(args, f"Recording  {outcome.recording}")
        else:
            sys.stdout.write(f"Recording  {outcome.recording}\n")
            say(args, f"A page about it: {called()} report {outcome.recording}")
    if outcome.interrupted:
        return INTERRUPTED
    return 1 if outcome.trouble else 0


def _spec(args: argparse.Namespace, config: Config) -> SourceSpec:
    from devices.source import parse_spec

    text = args.source or config.text("source")
    if not text:
        raise UsageError(
            "No source of heartbeats is given.",
            "With a strap: --source strap: - without one: --source sim:calm, or --source file:FILE.",
        )
    spec = parse_spec(text)
    if args.seed is not None and spec.kind != "sim":
        raise UsageError("--seed is for simulated people only.", "Leave it out, or use --source sim:calm.")
    if args.no_acc and spec.kind == "file":
        raise UsageError("--no-acc is for straps and simulated people.", "Leave it out.")
    if args.no_acc:
        spec = replace(spec, options={**spec.options, "acc": "0"})
    return with_seed(spec, args.seed)


def _speed(args: argparse.Namespace, spec: SourceSpec, source: Source) -> float:
    from biofeedback.session.sources import parse_speed, speed_of

    if source.info.kind == "strap":
        if args.speed is not None:
            raise UsageError("A strap beats at its own speed.", "Leave out --speed.")
        return 1.0
    if args.speed is not None:
        return parse_speed(args.speed)
    # An option of a plug-in's source is the plug-in's, whatever it is called.
    return (speed_of(spec) if source.info.plugin is None else None) or 1.0


def _plugins() -> str:
    """The kinds of source that were installed besides ours, for the help."""
    from biofeedback.session.plugins import described

    return "".join(["\nsources of plug-ins:\n", *(f"  {line}\n" for line in lines)]) if (lines := described()) else ""


def _folder(args: argparse.Namespace, config: Config) -> Path:
    return Path(args.output) if args.output else config.home / "sessions"


def _plan(
    args: argparse.Namespace, config: Config, shelf: Shelf, ids: list[str], control: str | None
) -> tuple[Plan, Shelf]:
    """The plan, and the shelf with the controls that were asked for."""
    from biofeedback.session.plan import free_plan, practice_plan, trial_plan

    name = args.plan or ("practice" if ids else "free")
    pace = float(checked("pace", config.number("pace") if args.pace is None else args.pace))
    inhale = float(checked("inhale", config.number("inhale") if args.inhale is None else args.inhale))
    _check_words(args, name, ids)
    if name == "free":
        return free_plan(args.minutes), shelf
    if name == "practice":
        minutes = shelf.find(ids[0]).practice.minutes if args.minutes is None else args.minutes
        return practice_plan(ids[0], minutes, pace, inhale), shelf
    shelf = _with_control(shelf, ids, control)
    return trial_plan(_pairs(shelf, ids), pace, inhale), shelf


def _check_words(args: argparse.Namespace, plan: str, ids: list[str]) -> None:
    if plan == "free" and ids:
        raise UsageError("A free session has no script.", "Leave out the script, or choose --plan practice.")
    if plan != "free" and not ids:
        raise UsageError(f"A {plan} needs a script.", f"Name one, for example safe_place; see: {called()} scripts list")
    if plan == "practice" and len(ids) > 1:
        raise UsageError("A practice has one script.", "Name one, or compare several with --plan trial.")
    if plan == "trial" and args.minutes is not None:
        raise UsageError("A trial has its own length.", "Leave out --minutes.")
    if plan != "trial" and args.control is not None:
        raise UsageError("Only a trial has a control.", "Add --plan trial, or leave out --control.")
    if args.minutes is not None and not 0 < args.minutes <= 24 * 60:
        raise UsageError(f"A session cannot last {args.minutes:g} minutes.", "Give a number above 0, at most 1440.")


def _with_control(shelf: Shelf, ids: list[str], control: str | None) -> Shelf:
    from biofeedback.session.scripts import Shelf as NewShelf

    if control is None:
        return shelf
    if shelf.find(control).kind != "control":
        controls = ", ".join(sorted(script.id for script in shelf.scripts.values() if script.kind == "control"))
        raise UsageError(f"'{control}' is not a control.", f"Choose one of: {controls}.")
    return NewShelf({**shelf.scripts, **{id_: replace(shelf.find(id_), control=control) for id_ in ids}})


def _pairs(shelf: Shelf, ids: list[str]) -> tuple[Pair, ...]:
    """Three pairs, or one for each script where there are more, dealt round."""
    from biofeedback.session.plan import PAIRS, Pair

    found: list[Pair] = []
    for number in range(max(PAIRS, len(ids))):
        script = shelf.find(ids[number % len(ids)])
        if script.control is None:
            raise UsageError(f"'{script.id}' is itself a control.", "Test an imagery script against it.")
        found.append(Pair(script.id, script.control))
    return tuple(found)
