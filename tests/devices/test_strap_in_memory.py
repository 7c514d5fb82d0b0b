"""devices/strap.py over a radio in memory, so on every system: many drops, every trouble, leaving at any time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

import pytest
from bleak.exc import BleakError

from devices import discovery
from devices.bluetooth import (
    BLUETOOTH_OFF,
    CANNOT_CONNECT,
    CANNOT_SEARCH,
    LEFT,
    NEEDS_PAIRING,
    NO_ADAPTER,
    NO_ANSWER,
    NO_SERVICE,
    Radio,
)
from devices.discovery import scan
from devices.heart_rate_measurement import encode
from devices.strap import NOT_SEEN, Delays, bluetooth_trouble
from tests.bluez.hearing import Heard, hearing
from tests.bluez.worlds import eventually
from tests.devices.radio import Air, AirStrap

HUNDREDTH = Delays(scale=0.01)


def radio_of(air: Air) -> Radio:
    return Radio(air.scanner_backend, air.client_backend, air.adapter_backend)


def going(scenario: Callable[[Air], Awaitable[None]]) -> None:
    async def whole() -> None:
        await scenario(Air())
        for _ in range(3):
            await asyncio.sleep(0)
        assert len(asyncio.all_tasks()) == 1, "nothing is left running"

    asyncio.run(whole())


class Counter:
    """Notifications that can all be told from each other."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    def send(self, strap: AirStrap, count: int) -> None:
        for _ in range(count):
            number = len(self.sent)
            raw = encode(60, rr_1024=(300 + number % 1000, 300 + number // 1000))
            assert strap.notify(raw)
            self.sent.append(raw)


@pytest.mark.fault(12, "memory")
@pytest.mark.fault(10, "memory")
@pytest.mark.parametrize("drops", [50, pytest.param(500, marks=pytest.mark.slow)])
def test_2002_through_many_link_drops_each_notification_comes_once_and_in_order(drops: int) -> None:
    rng = Random(drops)

    async def scenario(air: Air) -> None:
        strap, counter = air.add_strap("Polar H10 12345678"), Counter()
        async with hearing(radio=radio_of(air), delays=HUNDREDTH) as heard:
            for _ in range(drops):
                await eventually(lambda: strap.subscribed)
                counter.send(strap, rng.randrange(4))
                strap.drop_link()
            await eventually(lambda: strap.subscribed)
            counter.send(strap, 3)
            await eventually(lambda: len(heard.raws) >= len(counter.sent))
            assert heard.raws == counter.sent
            assert heard.states.count("waiting") == drops

    going(scenario)


async def _off(air: Air, strap: AirStrap) -> None:
    air.power(on=False)
    await asyncio.sleep(0.05)
    air.power(on=True)


async def _away(air: Air, strap: AirStrap) -> None:
    strap.leave()
    await asyncio.sleep(0.4)
    strap.come_back()


async def _refusing(air: Air, strap: AirStrap) -> None:
    strap.fail_connects(3, "leave")
    strap.drop_link()
    await asyncio.sleep(0)


async def _failing(air: Air, strap: AirStrap) -> None:
    strap.fail_connects(3, "error")
    strap.drop_link()
    await asyncio.sleep(0)


async def _pairing(air: Air, strap: AirStrap) -> None:
    strap.want_pairing()
    strap.drop_link()
    await asyncio.sleep(0.1)
    strap.want_pairing(wanted=False)


async def _unpaired(air: Air, strap: AirStrap) -> None:
    strap.want_pairing()
    strap.refuse_pairing()
    strap.drop_link()
    await asyncio.sleep(0.3)
    strap.pair()


async def _windows(air: Air, strap: AirStrap) -> None:
    strap.fail_connects(3, "system")
    strap.drop_link()
    await asyncio.sleep(0)


async def _unpaired_windows(air: Air, strap: AirStrap) -> None:
    strap.want_pairing()
    strap.refuse_pairing(error=BleakError("Could not pair with device: FAILED"))
    strap.drop_link()
    await asyncio.sleep(0.3)
    strap.pair()


async def _deaf(air: Air, strap: AirStrap) -> None:
    air.refuse_discovery()
    strap.drop_link()
    await asyncio.sleep(0.3)
    air.refuse_discovery(refusing=False)


async def _hidden(air: Air, strap: AirStrap) -> None:
    strap.hide_services()
    strap.drop_link()
    await asyncio.sleep(0.3)
    strap.hide_services(hidden=False)


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        pytest.param(_off, BLUETOOTH_OFF.what, marks=pytest.mark.fault(3, "memory")),
        pytest.param(_away, NOT_SEEN, marks=pytest.mark.fault(11, "memory")),
        pytest.param(_refusing, LEFT.what, marks=pytest.mark.fault(13, "memory")),
        pytest.param(_failing, CANNOT_CONNECT.what, marks=pytest.mark.fault(13, "memory")),
        pytest.param(_pairing, NEEDS_PAIRING.what, marks=pytest.mark.fault(39, "memory")),
        pytest.param(_unpaired, NEEDS_PAIRING.what, marks=pytest.mark.fault(39, "memory")),
        pytest.param(_hidden, NO_ANSWER.what, marks=pytest.mark.fault(15, "memory")),
        pytest.param(_unpaired_windows, NEEDS_PAIRING.advice, marks=pytest.mark.fault(39, "memory")),
        pytest.param(_windows, CANNOT_CONNECT.what, marks=pytest.mark.fault(13, "memory")),
        pytest.param(_deaf, CANNOT_SEARCH.what, marks=pytest.mark.fault(5, "memory")),
    ],
    ids=[
        "off",
        "away",
        "refusing",
        "failing",
        "pairing",
        "unpaired",
        "hidden",
        "unpaired on Windows",
        "Windows",
        "deaf",
    ],
)
def test_every_trouble_is_said_and_outlived(trouble: Callable[[Air, AirStrap], Awaitable[None]], said: str) -> None:
    async def scenario(air: Air) -> None:
        strap, counter = air.add_strap(), Counter()
        async with hearing(radio=radio_of(air), delays=HUNDREDTH) as heard:
            await eventually(lambda: strap.subscribed)
            counter.send(strap, 2)
            await trouble(air, strap)
            await eventually(lambda: heard.said(said) or any(link.advice == said for link in heard.links))
            await eventually(lambda: strap.subscribed)
            counter.send(strap, 2)
            await eventually(lambda: len(heard.raws) >= 4)
            assert heard.raws == counter.sent
            assert heard.times(NO_SERVICE.what) + heard.times(NO_ADAPTER.what) == 0

    going(scenario)


@pytest.mark.fault(4, "memory")
@pytest.mark.parametrize(("absences", "told"), [(1, 0), (2, 1), (5, 1)])
def test_a_service_that_restarts_is_not_called_missing_before_it_has_had_its_time(absences: int, told: int) -> None:
    async def scenario(air: Air) -> None:
        strap = air.add_strap()
        async with hearing(radio=radio_of(air), delays=HUNDREDTH) as heard:
            await eventually(lambda: strap.subscribed)
            air.absences = absences
            strap.drop_link()
            await eventually(lambda: heard.connected(2))
            assert heard.times(NO_ADAPTER.what) == told

    going(scenario)


@pytest.mark.fault(16, "memory")
@pytest.mark.parametrize("steps", range(0, 60, 3))
def test_case_16_leaving_after_any_number_of_steps_leaves_nothing_behind(steps: int) -> None:
    async def scenario(air: Air) -> None:
        strap = air.add_strap()
        async with hearing(radio=radio_of(air), delays=HUNDREDTH) as heard:
            for _ in range(steps):
                await asyncio.sleep(0.0005)
        assert not strap.connected
        assert not air.discovering
        assert_links_make_sense(heard)

    going(scenario)


def assert_links_make_sense(heard: Heard) -> None:
    order = ["scanning", "connecting", "streaming", "stale"]
    assert heard.states == order[: len(heard.states)]


def test_scan_tells_connected_straps_from_those_that_advertise() -> None:
    async def scenario(air: Air) -> None:
        held, other = air.add_strap("Held"), air.add_strap("Other", rssi=-70)
        async with hearing("Held", radio=radio_of(air), delays=HUNDREDTH):
            await eventually(lambda: held.subscribed)
            found = await scan(0.1, radio_of(air))
        assert [(strap.name, strap.connected, strap.rssi) for strap in found] == [
            ("Held", True, None),
            ("Other", False, -70),
        ]
        assert not other.connected

    going(scenario)


def test_a_sensor_that_has_each_thing_twice_is_read_by_the_first_of_each() -> None:
    """As a sensor with two batteries has; bleak refuses to choose by UUID."""

    async def scenario(air: Air) -> None:
        strap = air.add_strap(accelerometer=True)
        strap.twice = True
        async with hearing(radio=radio_of(air), delays=HUNDREDTH) as heard:
            await eventually(lambda: heard.batteries and strap.pmd is not None and strap.pmd.running)
            assert (heard.batteries, heard.locations) == ([80], ["chest"])
            counter = Counter()
            counter.send(strap, 20)
            await eventually(lambda: heard.packets(20))
            assert heard.raws == counter.sent
            assert heard.states == ["scanning", "connecting", "streaming"]

    going(scenario)


@pytest.mark.fault(2, "memory")
def test_case_2_on_windows_too_bluetooth_that_is_off_is_said_to_be_and_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(discovery, "LISTS_WHILE_OFF", True)

    async def scenario(air: Air) -> None:
        air.lists_while_off = True
        air.add_strap()
        air.power(on=False)
        assert await bluetooth_trouble(radio_of(air)) == BLUETOOTH_OFF
        async with hearing(radio=radio_of(air), delays=HUNDREDTH) as heard:
            await eventually(lambda: heard.states)
            await asyncio.sleep(HUNDREDTH.of(20))
            assert heard.states == ["off"], "said once, and nothing is looked for"
            air.power(on=True)
            await eventually(lambda: heard.connected(1))
            air.power(on=False)
            await eventually(lambda: heard.states[-1] == "off")
            assert heard.links[-1].why == BLUETOOTH_OFF.what

    going(scenario)


@pytest.mark.fault(13, "memory")
def test_case_13_a_cancellation_that_nobody_asked_for_is_a_failed_attempt_and_not_the_end() -> None:
    async def scenario(air: Air) -> None:
        air.add_strap().fail_connects(2, "cancel")
        async with hearing(radio=radio_of(air), delays=HUNDREDTH) as heard:
            await eventually(lambda: heard.connected(1))
            assert heard.links[2].why == NO_ANSWER.what

    going(scenario)
