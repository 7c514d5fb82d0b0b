"""docs/metrics.md says what the registry holds."""

from __future__ import annotations

import re
from math import pi, sin
from random import Random

import numpy as np
import pytest

from biofeedback.hrv.contract import made
from biofeedback.hrv.nonlinear import BOXES, dfa_alpha1
from biofeedback.hrv.registry import METRICS
from tests.cli.programs import ROOT

PAGE = (ROOT / "docs" / "metrics.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| `(\w+)` ((?:.|\n)*?) \|$", PAGE, re.MULTILINE))


def cells(name: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", ROWS[name])]


def test_the_table_has_every_metric_and_no_other() -> None:
    assert set(ROWS) == set(METRICS)


@pytest.mark.parametrize("name", METRICS)
def test_unit_and_windows_of_the_table_are_those_of_the_registry(name: str) -> None:
    metric = METRICS[name]
    unit, _, analysis, live = cells(name)
    assert unit.replace("²", "^2") == metric.unit
    if metric.least_s:
        assert analysis.startswith(f"{metric.least_s:g} s")
    else:
        assert analysis == f"{metric.least_beats} to {metric.most_beats} beats"
    assert ("in one piece" in analysis) == metric.whole
    if metric.live_s is None:
        assert live == "none"
    else:
        assert live.startswith(f"{metric.live_s:g} s")
    if metric.live_s and metric.live_beats > 2:
        assert live.endswith(f", {metric.live_beats} {'d' if metric.counts == 'differences' else 'beats'}")


def test_every_metric_has_a_paragraph() -> None:
    headings = " ".join(re.findall(r"^\*\*([\w, ]+)\.\*\*", PAGE, re.MULTILINE))
    assert set(re.findall(r"\w+", headings)) == set(METRICS)


def alpha1(ticks: list[int]) -> float:
    found = dfa_alpha1(made(ticks))
    assert isinstance(found, float)
    return found


def test_alpha1_of_white_noise_in_these_boxes_is_0_583() -> None:
    """The line's residual of a random walk over n steps has the mean square (n^2 - 4) / 15 n of the step's variance."""
    lengths = np.array(BOXES, float)
    closed = np.polyfit(np.log(lengths), 0.5 * np.log((lengths**2 - 4) / lengths), 1)[0]
    assert closed == pytest.approx(0.583, abs=0.0005)
    chance = Random(3)
    found = [alpha1([round((850 + chance.gauss(0, 20)) * 1024) for _ in range(20_000)]) for _ in range(4)]
    assert sum(found) / len(found) == pytest.approx(closed, abs=0.01)


@pytest.mark.parametrize(("rate", "alpha"), [(6, 1.31), (8, 0.93), (10, 0.63), (12, 0.44), (15, 0.27)])
def test_the_breath_alone_moves_alpha1_by_so_much(rate: float, alpha: float) -> None:
    chance, found = Random(5), list[float]()
    for _ in range(10):
        t, ticks = 0.0, list[int]()
        while len(ticks) < 350:
            rr_ms = 850 + 50 * sin(2 * pi * rate / 60 * t) + chance.gauss(0, 15)
            t += rr_ms / 1000
            ticks.append(round(rr_ms * 1024))
        found.append(alpha1(ticks))
    assert sum(found) / len(found) == pytest.approx(alpha, abs=0.03)
