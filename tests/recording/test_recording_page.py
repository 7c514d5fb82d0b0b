"""What docs/recording.md tells a stranger to do gives our numbers, with `jq` and with plain Python."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from math import isclose
from pathlib import Path

import pytest

import biofeedback as bf
from biofeedback.recording.chain import seal_line
from biofeedback.recording.reader import read_recording
from biofeedback.session.engine import VERSION
from biofeedback.session.plan import demo_plan, free_plan
from tests.cli.programs import ROOT
from tests.recording.golden.make_golden import HERE, PASSPHRASE, keys_of
from tests.session.sessions import SAFE_PLACE, run_session, simulated

PAGE = (ROOT / "docs" / "recording.md").read_text("utf-8")
NAME = "my_session.session.jsonl"
RMSSD, CHECK, OPEN = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
JQ_LINES = [line for block in re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL) for line in block.splitlines()
            if "jq " in line]  # fmt: skip
GOLDEN = HERE / f"engine_{VERSION}"
needs_jq = pytest.mark.skipif(shutil.which("jq") is None, reason="jq is not on this machine")


@pytest.fixture(
    params=["golden trial", "golden imported", "faulty", "ectopic", "a trial"], ids=lambda name: name.replace(" ", "-")
)
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A recording under the name that the page uses."""
    match request.param.split():
        case ["golden", name]:
            made = GOLDEN / f"{name}.session.jsonl"
        case ["a", _]:
            made = run_session(tmp_path, simulated("sim:tense?seed=5"), demo_plan(SAFE_PLACE)).path
        case _:
            spec = f"sim:{request.param}?seed=4&loss_pct=2&drop_s=8&ectopic_pct=3"
            made = run_session(tmp_path, simulated(spec), free_plan(5)).path
    shutil.copyfile(made, tmp_path / NAME)
    return tmp_path / NAME


def python(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a page's Python without anything of ours."""
    return subprocess.run(
        [sys.executable, "-I", "-X", "dev", "-W", "ignore::ResourceWarning", "-c", code],
        cwd=folder, capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip


def ours(path: Path) -> float:
    """Our RMSSD, ms."""
    value = bf.read(path).analyze().numbers()["rmssd_ms"]
    assert value is not None
    return value


def test_ten_lines_of_plain_python_give_our_rmssd_to_0_01_ms(session: Path) -> None:
    assert len([line for line in RMSSD.splitlines() if line]) <= 10
    done = python(RMSSD, session.parent)
    assert done.returncode == 0, done.stderr
    assert abs(float(done.stdout) - ours(session)) < 0.01
    assert isclose(float(done.stdout), ours(session), rel_tol=1e-9)


@needs_jq
def test_jq_gives_our_rmssd_to_0_01_ms(session: Path) -> None:
    done = subprocess.run(JQ_LINES[0], shell=True, cwd=session.parent, capture_output=True, text=True, check=True)
    assert abs(float(done.stdout) - ours(session)) < 0.01
    assert isclose(float(done.stdout), ours(session), rel_tol=1e-9)


@needs_jq
@pytest.mark.parametrize("line", JQ_LINES[1:])
def test_the_other_lines_of_jq_say_something(tmp_path: Path, line: str) -> None:
    shutil.copyfile(GOLDEN / "trial.session.jsonl", tmp_path / NAME)
    done = subprocess.run(line, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout
    assert not done.stderr


def test_the_chain_can_be_checked_with_ten_lines_of_plain_python(session: Path) -> None:
    assert len([line for line in CHECK.splitlines() if line]) <= 10
    assert python(CHECK, session.parent).returncode == 0
    whole = session.read_bytes()
    lines = whole.splitlines(keepends=True)
    place = len(lines) // 2
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    changed = {
        "flipped": bytes(flipped),
        "lost": b"".join([*lines[:place], *lines[place + 1 :]]),
        "swapped": b"".join([*lines[:place], lines[place + 1], lines[place], *lines[place + 2 :]]),
        "repeated": b"".join([*lines[: place + 1], *lines[place:]]),
    }
    for how, data in changed.items():
        session.write_bytes(data)
        done = python(CHECK, session.parent)
        assert done.returncode == 1, how
        assert "is not the one that was written" in done.stderr, how


def test_c5_an_encrypted_recording_is_opened_by_the_page_s_python_alone(tmp_path: Path) -> None:
    shutil.copyfile(GOLDEN / "encrypted.session.jsonl", tmp_path / NAME)
    done = python(OPEN.replace("the passphrase", PASSPHRASE), tmp_path)
    assert done.returncode == 0, done.stderr
    opened = [json.loads(text) for text in done.stdout.splitlines()]
    ours = read_recording(tmp_path / NAME, keys_of(tmp_path / NAME)).lines
    told = [{"t": line.t, "k": line.kind, **line.body} for line in ours if line.kind != "seal"]
    assert opened == told[1:]
    assert len(opened) > 200
    assert python(OPEN, tmp_path).returncode == 1, "another passphrase"


def test_a_seal_that_does_not_fit_is_found_by_the_page_s_python(tmp_path: Path) -> None:
    crc, again = 0, list[bytes]()
    for line in read_recording(GOLDEN / "trial.session.jsonl").lines:
        body = {**line.body, "why": "other"} if line.kind == "gap" else line.body
        raw, crc = seal_line(line.n, line.t, line.kind, body, crc)
        again.append(raw)
    (tmp_path / NAME).write_bytes(b"".join(again))
    done = python(CHECK, tmp_path)
    assert done.returncode == 1
    assert "the seal in line" in done.stderr
