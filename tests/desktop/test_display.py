"""Whether a window can be opened is found out before Qt ends the process."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

if sys.platform != "linux":
    pytest.skip("elsewhere there is always a screen", allow_module_level=True)

from tests.cli.programs import ROOT

ASK = "from biofeedback.desktop.display import display_complaint; print(display_complaint())"
NOWHERE = {"DISPLAY": "", "WAYLAND_DISPLAY": "", "QT_QPA_PLATFORM": ""}


def complaint(program: str = ASK, **environment: str) -> str:
    """What a program of its own says; it must end well and without a word on stderr."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, **NOWHERE, **environment},
        capture_output=True,
        text=True,
        timeout=15,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


def test_without_a_display_there_is_one_sentence() -> None:
    assert complaint() == "No window can be opened: there is no display here."


@pytest.mark.parametrize(
    "environment",
    [{"DISPLAY": ":987"}, {"QT_QPA_PLATFORM": "nonsense"}, {"WAYLAND_DISPLAY": "/nowhere/wayland-9"}],
)
def test_a_display_that_cannot_be_reached_is_told_and_kills_nobody(environment: dict[str, str]) -> None:
    assert complaint(**environment) == "No window can be opened: the display cannot be reached."


def test_where_windows_can_be_opened_there_is_none() -> None:
    assert complaint(QT_QPA_PLATFORM="offscreen") == ""


def test_a_window_can_be_opened_after_the_question() -> None:
    opens = f"{ASK}; from PySide6.QtWidgets import QApplication; QApplication([]); print('opened')"
    assert complaint(opens, QT_QPA_PLATFORM="offscreen") == "opened"


def test_a_missing_library_is_named() -> None:
    missing = f"import sys; sys.modules['PySide6.QtWidgets'] = None; {ASK}"
    said = complaint(missing, QT_QPA_PLATFORM="offscreen")
    assert said.startswith("No window can be opened: ")
    assert "PySide6.QtWidgets" in said
