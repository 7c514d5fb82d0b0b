"""What several commands share: settings, speeds, and printing."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO, cast

from biofeedback.config import Config, load_config
from biofeedback.events import Json
from devices.names import printable

if TYPE_CHECKING:
    from devices.finding import Aids
    from devices.source import SourceSpec

NO_STRAP: Final = 3
INTERRUPTED: Final = 130


class Parser(argparse.ArgumentParser):
    """argparse, whose complaints are one line what and one line what to do."""

    more_help: Callable[[], str] | None = None
    """Lines below the help that are worth finding only when somebody reads them."""

    rest: str | None = None
    """The list that takes words which stand behind options, as in `library delete --yes ID`."""

    def parse_known_args(  # pyright: ignore[reportIncompatibleMethodOverride] - it is argparse's own, in one form
        self,
        args: Any = None,  # noqa: ANN401 - as argparse has it
        namespace: Any = None,  # noqa: ANN401 - as argparse has it
    ) -> tuple[Any, list[str]]:
        """As argparse does; but a word behind an option is a word too."""
        found, left = super().parse_known_args(args, namespace)
        if self.rest is not None and not any(word.startswith("-") for word in left):
            setattr(found, self.rest, [*getattr(found, self.rest), *left])
            left = []
        return found, left

    def format_help(self) -> str:
        """The help, and what there is below it."""
        return super().format_help() + (self.more_help() if self.more_help is not None else "")

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the words, and end with 2."""
        self.exit(2, f"biofeedback: {message[0].upper()}{message[1:]}.\nSee: {self.prog} --help\n")


def config_of(args: argparse.Namespace) -> Config:
    """The settings for this call."""
    return load_config(Path(args.config) if args.config else None, args.home)


def print_json(value: Mapping[str, Json] | list[Json]) -> None:
    """One JSON document on stdout, on one line."""
    text = json.dumps(value, allow_nan=False)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def print_exported(text: str) -> None:
    """A table or document on stdout; into a file or a pipe always in UTF-8, whatever the terminals here use."""
    out: TextIO = sys.stdout
    if isinstance(out, TextIOWrapper) and not out.isatty():
        cast("TextIOWrapper", out).reconfigure(encoding="utf-8", errors="backslashreplace")
    out.write(text)


def say(args: argparse.Namespace, text: str) -> None:
    """Talk: on stderr, and not at all when quiet."""
    if not args.quiet:
        sys.stderr.write(text + "\n")


def complain(args: argparse.Namespace, what: str, advice: str, error: BaseException) -> None:
    """Two lines on stderr, one when there is no advice; the traceback only for those who asked for it."""
    if args.verbose >= 2:
        from traceback import print_exception

        print_exception(error)
    # What a plug-in, a system or a file had to say may be in it.
    sys.stderr.write(f"biofeedback: {printable(what)}\n" + (f"{printable(advice)}\n" if advice else ""))


def quiet_libraries(args: argparse.Namespace) -> None:
    """What libraries log is for those who asked for it; a person gets our sentences."""
    import logging

    logging.basicConfig(level=logging.WARNING if args.verbose >= 2 else logging.CRITICAL + 1)


def called() -> str:
    """How this program was called, so that its hints can be typed as they stand."""
    return os.environ.get("BIOFEEDBACK_CALLED", "biofeedback")


def report_path(recording: Path) -> Path:
    """Where the page about a recording goes unless told otherwise: beside it."""
    return recording.with_name(recording.name.split(".")[0] + ".html")


def with_seed(spec: SourceSpec, seed: int | None) -> SourceSpec:
    """The spec with `--seed`, which beats its own `?seed=`."""
    return spec if seed is None else replace(spec, options={**spec.options, "seed": str(seed)})


def strap_aids(config: Config, *, keeps: bool) -> Aids:
    """Which straps were used here, and which are being read. `keeps`: whether one that is used now is remembered."""
    from devices.choosing import Chooser
    from devices.finding import Aids
    from devices.known_straps import KnownStraps
    from devices.strap_lock import StrapLocks

    return Aids(KnownStraps(config.home / "straps.json", keeps=keeps), Chooser(), StrapLocks.usual())


def add_unit_option(parser: argparse.ArgumentParser) -> None:
    """`--unit`: what somebody says of bare numbers; a word that is no unit is a usage error."""
    parser.add_argument(
        "--unit", type=_unit, help="unit of bare numbers when it cannot be told: ms, s, 1/1024, samples@HZ"
    )


def _unit(text: str) -> str:
    from biofeedback.errors import ImportRefused
    from biofeedback.formats.units import ticks_each

    try:
        ticks_each(text)
    except ImportRefused as error:
        raise argparse.ArgumentTypeError(
            f"{error.what.rstrip('.')}; {error.advice[0].lower()}{error.advice[1:-1]}"
        ) from error
    return text


def add_example(parser: argparse.ArgumentParser, example: str) -> None:
    """One worked example at the end of a command's help."""
    parser.epilog = f"example:\n  {called()} {example.removeprefix('biofeedback ')}"
