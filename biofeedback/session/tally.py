"""What a whole session's beats come to, for its last line: how many are artefacts, how much of it was heard."""

from __future__ import annotations

from dataclasses import dataclass

from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.ticks import ticks_to_us


@dataclass(slots=True)
class Tally:
    """Counts settled beats. `last_us`: the closing beat of the last one, `flagged`: so many are artefacts."""

    flagged: int = 0
    last_us: int = 0
    _first_us: int | None = None
    _ticks: int = 0

    def add(self, beat: TimedBeat) -> None:
        """Count one; each comes once, in order."""
        if self._first_us is None:
            self._first_us = beat.opening_us
        self.last_us = beat.t_us
        self.flagged += not beat.ok
        self._ticks += beat.ticks

    @property
    def coverage(self) -> float | None:
        """Time of all intervals over the time from the first opening to the last closing beat (RULINGS A8)."""
        span_us = self.last_us - (self._first_us or 0)
        return ticks_to_us(self._ticks) / span_us if span_us > 0 else None
