"""The breath on the screen: in time with the session, without a jump, quiet at rest (METHOD 2.1)."""

from __future__ import annotations

from itertools import pairwise
from math import pi
from statistics import median

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from biofeedback.breathing.pacer import Schedule, Stretch, position, ramp
from biofeedback.desktop.pacer_view import LARGEST, SMALLEST, PacerView
from biofeedback.desktop.theme import DARK
from biofeedback.presenter import words
from biofeedback.presenter.picture import Picture
from biofeedback.session.clock import LiveClock
from tests.desktop.people import S

FRAME_US = 16_667
SIDE = 320
SIX: Schedule = (Stretch(0, 6.0, 0.4),)


class Clock:
    """Session time that stands where it is put."""

    def __init__(self) -> None:
        self.at_us = 0

    def now(self) -> int:
        return self.at_us


def picture_with(schedule: Schedule) -> Picture:
    picture = Picture({}, hide_numbers=False)
    picture.signal = "good"
    picture.schedule = schedule
    return picture


def view_of(schedule: Schedule, clock: Clock | LiveClock) -> PacerView:
    view = PacerView(DARK, picture_with(schedule), clock.now)
    view.wish(18)
    view.resize(SIDE, SIDE + 40)
    view.show()
    QApplication.processEvents()
    return view


def disc_px(view: PacerView) -> int:
    """Width of what is painted inside the ring, along its middle."""
    image, ground = view.grab().toImage(), QColor(DARK.ground)
    middle, reach = view._ring.center().toPoint(), round(view._ring.width() / 2) - 5
    row = range(middle.x() - reach, middle.x() + reach)
    painted = [x for x in row if image.pixelColor(x, middle.y()) != ground]
    return painted[-1] - painted[0] + 1


@pytest.mark.parametrize(
    ("at_s", "fullness"), [(0, 0.0), (2, 0.5), (4, 1.0), (7, 0.5), (9.999, 0.0), (1, (1 - 2**-0.5) / 2)]
)
def test_the_disc_is_as_full_as_the_breath(at_s: float, fullness: float) -> None:
    clock = Clock()
    view = view_of(SIX, clock)
    clock.at_us = round(at_s * S)
    expected = view._ring.width() * (SMALLEST + (LARGEST - SMALLEST) * fullness)
    assert disc_px(view) == pytest.approx(expected, abs=3)
    assert view.frame is not None
    assert view.frame.breath == position(SIX, clock.at_us)


def test_no_breath_reaches_the_ring() -> None:
    assert LARGEST < 0.95
    assert view_of(SIX, Clock())._ring.width() < SIDE


def test_no_jump_on_a_rate_change() -> None:
    schedule = ramp(0, 6.0, 0.4)
    clock, radii = Clock(), list[float]()
    view = view_of(schedule, clock)
    for clock.at_us in range(0, schedule[-1].start_us + 20 * S, FRAME_US):
        radii.append(view.radius(view._picture.breath(clock.at_us)))
    steepest = pi / 2 / (0.4 * schedule[0].breath_us) * view._ring.width() / 2 * (LARGEST - SMALLEST)
    steps = [abs(after - before) for before, after in pairwise(radii)]
    assert max(steps) <= steepest * FRAME_US * 1.001
    assert max(radii) - min(radii) > 0.6 * view._ring.width() / 2


def test_no_jump_on_the_pixels_either() -> None:
    schedule = ramp(0, 6.0, 0.4)
    clock = Clock()
    view = view_of(schedule, clock)
    for stretch in schedule[1:]:
        widths: list[int] = []
        for clock.at_us in (stretch.start_us - FRAME_US, stretch.start_us, stretch.start_us + FRAME_US):
            widths.append(disc_px(view))
        assert max(widths) - min(widths) <= 2


@pytest.mark.slow
def test_phase_error_is_at_most_20_ms(qtbot: QtBot) -> None:
    clock, errors = LiveClock(), list[int]()
    view = view_of(SIX, clock)

    def measure() -> None:
        assert view.frame is not None
        assert view.frame.breath == position(SIX, view.frame.at_us)
        errors.append(clock.now() - view.frame.at_us)

    view.painted.connect(measure)
    timer = QTimer()
    timer.timeout.connect(view.advance)
    timer.start(16)
    qtbot.waitUntil(lambda: len(errors) >= 60)
    timer.stop()
    assert median(errors) <= 20_000


def test_the_word_follows_the_breath() -> None:
    clock, said = Clock(), list[str]()
    view = view_of((*SIX, Stretch(10 * S, None)), clock)
    for clock.at_us in (0, 3 * S, 5 * S, 9 * S, 11 * S):
        view.advance()
        said.append(view.word)
    assert said == [words.BREATHE_IN, words.BREATHE_IN, words.BREATHE_OUT, words.BREATHE_OUT, words.AS_YOU_LIKE]


def test_at_rest_nothing_is_painted_again() -> None:
    clock, painted = Clock(), list[int]()
    view = view_of((*SIX, Stretch(10 * S, None)), clock)
    view.painted.connect(lambda: painted.append(clock.at_us))
    for clock.at_us in range(9 * S, 12 * S, 100_000):
        view.advance()
        QApplication.processEvents()
    moving = [at_us for at_us in painted if at_us < 10 * S]
    assert len(moving) == 10
    assert len(painted) - len(moving) == 1
