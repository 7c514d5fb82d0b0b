"""Whole sessions on a disk that fails: what was published, what is on the disk afterwards, what a person was told."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Literal

from biofeedback.errors import BiofeedbackError
from biofeedback.events import Event, Notice, Packet
from biofeedback.recording.naming import PART, SUFFIX
from biofeedback.recording.reader import StoredRecording, read_recording
from biofeedback.session.plan import free_plan
from tests.recording.failing import CALLS, Decision, never, system_calls
from tests.session.sessions import heart, replayed, run_session, steady

SECONDS: Final = 45
"""Of heart beats: 220 writes."""
ERRORS: Final = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS)
How = Literal["once", "a while", "for ever"]
HOWS: Final[tuple[How, ...]] = ("once", "a while", "for ever")
A_WHILE: Final = 12
TOLD_WITHIN_US: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Fault:
    """The `k`-th call of this name fails, alone, with the next ones, or with all that follow."""

    call: str
    k: int
    number: int
    how: How

    def decide(self, name: str, count: int) -> int | None:
        """The errno for this call, if it is to fail."""
        last = {"once": self.k, "a while": self.k + A_WHILE, "for ever": 1 << 60}[self.how]
        return self.number if name == self.call and self.k <= count <= last else None

    def __str__(self) -> str:
        return f"{self.call} {self.k} {errno.errorcode[self.number]} {self.how}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """A session on a failing disk. `failed_at`: session time of the first failure, None when no call failed."""

    events: Sequence[Event]
    stored: Sequence[StoredRecording]
    names: Sequence[str]
    failed_at: int | None
    refused: BiofeedbackError | None = None


def course(events: Sequence[Event]) -> list[Event]:
    """The session without what is said of its recording."""
    return [event for event in events if not (isinstance(event, Notice) and event.code.startswith("recording"))]


def told(events: Sequence[Event]) -> list[Notice]:
    """What is said of the recording."""
    return [event for event in events if isinstance(event, Notice) and event.code.startswith("recording")]


def record(folder: Path, decide: Decision) -> Outcome:
    """One session in this folder."""
    heard: list[int] = []
    failed_at: list[int] = []

    def source() -> Iterator[Packet]:
        for event in heart(steady(70), SECONDS):
            assert isinstance(event, Packet)
            heard.append(event.stamp_us)
            yield event

    def noted(name: str, count: int) -> int | None:
        number = decide(name, count)
        if number is not None and not failed_at:
            failed_at.append(heard[-1] if heard else 0)
        return number

    events: Sequence[Event] = ()
    refused: BiofeedbackError | None = None
    with system_calls(folder, noted):
        try:
            events = run_session(folder, replayed(source()), free_plan(None)).events
        except BiofeedbackError as error:
            refused = error
    paths = sorted(folder.iterdir())
    stored = [read_recording(path) for path in paths if path.stat().st_size]
    return Outcome(events, stored, [path.name for path in paths], failed_at[0] if failed_at else None, refused)
