"""What can go wrong between a simulated body and the program: spells of trouble and odd bytes."""

from __future__ import annotations

from random import Random
from typing import Final

NEVER_US: Final = 2**62


class Spells:
    """Stretches of trouble now and then: a pause, a spell, a pause, ... of drawn lengths (least, most; s)."""

    def __init__(self, rng: Random, *, pause_s: tuple[float, float], spell_s: tuple[float, float], ever: bool) -> None:
        self._rng = rng
        self._pause_s = pause_s
        self._spell_s = spell_s
        self.ever = ever
        self.from_us = NEVER_US
        self.until_us = 0
        if ever:
            self.draw_next()

    def draw_next(self) -> None:
        """Plan the spell after this one."""
        self.from_us = self.until_us + round(self._rng.uniform(*self._pause_s) * 1e6)
        self.until_us = self.from_us + round(self._rng.uniform(*self._spell_s) * 1e6)

    def over(self, at_us: int) -> bool:
        """Whether the planned spell has passed."""
        return self.ever and at_us >= self.until_us

    def covers(self, at_us: int) -> bool:
        """Whether a spell is on at `at_us`; times must not go backwards."""
        while self.over(at_us):
            self.draw_next()
        return at_us >= self.from_us


def with_odd_bytes(raw: bytes, rng: Random) -> tuple[bytes, ...]:
    """The notification with something odd about it or before it; its whole fields stay readable."""
    match rng.randrange(4):
        case 0:
            return (raw + bytes([rng.randrange(256)]),)
        case 1:
            return (bytes([raw[0] | (0x20 << rng.randrange(3))]) + raw[1:],)
        case 2:
            return b"", raw
        case _:
            return raw[:1], raw
