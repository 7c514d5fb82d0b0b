"""Which face a session gets: windows where there is a screen, else the terminal, else none."""

from __future__ import annotations

import argparse
from typing import Literal, TypeAlias

from biofeedback.cli.common import say
from biofeedback.config import LEGIBLE

Face: TypeAlias = Literal["desktop", "terminal", "none"]


def add_view_options(parser: argparse.ArgumentParser) -> None:
    """`--view` and `--speed`."""
    parser.add_argument(
        "--view", choices=("desktop", "terminal", "none"), help="desktop where there is a screen, else terminal"
    )
    parser.add_argument("--speed", metavar="N|max", help="1 is real time; max as fast as it goes (not with a strap)")


def face_of(args: argparse.Namespace, speed: float, setting: str = "auto") -> Face:
    """The face for these words: `--view`, else the setting `view`, else what fits this computer and the speed.

    Windows that cannot open give way to the terminal, with one sentence why.
    """
    asked = args.view or setting
    if asked in ("terminal", "none"):
        return "terminal" if asked == "terminal" else "none"
    from biofeedback.desktop.display import display_complaint, has_screen

    if asked == "auto":
        if args.json or args.quiet:
            return "none"
        if speed > LEGIBLE or not has_screen():
            return "terminal"
    complaint = display_complaint()
    if not complaint:
        return "desktop"
    say(args, f"{complaint} The session is shown in the terminal.")
    return "terminal"
