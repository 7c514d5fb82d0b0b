"""devices/accelerometer.py over a radio in memory: asked for, refused in every way, lost and found with the link."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from devices import accelerometer
from devices.accelerometer import NOT_TO_BE_HAD, PAIRING, REFUSED, SILENT, TOO_SLOW, WHY
from devices.heart_rate_measurement import encode
from devices.polar_accelerometer import BAD_MTU, IN_CHARGER, NOT_SUPPORTED
from devices.polar_accelerometer import encode as encode_frame
from devices.strap import Delays
from tests.bluez.hearing import Heard, hearing
from tests.bluez.worlds import eventually
from tests.devices import pmd
from tests.devices.radio import Air, AirStrap
from tests.devices.test_strap_in_memory import HUNDREDTH, going, radio_of

FRAME = encode_frame(600_000_000_000_000_000, [(1, 2, 1000)] * 36)
BEAT = encode(60, rr_1024=(1000,))


def accelerating(strap: AirStrap) -> bool:
    return strap.pmd is not None and strap.pmd.running and bool(strap.standing.get(pmd.DATA))


def strap_with(air: Air) -> tuple[AirStrap, pmd.Pmd]:
    strap = air.add_strap(accelerometer=True)
    assert strap.pmd is not None
    return strap, strap.pmd


async def some_beats(strap: AirStrap, heard: Heard) -> None:
    """Beats come, whatever the accelerometer does."""
    await eventually(lambda: strap.subscribed)
    before = len(heard.raws)
    for _ in range(3):
        assert strap.notify(BEAT)
    await eventually(lambda: len(heard.raws) >= before + 3)


def test_acceleration_is_asked_for_with_the_settings_of_the_documents_and_stopped_at_the_end() -> None:
    async def scenario(air: Air) -> None:
        strap, sensor = strap_with(air)
        async with hearing(radio=radio_of(air), delays=HUNDREDTH) as heard:
            await eventually(lambda: accelerating(strap))
            await asyncio.sleep(0)
            assert strap.accelerate(FRAME)
            await eventually(lambda: heard.frames)
            await some_beats(strap, heard)
        (frame,) = heard.frames
        assert (frame.device, frame.raw, frame.fs_hz, frame.factor) == ("s1", FRAME, 25, None)
        assert sensor.written == ["0102", "0202" + "00011900" + "01011000" + "02010800", "0302"]
        assert heard.states == ["scanning", "connecting", "streaming"], "nothing is said of it"

    going(scenario)


def test_settings_may_come_in_two_answers() -> None:
    async def scenario(air: Air) -> None:
        strap, sensor = strap_with(air)
        sensor.in_parts = True
        async with hearing(radio=radio_of(air), delays=HUNDREDTH):
            await eventually(lambda: accelerating(strap))
        assert sensor.written[1] == "0202" + "00011900" + "01011000" + "02010800"

    going(scenario)


def test_a_strap_that_sends_already_is_listened_to_as_it_is() -> None:
    async def scenario(air: Air) -> None:
        strap, sensor = strap_with(air)
        sensor.status, sensor.running = pmd.ALREADY_ON, True
        async with hearing(radio=radio_of(air), delays=HUNDREDTH) as heard:
            await eventually(lambda: accelerating(strap) and len(sensor.written) == 2)
            await asyncio.sleep(0.01)
            assert strap.accelerate(FRAME)
            await eventually(lambda: heard.frames)
            await some_beats(strap, heard)
        assert heard.frames[0].fs_hz is None, "its stamps tell the rate"
        assert heard.states == ["scanning", "connecting", "streaming"]

    going(scenario)


def _refuses(status: int) -> Callable[[pmd.Pmd], None]:
    def prepare(sensor: pmd.Pmd) -> None:
        sensor.status = status

    return prepare


def _has_ecg_only(sensor: pmd.Pmd) -> None:
    sensor.features = pmd.ECG_ONLY


def _is_silent(sensor: pmd.Pmd) -> None:
    sensor.settings_status = pmd.SILENT


def _starts_silently(sensor: pmd.Pmd) -> None:
    sensor.status = pmd.SILENT


def _is_slow(sensor: pmd.Pmd) -> None:
    sensor.settings = "00010a00" + "01011000"


def _talks_nonsense(sensor: pmd.Pmd) -> None:
    sensor.settings = "ffff"


def _wants_pairing(sensor: pmd.Pmd) -> None:
    sensor.wants_pairing = True


@pytest.mark.parametrize(
    ("prepare", "why"),
    [
        (_refuses(NOT_SUPPORTED), WHY[NOT_SUPPORTED]),
        (_refuses(BAD_MTU), WHY[BAD_MTU]),
        (_refuses(IN_CHARGER), WHY[IN_CHARGER]),
        (_refuses(12), REFUSED),
        (_has_ecg_only, WHY[NOT_SUPPORTED]),
        (_is_silent, SILENT),
        (_starts_silently, SILENT),
        (_is_slow, TOO_SLOW),
        (_talks_nonsense, TOO_SLOW),
        (_wants_pairing, PAIRING),
    ],
)
def test_each_refusal_is_told_once_and_the_beats_go_on(
    prepare: Callable[[pmd.Pmd], None], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accelerometer, "ANSWER_S", 0.05)

    async def scenario(air: Air) -> None:
        strap, sensor = strap_with(air)
        prepare(sensor)
        async with hearing(radio=radio_of(air), delays=HUNDREDTH) as heard:
            await some_beats(strap, heard)
            await eventually(lambda: strap.notify(BEAT) and heard.said(why))
            strap.drop_link()
            await eventually(lambda: heard.connected(3))
            await some_beats(strap, heard)
            await asyncio.sleep(0.1)
            await some_beats(strap, heard)
        told = [link for link in heard.links if link.why == NOT_TO_BE_HAD.format(why=why)]
        assert [link.state for link in told] == ["streaming"], "once in a session, and quietly"
        assert not heard.frames

    going(scenario)


def test_a_link_that_cuts_frames_off_is_too_narrow_and_the_strap_is_told_to_stop() -> None:
    async def scenario(air: Air) -> None:
        strap, sensor = strap_with(air)
        async with hearing(radio=radio_of(air), delays=HUNDREDTH) as heard:
            await eventually(lambda: accelerating(strap))
            await asyncio.sleep(0.01)
            for raw in (FRAME[:20], FRAME[:20], FRAME, FRAME[:20], FRAME[:20]):
                assert strap.accelerate(raw)
            await some_beats(strap, heard)
            assert sensor.running, "now and then is an accident"
            assert strap.accelerate(FRAME[:20])
            await eventually(lambda: strap.notify(BEAT) and heard.said(WHY[BAD_MTU]))
            assert not sensor.running
            await some_beats(strap, heard)

    going(scenario)


def test_no_acc_asks_for_nothing() -> None:
    async def scenario(air: Air) -> None:
        strap, sensor = strap_with(air)
        async with hearing(radio=radio_of(air), delays=HUNDREDTH, acceleration=False) as heard:
            await some_beats(strap, heard)
            await asyncio.sleep(0.02)
        assert not sensor.written
        assert not strap.standing.get(pmd.DATA)

    going(scenario)


async def _frames(heard: Heard, count: int) -> None:
    await eventually(lambda: len(heard.frames) == count)


def test_it_begins_anew_with_each_link() -> None:
    async def scenario(air: Air) -> None:
        strap, sensor = strap_with(air)
        async with hearing(radio=radio_of(air), delays=HUNDREDTH) as heard:
            for count in range(1, 4):
                await eventually(lambda: accelerating(strap))
                await asyncio.sleep(0.005)
                assert strap.accelerate(FRAME)
                await _frames(heard, count)
                await some_beats(strap, heard)
                strap.drop_link()
            await eventually(lambda: accelerating(strap))
        assert [each[:4] for each in sensor.written] == ["0102", "0202"] * 4 + ["0302"]

    going(scenario)


async def _before_the_answer(strap: AirStrap) -> None:
    await eventually(lambda: strap.subscribed)


async def _with_the_settings(strap: AirStrap) -> None:
    await eventually(lambda: strap.pmd is not None and strap.pmd.written)


@pytest.mark.parametrize("when", [_before_the_answer, _with_the_settings])
@pytest.mark.parametrize("steps", range(6))
def test_a_link_that_is_lost_or_left_in_between_leaves_nothing_behind_and_says_nothing(
    when: Callable[[AirStrap], Awaitable[None]], steps: int
) -> None:
    async def scenario(air: Air) -> None:
        strap, _ = strap_with(air)
        async with hearing(radio=radio_of(air), delays=Delays(scale=0.01)) as heard:
            await when(strap)
            for _ in range(steps):
                await asyncio.sleep(0)
            strap.drop_link()
            await eventually(lambda: accelerating(strap))
            await when(strap)
        assert not any("movement" in link.why for link in heard.links)

    going(scenario)
