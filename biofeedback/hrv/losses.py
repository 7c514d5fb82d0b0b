"""Whether beats were lost between two packets (STRAP 3.4, RULINGS B3; faults 28 and 29).

Two things must agree. A packet is missing: its place in the strap's schedule stayed empty, though everything made
before has arrived. And time is missing: behind that place the strap's clock lies later than before it by about an
interval or more. A lost packet that held no beat is no loss; packets that are late leave no place empty.

Where no schedule can be told, time alone decides: all packets of the last 12 s, or of the 3 s after a silence, come
later behind their last beat than the next beat lets them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from biofeedback.events import GapReason
from biofeedback.hrv.schedule import NEVER, Lost, Schedule, Told
from biofeedback.hrv.strap_clock import NO_BOUND, Arrival, StrapClock

SILENCE_US: Final = 3_000_000
"""So long without a packet is a silence; so long after its end it is decided whether beats were lost in it."""
RECENT_US: Final = 12_000_000
"""A loss without a silence is decided by then."""
NEARLY, CLEARLY = 10, 6
"""Parts of an interval by which a packet may lag before its beats are taken to be missing: all, and one of them."""
SURELY: Final = 4
"""A loss is sure when the clock lies at least this part of an interval later, and sure not to be when it can be
moved by no more than an interval less this part."""


@dataclass(frozen=True, slots=True)
class Loss:
    """Beats are missing before these packets."""

    after: list[Arrival]
    why: GapReason


@dataclass(frozen=True, slots=True)
class _Suspect:
    """Packets are missing; whether beats are is decided between these times."""

    lost: Lost
    why: GapReason
    from_us: int
    until_us: int

    @property
    def at_us(self) -> int:
        """When the first packet behind it came."""
        return self.lost.behind[0].at_us


class LossFinder:
    """Looks for lost beats among the packets that a clock knows. `deadline` is when `look` has something to decide."""

    def __init__(self, schedule: Schedule, clock: StrapClock) -> None:
        self._schedule = schedule
        self._clock = clock
        self._suspects: list[_Suspect] = []
        self._silence_ended_us: int | None = None
        self._late_from_us = NEVER

    @property
    def deadline(self) -> int:
        """In microseconds, NEVER when there is none. A silence waits for what was lost before it."""
        if self._suspects:
            return self._suspects[0].until_us
        return NEVER if self._silence_ended_us is None else self._silence_ended_us + SILENCE_US

    @property
    def undecided_from_us(self) -> int:
        """Packets that came from then on may be late or behind a loss; NEVER when none may."""
        times = [suspect.at_us for suspect in self._suspects]
        if self._silence_ended_us is not None:
            times.append(self._silence_ended_us)
        return min([*times, self._schedule.doubtful_from_us])

    @property
    def unsure_from_us(self) -> int:
        """Beats of packets that came from then on may still be placed anew; NEVER when none may."""
        return min(self.undecided_from_us, self._late_from_us)

    def certain(self) -> Sequence[Arrival]:
        """The packets before the first that may be late or behind a loss; all, if they began with one."""
        until, arrivals = self.undecided_from_us, self._clock.arrivals
        if until == NEVER or until <= arrivals[0].slot.at_us:
            return arrivals
        return [arrival for arrival in arrivals if arrival.slot.at_us < until]

    def forget(self) -> None:
        """The clock is laid anew: there is nothing before its packets."""
        self._suspects = []
        self._silence_ended_us = None
        self._late_from_us = NEVER

    def note(self, told: Told, waited_us: int) -> None:
        """A packet came after this wait, and the schedule has told what it knows of losses."""
        if waited_us > SILENCE_US and self._silence_ended_us is None and self._clock.arrivals:
            self._silence_ended_us = told.slot.at_us
        if told.withdrawn and self._suspects:
            self._suspects.pop()
        if told.lost is not None and told.lost.behind[0] in (arrival.slot for arrival in self._clock.arrivals):
            at_us = told.lost.behind[0].at_us
            why: GapReason = "silence" if self._silence_ended_us == at_us else "lost"
            wait_us = SILENCE_US if why == "silence" else RECENT_US
            self._suspects.append(_Suspect(told.lost, why, at_us + SILENCE_US, at_us + wait_us))

    def look(self, now_us: int, interval_us: int, *, last_call: bool = False) -> Loss | None:
        """A loss that can be told by now; ask again until there is none. `last_call`: no more packets will tell."""
        while self._suspects:
            missing = self._time_missing(now_us, interval_us, last_call)
            if missing is None:
                return None
            suspect = self._suspects.pop(0)
            if missing:
                return Loss(self._since(suspect.at_us), suspect.why)
        if self._silence_ended_us is None:
            return self._late_throughout(now_us, interval_us)
        return self._late_since_silence(now_us, interval_us)

    def _time_missing(self, now_us: int, interval_us: int, last_call: bool) -> bool | None:
        """Whether the clock lies later behind the first suspect place than before it; None when it is too early."""
        suspect, *others = self._suspects
        if now_us < suspect.from_us and not last_call and not others:
            return None
        before = [arrival for arrival in self._clock.arrivals if arrival.slot.at_us < suspect.at_us]
        after = self._since(suspect.at_us)
        if others:
            after = [arrival for arrival in after if arrival.slot.at_us < others[0].at_us]
        if not before or not after:
            return False
        if self._no_room(suspect.lost):
            return True
        early, late = self._clock.bounds(before, now_us), self._clock.bounds(after, now_us)
        least, most = late.low - early.high, late.high - early.low
        if least > interval_us // SURELY:
            return True
        if most < interval_us - interval_us // SURELY:
            return False
        if now_us >= suspect.until_us or last_call or others:
            return least + most > interval_us
        return None

    def _no_room(self, lost: Lost) -> bool:
        """Whether beats must have come in the time of the lost packets: no interval behind them is as long."""
        slots = list(lost.behind)
        longest = next_us = 0
        for arrival in reversed(self._clock.arrivals):
            next_us = arrival.first_us or next_us
            if arrival.slot in slots:
                longest = max(longest, next_us or lost.span_us)
        return longest < lost.span_us - lost.span_us // 8

    def _since(self, at_us: int) -> list[Arrival]:
        return [arrival for arrival in self._clock.arrivals if arrival.slot.at_us >= at_us]

    def _late_since_silence(self, now_us: int, interval_us: int) -> Loss | None:
        """What followed a silence, three seconds after its end, when no schedule has told."""
        ended = self._silence_ended_us
        if ended is None or now_us < ended + SILENCE_US:
            return None
        self._silence_ended_us = None
        after = self._since(ended)
        before = self._clock.arrivals[: len(self._clock.arrivals) - len(after)]
        if self._schedule.steady or not before or not self._overdue(before, after, interval_us):
            return None
        return Loss(after, "silence")

    def _late_throughout(self, now_us: int, interval_us: int) -> Loss | None:
        arrivals = self._clock.arrivals
        self._late_from_us = self._late_from(now_us, interval_us)
        if len(arrivals) < 2 or arrivals[-2].low <= min(arrival.high for arrival in arrivals) - interval_us // NEARLY:
            return None
        first = len(arrivals) - len(self._since(now_us - RECENT_US))
        if first == 0 or not self._overdue(arrivals[:first], arrivals[first:], interval_us):
            return None
        before = arrivals[:first]
        while first > 1 and self._overdue(before, arrivals[first - 1 :], interval_us):
            first -= 1
        # A packet that does not come leaves a wait; which of several late ones came first behind it, only that tells.
        waits = [late.slot.at_us - early.slot.at_us for early, late in pairwise(arrivals[first - 1 :])]
        return Loss(arrivals[first + waits.index(max(waits)) :], "lost")

    def _late_from(self, now_us: int, interval_us: int) -> int:
        """When the first of the last packets came that all may lag by an interval, and so lie behind a loss."""
        least, from_us = min((arrival.high for arrival in self._clock.arrivals), default=0), NEVER
        for arrival in reversed(self._since(now_us - RECENT_US)):
            if arrival.low == NO_BOUND:
                continue
            if arrival.low - least <= -interval_us // NEARLY:
                break
            from_us = arrival.slot.at_us
        return from_us

    def _overdue(self, before: Sequence[Arrival], after: Sequence[Arrival], interval_us: int) -> bool:
        """Whether beats are missing before these packets.

        A packet is made before the next beat comes, so it lags behind its last beat by less than the interval that
        follows. When all of them lag by about that or more, and one clearly, their beats are placed too early.
        """
        least_before = min(arrival.high for arrival in before)
        lags = [arrival.low - least_before for arrival in after if arrival.low != NO_BOUND]
        return bool(lags) and min(lags) > -interval_us // NEARLY and max(lags) > interval_us // CLEARLY
