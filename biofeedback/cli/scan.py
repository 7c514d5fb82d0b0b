"""`biofeedback scan`: the heart-rate straps in range."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import TYPE_CHECKING, Final

from biofeedback.cli.common import NO_STRAP, add_example, called, config_of, print_json, quiet_libraries, say
from biofeedback.errors import UsageError

if TYPE_CHECKING:
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
    config_of(args)
    if not 0 < args.timeout <= LONGEST_S:
        raise UsageError(f"A search cannot last {args.timeout:g} s.", f"Give seconds above 0, at most {LONGEST_S:g}.")
    quiet_libraries(args)
    straps = asyncio.run(_look(args))
    if args.json:
        print_json(
            [
                {"name": strap.name, "address": strap.address, "rssi": strap.rssi, "connected": strap.connected}
                for strap in straps
            ]
        )
    else:
        sys.stdout.write("".join(f"{line}\n" for line in _table(straps)))
    if not straps:
        say(args, NOBODY)
        return NO_STRAP
    if not args.json:
        say(args, f"Practise with the first: {called()} practice --source strap:{straps[0].address}")
    return 0


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


def _table(straps: list[FoundStrap]) -> list[str]:
    """One line a strap: name, address, signal. A name comes out of the air and may hold anything."""
    from biofeedback.presenter.words import clean

    names = [clean(strap.called) for strap in straps]
    widest = max(map(len, names), default=0)
    return [f"{name:<{widest}}  {strap.address}  {_signal(strap)}" for name, strap in zip(names, straps, strict=True)]


def _signal(strap: FoundStrap) -> str:
    return "connected to this computer" if strap.connected else f"signal {strap.rssi} dBm"
