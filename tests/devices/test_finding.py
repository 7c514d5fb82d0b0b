"""devices/finding.py over a radio in memory: what a search that breaks off leaves for the next one."""

from __future__ import annotations

import asyncio

import pytest

from devices.choosing import Chooser
from devices.finding import Aids, Finder
from tests.devices.radio import Air
from tests.devices.test_strap_in_memory import radio_of


def quick(seconds: float) -> float:
    return seconds / 50


def say_nothing(*_: str) -> None:
    pass


@pytest.mark.fault(17, "memory")
def test_a_choice_that_comes_as_a_search_breaks_off_is_obeyed_by_the_next_one() -> None:
    async def scenario() -> None:
        air, chooser = Air(), Chooser(can_ask=True)
        air.add_strap("H10", rssi=-40)
        chosen = air.add_strap("TICKR", rssi=-80)
        finder = Finder("", radio_of(air), quick, Aids(chooser=chooser))
        await finder.begin()
        assert await finder.look((), 0.2, say_nothing) is None
        assert chooser.question is not None
        chooser.choose(chosen.address)
        await finder.begin()
        found = await finder.look((), 5.0, say_nothing)
        assert found is not None
        assert found.address == chosen.address
        finder.close()

    asyncio.run(scenario())
