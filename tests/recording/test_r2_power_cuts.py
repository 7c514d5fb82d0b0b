"""R2: the power goes while recordings are written; what had been synced is there when it is back, and files open."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.programs import ROOT
from tests.recording.cuts import UNDURABLE_S, missing

WHY = missing()


@pytest.mark.slow
@pytest.mark.skipif(WHY is not None, reason=WHY or "")
def test_r2_power_cuts_lose_nothing_durable_and_no_more_than_a_second(tmp_path: Path) -> None:
    """200 cuts: benchmarks/recording_power_cuts.py."""
    cutter = [sys.executable, "-m", "tests.recording.cuts", str(tmp_path), "--cuts", "6"]
    ran = subprocess.run(cutter, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    if ran.returncode and not ran.stdout:
        pytest.skip(f"no ext4 of its own here: {ran.stderr.strip().splitlines()[-1]}")
    tally = json.loads(ran.stdout)
    assert tally["faults"] == [], ran.stderr
    assert tally["cuts"] == 6
    assert tally["durable_lost"] == 0
    assert tally["durable"] > 500
    assert tally["oldest_lost_s"] <= UNDURABLE_S
