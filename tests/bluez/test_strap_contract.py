"""A strap on the fake BlueZ keeps the contract of every source (devices/contract.py)."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from devices.contract import SourceContract
from devices.source import Source
from devices.strap import Strap, bluetooth_trouble
from tests.bluez.hearing import QUICK
from tests.bluez.rig import Rig
from tests.bluez.wearer import Wearer, wearing


class TestStrapOnBluez(SourceContract):
    step_s = 0.004
    least_events = 7

    @pytest.fixture(autouse=True)
    def _rig(self, rig: Rig) -> None:
        self.worn = rig.add_strap()

    @asynccontextmanager
    async def world(self) -> AsyncGenerator[None]:
        # bleak keeps one connection to the bus for each event loop; it is there before the source is.
        assert await bluetooth_trouble() is None
        with Wearer(self.worn, wearing(), speed=50.0):
            yield

    def source(self) -> Source:
        return Strap(delays=QUICK)
