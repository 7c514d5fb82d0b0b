"""The strap's clock on session time (STRAP 3.4, RULINGS B3).

A strap's clock is the sum of its intervals. Each packet bounds where it lies: the packet was made after its last beat
and before the beat that follows. What all packets of the last 45 s allow is narrow; the clock is laid in its middle
and stays while it is inside. The least delay alone, STRAP's rule, is one side of it: it is late by the least time
any beat has waited. How fast the strap's crystal runs is learnt besides, so that bounds can be held against each
other over 45 s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Final

from biofeedback.hrv.schedule import LEARNT, Schedule, Slot

WINDOW_US: Final = 45_000_000
RATE_FROM_US: Final = 20_000_000
"""The rate is learnt from so long after the clock was laid anew: before, it still moves by itself."""
RATE_PRIOR_MS: Final = 100_000
"""Until it has watched for so long, the rate is taken to be nearer to nominal than it looks."""
MOST_RATE: Final = 150
"""A crystal is off by less than one part in so many."""
PER_BEAT: Final = 16
"""The clock stands still against arrivals within an interval divided by this: packets are made at the beats."""
NO_BOUND: Final = -(2**62)


@dataclass(slots=True)
class Arrival:
    """One packet: its slot, the strap's clock after it, how many beats it brought, the first interval (0: none).

    `high` and `low` are what it allows for session time minus strap time; `low` is known once an interval follows.
    """

    slot: Slot
    strap_us: int
    beats: int
    first_us: int
    high: int = 0
    low: int = NO_BOUND


@dataclass(frozen=True, slots=True)
class Bounds:
    """What some packets allow for session time minus strap time at one moment: more than `low`, at most `high`.

    Late packets and a wrong rate can let `low` pass `high`.
    """

    low: int
    high: int


class StrapClock:
    """Where the strap's clock lies, from the packets since it was last laid anew."""

    def __init__(self, schedule: Schedule) -> None:
        self.arrivals: list[Arrival] = []
        self._schedule = schedule
        self._changes = -1
        self._at_beats = False
        self._laid_us = 0
        self._now_us = 0
        self._since: tuple[int, int] | None = None
        self._latest = (0, 0)
        self._moved, self._watched = 0, RATE_PRIOR_MS * RATE_PRIOR_MS
        self._rate = self._moved, self._watched

    def add(self, arrival: Arrival) -> None:
        """Take a packet with the slot that the schedule gave it."""
        if not self.arrivals:
            self._laid_us = arrival.slot.at_us
        self.arrivals.append(arrival)
        while self.arrivals[0].slot.at_us < arrival.slot.at_us - WINDOW_US:
            del self.arrivals[0]
        if self._changes != self._schedule.changes:
            self._take_bounds(arrival.slot.at_us)
        else:
            arrival.high = self._high(arrival)
            self._close_lows()

    def lay_anew(self, kept: Iterable[Arrival] = ()) -> None:
        """Only these packets tell where the clock lies from now on; its rate stays known."""
        self._moved, self._watched = self._sums()
        self._since = None
        self.arrivals = list(kept)
        self._changes = -1
        if self.arrivals:
            self._laid_us = self.arrivals[0].slot.at_us
            self._take_bounds(self.arrivals[-1].slot.at_us)

    def bounds(self, arrivals: Sequence[Arrival], now_us: int) -> Bounds:
        """What these packets, in order and with no loss between them, allow now. One of them must have intervals."""
        last = next((place for place in reversed(range(len(arrivals))) if arrivals[place].beats), 0)
        high = min(arrival.high for arrival in arrivals)
        low = max((arrival.low for arrival in arrivals[:last]), default=NO_BOUND)
        if low == NO_BOUND:
            low = high - arrivals[last].first_us
        moved = self.movement(now_us)
        return Bounds(low + moved, high + moved)

    def movement(self, now_us: int) -> int:
        """How far the clock has moved by its rate since `high` and `low` of the arrivals were taken."""
        moved, watched = self._rate
        return (now_us - self._now_us) * moved // (1000 * watched)

    def offset(self, arrivals: Sequence[Arrival], now_us: int) -> int:
        """Session time minus strap time now, by these packets: where it was while they allow that, else the middle.

        A clock that followed every move of the middle would sway with the heart's step against the packets.
        """
        allowed = self.bounds(arrivals, now_us)
        low = allowed.low if self._schedule.steady else min(allowed.low, allowed.high)
        if self._at_beats:
            low = allowed.high
        if low > allowed.high or now_us < self._laid_us + WINDOW_US:
            offset = (low + allowed.high) // 2
        else:
            offset = max(low, min(allowed.high, self._latest[1]))
        self._watch(now_us, offset)
        return offset

    def _high(self, arrival: Arrival) -> int:
        moved, watched = self._rate
        made_us = self._schedule.made_us(arrival.slot)
        return made_us - arrival.strap_us + (self._now_us - made_us) * moved // (1000 * watched)

    def _take_bounds(self, now_us: int) -> None:
        """The bounds of all packets, by what schedule and rate are known now."""
        self._changes, self._now_us, self._rate = self._schedule.changes, now_us, self._sums()
        for arrival in self.arrivals:
            arrival.high, arrival.low = self._high(arrival), NO_BOUND
        next_us = 0
        for arrival in reversed(self.arrivals):
            if next_us:
                arrival.low = arrival.high - next_us
            next_us = arrival.first_us or next_us
        self._at_beats = self._made_at_beats()

    def _close_lows(self) -> None:
        """An interval has come: the packets since the last one now have their low bound."""
        newest = self.arrivals[-1]
        if not newest.beats:
            return
        for place in range(len(self.arrivals) - 2, -1, -1):
            arrival = self.arrivals[place]
            if arrival.low != NO_BOUND:
                break
            arrival.low = arrival.high - newest.first_us

    def _made_at_beats(self) -> bool:
        """Whether the strap sends each beat as it comes, not at a pace of its own."""
        if len(self.arrivals) < LEARNT or any(arrival.beats != 1 for arrival in self.arrivals):
            return False
        offsets = [arrival.slot.at_us - arrival.strap_us for arrival in self.arrivals]
        return median_low(offsets) - min(offsets) < self.arrivals[-1].first_us // PER_BEAT

    def _watch(self, now_us: int, offset: int) -> None:
        """How far the clock has moved in how long, for its rate."""
        self._latest = now_us, offset
        if self._since is None and now_us >= self._laid_us + RATE_FROM_US:
            self._since = self._latest

    def _sums(self) -> tuple[int, int]:
        """Movement times time watched (us ms), and time watched squared (ms2): their quotient is the rate."""
        moved, watched = self._moved, self._watched
        if self._since is not None:
            span_ms = (self._latest[0] - self._since[0]) // 1000
            moved += (self._latest[1] - self._since[1]) * span_ms
            watched += span_ms * span_ms
        most = watched * 1000 // MOST_RATE
        return max(-most, min(most, moved)), watched
