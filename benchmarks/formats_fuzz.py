"""What do damaged files do to the readers?  python benchmarks/formats_fuzz.py [--mutants 10000] [--readers fit xdf]

Mutants of every reader's files: flipped bits, cuts, hostile numbers, changed headers, pieces of other files. Each is
read in this process under RECORDING R7: 0 exceptions but ImportRefused, <= 1 s of processor time, <= 256 MiB. Exit 1
when one breaks that; with --keep, the first such file of each kind is written into a folder.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the mutants are part of the tests

from rich.console import Console
from rich.progress import Progress

from benchmarks.tables import table
from tests.formats.mutants import Seed, Tally, fuzzed, seeds

HEAD = ("reader", "seeds", "mutants", "read", "refused", "of these caught at the door", "wrong", "slowest, ms")


def row(tally: Tally) -> list[str]:
    caught = ", ".join(f"{name} {count}" for name, count in tally.at_the_door.most_common())
    wrong = ", ".join(f"{name} {count}" for name, count in tally.wrong.most_common())
    numbers = [str(number) for number in (tally.seeds, tally.mutants, tally.read, tally.refused)]
    return [tally.reader, *numbers, caught or "0", wrong or "0", f"{tally.slowest_s * 1000:.0f}"]


def all_fuzzed(found: dict[str, list[Seed]], count: int) -> list[Tally]:
    tallies: list[Tally] = []
    with Progress(console=Console(stderr=True)) as bar:
        for number, (name, some) in enumerate(found.items(), 1):
            task = bar.add_task(f"{name} ({number} of {len(found)})", total=count)
            tallies.append(fuzzed(name, some, count, lambda: bar.advance(task)))  # noqa: B023 - called before the next
            bar.remove_task(task)
    return tallies


def keep(tallies: list[Tally], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for tally in tallies:
        for number, (what, (name, data)) in enumerate(tally.examples.items()):
            place = folder / f"{tally.reader.replace(' ', '_')}-{number}-{name}"
            place.write_bytes(data)
            print(f"{place}: {what}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mutants", type=int, default=10_000)
    parser.add_argument("--readers", nargs="*", default=[])
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args(argv)
    warnings.simplefilter("ignore")  # numpy's, of numbers that a mutant holds
    found = seeds()
    without = [name for name, some in found.items() if not some]
    found = {name: some for name, some in found.items() if some and (not asked.readers or name in asked.readers)}
    tallies = all_fuzzed(found, asked.mutants)
    print(table(HEAD, map(row, tallies)))
    if without:
        print(f"\nWithout a sound file to begin with: {', '.join(without)}")
    if asked.keep:
        keep(tallies, asked.keep)
    return 1 if any(tally.wrong for tally in tallies) else 0


if __name__ == "__main__":
    sys.exit(main())
