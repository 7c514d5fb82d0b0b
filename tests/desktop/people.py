"""Sessions in windows: still pictures of one moment, and a person who acts in front of a running one."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QTimer
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QWidget

from biofeedback.desktop.app import watch
from biofeedback.desktop.theme import DARK
from biofeedback.desktop.trainee import TraineeWindow
from biofeedback.events import Event, Input
from biofeedback.presenter.picture import Picture
from biofeedback.session.clock import LiveClock
from biofeedback.session.hub import ViewQueue
from biofeedback.session.loop import Posted
from biofeedback.session.plan import Plan
from biofeedback.session.runner import RunningSession
from devices.choosing import Chooser
from tests.terminal.showing import TITLES, loop_of

S = 1_000_000
PATIENCE_S = 12.0
STEP_MS = 5


@dataclass
class Still:
    """A window that shows one moment of a session, and what was pressed in it."""

    window: TraineeWindow
    picture: Picture
    pressed: list[Input]
    at_us: int

    def refresh(self) -> None:
        for _ in range(2):
            self.window.refresh(self.at_us)
            QApplication.processEvents()


def picture_of(events: Sequence[Event], seconds: float, *, hide_numbers: bool = False) -> Picture:
    picture = Picture(TITLES, hide_numbers=hide_numbers)
    for event in events:
        if event.at <= seconds * S:
            picture.see(event)
    return picture


def still(
    picture: Picture,
    seconds: float,
    *,
    live: bool = True,
    size: tuple[int, int] = (900, 640),
    chooser: Chooser | None = None,
) -> Still:
    """The window at this session time, which stands still."""
    at_us, pressed = round(seconds * S), list[Input]()

    def post(make: Posted) -> None:
        pressed.append(make(at_us))

    session = RunningSession(ViewQueue(), lambda: at_us, post if live else None, chooser=chooser)
    window = TraineeWindow(DARK, picture, session)
    window.resize(*size)
    window.show()
    made = Still(window, picture, pressed, at_us)
    made.refresh()
    return made


def name_of(widget: QWidget) -> str:
    """What a screen reader calls it."""
    return QAccessible.queryAccessibleInterface(widget).text(QAccessible.Text.Name)


Sees = Callable[[TraineeWindow], bool]
Does = Callable[[TraineeWindow], object]


@dataclass
class Person:
    """Waits for what the window shows and then does something, step by step; times out as a failure."""

    steps: Sequence[tuple[str, Sees, Does]]

    def watches(
        self,
        session: RunningSession,
        work: Callable[[], Awaitable[None]],
        *,
        hide_numbers: bool = False,
        plots: bool = False,
        plots_allowed: bool = True,
        picture: Picture | None = None,
    ) -> None:
        """Return when the windows are closed and the session's thread has ended."""
        left, until_s = list(self.steps), time.monotonic() + PATIENCE_S

        def step() -> None:
            window = next(found for found in QApplication.topLevelWidgets() if isinstance(found, TraineeWindow))
            if left and left[0][1](window):
                _, _, does = left.pop(0)
                does(window)
            if time.monotonic() > until_s:
                raise AssertionError(f"{left[0][0] if left else 'the end'} did not come")

        timer = QTimer()
        timer.timeout.connect(step)
        timer.start(STEP_MS)
        session.start(work)
        try:
            picture = picture or Picture(TITLES, hide_numbers=hide_numbers)
            watch(session, picture, plots=plots, plots_allowed=plots_allowed)
        finally:
            timer.stop()
        assert left == []
        session.join()


def live_session(plan: Plan, speed: float) -> tuple[RunningSession, Callable[[], Awaitable[None]], list[Event]]:
    """A session of a simulated person, what runs it, and the events it has published."""
    queue, clock, events = ViewQueue(), LiveClock(speed), list[Event]()
    loop = loop_of(plan, clock, queue, "sim:calm?seed=1")

    def publish(new: Sequence[Event]) -> None:
        events.extend(new)
        queue.put(new)

    loop._publish = publish
    return RunningSession(queue, clock.now, loop.post), loop.run, events
