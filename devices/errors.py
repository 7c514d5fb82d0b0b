"""One exception tree: what went wrong, as data, and what the person can do about it."""

from __future__ import annotations

from enum import Enum


class Reason(Enum):
    """Why a source cannot be used."""

    BAD_SPEC = "bad spec"
    UNKNOWN_KIND = "unknown kind"
    OUT_OF_ORDER = "out of order"
    NO_BLUETOOTH = "no bluetooth"
    BLUETOOTH_OFF = "bluetooth off"
    NOT_ALLOWED = "not allowed"
    NEEDS_PAIRING = "needs pairing"
    NO_HEART_RATE = "no heart rate"
    LINK_FAILED = "link failed"
    SEARCH_FAILED = "search failed"


class DeviceError(Exception):
    """Raised when a source of intervals cannot be opened or used."""

    def __init__(self, reason: Reason, what: str, advice: str) -> None:
        super().__init__(what)
        self.reason = reason
        self.what = what
        self.advice = advice


class SourceSpecError(DeviceError):
    """Raised when the words that name a source cannot be understood."""


class BluetoothError(DeviceError):
    """Raised when this computer's Bluetooth cannot be used at all."""
