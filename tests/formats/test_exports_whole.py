"""What is exported appears whole or not at all, and never in the place of another."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from biofeedback.errors import OutputError
from biofeedback.formats.exports.whole import open_output, whole_file, whole_folder, write_private


def test_a_folder_is_not_there_before_all_of_it_is_written(tmp_path: Path) -> None:
    target = tmp_path / "made"
    with whole_folder(target) as folder:
        write_private(folder / "one", b"1")
        assert not target.exists()
        write_private(folder / "two", b"2")
    assert {path.name: path.read_bytes() for path in target.iterdir()} == {"one": b"1", "two": b"2"}
    assert [path.name for path in tmp_path.iterdir()] == ["made"]
    if os.name == "posix":
        assert stat.S_IMODE(target.stat().st_mode) == 0o700
        assert stat.S_IMODE((target / "one").stat().st_mode) == 0o600


def test_a_file_is_not_there_before_all_of_it_is_written(tmp_path: Path) -> None:
    target = tmp_path / "made.edf"
    with whole_file(target) as path:
        write_private(path, b"0")
        assert not target.exists()
    assert target.read_bytes() == b"0"
    assert [path.name for path in tmp_path.iterdir()] == ["made.edf"]


def half_a_folder(target: Path) -> None:
    with whole_folder(target) as folder:
        write_private(folder / "half", b"half")
        raise KeyError


def half_a_file(target: Path) -> None:
    with whole_file(target) as path:
        write_private(path, b"half")
        raise KeyError


@pytest.mark.parametrize("fail", [half_a_folder, half_a_file])
def test_nothing_is_left_when_it_fails_half_way(tmp_path: Path, fail: Callable[[Path], None]) -> None:
    with pytest.raises(KeyError):
        fail(tmp_path / "made")
    assert not list(tmp_path.iterdir())


def test_what_is_there_stays_as_it_is(tmp_path: Path) -> None:
    target = tmp_path / "there"
    target.mkdir()
    with pytest.raises(OutputError, match="exists already"), whole_folder(target):
        pass
    with pytest.raises(OutputError, match="exists already"), whole_file(target):
        pass
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="exists already"), whole_file(link):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "there"]


def late_file(target: Path) -> None:
    with whole_file(target) as path:
        write_private(path, b"ours")
        target.write_bytes(b"theirs")


def late_folder(target: Path) -> None:
    with whole_folder(target) as folder:
        write_private(folder / "ours", b"ours")
        target.mkdir()


def test_what_somebody_else_puts_there_meanwhile_stays_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="exists already"):
        late_file(tmp_path / "made")
    with pytest.raises(OutputError, match="exists already"):
        late_folder(tmp_path / "folder")
    assert (tmp_path / "made").read_bytes() == b"theirs"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder", "made"]


def test_a_place_that_cannot_be_written_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be used"):
        open_output(tmp_path / "file" / "folder")
    with pytest.raises(OutputError, match="cannot be written"), whole_folder(tmp_path / "no" / "made"):
        pass
