"""R1: a program that records is killed with SIGKILL at random moments; nothing that was committed is lost."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.programs import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")


@pytest.mark.slow
def test_r1_100_kills_at_random_moments_lose_no_committed_event(tmp_path: Path) -> None:
    """1000 kills and 10^6 events: benchmarks/recording_kills.py."""
    killer = [sys.executable, "-m", "tests.recording.killed", str(tmp_path), "--kills", "100"]
    ran = subprocess.run(killer, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    tally = json.loads(ran.stdout)
    assert tally["faults"] == [], ran.stderr
    assert tally["lost"] == 0
    assert tally["kills"] >= 100
    assert tally["resumed"] >= 20
    assert tally["killed_closing"] >= 10
    assert tally["committed"] >= 10_000
