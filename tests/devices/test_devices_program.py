"""`python -m devices` as a user runs it, without Bluetooth: lines, JSON, errors, and nothing of the rest."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.cli.programs import ROOT

LOOK = """
import sys
from devices.__main__ import main
code = main({words!r})
print(sorted({{name.partition('.')[0] for name in sys.modules}} - set(sys.stdlib_module_names)), file=sys.stderr)
sys.exit(code)
"""


def devices(*words: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "devices", *words],
        env={**os.environ, "PYTHONWARNINGS": "error", **(env or {})},
        cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


@pytest.mark.slow
def test_packets_of_a_simulated_person_come_as_lines_and_as_objects() -> None:
    done = devices("sim:calm", "--packets", "1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "bpm  RR" in done.stdout.splitlines()[-1]
    done = devices("sim:calm", "--json", "--packets", "1")
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["kind"] for one in said] == ["link", "link", "battery", "packet"]
    assert said[-1]["hr"] > 40


@pytest.mark.slow
def test_it_needs_the_standard_library_only_and_nothing_of_biofeedback() -> None:
    words = ["sim:calm", "--packets", "1"]
    done = subprocess.run(
        [sys.executable, "-c", LOOK.format(words=words)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    of_python = {"__main__", "_distutils_hack", "sitecustomize", "usercustomize"}  # systems and venvs add these
    assert set(eval(done.stderr.splitlines()[-1])) - of_python == {"devices"}


def test_when_nothing_came_it_says_so_and_ends_with_3() -> None:
    done = devices("sim:calm", "--seconds", "0.2", "--json")
    assert done.returncode == 3
    assert [json.loads(line)["kind"] for line in done.stdout.splitlines()] == ["link"]
    assert "No packet came" in done.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["foo:x"], "There is no kind of source 'foo'"),
        (["Polar"], "'Polar' does not say what kind of source"),
        (["sim:bored"], "'bored'"),
        (["--packets", "0"], "'0' is not a whole number above 0"),
        (["--packets", "many"], "'many' is not a whole number"),
        (["--seconds", "nan"], "'nan' is not a number above 0"),
        (["--seconds", "-1"], "'-1' is not a number above 0"),
    ],
)
def test_words_it_does_not_know_are_usage(words: list[str], said: str) -> None:
    done = devices(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a D-Bus that is not there")
@pytest.mark.parametrize("words", [["strap:"], ["scan", "--seconds", "0.1"], ["check"]])
@pytest.mark.fault(1, "unit")
def test_case_1_without_bluetooth_there_are_two_lines_and_3(words: list[str]) -> None:
    done = devices(*words, env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere/bus"})
    assert (done.returncode, done.stdout) == (3, "")
    what, advice = [line for line in done.stderr.splitlines() if not line.startswith("Looking")]
    assert "Bluetooth" in what
    assert "bluez" in advice


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a D-Bus that is not there")
def test_check_as_json_names_the_trouble() -> None:
    done = devices("check", "--json", env={"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere/bus"})
    assert done.returncode == 3
    found = json.loads(done.stdout)
    assert (found["ok"], set(found["trouble"])) == (False, {"reason", "what", "advice"})
