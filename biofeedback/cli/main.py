"""`biofeedback`: reads the words, hands them to one subcommand, turns errors into two calm lines."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from io import TextIOWrapper
from typing import Final

from biofeedback import __version__
from biofeedback.cli.common import INTERRUPTED, NO_STRAP, Parser, called, complain
from biofeedback.errors import BiofeedbackError

COMMANDS: Final[dict[str, str]] = {
    "demo": "a complete short session with a simulated person",
    "practice": "a live session: breathing, imagery, what the heart does",
    "scan": "heart-rate straps in range",
    "doctor": "what works on this computer, and what to do about the rest",
    "replay": "watch a recording or a file of another program",
    "verify": "recompute recordings and compare every number",
    "analyze": "heart-rate variability of recordings and files of other programs",
    "import": "make recordings of files of other programs, or say what they are",
    "simulate": "write a recording of a simulated person",
    "report": "one HTML page about a session",
    "person": "who is recorded here: consent, profile, deletion",
    "journal": "what came, in one sentence: add, list, export, remove",
    "library": "the sessions on this computer: list, show, tag, move, delete, verify",
    "export": "copies of recordings to give away",
    "scripts": "the imagery scripts: list, show, check, new",
    "lock": "encrypt what is recorded, or stop doing so",
    "config": "settings and where each comes from",
}
MODULES: Final = {"import": "importing"}
"""Where a command's module cannot have its name."""
DESCRIPTION: Final = (
    "Practise paced breathing and imagery with a heart-rate strap, and see honestly what your own heart does. "
    "A wellness tool, not a medical device."
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns the exit code of the contract.

    0 ok, 1 failed, 2 usage, 3 no strap or Bluetooth, 4 unreadable, 5 differs, 130 interrupted.
    """
    _write_what_can_be_written()
    words = list(sys.argv[1:] if argv is None else argv)
    args = _parser(words).parse_args(words)
    if args.no_color:
        os.environ["NO_COLOR"] = "1"
    try:
        return int(args.run(args))
    except BiofeedbackError as error:
        complain(args, error.what, error.advice, error)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001 - the last net: nobody should meet a traceback
        from devices.errors import BluetoothError, DeviceError

        if isinstance(error, DeviceError):
            complain(args, error.what, error.advice, error)
            return NO_STRAP if isinstance(error, BluetoothError) else 2
        # Not what the error says: that may hold somebody's words or heartbeats, and people pass such lines on.
        what = f"Something went wrong inside the program: {type(error).__name__}{_place(error)}."
        complain(args, what, "Run it again with -vv and report what it prints; recordings are kept.", error)
        return 1


def _write_what_can_be_written() -> None:
    r"""A sign that a terminal or pipe has no letter for is written as \u65e5; no command ends because of it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _place(error: BaseException) -> str:
    """Where it was raised, as far as that is known."""
    from traceback import extract_tb

    frames = extract_tb(error.__traceback__)
    return f" at {os.path.basename(frames[-1].filename)}:{frames[-1].lineno}" if frames else ""  # noqa: PTH119 - quick


def _parser(words: Sequence[str]) -> Parser:
    """The parser; only subcommands that are named are loaded, so that `--help` stays quick."""
    parser = Parser(
        prog=called(),
        description=DESCRIPTION,
        epilog=f"Start with:  {called()} demo\nHelp on one command:  {called()} practice --help",
        parents=[_shared_options({"config": None, "home": None, "no_color": False, "quiet": False, "verbose": 0})],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"biofeedback {__version__}")
    shared = _shared_options({})
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True, parser_class=Parser)
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(
            name,
            help=summary,
            description=summary[0].upper() + summary[1:] + ".",
            parents=[shared],
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        if name in words:
            import_module(f"biofeedback.cli.{MODULES.get(name, name)}").add_to(sub)
    return parser


def _shared_options(defaults: Mapping[str, object]) -> Parser:
    """What every command understands, before its name or after it."""
    shared = Parser(add_help=False, allow_abbrev=False, argument_default=argparse.SUPPRESS)
    group = shared.add_argument_group("everywhere")
    group.add_argument("--config", metavar="FILE", help="settings file to use instead of the usual one")
    group.add_argument("--home", metavar="DIR", help="folder of your sessions (also BIOFEEDBACK_HOME)")
    group.add_argument("--no-color", action="store_true", default=argparse.SUPPRESS, help="no colours (also NO_COLOR)")
    group.add_argument(
        "-q", "--quiet", action="store_true", default=argparse.SUPPRESS, help="say only what was asked for"
    )
    group.add_argument("-v", "--verbose", action="count", help="-vv: show tracebacks of errors")
    shared.set_defaults(**defaults)
    return shared
