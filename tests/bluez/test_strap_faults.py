"""What a person is told when a strap fails, and what the program does about it: fault cases of STRAP 4, on the fake."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from random import Random

import pytest

from devices import strap as strap_module
from devices.bluetooth import (
    BLUETOOTH_OFF,
    CANNOT_CONNECT,
    CANNOT_SEARCH,
    LEFT,
    NEEDS_PAIRING,
    NO_ANSWER,
    NO_SERVICE,
    PAIRS,
    Trouble,
)
from devices.discovery import scan
from devices.errors import BluetoothError
from devices.heart_rate_measurement import decode, encode
from devices.strap import BACK_OFF_S, LOOKING, LOST, NOT_SEEN, QUIET, SILENT, Delays, Strap
from tests.bluez.hearing import QUICK, going, hearing, packets
from tests.bluez.rig import MISSING, ROOT, Rig
from tests.bluez.test_strap import HOLD
from tests.bluez.worlds import eventually

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@pytest.mark.fault(1, "fake")
@pytest.mark.parametrize("address", ["nonsense", "unix:", "unix:path", "tcp:host=nowhere"])
def test_case_1_a_bus_address_that_cannot_be_read_is_no_bluetooth(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)

    async def whole() -> None:
        async with Strap(delays=QUICK):
            pass

    with pytest.raises(BluetoothError) as caught:
        asyncio.run(whole())
    assert (caught.value.what, caught.value.advice) == (NO_SERVICE.what, NO_SERVICE.advice)


@pytest.mark.fault(4, "fake")
def test_case_4_a_service_that_is_not_ready_yet_is_not_said_to_be_off(rig: Rig) -> None:
    strap = rig.add_strap()
    rig.ready(ready=False)

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: heard.said(CANNOT_SEARCH.what))
            rig.ready(ready=True)
            await rig.reached(lambda: strap.subscribed)
            assert not heard.said(BLUETOOTH_OFF.what)

    going(scenario)


@pytest.mark.fault(5, "fake")
def test_case_5_a_search_that_fails_again_and_again_is_said_once_and_tried_on(rig: Rig) -> None:
    strap = rig.add_strap()
    rig.refuse_discovery()

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: heard.said(CANNOT_SEARCH.what))
            await asyncio.sleep(QUICK.of(20))
            assert heard.states == ["scanning", "waiting"], "what stays as it is is not told again"
            assert heard.links[-1].advice == CANNOT_SEARCH.advice
            rig.refuse_discovery(refusing=False)
            await rig.reached(lambda: strap.subscribed)

    going(scenario)


@pytest.mark.fault(6, "fake")
def test_case_6_a_strap_that_a_phone_holds_is_not_found_and_why_is_told(rig: Rig) -> None:
    strap = rig.add_strap()
    strap.hold_elsewhere()

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: heard.said(NOT_SEEN))
            assert "another program or phone" in heard.links[-1].advice
            strap.hold_elsewhere(held=False)
            await rig.reached(lambda: strap.subscribed)

    going(scenario)


@pytest.mark.fault(6, "fake")
def test_case_6_a_strap_that_another_program_here_holds_is_found_among_the_connected_ones(rig: Rig) -> None:
    strap = rig.add_strap()
    with subprocess.Popen([sys.executable, "-c", HOLD], cwd=ROOT, env=os.environ, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"

        async def scenario() -> None:
            async with hearing() as heard:
                await rig.reached(lambda: strap.subscribers == 2)
                await rig.reached(lambda: heard.states == ["scanning", "connecting", "streaming"])

        going(scenario)
        other.kill()


@pytest.mark.fault(11, "fake")
def test_case_11_a_strap_that_bluez_has_forgotten_is_searched_for_again(rig: Rig) -> None:
    strap = rig.add_strap()

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: strap.subscribed)
            strap.burst(sent := packets(5))
            strap.leave()
            strap.forget()
            await rig.reached(lambda: heard.said(NOT_SEEN))
            strap.come_back()
            await rig.reached(lambda: strap.subscribed)
            strap.burst(more := packets(5, first=50))
            await rig.reached(partial(heard.packets, 10))
            assert heard.raws == [*sent, *more]

    going(scenario)


@pytest.mark.fault(11, "fake")
def test_d4_a_strap_that_stays_away_is_tried_blindly_once_and_then_only_looked_for(rig: Rig) -> None:
    strap = rig.add_strap()

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(partial(heard.connected, 1))
            strap.leave()
            await rig.reached(lambda: heard.said(NOT_SEEN))
            await rig.reached(lambda: strap.connecting)
            await rig.reached(lambda: not strap.connecting)
            for _ in range(200):
                assert not strap.connecting
                await asyncio.sleep(QUICK.of(0.2))
            assert heard.states == ["scanning", "connecting", "streaming", "waiting", "scanning", "scanning"]

    going(scenario)


@pytest.mark.fault(12, "unit")
def test_case_12_attempts_follow_each_other_after_5_s_at_the_most() -> None:
    rng = Random(12)
    for failures in range(100):
        wait_s = Delays().before_attempt(failures, rng)
        longest = BACK_OFF_S[min(failures, 3)]
        assert 0.8 * longest <= wait_s <= longest <= 5.0


@pytest.mark.fault(13, "fake")
@pytest.mark.parametrize(("how", "said"), [("leave", LEFT), ("error", NO_ANSWER), ("refuse", NO_ANSWER)])
def test_case_13_after_the_third_failure_more_is_said_and_then_no_more(rig: Rig, how: str, said: Trouble) -> None:
    strap = rig.add_strap()
    kinds: dict[str, Callable[[], None]] = {
        "leave": lambda: strap.fail_connects(8, "leave"),
        "error": lambda: strap.fail_connects(8, "error"),
        "refuse": lambda: strap.fail_connects(3 * 8, "refuse"),
    }
    kinds[how]()

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(partial(heard.connected, 1))
            attempt: list[tuple[str, Trouble | None]] = [("scanning", None), ("connecting", None)]
            told = [(link.state, (link.why, link.advice)) for link in heard.links]
            expected = [*attempt, ("waiting", said), *attempt, ("waiting", said), *attempt, ("waiting", CANNOT_CONNECT)]
            assert [state for state, _ in told] == [*(state for state, _ in expected), "streaming"]
            for (_, words), (_, trouble) in zip(told, expected, strict=False):
                assert trouble is None or words == (trouble.what, trouble.advice)

    going(scenario)


@pytest.mark.fault(13, "fake")
def test_case_13_a_link_that_comes_about_at_the_third_try_of_bleak_is_kept(rig: Rig) -> None:
    strap = rig.add_strap()
    strap.fail_connects(2, "refuse")

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: strap.subscribed)
            strap.burst(packets(3))
            await rig.reached(partial(heard.packets, 3))
            await asyncio.sleep(QUICK.of(2))
            assert heard.states == ["scanning", "connecting", "streaming"]

    going(scenario)


@pytest.mark.fault(4, "fake")
@pytest.mark.parametrize("back", [False, True])
def test_case_4_a_killed_service_is_found_out_though_nothing_can_be_read_from_the_strap(rig: Rig, back: bool) -> None:
    strap = rig.add_strap(battery=None, location=None, control_point=False)

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: strap.subscribed)
            strap.burst(sent := packets(5))
            await rig.reached(lambda: heard.raws == sent)
            rig.kill_daemon()
            if not back:
                await rig.reached(lambda: heard.states[-1] == "off")
            rig.start_daemon()
            await rig.reached(lambda: strap.subscribed)
            strap.burst(more := packets(5, first=50))
            await rig.reached(partial(heard.packets, 10))
            assert heard.raws == [*sent, *more]
            assert heard.said(QUIET)
            assert heard.said(SILENT)

    going(scenario)


@pytest.mark.fault(28, "fake")
def test_a_silence_longer_than_any_stall_ends_the_link_once(rig: Rig) -> None:
    strap = rig.add_strap()

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: strap.subscribed)
            strap.burst(sent := packets(2))
            await rig.reached(lambda: heard.said(SILENT))
            await rig.reached(lambda: heard.states.count("streaming") == 2)
            await rig.reached(lambda: heard.states[-1] == "stale")
            told = len(heard.links)
            await asyncio.sleep(QUICK.of(60))
            assert len(heard.links) == told, "a link that brings nothing from its start is not made anew for ever"
            strap.burst(more := packets(2, first=10))
            await rig.reached(lambda: heard.states[-1] == "streaming")
            assert heard.raws == [*sent, *more]

    going(scenario)


@pytest.mark.fault(18, "fake")
def test_case_18_a_strap_without_a_name_is_said_to_have_none_until_it_has_one(rig: Rig) -> None:
    strap = rig.add_strap(None)

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: heard.said("Connected to a strap without a name."))
            strap.rename("Polar H10")
            strap.drop_link()
            await rig.reached(lambda: heard.said("Connected to Polar H10."))

    going(scenario)


@pytest.mark.parametrize(
    ("value", "place"),
    [(0, "other"), (1, "chest"), (2, "wrist"), (5, "ear lobe"), (6, "foot"), (7, None), (255, None), (None, None)],
)
def test_0x2a38_where_the_strap_is_worn_is_told_once(rig: Rig, value: int | None, place: str | None) -> None:
    strap = rig.add_strap(location=value)

    async def scenario() -> None:
        async with hearing() as heard:
            for links in (1, 2):
                await rig.reached(partial(heard.connected, links))
                await rig.reached(lambda: heard.batteries)
                strap.drop_link()
                await rig.reached(lambda: not strap.connected)
            assert heard.locations == [place]

    going(scenario)


@pytest.mark.fault(19, "fake")
def test_a_strap_that_answers_nothing_still_streams(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strap_module, "ASK_S", 0.1)
    strap = rig.add_strap()
    strap.mute()

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: strap.subscribed)
            strap.burst(sent := packets(5))
            await rig.reached(lambda: heard.raws == sent)
            await rig.reached(lambda: heard.locations == [None])
            strap.drop_link()
            await rig.reached(partial(heard.connected, 2))

    going(scenario)


@pytest.mark.fault(26, "fake")
@pytest.mark.fault(24, "fake")
def test_case_24_and_26_packets_of_every_size_and_absurd_intervals_come_whole_and_in_order(rig: Rig) -> None:
    strap = rig.add_strap()
    intervals = [
        tuple(range(800, 809)),
        tuple(range(800, 820)),
        (0, 1, 0xFFFF, 28, 200, 2500),
        (882, 906),
    ]
    sent = [encode(70, rr_1024=some) for some in intervals[:3]]
    sent += [encode(300, contact=True, energy_kj=0xFFFF, rr_1024=intervals[3])]

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: strap.subscribed)
            assert strap.burst(sent) == len(sent)
            await rig.reached(partial(heard.packets, len(sent)))
            said = [decode(raw) for raw in heard.raws]
            assert [each.rr_1024 for each in said] == intervals
            assert (said[3].hr, said[3].contact, said[3].energy_kj) == (300, True, 0xFFFF)
            assert not any(each.problems for each in said)

    going(scenario)


@pytest.mark.fault(39, "fake")
@pytest.mark.parametrize("att_code", [None, 0x05, 0x0F])
def test_case_39_a_strap_that_asks_to_be_paired_is_paired(rig: Rig, att_code: int | None) -> None:
    strap = rig.add_strap()
    strap.want_pairing(att_code=att_code)

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: strap.subscribed)
            strap.burst(sent := packets(3))
            await rig.reached(lambda: heard.raws == sent and heard.connected(1))
            told = [(link.state, link.why) for link in heard.links]
            assert told[2:] == [
                ("waiting", NEEDS_PAIRING.what),
                ("scanning", told[0][1]),
                ("connecting", "Pairing with Polar H10 12345678."),
                ("streaming", "Connected to Polar H10 12345678."),
            ]
            assert heard.links[2].advice == PAIRS.advice

    going(scenario)


@pytest.mark.fault(39, "fake")
def test_case_39_a_strap_that_cannot_be_paired_from_here_is_left_to_the_person_with_instructions(rig: Rig) -> None:
    strap = rig.add_strap()
    strap.want_pairing()
    strap.refuse_pairing()

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: heard.times(NEEDS_PAIRING.what) == 2)
            told = len(heard.links)
            await asyncio.sleep(QUICK.of(20))
            assert len(heard.links) == told, "the instructions stay in sight, nothing is told in a loop"
            assert heard.links[-1].advice == NEEDS_PAIRING.advice
            assert heard.times("Pairing with") == 1
            strap.pair()
            await rig.reached(lambda: strap.subscribed)

    going(scenario)


@pytest.mark.fault(39, "fake")
@pytest.mark.parametrize("windows", [False, True])
def test_1943_what_was_paired_here_is_unpaired_at_the_end_on_windows_alone(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, windows: bool
) -> None:
    monkeypatch.setattr(strap_module, "UNPAIRS", windows)
    strap = rig.add_strap()
    strap.want_pairing()

    async def scenario() -> None:
        async with hearing():
            await rig.reached(lambda: strap.subscribed)
        assert not strap.connected
        assert strap.known is not windows, "BlueZ forgets a device that is unpaired"

    going(scenario)


@pytest.mark.fault(40, "fake")
def test_case_40_searches_of_one_program_share_one_scan(rig: Rig) -> None:
    async def scenario() -> None:
        async with hearing("Polar") as heard, hearing("Garmin") as other:
            await rig.reached(lambda: rig.discovering)
            looks = [asyncio.create_task(scan(0.3)) for _ in range(3)]
            polar, garmin = rig.add_strap("Polar H10"), rig.add_strap("Garmin HRM")
            await rig.reached(lambda: heard.connected(1) and other.connected(1))
            assert polar.subscribed
            assert garmin.subscribed
            found = await asyncio.gather(*looks)
            assert all({strap.name for strap in some} == {"Polar H10", "Garmin HRM"} for some in found)
        for each in (heard, other):
            assert each.states[:3] == ["scanning", "connecting", "streaming"]
        assert not rig.discovering

    going(scenario)


@pytest.mark.fault(40, "fake")
def test_case_40_a_scan_that_bluetooth_ended_is_not_shared_for_ever(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.shared_scan.OLD_S", 0.05)

    async def scenario() -> None:
        look = asyncio.create_task(scan(1.0))
        await rig.reached(lambda: rig.discovering)
        rig.power(on=False)
        rig.power(on=True)
        assert not rig.discovering
        strap = rig.add_strap()
        async with hearing():
            await rig.reached(lambda: strap.subscribed)
        await look

    going(scenario)


@pytest.mark.fault(10, "fake")
def test_case_10_a_lost_link_is_told_with_what_to_do(rig: Rig) -> None:
    strap = rig.add_strap()

    async def scenario() -> None:
        async with hearing() as heard:
            await rig.reached(lambda: strap.subscribed)
            strap.leave()
            await rig.reached(lambda: heard.said(LOST))
            strap.come_back()
            await rig.reached(partial(heard.connected, 2))
            assert [state for state in heard.states if state != "scanning"] == [
                "connecting", "streaming", "waiting", "connecting", "streaming"
            ]  # fmt: skip

    going(scenario)


@pytest.mark.fault(16, "fake")
def test_case_16_a_search_that_is_left_while_it_begins_does_not_go_on(rig: Rig) -> None:
    """The daemon begins it although the answer is not waited for any more."""

    async def scenario() -> None:
        for turns in range(30):
            async with hearing() as heard:
                await eventually(partial(heard.said, LOOKING))
                for _ in range(turns % 10):
                    await asyncio.sleep(0)
            assert not rig.discovering

    going(scenario)
