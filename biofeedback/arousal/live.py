"""The live level at every beat: counted over the last breath, and withheld when it cannot be trusted."""

from __future__ import annotations

from collections import deque
from collections.abc import Reversible
from typing import Final

from biofeedback.arousal.baseline import Baseline, paced_baseline, slope_bpm_per_min
from biofeedback.arousal.level import count_beats, window_bpm
from biofeedback.arousal.quality import too_many_flagged
from biofeedback.events import Arousal
from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.live import trailing
from biofeedback.hrv.window import window_of

UNPACED_US: Final = 30_000_000
"""Window of the level while no pacer runs."""
QUALITY_S: Final = 30.0
MOST_FLAGGED: Final = 0.10
LEAST_BEATS: Final = 10
"""Of fewer beats one that is flagged, as the first of a session may be, is no share."""
STEADY_US: Final = 5_000_000
"""So long nothing may be held against the beats before they are believed again, lest the level come and go."""
NO_WINDOW: Final = "not enough heartbeats in a row yet"
BASELINE_US: Final = 60_000_000
"""The baseline is the last minute before the first epoch."""


class LiveLevel:
    """Levels as beats come, and the baseline taken of them. `doubtful`: why the last beats cannot be trusted."""

    def __init__(self) -> None:
        self.baseline: Baseline | None = None
        self.doubtful: str | None = None
        self._doubted_us = 0
        self._levels: deque[tuple[int, float]] = deque()
        self._baseline_from_us: int | None = None

    def begin_baseline(self, from_us: int) -> None:
        """The paced baseline starts at `from_us`; levels whose whole window lies behind it count."""
        self._levels.clear()
        self._baseline_from_us = from_us

    def baseline_slope(self) -> float | None:
        """How fast the level moves in the baseline's last minute, bpm a minute."""
        return slope_bpm_per_min(*self._last_minute())

    def end_baseline(self, usable: bool) -> None:
        """Take the baseline of the last minute, or none at all when the heart did not settle."""
        self.baseline = paced_baseline(self._last_minute()[1]) if usable else None
        self._baseline_from_us = None

    def at_beat(
        self, at: int, beats: Reversible[TimedBeat], last: TimedBeat, breath_us: float | None, strap: str | None = None
    ) -> Arousal:
        """The `arousal` event for beat `last`; `breath_us` is the pacer's breath, None when breathing is free.

        `strap`: why nothing that the strap sends may be believed now, whatever the flags of its beats.
        """
        window_us = UNPACED_US if breath_us is None else breath_us
        known = trailing(beats, last, window_us / 1e6 + 10)
        from_us = last.t_us - window_us
        bpm = window_bpm(count_beats(known), from_us, last.t_us)
        self.doubtful = self._still_doubtful(strap or _doubt(beats, last), last.t_us)
        withheld = self.doubtful or (None if bpm is not None else NO_WINDOW)
        since_us = self._baseline_from_us
        if bpm is not None and withheld is None and since_us is not None and from_us >= since_us:
            self._levels.append((last.t_us, bpm))
        shown = bpm if withheld is None else None
        base = self.baseline if shown is not None else None
        return Arousal(
            at=at,
            t_us=last.t_us,
            bpm=shown,
            bpm_sd=None,
            delta_bpm=base.delta_bpm(shown) if base and shown else None,
            delta_sd=None,
            z=base.z(shown) if base and shown else None,
            rsa_bpm=None,
            adherence="unknown",
            r2=None,
            withheld=withheld,
        )

    def _still_doubtful(self, why: str | None, t_us: int) -> str | None:
        """Why the beats cannot be trusted now, or could not until a moment ago."""
        if why is not None:
            self._doubted_us = t_us
            return why
        return self.doubtful if t_us < self._doubted_us + STEADY_US else None

    def _last_minute(self) -> tuple[list[int], list[float]]:
        if not self._levels:
            return [], []
        newest = self._levels[-1][0]
        held = [(t, bpm) for t, bpm in self._levels if t >= newest - BASELINE_US]
        return [t for t, _ in held], [bpm for _, bpm in held]


def _doubt(beats: Reversible[TimedBeat], last: TimedBeat) -> str | None:
    window = window_of(trailing(beats, last, QUALITY_S))
    return too_many_flagged(window, MOST_FLAGGED) if len(window.ticks) >= LEAST_BEATS else None
