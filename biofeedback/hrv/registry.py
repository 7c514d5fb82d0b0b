"""The metrics by name: formula, unit, version, and the least window each needs (RULINGS B2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from biofeedback.hrv import time_domain
from biofeedback.hrv.window import Answer, BeatWindow, Estimate, NotYet

FULL: Final = 0.98
"""A window counts as full from this share of its length."""
LIVE_WINDOW_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `least_s`, `least_beats`: the shortest window in an analysis; `live_beats`: in a live minute."""

    name: str
    unit: str
    version: int
    compute: Callable[[BeatWindow], float | None]
    least_s: float
    least_beats: int
    live_beats: int
    counts: Literal["intervals", "differences"] = "intervals"

    def over(self, window: BeatWindow) -> Answer:
        """The value over a stretch of a recording, or why it cannot be given."""
        return self._answer(window, self.least_s, self.least_beats)

    def live(self, window: BeatWindow) -> Answer:
        """The value over the live window, or why it cannot be given yet."""
        return self._answer(window, LIVE_WINDOW_S, self.live_beats)

    def _answer(self, window: BeatWindow, least_s: float, least_beats: int) -> Answer:
        if window.span_s < FULL * least_s:
            return NotYet(f"needs {least_s:g} s of beats, has {max(0, int(window.span_s))}")
        used = window.nn if self.counts == "intervals" else window.differences
        if len(used) < least_beats:
            what = "good beats" if self.counts == "intervals" else "pairs of good beats"
            return NotYet(f"needs {least_beats} {what}, has {len(used)}")
        if window.flagged_share > 0.5:
            return NotYet("more than half of the beats are flagged")
        value = self.compute(window)
        if value is None:
            return NotYet("the beats do not differ")
        return Estimate(value, self.unit, window.span_s, len(window.nn), self.version)


METRICS: Final[Mapping[str, Metric]] = {
    metric.name: metric
    for metric in (
        Metric("mean_hr_bpm", "bpm", 1, time_domain.mean_hr_bpm, 10, 2, 8),
        Metric("mean_nn_ms", "ms", 1, time_domain.mean_nn_ms, 10, 2, 8),
        Metric("sdnn_ms", "ms", 1, time_domain.sdnn_ms, 60, 2, 30),
        Metric("rmssd_ms", "ms", 1, time_domain.rmssd_ms, 30, 20, 20, "differences"),
        Metric("sdsd_ms", "ms", 1, time_domain.sdsd_ms, 30, 20, 20, "differences"),
        Metric("pnn50_pct", "%", 1, time_domain.pnn50_pct, 60, 2, 30, "differences"),
        Metric("sd1_ms", "ms", 1, time_domain.sd1_ms, 30, 20, 20, "differences"),
        Metric("sd2_ms", "ms", 1, time_domain.sd2_ms, 60, 2, 30, "differences"),
        Metric("sqrt_stress_index", "1/s", 1, time_domain.sqrt_stress_index, 60, 2, 30),
        Metric("ln_hr", "ln bpm", 1, time_domain.ln_hr, 10, 2, 8),
    )
}
LIVE_METRICS: Final = ("mean_hr_bpm", "rmssd_ms", "sdnn_ms")
