"""Does a long session leak, lose or drift?  python benchmarks/soak.py real|virtual|days

real: one session at real rate (RECORDING R5 as RULINGS F have it), virtual: eight hours on a clock that jumps, both
with a fake strap of 65 to 100 bpm whose link is gone for 20 s twice an hour, everything recorded. days: thirty days of
recording, eight hours a session, without the engine, and the index made anew at the end (R6). Memory, descriptors and
threads are those of this process; the slope is fitted behind the first hour, or the first third of less.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from math import pi, sin
from pathlib import Path
from typing import Final, Self

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from biofeedback.events import Beat, End, Event, Gap, Packet
from biofeedback.recording.log import SessionLog
from biofeedback.session.clock import JumpingClock, LiveClock, SessionClock
from biofeedback.session.loop import SessionLoop
from biofeedback.session.opening import open_session
from biofeedback.session.plan import free_plan
from biofeedback.session.scripts import shipped
from biofeedback.session.wall import WallWatch
from devices.events import Heard, LinkState, SourceEvent, StrapInfo
from devices.events import Packet as StrapPacket
from devices.heart_rate_measurement import encode
from devices.source import Clock

S: Final = 1_000_000
HALF_HOUR_S: Final = 1800
DROP_S: Final = 20
INFO: Final = StrapInfo("soak", "strap")


@dataclass(slots=True)
class Fake:
    """A strap that sends a packet a second; `ticks` is a running hash of the intervals it sent."""

    info: StrapInfo = INFO
    beats: int = 0
    ticks: hashlib._Hash = field(default_factory=hashlib.sha256)
    sent_ns: int = 0

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to close."""

    def hear(self, heard: Heard) -> None:
        """It does not listen."""

    async def events(self, clock: Clock) -> AsyncIterator[SourceEvent]:
        second, beat_s, ends_us = 0, 0.0, round(clock.now())
        yield LinkState(ends_us, "streaming")
        while True:
            second += 1
            rr: list[int] = []
            while beat_s < second:
                interval = round(1024 * 60 / (82.5 + 17.5 * sin(2 * pi * beat_s / 600)))
                beat_s += interval / 1024
                rr.append(interval)
            at_us = ends_us + second * S
            await clock.sleep_until(at_us)
            gone_s = (second - HALF_HOUR_S // 2) % HALF_HOUR_S
            if gone_s < DROP_S:
                if gone_s == 0:
                    yield LinkState(at_us, "waiting", "gone")
                continue
            if gone_s == DROP_S:
                yield LinkState(at_us, "streaming")
            self.sent_ns = time.monotonic_ns()
            self.beats += len(rr)
            self.ticks.update(repr(tuple(rr)).encode())
            yield StrapPacket(clock.now(), "s1", encode(70, rr_1024=tuple(rr)))


@dataclass(frozen=True, slots=True)
class Sample:
    """This process at session time `at_s`."""

    at_s: float
    rss_kb: int
    descriptors: int
    threads: int


def sample(at_s: float) -> Sample:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    descriptors = len(os.listdir("/proc/self/fd")) - 1  # noqa: PTH208 - pathlib opens more of them
    return Sample(at_s, pages * os.sysconf("SC_PAGE_SIZE") // 1024, descriptors, threading.active_count())


@dataclass(slots=True)
class Watch:
    """Sees all events of a session; keeps counts and a sample every `every_s` of its time."""

    fake: Fake
    every_s: float
    timed: bool
    samples: list[Sample] = field(default_factory=list[Sample])
    beats: int = 0
    gaps: dict[str, int] = field(default_factory=dict[str, int])
    ticks: hashlib._Hash = field(default_factory=hashlib.sha256)
    off_us: list[int] = field(default_factory=list[int])
    first: tuple[int, int] | None = None
    end: End | None = None

    def __call__(self, events: Sequence[Event]) -> None:
        for event in events:
            match event:
                case Packet(at=at, ticks=ticks):
                    self.ticks.update(repr(tuple(ticks)).encode())
                    if self.timed:
                        self.first = self.first or (at, self.fake.sent_ns)
                        passed_us = (self.fake.sent_ns - self.first[1]) // 1000
                        self.off_us.append(at - self.first[0] - passed_us)
                    if at / S >= len(self.samples) * self.every_s:
                        self.samples.append(sample(at / S))
                case Beat():
                    self.beats += 1
                case Gap(why=why):
                    self.gaps[why] = self.gaps.get(why, 0) + 1
                case End():
                    self.end = event
                case _:
                    pass


def slope_kb_per_h(samples: Sequence[Sample]) -> float:
    """Least squares over the samples behind the first hour, or the first third of less."""
    begins_s = min(3600.0, samples[-1].at_s / 3)
    kept = [each for each in samples if each.at_s >= begins_s]
    mean_s = sum(each.at_s for each in kept) / len(kept)
    mean_kb = sum(each.rss_kb for each in kept) / len(kept)
    above = sum((each.at_s - mean_s) * (each.rss_kb - mean_kb) for each in kept)
    return 3600 * above / sum((each.at_s - mean_s) ** 2 for each in kept)


def soak(clock: SessionClock, minutes: float, folder: Path, every_s: float, wall: WallWatch | None) -> Watch:
    """One recorded session of so many minutes."""
    fake = Fake()
    watch = Watch(fake, every_s, timed=wall is not None)
    opening = open_session(free_plan(minutes + 0.01), fake.info, shipped())
    with SessionLog(folder / opening.file_name, opening.head) as log:
        for rule in opening.algorithms:
            log.append_line(0, "alg", rule)
        asyncio.run(SessionLoop(fake, clock, opening, (), log, watch, wall).run())
    return watch


def report(watch: Watch) -> None:
    samples = watch.samples
    print(f"{'hours':>6} {'RSS kB':>8} {'fds':>4} {'threads':>8}")
    step = max(1, len(samples) // 10)
    for each in [*samples[::step], samples[-1]]:
        print(f"{each.at_s / 3600:6.2f} {each.rss_kb:8d} {each.descriptors:4d} {each.threads:8d}")
    print(f"slope {slope_kb_per_h(samples):.1f} kB/h, descriptors {spread([s.descriptors for s in samples[1:]])},"
          f" threads {spread([s.threads for s in samples[1:]])}")  # fmt: skip
    same = watch.ticks.hexdigest() == watch.fake.ticks.hexdigest()
    print(f"sent {watch.fake.beats} intervals, all in the packets kept: {same}; beats {watch.beats}, gaps {watch.gaps},"
          f" end {watch.end}")  # fmt: skip
    if watch.timed:
        off = sorted(map(abs, watch.off_us))
        print(f"session time against the strap's own clock: median {off[len(off) // 2]} us,"
              f" p99 {off[len(off) * 99 // 100]} us, most {off[-1]} us")  # fmt: skip


def spread(values: Sequence[int]) -> str:
    return f"{min(values)}" if min(values) == max(values) else f"{min(values)} to {max(values)}"


def write_session(home: Path, hours: int, intervals: Callable[[int], int]) -> None:
    """A session of so many hours, packets and beats only."""
    opening = open_session(free_plan(hours * 60), INFO, shipped())
    with SessionLog(home / "sessions" / opening.file_name, opening.head) as log:
        log.append(opening.event)
        clock = 0
        for second in range(1, hours * 3600):
            ticks = intervals(second)
            clock += ticks
            raw = encode(70, rr_1024=(ticks,))
            log.append(Packet(second * S, "s1", second * S, 70, None, None, (ticks,), raw.hex()))
            log.append(Beat(second * S, clock * S // 1024, ticks * 1000, ok=True, why=None, gap_before=False))
        log.append(End(hours * 3600 * S, "planned end", hours * 3600.0, hours * 3600 - 1))


def days(count: int, home: Path) -> None:
    """R6: so many days of recording, three sessions of eight hours a day, then the index anew."""
    from biofeedback.recording.library import open_library

    samples: list[Sample] = []
    began_s = time.perf_counter()
    for number in range(count * 3):
        write_session(home, 8, lambda second: 900 + second * 37 % 200)
        samples.append(sample((number + 1) * 8 * 3600.0))
    took_s = time.perf_counter() - began_s
    size = sum(path.stat().st_size for path in (home / "sessions").iterdir())
    print(f"{count * 3} sessions, {count * 24} h, {size / 1e6:.0f} MB in {took_s:.0f} s;"
          f" RSS {samples[0].rss_kb} to {samples[-1].rss_kb} kB, {slope_kb_per_h(samples):.3f} kB per recorded hour,"
          f" descriptors {spread([each.descriptors for each in samples])}")  # fmt: skip
    began_s = time.perf_counter()
    with open_library(home, anew=True) as library:
        found = len(library.sessions())
    print(f"the index of {found} sessions anew in {time.perf_counter() - began_s:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("what", choices=("real", "virtual", "days"))
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--hours", type=float, default=8)
    parser.add_argument("--days", type=int, default=30)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        if args.what == "days":
            days(args.days, Path(place))
        elif args.what == "real":
            report(soak(LiveClock(), args.minutes, Path(place), 60, WallWatch()))
        else:
            report(soak(JumpingClock(), args.hours * 60, Path(place), 60, None))


if __name__ == "__main__":
    main()
