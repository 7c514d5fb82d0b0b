"""What a strap's accelerometer shows, as outputs: movement and breath, frame by frame. Pure; time comes with frames."""

from __future__ import annotations

from typing import Final

from biofeedback.breathing.acceleration import Run, Sampler
from biofeedback.breathing.measured import GOOD, NOTHING, BreathTrace
from biofeedback.breathing.movement import SECONDS, Movement, Second
from biofeedback.events import Acc, Motion

EVERY_S: Final = 2
LONGEST_OLD_US: Final = 5_000_000
"""A rate that is older than this is not that of the breath now."""
LOOK_BACK_US: Final = SECONDS * 1_000_000
"""Movement is told once it has lasted so long."""


class MotionSense:
    """Follows one strap. `rate` gives the breathing rate where it can be trusted."""

    def __init__(self) -> None:
        self._sampler = Sampler()
        self._movement: Movement | None = None
        self._trace: BreathTrace | None = None
        self._seconds = 0
        self._moving = False
        self._newest: Motion | None = None

    def take(self, acc: Acc) -> list[Motion]:
        """One frame; what it shows, one output for two seconds or a change."""
        run = self._sampler.take(acc)
        if run is None:
            self._movement = self._trace = None
            return []
        if run.new or self._movement is None or self._trace is None:
            self._movement = Movement(run.fs_hz, run.xyz_mg[0], moving=self._moving)
            self._trace = BreathTrace(run.fs_hz)
            self._seconds = 0
        told: list[Motion] = []
        for number, sample in enumerate(run.xyz_mg, 1):
            self._trace.step(sample)
            second = self._movement.step(sample)
            if second is not None:
                self._seconds += 1
                told += self._tell(acc.at, run, number, second, self._trace)
        return told

    def rate(self, at: int) -> float | None:
        """The breathing rate at session time `at`, a minute; None when it is not known well enough."""
        newest = self._newest
        if newest is None or newest.breath_quality < GOOD or at - newest.t_us > LONGEST_OLD_US:
            return None
        return newest.breaths_per_min

    def _tell(self, at: int, run: Run, number: int, second: Second, trace: BreathTrace) -> list[Motion]:
        if second.moving:
            trace.forget()
        if second.moving == self._moving and self._seconds % EVERY_S:
            return []
        self._moving = second.moving
        breath = NOTHING if second.moving else trace.measure(run.fs_hz)
        t_us = run.last_us - round((len(run.xyz_mg) - number) * 1e6 / run.fs_hz)
        rate = None if breath.rate is None else round(breath.rate, 2)
        self._newest = Motion(at, t_us, round(second.rms_mg, 1), second.moving, rate, round(breath.quality, 2))
        return [self._newest]
