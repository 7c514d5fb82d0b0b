"""The metrics by name: formula, unit, version, and the least window each needs (RULINGS B2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal

from biofeedback.hrv import coherence, nonlinear, spectrum, time_domain
from biofeedback.hrv.nonlinear import MOST_BEATS
from biofeedback.hrv.window import FULL, Answer, BeatWindow, Estimate, NotYet

LIVE_WINDOW_S: Final = 60.0
ALIKE: Final = "the beats do not differ"
NO_PEAK: Final = "no frequency stands out"
NO_SPECTRUM: Final = "too few good beats for a spectrum"
NO_HF: Final = f"{NO_SPECTRUM}, or no HF power"
NO_MATCH: Final = "no two patterns of the beats are alike"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric. `compute` says its value over a window, or why there is none: None when `without` is the reason.

    `least_s`, `least_beats`, `most_beats`: the shortest window in an analysis, and the longest. `live_s`: the trailing
    window at every beat, None when no such window can hold it; `live_beats`: what is needed in it. `counts`: what the
    numbers of beats are numbers of. `whole`: the window's length must be there without a gap. `each_s`: in an analysis
    the value is that of windows so long.
    """

    name: str
    unit: str
    version: int
    compute: Callable[[BeatWindow], float | NotYet | None]
    least_s: float
    least_beats: int = 2
    live_s: float | None = LIVE_WINDOW_S
    live_beats: int = 2
    counts: Literal["intervals", "differences"] = "intervals"
    whole: bool = False
    most_beats: int | None = None
    without: str = ALIKE
    each_s: float | None = None

    def over(self, window: BeatWindow) -> Answer:
        """The value over a stretch of a recording, or why it cannot be given."""
        if self.most_beats is not None and len(window.nn) > self.most_beats:
            return NotYet(f"takes at most {self.most_beats} beats, has {len(window.nn)}: use --window")
        answer = self._answer(window, self.least_s, self.least_beats)
        each_s = self.each_s
        return replace(answer, window_s=each_s) if each_s is not None and isinstance(answer, Estimate) else answer

    def live(self, window: BeatWindow) -> Answer:
        """The value over the trailing window `live_s` long, or why it cannot be given yet."""
        if self.live_s is None:
            return NotYet("no trailing window is long enough for it")
        return self._answer(window, self.live_s, self.live_beats)

    def _answer(self, window: BeatWindow, least_s: float, least_beats: int) -> Answer:
        if window.span_s < FULL * least_s:
            return NotYet(f"needs {least_s:g} s of beats, has {max(0, int(window.span_s))}")
        if self.whole and not window.pieces(least_s):
            longest = max((piece.span_s for piece in window.stretches), default=0.0)
            return NotYet(f"needs {least_s:g} s of beats in one piece, has {int(longest)}")
        used = window.nn if self.counts == "intervals" else window.differences
        if len(used) < least_beats:
            what = "good beats" if self.counts == "intervals" else "pairs of good beats"
            return NotYet(f"needs {least_beats} {what}, has {len(used)}")
        if window.flagged_share > 0.5:
            return NotYet("more than half of the beats are flagged")
        value = self.compute(window)
        if value is None:
            return NotYet(self.without)
        if isinstance(value, NotYet):
            return value
        return Estimate(value, self.unit, window.span_s, len(window.nn), self.version, window.coverage)


_OF_20_PAIRS: Final = partial(
    Metric, unit="ms", version=1, least_s=30, least_beats=20, live_beats=20, counts="differences"
)
_OF_30_BEATS: Final = partial(Metric, version=1, least_s=60, live_beats=30)
_OF_10_S: Final = partial(Metric, version=1, least_s=10, live_beats=8)
_SPECTRAL: Final = partial(Metric, version=1, whole=True, without=NO_SPECTRUM)
_COHERENCE: Final = partial(_SPECTRAL, least_s=64, live_s=64, each_s=64.0, without=NO_PEAK)

METRICS: Final[Mapping[str, Metric]] = {
    metric.name: metric
    for metric in (
        _OF_10_S("mean_hr_bpm", "bpm", compute=time_domain.mean_hr_bpm),
        _OF_10_S("mean_nn_ms", "ms", compute=time_domain.mean_nn_ms),
        _OF_30_BEATS("sdnn_ms", "ms", compute=time_domain.sdnn_ms),
        _OF_20_PAIRS("rmssd_ms", compute=time_domain.rmssd_ms),
        _OF_20_PAIRS("sdsd_ms", compute=time_domain.sdsd_ms),
        _OF_30_BEATS("pnn50_pct", "%", compute=time_domain.pnn50_pct, counts="differences"),
        _OF_20_PAIRS("sd1_ms", compute=time_domain.sd1_ms),
        _OF_30_BEATS("sd2_ms", "ms", compute=time_domain.sd2_ms, counts="differences"),
        _OF_30_BEATS("sqrt_stress_index", "1/s", compute=time_domain.sqrt_stress_index),
        _SPECTRAL("vlf_ms2", "ms^2", compute=spectrum.vlf_ms2, least_s=300, live_s=None),
        _SPECTRAL("lf_ms2", "ms^2", compute=spectrum.lf_ms2, least_s=120, live_s=120),
        _SPECTRAL("hf_ms2", "ms^2", compute=spectrum.hf_ms2, least_s=60, live_beats=30),
        _SPECTRAL("total_ms2", "ms^2", compute=spectrum.total_ms2, least_s=300, live_s=None),
        _SPECTRAL("lf_hf", "ratio", compute=spectrum.lf_hf, least_s=120, live_s=120, without=NO_HF),
        _SPECTRAL("peak_hz", "Hz", compute=spectrum.peak_hz, least_s=60, live_beats=30, without=NO_PEAK),
        Metric("sampen", "nats", 1, nonlinear.sampen, 0, 100, 60, 40, most_beats=MOST_BEATS, without=NO_MATCH),
        Metric("dfa_alpha1", "exponent", 1, nonlinear.scaling, 120, 100, 120, 100, whole=True),
        _COHERENCE("coherence_ratio", "ratio", compute=coherence.ratio),
        _COHERENCE("coherence_peak_hz", "Hz", compute=coherence.peak_hz),
        _OF_10_S("ln_hr", "ln bpm", compute=time_domain.ln_hr),
    )
}
LENGTHS_S: Final = sorted({metric.live_s for metric in METRICS.values() if metric.live_s is not None})
"""The lengths of the trailing windows, seconds, the longest last."""
