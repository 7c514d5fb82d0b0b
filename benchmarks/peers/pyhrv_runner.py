"""pyhrv in its own environment; see serving.py. It draws a figure in most of its calls: here it is kept from that."""

from __future__ import annotations

import matplotlib as mpl

mpl.use("Agg")

from collections.abc import Callable

import pyhrv.frequency_domain as fd
import pyhrv.nonlinear as nl
import pyhrv.time_domain as td
from serving import Intervals, Peer, serve


def time(rr_ms: Intervals) -> object:
    """All of its time domain, histogram indices included, without a figure and without warnings about short series."""
    return (
        td.nni_parameters(rr_ms),
        td.hr_parameters(rr_ms),
        td.nni_differences_parameters(rr_ms),
        td.sdnn(rr_ms),
        td.sdnn_index(rr_ms, warn=False),
        td.sdann(rr_ms, warn=False),
        td.rmssd(rr_ms),
        td.sdsd(rr_ms),
        td.nn50(rr_ms),
        td.nn20(rr_ms),
        td.geometrical_parameters(rr_ms, plot=False, show=False),
    )


def nonlinear(rr_ms: Intervals) -> object:
    """Poincare plot, SampEn, DFA, the largest Lyapunov exponent."""
    return (
        nl.poincare(rr_ms, mode="dev", show=False),
        nl.sample_entropy(rr_ms),
        nl.dfa(rr_ms, mode="dev", show=False),
        nl.lyapunov_exponent(rr_ms),
    )


def values(rr_ms: Intervals, psd: Callable[..., tuple[object, ...]], prefix: str) -> dict[str, float]:
    """Its values with one of its three spectra."""
    bands = psd(rr_ms, mode="dev", show=False)[0][f"{prefix}_abs"]
    return {
        "rmssd_ms": td.rmssd(rr_ms)["rmssd"],
        "sdsd_ms": td.sdsd(rr_ms)["sdsd"],
        "sdnn_ms": td.sdnn(rr_ms)["sdnn"],
        "lf_ms2": bands[1],
        "hf_ms2": bands[2],
        "sampen": nl.sample_entropy(rr_ms)["sampen"],
        "dfa_alpha1": nl.dfa(rr_ms, mode="dev", show=False)["dfa_alpha1"],
    }


if __name__ == "__main__":
    serve(
        Peer(
            "pyhrv",
            {
                "time": time,
                "freq": lambda rr_ms: fd.welch_psd(rr_ms, mode="dev", show=False),
                "nonlin": nonlinear,
            },
            {
                "Welch": lambda rr_ms: values(rr_ms, fd.welch_psd, "fft"),
                "Lomb": lambda rr_ms: values(rr_ms, fd.lomb_psd, "lomb"),
                "AR": lambda rr_ms: values(rr_ms, fd.ar_psd, "ar"),
            },
        )
    )
