"""Straps whose every beat is known: what they send, when it arrives, and what a beat stream makes of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import pi, sin, sqrt
from random import Random
from typing import Final, TypeAlias

from biofeedback.events import Packet
from biofeedback.hrv.beats import Hole, TimedBeat
from biofeedback.hrv.stream import BeatStream, Settled, StreamEvent
from biofeedback.hrv.window import window_of
from tests.strategies import packet

SECOND = 1_000_000
Transport: TypeAlias = Callable[[Random], float]
"""Draws how many seconds a packet is on its way."""


def wide(chance: Random) -> float:
    """15 to 75 ms, evenly."""
    return chance.uniform(0.015, 0.075)


def near(chance: Random) -> float:
    """15 ms and, by the connection interval and what else is on the air, a little more: mostly under 45 ms."""
    return 0.015 + min(0.060, chance.expovariate(1 / 0.015))


TRANSPORTS: Final[Mapping[str, Transport]] = {"near": near, "wide": wide}


@dataclass(frozen=True, slots=True)
class Heart:
    """How a heart beats: its rate, how far breath moves it, and how often a beat comes early."""

    bpm: float = 70
    swing_bpm: float = 5
    breath_hz: float = 0.6 / (2 * pi)
    ectopic: float = 0.0

    def beats_us(self, seconds: float, seed: int) -> list[int]:
        """Times of its beats; an early one comes at 0.65 of an interval, and the next when it would have come."""
        chance, t, times, owed = Random(seed), 0.0, list[int](), 0.0
        while t < seconds:
            rr = 60 / (self.bpm + self.swing_bpm * sin(2 * pi * self.breath_hz * t) + chance.gauss(0, 0.7))
            early = 0.35 * rr if not owed and self.ectopic and chance.random() < self.ectopic else 0.0
            t += rr - early + owed
            owed = early
            times.append(round(t * SECOND))
        return times


HEARTS: Final[Mapping[str, Heart]] = {
    "45 bpm": Heart(45, 3),
    "60 bpm": Heart(60, 3),
    "75 bpm": Heart(75),
    "110 bpm": Heart(110),
    "6 % ectopic": Heart(70, ectopic=0.06),
    "300 ms RSA": Heart(66, 10.9, 0.1),
}
"""60 bpm keeps step with the packets; 300 ms from the longest to the shortest interval of a breath."""


def beat_times_us(seconds: float, seed: int, bpm: float = 70) -> list[int]:
    """Beats of a breathing heart."""
    return Heart(bpm).beats_us(seconds, seed)


@dataclass(frozen=True, slots=True)
class Strapped:
    """Packets, and the true time and number of the beat that closes each interval in them, in order."""

    packets: list[Packet]
    closing_us: list[int]
    numbers: list[int]

    @property
    def behind_loss(self) -> set[int]:
        """Places of the intervals before which at least one never came."""
        return {place + 1 for place, (before, after) in enumerate(pairwise(self.numbers)) if after != before + 1}


def strap(
    times_us: Sequence[int],
    seed: int,
    *,
    clock: float = 1.0,
    lost: Collection[int] = (),
    held: Callable[[int], float] = lambda second: 0.0,
    transport: Transport = wide,
    unsteady_s: float = 0.0,
) -> Strapped:
    """A packet each of the strap's seconds, on its way as long as `transport` draws, and `held(second)` seconds more.

    Packets of `lost` seconds never come. The strap counts whole 1/1024 s on a clock that runs at `clock`, so its
    intervals add up to its own time; it makes its packets up to `unsteady_s` late.
    """
    chance = Random(seed)
    counts = [int(t * clock * 1024 / SECOND) for t in times_us]
    packets, places, sent, last_arrival = list[Packet](), list[int](), 1, 0
    for second in range(1, int(times_us[-1] * clock) // SECOND + 2):
        ready = sent
        made_us = round((second + chance.uniform(0, unsteady_s)) * SECOND / clock)
        while ready < len(times_us) and times_us[ready] < made_us:
            ready += 1
        arrival = max(last_arrival + 1000, made_us + round((transport(chance) + held(second)) * SECOND))
        if second not in lost:
            last_arrival = arrival
            packets.append(packet(arrival, [counts[k] - counts[k - 1] for k in range(sent, ready)]))
            places += range(sent, ready)
        sent = ready
    return Strapped(packets, [times_us[place] for place in places], places)


def lost_packets(seconds: int, seed: int, share: float) -> set[int]:
    """Seconds whose packets never come, each by chance; none in the first half minute, nor the last."""
    chance = Random(seed)
    return {second for second in range(30, seconds - 30) if chance.random() < share}


def stalls(seconds: int, seed: int, share: float) -> Callable[[int], float]:
    """In this share of the seconds a stall of 1.5 to 4 s begins, and what it held comes at its end."""
    chance, held = Random(seed), dict[int, float]()
    for second in range(seconds):
        if chance.random() < share:
            end = second + chance.uniform(1.5, 4)
            for late in range(second, int(end) + 1):
                held[late] = max(held.get(late, 0.0), end - late)
    return lambda second: held.get(second, 0.0)


@dataclass(frozen=True, slots=True)
class Streamed:
    """What a stream said and when, and its beats at the end."""

    events: list[StreamEvent]
    said_us: list[int]
    beats: list[TimedBeat]

    @property
    def holes(self) -> list[Hole]:
        return [event for event in self.events if isinstance(event, Hole)]

    @property
    def holes_said_us(self) -> list[int]:
        return [at for event, at in zip(self.events, self.said_us, strict=True) if isinstance(event, Hole)]

    @property
    def behind_gap(self) -> set[int]:
        """Places of the beats that follow a gap; the first beat of all does not."""
        return {beat.index for beat in self.beats[1:] if beat.gap_before}

    @property
    def settled(self) -> list[TimedBeat]:
        return [event.beat for event in self.events if isinstance(event, Settled)]

    @property
    def differences(self) -> tuple[int, ...]:
        return tuple(window_of(self.beats).differences.tolist())


def stream_of(packets: Sequence[Packet], stream: BeatStream) -> Iterator[tuple[int, list[StreamEvent]]]:
    """What the stream says and when, each deadline kept at its own time."""
    for each in packets:
        while stream.deadline <= each.at:
            yield (due := stream.deadline), stream.advance(due)
        yield each.at, stream.add_packet(each)
    end = packets[-1].at if packets else 0
    while stream.deadline < 2**62:
        yield (end := stream.deadline), stream.advance(end)
    yield end, stream.finish()


def streamed(packets: Sequence[Packet]) -> Streamed:
    """Packets through a stream."""
    stream = BeatStream()
    events, said = list[StreamEvent](), list[int]()
    for at, new in stream_of(packets, stream):
        events += new
        said += [at] * len(new)
    return Streamed(events, said, list(stream.beats))


def errors_s(strapped: Strapped, run: Streamed) -> list[float]:
    """How late each beat was placed, seconds."""
    return [(beat.t_us - true) / SECOND for beat, true in zip(run.beats, strapped.closing_us, strict=True)]


def rms(values: Sequence[float]) -> float:
    return sqrt(sum(value * value for value in values) / len(values))
