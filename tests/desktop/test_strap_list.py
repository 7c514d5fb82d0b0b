"""Which strap is yours, in the window: the list at one moment, and a whole session that begins with it."""

from __future__ import annotations

from itertools import pairwise

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from biofeedback.desktop.trainee import TraineeWindow
from biofeedback.events import Command, End, Link
from biofeedback.presenter.picture import Picture
from biofeedback.session.clock import LiveClock
from biofeedback.session.hub import ViewQueue
from biofeedback.session.loop import SessionLoop
from biofeedback.session.opening import open_session
from biofeedback.session.plan import free_plan
from biofeedback.session.runner import RunningSession
from biofeedback.session.scripts import shipped
from devices.choosing import Chooser, Sight, StrapQuestion
from devices.finding import Aids
from devices.strap import Strap
from tests.bluez.hearing import QUICK
from tests.desktop.people import Person, Still, name_of, still
from tests.devices.radio import Air, AirStrap
from tests.devices.test_strap_in_memory import radio_of

H10 = Sight("A0:9E:1A:00:00:01", "Polar <b>H10</b>", -55, False, "2026-11-22T12:00:00+00:00")
NAMELESS = Sight("A0:9E:1A:00:00:02", "", -68, False)
HELD = Sight("A0:9E:1A:00:00:03", "TICKR 4711", None, True, in_use=True)
THREE = StrapQuestion((H10, HELD, NAMELESS))
MANY = StrapQuestion(
    tuple(Sight(f"A{n}", f"Strap number {n} of a whole gym", -50 - n, False) for n in range(12)), "H10"
)


def asked(question: StrapQuestion = THREE, size: tuple[int, int] = (900, 640)) -> tuple[Still, Chooser]:
    chooser = Chooser(can_ask=True)
    chooser.ask(question)
    picture = Picture({}, hide_numbers=False)
    picture.see(Link(0, "scanning", "Several straps are in sight.", "Choose yours."))
    return still(picture, 1, size=size, chooser=chooser), chooser


def test_the_straps_stand_in_place_of_the_breath_and_each_names_itself_to_a_screen_reader() -> None:
    shown, _ = asked()
    window = shown.window
    assert window.straps.isVisible()
    assert not window.pacer.isVisible()
    assert not window.said.isVisible()
    assert window.straps.title.words == "Several straps are in sight. Which one is yours?"
    assert [name_of(row) for row in window.straps.rows] == [
        "Polar <b>H10</b>, strong signal, used last on 22 November 2026",
        "TICKR 4711, read by another session",
        "A0:9E:1A:00:00:02, good signal",
    ]
    assert [row.isEnabled() for row in window.straps.rows] == [True, False, True]
    assert not any(row.hasFocus() for row in window.straps.rows), "none looks chosen"


@pytest.mark.parametrize("key", [Qt.Key.Key_1, Qt.Key.Key_3])
def test_a_figure_chooses(key: Qt.Key) -> None:
    shown, chooser = asked()
    QTest.keyClick(shown.window, key)
    assert chooser.answer() == THREE.sights[int(chr(key)) - 1].address
    shown.refresh()
    assert not shown.window.straps.isVisible()
    assert shown.window.pacer.isVisible()


@pytest.mark.parametrize("key", [Qt.Key.Key_2, Qt.Key.Key_4, Qt.Key.Key_0, Qt.Key.Key_T, Qt.Key.Key_Return])
def test_other_keys_choose_nothing(key: Qt.Key) -> None:
    shown, chooser = asked()
    QTest.keyClick(shown.window, key)
    assert chooser.answer() is None
    assert chooser.question is not None


def test_arrows_go_down_and_up_past_one_that_is_in_use_and_enter_chooses() -> None:
    shown, chooser = asked()
    rows = shown.window.straps.rows
    shown.window.activateWindow()
    for key, at in ((Qt.Key.Key_Down, 0), (Qt.Key.Key_Down, 2), (Qt.Key.Key_Down, 2), (Qt.Key.Key_Up, 0)):
        QTest.keyClick(QApplication.focusWidget() or shown.window, key)
        assert shown.window.focusWidget() is rows[at]
    QTest.keyClick(rows[0], Qt.Key.Key_Return)
    assert chooser.answer() == H10.address
    shown.refresh()
    assert shown.window.focusWidget() is shown.window, "the keyboard is not left on what is gone"


def test_the_mouse_chooses_but_not_what_is_in_use() -> None:
    shown, chooser = asked()
    QTest.mouseClick(shown.window.straps.rows[1], Qt.MouseButton.LeftButton)
    assert chooser.answer() is None
    QTest.mouseClick(shown.window.straps.rows[2], Qt.MouseButton.LeftButton)
    assert chooser.answer() == NAMELESS.address


def test_esc_ends_and_space_pauses_while_it_is_asked() -> None:
    shown, chooser = asked()
    QTest.keyClick(shown.window, Qt.Key.Key_Down)
    for key in (Qt.Key.Key_Space, Qt.Key.Key_S, Qt.Key.Key_Escape):
        QTest.keyClick(shown.window.focusWidget(), key)
    assert [pressed.what for pressed in shown.pressed if isinstance(pressed, Command)] == ["pause", "strong", "end"]
    assert chooser.answer() is None


def test_the_list_grows_at_its_end_and_what_has_the_keyboard_keeps_it() -> None:
    shown, chooser = asked(StrapQuestion((H10,), "TICKR"))
    QTest.keyClick(shown.window, Qt.Key.Key_Down)
    focused = shown.window.focusWidget()
    chooser.ask(StrapQuestion((H10, NAMELESS), "TICKR"))
    shown.refresh()
    assert [row.address for row in shown.window.straps.rows] == [H10.address, NAMELESS.address]
    assert shown.window.focusWidget() is focused is shown.window.straps.rows[0]


def test_at_the_end_nothing_is_asked_any_more() -> None:
    shown, _ = asked()
    shown.picture.see(End(2, "ended by the person", 2.0, 0))
    shown.refresh()
    assert not shown.window.straps.isVisible()
    assert shown.window.closing.isVisible()


@pytest.mark.parametrize("size", [(400, 360), (480, 420), (900, 640), (1920, 1080)])
@pytest.mark.parametrize("question", [THREE, MANY], ids=["three", "many"])
def test_everything_fits_and_nothing_overlaps(question: StrapQuestion, size: tuple[int, int]) -> None:
    shown, _ = asked(question, size)
    straps = shown.window.straps
    places = [straps.title.geometry(), *(row.geometry() for row in straps.rows), straps.how.geometry()]
    assert len(straps.rows) == min(9, len(question.sights))
    assert all(straps.rect().contains(place) for place in places)
    assert all(upper.bottom() < lower.top() for upper, lower in pairwise(places))
    assert straps.title.text() == straps.title.words, "no word of the question is cut"
    assert min(row.height() for row in straps.rows) >= 11


def test_where_there_is_one_line_for_each_strap_its_figures_are_left_out() -> None:
    low, roomy = (asked(MANY, size)[0].window.straps.rows[1].facts for size in ((400, 360), (900, 640)))
    assert (low, roomy) == ("strong signal", "strong signal (-51 dBm)")


@pytest.mark.slow
@pytest.mark.fault(17, "memory")
def test_case_17_a_session_asks_and_begins_with_the_strap_that_is_chosen() -> None:
    chooser, queue, clock = Chooser(can_ask=True), ViewQueue(), LiveClock(1.0)
    worn: list[AirStrap] = []

    async def work() -> None:
        air = Air()
        worn.extend((air.add_strap("Polar H10", rssi=-80), air.add_strap("TICKR", rssi=-50)))
        source = Strap(radio=radio_of(air), delays=QUICK, aids=Aids(chooser=chooser))
        opening = open_session(free_plan(None), source.info, shipped())
        loop = SessionLoop(source, clock, opening, (), None, queue.put)
        session._post = loop.post
        await loop.run()

    session = RunningSession(queue, clock.now, lambda _: None, chooser=chooser)

    def sees_two(window: TraineeWindow) -> bool:
        return window.straps.isVisible() and len(window.straps.rows) == 2

    Person(
        [
            ("the straps", sees_two, lambda window: QTest.keyClick(window, Qt.Key.Key_2)),
            (
                "the chosen one",
                lambda window: window.pacer.isVisible() and worn[0].subscribed and not worn[1].connected,
                lambda window: QTest.keyClick(window, Qt.Key.Key_Escape),
            ),
            ("the end", lambda window: window.closing.isVisible(), lambda window: window.close()),
        ]
    ).watches(session, work)
    assert not worn[0].connected
