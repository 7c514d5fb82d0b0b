"""What devices/strap.py relies on in bleak, over the fake BlueZ and over the radio in memory: one behaviour, twice."""

from __future__ import annotations

import asyncio

import pytest
from bleak import BleakClient, BleakScanner
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)

from devices.heart_rate_measurement import encode
from tests.bluez.worlds import Heard, World, eventually, eventually_powered, eventually_unpowered, link_lost

DIFFERENT = [encode(60 + each, rr_1024=[1000 + each]) for each in range(20)]
DEVICE_INFORMATION = "0000180a-0000-1000-8000-00805f9b34fb"
MANY = [encode(60, rr_1024=[each]) for each in range(1500)]
IDENTICAL = [encode(60, rr_1024=[1024])] * 20


def test_a_scan_for_the_service_finds_straps_and_nothing_else(world: World) -> None:
    world.air.add_strap("Lamp", advertised=[DEVICE_INFORMATION])
    world.air.add_strap("Polar H10 12345678", "A0:9E:1A:00:00:0A")
    world.air.add_strap("TICKR", "A0:9E:1A:00:00:0B", rssi=-80)

    async def scenario() -> None:
        async with world.scan() as scanner:
            await eventually(lambda: len(scanner.discovered_devices) == 2)
            found = scanner.discovered_devices_and_advertisement_data.values()
            assert {(device.name, heard.rssi) for device, heard in found} == {
                ("Polar H10 12345678", -60),
                ("TICKR", -80),
            }
            assert world.air.discovering
        assert not world.air.discovering

    asyncio.run(scenario())


def test_a_strap_is_found_by_its_name(world: World) -> None:
    world.air.add_strap("TICKR")
    wanted = world.air.add_strap("Polar H10 12345678")

    async def scenario() -> None:
        assert (await world.find(name="Polar H10 12345678")).address == wanted.address

    asyncio.run(scenario())


def test_a_scan_asked_for_a_short_uuid_does_not_find_it(world: World) -> None:
    """Unlike BleakAdapter, BleakScanner wants service UUIDs in full length."""
    strap = world.air.add_strap()
    lamp = world.air.add_strap("Lamp", advertised=[DEVICE_INFORMATION])

    async def scenario() -> None:
        heard: list[str] = []
        async with BleakScanner(
            lambda device, _: heard.append(device.address),
            service_uuids=["180d", DEVICE_INFORMATION],
            backend=world.scanner,
        ):
            await eventually(lambda: len(heard) == 3)
        assert strap.address not in heard
        assert lamp.address in heard

    asyncio.run(scenario())


def test_a_name_may_be_missing_and_come_late(world: World) -> None:
    strap = world.air.add_strap(None)

    async def scenario() -> None:
        async with world.scan() as scanner:
            await eventually(lambda: scanner.discovered_devices)
            [device] = scanner.discovered_devices
            assert (device.name, device.address) == (None, strap.address)
            strap.rename("Polar H10 12345678")
            await eventually(lambda: device.name == "Polar H10 12345678")

    asyncio.run(scenario())


def test_a_strap_is_heard_again_with_its_new_strength(world: World) -> None:
    strap = world.air.add_strap(rssi=-60)

    async def scenario() -> None:
        async with world.scan() as scanner:
            await eventually(lambda: scanner.discovered_devices)
            strap.set_rssi(-90)
            await eventually(
                lambda: [ad.rssi for _, ad in scanner.discovered_devices_and_advertisement_data.values()] == [-90]
            )

    asyncio.run(scenario())


@pytest.mark.fault(40, "fake")
def test_two_scans_at_once_are_refused(world: World) -> None:
    async def scenario() -> None:
        async with world.scan():
            with pytest.raises(BleakDBusError, match="InProgress"):
                await world.scan().start()
        async with world.scan():
            pass

    asyncio.run(scenario())


@pytest.mark.parametrize(
    "raws",
    [DIFFERENT, IDENTICAL, [b"", b"\x10", bytes(range(244))], MANY],
    ids=["different", "identical", "malformed", "many"],
)
def test_notifications_arrive_all_in_order_as_sent(world: World, raws: list[bytes]) -> None:
    strap = world.air.add_strap()

    async def scenario() -> None:
        heard = Heard()
        async with world.connect(await world.find()) as client:
            assert strap.connected
            assert not strap.notify(raws[0])
            await client.start_notify("2a37", heard.take)
            assert strap.subscribed
            assert strap.burst(raws) == len(raws)
            assert await heard.count(len(raws)) == raws
            await client.stop_notify("2a37")
            assert not strap.notify(raws[0])
        assert heard.raws == raws

    asyncio.run(scenario())


def test_an_exception_in_a_call_back_does_not_end_the_stream(world: World, caplog: pytest.LogCaptureFixture) -> None:
    strap = world.air.add_strap()

    async def scenario() -> None:
        heard = Heard()

        def stumble(who: object, raw: bytearray) -> None:
            heard.take(who, raw)
            raise ValueError(raw)

        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        async with world.connect(await world.find()) as client:
            await client.start_notify("2a37", stumble)
            assert strap.burst(DIFFERENT) == 20
            await heard.count(20)
            assert client.is_connected

    asyncio.run(scenario())
    caplog.clear()


def test_a_strap_that_is_connected_does_not_advertise(world: World) -> None:
    strap = world.air.add_strap()

    async def scenario() -> None:
        async with world.connect(await world.find()):
            other = world.air.add_strap("TICKR")
            heard: list[str] = []
            async with world.scan(heard):
                await eventually(lambda: len(heard) == 3)
            assert set(heard) == {other.address}
        async with world.scan(heard):
            await eventually(lambda: strap.address in heard)

    asyncio.run(scenario())


@pytest.mark.parametrize("percent", [0, 80, 100, 255])
def test_the_battery_is_read_as_it_is(world: World, percent: int) -> None:
    world.air.add_strap(battery=percent)

    async def scenario() -> None:
        async with world.connect(await world.find()) as client:
            assert await client.read_gatt_char("2a19") == bytes([percent])

    asyncio.run(scenario())


def test_the_battery_says_when_it_changes_and_a_read_says_it_too(world: World) -> None:
    strap = world.air.add_strap(battery=80)

    async def scenario() -> None:
        heard = Heard()
        async with world.connect(await world.find()) as client:
            await client.start_notify("2a19", heard.take)
            assert strap.battery(15)
            assert await heard.count(1) == [b"\x0f"]
            assert await client.read_gatt_char("2a19") == b"\x0f"
            assert await heard.count(2) == [b"\x0f", b"\x0f"]

    asyncio.run(scenario())


def test_what_a_strap_lacks_is_not_among_its_characteristics(world: World) -> None:
    world.air.add_strap(battery=None, location=None, control_point=False)

    async def scenario() -> None:
        async with world.connect(await world.find()) as client:
            assert [each.uuid[4:8] for each in client.services.characteristics.values()] == ["2a37"]
            with pytest.raises(BleakError, match="2a19"):
                await client.read_gatt_char("2a19")

    asyncio.run(scenario())


def test_location_and_control_point(world: World) -> None:
    world.air.add_strap(location=1)

    async def scenario() -> None:
        async with world.connect(await world.find()) as client:
            assert await client.read_gatt_char("2a38") == b"\x01"
            await client.write_gatt_char("2a39", b"\x01", response=True)
            with pytest.raises(BleakGATTProtocolError) as raised:
                await client.write_gatt_char("2a39", b"\x02", response=True)
            assert raised.value.code == 0x80

    asyncio.run(scenario())


def test_the_disconnected_call_back_comes_once_when_the_link_is_lost(world: World) -> None:
    strap = world.air.add_strap()

    async def scenario() -> None:
        lost: list[BleakClient] = []
        async with world.connect(await world.find(), lost.append) as client:
            strap.drop_link()
            await eventually(lambda: lost)
            assert not client.is_connected
            with pytest.raises(BleakError, match="Service Discovery has not been performed yet"):
                await client.read_gatt_char("2a19")
        assert lost == [client]

    asyncio.run(scenario())


def test_the_disconnected_call_back_comes_once_when_the_program_disconnects(world: World) -> None:
    strap = world.air.add_strap()

    async def scenario() -> None:
        lost: list[BleakClient] = []
        async with world.connect(await world.find(), lost.append) as client:
            await client.disconnect()
            assert lost == [client]
            await client.disconnect()
        assert lost == [client]
        assert not strap.connected

    asyncio.run(scenario())


def test_the_disconnected_call_back_comes_once_when_the_adapter_goes_off(world: World) -> None:
    strap = world.air.add_strap()

    async def scenario() -> None:
        lost: list[BleakClient] = []
        device = await world.find()
        async with world.connect(device, lost.append):
            world.air.power(on=False)
            await eventually(lambda: lost)
            assert not strap.connected
        assert len(lost) == 1
        await eventually_unpowered(world)
        for attempt in (world.scan().start, world.held):
            with pytest.raises(BleakBluetoothNotAvailableError) as raised:
                await attempt()
            assert raised.value.reason is BleakBluetoothNotAvailableReason.POWERED_OFF
        with pytest.raises(BleakDBusError, match="Input/output error"):
            await world.connect(device).connect()
        world.air.power(on=True)
        await eventually_powered(world)
        async with world.connect(await world.find()):
            assert strap.connected

    asyncio.run(scenario())


def test_a_scan_does_not_survive_the_adapter_going_off_and_on(world: World) -> None:
    async def scenario() -> None:
        async with world.scan() as scanner:
            world.air.power(on=False)
            world.air.power(on=True)
            assert not world.air.discovering
            with pytest.raises(BleakDBusError, match="No discovery started"):
                await scanner.stop()

    asyncio.run(scenario())


@pytest.mark.fault(31, "fake")
def test_the_trap_a_dead_client_that_was_not_disconnected_doubles_every_notification(world: World) -> None:
    """Bleak issue 2002."""
    strap = world.air.add_strap()

    async def scenario() -> None:
        dead, alive = Heard(), Heard()
        first = world.connect(await world.find())
        await first.connect()
        await first.start_notify("2a37", dead.take)
        strap.drop_link()
        await link_lost(first)
        async with world.connect(await world.find()) as second:
            await second.start_notify("2a37", alive.take)
            strap.burst(DIFFERENT)
            await alive.count(40)
            assert alive.raws == [raw for raw in DIFFERENT for _ in range(2)]
            assert dead.raws == []
        await first.disconnect()

    asyncio.run(scenario())


def test_a_dead_client_that_was_disconnected_first_leaves_each_notification_single(world: World) -> None:
    strap = world.air.add_strap()

    async def scenario() -> None:
        heard = Heard()
        for _ in range(3):
            device = await world.find()
            async with world.connect(device) as client:
                await client.start_notify("2a37", heard.take)
                strap.burst(DIFFERENT)
                await eventually(lambda: heard.raws[-1:] == DIFFERENT[-1:])
                strap.drop_link()
                await link_lost(client)
            assert heard.raws == DIFFERENT
            heard.raws.clear()

    asyncio.run(scenario())


def test_a_strap_out_of_range_times_out_and_is_connected_when_it_comes_back(world: World) -> None:
    strap = world.air.add_strap()

    async def scenario() -> None:
        device = await world.find()
        strap.leave()
        with pytest.raises(TimeoutError) as raised:
            await world.connect(device, timeout_s=0.05).connect()
        assert not str(raised.value)
        client = world.connect(device)
        attempt = asyncio.create_task(client.connect())
        await eventually(lambda: strap.connecting)
        assert not attempt.done()
        strap.come_back()
        await attempt
        assert strap.connected
        await client.disconnect()

    asyncio.run(scenario())


def test_a_strap_held_elsewhere_is_not_found_and_not_connected(world: World) -> None:
    strap = world.air.add_strap()

    async def scenario() -> None:
        device = await world.find()
        strap.hold_elsewhere()
        with pytest.raises(TimeoutError):
            await world.find(0.05)
        with pytest.raises(TimeoutError):
            await world.connect(device, timeout_s=0.05).connect()
        with pytest.raises(BleakDeviceNotFoundError):
            await world.connect(device.address, timeout_s=0.05).connect()
        assert await world.held() == []
        strap.hold_elsewhere(held=False)
        async with world.connect(await world.find()):
            assert strap.connected

    asyncio.run(scenario())


def test_a_strap_that_leaves_in_discovery_raises_and_can_be_tried_again(world: World) -> None:
    strap = world.air.add_strap()
    strap.fail_connects(3, "leave")

    async def scenario() -> None:
        lost: list[BleakClient] = []
        for attempt in range(1, 4):
            device = await world.find()
            with pytest.raises(BleakError, match="failed to discover services, device disconnected"):
                await world.connect(device, lost.append).connect()
            assert len(lost) == attempt
        async with world.connect(await world.find()):
            assert strap.connected

    asyncio.run(scenario())


def test_a_strap_that_refuses_is_tried_again_by_bleak_itself(world: World) -> None:
    strap = world.air.add_strap()
    strap.fail_connects(3, "refuse")

    async def scenario() -> None:
        lost: list[BleakClient] = []
        async with world.connect(await world.find(), lost.append) as client:
            assert client.is_connected
            assert len(lost) == 3

    asyncio.run(scenario())


def test_an_error_of_connect_is_passed_on(world: World) -> None:
    strap = world.air.add_strap()
    strap.fail_connects(1, "error")

    async def scenario() -> None:
        device = await world.find()
        with pytest.raises(BleakDBusError, match="Software caused connection abort"):
            await world.connect(device).connect()
        async with world.connect(device):
            assert strap.connected

    asyncio.run(scenario())


def test_services_that_never_resolve_time_out_and_the_link_is_closed(world: World) -> None:
    strap = world.air.add_strap()
    strap.hide_services()

    async def scenario() -> None:
        device = await world.find()
        with pytest.raises(TimeoutError):
            await world.connect(device, timeout_s=0.05).connect()
        assert not strap.connected
        client = world.connect(device)
        attempt = asyncio.create_task(client.connect())
        await eventually(lambda: strap.connected)
        strap.hide_services(hidden=False)
        await attempt
        await client.disconnect()

    asyncio.run(scenario())


def test_the_adapter_going_off_while_connecting_times_out(world: World) -> None:
    strap = world.air.add_strap()

    async def scenario() -> None:
        device = await world.find()
        strap.leave()
        attempt = asyncio.create_task(world.connect(device, timeout_s=0.1).connect())
        await eventually(lambda: strap.connecting)
        world.air.power(on=False)
        with pytest.raises(TimeoutError):
            await attempt
        assert not strap.connected

    asyncio.run(scenario())


@pytest.mark.parametrize("hidden", [True, False], ids=["in discovery", "in connect"])
def test_a_cancelled_connect_closes_the_link(world: World, *, hidden: bool) -> None:
    strap = world.air.add_strap()

    async def scenario() -> None:
        device = await world.find()
        if hidden:
            strap.hide_services()
        else:
            strap.leave()
        attempt = asyncio.create_task(world.connect(device).connect())
        await eventually(lambda: strap.connected if hidden else strap.connecting)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        assert not strap.connecting
        assert not strap.connected

    asyncio.run(scenario())


def test_a_strap_that_a_crashed_run_holds_is_not_found_but_listed_and_adopted(world: World) -> None:
    strap = world.air.add_strap()
    strap.hold_here()

    async def scenario() -> None:
        with pytest.raises(TimeoutError):
            await world.find(0.05)
        with pytest.raises(BleakDeviceNotFoundError):
            await world.connect(strap.address, timeout_s=0.05).connect()
        heard = Heard()
        [device] = await world.held()
        async with world.connect(device) as client:
            await client.start_notify("2a37", heard.take)
            assert strap.burst(DIFFERENT) == 20
            assert await heard.count(20) == DIFFERENT
        assert not strap.connected

    asyncio.run(scenario())


def test_a_held_strap_is_listed_with_its_name_and_adopted(world: World) -> None:
    strap = world.air.add_strap()

    async def scenario() -> None:
        heard = Heard()
        async with world.connect(await world.find()):
            [device] = await world.held()
            assert (device.address, device.name) == (strap.address, "Polar H10 12345678")
            async with world.connect(device) as client:
                await client.start_notify("2a37", heard.take)
                assert strap.burst(DIFFERENT) == 20
                assert await heard.count(20) == DIFFERENT
        assert await world.held() == []

    asyncio.run(scenario())


def test_a_strap_that_wants_pairing_says_so_until_paired(world: World) -> None:
    strap = world.air.add_strap()
    strap.want_pairing()

    async def scenario() -> None:
        heard = Heard()
        async with world.connect(await world.find()) as client:
            with pytest.raises(BleakDBusError, match="Not paired"):
                await client.start_notify("2a37", heard.take)
            await client.pair()
            await client.start_notify("2a37", heard.take)
            assert strap.notify(DIFFERENT[0])
            await heard.count(1)

    asyncio.run(scenario())


def test_a_strap_is_paired_while_it_is_connected(world: World) -> None:
    strap = world.air.add_strap()
    strap.want_pairing()

    async def scenario() -> None:
        heard = Heard()
        async with BleakClient(await world.find(), pair=True, backend=world.client) as client:
            await client.start_notify("2a37", heard.take)
            assert strap.notify(DIFFERENT[0])
            await heard.count(1)

    asyncio.run(scenario())


def test_pairing_that_fails_raises_and_leaves_no_link(world: World) -> None:
    strap = world.air.add_strap()
    strap.refuse_pairing()

    async def scenario() -> None:
        device = await world.find()
        with pytest.raises(BleakDBusError, match="AuthenticationFailed"):
            await BleakClient(device, pair=True, backend=world.client).connect()
        assert not strap.connected
        async with world.connect(device):
            assert strap.connected

    asyncio.run(scenario())


def test_a_scan_may_be_refused_though_bluetooth_is_on(world: World) -> None:
    world.air.refuse_discovery()

    async def scenario() -> None:
        assert await world.held() == []
        with pytest.raises(BleakDBusError, match="Failed"):
            await world.scan().start()
        world.air.refuse_discovery(refusing=False)
        async with world.scan():
            assert world.air.discovering

    asyncio.run(scenario())


def test_twenty_links_leave_nothing_behind(world: World) -> None:
    strap = world.air.add_strap()

    async def scenario() -> None:
        heard = Heard()
        device = await world.find()
        for turn in range(20):
            async with world.connect(device) as client:
                await client.start_notify("2a37", heard.take)
                assert strap.notify(DIFFERENT[turn])
                await heard.count(turn + 1)
                strap.drop_link()
                await link_lost(client)
        assert heard.raws == DIFFERENT
        await eventually(lambda: len(asyncio.all_tasks()) <= 2)

    asyncio.run(scenario())
