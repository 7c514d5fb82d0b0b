"""What the plot window costs: `python benchmarks/plots.py`. Times in ms of one thread's CPU, offscreen.

`fold` is the presenter's part of a beat, `set` the refresh that brings it on, `paint` the painting it causes,
`scroll` refresh and painting of a step of the time axis without new data.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from statistics import median

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication

from biofeedback.desktop.plots import PlotWindow
from biofeedback.desktop.theme import DARK
from biofeedback.events import Arousal, Beat, Event, Hrv, Packet
from biofeedback.presenter.picture import Picture
from biofeedback.presenter.traces import Traces
from biofeedback.session.clock import JumpingClock
from biofeedback.session.loop import SessionLoop
from biofeedback.session.opening import open_session
from biofeedback.session.plan import free_plan
from biofeedback.session.scripts import shipped
from devices.opening import open_source
from devices.source import parse_spec

FRAME_US = 100_000
HOUR_S = 3600
NUMBERS = (Packet, Beat, Hrv, Arousal)


def events_of(spec: str, seconds: float) -> list[Event]:
    """A free session of a simulated person."""
    source, events = open_source(parse_spec(spec)), list[Event]()
    opening = open_session(free_plan(None), source.info, shipped(), demo=False, seeded=True)

    async def whole() -> None:
        clock = JumpingClock()
        loop = SessionLoop(source, clock, opening, (), None, events.extend)
        running = asyncio.ensure_future(loop.run())
        await clock.sleep_until(round(seconds * 1e6))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(whole())
    return events


def later(event: Event, by_us: int) -> Event:
    """The same beat or number at another time."""
    moved = {"at": event.at + by_us}
    if isinstance(event, Beat | Hrv | Arousal):
        moved["t_us"] = event.t_us + by_us
    return replace(event, **moved)


@dataclass(slots=True)
class Costs:
    """Samples in ms by what they are of."""

    samples: dict[str, list[float]] = field(default_factory=dict[str, list[float]])

    def of(self, what: str, act: Callable[[], object]) -> float:
        """Do something and note what it cost."""
        begun = time.thread_time()
        act()
        spent = 1e3 * (time.thread_time() - begun)
        self.samples.setdefault(what, []).append(spent)
        return spent


def row(name: str, values: Sequence[float]) -> str:
    """One line of the table."""
    ordered = sorted(values)
    p95 = ordered[min(len(ordered) - 1, round(0.95 * len(ordered)))]
    return f"{name:<34}{len(ordered):>7}{median(ordered):>10.3f}{p95:>10.3f}{ordered[-1]:>10.3f}"


def live(app: QApplication, events: Sequence[Event], last_s: float, size: tuple[int, int], *, whole: bool) -> Costs:
    """Ten refreshes a second over the last `last_s` seconds of a session."""
    traces, picture = Traces(), Picture({}, hide_numbers=False)
    window = PlotWindow(DARK, traces, picture)
    window.resize(*size)
    window.show()
    costs, from_us = Costs(), events[-1].at - round(last_s * 1e6)
    waiting = iter(events)
    event = next(waiting, None)
    while event is not None and event.at < from_us:
        traces.see(event)
        picture.see(event)
        event = next(waiting, None)
    if whole:
        window.show_whole()
    window.refresh(from_us)
    app.processEvents()
    for now_us in range(from_us, events[-1].at, FRAME_US):
        came: list[Event] = []
        while event is not None and event.at <= now_us:
            came.append(event)
            event = next(waiting, None)
        costs.of("fold", lambda came=came: [traces.see(each) for each in came])
        beat = any(isinstance(each, Packet) and each.ticks for each in came)
        set_ms = costs.of("set" if beat else "idle set", lambda now_us=now_us: window.refresh(now_us))
        paint_ms = costs.of("paint" if beat else "idle paint", app.processEvents)
        if not beat:
            costs.samples.setdefault("scroll", []).append(set_ms + paint_ms)
    window.close()
    return costs


def shown_at_once(app: QApplication, events: Sequence[Event], size: tuple[int, int]) -> Costs:
    """A whole session drawn anew, as when somebody zooms or moves."""
    traces, picture, costs = Traces(), Picture({}, hide_numbers=False), Costs()
    costs.of("fold", lambda: [traces.see(event) for event in events])
    window = PlotWindow(DARK, traces, picture)
    window.resize(*size)
    window.show()
    window.refresh(events[-1].at)
    app.processEvents()
    for number in range(60):
        to_s = events[-1].at / 1e6 + number
        costs.of("set", lambda to_s=to_s: window.show_time(0, to_s))
        costs.of("paint", app.processEvents)
    window.close()
    return costs


def main() -> None:
    """Measure and print."""
    app = QApplication([])
    hour = events_of("sim:ectopic?seed=1", HOUR_S)
    day = list(hour)
    for number in range(1, 24):
        day += [later(event, number * HOUR_S * 1_000_000) for event in hour if isinstance(event, NUMBERS)]
    five = [event for event in hour if event.at <= 360e6]
    print(f"{'':<34}{'n':>7}{'p50 ms':>10}{'p95 ms':>10}{'max ms':>10}")
    for size in ((1200, 800), (1920, 1080)):
        costs = live(app, five, 300, size, whole=False)
        at = f"{size[0]}x{size[1]}"
        for what in ("fold", "set", "paint", "scroll"):
            print(row(f"five minutes live {at}, {what}", costs.samples[what]))
        total = sum(sum(values) for what, values in costs.samples.items() if what != "scroll")
        print(f"{'':<4}of one core: {total / 300 / 10:.2f} %")
        costs = live(app, hour, 60, size, whole=True)
        for what in ("set", "paint"):
            print(row(f"an hour live, whole {at}, {what}", costs.samples[what]))
        for name, events in (("an hour", hour), ("a day", day)):
            costs = shown_at_once(app, events, size)
            for what in ("fold", "set", "paint"):
                print(row(f"{name} at once {at}, {what}", costs.samples[what]))


if __name__ == "__main__":
    main()
