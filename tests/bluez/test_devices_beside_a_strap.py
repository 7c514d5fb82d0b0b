"""`python -m devices` beside a strap on the fake BlueZ: what it prints, and that it lets go of the strap."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devices.heart_rate_measurement import encode
from tests.bluez.rig import Rig
from tests.cli.programs import ROOT


@pytest.fixture(autouse=True)
def _own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))


def start(rig: Rig, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "devices", *words],
        env={**os.environ, **rig.environment()}, cwd=ROOT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def test_what_a_strap_sends_is_printed_and_its_link_closed(rig: Rig) -> None:
    strap = rig.add_strap("Polar H10 12345678")
    with start(rig, "strap:Polar", "--packets", "2", "--json") as program:
        rig.wait(lambda: strap.subscribed, 15)
        strap.burst([encode(60, rr_1024=(1024, 512)), encode(61)])
        out, talk = program.communicate(timeout=15)
    assert (program.returncode, talk) == (0, "")
    said = [json.loads(line) for line in out.splitlines()]
    assert [one["ticks"] for one in said if one["kind"] == "packet"] == [[1024, 512], []]
    assert {"link", "packet"} <= {one["kind"] for one in said}
    assert not strap.connected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.fault(8, "fake")
def test_case_8_a_signal_closes_the_link_and_ends_with_130(rig: Rig, number: signal.Signals) -> None:
    strap = rig.add_strap()
    with start(rig) as program:
        rig.wait(lambda: strap.subscribed, 15)
        program.send_signal(number)
        _, talk = program.communicate(timeout=15)
    assert (program.returncode, talk) == (130, "")
    assert not strap.connected


@pytest.mark.fault(31, "fake")
def test_it_waits_for_a_strap_that_another_run_reads_since_two_readers_double_each_other_s_beats(rig: Rig) -> None:
    strap = rig.add_strap()
    with start(rig, "--packets", "5", "--json") as first:
        rig.wait(lambda: strap.subscribed, 15)
        with start(rig, "--packets", "1", "--json") as second:
            assert second.stdout is not None
            said = next(line for line in second.stdout if "Another session" in line)
            assert json.loads(said)["state"] == "scanning"
            assert strap.subscribers == 1
            assert strap.burst([encode(60 + number) for number in range(5)]) == 5
            out, _ = first.communicate(timeout=15)
            rig.wait(lambda: strap.subscribed, 15)
            strap.notify(encode(90))
            assert second.wait(15) == 0
    heard = [json.loads(line) for line in out.splitlines()]
    assert [one["hr"] for one in heard if one["kind"] == "packet"] == [60, 61, 62, 63, 64]


def test_scan_lists_straps_as_they_are_met_and_as_one_list(rig: Rig) -> None:
    strap = rig.add_strap("Po\x1b[31mlar", rssi=-50)
    with start(rig, "scan", "--seconds", "0.5") as program:
        out, _ = program.communicate(timeout=15)
    assert out == f"{'Po [31mlar':<24}  {strap.address}  signal -50 dBm\n"
    with start(rig, "scan", "--seconds", "0.5", "--json") as program:
        out, _ = program.communicate(timeout=15)
    assert json.loads(out) == [
        {"name": "Po [31mlar", "address": strap.address, "rssi": -50, "connected": False},
    ]


def test_check_says_whether_bluetooth_can_be_used(rig: Rig) -> None:
    with start(rig, "check") as program:
        assert program.communicate(timeout=15) == ("Bluetooth is on.\n", "")
    rig.power(on=False)
    with start(rig, "check") as program:
        out, talk = program.communicate(timeout=15)
    assert (program.returncode, out) == (3, "")
    assert talk.startswith("devices: Bluetooth is off.\n")


def test_a_scan_without_a_strap_ends_with_3(rig: Rig) -> None:
    with start(rig, "scan", "--seconds", "0.2", "--json") as program:
        out, talk = program.communicate(timeout=15)
    assert (program.returncode, out) == (3, "[]\n")
    assert "No strap is in range" in talk
