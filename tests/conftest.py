"""Settings of all tests."""

import importlib

import pytest
from hypothesis import settings

# The same examples on every run and machine; how long one takes says nothing here.
settings.register_profile("house", derandomize=True, deadline=None, database=None)
settings.load_profile("house")


def can_load_qt() -> bool:
    """Tell whether Qt finds the libraries of the system it needs; run.py says which are missing."""
    try:
        importlib.import_module("PySide6.QtWidgets")
    except ImportError:
        return False
    return True


QT = can_load_qt()
collect_ignore = [] if QT else ["desktop"]


def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    if not QT:  # else pytest-qt, which is asked next, would end the whole run
        pluginmanager.unregister(name="pytest-qt")
