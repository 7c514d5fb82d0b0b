"""What is said at a moment: one order for every face."""

from __future__ import annotations

import pytest

from biofeedback.events import Ask, Cue, End, Event, Link, Mark, Notice, Phase, Safety
from biofeedback.presenter import words
from biofeedback.presenter.picture import FEEL_YOUR_FEET, Picture
from biofeedback.presenter.sentences import sentences

S = 1_000_000
IMAGE = Phase(0, "image", True, 0, None, "safe_place", None, 60)
CUE = Cue(S, "safe_place", "", 0, "Look around.", 0)
AMBER = Safety(S, "amber", True, "", 9.0, 3.0)
ASK = Ask(S, "suds-1", "suds", 30 * S)
WRIST = Notice(S, "not_chest", "On the wrist.")
RATE_ONLY = Notice(S, "no_rr", "No intervals.")
PAUSED = Notice(S, "paused", "Paused. Breathe as you like.")
LOST = Notice(S, "signal_lost", "Signal lost: no contact.")
LINK = Link(S, "scanning", "Looking for a strap.")


def said(*events: Event, at_s: int = 2, hears: bool = True) -> list[tuple[str, str]]:
    picture = Picture({}, hide_numbers=False)
    for event in events:
        picture.see(event)
    return [(sentence.kind, sentence.text) for sentence in sentences(picture, at_s * S, hears=hears)]


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ((IMAGE, CUE), [("script", "Look around.")]),
        ((IMAGE, CUE, AMBER), [("script", FEEL_YOUR_FEET)]),
        ((IMAGE, CUE, ASK), [("script", "Look around."), ("question", words.QUESTION)]),
        ((IMAGE, LOST, PAUSED), [("program", "Paused. Space goes on.")]),
        ((IMAGE, Mark(S, "", "trainee"), LOST), [("program", "Signal lost: no contact.")]),
        ((IMAGE, LINK, Mark(S, "", "trainee")), [("program", "Marked.")]),
        ((LINK,), [("program", "Looking for a strap.")]),
        ((LINK, WRIST), [("program", "On the wrist.")]),
        ((LINK, RATE_ONLY), [("program", "No intervals.")]),
        ((IMAGE, CUE, ASK, End(2 * S, "planned end", 2.0, 2)), []),
    ],
)
def test_the_order(events: tuple[Event, ...], expected: list[tuple[str, str]]) -> None:
    assert said(*events) == expected


def test_keys_are_named_only_where_they_are_heard() -> None:
    assert said(IMAGE, PAUSED, hears=False) == [("program", "Paused.")]


def test_a_passing_sentence_and_an_unanswered_question_pass() -> None:
    assert said(IMAGE, ASK, Mark(S, "", "trainee"), at_s=40) == []


def test_a_face_may_have_a_passing_sentence_of_its_own() -> None:
    picture = Picture({}, hide_numbers=False)
    picture.see(IMAGE)
    picture.say(S, "Something to say.")
    assert [sentence.text for sentence in sentences(picture, 2 * S, hears=True)] == ["Something to say."]
    assert list(sentences(picture, 40 * S, hears=True)) == []


def test_part_and_time_are_told_until_the_end() -> None:
    picture = Picture({"safe_place": "A safe place"}, hide_numbers=False)
    assert words.part_and_time(picture, 0) == []
    picture.see(IMAGE)
    assert words.part_and_time(picture, S) == ["A safe place", "0:59 left"]
    picture.see(Phase(2 * S, "rest", True, 0, None, None, None))
    assert words.part_and_time(picture, 3 * S) == ["Rest"]
    picture.see(End(4 * S, "planned end", 4.0, 4))
    assert words.part_and_time(picture, 5 * S) == []
