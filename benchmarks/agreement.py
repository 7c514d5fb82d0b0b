"""What is the same metric of the same beats elsewhere?  python benchmarks/agreement.py [--folder .bench]

Tones whose power is known in closed form (patterns 2 and 3 of ANSI/AAMI EC57:2012 A.4.3.3, and a mix of two), white
noise whose time domain is computed here by its definitions in exact sums, and five minutes of a real heart at rest.
Nothing is corrected: only definitions are compared. Ours comes from `analyze --json --no-correction`; a metric that it
does not give is "-". Peers whose environment is not there are left out (peer_environments.py makes them).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from math import erf, log, pi, sin, sqrt
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any, Final, TypeAlias

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # so that it runs as a file, too

from benchmarks.peer_environments import FOLDER, ROOT, ask, made
from benchmarks.tables import figure, table
from tests.real import DATA, real_series

Series: TypeAlias = list[float]
Found: TypeAlias = Mapping[str, Mapping[str, float | None]]
"""Values by series and metric."""
RECIPES: Final = (("**ours**", ()), ("**ours**, smoothness priors", ("--detrend", "smoothness-priors")))
WHITE_SD: Final = 50.0


def tones(base_ms: float, parts: Sequence[tuple[float, float]], seconds: float = 300.0) -> Series:
    """Intervals base + sum of A sin(2 pi f t), t the time of the beat before; parts are (A in ms, f in Hz)."""
    series: Series = []
    t = 0.0
    while t < seconds:
        rr_ms = base_ms + sum(size * sin(2 * pi * hz * t) for size, hz in parts)
        series.append(rr_ms)
        t += rr_ms / 1000
    return series


def white(beats: int = 1000) -> Series:
    chance = Random(2026)
    return [850 + chance.gauss(0, WHITE_SD) for _ in range(beats)]


def rest(seconds: float = 300.0) -> Series:
    """The first five minutes of a real recording at rest."""
    series: Series = []
    for rr_ms in real_series()["rest"]:
        if sum(series) >= 1000 * seconds:
            break
        series.append(rr_ms)
    return series


def all_series() -> dict[str, Series]:
    made_up = {
        "TP2": tones(800, [(35, 0.25)]),
        "TP3": tones(1000, [(70, 0.1)]),
        "mix": tones(850, [(40, 0.095), (30, 0.26)]),
        "white": white(),
    }
    return {**made_up, "rest": rest()} if DATA.is_dir() else made_up


def known(series: Mapping[str, Series]) -> Found:
    """A tone of A ms has A^2 / 2 ms2; the time domain by its definitions; what noise has in the long run."""
    found: dict[str, Mapping[str, float | None]] = {
        "TP2": {"hf_ms2": 35**2 / 2},
        "TP3": {"lf_ms2": 70**2 / 2},
        "mix": {"lf_ms2": 40**2 / 2, "hf_ms2": 30**2 / 2},
        "white": {**exactly(series["white"]), "sampen": sampen_of_noise(), "dfa_alpha1": alpha1_of_noise()},
    }
    return {**found, "rest": exactly(series["rest"])} if "rest" in series else found


def sampen_of_noise(tolerance: float = 0.2) -> float:
    """-ln of the chance that two values of white noise lie within r SD: their difference is normal with SD sqrt 2."""
    return -log(erf(tolerance / 2))


def alpha1_of_noise(shortest: int = 4, longest: int = 16) -> float:
    """Least squares through the expected fluctuations of white noise, F^2 = SD^2 (n^2 - 4) / 15 n in boxes of n beats.

    Not 0.5: that is reached with long boxes only. The expectation follows from a sum of white noise less its line.
    """
    points = [(log(n), log((n * n - 4) / (15 * n)) / 2) for n in range(shortest, longest + 1)]
    x, y = fmean(x for x, _ in points), fmean(y for _, y in points)
    return sum((a - x) * (b - y) for a, b in points) / sum((a - x) ** 2 for a, _ in points)


def exactly(series: Sequence[float]) -> dict[str, float | None]:
    exact = [Fraction(rr) for rr in series]
    steps = [b - a for a, b in pairwise(exact)]
    return {
        "rmssd_ms": sqrt(sum(step * step for step in steps) / len(steps)),
        "sdsd_ms": spread(steps),
        "sdnn_ms": spread(exact),
    }


def spread(values: Sequence[Fraction]) -> float:
    mean = sum(values) / len(values)
    return sqrt(sum((value - mean) ** 2 for value in values) / (len(values) - 1))


def ours(series: Mapping[str, Series]) -> Iterator[tuple[str, Found]]:
    """By the program, as a user runs it; a recipe it does not know is left out."""
    with tempfile.TemporaryDirectory() as folder:
        files = {name: Path(folder) / f"{name}.txt" for name in series}
        for name, file in files.items():
            file.write_text("\n".join(f"{rr:.9f}" for rr in series[name]) + "\n", "ascii")
        for recipe, options in RECIPES:
            words = ["analyze", *map(str, files.values()), "--json", "--no-correction", "--unit", "ms", *options]
            ended = subprocess.run(
                [sys.executable, "-m", "biofeedback", *words], capture_output=True, text=True, check=False, cwd=ROOT
            )
            if ended.returncode == 0:
                said = [json.loads(line)["metrics"] for line in ended.stdout.splitlines()]
                yield recipe, {name: values(metrics) for name, metrics in zip(series, said, strict=True)}


def values(metrics: Mapping[str, Mapping[str, Any]]) -> dict[str, float | None]:
    return {name: answer["value"] for name, answer in metrics.items()}


def theirs(series: Mapping[str, Series], folder: Path) -> Iterator[tuple[str, Found]]:
    for peer in made(folder):
        answer = ask(peer, folder, {"task": "values", "series": series})
        for recipe, found in answer["values"].items():
            yield f"{peer.name}, {recipe}", found


COLUMNS: Final[tuple[tuple[str, Callable[[Found], str]], ...]] = (
    ("TP2: HF", lambda found: cell(found, "TP2", "hf_ms2")),
    ("TP3: LF", lambda found: cell(found, "TP3", "lf_ms2")),
    ("mix: LF / HF", lambda found: cell(found, "mix", "lf_ms2", "hf_ms2")),
    ("white: RMSSD / SDSD / SDNN", lambda found: cell(found, "white", "rmssd_ms", "sdsd_ms", "sdnn_ms", digits=4)),
    ("white: SampEn / alpha1", lambda found: cell(found, "white", "sampen", "dfa_alpha1")),
    ("rest: RMSSD / SDNN", lambda found: cell(found, "rest", "rmssd_ms", "sdnn_ms", digits=4)),
    ("rest: LF / HF", lambda found: cell(found, "rest", "lf_ms2", "hf_ms2", digits=3)),
    ("rest: SampEn / alpha1", lambda found: cell(found, "rest", "sampen", "dfa_alpha1")),
)


def cell(found: Found, series: str, *metrics: str, digits: int = 4) -> str:
    of = found.get(series, {})
    if "error" in of:
        return "fails"
    found_any = any(of.get(name) is not None for name in metrics)
    return " / ".join(figure(of.get(name), digits) for name in metrics) if found_any else "-"


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the peers' environments are")
    given = parser.parse_args(argv)
    series = all_series()
    rows = [("known", known(series)), *ours(series), *theirs(series, given.folder)]
    print(f"{', '.join(f'{name} {len(each)} beats' for name, each in series.items())}; powers in ms2, times in ms.\n")
    print(
        table(
            ["", *(name for name, _ in COLUMNS)],
            ([name, *(make(found) for _, make in COLUMNS)] for name, found in rows),
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
