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
from biofeedback.events import Event, Notice
from biofeedback.recording.naming import PART, SUFFIX
from biofeedback.recording.reader import StoredRecording, read_recording
from biofeedback.session.plan import free_plan
from devices.events import SourceEvent
from tests.recording.failing import CALLS, HALF, Calls, system_calls
from tests.session.sessions import heart, replayed, run_session, steady

SECONDS: Final = 45
"""Of heart beats: 220 writes."""
MOST: Final = 200
ERRORS: Final = (errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS)
FULL: Final = (errno.ENOSPC, errno.EDQUOT)
How = Literal["once", "ten seconds", "for ever"]
LASTS_US: Final[dict[How, int]] = {"once": 0, "ten seconds": 10_000_000, "for ever": 1 << 60}
TOLD_WITHIN_US: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Fault:
    """The `k`-th call of this name fails, alone or with all of the same name that follow for so long.

    "any" is a call of any name. "half": that write stops halfway, and what was written cannot be taken back.
    """

    call: str
    k: int
    number: int
    how: How

    def __str__(self) -> str:
        return f"{self.call} {self.k} {errno.errorcode[self.number]} {self.how}"


@dataclass(slots=True)
class Disk:
    """Lets calls fail as a fault says; `now_us` is session time, `began_us` that of the first failure."""

    fault: Fault | None
    now_us: int = 0
    began_us: int | None = None
    last_us: int = 0
    made: int = 0

    def decide(self, name: str, count: int) -> int | None:
        """The errno for this call, if it is to fail."""
        fault = self.fault
        self.made += 1
        if fault is None:
            return None
        if fault.call == "half" and name == "write":
            return HALF if count == fault.k else None
        if fault.call == "any":
            count = self.made
        elif name != {"half": "ftruncate"}.get(fault.call, fault.call):
            return None
        return self._failing(fault, count, 1 if fault.call == "half" else fault.k)

    def _failing(self, fault: Fault, count: int, first: int) -> int | None:
        if count < first:
            return None
        self.began_us = self.now_us if self.began_us is None else self.began_us
        if count > first and self.now_us >= self.began_us + LASTS_US[fault.how]:
            return None
        self.last_us = self.now_us
        return fault.number

    def beats(self) -> Iterator[SourceEvent]:
        """The beats of a session, by which time goes on."""
        for event in heart(steady(70), SECONDS):
            self.now_us = event.stamp_us
            yield event


@dataclass(frozen=True, slots=True)
class Outcome:
    """A session on a failing disk."""

    disk: Disk
    calls: Calls
    events: Sequence[Event]
    stored: Sequence[StoredRecording]
    names: Sequence[str]
    refused: BiofeedbackError | None = None

    @property
    def failed(self) -> bool:
        """Whether any call did fail."""
        return self.disk.began_us is not None

    @property
    def sound_at_the_end(self) -> bool:
        """Whether the disk was well again before the session ended."""
        fault = self.disk.fault
        return fault is None or fault.how == "once" or self.disk.last_us < (SECONDS - 1) * 1_000_000


def course(events: Sequence[Event]) -> list[Event]:
    """The session without what is said of its recording."""
    return [event for event in events if not (isinstance(event, Notice) and event.code.startswith("recording"))]


def told(events: Sequence[Event]) -> list[Notice]:
    """What is said of the recording."""
    return [event for event in events if isinstance(event, Notice) and event.code.startswith("recording")]


def record(folder: Path, fault: Fault | None = None) -> Outcome:
    """One session in this folder."""
    disk = Disk(fault)
    events: Sequence[Event] = ()
    refused: BiofeedbackError | None = None
    with system_calls(folder, disk.decide) as calls:
        try:
            events = run_session(folder, replayed(disk.beats()), free_plan(None)).events
        except BiofeedbackError as error:
            refused = error
    paths = sorted(folder.iterdir())
    stored = [read_recording(path) for path in paths if path.stat().st_size]
    return Outcome(disk, calls, events, stored, [path.name for path in paths], refused)


@cache
def sound() -> Outcome:
    """The same session on a disk that does not fail."""
    with TemporaryDirectory() as folder:
        return record(Path(folder))


def complaints(outcome: Outcome, fault: Fault) -> list[str]:
    """What the session did that it must not."""
    if outcome.refused is not None:
        return [] if outcome.refused.advice and not outcome.names else ["refused, and something is left behind"]
    wrong: list[str] = []
    if course(outcome.events) != list(sound().events):
        wrong.append("the live view did not go on")
    # Half a second of a full disk at which nothing had to wait for long is nobody's concern.
    if outcome.failed and fault.call in ("write", "half") and not (fault.how == "once" and fault.number in FULL):
        wrong += _told_late(outcome)
    return wrong + _about_files(outcome)


def _told_late(outcome: Outcome) -> list[str]:
    first = next(iter(told(outcome.events)), None)
    if first is None:
        return ["not told"]
    late_us = first.at - (outcome.disk.began_us or 0)
    return [] if late_us <= TOLD_WITHIN_US else [f"told {late_us / 1e6:.1f} s later"]


def _about_files(outcome: Outcome) -> list[str]:
    wrong: list[str] = []
    whole = list(sound().events)
    most = 0
    for stored in outcome.stored:
        events = list(stored.events())
        most = max(most, len(events))
        if course(events) != whole[: len(course(events))]:
            wrong.append("a file holds what never happened")
        if not stored.path.name.endswith(PART) and (stored.damage or len(course(events)) != len(whole)):
            wrong.append(f"a file with a final name is not whole: {stored.damage}")
        if stored.beyond:
            wrong.append("a file is damaged before its end")
    least = len(whole) if outcome.sound_at_the_end else _events_before(outcome)
    if most < least:
        wrong.append(f"{least - most} committed events are lost")
    finals = {name for name in outcome.names if name.endswith(SUFFIX)}
    if finals - {stored.path.name for stored in outcome.stored}:
        wrong.append("an empty file has a final name")
    return wrong


def _events_before(outcome: Outcome) -> int:
    """How many events the first writes held, those before the one that failed."""
    fault = outcome.disk.fault
    assert fault is not None
    lines = sound().stored[0].lines
    events = {id(line) for line in sound().stored[0].event_lines}
    writes = {"write": fault.k - 1, "half": fault.k - 1, "any": fault.k - 12}.get(fault.call, len(lines))
    return sum(id(line) in events for line in lines[: max(0, writes)])


def every_fault(most: int = MOST) -> Iterator[Fault]:
    """Each call of a session, failing in each way: as many of a name as there are."""
    for call in (*CALLS, "any", "half"):
        calls = sound().calls.made[call] + 2 if call in CALLS else most
        for k in range(1, min(most, calls) + 1):
            for number in ERRORS:
                for how in LASTS_US:
                    yield Fault(call, k, number, how)


def complaints_at(fault: Fault) -> list[str]:
    """One session with this fault, in a folder of its own."""
    with TemporaryDirectory() as folder:
        return [f"{fault}: {what}" for what in complaints(record(Path(folder), fault), fault)]
