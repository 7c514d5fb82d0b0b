"""Recordings to make pages of: simulated sessions, imported intervals, and files written line by line."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from biofeedback.events import Command, CommandName, Event, Json, Phase
from biofeedback.recording.log import SessionLog
from biofeedback.session.clock import JumpingClock
from biofeedback.session.coins import draw_coins
from biofeedback.session.loop import SessionLoop
from biofeedback.session.opening import ALGORITHMS, open_session
from biofeedback.session.plan import Pair, Plan, demo_plan
from biofeedback.session.scripts import Shelf, shipped
from biofeedback.session.sources import open_source
from devices.source import parse_spec

HEAD: Mapping[str, Json] = {
    "session": "0f5c7f0e-2f4f-4d2c-9a3c-8f1d3c0f5a11",
    "wall_ns": 1_795_526_355_000_000_000,
    "tz": "CET",
    "utc_off_s": 3600,
    "app": {"name": "biofeedback", "version": "0.1.0"},
    "host": {"os": "Linux", "python": "3.11.2"},
    "subject": "me",
}
DEMO = demo_plan(Pair("safe_place", "breath_only"))
Said = Mapping[str, Sequence[tuple[CommandName, str]]]


def simulate(
    folder: Path,
    spec: str = "sim:calm",
    plan: Plan = DEMO,
    *,
    shelf: Shelf | None = None,
    person: str = "me",
    said: Said | None = None,
    demo: bool = False,
) -> Path:
    """A whole session; `said` are commands given when the part of that name begins."""
    source = open_source(parse_spec(spec))
    seeded = source.info.kind == "simulated"
    opening = open_session(plan, source.info, shelf or shipped(), demo=demo, seeded=seeded)
    # Older or other programs may have written any name: the report must bear what `open_session` would refuse.
    opening = replace(opening, event=replace(opening.event, person={"name": person}))
    opening = replace(opening, head={**opening.head, **{key: HEAD[key] for key in ("wall_ns", "tz", "utc_off_s")}})
    log = SessionLog(folder / f"session_{len(list(folder.iterdir()))}.session.jsonl", opening.head)
    for name, version in ALGORITHMS.items():
        log.append_line(0, "alg", {"a": f"{name}/{version}", "params": {}})

    def listen(events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, Phase) and event.on:
                for what, text in (said or {}).get(event.name, ()):
                    loop.post(partial(_command, what, text))

    coins = draw_coins(len(plan.pairs), 1)
    loop = SessionLoop(source, JumpingClock(), opening, coins, log, listen)
    asyncio.run(loop.run())
    return log.close()


def _command(what: CommandName, text: str, at: int) -> Command:
    return Command(at, what, text=text)


def write_lines(folder: Path, events: Sequence[Event], head: Mapping[str, Json] = HEAD) -> Path:
    """A recording of just these events."""
    log = SessionLog(folder / f"session_{len(list(folder.iterdir()))}.session.jsonl", head)
    for event in events:
        log.append(event)
    return log.close()


def cut_short(path: Path, share: float) -> Path:
    """The first part of a recording, its last line torn."""
    data = path.read_bytes()
    torn = path.with_name(f"torn_{path.name}")
    begins = data.rfind(b"\n", 0, int(len(data) * share)) + 1
    torn.write_bytes(data[: (begins + data.index(b"\n", begins)) // 2])
    return torn
