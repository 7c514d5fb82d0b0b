"""The screen: what stands on it, and that it always fits."""

from __future__ import annotations

from io import BytesIO, StringIO, TextIOWrapper

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from biofeedback.events import Event, Notice
from biofeedback.terminal.painter import Painter
from biofeedback.presenter.picture import HIDDEN, Picture
from biofeedback.session.plan import free_plan
from devices.choosing import Sight, StrapQuestion
from tests.strategies import packet
from tests.terminal.showing import DEMO, SHORT, TITLES, events_of

S = 1_000_000
PRACTICE = events_of(SHORT)
TRIAL = events_of(DEMO)


def at(events: list[Event], seconds: float, *, hide_numbers: bool = False) -> Picture:
    picture = Picture(TITLES, hide_numbers=hide_numbers)
    for event in events:
        if event.at <= seconds * S:
            picture.see(event)
    return picture


def screen(
    picture: Picture,
    seconds: float,
    width: int = 80,
    height: int = 24,
    *,
    live: bool = True,
    keys: bool = True,
) -> list[str]:
    console = Console(file=StringIO(), width=width, height=height)
    return [line.plain for line in Painter(console, live=live, keys=keys).paint(picture, round(seconds * S))]


def bars(lines: list[str]) -> list[str]:
    return [line for line in lines if "█" in line or "▐" in line]


@pytest.mark.parametrize("width", [40, 80, 140])
def test_a_paced_part_shows_signal_time_breath_line_numbers_and_keys(width: int) -> None:
    lines = screen(at(PRACTICE, 40), 40, width)
    text = " ".join(" ".join(lines).split())
    for words in ("● Signal good", "A safe place · 0:", "left", "Heart ", "Space pause", "Esc end gently"):
        assert words in text
    assert "Breathe in" in text or "Breathe out" in text
    assert "safe enough" in text
    assert len(bars(lines)) == 3


def test_the_bar_fills_with_the_inhale_and_empties_with_the_exhale() -> None:
    picture = at(PRACTICE, 40)
    stretch = picture.schedule[-1]
    widths = [
        sum(char in "█▐▌" for char in bars(screen(picture, (stretch.start_us / S) + t))[0])
        for t in (20, 21, 22, 23, 24, 26, 28, 29.9)
    ]
    assert widths[:5] == sorted(widths[:5])
    assert widths[4:] == sorted(widths[4:], reverse=True)
    assert widths[0] == 2
    assert widths[4] >= 77


def test_the_breath_keeps_its_place_whatever_is_said() -> None:
    picture = at(PRACTICE, 40)
    before = screen(picture, 40)
    picture.amber = True
    picture.question = at(PRACTICE, 3).question
    after = screen(picture, 3)
    picture.cue = None
    rows = [next(n for n, line in enumerate(lines) if "Breathe" in line) for lines in (before, after)]
    assert rows[0] == rows[1]


def test_in_a_test_one_quiet_sentence_stands_for_the_numbers() -> None:
    picture = at(TRIAL, 120, hide_numbers=True)
    text = " ".join(" ".join(screen(picture, 120)).split())
    assert HIDDEN in text
    assert "bpm" not in text
    assert "RMSSD" not in text


def test_an_open_question_says_which_keys_answer_it() -> None:
    picture = at(PRACTICE, 3)
    question = "How strong is what you feel now, 0–10?"
    assert any(f"{question} Press 0–9, or T for ten." in line for line in screen(picture, 3))
    assert any(line.strip() == question for line in screen(picture, 3, keys=False))


def test_the_help_offers_only_what_works() -> None:
    assert "Esc" not in " ".join(screen(at(PRACTICE, 40), 40, live=False))
    assert "Ctrl-C ends" in screen(at(PRACTICE, 40), 40, keys=False)[-1]
    grounding = at(events_of(SHORT, [(30, "strong")]), 35)
    assert "Space" not in screen(grounding, 35)[-1]
    paused = at(events_of(SHORT, [(30, "pause"), (40, "resume")]), 35)
    assert "Space go on" in screen(paused, 35)[-1]
    assert any("Paused. Space goes on." in line for line in screen(paused, 35))


def test_a_terminal_without_unicode_gets_plain_signs() -> None:
    console = Console(file=TextIOWrapper(BytesIO(), "latin-1"), width=60, height=20)
    lines = [line.plain for line in Painter(console, live=True, keys=True).paint(at(PRACTICE, 40), 40 * S)]
    "\n".join(lines).replace("–", "-").encode("latin-1")
    assert lines[0].startswith(" * Signal good")
    assert any("--##" in line or "-##" in line for line in lines)


@given(
    st.integers(1, 220),
    st.integers(1, 60),
    st.sampled_from([0.0, 1.0, 3.0, 10.0, 40.0, 75.0, 300.0]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
def test_it_fits_every_screen(
    width: int, height: int, seconds: float, trial: bool, live: bool, hide_numbers: bool
) -> None:
    picture = at(TRIAL if trial else PRACTICE, seconds, hide_numbers=hide_numbers)
    lines = screen(picture, seconds, width, height, live=live)
    assert len(lines) <= height
    assert all(len(line.rstrip()) <= width for line in lines)


H10 = Sight("A0:9E:1A:00:00:01", "Polar H10 12345678", -55, False, "2026-11-22T12:00:00+00:00")
TICKR = Sight("A0:9E:1A:00:00:02", "TICKR\x1b[31m 4711", -68, False)
HELD = Sight("A0:9E:1A:00:00:03", "", None, True, in_use=True)


def asked(question: StrapQuestion, width: int = 80, height: int = 24) -> list[str]:
    console = Console(file=StringIO(), width=width, height=height)
    painter = Painter(console, live=True, keys=True)
    return [line.plain for line in painter.paint(Picture({}, hide_numbers=False), 0, question)]


def test_straps_to_choose_from_stand_in_columns_with_their_numbers() -> None:
    lines = asked(StrapQuestion((H10, TICKR, HELD)), width=100)
    assert [line.strip() for line in lines if "signal (" in line or "read by" in line] == [
        "1  Polar H10 12345678   strong signal (-55 dBm), used last on 22 November 2026",
        "2  TICKR [31m 4711      good signal (-68 dBm)",
        "A0:9E:1A:00:00:03    read by another session",
    ]
    text = " ".join(lines)
    for said in ("Which one is yours?", "Press its number.", "Esc end gently"):
        assert said in text
    assert "Breathe" not in text


def test_where_columns_are_too_wide_the_facts_stand_below_else_the_names_alone() -> None:
    straps = StrapQuestion((H10, TICKR, HELD), missing="Garmin HRM")
    lines = [line.strip() for line in asked(straps, width=60)]
    place = lines.index("1  Polar H10 12345678")
    assert lines[place + 1] == "strong signal (-55 dBm), used last on 22 November 2026"
    low = [line.strip() for line in asked(straps, width=60, height=13)]
    assert [line[:9] for line in low if line[:1] in ("1", "2")] == ["1  Polar ", "2  TICKR "]


def test_a_low_and_narrow_screen_lists_every_strap_or_says_how_many_more_there_are() -> None:
    sights = tuple(Sight(f"A{n}", f"Polar H10 1234567{n}", -50, False) for n in range(1, 10))
    rows = [f"{n}  Polar H10 1234567{n}, strong signal" for n in range(1, 10)]

    def listed(many: int) -> list[str]:
        lines = asked(StrapQuestion(sights[:many]), width=40, height=12)
        return [line.strip() for line in lines if ", strong" in line or " more" in line]

    assert listed(7) == rows[:7]
    assert listed(9) == [*rows[:6], "and 3 more"]


@pytest.mark.parametrize("height", [12, 24])
def test_a_sensor_without_intervals_has_its_rate_shown_though_nothing_begins(height: int) -> None:
    picture = Picture({}, hide_numbers=False)
    for event in (Notice(S, "no_rr", "This sensor sends no RR intervals."), packet(2 * S, hr=66)):
        picture.see(event)
    assert "Heart 66 bpm" in [line.strip() for line in screen(picture, 2, 40, height)]


def test_a_low_screen_shows_the_heart_before_it_explains_numbers() -> None:
    text = "\n".join(screen(at(events_of(free_plan(0.5)), 20), 20, 40, 12))
    assert "Heart " in text
    assert "only the test sessions" not in text


@given(
    st.integers(1, 160),
    st.integers(1, 60),
    st.lists(
        st.builds(Sight, st.text(min_size=1), st.text(), st.none() | st.integers(-127, 20), st.booleans()), max_size=12
    ),
)
def test_straps_to_choose_from_never_exceed_the_screen(width: int, height: int, sights: list[Sight]) -> None:
    lines = asked(StrapQuestion(tuple(sights), "your strap"), width, height)
    assert len(lines) <= height
    if width > 2:
        assert all(cell_len(line) <= width for line in lines)
