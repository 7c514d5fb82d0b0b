"""Intervals as whole ticks of 1/1 024 000 s, so that straps (1/1024 s) and files (ms) are both exact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Whole = TypeVar("Whole", int, "npt.NDArray[np.int64]")
"""A whole number, or an array of them."""

TICKS_PER_S: Final = 1_024_000
TICKS_PER_MS: Final = 1024
TICKS_OF_STRAP: Final = 1000
"""Ticks in the strap's unit of 1/1024 s."""


def ticks_to_us(ticks: Whole) -> Whole:
    """Ticks as whole microseconds, half up."""
    return (ticks * 125 + 64) // 128


def us_to_ticks(us: Whole) -> Whole:
    """Microseconds as whole ticks, half up."""
    return (us * 128 + 62) // 125
