"""A session on its thread: a replay can be left, a live session cannot be."""

from __future__ import annotations

import asyncio
import signal
import threading
import time

import pytest

from biofeedback.errors import SourceFailedError
from biofeedback.errors import UnreadableError
from biofeedback.events import Mark
from biofeedback.session.hub import ViewQueue
from biofeedback.session.loop import Posted
from biofeedback.session.playback import Playback, Tape
from biofeedback.session.runner import RunningSession


def session(*, live: bool) -> tuple[RunningSession, list[Posted]]:
    posted: list[Posted] = []
    return RunningSession(ViewQueue(), lambda: 0, posted.append if live else None), posted


async def never() -> None:
    await asyncio.get_running_loop().create_future()


def test_a_replay_that_is_left_ends_calmly() -> None:
    running, _ = session(live=False)
    begun = threading.Event()

    async def work() -> None:
        begun.set()
        await never()

    running.start(work)
    begun.wait(5)
    running.leave()
    running.join()
    assert running.done


def test_a_replay_at_full_speed_can_be_left_too() -> None:
    running, _ = session(live=False)
    begun, left, after = threading.Event(), threading.Event(), list[int]()

    async def work() -> None:
        begun.set()
        left.wait(5)
        for turn in range(3600):
            await asyncio.sleep(0)
            after.append(turn)

    running.start(work)
    begun.wait(5)
    running.leave()
    left.set()
    running.join()
    assert len(after) <= 1


def test_a_replay_left_before_its_thread_runs_ends_as_well() -> None:
    running, _ = session(live=False)
    running.leave()
    running.start(never)
    running.join()
    assert running.done


def test_a_replay_left_after_its_end_is_no_trouble() -> None:
    running, _ = session(live=False)
    running.start(lambda: asyncio.sleep(0))
    running.join()
    running.leave()


def test_a_replay_that_stays_at_its_end_is_over_but_not_done_until_it_is_left() -> None:
    queue = ViewQueue(None)
    playback = Playback(lambda: Tape(iter((Mark(0, "", "trainee"),)), 0), queue)
    playback.stay(True)
    running = RunningSession(queue, playback.now, None, playback=playback)
    running.start(playback.run)
    until_s = time.monotonic() + 5
    while not running.over:
        assert time.monotonic() < until_s
        time.sleep(0.001)
    assert (running.done, running.live) == (False, False)
    assert running.drain() == [Mark(0, "", "trainee")]
    running.leave()
    running.join()
    assert running.done


def test_a_tape_that_cannot_be_opened_is_raised_where_the_replay_is_waited_for() -> None:
    def fail() -> Tape:
        raise UnreadableError("It cannot be read.", "Give another file.")

    playback = Playback(fail, None)
    running = RunningSession(ViewQueue(None), playback.now, None, playback=playback)
    running.start(playback.run)
    with pytest.raises(UnreadableError, match="cannot be read"):
        running.join()
    assert running.failed


def test_a_live_session_is_ended_by_a_command_only() -> None:
    running, posted = session(live=True)
    release = threading.Event()
    running.start(lambda: asyncio.to_thread(_wait, release))
    running.leave()
    assert not running.done
    running.command("stop", "enough")
    assert len(posted) == 1
    release.set()
    running.join()


def _wait(release: threading.Event) -> None:
    release.wait(5)


def test_a_cancellation_nobody_asked_for_is_a_failure() -> None:
    running, _ = session(live=False)

    async def work() -> None:
        raise asyncio.CancelledError

    running.start(work)
    with pytest.raises(SourceFailedError, match="cancelled from inside"):
        running.join()


def test_no_signal_has_come_at_first() -> None:
    assert not session(live=True)[0].interrupted


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="this system has no signals of one's own")
def test_a_signal_that_does_not_wake_the_one_who_waits_is_handled_all_the_same() -> None:
    """To the thread of the session: what waits for its end hears as little of it as of one that came a moment early."""
    came = threading.Event()
    running = RunningSession(ViewQueue(), lambda: 0, None)
    handled: list[bool] = []

    async def work() -> None:
        await asyncio.sleep(0.05)
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        handled.append(await asyncio.to_thread(came.wait, 5))

    before = signal.signal(signal.SIGUSR1, lambda *_: came.set())
    try:
        running.start(work)
        running.join()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert handled == [True]
