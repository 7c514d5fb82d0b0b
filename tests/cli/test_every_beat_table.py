"""`analyze --every-beat OUT.csv` as a user calls it: the header, the numbers, the marks, and what is refused."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from biofeedback.cli.main import main
from biofeedback.hrv.registry import METRICS
from tests.cli.programs import run

Table = list[dict[str, str]]


def heart(count: int, seed: int = 3) -> list[int]:
    chance = Random(seed)
    return [round(800 + chance.gauss(0, 25)) for _ in range(count)]


def written(folder: Path, intervals: list[int]) -> Path:
    path = folder / "rest.txt"
    path.write_text("\n".join(map(str, intervals)))
    return path


def table_of(folder: Path, intervals: list[int], *options: str) -> Table:
    out = folder / "out.csv"
    assert main(["analyze", str(written(folder, intervals)), "--every-beat", str(out), "-q", *options]) == 0
    with out.open(newline="") as file:
        return list(csv.DictReader(file))


def test_columns_are_the_time_the_metrics_and_the_marks(tmp_path: Path) -> None:
    table = table_of(tmp_path, heart(50))
    assert list(table[0]) == ["t_s", *METRICS, "marks"]


def test_b1_3_a_row_for_each_beat_that_two_more_follow(tmp_path: Path) -> None:
    intervals = heart(100)
    table = table_of(tmp_path, intervals)
    ends = [sum(intervals[: k + 1]) / 1000 for k in range(98)]
    assert [float(row["t_s"]) for row in table] == pytest.approx(ends, abs=1e-6)


def test_b2_cells_fill_as_windows_do_and_two_never(tmp_path: Path) -> None:
    table = table_of(tmp_path, heart(200))
    for row in table:
        for name, metric in METRICS.items():
            full = metric.live_s is not None and float(row["t_s"]) >= 0.98 * metric.live_s
            assert bool(row[name]) is full or (full and name == "sampen"), (name, row["t_s"])


def test_the_last_row_of_clean_beats_is_what_analyze_says_of_the_last_window(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table does without the last two beats; then both windows hold the same beats."""
    intervals = heart(400)
    last = table_of(tmp_path, intervals)[-1]
    path = written(tmp_path, intervals[:-2])
    for seconds in (60, 64, 120):
        capsys.readouterr()
        assert main(["analyze", str(path), "--window", str(seconds), "--json"]) == 0
        found = json.loads(capsys.readouterr().out)["metrics"]
        same = [name for name, metric in METRICS.items() if metric.live_s == seconds and name != "sampen"]
        assert {name: repr(found[name]["value"]) for name in same} == {name: last[name] for name in same}


def test_b2_entropy_of_few_beats_is_marked_short_and_flagged_minutes_poor(tmp_path: Path) -> None:
    intervals = heart(300)
    for place in (150, 160, 170, 180, 190):
        intervals[place] = 500
    table = table_of(tmp_path, intervals)
    assert {row["marks"] for row in table[:70]} == {""}
    assert {row["marks"] for row in table[80:140]} == {"short"}
    assert "poor short" in {row["marks"] for row in table}
    assert table[-1]["marks"] == "short"


def test_a_cut_has_rows_of_its_beats_alone(tmp_path: Path) -> None:
    whole = table_of(tmp_path, heart(300))
    cut = table_of(tmp_path, heart(300), "--from", "30", "--to", "150")
    assert {row["t_s"] for row in cut} < {row["t_s"] for row in whole}
    assert 30 < float(cut[0]["t_s"]) < 31.7
    assert 149 < float(cut[-1]["t_s"]) <= 151
    assert cut[0]["mean_hr_bpm"] == ""
    tail = table_of(tmp_path, heart(300), "--window", "90")
    assert len(tail) < len(cut) < len(whole)
    assert tail[-1]["t_s"] == whole[-1]["t_s"]


def test_without_correction_every_interval_counts(tmp_path: Path) -> None:
    intervals = heart(300)
    intervals[150] = 2700
    ruled, taken = (table_of(tmp_path, intervals, *options) for options in ((), ("--no-correction",)))
    assert float(taken[160]["rmssd_ms"]) > 5 * float(ruled[160]["rmssd_ms"])
    assert "poor" not in {mark for row in taken for mark in row["marks"].split()}


def test_a_recording_of_ours_has_its_table(tmp_path: Path) -> None:
    session, out = tmp_path / "s.session.jsonl", tmp_path / "out.csv"
    words = ["practice", "--source", "sim:calm?seed=1", "--plan", "free", "--minutes", "3", "--speed", "max"]
    done = run(tmp_path, *words, "--view", "none", "--output", str(session), "--json")
    said = [json.loads(line) for line in done.stdout.splitlines()]
    live = {event["t_s"]: event["values"] for event in said if event["kind"] == "hrv"}
    assert main(["analyze", str(session), "--every-beat", str(out), "-q"]) == 0
    with out.open(newline="") as file:
        table = list(csv.DictReader(file))
    assert len(table) == len(live) > 100
    for row in table:
        values = live[float(row["t_s"])]
        assert {name: row[name] for name in METRICS} == {
            name: "" if values[name] is None else repr(values[name]) for name in METRICS
        }


class TestRefused:
    """Nothing is half written, and what is to be done is said."""

    def test_several_files_and_one_table(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = written(tmp_path, heart(50))
        assert main(["analyze", str(path), str(path), "--every-beat", str(tmp_path / "out.csv")]) == 2
        assert "--every-beat is for one file" in capsys.readouterr().err

    def test_the_file_itself(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = written(tmp_path, heart(50))
        before = path.read_bytes()
        assert main(["analyze", str(path), "--every-beat", str(path)]) == 1
        assert "is the file to be analysed" in capsys.readouterr().err
        assert path.read_bytes() == before

    def test_a_file_that_cannot_be_read_leaves_an_old_table_alone(self, tmp_path: Path) -> None:
        out = tmp_path / "out.csv"
        out.write_text("older")
        (tmp_path / "bad.txt").write_text("800\nnonsense\n")
        assert main(["analyze", str(tmp_path / "bad.txt"), "--every-beat", str(out)]) == 4
        assert out.read_text() == "older"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.txt", "out.csv"]

    def test_a_folder_that_is_not_there(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        path = written(tmp_path, heart(50))
        assert main(["analyze", str(path), "--every-beat", str(tmp_path / "nowhere" / "out.csv")]) == 1
        assert "cannot be written: No such file or directory" in capsys.readouterr().err

    def test_a_folder(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        (tmp_path / "out.csv").mkdir()
        assert main(["analyze", str(written(tmp_path, heart(50))), "--every-beat", str(tmp_path / "out.csv")]) == 1
        assert "out.csv is no file" in capsys.readouterr().err

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_what_is_no_file_is_not_replaced(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Whoever may do everything would lose /dev/null by it."""
        out = tmp_path / "out.csv"
        os.mkfifo(out)
        assert main(["analyze", str(written(tmp_path, heart(50))), "--every-beat", str(out)]) == 1
        assert "out.csv is no file" in capsys.readouterr().err
        assert out.is_fifo()

    def test_a_table_that_somebody_else_is_writing(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        part = tmp_path / "out.csv.part"
        part.write_text("800\n810\n" * 50)
        assert main(["analyze", str(part), "--every-beat", str(tmp_path / "out.csv")]) == 1
        assert "out.csv.part is there already" in capsys.readouterr().err
        assert part.read_text() == "800\n810\n" * 50

    @pytest.mark.skipif(os.name != "posix", reason="a limit of a shell")
    def test_a_full_disk(self, tmp_path: Path) -> None:
        out, words = tmp_path / "out.csv", f"-m biofeedback analyze {written(tmp_path, heart(300))} --every-beat"
        full = ["bash", "-c", f"ulimit -f 8; exec '{sys.executable}' -B {words} {out}"]
        done = subprocess.run(full, capture_output=True, text=True, check=False)
        assert done.returncode == 1
        assert "cannot be written: File too large" in done.stderr
        assert sorted(path.name for path in tmp_path.iterdir()) == ["rest.txt"]


@pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
def test_a_link_is_followed(tmp_path: Path) -> None:
    kept, link = tmp_path / "kept.csv", tmp_path / "out.csv"
    kept.write_text("older")
    link.symlink_to(kept)
    assert len(table_of(tmp_path, heart(50))) == 48
    assert link.is_symlink()
    assert kept.read_text().startswith("t_s,")


@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is sent as a signal")
def test_ctrl_c_leaves_nothing_half_written(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    out.write_text("older")
    path = written(tmp_path, heart(100_000))
    words = [sys.executable, "-m", "biofeedback", "analyze", str(path), "--every-beat", str(out)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        part = tmp_path / "out.csv.part"
        while not (part.exists() and part.stat().st_size):
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        running.communicate()
    assert running.returncode == 130
    assert out.read_text() == "older"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out.csv", "rest.txt"]
