"""What is said at a moment: one order for every face."""

from __future__ import annotations

import re

import pytest

from biofeedback.arousal.quality import DISAGREES, ERRATIC, REPEATED, TOO_MANY
from biofeedback.events import Ask, Cue, End, Event, Link, Mark, Notice, Open, Phase, Safety
from biofeedback.presenter import words
from biofeedback.presenter.picture import FEEL_YOUR_FEET, Picture
from biofeedback.presenter.sentences import sentences
from biofeedback.session.plan import Plan, free_plan
from biofeedback.session.signal import NO_BEATS, NO_CONTACT, NO_LINK

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


CONNECTED = Link(0, "streaming", "Connected.")
GONE = Notice(S, "signal_lost", f"Signal lost: {NO_LINK}.")


@pytest.mark.parametrize(
    ("link", "sentence"),
    [
        (Link(S, "waiting", "The link was lost.", "Stay close."), "The link was lost. Stay close."),
        (Link(S, "scanning", "Looking."), words.SOUGHT),
        (Link(S, "connecting", "Connecting."), words.SOUGHT),
        (Link(S, "scanning", "Not in sight.", "Wet it."), "Not in sight. Wet it."),
        (Link(S, "off", "Bluetooth is off.", "Switch it on."), "Bluetooth is off. Switch it on."),
    ],
)
def test_a_lost_link_says_what_is_so_and_what_to_do(link: Link, sentence: str) -> None:
    assert said(IMAGE, CONNECTED, link, GONE) == [("program", sentence)]


@pytest.mark.parametrize(
    "why",
    [
        NO_BEATS, NO_CONTACT, DISAGREES, REPEATED, TOO_MANY,
        "11 % of the beats cannot be trusted", "only 82 % of the heartbeats arrived",
    ],
)  # fmt: skip
def test_a_lost_signal_says_what_to_do(why: str) -> None:
    text = f"Signal lost: {why}."
    [(_, sentence)] = said(IMAGE, CONNECTED, Notice(S, "signal_lost", text))
    assert re.fullmatch(re.escape(text) + r" [A-Z].*\.", sentence)


def test_the_reason_that_says_what_to_do_is_left_as_it_is() -> None:
    assert words.lost_sentence(f"Signal lost: {ERRATIC}.") == f"Signal lost: {ERRATIC}."


REST = Phase(0, "rest", True, 0, None, None, None, None)


def opened(kind: str, plan: Plan) -> Picture:
    picture = Picture({}, hide_numbers=False)
    picture.see(Open(0, plan.to_json(), {}, {}, {"kind": kind, "name": "x"}))
    picture.see(REST)
    return picture


def test_the_beats_of_a_file_ask_nobody_for_anything() -> None:
    looked_at, live = opened("file", free_plan(None)), opened("strap", free_plan(None))
    text = "Signal lost: 11 % of the beats cannot be trusted."
    for picture in (looked_at, live):
        picture.see(Notice(S, "signal_lost", text))
    assert looked_at.part is not None
    assert live.part is not None
    assert words.part_title(looked_at, looked_at.part) == "Beats of a file"
    assert (words.instruction(looked_at), words.instruction(live)) == ("", "Breathe as you like.")
    assert (words.breath_words(looked_at, None), words.breath_words(live, None)) == ("", words.AS_YOU_LIKE)
    assert [each.text for each in sentences(looked_at, 2 * S, hears=True)] == [text]
    assert [each.text for each in sentences(live, 2 * S, hears=True)] == [words.lost_sentence(text)]


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
