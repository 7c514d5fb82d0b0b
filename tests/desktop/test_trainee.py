"""The trainee window at one moment: what stands in it, that it fits, that it can be used without a mouse."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QFont
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QWidget

from biofeedback.desktop.pieces import FittingLabel
from biofeedback.desktop.theme import DARK
from biofeedback.desktop.trainee import CLOSE_HINT, KEYS_HINT, REPLAY, TITLE
from biofeedback.events import Answer, Ask, Command, Cue, Input, Link, Notice, Safety
from biofeedback.presenter import words
from biofeedback.presenter.picture import FEEL_YOUR_FEET, HIDDEN, Picture
from biofeedback.session.plan import free_plan
from tests.desktop.people import S, Still, name_of, picture_of, still
from tests.strategies import packet
from tests.terminal.showing import DEMO, SHORT, events_of

PRACTICE = events_of(SHORT)
TRIAL = events_of(DEMO)
FREE = events_of(free_plan(2))
SIZES = [(480, 420), (900, 640), (1920, 1080)]
GERMAN = (
    "Stellen Sie sich einen Ort vor, an dem Sie sich sicher genug fühlen, und bemerken Sie die "
    "Sitzflächenunterstützungsmöglichkeiten, während die Schultern mit jedem Ausatmen ein wenig sinken dürfen."
)
LOST = Notice(38 * S, "signal_lost", "Signal lost: the strap has no contact with the skin.")


def commands(shown: Still) -> list[str]:
    return [pressed.what for pressed in shown.pressed if isinstance(pressed, Command)]


def answers(pressed: list[Input]) -> list[int | None]:
    return [answer.value for answer in pressed if isinstance(answer, Answer)]


def seen(shown: Still) -> str:
    """All words that are on the screen."""
    labels = [label.text() for label in shown.window.findChildren(QLabel) if label.isVisible()]
    return " | ".join([*labels, shown.window.pacer.word])


def asked_while_imagining(picture: Picture | None = None) -> Still:
    picture = picture or picture_of(PRACTICE, 38)
    picture.see(Ask(38 * S, "suds-9", "suds", 99 * S))
    return still(picture, 38)


class TestWhatIsSaid:
    def test_waiting_says_what_it_waits_for_and_where_the_keys_are(self) -> None:
        picture = Picture({}, hide_numbers=False)
        picture.see(Link(0, "scanning", "Looking for a heart-rate strap."))
        text = seen(still(picture, 1))
        for said in ("Looking for the strap", "Looking for a heart-rate strap.", KEYS_HINT):
            assert said in text
        assert "Breathe" not in text

    def test_a_sensor_without_intervals_has_its_rate_shown_though_nothing_begins(self) -> None:
        picture = Picture({}, hide_numbers=False)
        for event in (Notice(S, "no_rr", "This sensor sends no RR intervals."), packet(2 * S, hr=66)):
            picture.see(event)
        shown = still(picture, 2)
        assert "Heart rate only, no HRV" in seen(shown)
        assert shown.window.foot.words == "Heart 66 bpm"

    def test_what_to_do_before_it_begins_is_not_written_as_if_it_could_be_overlooked(self) -> None:
        picture = Picture({}, hide_numbers=False)
        picture.see(Link(0, "off", "Bluetooth is off.", "Switch it on."))
        label = still(picture, 1).window.program
        assert label.words == "Bluetooth is off. Switch it on."
        assert label.palette().windowText().color().name().upper() == DARK.ink

    def test_a_paced_part_shows_signal_part_time_breath_and_line_but_no_number(self) -> None:
        text = seen(still(picture_of(PRACTICE, 38), 38))
        for said in ("Signal good", "A safe place  ·  0:", "Breathe in", "safe enough"):
            assert said in text
        assert "bpm" not in text
        assert "RMSSD" not in text

    def test_amber_words_stand_where_the_script_stood(self) -> None:
        picture = picture_of(PRACTICE, 38)
        picture.see(Safety(38 * S, "amber", True, "", 9.0, 3.0))
        shown = still(picture, 38)
        assert shown.window.script.words == FEEL_YOUR_FEET

    def test_a_lost_signal_is_said_in_words_and_in_the_sign(self) -> None:
        picture = picture_of(PRACTICE, 38)
        picture.see(LOST)
        shown = still(picture, 38)
        assert shown.window.signal.words == "Signal lost"
        assert shown.window.program.words == f"{LOST.text} {words.SEE_TO_IT}"

    def test_a_pause_says_how_to_go_on(self) -> None:
        shown = still(picture_of(events_of(SHORT, [(30, "pause"), (50, "resume")]), 40), 40)
        assert shown.window.program.words == "Paused. Space goes on."
        assert shown.window.buttons["Pause"].text() == "Go on"
        assert shown.window.pacer.word == words.AS_YOU_LIKE

    def test_words_of_others_are_plain_and_clean(self) -> None:
        picture = picture_of(PRACTICE, 38)
        picture.see(Cue(38 * S, "x", "", 0, "<b>Bold</b>\x1b[31m & <img src='x'>", 0.0))
        shown = still(picture, 38)
        assert shown.window.script.words == "<b>Bold</b> [31m & <img src='x'>"
        assert all(label.textFormat() == Qt.TextFormat.PlainText for label in shown.window.findChildren(QLabel))

    def test_nothing_private_is_in_the_title(self) -> None:
        assert still(picture_of(PRACTICE, 38), 38).window.windowTitle() == TITLE == "Biofeedback"

    def test_the_end_says_what_happened_and_how_to_close(self) -> None:
        shown = still(picture_of(TRIAL, 999, hide_numbers=True), 999)
        text = seen(shown)
        for said in (*words.closing(shown.picture), CLOSE_HINT):
            assert said in text
        assert not shown.window.pacer.isVisible()
        assert [button.text() for button in shown.window.buttons.values() if button.isVisible()] == ["Close"]


class TestNumbers:
    def test_e2_are_hidden_in_a_test(self) -> None:
        shown = still(picture_of(TRIAL, 120, hide_numbers=True), 120)
        assert shown.window.foot.words == HIDDEN
        assert "bpm" not in seen(shown)

    def test_are_one_quiet_line_in_a_free_session(self) -> None:
        shown = still(picture_of(FREE, 90), 90)
        assert shown.window.foot.words.startswith("Heart ")
        assert "RMSSD" in shown.window.foot.words

    def test_are_shown_in_a_replay_which_has_no_buttons(self) -> None:
        shown = still(picture_of(PRACTICE, 38), 38, live=False)
        assert shown.window.foot.words.startswith("Heart ")
        assert not any(button.isVisible() for button in shown.window.buttons.values())
        assert REPLAY in seen(shown)


class TestKeys:
    @pytest.mark.parametrize(
        ("key", "what"),
        [(Qt.Key.Key_Space, "pause"), (Qt.Key.Key_S, "strong"), (Qt.Key.Key_M, "mark"), (Qt.Key.Key_Escape, "end")],
    )
    def test_do_what_they_say(self, key: Qt.Key, what: str) -> None:
        shown = still(picture_of(PRACTICE, 38), 38)
        QTest.keyClick(shown.window, key)
        assert commands(shown) == [what]

    @pytest.mark.parametrize(
        ("caption", "what"), [("Pause", "pause"), ("Something strong", "strong"), ("Mark", "mark"), ("End", "end")]
    )
    def test_and_buttons_ask_for_the_same(self, caption: str, what: str) -> None:
        shown = still(picture_of(PRACTICE, 38), 38)
        button = shown.window.buttons[caption]
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
        QTest.keyClick(button, Qt.Key.Key_Return)
        assert commands(shown) == [what, what]

    def test_space_pauses_wherever_the_keyboard_is(self) -> None:
        shown = still(picture_of(PRACTICE, 38), 38)
        for caption in ("Something strong", "End"):
            QTest.keyClick(shown.window.buttons[caption], Qt.Key.Key_Space)
        assert commands(shown) == ["pause", "pause"]

    def test_no_button_looks_chosen_at_first_and_tab_reaches_each(self) -> None:
        shown = still(picture_of(PRACTICE, 38), 38)
        assert shown.window.focusWidget() is shown.window
        reached: list[str] = []
        for _ in range(4):
            shown.window.focusNextChild()
            reached.append(name_of(shown.window.focusWidget()))
        assert reached == ["Pause", "Something strong", "Mark", "End"]

    def test_with_control_or_alt_mean_nothing(self) -> None:
        shown = still(picture_of(PRACTICE, 38), 38)
        QTest.keyClick(shown.window, Qt.Key.Key_S, Qt.KeyboardModifier.ControlModifier)
        QTest.keyClick(shown.window, Qt.Key.Key_M, Qt.KeyboardModifier.AltModifier)
        assert shown.pressed == []

    def test_f1_shows_them_and_escape_only_leaves_that_page(self) -> None:
        shown = still(picture_of(PRACTICE, 38), 38)
        QTest.keyClick(shown.window, Qt.Key.Key_F1)
        assert shown.window.keys.isVisible()
        assert "Something strong: back to the room at once" in seen(shown)
        QTest.keyClick(shown.window, Qt.Key.Key_Escape)
        assert not shown.window.keys.isVisible()
        assert shown.pressed == []

    def test_f11_fills_the_screen_and_gives_it_back(self) -> None:
        shown = still(picture_of(PRACTICE, 38), 38)
        QTest.keyClick(shown.window, Qt.Key.Key_F11)
        assert shown.window.isFullScreen()
        QTest.keyClick(shown.window, Qt.Key.Key_F11)
        assert not shown.window.isFullScreen()

    def test_escape_closes_a_replay_and_steers_nothing(self) -> None:
        shown = still(picture_of(PRACTICE, 38), 38, live=False)
        for key in (Qt.Key.Key_Space, Qt.Key.Key_S, Qt.Key.Key_M):
            QTest.keyClick(shown.window, key)
        assert not shown.window.gone
        QTest.keyClick(shown.window, Qt.Key.Key_Escape)
        assert shown.window.gone

    def test_back_to_the_room_cannot_be_paused(self) -> None:
        shown = still(picture_of(events_of(SHORT, [(30, "strong")]), 35), 35)
        assert not shown.window.buttons["Pause"].isEnabled()
        assert shown.window.buttons["End"].isEnabled()


class TestTheQuestion:
    def test_appears_without_moving_the_breath(self) -> None:
        picture = picture_of(PRACTICE, 38)
        before = still(picture, 38)
        place = before.window.pacer.geometry()
        picture.see(Ask(38 * S, "suds-9", "suds", 99 * S))
        before.refresh()
        assert before.window.question.isVisible()
        assert before.window.pacer.geometry() == place
        assert len(before.window.question.buttons) == 11

    @pytest.mark.parametrize(("key", "value"), [("0", 0), ("7", 7), ("t", 10), ("T", 10)])
    def test_is_answered_by_figures_and_t(self, key: str, value: int) -> None:
        shown = asked_while_imagining()
        QTest.keyClicks(shown.window, key)
        assert answers(shown.pressed) == [value]

    @pytest.mark.parametrize("value", [0, 4, 10])
    def test_is_answered_by_mouse(self, value: int) -> None:
        shown = asked_while_imagining()
        QTest.mouseClick(shown.window.question.buttons[value], Qt.MouseButton.LeftButton)
        assert answers(shown.pressed) == [value]

    @pytest.mark.parametrize(
        ("keys", "value"),
        [
            ([Qt.Key.Key_Right] * 4, 3),
            ([Qt.Key.Key_Left] * 2, 9),
            ([Qt.Key.Key_Up, Qt.Key.Key_Up, Qt.Key.Key_Down], 0),
            ([Qt.Key.Key_Left, Qt.Key.Key_Right], 10),
        ],
    )
    def test_is_answered_by_arrows_and_enter(self, keys: list[Qt.Key], value: int) -> None:
        shown = asked_while_imagining()
        for key in [*keys, Qt.Key.Key_Return]:
            QTest.keyClick(shown.window.focusWidget(), key)
        assert answers(shown.pressed) == [value]
        assert commands(shown) == []

    def test_goes_when_its_time_is_over_and_gives_the_keyboard_back(self) -> None:
        shown = asked_while_imagining()
        QTest.keyClick(shown.window, Qt.Key.Key_Right)
        shown.at_us = 99 * S
        shown.refresh()
        assert not shown.window.question.isVisible()
        assert shown.window.focusWidget() is shown.window

    def test_figures_mean_nothing_while_none_is_open(self) -> None:
        shown = still(picture_of(PRACTICE, 38), 38)
        QTest.keyClicks(shown.window, "7t")
        assert shown.pressed == []


def everything() -> list[tuple[str, Still]]:
    """The window in all its states."""
    lost = picture_of(PRACTICE, 38)
    lost.see(LOST)
    waiting = Picture({}, hide_numbers=False)
    waiting.see(Link(0, "scanning", "Looking for a heart-rate strap."))
    return [
        ("waiting", still(waiting, 1)),
        ("paced", still(picture_of(PRACTICE, 38), 38)),
        ("lost", still(lost, 38)),
        ("asked", asked_while_imagining(lost)),
        ("free", still(picture_of(FREE, 90), 90)),
        ("test", still(picture_of(TRIAL, 120, hide_numbers=True), 120)),
        ("replay", still(picture_of(PRACTICE, 38), 38, live=False)),
        ("paused", still(picture_of(events_of(SHORT, [(30, "pause"), (50, "resume")]), 40), 40)),
        ("end", still(picture_of(TRIAL, 999, hide_numbers=True), 999)),
    ]


def test_every_widget_has_a_name_for_screen_readers() -> None:
    for state, shown in everything():
        widgets = [shown.window, *shown.window.findChildren(QWidget)]
        assert [type(widget).__name__ for widget in widgets if not name_of(widget)] == [], state
        for button in (*shown.window.buttons.values(), *shown.window.question.buttons):
            assert button.accessibleDescription(), state


def test_a_screen_reader_hears_the_words_and_the_breath() -> None:
    shown = still(picture_of(PRACTICE, 38), 38)
    assert name_of(shown.window.script) == f"Script: {shown.window.script.words}"
    assert shown.window.pacer.accessibleDescription() == "Breathe in"


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("type_px", [None, 20])
def test_everything_fits_and_nothing_overlaps(size: tuple[int, int], type_px: int | None, qapp: QApplication) -> None:
    usual, own = qapp.font(), QFont(qapp.font())
    if type_px is not None:
        own.setPixelSize(type_px)
    qapp.setFont(own)
    try:
        for state, shown in everything():
            shown.window.resize(*size)
            shown.refresh()
            assert (shown.window.width(), shown.window.height()) == size
            assert_fits(state, shown)
    finally:
        qapp.setFont(usual)


@pytest.mark.parametrize("size", SIZES)
def test_a_long_line_fits_whole(size: tuple[int, int]) -> None:
    picture = picture_of(PRACTICE, 38)
    picture.see(Cue(38 * S, "x", "", 0, GERMAN, 0.0))
    shown = still(picture, 38, size=size)
    assert_fits("long", shown)


def test_what_cannot_fit_is_cut_and_still_read_out() -> None:
    picture = picture_of(PRACTICE, 38)
    assert picture.part is not None
    picture.part = replace(picture.part, script=GERMAN * 3)
    picture.cue = Cue(0, "safe_place", "", 0, GERMAN * 9, 0.0)
    shown = still(picture, 38, size=(400, 360))
    script = shown.window.script
    assert script.text().endswith("…")
    assert script.words in name_of(script)
    assert shown.window.part.words.endswith(" left"), "the time left has room beside the longest title"


def assert_fits(state: str, shown: Still) -> None:
    window = shown.window
    for label in window.findChildren(FittingLabel):
        if label.isVisible() and label.words:
            assert label.text() == label.words, (state, label.words)
            room, flags = label.contentsRect(), int(Qt.TextFlag.TextWordWrap)
            needed = label.fontMetrics().boundingRect(QRect(0, 0, room.width(), 10_000), flags, label.text())
            assert needed.height() <= room.height(), (state, label.words)
    places = [
        (widget, QRect(widget.mapTo(window, widget.rect().topLeft()), widget.size()))
        for widget in window.findChildren(QWidget)
        if widget.isVisible() and not widget.findChildren(QWidget)
    ]
    for widget, place in places:
        assert window.rect().contains(place), (state, name_of(widget))
    for (one, here), (other, there) in combinations(places, 2):
        assert not here.intersects(there), (state, name_of(one), name_of(other))
