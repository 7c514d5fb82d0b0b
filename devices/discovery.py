"""Which straps there are: those this computer is connected to already, and those that advertise.

Straps are known by their service (0x180D), never by their brand.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from devices.bluetooth import HEART_RATE_SERVICE, SYSTEM_RADIO, NoBusError, Radio, SilentServiceError
from devices.choosing import strength
from devices.names import readable
from devices.shared_scan import listening

if TYPE_CHECKING:
    from bleak.backends.device import BLEDevice
    from bleak.backends.scanner import AdvertisementData

ADAPTERS: Final = Path("/sys/class/bluetooth")
"""Where Linux lists its Bluetooth adapters; absent elsewhere."""
ANSWER_S: Final = 50.0 if sys.platform == "darwin" else 5.0
"""The Bluetooth service answers in milliseconds; one that is silent for so long hangs. A Mac asks the person first."""
LISTS_WHILE_OFF: Final = sys.platform == "win32"
"""Windows names the straps it holds, which are none, even while Bluetooth is off: only a search tells that it is."""


@dataclass(frozen=True, slots=True)
class FoundStrap:
    """One strap, by a `readable` name. `rssi`: its signal in dBm, None while it is connected and does not advertise."""

    name: str
    address: str
    rssi: int | None
    connected: bool
    device: BLEDevice

    @property
    def called(self) -> str:
        """Its name, else its address: for the screen. What is recorded says `spoken`."""
        return self.name or self.address


async def connected_straps(radio: Radio = SYSTEM_RADIO, answer_s: float = ANSWER_S) -> list[FoundStrap]:
    """Straps that hold a link to this computer, by whichever program; a scan does not see them.

    Raises one of `bluetooth_errors` when Bluetooth cannot be used.
    """
    try:
        async with asyncio.timeout(answer_s):
            held = await _held(radio)
    except NotImplementedError:
        return []
    except TimeoutError as error:
        raise SilentServiceError from error
    except ValueError as error:  # the D-Bus library's word for an address it cannot read, and for being turned away
        raise NoBusError(str(error)) from error
    if LISTS_WHILE_OFF:
        async with listening(_pass_over, radio):
            pass
    devices = {device.address: device for some in held for device in some}
    return [
        FoundStrap(readable(device.name or "", address), address, None, True, device)
        for address, device in devices.items()
    ]


async def _held(radio: Radio) -> list[list[BLEDevice]]:
    """The straps that each adapter holds."""
    from bleak import BleakAdapter

    first = await BleakAdapter.get(backend=radio.adapter)
    others = [await BleakAdapter.get(bluez={"adapter": name}, backend=radio.adapter) for name in _adapters()]
    return [await adapter.get_connected_devices([HEART_RATE_SERVICE]) for adapter in (first, *others)]


async def scan(
    seconds: float, radio: Radio = SYSTEM_RADIO, found_one: Callable[[FoundStrap], None] | None = None
) -> list[FoundStrap]:
    """All straps: the connected ones, then those that advertise, strongest first.

    `found_one` hears of each strap the first time it is met. Raises one of `bluetooth_errors`.
    """
    found: dict[str, FoundStrap] = {}

    def see(strap: FoundStrap) -> None:
        known = found.get(strap.address)
        if known is None and found_one is not None:
            found_one(strap)
        # A name may come after the first advertisement and be missing from a later one.
        if known is None or (not known.connected and (strap.name or not known.name)):
            found[strap.address] = strap

    for strap in await connected_straps(radio):
        see(strap)
    async with listening(lambda device, said: see(advertising(device, said)), radio):
        await asyncio.sleep(seconds)
    return sorted(found.values(), key=lambda strap: (not strap.connected, -strength(strap.rssi)))


def _pass_over(_: BLEDevice, __: AdvertisementData) -> None:
    """What is in sight does not matter now."""


def advertising(device: BLEDevice, said: AdvertisementData) -> FoundStrap:
    """A strap as it advertises."""
    name = readable(said.local_name or device.name or "", device.address)
    return FoundStrap(name, device.address, said.rssi, False, device)


def _adapters() -> list[str]:
    """The adapters of this computer by name, where there are several to choose from."""
    names = sorted(path.name for path in ADAPTERS.glob("hci*") if path.name[3:].isdecimal())
    return names if len(names) > 1 else []
