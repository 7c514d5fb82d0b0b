"""docs/adding_an_importer.md and the example importer, done as they say: built, installed, tested and used."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from biofeedback.recording.reader import read_recording
from biofeedback.session.replay import verify
from tests.cli.programs import PROGRAM, ROOT, environment, run
from tests.formats.test_importers_contract import RRLOG
from tests.system.test_adding_a_device import install

PAGE = (ROOT / "docs" / "adding_an_importer.md").read_text("utf-8")
EXAMPLE = ROOT / "examples" / "importer"
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


def parent_of(path: Path) -> dict[str, Any]:
    """What a recording says of the file that it was made from."""
    (parent,) = [line.body["parent"] for line in read_recording(path).lines if line.kind == "open"]
    return cast("dict[str, Any]", parent)


def test_the_page_has_no_block_that_is_not_run() -> None:
    assert [language for language, _ in BLOCKS] == ["text", "python", "toml", "python", "sh"]


@pytest.mark.slow
@pytest.mark.timeout(120)  # builds a package and starts the program several times
def test_every_line_of_the_page_runs(tmp_path: Path) -> None:
    for language, text in BLOCKS:
        if language == "text":
            (tmp_path / "rest.beats").write_text(text, "utf-8")
        elif text.startswith("# "):
            (tmp_path / text.split("\n", 1)[0].removeprefix("# ")).write_text(text, "utf-8")
    install(tmp_path, tmp_path / "site")
    lines = [shlex.split(line, comments=True) for line in BLOCKS[-1][1].splitlines()]
    assert lines[0] == ["python", "-m", "pip", "install", "."], "done above"
    env = {**environment(tmp_path), "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), str(ROOT)])}
    tested = subprocess.run(
        [sys.executable, *lines[1][1:], "-q", "-p", "no:cacheprovider"],
        env=env, cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert tested.returncode == 0, tested.stdout
    assert "9 passed" in tested.stdout
    said: list[str] = []
    for words in lines[2:]:
        assert words[0] == "biofeedback"
        done = subprocess.run(
            [*PROGRAM, *words[1:]], env=env, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == (3 if words[1] == "doctor" and "✗ Bluetooth" in done.stdout else 0), done.stderr
        said.append(done.stdout)
    assert "Other importers: beats: from biofeedback-beats 1.0" in " ".join(said[0].split())
    assert "read by the importer 'beats' of biofeedback-beats 1.0" in " ".join(said[1].split())
    (recording,) = (tmp_path / "imported").glob("*.session.jsonl")
    lines_of_it = read_recording(recording).lines
    assert [tick for line in lines_of_it if line.kind == "rr" for tick in line.body["ticks"]] == [
        812 * 1024,
        830 * 1024,
    ]
    assert "read by the importer 'beats' of biofeedback-beats 1.0" in parent_of(recording)["decisions"]
    assert verify(recording).exact


@pytest.mark.slow
@pytest.mark.timeout(120)  # builds a package and starts the program several times
def test_the_example_is_installed_and_its_files_can_be_imported_and_analysed(tmp_path: Path) -> None:
    package, site = tmp_path / "package", tmp_path / "site"
    shutil.copytree(EXAMPLE, package, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    install(package, site)
    env = {"PYTHONPATH": str(site)}
    (tmp_path / "rest.rrlog").write_text(RRLOG + "".join(f"{800 + beat % 50}\n" for beat in range(100)), "utf-8")
    found = json.loads(run(tmp_path, "import", "--inspect", "--json", "rest.rrlog", env=env).stdout)
    assert (found["format"], found["verdict"], found["n"], found["holes"]) == ("rrlog", "rr", 103, 1)
    assert (found["start"], found["start_zone"]) == ("2025-03-15T11:03:00", "+01:00")
    assert found["plugin"] == {"name": "biofeedback-rrlog", "version": "1.0"}
    done = run(tmp_path, "import", "rest.rrlog", "--output", "out", env=env)
    assert done.returncode == 0, done.stderr
    (recording,) = (tmp_path / "out").glob("*.session.jsonl")
    assert parent_of(recording)["format"] == "rrlog"
    marks = [line.body for line in read_recording(recording).lines if line.kind == "mark"]
    assert [mark["text"] for mark in marks] == ["window opened"]
    analysed = json.loads(run(tmp_path, "analyze", "rest.rrlog", "--json", env=env).stdout)
    assert (analysed["beats"], analysed["gaps"]) == (103, 1)


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_one_that_raises_is_told_once_by_its_package_and_the_other_files_are_read(tmp_path: Path) -> None:
    site, files = tmp_path / "site", tmp_path / "files"
    shutil.copytree(EXAMPLE, site)
    module = site / "biofeedback_rrlog.py"
    sound = module.read_text("utf-8")
    module.write_text(sound.replace("    start = start_of(", "    1 / 0\n    start = start_of("), "utf-8")
    info = site / "biofeedback_rrlog-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: biofeedback-rrlog\nVersion: 1.0\n", "utf-8")
    (info / "entry_points.txt").write_text("[biofeedback.importers]\nrrlog = biofeedback_rrlog:RRLOG\n", "utf-8")
    files.mkdir()
    for name in ("a.rrlog", "b.rrlog"):
        (files / name).write_text(RRLOG, "utf-8")
    (files / "c.txt").write_text("800\n810\n805\n", "utf-8")
    done = run(tmp_path, "import", "--inspect", "--json", "files", env={"PYTHONPATH": str(site)})
    said = "he importer 'rrlog' of biofeedback-rrlog 1.0 failed: ZeroDivisionError"
    assert [json.loads(line)["verdict"] for line in done.stdout.splitlines()] == ["refuse", "refuse", "rr"]
    assert done.returncode == 4
    assert said in json.loads(done.stdout.splitlines()[0])["why"]
    assert said not in json.loads(done.stdout.splitlines()[1])["why"]
    assert done.stderr.count(f"T{said}") == 1
    assert "Traceback" not in done.stderr
    bad_claim = sound.replace("    return file.first_line", "    return file.data[10**6] or file.first_line")
    module.write_text(bad_claim, "utf-8")
    for words in (["analyze", "--json"], ["replay", "--speed", "max", "--view", "none"]):
        done = run(tmp_path, words[0], str(files / "c.txt"), *words[1:], env={"PYTHONPATH": str(site)})
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("The importer 'rrlog' of biofeedback-rrlog 1.0 failed: IndexError") == 1
    module.write_text("raise OSError('no licence')", "utf-8")
    checks = json.loads(run(tmp_path, "doctor", "--json", env={"PYTHONPATH": str(site)}).stdout)["checks"]
    (check,) = [each for each in checks if each["name"] == "plug-ins"]
    assert (check["ok"], check["what"], check["do"]) == (
        False,
        "The importer 'rrlog' of biofeedback-rrlog 1.0 failed: it cannot be imported: OSError: no licence.",
        "Without it: pip uninstall biofeedback-rrlog",
    )
