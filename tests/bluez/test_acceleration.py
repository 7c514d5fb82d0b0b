"""The accelerometer with a strap on the fake BlueZ: the whole program with it, without it, and refused."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from biofeedback.breathing.acceleration import delta_coded
from biofeedback.recording.reader import read_recording
from biofeedback.session.replay import verify
from devices.polar_accelerometer import BAD_MTU, IN_CHARGER, NOT_SUPPORTED, Sample, encode
from devices.strap import CLOSE_S
from tests.bluez.hearing import Heard, hearing
from tests.bluez.rig import MISSING, Rig, Strap
from tests.bluez.test_practice import PRACTICE, Sender, ended, intervals, recorded
from tests.bluez.worlds import Heard as Collected
from tests.bluez.worlds import World
from tests.cli.programs import consent, start
from tests.devices import pmd

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)
START = "0202" + "00011900" + "01011000" + "02010800"
CLOCK_NS = 599_616_000_000_000_000


class Chest:
    """Sends frames that can all be told from each other, and remembers those that were taken."""

    def __init__(self, strap: Strap) -> None:
        self._strap = strap
        self.sent: list[tuple[int, tuple[int, ...]]] = []

    def send(self, frames: int) -> None:
        for _ in range(frames):
            number = len(self.sent)
            dev_ns = CLOCK_NS + number * 1_440_000_000
            samples: list[Sample] = [(number, -985, 150 + place) for place in range(36)]
            assert self._strap.accelerate(encode(dev_ns, samples))
            self.sent.append((dev_ns, delta_coded(samples)))


@contextmanager
def practising(folder: Path, *words: str) -> Generator[subprocess.Popen[str]]:
    folder.mkdir(exist_ok=True)
    consent(folder)
    with start(folder, *PRACTICE, str(folder / "out"), *words) as program:
        try:
            yield program
        finally:
            program.kill()


def frames(events: list[dict[str, Any]]) -> list[tuple[int, tuple[int, ...]]]:
    return [(event["dev_ns"], tuple(event["xyz_mg"])) for event in events if event["kind"] == "acc"]


def lines(folder: Path, *without: str) -> list[tuple[str, Any]]:
    """The recording without its times, its head and what a run is called."""
    (path,) = (folder / "out").iterdir()
    checked = verify(path)
    assert (checked.exact, checked.finished, checked.differences) == (True, True, 0)
    timeless = {"rx", "t_s", "from_s", "to_s", "duration_s", "reveal", "fsync", "sha256"}
    return [
        (line.kind, {key: value for key, value in line.body.items() if key not in timeless})
        for line in read_recording(path).lines
        if line.kind not in ("head", "open", "seal", *without)
    ]


def test_a_strap_with_an_accelerometer_is_recorded_with_it_and_its_beats_are_all_there(
    rig: Rig, tmp_path: Path
) -> None:
    strap = rig.add_strap(accelerometer=True)
    sender, chest = Sender(strap), Chest(strap)
    with practising(tmp_path) as program:
        rig.wait(lambda: strap.subscribed and strap.accelerating, 15)
        for _ in range(20):
            sender.send(2)
            chest.send(2)
        code, events = ended(program, signal.SIGTERM)
    assert code == 130
    assert recorded(tmp_path) == intervals(events) == sender.sent
    assert frames(events) == chest.sent
    acc = next(event for event in events if event["kind"] == "acc")
    assert list(acc) == ["at", "kind", "dev", "rx_s", "dev_ns", "fs", "xyz_mg", "problems"]
    assert (acc["dev"], acc["fs"], acc["problems"]) == ("s1", 25, [])
    motions = [event for event in events if event["kind"] == "motion"]
    assert len(motions) == pytest.approx(40 * 1.44 / 2, abs=1)
    assert list(motions[0]) == ["at", "kind", "t_s", "rms_mg", "moving", "breaths_per_min", "breath_quality"]
    assert strap.asked == ["0102", START, "0302"], "the strap is told to stop"
    assert not strap.connected


@pytest.mark.parametrize(
    ("refusal", "value"),
    [
        ("status", NOT_SUPPORTED),
        ("status", BAD_MTU),
        ("status", IN_CHARGER),
        ("status", pmd.SILENT),
        ("settings_status", pmd.SILENT),
        ("settings_status", NOT_SUPPORTED),
        ("wants_pairing", True),
    ],
)
def test_a_refusal_is_said_once_and_costs_no_beat(rig: Rig, tmp_path: Path, refusal: str, value: object) -> None:
    strap = rig.add_strap(accelerometer=True)
    strap.answer_pmd(refusal, value)
    sender = Sender(strap)
    with practising(tmp_path) as program:
        rig.wait(lambda: strap.subscribed, 15)
        sender.send(20)
        rig.wait(lambda: any("movement sensor" in path.read_text() for path in (tmp_path / "out").iterdir()), 15)
        strap.drop_link()
        rig.wait(lambda: strap.subscribed, 15)
        sender.send(20)
        code, events = ended(program, signal.SIGTERM)
    assert code == 130
    assert recorded(tmp_path) == sender.sent
    (said,) = (event for event in events if "movement sensor" in str(event.get("why")))
    assert said["state"] == "streaming"
    assert said["why"].endswith("The heartbeats are not affected.")


def test_a_strap_that_sends_to_a_run_that_crashed_is_listened_to(rig: Rig, tmp_path: Path) -> None:
    strap = rig.add_strap(accelerometer=True)
    strap.answer_pmd("status", pmd.ALREADY_ON)
    strap.answer_pmd("running", value=True)
    chest = Chest(strap)
    with practising(tmp_path) as program:
        rig.wait(lambda: strap.accelerating and START in strap.asked, 15)
        Sender(strap).send(2)
        chest.send(10)
        _, events = ended(program, signal.SIGTERM)
    assert frames(events) == chest.sent


def _wait_for(rig: Rig, strap: Strap) -> None:
    rig.wait(lambda: strap.subscribed, 15)


def _by_kind(found: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """What does not hang on arrival times; the charge may come before the first packet or after it."""
    kept = [line for line in found if line[0] not in ("beat", "hrv", "arousal", "clock")]
    return sorted(kept, key=lambda line: line[0])


def test_no_acc_and_a_strap_without_one_give_the_same_recording(rig: Rig, tmp_path: Path) -> None:
    found: list[list[tuple[str, Any]]] = []
    with_it, without = rig.add_strap("With", accelerometer=True), rig.add_strap("Without")
    for strap, words in ((with_it, ("--no-acc",)), (without, ())):
        folder = tmp_path / strap.address[-2:]
        with practising(folder, "--source", f"strap:{strap.spec.name}", *words) as program:
            _wait_for(rig, strap)
            Sender(strap).send(30)
            assert ended(program, signal.SIGTERM)[0] == 130
        found.append(lines(folder, "link"))
    assert not with_it.asked
    assert _by_kind(found[0]) == _by_kind(found[1])
    assert {kind for kind, _ in found[0]}.isdisjoint({"acc", "motion"})
    assert len([kind for kind, _ in found[0] if kind == "packet"]) == 30


def test_through_3_link_drops_it_begins_anew_each_time_and_no_beat_is_lost(rig: Rig) -> None:
    strap = rig.add_strap(accelerometer=True)

    async def scenario() -> Heard:
        async with hearing() as heard:
            for drop in range(1, 4):
                await rig.reached(lambda: strap.subscribed and strap.accelerating, 15)
                Sender(strap).send(10)
                Chest(strap).send(3)
                await _frames(rig, heard, 3 * drop)
                strap.drop_link()
            await rig.reached(lambda: strap.accelerating, 15)
        return heard

    heard = asyncio.run(scenario())
    assert len(heard.raws) == 30
    assert strap.asked == ["0102", START] * 4 + ["0302"]


async def _frames(rig: Rig, heard: Heard, many: int) -> None:
    await rig.reached(lambda: len(heard.frames) == many, 15)


def test_both_worlds_answer_and_send_acceleration_alike(world: World) -> None:
    strap = world.air.add_strap(accelerometer=True)
    frame = encode(CLOCK_NS, [(1, 2, 3)])

    async def scenario() -> None:
        answers, frames = Collected(), Collected()
        async with world.connect(await world.find()) as client:
            assert bytes(await client.read_gatt_char(pmd.CONTROL)) == pmd.FEATURES
            await client.start_notify(pmd.CONTROL, answers.take)
            await client.start_notify(pmd.DATA, frames.take)
            assert not strap.accelerate(frame), "nothing is sent before it is asked for"
            for asked in ("0102", START):
                await client.write_gatt_char(pmd.CONTROL, bytes.fromhex(asked), response=True)
            said = ["f001020000" + pmd.SETTINGS, "f002020000"]
            assert [raw.hex() for raw in await answers.count(2)] == said
            assert strap.accelerate(frame)
            assert await frames.count(1) == [frame]
            await client.write_gatt_char(pmd.CONTROL, bytes.fromhex("0302"), response=True)
            assert (await answers.count(3))[2].hex() == "f003020000"
            assert not strap.accelerate(frame)

    asyncio.run(scenario())


def test_a_bluetooth_service_that_hangs_does_not_hold_up_the_end(rig: Rig, tmp_path: Path) -> None:
    strap = rig.add_strap(accelerometer=True)
    sender = Sender(strap)
    with practising(tmp_path) as program:
        rig.wait(lambda: strap.subscribed and strap.accelerating, 15)
        sender.send(20)
        rig.hang_daemon()
        try:
            began = time.monotonic()
            code, _ = ended(program, signal.SIGTERM)
            took_s = time.monotonic() - began
        finally:
            rig.hang_daemon(hanging=False)
    assert code == 130
    assert recorded(tmp_path) == sender.sent
    assert took_s < CLOSE_S + 5, "the link has its five seconds, the rest is the machine's"
