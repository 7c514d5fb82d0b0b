"""Metrics of plug-ins through the real program: `analyze`, a session, `doctor`, and what they say when one fails."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from biofeedback.hrv.window import NotYet
from biofeedback.recording.reader import read_recording
from biofeedback.session.metrics import AllMetrics
from biofeedback.session.analysis import Asked, analyse_file
from biofeedback.session.plugins import metric_plugins
from tests.cli.programs import run
from tests.plugged import METRIC, install_metric, use_metric

LIVE = ["practice", "--source", "sim:calm", "--speed", "max", "--minutes", "1", "--view", "none", "--output", "out"]


@pytest.fixture
def rr(tmp_path: Path) -> Path:
    """Ten seconds of 800 ms, and one of 900."""
    path = tmp_path / "rr.txt"
    path.write_text("800\n" * 99 + "900\n")
    return path


def program(home: Path, *words: str, code: str = METRIC, **held: str) -> subprocess.CompletedProcess[str]:
    site = home / "site"
    if not site.exists():
        install_metric(site, code, **held)
    return run(home, *words, env={"PYTHONPATH": str(site)})


def broken(line: str) -> str:
    return f"{METRIC}\n{line}\n"


def answer(done: subprocess.CompletedProcess[str]) -> Any:  # noqa: ANN401 - whatever JSON holds
    return json.loads(done.stdout)["metrics"]["range_ms"]


def test_a_plug_in_s_metric_comes_after_ours(tmp_path: Path, rr: Path) -> None:
    done = program(tmp_path, "analyze", str(rr), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert answer(done) == {
        "value": 100.0, "unit": "ms", "window_s": 80.1, "beats": 100, "coverage": 1.0, "version": 1
    }  # fmt: skip
    assert list(json.loads(done.stdout)["metrics"])[-1] == "range_ms"
    table = program(tmp_path, "analyze", str(rr)).stdout
    assert table.index("Plug-ins") > table.index("dfa_alpha1")
    (row,) = [line for line in table.splitlines() if "range_ms" in line]
    assert row.split() == ["range_ms", "100.0", "ms", "from", "acme-metric", "2.1"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (broken("def compute(window): return 1 / 0"), "ZeroDivisionError: division by zero"),
        (broken("def compute(window): return float('nan')"), "ValueError: it answered nan, which is no finite number"),
        (broken("def compute(window): return 'much'"), "TypeError: it answered a str, which is no number"),
        (broken("def compute(window): raise SystemExit(9)"), "SystemExit: 9"),
        (broken("def compute(window): window.nn.sort()"), "ValueError: sort array is read-only"),
        (broken("def compute(window): raise OSError('\\x1b[2J\\nno')"), "OSError: [2J no"),
        ("raise ImportError('no library')", "it cannot be imported: ImportError: no library"),
        ("RANGE = 5", "it is a int, not a Metric of biofeedback.hrv.registry"),
    ],
)
def test_one_that_fails_says_so_in_its_place_and_once_on_stderr(tmp_path: Path, rr: Path, code: str, said: str) -> None:
    done = program(tmp_path, "analyze", str(rr), str(rr), "--json", code=code)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads(line)["metrics"] for line in done.stdout.splitlines())
    reason = f"the metric 'range_ms' of acme-metric 2.1 failed: {said}"
    assert first["range_ms"] == second["range_ms"] == {"value": None, "reason": reason}
    assert first["mean_nn_ms"]["value"] == 801
    assert done.stderr == f"The{reason[3:]}. It is left out from here on.\n"
    assert program(tmp_path, "-q", "analyze", str(rr)).stderr == ""


def test_what_it_prints_is_not_among_the_data(tmp_path: Path, rr: Path) -> None:
    code = broken(
        "print('loaded')\nusual = compute\ndef compute(window):\n    print('hello')\n    return usual(window)"
    )
    done = program(tmp_path, "analyze", str(rr), "--json", code=code)
    assert answer(done)["value"] == 100
    assert done.stderr == "loaded\nhello\n"


def test_a_name_of_ours_cannot_be_taken(tmp_path: Path, rr: Path) -> None:
    done = program(tmp_path, "analyze", str(rr), "--json", rmssd_ms="acme_metric:RANGE")
    assert json.loads(done.stdout)["metrics"]["rmssd_ms"]["unit"] == "ms"
    assert "'rmssd_ms' is a metric of the program itself" in done.stderr


def test_one_that_takes_absurdly_long_is_given_up(tmp_path: Path, rr: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = broken("from threading import Event\ndef compute(window): Event().wait(5)")
    use_metric(monkeypatch, install_metric(tmp_path / "site", code))
    metrics = AllMetrics(metric_plugins(), longest_s=0.1)
    summary = analyse_file(rr, Asked(metrics=metrics)).summary
    reason = "the metric 'range_ms' of acme-metric 2.1 failed: TimeoutError: it takes more than 0.1 s"
    assert summary["range_ms"] == NotYet(reason)
    assert analyse_file(rr, Asked(metrics=metrics)).summary["mean_nn_ms"] == summary["mean_nn_ms"]
    assert len(metrics.failures) == 1


def test_a_session_has_it_and_what_it_prints_is_not_among_the_events(tmp_path: Path) -> None:
    done = program(tmp_path, *LIVE, "--json", code="print('loaded')\n" + METRIC)
    assert done.returncode == 0, done.stderr
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["values"]["range_ms"] for event in events if event["kind"] == "hrv"][-1] > 20
    assert done.stderr.startswith("loaded\n")
    (path,) = (tmp_path / "out").iterdir()
    checked = program(tmp_path, "verify", str(path), "--exact")
    assert (checked.returncode, "equal to the bit" in checked.stdout) == (0, True)
    elsewhere = run(tmp_path, "verify", str(path))
    assert elsewhere.returncode == 0
    assert "a plug-in not here (range_ms/1 of acme-metric 2.1), not compared" in elsewhere.stdout


def test_one_that_fails_in_a_session_is_told_once_and_the_session_goes_on(tmp_path: Path) -> None:
    done = program(tmp_path, *LIVE, code=broken("def compute(window): return 1 / 0"))
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("failed: ZeroDivisionError. It is left out from here on.") == 1
    assert "Traceback" not in done.stderr
    (path,) = (tmp_path / "out").iterdir()
    assert program(tmp_path, "verify", str(path), "--exact").returncode == 0


def test_one_that_cannot_be_imported_is_named_in_the_recording(tmp_path: Path) -> None:
    done = program(tmp_path, *LIVE, code="raise OSError('no library')")
    assert done.returncode == 0
    reason = "the metric 'range_ms' of acme-metric 2.1 failed: it cannot be imported: OSError: no library"
    assert f"The{reason[3:]}. It is left out from here on.\n" in done.stderr
    (path,) = (tmp_path / "out").iterdir()
    (line,) = [line.body for line in read_recording(path).lines if line.kind == "err"]
    assert (line["code"], line["error"]) == ("metric_failed", reason)


@pytest.mark.slow
@pytest.mark.parametrize(("code", "ok"), [(METRIC, True), ("raise OSError('no library')", False)])
def test_doctor_lists_metrics_and_tells_which_of_them_fail(tmp_path: Path, code: str, ok: bool) -> None:
    found = json.loads(program(tmp_path, "doctor", "--json", code=code).stdout)
    (check,) = [check for check in found["checks"] if check["name"] == "plug-ins"]
    assert (check["ok"], bool(check["do"])) == (ok, not ok)
    assert "range_ms" in check["what"]
    assert "acme-metric 2.1" in check["what"]
