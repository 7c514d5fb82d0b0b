"""The command line contract: names, keys, exit codes, and sentences a newcomer understands."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.programs import PROGRAM, SHARED, environment, run
import itertools

RR_FILES = sorted((SHARED / "data").glob("rr_*/*.txt"))
needs_shared = pytest.mark.skipif(not RR_FILES, reason="the shared recordings are not on this machine")
METRICS = (
    "mean_hr_bpm mean_nn_ms sdnn_ms rmssd_ms sdsd_ms pnn50_pct sd1_ms sd2_ms sqrt_stress_index ln_hr".split()  # noqa: SIM905
)


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def recording(home: Path, *more: str) -> Path:
    """A simulated recording."""
    done = run(home, "simulate", "--minutes", "2", "--json", *more)
    assert done.returncode == 0, done.stderr
    return home / str(json.loads(done.stdout)["recording"])


def test_demo_records_reports_and_verifies(tmp_path: Path) -> None:
    done = run(tmp_path, "demo", "--speed", "max", "--view", "none", "--json", "--output", str(tmp_path / "out"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert set(found) == {"recording", "report", "verify"}
    assert found["verify"]["exact"]
    assert found["verify"]["intact"]
    assert found["verify"]["differences"] == 0
    assert Path(found["report"]).read_text("utf-8").lower().startswith("<!doctype html>")
    assert run(tmp_path, "verify", found["recording"]).returncode == 0


def test_demo_tells_its_story_in_plain_lines(tmp_path: Path) -> None:
    done = run(tmp_path, "demo", "--speed", "max")
    assert done.returncode == 0, done.stderr
    assert "This session" in done.stderr
    assert "\x1b" not in done.stderr + done.stdout
    assert re.search(r"Recording\s+\S+\.session\.jsonl", done.stdout)


def test_practice_json_is_the_recording_and_replay_repeats_it(tmp_path: Path) -> None:
    done = run(
        tmp_path, "practice", "safe_place", "--source", "sim:calm?seed=3", "--speed", "max", "--minutes", "1",
        "--view", "none", "--json", "--output", str(tmp_path),
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (path,) = tmp_path.glob("*.session.jsonl")
    again = run(tmp_path, "replay", str(path), "--speed", "max", "--view", "none", "--json")
    assert again.returncode == 0
    assert again.stdout.splitlines() == done.stdout.splitlines()
    kinds = {line["kind"] for line in lines(done.stdout)}
    assert {"packet", "beat", "hrv", "arousal", "pacer", "cue", "phase", "suds", "end"} <= kinds
    first = next(line for line in lines(done.stdout) if line["kind"] == "beat")
    assert first["rr_ms"] == first["ticks"] / 1024


def test_recorded_intervals_equal_those_in_the_packets(tmp_path: Path) -> None:
    done = run(
        tmp_path, "practice", "--source", "sim:calm", "--speed", "max", "--minutes", "3", "--json", "--no-record"
    )
    events = lines(done.stdout)
    sent = [1000 * tick for line in events if line["kind"] == "packet" for tick in line["ticks"]]
    assert [line["ticks"] for line in events if line["kind"] == "beat"] == sent
    assert len(sent) > 150
    assert not list(tmp_path.rglob("*.jsonl*"))


@needs_shared
def test_replay_of_a_real_heart_gives_the_foreign_kinds(tmp_path: Path) -> None:
    path = SHARED / "data" / "rr_h10_cardiolab" / "orthostatic_2026-05-17.txt"
    done = run(tmp_path, "replay", str(path), "--speed", "max", "--view", "none", "--json")
    assert done.returncode == 0, done.stderr
    events = lines(done.stdout)
    assert {line["kind"] for line in events} <= {"rr", "gap", "beat", "hrv", "arousal", "end"}
    beats = [line["rr_ms"] for line in events if line["kind"] == "beat"]
    assert beats == [float(value) for value in path.read_text().split()]
    levels = [(line["t_s"], line["bpm"]) for line in events if line["kind"] == "arousal" and line["bpm"]]
    lying = [bpm for t, bpm in levels if t < 250]
    standing = [bpm for t, bpm in levels if t > 400]
    assert sum(standing) / len(standing) - sum(lying) / len(lying) > 10, "standing up raises a heart"


@needs_shared
@pytest.mark.parametrize("path", RR_FILES, ids=lambda path: path.name)
def test_analyze_of_real_hearts(tmp_path: Path, path: Path) -> None:
    done = run(tmp_path, "analyze", str(path), "--json")
    assert done.returncode == 0, done.stderr
    (found,) = lines(done.stdout)
    values = {name: answer["value"] for name, answer in found["metrics"].items()}
    assert set(METRICS) <= set(values)
    rr = [float(value) for value in path.read_text().split()]
    assert found["beats"] == len(rr)
    assert found["duration_s"] == pytest.approx(sum(rr) / 1000, abs=1e-6)
    assert found["excluded"] / found["beats"] < 0.05
    assert 40 < values["mean_hr_bpm"] < 100
    assert 15 < values["rmssd_ms"] < 120
    assert math.exp(values["ln_hr"]) == pytest.approx(values["mean_hr_bpm"], rel=0.03)


@needs_shared
def test_analyze_without_correction_is_the_definition_on_all_intervals(tmp_path: Path) -> None:
    path = SHARED / "data" / "rr_h10_cardiolab" / "resting_2026-04-28.txt"
    rr = [float(value) for value in path.read_text().split()]
    (found,) = lines(run(tmp_path, "analyze", str(path), "--json", "--no-correction").stdout)
    steps = [late - early for early, late in itertools.pairwise(rr)]
    mean = sum(rr) / len(rr)
    values = {name: answer["value"] for name, answer in found["metrics"].items()}
    assert values["rmssd_ms"] == pytest.approx(math.sqrt(sum(d * d for d in steps) / len(steps)), rel=1e-9)
    assert values["sdnn_ms"] == pytest.approx(math.sqrt(sum((x - mean) ** 2 for x in rr) / (len(rr) - 1)), rel=1e-9)
    assert (found["excluded"], found["gaps"]) == (0, 0)


def test_analyze_goes_on_after_an_unreadable_file_and_ends_with_4(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text("\n".join(["800", "830"] * 60))
    (tmp_path / "bad.txt").write_text("800\n81o\n")
    done = run(tmp_path, "analyze", "bad.txt", "missing.txt", "good.txt", "--json")
    assert done.returncode == 4
    bad, missing, good = lines(done.stdout)
    assert "line 2" in bad["error"]
    assert "missing.txt" in missing["error"]
    assert good["metrics"]["rmssd_ms"]["value"] == pytest.approx(30)
    assert "Traceback" not in done.stderr


def test_analyze_tells_a_person_coverage_in_whole_percent(tmp_path: Path) -> None:
    (tmp_path / "steady.txt").write_text("800\n" * 100)
    assert "80 s, 100 beats, 0 flagged, 0 gaps, 100 % covered" in run(tmp_path, "analyze", "steady.txt").stdout


def test_analyze_asks_for_the_unit_rather_than_guessing(tmp_path: Path) -> None:
    (tmp_path / "samples.txt").write_text("\n".join(["225", "228"] * 30))
    asked = run(tmp_path, "analyze", "samples.txt")
    assert asked.returncode == 4
    assert "--unit" in asked.stderr
    told = run(tmp_path, "analyze", "samples.txt", "--unit", "samples@256", "--json")
    assert lines(told.stdout)[0]["metrics"]["mean_nn_ms"]["value"] == pytest.approx(226.5 / 256 * 1000)


def test_analyze_with_a_wrong_unit_says_so(tmp_path: Path) -> None:
    (tmp_path / "rr.txt").write_text("800\n812\n790\n" * 50)
    told = run(tmp_path, "analyze", "rr.txt", "--unit", "s")
    assert (told.returncode, told.stdout) == (4, "")
    assert "no number in it is an interval of 2.5 s or less.\nCheck the --unit.\n" in told.stderr


def test_a_unit_that_is_none_is_a_usage_error_with_the_list_of_units(tmp_path: Path) -> None:
    (tmp_path / "rr.txt").write_text("800\n812\n790\n" * 50)
    for command in ("analyze", "replay", "import"):
        done = run(tmp_path, command, "rr.txt", "--unit", "foo")
        assert done.returncode == 2
        assert "'foo'" in done.stderr
        assert "ms, s, 1/1024 or samples@HZ" in done.stderr
    assert run(tmp_path, "practice", "--source", "file:rr.txt?unit=foo", "--view", "none").returncode in (2, 4)


def test_analyze_cuts_by_opening_beats_in_seconds(tmp_path: Path) -> None:
    (tmp_path / "rr.txt").write_text("\n".join(["1000"] * 100 + ["800"] * 100))
    (found,) = lines(run(tmp_path, "analyze", "rr.txt", "--from", "100", "--to", "140", "--json").stdout)
    assert (found["beats"], found["duration_s"]) == (50, pytest.approx(40))
    (last,) = lines(run(tmp_path, "analyze", "rr.txt", "--window", "16", "--json").stdout)
    assert last["beats"] == 20
    assert run(tmp_path, "analyze", "rr.txt", "--from", "900").returncode == 4


def test_a_metric_that_cannot_be_given_is_null_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("\n".join(["900"] * 20))
    (found,) = lines(run(tmp_path, "analyze", "short.txt", "--json").stdout)
    assert found["metrics"]["rmssd_ms"] == {"value": None, "reason": "needs 30 s of beats, has 18"}


def test_verify_exit_codes(tmp_path: Path) -> None:
    path = recording(tmp_path)
    assert run(tmp_path, "verify", str(path), "--exact", "-q").returncode == 0
    damaged = tmp_path / "damaged.session.jsonl"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    damaged.write_bytes(data)
    done = run(tmp_path, "verify", str(damaged), "--json")
    assert (done.returncode, json.loads(done.stdout)["intact"]) == (4, False)
    assert run(tmp_path, "verify", "nothing.session.jsonl").returncode == 4
    assert set(json.loads(run(tmp_path, "verify", str(path), "--json").stdout)) >= {
        "file", "events", "outputs", "compared", "rescored", "differences", "exact", "intact", "first_difference",
    }  # fmt: skip


def test_report_is_one_page_beside_the_recording(tmp_path: Path) -> None:
    path = recording(tmp_path)
    done = run(tmp_path, "report", str(path))
    assert done.returncode == 0, done.stderr
    page = Path(done.stdout.strip())
    assert page.parent == path.parent
    assert "<svg" in page.read_text("utf-8")


def test_simulate_with_one_seed_beats_one_way(tmp_path: Path) -> None:
    def beats(seed: str) -> list[int]:
        shown = run(tmp_path, "replay", str(recording(tmp_path, "--seed", seed)), "--speed", "max", "--json").stdout
        return [line["ticks"] for line in lines(shown) if line["kind"] == "beat"]

    assert beats("5") == beats("5") != beats("6")


def test_simulate_writes_into_a_folder_or_the_file_it_is_told(tmp_path: Path) -> None:
    assert run(tmp_path, "simulate", "--minutes", "0.2", "--output", "made/one.session.jsonl").returncode == 0
    assert run(tmp_path, "simulate", "--minutes", "0.2", "--output", "made").returncode == 0
    first, second = sorted((tmp_path / "made").iterdir(), key=lambda path: path.name == "one.session.jsonl")
    assert second.name == "one.session.jsonl"
    assert re.fullmatch(r"\d{8}T\d{6}Z_[0-9a-f]{8}\.session\.jsonl", first.name)


def test_scripts_list_show_check_new(tmp_path: Path) -> None:
    listed = json.loads(run(tmp_path, "scripts", "list", "--json").stdout)
    assert {script["id"] for script in listed} >= {"breath_only", "safe_place", "grounding"}
    assert all(set(script) == {"id", "title", "mode", "kind", "evidence", "hash"} for script in listed)
    assert "a place that is safe enough" in run(tmp_path, "scripts", "show", "safe_place").stdout
    assert run(tmp_path, "scripts", "new", "my_garden").returncode == 0
    assert run(tmp_path, "scripts", "check", "my_garden.toml").returncode == 0
    again = run(tmp_path, "scripts", "new", "my_garden")
    assert (again.returncode, "exists already" in again.stderr) == (2, True)
    text = (tmp_path / "my_garden.toml").read_text()
    (tmp_path / "my_garden.toml").write_text(text.replace('say = "If you like, hear what is there."', "say = 7"))
    broken = run(tmp_path, "scripts", "check", "my_garden.toml")
    assert (broken.returncode, "'say' must be words in quotes" in broken.stderr) == (1, True)
    practised = run(tmp_path, "practice", "my_garden.toml", "--source", "sim:calm", "--speed", "max", "--view", "none")
    assert practised.returncode == 1, "a broken script starts nothing"


def test_config_tells_each_origin_and_what_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('pace = 5.5\nsource = "sim:flat"\n')
    shown = json.loads(run(tmp_path, "config", "show", "--json", "--config", str(file)).stdout)
    assert shown["pace"] == {"value": 5.5, "origin": f"file {file}"}
    assert shown["home"] == {"value": str(tmp_path), "origin": "environment, BIOFEEDBACK_HOME"}
    assert shown["inhale"] == {"value": 0.4, "origin": "default"}
    moved = json.loads(run(tmp_path, "--home", "elsewhere", "config", "show", "--json").stdout)
    assert moved["home"] == {"value": "elsewhere", "origin": "command line"}
    file.write_text("pace = 60\n")
    wrong = run(tmp_path, "config", "check", "--config", str(file))
    assert (wrong.returncode, "4.5 to 7" in wrong.stderr) == (2, True)
    file.write_text("pace =\n")
    assert run(tmp_path, "config", "check", "--config", str(file)).returncode == 2
    assert run(tmp_path, "config", "check", "--config", "missing.toml").returncode == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["practice"], "No source of heartbeats"),
        (["practice", "--source", "calm"], "does not say what kind"),
        (["practice", "--source", "sim:nobody"], "calm"),
        (["practice", "--source", "sim:calm?hr=900"], "hr"),
        (["practice", "--source", "sim:calm", "--speed", "0"], "no speed"),
        (["practice", "--source", "sim:calm", "--plan", "trial"], "needs a script"),
        (["practice", "safe_place", "--plan", "trial", "--minutes", "3", "--source", "sim:calm"], "its own length"),
        (["practice", "safe_place", "--pace", "30", "--source", "sim:calm"], "4.5 to 7"),
        (["practice", "--seed", "3", "--source", "file:x.txt"], "simulated people only"),
        (["simulate", "--minutes", "-1"], "cannot last"),
        (["practice", "--source", "radio:"], "strap:, sim:PERSON or file:FILE"),
        (["practice", "--source", "strap:?fast=1"], "no option 'fast'"),
        (["practice", "--source", "strap:", "--speed", "2"], "its own speed"),
        (["scan", "--timeout", "0"], "cannot last"),
        (["practice", "--source", "file:x.txt?sped=20"], "no option 'sped'"),
        (["practice", "--source", "sim:calm", "--speed", "max"], "never comes to an end"),
        (["practice", "--source", "sim:calm", "--minutes", "nan"], "cannot last"),
        (["practice", "--source", "sim:calm", "--minutes", "x"], "invalid float"),
        (
            ["practice", "safe_place", "--control", "grounding", "--plan", "trial", "--source", "sim:calm"],
            "not a control",
        ),
        (["practice", "--source", "sim:calm", "--minutes", "1", "--person", "\x1b[31m"], "pseudonym"),
        (["analyze", "x.txt", "--window", "inf"], "cannot be inf"),
        (["analyze", "x.txt", "--from", "nan"], "cannot be nan"),
        (["analyze", "x.txt", "--window", "0"], "--window cannot be 0"),
        (["fly"], "invalid choice"),
        ([], "required"),
        (["practice", "--source", "sim:calm", "--config", "missing.toml"], "no settings file"),
    ],
)
def test_usage_errors_are_two_lines_and_exit_2(tmp_path: Path, words: list[str], said: str) -> None:
    done = run(tmp_path, *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 2
    assert done.stdout == ""


def test_unknown_scripts_and_words_are_told(tmp_path: Path) -> None:
    unknown = run(tmp_path, "practice", "garden", "--source", "sim:calm")
    assert (unknown.returncode, "safe_place" in unknown.stderr) == (2, True)


@pytest.mark.parametrize("command", ["practice --source file:{}", "replay {}", "verify {}", "analyze {}", "report {}"])
def test_what_cannot_be_read_ends_with_4_and_two_lines(tmp_path: Path, command: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "empty.txt").touch()
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    for name in ("missing.txt", "folder", "pipe", "/dev/zero", "empty.txt", "picture.png"):
        done = run(tmp_path, *command.format(name).split())
        assert done.returncode == 4, (name, done.stderr)
        assert len(done.stderr.strip().splitlines()) == 2, done.stderr


def test_a_damaged_recording_is_analysed_and_reported_up_to_its_damage_and_ends_with_4(tmp_path: Path) -> None:
    data = bytearray(recording(tmp_path).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "damaged.session.jsonl").write_bytes(data)
    done = run(tmp_path, "analyze", "damaged.session.jsonl", "--json")
    assert done.returncode == 4
    (found,) = lines(done.stdout)
    assert "line" in found["damage"]
    assert 20 < found["beats"] < 120
    for words in (
        ["report", "damaged.session.jsonl"],
        ["replay", "damaged.session.jsonl", "--speed", "max", "--view", "none"],
    ):
        done = run(tmp_path, *words)
        assert (done.returncode, "damaged" in done.stderr) == (4, True)
    assert run(tmp_path, "practice", "--source", "file:damaged.session.jsonl", "--speed", "max").returncode == 4


def test_a_seed_on_the_command_line_beats_the_one_in_the_source(tmp_path: Path) -> None:
    def beats(*more: str) -> list[int]:
        done = run(tmp_path, "practice", "--speed", "max", "--minutes", "0.3", "--json", "--no-record", *more)
        return [line["ticks"] for line in lines(done.stdout) if line["kind"] == "beat"]

    assert beats("--source", "sim:calm?seed=5", "--seed", "3") == beats("--source", "sim:calm?seed=3")


def test_a_full_disk_in_the_demo_is_a_failure(tmp_path: Path) -> None:
    import resource

    done = subprocess.run(
        [*PROGRAM, "demo", "--speed", "max", "--view", "none", "--output", str(tmp_path / "out")],
        env=environment(tmp_path), capture_output=True, text=True, timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
    )  # fmt: skip
    assert (done.returncode, "Recording stopped" in done.stderr) == (1, True)


@pytest.mark.parametrize(
    "command",
    ["demo", "practice", "scan", "doctor", "replay", "verify", "analyze", "simulate", "report", "scripts", "config"],
)
def test_every_help_has_a_worked_example_and_the_options_for_all(tmp_path: Path, command: str) -> None:
    text = run(tmp_path, command, "--help").stdout
    assert "example:\n  biofeedback " in text
    for option in ("--config FILE", "--no-color", "-q", "-v"):
        assert option in text
