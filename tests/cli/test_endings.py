"""However a session ends - a key, a signal, a kill, a full disk - what was recorded is there and can be read."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from biofeedback.recording.codec import to_line
from biofeedback.recording.reader import read_recording
from biofeedback.session.replay import verify
from tests.cli.programs import PROGRAM, consent, environment, start

posix = pytest.mark.skipif(os.name != "posix", reason="POSIX signals")
FAST = ("practice", "--source", "sim:calm?seed=2", "--speed", "60", "--view", "none", "--json", "--output")


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_session_calmly_with_130_and_a_whole_recording(
    tmp_path: Path, number: signal.Signals
) -> None:
    program = start(tmp_path, *FAST, str(tmp_path / "out"))
    assert program.stdout is not None
    for _ in range(200):
        program.stdout.readline()
    program.send_signal(number)
    rest, talk = program.communicate(timeout=15)
    assert program.returncode == 130, talk
    assert json.loads(rest.splitlines()[-1])["kind"] == "end"
    (path,) = (tmp_path / "out").iterdir()
    found = verify(path)
    assert (found.intact, found.finished, found.exact) == (True, True, True)


@posix
def test_kill_9_loses_no_line_that_was_shown(tmp_path: Path) -> None:
    for lines in (5, 137, 800):
        program = start(tmp_path, *FAST, str(tmp_path / f"{lines}"))
        assert program.stdout is not None
        shown = [program.stdout.readline() for _ in range(lines)]
        program.kill()
        program.communicate(timeout=15)
        (part,) = (tmp_path / f"{lines}").iterdir()
        assert part.name.endswith(".part")
        kept = [json.dumps(to_line(line.t, line.kind, line.body)) + "\n" for line in read_recording(part).event_lines]
        assert kept[:lines] == shown
        assert verify(part).differences == 0
        assert not verify(part).finished


@posix
def test_a_reader_that_goes_away_ends_the_session(tmp_path: Path) -> None:
    with start(tmp_path, *FAST, str(tmp_path / "out")) as program:
        assert program.stdout is not None
        program.stdout.readline()
        program.stdout.close()
        program.wait(timeout=15)
    (path,) = (tmp_path / "out").iterdir()
    assert verify(path).finished


@posix
def test_a_full_disk_is_told_and_the_session_goes_on(tmp_path: Path) -> None:
    import resource

    done = subprocess.run(
        [*PROGRAM, "practice", "--source", "sim:calm", "--speed", "max", "--minutes", "3", "--view", "none", "--json",
         "--output", str(tmp_path / "out")],
        env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)),
    )  # fmt: skip
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert events[-1]["kind"] == "end", "the live session went on to its end"
    told = [event for event in events if event["kind"] == "notice" and event["code"] == "recording_waits"]
    assert len(told) == 1
    assert told[0]["at"] < 100, "told at once, not at the end"
    assert done.returncode == 1
    assert "Recording stopped" in done.stderr
    (part,) = (tmp_path / "out").iterdir()
    recording = read_recording(part)
    assert recording.damage is None
    assert part.stat().st_size > 50_000
    assert verify(part).differences == 0


def appeared(folder: Path) -> Path:
    """The file of a session that has just begun, at the first moment at which it is there."""
    end = time.monotonic() + 15
    while time.monotonic() < end:
        if folder.is_dir() and (found := next(folder.iterdir(), None)) is not None:
            return found
    raise TimeoutError(folder)


@posix
@pytest.mark.fault(8, "unit")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_in_the_first_moment_leaves_no_recording_or_a_whole_one(
    tmp_path: Path, number: signal.Signals
) -> None:
    for turn in range(4):
        place = tmp_path / str(turn)
        with start(tmp_path, *FAST, str(place)) as program:
            appeared(place)
            program.send_signal(number)
            _, talk = program.communicate(timeout=15)
        assert (program.returncode, talk.count("Traceback")) == (130, 0), talk
        assert [verify(path).finished for path in place.iterdir()] in ([], [True])


@posix
@pytest.mark.fault(1, "unit")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_bluetooth_is_waited_for_ends_at_once_with_130_and_leaves_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    place, nowhere = tmp_path / "out", {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere/bus"}
    words = ("practice", "--source", "strap:", "--view", "none", "--json", "--output", str(place))
    consent(tmp_path)
    with start(tmp_path, *words, env=nowhere) as program:
        appeared(place)
        program.send_signal(number)
        out, talk = program.communicate(timeout=15)
    assert (program.returncode, out, talk) == (130, "", "")
    assert list(place.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is full all the time")
def test_a_replay_ends_at_once_when_it_can_be_shown_no_more(tmp_path: Path) -> None:
    file = tmp_path / "rr.txt"
    file.write_text("1000\n" * 600)
    with Path("/dev/full").open("w") as full:
        words = [*PROGRAM, "replay", str(file), "--view", "terminal"]
        program = subprocess.Popen(words, env=environment(tmp_path), stdout=subprocess.DEVNULL, stderr=full)
        assert program.wait(20) != 0, "not after the ten minutes of the recording"
