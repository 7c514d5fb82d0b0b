"""Sessions to look at: whole ones in a moment, and one on a thread for a terminal.

Run as a program it is what the tests start on a pseudo-terminal: `python -m tests.terminal.showing SPEED`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from io import StringIO

from rich.console import Console

from biofeedback.events import Command, CommandName, Event
from biofeedback.presenter.picture import Picture
from biofeedback.session.clock import JumpingClock, LiveClock, SessionClock
from biofeedback.session.coins import draw_coins
from biofeedback.session.hub import ViewQueue
from biofeedback.session.loop import SessionLoop
from biofeedback.session.opening import open_session
from biofeedback.session.plan import Pair, Plan, demo_plan, practice_plan
from biofeedback.session.runner import RunningSession
from biofeedback.session.scripts import shipped
from biofeedback.terminal import watch
from devices.opening import open_source
from devices.source import parse_spec

DEMO = demo_plan(Pair("safe_place", "breath_only"))
SHORT = replace(practice_plan("safe_place", 1), settle_s=4, ramp=False, baseline_s=10, close_s=10)
TITLES = {id_: script.title for id_, script in shipped().scripts.items()}
Press = tuple[float, CommandName]


def loop_of(plan: Plan, clock: SessionClock, queue: ViewQueue, spec: str) -> SessionLoop:
    """A session of a simulated person that is not recorded; its coin shows the image first."""
    source = open_source(parse_spec(spec))
    opening = open_session(plan, source.info, shipped(), demo=plan == DEMO, seeded=True)
    return SessionLoop(source, clock, opening, draw_coins(len(plan.pairs), 1), None, queue.put)


def events_of(plan: Plan, presses: Sequence[Press] = (), spec: str = "sim:calm?seed=1") -> list[Event]:
    """All events of a session in a moment, with commands at session seconds."""
    clock, queue = JumpingClock(), ViewQueue()
    events: list[Event] = []

    async def press(loop: SessionLoop) -> None:
        for seconds, what in presses:
            await clock.sleep_until(round(seconds * 1e6))
            loop.post(partial(Command, what=what))

    async def whole() -> None:
        loop = loop_of(plan, clock, queue, spec)
        loop._publish = events.extend
        pressing = asyncio.ensure_future(press(loop))
        await loop.run()
        pressing.cancel()
        await asyncio.gather(pressing, return_exceptions=True)

    asyncio.run(whole())
    return events


def shown(events: Sequence[Event], *, hide_numbers: bool, live: bool = False, width: int = 80) -> list[str]:
    """What the plain face prints of these events."""
    queue, file = ViewQueue(), StringIO()
    queue.put(events)
    session = RunningSession(queue, lambda: 0, (lambda _: None) if live else None)
    session.start(nothing)
    session.join()
    console = Console(file=file, width=width)
    watch(session, Picture(TITLES, hide_numbers=hide_numbers), plain=True, console=console)
    return file.getvalue().splitlines()


async def nothing() -> None:
    """Work that is done at once."""


def on_this_terminal(speed: float) -> None:
    """The short session on the terminal this program runs on."""
    queue, clock = ViewQueue(), LiveClock(speed)
    loop = loop_of(SHORT, clock, queue, "sim:calm?seed=1")
    session = RunningSession(queue, clock.now, loop.post)
    session.start(loop.run)
    watch(session, Picture(TITLES, hide_numbers=False))
    session.join()


if __name__ == "__main__":
    on_this_terminal(float(sys.argv[1]))
