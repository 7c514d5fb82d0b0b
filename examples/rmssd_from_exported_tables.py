"""Somebody else's check of our numbers: RMSSD of each part of a session from its exported tables alone.

Plain Python, nothing of this program. Without a folder it first records a simulated person and exports the recording:

    python examples/rmssd_from_exported_tables.py [FOLDER with beats.csv and events.csv]
"""

from __future__ import annotations

import csv
import math
import subprocess
import sys
import tempfile
from pathlib import Path


def rmssd_of_parts(folder: Path) -> list[tuple[str, float, float, float | None]]:
    """Name, beginning and end in seconds, and RMSSD in ms of each part; None where no two good beats follow."""
    with (folder / "beats.csv").open(encoding="utf-8", newline="") as file:
        beats = list(csv.DictReader(file))
    with (folder / "events.csv").open(encoding="utf-8", newline="") as file:
        parts = [event for event in csv.DictReader(file) if event["kind"] == "phase"]
    found = []
    for part in parts:
        begin = float(part["t_s"])
        end = round(begin + float(part["duration_s"]), 6)
        squares, last = [], None
        for beat in (beat for beat in beats if begin <= float(beat["opening_s"]) < end):
            good = beat["artefact"] == ""
            if good and last is not None and beat["gap_before"] == "false":
                squares.append((float(beat["rr_ms"]) - last) ** 2)
            last = float(beat["rr_ms"]) if good else None
        rmssd = math.sqrt(sum(squares) / len(squares)) if squares else None
        found.append((part["label"], begin, end, rmssd))
    return found


def main() -> None:
    """Print the parts with their RMSSD."""
    if len(sys.argv) > 1:
        show(Path(sys.argv[1]))
        return
    with tempfile.TemporaryDirectory() as folder:
        program = [sys.executable, "-m", "biofeedback"]
        recording = f"{folder}/trial.session.jsonl"
        words = "practice safe_place --plan trial --source sim:tense?seed=3 --speed max --view none --quiet"
        subprocess.run([*program, *words.split(), "--output", recording], check=True, capture_output=True)
        words = f"export {recording} --to csv --anonymise --output {folder}/to_share"
        subprocess.run([*program, *words.split()], check=True, capture_output=True)
        show(next(Path(folder, "to_share").iterdir()))


def show(folder: Path) -> None:
    """A line for each part."""
    for name, begin, end, rmssd in rmssd_of_parts(folder):
        print(f"{begin:8.1f} s to {end:8.1f} s  {name:<9} RMSSD", "-" if rmssd is None else f"{rmssd:.2f} ms")


if __name__ == "__main__":
    main()
