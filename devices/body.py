"""The physiology of a simulated person: breath, arousal and a heart integrated from them.

Pure and seeded. Time moves in steps of `STEP_US` on a fixed grid, so what comes out does not depend on how
far each call of `Body.advance` reaches. Every part draws from a random stream of its own: more ectopic beats,
say, change nothing of the breath. Formulas and assumptions: docs/simulation.md.
"""

from __future__ import annotations

from bisect import insort
from dataclasses import dataclass
from math import cos, exp, pi, sqrt
from operator import itemgetter
from random import Random
from typing import Final

from devices.chance import stream
from devices.chest import Chest
from devices.events import Heard, HeardPacer, HeardPhase
from devices.people import Person

STEP_US: Final = 50_000
"""With RSA of 8 bpm at 6 breaths a minute a beat inside a step of 50 ms is misplaced by 0.03 ms at most."""
STEP_S: Final = STEP_US / 1e6

REACTION_US: Final = 300_000
"""From hearing to doing. It also lets the caller be late by as much without a change in what happens."""

SETTLING_US: Final = 30_000_000
"""Life before the session: the body is stepped for so long before time 0."""


@dataclass(frozen=True, slots=True)
class Beat:
    """One contraction, at its true time."""

    at_us: int
    ectopic: bool


@dataclass(frozen=True, slots=True)
class BodySecond:
    """What the body did at the start of a second."""

    at_us: int
    level_bpm: float
    """Rate without RSA and Mayer wave: what a perfect index of the level would show."""
    arousal_bpm: float
    """The part of it that came from imagery and excursions."""
    breath_rate: float
    rsa_bpm: float


class Breath:
    """Breath as a phase: 0 where inhaling begins, 1 where the next breath does."""

    # A free breath resembles the one before by this much; its rate scatters by this share.
    MEMORY: Final = 0.5
    SCATTER: Final = 0.10
    # Where a follower's breath begins scatters around the pacer's by this share of a breath.
    FOLLOWING_SCATTER: Final = 0.03
    # No breath is as deep as the one before; RSA goes with it.
    DEPTH_SCATTER: Final = 0.20
    # Both are shares of a breath: an error of phase or of rate falls to 1/e in 1 and 0.5 breaths.
    PHASE_PULL: Final = 1.0
    RATE_PULL: Final = 2.0
    FREE_INHALE: Final = 0.42

    def __init__(self, person: Person, rng: Random) -> None:
        self.rate = person.breath_rate
        self.inhale = self.FREE_INHALE
        self.phase = rng.random()
        self.depth = 1.0
        self._person = person
        self._rng = rng
        self._deviation = 0.0
        self._offset = 0.0
        self._wanted_rate = person.breath_rate
        self._pacer: HeardPacer | None = None

    def hear(self, pacer: HeardPacer) -> None:
        """Breathe with this pacer from now on, or freely again when it has no rate."""
        if not self._person.follows:
            return
        self._pacer = pacer if pacer.rate else None
        self.inhale = pacer.inhale if self._pacer else self.FREE_INHALE
        self._wanted_rate = pacer.rate or self._person.breath_rate

    def step(self, at_us: int) -> None:
        """Move to `at_us + STEP_US`."""
        self.rate += (self._wanted_rate - self.rate) * min(1.0, self.RATE_PULL * self.rate / 60 * STEP_S)
        speed = self.rate / 60
        if self._pacer is not None:
            speed *= 1 + self.PHASE_PULL * self._behind(self._pacer, at_us)
        self.phase += speed * STEP_S
        if self.phase >= 1.0:
            self.phase -= 1.0
            self._begin()

    def _behind(self, pacer: HeardPacer, at_us: int) -> float:
        """How far this breath is behind the pacer's, -0.5 to 0.5 of a breath."""
        pacer_phase = pacer.at_phase + (at_us - pacer.at_us) / 60e6 * (pacer.rate or 0.0)
        return (pacer_phase + self._offset - self.phase + 0.5) % 1.0 - 0.5

    def _begin(self) -> None:
        draw = self._rng.gauss(0.0, 1.0)
        self.depth = exp(self.DEPTH_SCATTER * self._rng.gauss(0.0, 1.0))
        self._offset = self.FOLLOWING_SCATTER * draw
        if self._pacer is None:
            self._deviation = self.MEMORY * self._deviation + sqrt(1 - self.MEMORY**2) * self.SCATTER * draw
            self._wanted_rate = self._person.breath_rate * exp(self._deviation)

    @property
    def fullness(self) -> float:
        """How full the chest is: 0 empty, 1 a breath of usual depth."""
        return self.depth * (1 + self.swing(0.0)) / 2

    def swing(self, lag_s: float) -> float:
        """What RSA follows: -1 where inhaling began `lag_s` ago, 1 where exhaling did, 0 on average."""
        phase = (self.phase - lag_s * self.rate / 60) % 1.0
        if phase < self.inhale:
            return -cos(pi * phase / self.inhale)
        return cos(pi * (phase - self.inhale) / (1 - self.inhale))


class Arousal:
    """What imagery and excursions add to the heart rate, in bpm."""

    ONSET_S: Final = 15.0
    SPIKE_RISE_S: Final = 5.0
    SPIKE_FALL_S: Final = 12.0
    SPIKE_US: Final = 60_000_000
    SPIKE_BPM: Final = (8.0, 12.0)
    CALMING_PHASE: Final = "recovery"

    def __init__(self, person: Person, rng: Random) -> None:
        self._person = person
        self._rng = rng
        self._imagining = False
        self._effect_bpm = 0.0
        self._spike_bpm = 0.0
        self._spike_peak_bpm = 0.0
        self._spike_end_us = 0

    @property
    def bpm(self) -> float:
        """Effect of the image and excursion together."""
        return self._effect_bpm + self._spike_bpm

    def hear(self, phase: HeardPhase, at_us: int) -> None:
        """Begin or leave an image; a recovery phase ends an excursion."""
        self._imagining = phase.visualization is not None and not phase.control
        if phase.name == self.CALMING_PHASE:
            self._spike_end_us = at_us

    def step(self, at_us: int) -> None:
        """Move to `at_us + STEP_US`."""
        target = self._person.effect_bpm if self._imagining else 0.0
        self._effect_bpm += (target - self._effect_bpm) * STEP_S / self.ONSET_S
        if at_us < self._spike_end_us:
            self._spike_bpm += (self._spike_peak_bpm - self._spike_bpm) * STEP_S / self.SPIKE_RISE_S
        else:
            self._spike_bpm -= self._spike_bpm * STEP_S / self.SPIKE_FALL_S

    def each_second(self, at_us: int) -> None:
        """Perhaps begin an excursion."""
        chance = self._person.spike_pct / 100 / 60
        if self._imagining and at_us >= self._spike_end_us and self._rng.random() < chance:
            self._spike_peak_bpm = self._rng.uniform(*self.SPIKE_BPM)
            self._spike_end_us = at_us + self.SPIKE_US


class Drift:
    """An Ornstein-Uhlenbeck process, exact at its steps of one second and linear between them."""

    TIME_CONSTANT_S: Final = 60.0

    def __init__(self, sd_bpm: float, rng: Random) -> None:
        self._rng = rng
        self._keep = exp(-1 / self.TIME_CONSTANT_S)
        self._kick_bpm = sd_bpm * sqrt(1 - self._keep**2)
        self._slope_bpm_s = 0.0
        self.bpm = sd_bpm * rng.gauss(0.0, 1.0)

    def each_second(self) -> None:
        """Choose where to be a second later."""
        self._slope_bpm_s = self._keep * self.bpm + self._kick_bpm * self._rng.gauss(0.0, 1.0) - self.bpm

    def step(self) -> None:
        """Move on by one step."""
        self.bpm += self._slope_bpm_s * STEP_S


class MayerWave:
    """A small wave of the blood pressure near 0.1 Hz whose frequency wanders; its value is -1 to 1."""

    CENTRE_HZ: Final = 0.095
    SCATTER_HZ: Final = 0.012

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._turn = rng.random()
        self._hz = self.CENTRE_HZ

    def each_second(self) -> None:
        """Wander."""
        self._hz += 0.05 * (self.CENTRE_HZ - self._hz) + self.SCATTER_HZ * 0.31 * self._rng.gauss(0.0, 1.0)

    def step(self) -> float:
        """Move on by one step and say where the wave is."""
        self._turn += self._hz * STEP_S
        return cos(2 * pi * self._turn)


class Heart:
    """Integral pulse frequency modulation: a beat where the integral of the rate passes a whole number.

    A beat's place scatters around that number, so the noise never adds up. An ectopic beat comes early and
    the next one where it would have come anyway: a full compensatory pause.
    """

    PREMATURE: Final = (0.20, 0.40)

    def __init__(self, person: Person, noise: Random, ectopy: Random) -> None:
        self._noise = noise
        self._ectopy = ectopy
        self._beat_noise = person.beat_noise
        share = person.ectopic_pct / 100
        # No two in a row, so the chance after a normal beat is a little higher than the share.
        self._ectopic_chance = share / (1 - share)
        self._integral = noise.random()
        self._number = 1
        self._ectopic = False
        self._threshold = 1.0

    def step(self, at_us: int, rate_bpm: float) -> Beat | None:
        """Integrate a constant rate from `at_us` to `at_us + STEP_US`; the beat in it, if there is one."""
        before = self._integral
        self._integral += rate_bpm / 60 * STEP_S
        if self._integral < self._threshold:
            return None
        share = (self._threshold - before) / (self._integral - before)
        beat = Beat(at_us + int(max(0.0, share) * STEP_US), self._ectopic)
        self._choose_next()
        return beat

    def _choose_next(self) -> None:
        self._number += 1
        self._ectopic = not self._ectopic and self._ectopy.random() < self._ectopic_chance
        self._threshold = self._number + self._beat_noise * self._noise.gauss(0.0, 1.0)
        if self._ectopic:
            self._threshold -= self._ectopy.uniform(*self.PREMATURE)


class Body:
    """A person: `advance` lets time pass and gives the beats, `hear` tells what they see and hear."""

    LAG_S: Final = 0.5
    """RSA follows the breath by so much."""
    RSA_TIME_CONSTANT_S: Final = 8.0
    RSA_PER_BPM: Final = 0.04
    """Share of RSA lost per bpm of arousal (12 % per 3 bpm, an assumption of METHOD 1.2)."""
    SLOWEST_BPM: Final = 25.0

    def __init__(
        self, person: Person, seed: int, seconds: list[BodySecond] | None = None, chest: Chest | None = None
    ) -> None:
        self._person = person
        self._chest = chest
        self._breath = Breath(person, stream(seed, "breath"))
        self._arousal = Arousal(person, stream(seed, "arousal"))
        self._drift = Drift(person.drift_bpm, stream(seed, "drift"))
        self._mayer = MayerWave(stream(seed, "mayer"))
        self._heart = Heart(person, stream(seed, "beat noise"), stream(seed, "ectopy"))
        self._rsa_bpm = person.rsa_fast_bpm
        self._waiting: list[tuple[int, Heard]] = []
        self._seconds = seconds
        self._at_us = -SETTLING_US
        self.advance(0)

    @property
    def arousal_bpm(self) -> float:
        """What imagery and excursions add to the heart rate now."""
        return self._arousal.bpm

    def hear(self, heard: Heard) -> None:
        """Take it in; it takes effect a reaction time later, on the next step."""
        insort(self._waiting, (heard.at_us + REACTION_US, heard), key=itemgetter(0))

    def advance(self, to_us: int) -> list[Beat]:
        """Let time pass in whole steps, at most up to `to_us`; the beats in it."""
        beats: list[Beat] = []
        while self._at_us + STEP_US <= to_us:
            beat = self._step()
            if beat is not None:
                beats.append(beat)
        return beats

    def _step(self) -> Beat | None:
        at_us = self._at_us
        while self._waiting and self._waiting[0][0] <= at_us:
            self._react(self._waiting.pop(0)[1], at_us)
        if at_us % 1_000_000 == 0:
            self._each_second(at_us)
        self._breath.step(at_us)
        self._arousal.step(at_us)
        self._drift.step()
        self._rsa_bpm += (self._rsa_target() - self._rsa_bpm) * STEP_S / self.RSA_TIME_CONSTANT_S
        swing = self._rsa_bpm * self._breath.swing(self.LAG_S) + self._person.mayer_bpm * self._mayer.step()
        self._at_us = at_us + STEP_US
        if self._chest is not None:
            self._chest.step(at_us, self._at_us, self._breath.fullness)
        return self._heart.step(at_us, max(self.SLOWEST_BPM, self._level() + swing))

    def _react(self, heard: Heard, at_us: int) -> None:
        if isinstance(heard, HeardPacer):
            self._breath.hear(heard)
        elif isinstance(heard, HeardPhase):
            self._arousal.hear(heard, at_us)

    def _each_second(self, at_us: int) -> None:
        self._arousal.each_second(at_us)
        self._drift.each_second()
        self._mayer.each_second()
        if self._seconds is not None and at_us >= 0:
            second = BodySecond(at_us, self._level(), self._arousal.bpm, self._breath.rate, self._rsa_bpm)
            self._seconds.append(second)

    def _level(self) -> float:
        return self._person.hr_bpm + self._drift.bpm + self._arousal.bpm

    def _rsa_target(self) -> float:
        person = self._person
        off = self._breath.rate - person.resonance_rate
        closeness = exp(-person.resonance_sharpness * off * off)
        size = person.rsa_fast_bpm + (person.rsa_peak_bpm - person.rsa_fast_bpm) * closeness
        return size * self._breath.depth * max(0.3, 1 - self.RSA_PER_BPM * self._arousal.bpm)
