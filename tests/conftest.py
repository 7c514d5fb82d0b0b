"""Settings of all tests."""

import importlib
from typing import cast

import pytest
from hypothesis import settings

from tests.faults import remember_faults, shown, table

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


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    parser.addoption("--faults", action="store_true", help="print the table of a strap's faults and their tests")
    if not QT:  # else pytest-qt, which is asked next, would end the whole run
        pluginmanager.unregister(name="pytest-qt")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    remember_faults(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not terminalreporter.config.getoption("--faults"):
        return
    ended = [*terminalreporter.getreports("passed"), *terminalreporter.getreports("failed")]
    ended += terminalreporter.getreports("skipped")
    terminalreporter.section("the faults of a strap")
    for line in table(shown(cast("list[pytest.TestReport]", ended))):
        terminalreporter.write_line(line)
