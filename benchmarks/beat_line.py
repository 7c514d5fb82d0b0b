"""How right are beats placed, and are lost ones found?  python benchmarks/beat_line.py [--seeds 20] [--minutes 10]

Straps whose every beat is known (tests/hrv/straps.py) through the time line, for several hearts and two kinds of
transport. Errors are placed minus true time, in ms, over all beats from the first on; "since 60 s" leaves the first
minute out, in which the strap's clock is found. A delay that every packet has cannot be seen by anybody: the least
delay of both transports, 15 ms, is a floor, and "about the mean" shows what remains without any constant part.
A loss is a place where intervals never came; it is found when the gap stands at exactly that beat, otherwise it is
missed and the gap false. Latency runs from the first packet behind the loss to the gap.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Final, TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the straps are part of the tests

from tests.hrv.straps import (
    HEARTS, SECOND, TRANSPORTS, Heart, Strapped, Transport, errors_s, lost_packets, rms, stalls, strap, streamed,
)  # fmt: skip

FOUND_S: Final = 60
Wear: TypeAlias = Callable[[Heart, Transport, int, int], Strapped]
"""One strap worn by a heart: with this transport, this seed, for so many seconds."""


def clean(heart: Heart, transport: Transport, seed: int, seconds: int) -> Strapped:
    return strap(heart.beats_us(seconds, seed), seed, clock=1.00006, transport=transport)


def stalled(heart: Heart, transport: Transport, seed: int, seconds: int) -> Strapped:
    held = stalls(seconds, seed, 0.01)
    return strap(heart.beats_us(seconds, seed), seed, clock=1.00006, transport=transport, held=held)


def lossy(heart: Heart, transport: Transport, seed: int, seconds: int) -> Strapped:
    lost = lost_packets(seconds, seed, 0.01)
    return strap(heart.beats_us(seconds, seed), seed, clock=1.00006, transport=transport, lost=lost)


def both(heart: Heart, transport: Transport, seed: int, seconds: int) -> Strapped:
    lost, held = lost_packets(seconds, seed, 0.01), stalls(seconds, seed + 1000, 0.01)
    return strap(heart.beats_us(seconds, seed), seed, clock=1.00006, transport=transport, lost=lost, held=held)


def fast(heart: Heart, transport: Transport, seed: int, seconds: int) -> Strapped:
    return strap(heart.beats_us(seconds, seed), seed, clock=1.005, transport=transport)


def slow(heart: Heart, transport: Transport, seed: int, seconds: int) -> Strapped:
    return strap(heart.beats_us(seconds, seed), seed, clock=0.995, transport=transport)


def slow_and_lossy(heart: Heart, transport: Transport, seed: int, seconds: int) -> Strapped:
    lost = lost_packets(seconds, seed, 0.01)
    return strap(heart.beats_us(seconds, seed), seed, clock=0.995, transport=transport, lost=lost)


def silent(heart: Heart, transport: Transport, seed: int, seconds: int) -> Strapped:
    def held(second: int) -> float:
        return 20 - second % 120 if second % 120 < 20 and second >= 120 else 0.0

    return strap(heart.beats_us(seconds, seed), seed, clock=1.00006, transport=transport, held=held)


def deaf(heart: Heart, transport: Transport, seed: int, seconds: int) -> Strapped:
    lost = {second for second in range(120, seconds) if second % 120 < 20}
    return strap(heart.beats_us(seconds, seed), seed, clock=1.00006, transport=transport, lost=lost)


def unsteady(heart: Heart, transport: Transport, seed: int, seconds: int) -> Strapped:
    lost = lost_packets(seconds, seed, 0.01)
    times = heart.beats_us(seconds, seed)
    return strap(times, seed, clock=1.00006, transport=transport, lost=lost, unsteady_s=0.4)


CONDITIONS: Final[tuple[tuple[str, Wear, int], ...]] = (
    ("clean", clean, 1),
    ("stalls of 1.5-4 s in 1 %", stalled, 1),
    ("1 % of packets lost", lossy, 1),
    ("both", both, 1),
    ("clock 0.5 % fast", fast, 3),
    ("clock 0.5 % slow", slow, 3),
    ("0.5 % slow, 1 % lost", slow_and_lossy, 1),
    ("20 s silence, then all", silent, 1),
    ("20 s lost", deaf, 1),
    ("made 0-400 ms late, 1 % lost", unsteady, 1),
)
"""The name, the strap, and how many times as long it is worn."""


@dataclass(slots=True)
class Score:
    """What came of one condition."""

    errors: list[float] = field(default_factory=list[float])
    later: list[float] = field(default_factory=list[float])
    latencies: list[float] = field(default_factory=list[float])
    losses: int = 0
    found: int = 0
    false: int = 0
    packets: int = 0
    seconds: float = 0.0

    def take(self, worn: Strapped) -> None:
        began = time.perf_counter()
        run = streamed(worn.packets)
        self.seconds += time.perf_counter() - began
        self.packets += len(worn.packets)
        errors = errors_s(worn, run)
        self.errors += errors
        self.later += [e for e, true in zip(errors, worn.closing_us, strict=True) if true > FOUND_S * SECOND]
        true, marked = worn.behind_loss, run.behind_gap
        self.losses += len(true)
        self.found += len(true & marked)
        self.false += len(marked - true)
        arrived = [each.at for each in worn.packets for _ in each.ticks]
        said = dict(zip((hole.to_us for hole in run.holes), run.holes_said_us, strict=True))
        for place in true & marked:
            at = said.get(run.beats[place].opening_us)
            if at is not None:
                self.latencies.append((at - arrived[place]) / SECOND)

    def add(self, other: Score) -> None:
        self.errors += other.errors
        self.later += other.later
        self.latencies += other.latencies
        self.losses += other.losses
        self.found += other.found
        self.false += other.false
        self.packets += other.packets
        self.seconds += other.seconds

    def row(self) -> str:
        mean = fmean(self.later)
        share = f"{100 * self.found / self.losses:6.1f}" if self.losses else "     -"
        latency = f"{median(self.latencies):6.1f} {max(self.latencies):6.1f}" if self.latencies else "     -      -"
        return (
            f"{1000 * rms(self.errors):6.0f} {1000 * max(map(abs, self.errors)):6.0f} {1000 * rms(self.later):8.0f}"
            f" {1000 * max(map(abs, self.later)):6.0f} {1000 * mean:6.0f}"
            f" {1000 * rms([e - mean for e in self.later]):6.0f} {self.false:6d} {self.losses:6d} {self.found:6d}"
            f" {share} {self.losses - self.found:6d} {latency} {1e6 * self.seconds / self.packets:6.0f}"
        )


HEAD: Final = (
    f"{'ms, s':<30} {'heart':<12} {'way':<5} {'rms':>6} {'worst':>6} {'>60s rms':>8} {'worst':>6} {'mean':>6}"
    f" {'about':>6} {'false':>6} {'losses':>6} {'found':>6} {'%':>6} {'missed':>6} {'p50 s':>6} {'most s':>6} {'us':>6}"
)


def measure(wanted: Iterable[str], seeds: int, minutes: int, *, each_heart: bool) -> None:
    print(HEAD)
    for name, wear, times in CONDITIONS:
        if not any(word in name for word in wanted):
            continue
        for way, transport in TRANSPORTS.items():
            total = Score()
            for who, heart in HEARTS.items():
                score = Score()
                for seed in range(seeds):
                    score.take(wear(heart, transport, seed, 60 * minutes * times))
                total.add(score)
                if each_heart:
                    print(f"{name:<30} {who:<12} {way:<5} {score.row()}", flush=True)
            print(f"{name:<30} {'all hearts':<12} {way:<5} {total.row()}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--minutes", type=int, default=10, help="three times as long for the clock")
    parser.add_argument("--only", nargs="+", default=[""], help="conditions whose name has one of these words")
    parser.add_argument("--hearts", action="store_true", help="a line for each heart, too")
    given = parser.parse_args()
    measure(given.only, given.seeds, given.minutes, each_heart=given.hearts)


if __name__ == "__main__":
    main()
