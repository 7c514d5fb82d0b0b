"""Sessions whose program died, as `practice` finds them at its start: gone on with, or finished (RECORDING 1.4.5)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from biofeedback.cli.common import called, say
from biofeedback.cli.progress import LONG_BYTES
from biofeedback.errors import BiofeedbackError
from biofeedback.recording.reader import read_recording
from biofeedback.recording.recovery import parts_in
from biofeedback.recording.sealing import Keys
from biofeedback.session.resuming import BrokenOff, away_us, can_go_on, finish_interrupted
from biofeedback.session.wall import read_clocks
from devices.clock import boot_id

TOLD_FOR_US: Final = 86_400_000_000
"""A damaged part is told of for a day; `library list` shows it for ever."""


def look_for_interrupted(
    args: argparse.Namespace, folder: Path, person: str, keys_of: Callable[[Path], Keys | None]
) -> BrokenOff | None:
    """The newest session of this person that can still be gone on with. `keys_of`: what opens an encrypted one.

    Those that nobody can go on with any more are finished, and one line says so for each. What cannot be read is left
    alone, and so is another person's session.
    """
    newest: BrokenOff | None = None
    for part in parts_in(folder):
        try:
            found = _broken_off(part, keys_of(part))
            if found.stored.beyond:
                if found.passed_us < TOLD_FOR_US:
                    say(args, f"{part.name} is damaged and is left as it is. A copy: {called()} library repair {part}")
            elif not can_go_on(found.stored, found.passed_us):
                _finish(args, found)
            elif found.stored.head.get("subject") == person:
                newest = found
        except BiofeedbackError as error:
            say(args, f"An earlier session could not be finished: {error.what} {error.advice}")
        except OSError as error:
            say(args, f"An earlier session could not be finished: {error}")
    return newest


def _broken_off(part: Path, keys: Keys | None) -> BrokenOff:
    written_ns = part.stat().st_mtime_ns
    stored = read_recording(part, keys)
    return BrokenOff(part, stored, written_ns, away_us(stored, written_ns, read_clocks(), boot_id()), keys)


def _finish(args: argparse.Namespace, found: BrokenOff) -> None:
    if found.stored.locked:
        return
    if found.part.stat().st_size > LONG_BYTES:
        say(args, "An earlier session was broken off and is finished first, some 15 seconds for each hour of it ...")
    path = finish_interrupted(found.part, found.keys)
    if path is not None:
        say(args, f"An earlier session had been broken off; it is finished as far as it went: {path}")


def wants_to_go_on(args: argparse.Namespace, found: BrokenOff) -> bool:
    """Ask once, where there is somebody to ask; elsewhere say how it is done."""
    when = f"A session was broken off {_ago(found.passed_us)}"
    if args.json or args.quiet or args.view == "none" or not (sys.stdin.isatty() and sys.stderr.isatty()):
        more = "".join(f" --{word} {value}" for word in ("person", "output") if (value := getattr(args, word)))
        say(args, f"{when} and can still be gone on with: {called()} practice --resume{more}")
        return False
    sys.stderr.write(f"{when}. Go on with it? [Y/n] ")
    sys.stderr.flush()
    answer = sys.stdin.readline()
    return bool(answer) and answer.strip().lower() in ("", "y", "yes")


def _ago(us: int) -> str:
    minutes = round(us / 60e6)
    return "less than a minute ago" if minutes < 1 else f"{minutes} minute{'s' * (minutes != 1)} ago"
