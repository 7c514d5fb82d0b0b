"""Threat row 23, log rule of RECORDING 2.2: what a session says holds no values, words, names or addresses."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from biofeedback.recording.people import People
from devices.heart_rate_measurement import encode
from tests.bluez.rig import MISSING, Rig
from tests.cli.programs import consent, environment, start

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)
ADDRESS = "CA:4A:12:34:56:78"
NAME = "Anna Canary"
TICKS = (877, 913, 891, 907)
"""Intervals in 1/1024 s, and what they are in ms, as a careless log would tell them."""
VALUES = [*map(str, TICKS), *(f"{ticks / 1.024:.0f}" for ticks in TICKS), *(f"{ticks / 1024:.3f}" for ticks in TICKS)]


@pytest.mark.parametrize("verbose", ["-v", "-vv"])
def test_row_23_the_output_of_a_session_with_a_strap_tells_nothing(rig: Rig, tmp_path: Path, verbose: str) -> None:
    strap = rig.add_strap(address=ADDRESS)
    consent(tmp_path)
    People(tmp_path).name("me", NAME)
    with start(tmp_path, "practice", "--source", "strap:", "--view", "none", verbose) as program:
        rig.wait(lambda: strap.subscribed, 15)
        for number in range(60):
            strap.notify(encode(68, rr_1024=(TICKS[number % 4],)))
            if number == 30:
                strap.drop_link()
                rig.wait(lambda: not strap.connected)
                rig.wait(lambda: strap.subscribed)
        program.send_signal(signal.SIGTERM)
        out, said = program.communicate(timeout=15)
    assert program.returncode == 130
    told = out + said
    (recording,) = (tmp_path / "sessions").glob("*.session.jsonl")
    assert str(TICKS[0]) in recording.read_text("utf-8")
    told = told.replace(str(recording), "")
    marks = [mark.join(ADDRESS.split(":")) for mark in (":", "-", "_", "")]
    assert [word for word in (NAME, "Canary", *marks, *VALUES) if word.lower() in told.lower()] == []
    assert [path.name for path in tmp_path.rglob("*.log*")] == []


DEBUG = """
import logging, pathlib, sys
logging.basicConfig(level=logging.DEBUG, stream=sys.stdout)
from tests.recording.told import told_session
path = told_session(pathlib.Path(sys.argv[1]))
assert "canary" in path.read_text("utf-8").lower()
"""


@pytest.mark.slow
def test_row_23_not_even_the_most_talkative_log_has_words_names_or_intervals(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DEBUG, str(tmp_path)],
        env={**environment(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )
    told = (done.stdout + done.stderr).lower()
    assert [word for word in ("canary", "870", "880", "860", "890", "ca:4a") if word in told] == []
