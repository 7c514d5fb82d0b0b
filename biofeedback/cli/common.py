"""What several commands share: settings, speeds, and printing."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from biofeedback.config import Config, load_config
from biofeedback.events import Json

INTERRUPTED: Final = 130


def config_of(args: argparse.Namespace) -> Config:
    """The settings for this call."""
    return load_config(Path(args.config) if args.config else None, args.home)


def print_json(value: Mapping[str, Json] | list[Json]) -> None:
    """One JSON document on stdout, on one line."""
    text = json.dumps(value, allow_nan=False)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def say(args: argparse.Namespace, text: str) -> None:
    """Talk: on stderr, and not at all when quiet."""
    if not args.quiet:
        sys.stderr.write(text + "\n")


def add_example(parser: argparse.ArgumentParser, example: str) -> None:
    """One worked example at the end of a command's help."""
    parser.epilog = f"example:\n  {example}"


def add_view_options(parser: argparse.ArgumentParser) -> None:
    """`--view` and `--speed`."""
    parser.add_argument("--view", choices=("terminal", "none"), help="terminal (default) or none")
    parser.add_argument("--speed", metavar="N|max", help="1 is real time; max as fast as it goes (not with a strap)")
