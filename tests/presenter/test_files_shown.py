"""What is said of a file of another program that is replayed: nobody sat there with this program."""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Sequence
from math import inf

import pytest

from biofeedback.formats.content import Content, Hole, Marker, Start
from biofeedback.formats.door import Found
from biofeedback.presenter import words
from biofeedback.presenter.picture import Picture
from biofeedback.presenter.replaying import left_words, replayed, told
from biofeedback.presenter.sentences import sentences
from biofeedback.session.hub import ViewQueue
from biofeedback.session.playback import Playback, Tape
from biofeedback.session.plugins import MetricPlugins
from biofeedback.session.scripts import shipped
from biofeedback.session.tapes import foreign_tape
from biofeedback.terminal.lines import Teller

MS = 1024
LIVE = ("Breathe", "strap", "snugly", "Sit still", "session", "Live numbers", "breaks off")


def found(*, notes: Sequence[str] = (), why: str | None = None, start: Start | None = None) -> Found:
    """130 beats of a heart at rest, with a hole of a minute after the first 70 and a lap."""
    ticks = array("q", [(900 + 7 * (number % 9)) * MS for number in range(130)])
    content = Content(
        "fit mesg 78", "rr", ticks, "1/1000", "the format's", start, (Hole(70, 61_000 * MS),),
        (Marker(5000 * MS, "lap 1"),), why=why, decisions=tuple(notes),
    )  # fmt: skip
    return Found("races/Radtour.fit", content, "0" * 64, 2048, None)


def tape(each: Found) -> Tape:
    return foreign_tape(each, shipped(), MetricPlugins((), ()))


def shown(each: Found) -> tuple[Picture, list[str], list[str]]:
    """The picture at the end, the plain lines, and everything a screen says on the way."""
    queue = ViewQueue(None)
    playback = Playback(lambda: tape(each), queue, speed=inf)
    asyncio.run(playback.run())
    picture = Picture({}, hide_numbers=False)
    picture.replay = replayed(playback)
    teller = Teller(picture, playback)
    lines, screen = [*teller.say_state()], list[str]()
    for event in queue.drain():
        picture.see(event)
        lines += teller.tell(event)
        screen += [sentence.text for sentence in sentences(picture, event.at, hears=True)]
        screen += words.part_and_time(picture, event.at)
        screen.append(words.breath_words(picture, picture.breath(event.at)))
    return picture, lines, screen


def test_its_name_format_and_start_are_told_and_nothing_a_wearer_could_do() -> None:
    _, lines, screen = shown(found(start=Start("2026-05-01T10:00:00", None)))
    assert lines[0] == "Radtour.fit (fit mesg 78), began 2026-05-01 10:00."
    assert lines[-2].endswith("The file ends here.")
    assert any("No heartbeats here." in line for line in lines)
    assert "Signal lost" not in " ".join((*lines, *screen))
    assert any("1 min 1 s of heartbeats are missing: the file holds nothing of this time." in line for line in lines)
    assert [line for line in (*lines, *screen) for word in LIVE if word in line] == []
    assert {"Radtour.fit", "Format: fit mesg 78, began 2026-05-01 10:00.", "lap 1"} <= {*screen}
    assert "Marked." not in screen


def test_what_is_doubtful_about_it_is_told_once() -> None:
    _, lines, screen = shown(found(why="its Length says 661 s", notes=["its clock names no zone."]))
    assert lines[:3] == [
        "Radtour.fit (fit mesg 78), start not known.",
        "Its Length says 661 s.",
        "Its clock names no zone.",
    ]
    assert sum("661" in line for line in lines) == 1
    assert "Its Length says 661 s. Its clock names no zone." in screen


def test_of_many_notes_some_are_told_and_where_the_others_are() -> None:
    about = tape(found(notes=[f"row {number} was left out" for number in range(9)])).about
    assert about is not None
    assert about.notes[3:] == ("Row 3 was left out.", "5 more notes: biofeedback import --inspect Radtour.fit.")


@pytest.mark.parametrize(("at_s", "where"), [(157.9, "2:37"), (0.0, "0:00")])
def test_closed_before_its_end_it_says_where(at_s: float, where: str) -> None:
    playback, picture = Playback(lambda: tape(found()), None), Picture({}, hide_numbers=False)

    async def leave() -> None:
        playing = asyncio.ensure_future(playback.run())
        await asyncio.sleep(0)
        playback._seek(round(at_s * 1e6))
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)

    assert left_words(picture, playback) == []  # its file was not even read
    asyncio.run(leave())
    assert left_words(picture, playback) == [f"Closed at {where} of 3:01."]
    playback.over = True
    assert left_words(picture, playback) == []


def test_of_a_session_of_ours_nothing_of_this_is_said() -> None:
    playback = Playback(lambda: Tape(iter(()), 5, "By other rules."), None, speed=inf)
    asyncio.run(playback.run())
    assert told(playback) == ["By other rules."]
    assert replayed(playback).about is None
