"""`biofeedback config`: every setting with its origin."""

from __future__ import annotations

import argparse
import sys

from biofeedback.cli.common import add_example, config_of, print_json
from biofeedback.config import RULES, config_path


def add_to(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("what", choices=("show", "path", "check"), help="all values, where the file is, is it right")
    parser.add_argument("--json", action="store_true", help="show as one JSON object")
    add_example(parser, "biofeedback config show")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show, locate or check the settings."""
    if args.what == "path":
        sys.stdout.write(f"{args.config or config_path()}\n")
        return 0
    settings = config_of(args).settings
    if args.what == "check":
        sys.stdout.write("The settings are in order.\n")
    elif args.json:
        print_json({name: {"value": setting.value, "origin": setting.origin} for name, setting in settings.items()})
    else:
        for name, setting in settings.items():
            shown = "(not set)" if setting.value == "" else setting.value
            sys.stdout.write(f"{name:<8} = {shown}   [{setting.origin}] {RULES[name].help}\n")
    return 0
