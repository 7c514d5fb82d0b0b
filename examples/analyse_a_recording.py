"""A recording in Python: its beats, its parts, its epochs, and any metric over any stretch.

Run it in the program's own Python; without FILE it records a simulated person first:

    .venv/bin/python examples/analyse_a_recording.py [FILE.session.jsonl]
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import biofeedback as bf


def main() -> None:
    """Print what a session was, from its recording alone."""
    if len(sys.argv) > 1:
        show(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trial.session.jsonl"
        words = "practice safe_place --plan trial --source sim:tense?seed=3 --speed max --view none --quiet"
        program = [sys.executable, "-m", "biofeedback", *words.split(), "--output", path]
        subprocess.run(program, check=True, capture_output=True)
        show(path)


def show(path: Path) -> None:
    """A recording that is damaged or still being written is read as far as it is good, and says so."""
    recording = bf.read(path)
    print(recording)  # <Recording 2026-11-24T14:19:15+01:00 trial, 16:09 min, 1304 beats, finished>

    beats = recording.beats  # a numpy array with names: t_s, rr_ms, ticks, ok, why, gap_before
    good = beats[beats["ok"]]
    print(f"{len(beats)} beats, {len(beats) - len(good)} flagged, median RR {np.median(good['rr_ms']):.0f} ms")

    # RMSSD by hand: differences of good neighbours, never across a hole. It is the same as ours.
    neighbours = beats["ok"][1:] & beats["ok"][:-1] & ~beats["gap_before"][1:]
    by_hand = np.sqrt(np.mean(np.diff(beats["rr_ms"])[neighbours] ** 2))
    print(f"RMSSD by hand {by_hand:.3f} ms, by analyze() {recording.analyze().numbers()['rmssd_ms']:.3f} ms")

    for phase in recording.phases:
        numbers = recording.analyze(from_s=phase.start_s, to_s=phase.end_s).numbers()
        shown = (f"{name} {'-' if (value := numbers[name]) is None else format(value, '.1f')}" for name in SHOWN)
        print(f"{phase.start_s:7.1f} s  {phase.name:<9}", *shown)

    for epoch in recording.epochs:  # of a trial: the heart rate over the last whole breaths of each epoch
        level = "no level" if epoch.bpm is None else f"{epoch.bpm:.2f} bpm"
        print(f"pair {epoch.pair} {epoch.label:<8}", level, "" if epoch.kept else f"left out: {epoch.why}")

    marks = [event for event in recording.events if type(event).__name__ in ("Mark", "Note", "Suds")]
    print(f"{len(recording.events)} events, {len(marks)} of them marks, notes and ratings")


SHOWN = ("mean_hr_bpm", "rmssd_ms", "hf_ms2")

if __name__ == "__main__":
    main()
