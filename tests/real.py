"""Real recordings for tests: read from ../shared, never copied; a test that needs one is skipped without it."""

from __future__ import annotations

import csv
import gzip
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"
DATA = SHARED / "data"
FORMATS = SHARED / "formats"

needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="real recordings are not there: ../shared/data")
needs_formats = pytest.mark.skipif(not FORMATS.is_dir(), reason="sample files are not there: ../shared/formats")


@cache
def plain_ms(name: str) -> tuple[float, ...]:
    """Intervals in ms of a text file or a Polar .hrm under ../shared/data."""
    text = (DATA / name).read_text("latin-1")
    return tuple(float(value) for value in text.rpartition("[HRData]")[2].split())


@cache
def holter(name: str) -> tuple[tuple[float, str, str], ...]:
    """(interval in ms, label of its opening beat, label of its closing beat) of a day of nsr2db."""
    path = DATA / "rr_24h_nsr2db" / f"{name}_beats.csv.gz"
    with gzip.open(path, "rt", encoding="ascii") as file:
        beats = [(float(row["t_s"]), row["label"]) for row in csv.DictReader(file) if row["label"] != "~"]
    return tuple(((late - early) * 1000, a, b) for (early, a), (late, b) in pairwise(beats))


def real_series() -> dict[str, tuple[float, ...]]:
    """Every real series of intervals in ms, by name."""
    h10 = sorted((DATA / "rr_h10_cardiolab").glob("*.txt"))
    return {
        "rest": plain_ms("rr_rest_rhenan/rest_rri.txt"),
        "hour": plain_ms("rr_1h_pyhrv/nni_long.txt"),
        "exercise": plain_ms("rr_exercise_polar_hrm/exercise_rri.hrm"),
        "noisy": plain_ms("rr_exercise_polar_hrm/noisy_rri.hrm"),
        **{path.stem: plain_ms(f"rr_h10_cardiolab/{path.name}") for path in h10},
    }
