"""The value of one epoch and whether it may be used (METHOD 1.3.6 and 1.4, RULINGS E4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from biofeedback.arousal.level import count_beats, epoch_level, run_around
from biofeedback.arousal.quality import why_not, why_not_covered
from biofeedback.events import Epoch
from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.window import BeatWindow, window_of

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


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of an epoch when it is decided whether its value may be used."""

    measured: bool
    beats: BeatWindow
    coverage: float | None
    least_good_beats: int
    interrupted: str | None


Gate: TypeAlias = Callable[[Facts], str | None]
"""Why an epoch may not be used, None when this gate lets it pass."""


def measure(
    at: int,
    window: EpochWindow,
    beats: Sequence[TimedBeat],
    interrupted: str | None,
    coverage: float | None = None,
) -> Epoch:
    """The `epoch` event. `beats` must be settled and reach past the window where they can.

    `coverage`: what share of the window arrived, None when that cannot be said.
    """
    run = run_around(beats, window.start_us, window.end_us)
    whole = window.start_us >= window.began_us
    level = epoch_level(count_beats(run), window.end_us, window.breaths, window.breath_us) if whole else None
    inside = [beat for beat in beats if beat.opening_us >= window.start_us and beat.t_us <= window.end_us]
    held = window_of(inside)
    why = why_dropped(Facts(level is not None, held, coverage, window.least_good_beats, interrupted))
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
        coverage=coverage,
    )


def why_dropped(facts: Facts) -> str | None:
    """The first gate that does not let an epoch pass says why."""
    return next((why for gate in GATES if (why := gate(facts)) is not None), None)


def _too_few(facts: Facts) -> str | None:
    good = len(facts.beats.nn)
    return f"only {good} good beats, {facts.least_good_beats} are needed" if good < facts.least_good_beats else None


GATES: Final[Sequence[Gate]] = (
    lambda facts: facts.interrupted,
    lambda facts: None if facts.measured else "the signal was lost",
    lambda facts: why_not_covered(facts.coverage),
    lambda facts: why_not(facts.beats, MOST_FLAGGED),
    _too_few,
)
