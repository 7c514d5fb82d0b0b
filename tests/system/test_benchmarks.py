"""The benchmarks run, at a tiny size and without their peers, and what they count is counted right."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest

from benchmarks.agreement import alpha1_of_noise, exactly, sampen_of_noise, tones
from benchmarks.artefacts import Answer, Case, Tool, annotated, error_pct, false_per_1000, gap_aware, sensitivity_pct
from benchmarks.hrv_speed import WINDOW_MS, live_us, request, run_program, trailing
from benchmarks.peer_environments import PeerError, Pins, ask, made, make, peers
from benchmarks.peers.serving import calibration_s
from benchmarks.tables import figure, table
from tests.cli.programs import ROOT
from tests.hrv.injected import Fault

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the benchmarks read what a POSIX kernel counts")


def run(script: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks" / script), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_artefacts_runs_tiny(tmp_path: Path) -> None:
    said = run("artefacts.py", "--folder", str(tmp_path), "--most", "1", "--series", "1", "--only", "faults", "breath")
    assert "### deep RSA" in said
    assert said.count("**ours, settled (5 beats)**") >= 4
    assert "nan" not in said


@pytest.mark.slow
def test_agreement_runs_without_peers(tmp_path: Path) -> None:
    said = run("agreement.py", "--folder", str(tmp_path))
    known, ours = (line.split("|") for line in said.splitlines() if line.startswith(("| known", "| **ours** ")))
    assert known[5] == ours[5] != " - "


@pytest.mark.slow
def test_hrv_speed_runs_tiny(tmp_path: Path) -> None:
    said = run("hrv_speed.py", "--folder", str(tmp_path), "--day", "400", "--repeats", "1")
    assert "the whole day once" in said
    assert "A live beat: p50" in said


def test_every_peer_has_pins_a_reason_and_a_runner() -> None:
    assert len(peers()) == 5
    for name, peer in peers().items():
        assert peer.runner.is_file()
        assert peer.why
        assert all("==" in pin for pin in peer.pins)
        assert any(pin.startswith(f"{name}==") for pin in peer.pins)


def test_an_environment_that_cannot_be_made_says_what_to_do(tmp_path: Path) -> None:
    broken = Pins("neurokit2", "3.12", ("neurokit2==0.2.13",), "")
    with pytest.raises(PeerError, match="is there a network"):
        make(broken, tmp_path, "false")
    assert made(tmp_path) == []


def a_peer_of_our_own(tmp_path: Path) -> Pins:
    """A peer whose runner is a few lines and whose environment is this one."""
    runner = tmp_path / "own_runner.py"
    runner.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT / 'benchmarks' / 'peers')!r})\n"
        "import numpy as np\n"
        "from serving import Peer, serve\n"
        "def failing(rr): raise ValueError('too short')\n"
        "serve(Peer('numpy', {'time': lambda rr: np.std(rr), 'freq': failing},\n"
        "  {'r': lambda rr: {'mean': np.mean(rr), 'none': float('nan')}},\n"
        "  {'gate': lambda rr: ((rr > 1000).tolist(), rr[rr <= 1000]), 'bad': failing}))\n"
    )

    class Own(Pins):
        __slots__ = ()

        @property
        def runner(self) -> Path:
            return runner

        def interpreter(self, folder: Path) -> Path:
            del folder
            return Path(sys.executable)

    return Own("own", "3.11", (), "")


@pytest.mark.slow
def test_a_runner_answers_every_task(tmp_path: Path) -> None:
    peer = a_peer_of_our_own(tmp_path)
    values = ask(peer, tmp_path, {"task": "values", "series": {"a": [800.0, 900.0]}})
    assert values["values"] == {"r": {"a": {"mean": 850.0, "none": None}}}
    corrected = ask(peer, tmp_path, {"task": "correct", "series": [[800.0, 1700.0, 810.0]]})["corrections"]
    assert corrected["gate"]["results"] == [{"flags": [0, 1, 0], "series": [800.0, 810.0]}]
    assert corrected["bad"]["results"] == [{"error": "ValueError: too short"}]
    speed = ask(peer, tmp_path, {"task": "speed", "windows": [[800.0] * 60] * 3, "whole": [800.0] * 300, "repeats": 1})
    assert speed["windows"] == 3
    assert speed["live_s"]["time"] > 0
    assert speed["live_s"]["freq"] == "ValueError: too short"
    assert len(speed["calibration_s"]) == 2
    assert speed["versions"]["numpy"] == np.__version__


@pytest.mark.slow
def test_a_runner_that_falls_over_is_told_by_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(PeerError, match="KeyError"):
        ask(a_peer_of_our_own(tmp_path), tmp_path, {"task": "unknown"})


def test_scores_count_faults_flags_and_errors() -> None:
    clean = [800.0, 810.0, 800.0, 810.0, 800.0, 810.0]
    broken = [800.0, 810.0, 1610.0, 800.0, 810.0]
    case = Case("rest", 0.05, clean, broken, [Fault("missed", range(2, 3))])
    seen = Answer([False, False, True, False, False], None)
    blind = Answer([False, True, False, False, False], None)
    assert sensitivity_pct([(case, seen), (case, blind)]) == 50
    assert sensitivity_pct([(case, seen)], "extra") is None
    assert sensitivity_pct([(case, Answer(None, None))]) == 0
    assert false_per_1000([(Case("rest", 0.0, clean, clean), Answer([True, *[False] * 5], None))]) == pytest.approx(
        1000 / 6
    )
    assert error_pct([(case, seen)], gap_aware) == pytest.approx(0)
    assert error_pct([(case, Answer(None, None))], gap_aware) is None


def test_an_annotated_ectopic_beat_is_found_by_its_own_or_the_next_flag() -> None:
    labels = [("N", "N"), ("N", "V"), ("V", "N"), ("N", "N"), ("N", "A"), ("A", "N")]
    said = annotated([Tool("t", [Answer([True, False, True, False, False, False], None)])], [labels])
    assert "| t | 1 of 2 | 50.0 | 50.00 |" in said


def test_a_trailing_window_holds_what_fits_into_a_minute() -> None:
    chance = Random(1)
    series = [chance.uniform(600, 1000) for _ in range(300)]
    for last in (0, 50, 299):
        window = trailing(series, last)
        assert window == series[last + 1 - len(window) : last + 1]
        assert sum(window) <= WINDOW_MS
        first = last - len(window)
        assert first < 0 or sum(window) + series[first] > WINDOW_MS
    asked = request(series, 5, 2)
    assert [len(window) > 50 for window in asked["windows"]] == [True] * 5
    assert json.dumps(asked)


def test_a_run_of_the_program_is_measured_alone() -> None:
    ballast = np.ones(12_000_000)  # 92 MiB of ours that are not the program's
    version = run_program(["--version"])
    assert version.code == 0
    assert 0 < version.cpu_s < 5
    assert version.peak_mib < ballast.nbytes / 2**20


def test_live_beats_and_the_loop_take_time() -> None:
    assert all(cost > 0 for cost in live_us([850.0] * 20))
    assert calibration_s() > 0


def test_known_values_of_tones_and_noise() -> None:
    """Noise of which there is enough has them; the tone has the variance of a sine."""
    tone = tones(1000, [(70, 0.1)], 3600)
    assert np.var(tone) == pytest.approx(70**2 / 2, rel=0.05)
    chance = Random(5)
    noise = np.array([chance.gauss(0, 1) for _ in range(20_000)])
    assert alpha1_of_noise() == pytest.approx(fluctuations(noise), abs=0.01)
    close = np.mean(np.abs(noise[:10_000] - noise[10_000:]) < 0.2)
    assert sampen_of_noise() == pytest.approx(-math.log(close), abs=0.05)
    assert exactly([800.0, 810.0, 790.0])["rmssd_ms"] == pytest.approx(math.sqrt((10**2 + 20**2) / 2))


def fluctuations(noise: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    profile = np.cumsum(noise)
    sizes = np.arange(4, 17)
    rms = list[float]()
    for size in sizes:
        boxes = profile[: len(profile) // size * size].reshape(-1, size)
        ramp = np.arange(size) - (size - 1) / 2
        level = boxes.mean(axis=1, keepdims=True)
        slope = (boxes @ ramp / (ramp @ ramp))[:, None]
        rms.append(float(np.sqrt(np.mean((boxes - level - slope * ramp) ** 2))))
    return float(np.polyfit(np.log(sizes), np.log(rms), 1)[0])


def test_figures_have_their_digits_and_never_powers_of_ten() -> None:
    numbers = (0.0, 0.0123456, 1.0, 12.345, 2949.6, float("nan"), None)
    assert [figure(number) for number in numbers] == ["0", "0.0123", "1.00", "12.3", "2 950", "-", "-"]
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
