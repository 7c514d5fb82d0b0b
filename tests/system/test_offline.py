"""The program needs no network and calls nobody (threat row 24): it runs in a namespace that has none."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.programs import PROGRAM, environment

ALONE = ("unshare", "--user", "--map-root-user", "--net")


def alone() -> str | None:
    """Why no namespace without a network can be had here, None when it can."""
    if shutil.which("unshare") is None:
        return "needs unshare"
    tried = subprocess.run([*ALONE, "true"], capture_output=True, check=False)
    return None if tried.returncode == 0 else "this system gives no namespaces of one's own"


@pytest.mark.slow
def test_row_24_sessions_reports_and_people_work_without_any_network(tmp_path: Path) -> None:
    why = alone()
    if why is not None:
        pytest.skip(why)
    recording = str(tmp_path / "a.session.jsonl")
    for words in (
        ("practice", "safe_place", "--source", "sim:calm", "--minutes", "1", "--speed", "max", "--output", recording,
         "--view", "none"),
        ("verify", recording),
        ("report", recording),
        ("person", "new"),
        ("library", "list"),
    ):  # fmt: skip
        done = subprocess.run(
            [*ALONE, *PROGRAM, *words], env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (words, done.stderr)
