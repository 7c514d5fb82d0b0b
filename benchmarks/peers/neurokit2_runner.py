"""neurokit2 in its own environment; see serving.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import neurokit2 as nk
import numpy as np
from serving import Intervals, Peer, serve


def given(rr_ms: Intervals) -> dict[str, Intervals]:
    """Intervals as they are: by way of peaks they would be rounded to samples."""
    return {"RRI": rr_ms, "RRI_Time": np.cumsum(rr_ms) / 1000}


def values(rr_ms: Intervals, **spectrum: Any) -> dict[str, float]:  # noqa: ANN401
    """Its values; sd1 and so on are not asked for."""
    time = nk.hrv_time(given(rr_ms)).iloc[0]
    bands = nk.hrv_frequency(given(rr_ms), **spectrum).iloc[0]
    more = nk.hrv_nonlinear(given(rr_ms)).iloc[0]
    return {
        "rmssd_ms": time["HRV_RMSSD"],
        "sdsd_ms": time["HRV_SDSD"],
        "sdnn_ms": time["HRV_SDNN"],
        "lf_ms2": bands["HRV_LF"],
        "hf_ms2": bands["HRV_HF"],
        "sampen": more["HRV_SampEn"],
        "dfa_alpha1": more["HRV_DFA_alpha1"],
    }


def kubios(rr_ms: Intervals) -> tuple[Sequence[bool], Sequence[float]]:
    """Flags of one pass, series of the iterative one; peaks at 1000 Hz. Peak k closes interval k - 1."""
    peaks = np.concatenate([[0], np.round(np.cumsum(rr_ms)).astype(int)])
    info, _ = nk.signal_fixpeaks(peaks, sampling_rate=1000, iterative=False, method="Kubios")
    flags = [False] * len(rr_ms)
    for kind in ("ectopic", "missed", "extra", "longshort"):
        for peak in info[kind]:
            flags[max(0, int(peak) - 1)] = True
    _, moved = nk.signal_fixpeaks(peaks, sampling_rate=1000, iterative=True, method="Kubios")
    return flags, np.diff(moved)


if __name__ == "__main__":
    serve(
        Peer(
            "neurokit2",
            {
                "time": lambda rr_ms: nk.hrv_time(given(rr_ms)),
                "freq": lambda rr_ms: nk.hrv_frequency(given(rr_ms)),
                "nonlin": lambda rr_ms: nk.hrv_nonlinear(given(rr_ms)),
            },
            {
                "as it comes": values,
                "normalize=False, 4 Hz": lambda rr_ms: values(rr_ms, normalize=False, interpolation_rate=4),
            },
            {"kubios": kubios},
        )
    )
