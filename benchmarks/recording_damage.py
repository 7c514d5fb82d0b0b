"""What is read of a damaged recording?  python benchmarks/recording_damage.py [--lines 40] [--mutants 20000]

Every truncation, every flipped bit, sectors of zeros, noise at the end, removed, swapped, repeated and moved lines, and
random mutants of one recording, plain and encrypted. Exit 1 at an exception, at a line that was never written, at a
change that is not found, or when a flipped bit costs more than two lines.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the ways of damage are part of the tests

from biofeedback.events import Beat, End, Event, Mark, Packet
from tests.recording.damaged import MOST_LOST, Golden, flips, mutated, random_tails, shuffled, zeroed
from tests.recording.logs import KEYS, Logs


def events(lines: int) -> Iterator[Event]:
    """Packets with their beats, a mark now and then, so that a seal stands every twenty lines."""
    for number in range(lines):
        at = number * 3_000_000
        if number % 10 == 9:
            yield Mark(at, f"{number} ä–\u202e", "trainee")
        elif number % 2:
            yield Beat(at, at - 1000, 962_000, True, None, False)
        else:
            yield Packet(at, "s1", at - 500, 63, True, None, (962,), "163fc203")
    yield End(lines * 3_000_000, "planned end", lines * 3.0, lines)


def kinds(golden: Golden, mutants: int) -> Iterator[tuple[str, Iterable[bytes], int | None]]:
    """The name of a kind of damage, all of it, and how many lines it may cost."""
    data = golden.data
    yield "truncations", (data[:size] for size in range(len(data))), None
    yield "flipped bits", flips(data), MOST_LOST
    yield "sectors of zeros", zeroed(data), None
    yield "noise at the end", random_tails(data, 1, 1000), None
    yield "lines shuffled", shuffled(data), None
    yield "mutants", (bad for bad in mutated(data, 2, mutants) if bad != data), None


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=40)
    parser.add_argument("--mutants", type=int, default=20_000)
    asked = parser.parse_args(argv)
    failed = 0
    for name, logs in (("plain", Logs(None)), ("encrypted", Logs(KEYS))):
        with tempfile.TemporaryDirectory() as folder:
            golden = Golden.written(logs, Path(folder), list(events(asked.lines)))
            print(f"{name}: {len(golden.lines)} lines, {len(golden.data)} bytes")
            for kind, damaged, most_lost in kinds(golden, asked.mutants):
                began, count, wrong = time.monotonic(), 0, 0
                for data in damaged:
                    count += 1
                    wrong += bool(golden.complaints(data, most_lost))
                failed += wrong
                print(f"  {kind:<18} {count:7}  {wrong} complaints  {time.monotonic() - began:5.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
