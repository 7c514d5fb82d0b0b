"""RR intervals and heart-rate variability from an ECG or a pulse wave of your own, in Python.

Run it in the program's own Python; FILE holds one sample a line, HZ says how many are a second:

    .venv/bin/python examples/rr_from_ecg.py [FILE HZ]

Without a file it makes two minutes of ECG in which the lead is lost for a while, then buries them in noise.
"""

from __future__ import annotations

import sys
from math import exp, pi, sin
from pathlib import Path
from random import Random

import biofeedback as bf
from biofeedback.errors import UnreadableError
from biofeedback.formats.waveform import WaveformBeats, rr_from_waveform
from biofeedback.hrv.window import Estimate

HZ = 250
P_QRS_T = ((0.12, -0.17, 0.02), (-0.12, -0.03, 0.009), (1.0, 0.0, 0.011), (-0.25, 0.03, 0.01), (0.28, 0.26, 0.045))


def main() -> None:
    """Find the beats of a file, or of a made ECG; then try a signal that is too noisy."""
    if len(sys.argv) > 2:
        tell([float(line) for line in Path(sys.argv[1]).read_text("utf-8").split()], float(sys.argv[2]))
        return
    ecg = made_ecg(seconds=120)
    ecg[40 * HZ : 46 * HZ] = [0.0] * (6 * HZ)  # the lead is off
    tell(ecg, HZ)
    random = Random(1)
    tell([value + random.gauss(0, 0.5) for value in ecg], HZ)


def tell(signal: list[float], hz: float) -> None:
    """Print what was found in a signal, or why nothing was."""
    try:
        found = rr_from_waveform(signal, hz)
    except UnreadableError as refusal:
        print(refusal.what, refusal.advice)
        return
    describe(found)
    for name, answer in bf.analyze(found.rr_ms).metrics.items():
        print(f"  {name:<20}", f"{answer.value:10.3f} {answer.unit}" if isinstance(answer, Estimate) else answer.reason)


def describe(found: WaveformBeats) -> None:
    """Print how the beats were found and how far they can be believed."""
    print(f"{found.kind}, {found.seconds:.0f} s at {found.hz:g} Hz: {found.found}")
    for from_s, to_s in found.holes:
        print(f"  no signal from {from_s:.1f} to {to_s:.1f} s")
    print(f"  places scatter by {found.scatter_ms:.2f} ms; {found.flagged:.1%} of the intervals are flagged")


def made_ecg(seconds: int) -> list[float]:
    """An ECG of a heart that breathes 15 times a minute."""
    ecg, beat = [0.0] * (seconds * HZ), 0.7
    while beat < seconds - 0.7:
        for sample in range(int((beat - 0.4) * HZ), int((beat + 0.6) * HZ)):
            since = sample / HZ - beat
            ecg[sample] += sum(height * exp(-(((since - at) / width) ** 2) / 2) for height, at, width in P_QRS_T)
        beat += 0.85 + 0.04 * sin(2 * pi * beat / 4)
    return ecg


if __name__ == "__main__":
    main()
