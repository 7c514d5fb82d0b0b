"""Windows are opened off the screen, unless the environment wants to see them; none outlives its test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtWidgets import QApplication

from biofeedback.desktop.app import dress
from biofeedback.desktop.theme import DARK


@pytest.fixture(autouse=True)
def _windows(qapp: QApplication) -> Iterator[None]:
    if qapp.applicationName() != "biofeedback":
        dress(qapp, DARK)
    yield
    for window in QApplication.topLevelWidgets():
        window.hide()
        window.deleteLater()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
