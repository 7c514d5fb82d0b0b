"""Sealed coins: who comes first in a pair is decided, and committed to, before the session begins (RULINGS E12)."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

COIN_FORMAT: Final = "brt-coin/1"


def commitment(session: str, pair: int, coin: int, nonce: str) -> str:
    """What is written before the first pair: it fixes the coin without showing it."""
    return sha256(f"{COIN_FORMAT}|{session}|{pair}|{coin}|{nonce}".encode()).hexdigest()


def image_first(coin: int) -> bool:
    """coin 0: the image comes first in its pair; 1: its control."""
    return coin == 0
