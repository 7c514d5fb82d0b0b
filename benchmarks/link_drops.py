"""What do lost links leave behind?  python benchmarks/link_drops.py [--drops 500]

A strap on a fake BlueZ loses its link again and again; the source of a session finds it each time, its waits a
hundredth as long as usual. Counted is what there is once each link is settled, after ten links to warm up. Exit 1 when
a packet was lost or came twice, or when anything but memory is not what it was at the beginning.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the fake BlueZ is part of the tests

from tests.bluez.drops import WARM_UP, Figures, lose_the_link
from tests.bluez.rig import MISSING, Rig


def span(values: Iterable[int]) -> str:
    """One number when there is but one."""
    least, most = min(found := list(values)), max(found)
    return str(least) if least == most else f"{least} to {most}"


def table(figures: Figures) -> list[tuple[str, str]]:
    return [
        ("links lost", f"{figures.drops}, in {figures.seconds:.0f} s"),
        ("packets sent", str(figures.sent)),
        ("packets lost", str(figures.lost)),
        ("packets doubled", str(figures.doubled)),
        ("tasks", f"{span(figures.tasks)}, of them keep the link: {span(figures.keepers)}"),
        ("subscriptions", span(measurements for measurements, _ in figures.subscriptions)),
        ("descriptors", span(figures.descriptors)),
        ("memory (RSS), kB", f"{figures.rss_kb[0]} before, {figures.rss_kb[-1]} after"),
    ]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--drops", type=int, default=500)
    asked = parser.parse_args(argv)
    if asked.drops <= WARM_UP:
        parser.error(f"more than {WARM_UP} drops, please: so many are to warm up")
    if MISSING:
        print(MISSING)
        return 1
    with Rig() as rig:
        os.environ.update(rig.environment())
        figures = asyncio.run(lose_the_link(rig, asked.drops))
    for name, value in table(figures):
        print(f"{name:<18} {value}")
    steady = len(set(figures.tasks)) == len(set(figures.descriptors)) == len(figures.subscriptions) == 1
    return 0 if steady and not (figures.lost or figures.doubled) else 1


if __name__ == "__main__":
    sys.exit(main())
