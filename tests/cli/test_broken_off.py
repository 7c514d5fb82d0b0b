"""`practice` after a kill -9: the session is gone on with, or finished; nothing that was shown is lost."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from biofeedback.cli.interrupted import wants_to_go_on
from biofeedback.recording.codec import to_line
from biofeedback.recording.reader import read_recording
from biofeedback.session.replay import verify
from biofeedback.session.resuming import BrokenOff
from tests.cli.programs import PROGRAM, environment, run, start

posix = pytest.mark.skipif(os.name != "posix", reason="kill -9")
TRIAL = ("practice", "safe_place", "--plan", "trial", "--source", "sim:calm?seed=2", "--view", "none", "--json")
AGAIN = ("practice", "--resume", "--view", "none", "--json")


def killed(home: Path, lines: int, *words: str) -> list[str]:
    """Run until so many lines were shown, then kill -9; the lines."""
    with start(home, *words) as program:
        assert program.stdout is not None
        shown = [program.stdout.readline() for _ in range(lines)]
        program.send_signal(signal.SIGKILL)
        rest, _ = program.communicate(timeout=15)
    whole = rest.splitlines(keepends=True)
    return [*shown, *(line for line in whole if line.endswith("\n"))]


def sessions(home: Path) -> list[Path]:
    return sorted(path for path in (home / "sessions").iterdir() if ".torn" not in path.name)


def shown_of(path: Path) -> list[str]:
    lines = read_recording(path).event_lines
    return [json.dumps(to_line(line.t, line.kind, line.body)) + "\n" for line in lines]


@posix
@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("lines", "speed"), [(60, "100"), (900, "200"), (2100, "200")])
def test_a_killed_trial_goes_on_and_every_number_comes_out_again(tmp_path: Path, lines: int, speed: str) -> None:
    first = killed(tmp_path, lines, *TRIAL, "--speed", speed)
    (part,) = sessions(tmp_path)
    assert part.name.endswith(".part")
    second = run(tmp_path, *AGAIN, "--speed", "max")
    assert second.returncode == 0, second.stderr
    (path,) = sessions(tmp_path)
    assert path.name == part.name.removesuffix(".part")
    found = verify(path)
    assert (found.exact, found.differences, found.intact, found.finished) == (True, 0, True, True)
    kept = shown_of(path)
    assert kept[: len(first)] == first, "what was shown before the kill is there"
    again = second.stdout.splitlines(keepends=True)
    assert kept[-len(again) :] == again, "and what was shown after it"
    replayed = run(tmp_path, "replay", "--json", "--speed", "max", "--view", "none", str(path))
    assert replayed.stdout.splitlines(keepends=True) == kept


@posix
@pytest.mark.slow
@pytest.mark.timeout(60)
def test_at_speed_1_the_time_away_is_the_time_that_passed(tmp_path: Path) -> None:
    killed(tmp_path, 45, *TRIAL)
    killed_s = time.monotonic()
    (part,) = sessions(tmp_path)
    last_t = read_recording(part).lines[-1].t
    time.sleep(1.5)
    killed(tmp_path, 25, *AGAIN)
    gone_s = time.monotonic() - killed_s
    lines = read_recording(part).lines
    sleep, wake = (line for line in lines if line.kind == "command")
    assert (sleep.t, sleep.body["what"], wake.body["what"]) == (last_t, "sleep", "wake")
    assert 1.5 <= (wake.t - sleep.t) / 1e6 <= gone_s
    clocks = [line for line in lines if line.kind == "clock"]
    (resumed,) = (line for line in lines if line.kind == "resume")
    assert resumed.body["boot"] == read_recording(part).head["boot"]
    # Session time and the machine's steady clock go on together, across the two programs.
    passed_us = (clocks[-1].body["mono_ns"] - clocks[0].body["mono_ns"]) / 1000
    assert clocks[-1].t - clocks[0].t == pytest.approx(passed_us, abs=20_000)
    assert run(tmp_path, *AGAIN, "--speed", "max").returncode == 0
    assert verify(sessions(tmp_path)[0]).exact


@posix
@pytest.mark.slow
@pytest.mark.timeout(60)
def test_without_resume_it_is_said_once_and_a_new_session_begins(tmp_path: Path) -> None:
    killed(tmp_path, 60, *TRIAL, "--speed", "100")
    new = run(tmp_path, "practice", "--source", "sim:calm", "--minutes", "1", "--speed", "max", "--view", "none")
    assert new.returncode == 0
    assert new.stderr.count("practice --resume") == 1
    assert "broken off less than a minute ago" in new.stderr
    assert len(sessions(tmp_path)) == 2
    other = run(tmp_path, *AGAIN, "--person", "somebody")
    assert other.returncode == 1
    assert "no session" in other.stderr


@posix
@pytest.mark.slow
@pytest.mark.timeout(60)
def test_one_that_is_too_old_is_finished_and_said_by_the_next_session(tmp_path: Path) -> None:
    killed(tmp_path, 60, *TRIAL, "--speed", "100")
    (part,) = sessions(tmp_path)
    an_hour_ago = time.time() - 3600
    os.utime(part, (an_hour_ago, an_hour_ago))
    refused = run(tmp_path, *AGAIN)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "finished as far as it went" in refused.stderr
    (path,) = sessions(tmp_path)
    found = verify(path)
    assert (found.exact, found.intact, found.finished) == (True, True, True)
    ended = next(line for line in reversed(read_recording(path).lines) if line.kind == "end")
    assert ended.body["why"] == "recovered"


@pytest.mark.parametrize("words", [("safe_place",), ("--minutes", "3"), ("--seed", "4"), ("--no-record",)])
def test_words_of_a_new_session_have_no_place_beside_resume(tmp_path: Path, words: tuple[str, ...]) -> None:
    refused = run(tmp_path, "practice", "--resume", *words)
    assert refused.returncode == 2
    assert "has its plan already" in refused.stderr


@pytest.mark.slow
def test_with_nothing_broken_off_resume_says_so(tmp_path: Path) -> None:
    refused = run(tmp_path, "practice", "--resume")
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 2


class Terminal:
    """Standard input and error as a person at a terminal has them."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.said = ""

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self.answer

    def write(self, text: str) -> int:
        self.said += text
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""


@pytest.mark.parametrize(
    ("answer", "goes_on"),
    [("\n", True), ("y\n", True), ("Yes\n", True), ("n\n", False), ("no\n", False), ("what?\n", False), ("", False)],
)
def test_at_a_terminal_it_is_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, goes_on: bool
) -> None:
    terminal = Terminal(answer)
    monkeypatch.setattr("sys.stdin", terminal)
    monkeypatch.setattr("sys.stderr", terminal)
    args = argparse.Namespace(json=False, quiet=False, view=None, output=None)
    stored = read_recording(recorded(tmp_path))
    found = BrokenOff(stored.path, stored, 0, 4 * 60_000_000)
    assert wants_to_go_on(args, found) is goes_on
    assert terminal.said == "A session was broken off 4 minutes ago. Go on with it? [Y/n] "


def at_a_terminal(home: Path, typed: bytes, *words: str) -> tuple[int, str]:
    """Run one command with a terminal for all three streams; its exit code and what was on the screen."""
    import pty

    outer, inner = pty.openpty()
    os.write(outer, typed)
    with subprocess.Popen(
        [*PROGRAM, *words], env={**environment(home), "TERM": "dumb"}, stdin=inner, stdout=inner, stderr=inner, cwd=home
    ) as program:
        os.close(inner)
        seen = b""
        while True:
            try:
                piece = os.read(outer, 65536)
            except OSError:  # nobody has the other end open any more
                break
            seen += piece
            if not piece:
                break
        os.close(outer)
        return program.wait(20), seen.decode(errors="replace")


@posix
@pytest.mark.slow
@pytest.mark.timeout(60)
@pytest.mark.parametrize(("typed", "files"), [(b"\n", 1), (b"n\n", 2)])
def test_at_a_real_terminal_enter_goes_on_and_n_begins_what_was_asked_for(
    tmp_path: Path, typed: bytes, files: int
) -> None:
    killed(tmp_path, 60, *TRIAL, "--speed", "100")
    words = ("practice", "--source", "sim:tense", "--minutes", "1", "--speed", "max", "--view", "terminal")
    code, seen = at_a_terminal(tmp_path, typed, *words)
    assert code == 0, seen
    assert seen.count("Go on with it? [Y/n]") == 1
    found = sessions(tmp_path)
    assert len(found) == files
    ended = [path for path in found if not path.name.endswith(".part")]
    assert [verify(path).exact for path in ended] == [True]
    plans = [line.body["plan"]["name"] for line in read_recording(ended[0]).lines if line.kind == "open"]
    assert plans == (["trial"] if files == 1 else ["free"])


def recorded(folder: Path) -> Path:
    from biofeedback.session.plan import free_plan
    from tests.session.sessions import heart, replayed, run_session, steady

    return run_session(folder, replayed(heart(steady(66), 3)), free_plan(None)).path


def test_one_of_another_version_is_finished_and_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an hour is not waited for: whoever asks to go on with it is told, and the next session is a new one."""
    from biofeedback.cli.running import View, Work, run_session
    from biofeedback.errors import RecordingError
    from biofeedback.session import resuming
    from biofeedback.session.plan import free_plan
    from biofeedback.session.scripts import shipped
    from tests.session.sessions import simulated

    whole = recorded(tmp_path)
    part = whole.rename(whole.with_name(whole.name + ".part"))
    part.chmod(0o600)
    data = part.read_bytes()
    part.write_bytes(data[: data.index(b'"k":"end"')])
    stored = read_recording(part)
    monkeypatch.setattr(resuming, "ALGORITHMS", {"engine": 99})
    work = Work(simulated("sim:calm"), free_plan(1), shipped(), float("inf"), tmp_path,
                broken_off=BrokenOff(part, stored, 0, 0))  # fmt: skip
    args = argparse.Namespace(json=False, quiet=True, verbose=0)
    with pytest.raises(RecordingError) as raised:
        run_session(args, work, View("none", json=False))
    assert str(whole) in raised.value.advice
    found = read_recording(whole)
    assert (found.finished, found.damage) == (True, None)
    assert not part.exists()


@posix
@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="limits of a running program are seen on Linux")
def test_2_2_a_session_leaves_no_core_file(tmp_path: Path) -> None:
    with start(tmp_path, *TRIAL, "--speed", "60") as program:
        assert program.stdout is not None
        program.stdout.readline()
        limits = Path(f"/proc/{program.pid}/limits").read_text(encoding="ascii")
        program.send_signal(signal.SIGTERM)
        program.communicate(timeout=15)
    (core,) = (line.split() for line in limits.splitlines() if line.startswith("Max core file size"))
    assert core[4] == "0"


def test_a_disk_without_room_is_told_before_anything_begins(tmp_path: Path) -> None:
    """A file system of a megabyte, where one can be mounted; nothing is left in it."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(place)], capture_output=True, check=False
    ) if os.name == "posix" and os.geteuid() == 0 else None  # fmt: skip
    if mounted is None or mounted.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        refused = run(tmp_path, "practice", "--source", "sim:calm", "--minutes", "1", "--speed", "max",
                      "--view", "none", "--output", str(place / "out"))  # fmt: skip
        assert refused.returncode == 1
        assert "a recording needs 50 MB to begin" in refused.stderr
        assert list(place.iterdir()) == []
    finally:
        subprocess.run(["umount", str(place)], check=True)
