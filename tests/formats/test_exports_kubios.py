"""RR text for Kubios: one interval a line, raw and corrected, never a hole among them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given

from biofeedback.errors import OutputError
from biofeedback.formats.exports.gathered import Gathered
from biofeedback.formats.exports.kubios import kubios_files, write_kubios
from tests.formats.gathering import beats_of, gathered, recordings
from tests.strategies import MS


def test_one_interval_a_line_in_ms_with_three_decimals(tmp_path: Path) -> None:
    write_kubios(gathered(beats_of([792_000, 1000_000, 860 * MS])), tmp_path)
    assert (tmp_path / "20260301T093015Z_0f5c7f0e_rr_ms.txt").read_bytes() == b"773.438\n976.562\n860.000\n"
    assert len(list(tmp_path.iterdir())) == 2


def test_raw_and_corrected_are_files_of_their_own_and_a_gap_splits_both() -> None:
    ticks = [800 * MS, 400 * MS, 820 * MS, 900 * MS, 910 * MS, 300 * MS]
    found = dict(kubios_files(gathered(beats_of(ticks, {1: "extra", 5: "range"}, [3, 5]))))
    stem = "20260301T093015Z_0f5c7f0e"
    assert found == {
        f"{stem}_rr_ms_part1.txt": "800.000\n400.000\n820.000\n",
        f"{stem}_rr_corrected_ms_part1.txt": "800.000\n810.000\n820.000\n",
        f"{stem}_rr_ms_part2.txt": "900.000\n910.000\n",
        f"{stem}_rr_corrected_ms_part2.txt": "900.000\n910.000\n",
        f"{stem}_rr_ms_part3.txt": "300.000\n",
    }


@given(recordings())
def test_every_interval_is_there_once_in_order_and_a_hole_is_none(recording: Gathered) -> None:
    files = [(name, text) for name, text in kubios_files(recording) if "corrected" not in name]
    lines = [line for _, text in files for line in text.splitlines()]
    assert [float(line) for line in lines] == pytest.approx([beat.rr_ms for beat in recording.beats], abs=0.0005 + 1e-9)
    assert all(re.fullmatch(r"[0-9]+\.[0-9]{3}", line) for line in lines)
    assert len(files) == sum(beat.gap_before for beat in recording.beats)
    assert max(map(float, lines)) <= 2500


def test_many_parts_are_in_order_of_time_by_their_names() -> None:
    found = list(kubios_files(gathered(beats_of([(800 + number) * MS for number in range(11)], gaps=range(11)))))
    raw = sorted(each for each in found if "corrected" not in each[0])
    assert [float(text) for _, text in raw] == [800 + number for number in range(11)]
    assert (raw[0][0][-10:], raw[-1][0][-10:]) == ("part01.txt", "part11.txt")


def test_without_a_beat_there_is_nothing_to_write(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="holds no heartbeat"):
        write_kubios(gathered(()), tmp_path)
