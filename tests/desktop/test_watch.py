"""Whole sessions in a window: a person acts, and the windows and the session end together."""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from math import isnan
from typing import Any, cast

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from biofeedback.cli.running import View, Work, run_session
from biofeedback.desktop.app import NO_PLOTS
from biofeedback.desktop.plots import PlotWindow
from biofeedback.desktop.trainee import TraineeWindow
from biofeedback.events import Answer, Command, End, Event
from biofeedback.presenter.picture import HIDDEN
from biofeedback.session.clock import LiveClock
from biofeedback.session.hub import ViewQueue
from biofeedback.session.runner import RunningSession
from biofeedback.session.scripts import shipped
from devices.opening import open_source
from devices.source import parse_spec
from tests.desktop.people import Does, Person, S, Sees, live_session
from tests.terminal.showing import DEMO, SHORT, events_of

pytestmark = pytest.mark.slow
SPEED = 20.0
BRIEF = replace(SHORT, minutes=0.25)


def press(key: Qt.Key) -> Does:
    return lambda window: QTest.keyClick(window, key)


def in_plots(key: Qt.Key) -> Does:
    """Press a key while the plots have the keyboard."""
    return lambda _: QTest.keyClick(plots()[0].focusWidget(), key)


def shows(said: str) -> Sees:
    return lambda window: said in (window.program.words, window.part.words, window.pacer.word, window.over.words)


def breathes(window: TraineeWindow) -> bool:
    return window.pacer.frame is not None and window.pacer.frame.breath is not None


def rests(window: TraineeWindow) -> bool:
    return window.pacer.frame is not None and window.pacer.frame.breath is None


def over(window: TraineeWindow) -> bool:
    return window.closing.isVisible()


CLOSES = ("the end", over, press(Qt.Key.Key_Escape))


def commands(events: list[Event]) -> list[tuple[str, str]]:
    return [(event.what, event.by) for event in events if isinstance(event, Command)]


def end_of(events: list[Event]) -> End:
    return next(event for event in events if isinstance(event, End))


def plots() -> list[PlotWindow]:
    return [found for found in QApplication.topLevelWidgets() if isinstance(found, PlotWindow)]


def plots_are_active(window: TraineeWindow) -> bool:
    """The offscreen platform can lose track of the active window; it finds it again by another one's turn."""
    (plots()[0] if QApplication.activeWindow() else window).activateWindow()
    return plots()[0].isActiveWindow()


def test_keys_steer_the_session_to_its_end() -> None:
    session, work, events = live_session(SHORT, SPEED)
    Person(
        [
            ("the breath", breathes, press(Qt.Key.Key_Space)),
            ("the pause", shows("Paused. Space goes on."), lambda window: window.buttons["Pause"].click()),
            ("the breath again", breathes, press(Qt.Key.Key_M)),
            ("the mark", shows("Marked."), press(Qt.Key.Key_S)),
            ("the room", lambda window: not window.buttons["Pause"].isEnabled(), press(Qt.Key.Key_Escape)),
            ("the end", over, lambda window: window.buttons["Close"].click()),
        ]
    ).watches(session, work)
    assert commands(events) == [(what, "trainee") for what in ("pause", "resume", "mark", "strong", "end")]


def test_a_pause_stops_the_pacer_until_somebody_goes_on() -> None:
    session, work, events = live_session(SHORT, SPEED)
    paused: list[int] = []

    waited: Sees = lambda _: session.now() > paused[0] + 30 * S  # noqa: E731 - a step is a value
    Person(
        [
            ("the breath", breathes, press(Qt.Key.Key_Space)),
            ("the pause", rests, lambda _: paused.append(session.now())),
            ("half a minute", waited, press(Qt.Key.Key_Space)),
            ("the breath again", breathes, press(Qt.Key.Key_Escape)),
            CLOSES,
        ]
    ).watches(session, work)
    assert end_of(events).at > paused[0] + 30 * S


def test_the_question_is_answered_and_goes() -> None:
    session, work, events = live_session(SHORT, SPEED / 4)
    Person(
        [
            ("the question", lambda window: window.question.isVisible(), press(Qt.Key.Key_7)),
            ("no question", lambda window: not window.question.isVisible(), press(Qt.Key.Key_Escape)),
            CLOSES,
        ]
    ).watches(session, work)
    assert [event.value for event in events if isinstance(event, Answer) and event.by == "trainee"] == [7]


def test_the_planned_end_is_told_and_the_window_waits_to_be_closed() -> None:
    session, work, events = live_session(BRIEF, 100.0)
    told: list[str] = []

    def read(window: TraineeWindow) -> None:
        assert session.done
        told.extend([window.over.words, window.result.words])
        window.close()

    Person([("the end", lambda window: over(window) and session.done, read)]).watches(session, work)
    assert told[0] == "The session is over."
    assert f"{end_of(events).beats} heartbeats." in told[1]


def test_closing_the_window_ends_the_session_and_waits_for_the_strap_to_be_let_go() -> None:
    session, work, events = live_session(SHORT, SPEED)
    let_go, at_the_end = threading.Event(), list[bool]()

    async def slowly() -> None:
        await work()
        await asyncio.to_thread(let_go.wait)

    def hidden(window: TraineeWindow) -> bool:
        return not window.isVisible() and any(isinstance(event, End) for event in events)

    def release(_: TraineeWindow) -> None:
        at_the_end.append(session.done)
        let_go.set()

    Person([("the breath", breathes, TraineeWindow.close), ("no window", hidden, release)]).watches(session, slowly)
    assert at_the_end == [False]
    assert commands(events) == [("stop", "trainee")]
    assert end_of(events).why == "the window was closed"


def test_a_replay_is_left_by_escape_at_once() -> None:
    session, work, _ = replay(events_of(SHORT), 1.0)
    Person([("something", lambda window: bool(window.part.words), press(Qt.Key.Key_Escape))]).watches(session, work)
    assert session.done


def test_a_replay_comes_to_its_own_end() -> None:
    session, work, _ = replay(events_of(BRIEF), 200.0)
    Person([CLOSES]).watches(session, work)


def test_a_session_that_cannot_begin_closes_its_window_so_that_the_reason_can_be_told() -> None:
    async def work() -> None:
        raise ConnectionError("the strap cannot be reached")

    session = RunningSession(ViewQueue(), lambda: 0, lambda _: None)
    with pytest.raises(ConnectionError, match="cannot be reached"):
        Person([]).watches(session, work)


@pytest.fixture
def handled() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handled")
@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send itself these signals there")
class TestSignals:
    def test_close_the_windows_of_a_live_session(self) -> None:
        session, work, events = live_session(SHORT, SPEED)

        def interrupt(*_: object) -> None:
            session.interrupted = True
            session.command("stop", "interrupted")

        signal.signal(signal.SIGTERM, interrupt)
        Person([("the breath", breathes, kill(signal.SIGTERM))]).watches(session, work, plots=True)
        assert end_of(events).why == "interrupted"
        assert not any(window.isVisible() for window in QApplication.topLevelWidgets())

    def test_close_a_window_that_waits_after_the_end(self) -> None:
        session, work, _ = live_session(BRIEF, 100.0)
        signal.signal(signal.SIGTERM, lambda *_: setattr(session, "interrupted", True))
        Person([("the end", lambda window: over(window) and session.done, kill(signal.SIGTERM))]).watches(session, work)

    def test_that_raise_get_through_qt(self) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        session, work, _ = replay(events_of(SHORT), 1.0)
        with pytest.raises(KeyboardInterrupt):
            Person([("something", lambda window: bool(window.part.words), kill(signal.SIGINT))]).watches(session, work)
        session.leave()
        session.join()


def test_what_goes_wrong_in_a_window_ends_it_and_is_raised() -> None:
    session, work, _ = live_session(SHORT, SPEED)

    def fail() -> None:
        raise ArithmeticError("a mistake in a window")

    with pytest.raises(ArithmeticError, match="a mistake"):
        Person([("the breath", breathes, lambda _: QTimer.singleShot(0, fail))]).watches(session, work)
    session.command("stop")
    session.join()


def test_e2_a_test_whose_window_fails_goes_on_in_the_terminal_without_its_numbers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    work = Work(open_source(parse_spec("sim:calm?seed=1")), DEMO, shipped(), 60.0, place=None, seed=1)
    view = View("desktop", json=False, plain=True, hide_numbers=True)

    def fail_in_the_baseline() -> None:
        if any(isinstance(found, TraineeWindow) and breathes(found) for found in QApplication.topLevelWidgets()):
            raise ArithmeticError("a mistake in a window")

    timer = QTimer()
    timer.timeout.connect(fail_in_the_baseline)
    timer.start(20)
    outcome = run_session(argparse.Namespace(verbose=0, quiet=False), work, view)
    timer.stop()
    said = capsys.readouterr().err
    assert not outcome.interrupted
    assert "The window failed (ArithmeticError: a mistake in a window)" in said
    assert "The session is over." in said
    assert re.findall(r"\d bpm|\d ms", said[: said.index("Closing")]) == []


class TestThePlots:
    def test_open_by_themselves_after_the_trainees_window(self) -> None:
        session, work, _ = live_session(SHORT, SPEED)
        opened: list[bool] = []

        def look(window: TraineeWindow) -> None:
            opened.append(window.painted and plots()[0].isVisible())
            window.close()

        Person([("the plots", lambda _: bool(plots()), look)]).watches(session, work, plots=True)
        assert opened == [True]
        assert plots() == []

    def test_come_and_go_with_p_in_either_window(self) -> None:
        session, work, _ = live_session(SHORT, SPEED / 4)
        p = press(Qt.Key.Key_P)
        Person(
            [
                ("the breath", breathes, p),
                ("the plots", lambda _: bool(plots()) and plots()[0].isVisible(), p),
                ("no plots", lambda _: not plots()[0].isVisible(), p),
                ("the plots again", plots_are_active, lambda _: QTest.keyClick(plots()[0], Qt.Key.Key_P)),
                ("no plots again", lambda _: not plots()[0].isVisible(), TraineeWindow.close),
            ]
        ).watches(session, work)

    def test_opened_by_p_leave_the_sessions_keys_to_the_session(self) -> None:
        """Whichever window has the keyboard: S leads back to the room, Space pauses, Esc ends and then closes."""
        session, work, events = live_session(SHORT, SPEED / 2)
        Person(
            [
                ("the breath", breathes, press(Qt.Key.Key_P)),
                ("the plots", lambda window: breathes(window) and bool(plots()), in_plots(Qt.Key.Key_Space)),
                ("the pause", shows("Paused. Space goes on."), in_plots(Qt.Key.Key_Space)),
                ("the breath again", breathes, in_plots(Qt.Key.Key_S)),
                ("the room", lambda window: not window.buttons["Pause"].isEnabled(), in_plots(Qt.Key.Key_Escape)),
                ("the end", over, in_plots(Qt.Key.Key_Escape)),
            ]
        ).watches(session, work)
        assert commands(events) == [(what, "trainee") for what in ("pause", "resume", "strong", "end")]

    def test_for_a_practitioner_drive_nothing_but_the_way_back_to_the_room(self) -> None:
        session, work, events = live_session(SHORT, SPEED)

        def touch(_: TraineeWindow) -> None:
            for key in (Qt.Key.Key_Space, Qt.Key.Key_Escape, Qt.Key.Key_M, Qt.Key.Key_5, Qt.Key.Key_S):
                in_plots(key)(_)

        Person(
            [
                ("the plots", lambda window: breathes(window) and bool(plots()), touch),
                ("the room", lambda window: not window.buttons["Pause"].isEnabled(), TraineeWindow.close),
            ]
        ).watches(session, work, plots=True)
        assert commands(events)[0] == ("strong", "trainee")

    def test_opened_late_know_what_happened_before(self) -> None:
        session, work, _ = replay(events_of(BRIEF), 200.0)
        counted: list[tuple[int, int]] = []

        def count(window: TraineeWindow) -> None:
            counted.append(
                (window._picture.beats, sum(not isnan(value) for value in plots()[0]._traces.tachogram.values))
            )
            window.close()

        Person([("the end", over, press(Qt.Key.Key_P)), ("the plots", lambda _: bool(plots()), count)]).watches(
            session, work
        )
        assert counted[0][0] == counted[0][1] > 20

    def test_that_fail_leave_the_breath_alone(self) -> None:
        session, work, _ = live_session(SHORT, SPEED / 4)

        def spoil(_: TraineeWindow) -> None:
            plots()[0]._traces = cast("Any", None)

        Person(
            [
                ("the breath", breathes, press(Qt.Key.Key_P)),
                ("the plots", lambda _: bool(plots()) and plots()[0].isVisible(), spoil),
                ("the sentence", shows(NO_PLOTS), lambda _: None),
                ("the breath still", breathes, TraineeWindow.close),
            ]
        ).watches(session, work)
        assert not session.failed

    def test_a_test_that_is_over_may_be_looked_at(self) -> None:
        session, work, _ = replay(events_of(DEMO), 1000.0)
        Person(
            [
                ("the end", over, press(Qt.Key.Key_P)),
                ("the plots", lambda _: bool(plots()) and plots()[0].isVisible(), TraineeWindow.close),
            ]
        ).watches(session, work, hide_numbers=True, plots_allowed=False)

    def test_e2_are_refused_in_a_test_with_a_sentence(self) -> None:
        session, work, _ = live_session(DEMO, SPEED)
        Person(
            [("the breath", breathes, press(Qt.Key.Key_P)), ("the sentence", shows(HIDDEN), TraineeWindow.close)]
        ).watches(session, work, hide_numbers=True, plots_allowed=False)
        assert plots() == []


def test_a_recording_that_breaks_off_says_so_and_stands_still() -> None:
    cut = [event for event in events_of(SHORT) if event.at < 30 * S]
    session, work, _ = replay(cut, 200.0)
    told: list[str] = []
    Person(
        [
            ("the end", over, lambda window: told.append(window.over.words)),
            ("the end still", over, press(Qt.Key.Key_Escape)),
        ]
    ).watches(session, work)
    assert told == ["The recording breaks off here."]


def kill(number: int) -> Does:
    return lambda _: os.kill(os.getpid(), number)


def replay(events: list[Event], speed: float) -> tuple[RunningSession, Callable[[], Awaitable[None]], ViewQueue]:
    """A session that takes no commands and shows these events in their own time."""
    queue, clock = ViewQueue(), LiveClock(speed)

    async def work() -> None:
        for event in events:
            await clock.sleep_until(event.at)
            queue.put((event,))

    return RunningSession(queue, clock.now, None), work, queue
