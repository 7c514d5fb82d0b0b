"""STRAP 1's table of what bleak raises: each becomes a sentence and an advice, nothing of bleak's is left."""

from __future__ import annotations

import re

import pytest
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakBluetoothNotAvailableReason,
    BleakCharacteristicNotFoundError,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)

from devices import bluetooth
from devices.bluetooth import (
    BLUETOOTH_OFF,
    LEFT,
    NEEDS_PAIRING,
    PAIRING_STEPS,
    NO_ADAPTER,
    NO_ANSWER,
    NO_HEART_RATE,
    NO_SERVICE,
    NOT_ALLOWED,
    SILENT_SERVICE,
    NoBusError,
    SilentServiceError,
    Trouble,
    bluetooth_errors,
    trouble_of,
)
from devices.errors import BluetoothError, Reason

Availability = BleakBluetoothNotAvailableReason
TROUBLES = [value for value in vars(bluetooth).values() if isinstance(value, Trouble)]


def dbus(name: str, text: str = "") -> BleakDBusError:
    return BleakDBusError(name, [text] if text else [])


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (FileNotFoundError(2, "No such file or directory"), NO_SERVICE),
        (ConnectionRefusedError(), NO_SERVICE),
        (EOFError(), NO_SERVICE),
        (dbus("org.freedesktop.DBus.Error.ServiceUnknown"), NO_SERVICE),
        (SilentServiceError(), SILENT_SERVICE),
        (dbus("org.freedesktop.DBus.Error.NoReply", "disconnected without replying"), NO_SERVICE),
        (dbus("org.freedesktop.DBus.Error.TimedOut", "Failed to activate service 'org.bluez'"), NO_SERVICE),
        (dbus("org.freedesktop.DBus.Error.Spawn.ExecFailed"), NO_SERVICE),
        (dbus("org.freedesktop.systemd1.NoSuchUnit", "Unit dbus-org.bluez.service not found."), NO_SERVICE),
        (BleakBluetoothNotAvailableError("", Availability.NO_BLUETOOTH), NO_ADAPTER),
        (BleakBluetoothNotAvailableError("", Availability.NO_BLE_CENTRAL_ROLE), NO_ADAPTER),
        (BleakBluetoothNotAvailableError("", Availability.POWERED_OFF), BLUETOOTH_OFF),
        (BleakBluetoothNotAvailableError("", Availability.DENIED_BY_USER), NOT_ALLOWED),
        (BleakBluetoothNotAvailableError("", Availability.DENIED_BY_SYSTEM), NOT_ALLOWED),
        (dbus("org.freedesktop.DBus.Error.AccessDenied"), NOT_ALLOWED),
        (dbus("org.bluez.Error.NotReady", "Resource Not Ready"), BLUETOOTH_OFF),
        (dbus("org.bluez.Error.Failed", "Input/output error"), NO_ANSWER),
        (dbus("org.bluez.Error.AuthenticationFailed"), NEEDS_PAIRING),
        (TimeoutError(), NO_ANSWER),
        (BleakDeviceNotFoundError("AA:BB:CC:DD:EE:FF", "gone"), NO_ANSWER),
        (BleakError("failed to discover services, device disconnected"), LEFT),
        (BleakCharacteristicNotFoundError("2a37"), NO_HEART_RATE),
        (BleakGATTProtocolError(0x05), NEEDS_PAIRING),
        (BleakGATTProtocolError(0x0F), NEEDS_PAIRING),
        (BleakGATTProtocolError(0x80), LEFT),
        (NoBusError("address is malformed"), NO_SERVICE),
        (dbus("org.bluez.Error.AuthenticationTimeout"), NEEDS_PAIRING),
    ],
)
def test_what_bleak_raises_has_words(error: Exception, trouble: Trouble) -> None:
    assert isinstance(error, bluetooth_errors())
    assert trouble_of(error) == trouble


@pytest.mark.parametrize("trouble", TROUBLES)
def test_words_are_two_sentences_that_a_newcomer_understands(trouble: Trouble) -> None:
    assert trouble.what.endswith(".")
    assert trouble.advice
    assert not re.search(r"bleak|dbus|bluez\.|GATT|0x", f"{trouble.what} {trouble.advice}", re.IGNORECASE)


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_trouble_becomes_an_error_with_the_same_data(trouble: Trouble) -> None:
    error = trouble.error()
    assert isinstance(error, BluetoothError)
    assert (error.reason, error.what, error.advice) == (trouble.reason, trouble.what, trouble.advice)
    assert trouble.radio_is_off == (trouble.reason in {Reason.NO_BLUETOOTH, Reason.BLUETOOTH_OFF, Reason.NOT_ALLOWED})


@pytest.mark.fault(39, "unit")
@pytest.mark.parametrize(
    ("system", "places"),
    [
        ("linux", ["Bluetooth settings", "bluetoothctl pair"]),
        ("darwin", ["System Settings"]),
        ("win32", ["Add device"]),
    ],
)
def test_case_39_how_to_pair_is_told_in_the_words_of_each_system(system: str, places: list[str]) -> None:
    assert all(place in PAIRING_STEPS[system] for place in places)


def test_a_cancelled_task_is_no_trouble() -> None:
    import asyncio

    assert not issubclass(asyncio.CancelledError, bluetooth_errors())
