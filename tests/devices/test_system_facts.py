"""What a system tells about its Bluetooth: trees of /sys and /proc as systems have them, programs as they answer."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from devices.bluetooth import NO_SERVICE
from devices.errors import Reason
from devices.system_facts import (
    Adapter,
    LinuxFacts,
    MacFacts,
    WindowsFacts,
    answer_of,
    facts_of,
    linux_facts,
    mac_facts,
    trouble_in_child,
    windows_facts,
)

posix = pytest.mark.skipif(os.name != "posix", reason="stands in for programs with shell scripts")

STOPPED = """
SERVICE_NAME: bthserv
        TYPE               : 30  WIN32
        STATE              : 1  STOPPED
        WIN32_EXIT_CODE    : 1077  (0x435)
"""
RUNNING = STOPPED.replace("1  STOPPED", "4  RUNNING")
RADIOS = "\nHKEY_CURRENT_USER\\...\\ConsentStore\\radios\n    Value    REG_SZ    {}\n\n"


def tree(root: Path, files: Mapping[str, str]) -> Path:
    """Files with their contents below a root."""
    for place, text in files.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(text, "utf-8")
    return root


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole search path; what is put there with `answering` is all there is."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def answering(folder: Path, name: str, text: str, code: int = 0) -> None:
    """A program of this name that prints a text."""
    said = folder / f"{name}.txt"
    said.write_text(text, "utf-8")
    program = folder / name
    program.write_text(f"#!/bin/sh\nwhile read -r line; do echo \"$line\"; done < '{said}'\nexit {code}\n", "utf-8")
    program.chmod(0o755)


def found(root: Path, env: Mapping[str, str] | None = None, gids: tuple[int, ...] = (1000,)) -> LinuxFacts:
    return linux_facts(root, env or {"USER": "ann"}, gids)


def test_a_linux_that_tells_nothing_leaves_all_open(tmp_path: Path, programs: Path) -> None:
    assert found(tmp_path) == LinuxFacts(service_found=False)


@posix
@pytest.mark.parametrize(
    ("said", "version"),
    [("bluetoothctl: 5.66\n", (5, 66)), ("5.9\n", (5, 9)), ("no version", None), ("", None)],
)
def test_the_version_is_that_of_bluetoothctl(
    tmp_path: Path, programs: Path, said: str, version: tuple[int, int] | None
) -> None:
    answering(programs, "bluetoothctl", said)
    assert found(tmp_path).bluez == version


def test_a_service_is_found_where_distributions_put_it(tmp_path: Path, programs: Path) -> None:
    assert found(tree(tmp_path, {"usr/libexec/bluetooth/bluetoothd": ""})).service_found
    assert found(tmp_path).bluez is None, "its version is not known"


def test_wsl_and_containers_are_known_by_their_marks(tmp_path: Path, programs: Path) -> None:
    wsl = tree(tmp_path / "wsl", {"proc/sys/kernel/osrelease": "5.15.167.4-microsoft-standard-WSL2\n"})
    assert found(wsl).wsl
    assert not found(tree(tmp_path / "debian", {"proc/sys/kernel/osrelease": "6.1.0-28-amd64\n"})).wsl
    for mark in (".dockerenv", "run/.containerenv", "run/systemd/container"):
        assert found(tree(tmp_path / mark.replace("/", "_"), {mark: ""})).container
    assert found(tmp_path, {"container": "podman"}).container
    assert found(tmp_path, {"SSH_CONNECTION": "10.0.0.2 50000 10.0.0.1 22"}).remote


@pytest.mark.parametrize(
    ("soft", "hard", "blocks"), [("0", "0", (False, False)), ("1", "0", (True, False)), ("0", "1", (False, True))]
)
def test_rfkill_blocks_count_when_they_are_of_bluetooth(
    tmp_path: Path, programs: Path, soft: str, hard: str, blocks: tuple[bool, bool]
) -> None:
    wifi = {"type": "wlan", "soft": "1", "hard": "1"}
    bluetooth = {"type": "bluetooth\n", "soft": f"{soft}\n", "hard": f"{hard}\n"}
    files = {f"sys/class/rfkill/rfkill0/{name}": text for name, text in wifi.items()}
    files |= {f"sys/class/rfkill/rfkill1/{name}": text for name, text in bluetooth.items()}
    facts = found(tree(tmp_path, files))
    assert (facts.soft_block, facts.hard_block) == blocks


@posix
def test_an_adapter_on_usb_that_may_sleep_names_where_that_is_set(tmp_path: Path, programs: Path) -> None:
    usb = "sys/devices/pci0000:00/usb1/1-4"
    root = tree(tmp_path, {f"{usb}/idVendor": "0a12", f"{usb}/power/control": "auto\n", f"{usb}/1-4:1.0/modalias": ""})
    for name, device in {"hci0": f"{usb}/1-4:1.0", "hci1": "sys/devices/soc/serial0"}.items():
        (root / f"sys/class/bluetooth/{name}").mkdir(parents=True)
        (root / f"sys/class/bluetooth/{name}/device").symlink_to(root / device)
    (root / "sys/class/bluetooth/hci0:64").mkdir()  # a connection, no adapter
    assert found(root).adapters == (Adapter("hci0", str(root / usb / "power/control")), Adapter("hci1"))
    (root / usb / "power/control").write_text("on\n")
    assert found(root).adapters == (Adapter("hci0"), Adapter("hci1"))


@pytest.mark.parametrize(
    ("groups", "gids", "said"),
    [
        ("root:x:0:\nbluetooth:x:112:ann,ben\n", (1000, 112), (True, True, True)),
        ("bluetooth:x:112:ann\n", (1000,), (True, True, False)),
        ("bluetooth:x:112:\n", (1000,), (True, False, False)),
        ("bluetooth\n:::\n", (1000,), (False, False, False)),
        ("users:x:100:ann\n", (1000,), (False, False, False)),
    ],
)
def test_a_group_is_there_has_a_member_and_counts_since_the_login(
    tmp_path: Path, programs: Path, groups: str, gids: tuple[int, ...], said: tuple[bool, bool, bool]
) -> None:
    facts = found(tree(tmp_path, {"etc/group": groups}), gids=gids)
    assert (facts.group_exists, facts.group_member, facts.group_active) == said


@pytest.mark.parametrize(
    ("env", "facts"),
    [
        ({"TERM_PROGRAM": "Apple_Terminal"}, MacFacts("Terminal")),
        ({"TERM_PROGRAM": "iTerm.app", "__CFBundleIdentifier": "com.googlecode.iterm2"}, MacFacts("iTerm")),
        ({"TERM_PROGRAM": "NewTerm"}, MacFacts("NewTerm")),
        ({"__CFBundleIdentifier": "com.jetbrains.pycharm"}, MacFacts("com.jetbrains.pycharm")),
        ({"SSH_CONNECTION": "10.0.0.2 50000 10.0.0.1 22"}, MacFacts("", remote=True)),
    ],
)
def test_a_mac_names_the_app_that_needs_the_permission(env: dict[str, str], facts: MacFacts) -> None:
    assert mac_facts(env) == facts


@posix
@pytest.mark.parametrize(
    ("service", "radios", "said"),
    [(RUNNING, "Allow", (True, True)), (STOPPED, "Deny", (False, False)), ("", "", (None, None))],
)
def test_a_windows_is_asked_for_its_service_and_its_setting(
    programs: Path, service: str, radios: str, said: tuple[bool | None, bool | None]
) -> None:
    answering(programs, "sc", service)
    answering(programs, "reg", RADIOS.format(radios) if radios else "", 0 if radios else 1)
    assert windows_facts("10.0.22631") == WindowsFacts(22631, *said)


def test_a_windows_that_tells_nothing_leaves_all_open(programs: Path) -> None:
    assert windows_facts("?") == WindowsFacts()


def test_this_system_has_facts_too() -> None:
    assert type(facts_of()) is {"darwin": MacFacts, "win32": WindowsFacts}.get(sys.platform, LinuxFacts)
    assert isinstance(facts_of("darwin"), MacFacts)
    assert isinstance(facts_of("win32"), WindowsFacts)


@posix
def test_a_program_that_hangs_or_fails_has_no_answer(programs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.system_facts.ANSWER_S", 0.1)
    monkeypatch.setenv("PATH", f"{programs}:/bin:/usr/bin")
    (programs / "hangs").write_text("#!/bin/sh\nexec sleep 5\n")
    (programs / "hangs").chmod(0o755)
    answering(programs, "fails", "5.66", code=1)
    assert [answer_of(name) for name in ("hangs", "fails", "is-not-there")] == ["", "", ""]


@posix
@pytest.mark.parametrize(
    ("script", "reason", "what"),
    [
        ("kill -ABRT $$", Reason.NOT_ALLOWED, "macOS ended the program"),
        ('echo \'{"trouble": {"reason": "bluetooth off", "what": "Off.", "advice": "On."}}\'; exit 3',
         Reason.BLUETOOTH_OFF, "Off."),
        ("echo nonsense", Reason.NO_BLUETOOTH, "could not be tried"),
        ("exit 1", Reason.NO_BLUETOOTH, "could not be tried"),
        ('echo \'{"trouble": {"reason": "a new one"}}\'', Reason.NO_BLUETOOTH, "could not be tried"),
    ],
)  # fmt: skip
def test_a_trial_in_a_child_tells_what_came_of_it_even_when_it_is_killed(
    tmp_path: Path, script: str, reason: Reason, what: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    trouble = trouble_in_child(str(python))
    assert trouble is not None
    assert trouble.reason is reason
    assert what in trouble.what


@posix
def test_a_trial_in_a_child_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("devices.system_facts.TRIAL_S", 0.1)
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexec sleep 5\n")
    python.chmod(0o755)
    for program in (python, tmp_path / "is not there"):
        trouble = trouble_in_child(str(program))
        assert trouble is not None
        assert "could not be tried" in trouble.what


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a D-Bus that is not there")
def test_the_trial_in_a_child_tells_what_the_trial_here_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/nowhere/bus")
    assert trouble_in_child() == NO_SERVICE


@posix
def test_a_trial_in_a_child_that_went_well_is_no_trouble(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho \'{"ok": true, "trouble": null}\'\n')
    python.chmod(0o755)
    assert trouble_in_child(str(python)) is None
