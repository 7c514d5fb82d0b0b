"""From packets to beats on one time line, with every hole shown (STRAP 3.4 with RULINGS B3).

A strap's intervals are summed on its own clock; `strap_clock` says where that clock lies on session time, `losses`
where beats never came. Arrival times themselves are never differenced. Intervals from a file have no other clock than
their own sum.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Final, TypeAlias

from biofeedback.events import ArtefactName, GapReason, Packet, Rr
from biofeedback.hrv.artefacts import is_interval
from biofeedback.hrv.losses import Loss, LossFinder
from biofeedback.hrv.schedule import NEVER, Schedule, Slot
from biofeedback.hrv.strap_clock import Arrival, StrapClock
from biofeedback.hrv.ticks import TICKS_OF_STRAP, ticks_to_us

__all__ = ["NEVER", "BeatLine", "Hole", "Placed", "TimedBeat"]

DRIFT: Final = 125
"""The strap's clock moves on session time by at most an interval divided by this a beat."""
YOUNG: Final = 5
"""Just laid, by two packets or three, it may move farther: at the n-th beat by 2 / (this n) of the interval."""
MEDIAN_BEATS: Final = 11


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

    One that was found late names no times: the last `moved` beats lie behind it and have been placed again.
    """

    from_us: int
    to_us: int
    why: GapReason
    moved: int = 0


Placed: TypeAlias = list[TimedBeat | Hole]
"""What one event added to the time line, in order."""


class BeatLine:
    """Places intervals on session time. Feed packets, file intervals and link changes; ask for `deadline`."""

    def __init__(self) -> None:
        self._schedule = Schedule()
        self._clock = StrapClock(self._schedule)
        self._losses = LossFinder(self._schedule, self._clock)
        self._count = 0
        self._said = 0
        self._since_laid = 0
        self._last: TimedBeat | None = None
        self._placed: deque[TimedBeat] = deque()
        self._pending: GapReason | None = None
        self._strap_ticks = 0
        self._offset_us: int | None = None
        self._last_packet_us: int | None = None
        self._recent: deque[int] = deque(maxlen=MEDIAN_BEATS)

    @property
    def deadline(self) -> int:
        """When `advance` has something to decide, in microseconds."""
        return self._losses.deadline

    @property
    def sure(self) -> int:
        """The index of the first beat that may still be placed anew; the number of beats when none may."""
        from_us = self._losses.unsure_from_us
        open_us = () if from_us == NEVER else self._clock.arrivals
        unsure = sum(arrival.beats for arrival in open_us if arrival.slot.at_us >= from_us)
        self._said = max(self._said, self._count - unsure)
        return self._said

    def interrupt(self, why: GapReason) -> Placed:
        """The link was lost: the next beat lies behind a hole, and the strap may begin its packets anew."""
        placed = self._break_off(why, self._last_packet_us or 0)
        self._schedule.restart()
        return placed

    def add_packet(self, packet: Packet) -> Placed:
        """Place a packet's intervals by the session time of its arrival."""
        if packet.hr is None and not packet.ticks:
            return []
        waited = 0 if self._last_packet_us is None else packet.at - self._last_packet_us
        self._last_packet_us = packet.at
        told = self._schedule.add(packet.at)
        self._losses.note(told, waited)
        if packet.contact is False:
            return self._break_off("contact", packet.at)
        if packet.hr == 0:
            return self._break_off("sensor", packet.at)
        return self._add_values(packet.ticks, told.slot)

    def add_intervals(self, event: Rr) -> Placed:
        """Place a file's intervals: their sum is their time, a value that is no interval is a hole of that length.

        What the file has lost before them is a hole too; one of unknown length takes no time.
        """
        placed: Placed = []
        if event.lost != 0:
            self._strap_ticks += max(0, event.lost or 0)
            self._pending = "file" if self._last is not None else None
        for ticks in event.ticks:
            self._strap_ticks += max(0, ticks)
            if is_interval(ticks):
                self._place(ticks_to_us(self._strap_ticks), ticks, placed)
            elif self._last is not None:
                self._pending = "sensor"
        self._forget_beats(0)
        return placed

    def advance(self, now_us: int) -> Placed:
        """Decide what is due by now: three seconds after a silence ended, whether beats were lost in it."""
        placed: Placed = []
        while (due := self.deadline) <= now_us:
            self._look_for_losses(due, placed)
        return placed

    def finish(self) -> Placed:
        """No more packets come: decide by those that came."""
        placed: Placed = []
        self._look_for_losses(self._last_packet_us or 0, placed, last_call=True)
        return placed

    def _break_off(self, why: GapReason, now_us: int) -> Placed:
        placed: Placed = []
        self._look_for_losses(now_us, placed, last_call=True)
        if self._last is not None:
            self._pending = why
        self._forget_clock()
        return placed

    def _add_values(self, ticks_1024: Sequence[int], slot: Slot) -> Placed:
        """A packet's intervals, in runs between values that are no interval; each such value is a hole."""
        placed: Placed = []
        runs: list[list[int]] = [[]]
        for value in ticks_1024:
            if is_interval(value * TICKS_OF_STRAP):
                runs[-1].append(value * TICKS_OF_STRAP)
            else:
                runs.append([])
        for number, run in enumerate(runs):
            if number:
                placed += self._break_off("sensor", slot.at_us)
            later = sum(sum(others) for others in runs[number + 1 :])
            self._add_run(run, later, slot, placed)
        return placed

    def _add_run(self, run: Sequence[int], later: int, slot: Slot, placed: Placed) -> None:
        """Intervals of one packet, `later` ticks before its last: first what was lost before them, then they."""
        if not run and not self._clock.arrivals:
            return
        end_us = ticks_to_us(self._strap_ticks + sum(run) + later)
        self._clock.add(Arrival(slot, end_us, len(run), ticks_to_us(run[0]) if run else 0))
        self._recent.extend(run)
        self._forget_beats(len(run))
        self._look_for_losses(slot.at_us, placed, unplaced=len(run))
        wanted = self._clock.offset(self._losses.certain(), slot.at_us)
        latest = slot.at_us - end_us
        for ticks in run:
            self._strap_ticks += ticks
            self._place(ticks_to_us(self._strap_ticks) + self._lay(wanted, latest, ticks_to_us(ticks)), ticks, placed)

    def _lay(self, wanted: int, latest: int, rr_us: int) -> int:
        """The clock's offset for the next beat: `wanted` as far as it may move, and never later than `latest`."""
        if self._offset_us is None:
            self._offset_us = min(wanted, latest)
        self._since_laid += 1
        most = max(rr_us // DRIFT, 2 * rr_us // (YOUNG * self._since_laid))
        move = max(-most, min(most, wanted - self._offset_us))
        self._offset_us += max(-rr_us // 2, min(move, latest - self._offset_us))
        return self._offset_us

    def _place(self, t_us: int, ticks: int, placed: Placed) -> None:
        last, why = self._last, self._pending
        if last is not None and why is not None:
            t_us += self._keep_order(last.t_us + ticks_to_us(ticks) - t_us)
            placed.append(Hole(last.t_us, t_us - ticks_to_us(ticks), why))
        beat = TimedBeat(self._count, t_us, ticks, gap_before=last is None or why is not None)
        self._count += 1
        self._last, self._pending = beat, None
        self._placed.append(beat)
        placed.append(beat)

    def _keep_order(self, early_us: int) -> int:
        """Lay the clock later when a run would begin before the last one ended, so that the beats behind follow too."""
        if early_us <= 0:
            return 0
        if self._offset_us is not None:
            self._offset_us += early_us
        return early_us

    def _forget_beats(self, unplaced: int) -> None:
        """Those that may still be placed anew are kept, and the one before them."""
        kept = sum(arrival.beats for arrival in self._clock.arrivals) - unplaced + 1
        while len(self._placed) > kept:
            self._placed.popleft()

    def _forget_clock(self) -> None:
        self._clock.lay_anew()
        self._losses.forget()
        self._offset_us, self._since_laid = None, 0

    def _look_for_losses(self, now_us: int, placed: Placed, *, unplaced: int = 0, last_call: bool = False) -> None:
        """Cut the time line where beats were lost; `unplaced` beats of the last packet are not on it yet."""
        if self._offset_us is None or not self._recent:
            return
        interval_us = ticks_to_us(median_low(self._recent))
        while (loss := self._losses.look(now_us, interval_us, last_call=last_call)) is not None:
            self._cut(loss, now_us, unplaced, placed)

    def _cut(self, loss: Loss, now_us: int, unplaced: int, placed: Placed) -> None:
        """Cut the time line before these packets and lay the clock anew by them."""
        after, moved = self._unsaid(loss.after, unplaced)
        if not after:
            self._pending = loss.why
            self._forget_clock()
            return
        self._clock.lay_anew(after)
        shift = max(0, self._clock.offset(self._clock.arrivals, now_us) - (self._offset_us or 0))
        self._since_laid = moved
        if not moved:
            self._pending = loss.why
        else:
            behind = [self._placed[place] for place in range(-moved, 0)]
            shift = max(shift, self._placed[-moved - 1].t_us - behind[0].opening_us)
            for beat in behind:
                beat.t_us += shift
            placed.append(Hole(0, 0, loss.why, moved))
        self._offset_us = (self._offset_us or 0) + shift

    def _unsaid(self, after: Sequence[Arrival], unplaced: int) -> tuple[Sequence[Arrival], int]:
        """Those packets whose beats may still be placed anew, and how many beats of them are on the time line."""
        moved = sum(arrival.beats for arrival in after) - unplaced
        while after and self._count - moved < self._said:
            moved -= after[0].beats
            after = after[1:]
        return after, moved
