"""run.py: sets up on any machine, heals, starts fast, hands every other word on; and what lies beside it."""

import ast
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import tomllib
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.system.set_up import POSIX_ONLY, ROOT, Setup, copy_frame, finish, load_run, write_program

LOCKS = ("run.txt", "dev.txt")


def test_run_py_parses_on_python_3_6() -> None:
    source = (ROOT / "run.py").read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 6))
    assert "from __future__" not in source


def test_nothing_before_the_version_check_needs_a_newer_python() -> None:
    """Annotations there are evaluated by the old Python: a bare `tuple[int, ...]` would be its traceback."""
    body = ast.parse((ROOT / "run.py").read_text(encoding="utf-8")).body
    place, check = next((i, node) for i, node in enumerate(body) if isinstance(node, ast.If))
    assert "python_complaint" in ast.unparse(check.test)
    for node in body[:place]:
        assert isinstance(node, (ast.Expr, ast.Import, ast.Assign, ast.FunctionDef))
        if isinstance(node, ast.FunctionDef):
            hints = [arg.annotation for arg in node.args.args] + [node.returns]
            assert all(isinstance(hint, (ast.Name, ast.Constant)) for hint in hints)


@pytest.mark.parametrize("version", [(2, 7), (3, 6), (3, 10), (3, 14), (4, 0)])
def test_an_unfit_python_gets_one_sentence(run: ModuleType, version: tuple[int, int]) -> None:
    text = run.python_complaint(version, "")
    assert "3.11, 3.12 or 3.13" in text
    assert f"{version[0]}.{version[1]}." in text
    assert "\n" not in text
    assert "python3.12 run.py" in run.python_complaint(version, "python3.12")


def test_fitting_pythons_are_those_of_pyproject(run: ModuleType) -> None:
    assert [run.python_complaint((3, minor), "") for minor in (11, 12, 13)] == ["", "", ""]
    assert project_table()["requires-python"] == ">=3.11,<3.14"


@pytest.mark.parametrize("words", [["demo", "--speed", "max"], ["--help"], ["tests"], ["-x", "test", "lock"], []])
def test_unknown_words_are_handed_on_as_they_are(setup: Setup, words: list[str]) -> None:
    assert setup.start(*words) == 7
    assert setup.steps == ["venv", "run.txt", "program", "handed on: " + " ".join(words)]


def test_test_installs_the_dev_lock_on_top_and_keeps_the_rest(setup: Setup) -> None:
    setup.start("demo")
    setup.start("test", "--fast")
    assert setup.steps == ["dev.txt", "handed on: --fast"]
    setup.start("demo")
    assert setup.steps == ["handed on: demo"]


def test_test_on_a_bare_machine_sets_up_once(setup: Setup) -> None:
    setup.start("test", "-k", "x")
    assert setup.steps == ["venv", "dev.txt", "program", "handed on: -k x"]
    setup.start("demo")
    assert setup.steps == ["handed on: demo"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], ["-n", "auto"]),
        (["--fast"], ["-n", "auto", "-m", "not slow"]),
        (["--fast", "-x"], ["-n", "auto", "-m", "not slow", "-x"]),
        (["-n0", "tests/hrv"], ["-n0", "tests/hrv"]),
        (["-n", "4"], ["-n", "4"]),
        (["--pdb"], ["--pdb"]),
    ],
)
def test_words_for_pytest(run: ModuleType, words: list[str], expected: list[str]) -> None:
    assert run.pytest_words(words) == expected


@pytest.fixture
def outcomes(run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], set[str]]:
    """Replace pytest and the checks; gives the names run and the set of those that shall fail."""
    ran: list[str] = []
    failing: set[str] = set()

    def ends(command: list[str]) -> int:
        name = "pytest" if "pytest" in command else Path(command[0]).stem
        ran.append(name)
        return int(name in failing)

    def call(command: list[str], **_options: object) -> int:
        return ends(command)

    def captured(command: list[str], *_: object) -> tuple[int, str]:
        return ends(command), "what the check printed"

    monkeypatch.setattr(subprocess, "call", call)
    monkeypatch.setattr(run, "captured", captured)
    return ran, failing


ALL_CHECKS = ["ruff", "ruff", "mypy", "pyright", "lint-imports"]


@pytest.mark.parametrize("broken", ["pytest", "ruff", "mypy", "pyright", "lint-imports"])
def test_one_failure_fails_the_whole_and_the_rest_still_runs(
    run: ModuleType,
    outcomes: tuple[list[str], set[str]],
    capsys: pytest.CaptureFixture[str],
    broken: str,
) -> None:
    ran, failing = outcomes
    failing.add(broken)
    assert run.run_test(str(ROOT), []) == 1
    assert ran == ["pytest", *ALL_CHECKS]
    out = capsys.readouterr().out
    assert out.count("FAILED") == (2 if broken == "ruff" else 1)
    assert ("what the check printed" in out) == (broken != "pytest")


def test_all_well_is_exit_code_0_and_fast_leaves_the_checks_out(
    run: ModuleType, outcomes: tuple[list[str], set[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    ran, _ = outcomes
    assert run.run_test(str(ROOT), []) == 0
    assert len(re.findall(r" ok +\d+\.\d s\n", capsys.readouterr().out)) == 6
    ran.clear()
    assert run.run_test(str(ROOT), ["--fast"]) == 0
    assert ran == ["pytest"]


@pytest.mark.parametrize("name", ["requirements/run.txt", "pyproject.toml"])
def test_a_changed_lock_or_project_file_updates_without_starting_anew(setup: Setup, name: str) -> None:
    setup.start("demo")
    with (setup.home / name).open("a", encoding="utf-8") as file:
        file.write("# changed\n")
    setup.start("demo")
    assert setup.steps == ["run.txt", "program", "handed on: demo"]


@pytest.mark.parametrize("broken", ["venv", "run.txt", "program"])
def test_an_interrupted_set_up_heals_at_the_next_start(setup: Setup, broken: str) -> None:
    setup.break_at = broken
    assert setup.start("demo") == 130
    assert "next start" in setup.said[-1]
    setup.break_at = ""
    assert setup.start("demo") == 7
    assert setup.steps == ["venv", "run.txt", "program", "handed on: demo"]


def test_an_interrupted_update_counts_as_half_made(setup: Setup) -> None:
    setup.start("demo")
    setup.break_at = "dev.txt"
    assert setup.start("test") == 130
    setup.break_at = ""
    setup.start("demo")
    assert setup.steps[0] == "venv"


def test_a_moved_checkout_heals(setup: Setup, run: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    setup.start("demo")
    moved = setup.home.with_name("elsewhere")
    setup.home.rename(moved)
    monkeypatch.setattr(run, "HERE", str(moved))
    setup.start("demo")
    assert setup.steps == ["venv", "run.txt", "program", "handed on: demo"]


def test_a_removed_python_heals(setup: Setup, run: ModuleType) -> None:
    setup.start("demo")
    python = Path(run.venv_file(str(setup.home), "python"))
    python.unlink()
    python.symlink_to(setup.home / "gone")
    setup.start("demo")
    assert setup.steps[0] == "venv"


def test_another_python_makes_its_own_environment(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    setup.start("demo")
    monkeypatch.setattr(sys.implementation, "cache_tag", "cpython-399")
    setup.start("demo")
    assert setup.steps[0] == "venv"


def test_a_damaged_note_counts_as_none(setup: Setup, run: ModuleType) -> None:
    setup.start("demo")
    Path(run.stamp_file(str(setup.home), "run")).write_bytes(b"\xff\x00\xfe")
    setup.start("demo")
    assert setup.steps[0] == "venv"


def test_a_start_during_a_set_up_waits_for_it_and_uses_it(
    setup: Setup, run: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = str(setup.home)
    waiting = threading.Event()
    monkeypatch.setattr(run, "say", lambda _text: waiting.set())
    turn = run.take_turn(home)
    second = threading.Thread(target=run.ensure, args=(home, "run"))
    second.start()
    assert waiting.wait(10)
    setup.make_venv(home)
    finish(run, home)
    os.close(turn)
    second.join(10)
    assert not second.is_alive()
    assert setup.steps == ["venv"]


@pytest.mark.parametrize(
    ("printed", "sentence"),
    [
        (
            "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device",
            "disk is full",
        ),
        (
            "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.",
            "not the one in the lock",
        ),
        (
            "WARNING: Retrying ... [Errno -3] Temporary failure in name resolution\nERROR: No matching",
            "network",
        ),
        ("ERROR: No matching distribution found for numpy==9", "not to be had"),
        ("error: [Errno 13] Permission denied: 'x'", "rights"),
        ("something else", "Start again"),
    ],
)
def test_a_failed_step_says_what_to_do(run: ModuleType, printed: str, sentence: str) -> None:
    text = run.failure_text("pip install", "first line\n" * 50 + printed)
    assert sentence in text.splitlines()[-1]
    assert printed.splitlines()[-1] in text
    assert len(text.splitlines()) < 16


@POSIX_ONLY
def test_a_failing_pip_ends_with_its_last_lines_and_exit_code_1(
    setup: Setup, run: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make_venv(home: str) -> None:
        write_program(Path(run.venv_file(home, "python")), "echo 'OSError: No space left on device' >&2; exit 2")

    monkeypatch.setattr(run, "make_venv", make_venv)
    monkeypatch.setattr(run, "pip_install", setup.real_pip_install)
    assert setup.start("demo") == 1
    assert setup.said[-1].splitlines() == [
        "This step failed: pip install",
        "  | OSError: No space left on device",
        run.FULL_DISK,
    ]
    assert not run.found_stamp(str(setup.home), "run")


@pytest.mark.parametrize(
    ("printed", "lacks"),
    [
        ("The virtual environment was not created successfully because ensurepip is not\navailable.", True),
        ("/usr/bin/python3: No module named venv", True),
        ("Error: [Errno 28] No space left on device", False),
    ],
)
def test_a_python_without_venv_is_recognised(run: ModuleType, printed: str, lacks: bool) -> None:
    assert run.lacks_venv(printed) is lacks


@pytest.fixture
def ready_project(tmp_path: Path) -> Path:
    """A set-up project whose program prints its words and ends with 7."""
    home = tmp_path / "ready"
    copy_frame(home)
    run = load_run()
    write_program(Path(run.venv_file(str(home), "python")), 'printf "%s\\n" "$@"; exit 7')
    finish(run, str(home))
    return home


@POSIX_ONLY
def test_the_second_start_hands_over_words_and_exit_code(ready_project: Path, tmp_path: Path) -> None:
    command = [sys.executable, str(ready_project / "run.py"), "demo", "a b", "--x=1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 7
    assert done.stdout.splitlines() == ["-P", "-m", "biofeedback", "demo", "a b", "--x=1"]
    assert done.stderr == ""
    assert not (ready_project / ".venv.lock").exists()


@POSIX_ONLY
def test_no_words_show_the_own_words_and_the_programs_help(ready_project: Path) -> None:
    command = [sys.executable, str(ready_project / "run.py")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.startswith("run.py's own words: `test`")
    assert done.stdout.splitlines()[-1] == "--help"


@POSIX_ONLY
def test_the_second_start_imports_next_to_nothing(ready_project: Path) -> None:
    """Each of these costs milliseconds at every start of the program."""
    command = [sys.executable, "-I", "-S", "-X", "importtime", str(ready_project / "run.py"), "demo"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "hashlib" in imported
    assert imported.isdisjoint(
        {
            "subprocess",
            "shutil",
            "tempfile",
            "re",
            "typing",
            "pathlib",
            "json",
            "argparse",
            "tomllib",
            "fcntl",
        }
    )


@POSIX_ONLY
def test_the_second_start_takes_less_than_half_a_second(ready_project: Path) -> None:
    def seconds() -> float:
        begun = time.perf_counter()
        subprocess.run([sys.executable, str(ready_project / "run.py"), "demo"], capture_output=True, check=False)
        return time.perf_counter() - begun

    assert min(seconds() for _ in range(3)) < 0.5


def project_table() -> dict[str, Any]:
    """What pyproject.toml says of the project."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        tables: dict[str, dict[str, Any]] = tomllib.load(file)
    return tables["project"]


def lock_entries(name: str) -> list[str]:
    """Requirements of a lock, each with its hashes on one line."""
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    return [entry for entry in text.replace("\\\n", " ").splitlines() if entry.strip()]


def pins(name: str) -> dict[str, str]:
    """Versions by name."""
    return dict(entry.split()[0].split("==") for entry in lock_entries(name))


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_place_and_hashes_every_line(run: ModuleType, name: str) -> None:
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    for banned in (
        "://",
        "--index-url",
        "--extra-index-url",
        "--find-links",
        "--trusted-host",
        "file:",
        "via",
    ):
        assert banned not in text
    form = r"[a-z0-9.\-]+==(\d+!)?[0-9][0-9a-z.]*( ; [^\\/]+?)?(\s+--hash=sha256:[0-9a-f]{64})+\s*"
    assert [entry for entry in lock_entries(name) if not re.fullmatch(form, entry)] == []
    assert run.lock_faults(text) == []


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://example.org/simple",
        "--find-links /some/where",
        "--extra-index-url file:///some/where",
        "numpy==2.0.0",
        "numpy>=2 --hash=sha256:00",
        "numpy @ file:///some/where/numpy.whl --hash=sha256:00",
        "./local==1 --hash=sha256:00",
        "    # via -r /some/where/in.txt",
    ],
)
def test_an_unclean_lock_is_not_written(run: ModuleType, line: str) -> None:
    good = "rich==15.0.0 ; sys_platform == 'linux' \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n"
    assert run.lock_faults(good) == []
    assert run.lock_faults(good + line + "\n") == [line]


def test_the_locks_agree_and_hold_what_pyproject_asks_for() -> None:
    run_pins, dev_pins = pins("run.txt"), pins("dev.txt")
    assert run_pins.items() <= dev_pins.items()
    table = project_table()
    needs: list[str] = table["dependencies"]
    dev_needs: list[str] = table["optional-dependencies"]["dev"]

    def names(lines: list[str]) -> set[str]:
        return {re.split(r"[\[><=]", line)[0].lower() for line in lines}

    assert names(needs) | {"setuptools"} <= run_pins.keys()
    assert names(dev_needs) <= dev_pins.keys()
    assert names(dev_needs) & run_pins.keys() == {"dbus-fast"}  # which comes with bleak, too
    assert 77 <= int(run_pins["setuptools"].split(".")[0]) < 81


def test_ci_is_one_line() -> None:
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "#!/usr/bin/env bash"
    assert lines[-1] == "exec python3 run.py test"
    assert all(line.startswith(("set ", "cd ")) for line in lines[1:-1])


BREACHES = {
    "biofeedback/hrv/beats.py": "from time import monotonic\n",
    "biofeedback/evidence/trial.py": "import biofeedback.config\n",  # which imports os
    "biofeedback/session/plan.py": "import biofeedback.cli\n",
    "devices/strap.py": "import numpy\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("breach", BREACHES)
def test_import_contracts_bite(tmp_path: Path, breach: str) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name in ("biofeedback/config.py", "biofeedback/cli/main.py", *BREACHES):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        for folder in (tmp_path / name).relative_to(tmp_path).parents[:-1]:
            (tmp_path / folder / "__init__.py").touch()
        (tmp_path / name).touch()
    (tmp_path / "biofeedback/config.py").write_text("import os\n", encoding="utf-8")

    def lint() -> int:
        command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode

    assert lint() == 0
    (tmp_path / breach).write_text(BREACHES[breach], encoding="utf-8")
    assert lint() == 1


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_wheel_holds_both_packages_and_nothing_else(tmp_path: Path) -> None:
    source = tmp_path / "source"
    kept_out = shutil.ignore_patterns(".*", "__pycache__", "build", "*.egg-info")
    shutil.copytree(ROOT, source, ignore=kept_out)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-q"]
    subprocess.run([*command, "-w", tmp_path / "dist", source], check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("biofeedback-0.1.0-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        metadata = archive.read("biofeedback-0.1.0.dist-info/METADATA").decode()
        entry_points = archive.read("biofeedback-0.1.0.dist-info/entry_points.txt").decode()
    code = ["biofeedback/**/*.py", "devices/**/*.py", "*/py.typed"]
    data = ["biofeedback/imagery/library/*.toml", "biofeedback/report/*.html"]
    expected = {path.relative_to(source).as_posix() for kind in code + data for path in source.glob(kind)}
    assert {name for name in held if ".dist-info/" not in name} == expected
    assert {"biofeedback/py.typed", "devices/py.typed"} <= expected
    assert "biofeedback-0.1.0.dist-info/licenses/LICENSE" in held
    assert "License-Expression: MIT" in metadata
    assert "biofeedback = biofeedback.cli.main:main" in entry_points
