"""Corrected intervals against numpy's own interpolation."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.formats.exports.correction import corrected_ticks
from tests.strategies import MS

flagged = st.lists(st.tuples(st.integers(250 * MS, 2500 * MS), st.booleans()), min_size=1, max_size=60)


@given(flagged)
def test_a_flagged_interval_becomes_what_a_line_between_its_sound_neighbours_says(
    beats: list[tuple[int, bool]],
) -> None:
    ticks, ok = [each[0] for each in beats], [each[1] for each in beats]
    found = corrected_ticks(ticks, ok)
    sound = [number for number, good in enumerate(ok) if good]
    if not sound:
        assert found == [None] * len(ticks)
        return
    oracle = np.interp(range(len(ticks)), sound, [ticks[number] for number in sound])
    assert np.abs(np.array(found, float) - oracle).max() <= 0.5
    assert [found[number] for number in sound] == [ticks[number] for number in sound]


def test_the_ends_take_the_nearest_sound_interval_and_nothing_is_put_in_or_taken_out() -> None:
    ticks = [1700 * MS, 800 * MS, 400 * MS, 400 * MS, 860 * MS, 300 * MS]
    ok = [False, True, False, False, True, False]
    assert corrected_ticks(ticks, ok) == [800 * MS, 800 * MS, 820 * MS, 840 * MS, 860 * MS, 860 * MS]
