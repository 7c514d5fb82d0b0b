"""Every metric of a block of rows: from sums where windows share them, by its definition where they cannot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from biofeedback.hrv import coherence
from biofeedback.hrv.nonlinear import DFA_S
from biofeedback.hrv.registry import LENGTHS_S, LIVE_WINDOW_S, METRICS, Metric
from biofeedback.hrv.sliding import nonlinear, time_domain
from biofeedback.hrv.sliding.spectrum import Spectra
from biofeedback.hrv.sliding.windows import Beats, Rows, Windows
from biofeedback.hrv.window import FULL, Bools, Estimate, Floats, Ints


@dataclass(frozen=True)
class RowValues:
    """Each metric's values (rows,), NaN where there is none; and the beats of the last minute, and the flagged ones."""

    values: dict[str, Floats]
    beats: Ints
    flagged: Ints


def metric_rows(rows: Rows) -> RowValues:
    """Each metric over the trailing windows of these rows: the values of `Metric.live` to the bit."""
    beats, last = rows.beats, rows.last
    windows = {seconds: Windows.of(rows, seconds) for seconds in LENGTHS_S}
    values, odd = {name: np.full(len(last), np.nan) for name in METRICS}, dict[str, Bools]()
    if beats.ok.any():
        with np.errstate(divide="ignore", invalid="ignore"):
            odd = _share(values, beats, windows)
    for name, metric in METRICS.items():
        if metric.live_s is not None:
            held = windows[metric.live_s]
            values[name] = np.where(_enough(metric, held), values[name], np.nan)
            again = odd.get(name, np.zeros(len(last), bool)) | (_pieces(held) if metric.whole else False)
            _by_definition(metric, held, values[name], np.flatnonzero(again))
    minute = windows[LIVE_WINDOW_S]
    return RowValues(values, minute.count, minute.count - minute.nn)


def _share(values: dict[str, Floats], beats: Beats, windows: dict[float, Windows]) -> dict[str, Bools]:
    """Fill in the values from shared sums, and tell which of them must be had in another way."""
    minute, longer, coherent = windows[LIVE_WINDOW_S], windows[DFA_S], windows[coherence.WINDOW_S]
    sums = time_domain.TimeSums.of(beats)
    values |= time_domain.time_domain(minute, sums)
    values["sqrt_stress_index"] = time_domain.stress_roots(minute)
    values["ln_hr"], odd = time_domain.ln_hr(minute, sums, time_domain.FlaggedParts.of(beats))
    values["sampen"] = nonlinear.sampen(minute, time_domain.sdnn_ticks(minute, sums))
    values["dfa_alpha1"] = nonlinear.dfa_alpha1(longer)
    spectra = Spectra(beats, len(minute.last))
    values |= spectra.minute(minute, minute.usable & (minute.gaps == 0))
    values |= spectra.two_minutes(longer, longer.usable & (longer.gaps == 0))
    values |= spectra.coherence(coherent, coherent.usable & (coherent.gaps == 0))
    return {"ln_hr": odd}


def _enough(metric: Metric, held: Windows) -> Bools:
    count = held.nn if metric.counts == "intervals" else held.pairs
    enough: Bools = held.usable & (count >= metric.live_beats)
    return enough & (held.gaps == 0) if metric.whole else enough


def _pieces(held: Windows) -> Bools:
    """Where a window has a gap, and yet a piece of it is long enough: the gap lies at its very edge."""
    beats, rows = held.beats, np.flatnonzero(held.usable & (held.gaps > 0))
    found = np.zeros(len(held.last), bool)
    marks = np.append(np.flatnonzero(~beats.joined), len(beats.joined))
    first_gap = marks[np.searchsorted(marks, held.first[rows] + 1)]
    last_gap = marks[np.searchsorted(marks, held.last[rows], side="right") - 1]
    start_us, end_us = beats.opening_us[held.first[rows]], beats.t_us[held.last[rows]]
    longest = np.maximum(beats.t_us[first_gap - 1] - start_us, end_us - beats.opening_us[last_gap])
    longest = np.maximum(longest, beats.t_us[last_gap - 1] - beats.opening_us[first_gap])
    found[rows] = longest / 1e6 >= FULL * held.seconds
    return found


def _by_definition(metric: Metric, held: Windows, values: Floats, rows: Ints) -> None:
    for row in rows.tolist():
        window = held.beats.window(int(held.first[row]), int(held.last[row]), float(held.span_s[row]))
        answer = metric.live(window)
        values[row] = answer.value if isinstance(answer, Estimate) else np.nan
