"""The engine behind a guard: should it fail, the inputs go on to be recorded and the session can still be ended.

Pure like the engine itself, so that a replay fails where the session failed and says the same from there on.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from biofeedback.events import Command, End, Input, Mark, Note, Notice, Open, Output, Pacer, Safety
from biofeedback.hrv.beats import NEVER
from biofeedback.hrv.foreign import Failure, ForeignMetric
from biofeedback.session.engine import Engine
from biofeedback.session.plan import Plan, length_us

FAILED: Final = (
    "The program made a mistake and can show no more numbers or words. What the strap sends is still recorded. "
    "Breathe as you like, and end the session when it suits you."
)
BROKEN: Final = "the program failed"
ENGINE_FAILED: Final = "engine_failed"
"""The code of the notice, and of the `err` line of a recording that says with what."""


class GuardedEngine:
    """An `Engine` that never raises. `error` is what it failed with, None while it works.

    After a failure marks and notes are kept, "something strong" is answered, and the session ends by command, or by
    itself once its plan would have been over for certain.
    """

    def __init__(self, metrics: Sequence[ForeignMetric] = ()) -> None:
        """`metrics`: as `Engine` takes them."""
        self.error: Exception | None = None
        self._engine = Engine(metrics)
        self._time = 0
        self._ended = False
        self._lasts_us = NEVER
        self._ends_us = NEVER

    @property
    def time(self) -> int:
        """The time that was reached, microseconds."""
        return max(self._time, self._engine.time)

    @property
    def lost_metrics(self) -> Sequence[Failure]:
        """As `Engine.lost_metrics`."""
        return self._engine.lost_metrics

    @property
    def ended(self) -> bool:
        """Whether the session is over."""
        return self._ended or self._engine.ended

    @property
    def next_deadline(self) -> int:
        """When `advance` has something to do, microseconds; NEVER when it has not."""
        if self.error is None:
            return self._engine.next_deadline
        return NEVER if self.ended else self._ends_us

    def advance(self, now: int) -> list[Output]:
        """As `Engine.advance`; what was done before a failure stays done, each thing at its own time."""
        outs: list[Output] = []
        while self.error is None and (due := self._engine.next_deadline) <= now:
            outs.extend(self._advance(due))
        if self.error is None:
            return [*outs, *self._advance(now)]
        if not self.ended and now >= self._ends_us:
            outs.extend(self._end(self._ends_us, BROKEN))
        self._time = max(self._time, now)
        return outs

    def feed(self, event: Input) -> list[Output]:
        """As `Engine.feed`."""
        if self.error is not None:
            self._time = max(self._time, event.at)
            return [] if self.ended or not isinstance(event, Command) else self._command(event)
        try:
            if isinstance(event, Open):
                self._lasts_us = length_us(Plan.from_json(event.plan))
            return self._engine.feed(event)
        except Exception as error:  # noqa: BLE001 - whatever it is, the recording must go on
            return self._fail(event.at, error)

    def _advance(self, now: int) -> list[Output]:
        try:
            return self._engine.advance(now)
        except Exception as error:  # noqa: BLE001 - as above
            return self._fail(now, error)

    def _fail(self, at: int, error: Exception) -> list[Output]:
        self.error, self._time = error, at
        self._ends_us = min(NEVER, at + self._lasts_us)
        return [Notice(at, "engine_failed", FAILED), Pacer(at, None, 0.4, 0.0)]

    def _command(self, command: Command) -> list[Output]:
        at = command.at
        match command.what:
            case "stop":
                return self._end(at, command.text or "stopped")
            case "end":
                return self._end(at, "ended by the person")
            case "strong":
                return [Safety(at, "red", True, "something strong", None, None)]
            case "mark":
                return [Mark(at, command.text, command.by)]
            case "note":
                return [Note(at, command.text, command.by)]
            case _:
                return []

    def _end(self, at: int, why: str) -> list[Output]:
        self._ended = True
        return [End(at, why, at / 1e6, self._engine.beats, self._engine.flagged)]
