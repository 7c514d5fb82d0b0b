"""Where a session is in its plan, and the pacer's schedule that goes with it. Pure; time comes with each call."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import Final

from biofeedback.breathing.pacer import SPONTANEOUS_RATE, Schedule, Stretch, next_inhale_us, ramp, stretch_at
from biofeedback.hrv.beats import NEVER
from biofeedback.session.plan import Plan, Step

UNPACED: Final = frozenset({"settle", "recovery", "rest"})


class Timeline:
    """Walks through the steps. `deadline` is the end of the current one, or the next breath of the ramp.

    `free_rate` is the breathing rate from which a ramp leads; set it before the ramp begins.
    """

    def __init__(self, plan: Plan, steps: tuple[Step, ...]) -> None:
        self.plan = plan
        self.schedule: Schedule = ()
        self.current: Step | None = None
        self.started_us = 0
        self.ends_us = NEVER
        self.paused = False
        self.free_rate = SPONTANEOUS_RATE
        self._left = list(steps)
        self._paused_left_us = 0

    @property
    def deadline(self) -> int:
        """When the current step ends."""
        return NEVER if self.paused else self.ends_us

    @property
    def finished(self) -> bool:
        """Whether there is no step left to begin."""
        return not self._left

    def next(self, at_us: int) -> Step:
        """Begin the next step at `at_us`."""
        self.current = self._left.pop(0)
        self.started_us = at_us
        self._begin(self.current)
        return self.current

    def relabel(self, step: Step) -> None:
        """Replace the current step by one of another name and the same length."""
        self.current = step

    def extend(self, breaths: int) -> None:
        """Let the current paced step go on for so many breaths more."""
        self.ends_us = self._breath_end_us(self.ends_us, breaths)

    def replace_rest(self, steps: tuple[Step, ...]) -> None:
        """Forget what was planned after this step."""
        self._left = list(steps)

    def drop_pair(self, pair: int) -> None:
        """Leave out what is left of a pair."""
        self._left = [step for step in self._left if step.pair != pair]

    def pause(self, at_us: int) -> None:
        """Stop the time line and the pacer."""
        self.paused = True
        self._paused_left_us = self.ends_us - at_us if self.ends_us != NEVER else NEVER
        if self._pacer_on(at_us):
            self._stop_pacer(at_us)

    def resume(self, at_us: int) -> None:
        """Go on where it stopped; a paced step restarts at phase 0 and is rounded up to whole breaths."""
        self.paused = False
        if self.current is None or self._paused_left_us == NEVER:
            return
        if self.current.name in UNPACED:
            self.ends_us = at_us + self._paused_left_us
        elif self.current.name == "ramp":
            self._begin_ramp(at_us)
        else:
            self._start_pacer(at_us)
            self.ends_us = self._breath_end_us(at_us, ceil(self._paused_left_us / self.plan.breath_us))

    def finish_now(self, at_us: int) -> None:
        """End the current step here."""
        self.paused = False
        self.ends_us = at_us

    def _begin(self, step: Step) -> None:
        at_us = self.started_us
        if step.name in UNPACED:
            if self._pacer_on(at_us):
                self._stop_pacer(at_us)
            self.ends_us = NEVER if step.seconds is None else at_us + round(step.seconds * 1e6)
        elif step.name == "ramp":
            self._begin_ramp(at_us)
        else:
            if not self._pacer_on(at_us):
                self._start_pacer(at_us)
            self.ends_us = self._breath_end_us(at_us, step.breaths or 0)

    def _begin_ramp(self, at_us: int) -> None:
        self.schedule = (*self.schedule, *ramp(at_us, self.plan.pace, self.plan.inhale, self.free_rate))
        self.ends_us = self.schedule[-1].start_us

    def _pacer_on(self, at_us: int) -> bool:
        stretch = stretch_at(self.schedule, at_us)
        return stretch is not None and stretch.rate is not None

    def _start_pacer(self, at_us: int) -> None:
        self.schedule = (*self.schedule, Stretch(at_us, self.plan.pace, self.plan.inhale))

    def _stop_pacer(self, at_us: int) -> None:
        kept = tuple(stretch for stretch in self.schedule if stretch.start_us < at_us)
        self.schedule = (
            *kept,
            replace(kept[-1], start_us=at_us, rate=None) if kept else Stretch(at_us, None),
        )

    def _breath_end_us(self, from_us: int, breaths: int) -> int:
        """The end of `breaths` breaths after `from_us`, counted from the stretch's beginning so that none drift."""
        stretch = stretch_at(self.schedule, from_us)
        if stretch is None or stretch.rate is None:
            raise ValueError("no pacer runs")
        if stretch.rate != self.plan.pace:
            return next_inhale_us(self.schedule, from_us + round(breaths * self.plan.breath_us))
        done = round((from_us - stretch.start_us) / stretch.breath_us)
        return stretch.breath_start_us(done + breaths)
