"""A session full of things that tell who somebody is: names, words, notes, marks, a strap's name and address."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from biofeedback.events import Answer, Command, CommandName, Event, Phase
from biofeedback.imagery.script import parse_script
from biofeedback.recording.log import SessionLog
from biofeedback.recording.sealing import Keys
from biofeedback.session.clock import JumpingClock
from biofeedback.session.coins import draw_coins
from biofeedback.session.loop import SessionLoop
from biofeedback.session.opening import open_session
from biofeedback.session.plan import Pair, demo_plan
from biofeedback.session.scripts import Shelf, shipped
from devices.events import LinkState, Packet, SourceEvent, StrapInfo
from devices.heart_rate_measurement import encode
from devices.replayed import Replayed

CANARY: Final = "canary"
"""In every word that may not be passed on."""
PERSON: Final = "CanaryAnna"
ADDRESS: Final = "CA:4A:12:34:56:78"
OWN_SCRIPT: Final = """
format = "brt-script/1"
id = "canary_garden"
version = 1
title = "The canary garden"
kind = "imagery"
evidence = "personal"
caution = ["Mind the canary of aunt Canaria."]
control = "breath_only"

[user]
place = "canary lane 7"

[[cue]]
at = 0.0
phase = "exhale"
say = "You are in {place}, by the canary."
sense = "sight"

[[cue]]
at = 30.0
phase = "exhale"
say = "Hear the canary sing."
sense = "sound"

[practice]
minutes = 2
every_breaths = 4
closing = "Leave the canary be."

[spike]
amber = "Canary, stay."
rescue = "grounding"
"""


def own_shelf() -> Shelf:
    """The shipped scripts, one of them with a word of the person's own, and a script of the person's own."""
    shelf = shipped().with_script(parse_script(OWN_SCRIPT, "canary_garden.toml"))
    safe = shelf.scripts["safe_place"]
    return Shelf({**shelf.scripts, "safe_place": replace(safe, words={"place": "the canary's cage"})})


def heart(seconds: int) -> Iterator[SourceEvent]:
    """A worn strap whose link is told with its name."""
    yield LinkState(0, "streaming", "Canary's Polar is connected.", "Wet the canary's strap.")
    for second in range(1, seconds):
        rr = (870, 880, 860, 890)[second % 4]
        yield Packet(second * 900_000, f"Canary {ADDRESS}", encode(70, rr_1024=(rr,)))
        if second == 60:
            yield LinkState(second * 900_000, "stale", "Nothing comes from Canary's Polar.")


def told_session(
    folder: Path, keys: Keys | None = None, *, visualization: str = "canary_garden", person: str = PERSON
) -> Path:
    """A short trial with notes, marks and answers, recorded in `folder`."""
    info = StrapInfo("Canary's Polar H10", "strap", ADDRESS, f"strap:{ADDRESS}")
    plan = demo_plan(Pair(visualization, "breath_only"))
    opening = open_session(plan, info, own_shelf(), person=person, saw_live="practitioner")
    folder.mkdir(parents=True, exist_ok=True)
    log = SessionLog(folder / opening.file_name, opening.head, keys)
    for rule in opening.algorithms:
        log.append_line(0, "alg", rule)

    def listen(events: Sequence[Event]) -> None:
        for event in events:
            if isinstance(event, Phase) and event.on:
                for what in ("mark", "note"):
                    loop.post(partial(_command, what, f"canary in {event.name}"))
                loop.post(partial(_answer, event.index))
                log.append_line(event.at, "aura", {"seen": "canary yellow", "deep": {"list": ["canary", 1]}})
                log.append_line(event.at, "err", {"code": "source_failed", "error": "KeyError: 'canary'"})

    coins = draw_coins(len(plan.pairs), None)
    loop = SessionLoop(Replayed(info, heart(360)), JumpingClock(), opening, coins, log, listen)
    asyncio.run(loop.run())
    return log.close()


def _command(what: CommandName, text: str, at: int) -> Command:
    return Command(at, what, text=text, by="Canary the trainer" if what == "note" else "trainee")


def _answer(index: int, at: int) -> Answer:
    return Answer(at, f"suds-{index + 1}", "suds", 3, "trainee")
