"""What the trainee's window costs: `python benchmarks/windows.py [SECONDS] [--plots]`. A demo session at speed 1.

CPU is that of the whole process, the session's thread and the simulated person with it. `start` is CPU seconds from
the interpreter's start to the first painting, in a process of its own, beside an empty window of PySide6.
`phase error` is how much older than the session's time a frame is when it has been painted; `on the screen` adds the
time until the next frame comes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from statistics import median

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

ROOT = Path(__file__).parents[1]
WARM_UP_S = 1.0
EMPTY = """
import sys, time
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QWidget
app = QApplication([])
window = QWidget()
window.resize(900, 640)
window.show()
app.processEvents()
print(time.process_time())
"""
FIRST = """
import os, time
from biofeedback.desktop.display import display_complaint
assert display_complaint() == ""
from benchmarks.windows import demo
from biofeedback.desktop.trainee import TraineeWindow
def painted(self, event, before=TraineeWindow.paintEvent):
    before(self, event)
    print(time.process_time(), flush=True)
    os._exit(0)
TraineeWindow.paintEvent = painted
demo(plots=False)
"""


@dataclass(slots=True)
class Frames:
    """When each frame was painted, wall-clock seconds, and how old it was by then, session microseconds."""

    at_s: list[float] = field(default_factory=list[float])
    age_us: list[int] = field(default_factory=list[int])


def demo(*, plots: bool, seconds: float | None = None) -> None:
    """A practice with a pacer from its first seconds on, in windows; prints what it cost when `seconds` are given."""
    from dataclasses import replace

    from biofeedback.desktop.app import watch
    from biofeedback.presenter.picture import Picture
    from biofeedback.session.clock import LiveClock
    from biofeedback.session.coins import draw_coins
    from biofeedback.session.hub import ViewQueue
    from biofeedback.session.loop import SessionLoop
    from biofeedback.session.opening import open_session
    from biofeedback.session.plan import practice_plan
    from biofeedback.session.runner import RunningSession
    from biofeedback.session.scripts import shipped
    from devices.opening import open_source
    from devices.source import parse_spec

    source, shelf = open_source(parse_spec("sim:calm?seed=1")), shipped()
    plan = replace(practice_plan("safe_place", 20), settle_s=2.0)
    opening = open_session(plan, source.info, shelf, demo=False, seeded=True)
    clock, queue = LiveClock(), ViewQueue()
    loop = SessionLoop(source, clock, opening, draw_coins(0, 1), None, queue.put)
    session = RunningSession(queue, clock.now, loop.post)
    session.start(loop.run)
    if seconds is not None:
        _measure(seconds, session.now)
    titles = {id_: script.title for id_, script in shelf.scripts.items()}
    watch(session, Picture(titles, hide_numbers=False), plots=plots, plots_allowed=True)
    session.join()


def _measure(seconds: float, now: Callable[[], int]) -> None:
    """Look on, from the first paced breath and a second of warming up, for so long, and close the window."""
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from biofeedback.desktop.app import dress
    from biofeedback.desktop.theme import DARK
    from biofeedback.desktop.trainee import TraineeWindow

    app = QApplication.instance() or QApplication(["windows"])
    assert isinstance(app, QApplication)
    dress(app, DARK)
    frames = Frames()
    began: list[float] = []

    def window() -> TraineeWindow:
        return next(found for found in QApplication.topLevelWidgets() if isinstance(found, TraineeWindow))

    def painted() -> None:
        pacer = window().pacer
        if pacer.frame is not None and pacer.frame.breath is not None:
            frames.at_s.append(time.perf_counter())
            frames.age_us.append(now() - pacer.frame.at_us)

    def begin() -> None:
        if shown.pacer.frame is None or shown.pacer.frame.breath is None:
            QTimer.singleShot(200, begin)
            return
        QTimer.singleShot(round(WARM_UP_S * 1000), count)

    def count() -> None:
        shown.pacer.painted.connect(painted)
        began[:] = [time.process_time(), time.perf_counter()]
        QTimer.singleShot(round(seconds * 1000), finish)

    def finish() -> None:
        cpu, wall = time.process_time() - began[0], time.perf_counter() - began[1]
        _tell(frames, cpu / wall)
        shown.close()

    def find() -> None:
        nonlocal shown
        shown = window()
        begin()

    shown: TraineeWindow
    QTimer.singleShot(0, find)


def _tell(frames: Frames, share: float) -> None:
    gaps_ms = sorted(1e3 * (later - sooner) for sooner, later in pairwise(frames.at_s))
    ages_ms = [age / 1e3 for age in frames.age_us]
    stale_ms = [
        age + 1e3 * (later - sooner) for age, sooner, later in zip(ages_ms, frames.at_s, frames.at_s[1:], strict=False)
    ]
    row("frames a second", 1e3 * len(gaps_ms) / sum(gaps_ms), ">= 55")
    row("gap between frames p50, ms", median(gaps_ms), "")
    row("gap between frames p99, ms", at_share(gaps_ms, 0.99), "")
    row("phase error p99, ms", at_share(ages_ms, 0.99), "<= 20")
    row("on the screen p50, ms", median(stale_ms), "")
    row("on the screen p99, ms", at_share(stale_ms, 0.99), "<= 20")
    row("CPU, % of one core", 100 * share, "<= 8")
    row("memory, MiB", resident_mib(), "<= 130")


def row(what: str, value: float, goal: str) -> None:
    print(f"{what:<34}{value:>9.2f}   {goal}", flush=True)


def at_share(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def start_s(program: str) -> float:
    """CPU seconds to the first painting, the least of five starts."""
    runs = [
        subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True).stdout
        for _ in range(5)
    ]
    return min(float(said) for said in runs)


def main() -> None:
    parser = argparse.ArgumentParser(description="What the trainee's window costs.")
    parser.add_argument("seconds", nargs="?", type=float, default=30.0)
    parser.add_argument("--plots", action="store_true", help="with the plot window open as well")
    args = parser.parse_args()
    print(f"{os.environ['QT_QPA_PLATFORM'] or 'a display'}, {args.seconds:g} s, plots {'on' if args.plots else 'off'}")
    demo(plots=args.plots, seconds=args.seconds)
    first, empty = start_s(FIRST), start_s(EMPTY)
    row("first painting, CPU s", first, "<= 0.6")
    row("an empty window, CPU s", empty, "")
    row("times an empty window", first / empty, "<= 4.5")


if __name__ == "__main__":
    main()
