"""hrv-analysis in its own environment; see serving.py."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hrvanalysis import (
    get_csi_cvi_features,
    get_frequency_domain_features,
    get_geometrical_features,
    get_poincare_plot_features,
    get_sampen,
    get_time_domain_features,
    interpolate_nan_values,
    remove_ectopic_beats,
    remove_outliers,
)
from serving import Correct, Intervals, Peer, serve


def values(rr_ms: Intervals, method: str) -> dict[str, float]:
    """Its values; it has no DFA."""
    rr = rr_ms.tolist()
    time = get_time_domain_features(rr)
    bands = get_frequency_domain_features(rr, method=method)
    return {
        "rmssd_ms": time["rmssd"],
        "sdsd_ms": time["sdsd"],
        "sdnn_ms": time["sdnn"],
        "lf_ms2": bands["lf"],
        "hf_ms2": bands["hf"],
        "sampen": get_sampen(rr)["sampen"],
    }


def nonlinear(rr_ms: Intervals) -> object:
    """Poincare plot, CSI and CVI, SampEn."""
    rr = rr_ms.tolist()
    return get_poincare_plot_features(rr), get_csi_cvi_features(rr), get_sampen(rr)


def rule(method: str) -> Correct:
    """Its recommended chain with one of its rules: outliers, filled; ectopic beats, filled. Flags are of both steps."""

    def correct(rr_ms: Intervals) -> tuple[Sequence[bool], Sequence[float]]:
        ranged = remove_outliers(rr_ms.tolist(), verbose=False)
        filled = interpolate_nan_values(list(ranged))
        kept = remove_ectopic_beats(filled, method=method, verbose=False)
        flags = [bool(np.isnan(a) or np.isnan(b)) for a, b in zip(ranged, kept, strict=True)]
        return flags, interpolate_nan_values(list(kept))

    return correct


if __name__ == "__main__":
    serve(
        Peer(
            "hrv-analysis",
            {
                "time": lambda rr_ms: (
                    get_time_domain_features(rr_ms.tolist()),
                    get_geometrical_features(rr_ms.tolist()),
                ),
                "freq": lambda rr_ms: get_frequency_domain_features(rr_ms.tolist()),
                "nonlin": nonlinear,
            },
            {
                "Welch (default)": lambda rr_ms: values(rr_ms, "welch"),
                "Lomb": lambda rr_ms: values(rr_ms, "lomb"),
            },
            {method: rule(method) for method in ("malik", "kamath", "karlsson", "acar")},
        )
    )
