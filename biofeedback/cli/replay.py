"""`biofeedback replay`: the same views as live."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from biofeedback.cli.common import INTERRUPTED, add_example, config_of, say
from biofeedback.cli.faces import LEGIBLE, add_view_options, face_of
from biofeedback.cli.passphrase import add_passphrase_option, keys_for

if TYPE_CHECKING:
    from biofeedback.cli.running import View

FOREIGN_KINDS = frozenset({"rr", "gap", "beat", "hrv", "arousal", "end"})


def add_to(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("file", help="a recording of ours, or a text file of RR intervals")
    add_view_options(parser)
    parser.add_argument("--unit", help="unit of a text file when it cannot be told: ms, s, 1/1024, samples@HZ")
    parser.add_argument("--json", action="store_true", help="events as JSON lines on stdout")
    add_passphrase_option(parser)
    add_example(parser, "biofeedback replay my_session.session.jsonl --speed 20")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Replay a recording by its own inputs, a foreign file as a free session that is not recorded."""
    from biofeedback.cli.running import View, Work, run_session
    from biofeedback.recording.reader import is_recording
    from biofeedback.session.plan import free_plan
    from biofeedback.session.scripts import shipped
    from biofeedback.session.sources import file_source, parse_speed

    path, speed = Path(args.file), parse_speed(args.speed or "1")
    face = face_of(args, speed)
    plain = True if speed > LEGIBLE else None
    if is_recording(path):
        return _replay_recording(args, path, speed, View(face, args.json, plain=plain, plots=True))
    source = file_source(path, args.unit)
    work = Work(source, free_plan(None), shipped(), speed, place=None, watched_only=True)
    outcome = run_session(args, work, View(face, args.json, FOREIGN_KINDS, plain=plain, plots=True))
    return INTERRUPTED if outcome.interrupted else 1 if outcome.trouble else 0


def _replay_recording(args: argparse.Namespace, path: Path, speed: float, view: View) -> int:
    from biofeedback.cli.running import run_replay
    from biofeedback.recording.reader import open_recording
    from biofeedback.events import Open
    from biofeedback.session.replay import play

    recording = open_recording(path, keys_for(args, config_of(args), path))
    if recording.damage is not None:
        say(args, f"The recording is damaged, {recording.damage}. Showing what stands before it.")
    opened = next((event for event in recording.events() if isinstance(event, Open)), None)
    titles = {id_: str(script["title"]) for id_, script in opened.scripts.items()} if opened else {}
    interrupted = run_replay(args, partial(play, recording), speed, view, titles)
    if interrupted:
        return INTERRUPTED
    return 0 if recording.damage is None else 4
