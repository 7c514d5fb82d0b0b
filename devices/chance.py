"""Seeded randomness for simulations: one independent stream for each thing that varies."""

from __future__ import annotations

from random import Random


def stream(seed: int, name: str) -> Random:
    """The stream of this name; the same for the same seed on every machine."""
    return Random(f"{seed}/{name}")  # noqa: S311 - a simulated heart is no secret
