"""What is said of a replay, and that going back leaves nothing of what was seen."""

from __future__ import annotations

import asyncio
from math import inf

import pytest

from biofeedback.events import Event, Phase
from biofeedback.presenter import words
from biofeedback.presenter.picture import CUT, Picture, Replayed
from biofeedback.presenter.replaying import place_words, position_words, replayed, share, speed_words, state_words
from biofeedback.presenter.sentences import sentences
from biofeedback.presenter.traces import Traces
from biofeedback.session.hub import Sought
from biofeedback.session.playback import Playback, Tape
from biofeedback.terminal.lines import Teller
from tests.terminal.showing import DEMO, SHORT, TITLES, events_of

S = 1_000_000


def opened(length_s: float, *, speed: float = 1.0) -> Playback:
    """A playback that has been opened and stands at its beginning."""
    playback = Playback(lambda: Tape(iter(()), round(length_s * S), "By other rules."), None, speed=speed)
    playback.pause_or_go_on()

    async def begin() -> None:
        playing = asyncio.ensure_future(playback.run())
        await asyncio.sleep(0)
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)

    asyncio.run(begin())
    return playback


@pytest.mark.parametrize(("speed", "said"), [(0.5, "×0.5"), (1.0, "×1"), (100.0, "×100"), (inf, "as fast as it goes")])
def test_a_speed_in_words(speed: float, said: str) -> None:
    assert speed_words(speed) == said


def test_the_position_in_words() -> None:
    playback = opened(1450, speed=5.0)
    assert position_words(playback) == "0:00 of 24:10, paused, ×5"
    playback._seek(125 * S)
    assert (place_words(playback), state_words(playback)) == ("2:05 of 24:10", "computing, now at 0:00")
    assert share(playback, 125 * S) == pytest.approx(125 / 1450)
    assert place_words(opened(90_000)) == "0:00 of 25:00:00"


def test_before_the_file_is_read_nothing_is_known_but_that() -> None:
    playback = Playback(lambda: Tape(iter(()), 0), None)
    assert position_words(playback) == "reading the file"
    assert share(playback, 5) == 0.0
    picture = Picture({}, hide_numbers=False)
    picture.replay = replayed(playback)
    assert words.signal_words(picture) == "Reading the file"


def test_at_a_speed_at_which_the_breath_would_flicker_there_is_none() -> None:
    picture = Picture(TITLES, hide_numbers=False)
    for event in events_of(DEMO):
        if event.at <= 60 * S:
            picture.see(event)
    for speed, shown in ((20.0, True), (50.0, False), (inf, False)):
        picture.replay = replayed(opened(90, speed=speed))
        breath = picture.breath(60 * S)
        assert (breath is not None) == shown
        assert bool(words.breath_words(picture, breath)) == shown


def test_a_remark_is_said_as_long_as_nothing_else_is() -> None:
    picture = Picture(TITLES, hide_numbers=False)
    picture.replay = Replayed("By other rules.")
    picture.see(Phase(0, "rest", True, 0, None, None, None))
    assert [each.text for each in sentences(picture, 0, hears=False)] == ["By other rules."]
    picture.say(0, "Marked.")
    assert [each.text for each in sentences(picture, 0, hears=False)] == ["Marked."]


def test_going_back_forgets_all_that_was_seen_but_what_the_replay_is() -> None:
    picture, traces = Picture({"mine": "My own title"}, hide_numbers=False), Traces()
    fresh, empty = vars(Picture({}, hide_numbers=False)), vars(Traces())
    picture.replay = Replayed("By other rules.")
    for event in events_of(SHORT):
        picture.see(event)
        traces.see(event)
    picture.break_off()
    changes = traces.changes
    picture.see(Sought(9 * S, anew=False))
    assert picture.beats > 10
    picture.see(Sought(9 * S, anew=True))
    traces.see(Sought(9 * S, anew=True))
    assert {key: value for key, value in vars(picture).items() if key not in ("replay", "_titles")} == {
        key: value for key, value in fresh.items() if key not in ("replay", "_titles")
    }
    assert picture.replay.remark == "By other rules."
    assert picture.title("mine") == "My own title"
    assert traces.changes > changes
    assert (len(traces.tachogram), traces.end_us, traces.parts) == (0, None, [])
    assert vars(traces).keys() == empty.keys()


def test_titles_come_with_the_recording() -> None:
    picture = Picture({}, hide_numbers=False)
    picture.see(events_of(DEMO)[0])
    assert picture.title("safe_place") == TITLES["safe_place"]


def test_a_part_that_was_asked_for_ends_as_one() -> None:
    picture = Picture(TITLES, hide_numbers=False)
    for event in events_of(SHORT)[:40]:
        picture.see(event)
    picture.break_off(CUT)
    assert words.closing(picture)[0] == "The part that was asked for ends here."


def told(events: list[Event | Sought]) -> list[str]:
    picture = Picture(TITLES, hide_numbers=False)
    teller, lines = Teller(picture), list[str]()
    for event in events:
        picture.see(event)
        lines += teller.tell(event)
    return lines


def test_lines_leave_out_what_is_passed_over() -> None:
    events = events_of(SHORT)
    whole = told([*events])
    later = [line for line in whole if line[:5] >= "00:30"]
    said = told([*(event for event in events if event.at < 10 * S), Sought(30 * S, anew=False)])
    jumped = told([Sought(30 * S, anew=True), *events])
    assert said[-1] == "00:30  From here on."
    assert jumped[0] == "00:30  From here on."
    assert [line for line in jumped[1:] if "Heart" not in line] == [line for line in later if "Heart" not in line]
    assert len(jumped) < len(whole)
