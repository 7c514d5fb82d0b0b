"""`export --to recording`: copies to give away, with names and words or without (RULINGS C6)."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from biofeedback.recording.reader import read_recording
from tests.cli.programs import run
from tests.recording.logs import KEYS, PASSPHRASE
from tests.recording.told import CANARY, told_session

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = told_session(tmp_path_factory.mktemp("told"))
    named = path.with_name("canary.session.jsonl")
    path.rename(named)
    return named


def test_c6_an_anonymised_copy_has_no_name_or_word_not_even_in_its_own_name_and_verifies(
    recording: Path, tmp_path: Path
) -> None:
    words = ("export", str(recording), "--to", "recording", "--anonymise", "--output", str(tmp_path / "share"))
    done = run(tmp_path, *words, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    made = Path(said["recording"])
    assert (said["verify"]["differences"], said["verify"]["exact"]) == (0, True)
    assert CANARY not in made.name
    assert CANARY not in made.read_text("utf-8").lower()
    assert CANARY in recording.read_text("utf-8").lower()
    if os.name == "posix":
        assert stat.S_IMODE(made.stat().st_mode) == 0o400
        assert stat.S_IMODE(made.parent.stat().st_mode) == 0o700
    again = run(tmp_path, *words)
    assert (again.returncode, again.stdout) == (1, "")
    assert "exists already" in again.stderr
    assert run(tmp_path, "verify", str(made)).returncode == 0


def test_without_anonymise_the_copy_says_the_same_and_the_person_is_told(recording: Path, tmp_path: Path) -> None:
    done = run(tmp_path, "export", str(recording), "--to", "recording", "--output", str(tmp_path))
    assert done.returncode == 0
    assert "--anonymise" in done.stderr
    layout = {"head", "seal"}
    copy, source = (
        [(line.t, line.kind, line.body) for line in read_recording(path).lines if line.kind not in layout]
        for path in (Path(done.stdout.strip()), recording)
    )
    assert copy == source


def test_an_encrypted_recording_is_exported_in_clear_with_its_passphrase_only(tmp_path: Path) -> None:
    path = told_session(tmp_path / "in", KEYS)
    words = ("export", str(path), "--to", "recording", "--anonymise", "--output", str(tmp_path / "out"))
    refused = run(tmp_path, *words)
    assert (refused.returncode, refused.stdout) != (0, "")
    assert not list((tmp_path).glob("out/*"))
    secret = tmp_path / "secret"
    secret.write_text(PASSPHRASE)
    secret.chmod(0o600)
    done = run(tmp_path, *words, "--passphrase-file", str(secret))
    assert done.returncode == 0, done.stderr
    assert CANARY not in Path(done.stdout.strip()).read_text("utf-8").lower()


def test_the_methods_page_says_that_it_is_not_there_yet(recording: Path, tmp_path: Path) -> None:
    done = run(tmp_path, "export", str(recording), "--to", "methods", "--output", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert "Exporting to methods is not there yet." in done.stderr


def test_a_damaged_or_unfinished_recording_says_what_to_do_first(recording: Path, tmp_path: Path) -> None:
    data = recording.read_bytes()
    half = tmp_path / "half.session.jsonl"
    half.write_bytes(data[: data.rindex(b"\n", 0, len(data) // 2) + 1])
    part = tmp_path / "half.session.jsonl.part"
    part.write_bytes(half.read_bytes())
    for path, advice in ((half, "library repair"), (part, "library rebuild")):
        done = run(tmp_path, "export", str(path), "--to", "recording", "--output", str(tmp_path / "out"))
        assert (done.returncode, done.stdout) == (4, "")
        assert advice in done.stderr
