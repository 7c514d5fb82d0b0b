"""What arrives, as beats: one way in for a session and for the analysis of its recording.

Holds the beat stream and the ledger of arrivals together. While more arrives than time allows, nothing of it is laid
on the time line, where it would run ahead of the clock: it is one hole.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from biofeedback.events import Command, Link, Packet, Rr
from biofeedback.hrv.beats import Hole, TimedBeat
from biofeedback.hrv.coverage import LINKED, Coverage, time_in
from biofeedback.hrv.stream import BeatStream, StreamEvent
from biofeedback.hrv.ticks import ticks_to_us


class Reception:
    """Feed packets, file intervals, links and commands; out come beats and holes. `keep_us` as in `BeatStream`."""

    def __init__(self, keep_us: int | None = None) -> None:
        self.coverage = Coverage(keep_us)
        self._stream = BeatStream(keep_us)
        self._file_ticks = 0

    @property
    def beats(self) -> deque[TimedBeat]:
        """The beats that are remembered."""
        return self._stream.beats

    @property
    def deadline(self) -> int:
        """When `advance` has something to decide, in microseconds."""
        return self._stream.deadline

    def add_packet(self, packet: Packet) -> Sequence[StreamEvent]:
        """Take a strap's packet."""
        wanted = self.coverage.take(packet)
        return self._noted(self._stream.add_packet(packet) if wanted else self._stream.interrupt("doubled"))

    def add_intervals(self, event: Rr) -> Sequence[StreamEvent]:
        """Take a file's intervals, which have no other clock than their own sum: each arrives when it ends."""
        if event.lost != 0:
            self._file_ticks += max(0, event.lost or 0)
            self.coverage.tear()
        for ticks in event.ticks:
            self._file_ticks += max(0, ticks)
            self.coverage.add(ticks_to_us(self._file_ticks), time_in([ticks]))
        return self._stream.add_intervals(event)

    def link(self, link: Link) -> Sequence[StreamEvent]:
        """The connection changed."""
        self.coverage.link(link)
        return [] if link.state in LINKED else self._noted(self._stream.interrupt("link"))

    def command(self, command: Command) -> Sequence[StreamEvent]:
        """Somebody pressed something, or the computer fell asleep: no beat arrives while it sleeps."""
        if command.what != "sleep":
            return []
        self.coverage.tear()
        return self._noted(self._stream.interrupt("suspend"))

    def advance(self, now_us: int) -> Sequence[StreamEvent]:
        """Decide what was due by now."""
        return self._noted(self._stream.advance(now_us))

    def finish(self) -> Sequence[StreamEvent]:
        """No more beats come: settle the last ones."""
        return self._stream.finish()

    def _noted(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """A hole that is found is known from then on."""
        if any(isinstance(event, Hole) for event in events):
            self.coverage.tear()
        return events
