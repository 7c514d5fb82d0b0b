"""A project folder and a system around it on which run.py does its work without network, rights or time."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]
POSIX_ONLY = pytest.mark.skipif(sys.platform == "win32", reason="run.py replaces itself only on POSIX")


def load_run() -> ModuleType:
    """Import run.py from its path, as a module of its own for each test."""
    spec = importlib.util.spec_from_file_location("run_under_test", ROOT / "run.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Setup:
    """A project folder whose slow steps only leave a trace; `break_at` stops one of them.

    Of the parts of the system those in `absent` are missing until apt-get brings them, which it does unless
    `apt_fails` or `apt_in_vain`.
    """

    def __init__(self, home: Path, run: ModuleType) -> None:
        self.home = home
        self.run = run
        self.steps: list[str] = []
        self.said: list[str] = []
        self.break_at = ""
        self.absent: set[str] = set()
        self.tried: list[str] = []
        self.apt: list[str] = []
        self.apt_fails = ""
        self.apt_in_vain = False
        self.real_pip_install = run.pip_install
        self.real_captured = run.captured

    def step(self, name: str) -> None:
        self.steps.append(name)
        if name == self.break_at:
            raise KeyboardInterrupt

    def make_venv(self, home: str) -> None:
        python = Path(self.run.venv_file(home, "python"))
        python.parent.mkdir(parents=True)
        self.step("venv")
        python.symlink_to(sys.executable)

    def pip_install(self, home: str, *words: str) -> None:
        Path(home, ".venv", "half-written").touch()
        self.step("program" if "-e" in words else Path(words[-1]).name)

    def captured(
        self, command: list[str], folder: str | None, env: dict[str, str] | None = None, limit_s: float | None = None
    ) -> tuple[int, str]:
        if command[0] == "apt-get":
            return self.apt_get(command, env or {})
        (part,) = [name for name, row in self.run.PARTS.items() if row[0] == command[-1]] or [""]
        if not part:
            result: tuple[int, str] = self.real_captured(command, folder, env)
            return result
        assert command[:-1] == [self.run.venv_file(folder, "python"), "-I", "-c"]
        assert limit_s == 60
        self.tried.append(part)
        return (1, f"Traceback\nImportError: no {part}\n") if part in self.absent else (0, "")

    def apt_get(self, command: list[str], env: dict[str, str]) -> tuple[int, str]:
        assert env["DEBIAN_FRONTEND"] == "noninteractive"
        self.apt.append(" ".join(command))
        if self.break_at == "apt-get":
            raise KeyboardInterrupt
        if command[1] == self.apt_fails:
            return 100, "E: it would not\n"
        if command[1] == "install" and not self.apt_in_vain:
            self.absent -= {name for name, row in self.run.PARTS.items() if set(row[1].split()) <= set(command)}
        return 0, ""

    def start(self, *words: str) -> int:
        """Run run.py with these words; forgets what earlier starts did and said."""
        for trace in (self.steps, self.said, self.tried, self.apt, self.run.APT_UPDATE):
            trace.clear()
        code = self.run.main(list(words))
        assert isinstance(code, int)
        return code


def write_program(path: Path, script: str) -> None:
    """Write a shell script that stands for a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def copy_frame(home: Path) -> None:
    """Copy run.py and what its notes are made from."""
    shutil.copytree(ROOT / "requirements", home / "requirements")
    for name in ("run.py", "pyproject.toml"):
        shutil.copy(ROOT / name, home / name)


def finish(run: ModuleType, home: str) -> None:
    """Leave the notes of a finished set-up of kind run."""
    Path(run.stamp_file(home, "run")).write_text(run.wanted_stamp(home, "run"), encoding="utf-8")
    Path(run.parts_file(home)).write_text("Qt\nQt on X11\n", encoding="utf-8")


def have_rights(monkeypatch: pytest.MonkeyPatch, user: int, *programs: str) -> None:
    """Be this user on a system that has only these programs."""
    monkeypatch.setattr(os, "geteuid", lambda: user)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}" if name in programs else None)
