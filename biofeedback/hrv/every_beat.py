"""Every metric at every beat, as a session says it: `analyze --every-beat` (RULINGS B1.3, B2).

A session withholds what its strap cannot carry, and begins its numbers anew when more beats came than time allows; a
table gives what the beats of each window allow.

A row is made of the beats up to its own with the flags they have when two more have come; a block of rows at a time,
so that memory does not grow with the recording, and of their windows alone, so that no block can be told from another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.registry import LENGTHS_S
from biofeedback.hrv.sliding.rows import RowValues, metric_rows
from biofeedback.hrv.sliding.windows import Beats, Rows
from biofeedback.hrv.stream import OPEN, Ready, Settled, StreamEvent
from biofeedback.hrv.window import Bools, Ints

BLOCK: Final = 4096
"""So many rows are made at once."""
NO_WHYS: Final = (None,) * OPEN
ALL_GOOD: Final = (True,) * OPEN
LOOK_BACK_US: Final = round(LENGTHS_S[-1] * 1e6)
WHOLE_US: Final = 1_000_000
"""Times may be moved by whole seconds: the grid of the tachogram has the same place in each."""


@dataclass(frozen=True)
class Block:
    """Rows in order: `t_us` (rows,) of their beats, and what was found."""

    t_us: Ints
    rows: RowValues


def every_beat(events: Iterable[StreamEvent], from_us: int, to_us: int) -> Iterator[Block]:
    """The rows of the beats that open in [from_us, to_us), of the beats that do, as the stream's events come."""
    table = _Table()
    for event in events:
        if isinstance(event, Ready):
            opening_us = event.beat.opening_us
            if from_us <= opening_us < to_us:
                table.add(event, opening_us)
                if len(table.rows) == BLOCK:
                    yield table.flush()
        elif isinstance(event, Settled):
            table.settle(event.beat)
        else:
            if table.rows:
                yield table.flush()
            table.look_again()
    if table.rows:
        yield table.flush()


def ready_of(beats: Sequence[TimedBeat]) -> Iterator[StreamEvent]:
    """The events that make rows of beats that are all known and taken as they are."""
    if beats:
        yield Settled(beats[-1])
    for number in range(len(beats) - 2):
        held = beats[max(0, number - OPEN + 1) : number + 1]
        yield Ready(beats[number], tuple(beat.why for beat in held))


class _Table:
    """Beats as columns, and the rows that are to be made of them."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, tuple[bool, ...]]] = []
        self._t_us: list[int] = []
        self._ticks: list[int] = []
        self._ok: list[bool] = []
        self._joined: list[bool] = []
        self._unsaid: deque[tuple[int, TimedBeat]] = deque()
        self._said = -1
        self._dropped = 0
        self._since_us = 0

    def add(self, ready: Ready, opening_us: int) -> None:
        """A row for this beat; the flags of the last beats are what they are now."""
        beat = ready.beat
        if not self._t_us and not self._dropped:
            self._since_us = opening_us
        self._t_us.append(beat.t_us)
        self._ticks.append(beat.ticks)
        self._joined.append(not beat.gap_before)
        self._ok.append(True)
        if beat.index > self._said:
            self._unsaid.append((len(self._ok) - 1 + self._dropped, beat))
        flags = ALL_GOOD
        if ready.whys != NO_WHYS or len(self._ok) < OPEN:
            flags = tuple(why is None for why in ready.whys[-len(self._ok) :])
        self._ok[-len(flags) :] = flags
        self.rows.append((len(self._ok) - 1, flags))

    def settle(self, beat: TimedBeat) -> None:
        """Neither this beat nor one before it will change again."""
        self._said = beat.index
        while self._unsaid and self._unsaid[0][1].index <= beat.index:
            self._unsaid.popleft()

    def look_again(self) -> None:
        """A gap was found: beats that had not been said may have moved, and be judged anew."""
        for number, beat in self._unsaid:
            place = number - self._dropped
            self._t_us[place], self._joined[place], self._ok[place] = beat.t_us, not beat.gap_before, beat.ok

    def flush(self) -> Block:
        """Make the rows that are due, and forget what no later one needs."""
        beats = Beats(np.array(self._t_us), np.array(self._ticks), np.array(self._ok), np.array(self._joined))
        beats.joined[0] = False
        last = np.array([number for number, _ in self.rows])
        nought = np.zeros(len(last), np.int64)
        rows = metric_rows(Rows(beats, last, nought + self._since_us, nought))
        changed = self._changed(beats.ok, last)
        if changed:
            _replace(rows, changed, self._apart(beats, changed))
        block = Block(beats.t_us[last], rows)
        self._forget(_first_seen(beats, len(beats.ok) - 1))
        return block

    def _changed(self, ok: Bools, last: Ints) -> list[int]:
        """The rows whose last flags have become others since."""
        known = np.array([(*(True,) * (OPEN - len(flags)), *flags) for _, flags in self.rows])
        places = last[:, None] + np.arange(1 - OPEN, 1)
        now = ok[np.maximum(places, 0)] | (places < 0)
        return np.flatnonzero((known != now).any(axis=1)).tolist()

    def _apart(self, beats: Beats, changed: Sequence[int]) -> RowValues:
        """These rows, each of its own copy of its beats: their last flags were others than they are now."""
        parts: list[Beats] = []
        last, since, least = (np.empty(len(changed), np.int64) for _ in range(3))
        behind_us = done = 0
        for place, row in enumerate(changed):
            number, known = self.rows[row]
            held = beats.part(_first_seen(beats, number), number + 1)
            later_us = -(-(behind_us - int(held.opening_us[0])) // WHOLE_US) * WHOLE_US
            part = Beats(held.t_us + later_us, held.ticks, held.ok.copy(), held.joined.copy())
            part.ok[-len(known) :], part.joined[0] = known, False
            parts.append(part)
            least[place], done = done, done + len(part.ok)
            last[place], since[place], behind_us = done - 1, self._since_us + later_us, int(part.t_us[-1])
        columns = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("t_us", "ticks", "ok", "joined")
        )
        return metric_rows(Rows(Beats(*columns), last, since, least))

    def _forget(self, count: int) -> None:
        for column in (self._t_us, self._ticks, self._ok, self._joined):
            del column[:count]
        self._dropped += count
        self.rows.clear()


def _first_seen(beats: Beats, number: int) -> int:
    """The first beat that a window up to this one can hold."""
    from_us = int(beats.t_us[number]) - LOOK_BACK_US
    return int(np.searchsorted(beats.opening_us, from_us))


def _replace(rows: RowValues, places: Sequence[int], by: RowValues) -> None:
    for name, values in rows.values.items():
        values[places] = by.values[name]
    rows.flagged[places] = by.flagged
