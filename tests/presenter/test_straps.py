"""The words of the question which strap is yours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.presenter.straps import MOST_ROWS, WHICH, day, prompt, signal_and_use, strap_name
from devices.choosing import Sight, StrapQuestion

USED = "2026-11-22T12:00:00+00:00"
H10 = Sight("A0:9E:1A:00:00:01", "Polar H10", -55, False)


@pytest.mark.parametrize(
    ("rssi", "words"),
    [
        (-30, "strong signal (-30 dBm)"),
        (-60, "strong signal (-60 dBm)"),
        (-61, "good signal (-61 dBm)"),
        (-76, "weak signal (-76 dBm)"),
        (-100, "very weak signal (-100 dBm)"),
        (-999, "very weak signal (-999 dBm)"),
        (None, "connected to this computer"),
    ],
)
def test_a_signal_in_words_and_decibels(rssi: int | None, words: str) -> None:
    assert signal_and_use(Sight("A", "", rssi, rssi is None)) == words


def test_what_is_known_of_its_use_follows() -> None:
    assert signal_and_use(Sight("A", "", -50, False, USED)) == (
        "strong signal (-50 dBm), used last on 22 November 2026"
    )
    assert signal_and_use(Sight("A", "", None, True, USED, in_use=True)) == "read by another session"


def test_a_day_is_the_person_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    if not hasattr(time, "tzset"):
        pytest.skip("this system's zone cannot be set for a test")
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    time.tzset()
    try:
        assert day("2026-12-31T12:00:00+00:00") == "1 January 2027"
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("question", "title"),
    [
        (StrapQuestion((H10,)), WHICH),
        (
            StrapQuestion((H10,), "TICKR"),
            "Your strap TICKR is not in sight. Put it on and it is taken by itself, or choose another one.",
        ),
        (
            StrapQuestion((H10,), ""),
            "Your strap is not in sight. Put it on and it is taken by itself, or choose another one.",
        ),
        (
            StrapQuestion((H10,), "TICKR", missing_in_use=True),
            (
                "Your strap TICKR is being read by another session on this computer. "
                "End that session, or choose another strap."
            ),
        ),
    ],
)
def test_the_title_says_why_it_is_asked(question: StrapQuestion, title: str) -> None:
    assert prompt(question).title == title


def test_a_strap_without_a_name_is_shown_by_its_address() -> None:
    assert strap_name(" \n", "A0:9E:1A:00:00:01") == "A0:9E:1A:00:00:01"
    assert strap_name("Po\x1blar", "A") == "Po lar"


def test_what_is_spoken_does_not_change_with_the_signal_by_the_second() -> None:
    rows = [prompt(StrapQuestion((Sight("A", "H10", rssi, False, USED),))).rows[0] for rssi in (-50, -55)]
    assert rows[0].spoken == rows[1].spoken == "H10, strong signal, used last on 22 November 2026"
    assert rows[0].facts != rows[1].facts


@given(st.lists(st.builds(Sight, st.text(min_size=1), st.text(), st.none(), st.booleans(), in_use=st.booleans())))
def test_each_row_has_a_key_of_its_own_and_the_rest_is_counted(sights: list[Sight]) -> None:
    asked = prompt(StrapQuestion(tuple(sights)))
    assert [row.number for row in asked.rows] == list(range(1, min(len(sights), MOST_ROWS) + 1))
    assert [row.address for row in asked.rows] == [sight.address for sight in sights[:MOST_ROWS]]
    assert (f"{len(sights) - MOST_ROWS} more" in asked.more) is (len(sights) > MOST_ROWS)
    assert not any(ord(sign) < ord(" ") for row in asked.rows for sign in row.name if row.name != row.address)
