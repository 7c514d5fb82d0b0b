"""Every test here has a bus of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import pytest

from tests.bluez.rig import MISSING, Rig
from tests.bluez.worlds import World
from tests.cli.programs import consent
from tests.devices.radio import Air


@pytest.fixture(autouse=True)
def agreed(tmp_path: Path) -> None:
    """Whoever wears a strap here has agreed to be recorded; the question has tests of its own."""
    consent(tmp_path)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """A fake BlueZ that bleak in this process, and programs that inherit the environment, will find."""
    if MISSING:
        pytest.skip(MISSING)
    with Rig() as rig:
        for name, value in rig.environment().items():
            monkeypatch.setenv(name, value)
        yield rig
        close_bleak()


def close_bleak() -> None:
    """Close what bleak keeps open for each event loop until it is used in another one."""
    from bleak.backends.bluezdbus.manager import _global_instances

    while _global_instances:
        _, manager = _global_instances.popitem()
        if manager._bus is not None:
            with suppress(RuntimeError):  # it wakes up a task of the loop, which is closed
                cast("Any", manager._bus)._finalize(None)


@pytest.fixture(params=["fake BlueZ", "radio in memory"])
def world(request: pytest.FixtureRequest) -> World:
    """Bleak over the fake BlueZ, and the same over the radio in memory."""
    if request.param == "fake BlueZ":
        return World(request.getfixturevalue("rig"))
    air = Air()
    return World(air, air.scanner_backend, air.client_backend, air.adapter_backend)
