"""Nobody else reads or plants anything (RECORDING 2.1, threat row 20)."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from biofeedback.errors import RecordingError
from biofeedback.recording.log import SessionLog
from biofeedback.recording.private import check_home, make_private_folder, private_file

pytestmark = pytest.mark.skipif(os.name != "posix", reason="rights are POSIX")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077, 0o777], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_2_1_folders_are_0700_and_files_0600_whatever_the_umask_is(tmp_path: Path, umask: int) -> None:
    home = check_home(tmp_path / "new" / "home")
    assert (mode(home), mode(home.parent)) == (0o700, 0o700)
    os.close(private_file(home / "a.db"))
    assert mode(home / "a.db") == 0o600
    assert mode(make_private_folder(home / "sessions")) == 0o700


@pytest.mark.parametrize("wide", [0o777, 0o770, 0o707, 0o722])
@pytest.mark.parametrize("which", ["", "sessions", "people"])
def test_row_20_a_folder_that_others_may_write_to_is_refused_with_advice(tmp_path: Path, which: str, wide: int) -> None:
    folder = tmp_path / "home" / which
    folder.mkdir(parents=True)
    (tmp_path / "home").chmod(0o700)
    folder.chmod(wide)
    with pytest.raises(RecordingError) as refused:
        check_home(tmp_path / "home")
    assert f"chmod 700 '{folder}'" in refused.value.advice
    assert mode(folder) == wide, "it is left as it was"
    folder.chmod(0o700)
    check_home(tmp_path / "home")


def test_row_20_folders_of_ours_that_others_may_only_read_are_closed(tmp_path: Path) -> None:
    for name in ("sessions", "people"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o755)
    tmp_path.chmod(0o755)
    check_home(tmp_path)
    assert [mode(tmp_path / name) for name in ("sessions", "people")] == [0o700, 0o700]
    assert mode(tmp_path) == 0o755, "a folder the user named keeps its rights; what is in it is closed"


def test_row_20_a_link_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "sessions").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RecordingError, match="link"):
        check_home(home)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give a folder away")
def test_row_20_a_folder_of_another_user_is_refused(tmp_path: Path) -> None:
    os.chown(tmp_path, 12345, 12345)
    with pytest.raises(RecordingError, match="another user"):
        check_home(tmp_path)


def test_row_20_a_link_planted_as_part_is_not_written_through(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "s.session.jsonl.part").symlink_to(victim)
    with pytest.raises(RecordingError):
        SessionLog(tmp_path / "s.session.jsonl", {"session": "s"})
    (tmp_path / "t.session.jsonl.part").symlink_to(tmp_path / "nothing_there")
    with pytest.raises(RecordingError):
        SessionLog(tmp_path / "t.session.jsonl", {"session": "s"})
    assert victim.read_text() == "precious"
    assert not (tmp_path / "nothing_there").exists()
    for place in ("s", "t"):
        with pytest.raises(FileExistsError):
            private_file(tmp_path / f"{place}.session.jsonl.part")
