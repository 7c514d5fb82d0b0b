"""`--help` and the first line of every command are there at once: nothing heavy is imported for them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from biofeedback.hrv.registry import METRICS
from tests.cli.programs import environment

HEAVY = {"numpy", "scipy", "matplotlib", "PySide6", "bleak", "rich", "jinja2", "asyncio", "platformdirs", "hashlib"}
LOOK = """
import sys, json, contextlib, io
from biofeedback.cli.main import main
with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
    main({words!r})
print(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))
"""


def modules_after(*words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOOK.format(words=list(words))], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "words", [["--help"], ["--version"], ["practice", "--help"], ["demo", "--help"], ["analyze", "--help"]]
)
def test_help_imports_neither_numpy_nor_qt_nor_anything_heavy(words: list[str]) -> None:
    assert not modules_after(*words) & HEAVY


def test_b6_a_session_without_a_view_needs_numpy_and_nothing_heavier() -> None:
    words = ["practice", "--source", "sim:calm", "--speed", "max", "--minutes", "3", "--view", "none", "--no-record"]
    modules = modules_after(*words)
    assert "numpy" in modules
    assert not modules & {"scipy", "heartpy", "matplotlib", "PySide6", "rich", "jinja2"}


def test_b6_at_the_end_of_a_recorded_session_every_live_metric_was_made_without_scipy(tmp_path: Path) -> None:
    words = ["practice", "--source", "sim:calm", "--speed", "max", "--minutes", "3", "--view", "none"]
    done = subprocess.run(
        [sys.executable, "-P", "-c", LOOK.format(words=words)],
        env=environment(tmp_path), cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert not set(json.loads(done.stdout)) & {"scipy", "heartpy", "matplotlib", "PySide6", "rich", "jinja2"}
    (recording,) = tmp_path.rglob("*.session.jsonl")
    lines = [json.loads(line) for line in recording.read_text("utf-8").splitlines()]
    values = [line["values"] for line in lines if line["k"] == "hrv"]
    given = {name for each in values for name, value in each.items() if value is not None}
    assert given == {name for name, metric in METRICS.items() if metric.live_s is not None}


def test_importing_the_package_is_light() -> None:
    look = "import sys, biofeedback; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & HEAVY
    assert not set(done.stdout.split()) & {"dataclasses", "argparse", "devices"}
