"""Frames of an accelerometer on the session's time line: rate, holes, clocks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.breathing.acceleration import Run, Sampler, delta_coded, samples_of
from biofeedback.events import Acc
from tests.breathing.chests import CLOCK_NS, frames, still, swinging

triples = st.lists(st.tuples(*[st.integers(-(2**23), 2**23)] * 3), max_size=50)


@given(triples)
def test_delta_coding_is_undone_exactly(xyz_mg: list[tuple[int, int, int]]) -> None:
    acc = Acc(0, "s1", 0, 0, 25, delta_coded(xyz_mg))
    assert samples_of(acc) == tuple(xyz_mg)
    assert len(acc.xyz_mg) == 3 * len(xyz_mg)


def test_d3_a_line_holds_the_first_sample_and_then_differences() -> None:
    assert delta_coded([(1, -985, 150), (2, -986, 152), (2, -980, 151)]) == (1, -985, 150, 1, -1, 2, 0, 6, -1)


@given(st.lists(st.integers(-(2**31), 2**31), max_size=20))
def test_numbers_that_are_no_whole_sample_are_left_aside(numbers: list[int]) -> None:
    assert len(samples_of(Acc(0, "s1", 0, 0, 25, tuple(numbers)))) == len(numbers) // 3


def runs(said: list[Acc]) -> list[Run | None]:
    sampler = Sampler()
    return [sampler.take(acc) for acc in said]


@pytest.mark.parametrize("fs", [24.5, 25.0, 25.5, 52.0, 200.0])
@pytest.mark.parametrize("asked", [True, False])
def test_the_rate_is_that_of_the_stamps(fs: float, asked: bool) -> None:
    said = list(frames(still, 60, fs=fs, asked=round(fs) if asked else None))
    found = runs(said)
    assert (found[0] is None) is not asked, "without a named rate it takes two stamps"
    last = found[-1]
    assert last is not None
    assert last.fs_hz == pytest.approx(fs, rel=1e-6)
    assert [run.new for run in found if run is not None].count(True) == 1


def test_samples_are_placed_by_the_least_delay() -> None:
    said = list(frames(still, 60))
    for acc, run in zip(said, runs(said), strict=True):
        assert run is not None
        assert run.last_us <= acc.rx
    last = runs(said)[-1]
    assert last is not None
    assert last.last_us == (said[-1].dev_ns or 0) // 1000 - CLOCK_NS // 1000 + 30_000


def test_a_frame_that_is_missing_is_a_hole() -> None:
    said = list(frames(still, 30))
    del said[7]
    assert [number for number, run in enumerate(runs(said)) if run is not None and run.new] == [0, 7]


def test_a_torn_frame_is_a_hole() -> None:
    said = list(frames(still, 30))
    said[7] = replace(said[7], problems=("torn sample",))
    found = runs(said)
    assert found[7] is None
    assert [number for number, run in enumerate(found) if run is not None and run.new] == [0, 8]


def test_a_stall_and_a_burst_are_no_hole() -> None:
    said = [replace(acc, rx=max(acc.rx, 20_000_000)) for acc in frames(still, 30)]
    assert [run.new for run in runs(said) if run is not None].count(True) == 1


def test_the_clock_of_a_strap_that_was_off_starts_anew() -> None:
    before = list(frames(still, 30))
    after = [replace(acc, rx=acc.rx + 90_000_000) for acc in frames(still, 30, clock_ns=CLOCK_NS - 5_000_000_000)]
    found = runs(before + after)
    assert [number for number, run in enumerate(found) if run is not None and run.new] == [0, len(before)]
    first, last = found[len(before)], found[-1]
    assert first is not None
    assert last is not None
    assert 0 <= after[0].rx - first.last_us <= 30_000
    assert last.last_us == after[-1].rx - 28_000, "the last is 28 ms slower than the quickest"


def test_another_strap_is_another_clock() -> None:
    first = list(frames(still, 10))
    other = [replace(acc, dev="s2", rx=acc.rx + 10_000_000) for acc in frames(still, 10, clock_ns=CLOCK_NS * 2)]
    found = runs(first + other)
    run = found[-1]
    assert run is not None
    assert 0 <= other[-1].rx - run.last_us <= 60_000


@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(0, 2**64 - 1),
            st.none() | st.integers(-5, 10_000),
            st.integers(0, 5),
            st.booleans(),
        ),
        max_size=30,
    )
)
def test_any_frames_are_survived(said: list[tuple[int | None, int | None, int, bool]]) -> None:
    sampler = Sampler()
    for number, (dev_ns, fs, many, torn) in enumerate(said):
        acc = Acc(number, "s1", number, dev_ns, fs, (0,) * 3 * many, ("torn sample",) if torn else ())
        run = sampler.take(acc)
        assert run is None or 21.0 <= run.fs_hz <= 1000.0


def test_samples_come_out_as_they_went_in() -> None:
    said = list(frames(swinging((100, 1.0)), 3))
    assert [run.xyz_mg for run in runs(said) if run is not None] == [samples_of(acc) for acc in said]
