"""Beats with their flags: one stream for live numbers, analyses, gates and exports (RULINGS B1.3).

Two beats after an interval it has a provisional flag, five beats after a settled one that never changes. Settled
beats are said once it is sure where they lie: while it is open whether others were lost before them, they wait.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from itertools import islice
from typing import Final, TypeAlias

from biofeedback.events import ArtefactName, GapReason, Packet, Rr
from biofeedback.hrv.artefacts import PROVISIONAL, SETTLED, ArtefactFilter
from biofeedback.hrv.beats import NEVER, BeatLine, Hole, Placed, TimedBeat


@dataclass(frozen=True, slots=True)
class Settled:
    """A beat whose flag is final."""

    beat: TimedBeat


OPEN: Final = SETTLED - PROVISIONAL + 1
"""So many of the last beats up to one that is ready: the first of them has just been settled, the others are open."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A beat that two more have followed: live numbers up to it can be made.

    `whys`: the flags of the last `OPEN` beats up to it at this moment, fewer at the start. A packet brings several
    beats at once, and what is said of the first must not know the last.
    """

    beat: TimedBeat
    whys: tuple[ArtefactName | None, ...]


StreamEvent: TypeAlias = Settled | Ready | Hole


class BeatStream:
    """Beats of a session as they come. `beats` holds those of the last `keep_us` (all when None)."""

    def __init__(self, keep_us: int | None = None) -> None:
        self.beats: deque[TimedBeat] = deque()
        self._line = BeatLine()
        self._keep_us = keep_us
        self._filter = ArtefactFilter()
        self._stretch_start = 0
        self._held: deque[TimedBeat] = deque()

    @property
    def deadline(self) -> int:
        """When `advance` has something to decide, in microseconds."""
        return self._line.deadline

    def add_packet(self, packet: Packet) -> list[StreamEvent]:
        """Take a strap's packet."""
        return self._take(self._line.add_packet(packet))

    def add_intervals(self, event: Rr) -> list[StreamEvent]:
        """Take a file's intervals."""
        return self._take(self._line.add_intervals(event))

    def interrupt(self, why: GapReason) -> list[StreamEvent]:
        """The next beat lies behind a hole; what was still open before it is decided."""
        return self._take(self._line.interrupt(why))

    def advance(self, now_us: int) -> list[StreamEvent]:
        """Decide what was due by now."""
        return self._take(self._line.advance(now_us))

    def finish(self) -> list[StreamEvent]:
        """No more beats come: settle the last ones."""
        events = self._take(self._line.finish())
        self._close_stretch()
        self._release(NEVER, events)
        return events

    def _take(self, placed: Placed) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        sure = self._line.sure
        for item in placed:
            if isinstance(item, TimedBeat):
                self._add_beat(item, sure, events)
            elif item.moved:
                self._cut(item, events)
            else:
                self._close_stretch()
                self._release(sure, events)
                events.append(item)
        self._release(sure, events)
        return events

    def _add_beat(self, beat: TimedBeat, sure: int, events: list[StreamEvent]) -> None:
        if beat.gap_before:
            self._filter, self._stretch_start = ArtefactFilter(), beat.index
        self.beats.append(beat)
        if self._keep_us is not None:
            self._forget(beat.t_us - self._keep_us)
        self._push(beat)
        self._release(sure, events)
        ready = beat.index - PROVISIONAL
        if ready >= self.beats[0].index:
            events.append(Ready(self._beat(ready), self._open_whys()))

    def _open_whys(self) -> tuple[ArtefactName | None, ...]:
        beats = self.beats
        if len(beats) < PROVISIONAL + OPEN:
            return tuple(beat.why for beat in islice(beats, len(beats) - PROVISIONAL))
        return beats[-6].why, beats[-5].why, beats[-4].why, beats[-3].why

    def _push(self, beat: TimedBeat) -> None:
        """Judge what can be judged now that this beat has come."""
        provisional, settled = self._filter.push(beat.ticks)
        if provisional is not None:
            self._judge(*provisional)
        if settled is not None:
            self._settle(*settled)

    def _forget(self, before_us: int) -> None:
        while self.beats[0].t_us < before_us and self.beats[0].settled:
            self.beats.popleft()

    def _beat(self, index: int) -> TimedBeat:
        return self.beats[index - self.beats[0].index]

    def _judge(self, in_stretch: int, why: ArtefactName | None) -> TimedBeat:
        beat = self._beat(self._stretch_start + in_stretch)
        if not beat.settled:
            beat.why = why
        return beat

    def _settle(self, in_stretch: int, why: ArtefactName | None) -> None:
        beat = self._judge(in_stretch, why)
        if not beat.settled:
            beat.settled = True
            self._held.append(beat)

    def _release(self, before: int, events: list[StreamEvent]) -> None:
        """Say the settled beats before that index; the others wait until it is sure where they lie."""
        while self._held and self._held[0].index < before:
            events.append(Settled(self._held.popleft()))

    def _close_stretch(self, before: int | None = None) -> None:
        """Settle what is left of the stretch, or of its beats before index `before`."""
        for in_stretch, why in self._filter.finish():
            if before is None or self._stretch_start + in_stretch < before:
                self._settle(in_stretch, why)

    def _cut(self, hole: Hole, events: list[StreamEvent]) -> None:
        """A hole found late: beats behind it are placed again and judged as a new stretch."""
        first = self.beats[-1].index - hole.moved + 1
        if first <= self.beats[0].index:
            return
        self._close_stretch(before=first)
        self._release(first, events)
        behind = [self._beat(index) for index in range(first, first + hole.moved)]
        for beat in behind:
            beat.settled &= beat not in self._held
        self._held.clear()
        behind[0].gap_before = True
        events.append(Hole(self._beat(first - 1).t_us, behind[0].opening_us, hole.why))
        self._filter, self._stretch_start = ArtefactFilter(), first
        for beat in behind:
            self._push(beat)
