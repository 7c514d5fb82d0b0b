"""Room on the disk before a session (RECORDING 1.4.3): refused under 50 MB, said under 500 MB."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from biofeedback.errors import RecordingError
from biofeedback.session.space import LEAST_FREE, SCARCE_FREE, check_space, free_bytes


@pytest.mark.parametrize("free", [0, LEAST_FREE - 1])
def test_1_4_3_no_session_begins_with_less_than_50_mb(free: int) -> None:
    with pytest.raises(RecordingError) as raised:
        check_space(Path("sessions"), lambda _: free)
    assert "50 MB" in raised.value.what
    assert "--output" in raised.value.advice


@pytest.mark.parametrize("free", [LEAST_FREE, SCARCE_FREE - 1])
def test_1_4_3_under_500_mb_it_is_said_and_goes_on(free: int) -> None:
    said = check_space(Path("sessions"), lambda _: free)
    assert said is not None
    assert said.startswith(f"Only {free // 1_000_000} MB are free on the disk of sessions")


@pytest.mark.parametrize("free", [SCARCE_FREE, 10**12, None])
def test_1_4_3_with_more_nothing_is_said_nor_where_the_system_does_not_say(free: int | None) -> None:
    assert check_space(Path("sessions"), lambda _: free) is None


def test_room_is_that_of_the_disk_where_the_folder_will_be_made(tmp_path: Path) -> None:
    found = free_bytes(tmp_path / "not" / "there" / "yet")
    assert found is not None
    assert abs(found - shutil.disk_usage(tmp_path).free) < 1 << 30
