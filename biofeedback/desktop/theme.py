"""The colours of the windows (DESIGN 8). Text and lines stand out from their ground by at least 4.5 : 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Theme:
    """Colours by what they are for; each is never the only sign of its meaning."""

    ground: str
    surface: str
    """Buttons and panels, a little off the ground."""
    edge: str
    ink: str
    quiet: str
    """Words that may be overlooked."""
    beat: str
    """The heart: tachogram, rates, the breath."""
    flag: str
    """What cannot be trusted."""
    image: str
    control: str


DARK: Final = Theme(
    ground="#101418",
    surface="#1A2026",
    edge="#36404A",
    ink="#E8EDF1",
    quiet="#9BA7B2",
    beat="#56B4E9",
    flag="#E69F00",
    image="#009E73",
    control="#CC79A7",
)
