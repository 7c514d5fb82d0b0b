"""What does a program lose that is killed while it records?  python benchmarks/recording_kills.py [--kills 1000]

Children append numbered events to real recordings, go on with those of dead ones, and finish them, until SIGKILL ends
them at a random moment. An event counts as committed when its `append` has returned. Exit 1 when one was lost, doubled
or misplaced, or when a file could not be gone on with.
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
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--encrypted", action="store_true")
    asked = parser.parse_args(argv)
    limits = ["--kills", str(asked.kills), "--events", str(asked.events), "--seed", str(asked.seed)]
    limits += ["--encrypted"] if asked.encrypted else []
    with tempfile.TemporaryDirectory() as folder:
        killer = [sys.executable, "-m", "tests.recording.killed", folder, *limits]
        ran = subprocess.run(killer, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    for name, value in json.loads(ran.stdout).items():
        print(f"{name.replace('_', ' '):<24} {value}")
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main())
