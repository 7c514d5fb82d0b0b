"""A replay in a window: pause, seek and speed by keys, buttons and the mouse, and back from its end."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from math import inf

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from biofeedback.desktop.plots import PlotWindow
from biofeedback.desktop.position import MARK_PX, PositionLine
from biofeedback.desktop.theme import DARK
from biofeedback.desktop.trainee import TraineeWindow
from biofeedback.events import Event
from biofeedback.presenter.picture import Picture
from biofeedback.session.hub import ViewQueue
from biofeedback.session.playback import Playback, Tape
from biofeedback.session.runner import RunningSession
from tests.desktop.people import Does, Person, S, Sees, name_of
from tests.terminal.showing import SHORT, TITLES, events_of


def replay(
    events: Sequence[Event], *, speed: float = 1.0, to_us: int | None = None, remark: str = ""
) -> tuple[RunningSession, Playback]:
    """A replay that stays at its end, as the command has it in windows."""
    queue = ViewQueue(None)
    tape = Tape(iter(events), events[-1].at, remark)
    playback = Playback(lambda: tape, queue, speed=speed, to_us=to_us)
    playback.stay(True)
    return RunningSession(queue, playback.now, None, playback=playback), playback


def press(key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> Does:
    return lambda window: QTest.keyClick(window, key, modifier)


def told(window: TraineeWindow) -> str:
    assert window.position is not None
    return window.position.told


def tells(words: str) -> Sees:
    return lambda window: words in told(window)


def at(seconds: float) -> Sees:
    """It has come to this second and stands or goes on there."""
    return lambda window: (
        told(window).startswith(f"0:{seconds:02.0f} ") and "computing" not in told(window)
        if seconds < 60
        else told(window).startswith(f"1:{seconds - 60:02.0f} ")
    )


def ended(window: TraineeWindow) -> bool:
    return window.closing.isVisible() and "the end" in told(window)


def plots() -> PlotWindow:
    return next(found for found in QApplication.topLevelWidgets() if isinstance(found, PlotWindow))


@pytest.mark.slow
def test_keys_pause_and_seek_and_the_end_can_be_left_again() -> None:
    events = events_of(SHORT)
    session, playback = replay(events)
    standing: list[tuple[int, str]] = []

    def note(window: TraineeWindow) -> None:
        standing.append((session.now(), window.part.words))

    Person(
        [
            ("the beginning", lambda window: bool(window.part.words), press(Qt.Key.Key_Space)),
            ("the pause", tells("paused, ×1"), press(Qt.Key.Key_Home)),
            ("the start", at(0), press(Qt.Key.Key_Right)),
            ("ten seconds", at(10), press(Qt.Key.Key_PageDown)),
            ("a minute on", at(70), press(Qt.Key.Key_Left, Qt.KeyboardModifier.ShiftModifier)),
            ("a minute back", at(10), note),
            ("faster", at(10), press(Qt.Key.Key_Plus)),
            ("twice", tells("paused, ×2"), press(Qt.Key.Key_Minus)),
            ("once", tells("paused, ×1"), press(Qt.Key.Key_End)),
            (
                "the end",
                lambda window: window.closing.isVisible() and "the end" in told(window),
                press(Qt.Key.Key_Left),
            ),
            ("before the end", lambda window: not window.closing.isVisible() and window.pacer.isVisible(), note),
            ("it closes", lambda _: True, press(Qt.Key.Key_Escape)),
        ]
    ).watches(session, playback.run, plots=True)
    assert standing[0][0] == 10 * S
    assert standing[0][1].startswith("Paced baseline")
    assert standing[1][0] == events[-1].at - 10 * S
    assert standing[1][1].startswith("Closing")


def test_closed_before_its_end_a_recording_did_not_break_off() -> None:
    session, playback = replay(events_of(SHORT))
    picture = Picture(TITLES, hide_numbers=False)
    Person([("the beginning", lambda window: bool(window.part.words), TraineeWindow.close)]).watches(
        session, playback.run, picture=picture
    )
    assert picture.end is None


@pytest.mark.slow
def test_buttons_and_a_click_on_the_line_do_the_same() -> None:
    events = events_of(SHORT)
    session, playback = replay(events)
    reached: list[int] = []

    def button(caption: str) -> Does:
        return lambda window: window.buttons[caption].click()

    def click_in_the_middle(window: TraineeWindow) -> None:
        line = window.position
        assert line is not None
        QTest.mouseClick(line, Qt.MouseButton.LeftButton, pos=QPoint(line.width() // 2, line.height() - 4))

    def sought(_: TraineeWindow) -> bool:
        return playback.target_us is None and session.now() > events[-1].at // 3

    Person(
        [
            ("the beginning", lambda window: bool(window.part.words), button("Pause")),
            ("the pause", tells("paused"), click_in_the_middle),
            ("the middle", sought, lambda _: reached.append(session.now())),
            ("ten seconds back", lambda _: True, button("Back 10 s")),
            ("it", lambda _: session.now() < reached[0], lambda _: reached.append(session.now())),
            ("ten seconds on", lambda _: True, button("On 10 s")),
            ("them", lambda _: session.now() > reached[1], lambda _: reached.append(session.now())),
            ("faster", lambda _: True, button("Faster")),
            ("twice", tells("×2"), button("Slower")),
            ("it goes on", tells("×1"), button("Pause")),
            ("it", lambda window: window.buttons["Pause"].text() == "Pause", button("Close")),
        ]
    ).watches(session, playback.run)
    assert reached[0] == pytest.approx(events[-1].at / 2, rel=0.01)
    assert (reached[1] - reached[0], reached[2]) == (-10 * S, reached[0])


@pytest.mark.slow
def test_the_plots_go_back_with_it() -> None:
    session, playback = replay(events_of(SHORT), speed=1.0)
    drawn: list[tuple[str, int, int]] = []

    def note(_: TraineeWindow) -> None:
        drawn.append((plots().mode, len(plots()._traces.tachogram), plots()._traces.newest_us))

    def there(window: TraineeWindow) -> bool:
        return any(isinstance(found, PlotWindow) and found.isVisible() for found in QApplication.topLevelWidgets())

    Person(
        [
            ("the plots", there, press(Qt.Key.Key_End)),
            ("the end", lambda window: window.closing.isVisible(), lambda _: None),
            ("all of it", lambda _: plots().mode == "whole", note),
            ("the pause", lambda _: True, lambda _: playback.seek(30 * S)),
            ("a smaller part", lambda _: plots().mode == "follow" and playback.target_us is None, note),
            ("it closes", lambda _: True, press(Qt.Key.Key_Escape)),
        ]
    ).watches(session, playback.run, plots=True)
    assert [mode for mode, *_ in drawn] == ["whole", "follow"]
    assert 15 < drawn[1][1] < 40 < drawn[0][1]
    assert 29 * S < drawn[1][2] < 33 * S


@pytest.mark.slow
def test_a_part_ends_as_a_part_and_what_is_to_be_said_of_it_is_said() -> None:
    session, playback = replay(events_of(SHORT), to_us=6 * S, speed=2.0, remark="It was made by other rules.")
    said: list[str] = []
    Person(
        [
            ("the remark", lambda window: "other rules" in window.program.words, lambda _: None),
            ("the end", lambda window: window.closing.isVisible(), lambda window: said.append(window.over.words)),
            ("it closes", lambda _: True, press(Qt.Key.Key_Escape)),
        ]
    ).watches(session, playback.run)
    assert said == ["The part that was asked for ends here."]


@pytest.fixture
def window() -> TraineeWindow:
    """A window on a replay that has not begun."""
    session, _ = replay(events_of(SHORT))
    made = TraineeWindow(DARK, Picture(TITLES, hide_numbers=False), session)
    made.show()
    made.refresh(0)
    return made


def test_everything_has_a_name_and_f1_tells_the_keys_of_a_replay(window: TraineeWindow) -> None:
    assert window.position is not None
    assert name_of(window.position) == "Position: reading the file"
    captions = [button.text() for button in window.buttons.values() if button.isVisible()]
    assert captions == ["Slower", "Back 10 s", "Pause", "On 10 s", "Faster", "Close"]
    assert [name_of(button) for button in window.buttons.values()] == captions
    QTest.keyClick(window, Qt.Key.Key_F1)
    shown = " ".join(label.text() for label in window.keys._labels)
    for said in ("Ten seconds back, or on", "Home, End", "Faster, slower", "Pause, and go on"):
        assert said in shown
    for said in ("Something strong", "Mark this moment", "Choose your strap"):
        assert said not in shown


def test_a_live_session_has_no_line_and_none_of_its_keys() -> None:
    session = RunningSession(ViewQueue(), lambda: 0, lambda _: None)
    made = TraineeWindow(DARK, Picture(TITLES, hide_numbers=False), session)
    assert made.position is None
    assert "Ten seconds" not in " ".join(label.text() for label in made.keys._labels)


@pytest.mark.parametrize("share", [0.0, 0.25, 1.0])
def test_a_click_means_the_time_below_it(share: float) -> None:
    playback = Playback(lambda: Tape(iter(()), 200 * S), None, speed=inf)
    asyncio.run(playback.run())
    around = QWidget()
    line = PositionLine(DARK, playback, around)
    line.resize(400 + 2 * MARK_PX, 40)
    QTest.mouseClick(line, Qt.MouseButton.LeftButton, pos=QPoint(MARK_PX + round(400 * share), 30))
    (command,) = playback._commands
    command()
    assert playback.target_us == round(200 * S * share)
