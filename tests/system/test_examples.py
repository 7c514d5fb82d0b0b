"""Every example runs as it stands, and every command that README and docs show."""

from __future__ import annotations

import re
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from devices.heart_rate_measurement import encode
from tests.bluez.rig import MISSING, Rig
from tests.cli.programs import PROGRAM, ROOT, consent, environment
from tests.formats.downloads import downloads

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
OWN_TESTS = {"adding_a_device.md", "adding_a_metric.md", "adding_an_importer.md", "formats.md", "people.md"}
"""Pages whose commands need more than a folder of recordings: test_adding_*.py, test_formats_page.py and test_person.py
run them."""
PAGES = (ROOT / "README.md", *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name not in OWN_TESTS))


def shown_commands(page: Path) -> list[str]:
    """The commands of a page's code blocks, without their comments and however the program is called."""
    blocks = re.findall(r"```(?:sh|console)\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    called = [re.sub(r"^(python3 run\.py|biofeedback) ", "", line) for line in lines]
    return [words for words, line in zip(called, lines, strict=True) if words not in (line, "test")]


ALL = sorted({command for page in PAGES for command in shown_commands(page)})
NEED_BLUETOOTH = [command for command in ALL if "strap:" in command or command.split()[0] in ("scan", "doctor")]
COMMANDS = [command for command in ALL if command not in NEED_BLUETOOTH]


@pytest.mark.timeout(90)  # a machine that has other things to do starts Python slowly
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_every_example_runs(tmp_path: Path, example: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(example)],
        env={**environment(tmp_path), "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
def test_the_example_with_a_strap_prints_its_intervals(tmp_path: Path) -> None:
    with Rig() as rig:
        strap = rig.add_strap("Polar H10")
        with subprocess.Popen(
            [sys.executable, str(ROOT / "examples" / "listen_to_a_strap.py"), "Polar", "--intervals", "4"],
            env={**environment(tmp_path), **rig.environment(), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE, text=True,
        ) as program:  # fmt: skip
            rig.wait(lambda: strap.subscribed, 15)
            strap.burst([encode(60, rr_1024=(1024, 512)), encode(60, rr_1024=(768, 1024))])
            out, _ = program.communicate(timeout=15)
        assert not strap.connected
    assert program.returncode == 0
    assert [float(line.split()[2]) for line in out.splitlines() if line.endswith(" ms")] == [1000, 500, 750, 1000]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the pages speak of."""
    home = tmp_path_factory.mktemp("pages")
    words = ["simulate", "--minutes", "2", "--output", str(home)]
    subprocess.run([*PROGRAM, *words], env=environment(home), check=True, capture_output=True)
    shutil.copy(next(home.glob("*.session.jsonl")), home / "my_session.session.jsonl")
    downloads(home)
    (home / "my_rr.txt").write_text("\n".join(["850", "880", "910", "870"] * 60))
    return home


@pytest.mark.timeout(90)
@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_the_pages_show_runs(place: Path, tmp_path: Path, command: str) -> None:
    words = shlex.split(command)
    if "--output" in words:  # what the page makes here must not be there yet, and what it made must not stay
        words[words.index("--output") + 1] = str(tmp_path / "made.session.jsonl")
    if words[0] in ("practice", "replay", "demo") and "max" not in words:
        words += ["--speed", "max"]
    done = subprocess.run(
        [*PROGRAM, *words], env=environment(place), capture_output=True, text=True, timeout=60, check=False, cwd=place
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
@pytest.mark.parametrize("command", NEED_BLUETOOTH)
def test_every_command_with_a_strap_that_the_pages_show_runs(tmp_path: Path, command: str) -> None:
    consent(tmp_path)
    with Rig() as rig:
        strap = rig.add_strap()
        command_line = [*PROGRAM, *shlex.split(command), *(["--timeout", "1"] if command == "scan" else [])]
        with subprocess.Popen(
            command_line, env=environment(tmp_path) | rig.environment(), cwd=tmp_path,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        ) as program:  # fmt: skip
            if command.startswith("practice"):
                rig.wait(lambda: strap.subscribed, 15)
                strap.notify(encode(70, rr_1024=(850, 860)))
                program.send_signal(signal.SIGTERM)
            out, talk = program.communicate(timeout=30)
    assert program.returncode == (130 if command.startswith("practice") else 0), talk
    assert out
