"""R3: every truncation, flipped bit, lost sector, noise and shuffled lines: never an exception, never a false event."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recording.damaged import (
    MOST_LOST,
    Golden,
    flips,
    gone_on_with,
    mutated,
    random_tails,
    shuffled,
    zeroed,
)
from tests.recording.logs import Logs


@pytest.fixture
def golden(logs: Logs, tmp_path: Path) -> Golden:
    return Golden.written(logs, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("part", [True, False])
def test_r3_every_truncation_keeps_all_whole_lines(golden: Golden, *, part: bool) -> None:
    for size in range(len(golden.data)):
        cut = golden.data[:size]
        assert golden.complaints(cut, len(golden.lines) - cut.count(b"\n"), part=part) == [], size


@pytest.mark.slow
@pytest.mark.parametrize("bits", [range(k, k + 2) for k in (0, 2, 4, 6)], ids="{0.start}-".format)
def test_r3_a_flipped_bit_costs_two_lines_at_the_most(golden: Golden, bits: range) -> None:
    for number, data in enumerate(flips(golden.data, bits)):
        assert golden.complaints(data, MOST_LOST) == [], divmod(number, len(golden.data))


def test_r3_lost_sectors_and_zeroed_tails_change_nothing_before_them(golden: Golden) -> None:
    for number, data in enumerate(zeroed(golden.data)):
        assert golden.complaints(data) == [], number


def test_r3_noise_behind_a_cut_is_not_taken_for_lines(golden: Golden) -> None:
    for data in random_tails(golden.data, seed=3, count=500):
        whole = len([*filter(golden.data.startswith, (data[: k + 1] for k in range(len(data)) if data[k] == 10))])
        assert golden.complaints(data, len(golden.lines) - whole) == []


def test_r3_a_removed_swapped_repeated_or_moved_line_is_found(golden: Golden) -> None:
    for number, data in enumerate(shuffled(golden.data)):
        assert golden.complaints(data, 4) == [], divmod(number, 4)


@pytest.mark.slow
def test_r3_mutants_are_read_or_refused(golden: Golden) -> None:
    for data in mutated(golden.data, seed=4, count=1000):
        if data != golden.data:
            assert golden.complaints(data) == []


@pytest.mark.slow
def test_r3_nothing_disappears_when_a_damaged_part_is_gone_on_with(golden: Golden) -> None:
    part = golden.path.with_name("on.session.jsonl.part")
    data = golden.data
    cut = [data[:size] for size in range(0, len(data), 7)]
    for changed in (*cut, *zeroed(data), *random_tails(data, 5, 100), *shuffled(data), *mutated(data, 6, 100)):
        assert gone_on_with(golden.logs, part, changed) == []
