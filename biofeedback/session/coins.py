"""Draws the coins of a trial: from the system's own randomness, or from a seed for simulated people (RULINGS E12)."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from random import Random

from biofeedback.evidence.trial import commitment


@dataclass(frozen=True, slots=True)
class Coin:
    """One pair's coin and the nonce that seals it."""

    pair: int
    coin: int
    nonce: str

    def sealed(self, session: str) -> str:
        """The commitment that is recorded before the session's first pair."""
        return commitment(session, self.pair, self.coin, self.nonce)


def draw_coins(pairs: int, seed: int | None, turn: int = 0) -> list[Coin]:
    """One fair coin a pair. `seed` only for simulated people, whose sessions are never evidence.

    `turn`: how many times they were drawn before in this session; each time brings others.
    """
    if seed is None:
        return [Coin(pair, secrets.randbelow(2), secrets.token_hex(32)) for pair in range(pairs)]
    chance = Random(f"coins {seed}" + f" {turn}" * bool(turn))  # noqa: S311 - a simulated person's coin has to be repeatable
    return [Coin(pair, chance.randrange(2), chance.randbytes(32).hex()) for pair in range(pairs)]
