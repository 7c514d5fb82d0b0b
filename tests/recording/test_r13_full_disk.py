"""R13: the disk is full at any byte; what was committed stays, the rest waits, and all goes on when there is room."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.programs import ROOT
from tests.recording.cuts import missing

WHY = missing()


def filled(folder: Path, *words: str) -> dict[str, Any]:
    program = [sys.executable, "-m", "tests.recording.full", str(folder), *words]
    ran = subprocess.run(program, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    if ran.returncode and not ran.stdout:
        pytest.skip(f"no disk of its own here: {ran.stderr.strip().splitlines()[-1]}")
    tally: dict[str, Any] = json.loads(ran.stdout)
    assert tally["faults"] == [], ran.stderr
    return tally


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on the size of files")
def test_r13_full_at_any_byte_loses_nothing_and_goes_on(tmp_path: Path) -> None:
    """Every byte: python -m tests.recording.full FOLDER."""
    tally = filled(tmp_path, "--every", "5")
    assert tally["lost"] == 0
    assert tally["waited"] >= 300
    assert tally["stopped_amid_a_line"] >= 200


@pytest.mark.skipif(WHY is not None, reason=WHY or "")
@pytest.mark.parametrize("disk", ["tmpfs", "ext4"])
def test_r13_a_disk_that_is_full_and_then_has_room_again(disk: str, tmp_path: Path) -> None:
    tally = filled(tmp_path, "--disk", disk)
    assert tally["lost"] == 0
    assert tally["waited"] == tally["levels"] == 16
