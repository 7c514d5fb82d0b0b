"""From packets to beats on one time line, with every hole shown (STRAP 3.4 with RULINGS B3).

A strap's intervals are summed on its own clock; that clock is laid on session time by the least delay between a
beat and the arrival of its packet. Arrival times themselves are never differenced. Intervals from a file have no
other clock than their own sum.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low
from typing import Final, TypeAlias

from biofeedback.events import ArtefactName, GapReason, Packet, Rr
from biofeedback.hrv.artefacts import is_interval
from biofeedback.hrv.ticks import TICKS_OF_STRAP, ticks_to_us

NEVER: Final = 2**62
"""A deadline that is not set, in microseconds."""
ENVELOPE_US: Final = 45_000_000
RECENT_US: Final = 12_000_000
SILENCE_US: Final = 3_000_000
"""So long without a packet is a silence; so long after its end it is decided whether beats were lost in it."""
DRIFT: Final = 0.008
"""The strap's clock moves on session time by at most this share of an interval a beat."""
MEDIAN_BEATS: Final = 11
NEARLY, CLEARLY = 0.1, 0.15
"""Shares of an interval by which a packet may lag before its beats are taken to be missing."""


@dataclass(slots=True)
class TimedBeat:
    """One interval on session time. `t_us` is its closing beat; `why` and `settled` are the artefact rule's."""

    index: int
    t_us: int
    ticks: int
    gap_before: bool
    why: ArtefactName | None = None
    settled: bool = False

    @property
    def ok(self) -> bool:
        """Whether the interval may be used."""
        return self.why is None

    @property
    def opening_us(self) -> int:
        """When the interval began."""
        return self.t_us - ticks_to_us(self.ticks)


@dataclass(frozen=True, slots=True)
class Hole:
    """A gap in the beats.

    One that was found late names no times: the last `moved` beats lie behind it and are placed again, `shift_us`
    later.
    """

    from_us: int
    to_us: int
    why: GapReason
    moved: int = 0
    shift_us: int = 0


Placed: TypeAlias = list[TimedBeat | Hole]
"""What one event added to the time line, in order."""


@dataclass(slots=True)
class _Arrival:
    """One packet with intervals.

    When it came, how long after the packet before, how far behind its last beat, its first interval, and how many
    beats it brought.
    """

    at_us: int
    waited_us: int
    delay_us: int
    first_us: int
    beats: int


class BeatLine:
    """Places intervals on session time. Feed packets, file intervals and link changes; ask for `deadline`."""

    def __init__(self) -> None:
        self.deadline = NEVER
        self._count = 0
        self._last: TimedBeat | None = None
        self._pending: GapReason | None = None
        self._strap_ticks = 0
        self._offset_us: int | None = None
        self._arrivals: deque[_Arrival] = deque()
        self._last_packet_us: int | None = None
        self._silence_ended_us: int | None = None
        self._least_before_us = 0
        self._recent: deque[int] = deque(maxlen=MEDIAN_BEATS)

    def interrupt(self, why: GapReason) -> None:
        """The link was lost or the strap taken off: the next beat lies behind a hole."""
        if self._last is not None:
            self._pending = why
        self._forget_clock()

    def add_packet(self, packet: Packet) -> Placed:
        """Place a packet's intervals by the session time of its arrival."""
        placed: Placed = []
        if packet.contact is False:
            self.interrupt("contact")
        elif packet.hr == 0:
            self.interrupt("sensor")
        else:
            self._note_silence(packet.at)
            self._add_values(packet.ticks, packet.at, placed)
            self._look_for_loss(packet.at, placed)
        self._last_packet_us = packet.at
        return placed

    def add_intervals(self, event: Rr) -> Placed:
        """Place a file's intervals: their sum is their time, a value that is no interval is a hole of that length."""
        placed: Placed = []
        for ticks in event.ticks:
            self._strap_ticks += max(0, ticks)
            if is_interval(ticks):
                self._place(ticks_to_us(self._strap_ticks), ticks, placed)
            elif self._last is not None:
                self._pending = "sensor"
        return placed

    def advance(self, now_us: int) -> Placed:
        """Decide, three seconds after a silence ended, whether beats were lost in it."""
        placed: Placed = []
        if now_us >= self.deadline:
            self._decide_silence(placed)
        return placed

    def _add_values(self, ticks_1024: Sequence[int], at_us: int, placed: Placed) -> None:
        """A packet's intervals, in runs between values that are no interval; each such value is a hole."""
        runs: list[list[int]] = [[]]
        for value in ticks_1024:
            if is_interval(value * TICKS_OF_STRAP):
                runs[-1].append(value * TICKS_OF_STRAP)
            else:
                runs.append([])
        for number, run in enumerate(runs):
            if number:
                self.interrupt("sensor")
            later = sum(sum(others) for others in runs[number + 1 :])
            self._add_run(run, at_us - ticks_to_us(later), placed)

    def _add_run(self, run: Sequence[int], at_us: int, placed: Placed) -> None:
        if not run:
            return
        before = self._strap_ticks
        delay = at_us - ticks_to_us(before + sum(run))
        if self._offset_us is None:
            self._offset_us = delay
        waited = 0 if self._last_packet_us is None else at_us - self._last_packet_us
        self._arrivals.append(_Arrival(at_us, waited, delay, ticks_to_us(run[0]), len(run)))
        while self._arrivals[0].at_us < at_us - ENVELOPE_US:
            self._arrivals.popleft()
        least = self._least()
        for ticks in run:
            self._strap_ticks += ticks
            most = int(DRIFT * ticks_to_us(ticks))
            self._offset_us += max(-most, min(most, least - self._offset_us))
            self._place(ticks_to_us(self._strap_ticks) + self._offset_us, ticks, placed)

    def _place(self, t_us: int, ticks: int, placed: Placed) -> None:
        last, why = self._last, self._pending
        if last is not None and why is not None:
            t_us += self._keep_order(last.t_us + ticks_to_us(ticks) - t_us)
            placed.append(Hole(last.t_us, t_us - ticks_to_us(ticks), why))
        beat = TimedBeat(self._count, t_us, ticks, gap_before=last is None or why is not None)
        self._count += 1
        self._last, self._pending = beat, None
        self._recent.append(ticks)
        placed.append(beat)

    def _keep_order(self, early_us: int) -> int:
        """Lay the clock later when a run would begin before the last one ended, so that the beats behind follow too."""
        if early_us <= 0:
            return 0
        if self._offset_us is not None:
            self._offset_us += early_us
        return early_us

    def _forget_clock(self) -> None:
        self._arrivals.clear()
        self._offset_us = None
        self._silence_ended_us = None
        self.deadline = NEVER

    def _note_silence(self, at_us: int) -> None:
        """A packet after a silence: remember when, and set the deadline by which it is decided."""
        last = self._last_packet_us
        if last is None or not self._arrivals or at_us - last <= SILENCE_US or self._silence_ended_us is not None:
            return
        self._silence_ended_us = at_us
        self._least_before_us = self._least()
        self.deadline = at_us + SILENCE_US

    def _decide_silence(self, placed: Placed) -> None:
        ended = self._silence_ended_us
        self._silence_ended_us, self.deadline = None, NEVER
        after = [] if ended is None else [arrival for arrival in self._arrivals if arrival.at_us >= ended]
        if self._overdue(after, self._least_before_us):
            self._cut(after, "silence", placed)

    def _look_for_loss(self, now_us: int, placed: Placed) -> None:
        """Packets lost without a silence: all of the last 12 s come later than any beat could have waited."""
        arrivals = list(self._arrivals)
        first = next((n for n, arrival in enumerate(arrivals) if arrival.at_us >= now_us - RECENT_US), 0)
        if self._silence_ended_us is not None or first == 0:
            return
        least_before = min(arrival.delay_us for arrival in arrivals[:first])
        if not self._overdue(arrivals[first:], least_before):
            return
        while first > 1 and self._overdue(arrivals[first - 1 :], least_before):
            first -= 1
        # A packet that does not come leaves a wait; which of several late ones came first behind it, only that tells.
        waits = [arrival.waited_us for arrival in arrivals[first:]]
        self._cut(arrivals[first + waits.index(max(waits)) :], "lost", placed)

    def _overdue(self, arrivals: Sequence[_Arrival], least_before_us: int) -> bool:
        """Whether beats are missing before these packets.

        A packet is made before the next beat comes, so it lags behind its last beat by less than the interval that
        follows. When all of them lag by about that or more, and one clearly, their beats are placed too early.
        """
        lags = [early.delay_us - least_before_us - late.first_us for early, late in pairwise(arrivals)]
        interval = self._interval_us()
        return len(lags) > 0 and min(lags) > -NEARLY * interval and max(lags) > CLEARLY * interval

    def _least(self) -> int:
        return min(arrival.delay_us for arrival in self._arrivals)

    def _interval_us(self) -> int:
        return ticks_to_us(median_low(self._recent))

    def _cut(self, after: Sequence[_Arrival], why: GapReason, placed: Placed) -> None:
        """Cut the time line before these packets and lay the clock anew by them."""
        if self._offset_us is None:
            return
        least_after = min(arrival.delay_us for arrival in after)
        shift = least_after - self._offset_us
        if shift <= 0:
            return
        placed.append(Hole(0, 0, why, moved=sum(arrival.beats for arrival in after), shift_us=shift))
        self._offset_us = least_after
        self._arrivals = deque(after)
