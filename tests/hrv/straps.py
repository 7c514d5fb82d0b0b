"""Straps whose every beat is known: what they send, when it arrives, and what a beat stream makes of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from math import sin, sqrt
from random import Random

from biofeedback.events import Packet
from biofeedback.hrv.beats import Hole, TimedBeat
from biofeedback.hrv.stream import BeatStream, Settled, StreamEvent
from biofeedback.hrv.window import window_of
from tests.strategies import packet

SECOND = 1_000_000


@dataclass(frozen=True, slots=True)
class Strapped:
    """Packets, and the true time of the beat that closes each interval in them, in order."""

    packets: list[Packet]
    closing_us: list[int]


def beat_times_us(seconds: float, seed: int, bpm: float = 70) -> list[int]:
    """Beats of a breathing heart."""
    chance, t, times = Random(seed), 0.0, list[int]()
    while t < seconds:
        t += 60 / (bpm + 5 * sin(0.6 * t) + chance.gauss(0, 0.7))
        times.append(round(t * SECOND))
    return times


def strap(
    times_us: Sequence[int],
    seed: int,
    *,
    clock: float = 1.0,
    lost: Collection[int] = (),
    held: Callable[[int], float] = lambda second: 0.0,
) -> Strapped:
    """A packet a second, 15 to 75 ms on its way; `held(second)` seconds later; packets of `lost` seconds never come.

    The strap counts whole 1/1024 s on a clock that runs at `clock`, so its intervals add up to its own time.
    """
    chance = Random(seed)
    counts = [int(t * clock * 1024 / SECOND) for t in times_us]
    packets, closing, sent, last_arrival = list[Packet](), list[int](), 1, 0
    for second in range(1, times_us[-1] // SECOND + 2):
        ready = sent
        while ready < len(times_us) and times_us[ready] < second * SECOND:
            ready += 1
        delay = chance.uniform(0.015, 0.075) + held(second)
        arrival = max(last_arrival + 1000, second * SECOND + round(delay * SECOND))
        if second not in lost:
            last_arrival = arrival
            packets.append(packet(arrival, [counts[k] - counts[k - 1] for k in range(sent, ready)]))
            closing += times_us[sent:ready]
        sent = ready
    return Strapped(packets, closing)


@dataclass(frozen=True, slots=True)
class Streamed:
    """What a stream said, and its beats at the end."""

    events: list[StreamEvent]
    beats: list[TimedBeat]

    @property
    def holes(self) -> list[Hole]:
        return [event for event in self.events if isinstance(event, Hole)]

    @property
    def settled(self) -> list[TimedBeat]:
        return [event.beat for event in self.events if isinstance(event, Settled)]

    @property
    def differences(self) -> tuple[int, ...]:
        return window_of(self.beats).differences


def streamed(packets: Sequence[Packet]) -> Streamed:
    """Packets through a stream, each deadline kept at its own time."""
    stream = BeatStream()
    events: list[StreamEvent] = []
    for each in packets:
        if stream.deadline <= each.at:
            events += stream.advance(stream.deadline)
        events += stream.add_packet(each)
    events += stream.advance(2**61)
    events += stream.finish()
    return Streamed(events, list(stream.beats))


def errors_s(strapped: Strapped, run: Streamed) -> list[float]:
    """How late each beat was placed, seconds."""
    return [(beat.t_us - true) / SECOND for beat, true in zip(run.beats, strapped.closing_us, strict=True)]


def rms(values: Sequence[float]) -> float:
    return sqrt(sum(value * value for value in values) / len(values))
