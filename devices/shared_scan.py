"""One scan for everybody in an event loop: BlueZ refuses a program that begins a second one (fault case 40)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, TypeAlias
from weakref import WeakKeyDictionary

from devices.bluetooth import HEART_RATE_SERVICE, Radio, bluetooth_errors

if TYPE_CHECKING:
    from bleak import BleakScanner
    from bleak.backends.device import BLEDevice
    from bleak.backends.scanner import AdvertisementData, BaseBleakScanner

OLD_S: Final = 15.0
"""A scan does not survive Bluetooth going off and on, and does not say so: an older one is begun anew."""

UNDO_S: Final = 2.0
"""A service that does not answer must not delay the end of a session."""

Hear: TypeAlias = "Callable[[BLEDevice, AdvertisementData], None]"


@asynccontextmanager
async def listening(hear: Hear, radio: Radio) -> AsyncGenerator[None]:
    """Inside the block `hear` is called with every advertisement of a strap, once a scan that runs already is joined.

    Raises one of `bluetooth_errors` when there can be no scan.
    """
    scan = _scans.setdefault(asyncio.get_running_loop(), {}).setdefault(radio.scanner, _SharedScan(radio))
    await scan.join(hear)
    try:
        yield
    finally:
        await scan.leave(hear)


class _SharedScan:
    """Runs while somebody listens."""

    def __init__(self, radio: Radio) -> None:
        self._radio = radio
        self._listeners: list[Hear] = []
        self._scanner: BleakScanner | None = None
        self._began_s = 0.0
        self._turn = asyncio.Lock()

    async def join(self, hear: Hear) -> None:
        async with self._turn:
            if self._scanner is not None and asyncio.get_running_loop().time() - self._began_s > OLD_S:
                with suppress(*bluetooth_errors()):
                    await self._end()
            scanner = self._scanner or await self._begin()
            self._listeners.append(hear)
        for device, said in list(scanner.discovered_devices_and_advertisement_data.values()):
            hear(device, said)

    async def leave(self, hear: Hear) -> None:
        self._listeners.remove(hear)
        async with self._turn:
            if not self._listeners:
                await self._end()

    async def _begin(self) -> BleakScanner:
        from bleak import BleakScanner

        scanner = BleakScanner(self._hear, service_uuids=[HEART_RATE_SERVICE], backend=self._radio.scanner)
        starting = asyncio.ensure_future(scanner.start())
        try:
            await asyncio.shield(starting)
        except asyncio.CancelledError:
            await _undo(scanner, starting)
            raise
        self._scanner, self._began_s = scanner, asyncio.get_running_loop().time()
        return scanner

    async def _end(self) -> None:
        scanner, self._scanner = self._scanner, None
        if scanner is not None:
            await scanner.stop()

    def _hear(self, device: BLEDevice, said: AdvertisementData) -> None:
        for hear in tuple(self._listeners):
            hear(device, said)


async def _undo(scanner: BleakScanner, starting: asyncio.Future[None]) -> None:
    """Stop a scan that nobody wants before it has started: the daemon may have begun it already."""
    with suppress(*bluetooth_errors()):
        async with asyncio.timeout(UNDO_S):
            await starting
            await scanner.stop()


_scans: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[type[BaseBleakScanner] | None, _SharedScan]] = (
    WeakKeyDictionary()
)
