"""Can any bytes upset the packet reader?  python benchmarks/codec.py [--random 1000000] [--longest 3] [--processes 2]

All strings of up to three bytes and a million random ones of up to forty are read by the program's reader and, field
by field, by a slow one of the tests; the two must say the same. What is printed is how many were read, how many
differed, and the time one packet takes the program's reader. Exit 1 when any differed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import product
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the slow reader is part of the tests

from devices.heart_rate_measurement import decode
from tests.devices.slow_reader import random_strings, slowly

BATCH = 50_000


def compare(raws: Iterable[bytes]) -> tuple[int, list[str]]:
    read, differing = 0, list[str]()
    for raw in raws:
        read += 1
        if decode(raw) != slowly(raw):
            differing.append(raw.hex())
    return read, differing


def beginning_with(first: int, length: int) -> tuple[int, list[str]]:
    """All strings of this length with this first byte."""
    return compare(bytes([first, *rest]) for rest in product(range(256), repeat=length - 1))


def at_random(count: int, seed: int) -> tuple[int, list[str]]:
    return compare(random_strings(count, seed=seed))


def microseconds_a_packet() -> float:
    raws = list(random_strings(20_000))
    began = time.process_time()
    for raw in raws:
        decode(raw)
    return (time.process_time() - began) / len(raws) * 1e6


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--random", type=int, default=1_000_000)
    parser.add_argument("--longest", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args(argv)
    began = time.monotonic()
    short, chance = [compare([b""])], list[tuple[int, list[str]]]()
    with ProcessPoolExecutor(asked.processes) as pool:
        for length in range(1, asked.longest + 1):
            short += pool.map(beginning_with, range(256), [length] * 256)
        counts = [min(BATCH, asked.random - done) for done in range(0, asked.random, BATCH)]
        chance += pool.map(at_random, counts, range(len(counts)))
    differing = [raw for _, some in [*short, *chance] for raw in some]
    print(f"strings of up to {asked.longest} bytes  {sum(read for read, _ in short):>10}")
    print(f"random, up to 40 bytes   {sum(read for read, _ in chance):>10}")
    print(f"read differently         {len(differing):>10}  {' '.join(differing[:5])}")
    print(f"microseconds a packet    {microseconds_a_packet():>10.2f}")
    print(f"seconds                  {time.monotonic() - began:>10.0f}")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
