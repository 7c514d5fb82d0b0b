"""The rig itself: it leaves nothing behind, however it ends, and a wearer sends what a simulated strap says."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bluez import play
from tests.bluez.rig import MISSING, ROOT, Rig
from tests.bluez.wearer import Wearer, packets
from tests.bluez.worlds import Heard, World

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING or "BlueZ can be faked here")

OWNER = """
import sys
from tests.bluez.rig import Rig
with Rig() as rig:
    sys.stdout.write(rig.environment()["DBUS_SYSTEM_BUS_ADDRESS"] + chr(10))
    sys.stdout.flush()
    sys.stdin.read()
"""


def alive(address: str) -> bool:
    with socket.socket(socket.AF_UNIX) as attempt:
        return attempt.connect_ex(address.removeprefix("unix:path=")) == 0


def test_the_bus_ends_with_the_rig() -> None:
    with Rig() as rig:
        address = rig.environment()["DBUS_SYSTEM_BUS_ADDRESS"]
        assert alive(address)
    assert not alive(address)
    assert not Path(address.removeprefix("unix:path=")).parent.exists()


def test_the_bus_ends_when_its_owner_is_killed() -> None:
    owner = subprocess.Popen(
        [sys.executable, "-c", OWNER], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert owner.stdout is not None
    address = owner.stdout.readline().strip()
    assert alive(address)
    owner.kill()
    owner.communicate()
    end = time.monotonic() + 5
    while Path(address.removeprefix("unix:path=")).parent.exists():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_the_rig_cleans_up_when_the_test_fails_inside() -> None:
    rig = Rig()

    def stumble() -> None:
        with rig:
            assert alive(rig.environment()["DBUS_SYSTEM_BUS_ADDRESS"])
            rig.add_strap(advertised=[""]).drop_link()
            rig.order("dance")

    with pytest.raises(ValueError, match="dance"):
        stumble()
    assert not alive(rig.environment()["DBUS_SYSTEM_BUS_ADDRESS"])


def test_an_order_that_cannot_be_followed_raises(rig: Rig) -> None:
    strap = rig.add_strap()
    for do, details in (("dance", {}), ("drop", {"address": "nobody"}), ("battery", {"address": strap.address})):
        with pytest.raises(ValueError, match="Error"):
            rig.order(do, **details)
    assert not strap.connected
    rig.stop_daemon()
    with pytest.raises(RuntimeError, match="not running"):
        strap.notify(b"")


def test_a_restart_keeps_the_straps_and_what_they_were_told(rig: Rig) -> None:
    near, far = rig.add_strap("Near"), rig.add_strap("Far")
    far.leave()
    near.battery(15)
    near.rename("Nearer")
    rig.restart_daemon()

    async def scenario(world: World) -> None:
        heard: list[str] = []
        async with world.scan(heard):
            await rig.reached(lambda: len(heard) == 3)
        assert set(heard) == {near.address}
        device = await world.find()
        assert device.name == "Nearer"
        async with world.connect(device) as client:
            assert await client.read_gatt_char("2a19") == b"\x0f"

    asyncio.run(scenario(World(rig)))


def test_a_wearer_sends_what_the_simulated_strap_says(rig: Rig) -> None:
    strap = rig.add_strap()
    said = packets(30)
    assert len(said) > 20

    async def scenario(world: World) -> None:
        heard = Heard()
        async with world.connect(await world.find()) as client:
            await client.start_notify("2a37", heard.take)
            with Wearer(strap, said, speed=300) as wearer:
                await heard.count(len(said))
            assert heard.raws == wearer.delivered == [packet.raw for packet in said]

    asyncio.run(scenario(World(rig)))


def test_play_runs_a_program_beside_a_worn_strap() -> None:
    program = """
import asyncio, sys
from bleak import BleakClient, BleakScanner

async def main():
    device = await BleakScanner.find_device_by_name("TICKR 1234")
    came = asyncio.Event()
    async with BleakClient(device) as client:
        await client.start_notify("2a37", lambda *_: came.set())
        await came.wait()
    sys.exit(7)

asyncio.run(main())
"""
    assert play.main(["--name", "TICKR 1234", "--speed", "30", sys.executable, "-c", program]) == 7
