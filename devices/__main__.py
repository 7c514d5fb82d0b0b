"""`python -m devices`: what a strap or a simulated person sends, without the rest of the program.

Three jobs: print what comes (`python -m devices strap:Polar`), list the straps in range (`python -m devices scan`),
say whether Bluetooth can be used (`python -m devices check`). Standard library, and bleak for Bluetooth.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from devices.bluetooth import bluetooth_errors, trouble_of
from devices.clock import SteadyClock
from devices.errors import BluetoothError, DeviceError, SourceSpecError
from devices.events import Packet
from devices.finding import Aids
from devices.lines import line_of, object_of
from devices.names import printable
from devices.opening import open_source
from devices.source import Source, parse_spec
from devices.strap_lock import StrapLocks

if TYPE_CHECKING:
    from devices.discovery import FoundStrap

FAILED: Final = 1
USAGE: Final = 2
NOTHING: Final = 3
INTERRUPTED: Final = 130
ENDINGS: Final = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]
SCAN_S: Final = 15.0
LONGEST_S: Final = 86_400.0

WHAT: Final = """\
strap:         what the first strap in range sends (the default)
strap:NAME     the strap whose name begins so, or that has this address
sim:PERSON     a simulated person: calm, tense, flat, nonfollower, ectopic, faulty
scan           the straps in range
check          whether Bluetooth can be used on this computer"""
EXAMPLES: Final = """\
examples:
  python -m devices                            until you press Ctrl-C
  python -m devices strap:Polar --packets 10
  python -m devices sim:calm --seconds 5 --json
  python -m devices scan"""


def main(argv: Sequence[str] | None = None) -> int:
    """Do one job. 0 when it was done, 1 failed, 2 usage, 3 no Bluetooth or nothing came, 130 interrupted."""
    args = _parser().parse_args(argv)
    logging.basicConfig(level=logging.CRITICAL + 1)  # what libraries log is said here in sentences
    try:
        return asyncio.run(_until_signalled(_job(args)))
    except DeviceError as error:
        sys.stderr.write(f"devices: {printable(error.what)}\n{error.advice}\n")
        return NOTHING if isinstance(error, BluetoothError) else USAGE if isinstance(error, SourceSpecError) else FAILED
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED
    except BrokenPipeError:  # whoever read the output has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m devices",
        description="What a heart-rate strap sends, packet by packet.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawTextHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("what", nargs="?", default="strap:", metavar="WHAT", help=WHAT)
    parser.add_argument("--seconds", type=_seconds, metavar="S", help="how long to listen, or to scan (15)")
    parser.add_argument("--packets", type=_count, metavar="N", help="stop after so many packets")
    parser.add_argument("--json", action="store_true", help="one JSON object a line; one JSON list for scan")
    return parser


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if 0 < float(text) <= LONGEST_S:
            return float(text)
    raise argparse.ArgumentTypeError(f"'{text}' is not a number above 0, at most {LONGEST_S:.0f}")


def _count(text: str) -> int:
    if text.isdecimal() and int(text) > 0:
        return int(text)
    raise argparse.ArgumentTypeError(f"'{text}' is not a whole number above 0")


def _job(args: argparse.Namespace) -> Coroutine[Any, Any, int]:
    if args.what == "scan":
        return _scan(args.seconds or SCAN_S, as_json=args.json)
    if args.what == "check":
        return _check(as_json=args.json)
    # A second reader would double the beats of whoever reads the strap; which ones were used is the program's to know.
    source = open_source(parse_spec(args.what), Aids(locks=StrapLocks.usual()))
    return _listen(source, args.seconds, args.packets, as_json=args.json)


async def _until_signalled(job: Coroutine[Any, Any, int]) -> int:
    """SIGTERM, and on Windows Ctrl-Break, end the job as Ctrl-C does, so that the link to a strap is closed."""
    before = {number: signal.signal(number, signal.getsignal(signal.SIGINT)) for number in ENDINGS}
    try:
        return await job
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def _listen(source: Source, seconds: float | None, packets: int | None, *, as_json: bool) -> int:
    """Print what comes until there is enough of it."""
    limit, heard = asyncio.timeout(seconds), 0
    try:
        async with source, limit:
            async for event in source.events(SteadyClock()):
                _print(json.dumps(object_of(event)) if as_json else line_of(event))
                heard += isinstance(event, Packet)
                if packets is not None and heard >= packets:
                    return 0
    except TimeoutError:
        if not limit.expired():
            raise
    if heard:
        return 0
    sys.stderr.write("devices: No packet came.\nIs the strap worn, its electrodes wet, no other program connected?\n")
    return NOTHING


async def _scan(seconds: float, *, as_json: bool) -> int:
    from devices.discovery import scan

    if not as_json:
        sys.stderr.write(f"Looking for straps, {seconds:g} s.\n")
    try:
        straps = await scan(seconds, found_one=None if as_json else lambda strap: _print(_strap_line(strap)))
    except bluetooth_errors() as error:
        raise trouble_of(error).error() from error
    if as_json:
        kept = ("name", "address", "rssi", "connected")
        _print(json.dumps([{key: getattr(strap, key) for key in kept} for strap in straps]))
    if straps:
        return 0
    sys.stderr.write("devices: No strap is in range.\nWet its electrodes, put it on, close other programs.\n")
    return NOTHING


async def _check(*, as_json: bool) -> int:
    from devices.strap import bluetooth_trouble

    trouble = await bluetooth_trouble()
    if as_json:
        found = trouble and {"reason": trouble.reason.value, "what": trouble.what, "advice": trouble.advice}
        _print(json.dumps({"ok": trouble is None, "trouble": found}))
    elif trouble is None:
        _print("Bluetooth is on.")
    else:
        raise trouble.error()
    return 0 if trouble is None else NOTHING


def _strap_line(strap: FoundStrap) -> str:
    signal_words = "connected to this computer" if strap.connected else f"signal {strap.rssi} dBm"
    return f"{strap.called:<24}  {strap.address}  {signal_words}"


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
