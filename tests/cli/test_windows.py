"""Sessions in windows as a person starts them: the whole program, real windows off the screen or on Xvfb."""

from __future__ import annotations

import ctypes
import ctypes.util
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from biofeedback.session.replay import verify
from tests.cli.programs import environment, run, start

OFFSCREEN = {"QT_QPA_PLATFORM": "offscreen", "PYTHONWARNINGS": "default"}
PRACTICE = ("practice", "safe_place", "--source", "sim:calm", "--speed", "20")
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
linux = pytest.mark.skipif(sys.platform != "linux", reason="screens that can be missing")


@pytest.fixture(scope="module")
def window_complaint(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Why Qt cannot open a window on this machine, even off the screen; asked of a fresh process."""
    done = run(tmp_path_factory.mktemp("doctor"), "doctor", "--json", env=OFFSCREEN)
    (check,) = [check for check in json.loads(done.stdout)["checks"] if check["name"] == "window"]
    return "" if check["ok"] else str(check["what"])


@pytest.fixture(autouse=True)
def _windows_can_open(window_complaint: str) -> None:
    if window_complaint:
        pytest.skip(window_complaint)


def eventually(condition: Callable[[], object], within_s: float = 15.0) -> None:
    end = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@contextmanager
def started(home: Path, *words: str, env: dict[str, str]) -> Generator[subprocess.Popen[str]]:
    """A program that does not outlive its test."""
    with start(home, *words, env=env) as program:
        try:
            yield program
        finally:
            program.kill()


def lines_in(folder: Path) -> int:
    """How much has been recorded."""
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("*.jsonl*"))


@posix
@pytest.mark.parametrize("more", [(), ("--practitioner",)], ids=["alone", "practitioner"])
def test_a_session_in_windows_is_ended_by_a_signal_and_recorded_whole(tmp_path: Path, more: tuple[str, ...]) -> None:
    with started(tmp_path, *PRACTICE, "--view", "desktop", "--output", "out", *more, env=OFFSCREEN) as program:
        eventually(lambda: lines_in(tmp_path / "out") > 300)
        program.send_signal(signal.SIGTERM)
        out, talk = program.communicate(timeout=15)
    assert program.returncode == 130, talk
    assert out.startswith("Recording")
    (path,) = (tmp_path / "out").iterdir()
    found = verify(path)
    assert (found.intact, found.finished, found.exact) == (True, True, True)


@posix
def test_the_demo_in_windows_waits_to_be_closed_and_then_tells_where_everything_is(tmp_path: Path) -> None:
    words = ("demo", "--view", "desktop", "--speed", "max", "--output", "out")
    with started(tmp_path, *words, env=OFFSCREEN) as program:
        eventually(lambda: list((tmp_path / "out").glob("*.session.jsonl")))
        assert program.poll() is None, "the end is to be read"
        eventually(lambda: not list((tmp_path / "out").glob("*.part")))
        program.send_signal(signal.SIGTERM)
        out, talk = program.communicate(timeout=15)
    assert program.returncode == 0, talk
    assert [line.split()[0] for line in out.splitlines()] == ["Recording", "Verified", "Report"]


@linux
@pytest.mark.parametrize(
    ("env", "view", "said"),
    [
        ({}, ["--view", "desktop"], "there is no display here"),
        ({"QT_QPA_PLATFORM": "nonsense"}, ["--view", "desktop"], "cannot be reached"),
        ({"DISPLAY": ":4711", "QT_QPA_PLATFORM": "xcb"}, [], "cannot be reached"),
    ],
    ids=["no screen", "no such platform", "dead screen"],
)
def test_a_window_that_cannot_open_gives_way_to_the_terminal_with_one_sentence(
    tmp_path: Path, env: dict[str, str], view: list[str], said: str
) -> None:
    words = ("practice", "--source", "sim:calm", "--minutes", "1", "--speed", "20", "--no-record", *view)
    with started(tmp_path, *words, env=env) as program:
        _, talk = program.communicate(timeout=15)
    assert program.returncode == 0
    lines = talk.splitlines()
    assert [said in line for line in lines].count(True) == 1, talk
    assert any("A free session" in line for line in lines)
    assert "qt." not in talk.lower()


@linux
def test_without_a_screen_the_terminal_is_taken_without_a_word(tmp_path: Path) -> None:
    words = ("practice", "--source", "sim:calm", "--minutes", "1", "--speed", "max", "--no-record")
    done = run(tmp_path, *words)
    assert done.returncode == 0
    assert "window" not in done.stderr
    assert "A free session" in done.stderr


MODULES = """
import json, os, signal, sys, threading
from biofeedback.cli.main import main
threading.Timer(5, lambda: os.kill(os.getpid(), signal.SIGTERM)).start()
words = "practice --source sim:calm --minutes 0.5 --speed 20 --view desktop --practitioner --no-record".split()
code = main(words)
print(json.dumps([code, sorted(name for name in sys.modules if "." not in name)]))
"""


WHILE_PAINTED = """
import os, signal, sys
from pyqtgraph import AxisItem
from biofeedback.cli.main import main
painted = AxisItem.paint
def paint(*told):
    AxisItem.paint = painted
    os.kill(os.getpid(), signal.SIGTERM)
    painted(*told)
AxisItem.paint = paint
sys.exit(main(["replay", "rest.txt", "--view", "desktop"]))
"""


@posix
def test_a_signal_that_comes_while_the_window_of_a_replay_is_painted_ends_it(tmp_path: Path) -> None:
    (tmp_path / "rest.txt").write_text("800\n" * 300)
    done = subprocess.run(
        [sys.executable, "-c", WHILE_PAINTED], cwd=tmp_path,
        env={**environment(tmp_path), **OFFSCREEN}, capture_output=True, text=True, timeout=15, check=False,
    )  # fmt: skip
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr


@posix
@pytest.mark.slow
def test_b6_a_live_session_with_both_windows_imports_no_scipy_and_no_matplotlib(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MODULES],
        env={**environment(tmp_path), **OFFSCREEN}, capture_output=True, text=True, timeout=20, check=True,
    )  # fmt: skip
    code, modules = json.loads(done.stdout.splitlines()[-1])
    assert code == 0
    assert {"PySide6", "pyqtgraph", "numpy"} <= set(modules)
    assert not {"scipy", "matplotlib", "heartpy", "bleak", "rich", "jinja2"} & set(modules)


# On a real screen


@contextmanager
def screen() -> Generator[str]:
    """A virtual X11 screen; its name."""
    reads, writes = os.pipe()
    command = ["Xvfb", "-displayfd", str(writes), "-screen", "0", "1600x900x24", "-nolisten", "tcp", "-noreset"]
    with subprocess.Popen(command, pass_fds=(writes,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        os.close(writes)
        try:
            with os.fdopen(reads) as told:
                yield f":{told.readline().strip()}"
        finally:
            server.terminate()


def titles_on(display: str) -> set[str]:
    """The names of the windows on an X11 screen."""
    x11 = ctypes.CDLL(ctypes.util.find_library("X11") or "libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XDefaultRootWindow.argtypes = x11.XCloseDisplay.argtypes = [ctypes.c_void_p]
    x11.XDefaultRootWindow.restype = ctypes.c_ulong
    x11.XQueryTree.argtypes = [ctypes.c_void_p, ctypes.c_ulong, *[ctypes.c_void_p] * 4]
    x11.XFetchName.argtypes = [ctypes.c_void_p, ctypes.c_ulong, ctypes.c_void_p]
    server = x11.XOpenDisplay(display.encode())
    root, parent, count = ctypes.c_ulong(), ctypes.c_ulong(), ctypes.c_uint()
    windows = ctypes.POINTER(ctypes.c_ulong)()
    places = [ctypes.byref(place) for place in (root, parent, windows, count)]
    x11.XQueryTree(server, x11.XDefaultRootWindow(server), *places)
    names: set[str] = set()
    for number in range(count.value):
        name = ctypes.c_char_p()
        if x11.XFetchName(server, windows[number], ctypes.byref(name)) and name.value:
            names.add(name.value.decode())
    x11.XCloseDisplay(server)
    return names


@linux
@pytest.mark.skipif(not shutil.which("Xvfb"), reason="Xvfb is not installed: apt-get install xvfb")
def test_where_there_is_a_screen_practice_opens_its_windows_by_itself(tmp_path: Path) -> None:
    with screen() as display:
        env = {"DISPLAY": display, "PYTHONWARNINGS": "default"}
        with started(tmp_path, *PRACTICE, "--practitioner", "--output", "out", env=env) as program:
            eventually(lambda: {"Biofeedback", "Biofeedback - heart"} <= titles_on(display))
            program.send_signal(signal.SIGINT)
            _, talk = program.communicate(timeout=15)
    assert program.returncode == 130, talk
    assert "Settling in" not in talk, "the terminal stays quiet"


@linux
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("Xvfb"), reason="Xvfb is not installed: apt-get install xvfb")
def test_when_the_screen_goes_the_session_goes_on_in_the_terminal(tmp_path: Path) -> None:
    with ExitStack() as longer:
        with screen() as display:
            env = {"DISPLAY": display}
            program = longer.enter_context(started(tmp_path, *PRACTICE, "--output", "out", env=env))
            eventually(lambda: "Biofeedback" in titles_on(display))
        recorded = lines_in(tmp_path / "out")
        eventually(lambda: lines_in(tmp_path / "out") > recorded + 200)
        program.send_signal(signal.SIGINT)
        _, talk = program.communicate(timeout=15)
    assert program.returncode == 130, talk
    told = talk.splitlines()
    place = next(n for n, line in enumerate(told) if "The session goes on in the terminal." in line)
    assert "the screen has gone" in told[place]
    assert any("bpm" in line for line in told[place + 1 :]), talk
