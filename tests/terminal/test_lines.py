"""The plain face: what a newcomer reads, line by line."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import pytest

from biofeedback.arousal.quality import DISAGREES, TOO_MANY
from biofeedback.events import Battery, Event, Link, Mark, Note, Notice
from biofeedback.presenter import words
from biofeedback.presenter.picture import Picture
from biofeedback.session.plan import free_plan, practice_plan
from biofeedback.session.signal import NO_BEATS, NO_LINK
from biofeedback.terminal.lines import Teller
from devices.choosing import Sight, StrapQuestion
from tests.strategies import packet
from tests.terminal.showing import DEMO, SHORT, events_of, shown

FORBIDDEN = re.compile(
    r"\b(treat(s|ment)?|therap\w+|heal|cure|ptsd|anxiety disorder|diagnos\w+|clinical|rewire|score|alarm)\b"
)
TRIAL = events_of(DEMO)
S = 1_000_000


def test_a_demonstration_is_told_in_order() -> None:
    lines = shown(TRIAL, hide_numbers=True)
    told = [
        "00:00  A test in small, with a simulated person: “A safe place” against “Breath only”, ",
        r"00:02  Settling in, 20 s. Sit comfortably and breathe as you like.",
        r"00:02  How strong is what you feel now, 0–10\?",
        "00:22  Paced baseline, 1 min. Follow the breath: 6.0 a minute, in for 4.0 s, out for 6.0 s.",
        "00:22  In a test the numbers are hidden, so that knowing them cannot change the result.",
        "01:22  In between, 30 s. Only follow the breath.",
        "01:52  A safe place, 1 min. Let it come as the words suggest, and follow the breath.",
        "01:56  A safe place: You are at a place that is safe enough. Look around, once.",
        r"0[23]:\d\d  “A safe place” is measured\.",
        "03:22  Breath only, 1 min. Follow the breath and the words.",
        "04:22  Closing, 20 s. The last breaths with the pacer.",
        "04:42  The session is over.",
        "This session: the heart was ",
        r"4 min 4\d s, \d+ heartbeats\. ",
    ]
    places = [next((n for n, line in enumerate(lines) if re.match(start, line)), -1) for start in told]
    assert -1 not in places, told[places.index(-1)]
    assert places == sorted(places)
    assert places[-1] == len(lines) - 1


def test_no_line_is_wrapped_or_holds_a_control_code() -> None:
    lines = shown(TRIAL, hide_numbers=True, width=20)
    assert lines == shown(TRIAL, hide_numbers=True, width=200)
    assert all(line.isprintable() for line in lines)


def test_a_test_tells_no_number_of_the_heart_and_no_answer_before_its_end() -> None:
    paced = [line for line in shown(TRIAL, hide_numbers=True) if "00:22" <= line[:5] < "04:42"]
    assert len(paced) > 10
    assert not [line for line in paced if re.search("bpm|RMSSD|heartbeat|of 10", line.split("  ", 1)[1])]


def test_who_is_not_in_a_test_sees_them() -> None:
    lines = shown(TRIAL, hide_numbers=False)
    measured = re.compile(r"“A safe place” is measured: \d+\.\d bpm over 4 breaths, \d+ heartbeats")
    assert any(measured.search(line) for line in lines)
    assert any(line.endswith("of 10.") for line in lines)


def test_numbers_come_about_every_half_minute_and_are_explained_once() -> None:
    lines = shown(events_of(practice_plan("safe_place", 3)), hide_numbers=False)
    times = [line[:5] for line in lines if "Heart " in line]
    seconds = [int(t[:2]) * 60 + int(t[3:]) for t in times]
    assert len(times) >= 8
    assert all(30 <= later - earlier <= 40 for earlier, later in pairwise(seconds))
    assert sum("What they mean" in line for line in lines) == 1
    assert sum("only the test sessions show" in line for line in lines) == 1


def test_something_strong_brings_the_grounding_at_once() -> None:
    lines = shown(events_of(SHORT, [(30.0, "strong")]), hide_numbers=False)
    at = next(n for n, line in enumerate(lines) if "Something strong came up" in line)
    assert lines[at].startswith("00:30")
    assert lines[at + 1].startswith("00:30  Back to the room, 1 min 30 s.")
    cue = next(line for line in lines if "Press your feet" in line)
    assert cue == "00:30  Back to the room: Press your feet into the floor. Hold. And let go."


def test_a_pause_a_mark_and_a_gentle_end_are_told() -> None:
    events = events_of(SHORT, [(9, "pause"), (12, "mark"), (15, "resume"), (40, "end")])
    lines = shown(events, hide_numbers=False)
    assert "00:09  Paused. Breathe as you like." in lines
    assert "00:12  Marked." in lines
    assert "00:15  Going on." in lines
    assert any(line.startswith("00:40  Closing") for line in lines)


def test_trouble_with_the_strap_is_told_calmly() -> None:
    lines = shown(events_of(practice_plan("safe_place", 2), spec="sim:faulty?seed=1"), hide_numbers=False)
    assert not any("the strap is not connected" in line for line in lines)  # the link has said so
    missing = re.compile(r"\d\.\d s of heartbeats are missing: the strap was not connected\.$")
    assert any(missing.search(line) for line in lines)
    assert any(re.search(r"\d+ gaps in the signal\.$", line) for line in lines)


def told(*events: Event) -> list[str]:
    picture = Picture({}, hide_numbers=False)
    teller = Teller(picture)
    lines: list[str] = []
    for event in (packet(0, (900,)), *events):
        picture.see(event)
        lines += [line.split("  ", 1)[1] for line in teller.tell(event)]
    return lines


STREAMING = Link(0, "streaming", "Connected.")
WAITING = Link(S, "waiting", "The link was lost.", "Stay close.")
STALE = Link(S, "stale", "The strap has gone quiet.", "See to it.")
SENDS = Link(2 * S, "streaming", "The strap sends again.")
GONE = Notice(S, "signal_lost", f"Signal lost: {NO_LINK}.")
SILENT = Notice(S, "signal_lost", f"Signal lost: {NO_BEATS}.")
BACK = Notice(2 * S, "signal_back", "The signal is back.")
TWICE = Notice(S, "signal_lost", f"Signal lost: {TOO_MANY}.")


@pytest.mark.parametrize(
    ("events", "lines"),
    [
        (
            (STREAMING, WAITING, GONE),
            ["The link was lost. Stay close."],
        ),
        ((STREAMING, SILENT, STALE), [f"Signal lost: {NO_BEATS}. {words.SEE_TO_IT}"]),
        ((STREAMING, STALE, SILENT), ["The strap has gone quiet. See to it."]),
        ((STREAMING, SILENT, STALE, BACK, SENDS), [f"Signal lost: {NO_BEATS}. {words.SEE_TO_IT}", BACK.text]),
        ((STREAMING, SILENT, STALE, SENDS, BACK), [f"Signal lost: {NO_BEATS}. {words.SEE_TO_IT}", BACK.text]),
        (
            (STREAMING, WAITING, GONE, STREAMING, STALE),
            ["The link was lost. Stay close.", "Connected.", "The strap has gone quiet. See to it."],
        ),
        ((STREAMING, TWICE, Notice(S, "impossible", "Twice.")), [words.lost_sentence(TWICE.text)]),
        ((STREAMING, Notice(S, "impossible", "Twice.")), ["Twice."]),
        (
            (STREAMING, Notice(S, "hr_differs", "Differs."), Notice(S, "signal_lost", f"Signal lost: {DISAGREES}.")),
            ["Differs."],
        ),
    ],
)
def test_one_thing_is_told_in_one_sentence(events: tuple[Event, ...], lines: list[str]) -> None:
    assert told(*events) == ["Connected.", *lines]


def test_a_strap_that_was_quiet_before_its_first_beat_is_said_to_send_again() -> None:
    picture = Picture({}, hide_numbers=False)
    teller = Teller(picture)
    for event in (STREAMING, STALE):
        picture.see(event)
        teller.tell(event)
    picture.see(SENDS)
    assert teller.tell(SENDS) == ["00:02  The strap sends again."]


def test_an_epoch_that_does_not_count_says_why() -> None:
    lines = shown(events_of(DEMO, [(140, "pause"), (150, "resume")]), hide_numbers=True)
    assert any("“A safe place” cannot be compared: it was paused." in line for line in lines)


def test_a_heart_far_above_its_baseline_gets_the_scripts_line() -> None:
    excited = "sim:tense?seed=1&spike_pct=100&effect_bpm=20"
    lines = shown(events_of(DEMO, spec=excited), hide_numbers=True)
    assert any(line.endswith("Feel your feet. You can stay, soften it, or stop.") for line in lines)
    assert not any("8 bpm" in line for line in lines)


@pytest.mark.parametrize(("hidden", "why"), [(True, "."), (False, ": the heart rose far above its baseline.")])
def test_e2_a_test_does_not_tell_that_the_heart_rose(hidden: bool, why: str) -> None:
    lines = shown(events_of(DEMO, spec="sim:calm?seed=1&effect_bpm=14"), hide_numbers=hidden)
    assert [line[7:] for line in lines if "compared" in line] == [
        f"“{name}” cannot be compared{why}" for name in ("A safe place", "Breath only")
    ]


def test_somebodys_words_cannot_steer_the_terminal() -> None:
    events: list[Event] = [
        Mark(0, "a\x1b[2Jb\nc", "trainee"),
        Note(0, "\x9b31m\u202ex" + "y" * 999, "trainee"),
    ]
    mark, note, *_ = shown(events, hide_numbers=False)
    assert mark == "00:00  Marked: a [2Jb c"
    assert note.startswith("00:00  Note: 31m xyyy")
    assert len(note) < 400


def test_a_free_session_explains_itself() -> None:
    lines = shown(events_of(free_plan(1)), hide_numbers=False)
    assert lines[0] == "00:00  A free session: no pacer and no words, only the numbers."
    assert any("Free session, 1 min. Breathe as you like." in line for line in lines)


@pytest.mark.parametrize("hide_numbers", [True, False])
def test_nothing_is_promised_or_threatened(hide_numbers: bool) -> None:
    sessions = [
        TRIAL,
        events_of(SHORT, [(30, "strong")]),
        events_of(replace(SHORT, ramp=True), [(9, "pause"), (20, "resume")], spec="sim:faulty?seed=3"),
    ]
    for events in sessions:
        for line in shown(events, hide_numbers=hide_numbers):
            assert not FORBIDDEN.search(line.lower())
            assert "artifact" not in line


def test_straps_to_choose_from_are_told_again_when_one_joins_but_not_when_a_signal_changes() -> None:
    teller = Teller(Picture({}, hide_numbers=False))
    first, second = Sight("A", "Polar H10", -50, False), Sight("B", "TICKR\n4711", -70, False)
    told = ["Press the number of your strap:", "  1  Polar H10: strong signal (-50 dBm)"]
    assert teller.ask(None) == []
    assert teller.ask(StrapQuestion((first,))) == told
    assert teller.ask(StrapQuestion((replace(first, rssi=-55),))) == []
    assert teller.ask(StrapQuestion((first, second))) == [*told, "  2  TICKR 4711: good signal (-70 dBm)"]
    held = replace(second, in_use=True)
    assert teller.ask(StrapQuestion((first, held)))[2] == "  -  TICKR 4711: read by another session"
    assert teller.ask(None) == []


@pytest.mark.fault(21, "unit")
def test_a_sensor_that_sends_a_rate_only_is_told_with_its_rate() -> None:
    said = Notice(11_000_000, "no_rr", "This sensor sends no RR intervals.")
    rates = [packet(second * 1_000_000, hr=71) for second in range(1, 75)]
    lines = shown([*rates[:11], said, *rates[11:]], hide_numbers=False)
    assert lines[:-2] == [
        "00:11  This sensor sends no RR intervals.",
        "00:30  Heart 71 bpm.",
        "01:00  Heart 71 bpm.",
    ]


@pytest.mark.fault(19, "unit")
def test_a_low_battery_is_said_by_its_warning_alone() -> None:
    low = Notice(2_000_000, "battery_low", "The battery of the strap is low, 12 %.")
    lines = shown([Battery(1_000_000, 12), low, Battery(3_000_000, 13), Battery(4_000_000, 60)], hide_numbers=False)
    assert lines[:-2] == ["00:02  The battery of the strap is low, 12 %.", "00:04  Battery of the strap: 60 %."]
