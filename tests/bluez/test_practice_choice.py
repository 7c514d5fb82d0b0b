"""The whole program with several straps in the room, and two programs with one strap."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from devices.finding import GOES_ON, NAME_IT
from devices.heart_rate_measurement import encode
from devices.known_straps import KnownStraps
from tests.bluez.rig import MISSING, Rig, Strap
from tests.cli.programs import PROGRAM, environment, run, start
from tests.terminal.pseudo import Terminal

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)
H10, TICKR = "Polar H10 12345678", "TICKR 4711"
PRACTICE = ("practice", "--source", "strap:", "--output", "out")
NO_VIEW = (*PRACTICE, "--view", "none")
HEARD_S = 15.0


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Starts a session on a terminal."""
    terminals: list[Terminal] = []

    def open_one(*words: str, **more: str) -> Terminal:
        words = (*PROGRAM, "practice", "--source", "strap:", "--view", "terminal", *words)
        terminals.append(Terminal(words, {**environment(tmp_path), **more}))
        return terminals[-1]

    yield open_one
    for terminal in terminals:
        terminal.close()


@contextmanager
def practising(home: Path, *words: str) -> Generator[subprocess.Popen[str]]:
    with start(home, *words) as program:
        try:
            yield program
        finally:
            program.kill()


def known(home: Path) -> list[tuple[str, str]]:
    return [(strap.address, strap.name) for strap in KnownStraps(home / "straps.json").newest_first()]


def next_link(program: subprocess.Popen[str], words: str) -> dict[str, Any]:
    """The next link event that has these words."""
    assert program.stdout is not None
    for line in program.stdout:
        event: dict[str, Any] = json.loads(line)
        if event["kind"] == "link" and words in event["why"]:
            return event
    raise AssertionError(f"{words!r} did not come")


def everything_in(folder: Path) -> str:
    return "".join(path.read_text("utf-8") for path in folder.rglob("*") if path.is_file())


def assert_unnamed(strap: Strap, text: str) -> None:
    """The address is nowhere, however it is written."""
    for sign in (":", "-", "_", ""):
        assert strap.address.replace(":", sign).casefold() not in text.casefold()


@pytest.mark.slow
@pytest.mark.fault(17, "fake")
def test_case_17_on_a_terminal_a_key_chooses_the_strap_and_it_is_the_one_of_next_time(
    rig: Rig, tmp_path: Path, opened: Callable[..., Terminal]
) -> None:
    near, mine = rig.add_strap(TICKR, rssi=-50), rig.add_strap(H10, rssi=-70)
    output = ("--output", str(tmp_path / "out"))
    terminal = opened(*output)
    terminal.wait_for("Which one is yours?")
    terminal.wait_for("good signal (-70 dBm)")
    terminal.press("2")
    rig.wait(lambda: mine.subscribed, HEARD_S)
    assert not near.connected
    terminal.wait_for("Connected to")
    terminal.press("\x1b")
    assert terminal.finish() == 0
    assert known(tmp_path) == [(mine.address, H10)]
    text = everything_in(tmp_path / "out")
    assert '"end"' in text
    for strap in (mine, near):
        assert_unnamed(strap, text)
    again = opened(*output)
    rig.wait(lambda: mine.subscribed, HEARD_S)
    again.wait_for("Connected to")
    assert "Which one" not in again.text
    again.press("\x1b")
    assert again.finish() == 0


@pytest.mark.slow
@pytest.mark.fault(17, "fake")
def test_on_a_terminal_without_a_screen_the_straps_are_lines_and_a_late_one_is_told(
    rig: Rig, tmp_path: Path, opened: Callable[..., Terminal]
) -> None:
    mine = rig.add_strap(H10)
    KnownStraps(tmp_path / "straps.json").remember("A0:9E:1A:00:00:77", "Garmin HRM")
    terminal = opened("--no-record", TERM="dumb")
    terminal.wait_for("Your strap Garmin HRM is not in sight. Choose yours.")
    terminal.wait_for(f"1  {H10}: strong signal (-60 dBm)")
    rig.add_strap(TICKR, rssi=-80)
    terminal.wait_for(f"2  {TICKR}: weak signal (-80 dBm)")
    terminal.press("1")
    rig.wait(lambda: mine.subscribed, HEARD_S)
    terminal.press("\x1b")
    assert terminal.finish() == 0
    assert known(tmp_path) == [("A0:9E:1A:00:00:77", "Garmin HRM")], "--no-record keeps no strap either"


@pytest.mark.slow
@pytest.mark.fault(16, "fake")
def test_ctrl_c_ends_while_it_is_asked(rig: Rig, opened: Callable[..., Terminal]) -> None:
    rig.add_strap(H10)
    rig.add_strap(TICKR)
    terminal = opened("--no-record")
    terminal.wait_for("Which one is yours?")
    terminal.program.send_signal(signal.SIGINT)
    assert terminal.finish() == 130
    assert not rig.discovering


@pytest.mark.fault(17, "fake")
def test_with_nobody_to_ask_the_strongest_is_taken_and_said(rig: Rig, tmp_path: Path) -> None:
    rig.add_strap(TICKR, rssi=-80)
    near = rig.add_strap(H10, rssi=-40)
    with practising(tmp_path, *NO_VIEW) as program:
        rig.wait(lambda: near.subscribed, HEARD_S)
        program.send_signal(signal.SIGTERM)
        _, talk = program.communicate(timeout=HEARD_S)
    assert program.returncode == 130
    assert f"{H10} has the strongest signal and is taken. Also in sight: {TICKR}. {NAME_IT}" in talk.splitlines()


@pytest.mark.fault(17, "fake")
def test_with_nobody_to_ask_the_last_one_is_waited_for_and_another_one_can_be_named(rig: Rig, tmp_path: Path) -> None:
    other = rig.add_strap(TICKR)
    KnownStraps(tmp_path / "straps.json").remember("A0:9E:1A:00:00:77", "Garmin HRM")
    with practising(tmp_path, *NO_VIEW, "--json") as program:
        said = next_link(program, "not in sight")
        assert said["why"] == f"Your strap Garmin HRM is not in sight. In sight: {TICKR}."
        assert said["advice"] == NAME_IT
        assert not other.connected
    with practising(tmp_path, *NO_VIEW, "--source", "strap:TICKR"):
        rig.wait(lambda: other.subscribed, HEARD_S)


@pytest.mark.fault(18, "fake")
def test_a_strap_that_is_named_by_its_address_leaves_no_address_in_the_recording(rig: Rig, tmp_path: Path) -> None:
    strap = rig.add_strap(None)
    with practising(tmp_path, *NO_VIEW, "--source", f"strap:{strap.address}", "--json") as program:
        rig.wait(lambda: strap.subscribed, HEARD_S)
        strap.notify(encode(60, rr_1024=(1000,)))
        next_link(program, "Connected")
        program.send_signal(signal.SIGTERM)
        out, _ = program.communicate(timeout=HEARD_S)
    text = everything_in(tmp_path / "out")
    assert '"packet"' in text
    assert_unnamed(strap, text + out)


@pytest.mark.fault(31, "fake")
@pytest.mark.fault(6, "fake")
def test_r11_a_second_program_waits_for_the_strap_and_goes_on_by_itself_and_scan_tells(
    rig: Rig, tmp_path: Path
) -> None:
    strap = rig.add_strap(H10)
    with practising(tmp_path, *NO_VIEW) as first:
        rig.wait(lambda: strap.subscribed, HEARD_S)
        rig.wait(lambda: known(tmp_path), HEARD_S)
        with practising(tmp_path, *NO_VIEW, "--json") as second:
            refused = next_link(second, "Another session on this computer is reading")
            assert refused["advice"] == GOES_ON
            (seen,) = json.loads(run(tmp_path, "scan", "--timeout", "0.1", "--json").stdout)
            assert (seen["address"], seen["connected"], seen["in_use"]) == (strap.address, True, True)
            assert seen["last_used"].endswith("+00:00")
            told = run(tmp_path, "scan", "--timeout", "0.1")
            assert "read by another session" in told.stdout
            assert told.stderr == "", "nobody is sent to a strap that is in use"
            assert strap.subscribers == 1
            first.kill()
            first.wait()
            next_link(second, "Connected")
            assert strap.burst([encode(60, rr_1024=(1000 + number,)) for number in range(5)]) == 5
            second.send_signal(signal.SIGTERM)
            assert second.stdout is not None
            out = second.stdout.read()
    packets = [event["ticks"] for line in out.splitlines() if (event := json.loads(line))["kind"] == "packet"]
    assert packets == [[1000 + number] for number in range(5)], "each once"


def test_scan_puts_the_strap_of_last_time_first_and_sends_to_it(rig: Rig, tmp_path: Path) -> None:
    rig.add_strap(TICKR, rssi=-40)
    mine = rig.add_strap(None, rssi=-80)
    KnownStraps(tmp_path / "straps.json").remember(mine.address, H10)
    told = run(tmp_path, "scan", "--timeout", "0.3")
    first, second = told.stdout.splitlines()
    assert first.startswith(f"{H10}  {mine.address}  weak signal (-80 dBm), used last on ")
    assert second.startswith(f"{TICKR:<{len(H10)}}  ")
    assert f"practice --source strap:{mine.address}" in told.stderr
