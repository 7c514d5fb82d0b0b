"""Every test here has a bus of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bluez.rig import MISSING, Rig


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    """A fake BlueZ that bleak in this process, and programs that inherit the environment, will find."""
    if MISSING:
        pytest.skip(MISSING)
    with Rig() as rig:
        for name, value in rig.environment().items():
            monkeypatch.setenv(name, value)
        yield rig
