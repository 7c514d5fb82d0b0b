"""What the fake daemon knows of one strap, and how it shows it on the bus.

Paths and properties are those of BlueZ 5.66, as far as bleak or a test looks at them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from dbus_fast import Message, Variant

from tests.devices import pmd
from tests.devices.pmd import Pmd

ADAPTER: Final = "/org/bluez/hci0"
ADAPTER_IFACE: Final = "org.bluez.Adapter1"
DEVICE_IFACE: Final = "org.bluez.Device1"
SERVICE_IFACE: Final = "org.bluez.GattService1"
CHARACTERISTIC_IFACE: Final = "org.bluez.GattCharacteristic1"

Properties: TypeAlias = dict[str, Variant]


def uuid(short: int) -> str:
    """A number of the Bluetooth SIG in full length."""
    return f"{short:08x}-0000-1000-8000-00805f9b34fb"


HEART_RATE: Final = uuid(0x180D)
BATTERY: Final = uuid(0x180F)
MEASUREMENT: Final = uuid(0x2A37)
LOCATION: Final = uuid(0x2A38)
CONTROL_POINT: Final = uuid(0x2A39)
LEVEL: Final = uuid(0x2A19)

_SERVICES: Final = {HEART_RATE: 0x0010, BATTERY: 0x0020, pmd.SERVICE: 0x0030}
# Service, handle and flags of each characteristic.
_CHARACTERISTICS: Final = {
    MEASUREMENT: (HEART_RATE, 0x0011, ("notify",)),
    LOCATION: (HEART_RATE, 0x0014, ("read",)),
    CONTROL_POINT: (HEART_RATE, 0x0016, ("write",)),
    LEVEL: (BATTERY, 0x0021, ("read", "notify")),
    pmd.CONTROL: (pmd.SERVICE, 0x0031, ("read", "write", "indicate")),
    pmd.DATA: (pmd.SERVICE, 0x0034, ("notify",)),
}


@dataclass(slots=True)
class StrapState:
    """One strap: what it is, where it is, and its link."""

    address: str
    name: str | None
    rssi: int
    advertised: list[str]
    battery: int | None
    location: int | None
    control_point: bool

    accelerometer: bool = False
    pmd: Pmd = field(default_factory=Pmd)
    in_range: bool = True
    held_elsewhere: bool = False
    """Connected to somebody else: it neither advertises nor answers."""
    hides_services: bool = False
    wants_pairing: bool = False
    att_code: int | None = None
    """The ATT error by which it asks to be paired; None: BlueZ's own word for it."""
    refuses_pairing: bool = False
    mute: bool = False
    """Does not answer when it is asked for a value."""
    disconnect_s: float = 0.0
    refusals: list[str] = field(default_factory=list[str])
    """How the next attempts to connect go wrong, see `FakeBluez.connect`."""

    known: bool = False
    """Has an object on the bus."""
    seen: bool = False
    """Heard in the discovery that runs now, so RSSI is shown."""
    paired: bool = False
    connected: bool = False
    resolved: bool = False
    has_gatt: bool = False
    """Its services are on the bus. BlueZ keeps them over a lost link (its cache), until it forgets the device."""
    waiting: list[Message] = field(default_factory=list[Message])
    """Calls of Connect that are not answered yet."""
    subscribers: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Bus names that called StartNotify, by characteristic. They outlive the link: bleak issue 2002."""

    @property
    def path(self) -> str:
        return f"{ADAPTER}/dev_{self.address.replace(':', '_')}"

    @property
    def advertises(self) -> bool:
        return self.in_range and not self.held_elsewhere and not self.connected

    @property
    def alias(self) -> str:
        return self.name or self.address.replace(":", "-")

    def device(self) -> Properties:
        """Properties of org.bluez.Device1."""
        uuids = sorted({*self.advertised, *(self.services() if self.has_gatt else ())})
        optional: Properties = {}
        if self.name is not None:
            optional["Name"] = Variant("s", self.name)
        if self.seen:
            optional["RSSI"] = Variant("n", self.rssi)
        return {
            "Address": Variant("s", self.address),
            "AddressType": Variant("s", "random"),
            "Alias": Variant("s", self.alias),
            "Adapter": Variant("o", ADAPTER),
            "Paired": Variant("b", self.paired),
            "Bonded": Variant("b", self.paired),
            "Trusted": Variant("b", False),
            "Blocked": Variant("b", False),
            "LegacyPairing": Variant("b", False),
            "Connected": Variant("b", self.connected),
            "ServicesResolved": Variant("b", self.resolved),
            "UUIDs": Variant("as", uuids),
            **optional,
        }

    def services(self) -> list[str]:
        battery = [] if self.battery is None else [BATTERY]
        return [HEART_RATE, *battery, *([pmd.SERVICE] if self.accelerometer else [])]

    def characteristics(self) -> list[str]:
        absent = {
            LOCATION: self.location is None,
            CONTROL_POINT: not self.control_point,
            LEVEL: self.battery is None,
            pmd.CONTROL: not self.accelerometer,
            pmd.DATA: not self.accelerometer,
        }
        return [each for each in _CHARACTERISTICS if not absent.get(each, False)]

    def service_path(self, service: str) -> str:
        return f"{self.path}/service{_SERVICES[service]:04x}"

    def characteristic_path(self, characteristic: str) -> str:
        service, handle, _ = _CHARACTERISTICS[characteristic]
        return f"{self.service_path(service)}/char{handle:04x}"

    def gatt(self) -> dict[str, dict[str, Properties]]:
        """Objects of services and characteristics, parents first."""
        objects: dict[str, dict[str, Properties]] = {}
        for service in self.services():
            objects[self.service_path(service)] = {
                SERVICE_IFACE: {
                    "UUID": Variant("s", service),
                    "Device": Variant("o", self.path),
                    "Primary": Variant("b", True),
                    "Includes": Variant("ao", []),
                }
            }
        for characteristic in self.characteristics():
            service, _, flags = _CHARACTERISTICS[characteristic]
            objects[self.characteristic_path(characteristic)] = {
                CHARACTERISTIC_IFACE: {
                    "UUID": Variant("s", characteristic),
                    "Service": Variant("o", self.service_path(service)),
                    "Value": Variant("ay", b""),
                    "Notifying": Variant("b", bool(self.subscribers.get(characteristic))),
                    "Flags": Variant("as", list(flags)),
                    "MTU": Variant("q", 517),
                }
            }
        return objects

    def value(self, characteristic: str) -> bytes | None:
        """What a read gives; None where reading is not permitted."""
        level = None if self.battery is None else bytes([self.battery])
        place = None if self.location is None else bytes([self.location])
        return {LEVEL: level, LOCATION: place, pmd.CONTROL: self.pmd.features}.get(characteristic)

    def characteristic_at(self, path: str) -> str | None:
        """The characteristic at a path, when it is on the bus."""
        if not self.has_gatt:
            return None
        return next((each for each in self.characteristics() if self.characteristic_path(each) == path), None)

    def can_notify(self, characteristic: str) -> bool:
        return not {"notify", "indicate"}.isdisjoint(_CHARACTERISTICS[characteristic][2])

    def report(self) -> Mapping[str, object]:
        """The state in JSON's terms, for the rig."""
        return {
            "known": self.known,
            "connected": self.connected,
            "resolved": self.resolved,
            "connecting": bool(self.waiting),
            "subscribers": len(self.subscribers.get(MEASUREMENT, [])),
            "battery_subscribers": len(self.subscribers.get(LEVEL, [])),
            "accelerating": self.pmd.running and bool(self.subscribers.get(pmd.DATA)),
            "asked": list(self.pmd.written),
        }
