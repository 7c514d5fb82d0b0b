"""A log made anew under other keys: the same lines, and at every moment one of the two is there whole."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from biofeedback.errors import RecordingError, UnreadableError
from biofeedback.events import Json
from biofeedback.recording.home_lock import write_home_lock
from biofeedback.recording.keys import HomeKeys, new_home
from biofeedback.recording.line_file import LineFile
from biofeedback.recording.reader import StoredRecording, read_lines, read_recording
from biofeedback.recording.relock import BEING_MADE, relock
from tests.cli.programs import ROOT
from tests.recording.logs import KEYS, QUICK, Logs
from tests.recording.test_encrypted_log import EVENTS, HEAD

OTHER, _ = new_home("another good passphrase", QUICK)


def written(folder: Path, keys: HomeKeys | None) -> Path:
    with Logs(keys).new(folder / "a.session.jsonl", HEAD) as log:
        log.append_line(0, "alg", {"a": "engine/3", "params": {}})
        for event in EVENTS[:-1]:
            log.append(event)
        log.append_line(63_000_000, "aura", {"colour": 1})
        log.append(EVENTS[-1])
    return log.path


def said(recording: StoredRecording) -> list[tuple[int, str, object]]:
    """All that a recording says, but for what is of the file itself."""
    of_the_file = ("sha256", "bytes", "key")
    return [
        (line.t, line.kind, {key: line.body[key] for key in line.body if key not in of_the_file})
        for line in recording.lines
        if line.kind != "head"
    ]


@pytest.mark.parametrize(("old", "new"), [(None, KEYS), (KEYS, None), (KEYS, OTHER), (KEYS, KEYS), (None, None)])
def test_the_same_lines_under_other_keys(tmp_path: Path, old: HomeKeys | None, new: HomeKeys | None) -> None:
    path = written(tmp_path, old)
    before, data = read_recording(path, old), path.read_bytes()
    relock(path, old, new)
    after = read_recording(path, new)
    assert after.damage is None
    assert said(after) == said(before)
    assert [line.t for line in after.lines if line.kind == "seal"] == [61_000_000, 63_000_000]
    assert after.head["parent"] == {"sha256": sha256(data).hexdigest(), "removed": []}
    kept = ("format", "v", "min_reader", *HEAD)
    assert {key: after.head[key] for key in kept} == {key: before.head[key] for key in kept}
    assert read_recording(path).locked == (new is not None)
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert [found.name for found in tmp_path.iterdir()] == ["a.session.jsonl"]


def test_what_was_made_from_what_is_told_over_more_than_one_step(tmp_path: Path) -> None:
    path = written(tmp_path, None)
    first = sha256(path.read_bytes()).hexdigest()
    relock(path, None, KEYS)
    second = sha256(path.read_bytes()).hexdigest()
    relock(path, KEYS, None)
    parent = read_recording(path).head["parent"]
    assert parent == {"sha256": second, "removed": [], "parent": {"sha256": first, "removed": []}}


def test_a_person_s_log_too(tmp_path: Path) -> None:
    path = tmp_path / "person.jsonl"
    head: dict[str, Json] = {"format": "biofeedback-person", "person_log": "77aa", "person": "me", "wall_ns": 5}
    file = LineFile.create(path, head)
    file.write(1, "journal", {"text": "a note", "at": "2026-11-25T10:00:00Z"})
    file.seal(1)
    file.close()
    relock(path, None, KEYS)
    assert b"a note" not in path.read_bytes()
    stored = read_lines(path, KEYS, format_="biofeedback-person")
    assert [line.body["text"] for line in stored.lines if line.kind == "journal"] == ["a note"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    file, _ = LineFile.reopen(path, KEYS)
    file.write(2, "journal", {"text": "another"})
    file.seal(2)
    file.close()
    assert read_lines(path, KEYS, format_="biofeedback-person").damage is None


def test_what_cannot_be_made_anew_is_left_as_it_is(tmp_path: Path) -> None:
    path = written(tmp_path, None)
    path.chmod(0o600)
    whole = path.read_bytes()
    bad = bytearray(whole)
    bad[len(bad) // 2] ^= 1
    path.write_bytes(bad)
    with pytest.raises(RecordingError, match="is damaged"):
        relock(path, None, KEYS)
    assert path.read_bytes() == bad
    path.write_bytes(whole)
    relock(path, None, KEYS)
    locked = path.read_bytes()
    with pytest.raises(RecordingError, match="encrypted by other keys"):
        relock(path, None, None)
    with pytest.raises(UnreadableError, match="does not open"):
        relock(path, OTHER, None)
    with pytest.raises(RecordingError, match="cannot be read"):
        relock(tmp_path / "missing.session.jsonl", None, KEYS)
    assert path.read_bytes() == locked
    assert [found.name for found in tmp_path.iterdir()] == ["a.session.jsonl"]


def test_a_log_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "person.jsonl"
    file = LineFile.create(path, {"format": "biofeedback-person", "person_log": "77aa"})
    with pytest.raises(RecordingError, match="is being written"):
        relock(path, None, KEYS)
    file.close()


@pytest.mark.parametrize("fails", ["write", "fsync", "replace", "open"])
def test_a_disk_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    path = written(tmp_path, None)
    before = path.read_bytes()

    def broken(*_: object, **__: object) -> int:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(os, fails, broken)
        with pytest.raises(RecordingError):
            relock(path, None, KEYS)
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["a.session.jsonl"]


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_program_that_dies_at_any_call_leaves_one_of_the_two_whole(tmp_path: Path) -> None:
    home = tmp_path / "home"
    write_home_lock(home, KEYS.lock, on=True)
    path = written(tmp_path, None)
    plain = read_recording(path)
    original, died = path.read_bytes(), 0
    for dies_at in range(1, 200):
        path.chmod(0o600)
        path.write_bytes(original)
        done = subprocess.run(
            [sys.executable, "-m", "tests.recording.relocking", str(home), str(path), str(dies_at)],
            cwd=ROOT,
            check=False,
            capture_output=True,
        )
        found = read_recording(path, KEYS)
        assert found.damage is None
        assert said(found) == said(plain)
        left = {each.name for each in tmp_path.iterdir()} - {"home"}
        assert left <= {path.name, path.name + BEING_MADE}
        if done.returncode == 0:
            break
        assert done.returncode == 9, done.stderr
        died += 1
    else:
        pytest.fail("it never came to its end")
    assert died > 15
    assert read_recording(path).locked
    assert not path.with_name(path.name + BEING_MADE).exists(), "what the last one left behind was made anew"
