"""`biofeedback replay`: the same views as live."""

from __future__ import annotations

import argparse
import gc
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

from biofeedback.cli.common import INTERRUPTED, add_example, add_unit_option, config_of, say
from biofeedback.cli.faces import add_view_options, face_of
from biofeedback.cli.named import recording_at
from biofeedback.cli.passphrase import add_passphrase_option, keys_for
from biofeedback.config import LEGIBLE
from biofeedback.errors import UsageError

if TYPE_CHECKING:
    from biofeedback.recording.reader import StoredRecording
    from biofeedback.recording.sealing import Keys
    from biofeedback.session.playback import Tape

FOREIGN_KINDS = frozenset({"rr", "gap", "beat", "hrv", "arousal", "end"})
CLOCK_TIME: Final = re.compile(r"(?:(\d{1,3}):(?=\d\d:))?(\d{1,3}):(\d\d(?:\.\d+)?)", re.ASCII)


def add_to(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument(
        "file", help="a recording of ours or the first digits of its id, or a file of another program: docs/formats.md"
    )
    add_view_options(parser)
    parser.add_argument("--from", dest="from_us", type=_time, metavar="S", help="begin there: seconds, or 12:30")
    parser.add_argument("--to", dest="to_us", type=_time, metavar="S", help="end there")
    parser.add_argument(
        "--as-recorded", action="store_true", help="show what is stored; otherwise it is computed anew from the beats"
    )
    add_unit_option(parser)
    parser.add_argument("--json", action="store_true", help="events as JSON lines on stdout")
    add_passphrase_option(parser)
    add_example(parser, "biofeedback replay my_session.session.jsonl --speed 20")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Replay a recording by its own inputs, a foreign file as the free session it would have been."""
    from biofeedback.cli.running import Stretch, View, run_replay
    from biofeedback.recording.reader import is_recording
    from biofeedback.session.sources import parse_speed

    path, speed = recording_at(args, args.file), parse_speed(args.speed or "1")
    if args.to_us is not None and args.to_us <= (args.from_us or 0):
        raise UsageError("--to does not come after --from.", "Give the earlier time to --from.")
    ours = not path.is_dir() and is_recording(path)
    if args.as_recorded and not ours:
        raise UsageError("A file of another program holds no numbers to be shown.", "Leave out --as-recorded.")
    reading = _Reading(args, path, ours, keys_for(args, config_of(args), path) if ours else None)
    face = face_of(args, speed)
    kinds, plain = None if ours else FOREIGN_KINDS, True if speed > LEGIBLE else None
    stretch = Stretch(speed, args.from_us or 0, args.to_us)
    if run_replay(args, reading.tape, stretch, View(face, args.json, kinds, plain=plain, plots=True)):
        return INTERRUPTED
    return 4 if reading.damaged else 0


class _Reading:
    """Opens what is to be replayed when it is asked to; knows afterwards whether it was damaged."""

    def __init__(self, args: argparse.Namespace, path: Path, ours: bool, keys: Keys | None) -> None:
        self._args = args
        self._path = path
        self._ours = ours
        self._keys = keys
        self._recording: StoredRecording | None = None

    @property
    def damaged(self) -> bool:
        return self._recording is not None and self._recording.damage is not None

    def tape(self) -> Tape:
        """Raises UnreadableError, UsageError."""
        from biofeedback.formats.reading import Choices
        from biofeedback.recording.reader import open_recording
        from biofeedback.session.foreign_files import foreign_at
        from biofeedback.session.plugins import metric_plugins
        from biofeedback.session.scripts import shipped
        from biofeedback.session.tapes import foreign_tape, recorded_tape

        if self._ours:
            self._recording = open_recording(self._path, self._keys)
            # Of a day these are millions of objects that stay. Python would look through them again and again, and
            # each time keep the view waiting for up to a second.
            gc.freeze()
            tape = recorded_tape(self._recording, as_recorded=self._args.as_recorded)
        else:
            found = foreign_at(self._path, Choices(unit=self._args.unit))
            for complaint in found.complaints:
                say(self._args, complaint)
            tape = foreign_tape(found, shipped(), metric_plugins())
        from_us = self._args.from_us or 0
        if from_us > tape.length_us:
            raise UsageError(
                f"{self._path.name} is only {tape.length_us / 1e6:.0f} s long.", "Give --from an earlier time."
            )
        return tape


def _time(text: str) -> int:
    """A time of a session in microseconds: seconds, m:ss or h:mm:ss."""
    shown = CLOCK_TIME.fullmatch(text)
    if shown is not None:
        hours, minutes, seconds = shown.groups()
        total = 3600 * int(hours or 0) + 60 * int(minutes) + float(seconds)
        if float(seconds) >= 60:
            raise argparse.ArgumentTypeError(f"'{text}' is no time")
    else:
        try:
            total = float(text)
        except ValueError:
            total = -1.0
    if not 0 <= total < 1e9:
        raise argparse.ArgumentTypeError(f"'{text}' is no time; give seconds, or minutes and seconds as 12:30")
    return round(total * 1e6)
