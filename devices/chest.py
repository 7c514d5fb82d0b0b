"""What the accelerometer of a simulated strap feels: the tilt of the chest, the sensor's noise, and movement.

Pure and seeded, with random streams of its own: a person with an accelerometer has the same heart as without one.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, pi, sin, sqrt
from random import Random
from typing import Final

from devices.chance import stream
from devices.polar_accelerometer import encode

FS_HZ: Final = 25
PERIOD_US: Final = 1_000_000 // FS_HZ
SAMPLES_IN_FRAME: Final = 36
"""As many as an H10 sends at once."""
CLOCK_NS: Final = 599_616_000_000_000_000
"""An H10 that was off believes that it is 2019-01-01 (Polar's "Time system in Polar sensors")."""


@dataclass(frozen=True, slots=True)
class ChestFrame:
    """A frame that is full at `at_us`."""

    at_us: int
    raw: bytes


class Chest:
    """Samples between the steps of a body: `step` once for each, in order."""

    UPRIGHT_MG: Final = (-60.0, -985.0, 150.0)
    # From empty to full; a chest tilts mostly forwards and back.
    BREATH_MG: Final = (3.0, 6.0, 36.0)
    NOISE_MG: Final = 3.0
    SWAY_MG: Final = 6.0
    SWAY_S: Final = 60.0
    SPELL_S: Final = (5.0, 12.0)
    SHAKE_MG: Final = (80.0, 200.0)
    SHAKE_HZ: Final = (1.5, 5.0)
    # Nobody sits afterwards as they sat before.
    SHIFT_MG: Final = 40.0

    def __init__(self, seed: int, move_pct: float, spells: list[tuple[int, int]] | None = None) -> None:
        self._noise = stream(seed, "chest noise")
        self._moves = stream(seed, "movement")
        self._move_chance = move_pct / 100 / 60
        self._spells = spells
        self._keep = exp(-PERIOD_US / 1e6 / self.SWAY_S)
        self._sway = [self._noise.gauss(0.0, self.SWAY_MG) for _ in range(3)]
        self._seat = [0.0, 0.0, 0.0]
        self._spell_end_us = -1
        self._shake: list[tuple[float, float, float]] = []
        self._next_us = 0
        self._before = 0.0
        self._samples: list[tuple[int, int, int]] = []
        self._full: list[ChestFrame] = []

    def step(self, from_us: int, to_us: int, fullness: float) -> None:
        """The chest is as full as this at `to_us`; in between it moved evenly."""
        while self._next_us <= to_us:
            if self._next_us >= from_us:
                share = (self._next_us - from_us) / (to_us - from_us)
                self._sample(self._next_us, self._before + share * (fullness - self._before))
            self._next_us += PERIOD_US
        self._before = fullness

    def take(self) -> list[ChestFrame]:
        """The frames that have become full."""
        full, self._full = self._full, []
        return full

    def _sample(self, at_us: int, fullness: float) -> None:
        if at_us % 1_000_000 == 0:
            self._perhaps_move(at_us)
        rest = self.SWAY_MG * sqrt(1 - self._keep**2)
        self._sway = [self._keep * sway + self._noise.gauss(0.0, rest) for sway in self._sway]
        x, y, z = (
            round(
                upright
                + breath * fullness
                + sway
                + seat
                + self._shaken(at_us, axis)
                + self._noise.gauss(0, self.NOISE_MG)
            )
            for axis, (upright, breath, sway, seat) in enumerate(
                zip(self.UPRIGHT_MG, self.BREATH_MG, self._sway, self._seat, strict=True)
            )
        )
        self._samples.append((x, y, z))
        if len(self._samples) == SAMPLES_IN_FRAME:
            self._full.append(ChestFrame(at_us, encode(CLOCK_NS + at_us * 1000, self._samples)))
            self._samples = []

    def _perhaps_move(self, at_us: int) -> None:
        if at_us < self._spell_end_us or self._moves.random() >= self._move_chance:
            return
        self._spell_end_us = at_us + round(self._moves.uniform(*self.SPELL_S) * 1e6)
        self._shake = [_shake(self._moves, self.SHAKE_MG, self.SHAKE_HZ) for _ in range(3)]
        self._seat = [self._moves.gauss(0.0, self.SHIFT_MG) for _ in range(3)]
        if self._spells is not None:
            self._spells.append((at_us, self._spell_end_us))

    def _shaken(self, at_us: int, axis: int) -> float:
        if at_us >= self._spell_end_us:
            return 0.0
        size_mg, hz, turn = self._shake[axis]
        return size_mg * sin(2 * pi * (hz * at_us / 1e6 + turn))


def _shake(rng: Random, size_mg: tuple[float, float], hz: tuple[float, float]) -> tuple[float, float, float]:
    return rng.uniform(*size_mg), rng.uniform(*hz), rng.random()
