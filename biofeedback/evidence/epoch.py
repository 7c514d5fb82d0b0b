"""The value of one epoch and whether it may be used (METHOD 1.3.6 and 1.4, RULINGS E4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from biofeedback.arousal.level import count_beats, epoch_level, run_around
from biofeedback.events import Epoch
from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.window import window_of

MOST_FLAGGED: Final = 0.05


@dataclass(frozen=True, slots=True)
class EpochWindow:
    """The end of one epoch that counts: `breaths` whole breaths before `end_us`.

    An epoch that was cut short, so that they reach back before `began_us`, has no value.
    """

    index: int
    pair: int
    label: Literal["image", "control"]
    began_us: int
    end_us: int
    breaths: int
    breath_us: float
    least_good_beats: int

    @property
    def start_us(self) -> int:
        """Where the analysed part begins."""
        return self.end_us - round(self.breaths * self.breath_us)


def measure(at: int, window: EpochWindow, beats: Sequence[TimedBeat], interrupted: str | None) -> Epoch:
    """The `epoch` event. `beats` must be settled and reach past the window where they can."""
    run = run_around(beats, window.start_us, window.end_us)
    whole = window.start_us >= window.began_us
    level = epoch_level(count_beats(run), window.end_us, window.breaths, window.breath_us) if whole else None
    inside = [beat for beat in beats if beat.opening_us >= window.start_us and beat.t_us <= window.end_us]
    held = window_of(inside)
    why = _why_dropped(level is not None, len(held.nn), held.flagged_share, window.least_good_beats, interrupted)
    return Epoch(
        at=at,
        index=window.index,
        pair=window.pair,
        label=window.label,
        y=level.y if level else None,
        se=level.se if level else None,
        breaths=window.breaths,
        beats=len(held.ticks),
        flagged=held.flagged,
        r2=None,
        rate_est=None,
        kept=why is None,
        why=why,
        interrupted=interrupted is not None,
    )


def _why_dropped(
    measured: bool, good: int, flagged_share: float, least_good: int, interrupted: str | None
) -> str | None:
    if interrupted is not None:
        return interrupted
    if not measured:
        return "the signal was lost"
    if flagged_share > MOST_FLAGGED:
        return f"{flagged_share:.0%} of the beats cannot be trusted"
    if good < least_good:
        return f"only {good} good beats, {least_good} are needed"
    return None
