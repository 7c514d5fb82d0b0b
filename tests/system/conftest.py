"""run.py as a module, and a project folder for it."""

from pathlib import Path
from types import ModuleType

import pytest

from tests.system.set_up import Setup, copy_frame, load_run


@pytest.fixture
def run() -> ModuleType:
    return load_run()


@pytest.fixture
def setup(tmp_path: Path, run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Setup:
    home = tmp_path / "project"
    copy_frame(home)
    made = Setup(home, run)

    def run_program(_home: str, words: list[str]) -> int:
        made.steps.append("handed on: " + " ".join(words))
        return 7

    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.setattr(run, "HERE", str(home))
    monkeypatch.setattr(run, "make_venv", made.make_venv)
    monkeypatch.setattr(run, "pip_install", made.pip_install)
    monkeypatch.setattr(run, "captured", made.captured)
    monkeypatch.setattr(run, "run_program", run_program)
    monkeypatch.setattr(run, "run_test", run_program)
    monkeypatch.setattr(run, "say", made.said.append)
    return made
