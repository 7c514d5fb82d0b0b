"""What stamps of arrival may tell: where time is missing and when the first interval opened, never an interval."""

from __future__ import annotations

import random
from array import array
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.errors import ImportRefused
from biofeedback.formats.units import wholes_of
from biofeedback.formats.lines import cells_in, rows_below
from biofeedback.formats.arrivals import AFTER, column_of, ends_of, holes_of, opened_us, span_why
from biofeedback.formats.content import Hole
from biofeedback.hrv.ticks import TICKS_PER_S


def arrivals(beats: int = 300, lost: dict[int, float] | None = None, seed: int = 3) -> tuple[array[int], list[int]]:
    """Intervals, and stamps that come late as they really do: in packets, up to a second and more behind the beat.

    `lost`: seconds of which nothing is known, before the interval of that number.
    """
    chance = random.Random(seed)
    ticks = array("q", [chance.randrange(600, 1200) * 1024 for _ in range(beats)])
    steps = [each + round((lost or {}).get(place, 0) * TICKS_PER_S) for place, each in enumerate(ticks)]
    ends = [end * 125 // 128 for end in accumulate(steps)]
    stamps: list[int] = []
    arrived = 0
    for end in ends:
        arrived = max(arrived, end + chance.randrange(0, 1_300_000))
        stamps.append(arrived + 10**12)
    return ticks, stamps


@given(st.integers(0, 2**32))
def test_jitter_alone_is_never_a_hole(seed: int) -> None:
    assert holes_of(*arrivals(seed=seed, beats=120)) == ()


@given(st.integers(0, 2**32), st.integers(20, 280), st.floats(4.0, 4000.0))
def test_a_hole_is_found_with_its_length_to_the_jitter(seed: int, place: int, seconds: float) -> None:
    (hole,) = holes_of(*arrivals(lost={place: seconds}, seed=seed))
    assert hole.before == place
    assert hole.ticks / TICKS_PER_S == pytest.approx(seconds, abs=1.3)


def test_two_holes_are_each_as_long_as_they_were() -> None:
    found = holes_of(*arrivals(lost={50: 20.0, 60: 60.0}))
    assert [hole.before for hole in found] == [50, 60]
    assert [hole.ticks / TICKS_PER_S for hole in found] == pytest.approx([20, 60], abs=1.3)


def test_a_packet_that_comes_ten_seconds_late_is_no_hole() -> None:
    ticks, stamps = arrivals()
    for place in range(100, 100 + AFTER - 1):
        stamps[place] = max(stamps[place], stamps[100] + 10_000_000)
    assert holes_of(ticks, stamps) == ()


def test_known_holes_are_kept_and_not_found_again() -> None:
    ticks, stamps = arrivals(lost={50: 20.0, 90: 30.0})
    known = Hole(50, 20 * TICKS_PER_S)
    found = holes_of(ticks, stamps, [known])
    assert found[0] == known
    assert found[1].before == 90
    assert found[1].ticks / TICKS_PER_S == pytest.approx(30, abs=1.3)


def test_the_first_opening_is_told_by_the_least_delay() -> None:
    ticks, stamps = arrivals()
    assert 10**12 <= opened_us(ticks, stamps) < 10**12 + 100_000
    assert stamps[0] - ends_of(ticks[:1], [])[0] > 10**12 + 100_000


def test_one_interval_is_enough_for_an_opening() -> None:
    assert opened_us([100 * TICKS_PER_S], [10**9]) == 10**9 - 100 * 10**6


@given(st.lists(st.integers(250, 2000), min_size=3, max_size=50), st.integers(0, 10**6), st.booleans())
def test_a_time_column_without_holes_has_none(ms: list[int], since: int, opens: bool) -> None:
    ends = list(accumulate(ms, initial=since))
    column = ends[:-1] if opens else ends[1:]
    found = column_of(array("q", [each * 1024 for each in ms]), [each * 1024 for each in column], 2048)
    assert found.holes == ()
    assert found.odd is None
    if len(set(ms)) > 1:
        assert abs(found.opened - since * 1024) <= 2048


def test_a_time_column_shows_holes_and_steps_back() -> None:
    ticks = array("q", [800 * 1024] * 6)
    column = [ms * 1024 for ms in (800, 1600, 7400, 8200, 8100, 8900)]
    found = column_of(ticks, column, 2048)
    assert found.holes == (Hole(2, 5000 * 1024),)
    assert found.odd is not None
    assert found.odd.endswith("as they are: 1")


def test_a_time_column_that_fits_nothing_is_not_used() -> None:
    found = column_of(array("q", [800 * 1024] * 6), [0, 1, 2, 3, 4, 5], 2048)
    assert found.holes == ()
    assert found.odd == "its time column fits only 0 of 5 intervals and is not used"


@pytest.mark.parametrize(
    ("total", "span", "said"),
    [(100, 103, False), (100, 97, False), (100, 103.1, True), (100, 96.9, True), (1000, 1020, False),
     (1000, 1020.5, True), (1000, 980.5, False), (1000, 980, True)],
)  # fmt: skip
def test_1_3_the_span_may_differ_by_3_s_or_2_percent(total: float, span: float, said: bool) -> None:
    ticks = [round(total * TICKS_PER_S)]
    assert (span_why(ticks, (), round(span * TICKS_PER_S), "its end") is not None) is said


def test_holes_that_are_marked_are_named_beside_the_span() -> None:
    why = span_why([100 * TICKS_PER_S], [Hole(1, 50 * TICKS_PER_S)], 150 * TICKS_PER_S, "its end")
    assert why == "its intervals make 100.0 s, its end 150.0 s; 1 hole is marked, 50.0 s."


def test_rows_come_with_their_lines_whichever_way_these_end() -> None:
    for end in ("\n", "\r\n", "\r"):
        rows, cut = rows_below(end.join(["\ufeffa, b", "", "1 ,\t2", " ", "3,4,5", ""]), ",", 2)
        assert rows == [(3, ["1", "2"]), (5, ["3", "4", "5"])]
        assert cut is None


def test_half_a_last_line_is_left_out_and_told() -> None:
    rows, cut = rows_below("a,b\n1,2\n3", ",", 2)
    assert rows == [(2, ["1", "2"])]
    assert cut == "its last line (3) is cut off and left out"


def test_a_short_row_anywhere_else_is_refused_with_its_line() -> None:
    for text in ("a,b\n1\n2,3\n", "a,b\n1,2\n3\n"):
        with pytest.raises(ImportRefused, match="1 of 2 columns") as caught:
            rows_below(text, ",", 2)
        assert caught.value.where in ("line 2", "line 3")


def test_threat_5_a_line_over_64_kib_is_refused() -> None:
    with pytest.raises(ImportRefused, match="longer than 64 KiB") as caught:
        rows_below("a,b\n1,2\n" + "9" * 70_000 + ",1\n", ",", 2)
    assert caught.value.where == "line 3"


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=9), st.sampled_from([1, 1000, 1024]))
def test_whole_numbers_and_decimals_are_read_alike(values: list[int], each: int) -> None:
    fast = wholes_of([(1, str(value)) for value in values], each)
    slow = wholes_of([(1, f"{value}.0") for value in values], each)
    assert fast.tolist() == slow.tolist() == [value * each for value in values]


@pytest.mark.parametrize("cell", ["", "1_000", "٣", "nan", "-1", "+1", "1e3", "²", "12 3", "0x10", "9" * 16])
def test_1_2_a_cell_that_is_no_number_is_refused_with_its_line(cell: str) -> None:
    with pytest.raises(ImportRefused, match="no number") as caught:
        wholes_of([(7, "800"), (8, cell)], 1024)
    assert caught.value.where == "line 8"


def test_cells_of_a_column_keep_their_lines() -> None:
    assert cells_in([(3, ["a", "b"]), (9, ["c", "d"])], 1) == [(3, "b"), (9, "d")]
