"""devices/strap.py over unmodified bleak and a fake BlueZ: the fault cases of STRAP 4, by their numbers."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from devices.bluetooth import (
    BLUETOOTH_OFF,
    NO_ADAPTER,
    NO_ANSWER,
    NO_SERVICE,
    SilentServiceError,
)
from devices.discovery import connected_straps, scan
from devices.errors import BluetoothError
from devices.heart_rate_measurement import encode
from devices.strap import NOT_SEEN, QUIET, Strap
from tests.bluez.hearing import QUICK, Heard, going, hearing, packets
from tests.bluez.rig import MISSING, ROOT, Rig

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.parametrize("words", ["", "Polar H10", "polar h10 12345678", "A0:9E:1A:00:00:01", "a0:9e:1a:00:00:01"])
def test_a_strap_is_found_by_its_service_its_name_or_its_address(rig: Rig, words: str) -> None:
    strap = rig.add_strap("Polar H10 12345678")

    async def scenario() -> None:
        async with hearing(words) as heard:
            await rig.reached(lambda: strap.subscribed)
            assert strap.burst(sent := packets(20)) == 20
            await rig.reached(lambda: len(heard.raws) == 20)
            assert heard.raws == sent
            assert heard.states == ["scanning", "connecting", "streaming"]
            await rig.reached(lambda: heard.batteries == [80])
        assert not strap.connected

    going(scenario)


def test_another_strap_than_the_named_one_is_left_alone(rig: Rig) -> None:
    other = rig.add_strap("Garmin HRM")

    async def scenario() -> None:
        async with hearing("Polar") as heard:
            await rig.reached(lambda: heard.said(NOT_SEEN))
            wanted = rig.add_strap("Polar H9")
            await rig.reached(lambda: wanted.subscribed)
            assert not other.connected

    going(scenario)


@pytest.mark.fault(10, "fake")
@pytest.mark.fault(31, "fake")
def test_2002_each_notification_comes_once_after_the_link_was_lost(rig: Rig) -> None:
    strap = rig.add_strap()

    async def scenario() -> None:
        sent: list[bytes] = []
        async with hearing() as heard:
            for drop in range(6):
                await rig.reached(lambda: strap.subscribed)
                some = packets(10, first=100 * drop)
                assert strap.burst(some) == 10
                sent += some
                await rig.reached(partial(heard.packets, 10 * (drop + 1)))
                strap.drop_link()
                await rig.reached(lambda: not strap.connected)
            await rig.reached(lambda: strap.subscribed)
            assert heard.raws == sent
            assert heard.states[:5] == ["scanning", "connecting", "streaming", "waiting", "scanning"]

    going(scenario)


@pytest.mark.fault(2, "fake")
def test_case_2_bluetooth_that_is_off_is_said_and_waited_for(rig: Rig) -> None:
    strap = rig.add_strap()
    rig.power(on=False)

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: heard.said(BLUETOOTH_OFF.what))
            assert heard.states[-1] == "off"
            rig.power(on=True)
            await rig.reached(lambda: strap.subscribed)

    going(scenario)


@pytest.mark.fault(3, "fake")
def test_case_3_bluetooth_goes_off_in_a_session_and_comes_back(rig: Rig) -> None:
    strap = rig.add_strap()

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: strap.subscribed)
            rig.power(on=False)
            await rig.reached(lambda: heard.states[-1] == "off")
            assert heard.said(BLUETOOTH_OFF.what)
            rig.power(on=True)
            await rig.reached(lambda: strap.subscribed)
            strap.burst(sent := packets(5))
            await rig.reached(lambda: heard.raws == sent)

    going(scenario)


@pytest.mark.fault(4, "fake")
def test_case_4_the_service_restarts_and_no_beat_comes_twice(rig: Rig) -> None:
    strap = rig.add_strap()

    async def scenario() -> None:
        sent = packets(5)
        async with hearing() as heard:
            await rig.reached(lambda: strap.subscribed)
            strap.burst(sent)
            await rig.reached(lambda: heard.raws == sent)
            rig.stop_daemon()
            await rig.reached(lambda: heard.states[-1] == "off")
            rig.start_daemon()
            await rig.reached(lambda: strap.subscribed)
            strap.burst(more := packets(5, first=50))
            await rig.reached(lambda: len(heard.raws) >= 10)
            assert heard.raws == [*sent, *more]

    going(scenario)


@pytest.mark.fault(2, "fake")
def test_case_2_bluetooth_that_stays_off_is_said_once(rig: Rig) -> None:
    rig.power(on=False)

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: heard.states == ["off"])
            await asyncio.sleep(QUICK.of(10))
            assert heard.states == ["off"]

    going(scenario)


@pytest.mark.fault(3, "fake")
@pytest.mark.fault(4, "fake")
@pytest.mark.parametrize("blow", ["off", "stopped", "killed"])
def test_a_strap_is_not_blamed_when_bluetooth_goes_while_it_is_being_connected(rig: Rig, blow: str) -> None:
    """Connect is pending: the last strap is tried although it is connected to somebody else."""
    strap = rig.add_strap()
    blows: dict[str, Callable[[], None]] = {
        "off": partial(rig.power, on=False),
        "stopped": rig.stop_daemon,
        "killed": rig.kill_daemon,
    }

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: strap.subscribed)
            strap.drop_link()
            strap.hold_elsewhere()
            await rig.reached(lambda: strap.connecting)
            begun = len(heard.links)
            blows[blow]()
            await rig.reached(lambda: heard.states[-1] == "off")
            assert heard.states[begun:] in (["connecting", "off"], ["off"])

    going(scenario)


@pytest.mark.fault(1, "fake")
def test_a_service_that_hangs_is_said_rather_than_waited_for(rig: Rig) -> None:
    rig.hang_daemon()

    async def scenario() -> None:
        with pytest.raises(SilentServiceError):
            await connected_straps(answer_s=0.2)
        rig.hang_daemon(hanging=False)
        assert await connected_straps() == []

    going(scenario)


@pytest.mark.fault(4, "fake")
@pytest.mark.parametrize("battery", [80, None])
@pytest.mark.parametrize("back", [False, True])
def test_case_4_a_service_that_was_killed_and_told_nobody_is_found_out(
    rig: Rig, back: bool, battery: int | None
) -> None:
    """By SIGKILL no word of the lost link reaches the bus; the service may be back before anybody asks."""
    strap = rig.add_strap(battery=battery)

    async def scenario() -> None:
        sent = packets(5)
        async with hearing() as heard:
            await rig.reached(lambda: strap.subscribed)
            strap.burst(sent)
            await rig.reached(lambda: heard.raws == sent)
            rig.kill_daemon()
            if not back:
                await rig.reached(lambda: heard.states[-1] == "off")
            rig.start_daemon()
            await rig.reached(lambda: strap.subscribed)
            strap.burst(more := packets(5, first=50))
            await rig.reached(lambda: len(heard.raws) >= 10)
            assert heard.raws == [*sent, *more]
            assert heard.said(QUIET)

    going(scenario)


@pytest.mark.fault(28, "fake")
def test_case_28_a_silence_is_said_after_3_s_and_the_link_is_kept_until_everything_comes(rig: Rig) -> None:
    strap = rig.add_strap()

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: strap.subscribed)
            strap.burst(sent := packets(2))
            await rig.reached(lambda: heard.states[-1] == "stale")
            silent_s = (heard.events[-1].stamp_us - heard.events[-2].stamp_us) / 1e6
            assert 2.9 < silent_s / QUICK.scale < 8
            await asyncio.sleep(QUICK.of(20))
            strap.burst(bunch := packets(20, first=10))
            await rig.reached(lambda: heard.states[-1] == "streaming")
            assert heard.raws == [*sent, *bunch]
            assert heard.states == ["scanning", "connecting", "streaming", "stale", "streaming"]

    going(scenario)


@pytest.mark.fault(5, "fake")
def test_case_5_no_strap_in_range_is_said_within_one_search_and_looked_for_on(rig: Rig) -> None:
    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: heard.said(NOT_SEEN))
            await asyncio.sleep(3 * QUICK.of(15))
            assert [link.why for link in heard.links].count(NOT_SEEN) == 1, "said once, not at every search"
            strap = rig.add_strap()
            await rig.reached(lambda: strap.subscribed)

    going(scenario)


HOLD = """
import asyncio
from tests.bluez.hearing import hearing
async def main():
    async with hearing() as heard:
        while "streaming" not in heard.states:
            await asyncio.sleep(0.01)
        print("held", flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


@pytest.mark.fault(7, "fake")
def test_case_7_a_strap_that_a_crashed_run_still_holds_is_adopted(rig: Rig) -> None:
    strap = rig.add_strap()
    with subprocess.Popen([sys.executable, "-c", HOLD], cwd=ROOT, env=os.environ, stdout=subprocess.PIPE) as crashed:
        assert crashed.stdout is not None
        assert crashed.stdout.readline() == b"held\n"
        crashed.send_signal(signal.SIGKILL)
    assert strap.connected

    async def scenario() -> None:
        began = time.monotonic()
        async with hearing() as heard:
            await rig.reached(lambda: strap.subscribed)
            assert time.monotonic() - began < 2
            strap.burst(sent := packets(5))
            await rig.reached(lambda: heard.raws == sent)

    going(scenario)


@pytest.mark.fault(6, "fake")
def test_d4_a_link_that_is_up_but_not_resolved_is_taken_over_by_the_last_address(rig: Rig) -> None:
    strap = rig.add_strap()

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: strap.subscribed)
            strap.drop_link()
            strap.hold_elsewhere()
            await rig.reached(lambda: heard.said(NOT_SEEN))
            await rig.reached(lambda: strap.connecting)
            strap.hold_elsewhere(held=False)
            await rig.reached(lambda: strap.subscribed)

    going(scenario)


@pytest.mark.fault(14, "fake")
def test_case_14_a_strap_that_vanishes_while_connecting_is_looked_for_again(rig: Rig) -> None:
    strap = rig.add_strap()

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: heard.states[-1:] == ["scanning"])
            strap.hold_elsewhere()
            await rig.reached(lambda: heard.said(NOT_SEEN) or heard.said(NO_ANSWER.what))
            strap.hold_elsewhere(held=False)
            await rig.reached(lambda: strap.subscribed)

    going(scenario)


@pytest.mark.fault(15, "fake")
def test_case_15_services_that_never_come_are_given_up_and_tried_again(rig: Rig) -> None:
    strap = rig.add_strap()
    strap.hide_services()

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: heard.said(NO_ANSWER.what))
            await rig.reached(lambda: heard.states.count("connecting") >= 2)
            strap.hide_services(hidden=False)
            await rig.reached(lambda: strap.subscribed)

    going(scenario)


@pytest.mark.fault(16, "fake")
@pytest.mark.parametrize("moment", ["scanning", "connecting", "streaming"])
def test_case_16_leaving_at_any_moment_ends_within_two_seconds_and_leaves_nothing(rig: Rig, moment: str) -> None:
    strap = rig.add_strap()
    if moment == "scanning":
        strap.leave()
    if moment == "connecting":
        strap.hide_services()

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: heard.states[-1:] == [moment])
            began = time.monotonic()
        assert time.monotonic() - began < 2
        await rig.reached(lambda: not strap.connected and not rig.discovering)

    going(scenario)


@pytest.mark.fault(12, "fake")
def test_case_12_many_drops_leave_neither_tasks_nor_descriptors_behind(rig: Rig) -> None:
    strap = rig.add_strap()

    async def scenario() -> None:
        counts: list[tuple[int, int]] = []
        async with hearing() as heard:
            for drop in range(10):
                await rig.reached(lambda: strap.subscribed)
                await rig.reached(partial(heard.connected, drop + 1))
                await rig.reached(lambda: heard.batteries == [80])
                counts.append((len(asyncio.all_tasks()), open_descriptors()))
                strap.drop_link()
                await rig.reached(lambda: not strap.connected)
        assert len(set(counts[2:])) == 1, counts

    going(scenario)


@pytest.mark.fault(17, "fake")
def test_case_17_a_session_stays_with_its_strap(rig: Rig) -> None:
    strap = rig.add_strap("Polar H10 12345678")

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: strap.subscribed)
            other = rig.add_strap("Garmin HRM", rssi=-30)
            strap.leave()
            await rig.reached(lambda: heard.said(NOT_SEEN))
            assert not other.connected
            strap.come_back()
            await rig.reached(lambda: strap.subscribed)

    going(scenario)


@pytest.mark.fault(19, "fake")
@pytest.mark.parametrize(("level", "said"), [(None, None), (0, 0), (100, 100), (255, None)])
def test_case_19_a_charge_that_is_missing_or_nonsense_is_unknown(rig: Rig, level: int | None, said: int | None) -> None:
    rig.add_strap(battery=level)

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: heard.batteries)
            assert heard.batteries == [said]

    going(scenario)


@pytest.mark.fault(20, "fake")
def test_case_20_the_charge_is_followed(rig: Rig) -> None:
    strap = rig.add_strap(battery=16)

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: heard.batteries == [16])
            await rig.reached(lambda: strap.battery(15))
            await rig.reached(lambda: heard.batteries[-1] == 15)

    going(scenario)


@pytest.mark.fault(27, "fake")
@pytest.mark.fault(30, "fake")
def test_case_27_and_30_odd_and_equal_packets_all_come_as_they_are(rig: Rig) -> None:
    strap = rig.add_strap()
    odd = [b"", b"\x10", b"\x10\x48\x03", b"\x18\x48", b"\xff" * 20, bytes(range(200))]
    equal = [encode(60, rr_1024=(1024,))] * 300

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: strap.subscribed)
            sent = [*odd, *equal]
            for first in range(0, len(sent), 50):
                some = sent[first : first + 50]
                assert strap.burst(some) == len(some)
            await rig.reached(lambda: len(heard.raws) >= len(sent))
            assert heard.raws == sent

    going(scenario)


def open_and_close() -> None:
    async def whole() -> None:
        async with Strap(delays=QUICK):
            pass

    asyncio.run(whole())


@pytest.mark.fault(1, "fake")
def test_case_1_without_a_bus_there_is_one_error_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/bus")
    with pytest.raises(BluetoothError) as caught:
        open_and_close()
    assert (caught.value.what, caught.value.advice) == (NO_SERVICE.what, NO_SERVICE.advice)


@pytest.mark.fault(1, "fake")
def test_case_1_without_a_service_on_the_bus_likewise(monkeypatch: pytest.MonkeyPatch) -> None:
    with Rig(bluez=False) as rig:
        for name, value in rig.environment().items():
            monkeypatch.setenv(name, value)
        with pytest.raises(BluetoothError) as caught:
            open_and_close()
    assert caught.value.what in (NO_SERVICE.what, NO_ADAPTER.what)


@pytest.mark.fault(1, "fake")
def test_a_service_that_is_just_starting_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    with Rig(bluez=False) as rig:
        for name, value in rig.environment().items():
            monkeypatch.setenv(name, value)
        strap = rig.straps

        async def scenario() -> None:
            async def start_late() -> None:
                await asyncio.sleep(0.2)
                await asyncio.to_thread(rig.start_daemon)

            late = asyncio.create_task(start_late())
            async with Strap():
                await late
                assert strap == []

        asyncio.run(scenario())


def test_scan_lists_connected_straps_first_then_the_strongest(rig: Rig) -> None:
    far, near = rig.add_strap("Far", rssi=-90), rig.add_strap("Near", rssi=-40)
    held = rig.add_strap("Held", rssi=-99)
    nameless = rig.add_strap(None, rssi=-50)
    rig.add_strap("Not a strap", advertised=("0000180f-0000-1000-8000-00805f9b34fb",))

    async def scenario() -> None:
        met: list[str] = []
        async with hearing("Held"):
            await rig.reached(lambda: held.subscribed)
            found = await scan(0.3, found_one=lambda strap: met.append(strap.address))
        assert [strap.address for strap in found] == [held.address, near.address, nameless.address, far.address]
        assert [(strap.connected, strap.rssi) for strap in found[:2]] == [(True, None), (False, -40)]
        assert (found[2].name, found[2].called) == ("", nameless.address)
        assert sorted(met) == sorted(strap.address for strap in found), "each is told once"

    going(scenario)


@pytest.mark.fault(18, "fake")
def test_case_18_a_name_that_comes_late_is_filled_in(rig: Rig) -> None:
    strap = rig.add_strap(None)

    async def scenario() -> None:
        looking = asyncio.create_task(scan(0.6))
        await asyncio.sleep(0.2)
        strap.rename("Polar H10")
        (found,) = await looking
        assert found.name == "Polar H10"

    going(scenario)


def test_what_was_heard_is_stamped_in_order(rig: Rig) -> None:
    strap = rig.add_strap()

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: strap.subscribed)
            for raw in packets(50):
                strap.notify(raw)
            await rig.reached(lambda: len(heard.raws) == 50)
            assert_in_order(heard)

    going(scenario)


def assert_in_order(heard: Heard) -> None:
    stamps = [event.stamp_us for event in heard.events]
    assert stamps == sorted(stamps)
    assert stamps[-1] > stamps[0]
