"""What a system tells about its Bluetooth when asked from outside: switches, services, versions, permissions.

Facts only, nothing is judged here; what cannot be asked is None or empty. `root` and `env` are where they are read,
so that every system's facts can be looked at on any other.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from devices.bluetooth import Trouble
from devices.errors import Reason

ANSWER_S: Final = 10.0
"""Longer than any of these programs takes; one that hangs is not waited for."""
TRIAL_S: Final = 70.0
"""macOS may ask the person first; the trial itself gives up before (`devices.discovery.ANSWER_S`)."""
BLUETOOTHD: Final = ("usr/libexec/bluetooth/bluetoothd", "usr/lib/bluetooth/bluetoothd", "usr/sbin/bluetoothd")
GROUP: Final = "bluetooth"
RADIOS: Final = r"HKCU\Software\Microsoft\Windows\CurrentVersion\CapabilityAccessManager\ConsentStore\radios"
_SERVICE_STATE: Final = re.compile(r":\s+([1-7])\s+[A-Z_]+")
"""`sc query` gives the state as one digit, whatever the language; the type of a service has two."""
_RUNNING: Final = "4"
_APPS: Final[Mapping[str, str]] = {
    "Apple_Terminal": "Terminal",
    "iTerm.app": "iTerm",
    "vscode": "Visual Studio Code",
    "WarpTerminal": "Warp",
    "ghostty": "Ghostty",
}


@dataclass(frozen=True, slots=True)
class Adapter:
    """A Bluetooth adapter of Linux. `power_file`: of one on USB that may be put to sleep, where that is set."""

    name: str
    power_file: str = ""


@dataclass(frozen=True, slots=True)
class LinuxFacts:
    """Of a Linux system."""

    wsl: bool = False
    container: bool = False
    remote: bool = False
    """The login came over the network."""
    service_found: bool = True
    bluez: tuple[int, int] | None = None
    adapters: tuple[Adapter, ...] = ()
    """Those the kernel knows, whether or not the Bluetooth service does."""
    soft_block: bool = False
    hard_block: bool = False
    group_exists: bool = False
    group_member: bool = False
    group_active: bool = False
    """A member becomes active with the next login."""


@dataclass(frozen=True, slots=True)
class MacFacts:
    """Of a Mac. `app`: which app must be allowed to use Bluetooth, empty when that is not known."""

    app: str = ""
    remote: bool = False


@dataclass(frozen=True, slots=True)
class WindowsFacts:
    """Of a Windows system."""

    build: int | None = None
    service_running: bool | None = None
    radios_allowed: bool | None = None


Facts: TypeAlias = LinuxFacts | MacFacts | WindowsFacts


def facts_of(system: str = sys.platform) -> Facts:
    """The facts of this computer, whose `sys.platform` this is."""
    if system == "darwin":
        return mac_facts(os.environ)
    return windows_facts() if system == "win32" else linux_facts(Path("/"), os.environ, os.getgroups())


def linux_facts(root: Path, env: Mapping[str, str], gids: Sequence[int]) -> LinuxFacts:
    """Read from /proc, /sys and /etc below `root`; the version from bluetoothctl, where there is one."""
    version = re.search(r"(\d+)\.(\d+)", answer_of("bluetoothctl", "--version"))
    blocks = [each for each in sorted((root / "sys/class/rfkill").glob("*")) if _text(each / "type") == GROUP]
    gid, members = _group(root / "etc/group")
    return LinuxFacts(
        wsl="microsoft" in _text(root / "proc/sys/kernel/osrelease").lower(),
        container=bool(env.get("container"))
        or any((root / mark).exists() for mark in (".dockerenv", "run/.containerenv", "run/systemd/container")),
        remote="SSH_CONNECTION" in env,
        service_found=version is not None or any((root / place).exists() for place in BLUETOOTHD),
        bluez=(int(version[1]), int(version[2])) if version else None,
        adapters=tuple(_adapter(path) for path in sorted((root / "sys/class/bluetooth").glob("hci[0-9]"))),
        soft_block=any(_text(each / "soft") == "1" for each in blocks),
        hard_block=any(_text(each / "hard") == "1" for each in blocks),
        group_exists=gid is not None,
        group_member=env.get("USER", "") in members,
        group_active=gid in gids,
    )


def mac_facts(env: Mapping[str, str]) -> MacFacts:
    """The app is told by the environment it gives to what is started in it."""
    named = env.get("TERM_PROGRAM", "")
    return MacFacts(_APPS.get(named, named) or env.get("__CFBundleIdentifier", ""), "SSH_CONNECTION" in env)


def windows_facts(version: str | None = None) -> WindowsFacts:
    """The build is the third number of the version, such as 10.0.22631; the rest is asked with `sc` and `reg`."""
    build = re.match(r"\d+\.\d+\.(\d+)", platform.version() if version is None else version)
    state = _SERVICE_STATE.search(answer_of("sc", "query", "bthserv"))
    radios = re.search(r"REG_SZ\s+(\w+)", answer_of("reg", "query", RADIOS, "/v", "Value"))
    return WindowsFacts(
        build=int(build[1]) if build else None,
        service_running=state[1] == _RUNNING if state else None,
        radios_allowed=radios[1] != "Deny" if radios else None,
    )


def answer_of(*words: str) -> str:
    """What a program of the system prints; nothing when it is not there, fails or hangs."""
    try:
        done = subprocess.run(  # noqa: S603 - the words are those of this module
            words, capture_output=True, text=True, timeout=ANSWER_S, check=False, errors="replace"
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def trouble_in_child(python: str = sys.executable) -> Trouble | None:
    """Whether Bluetooth can be used, tried in a process of its own; None when it can.

    macOS kills a program that asks for Bluetooth when the app it was started from does not say that it may.
    """
    words = [python, "-P", "-m", "devices", "check", "--json"]
    unknown = Trouble(Reason.NO_BLUETOOTH, "Bluetooth could not be tried.", "Run python -m devices check to see why.")
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=TRIAL_S, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return unknown
    if done.returncode < 0:
        return Trouble(Reason.NOT_ALLOWED, "macOS ended the program when it asked for Bluetooth.", "")
    try:
        found = json.loads(done.stdout)["trouble"]
        return found and Trouble(Reason(found["reason"]), found["what"], found["advice"])
    except (ValueError, KeyError, TypeError):
        return unknown


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", errors="replace").strip()
    except OSError:
        return ""


def _adapter(path: Path) -> Adapter:
    """An adapter of /sys/class/bluetooth; above its `device` is the USB device, when it is on USB."""
    usb = (path / "device").resolve().parent
    power = usb / "power" / "control"
    sleepy = (usb / "idVendor").exists() and _text(power) == "auto"
    return Adapter(path.name, str(power) if sleepy else "")


def _group(groups: Path) -> tuple[int | None, Sequence[str]]:
    """Number and members of the group that some systems let use Bluetooth."""
    for line in _text(groups).splitlines():
        name, _, gid, members = [*line.split(":"), "", "", ""][:4]
        if name == GROUP and gid.isdecimal():
            return int(gid), members.split(",")
    return None, ()
