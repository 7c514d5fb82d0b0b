"""What does a power cut take from a recording?  python benchmarks/recording_power_cuts.py [--cuts 200]

Two programs record at 500 events a second on an ext4 of their own, on a loop device, which is shut down at a random
moment without writing its log; then it is mounted again and looked at, and they go on. "Durable" is what fsync had
returned for. Needs root. Exit 1 when a durable event was lost, when an event older than a second was, or when a file
could not be read.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        limits = ["--cuts", str(asked.cuts), "--seed", str(asked.seed)]
        cutter = [sys.executable, "-m", "tests.recording.cuts", folder, *limits]
        ran = subprocess.run(cutter, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    if not ran.stdout:
        return ran.returncode
    tally = json.loads(ran.stdout)
    for name, value in tally.items():
        print(f"{name.replace('_', ' '):<24} {value}")
    return ran.returncode or int(tally["older_than_a_second"] > 0)


if __name__ == "__main__":
    sys.exit(main())
