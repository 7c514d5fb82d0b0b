"""The table of `analyze`: for somebody who sees these numbers for the first time."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import TYPE_CHECKING, Final

from biofeedback.hrv.summary import Summary
from biofeedback.hrv.window import Answer, Estimate
from biofeedback.recording.parents import sentences
from devices.names import printable

if TYPE_CHECKING:
    from biofeedback.session.analysis import Analysis

WIDE: Final = 98
GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    "Time": {
        "mean_hr_bpm": "heart rate",
        "mean_nn_ms": "mean interval between beats",
        "ln_hr": "heart rate as the sessions compare it",
        "sdnn_ms": "spread of the intervals",
        "rmssd_ms": "change from beat to beat",
        "sdsd_ms": "spread of these changes",
        "pnn50_pct": "changes over 50 ms",
        "sd1_ms": "width of the Poincare plot",
        "sd2_ms": "length of the Poincare plot",
        "sqrt_stress_index": "how crowded the intervals are",
    },
    "Spectrum": {
        "vlf_ms2": "power 0.0033 to 0.04 Hz",
        "lf_ms2": "power 0.04 to 0.15 Hz",
        "hf_ms2": "power 0.15 to 0.40 Hz",
        "total_ms2": "power 0.0033 to 0.40 Hz",
        "lf_hf": "LF power over HF power",
        "peak_hz": "the strongest rhythm",
        "coherence_ratio": "how much one rhythm prevails",
        "coherence_peak_hz": "that rhythm",
    },
    "Nonlinear": {
        "sampen": "how little patterns repeat",
        "dfa_alpha1": "scaling over 4 to 16 beats",
    },
}
"""The metrics in the order of the table, with what each is in a few words; docs/metrics.md has more."""

DECIMALS: Final[Mapping[str, int]] = {
    "bpm": 1, "ms": 1, "%": 1, "ms^2": 0, "1/s": 1, "Hz": 3, "ratio": 2, "nats": 2, "exponent": 2, "ln bpm": 4
}  # fmt: skip
"""By unit: what differs between two quiet minutes of one heart, and not more."""


def table(found: Analysis, packages: Mapping[str, str]) -> str:
    """A file's metrics as text. `packages`: where those come from that are not ours."""
    summary = found.summary
    lines = [f"{printable(found.file)}  ({found.format})", *(f"  {line}" for line in _head(summary))]
    lines += [f"  {line}" for line in _notes(found)]
    for title, group in _groups(summary, packages).items():
        lines += ["", f"  {title}"]
        lines += [f"    {_row(name, words, summary[name], summary)}".rstrip() for name, words in group.items()]
    return "\n".join(lines) + "\n"


def _head(summary: Summary) -> list[str]:
    """What the numbers are made of, and how good that is."""
    covered = f"{100 * summary.coverage:.0f} % covered"
    gaps = "1 gap" if summary.gaps == 1 else f"{summary.gaps} gaps"
    beats = "1 beat" if summary.beats == 1 else f"{summary.beats} beats"
    beats = f"{beats}, {summary.excluded} flagged, {gaps}, {covered}"
    lines = [f"{summary.duration_s:.0f} s, {beats}"]
    if summary.flags:
        kinds = sorted(summary.flags.items(), key=lambda kind: (-kind[1], kind[0]))
        lines.append("flagged and left out: " + ", ".join(f"{name} {count}" for name, count in kinds))
    if summary.quality is not None:
        share = 100 * summary.excluded / summary.beats
        lines.append(f"{summary.quality}: {share:.0f} % of the beats are flagged{_MEANS[summary.quality]}")
    if summary.detrend != "linear":
        lines.append(f"trend removed before the spectrum: {summary.detrend}")
    return lines


def _notes(found: Analysis) -> list[str]:
    """What is doubtful about a file of another program, and what its reader took for granted or left out."""
    doubts, taken = sentences([found.why] if found.why else []), sentences(found.decisions)
    words = [f"doubtful: {doubt}" for doubt in doubts] + [f"note: {note}" for note in taken if note not in doubts]
    return [line for word in words for line in wrap(word, WIDE, subsequent_indent="  ")]


_MEANS: Final[Mapping[str, str]] = {
    "poor": "; read these numbers with care",
    "irregular": "; this rhythm can hardly be read, do not rely on these numbers",
}


def _groups(summary: Summary, packages: Mapping[str, str]) -> dict[str, Mapping[str, str]]:
    known = {name for group in GROUPS.values() for name in group}
    others = {name: f"from {packages[name]}" if name in packages else "" for name in summary if name not in known}
    return {**GROUPS, "Plug-ins": others} if others else {**GROUPS}


def _row(name: str, words: str, answer: Answer, summary: Summary) -> str:
    """One metric; its window and beats where they are not those of the whole."""
    if not isinstance(answer, Estimate):
        return f"{name:<19}{'-':>9}  {answer.reason}"
    decimals = DECIMALS.get(answer.unit)
    value = f"{answer.value:.4g}" if decimals is None else f"{answer.value:.{decimals}f}"
    own = abs(answer.window_s - summary.duration_s) > 2
    return f"{name:<19}{value:>9} {answer.unit:<9} {words}" + (f" ({answer.window_s:.0f} s windows)" if own else "")
