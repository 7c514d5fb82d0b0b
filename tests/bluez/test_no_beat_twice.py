"""Whatever happens to the link: what was sent to a subscriber arrives once and in order, if clients are left properly.

The loop below is the least that does so; it is also what the rigs promise with the answer of `notify`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from random import Random

import pytest
from bleak.exc import BleakError

from devices.bluetooth import Radio
from devices.heart_rate_measurement import encode
from devices.strap import Delays
from tests.bluez.hearing import going, hearing
from tests.bluez.rig import Rig
from tests.bluez.worlds import AnyStrap, Heard, World, eventually, link_lost


async def keep_connected(world: World, heard: Heard) -> None:
    while True:
        try:
            held = await world.held()
            async with world.connect(held[0] if held else await world.find(0.2), timeout_s=0.2) as client:
                await client.start_notify("2a37", heard.take)
                await link_lost(client, deadline_s=60)
        except (BleakError, TimeoutError, OSError, EOFError):
            await asyncio.sleep(0.005)


class Fate:
    """Does things to a strap and its surroundings; `sent` is what went to a subscriber."""

    def __init__(self, world: World, strap: AnyStrap, rng: Random) -> None:
        self._world = world
        self._strap = strap
        self._rng = rng
        self.sent: list[bytes] = []
        self.blows: list[Callable[[], None]] = [
            strap.drop_link,
            strap.leave,
            strap.come_back,
            strap.hide_services,
            lambda: strap.hide_services(hidden=False),
            strap.hold_elsewhere,
            lambda: strap.hold_elsewhere(held=False),
            lambda: strap.fail_connects(1, "leave"),
            lambda: strap.fail_connects(1, "refuse"),
            lambda: strap.fail_connects(1, "error"),
            lambda: world.air.power(on=False),
            lambda: world.air.power(on=True),
        ]
        if isinstance(world.air, Rig):
            self.blows.append(world.air.restart_daemon)

    def beat(self) -> None:
        raw = encode(60, rr_1024=[self._rng.randrange(500, 1500) for _ in range(self._rng.randrange(4))])
        if self._strap.notify(raw):
            self.sent.append(raw)

    def strike(self) -> None:
        for _ in range(self._rng.randrange(4)):
            self.beat()
        self._rng.choice(self.blows)()
        for _ in range(self._rng.randrange(4)):
            self.beat()

    def mercy(self) -> None:
        """Let all be well again."""
        self._world.air.power(on=True)
        self._strap.hold_elsewhere(held=False)
        self._strap.hide_services(hidden=False)
        self._strap.come_back()


@pytest.mark.fault(10, "fake")
@pytest.mark.fault(31, "fake")
@pytest.mark.parametrize("seed", range(4))
def test_every_notification_sent_to_a_subscriber_arrives_once_and_in_order(world: World, seed: int) -> None:
    rng = Random(seed)
    strap = world.air.add_strap()
    fate = Fate(world, strap, rng)

    async def scenario() -> None:
        heard = Heard()
        keeper = asyncio.create_task(keep_connected(world, heard))
        for _ in range(4):
            await eventually(lambda: strap.subscribed)
            for _ in range(3):
                fate.strike()
                await asyncio.sleep(rng.choice([0.0, 0.001, 0.03]))
            fate.mercy()
        await eventually(lambda: strap.subscribed)
        fate.beat()
        await heard.count(len(fate.sent))
        assert heard.raws == fate.sent
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper
        assert not strap.connected

    asyncio.run(scenario())


@pytest.mark.fault(10, "fake")
@pytest.mark.fault(31, "fake")
@pytest.mark.parametrize("seed", range(6))
def test_the_strap_of_a_session_loses_and_doubles_nothing_and_tells_each_change_once(world: World, seed: int) -> None:
    rng = Random(100 + seed)
    strap = world.air.add_strap()
    fate = Fate(world, strap, rng)
    fate.blows += [
        strap.want_pairing,
        lambda: strap.want_pairing(wanted=False),
        world.air.refuse_discovery,
        lambda: world.air.refuse_discovery(refusing=False),
    ]
    radio = Radio(world.scanner, world.client, world.adapter)

    async def scenario() -> None:
        async with hearing(radio=radio, delays=Delays(scale=0.01)) as heard:
            for _ in range(4):
                await eventually(lambda: strap.subscribed)
                for _ in range(3):
                    fate.strike()
                    await asyncio.sleep(rng.choice([0.0, 0.001, 0.03, 0.1]))
                fate.mercy()
                strap.want_pairing(wanted=False)
                world.air.refuse_discovery(refusing=False)
            await eventually(lambda: strap.subscribed)
            fate.beat()
            await eventually(lambda: heard.packets(len(fate.sent)))
            assert heard.raws == fate.sent
        assert not strap.connected

    going(scenario)
