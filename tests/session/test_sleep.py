"""The machine sleeps in a session (fault 34), and its wall clock is set back (fault 35)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Collection, Iterator
from datetime import datetime, tzinfo
from pathlib import Path
from typing import Any, Self

import pytest

from biofeedback.events import Ask, Command, Commit, Cue, End, Epoch, Event, Gap, Notice, Phase, Suds, Verdict
from biofeedback.presenter.picture import Picture
from biofeedback.recording.reader import read_recording
from devices import clock as clocks
from biofeedback.session import opening
from biofeedback.session.analysis import recorded_beats
from biofeedback.session.clock import JumpingClock, LiveClock
from biofeedback.session.loop import Posted, SessionLoop
from biofeedback.session.opening import open_session
from biofeedback.session.plan import Plan, free_plan, practice_plan, trial_plan
from biofeedback.session.replay import verify
from biofeedback.session.scripts import shipped
from devices.events import Heard, Packet, SourceEvent, StrapInfo
from devices.heart_rate_measurement import encode
from devices.source import Clock
from tests.session.sessions import SAFE_PLACE, Ran, at, heart, replayed, run_session, steady

S = 1_000_000
TEN_MINUTES = 600


class SleepingClock(JumpingClock):
    """A clock that goes on while the machine is suspended from `since_s` on for `lasts_s`: nothing runs meanwhile."""

    def __init__(self, since_s: float, lasts_s: float) -> None:
        super().__init__()
        self._since_us, self._lasts_us = round(since_s * S), round(lasts_s * S)

    @property
    def awake_us(self) -> int:
        """The clock that stands still meanwhile."""
        return super().now()

    @property
    def _slept_us(self) -> int:
        return self._lasts_us if self.awake_us >= self._since_us else 0

    def now(self) -> int:
        return self.awake_us + self._slept_us

    async def sleep_until(self, at_us: int) -> None:
        """Sources count on the clock that stands still: their next packet comes after the sleep."""
        await super().sleep_until(at_us - self._lasts_us if at_us >= self._since_us + self._lasts_us else at_us)

    async def wait(self, futures: Collection[asyncio.Future[Any]], until_us: int) -> None:
        await super().wait(futures, until_us - self._slept_us)


def slept(folder: Path, plan: Plan, since_s: float, lasts_s: float = TEN_MINUTES, *script: tuple[float, Posted]) -> Ran:
    """A session whose machine sleeps; the strap's packets of that time never come."""

    def strap() -> Iterator[SourceEvent]:
        for event in heart(steady(66), 2400):
            if not since_s * S < event.stamp_us < (since_s + lasts_s) * S:
                yield event

    done = run_session(folder, replayed(strap()), plan, script, clock=SleepingClock(since_s, lasts_s))
    found = verify(done.path)
    assert (found.intact, found.exact, found.differences, found.finished) == (True, True, 0, True)
    return done


def commands(ran: Ran) -> list[str]:
    return [command.what for command in ran.of(Command) if command.by == "program"]


def between(events: list[Event], since_s: float, until_s: float) -> list[Event]:
    return [event for event in events if since_s * S < event.at < until_s * S]


@pytest.mark.fault(34, "unit")
def test_case_34_ten_minutes_asleep_are_a_gap_and_a_sentence_and_the_session_goes_on(tmp_path: Path) -> None:
    ran = slept(tmp_path, practice_plan("safe_place", 5), 250)
    assert commands(ran)[:2] == ["sleep", "wake"]
    told = [notice for notice in ran.of(Notice) if notice.code == "slept"]
    assert [notice.text for notice in told] == [
        "The computer slept for 10 minutes. The session goes on where it stopped."
    ]
    (gap,) = ran.of(Gap)
    assert gap.why == "suspend"
    assert (gap.to_us - gap.from_us) / S == pytest.approx(TEN_MINUTES, abs=4)
    lasting = next(phase for phase in ran.of(Phase) if phase.name == "practice" and not phase.on)
    begun = next(phase for phase in ran.of(Phase) if phase.name == "practice" and phase.on)
    assert (lasting.at - begun.at) / S == pytest.approx(300 + TEN_MINUTES, abs=11)
    assert ran.of(End)[0].why == "planned end"


@pytest.mark.fault(34, "unit")
@pytest.mark.slow
@pytest.mark.parametrize("since_s", [30, 100, 150, 205, 250, 330, 460])
def test_case_34_nothing_that_was_due_in_the_sleep_is_poured_over_the_person(tmp_path: Path, since_s: float) -> None:
    ran = slept(tmp_path, trial_plan((SAFE_PLACE,) * 2), since_s)
    said = [event for event in ran.events if isinstance(event, Cue | Ask | Phase | Suds)]
    asleep = between(list(said), since_s + 1, since_s + TEN_MINUTES - 1)
    assert [event for event in asleep if not isinstance(event, Suds)] == []
    waking = between(list(said), since_s + TEN_MINUTES - 1, since_s + TEN_MINUTES + 5)
    assert len([event for event in waking if isinstance(event, Cue)]) <= 1
    assert len([event for event in waking if isinstance(event, Ask)]) <= 1
    assert len([event for event in waking if isinstance(event, Phase)]) <= 2


def test_case_34_the_pair_it_fell_into_is_lost_and_the_next_one_counts(tmp_path: Path) -> None:
    ran = slept(tmp_path, trial_plan((SAFE_PLACE,) * 2), 250)
    kept = [(epoch.pair, epoch.kept, epoch.why) for epoch in ran.of(Epoch)]
    assert kept == [(0, False, "the computer slept"), (1, True, None), (1, True, None)]
    assert ran.of(Verdict)[0].this_session[0] is None


def test_case_34_a_session_that_was_paused_stays_so(tmp_path: Path) -> None:
    ran = slept(
        tmp_path,
        practice_plan("safe_place", 5),
        250,
        TEN_MINUTES,
        at(240, "pause"),
        at(250.2, "mark"),
        at(900, "end"),
    )
    assert "wake" in commands(ran)
    assert next(notice for notice in ran.of(Notice) if notice.code == "slept").text.endswith("still paused.")
    assert [phase.name for phase in ran.of(Phase) if phase.on and phase.at >= 900 * S] == ["close"]


def test_case_34_whoever_comes_back_after_more_than_half_an_hour_finds_it_ended(tmp_path: Path) -> None:
    ran = slept(tmp_path, practice_plan("safe_place", 5), 250, 1900)
    assert ran.of(End)[0].why == "the computer slept"
    assert len(ran.of(Cue)) < 10


def test_case_34_an_analysis_of_the_recording_knows_the_gap(tmp_path: Path) -> None:
    ran = slept(tmp_path, free_plan(20), 250)
    beats = recorded_beats(read_recording(ran.path))
    (behind,) = [beat for beat in beats if beat.gap_before][1:]
    assert abs(behind.opening_us - 848.18 * S) < S, "where it began, as closely as one packet can tell"


def test_case_34_faces_show_as_much_left_as_before_the_sleep(tmp_path: Path) -> None:
    picture, left = Picture({}, hide_numbers=False), list[float | None]()
    for event in slept(tmp_path, practice_plan("safe_place", 5), 250).events:
        picture.see(event)
        if isinstance(event, Command) and event.what == "sleep":
            left.append(picture.left_s(event.at))
        if isinstance(event, Notice) and event.code == "slept":
            assert not picture.paused
            left.append(picture.left_s(event.at))
    assert left[0] is not None
    assert left[1] == pytest.approx(left[0], abs=10)


def test_a_machine_that_is_merely_busy_for_some_seconds_did_not_sleep(tmp_path: Path) -> None:
    assert commands(slept(tmp_path, practice_plan("safe_place", 1), 250, 5))[:1] != ["sleep"]


class Worn:
    """A strap that stamps a packet each second with the clock it is given."""

    def __init__(self) -> None:
        self.info = StrapInfo("worn", "strap")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing to close."""

    async def events(self, clock: Clock) -> AsyncIterator[SourceEvent]:
        before_us = clock.now()
        while True:
            await clock.sleep_until(before_us + S)
            now_us = clock.now()
            interval = round((now_us - before_us) * 1024 / S)
            yield Packet(now_us, "s", encode(66, rr_1024=(interval,) if interval < 2048 else ()))
            before_us = now_us

    def hear(self, heard: Heard) -> None:
        """It does not listen."""


def test_a_steady_clock_that_jumps_is_a_sleep_for_a_live_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """CLOCK_BOOTTIME itself jumps, as on a Linux machine that wakes up; the session waits on it in real time."""
    jumped_ns, real = 0, clocks.system_ns
    monkeypatch.setattr(clocks, "system_ns", lambda: real() + jumped_ns)
    events: list[Event] = []
    source = Worn()
    opened = open_session(free_plan(None), source.info, shipped())
    session = SessionLoop(source, LiveClock(speed=100), opened, (), None, events.extend)

    async def whole() -> None:
        nonlocal jumped_ns
        running = asyncio.ensure_future(session.run())
        await asyncio.sleep(0.2)
        jumped_ns = 15 * 1_000_000_000
        await asyncio.sleep(0.2)
        session.post(lambda at_us: Command(at_us, "stop"))
        await running

    asyncio.run(whole())
    assert [command.what for command in events if isinstance(command, Command)] == ["sleep", "wake", "stop"]
    assert [notice.text for notice in events if isinstance(notice, Notice) and notice.code == "slept"] == [
        "The computer slept for 25 minutes. The session goes on where it stopped."
    ]
    gaps = [gap for gap in events if isinstance(gap, Gap) and gap.why == "suspend"]
    assert len(gaps) == 1
    assert gaps[0].to_us - gaps[0].from_us > 1400 * S


@pytest.mark.fault(35, "unit")
@pytest.mark.slow
@pytest.mark.parametrize("back_s", [3600, -3600, 86400 * 400])
def test_case_35_the_wall_clock_set_back_in_a_session_changes_nothing_but_its_head(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, back_s: int
) -> None:
    """Every way a program has to read the wall clock goes back by so much at each call."""
    reads, real = 0, time.time_ns

    def wall_ns() -> int:
        nonlocal reads
        reads += 1
        return real() - reads * back_s * 1_000_000_000

    class Wall(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Wall:
            return cls.fromtimestamp(wall_ns() / 1e9, tz)

    monkeypatch.setattr(opening, "datetime", Wall)
    monkeypatch.setattr(time, "time_ns", wall_ns)
    monkeypatch.setattr(time, "time", lambda: wall_ns() / 1e9)
    ran = run_session(tmp_path, replayed(heart(steady(66), 700)), trial_plan((SAFE_PLACE,)), clock=JumpingClock())
    read_in_all = reads
    monkeypatch.undo()
    again = run_session(tmp_path / "again", replayed(heart(steady(66), 700)), trial_plan((SAFE_PLACE,)))
    assert [event for event in ran.events if not isinstance(event, Commit)][1:] == [
        event for event in again.events if not isinstance(event, Commit)
    ][1:]
    assert read_in_all > 0, "the head does read it"
    assert verify(ran.path).exact
    times = [line.t for line in read_recording(ran.path).lines]
    assert times == sorted(times)


def test_case_35_one_hour_of_daylight_saving_is_in_the_head_and_nowhere_else(tmp_path: Path) -> None:
    """A strap's stamps come from the steady clock; the recording holds one wall-clock time, and its zone."""
    ran = run_session(tmp_path, replayed(heart(steady(66), 60)), free_plan(None))
    walls = [line.kind for line in read_recording(ran.path).lines if "wall_ns" in line.body or "utc_off_s" in line.body]
    assert walls == ["head"]
    assert isinstance(next(heart(steady(66), 1)), Packet)
