"""What bleak makes of troubles that only a daemon, a bus or another process can cause."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from bleak import BleakClient
from bleak.backends.device import BLEDevice
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
)

from devices.heart_rate_measurement import encode
from tests.bluez.conftest import close_bleak
from tests.bluez.rig import MISSING, Rig, Strap
from tests.bluez.worlds import Heard, World, eventually, link_lost

if sys.platform == "linux":
    from dbus_fast import BusType, Message, Variant
    from dbus_fast.aio import MessageBus

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING or "BlueZ can be faked here")

RAWS = [encode(60, rr_1024=[1000 + each]) for each in range(20)]

HOLDER = """
import asyncio
from bleak import BleakClient, BleakScanner

async def main():
    service = "0000180d-0000-1000-8000-00805f9b34fb"
    device = await BleakScanner.find_device_by_filter(lambda *_: True, service_uuids=[service])
    async with BleakClient(device) as client:
        await client.start_notify("2a37", lambda *_: None)
        await asyncio.Event().wait()

asyncio.run(main())
"""


@contextmanager
def held_by_a_program(rig: Rig, strap: Strap) -> Generator[subprocess.Popen[bytes]]:
    """Another process that is subscribed to the strap, or waits for its services when they are hidden."""
    program = subprocess.Popen(
        [sys.executable, "-c", HOLDER], env=os.environ | rig.environment(), stderr=subprocess.DEVNULL
    )
    try:
        rig.wait(lambda: strap.connected and (strap.subscribed or not strap.resolved))
        yield program
    finally:
        program.kill()
        program.wait()


def by_hand(strap: Strap) -> BLEDevice:
    """A device as bleak would give it, without a scan."""
    return BLEDevice(strap.address, None, {"path": f"/org/bluez/hci0/dev_{strap.address.replace(':', '_')}"})


async def unavailable(world: World) -> BleakBluetoothNotAvailableReason:
    """Why there is no adapter, once bleak has heard of it."""
    async with asyncio.timeout(5):
        while True:
            try:
                await world.held()
            except BleakBluetoothNotAvailableError as error:
                return error.reason
            await asyncio.sleep(0.002)


def test_without_a_bus_a_scan_and_the_adapter_raise_file_not_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", f"unix:path={tmp_path / 'none'}")

    async def scenario() -> None:
        world = World(Rig())
        for attempt in (world.scan().start, world.held, world.connect("A0:9E:1A:00:00:01").connect):
            with pytest.raises(FileNotFoundError):
                await attempt()

    asyncio.run(scenario())
    close_bleak()


def test_on_a_bus_without_bluez_the_service_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(world: World) -> None:
        for attempt in (world.scan().start, world.held):
            with pytest.raises(BleakDBusError) as raised:
                await attempt()
            assert raised.value.dbus_error == "org.freedesktop.DBus.Error.ServiceUnknown"

    with Rig(bluez=False) as rig:
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", rig.environment()["DBUS_SYSTEM_BUS_ADDRESS"])
        asyncio.run(scenario(World(rig)))
        close_bleak()


def test_a_daemon_that_has_just_started_is_not_ready(rig: Rig) -> None:
    rig.ready(ready=False)
    rig.add_strap()

    async def scenario(world: World) -> None:
        with pytest.raises(BleakDBusError) as raised:
            await world.find()
        assert raised.value.dbus_error == "org.bluez.Error.NotReady"
        rig.ready(ready=True)
        assert (await world.find()).name == "Polar H10 12345678"

    asyncio.run(scenario(World(rig)))


def test_the_end_of_the_daemon_calls_back_once_and_leaves_no_adapter(rig: Rig) -> None:
    strap = rig.add_strap()

    async def scenario(world: World) -> None:
        lost: list[BleakClient] = []
        async with world.connect(await world.find(), lost.append) as client:
            rig.stop_daemon()
            await link_lost(client)
        assert lost == [client]
        assert await unavailable(world) is BleakBluetoothNotAvailableReason.NO_BLUETOOTH
        with pytest.raises(BleakBluetoothNotAvailableError):
            await world.scan().start()
        rig.start_daemon()
        heard = Heard()
        async with asyncio.timeout(5):
            device = await found_again(world)
        async with world.connect(device, lost.append) as client:
            await client.start_notify("2a37", heard.take)
            assert strap.burst(RAWS) == 20
            assert await heard.count(20) == RAWS

    asyncio.run(scenario(World(rig)))


async def found_again(world: World) -> BLEDevice:
    while True:
        try:
            return await world.find()
        except BleakBluetoothNotAvailableError:
            await asyncio.sleep(0.002)


@pytest.mark.fault(4, "fake")
def test_a_daemon_that_is_killed_leaves_a_phantom_until_the_next_scan(rig: Rig) -> None:
    """Nothing on the bus tells bleak that links are gone, so it lists a strap that nobody holds."""
    strap = rig.add_strap()

    async def scenario(world: World) -> None:
        lost: list[BleakClient] = []
        client = world.connect(await world.find(), lost.append)
        await client.connect()
        rig.kill_daemon()
        rig.start_daemon()
        assert client.is_connected
        with pytest.raises(BleakDBusError):
            await client.read_gatt_char("2a19")
        with pytest.raises(BleakDBusError):
            await client.disconnect()
        assert lost == [client]

        [phantom] = await world.held()
        with pytest.raises(BleakDBusError):
            async with world.connect(phantom) as again:
                await again.start_notify("2a37", print)
        assert len(await world.held()) == 1
        device = await world.find()
        assert await world.held() == []
        async with world.connect(device):
            assert strap.connected

    asyncio.run(scenario(World(rig)))


def test_the_end_of_the_bus_calls_back_once(rig: Rig) -> None:
    rig.add_strap()

    async def scenario(world: World) -> None:
        lost: list[BleakClient] = []
        async with world.connect(await world.find(), lost.append) as client:
            rig.stop_bus()
            await link_lost(client)
        assert lost == [client]
        with pytest.raises(FileNotFoundError):
            await world.scan().start()

    asyncio.run(scenario(World(rig)))


@pytest.mark.fault(7, "fake")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["SIGKILL", "SIGTERM"])
def test_the_link_of_a_run_that_died_stays_up_is_not_found_by_scanning_and_can_be_adopted(
    rig: Rig, number: signal.Signals
) -> None:
    strap = rig.add_strap()
    with held_by_a_program(rig, strap) as program:
        program.send_signal(number)
        program.wait()
    rig.wait(lambda: strap.subscribers == 0)
    assert strap.connected

    async def scenario(world: World) -> None:
        with pytest.raises(TimeoutError):
            await world.find(0.1)
        with pytest.raises(BleakDeviceNotFoundError):
            await world.connect(strap.address, timeout_s=0.1).connect()
        [device] = await world.held()
        assert (device.address, device.name) == (strap.address, "Polar H10 12345678")
        heard = Heard()
        async with world.connect(device) as client:
            await client.start_notify("2a37", heard.take)
            assert strap.burst(RAWS) == 20
            assert await heard.count(20) == RAWS
        assert not strap.connected

    asyncio.run(scenario(World(rig)))


def test_ctrl_c_closes_the_link(rig: Rig) -> None:
    strap = rig.add_strap()
    with held_by_a_program(rig, strap) as program:
        program.send_signal(signal.SIGINT)
        program.wait()
    assert not strap.connected


def test_a_link_that_is_up_but_not_resolved_is_not_listed_and_is_freed_through_its_path(rig: Rig) -> None:
    strap = rig.add_strap()
    strap.hide_services()
    with held_by_a_program(rig, strap):
        pass
    assert strap.connected

    async def scenario(world: World) -> None:
        assert await world.held() == []
        with pytest.raises(BleakDeviceNotFoundError):
            await world.connect(strap.address, timeout_s=0.1).connect()
        assert strap.connected
        with pytest.raises(TimeoutError):
            await world.connect(by_hand(strap), timeout_s=0.1).connect()
        assert not strap.connected
        await world.find()

    asyncio.run(scenario(World(rig)))


def test_a_device_that_bluez_forgot_is_not_found_until_it_is_scanned_again(rig: Rig) -> None:
    strap = rig.add_strap()

    async def scenario(world: World) -> None:
        device = await world.find()
        async with world.connect(device) as client:
            strap.leave()
            await link_lost(client)
        strap.forget()
        async with asyncio.timeout(5):
            assert await refusal(world, device) == "device 'dev_A0_9E_1A_00_00_01' not found"
        strap.come_back()
        async with world.connect(await world.find()):
            assert strap.connected

    asyncio.run(scenario(World(rig)))


async def refusal(world: World, device: BLEDevice) -> str:
    """Why bleak will not connect, once it has heard that the device is gone; until then it waits for the daemon."""
    while True:
        try:
            await world.connect(device, timeout_s=0.05).connect()
        except (TimeoutError, BleakDeviceNotFoundError):
            await asyncio.sleep(0.002)
        except BleakError as error:
            return str(error)


def test_unpairing_forgets_the_device(rig: Rig) -> None:
    strap = rig.add_strap()

    async def scenario(world: World) -> None:
        lost: list[BleakClient] = []
        client = world.connect(await world.find(), lost.append)
        await client.connect()
        await client.unpair()
        await eventually(lambda: lost)
        assert not strap.known
        await client.disconnect()
        await world.find()
        assert strap.known

    asyncio.run(scenario(World(rig)))


def test_the_adapter_can_be_switched_over_the_bus(rig: Rig) -> None:
    def powered(member: str, *more: object, signature: str) -> Message:
        body = ["org.bluez.Adapter1", "Powered", *more]
        properties = "org.freedesktop.DBus.Properties"
        return Message("org.bluez", "/org/bluez/hci0", properties, member, signature=signature, body=body)

    async def scenario(world: World) -> None:
        bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
        for on in (False, True):
            await bus.call(powered("Set", Variant("b", on), signature="ssv"))
            assert rig.state()["powered"] is on
            assert (await bus.call(powered("Get", signature="ss"))).body == [Variant("b", on)]
        bus.disconnect()
        await cast("Any", bus).wait_for_disconnect()  # its types are incomplete
        rig.power(on=False)
        assert await unavailable(world) is BleakBluetoothNotAvailableReason.POWERED_OFF

    asyncio.run(scenario(World(rig)))


def test_a_second_client_on_the_bus_scans_and_listens_beside_the_first(rig: Rig) -> None:
    strap = rig.add_strap()
    with held_by_a_program(rig, strap):

        async def scenario(world: World) -> None:
            heard = Heard()
            [device] = await world.held()
            async with world.connect(device) as client:
                await client.start_notify("2a37", heard.take)
                assert strap.subscribers == 2
                assert strap.notify(RAWS[0])
                # Each subscription makes a signal, and bleak takes every signal of the device.
                assert await heard.count(2) == [RAWS[0], RAWS[0]]

        asyncio.run(scenario(World(rig)))


def test_a_slow_disconnect_is_waited_for(rig: Rig) -> None:
    strap = rig.add_strap()
    strap.slow_to_disconnect(0.05)

    async def scenario(world: World) -> None:
        loop = asyncio.get_running_loop()
        async with world.connect(await world.find()):
            begun = loop.time()
        assert loop.time() - begun >= 0.05
        assert not strap.connected

    asyncio.run(scenario(World(rig)))


def test_waiting_for_what_never_comes_says_what_the_daemon_knows(rig: Rig) -> None:
    strap = rig.add_strap()
    with pytest.raises(TimeoutError, match=strap.address):
        rig.wait(lambda: strap.connected, 0.02)

    async def scenario() -> None:
        with pytest.raises(TimeoutError, match=strap.address):
            await rig.reached(lambda: strap.connected, 0.02)
        await eventually(lambda: True)

    asyncio.run(scenario())
