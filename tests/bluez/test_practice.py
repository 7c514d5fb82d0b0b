"""The whole program with a strap: `practice`, `scan` and `doctor` as processes beside a fake BlueZ."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from biofeedback.recording.reader import read_recording
from biofeedback.session.replay import verify
from devices.heart_rate_measurement import encode
from tests.bluez.rig import MISSING, Rig, Strap
from tests.cli.programs import PROGRAM, consent, environment, run, start

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)
NEW = {"last_used": None, "in_use": False}
"""What scan says of a strap that was never used here."""
OFFSCREEN = {"QT_QPA_PLATFORM": "offscreen"}
PRACTICE = ("practice", "--source", "strap:", "--view", "none", "--json", "--output")


class Sender:
    """Sends notifications whose intervals can all be told from each other, and remembers those that were taken."""

    def __init__(self, strap: Strap) -> None:
        self._strap = strap
        self._next = 300
        self.sent: list[int] = []

    def send(self, packets: int) -> None:
        for _ in range(packets):
            intervals = [self._next, self._next + 1]
            self._next += 2
            assert self._strap.notify(encode(70, rr_1024=intervals))
            self.sent += intervals


@contextmanager
def practising(rig: Rig, folder: Path) -> Generator[subprocess.Popen[str]]:
    """A session under way, its strap subscribed."""
    folder.mkdir(exist_ok=True)
    consent(folder)
    with start(folder, *PRACTICE, str(folder / "out")) as program:
        try:
            rig.wait(lambda: rig.straps[0].subscribed, 15)
            yield program
        finally:
            program.kill()


def ended(program: subprocess.Popen[str], number: signal.Signals) -> tuple[int, list[dict[str, Any]]]:
    """End it by a signal; the exit code and the events it printed. Nothing of any library is told to the person."""
    program.send_signal(number)
    # Not `communicate`: it forgets what was read ahead by whoever has read lines before.
    assert program.stdout is not None
    assert program.stderr is not None
    out, said = program.stdout.read(), program.stderr.read()
    program.wait(15)
    assert not re.search(r"bleak|d-?bus|traceback|error|warning", said, re.IGNORECASE), said
    return program.returncode, [json.loads(line) for line in out.splitlines()]


def intervals(events: list[dict[str, Any]]) -> list[int]:
    return [ticks for event in events if event["kind"] == "packet" for ticks in event["ticks"]]


def recorded(folder: Path) -> list[int]:
    """All intervals of the one recording, which must be whole and come out again to the bit."""
    (path,) = (folder / "out").iterdir()
    assert path.name.endswith(".session.jsonl")
    found = verify(path)
    assert (found.intact, found.finished, found.exact, found.differences) == (True, True, True, 0)
    return [ticks for line in read_recording(path).lines if line.kind == "packet" for ticks in line.body["ticks"]]


@pytest.mark.fault(10, "fake")
@pytest.mark.fault(4, "fake")
def test_recorded_rrs_equal_those_sent_in_order_once_each_through_3_link_drops_and_a_daemon_restart(
    rig: Rig, tmp_path: Path
) -> None:
    strap = rig.add_strap()
    sender = Sender(strap)
    with practising(rig, tmp_path) as program:
        sender.send(40)
        for _ in range(3):
            strap.drop_link()
            rig.wait(lambda: not strap.connected)
            rig.wait(lambda: strap.subscribed)
            sender.send(40)
        rig.restart_daemon()
        rig.wait(lambda: strap.subscribed)
        sender.send(40)
        code, events = ended(program, signal.SIGTERM)
    assert code == 130
    assert events[-1]["kind"] == "end"
    assert len(sender.sent) == 400
    assert intervals(events) == sender.sent
    assert recorded(tmp_path) == sender.sent
    assert [event["why"] for event in events if event["kind"] == "gap"] == ["link"] * 4
    assert not strap.connected, "the link is closed"


@pytest.mark.fault(8, "fake")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_case_8_a_signal_closes_the_link_and_leaves_a_whole_recording(
    rig: Rig, tmp_path: Path, number: signal.Signals
) -> None:
    strap = rig.add_strap()
    sender = Sender(strap)
    with practising(rig, tmp_path) as program:
        sender.send(30)
        code, events = ended(program, number)
    assert (code, events[-1]["kind"]) == (130, "end")
    assert recorded(tmp_path) == intervals(events) == sender.sent
    assert not strap.connected


@pytest.mark.fault(36, "fake")
def test_case_36_a_reader_that_is_stuck_loses_nothing_and_delays_no_stamp(rig: Rig, tmp_path: Path) -> None:
    """A pipe holds 64 KiB; nobody empties it while 600 intervals come, far more than that in events."""
    sender = Sender(rig.add_strap())
    with practising(rig, tmp_path) as program:
        began = time.clock_gettime(time.CLOCK_BOOTTIME)
        sender.send(300)
        took_s = time.clock_gettime(time.CLOCK_BOOTTIME) - began
        code, events = ended(program, signal.SIGTERM)
    assert code == 130
    assert intervals(events) == recorded(tmp_path) == sender.sent
    stamps = [event["rx_s"] for event in events if event["kind"] == "packet"]
    assert stamps[-1] - stamps[0] < took_s + 1.0


@pytest.mark.fault(8, "fake")
def test_a_second_ctrl_c_ends_a_program_whose_reader_is_stuck(rig: Rig, tmp_path: Path) -> None:
    sender = Sender(rig.add_strap())
    with practising(rig, tmp_path) as program:
        sender.send(300)
        program.send_signal(signal.SIGINT)
        rig.wait(lambda: list((tmp_path / "out").glob("*.session.jsonl")))
        program.send_signal(signal.SIGINT)
        assert program.wait(5) == 130
        assert program.stderr is not None
        assert program.stderr.read() == ""
    assert recorded(tmp_path) == sender.sent


@pytest.mark.fault(8, "fake")
def test_a_second_ctrl_c_while_the_link_is_closed_slowly_leaves_a_whole_recording(rig: Rig, tmp_path: Path) -> None:
    strap = rig.add_strap()
    sender = Sender(strap)
    strap.slow_to_disconnect(60)
    with practising(rig, tmp_path) as program:
        sender.send(10)
        program.send_signal(signal.SIGINT)
        rig.wait(lambda: list((tmp_path / "out").glob("*.session.jsonl")), 3)
        assert strap.connected
        code, events = ended(program, signal.SIGINT)
    assert code == 130
    assert recorded(tmp_path) == intervals(events) == sender.sent


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_events_that_nothing_can_hold_do_not_end_the_session_and_are_told(rig: Rig, tmp_path: Path) -> None:
    strap = rig.add_strap()
    sender = Sender(strap)
    words = [*PROGRAM, *PRACTICE, str(tmp_path / "out")]
    with (
        Path("/dev/full").open("w") as full,
        subprocess.Popen(words, env=environment(tmp_path), stdout=full, stderr=subprocess.PIPE, text=True) as program,
    ):
        rig.wait(lambda: strap.subscribed, 15)
        sender.send(10)
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=15)
    assert (program.returncode, len(said.splitlines())) == (1, 2)
    assert "No space left" in said
    assert recorded(tmp_path) == sender.sent


@pytest.mark.fault(16, "fake")
def test_a_session_is_interrupted_while_it_looks_for_a_strap(rig: Rig, tmp_path: Path) -> None:
    with start(tmp_path, *PRACTICE, str(tmp_path / "out")) as program:
        rig.wait(lambda: rig.discovering, 15)
        code, events = ended(program, signal.SIGINT)
    assert (code, events[-1]["kind"], events[-1]["beats"]) == (130, "end", 0)
    assert not rig.discovering


@pytest.mark.fault(9, "fake")
@pytest.mark.fault(7, "fake")
def test_case_9_a_killed_session_keeps_what_was_sent_and_the_next_one_adopts_the_link(rig: Rig, tmp_path: Path) -> None:
    strap = rig.add_strap()
    sender = Sender(strap)
    with practising(rig, tmp_path) as program:
        sender.send(30)
        assert program.stdout is not None
        seen = 0
        while seen < 30:
            seen += json.loads(program.stdout.readline())["kind"] == "packet"
        program.kill()
        program.wait(5)
    assert strap.connected
    (part,) = (tmp_path / "out").iterdir()
    lines = read_recording(part).lines
    assert [ticks for line in lines if line.kind == "packet" for ticks in line.body["ticks"]] == sender.sent
    with practising(rig, tmp_path / "again") as program:
        sender.send(5)
        code, events = ended(program, signal.SIGTERM)
    assert code == 130
    links = {event["state"]: event["at"] for event in events if event["kind"] == "link"}
    assert links["streaming"] - links["scanning"] < 2, "adopted, not searched for"
    assert not strap.connected


@pytest.mark.slow
@pytest.mark.fault(8, "fake")
def test_case_8_a_link_that_does_not_close_delays_the_end_by_5_s_and_costs_nothing(rig: Rig, tmp_path: Path) -> None:
    strap = rig.add_strap()
    sender = Sender(strap)
    strap.slow_to_disconnect(60)
    with practising(rig, tmp_path) as program:
        sender.send(10)
        code, events = ended(program, signal.SIGTERM)
    assert code == 130
    assert recorded(tmp_path) == intervals(events) == sender.sent


CLOSED_WINDOW = """
import sys
from pathlib import Path
from PySide6.QtCore import QTimer
from biofeedback.cli.main import main
from biofeedback.desktop.trainee import TraineeWindow

def close_when_told(window, event, shown=TraineeWindow.showEvent):
    shown(window, event)
    window.teller = QTimer(window)
    window.teller.timeout.connect(lambda: Path("close").exists() and window.close())
    window.teller.start(20)

TraineeWindow.showEvent = close_when_told
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.fault(8, "fake")
def test_case_8_a_closed_window_closes_the_link_and_leaves_a_whole_recording(rig: Rig, tmp_path: Path) -> None:
    if json.loads(run(tmp_path, "doctor", "--json", env=OFFSCREEN).stdout)["can"]["window"] is not True:
        pytest.skip("no window can be opened here")
    strap = rig.add_strap()
    sender = Sender(strap)
    words = ["practice", "--source", "strap:", "--view", "desktop", "--json", "--output", str(tmp_path / "out")]
    with subprocess.Popen(
        [*PROGRAM[:2], "-c", CLOSED_WINDOW, *words],
        env={**environment(tmp_path), **OFFSCREEN}, stdout=subprocess.PIPE, text=True, cwd=tmp_path,
    ) as program:  # fmt: skip
        try:
            rig.wait(lambda: strap.subscribed, 15)
            sender.send(30)
            (tmp_path / "close").touch()
            out, _ = program.communicate(timeout=15)
        finally:
            program.kill()
    events = [json.loads(line) for line in out.splitlines()]
    assert (program.returncode, events[-1]["kind"], events[-1]["why"]) == (0, "end", "the window was closed")
    assert recorded(tmp_path) == intervals(events) == sender.sent
    assert not strap.connected


@pytest.mark.fault(40, "fake")
def test_case_40_scan_works_beside_a_session_that_searches(rig: Rig, tmp_path: Path) -> None:
    with start(tmp_path, *PRACTICE, str(tmp_path / "out")) as program:
        rig.wait(lambda: rig.discovering, 15)
        done = run(tmp_path, "scan", "--timeout", "0.2")
        assert (done.returncode, "InProgress" in done.stderr) == (3, False)
        strap = rig.add_strap()
        rig.wait(lambda: strap.subscribed)
        code, events = ended(program, signal.SIGTERM)
    assert code == 130
    assert [event["state"] for event in events if event["kind"] == "link"] == ["scanning", "connecting", "streaming"]


@pytest.mark.fault(1, "fake")
@pytest.mark.parametrize("address", ["unix:path=/nowhere/bus", "nonsense"])
@pytest.mark.parametrize("command", ["practice --source strap: --output out", "scan --timeout 0.1"])
def test_case_1_without_bluetooth_there_are_two_lines_exit_3_and_no_empty_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, address: str
) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
    done = run(tmp_path, *command.split(), "--json")
    assert (done.returncode, done.stdout) == (3, "")
    what, advice = done.stderr.strip().splitlines()
    assert "Bluetooth" in what
    assert "bluez" in advice
    assert list(tmp_path.rglob("*.session.*")) == []


def test_scan_prints_the_contract(rig: Rig, tmp_path: Path) -> None:
    near, far = rig.add_strap("Near", rssi=-40), rig.add_strap("Fa\x1b[31mr\n", rssi=-80)
    done = run(tmp_path, "scan", "--timeout", "0.3", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (
        0,
        [
            {"name": "Near", "address": near.address, "rssi": -40, "connected": False, **NEW},
            {"name": "Fa [31mr", "address": far.address, "rssi": -80, "connected": False, **NEW},
        ],
    )
    told = run(tmp_path, "scan", "--timeout", "0.3")
    assert told.stdout.splitlines() == [
        f"Near      {near.address}  strong signal (-40 dBm)",
        f"Fa [31mr  {far.address}  weak signal (-80 dBm)",
    ]
    assert f"practice --source strap:{near.address}" in told.stderr


@pytest.mark.fault(5, "fake")
def test_scan_without_a_strap_says_what_to_do_and_ends_with_3(rig: Rig, tmp_path: Path) -> None:
    done = run(tmp_path, "scan", "--timeout", "0.1", "--json")
    assert (done.returncode, done.stdout) == (3, "[]\n")
    assert "electrodes" in done.stderr


def test_doctor_with_bluetooth_sends_to_the_strap(rig: Rig, tmp_path: Path) -> None:
    done = run(tmp_path, "doctor")
    assert done.returncode == 0, done.stdout
    assert "Bluetooth is on." in done.stdout
    assert "practice --source strap:" in done.stdout
    found = json.loads(run(tmp_path, "doctor", "--json").stdout)
    assert set(found) == {"can", "checks"}
    assert set(found["can"]) == {"strap", "simulated", "replay", "window", "sound", "speech"}
    assert found["can"]["strap"] is True
    assert all(set(check) == {"name", "ok", "what", "do"} for check in found["checks"])


@pytest.mark.fault(1, "fake")
@pytest.mark.fault(2, "fake")
@pytest.mark.parametrize(("order", "said"), [("off", "Bluetooth is off."), ("none", "Bluetooth")])
def test_doctor_without_bluetooth_says_what_to_do_and_what_works_meanwhile(
    rig: Rig, tmp_path: Path, order: str, said: str
) -> None:
    if order == "off":
        rig.power(on=False)
    else:
        rig.stop_daemon()
    done = run(tmp_path, "doctor")
    assert done.returncode == 3
    assert said in done.stdout
    assert "→" in done.stdout
    assert "demo" in done.stdout
    assert json.loads(run(tmp_path, "doctor", "--json").stdout)["can"]["simulated"] is True
