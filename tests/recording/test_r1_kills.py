"""R1: a program that records is killed with SIGKILL at random moments; nothing that was committed is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from biofeedback.errors import RecordingError
from biofeedback.recording.recovery import parts_in
from tests.cli.programs import ROOT
from tests.recording.logs import Logs

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")

BOTH = pytest.mark.parametrize("words", [[], ["--encrypted"]], ids=["plain", "encrypted"])


def killed(folder: Path, *words: str, module: str = "tests.recording.killed") -> dict[str, Any]:
    killer = [sys.executable, "-m", module, str(folder), *words]
    ran = subprocess.run(killer, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    tally: dict[str, Any] = json.loads(ran.stdout)
    assert tally["faults"] == [], ran.stderr
    assert tally["lost"] == 0
    return tally


@pytest.mark.slow
@BOTH
def test_r1_100_kills_at_random_moments_lose_no_committed_event(words: list[str], tmp_path: Path) -> None:
    """1000 kills and 10^6 events: benchmarks/recording_kills.py."""
    tally = killed(tmp_path, "--kills", "50", *words)
    assert tally["kills"] >= 50
    # How many fall where depends on how busy the machine is; some must, or nothing is shown.
    assert tally["resumed"] >= 5
    assert tally["killed_closing"] >= 1
    assert tally["committed"] >= 1000


@pytest.mark.slow
@BOTH
def test_r1_killed_before_each_system_call_of_a_session_and_of_its_resumption(words: list[str], tmp_path: Path) -> None:
    tally = killed(tmp_path, "--at-every-call", "4", *words)
    assert tally["kills"] >= 100
    assert tally["resumed"] >= 60
    assert tally["torn"] >= 20


@BOTH
def test_r1_killed_before_each_call_while_a_failed_disk_makes_it_move(words: list[str], tmp_path: Path) -> None:
    tally = killed(tmp_path, "--while-moving", *words)
    assert tally["kills"] >= 40
    assert tally["resumed"] >= 15


@pytest.mark.slow
def test_r1_killed_before_each_call_while_it_finishes_what_another_left(tmp_path: Path) -> None:
    tally = killed(tmp_path, module="tests.recording.killed_finishing")
    assert tally["kills"] >= 40


def test_r1_a_part_without_all_of_its_head_is_neither_gone_on_with_nor_offered(logs: Logs, tmp_path: Path) -> None:
    """A program was killed before the last line of its head: the next event may not take that line's number."""
    part = tmp_path / "a.session.jsonl.part"
    with logs.new(tmp_path / "a.session.jsonl"):
        heads = part.read_bytes().splitlines(keepends=True)
    part.unlink()
    part.write_bytes(b"".join(heads[:-1]) + heads[-1][:-1])
    with pytest.raises(RecordingError):
        logs.resume(part)
    assert parts_in(tmp_path) == []
    long_ago = time.time() - 3600
    os.utime(part, (long_ago, long_ago))
    assert parts_in(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["a.session.jsonl.part.torn0"]
