"""A simulated person with a simulated strap, as a source: seeded, and it hears what a real person would.

Same seed and same words heard at the same session times give the same events, however fast the clock runs:
time is computed only as far as the clock has come, and what is heard takes effect a reaction time after its
`at_us`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from heapq import heappop, heappush
from random import Random
from typing import Final, Self, TypeAlias

from devices.body import Body
from devices.chance import stream
from devices.chest import FS_HZ, Chest
from devices.events import (
    Acceleration,
    Answered,
    Battery,
    Heard,
    HeardQuestion,
    LinkName,
    LinkState,
    Packet,
    SourceEvent,
    StrapInfo,
)
from devices.notifications import Notifier, Truth, delay_us
from devices.people import DEFAULT_SEED, Person
from devices.source import Clock

PERIOD_US: Final = 1_000_000
"""A strap notifies about once a second."""

CONNECTED_US: Final = 400_000
ANSWER_S: Final = (2.5, 5.0)
"""From a question to its answer."""

SUDS_PER_BPM: Final = 0.3

_PLAIN_ANSWERS: Final = {
    "vividness": 3,
    "expectancy": -1,
    "still_here": 1,
    "dissociation": 0,
    "light_headed": 0,
    "carry_over": 0,
}


class _Tick:
    """The strap makes a notification now."""


_Due: TypeAlias = SourceEvent | HeardQuestion | _Tick


class SimulatedStrap:
    """The source "sim:...". Use its `events` once; `next_at_us` and `take` are the same without asyncio.

    `truth`, when given, is filled with what really happened as time is computed.
    """

    def __init__(
        self,
        person: Person,
        *,
        name: str = "custom",
        seed: int = DEFAULT_SEED,
        spec: str = "",
        truth: Truth | None = None,
    ) -> None:
        self.info = StrapInfo(name=f"simulated person, {name}", kind="simulated", spec=spec)
        self._device = f"sim:{name}"
        self._person = person
        self._seed = seed
        self._chest: Chest | None = None
        if person.strap.accelerometer:
            self._chest = Chest(seed, person.move_pct, None if truth is None else truth.movements)
        self._body = Body(person, seed, None if truth is None else truth.seconds, self._chest)
        self._frame_delay = stream(seed, "delay of frames")
        self._notifier = Notifier(person.strap, seed, truth)
        self._agenda: list[tuple[int, int, _Due]] = []
        self._planned = 0
        self._reached_us = 0
        self._questions = 0
        self._left = False
        self._plan_start(stream(seed, "start"))

    async def __aenter__(self) -> Self:
        """Nothing has to be opened."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Take the strap off."""
        self._left = True

    async def events(self, clock: Clock) -> AsyncIterator[SourceEvent]:
        """What the strap says, until the source is left."""
        while True:
            await clock.sleep_until(self.next_at_us)
            if self._left:
                return
            event = self.take()
            if event is not None:
                yield event

    def hear(self, heard: Heard) -> None:
        """Take in what a person sees and hears; a question is answered a few seconds later."""
        if isinstance(heard, HeardQuestion):
            self._questions += 1
            delay_s = stream(self._seed, f"delay of answer {self._questions}").uniform(*ANSWER_S)
            self._plan(heard.at_us + round(delay_s * 1e6), heard)
        else:
            self._body.hear(heard)

    @property
    def next_at_us(self) -> int:
        """When `take` has something to do; at most one second ahead."""
        return self._agenda[0][0]

    def take(self) -> SourceEvent | None:
        """Do what is next on the agenda, when its time has come; the event it makes, if it makes one."""
        at_us, _, due = heappop(self._agenda)
        self._reached_us = at_us
        if isinstance(due, _Tick):
            self._tick(at_us, due)
            return None
        if isinstance(due, HeardQuestion):
            return Answered(at_us, due.question, self._answer(at_us, due.what))
        return due

    def _plan(self, at_us: int, due: _Due) -> None:
        self._planned += 1
        heappush(self._agenda, (max(at_us, self._reached_us), self._planned, due))

    def _plan_link(self, at_us: int, state: LinkName, why: str) -> None:
        self._plan(at_us, LinkState(at_us, state, why))

    def _plan_start(self, rng: Random) -> None:
        self._plan_link(0, "connecting", "The simulated strap is being connected.")
        self._plan_link(CONNECTED_US, "streaming", "The simulated strap is connected.")
        self._plan(CONNECTED_US, Battery(CONNECTED_US, rng.randint(35, 95)))
        self._plan(CONNECTED_US + rng.randrange(PERIOD_US), _Tick())
        self._plan_drop()

    def _plan_drop(self) -> None:
        drops = self._notifier.drops
        if drops.ever:
            self._plan_link(drops.from_us, "waiting", "The link to the simulated strap was lost.")
            self._plan_link(drops.until_us, "streaming", "The simulated strap is back.")

    def _tick(self, at_us: int, tick: _Tick) -> None:
        if self._notifier.drops.over(at_us):
            self._notifier.drops.draw_next()
            self._plan_drop()
        for notification in self._notifier.notify(at_us, self._body.advance(at_us)):
            self._plan(notification.at_us, Packet(notification.at_us, self._device, notification.raw))
        self._send_frames()
        self._plan(at_us + PERIOD_US, tick)

    def _send_frames(self) -> None:
        """Acceleration since the last notification; what is taken while the link is gone is never sent."""
        for frame in self._chest.take() if self._chest is not None else ():
            arrival_us = max(frame.at_us, self._reached_us) + delay_us(self._frame_delay)
            if arrival_us < self._notifier.drops.from_us:
                self._plan(arrival_us, Acceleration(arrival_us, self._device, frame.raw, FS_HZ))

    def _answer(self, at_us: int, what: str) -> int | None:
        if what != "suds":
            return _PLAIN_ANSWERS.get(what)
        mood = stream(self._seed, f"suds at {at_us}").gauss(0.0, 0.4)
        return min(10, max(0, round(self._person.suds + SUDS_PER_BPM * self._body.arousal_bpm + mood)))
