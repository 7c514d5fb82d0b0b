"""R16: what `append` does on the session's thread: one write of one whole line, and never a sync."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

import pytest

from biofeedback.events import End, Event, Mark, Packet
from tests.recording.failing import CALLS
from tests.recording.logs import Logs


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, int]]:
    """The calls that change the disk: on which thread, which, and how many bytes a write took."""
    calls: list[tuple[str, str, int]] = []

    def noted(name: str, real: Callable[..., object]) -> Callable[..., object]:
        def call(*values: object, **more: object) -> object:
            result = real(*values, **more)
            calls.append((threading.current_thread().name, name, cast(int, result) if name == "write" else 0))
            return result

        return call

    for name in CALLS:
        monkeypatch.setattr(os, name, noted(name, getattr(os, name)))
    return calls


def packet(number: int) -> Event:
    return Packet(number * 1000, "s1", number, 63, True, None, (962,), "163fc203")


def test_r16_an_event_is_one_write_of_one_line_and_nothing_else_on_this_thread(
    logs: Logs, made: list[tuple[str, str, int]], tmp_path: Path
) -> None:
    here = threading.current_thread().name
    log = logs.new(tmp_path / "a.session.jsonl")
    for number in range(200):
        before = len(made)
        size = log.part.stat().st_size
        log.append(Mark(number * 1000, "", "trainee") if number % 10 == 0 else packet(number))
        ours = [(name, written) for thread, name, written in made[before:] if thread == here]
        assert ours == [("write", log.part.stat().st_size - size)]
    log.append(End(200_000, "planned end", 0.2, 0))
    log.close()


def test_r16_events_are_committed_while_the_disk_takes_its_time(
    logs: Logs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A sync can take a third of a second; this one takes as long as the test wants."""
    real, syncing, enough = os.fsync, threading.Event(), threading.Event()

    def slow(descriptor: int) -> None:
        syncing.set()
        assert enough.wait(15)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    log = logs.new(tmp_path / "a.session.jsonl")
    log.append(Mark(0, "at once", "trainee"))
    assert syncing.wait(10)
    for number in range(1, 500):
        log.append(packet(number))
    assert len(list(logs.read(log.part).events())) == 500
    assert log.durable == 0
    assert log.trouble is None
    enough.set()
    log.append(End(500_000, "planned end", 0.5, 0))
    assert log.close().name == "a.session.jsonl"
    assert log.durable == (tmp_path / "a.session.jsonl").stat().st_size


def test_r16_what_is_said_to_be_durable_was_written_before_its_sync_began(
    logs: Logs, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    real, sizes = os.fsync, [0]
    path = tmp_path / "a.session.jsonl"

    def noted(descriptor: int) -> None:
        size = os.fstat(descriptor).st_size
        real(descriptor)
        sizes.append(size)

    monkeypatch.setattr(os, "fsync", noted)
    log = logs.new(path)
    for number in range(300):
        log.append(Mark(number * 1000, "", "trainee"))
        durable = log.durable
        assert durable <= max(sizes), "of bytes that a sync which has returned had found in the file"
    log.append(End(300_000, "planned end", 0.3, 0))
    log.close()
    assert log.durable == path.stat().st_size
