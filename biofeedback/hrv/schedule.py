"""When a strap makes its packets: at a steady pace of its own, learnt from when they arrive.

A packet arrives after it was made, never before, and packets never overtake each other. So the line under all
arrivals tells when each was made, and a place on it whose packet never came is a packet that was lost. A packet
that is only late, with others behind it, leaves no place empty. Whole microseconds throughout.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median_low
from typing import Final

NEVER: Final = 2**62
"""A time that does not come, in microseconds."""
PACKETS: Final = 45
"""The line lies under so many arrivals. One with another close behind it is none of them: it was late, and says less
than the other. Many of them, after a long stall, would leave too few for a line."""
LEARNT: Final = 9
"""So many packets in a row at an even pace make a schedule."""
EVEN: Final = 4
"""A wait is even when it differs from the median wait by less than the median divided by this."""
PERIODS_US: Final = (400_000, 3_000_000)
"""What may be a pace at all: about a second by the service's rules, at the strap's own choice."""
RELAID: Final = 5
"""The line is laid again every so many packets, and when a packet comes that lies under it."""
STEADY_US: Final = 100_000
"""A schedule is steady while packets come, in the median, within this time of the line."""


@dataclass(slots=True, eq=False)
class Slot:
    """One packet: its place in the strap's own count, and when it arrived."""

    number: int
    at_us: int


@dataclass(frozen=True, slots=True)
class Lost:
    """Packets that never came: these that came together are the first behind them; in all they cover `span_us`."""

    behind: Sequence[Slot]
    span_us: int


@dataclass(frozen=True, slots=True)
class Told:
    """What a packet told: its own slot, a loss that has come to light, and whether the last loss was none after all."""

    slot: Slot
    lost: Lost | None = None
    withdrawn: bool = False


class Schedule:
    """The pace of one strap. Feed `add` every packet, with intervals or without.

    `steady`: the packets keep a pace by which it can be told when they were made. `changes` counts how often what
    is known of earlier packets has changed.
    """

    def __init__(self) -> None:
        self.steady = False
        self.changes = 0
        self._slots: deque[Slot] = deque(maxlen=PACKETS)
        self._timely: deque[Slot] = deque(maxlen=PACKETS)
        self._flush: list[Slot] = []
        self._behind = Slot(0, 0)
        self._lost = 0
        self._young = False
        self._added = 0
        self._usual_us = 0
        self._period_us = 0
        self._from = self._to = Slot(0, 0)

    def made_us(self, slot: Slot) -> int:
        """When the packet was made, as far as the schedule tells: never after it arrived."""
        return self._line_us(slot.number) if self.steady else slot.at_us

    @property
    def doubtful_from_us(self) -> int:
        """Packets that arrived from then on may be late, or behind a loss: the next ones will tell. NEVER if none."""
        if not self._flush or self._late_us(self._flush[-1]) < self._period_us // 2:
            return NEVER
        return self._flush[0].at_us

    def add(self, at_us: int) -> Told:
        """Count a packet that arrives now."""
        lost, withdrawn = None, False
        if self._flush and at_us - self._slots[-1].at_us > self._period_us // 2:
            lost = self._count_lost()
            self._flush = []
        slot = Slot(self._slots[-1].number + 1 if self._slots else 0, at_us)
        if self._young:
            self._move_line(slot)
        elif self._usual_us and self._late_us(slot) < -self._period_us // 4:
            withdrawn = self._count_back(slot)
        self._enter(slot)
        self._added += 1
        if not self._usual_us:
            self._learn()
        else:
            self._flush.append(slot)
            self._young &= len(self._timely) < LEARNT
            overdue = self._added % RELAID == 0 or self._from.number < self._timely[0].number
            if not self._young and (overdue or self._late_us(slot) < 0):
                self._lay_line()
        return Told(slot, lost, withdrawn)

    def forget(self) -> None:
        """The strap may have begun anew: learn its pace again."""
        self._clear()
        self._usual_us, self.steady, self._young = 0, False, False
        self.changes += 1

    def restart(self) -> None:
        """The strap begins its packets anew, at the pace it had."""
        self._young = self._usual_us > 0 and self.steady
        if not self._young:
            self.forget()
        self._clear()

    def _clear(self) -> None:
        self._slots.clear()
        self._timely.clear()
        self._flush = []

    def _enter(self, slot: Slot) -> None:
        if self._timely and slot.at_us - self._timely[-1].at_us < self._usual_us // 2:
            self._timely.pop()
        self._slots.append(slot)
        self._timely.append(slot)

    def _move_line(self, slot: Slot) -> None:
        """The strap keeps its pace: lay the line under the few packets there are."""
        late_us = self._late_us(slot)
        if not self._slots or late_us < 0:
            self._from = Slot(self._from.number, self._from.at_us + late_us)
            self._to = Slot(self._to.number, self._to.at_us + late_us)
            self.changes += 1

    def _count_lost(self) -> Lost | None:
        """After half a period without a packet, all that was made before the last one has arrived or was lost."""
        lost = (self._late_us(self._flush[-1]) + self._period_us // 4) // self._period_us
        if lost <= 0:
            return None
        for slot in self._flush:
            slot.number += lost
        self._behind, self._lost = self._flush[0], lost
        self.changes += 1
        return Lost(self._flush, lost * self._period_us)

    def _count_back(self, early: Slot) -> bool:
        """A packet before its time: what was taken for lost was only late, or the strap keeps another pace now."""
        found = (3 * self._period_us // 4 - self._late_us(early)) // self._period_us
        if self._behind not in self._slots or not 0 < found <= self._lost:
            self.forget()
            early.number = 0
            return False
        for slot in reversed(self._slots):
            slot.number -= found
            if slot is self._behind:
                break
        early.number -= found
        self._lost -= found
        self.changes += 1
        return self._lost == 0

    def _learn(self) -> None:
        """A pace is known once the last packets came at even waits."""
        self.changes += 1
        if len(self._slots) < LEARNT:
            return
        waits = [late.at_us - early.at_us for early, late in pairwise(self._slots)]
        usual = median_low(waits)
        if PERIODS_US[0] <= usual <= PERIODS_US[1] and all(abs(wait - usual) < usual // EVEN for wait in waits):
            self._usual_us, self._flush = usual, [self._slots[-1]]
            self._lay_line()
        else:
            self._slots.popleft()
            self._timely.popleft()

    def _lay_line(self) -> None:
        """The edge of the lower hull of the arrivals that lies under their middle."""
        hull: list[Slot] = []
        for slot in self._timely:
            while len(hull) > 1 and _above(hull[-2], hull[-1], slot):
                hull.pop()
            hull.append(slot)
        middle = (self._timely[0].number + self._timely[-1].number) / 2
        self._from, self._to = next(edge for edge in pairwise(hull) if edge[1].number >= middle)
        self._period_us = (self._to.at_us - self._from.at_us) // (self._to.number - self._from.number)
        self.changes += 1
        if abs(self._period_us - self._usual_us) > self._usual_us // EVEN:
            self.forget()
        else:
            self.steady = median_low([self._late_us(slot) for slot in self._timely]) <= STEADY_US

    def _line_us(self, number: int) -> int:
        run = self._to.number - self._from.number
        return self._from.at_us + (number - self._from.number) * (self._to.at_us - self._from.at_us) // run

    def _late_us(self, slot: Slot) -> int:
        return slot.at_us - self._line_us(slot.number)


def _above(before: Slot, middle: Slot, after: Slot) -> bool:
    """Whether the middle one lies on or above the line through the others."""
    rise = (middle.at_us - before.at_us) * (after.number - before.number)
    return rise >= (after.at_us - before.at_us) * (middle.number - before.number)
