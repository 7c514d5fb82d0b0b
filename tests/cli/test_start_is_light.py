"""`--help` and the first line of every command are there at once: nothing heavy is imported for them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

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


def test_importing_the_package_is_light() -> None:
    look = "import sys, biofeedback; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & HEAVY
    assert not set(done.stdout.split()) & {"dataclasses", "argparse", "devices"}
