"""R15: what one system records, another computes again (RULINGS A6, F).

The second system is this one with the features of its processor switched off in numpy, in its linear algebra and in
the C library, as an old computer would have them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from tests.cli.programs import run
from tests.recording.golden.make_golden import HERE

FOUND = cast("Mapping[str, Any]", np.show_config(mode="dicts"))["SIMD Extensions"].get("found", [])
OLD = {
    "NPY_DISABLE_CPU_FEATURES": " ".join(FOUND),
    "OPENBLAS_CORETYPE": "Prescott",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX2,-AVX512F,-FMA,-AVX2_Usable,-FMA_Usable,-FMA4",
}
NEW: Mapping[str, str] = {}
PERSON = "sim:tense?seed=3&loss_pct=2&drop_s=8&ectopic_pct=2"
APART = ("every_kind", "encrypted", "person")
GOLDEN = [path for path in sorted(HERE.glob("engine_*/*.jsonl*")) if not path.name.startswith(APART)]

pytestmark = pytest.mark.skipif(not FOUND, reason="numpy uses no feature of this processor that can be switched off")


@cache
def features(*, old: bool) -> list[str]:
    """What numpy makes use of in such a system."""
    look = "import json, numpy; print(json.dumps(numpy.show_config(mode='dicts')['SIMD Extensions'].get('found', [])))"
    done = subprocess.run([sys.executable, "-c", look], env=dict(OLD if old else NEW), capture_output=True, check=True)
    found: list[str] = json.loads(done.stdout)
    return found


def verified(home: Path, path: Path, system: Mapping[str, str]) -> dict[str, Any]:
    done = run(home, "verify", "--json", str(path), env=system)
    assert done.returncode in {0, 4}, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_second_system_is_another_one() -> None:
    assert features(old=False) == FOUND
    assert features(old=True) == []


@pytest.mark.slow
@pytest.mark.parametrize(("recorded_on", "verified_on"), [(OLD, NEW), (NEW, OLD)], ids=["old-to-new", "new-to-old"])
def test_r15_a_session_recorded_on_one_system_comes_out_within_1e_9_on_another(
    tmp_path: Path, recorded_on: Mapping[str, str], verified_on: Mapping[str, str]
) -> None:
    path = tmp_path / "made.session.jsonl"
    words = ["practice", "safe_place", "--minutes", "1", "--source", PERSON, "--speed", "max", "--view", "none"]
    done = run(tmp_path, *words, "--output", str(path), env=recorded_on)
    assert done.returncode == 0, done.stderr
    found = verified(tmp_path, path, verified_on)
    assert (found["differences"], found["first_difference"], found["rescored"]) == (0, None, [])
    assert found["compared"] == found["outputs"] > 1000


@pytest.mark.slow
@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: f"{path.parent.name}-{path.name.split('.')[0]}")
def test_r15_golden_recordings_come_out_within_1e_9_on_the_second_system(tmp_path: Path, path: Path) -> None:
    found = verified(tmp_path, path, OLD)
    assert (found["differences"], found["first_difference"]) == (0, None)
