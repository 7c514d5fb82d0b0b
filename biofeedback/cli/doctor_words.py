"""What `doctor` says about Bluetooth: pure functions from facts and a trial to checks, for Linux, macOS and Windows.

The trial decides whether a strap can be used; facts only explain it and say what to do. What is not known is not said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeAlias

from devices.bluetooth import NO_ADAPTER, NO_SERVICE, Trouble
from devices.errors import Reason
from devices.system_facts import Facts, LinuxFacts, MacFacts, WindowsFacts

OLDEST_BLUEZ: Final = (5, 55)
OLDEST_BUILD: Final = 22_000
"""Windows 11 (STRAP 1)."""
MAC_SETTINGS: Final = "System Settings, Privacy & Security, Bluetooth"
SILENT_ON_WINDOWS: Final = (
    "Should a strap connect and stay silent: remove it from Settings, Bluetooth & devices, and try again. "
    "Only if it asks to be paired, as a Polar H10 may, add it there."
)
"""What helps differs: Windows may keep a paired strap to itself (github.com/hbldh/bleak/issues/1943)."""

_Words: TypeAlias = tuple[str, str]
"""What was found, and what to do."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at: `what` was found, and what to `do` about it; nothing when it is well."""

    name: str
    ok: bool
    what: str
    do: str = ""


def bluetooth_checks(facts: Facts, trouble: Trouble | None) -> list[Check]:
    """The check called bluetooth, and what else matters for a strap on this system.

    `trouble` is what came of trying to use Bluetooth; None when that went well.
    """
    match facts:
        case LinuxFacts():
            return [_bluetooth(_on_linux(facts, trouble), trouble), *_bluez(facts), *_sleepy(facts, trouble)]
        case MacFacts():
            return [_bluetooth(_on_mac(facts, trouble), trouble)]
        case WindowsFacts():
            return [_bluetooth(_on_windows(facts, trouble), trouble), *_build(facts)]


def _bluetooth(words: _Words, trouble: Trouble | None) -> Check:
    return Check("bluetooth", trouble is None, *words)


# Linux


def _on_linux(facts: LinuxFacts, trouble: Trouble | None) -> _Words:
    if trouble is None:
        return "Bluetooth is on.", ""
    match trouble.reason:
        case Reason.NO_BLUETOOTH:
            return _none_on_linux(facts, trouble)
        case Reason.BLUETOOTH_OFF:
            return _blocked(facts) or (trouble.what, trouble.advice)
        case Reason.NOT_ALLOWED:
            return trouble.what, _permission(facts)
        case _:
            return trouble.what, trouble.advice


def _none_on_linux(facts: LinuxFacts, trouble: Trouble) -> _Words:
    if facts.wsl and not facts.adapters:
        return "This is Linux inside Windows (WSL), which has no Bluetooth.", "Start the program in Windows itself."
    if facts.container and trouble == NO_SERVICE:
        return (
            "This is a container, which does not reach the Bluetooth of the computer.",
            "Start the program outside it, or share the system's D-Bus with it: -v /run/dbus:/run/dbus",
        )
    if trouble == NO_SERVICE:
        if facts.service_found:
            return "The Bluetooth service is installed, but not running.", "sudo systemctl enable --now bluetooth"
        return "BlueZ, the Bluetooth service of Linux, was not found.", "sudo apt-get install bluez"
    if trouble == NO_ADAPTER:
        return _blocked(facts) or _adapterless(facts, trouble)
    return trouble.what, trouble.advice


def _adapterless(facts: LinuxFacts, trouble: Trouble) -> _Words:
    """The service knows of no adapter; the kernel may."""
    if not facts.adapters:
        return trouble.what, trouble.advice
    names = ", ".join(adapter.name for adapter in facts.adapters)
    return (
        f"The system sees an adapter ({names}), but its Bluetooth service does not use it.",
        "sudo systemctl restart bluetooth - and if that does not help: sudo dmesg | grep -i bluetooth",
    )


def _blocked(facts: LinuxFacts) -> _Words | None:
    if facts.hard_block:
        return (
            "Bluetooth is held off by a switch or key of this computer.",
            "Look for a switch at its side, a key with an aeroplane or Bluetooth sign, or the firmware's settings.",
        )
    if facts.soft_block:
        return "Bluetooth is blocked, as aeroplane mode does it.", "Leave aeroplane mode, or: rfkill unblock bluetooth"
    return None


def _permission(facts: LinuxFacts) -> str:
    """What gives a person the right to use Bluetooth; systems differ in whether a group does."""
    if facts.group_exists and facts.group_member and not facts.group_active:
        return "You were put into the group 'bluetooth' since you logged in: log out and in again."
    if facts.group_exists and not facts.group_active:
        return "sudo usermod -aG bluetooth $USER - then log out and in again."
    if facts.remote:
        return "You are logged in over the network: log in at the computer itself."
    return "Ask whoever looks after this computer to allow you the D-Bus name org.bluez."


def _bluez(facts: LinuxFacts) -> list[Check]:
    if facts.bluez is None:
        return []
    version, oldest = (".".join(map(str, each)) for each in (facts.bluez, OLDEST_BLUEZ))
    if facts.bluez >= OLDEST_BLUEZ:
        return [Check("service", True, f"BlueZ {version}.")]
    what = f"BlueZ {version} is too old for straps; {oldest} is the oldest that will do."
    return [Check("service", False, what, "Update the system, or the package bluez.")]


def _sleepy(facts: LinuxFacts, trouble: Trouble | None) -> list[Check]:
    """Adapters on USB that may be put to sleep; worth a word only where Bluetooth works."""
    return [
        Check(
            "adapter",
            True,
            f"The USB adapter {adapter.name} may be put to sleep to save power.",
            f"Should links break for no reason, keep it awake: echo on | sudo tee {adapter.power_file}",
        )
        for adapter in facts.adapters
        if adapter.power_file and trouble is None
    ]


# macOS


def _on_mac(facts: MacFacts, trouble: Trouble | None) -> _Words:
    app = facts.app or "the app in which you type this"
    if trouble is None:
        return "Bluetooth is on. A strap has another address on every Mac: its name is the better choice.", ""
    if trouble.reason is not Reason.NOT_ALLOWED:
        return trouble.what, trouble.advice
    if facts.remote:
        return trouble.what, "You are logged in over the network: start the program in Terminal at the Mac itself."
    return trouble.what, f"Allow {app} in {MAC_SETTINGS} (add it with +), quit it and open it again."


# Windows


def _on_windows(facts: WindowsFacts, trouble: Trouble | None) -> _Words:
    if trouble is None:
        return "Bluetooth is on.", SILENT_ON_WINDOWS
    if facts.radios_allowed is False:
        return "Windows lets no app control radios.", "Allow it in Settings, Privacy & security, Radios."
    if trouble.reason is Reason.NO_BLUETOOTH and facts.service_running is False:
        return (
            "The Bluetooth Support Service of Windows is not running.",
            "In a PowerShell that you open as administrator: Start-Service bthserv",
        )
    return trouble.what, trouble.advice


def _build(facts: WindowsFacts) -> list[Check]:
    if facts.build is None:
        return []
    if facts.build >= OLDEST_BUILD:
        return [Check("windows", True, f"Windows 11, build {facts.build}.")]
    what = f"This Windows (build {facts.build}) is too old for straps; it takes Windows 11, build {OLDEST_BUILD}."
    return [Check("windows", False, what, "Update Windows; simulated people and recordings work without.")]
