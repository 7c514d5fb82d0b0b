"""What every use of Bluetooth shares: the backend of bleak, and what its errors mean to a person.

bleak is imported inside functions: only a strap is worth the time that takes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from devices.errors import BluetoothError, Reason

if TYPE_CHECKING:
    from bleak import BleakClient
    from bleak.backends.adapter import BaseBleakAdapter
    from bleak.backends.characteristic import BleakGATTCharacteristic
    from bleak.backends.client import BaseBleakClient
    from bleak.backends.scanner import BaseBleakScanner

HEART_RATE_SERVICE: Final = "0000180d-0000-1000-8000-00805f9b34fb"
HEART_RATE_MEASUREMENT: Final = "00002a37-0000-1000-8000-00805f9b34fb"
BODY_SENSOR_LOCATION: Final = "00002a38-0000-1000-8000-00805f9b34fb"
BATTERY_LEVEL: Final = "00002a19-0000-1000-8000-00805f9b34fb"


@dataclass(frozen=True, slots=True)
class Radio:
    """Which backends bleak uses; None is the one of this system."""

    scanner: type[BaseBleakScanner] | None = None
    client: type[BaseBleakClient] | None = None
    adapter: type[BaseBleakAdapter] | None = None


SYSTEM_RADIO: Final = Radio()


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong with Bluetooth, and what the person can do."""

    reason: Reason
    what: str
    advice: str

    @property
    def radio_is_off(self) -> bool:
        """Whether no strap at all can be reached until something changes on this computer."""
        return self.reason in (Reason.NO_BLUETOOTH, Reason.BLUETOOTH_OFF, Reason.NOT_ALLOWED)

    def error(self) -> BluetoothError:
        """The same as an exception."""
        return BluetoothError(self.reason, self.what, self.advice)


_SYSTEM: Final = {"linux": "linux", "darwin": "darwin", "win32": "win32"}.get(sys.platform, "linux")

_START_SERVICE: Final[Mapping[str, str]] = {
    "linux": "Start it with: sudo apt-get install bluez && sudo systemctl start bluetooth"
    " (WSL and containers have none)",
    "darwin": "Restart the Mac; if that does not help, see System Settings, Bluetooth.",
    "win32": "Start the service called Bluetooth Support Service.",
}
_RESTART_SERVICE: Final[Mapping[str, str]] = {
    "linux": "Start it anew: sudo systemctl restart bluetooth",
    "darwin": "Should the Mac ask whether Bluetooth may be used, allow it; if it does not ask, restart it.",
    "win32": "Restart the service called Bluetooth Support Service.",
}
_GET_ADAPTER: Final[Mapping[str, str]] = {
    "linux": "Plug in an adapter for Bluetooth 4.0 or newer; if there is one, see: systemctl status bluetooth",
    "darwin": "Use a Mac with Bluetooth, or plug in an adapter.",
    "win32": "Plug in an adapter for Bluetooth 4.0 or newer; see Settings, Bluetooth & devices.",
}
_SWITCH_ON: Final[Mapping[str, str]] = {
    "linux": "Switch it on in the system's settings, or with: bluetoothctl power on",
    "darwin": "Switch it on in the Control Centre.",
    "win32": "Switch it on in Settings, Bluetooth & devices.",
}
_ALLOW: Final[Mapping[str, str]] = {
    "linux": "Ask for it: sudo usermod -aG bluetooth $USER, then log in again.",
    "darwin": "Allow it for your terminal in System Settings, Privacy & Security, Bluetooth.",
    "win32": "Allow it in Settings, Privacy & security, Radios.",
}
PAIRING_STEPS: Final[Mapping[str, str]] = {
    "linux": "Open the system's Bluetooth settings, choose the strap and pair it; or in a terminal:"
    " bluetoothctl pair ADDRESS",
    "darwin": "Accept the request to pair when the Mac shows it; if none comes, open System Settings, Bluetooth,"
    " and connect the strap there.",
    "win32": "Open Settings, Bluetooth & devices, Add device, Bluetooth, and choose the strap there.",
}
"""How a strap is paired, by the name of the system."""

NO_SERVICE: Final = Trouble(
    Reason.NO_BLUETOOTH, "The Bluetooth service of this computer is not running.", _START_SERVICE[_SYSTEM]
)
SILENT_SERVICE: Final = Trouble(
    Reason.NO_BLUETOOTH, "The Bluetooth service of this computer does not answer.", _RESTART_SERVICE[_SYSTEM]
)
NO_ADAPTER: Final = Trouble(Reason.NO_BLUETOOTH, "This computer has no Bluetooth adapter.", _GET_ADAPTER[_SYSTEM])
BLUETOOTH_OFF: Final = Trouble(Reason.BLUETOOTH_OFF, "Bluetooth is off.", _SWITCH_ON[_SYSTEM])
NOT_ALLOWED: Final = Trouble(Reason.NOT_ALLOWED, "This program may not use Bluetooth.", _ALLOW[_SYSTEM])
NEEDS_PAIRING: Final = Trouble(Reason.NEEDS_PAIRING, "The strap wants to be paired first.", PAIRING_STEPS[_SYSTEM])
PAIRS: Final = Trouble(
    Reason.NEEDS_PAIRING, NEEDS_PAIRING.what, "That is tried now; accept it if this computer asks you."
)
"""What is said before this program tries to pair the strap by itself."""
NO_HEART_RATE: Final = Trouble(
    Reason.NO_HEART_RATE, "This device measures no heart rate.", "Choose another one; scan lists the straps in range."
)
NO_ANSWER: Final = Trouble(
    Reason.LINK_FAILED, "The strap did not answer.", "Keep it close; another program or phone may hold it."
)
LEFT: Final = Trouble(
    Reason.LINK_FAILED, "The strap went away while connecting.", "Keep it close; it is tried again by itself."
)
CANNOT_CONNECT: Final = Trouble(
    Reason.LINK_FAILED,
    "The strap cannot be connected.",
    "Close other programs and phones that may hold it, move closer, and try a fresh battery; it is tried again.",
)
"""What is said instead of the two above when it has failed several times."""
CANNOT_SEARCH: Final = Trouble(
    Reason.SEARCH_FAILED,
    "The Bluetooth of this computer cannot search for straps at the moment.",
    _RESTART_SERVICE[_SYSTEM],
)

_BY_AVAILABILITY: Final[Mapping[str, Trouble]] = {
    "POWERED_OFF": BLUETOOTH_OFF,
    "DENIED_BY_USER": NOT_ALLOWED,
    "DENIED_BY_SYSTEM": NOT_ALLOWED,
    "DENIED_BY_UNKNOWN": NOT_ALLOWED,
}
"""By the name of bleak's reason; every other one means that there is no adapter."""

_BY_DBUS_ERROR: Final[Mapping[str, Trouble]] = {
    "org.freedesktop.DBus.Error.ServiceUnknown": NO_SERVICE,
    "org.freedesktop.DBus.Error.NameHasNoOwner": NO_SERVICE,
    "org.freedesktop.DBus.Error.NoReply": NO_SERVICE,
    "org.freedesktop.DBus.Error.TimedOut": NO_SERVICE,
    "org.freedesktop.DBus.Error.AccessDenied": NOT_ALLOWED,
    "org.bluez.Error.NotReady": BLUETOOTH_OFF,
    "org.bluez.Error.AuthenticationFailed": NEEDS_PAIRING,
    "org.bluez.Error.AuthenticationRejected": NEEDS_PAIRING,
    "org.bluez.Error.AuthenticationCanceled": NEEDS_PAIRING,
    "org.bluez.Error.AuthenticationTimeout": NEEDS_PAIRING,
    "org.bluez.Error.NotPermitted": NEEDS_PAIRING,
}
_NOT_STARTED: Final = ("org.freedesktop.systemd1.", "org.freedesktop.DBus.Error.Spawn.")
"""How the errors begin with which the bus says that it could not start the service."""
_WANT_PAIRING: Final = frozenset({0x05, 0x08, 0x0C, 0x0F})
"""ATT errors: insufficient authentication, authorization, key size, encryption."""


class NoBusError(OSError):
    """Raised when the address of the system's D-Bus cannot be read, or the bus does not let this program in."""


class SilentServiceError(OSError):
    """Raised when the Bluetooth service took a call and did not answer it."""


def characteristic_of(client: BleakClient, uuid: str) -> BleakGATTCharacteristic | None:
    """What a strap has by this UUID, None when it lacks it; the first where it has several, as bleak will not choose.

    Raises one of `bluetooth_errors` when the link is gone.
    """
    return next((each for each in client.services.characteristics.values() if each.uuid == uuid), None)


def bluetooth_errors() -> tuple[type[Exception], ...]:
    """All that bleak lets through when something is wrong with Bluetooth or the strap (RULINGS D4)."""
    from bleak.exc import BleakError

    return (BleakError, TimeoutError, OSError, EOFError, NotImplementedError)


def trouble_of(error: Exception) -> Trouble:
    """What one of `bluetooth_errors` means (STRAP 1, its table)."""
    from bleak.exc import (
        BleakBluetoothNotAvailableError,
        BleakCharacteristicNotFoundError,
        BleakDBusError,
        BleakDeviceNotFoundError,
        BleakGATTProtocolError,
    )

    match error:
        case SilentServiceError():
            return SILENT_SERVICE
        case BleakBluetoothNotAvailableError():
            return _BY_AVAILABILITY.get(error.reason.name, NO_ADAPTER)
        case BleakGATTProtocolError():
            return NEEDS_PAIRING if error.code in _WANT_PAIRING else LEFT
        case BleakDBusError(dbus_error=name):
            return NO_SERVICE if name.startswith(_NOT_STARTED) else _BY_DBUS_ERROR.get(name, NO_ANSWER)
        case BleakCharacteristicNotFoundError():
            return NO_HEART_RATE
        case TimeoutError() | BleakDeviceNotFoundError():
            return NO_ANSWER
        case OSError() | EOFError():
            return NO_SERVICE
        case _:
            return LEFT


def may_be_the_strap(error: Exception) -> bool:
    """Whether an error that sounds like missing Bluetooth may be about one strap: Windows has an OSError for both."""
    return isinstance(error, OSError | EOFError) and not isinstance(error, NoBusError | SilentServiceError)


def nobody_is_there(error: Exception) -> bool:
    """Whether an answer of `bluetooth_errors` to a question over a link means that the link is gone for good.

    The bus itself answers so when the Bluetooth service died, or was started anew and knows nothing of the link.
    """
    from bleak.exc import BleakDBusError

    if isinstance(error, BleakDBusError):
        return error.dbus_error.startswith("org.freedesktop.DBus.Error.Unknown") or trouble_of(error).radio_is_off
    return not isinstance(error, TimeoutError) and trouble_of(error).radio_is_off
