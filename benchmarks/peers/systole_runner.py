"""systole in its own environment; see serving.py."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from serving import Intervals, Peer, serve
from systole.correction import correct_rr
from systole.detection import rr_artefacts
from systole.hrv import frequency_domain, nonlinear_domain, time_domain


def values(rr_ms: Intervals) -> dict[str, float]:
    """Its values; it has neither SampEn nor DFA."""
    time = time_domain(rr_ms).set_index("Metric").Values
    bands = frequency_domain(rr_ms).set_index("Metric").Values
    return {
        "rmssd_ms": time["RMSSD"],
        "sdsd_ms": time["SDSD"],
        "sdnn_ms": time["SDNN"],
        "lf_ms2": bands["lf_power"],
        "hf_ms2": bands["hf_power"],
    }


def paper(rr_ms: Intervals) -> tuple[Sequence[bool], Sequence[float]]:
    """Its flags, and the series it makes of them."""
    found = rr_artefacts(rr_ms)
    flags = np.any([found[kind] for kind in ("ectopic", "long", "short", "missed", "extra")], axis=0)
    corrected, _ = correct_rr(rr_ms, verbose=False)
    return flags.tolist(), corrected.tolist()


if __name__ == "__main__":
    serve(
        Peer(
            "systole",
            {"time": time_domain, "freq": frequency_domain, "nonlin": nonlinear_domain},
            {"as it comes": values},
            {"rr_artefacts": paper},
        )
    )
