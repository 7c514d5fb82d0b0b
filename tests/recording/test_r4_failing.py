"""R4: the k-th system call fails, for every k up to 200; the session goes on, is told, and loses nothing committed."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from pathlib import Path

import pytest

from biofeedback.events import End, Event, Mark, Packet
from biofeedback.recording.log import SessionLog
from biofeedback.recording.reader import read_recording
from biofeedback.session.clock import LiveClock
from biofeedback.session.loop import SessionLoop
from biofeedback.session.opening import open_session
from biofeedback.session.plan import free_plan
from biofeedback.session.scripts import shipped
from tests.recording.failing import CALLS, HALF, system_calls
from tests.recording.failing_sessions import (
    ERRORS,
    LASTS_US,
    MOST,
    TOLD_WITHIN_US,
    Fault,
    complaints_at,
    course,
    every_fault,
    sound,
    told,
)
from tests.session.sessions import heart, replayed, steady

HOWS = tuple(LASTS_US)
FEW = tuple(call for call in CALLS if call != "write")


def some(call: str, first: int, step: int) -> list[Fault]:
    """Every `step`-th place; the error and how long it lasts take turns."""
    return [Fault(call, k, ERRORS[k // step % 4], HOWS[k // step // 4 % 3]) for k in range(first, MOST + 1, step)]


def test_r4_a_session_makes_more_calls_than_are_let_fail() -> None:
    assert sound().calls.made["write"] > MOST
    assert len(sound().events) > MOST
    assert all(sound().calls.made[call] for call in ("open", "fsync", "link", "unlink"))


@pytest.mark.slow
@pytest.mark.parametrize("first", [1, 2, 3, 4])
def test_r4_the_kth_write_fails_and_no_committed_event_is_lost(first: int) -> None:
    """Every k, error and way of failing: benchmarks/recording_failing.py."""
    assert [said for fault in some("write", first, 4) for said in complaints_at(fault)] == []


@pytest.mark.slow
@pytest.mark.parametrize("call", ["any", "half"])
def test_r4_any_call_or_half_a_write_fails_and_no_committed_event_is_lost(call: str) -> None:
    assert [said for fault in some(call, 1, 4) for said in complaints_at(fault)] == []


@pytest.mark.slow
def test_r4_each_of_the_rarer_calls_fails_once_or_for_ever() -> None:
    faults = [fault for fault in every_fault() if fault.call in FEW and fault.how != "ten seconds"]
    assert len(faults) > 100
    assert [said for fault in faults[::3] for said in complaints_at(fault)] == []


def test_r4_half_a_line_is_taken_back_and_written_again(tmp_path: Path) -> None:
    def halved(name: str, count: int) -> int | None:
        return HALF if name == "write" and count in (3, 4) else None

    marks = [Mark(number, f"mark {number}", "trainee") for number in range(10)]
    with system_calls(tmp_path, halved), SessionLog(tmp_path / "a.session.jsonl", {}) as log:
        for mark in marks:
            log.append(mark)
        log.append(End(10, "planned end", 0.0, 0))
    stored = read_recording(tmp_path / "a.session.jsonl")
    assert stored.damage is None
    assert list(stored.events())[:-1] == marks


def test_r4_a_session_waits_in_memory_for_a_full_disk_and_says_so(tmp_path: Path) -> None:
    rooms = [True]

    def decide(name: str, _: int) -> int | None:
        return errno.ENOSPC if name == "write" and not rooms[-1] else None

    marks = [Mark(number, f"mark {number}", "trainee") for number in range(10)]
    with system_calls(tmp_path, decide), SessionLog(tmp_path / "a.session.jsonl", {}) as log:
        for mark in marks:
            rooms.append(mark.at not in range(3, 7))
            log.append(mark)
            assert bool(log.trouble) == (not rooms[-1])
            assert log.failed is None
            known = [event.at for event in read_recording(log.part).events()]
            assert known == list(range(min(mark.at + 1, 3) if not rooms[-1] else mark.at + 1))
        log.append(End(10, "planned end", 0.0, 0))
    assert list(read_recording(tmp_path / "a.session.jsonl").events())[:-1] == marks


def test_r4_a_failed_sync_is_never_tried_again_and_all_goes_on_in_a_second_part(tmp_path: Path) -> None:
    synced: list[int] = []

    def decide(name: str, count: int) -> int | None:
        if name == "fsync":
            synced.append(count)
        return errno.EIO if name == "fsync" and count == 1 else None

    marks = [Mark(number, f"mark {number}", "trainee") for number in range(10)]
    with system_calls(tmp_path, decide):
        log = SessionLog(tmp_path / "a.session.jsonl", {})
        for mark in marks:
            log.append(mark)
        assert log.close() == tmp_path / "a.session.jsonl.2.part"
    stored = read_recording(tmp_path / "a.session.jsonl.2.part")
    assert list(stored.events()) == marks
    assert stored.head["continues"]["file"] == "a.session.jsonl.part"
    first = read_recording(tmp_path / "a.session.jsonl.part")
    assert list(first.events()) == marks[: len(list(first.events()))]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["once", "for ever"])
def test_r4_a_sync_that_fails_is_told_within_two_seconds_of_real_time(how: str, tmp_path: Path) -> None:
    clock, source = LiveClock(), replayed(heart(steady(70), 4))
    opening = open_session(free_plan(None), source.info, shipped(), seeded=True)
    events: list[Event] = []
    failed_us: list[int] = []

    def decide(name: str, count: int) -> int | None:
        if name != "fsync" or count < 3 or (how == "once" and failed_us):
            return None
        failed_us.append(clock.now())
        return errno.EIO

    with system_calls(tmp_path, decide), SessionLog(tmp_path / opening.file_name, opening.head) as log:
        asyncio.run(SessionLoop(source, clock, opening, (), log, events.extend).run())
    assert sum(isinstance(event, Packet) for event in events) == 4
    first = told(events)[0]
    assert 0 <= first.at - failed_us[0] <= TOLD_WITHIN_US
    kept = [len(list(read_recording(path).events())) for path in tmp_path.iterdir()]
    assert max(kept) == len(course(events))


def test_r4_a_sync_that_hangs_on_a_failing_disk_does_not_hold_the_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write fails while a sync of the same file is under way, which may take a dying disk a minute."""
    syncing, enough, real = threading.Event(), threading.Event(), os.fsync

    def hanging(descriptor: int) -> None:
        syncing.set()
        assert enough.wait(15)
        real(descriptor)

    def decide(name: str, count: int) -> int | None:
        return errno.EIO if name == "write" and count == 3 else None

    marks = [Mark(number, f"mark {number}", "trainee") for number in range(3)]
    with system_calls(tmp_path, decide):
        log = SessionLog(tmp_path / "a.session.jsonl", {})
        monkeypatch.setattr(os, "fsync", hanging)
        log.append(marks[0])
        assert syncing.wait(10)

        def go_on() -> None:
            for mark in marks[1:]:
                log.append(mark)

        session = threading.Thread(target=go_on, daemon=True)
        session.start()
        session.join(5)
        held = session.is_alive()
        enough.set()
        session.join(10)
        monkeypatch.undo()
        log.close()
    assert list(read_recording(log.part).events()) == marks
    assert log.moved
    assert not held, "append has waited for a sync"
