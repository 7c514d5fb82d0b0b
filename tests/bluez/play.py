"""Try a program with a strap that is not there: `python -m tests.bluez.play PROGRAM WORDS...`.

The program finds a fake BlueZ with one strap, worn by a simulated person; its exit code is returned.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

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
    parser.add_argument("program", nargs=argparse.REMAINDER)
    asked = parser.parse_args(words)
    if MISSING:
        sys.stderr.write(MISSING + "\n")
        return 1
    said = wearing(asked.person, asked.seed, **({"move_pct": "60"} if asked.acc else {}))
    with Rig() as rig, Wearer(rig.add_strap(asked.name, accelerometer=asked.acc), said, asked.speed):
        return subprocess.call(asked.program, env=os.environ | rig.environment())


if __name__ == "__main__":
    sys.exit(main())
