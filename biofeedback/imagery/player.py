"""Says a script's cues on the breath, and waits while the state of the person or the signal asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from biofeedback.breathing.pacer import Schedule, next_exhale_us, next_inhale_us
from biofeedback.events import Cue, Notice
from biofeedback.hrv.beats import NEVER
from biofeedback.imagery.script import CuePhase, Script

SECOND_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class PlannedCue:
    """One line to come: `plan_us` after its part of the session began, on `phase` of the breath."""

    index: int
    plan_us: int
    phase: CuePhase
    say: str


def epoch_cues(script: Script) -> list[PlannedCue]:
    """The cues of the trial form, at the script's own seconds."""
    return [
        PlannedCue(index, round(cue.at_s * SECOND_US), cue.phase, script.spoken(cue))
        for index, cue in enumerate(script.cues)
    ]


def practice_cues(script: Script, breaths: int, breath_us: float) -> list[PlannedCue]:
    """The cues of the practice form: in turn, one every `every_breaths` breaths, each with that much time after it."""
    every = script.practice.every_breaths
    return [
        PlannedCue(turn % len(script.cues), round(turn * every * breath_us), cue.phase, script.spoken(cue))
        for turn in range(max(1, breaths // every))
        for cue in (script.cues[turn % len(script.cues)],)
    ]


class Player:
    """Plays one list of cues at a time. `deadline` is when the next one is due, NEVER while it waits."""

    def __init__(self) -> None:
        self.deadline = NEVER
        self._script = ""
        self._hash = ""
        self._cues: list[PlannedCue] = []
        self._start_us = 0
        self._schedule: Schedule = ()
        self._late_us = 0
        self._shifts = False
        self._hold: str | None = None
        self._waiting = False
        self._paused_us: int | None = None

    def begin(
        self,
        start_us: int,
        script: str,
        hash_: str,
        cues: Sequence[PlannedCue],
        schedule: Schedule,
        *,
        shifts: bool,
    ) -> None:
        """Start a list of cues. `shifts`: after a wait the rest come as much later (practice), else on time (trial)."""
        self._start_us, self._script, self._hash = start_us, script, hash_
        self._cues, self._schedule = list(cues), schedule
        self._late_us, self._shifts, self._waiting, self._paused_us = 0, shifts, False, None
        self._plan_next()

    def stop(self) -> None:
        """Say nothing more."""
        self._cues, self._waiting, self._paused_us = [], False, None
        self.deadline = NEVER

    def pause(self, now_us: int) -> None:
        """Time stands still for the cues."""
        self._paused_us, self.deadline = now_us, NEVER

    def resume(self, now_us: int, schedule: Schedule) -> None:
        """Time goes on: every cue that is left comes as much later as the pause was long."""
        if self._paused_us is not None:
            self._late_us += now_us - self._paused_us
            self._paused_us, self._schedule = None, schedule
            self._plan_next(not_before_us=now_us)

    def hold(self, now_us: int, why: str | None, schedule: Schedule) -> list[Notice]:
        """Cues wait from now on for the reason given; None lets them go on, on the breath of `schedule`."""
        if self._paused_us is not None:
            self._hold = why
            return []
        breath_changed = schedule != self._schedule
        self._hold, self._schedule = why, schedule
        if why is None and breath_changed and not self._waiting:
            self._plan_next(not_before_us=now_us)
        if why is not None or not self._waiting:
            return []
        self._waiting = False
        self._catch_up(now_us)
        return [Notice(now_us, "cues_go_on", "The cues go on.")]

    def advance(self, now_us: int) -> list[Cue | Notice]:
        """Say the cue that is due, or begin to wait with it."""
        if now_us < self.deadline or not self._cues:
            return []
        if self._hold is not None:
            self._waiting, self.deadline = True, NEVER
            return [Notice(now_us, "cues_wait", f"The next cue waits: {self._hold}.")]
        cue = self._cues.pop(0)
        self._plan_next()
        return [Cue(now_us, self._script, self._hash, cue.index, cue.say, cue.plan_us / SECOND_US)]

    def _catch_up(self, now_us: int) -> None:
        """After a wait: in practice the rest come later by it; in a trial only the last overdue cue is still said."""
        if self._shifts:
            self._late_us = max(0, now_us - self._start_us - self._cues[0].plan_us)
        else:
            while len(self._cues) > 1 and self._start_us + self._cues[1].plan_us <= now_us:
                self._cues.pop(0)
        self._plan_next(not_before_us=now_us)

    def _plan_next(self, not_before_us: int = 0) -> None:
        if not self._cues or self._paused_us is not None:
            self.deadline = NEVER
            return
        cue = self._cues[0]
        wanted = max(not_before_us, self._start_us + cue.plan_us + self._late_us)
        if cue.phase == "exhale":
            self.deadline = next_exhale_us(self._schedule, wanted)
        elif cue.phase == "inhale":
            self.deadline = next_inhale_us(self._schedule, wanted)
        else:
            self.deadline = wanted
