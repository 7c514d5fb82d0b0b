"""What was said of a beat stays, and a gap lies between its beats, whatever strap and link do (RULINGS A6, B3)."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from biofeedback.events import Command, Link, Packet
from biofeedback.hrv.beats import Hole
from biofeedback.hrv.reception import Reception
from biofeedback.hrv.stream import Settled, StreamEvent
from tests.hrv.straps import SECOND
from tests.strategies import packet

Told = Packet | Link | Command
ROUNDING_US = 2


class Trouble:
    """A strap that for a few minutes does everything that straps do, each by chance."""

    def __init__(self, seed: int) -> None:
        self._chance = Random(seed)
        self._bpm = self._chance.choice((36, 45, 60, 72, 110, 180))
        self._clock, self._count, self._last = 0.0, 0, 0
        self._quiet = self._doubled = self._loose = 0
        self._linked = True
        self.events: list[Told] = []
        for second in range(1, 240):
            self._live(second)

    def _live(self, second: int) -> None:
        due = self._beats_until(second)
        what = self._chance.random()
        at = max(self._last + 1000, second * SECOND + self._chance.randrange(15_000, 75_000))
        if second < self._quiet:
            return
        if not self._linked:
            self._linked = self._say(Link(at, "streaming"))
            at += 1000
        if what < 0.01:
            self._quiet = second + self._chance.randrange(1, 40)
            self._linked = not self._say(Link(at, "waiting"))
        elif what < 0.015:
            self._quiet = second + self._chance.randrange(1, 30)
        else:
            self._send(second, at, due, what)

    def _send(self, second: int, at: int, due: list[int], what: float) -> None:
        if what < 0.025:
            self._doubled = second + self._chance.randrange(5, 40)
        elif what < 0.035:
            self._loose = second + self._chance.randrange(1, 6)
        elif what > 0.985:
            due.insert(len(due) // 2, self._chance.choice((0, 1, 28, 2600, 0xFFFF)))
        if what > 0.98:
            self._quiet = second + self._chance.randrange(1, 4)
        hr = self._chance.choice((self._bpm,) * 20 + (0, None))
        self._say(packet(at, due, hr, second >= self._loose))
        if second < self._doubled:
            self._say(packet(at + 2000, due, self._bpm, True))

    def _beats_until(self, second: int) -> list[int]:
        due = list[int]()
        while self._clock < second:
            self._clock += 60 / self._bpm * (1 + self._chance.uniform(-0.08, 0.08))
            before, self._count = self._count, int(self._clock * 1024)
            due.append(self._count - before)
        return due

    def _say(self, event: Told) -> bool:
        self.events.append(event)
        self._last = event.at
        return True


def heard(events: list[Told]) -> tuple[Reception, list[tuple[int, int, bool] | Hole]]:
    """All of it through a reception; its beats (closing, opening, whether behind a gap) and holes as they were said."""
    reception, said = Reception(), list[tuple[int, int, bool] | Hole]()

    def note(events: list[StreamEvent]) -> None:
        for each in events:
            if isinstance(each, Hole):
                said.append(each)
            elif isinstance(each, Settled):
                said.append((each.beat.t_us, each.beat.opening_us, each.beat.gap_before))

    for event in events:
        while reception.deadline <= event.at:
            note([*reception.advance(reception.deadline)])
        match event:
            case Packet():
                note([*reception.add_packet(event)])
            case Link():
                note([*reception.link(event)])
            case Command():
                note([*reception.command(event)])
    note([*reception.finish()])
    return reception, said


LATE_THROUGHOUT = (415, 472, 569, 575, 578, 758)
"""Here packets that came late throughout told of a loss when their beats had been said."""


@pytest.mark.parametrize("seeds", [range(100), range(100, 200), LATE_THROUGHOUT])
def test_what_was_said_of_a_beat_stays_and_a_gap_lies_between_its_beats(seeds: Sequence[int]) -> None:
    for seed in seeds:
        reception, said = heard(Trouble(seed).events)
        beats = [each for each in said if not isinstance(each, Hole)]
        assert beats == [(beat.t_us, beat.opening_us, beat.gap_before) for beat in reception.beats], seed
        end_us, hole = None, None
        for each in said:
            if isinstance(each, Hole):
                hole = each
                assert (hole.from_us, hole.moved) == (end_us, 0), seed
                continue
            closing_us, opening_us, behind_gap = each
            assert behind_gap == (end_us is None or hole is not None), seed
            if hole is not None:
                assert hole.from_us - ROUNDING_US <= hole.to_us == opening_us, seed
            assert end_us is None or closing_us > end_us, seed
            end_us, hole = closing_us, None
