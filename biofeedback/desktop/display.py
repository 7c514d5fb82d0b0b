"""Whether a window can be opened here, found out without being killed by Qt."""

from __future__ import annotations

import os
import select
import signal
import sys
from importlib import import_module
from typing import Final

PATIENCE_S: Final = 5.0
"""How long a screen may take to answer; one that is reached over a slow line needs about a second."""


def has_screen() -> bool:
    """Whether there may be a screen at all; on Linux its absence is nothing that a person wants to be told."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return sys.platform != "linux" or any(os.environ.get(name) for name in named)


def display_complaint() -> str:
    """One sentence why no window can be opened here; empty when it can.

    Call it before any thread is started: on Linux it forks.
    """
    if not has_screen():
        return "No window can be opened: there is no display here."
    try:
        import_module("PySide6.QtWidgets")
    except ImportError as error:
        return f"No window can be opened: {str(error).rstrip('. ')}."
    if sys.platform == "linux" and not _reaches_screen():
        return "No window can be opened: the display cannot be reached."
    return ""


def _reaches_screen() -> bool:
    """Try it in a child, since Qt ends the whole process when it does not succeed."""
    hears, speaks = os.pipe()
    child = os.fork()
    if child == 0:
        _try_and_leave()
    os.close(speaks)
    try:
        # The pipe closes with the child, however that ends.
        if not select.select([hears], [], [], PATIENCE_S)[0]:
            os.kill(child, signal.SIGKILL)
    finally:
        os.close(hears)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _try_and_leave() -> None:
    """In the child: open the screen and leave without a word, without a core file, without any clean-up."""
    code = 1
    try:
        import resource

        from PySide6.QtWidgets import QApplication

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(nowhere, stream)
        QApplication(["biofeedback"])
        code = 0
    finally:
        os._exit(code)
