"""docs/adding_a_metric.md and the example metric, done as they say: built, installed, tested and used."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from math import pi, sin
from pathlib import Path
from typing import Any

import pytest

from biofeedback.hrv.contract import MetricContract, made
from biofeedback.hrv.registry import Metric
from biofeedback.hrv.window import Estimate
from tests.cli.programs import PROGRAM, ROOT, environment, run
from tests.system.test_adding_a_device import install

PAGE = (ROOT / "docs" / "adding_a_metric.md").read_text("utf-8")
EXAMPLE = ROOT / "examples" / "hrv_metric"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
MS = 1024


def load_example() -> Any:  # noqa: ANN401 - a module that is not on the path
    spec = importlib.util.spec_from_file_location("biofeedback_hr_swing", EXAMPLE / "biofeedback_hr_swing.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestHrSwing(MetricContract):
    def metric(self) -> Metric:
        metric: Metric = load_example().HR_SWING
        return metric


def swing(ticks: list[int], flagged: tuple[int, ...] = (), gaps: tuple[int, ...] = ()) -> float:
    answer = load_example().HR_SWING.over(made(ticks, flagged, gaps))
    assert isinstance(answer, Estimate)
    return answer.value


def test_the_swing_of_a_heart_between_two_rates_is_their_difference() -> None:
    assert swing([1000 * MS, 800 * MS] * 60) == pytest.approx(75 - 60)
    assert swing([1000 * MS] * 120) == 0


def test_the_swing_of_a_sine_is_twice_its_amplitude() -> None:
    t, ticks = 0.0, list[int]()
    while t < 120:
        rr_s = 60 / (70 + 6 * sin(2 * pi * 0.1 * t))
        t += rr_s
        ticks.append(round(rr_s * 1024_000))
    assert swing(ticks) == pytest.approx(12, abs=0.3)


def test_a_flagged_beat_and_a_gap_are_no_swing() -> None:
    ticks = [1000 * MS, 800 * MS] * 60
    ticks[40] = 400 * MS
    assert swing(ticks) > 20
    assert swing(ticks, flagged=(40,)) == pytest.approx(15)
    assert swing([1000 * MS] * 60 + [800 * MS] * 60, gaps=(60,)) == 0


def test_the_page_has_no_block_that_is_not_run() -> None:
    assert [language for language, _ in BLOCKS] == ["python", "toml", "python", "sh"]


@pytest.mark.slow
@pytest.mark.timeout(120)  # builds a package and starts the program several times
def test_every_line_of_the_page_runs(tmp_path: Path) -> None:
    for _, text in BLOCKS:
        if text.startswith("# "):
            (tmp_path / text.split("\n", 1)[0].removeprefix("# ")).write_text(text, "utf-8")
    install(tmp_path, tmp_path / "site")
    (shell,) = [text for language, text in BLOCKS if language == "sh"]
    lines = [shlex.split(line, comments=True) for line in shell.splitlines()]
    assert lines[0] == ["python", "-m", "pip", "install", "."], "done above"
    env = {**environment(tmp_path), "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT)])}
    tested = subprocess.run(
        [sys.executable, *lines[1][1:], "-q", "-p", "no:cacheprovider"],
        env=env, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert tested.returncode == 0, tested.stdout
    assert "8 passed" in tested.stdout
    said: dict[str, str] = {}
    for words in lines[2:]:
        assert words[0] == "biofeedback"
        done = subprocess.run(
            [*PROGRAM, *words[1:]], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == (3 if words[1] == "doctor" and "✗ Bluetooth" in done.stdout else 0), done.stderr
        said[words[1]] = done.stdout
    assert "'poincare_area_ms2' of biofeedback-poincare 1.0" in said["doctor"]
    assert "equal to the bit" in said["verify"]
    (row,) = [line for line in said["analyze"].splitlines() if "poincare_area_ms2" in line]
    assert row.split()[2:] == ["ms^2", "from", "biofeedback-poincare", "1.0"]


@pytest.mark.slow
@pytest.mark.timeout(120)  # builds a package and starts the program several times
def test_the_example_is_installed_and_is_among_the_numbers_of_a_session(tmp_path: Path) -> None:
    package, site = tmp_path / "package", tmp_path / "site"
    shutil.copytree(EXAMPLE, package, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    install(package, site)
    env = {"PYTHONPATH": str(site)}
    done = run(tmp_path, "simulate", "--minutes", "3", "--output", "three.session.jsonl", env=env)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(run(tmp_path, "analyze", "three.session.jsonl", "--json", env=env).stdout)
    answer = found["metrics"]["hr_swing_bpm"]
    assert (answer["unit"], answer["version"]) == ("bpm", 1)
    assert 2 < answer["value"] < 30
    replayed = run(tmp_path, "replay", "three.session.jsonl", "--speed", "max", "--json", env=env).stdout
    hrv = [json.loads(line) for line in replayed.splitlines() if '"kind": "hrv"' in line]
    assert 2 < hrv[-1]["values"]["hr_swing_bpm"] < 30
    assert "hr_swing_bpm" in hrv[0]["reasons"]
    assert run(tmp_path, "verify", "--exact", "three.session.jsonl", env=env).returncode == 0
