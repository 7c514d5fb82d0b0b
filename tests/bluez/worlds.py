"""What the fake BlueZ and the radio in memory have in common, so that one test holds both to it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final, Literal, Protocol

from bleak import BleakAdapter, BleakClient, BleakScanner
from bleak.backends.adapter import BaseBleakAdapter
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import BaseBleakScanner
from bleak.exc import BleakBluetoothNotAvailableError, BleakDBusError

HEART_RATE: Final = "0000180d-0000-1000-8000-00805f9b34fb"


class AnyStrap(Protocol):
    """A strap in either world."""

    @property
    def address(self) -> str: ...
    @property
    def connected(self) -> bool: ...
    @property
    def connecting(self) -> bool: ...
    @property
    def subscribed(self) -> bool: ...
    def notify(self, raw: bytes) -> bool: ...
    def burst(self, raws: Sequence[bytes]) -> int: ...
    def battery(self, percent: int) -> bool: ...
    def accelerate(self, raw: bytes) -> bool: ...
    def drop_link(self) -> None: ...
    def leave(self) -> None: ...
    def come_back(self) -> None: ...
    def hold_elsewhere(self, *, held: bool = True) -> None: ...
    def hold_here(self) -> None: ...
    def hide_services(self, *, hidden: bool = True) -> None: ...
    def want_pairing(self, *, wanted: bool = True) -> None: ...
    def refuse_pairing(self, *, refused: bool = True) -> None: ...
    def pair(self, *, paired: bool = True) -> None: ...
    def set_rssi(self, rssi: int) -> None: ...
    def fail_connects(self, times: int, how: Literal["refuse", "leave", "error"] = "leave") -> None: ...
    def rename(self, name: str) -> None: ...


class AnyAir(Protocol):
    """What is around, in either world."""

    @property
    def discovering(self) -> bool: ...
    def add_strap(
        self,
        name: str | None = ...,
        address: str = ...,
        *,
        rssi: int = ...,
        advertised: Sequence[str] = ...,
        battery: int | None = ...,
        location: int | None = ...,
        control_point: bool = ...,
        accelerometer: bool = ...,
    ) -> AnyStrap: ...
    def power(self, *, on: bool) -> None: ...
    def refuse_discovery(self, *, refusing: bool = True) -> None: ...


@dataclass(frozen=True, slots=True)
class World:
    """An air and the back ends through which bleak sees it; None is bleak's own."""

    air: AnyAir
    scanner: type[BaseBleakScanner] | None = None
    client: type[BaseBleakClient] | None = None
    adapter: type[BaseBleakAdapter] | None = None

    async def find(self, timeout_s: float = 5.0, *, name: str | None = None) -> BLEDevice:
        """The first strap heard, or the one of that name."""
        async with asyncio.timeout(timeout_s), self.scan() as scanner, aclosing(scanner.advertisement_data()) as heard:
            async for device, _ in heard:
                if name is None or device.name == name:
                    return device
        raise AssertionError("advertisements never end")

    def scan(self, heard: list[str] | None = None) -> BleakScanner:
        """A scan for straps; every advertisement adds its address to `heard`."""

        def hear(device: BLEDevice, _: object) -> None:
            if heard is not None:
                heard.append(device.address)

        return BleakScanner(hear, service_uuids=[HEART_RATE], backend=self.scanner)

    def connect(
        self, device: BLEDevice | str, lost: Callable[[BleakClient], None] | None = None, timeout_s: float = 5.0
    ) -> BleakClient:
        return BleakClient(device, lost, timeout=timeout_s, backend=self.client)

    async def held(self) -> list[BLEDevice]:
        """Straps that the system holds a link to."""
        adapter = await BleakAdapter.get(backend=self.adapter)
        return await adapter.get_connected_devices(["180d"])


@dataclass(slots=True)
class Heard:
    """Collects notifications: pass `take` as call-back."""

    raws: list[bytes] = field(default_factory=list[bytes])

    def take(self, _: object, raw: bytearray) -> None:
        self.raws.append(bytes(raw))

    async def count(self, number: int) -> list[bytes]:
        """All of them, once there are so many."""
        await eventually(lambda: len(self.raws) >= number)
        return self.raws


async def eventually(condition: Callable[[], object], deadline_s: float = 5.0) -> None:
    """Return when the condition holds; raises TimeoutError when it never does."""
    end = time.monotonic() + deadline_s
    pause_s = 0.0
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("the condition never held")
        await asyncio.sleep(pause_s)
        pause_s = min(0.002, pause_s + 0.0001)


async def link_lost(client: BleakClient, deadline_s: float = 5.0) -> None:
    """Return when bleak knows that the link is gone."""
    await eventually(lambda: not client.is_connected, deadline_s)


async def eventually_unpowered(world: World) -> None:
    """Wait until bleak knows: the lost link may be told before the adapter is known to be off."""
    async with asyncio.timeout(5):
        while True:
            try:
                await world.held()
            except BleakBluetoothNotAvailableError:
                return
            except BleakDBusError as error:
                if error.dbus_error != "org.bluez.Error.NotReady":
                    raise
            await asyncio.sleep(0.002)


async def eventually_powered(world: World) -> None:
    """Wait until bleak knows that the adapter is on."""
    async with asyncio.timeout(5):
        while True:
            try:
                await world.held()
            except BleakBluetoothNotAvailableError:
                await asyncio.sleep(0.002)
            else:
                return
