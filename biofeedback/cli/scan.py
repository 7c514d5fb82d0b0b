"""`biofeedback scan`: the heart-rate straps in range."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING, Final

from biofeedback.cli.common import (
    NO_STRAP,
    add_example,
    called,
    config_of,
    print_json,
    quiet_libraries,
    say,
    strap_aids,
)
from biofeedback.errors import UsageError

if TYPE_CHECKING:
    from biofeedback.config import Config
    from biofeedback.events import Json
    from devices.choosing import Sight
    from devices.discovery import FoundStrap

LONGEST_S: Final = 600.0
NOBODY: Final = (
    "No strap is in sight. Wet its electrodes and put it on; close other programs and phones that may hold it."
)


def add_to(parser: argparse.ArgumentParser) -> None:
    """Its options."""
    parser.add_argument("--timeout", type=float, default=15.0, metavar="S", help="how long to look, seconds (15)")
    parser.add_argument("--json", action="store_true", help="one JSON list on stdout")
    add_example(parser, "biofeedback scan --timeout 20")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look, and list what is there; 3 when there is none."""
    config = config_of(args)
    if not 0 < args.timeout <= LONGEST_S:
        raise UsageError(f"A search cannot last {args.timeout:g} s.", f"Give seconds above 0, at most {LONGEST_S:g}.")
    quiet_libraries(args)
    sights = _sights(asyncio.run(_look(args)), config)
    if args.json:
        print_json([_in_json(sight) for sight in sights])
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _table(sights)))
    if not sights:
        say(args, NOBODY)
        return NO_STRAP
    if not args.json and (advised := next((sight for sight in sights if not sight.in_use), None)) is not None:
        say(args, f"Practise with {_named(advised, sights)}: {called()} practice --source strap:{advised.address}")
    return 0


def _sights(straps: list[FoundStrap], config: Config) -> list[Sight]:
    """What is known of the straps beside what the air says; those that were used before come first."""
    from devices.finding import sights_of

    aids = strap_aids(config, keeps=False)
    sights = sights_of(straps, aids.known.newest_first(), aids.locks.in_use)
    return sorted(sights, key=lambda sight: sight.last_used, reverse=True)


def _in_json(sight: Sight) -> dict[str, Json]:
    """The keys of the contract, and what is known here beside them."""
    return {
        "name": sight.name,
        "address": sight.address,
        "rssi": sight.rssi,
        "connected": sight.connected,
        "last_used": sight.last_used or None,
        "in_use": sight.in_use,
    }


async def _look(args: argparse.Namespace) -> list[FoundStrap]:
    """Scan, with a bar that shows how long it takes when somebody looks on."""
    from devices.bluetooth import bluetooth_errors, trouble_of
    from devices.discovery import scan

    watching = asyncio.create_task(_show_progress(args.timeout)) if _watched(args) else None
    try:
        return await scan(args.timeout)
    except bluetooth_errors() as error:
        raise trouble_of(error).error() from error
    finally:
        if watching is not None:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)


def _watched(args: argparse.Namespace) -> bool:
    return not args.quiet and sys.stderr.isatty()


async def _show_progress(seconds: float) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("Looking for straps"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=seconds)
        while True:
            await asyncio.sleep(0.1)
            progress.advance(task, 0.1)


def _table(sights: list[Sight]) -> list[str]:
    """One line a strap: name, address, signal and use. A name comes out of the air and may hold anything."""
    from biofeedback.presenter.straps import signal_and_use, strap_name

    names = [strap_name(sight.name, "(no name)") for sight in sights]
    widest = max(map(len, names), default=0)
    return [
        f"{name:<{widest}}  {sight.address}  {signal_and_use(sight)}" for name, sight in zip(names, sights, strict=True)
    ]


def _named(advised: Sight, sights: list[Sight]) -> str:
    if len(sights) == 1:
        return "it"
    return "the first" if advised is sights[0] else "the first free one"
