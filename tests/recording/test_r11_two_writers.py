"""R11: two programs, one recording: the second is refused at once and in words; a dead one holds nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from subprocess import Popen

import pytest

from biofeedback.errors import RecordingError
from biofeedback.events import Mark
from biofeedback.recording.log import SessionLog
from biofeedback.recording.naming import part_of
from biofeedback.recording.recovery import in_use, parts_in
from devices.file_lock import try_lock
from tests.cli.programs import ROOT

WRITER = """
import sys
from pathlib import Path
from biofeedback.events import Mark
from biofeedback.recording.log import SessionLog
log = SessionLog(Path(sys.argv[1]), {"session": "s"})
log.append(Mark(1, "first", "trainee"))
print("writing", flush=True)
sys.stdin.read()
log.append(Mark(2, "second", "trainee"))
log.close()
"""


@pytest.fixture
def final(tmp_path: Path) -> Path:
    return tmp_path / "20261122T101500Z_0123abcd.session.jsonl"


@pytest.fixture
def writer(final: Path) -> Generator[Popen[str]]:
    """Another program that writes this recording until its input ends."""
    words = [sys.executable, "-c", WRITER, str(final)]
    with Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == "writing\n"
        yield program
        program.kill()


def test_r11_the_second_writer_is_refused_with_a_plain_sentence(writer: Popen[str], final: Path) -> None:
    before = part_of(final).read_bytes()
    with pytest.raises(RecordingError) as caught:
        SessionLog.resume(part_of(final))
    assert "is being written by another program" in caught.value.what
    assert caught.value.advice
    with pytest.raises(RecordingError, match="exists already"):
        SessionLog(final, {})
    assert part_of(final).read_bytes() == before


def test_r11_a_recording_in_use_is_not_offered_for_recovery(writer: Popen[str], final: Path) -> None:
    assert in_use(part_of(final))
    assert parts_in(final.parent) == []


def test_r11_looking_at_it_again_and_again_disturbs_nobody(writer: Popen[str], final: Path) -> None:
    for _ in range(50):
        assert in_use(part_of(final))
    writer.communicate("")
    assert writer.returncode == 0
    with SessionLog.resume(part_of(final)) as log:
        assert log.stored is not None
        assert [event.at for event in log.stored.events()] == [1, 2]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_r11_the_lock_of_a_killed_program_is_free_at_once(writer: Popen[str], final: Path) -> None:
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait(5)
    assert not in_use(part_of(final))
    assert parts_in(final.parent) == [part_of(final)]
    with SessionLog.resume(part_of(final)) as log:
        log.append(Mark(3, "third", "trainee"))


def test_r11_a_writer_of_this_program_is_refused_too(final: Path) -> None:
    with SessionLog(final, {}) as log, pytest.raises(RecordingError, match="is being written"):
        SessionLog.resume(log.part)


@pytest.mark.skipif(sys.platform == "win32", reason="there a lock is taken by who looks, too")
def test_r11_who_looks_at_the_moment_of_its_beginning_does_not_take_its_lock(
    final: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program that looks for parts holds a lock for a moment; the writer comes by its own all the same."""
    real = os.open
    looking: list[int] = []

    def looked_at(path: str, flags: int, mode: int = 0o777) -> int:
        made = real(path, flags, mode)
        if not looking:
            looking.append(real(path, os.O_RDWR))
            assert try_lock(looking[0])
            threading.Timer(0.01, os.close, looking).start()
        return made

    monkeypatch.setattr(os, "open", looked_at)
    with SessionLog(final, {}) as log:
        monkeypatch.undo()
        assert in_use(log.part)
