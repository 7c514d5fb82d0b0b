"""One reader for each strap: a lock that ends with its holder, in a folder that is nobody else's."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devices.strap_lock import FOLDER, StrapLocks
from tests.cli.programs import ROOT

ADDRESS = "A0:9E:1A:00:00:01"
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX rights and signals")
HOLDER = f"""
import sys, time
from pathlib import Path
from devices.strap_lock import StrapLocks
lock = StrapLocks(Path(sys.argv[1])).take({ADDRESS!r})
print(lock is not None, flush=True)
time.sleep(60)
"""


@contextmanager
def holder(folder: Path) -> Generator[subprocess.Popen[bytes]]:
    """Another process that holds the lock."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(folder)], cwd=ROOT, stdout=subprocess.PIPE) as program:
        try:
            assert program.stdout is not None
            assert program.stdout.readline().strip() == b"True"
            yield program
        finally:
            program.kill()


def free_again(locks: StrapLocks) -> None:
    """Take the lock, which is free, and let it go."""
    lock = locks.take(ADDRESS)
    assert lock is not None
    lock.free()


@pytest.mark.fault(31, "unit")
def test_r11_a_second_run_is_refused_within_100_ms_and_a_killed_one_frees_its_strap_at_once(tmp_path: Path) -> None:
    locks = StrapLocks(tmp_path / "locks")
    with holder(tmp_path / "locks") as other:
        began = time.monotonic()
        assert locks.take(ADDRESS) is None
        assert time.monotonic() - began < 0.1
        assert locks.in_use(ADDRESS)
        assert locks.in_use(ADDRESS.lower()), "an address is one, however it is written"
        assert not locks.in_use("A0:9E:1A:00:00:02")
        other.kill()
        other.wait()
        assert not locks.in_use(ADDRESS)
        free_again(locks)


def test_a_lock_that_was_let_go_can_be_taken_again(tmp_path: Path) -> None:
    one, other = StrapLocks(tmp_path / "locks"), StrapLocks(tmp_path / "locks")
    for _ in range(3):
        lock = one.take(ADDRESS)
        assert lock is not None
        assert other.take(ADDRESS) is None
        lock.free()
        lock.free()
        assert not other.in_use(ADDRESS)


@posix
def test_two_who_only_look_do_not_see_each_other(tmp_path: Path) -> None:
    import fcntl

    locks = StrapLocks(tmp_path / "locks")
    assert not locks.in_use(ADDRESS)
    assert list((tmp_path / "locks").iterdir()) == [], "to look leaves no trace of a strap"
    free_again(locks)
    (path,) = (tmp_path / "locks").iterdir()
    with path.open() as looking:
        fcntl.flock(looking, fcntl.LOCK_SH)
        assert not locks.in_use(ADDRESS)


@posix
def test_folder_and_file_are_private_and_no_address_stands_in_them(tmp_path: Path) -> None:
    free_again(StrapLocks(tmp_path / "locks"))
    assert stat.S_IMODE((tmp_path / "locks").stat().st_mode) == 0o700
    (file,) = (tmp_path / "locks").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes() == b""
    assert "9e1a" not in file.name.lower()


@posix
@pytest.mark.parametrize("trap", ["link", "open", "file"])
def test_a_folder_that_others_could_have_made_is_not_used_and_stops_nobody(tmp_path: Path, trap: str) -> None:
    folder = tmp_path / "locks"
    if trap == "link":
        (tmp_path / "theirs").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "theirs")
    elif trap == "open":
        folder.mkdir()
        folder.chmod(0o777)
    else:
        folder.write_text("")
    locks = StrapLocks(folder)
    free_again(locks)
    assert not locks.in_use(ADDRESS)
    assert trap == "file" or list(folder.iterdir()) == []


@posix
def test_the_usual_place_is_the_runtime_folder_else_the_temporary_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    free_again(StrapLocks.usual())
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "none"))
    free_again(StrapLocks.usual())
    made = [str(path.relative_to(tmp_path)) for path in sorted(tmp_path.glob("*/*"))]
    assert made == [f"run/{FOLDER}", f"tmp/{FOLDER}-{os.getuid()}"]


@posix
def test_the_lock_does_not_pass_to_a_child_of_its_holder(tmp_path: Path) -> None:
    """A program that was started in a session, a browser for a report say, must not keep the strap."""
    words = HOLDER.replace("print", "import subprocess; subprocess.Popen(['sleep', '30']); print")
    started = [sys.executable, "-c", words, str(tmp_path / "locks")]
    with subprocess.Popen(started, cwd=ROOT, stdout=subprocess.PIPE, start_new_session=True) as program:
        assert program.stdout is not None
        assert program.stdout.readline().strip() == b"True"
        program.kill()
        program.wait()
        assert not StrapLocks(tmp_path / "locks").in_use(ADDRESS)
        os.killpg(program.pid, signal.SIGKILL)
