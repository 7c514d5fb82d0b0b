"""What `analyze` tells a person: the table, its words, the asked window, and the bar while one waits."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from math import pi, sin
from pathlib import Path

import pytest

import biofeedback as bf
from biofeedback.cli.analysis_table import DECIMALS, GROUPS, table
from biofeedback.hrv.registry import METRICS
from biofeedback.hrv.summary import Summary, asked_s
from biofeedback.hrv.window import Estimate, NotYet
from biofeedback.session.analysis import Analysis, Asked, analyse_file
from tests.cli.programs import PROGRAM, environment, run
from tests.strategies import MS, beats_of

SLOW = [1540.0 + swing for swing in (-60, -30, 0, 30, 60, 30, 0, -30)] * 25
"""A slow heart: its last 60 s hold 58.x s of whole intervals."""


def heart(count: int = 400, changed: Mapping[int, float] | None = None) -> list[float]:
    """A heart that breathes; `{100: 0.5}` halves its interval 100."""
    rr_ms = [round(850 + 40 * sin(2 * pi * beat / 11) + 10 * sin(beat * beat), 1) for beat in range(count)]
    for place, factor in (changed or {}).items():
        rr_ms[place] *= factor
    return rr_ms


def written(folder: Path, rr_ms: list[float], name: str = "rr.txt") -> Path:
    path = folder / name
    path.write_text("\n".join(map(str, rr_ms)))
    return path


def shown(summary: Summary) -> str:
    return table(Analysis("rr.txt", "plain", None, summary), {})


def test_every_metric_has_its_place_and_words_in_the_table() -> None:
    assert sorted(name for group in GROUPS.values() for name in group) == sorted(METRICS)
    assert {metric.unit for metric in METRICS.values()} == set(DECIMALS)


def test_the_table_is_grouped_and_each_row_has_value_unit_and_words() -> None:
    summary = bf.analyze(heart())
    rows = shown(summary).splitlines()
    titles = [rows.index(f"  {title}") for title in ("Time", "Spectrum", "Nonlinear")]
    assert titles == sorted(titles)
    for name in METRICS:
        (row,) = [row for row in rows if row.split()[:1] == [name]]
        answer = summary[name]
        assert isinstance(answer, Estimate)
        assert float(row.split()[1]) == pytest.approx(answer.value, abs=0.5 * 10.0 ** -DECIMALS[answer.unit])
        assert f" {answer.unit} " in row
        assert len(row) < 100


def test_a_value_that_is_not_there_has_its_reason_in_its_place() -> None:
    (row,) = [row for row in shown(bf.analyze(heart(60))).splitlines() if "lf_hf" in row]
    assert row.split(maxsplit=2) == ["lf_hf", "-", "needs 120 s of beats, has 51"]


def test_kinds_of_flags_and_gaps_are_counted_in_words() -> None:
    summary = bf.analyze([*heart(400, {100: 0.6, 200: 2, 300: 0.6}), 5000.0, *heart(100)])
    head = shown(summary).splitlines()[1:3]
    assert head[0].endswith("1 gap, 99 % covered")
    assert sum(summary.flags.values()) == summary.excluded > 2
    assert head[1] == "  flagged and left out: " + ", ".join(
        f"{kind} {count}" for kind, count in sorted(summary.flags.items(), key=lambda each: (-each[1], each[0]))
    )
    assert summary.flags["missed"] == 1


@pytest.mark.parametrize(("every", "mark"), [(13, "poor"), (4, "irregular")])
def test_a_mark_of_quality_is_explained(every: int, mark: str) -> None:
    summary = bf.analyze(heart(400, dict.fromkeys(range(30, 400, every), 2.0)))
    assert summary.quality == mark
    share = round(100 * summary.excluded / summary.beats)
    assert f"  {mark}: {share} % of the beats are flagged; " in shown(summary)


def test_the_length_of_windows_stands_where_it_is_another_one() -> None:
    rows = [row for row in shown(bf.analyze(heart())).splitlines() if "windows" in row]
    assert [row.split()[0] for row in rows] == ["coherence_ratio", "coherence_peak_hz"]
    assert all(row.endswith("(64 s windows)") for row in rows)


def test_b2_coherence_is_of_windows_of_64_s() -> None:
    answer = bf.analyze(heart())["coherence_ratio"]
    assert isinstance(answer, Estimate)
    assert answer.window_s == 64


@pytest.mark.parametrize("name", ["sdnn_ms", "hf_ms2"])
def test_the_asked_window_counts_as_far_as_there_are_data(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, SLOW)
    found = json.loads(run(tmp_path, "analyze", str(path), "--window", "60", "--json").stdout)
    assert found["metrics"][name]["window_s"] == 60
    assert found["duration_s"] == pytest.approx(58.61)
    assert found["coverage"] == pytest.approx(1)
    short = json.loads(run(tmp_path, "analyze", str(written(tmp_path, SLOW[:35])), "--window", "60", "--json").stdout)
    assert short["metrics"][name] == {"value": None, "reason": "needs 60 s of beats, has 53"}


def test_a_cut_is_as_long_as_it_was_asked_for_as_far_as_there_are_data() -> None:
    beats = beats_of([1500 * MS] * 100)
    assert asked_s(beats) is None
    assert asked_s(beats, window_s=60) == 60
    assert asked_s(beats, window_s=600) == 150
    assert asked_s(beats, from_s=100) == 50
    assert asked_s(beats, from_s=20.2, to_s=80) == pytest.approx(81 - 20.2)
    assert asked_s(beats, from_s=100, window_s=60) == 50
    assert asked_s(beats, from_s=400) is None
    assert asked_s([], window_s=60) is None


def test_smoothness_priors_takes_a_slow_trend_out_and_leaves_the_breath(tmp_path: Path) -> None:
    drifting = [round(value + 0.5 * beat - 0.001 * beat * beat, 1) for beat, value in enumerate(heart())]
    path = written(tmp_path, drifting)
    linear, priors = (
        analyse_file(path, Asked(detrend=way)).summary.numbers() for way in ("linear", "smoothness-priors")
    )
    assert (priors["vlf_ms2"] or 0) < (linear["vlf_ms2"] or 0) / 5
    assert priors["lf_ms2"] == pytest.approx(linear["lf_ms2"], rel=0.05)
    done = run(tmp_path, "analyze", str(path), "--detrend", "smoothness-priors", "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["detrend"] == "smoothness-priors"
    assert found["metrics"]["vlf_ms2"]["value"] == priors["vlf_ms2"]
    assert (
        bf.analyze(drifting, detrend="smoothness-priors")["vlf_ms2"]
        == analyse_file(path, Asked(detrend="smoothness-priors")).summary["vlf_ms2"]
    )


def test_linear_detrending_needs_no_scipy(tmp_path: Path) -> None:
    look = (
        "import sys; from biofeedback.cli.main import main; main(['analyze', 'rr.txt']); print('scipy' in sys.modules)"
    )
    written(tmp_path, heart())
    done = subprocess.run(
        [PROGRAM[0], "-c", look], env={**environment(tmp_path), "PYTHONPATH": os.pathsep.join(["."])}, cwd=tmp_path,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.endswith("False\n")


def test_in_python_a_summary_is_a_mapping_of_answers() -> None:
    summary = bf.analyze(heart(60))
    assert list(summary) == list(METRICS)
    assert len(summary) == len(METRICS)
    assert summary["rmssd_ms"] is summary.metrics["rmssd_ms"]
    assert isinstance(summary.get("lf_hf"), NotYet)
    assert "rmssd" not in summary
    assert summary.numbers()["lf_hf"] is None
    json.dumps(summary.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("rr_ms", "options"), [([], {}), ([800.0, float("nan")], {}), ([800.0] * 9, {"detrend": "none"})]
)
def test_in_python_what_cannot_be_analysed_is_a_value_error(rr_ms: list[float], options: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"interval|detrend"):
        bf.analyze(rr_ms, **options)  # type: ignore[arg-type]


def test_a_name_that_moves_the_cursor_is_shown_without_it() -> None:
    found = Analysis("a\x1b[2Jb.txt", "plain", None, bf.analyze(heart(60)))
    assert table(found, {}).splitlines()[0] == "a [2Jb.txt  (plain)"
    assert replace(found, file="b").file == "b"


pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")


def on_a_terminal(home: Path, *words: str) -> tuple[str, str]:
    """Standard output, and what a terminal got on stderr."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*PROGRAM, *words], env={**environment(home), "TERM": "xterm"}, cwd=home, stdout=subprocess.PIPE, stderr=theirs
    ) as program:
        os.close(theirs)
        out, _ = program.communicate(timeout=30)
    seen = b""
    while True:
        try:
            chunk = os.read(ours, 65536)
        except OSError:
            break
        if not chunk:
            break
        seen += chunk
    os.close(ours)
    return out.decode(), seen.decode()


def test_several_files_have_a_bar_on_a_terminal_and_data_stay_on_stdout(tmp_path: Path) -> None:
    names = [str(written(tmp_path, heart(), name)) for name in ("one.txt", "two.txt")]
    out, seen = on_a_terminal(tmp_path, "analyze", *names, "--json")
    assert [json.loads(line)["file"] for line in out.splitlines()] == names
    assert "two.txt" in seen
    assert "1/2" in seen
    plain = run(tmp_path, "analyze", *names, "--json")
    assert (plain.stdout, plain.stderr) == (out, "")


def test_one_short_file_or_quiet_has_no_bar(tmp_path: Path) -> None:
    name = str(written(tmp_path, heart()))
    assert on_a_terminal(tmp_path, "analyze", name)[1] == ""
    assert on_a_terminal(tmp_path, "-q", "analyze", name, name)[1] == ""


def test_the_bar_of_one_long_file_has_no_count(tmp_path: Path) -> None:
    name = str(written(tmp_path, [850.123456] * 50_000, "long.txt"))
    seen = on_a_terminal(tmp_path, "analyze", name)[1]
    assert "long.txt" in seen
    assert "0/" not in seen


def test_one_beat_is_one_beat() -> None:
    assert "1 s, 1 beat, 0 flagged" in shown(bf.analyze([800.0]))
