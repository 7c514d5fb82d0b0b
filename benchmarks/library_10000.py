"""What the library costs: `python benchmarks/library_10000.py [SESSIONS] [--long N]`. Makes a home of short recordings.

R17: `library list` of 10 000 sessions, as a program from its start, in CPU seconds: with its index as it was, after one
session was added, and with the index gone (it is made anew without a question). R6: an index of 90 sessions of 8 h.

The short recordings are copies of one simulated session of 12 s, each with a head and a chain of its own; the long ones
are names of one file of the size of 8 h with two real ends, of which only the ends are read.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from biofeedback.recording.library import open_library
from biofeedback.recording.rechain import rechained

ROOT = Path(__file__).parents[1]
PROGRAM = (sys.executable, "-P", "-m", "biofeedback")
BEGAN = datetime(2025, 1, 1, 8, tzinfo=UTC)
EIGHT_HOURS_BYTES = 43_164_577
"""Of 8 h of a simulated calm person, 2026-11-25."""


def program(home: Path, *words: str) -> tuple[float, float, str]:
    """CPU seconds and wall seconds of one command, and what it printed."""
    environment = {**os.environ, "BIOFEEDBACK_HOME": str(home), "PYTHONPATH": str(ROOT)}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([*PROGRAM, *words], env=environment, cwd=home, capture_output=True, text=True, check=True)
    wall, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall, done.stdout


def short_recording(folder: Path) -> bytes:
    program(folder, "simulate", "--minutes", "0.2", "--output", str(folder))
    return next(folder.glob("*.session.jsonl")).read_bytes()


def write_copies(folder: Path, data: bytes, count: int) -> None:
    for number in range(count):
        session, start = str(uuid.uuid4()), BEGAN + timedelta(hours=number)
        head = {"session": session, "wall_ns": int(start.timestamp()) * 10**9, "utc_off_s": 3600}
        copy, _ = rechained(data, head)
        path = folder / f"{start:%Y%m%dT%H%M%SZ}_{session[:8]}.session.jsonl"
        path.write_bytes(copy)
        path.chmod(0o400)


def long_home(home: Path, data: bytes, count: int) -> None:
    folder = home / "sessions"
    folder.mkdir(parents=True)
    whole = home / "whole"
    half = len(data) // 2
    with whole.open("wb") as file:
        file.write(data[:half])
        while file.tell() < EIGHT_HOURS_BYTES - half:
            file.write(data[:1_000_000].replace(b"\n", b" "))
        file.write(b"\n" + data[half:])
    for number in range(count):
        os.link(whole, folder / f"{BEGAN + timedelta(hours=9 * number):%Y%m%dT%H%M%SZ}_{number:08x}.session.jsonl")


def rebuild_s(home: Path) -> tuple[float, int]:
    """CPU seconds to make the index anew, and how many sessions it has."""
    began = time.process_time()
    with open_library(home, anew=True) as library:
        count = len(library.sessions())
    return time.process_time() - began, count


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sessions", nargs="?", type=int, default=10_000)
    parser.add_argument("--long", type=int, default=90)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        (home / "sessions").mkdir(parents=True, mode=0o700)
        home.chmod(0o700)
        (Path(folder) / "one").mkdir()
        data = short_recording(Path(folder) / "one")
        write_copies(home / "sessions", data, args.sessions)
        print(f"{args.sessions} sessions of {len(data) / 1000:.0f} kB")
        cpu, wall, printed = program(home, "library", "list")
        print(f"list without an index (it is made)   {cpu:6.2f} s CPU {wall:6.2f} s")
        assert printed.count("\n") == args.sessions
        for words in (("library", "list"), ("library", "list", "--json")):
            runs = [program(home, *words)[:2] for _ in range(5)]
            cpu, wall = (median(each) for each in zip(*runs, strict=True))
            print(f"{' '.join(words):<36} {cpu:6.2f} s CPU {wall:6.2f} s, median of 5")
        write_copies(home / "sessions", data, 1)
        cpu, wall, _ = program(home, "library", "list")
        print(f"list after one more session          {cpu:6.2f} s CPU {wall:6.2f} s")
        cpu, count = rebuild_s(home)
        print(f"index of {count} sessions made anew     {cpu:6.2f} s CPU")
        long_home(Path(folder) / "long", data, args.long)
        cpu, count = rebuild_s(Path(folder) / "long")
        print(f"index of {count} sessions of 8 h        {cpu:6.2f} s CPU (R6: below 1 s)")


if __name__ == "__main__":
    main()
