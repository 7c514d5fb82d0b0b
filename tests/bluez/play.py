"""Try a program with a strap that is not there: `python -m tests.bluez.play PROGRAM WORDS...`.

The program finds a fake BlueZ with one strap, worn by a simulated person, and others beside it where that is asked
for; its exit code is returned.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from contextlib import ExitStack

from devices.people import PEOPLE
from tests.bluez.rig import MISSING, Rig
from tests.bluez.wearer import Wearer, wearing


def main(words: list[str] | None = None) -> int:
    """Run the program to its end."""
    parser = argparse.ArgumentParser(prog="python -m tests.bluez.play", description=__doc__)
    parser.add_argument("--person", choices=sorted(PEOPLE), default="calm")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=1.0)
    parser.add_argument("--acc", action="store_true", help="a strap with an accelerometer, whose wearer moves at times")
    parser.add_argument("--name", default="Polar H10 12345678")
    parser.add_argument("--beside", action="append", default=[], metavar="NAME", help="one more strap in the room")
    parser.add_argument("program", nargs=argparse.REMAINDER)
    asked = parser.parse_args(words)
    if MISSING:
        sys.stderr.write(MISSING + "\n")
        return 1
    options = {"move_pct": "60"} if asked.acc else {}
    with Rig() as rig, ExitStack() as worn:
        for number, name in enumerate([asked.name, *asked.beside]):
            strap = rig.add_strap(name, rssi=-55 - 9 * number, accelerometer=asked.acc)
            said = wearing(asked.person, asked.seed + number, **options)
            worn.enter_context(Wearer(strap, said, asked.speed))
        return subprocess.call(asked.program, env=os.environ | rig.environment())


if __name__ == "__main__":
    sys.exit(main())
