"""What do metrics at every beat cost, here and elsewhere?  python benchmarks/hrv_speed.py [--folder .bench]

Peers: every metric of the peer over the trailing 60 s at each of 300 beats of nsr001, and once over 5 minutes of it,
in CPU seconds, least of three; a day is those 300 beats times the day's beats: EXTRAPOLATED. Ours: `analyze
--every-beat` over the whole day as a user runs it, measured, the start of the program and the artefact rule
included; and what one live beat costs, of the run with the least median. Days also in turns of one fixed loop, which
every environment runs right before and after, so that figures of different computers can be compared.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file, too

from benchmarks.peer_environments import FOLDER, ONE_THREAD, ROOT, ask, made
from benchmarks.peers.serving import calibration_s
from benchmarks.tables import figure, table
from biofeedback.events import Rr
from biofeedback.hrv.live import Trailing, known_at, live_hrv
from biofeedback.hrv.reception import Reception
from biofeedback.hrv.stream import Ready
from tests.hrv.injected import deep_rsa
from tests.real import DATA, holter
from tests.strategies import MS

DAY: Final = "nsr001"
FROM_BEAT: Final = 50_000
WINDOW_MS: Final = 60_000.0
WHOLE_MS: Final = 300_000.0
LIVE_BEATS: Final = 5_000


BETWEEN: Final = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss, code)
"""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of the program: CPU seconds of it and its children, its largest memory in MiB, its exit code."""

    cpu_s: float
    peak_mib: float
    code: int


def day_ms() -> list[float]:
    """The intervals of the day in ms; a made-up hour where the recordings are not there."""
    return [rr for rr, _, _ in holter(DAY)] if DATA.is_dir() else list(deep_rsa(1, 850, 3600, swing_ms=80))


def trailing(series: Sequence[float], last: int, length_ms: float = WINDOW_MS) -> list[float]:
    """The intervals up to `last` that fill at most `length_ms`."""
    first, filled = last + 1, 0.0
    while first > 0 and filled + series[first - 1] <= length_ms:
        first -= 1
        filled += series[first]
    return list(series[first : last + 1])


def request(series: Sequence[float], beats: int, repeats: int) -> dict[str, Any]:
    """What every peer is asked: the windows of so many beats, one stretch of five minutes."""
    start = min(FROM_BEAT, len(series) // 2)
    return {
        "task": "speed",
        "windows": [trailing(series, start + k) for k in range(beats)],
        "whole": trailing(series, start + beats, WHOLE_MS),
        "repeats": repeats,
    }


def run_program(words: Sequence[str]) -> Run:
    """Run the program as a user does. CPU time and memory are the kernel's, of the program alone.

    A small process lies between: a program that is started straight from here would be told to have had our memory.
    """
    ended = subprocess.run(
        [sys.executable, "-S", "-c", BETWEEN, sys.executable, "-m", "biofeedback", *words],
        cwd=ROOT,
        env={**os.environ, **ONE_THREAD},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        check=True,
    )
    cpu_s, peak_kib, code = ended.stdout.split()
    return Run(float(cpu_s), float(peak_kib) / 1024, int(code))


def analysed(series: Sequence[float], repeats: int, *, every_beat: bool) -> Run | None:
    """`analyze` over these intervals, the run with the least CPU time; None when the program does not know how."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "day.txt"
        file.write_text("\n".join(f"{rr:.4f}" for rr in series) + "\n", "ascii")
        words = ["analyze", str(file), "--json", "--unit", "ms"]
        if every_beat:
            words += ["--every-beat", str(Path(folder) / "beats.csv")]
        runs = [run_program(words) for _ in range(repeats)]
    best = min(runs, key=lambda run: run.cpu_s)
    return best if best.code == 0 else None


def live_us(series: Sequence[float]) -> list[float]:
    """CPU microseconds of each beat of a live session: placed, judged, every live metric over its trailing window."""
    stream, spent = Reception(), list[float]()
    for at, rr_ms in enumerate(series):
        began = time.process_time_ns()
        for event in stream.add_intervals(Rr(at, (round(rr_ms * MS),))):
            if isinstance(event, Ready):
                windows = Trailing(known_at(event, stream.beats), 0)
                live_hrv(at, windows, stream.coverage.minute(event.beat.t_us))
        spent.append((time.process_time_ns() - began) / 1000)
    return spent


def peer_rows(
    series: Sequence[float], beats: int, repeats: int, folder: Path, our_turns: float | None
) -> Iterator[list[str]]:
    """A row a peer: CPU ms of five minutes and of a beat by group, the day extrapolated, turns of the loop."""
    asked = request(series, beats, repeats)
    for peer in made(folder):
        answer = ask(peer, folder, asked)
        live, whole = answer["live_s"], answer["whole_s"]
        groups = ("time", "freq", "nonlin")
        day_s = len(series) * sum(cost for cost in live.values() if isinstance(cost, float)) / answer["windows"]
        before_s, after_s = answer["calibration_s"]
        turns = day_s / min(before_s, after_s)
        yield [
            f"{peer.name} {answer['versions'][peer.name]}",
            " / ".join(milliseconds(whole.get(name), 1) for name in groups),
            " / ".join(milliseconds(live.get(name), answer["windows"]) for name in groups),
            figure(1000 * day_s / len(series)),
            figure(day_s),
            f"{figure(1000 * before_s)} / {figure(1000 * after_s)}",
            figure(turns),
            figure(None if our_turns is None else turns / our_turns),
        ]


def milliseconds(spent_s: float | str | None, parts: int) -> str:
    return "fails" if isinstance(spent_s, str) else figure(None if spent_s is None else 1000 * spent_s / parts)


@dataclass(frozen=True, slots=True)
class Measured:
    """One work of ours, how many beats it had, and the calibration loop beside it."""

    name: str
    beats: int
    run: Run | None
    loop_s: float

    @property
    def turns(self) -> float | None:
        return None if self.run is None else self.run.cpu_s / self.loop_s

    def row(self) -> list[str]:
        if self.run is None:
            return [self.name, "this version does not know how", "-", "-", "-", "-"]
        each_us = 1e6 * self.run.cpu_s / self.beats
        numbers = (self.run.cpu_s, each_us, 1000 * self.loop_s, self.turns, self.run.peak_mib)
        return [self.name, *map(figure, numbers)]


def ours(series: Sequence[float], repeats: int) -> list[Measured]:
    """Every metric at every beat of the day; the summary of the day; the program with a file of 300 beats."""
    works = (
        ("every metric at every beat, `analyze --every-beat`", series, True),
        ("the whole day once, `analyze`", series, False),
        ("300 beats once: the start of the program", series[1000:1300], False),
    )
    found: list[Measured] = []
    for name, intervals, every_beat in works:
        before_s = calibration_s()
        run = analysed(intervals, repeats, every_beat=every_beat)
        found.append(Measured(name, len(intervals), run, min(before_s, calibration_s())))
    return found


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the peers' environments are")
    parser.add_argument("--beats", type=int, default=300, help="beats a peer is timed on")
    parser.add_argument("--day", type=int, help="only so many beats of the day for ours")
    parser.add_argument("--repeats", type=int, default=3)
    given = parser.parse_args(argv)
    series = day_ms()
    print(f"{DAY if DATA.is_dir() else 'a made-up hour'}, {len(series)} intervals\n\n### Ours\n")
    mine = ours(series[: given.day], given.repeats)
    head = ["", "CPU s", "CPU µs a beat", "the loop, ms", "turns of the loop", "peak memory, MiB"]
    print(table(head, [each.row() for each in mine]) + "\n", flush=True)
    runs = [quantiles(live_us(series[:LIVE_BEATS][: given.day]), n=100) for _ in range(given.repeats)]
    cuts = min(runs, key=lambda run: run[49])
    print(f"A live beat: p50 {figure(cuts[49] / 1000)} ms, p99 {figure(cuts[98] / 1000)} ms of CPU\n\n### Peers\n")
    head = ["", "5 min: time / freq / nonlin, ms", "a beat: time / freq / nonlin, ms", "a beat, ms"]
    head += ["a day, CPU s (extrapolated)", "the loop before / after, ms", "a day in turns of the loop", "times ours"]
    print(table(head, peer_rows(series, given.beats, given.repeats, given.folder, mine[0].turns)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
