"""A replay that can be paused, hurried and sought through: the events of a recording against a clock of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import ceil, inf, isinf
from typing import Final

from biofeedback.events import Event
from biofeedback.hrv.beats import NEVER
from biofeedback.session.clock import LiveClock, SessionClock
from biofeedback.session.hub import Keep, Sought, ViewQueue
from biofeedback.session.loop import Publish

SPEEDS: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, inf)
"""What "faster" and "slower" lead through."""
SLICE: Final = 2000
"""Events that are handed on at once; a window folds as many in a frame or two."""
SLICE_US: Final = 30_000
"""Working them out may take as long as this before what is there is shown."""
KEEP_EVERY: Final = 30_000
"""Events, those of two hours: so far a view goes back at the most when it has to fold anew."""
ROOM_US: Final = 4000
LATE_US: Final = 500_000
"""A replay that is behind by more goes on from where it is: what is late is not shown in a burst."""


@dataclass(frozen=True, slots=True)
class About:
    """The file of another program that is replayed, or that a recording was made of (`imported`).

    `began`: when it did, in words. `notes`: what is doubtful or was taken for granted, as sentences.
    """

    name: str
    format: str
    began: str
    notes: tuple[str, ...] = ()
    imported: bool = False

    @property
    def facts(self) -> str:
        """What wrote it and when it began, where its name stands already."""
        return f"Format: {self.format}, {self.began}."

    @property
    def sentence(self) -> str:
        """All but the notes."""
        return f"{'Imported from ' if self.imported else ''}{self.name} ({self.format}), {self.began}."


@dataclass(frozen=True, slots=True)
class Tape:
    """What is replayed: events in order of time, worked out as they are asked for.

    `length_us`: the time of the last. `remark`: one sentence for whoever watches. `about`: the file of another program
    that it comes from.
    """

    events: Iterator[Event]
    length_us: int
    remark: str = ""
    about: About | None = None


@dataclass(frozen=True, slots=True)
class Motion:
    """The course of time from one moment on: replayed time runs `speed` times as fast as the clock, 0 is standing."""

    from_us: int
    began_us: int = 0
    speed: float = 0.0
    until_us: int = NEVER

    def at(self, clock_us: int) -> int:
        """The replayed time; it does not pass `until_us`."""
        return min(self.due(clock_us), self.until_us) if self.speed else self.from_us

    def due(self, clock_us: int) -> int:
        """The replayed time by the clock alone."""
        return self.from_us + int((clock_us - self.began_us) * self.speed)


class Playback:
    """Plays a tape. `run` it on the session's thread; views command and read it from theirs.

    A command has its effect a moment later. `length_us`, `remark` and `about` are known, and `ready` is true, once the
    tape has been opened. `over`: everything has been shown that is to be shown. `cut`: that is not all of the tape.
    """

    def __init__(
        self,
        tape: Callable[[], Tape],
        queue: ViewQueue | None,
        tell: Publish | None = None,
        *,
        speed: float = 1.0,
        from_us: int = 0,
        to_us: int | None = None,
        clock: SessionClock | None = None,
    ) -> None:
        """`tape` is called on the session's thread, since opening it may take seconds.

        `queue`: of a view. `tell` is given each event between `from_us` and `to_us` once, however often it is shown.
        `clock`: the machine's time in microseconds.
        """
        self.ready = False
        self.length_us = 0
        self.remark = ""
        self.about: About | None = None
        self.cut = False
        self.over = False
        self.paused = False
        self.speed = speed
        self._open = tape
        self._queue = queue
        self._tell = tell
        self._from_us = from_us
        self._to_us = to_us
        self._clock = clock or LiveClock()
        self._motion = Motion(0)
        self._target_us: int | None = None
        self._events: list[Event] = []
        self._shown = self._told = self._reached_us = 0
        self._kept = [(0, 0)]  # how many events had been shown, and until when, at the beginning and at each `Keep`
        self._stays = False
        self._source: Iterator[Event] = iter(())
        self._commands: list[Callable[[], None]] = []
        self._asyncio: asyncio.AbstractEventLoop | None = None
        self._woken: asyncio.Future[None] | None = None

    # What a view reads

    def now(self) -> int:
        """Where the replay is, in microseconds of the session."""
        return self._motion.at(self._clock.now())

    @property
    def target_us(self) -> int | None:
        """Where it is on its way to, None when it is not: what lies before may have to be worked out first."""
        return self._target_us

    @property
    def end_us(self) -> int:
        """Where it ends."""
        return self.length_us if self._to_us is None else min(self._to_us, self.length_us)

    # What a view asks for

    def pause_or_go_on(self) -> None:
        """Stop the time, or let it go on; at the end, begin again."""
        self._do(self._pause_or_go_on)

    def seek(self, at_us: int) -> None:
        """Go to a time."""
        self._do(lambda: self._seek(at_us))

    def seek_by(self, by_us: int) -> None:
        """Go on or back by so much, from where it is or is on its way to."""
        self._do(lambda: self._seek((self.now() if self._target_us is None else self._target_us) + by_us))

    def change_speed(self, steps: int) -> None:
        """Go so many steps through SPEEDS, up or down."""
        self._do(lambda: self._change_speed(steps))

    def stay(self, stays: bool, /) -> None:
        """Whether it waits at its end for further commands, until it is left."""

        def stay() -> None:
            self._stays = stays

        self._do(stay)

    def _do(self, command: Callable[[], None]) -> None:
        self._commands.append(command)
        if self._asyncio is not None:
            with suppress(RuntimeError):  # its loop is closed: the replay has just ended
                self._asyncio.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)

    # The commands, on the session's thread

    def _pause_or_go_on(self) -> None:
        if self.over:
            self.paused = False
            self._seek(0)
            return
        at_us, self.paused = self.now(), not self.paused
        self._go_on_from(at_us)

    def _seek(self, at_us: int) -> None:
        at_us = min(max(0, at_us), self.end_us)
        kept = next(number for number in reversed(range(len(self._kept))) if self._kept[number][1] <= at_us)
        anew = at_us < self._reached_us or self._kept[kept][0] > self._shown
        if anew:
            self._shown, self._reached_us = self._kept[kept]
        self.over, self._target_us = False, at_us
        self._motion = Motion(self._reached_us if anew else self.now())
        if self._queue is not None:
            self._queue.put((Sought(at_us, anew, kept if anew else 0),))

    def _change_speed(self, steps: int) -> None:
        at_us = self.now()
        if steps > 0:
            self.speed = next((speed for speed in SPEEDS if speed > self.speed), self.speed)
        else:
            self.speed = next((speed for speed in reversed(SPEEDS) if speed < self.speed), self.speed)
        self._go_on_from(at_us)

    # The course

    async def run(self) -> None:
        """Play to the end; then stay there if a view wants that, until somebody cancels it."""
        self._asyncio = asyncio.get_running_loop()
        self._woken = self._asyncio.create_future()
        tape = self._open()
        self._source, self.length_us = iter(tape.events), tape.length_us
        self.remark, self.about = tape.remark, tape.about
        self.cut = self.end_us < self.length_us
        self.ready = True
        if self._from_us:
            self._seek(self._from_us)
        else:
            self._go_on_from(0)
        while True:
            while self._commands:
                self._commands.pop(0)()
            if self.over and not self._stays:
                return
            await self._step()

    async def _step(self) -> None:
        if self._target_us is not None:
            await self._catch_up(self._target_us)
        elif self.over or self.paused:
            await self._wait(NEVER)
        else:
            await self._play()

    async def _catch_up(self, target_us: int) -> None:
        """A slice of what lies before the place that is sought."""
        self._show(self._take(target_us))
        upcoming = self._peek()
        if upcoming is None or upcoming.at > target_us:
            self._target_us = None
            self.over = target_us >= self.end_us
            self._go_on_from(target_us)
        else:
            self._motion = Motion(self._reached_us)
        await self._make_room()

    async def _play(self) -> None:
        """What is due, and then wait for what comes next."""
        fast, clock_us = isinf(self.speed), self._clock.now()
        if not fast and self._motion.due(clock_us) - self._next_us() > LATE_US * self.speed:
            self._go_on_from(self._next_us())
        due_us = NEVER if fast else self._motion.due(clock_us)
        self._show(self._take(due_us))
        next_us = self._next_us()
        if self._peek() is None and due_us >= next_us:
            self.over, self._motion = True, Motion(next_us)
        elif fast:
            self._motion = Motion(self._reached_us)
            await self._make_room()
        else:
            self._motion = Motion(self._motion.from_us, self._motion.began_us, self.speed, next_us)
            await self._wait(clock_us + max(0, ceil((next_us - due_us) / self.speed)))

    def _next_us(self) -> int:
        """When the next event comes, or the end."""
        upcoming = self._peek()
        return self.end_us if upcoming is None else upcoming.at

    def _go_on_from(self, at_us: int) -> None:
        stands = self.paused or self.over or isinf(self.speed) or self._target_us is not None
        self._motion = Motion(at_us, self._clock.now(), 0.0 if stands else self.speed, max(at_us, self._next_us()))

    def _take(self, until_us: int) -> Sequence[Event]:
        """The next events until then, not more than a slice of them."""
        first, stop_us = self._shown, self._clock.now() + SLICE_US
        while self._shown - first < SLICE:
            upcoming = self._peek()
            if upcoming is None or upcoming.at > until_us:
                break
            self._shown += 1
            if self._clock.now() >= stop_us:
                break
        return self._events[first : self._shown]

    def _peek(self) -> Event | None:
        """The event that is to be shown next; None when there is none."""
        if self._shown == len(self._events):
            event = next(self._source, None)
            if event is None:
                return None
            self._events.append(event)
        event = self._events[self._shown]
        return None if self._to_us is not None and event.at > self._to_us else event

    def _show(self, events: Sequence[Event]) -> None:
        if not events:
            return
        self._reached_us = events[-1].at
        if self._queue is not None:
            self._queue.put(events)
            self._let_keep(self._queue)
        new = events[len(events) - max(0, self._shown - self._told) :] if self._shown > self._told else ()
        self._told = max(self._told, self._shown)
        if self._tell is not None and new:
            self._tell([event for event in new if event.at >= self._from_us])

    def _let_keep(self, queue: ViewQueue) -> None:
        if self._shown >= self._kept[-1][0] + KEEP_EVERY:
            queue.put((Keep(self._reached_us, len(self._kept)),))
            self._kept.append((self._shown, self._reached_us))

    async def _make_room(self) -> None:
        """Let others run, and wait for a view that has not yet taken what it was given."""
        await asyncio.sleep(0)
        while self._queue is not None and self._queue.waiting > SLICE and not self._commands:
            await self._wait(self._clock.now() + ROOM_US)

    async def _wait(self, until_us: int) -> None:
        """Until then, or until there is a command."""
        if self._woken is None or self._asyncio is None:
            raise RuntimeError("only a playback that runs can wait")
        if not self._commands:
            await self._clock.wait((self._woken,), until_us)
        if self._woken.done():
            self._woken = self._asyncio.create_future()
