"""Every way in which a strap fails has its tests."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.faults import FAULTS, ROOT


def test_the_table_has_forty_cases() -> None:
    assert list(FAULTS) == list(range(1, 41))


@pytest.mark.slow
def test_every_fault_has_a_test_on_each_rig_it_asks_for() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "tests.faults"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout
