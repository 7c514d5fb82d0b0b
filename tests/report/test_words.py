"""How numbers, times and other people's words are said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback import times
from biofeedback.report import words
from tests.report.sessions import HEAD


@pytest.mark.parametrize(
    ("us", "said"),
    [(0, "0:00"), (59_999_999, "0:59"), (245_000_000, "4:05"), (3_723_000_000, "1:02:03"), (-5, "0:00")],
)
def test_session_time(us: int, said: str) -> None:
    assert times.clock(us) == said


@pytest.mark.parametrize(
    ("us", "said"),
    [
        (0, "0 s"),
        (42_400_000, "42 s"),
        (282_000_000, "4 min 42 s"),
        (3_600_000_000, "1 h"),
        (3_780_000_000, "1 h 3 min"),
        (3_089_900_000, "51 min 29 s"),
        (300_000_000, "5 min"),
    ],
)
def test_length(us: int, said: str) -> None:
    assert times.length(us) == said


@pytest.mark.parametrize(
    ("us", "said"),
    [(3_440_000, "3.4 s"), (59_940_000, "59.9 s"), (59_960_000, "1 min"), (14_772_600_000, "4 h 6 min"), (-1, "0.0 s")],
)
def test_a_gap(us: int, said: str) -> None:
    assert times.gap(us) == said


@given(us=st.integers(0, 10**13))
def test_no_time_is_told_that_has_not_passed(us: int) -> None:
    told = sum(int(part) * 60**place for place, part in enumerate(reversed(times.clock(us).split(":"))))
    assert told == us // 1_000_000


def test_a_difference_that_rounds_to_nothing_has_no_sign() -> None:
    assert [words.signed(x) for x in (-2.04, 0.04, -0.04, 1.25)] == ["−2.0", "0.0", "0.0", "+1.2"]


def test_numbers_have_a_true_minus_and_a_dash_for_nothing() -> None:
    assert [words.number(-1.55), words.number(None), words.number(61.26)] == ["−1.6", "–", "61.3"]


def test_shares() -> None:
    assert [words.share(*x) for x in ((0, 10), (1, 40), (5, 10), (0, 0))] == ["0 %", "2.5 %", "50 %", "–"]


def test_counts() -> None:
    assert words.count(1, "beat") == "1 beat"
    assert words.count(1050, "beat") == "1\N{NARROW NO-BREAK SPACE}050 beats"


def test_the_date_is_that_of_the_place_of_the_recording() -> None:
    assert words.began(HEAD) == "24 November 2026 at 14:19 (UTC+01:00)"
    assert words.began({**HEAD, "utc_off_s": 0}) == "24 November 2026 at 13:19 (UTC)"


@pytest.mark.parametrize("head", [{}, {"wall_ns": "soon"}, {"wall_ns": 10**30}, {"wall_ns": 0, "utc_off_s": 10**9}])
def test_a_head_without_a_usable_time_has_no_date(head: dict[str, Any]) -> None:
    assert words.began(head) is None


def test_direction_overrides_are_taken_out_and_hebrew_stays() -> None:
    assert words.clean("a \u202eb\u202c \u2067שלום") == "a b שלום"


@given(st.text(st.characters(codec=None), max_size=2000))
def test_any_words_can_be_written_and_are_short_enough(text: str) -> None:
    said = words.clean(text)
    said.encode("utf-8")
    assert len(said) <= words.LONGEST_TEXT
    assert "\x00" not in said
