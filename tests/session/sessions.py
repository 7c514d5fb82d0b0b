"""Whole sessions in a moment: made-up hearts, commands at given times, everything recorded to a real file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TypeVar

from biofeedback.errors import SourceFailedError
from biofeedback.events import Command, CommandName, Event
from biofeedback.hrv.foreign import ForeignMetric
from biofeedback.recording.log import SessionLog
from biofeedback.recording.reader import StoredRecording
from biofeedback.recording.sealing import Keys
from biofeedback.session.clock import JumpingClock
from biofeedback.session.coins import draw_coins
from biofeedback.session.loop import Posted, SessionLoop
from biofeedback.session.opening import open_session
from biofeedback.session.plan import Pair, Plan
from biofeedback.session.playback import Playback
from biofeedback.session.scripts import Shelf, shipped
from biofeedback.session.wall import WallWatch
from biofeedback.session.tapes import recorded_tape
from devices.events import Packet, SourceEvent, StrapInfo
from devices.heart_rate_measurement import encode
from devices.opening import open_source
from devices.replayed import Replayed
from devices.source import Source, parse_spec

SAFE_PLACE = Pair("safe_place", "breath_only")
Rate = Callable[[float], float]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ran:
    """A session that is over: what was published, in order, and its file."""

    events: list[Event]
    path: Path
    failure: SourceFailedError | None = None
    """What its source did, when it failed."""

    def of(self, kind: type[T]) -> list[T]:
        """The events of one class."""
        return [event for event in self.events if isinstance(event, kind)]


def heart(rate_bpm: Rate, seconds: float, silent: tuple[float, float] = (0.0, 0.0)) -> Iterator[SourceEvent]:
    """A strap on a heart of the given rate: a packet a second, none while `silent`, its beats lost.

    Its intervals are in turns a little longer and shorter, for one that repeats itself is taken for no heart.
    """
    t, rr_1024, clock, swing = 0.0, list[int](), 0.0, 0.5
    for second in range(1, int(seconds) + 1):
        while t < second:
            rr = 60 / rate_bpm(t)
            t += rr
            swing = -swing
            clock += rr * 1024
            whole = int(clock + swing)
            clock -= whole
            rr_1024.append(whole)
        if silent[0] <= second < silent[1]:
            rr_1024.clear()
            continue
        yield Packet(second * 1_000_000, "test", encode(round(rate_bpm(t)), rr_1024=tuple(rr_1024)))
        rr_1024.clear()


def steady(bpm: float) -> Rate:
    """A heart without any variability."""
    return lambda _: bpm


def replayed(events: Iterator[SourceEvent]) -> Source:
    """Made-up events as a source."""
    return Replayed(StrapInfo("made up", "file"), events)


def simulated(spec: str) -> Source:
    """A simulated person."""
    return open_source(parse_spec(spec))


def at(seconds: float, what: CommandName, text: str = "") -> tuple[float, Posted]:
    """A command of the trainee at a session time."""
    return seconds, lambda now: Command(now, what, "trainee", text)


async def _post_later(clock: JumpingClock, loop: SessionLoop, script: Sequence[tuple[float, Posted]]) -> None:
    for seconds, posted in script:
        await clock.sleep_until(round(seconds * 1e6))
        loop.post(posted)


def run_session(
    folder: Path,
    source: Source,
    plan: Plan,
    script: Sequence[tuple[float, Posted]] = (),
    *,
    seed: int | None = 1,
    demo: bool = False,
    clock: JumpingClock | None = None,
    shelf: Shelf | None = None,
    metrics: Sequence[ForeignMetric] = (),
    wall: WallWatch | None = None,
    keys: Keys | None = None,
) -> Ran:
    """Run a session to its end; `script` are commands in order of time."""
    used = clock or JumpingClock()
    opening = open_session(plan, source.info, shelf or shipped(), demo=demo, seeded=seed is not None, metrics=metrics)
    events: list[Event] = []
    failure: SourceFailedError | None = None

    async def whole() -> None:
        nonlocal failure
        loop = SessionLoop(source, used, opening, draw_coins(len(plan.pairs), seed), log, events.extend, wall)
        helpers = [asyncio.ensure_future(_post_later(used, loop, script))]
        await loop.run()
        failure = loop.failure
        for helper in helpers:
            helper.cancel()
        await asyncio.gather(*helpers, return_exceptions=True)

    with SessionLog(folder / opening.file_name, opening.head, keys) as log:
        for rule in opening.algorithms:
            log.append_line(0, "alg", rule)
        asyncio.run(whole())
    return Ran(events, log.path, failure)


def replayed_at_once(recording: StoredRecording, *, as_recorded: bool = False) -> list[Event]:
    """What a replay tells at full speed."""
    told: list[Event] = []
    playback = Playback(lambda: recorded_tape(recording, as_recorded=as_recorded), None, told.extend, speed=inf)
    asyncio.run(playback.run())
    return told
