"""A radio in memory: bleak's `backend=` classes over a small air with straps in it, for any system, without D-Bus.

    air = Air()
    strap = air.add_strap("Polar H10 12345678")
    device = await BleakScanner.find_device_by_filter(wanted, backend=air.scanner_backend)
    async with BleakClient(device, backend=air.client_backend) as client: ...

It behaves as bleak does over BlueZ; `tests/bluez/test_bleak_conformance.py` holds both to the same tests. Give orders
from the thread of the event loop. Straps say and do the same things as those of `tests.bluez.rig`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, Final, Literal, Self, TypeAlias

from bleak.args import SizedBuffer
from bleak.assigned_numbers import CharacteristicPropertyName
from bleak.backends.adapter import BaseBleakAdapter
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient, NotifyCallback
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, AdvertisementDataCallback, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
    BleakGATTProtocolErrorCode,
)
from bleak.uuids import normalize_uuid_16 as uuid

from tests.devices import pmd
from tests.devices.pmd import Pmd

HEART_RATE: Final = uuid(0x180D)
BATTERY: Final = uuid(0x180F)
MEASUREMENT: Final = uuid(0x2A37)
LOCATION: Final = uuid(0x2A38)
CONTROL_POINT: Final = uuid(0x2A39)
LEVEL: Final = uuid(0x2A19)

ADVERTISING_S: Final = 0.01
NO_BLUETOOTH: Final = BleakBluetoothNotAvailableReason.NO_BLUETOOTH

Trouble: TypeAlias = Literal["refuse", "leave", "error", "system", "cancel"]
"""How an attempt to connect goes wrong; the last two as on Windows: an error that says nothing, a cancellation."""

# UUID, handle, flags of the characteristics of each service.
_LAYOUT: Final[dict[str, tuple[tuple[str, int, tuple[CharacteristicPropertyName, ...]], ...]]] = {
    HEART_RATE: (
        (MEASUREMENT, 0x11, ("notify",)),
        (LOCATION, 0x14, ("read",)),
        (CONTROL_POINT, 0x16, ("write",)),
    ),
    BATTERY: ((LEVEL, 0x21, ("read", "notify")),),
    pmd.SERVICE: (
        (pmd.CONTROL, 0x31, ("read", "write", "indicate")),
        (pmd.DATA, 0x34, ("notify",)),
    ),
}
_SERVICE_HANDLES: Final = {HEART_RATE: 0x10, BATTERY: 0x20, pmd.SERVICE: 0x30}


@dataclass(slots=True, eq=False)
class AirStrap:
    """A strap in the air. `connected` is the link that the system holds, whoever asked for it."""

    address: str
    name: str | None
    rssi: int
    advertised: tuple[str, ...]
    level: int | None
    location: int | None
    control_point: bool

    pmd: Pmd | None = None
    """Its accelerometer, None when it has none."""
    twice: bool = False
    """Has each characteristic a second time, by another handle."""
    in_range: bool = True
    held: bool = False
    hides_services: bool = False
    wants_pairing: bool = False
    refuses_pairing: BleakError | None = None
    paired: bool = False
    connected: bool = False
    resolved: bool = False
    troubles: list[Trouble] = field(default_factory=list[Trouble])
    attempts: int = 0
    """How many clients wait for a connection."""
    clients: list[_Client] = field(default_factory=list["_Client"])
    """Those that are connected."""
    standing: dict[str, list[_Client]] = field(default_factory=dict[str, list["_Client"]])
    """Who asked for notifications; like in BlueZ this outlives the link, until the client disconnects."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    # What it does.

    def notify(self, raw: bytes) -> bool:
        """Send one heart rate measurement; tell whether anybody was subscribed."""
        return self._notify(MEASUREMENT, raw)

    def burst(self, raws: Sequence[bytes]) -> int:
        """Send measurements back to back; how many went to a subscriber."""
        return sum(self.notify(raw) for raw in raws)

    def battery(self, percent: int) -> bool:
        """Have this charge from now on and say so; tell whether anybody was subscribed."""
        self.level = percent
        return self._notify(LEVEL, bytes([percent]))

    def accelerate(self, raw: bytes) -> bool:
        """Send a frame of acceleration; tell whether it was asked for and somebody subscribed."""
        return self.pmd is not None and self.pmd.running and self._notify(pmd.DATA, raw)

    def drop_link(self) -> None:
        """Lose the link; the strap advertises again at once."""
        self.connected = self.resolved = False
        if self.pmd is not None:
            self.pmd.running = False
        for client in tuple(self.clients):
            client.lose()
        self._tell()

    def leave(self) -> None:
        """Go out of range, losing the link; attempts to connect hang."""
        self.in_range = False
        self.drop_link()

    def come_back(self) -> None:
        """Be in range again; an attempt that hangs succeeds."""
        self.in_range = True
        self._tell()

    def hold_elsewhere(self, *, held: bool = True) -> None:
        """Be connected to somebody else: no advertisements, and attempts to connect hang."""
        self.held = held
        if held:
            self.drop_link()
        self._tell()

    def hold_here(self) -> None:
        """Be connected to this system by a run that crashed: no advertisements, but the system lists it."""
        self.connected = self.resolved = True

    def hide_services(self, *, hidden: bool = True) -> None:
        """Connect, but never resolve services; they come when no longer hidden."""
        self.hides_services = hidden
        self._tell()

    def want_pairing(self, *, wanted: bool = True) -> None:
        """Refuse reading and notifications until paired."""
        self.wants_pairing = wanted

    def refuse_pairing(self, *, refused: bool = True, error: BleakError | None = None) -> None:
        """Let every attempt to pair fail, as it does over BlueZ or with this error."""
        usual = BleakDBusError("org.bluez.Error.AuthenticationFailed", ["Authentication Failed"])
        self.refuses_pairing = (error or usual) if refused else None

    def pair(self, *, paired: bool = True) -> None:
        """Be paired by the person, in the system's settings."""
        self.paired = paired

    def set_rssi(self, rssi: int) -> None:
        self.rssi = rssi

    def fail_connects(self, times: int, how: Trouble = "leave") -> None:
        """Let the next attempts to connect go wrong, as the straps of `tests.bluez.rig` do."""
        self.troubles.extend(how for _ in range(times))

    def rename(self, name: str) -> None:
        """Get a name, or another one: names may come later than the first advertisement."""
        self.name = name

    # What there is to see.

    @property
    def advertises(self) -> bool:
        return self.in_range and not self.held and not self.connected

    @property
    def connecting(self) -> bool:
        """Somebody tries to connect and waits."""
        return self.attempts > 0

    @property
    def subscribed(self) -> bool:
        """A measurement sent now would go to somebody."""
        return self.resolved and bool(self.standing.get(MEASUREMENT))

    def services(self) -> BleakGATTServiceCollection:
        """What a client finds."""
        absent = {
            LOCATION: self.location is None,
            CONTROL_POINT: not self.control_point,
            LEVEL: self.level is None,
            pmd.CONTROL: self.pmd is None,
            pmd.DATA: self.pmd is None,
        }
        found = BleakGATTServiceCollection()
        for service_uuid, layout in _LAYOUT.items():
            present = [row for row in layout if not absent.get(row[0], False)]
            if not present:
                continue
            service = BleakGATTService(self, _SERVICE_HANDLES[service_uuid], service_uuid)
            found.add_service(service)
            for offset in (0x000, 0x100) if self.twice else (0x000,):
                for characteristic, handle, flags in present:
                    found.add_characteristic(
                        BleakGATTCharacteristic(self, handle + offset, characteristic, list(flags), lambda: 20, service)
                    )
        return found

    def value(self, characteristic: str) -> bytes | None:
        """What a read gives; None where reading is not permitted."""
        if characteristic == pmd.CONTROL and self.pmd is not None:
            return self.pmd.features
        number = {LEVEL: self.level, LOCATION: self.location}.get(characteristic)
        return None if number is None else bytes([number])

    def show(self, characteristic: str, raw: bytes) -> None:
        """One signal of a new value, to every client that has a call-back."""
        for client in tuple(self.clients):
            client.take(characteristic, raw)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Return when this strap's condition holds."""
        while not condition():
            await self.changed.wait()

    def _notify(self, characteristic: str, raw: bytes) -> bool:
        standing = self.standing.get(characteristic, []) if self.resolved else []
        for _ in standing:
            self.show(characteristic, raw)
        return bool(standing)

    def _tell(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class Air:
    """What is around: straps, and an adapter that can be off. `*_backend` are for bleak's `backend=`."""

    def __init__(self) -> None:
        self.straps: list[AirStrap] = []
        self.powered = True
        self.absences = 0
        """How often the adapter is still not there when it is asked for."""
        self.refuses_scans = False
        self.lists_while_off = False
        """Names the straps that are connected whether or not the adapter is on, as Windows does."""
        self.scanners: list[_Scanner] = []
        self.scanner_backend: type[BaseBleakScanner] = type("AirScanner", (_Scanner,), {"air": self})
        self.client_backend: type[BaseBleakClient] = type("AirClient", (_Client,), {"air": self})
        self.adapter_backend: type[BaseBleakAdapter] = type("AirAdapter", (_Adapter,), {"air": self})

    def add_strap(
        self,
        name: str | None = "Polar H10 12345678",
        address: str = "",
        *,
        rssi: int = -60,
        advertised: Sequence[str] = (HEART_RATE,),
        battery: int | None = 80,
        location: int | None = 1,
        control_point: bool = True,
        accelerometer: bool = False,
    ) -> AirStrap:
        """Put on one more strap, in range and advertising; without an address it gets one by its number."""
        address = address or f"A0:9E:1A:00:00:{len(self.straps) + 1:02X}"
        strap = AirStrap(address, name, rssi, tuple(advertised), battery, location, control_point)
        strap.pmd = Pmd() if accelerometer else None
        self.straps.append(strap)
        return strap

    def power(self, *, on: bool) -> None:
        """Switch the adapter; links and scans go when it goes off."""
        self.powered = on
        if not on:
            for strap in self.straps:
                strap.drop_link()
            for scanner in tuple(self.scanners):
                scanner.lose()

    def refuse_discovery(self, *, refusing: bool = True) -> None:
        """Fail to discover although the adapter is on."""
        self.refuses_scans = refusing

    @property
    def discovering(self) -> bool:
        """Somebody scans."""
        return bool(self.scanners)

    def check_power(self) -> None:
        """Raise what bleak raises for an adapter that is not there, or off."""
        if self.absences:
            self.absences -= 1
            raise BleakBluetoothNotAvailableError("No Bluetooth adapters found.", NO_BLUETOOTH)
        if not self.powered:
            raise BleakBluetoothNotAvailableError(
                "No powered Bluetooth adapters found.", BleakBluetoothNotAvailableReason.POWERED_OFF
            )

    def heard(self) -> Iterator[AirStrap]:
        """The straps that advertise now."""
        return (strap for strap in self.straps if strap.advertises)


class _Scanner(BaseBleakScanner):
    air: ClassVar[Air]

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None,
        service_uuids: list[str] | None,
        *_: object,
        **__: object,
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._timer: asyncio.TimerHandle | None = None
        self._lost = False

    async def start(self) -> None:
        self.air.check_power()
        if self.air.refuses_scans:
            raise BleakDBusError("org.bluez.Error.Failed", ["Operation failed"])
        if self.air.scanners:
            raise BleakDBusError("org.bluez.Error.InProgress", ["Operation already in progress"])
        self.seen_devices = {}
        self.air.scanners.append(self)
        self._timer = asyncio.get_running_loop().call_later(0, self._listen)

    async def stop(self) -> None:
        self.end()
        lost, self._lost = self._lost, False
        if lost and self.air.powered:
            raise BleakDBusError("org.bluez.Error.Failed", ["No discovery started"])

    def end(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self in self.air.scanners:
            self.air.scanners.remove(self)

    def lose(self) -> None:
        """The adapter goes off; the scan does not come back with it."""
        self.end()
        self._lost = True

    def _listen(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(ADVERTISING_S, self._listen)
        for strap in self.air.heard():
            if self.is_allowed_uuid(list(strap.advertised)):
                self._hear(strap)

    def _hear(self, strap: AirStrap) -> None:
        heard = AdvertisementData(
            local_name=strap.name,
            manufacturer_data={},
            service_data={},
            service_uuids=list(strap.advertised),
            tx_power=None,
            rssi=strap.rssi,
            platform_data=(strap,),
        )
        device = self.create_or_update_device(strap.address, strap.address, strap.name, strap, heard)
        self.call_detection_callbacks(device, heard)


class _Adapter(BaseBleakAdapter):
    air: ClassVar[Air]

    @classmethod
    async def get(cls, **kwargs: object) -> Self:
        if not cls.air.lists_while_off:
            cls.air.check_power()
        return cls()

    async def get_connected_devices(self, service_uuids: frozenset[str]) -> list[BLEDevice]:
        held = (strap for strap in self.air.straps if strap.resolved)
        return [
            BLEDevice(strap.address, strap.name, strap)
            for strap in held
            if any(service.uuid in service_uuids for service in strap.services())
        ]


class _Client(BaseBleakClient):
    air: ClassVar[Air]

    def __init__(
        self,
        address_or_ble_device: BLEDevice | str,
        *,
        disconnected_callback: Callable[[], None] | None,
        timeout: float,
        **_: object,
    ) -> None:
        super().__init__(address_or_ble_device, disconnected_callback=disconnected_callback, timeout=timeout)
        self._strap: AirStrap | None = None
        if isinstance(address_or_ble_device, BLEDevice):
            self._strap = address_or_ble_device.details
        self._callbacks: dict[str, NotifyCallback] = {}

    @property
    def name(self) -> str:
        strap = self._known()
        return strap.name or strap.address.replace(":", "-")

    @property
    def mtu_size(self) -> int:
        return 23

    @property
    def is_connected(self) -> bool:
        return self._strap is not None and self in self._strap.clients

    async def connect(self, pair: bool, **kwargs: object) -> None:
        if self.is_connected:
            raise BleakError("Client is already connected")
        strap = self._strap = self._strap or await self._find()
        try:
            async with asyncio.timeout(self._timeout):
                await self._link(strap, pair=pair)
        except BaseException:
            if self.is_connected:
                strap.drop_link()
            raise

    async def disconnect(self) -> None:
        strap = self._strap
        if strap is None:
            return
        await asyncio.sleep(0)
        for names in strap.standing.values():
            names[:] = [each for each in names if each is not self]
        if self.is_connected:
            strap.drop_link()

    async def pair(self, *args: object, **kwargs: object) -> None:
        self._known().paired = True

    async def unpair(self) -> None:
        strap = self._known()
        strap.paired = False
        strap.drop_link()

    async def read_gatt_char(
        self, characteristic: BleakGATTCharacteristic, *, use_cached: bool = False, **kwargs: object
    ) -> bytearray:
        strap = await self._reach()
        value = strap.value(characteristic.uuid)
        if characteristic.uuid == pmd.CONTROL and strap.pmd is not None and strap.pmd.wants_pairing:
            raise BleakGATTProtocolError(BleakGATTProtocolErrorCode.INSUFFICIENT_AUTHENTICATION)
        if value is None:
            raise BleakGATTProtocolError(BleakGATTProtocolErrorCode.READ_NOT_PERMITTED)
        strap.show(characteristic.uuid, value)
        return bytearray(value)

    async def write_gatt_char(self, characteristic: BleakGATTCharacteristic, data: SizedBuffer, response: bool) -> None:
        strap = await self._reach()
        if characteristic.uuid == pmd.CONTROL and strap.pmd is not None:
            for answer in strap.pmd.write(bytes(data)):
                strap.show(pmd.CONTROL, answer)
            return
        if characteristic.uuid != CONTROL_POINT:
            raise BleakGATTProtocolError(BleakGATTProtocolErrorCode.WRITE_NOT_PERMITTED)
        if bytes(data) != b"\x01":
            raise BleakGATTProtocolError(BleakGATTProtocolErrorCode(0x80))

    async def read_gatt_descriptor(
        self, descriptor: BleakGATTDescriptor, *, use_cached: bool = False, **kwargs: object
    ) -> bytearray:
        raise BleakError("these straps have no descriptors")

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: SizedBuffer) -> None:
        raise BleakError("these straps have no descriptors")

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: NotifyCallback, **kwargs: object
    ) -> None:
        strap = await self._reach()
        self._callbacks[characteristic.uuid] = callback
        standing = strap.standing.setdefault(characteristic.uuid, [])
        if self not in standing:
            standing.append(self)

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        strap = await self._reach()
        strap.standing[characteristic.uuid].remove(self)
        del self._callbacks[characteristic.uuid]

    def lose(self) -> None:
        """The link is gone."""
        self._known().clients.remove(self)
        self.services = None
        self._say_lost()

    def _say_lost(self) -> None:
        if self._disconnected_callback is not None:
            self._disconnected_callback()

    def take(self, characteristic: str, raw: bytes) -> None:
        """A new value came."""
        callback = self._callbacks.get(characteristic)
        if callback is not None:
            asyncio.get_running_loop().call_soon(callback, bytearray(raw))

    async def _find(self) -> AirStrap:
        self.air.check_power()
        for strap in self.air.straps:
            if strap.address == self.address:
                try:
                    async with asyncio.timeout(self._timeout):
                        await strap.until(partial(_advertising, strap))
                except TimeoutError:
                    break
                return strap
        raise BleakDeviceNotFoundError(self.address, f"Device with address {self.address} was not found.")

    async def _link(self, strap: AirStrap, *, pair: bool) -> None:
        if not self.air.powered:
            raise BleakDBusError("org.bluez.Error.Failed", ["Input/output error"])
        if pair and not (strap.connected or strap.paired):
            if strap.refuses_pairing:
                raise strap.refuses_pairing
            strap.paired = True
        while not strap.connected:
            await self._reach_out(strap)
            trouble = strap.troubles.pop(0) if strap.troubles else ""
            if trouble == "system":
                raise OSError("The device is not ready for use.")
            if trouble == "cancel":
                raise asyncio.CancelledError
            if trouble == "error":
                raise BleakDBusError("org.bluez.Error.Failed", ["Software caused connection abort"])
            strap.connected = not trouble
            if trouble:
                self._say_lost()
            if trouble == "leave":
                raise BleakError("failed to discover services, device disconnected")
        strap.clients.append(self)
        await strap.until(lambda: not strap.connected or not strap.hides_services)
        if not strap.connected:
            raise BleakError("failed to discover services, device disconnected")
        strap.resolved = True
        self.services = strap.services()

    async def _reach_out(self, strap: AirStrap) -> None:
        strap.attempts += 1
        try:
            await strap.until(lambda: self.air.powered and (strap.advertises or strap.connected))
            await asyncio.sleep(0)
        finally:
            strap.attempts -= 1

    def _known(self) -> AirStrap:
        if self._strap is None:
            raise BleakError("Not connected")
        return self._strap

    async def _reach(self) -> AirStrap:
        """The strap, when the link is up; an answer comes no sooner than the loop's next turn."""
        await asyncio.sleep(0)
        if not self.is_connected:
            raise BleakError("Not connected")
        strap = self._known()
        if strap.wants_pairing and not strap.paired:
            raise BleakDBusError("org.bluez.Error.NotPermitted", ["Not paired"])
        return strap


def _advertising(strap: AirStrap) -> bool:
    return strap.advertises
