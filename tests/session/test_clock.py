"""Clocks: a jump wakes in order, a speed is a speed (RULINGS A5)."""

from __future__ import annotations

import asyncio

import pytest

from biofeedback.session import clock as module
from biofeedback.session.clock import JumpingClock, LiveClock
from devices import clock as steady


def jumped(wanted: list[int], until_us: int = 2**62) -> list[tuple[int, int]]:
    """Sleepers by number with the time they woke at."""
    woke: list[tuple[int, int]] = []

    async def sleeper(clock: JumpingClock, number: int) -> None:
        await clock.sleep_until(wanted[number])
        woke.append((number, clock.now()))

    async def run() -> None:
        clock = JumpingClock()
        tasks = [asyncio.ensure_future(sleeper(clock, number)) for number in range(len(wanted))]
        await clock.wait([asyncio.gather(*tasks)], until_us)
        for task in tasks:
            task.cancel()

    asyncio.run(run())
    return woke


def test_a_jump_wakes_sleepers_in_order_of_time_and_then_of_arrival() -> None:
    assert jumped([30, 10, 20, 10, 0]) == [(4, 0), (1, 10), (3, 10), (2, 20), (0, 30)]


def test_time_stops_at_the_limit() -> None:
    assert jumped([30, 10, 50], 30) == [(1, 10), (0, 30)]


def test_time_does_not_jump_to_a_sleeper_that_was_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SPINS", 3)

    async def run() -> int:
        clock = JumpingClock()
        gone = asyncio.ensure_future(clock.sleep_until(100))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(0.02, done.set_result, None)
        await clock.wait([done], 2**62)
        return clock.now()

    assert asyncio.run(run()) == 0


@pytest.mark.parametrize("speed", [0.5, 1.0, 60.0])
def test_a_live_clock_runs_at_its_speed(speed: float, monkeypatch: pytest.MonkeyPatch) -> None:
    now_ns = [10**12]
    monkeypatch.setattr(steady, "system_ns", lambda: now_ns[0])
    clock = LiveClock(speed)
    assert clock.now() == 0
    now_ns[0] += 7_000_000_000
    assert clock.now() == round(7_000_000 * speed)


def test_a_live_clock_waits_no_longer_than_its_limit_and_not_at_all_for_what_is_past() -> None:
    async def run() -> tuple[int, int]:
        clock = LiveClock(1000.0)
        never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await clock.sleep_until(-5)
        await clock.wait([never], 20_000)
        reached = clock.now()
        await clock.sleep_until(reached + 10_000)
        return reached, clock.now()

    reached, later = asyncio.run(run())
    assert reached >= 20_000
    assert later >= reached + 10_000
