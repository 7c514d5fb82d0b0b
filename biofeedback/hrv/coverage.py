"""Coverage: the time of the intervals that arrived over the time that passed (STRAP 3.4.5).

The one figure of how much of a heart was heard. 0.95 to 1.02 is good; under `LOW` beats are missing; over `HIGH` is
physically impossible: intervals are delivered twice, or read from the wrong place in a packet. Beats on the time
line cannot show the latter, for there they lie end to end; so this ledger is kept by arrivals.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from biofeedback.events import Link, Packet
from biofeedback.hrv.artefacts import is_interval
from biofeedback.hrv.losses import SILENCE_US
from biofeedback.hrv.ticks import TICKS_OF_STRAP, ticks_to_us

LOW: Final = 0.90
GOOD: Final = 0.95
HIGH: Final = 1.05
MINUTE_US: Final = 60_000_000
EXCESS_US: Final = 3_000_000
"""So much too much is impossible: what a minute may hold, and more than packets that come unevenly explain."""
FRESH_US: Final = 3_000_000
"""So long after an anchor what was held back may come; the clock is read by what is behind it."""
ENOUGH_US: Final = 20_000_000
"""Under this a packet that was late by a beat weighs too much."""
LINKED: Final = frozenset({"streaming", "stale"})
"""A strap that has gone quiet may still be there, with all its beats in hand: that is no gap yet."""
HEAD_US: Final = 20_000_000
TAIL_US: Final = 5_000_000
BEFORE: Final = 5
"""So many packets before a silence say how late they were."""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """A length of time, and how much of it no interval that arrived accounts for (negative: too much arrived)."""

    span_us: int
    missing_us: int

    @property
    def coverage(self) -> float:
        return 1 - self.missing_us / self.span_us


def time_in(values: Iterable[int]) -> int:
    """What these values (ticks of 1/1 024 000 s) hold of time; one that is no interval holds none."""
    return sum(ticks for ticks in values if is_interval(ticks))


class Coverage:
    """Arrivals and the intervals they brought. `excessive`: more has come since the anchor than time has passed.

    A packet lags behind its last beat by up to an interval and by what the radio takes. What is missing in a stretch
    is therefore what the least delayed packet of its last quarter (5 s at most) lags behind more than that of its
    first third (20 s at most): a stall and the bunch behind it change nothing. The anchor is the first arrival, or
    the first one after a known hole; the beats it brings lie before it and do not count.
    """

    def __init__(self, keep_us: int | None = None) -> None:
        """`keep_us`: for how long arrivals are remembered, None: always."""
        self.excessive = False
        self.anchor_us = 0
        self._keep_us = keep_us
        self._at: list[int] = []
        self._sum: list[int] = []
        self._ticks = 0
        self._anchored = False
        self._silence_began_us = 0
        self._decided_us = 0

    def link(self, link: Link) -> None:
        """The connection changed; one that is lost is a known hole."""
        if link.state not in LINKED:
            self.tear()

    def tear(self) -> None:
        """A hole that is known: the next arrival is the anchor."""
        self._anchored = False

    def take(self, packet: Packet) -> bool:
        """Enter a packet. Whether its intervals may be laid on the time line: not while more arrives than can."""
        if packet.contact is False or packet.hr == 0:
            self.tear()
        else:
            self.add(packet.at, time_in(value * TICKS_OF_STRAP for value in packet.ticks))
        return not self.excessive

    def add(self, at_us: int, ticks: int) -> None:
        """Intervals of so many ticks (1/1 024 000 s) in all have come; none at all say nothing about time."""
        if ticks <= 0:
            return
        if self._at and at_us - self._at[-1] > SILENCE_US:
            self._silence_began_us, self._decided_us = self._at[-1], at_us + SILENCE_US
        self._ticks += ticks
        self._at.append(at_us)
        self._sum.append(ticks_to_us(self._ticks))
        if not self._anchored:
            self._anchored, self.anchor_us = True, at_us
        self._forget(at_us)
        self._weigh(at_us)

    def decided(self, now_us: int) -> bool:
        """Whether what a silence held back has had its three seconds to come."""
        return now_us >= self._decided_us

    def minute(self, now_us: int) -> float | None:
        """Coverage of the minute up to now, holes of every kind included."""
        return self.share(now_us - MINUTE_US, now_us)

    def unbroken(self, now_us: int) -> float | None:
        """Coverage since the anchor, of a minute at most: what is missing there is a hole that nobody knows of."""
        if not self._anchored:
            return None
        return self.share(max(now_us - MINUTE_US, self.anchor_us), now_us)

    def share(self, from_us: int, to_us: int, late_us: int = 0) -> float | None:
        """Coverage between two moments, None while there is too little to say.

        What was held back may come as much as `late_us` after the end. Until a silence is decided the figure is the
        one from before it.
        """
        stretch = self._stretch(from_us, to_us, late_us)
        return None if stretch is None or stretch.span_us < ENOUGH_US else stretch.coverage

    def _stretch(self, from_us: int, to_us: int, late_us: int = 0) -> _Stretch | None:
        if late_us == 0 and not self.decided(to_us):
            to_us = self._silence_began_us
        first, end = bisect_left(self._at, from_us), bisect_right(self._at, to_us + late_us)
        if end - first < 2:
            return None
        begins, last_us = self._at[first], min(self._at[end - 1], to_us)
        fresh_us = self.anchor_us + FRESH_US if from_us == self.anchor_us else 0
        head_us = max(begins + min(HEAD_US, (last_us - begins) // 3), fresh_us)
        head = bisect_right(self._at, head_us, first + 1, end)
        tail = bisect_left(self._at, last_us - min(TAIL_US, (last_us - begins) // 4), first, end - 1)
        opening = min(map(self._delay, range(first, head)))
        missing = min(map(self._delay, range(tail, end))) - opening
        if from_us != self.anchor_us and first > 0 and begins - from_us > SILENCE_US:
            before = min(map(self._delay, range(max(0, first - BEFORE), first)))
            missing += min(max(0, opening - before), begins - from_us)
            begins = from_us
        if to_us - last_us > SILENCE_US:
            missing, last_us = missing + to_us - last_us, to_us
        return _Stretch(last_us - begins, missing) if last_us > begins else None

    def _delay(self, place: int) -> int:
        return self._at[place] - self._sum[place]

    def _weigh(self, now_us: int) -> None:
        """Find out whether more has come than can; once it has, twenty seconds that are possible end it."""
        stretch = self._stretch(max(now_us - MINUTE_US, self.anchor_us), now_us)
        if stretch is None:
            return
        if -stretch.missing_us > EXCESS_US and now_us > self.anchor_us + FRESH_US:
            self.excessive, self.anchor_us = True, now_us
        elif self.excessive and stretch.span_us >= ENOUGH_US:
            self.excessive = stretch.coverage > HIGH

    def _forget(self, now_us: int) -> None:
        if self._keep_us is None or self._at[0] >= now_us - 2 * self._keep_us:
            return
        kept = bisect_left(self._at, now_us - self._keep_us)
        del self._at[:kept], self._sum[:kept]
