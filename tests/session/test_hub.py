"""What a slow view misses and what it never misses (RULINGS D5)."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

from biofeedback.events import Beat, Mark
from biofeedback.session.hub import MOST_WAITING, Seen, ViewQueue


def beat(at: int) -> Beat:
    return Beat(at, at, 1024, True, None, False)


def mark(at: int) -> Mark:
    return Mark(at, "", "trainee")


def times(events: list[Seen]) -> list[int]:
    return [event.at for event in events]


def test_events_come_once_and_in_their_order() -> None:
    queue = ViewQueue()
    queue.put([mark(0), beat(1), beat(2), mark(3)])
    assert times(queue.drain()) == [0, 1, 2, 3]
    queue.put([beat(4)])
    assert times(queue.drain()) == [4]
    assert queue.drain() == []


def test_only_numbers_are_overtaken_and_only_by_newer_ones() -> None:
    queue, many = ViewQueue(), 3 * MOST_WAITING
    for at in range(many):
        queue.put([mark(at) if at % 2 else beat(at)])
    taken = queue.drain()
    assert [event.at for event in taken if isinstance(event, Mark)] == list(range(1, many, 2))
    beats = [event.at for event in taken if isinstance(event, Beat)]
    assert beats == list(range(0, many, 2))[-MOST_WAITING:]
    assert queue.dropped == many // 2 - MOST_WAITING
    assert times(taken) == sorted(times(taken))


@pytest.fixture
def restless() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("restless")
def test_a_view_that_drains_while_more_comes_than_may_wait_breaks_nothing() -> None:
    queue, failures, seen = ViewQueue(), list[Exception](), list[int]()
    batches, size = 300, 200

    def session() -> None:
        try:
            for batch in range(batches):
                queue.put([mark(batch * size + number) for number in range(size)])
        except RuntimeError as failure:
            failures.append(failure)

    thread = threading.Thread(target=session)
    thread.start()
    while thread.is_alive():
        thread.join(0.005)
        seen += times(queue.drain())
    seen += times(queue.drain())
    assert failures == []
    assert seen == list(range(batches * size))
