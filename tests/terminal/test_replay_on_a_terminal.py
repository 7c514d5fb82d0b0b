"""A replay on a real pseudo-terminal: its keys, its end, and the terminal as before afterwards."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are a POSIX thing", allow_module_level=True)

from tests.session.sessions import run_session, simulated
from tests.terminal.pseudo import ENTER, LEAVE, Terminal
from tests.terminal.showing import SHORT

pytestmark = pytest.mark.slow


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    path = run_session(tmp_path, simulated("sim:calm?seed=1"), SHORT).path
    terminals: list[Terminal] = []

    def open_one(*words: str, **environment: str) -> Terminal:
        program = [sys.executable, "-P", "-m", "biofeedback", "replay", str(path), "--view", "terminal"]
        home = {"BIOFEEDBACK_HOME": str(tmp_path), "XDG_CONFIG_HOME": str(tmp_path / "config")}
        terminals.append(Terminal([*program, *words], {**home, **environment}))
        return terminals[-1]

    yield open_one
    for terminal in terminals:
        terminal.close()


def test_keys_pause_seek_and_hurry_and_its_end_can_be_left_again(opened: Callable[..., Terminal]) -> None:
    terminal = opened()
    terminal.wait_for("Space pause")
    terminal.press(" ")
    terminal.wait_for("paused, ×1")
    terminal.press("\x1b[C")
    terminal.wait_for("Paced baseline")
    terminal.press("+")
    terminal.wait_for("paused, ×2")
    terminal.press("\x1b[F")
    terminal.wait_for("The session is over.")
    terminal.wait_for("Space again")
    terminal.press("\x1b[D")
    terminal.wait_for("Closing")
    terminal.wait_for("Space go on")
    terminal.press("\x1b[H")
    terminal.wait_for("0:00 of")
    terminal.press("\x1b")
    assert terminal.finish() == 0
    assert terminal.modes() == terminal.before
    assert terminal.text.count(ENTER) == terminal.text.count(LEAVE) == 1
    assert "breaks off" not in terminal.text


def test_lines_obey_the_same_keys(opened: Callable[..., Terminal]) -> None:
    terminal = opened("--from", "20", TERM="dumb")
    terminal.wait_for("Keys: Space pause, arrows")
    terminal.wait_for("00:20  From here on.")
    terminal.press(" ")
    terminal.wait_for("Paused.")
    terminal.press("\x1b[D")
    terminal.wait_for("00:10  From here on.")
    terminal.press("+")
    terminal.wait_for("Speed: ×2.")
    terminal.press(" ")
    terminal.wait_for("It goes on.")
    terminal.press("\x1b[F")
    terminal.wait_for("The session is over.")
    assert terminal.finish() == 0
    assert "\x1b" not in terminal.text


def test_at_full_speed_it_ends_by_itself(opened: Callable[..., Terminal]) -> None:
    terminal = opened("--speed", "max")
    terminal.wait_for("The session is over.")
    assert terminal.finish() == 0


def test_a_part_says_that_it_is_only_a_part(opened: Callable[..., Terminal]) -> None:
    terminal = opened("--from", "0:10", "--to", "0:12", "--speed", "5")
    terminal.wait_for("The part that was asked for ends here.")
    terminal.press("\x1b")
    assert terminal.finish() == 0
