"""A replay under commands: what a view has seen is always what it would have seen without any of them."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import inf
from random import Random
from typing import Any

import pytest

from biofeedback.events import End, Event, Mark
from biofeedback.presenter.keys import MOVES
from biofeedback.presenter.picture import Picture
from biofeedback.presenter.traces import Traces
from biofeedback.session.clock import JumpingClock
from biofeedback.session.hub import Keep, Seen, Sought, ViewQueue
from biofeedback.session import playback as playback_module
from biofeedback.session.playback import KEEP_EVERY, SLICE, SPEEDS, Motion, Playback, Tape
from tests.terminal.showing import DEMO, SHORT, TITLES, events_of

S = 1_000_000


def marks(seconds: Iterable[float]) -> list[Event]:
    return [Mark(round(second * S), f"{second}", "trainee") for second in seconds]


MINUTE = [*marks(range(60)), End(60 * S, "planned end", 60.0, 0)]
Act = Callable[[Playback], object]
Script = Sequence[tuple[float, Act]]


@dataclass
class Watched:
    """What came of a playback: each thing a view got with the machine's second in which it did, and what was told."""

    playback: Playback
    got: list[tuple[float, Seen]] = field(default_factory=list[tuple[float, Seen]])
    told: list[Event] = field(default_factory=list[Event])
    noted: list[tuple[int, bool, bool]] = field(default_factory=list[tuple[int, bool, bool]])

    @property
    def seen(self) -> list[Seen]:
        return [seen for _, seen in self.got]

    def left_standing(self) -> list[Event]:
        """What a view knows in the end that starts afresh where it is told to."""
        known: list[Event] = []
        for seen in self.seen:
            if isinstance(seen, Event):
                known.append(seen)
            elif isinstance(seen, Sought) and seen.anew:
                known.clear()
        return known


class PromptClock(JumpingClock):
    """Jumps as soon as nobody has anything to do; there are no threads here that could have."""

    async def _settle(self, futures: Collection[Future[Any]]) -> bool:
        for _ in range(8):
            await asyncio.sleep(0)
            if any(future.done() for future in futures):
                return True
        return False


class StampedQueue(ViewQueue):
    """A view that takes at once whatever it is given, and looks at the clock."""

    def __init__(self, clock: JumpingClock, got: list[tuple[float, Seen]]) -> None:
        super().__init__(None)
        self._clock = clock
        self._got = got

    def put(self, events: Sequence[Seen]) -> None:
        self._got += [(self._clock.now() / 1e6, event) for event in events]


def watch(
    events: Sequence[Event], script: Script = (), *, stays: bool = False, length_s: float | None = None,
    speed: float = 1.0, from_s: float = 0.0, to_s: float | None = None,
) -> Watched:  # fmt: skip
    """Play on a clock that jumps, with commands at the machine's seconds; the last of them leaves it if it `stays`."""
    clock, told = PromptClock(), list[Event]()
    got: list[tuple[float, Seen]] = []
    length_us = max((event.at for event in events), default=0) if length_s is None else round(length_s * S)
    playback = Playback(
        lambda: Tape(iter(events), length_us), StampedQueue(clock, got), told.extend, speed=speed,
        from_us=round(from_s * S), to_us=None if to_s is None else round(to_s * S), clock=clock,
    )  # fmt: skip
    watched = Watched(playback, got, told)

    async def whole() -> None:
        playing = asyncio.ensure_future(playback.run())

        async def act() -> None:
            for seconds, does in script:
                await clock.sleep_until(round(seconds * S))
                does(playback)
                watched.noted.append((playback.now(), playback.paused, playback.over))
            if stays:
                playing.cancel()

        acting = asyncio.ensure_future(act())
        await asyncio.gather(playing, return_exceptions=stays)
        acting.cancel()
        await asyncio.gather(acting, return_exceptions=True)

    playback.stay(stays)
    asyncio.run(whole())
    return watched


def look(_: Playback) -> None:
    """Only note where it is."""


def seek(to_s: float) -> Act:
    return lambda playback: playback.seek(round(to_s * S))


def pause(playback: Playback) -> None:
    playback.pause_or_go_on()


def faster(playback: Playback) -> None:
    playback.change_speed(1)


@pytest.mark.parametrize("speed", [0.5, 1.0, 3.0, 50.0])
def test_each_event_comes_when_its_time_has_come(speed: float) -> None:
    watched = watch(MINUTE, speed=speed)
    assert watched.seen == MINUTE
    for machine_s, event in watched.got:
        assert machine_s == pytest.approx(event.at / S / speed, abs=2e-6)
    assert watched.playback.over


def test_at_full_speed_no_time_passes() -> None:
    watched = watch(MINUTE, speed=inf)
    assert watched.seen == MINUTE
    assert watched.got[-1][0] == 0.0
    assert watched.playback.now() == 60 * S


def test_a_pause_holds_all_that_follows_back_by_its_length() -> None:
    watched = watch(MINUTE, [(10.5, pause), (15.5, look), (40.5, pause), (41.0, look)])
    assert [machine for machine, event in watched.got if event.at == 11 * S] == [pytest.approx(41.0)]
    assert [at for at, *_ in watched.noted] == pytest.approx([10.5 * S, 10.5 * S, 10.5 * S, 11 * S], abs=2)
    assert watched.seen == MINUTE


def test_the_speed_changes_from_there_on() -> None:
    watched = watch(MINUTE, [(10.0, faster), (20.0, faster)])
    assert watched.playback.speed == 5.0
    expected = [
        event.at / S if event.at <= 10 * S else min(5 + event.at / S / 2, 14 + event.at / S / 5) for event in MINUTE
    ]
    assert [machine for machine, _ in watched.got] == pytest.approx(expected, abs=1e-5)


def test_faster_and_slower_lead_through_all_speeds_and_no_further() -> None:
    playback = Playback(lambda: Tape(iter(()), 0), None, speed=3.0, clock=JumpingClock())
    speeds: list[float] = []
    for step in (1, -1, -1, -1, -1, *[1] * 12):
        playback._change_speed(step)
        speeds.append(playback.speed)
    assert speeds == [5, 2, 1, 0.5, 0.5, *SPEEDS[1:], *[inf] * 4]


def test_seeking_forward_shows_at_once_what_lies_before() -> None:
    watched = watch(MINUTE, [(10.5, seek(40.5))])
    assert watched.seen == [*MINUTE[:11], Sought(round(40.5 * S), anew=False), *MINUTE[11:]]
    assert {machine for machine, event in watched.got if 11 * S <= event.at <= 40 * S} == {10.5}
    assert [machine for machine, event in watched.got if event.at == 41 * S] == [pytest.approx(11.0)]


def test_seeking_back_begins_anew_and_shows_at_once_what_lies_before() -> None:
    watched = watch(MINUTE, [(50.5, seek(20.5))])
    assert watched.seen == [*MINUTE[:51], Sought(round(20.5 * S), anew=True), *MINUTE]
    assert [machine for machine, event in watched.got if event.at == 20 * S] == [pytest.approx(20.0), 50.5]
    assert [machine for machine, event in watched.got if event.at == 21 * S] == pytest.approx([21.0, 51.0])


@pytest.mark.parametrize("by_s", [-1e6, 1e6])
def test_nobody_gets_beyond_either_end(by_s: float) -> None:
    watched = watch(MINUTE, [(5.5, lambda playback: playback.seek_by(round(by_s * S)))])
    (sought,) = (seen for seen in watched.seen if isinstance(seen, Sought))
    assert sought.at == (0 if by_s < 0 else 60 * S)
    assert watched.left_standing() == MINUTE


def test_what_is_told_besides_is_told_once() -> None:
    watched = watch(MINUTE, [(20.5, seek(5)), (30.5, seek(50)), (35, seek(0))])
    assert watched.told == MINUTE


def test_while_paused_the_place_is_shown_and_nothing_goes_on() -> None:
    watched = watch(MINUTE, [(10.5, pause), (11, seek(30.2)), (50, look), (51, seek(4)), (80, look)], stays=True)
    assert watched.noted[2][:2] == (round(30.2 * S), True)
    assert watched.noted[4][:2] == (4 * S, True)
    assert watched.left_standing() == MINUTE[:5]


def test_at_the_end_it_stays_if_it_shall_and_can_be_gone_back_in_and_begun_again() -> None:
    watched = watch(MINUTE, [(100, look), (101, seek(30.5)), (102, look), (200, pause), (205.5, look)], stays=True)
    assert watched.noted[0] == (60 * S, False, True)
    assert watched.noted[2] == (round(31.5 * S), False, False)
    assert watched.noted[4] == (round(5.5 * S), False, False)
    assert watched.left_standing() == MINUTE[:6]


def test_a_part_is_begun_at_its_place_and_ended_at_its_own() -> None:
    watched = watch(MINUTE, from_s=20.5, to_s=40.5)
    assert watched.seen == [Sought(round(20.5 * S), anew=False), *MINUTE[:41]]
    assert watched.told == MINUTE[21:41]
    assert watched.got[20][0] == 0.0
    assert watched.got[-1][0] == pytest.approx(19.5)
    assert watched.playback.cut
    assert watched.playback.now() == round(40.5 * S)


def test_a_part_that_holds_all_is_not_cut() -> None:
    assert not watch(MINUTE, to_s=60.0).playback.cut
    assert watch(MINUTE, to_s=59.9).playback.cut


def test_one_that_was_held_up_goes_on_from_where_it_is_and_not_in_a_burst() -> None:
    """The machine sleeps for a minute in the tenth second; nothing of the recording is lost by it."""

    class Sleeping(PromptClock):
        slept_us = 0

        def now(self) -> int:
            return super().now() + (self.slept_us if super().now() > 10 * S else 0)

        async def wait(self, futures: Collection[Future[Any]], until_us: int) -> None:
            await super().wait(futures, until_us - (self.now() - super().now()))

    clock, got = Sleeping(), list[tuple[float, Seen]]()
    clock.slept_us = 60 * S
    playback = Playback(lambda: Tape(iter(MINUTE), 60 * S), StampedQueue(clock, got), clock=clock)
    asyncio.run(playback.run())
    times = {event.at // S: machine for machine, event in got}
    assert [event for _, event in got] == MINUTE
    assert times[40] - times[20] == pytest.approx(20.0)
    assert times[60] == pytest.approx(120.0, abs=1.1)


def test_a_recording_of_nothing_is_over_at_once() -> None:
    watched = watch([])
    assert (watched.seen, watched.playback.over, watched.playback.now()) == ([], True, 0)


def test_time_stands_before_the_event_that_is_still_to_come() -> None:
    motion = Motion(10 * S, began_us=5 * S, speed=2.0, until_us=14 * S)
    assert [motion.at(clock * S) for clock in (5, 6, 7, 8)] == [10 * S, 12 * S, 14 * S, 14 * S]
    assert motion.due(8 * S) == 16 * S
    assert Motion(3 * S).at(99 * S) == 3 * S


class Slow(ViewQueue):
    """A view that takes what waits only now and then."""

    def __init__(self) -> None:
        super().__init__(None)
        self.most = 0

    def put(self, events: Sequence[Seen]) -> None:
        super().put(events)
        self.most = max(self.most, self.waiting)


def test_a_view_that_is_slow_is_not_given_more_than_it_takes() -> None:
    clock, queue = PromptClock(), Slow()
    many = marks(second / 10 for second in range(10 * SLICE))
    playback = Playback(lambda: Tape(iter(many), many[-1].at), queue, speed=inf, clock=clock)
    taken: list[Seen] = []

    async def whole() -> None:
        playing = asyncio.ensure_future(playback.run())
        while not playing.done():
            for _ in range(30):
                await asyncio.sleep(0)
            taken.extend(queue.drain())
        await playing

    asyncio.run(whole())
    assert [*taken, *queue.drain()] == many
    assert queue.most <= 2 * SLICE


def test_an_event_is_worked_out_when_it_is_needed_and_once() -> None:
    asked: list[float] = []

    def work_out() -> Iterator[Event]:
        for event in MINUTE:
            asked.append(event.at / S)
            yield event

    clock = PromptClock()
    playback = Playback(lambda: Tape(work_out(), 60 * S), None, clock=clock)
    reached: list[int] = []

    async def whole() -> None:
        playing = asyncio.ensure_future(playback.run())
        for second, does in ((5.5, look), (6, seek(2)), (7.5, look)):
            await clock.sleep_until(round(second * S))
            reached.append(len(asked))
            does(playback)
        await playing

    asyncio.run(whole())
    assert reached == [7, 7, 7]
    assert asked == [event.at / S for event in MINUTE]


def known_of(events: Iterable[Seen]) -> tuple[object, ...]:
    """All that picture and traces know, to be compared."""
    picture, traces = Picture(TITLES, hide_numbers=False), Traces()
    for event in events:
        picture.see(event)
        traces.see(event)
    lines = [traces.tachogram, traces.level, traces.rmssd, traces.coverage, traces.flagged, traces.unjudged]
    return (
        {name: value for name, value in vars(picture).items() if name not in ("replay", "_kept")},
        [(line.t_s.tolist(), str(line.values.tolist())) for line in lines],
        [traces.parts, traces.holes, traces.moments, traces.end_us, list(traces.tail())],
    )  # fmt: skip


@cache
def session(number: int) -> Sequence[Event]:
    return events_of(DEMO) if number else events_of(SHORT, [(12.0, "pause"), (20.0, "resume"), (31.0, "strong")])


@pytest.mark.parametrize("keep_every", [KEEP_EVERY, 50])
@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_pressed_a_view_knows_what_it_would_know_without(
    seed: int, keep_every: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(playback_module, "KEEP_EVERY", keep_every)
    chance = Random(seed)
    events = session(seed % 2)
    moves = [*MOVES.values()]
    script: list[tuple[float, Act]] = [
        (second, chance.choice(moves)) for second in sorted(chance.uniform(0, 90) for _ in range(25))
    ]
    script.append((90.0, lambda playback: None if playback.paused else playback.pause_or_go_on()))
    watched = watch(events, [*script, (91.0, look)], stays=True)
    at_us = watched.noted[-1][0]
    assert known_of(watched.seen) == known_of(event for event in events if event.at <= at_us)
    assert any(isinstance(seen, Keep) for seen in watched.seen) == (keep_every == 50)
    told = watched.told
    assert told == events[: len(told)]


def test_of_what_was_kept_no_more_than_the_rest_is_shown_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playback_module, "KEEP_EVERY", 20)
    watched = watch(MINUTE, [(50.5, seek(45.5)), (52.5, seek(3)), (53.9, seek(58.5))])
    shown = [seen for seen in watched.seen if not isinstance(seen, Keep)]
    assert [seen for seen in watched.seen if isinstance(seen, Keep)] == [
        Keep(19 * S, 1),
        Keep(39 * S, 2),
        Keep(59 * S, 3),
    ]
    assert shown == [
        *MINUTE[:51], Sought(round(45.5 * S), anew=True, kept=2), *MINUTE[40:48],
        Sought(3 * S, anew=True), *MINUTE[:5], Sought(round(58.5 * S), anew=True, kept=2), *MINUTE[40:],
    ]  # fmt: skip
