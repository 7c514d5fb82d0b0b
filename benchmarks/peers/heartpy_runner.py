"""heartpy in its own environment; see serving.py.

Its spectra call numpy.trapz, which numpy 2.4 took away: the name is given back here, or nothing of them would run.
Its functions keep results in default arguments: every call gets dictionaries of its own. Its time domain holds the
Poincare plot and a breathing rate; more nonlinear metrics it does not have.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

if not hasattr(np, "trapz"):
    setattr(np, "trapz", np.trapezoid)  # noqa: B010 - a plain assignment is what another rule would rewrite

import heartpy as hp
from heartpy.analysis import calc_fd_measures, clean_rr_intervals
from serving import Correct, Intervals, Peer, serve


def listed(rr_ms: Intervals) -> dict[str, object]:
    """The working data that its steps expect of one series."""
    return {"RR_list": rr_ms, "RR_list_cor": rr_ms, "RR_masklist": [0] * len(rr_ms)}


def values(rr_ms: Intervals) -> dict[str, float]:
    """Its values; it has neither SampEn nor DFA."""
    _, found = hp.process_rr(rr_ms, calc_freq=True, measures={}, working_data={})
    return {
        "rmssd_ms": found["rmssd"],
        "sdsd_ms": found["sdsd"],
        "sdnn_ms": found["sdnn"],
        "lf_ms2": found["lf"],
        "hf_ms2": found["hf"],
    }


def outliers(method: str) -> Correct:
    """One of its three ways to clean intervals."""

    def correct(rr_ms: Intervals) -> tuple[Sequence[bool], Sequence[float]]:
        cleaned = clean_rr_intervals(listed(rr_ms), method=method)
        mask = np.ma.getmaskarray(cleaned["RR_masked"])
        return mask.tolist(), [float(rr) for rr in cleaned["RR_list_cor"] if not math.isnan(rr)]

    return correct


if __name__ == "__main__":
    serve(
        Peer(
            "heartpy",
            {
                "time": lambda rr_ms: hp.process_rr(rr_ms, measures={}, working_data={}),
                "freq": lambda rr_ms: calc_fd_measures(measures={}, working_data=listed(rr_ms)),
            },
            {"Welch (default)": values},
            {method: outliers(method) for method in ("quotient-filter", "iqr", "z-score")},
        )
    )
