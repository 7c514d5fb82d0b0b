"""What becomes of a session whose disk fails?  python benchmarks/recording_failing.py [--every 1]

The k-th write, sync, open, link, removal, renaming, change of mode or cutting of a file fails, for every k up to 200:
with ENOSPC, EIO, EDQUOT and EROFS, once, for ten seconds, and for ever; so does the k-th of all calls, and a write that
stops halfway and cannot be taken back. Each is a whole session with real files. Exit 1 when a session did not go on, a
person was not told within 2 s, a committed event was lost, or a final name was given to less than a whole recording.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the failing disk is part of the tests

from tests.recording.failing_sessions import complaints_at, every_fault


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="try one fault in so many")
    asked = parser.parse_args(argv)
    began, tried, wrong = time.monotonic(), Counter[str](), list[str]()
    for fault in list(every_fault())[:: asked.every]:
        tried[fault.call] += 1
        wrong += complaints_at(fault)
    for call, count in tried.items():
        print(f"{call:<10} {count:5} sessions")
    print(f"in all     {tried.total():5} sessions, {time.monotonic() - began:.0f} s, {len(wrong)} complaints")
    for said in wrong[:50]:
        print(said)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
