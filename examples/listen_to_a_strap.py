"""The RR intervals of a real strap, without the rest of the program: found, connected, and found again when it is lost.

Run it in the program's own Python:  .venv/bin/python examples/listen_to_a_strap.py [NAME] [--intervals 30]
(`python -m devices` prints everything that a strap sends.)
"""

from __future__ import annotations

import argparse
import asyncio

from devices.clock import SteadyClock
from devices.errors import BluetoothError
from devices.events import LinkState, Packet
from devices.heart_rate_measurement import decode
from devices.strap import Strap


async def listen(name: str, wanted: int) -> None:
    """Print what the link and the strap say until so many intervals have come."""
    heard = 0
    async with Strap(name) as strap:
        async for event in strap.events(SteadyClock()):
            if isinstance(event, LinkState):
                print(event.why)
            elif isinstance(event, Packet):
                for ticks in decode(event.raw).rr_1024:  # 1/1024 s
                    print(f"{event.stamp_us / 1e6:8.3f} s  {ticks * 1000 / 1024:7.1f} ms")
                    heard += 1
            if heard >= wanted:
                return


def main() -> None:
    """Listen; without Bluetooth say what to do."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", nargs="?", default="", help="how the strap's name begins, or its address")
    parser.add_argument("--intervals", type=int, default=30)
    words = parser.parse_args()
    try:
        asyncio.run(listen(words.name, words.intervals))
    except BluetoothError as error:
        print(error.what, error.advice)


if __name__ == "__main__":
    main()
