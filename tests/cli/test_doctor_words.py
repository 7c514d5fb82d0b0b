"""What doctor says about Bluetooth on Linux, macOS and Windows: each cause has its own words and its own remedy."""

from __future__ import annotations

import itertools

import pytest

from biofeedback.cli.doctor_words import Check, bluetooth_checks
from devices.bluetooth import BLUETOOTH_OFF, NO_ADAPTER, NO_SERVICE, NOT_ALLOWED, SILENT_SERVICE, Trouble
from devices.system_facts import Adapter, Facts, LinuxFacts, MacFacts, WindowsFacts

TROUBLES = (None, NO_SERVICE, SILENT_SERVICE, NO_ADAPTER, BLUETOOTH_OFF, NOT_ALLOWED)
SLEEPY = Adapter("hci0", "/sys/devices/usb1/1-4/power/control")


def said(facts: Facts, trouble: Trouble | None) -> dict[str, Check]:
    return {check.name: check for check in bluetooth_checks(facts, trouble)}


@pytest.mark.parametrize(
    ("facts", "trouble", "what", "do"),
    [
        (LinuxFacts(wsl=True), NO_SERVICE, "Windows (WSL)", "in Windows itself"),
        (LinuxFacts(wsl=True), NO_ADAPTER, "Windows (WSL)", "in Windows itself"),
        (LinuxFacts(wsl=True, adapters=(SLEEPY,)), NO_SERVICE, "not running", "systemctl"),
        (LinuxFacts(container=True), NO_SERVICE, "This is a container", "outside it"),
        (LinuxFacts(container=True), NO_ADAPTER, NO_ADAPTER.what, NO_ADAPTER.advice),
        (LinuxFacts(service_found=False), NO_SERVICE, "was not found", "apt-get install bluez"),
        (LinuxFacts(), NO_SERVICE, "installed, but not running", "systemctl enable --now bluetooth"),
        (LinuxFacts(), SILENT_SERVICE, SILENT_SERVICE.what, SILENT_SERVICE.advice),
        (LinuxFacts(), NO_ADAPTER, NO_ADAPTER.what, NO_ADAPTER.advice),
        (LinuxFacts(hard_block=True), NO_ADAPTER, "held off by a switch", "switch at its side"),
        (LinuxFacts(adapters=(SLEEPY,)), NO_ADAPTER, "sees an adapter (hci0)", "dmesg"),
        (LinuxFacts(), BLUETOOTH_OFF, BLUETOOTH_OFF.what, BLUETOOTH_OFF.advice),
        (LinuxFacts(soft_block=True), BLUETOOTH_OFF, "blocked", "rfkill unblock bluetooth"),
        (LinuxFacts(soft_block=True, hard_block=True), BLUETOOTH_OFF, "held off by a switch", "switch at its side"),
        (LinuxFacts(group_exists=True), NOT_ALLOWED, NOT_ALLOWED.what, "usermod -aG bluetooth"),
        (LinuxFacts(group_exists=True, group_member=True), NOT_ALLOWED, NOT_ALLOWED.what, "log out and in again."),
        (LinuxFacts(remote=True), NOT_ALLOWED, NOT_ALLOWED.what, "over the network"),
        (LinuxFacts(), NOT_ALLOWED, NOT_ALLOWED.what, "org.bluez"),
        (LinuxFacts(group_exists=True, group_active=True), NOT_ALLOWED, NOT_ALLOWED.what, "org.bluez"),
        (MacFacts("iTerm"), NOT_ALLOWED, NOT_ALLOWED.what, "Allow iTerm in System Settings"),
        (MacFacts(), NOT_ALLOWED, NOT_ALLOWED.what, "the app in which you type this"),
        (MacFacts("iTerm", remote=True), NOT_ALLOWED, NOT_ALLOWED.what, "at the Mac itself"),
        (MacFacts("iTerm"), BLUETOOTH_OFF, BLUETOOTH_OFF.what, BLUETOOTH_OFF.advice),
        (WindowsFacts(service_running=False), NO_ADAPTER, "Support Service", "Start-Service bthserv"),
        (WindowsFacts(service_running=True), NO_ADAPTER, NO_ADAPTER.what, NO_ADAPTER.advice),
        (WindowsFacts(), NO_ADAPTER, NO_ADAPTER.what, NO_ADAPTER.advice),
        (WindowsFacts(radios_allowed=False), NOT_ALLOWED, "no app control radios", "Privacy & security, Radios"),
        (WindowsFacts(radios_allowed=True), NOT_ALLOWED, NOT_ALLOWED.what, NOT_ALLOWED.advice),
        (WindowsFacts(), BLUETOOTH_OFF, BLUETOOTH_OFF.what, BLUETOOTH_OFF.advice),
    ],
)
def test_each_cause_has_its_words_and_its_remedy(facts: Facts, trouble: Trouble, what: str, do: str) -> None:
    check = said(facts, trouble)["bluetooth"]
    assert not check.ok
    assert what in check.what
    assert do in check.do


def every_fact() -> list[Facts]:
    flags = list(itertools.product((False, True), repeat=6))
    linux: list[Facts] = [
        LinuxFacts(wsl=a, container=b, service_found=c, soft_block=d, hard_block=e, adapters=(SLEEPY,) if f else ())
        for a, b, c, d, e, f in flags
    ]
    linux += [LinuxFacts(remote=a, group_exists=b, group_member=c, group_active=d) for a, b, c, d, _, _ in flags]
    mac: list[Facts] = [MacFacts(app, remote) for app in ("", "Terminal") for remote in (False, True)]
    answers = (None, False, True)
    return [*linux, *mac, *(WindowsFacts(22_000, service, radios) for service in answers for radios in answers)]


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.what if trouble else "none")
def test_the_trial_decides_and_whatever_is_wrong_has_something_to_do(trouble: Trouble | None) -> None:
    for facts in every_fact():
        for check in bluetooth_checks(facts, trouble):
            assert check.ok is (trouble is None or check.name != "bluetooth"), "facts only explain"
            assert check.ok or check.do
            assert check.what.endswith(".")
            assert "\n" not in check.what + check.do


@pytest.mark.parametrize(
    ("bluez", "ok", "what"),
    [((5, 55), True, "BlueZ 5.55."), ((5, 66), True, "BlueZ 5.66."), ((5, 54), False, "5.55 is the oldest")],
)
def test_the_age_of_bluez_is_judged_by_what_bleak_needs(bluez: tuple[int, int], ok: bool, what: str) -> None:
    check = said(LinuxFacts(bluez=bluez), None)["service"]
    assert (check.ok, bool(check.do)) == (ok, not ok)
    assert what in check.what


def test_what_was_not_told_is_not_said() -> None:
    assert set(said(LinuxFacts(), None)) == set(said(MacFacts(), None)) == set(said(WindowsFacts(), None))
    assert set(said(LinuxFacts(), None)) == {"bluetooth"}


def test_an_adapter_that_may_sleep_is_told_of_where_bluetooth_works() -> None:
    check = said(LinuxFacts(adapters=(SLEEPY, Adapter("hci1"))), None)["adapter"]
    assert check.ok
    assert check.do.endswith(f"echo on | sudo tee {SLEEPY.power_file}")
    assert "adapter" not in said(LinuxFacts(adapters=(SLEEPY,)), BLUETOOTH_OFF)


@pytest.mark.parametrize(("build", "ok"), [(19_045, False), (22_000, True), (26_100, True)])
def test_windows_must_be_11(build: int, ok: bool) -> None:
    check = said(WindowsFacts(build), None)["windows"]
    assert (check.ok, bool(check.do)) == (ok, not ok)
    assert str(build) in check.what


def test_a_mac_is_told_that_addresses_are_its_own() -> None:
    assert "another address on every Mac" in said(MacFacts("Terminal"), None)["bluetooth"].what
