"""Heart-rate variability of your own list of RR intervals, in Python.

Run it in the program's own Python; FILE holds one interval in ms a line:

    .venv/bin/python examples/analyse_intervals.py [FILE]
"""

from __future__ import annotations

import json
import sys
from math import pi, sin
from pathlib import Path

import biofeedback as bf
from biofeedback.hrv.window import Estimate


def main() -> None:
    """Print every metric, or why it cannot be given."""
    if len(sys.argv) > 1:
        rr_ms = [float(line) for line in Path(sys.argv[1]).read_text("utf-8").split()]
    else:
        rr_ms = [900 + 60 * sin(2 * pi * beat / 11) for beat in range(300)]
        rr_ms[150] *= 2  # a beat the strap missed: it is found, and does not spoil the rest
    summary = bf.analyze(rr_ms)
    print(f"{summary.beats} beats, {summary.excluded} flagged {summary.flags}, {summary.duration_s:.0f} s")
    for name, answer in summary.items():
        print(f"{name:<20}", f"{answer.value:10.3f} {answer.unit}" if isinstance(answer, Estimate) else answer.reason)

    without = bf.analyze(rr_ms, correction=False)  # every interval as it is
    rmssd = [each.numbers()["rmssd_ms"] for each in (summary, without)]
    print("RMSSD with and without leaving out what is flagged:", *(f"{value:.0f} ms" for value in rmssd if value))
    print(json.dumps(summary.to_json())[:60], "...")  # as `analyze --json` prints it


if __name__ == "__main__":
    main()
