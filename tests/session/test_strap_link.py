"""What the link to a strap does to the beats: a silence is no gap, a lost link and lost packets are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Self

import pytest

from biofeedback.events import Beat, Command, End, Event, Gap, Link, Notice
from biofeedback.recording.reader import read_recording
from biofeedback.session.clock import LiveClock
from biofeedback.session.loop import SessionLoop
from biofeedback.session.opening import open_session
from biofeedback.session.plan import free_plan
from biofeedback.session.replay import verify
from biofeedback.session.scripts import shipped
from devices.events import Dropped, Heard, LinkState, Packet, SourceEvent, StrapInfo
from devices.heart_rate_measurement import encode
from devices.source import Clock
from tests.session.sessions import Ran, heart, replayed, run_session, steady

S = 1_000_000


def ran(folder: Path, events: Iterator[SourceEvent]) -> Ran:
    return run_session(folder, replayed(events), free_plan(None))


def with_event(event: SourceEvent, seconds: int = 60) -> Iterator[SourceEvent]:
    """A steady heart, and one event more among its packets."""
    told = False
    for packet in heart(steady(72), seconds):
        if not told and packet.stamp_us > event.stamp_us:
            told = True
            yield event
        yield packet


def held_back(from_s: int, to_s: int) -> Iterator[SourceEvent]:
    """A strap that goes quiet and then sends all that it held back at once."""
    kept = 0
    for event in heart(steady(72), 90):
        assert isinstance(event, Packet)
        if from_s * S < event.stamp_us < to_s * S:
            if kept == 0:
                yield LinkState((from_s + 3) * S, "stale", "The strap has gone quiet.")
            yield Packet(to_s * S - 1_000_000 + 3000 * kept, event.device, event.raw)
            kept += 1
        else:
            yield event


def test_case_28_a_silence_of_20_s_and_then_everything_is_no_gap(tmp_path: Path) -> None:
    quiet = ran(tmp_path / "quiet", held_back(30, 50))
    assert quiet.of(Gap) == []
    assert [notice.code for notice in quiet.of(Notice)] == ["signal_lost", "signal_back"]
    rr = [beat.ticks for beat in quiet.of(Beat)]
    assert max(rr) < 1.01 * min(rr)


def test_a_link_that_was_lost_is_a_gap(tmp_path: Path) -> None:
    lost = ran(tmp_path, with_event(LinkState(30 * S, "waiting", "Lost.")))
    assert [gap.why for gap in lost.of(Gap)] == ["link"]


def test_a_quiet_link_that_sends_on_is_none(tmp_path: Path) -> None:
    assert ran(tmp_path, with_event(LinkState(30 * S, "stale", "Quiet."))).of(Gap) == []


def test_a5_9_packets_without_room_are_a_drop_line_a_sentence_and_a_gap(tmp_path: Path) -> None:
    dropped = ran(tmp_path, with_event(Dropped(30 * S, 7)))
    assert [line.body["count"] for line in read_recording(dropped.path).lines if line.kind == "drop"] == [7]
    assert [link.why for link in dropped.of(Link)] == ["The program was too slow and lost 7 packets.", ""]
    assert [gap.why for gap in dropped.of(Gap)] == ["link"]
    found = verify(dropped.path)
    assert (found.intact, found.exact, found.differences) == (True, True, 0)


class Flood:
    """A strap that always has something to say. `behind`: all of it was sent before anybody listened."""

    def __init__(self, intervals: int, *, behind: bool) -> None:
        self.info = StrapInfo("flood", "strap")
        self._raw = encode(60, rr_1024=(1024,) * intervals)
        self._behind = behind

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to close."""

    async def events(self, clock: Clock) -> AsyncIterator[SourceEvent]:
        while True:
            await asyncio.sleep(0)
            yield Packet(0 if self._behind else clock.now(), "s1", self._raw)

    def hear(self, heard: Heard) -> None:
        """It does not listen."""


@pytest.mark.slow
@pytest.mark.parametrize(("intervals", "behind", "within_s"), [(0, False, 3.0), (98, False, 3.0), (98, True, 8.0)])
def test_a_strap_that_sends_faster_than_the_session_can_follow_does_not_keep_it_from_stopping(
    intervals: int, behind: bool, within_s: float
) -> None:
    source = Flood(intervals, behind=behind)
    events: list[Event] = []
    opening = open_session(free_plan(None), source.info, shipped())
    session = SessionLoop(source, LiveClock(), opening, (), None, events.extend)

    async def whole() -> float:
        async with asyncio.timeout(15):
            running = asyncio.ensure_future(session.run())
            await asyncio.sleep(0.2)
            session.post(lambda at: Command(at, "stop"))
            asked = time.monotonic()
            await running
        return time.monotonic() - asked

    assert asyncio.run(whole()) < within_s
    assert isinstance(events[-1], End)
