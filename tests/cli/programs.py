"""Runs the program as a user does: another process, real files, real signals."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest.mock import patch

from biofeedback.recording.consents import CONSENTS
from biofeedback.recording.person import PersonLog

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
PROGRAM = (sys.executable, "-P", "-m", "biofeedback")


def environment(home: Path) -> dict[str, str]:
    """A clean environment without a screen, whose data, settings and locks live under `home`."""
    ours = ("BIOFEEDBACK", "XDG", "PYTHON", "DISPLAY", "WAYLAND", "QT_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {
        **kept,
        "BIOFEEDBACK_HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_RUNTIME_DIR": str(home),
        "PYTHONWARNINGS": "error",
    }


def run(home: Path, *words: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run one command to its end; `env` on top of the clean environment."""
    return subprocess.run(
        [*PROGRAM, *words],
        env={**environment(home), **(env or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=home,
    )


def run_here(
    home: Path, *words: str, env: Mapping[str, str] | None = None, given: str = ""
) -> subprocess.CompletedProcess[str]:
    """The same in this process, which is much quicker; `given` is its input, there is no keyboard and no screen."""
    from biofeedback.cli.main import main
    from biofeedback.cli.passphrase import _opened

    out, talk = io.StringIO(), io.StringIO()
    whole = {**environment(home), **(env or {})}
    _opened.clear()
    with (
        patch.dict(os.environ, whole, clear=True),
        patch("sys.stdin", io.TextIOWrapper(io.BytesIO(given.encode()))),
        redirect_stdout(out),
        redirect_stderr(talk),
        chdir(home),
    ):
        code = main(words)
    return subprocess.CompletedProcess([*PROGRAM, *words], code, out.getvalue(), talk.getvalue())


def start(home: Path, *words: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """Start one command and let it run; `env` on top of the clean environment."""
    return subprocess.Popen(
        [*PROGRAM, *words],
        env={**environment(home), **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=home,
    )


def consent(home: Path, person: str = "me", *ids: str) -> None:
    """Somebody who has agreed that heart data are kept, or to these consents."""
    log = PersonLog(home, person)
    log.write(*(CONSENTS[id_].line(given=True) for id_ in ids or ("heart_data",)))
