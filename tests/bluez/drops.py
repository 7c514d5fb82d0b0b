"""Lose the link again and again: what a strap leaves behind in tasks, subscriptions, descriptors and memory."""

from __future__ import annotations

import asyncio
import gc
import os
import time
import tracemalloc
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from devices.heart_rate_measurement import encode
from devices.strap import Delays
from tests.bluez.hearing import Heard, hearing
from tests.bluez.rig import Rig, Strap

HUNDREDTH: Final = Delays(scale=0.01)
WARM_UP: Final = 10
"""After so many links everything that is made once has been made."""


@dataclass(slots=True)
class Figures:
    """What was counted at each link once it was settled, and how often the wrong number of packets came."""

    drops: int = 0
    sent: int = 0
    lost: int = 0
    doubled: int = 0
    tasks: list[int] = field(default_factory=list[int])
    """Tasks in the event loop."""
    keepers: set[int] = field(default_factory=set[int])
    """Tasks that keep the link."""
    subscriptions: set[tuple[int, int]] = field(default_factory=set[tuple[int, int]])
    """How many subscribers the daemon has: of measurements, of the battery."""
    descriptors: list[int] = field(default_factory=list[int])
    rss_kb: list[int] = field(default_factory=list[int])
    heap_kb: list[float] = field(default_factory=list[float])
    """What Python's allocator holds, while `tracemalloc` runs."""
    seconds: float = 0.0


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def rss_kb() -> int:
    """Memory of this process that is in use."""
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024


async def lose_the_link(rig: Rig, drops: int, seed: int = 1) -> Figures:
    """One strap, one session's source, and so many lost links; packets are told from each other by their intervals."""
    figures, rng, strap = Figures(drops), Random(seed), rig.add_strap()
    began = time.monotonic()
    async with hearing(delays=HUNDREDTH) as heard:
        for link in range(drops + 1):
            await rig.reached(partial(_settled, rig, strap))
            await rig.reached(partial(heard.connected, 1))
            await _send(rig, strap, heard, figures, rng.randrange(1, 5))
            if link >= WARM_UP:
                _count(rig, strap, figures)
            heard.check()
            heard.events.clear()
            if link < drops:
                strap.drop_link()
                await rig.reached(lambda: not strap.connected)
    figures.seconds = time.monotonic() - began
    return figures


def _state(rig: Rig, strap: Strap) -> tuple[int, int]:
    state = rig.state()["straps"][strap.address]
    return state["subscribers"], state["battery_subscribers"]


def _settled(rig: Rig, strap: Strap) -> bool:
    """Connected, and everything has been asked for."""
    return strap.subscribed and _state(rig, strap)[1] > 0


async def _send(rig: Rig, strap: Strap, heard: Heard, figures: Figures, count: int) -> None:
    raws = [encode(60, rr_1024=divmod(figures.sent + number, 30_000)) for number in range(count)]
    assert strap.burst(raws) == count
    figures.sent += count
    await rig.reached(partial(heard.packets, count))
    await asyncio.sleep(0.002)  # one that comes twice comes at once
    figures.lost += sum(raw not in heard.raws for raw in raws)
    figures.doubled += len(heard.raws) - len(set(heard.raws))


def _count(rig: Rig, strap: Strap, figures: Figures) -> None:
    tasks = asyncio.all_tasks()
    figures.tasks.append(len(tasks))
    figures.keepers.add(sum(task.get_name() == "strap" for task in tasks))
    figures.subscriptions.add(_state(rig, strap))
    figures.descriptors.append(open_descriptors())
    gc.collect()
    figures.rss_kb.append(rss_kb())
    if tracemalloc.is_tracing():
        figures.heap_kb.append(tracemalloc.get_traced_memory()[0] / 1024)
