"""Empatica E4's IBI.csv: intervals of its pulse wave, with holes where the time of beats leaps (FORMATS 1.2)."""

from __future__ import annotations

import csv
import io
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content, Hole, Marker, Start
from biofeedback.formats.detect import reader_of
from biofeedback.formats.foreign import Foreign, in_memory
from biofeedback.formats.reading import Choices
from biofeedback.formats.readers.empatica import READERS
from biofeedback.hrv.ticks import TICKS_PER_S
from tests.formats.samples import check, expected, read, sample
from tests.formats.refusals import assert_sound, only_refusals

WANTED = "made_up/IBI.csv"


def ibi(rows: list[tuple[float, float]], began: str = "1714550400.000000") -> bytes:
    return (f"{began}, IBI\n" + "".join(f"{at:.6f},{length:.6f}\n" for at, length in rows)).encode()


def content_of(data: bytes, tags: bytes | None = None) -> Content:
    def beside(name: str) -> Foreign | None:
        return in_memory(name, tags) if name == "tags.csv" and tags is not None else None

    file = in_memory("whatever.csv", data, beside)
    assert reader_of(file) is READERS[0]
    content = READERS[0].read(file, Choices(), lambda _: None)
    assert_sound(content)
    return content


def test_the_sample_is_as_expected() -> None:
    content = read(sample(WANTED))
    check(content, expected(WANTED))
    assert content.start == Start("2024-05-01T08:00:00", "utc")
    assert content.holes == ()
    with sample(WANTED).open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    assert content.ticks.tolist() == [round(float(row[1]) * TICKS_PER_S) for row in rows]


@given(
    st.lists(st.tuples(st.integers(20, 120), st.integers(0, 1).map(lambda hole: hole * 400)), min_size=2, max_size=60)
)
def test_holes_stand_where_the_time_leaps_by_more_than_the_interval(beats: list[tuple[int, int]]) -> None:
    """In steps of 1/64 s, as the E4 samples; an oracle that counts in whole samples."""
    beats = [(beats[0][0], 0), *beats[1:]]
    ends = list(accumulate(length + hole for length, hole in beats))
    content = content_of(ibi([(at / 64, length / 64) for at, (length, _) in zip(ends, beats, strict=True)]))
    fitting = sum(hole == 0 for _, hole in beats[1:])
    if 2 * fitting < len(beats) - 1:
        return
    assert [hole.before for hole in content.holes] == [place for place, (_, hole) in enumerate(beats) if hole]
    assert all(hole.ticks == pytest.approx(400 * TICKS_PER_S // 64, abs=3) for hole in content.holes)
    assert content.ticks.tolist() == [length * TICKS_PER_S // 64 for length, _ in beats]


def test_a_hole_says_itself_in_the_span() -> None:
    content = content_of(ibi([(10.0, 1.0), (11.0, 1.0), (71.0, 1.0), (72.0, 1.0), (73.0, 1.0)]))
    assert content.holes == (Hole(2, 59 * TICKS_PER_S),)
    assert content.start == Start("2024-05-01T08:00:09", "utc")
    assert content.why == "its intervals make 5.0 s, its times of beats 64.0 s; 1 hole is marked, 59.0 s."


def test_it_is_said_that_a_pulse_is_no_rr() -> None:
    assert any("not RR" in each for each in content_of(ibi([(1.0, 1.0), (2.0, 1.0)])).decisions)


def test_presses_of_the_button_beside_it_are_markers_since_the_first_opening() -> None:
    content = content_of(ibi([(10.0, 1.0), (11.0, 1.0)]), tags=b"1714550400.00\r\n1714550412.50\r\n")
    assert content.markers == (Marker(-9 * TICKS_PER_S, "button"), Marker(7 * TICKS_PER_S // 2, "button"))
    assert "the presses of its button are those of tags.csv: 2" in content.decisions


def test_broken_presses_do_not_spoil_the_intervals() -> None:
    content = content_of(ibi([(10.0, 1.0), (11.0, 1.0)]), tags=b"1714550400.00\nx\n")
    assert content.markers == ()
    assert len(content.ticks) == 2
    assert any("tags.csv are left out: line 2" in each for each in content.decisions)


def test_a_file_without_intervals_is_refused() -> None:
    with pytest.raises(ImportRefused, match="no interval"):
        content_of(b"1714550400.000000, IBI\n")


@pytest.mark.parametrize("row", ["1.0,x", "-1.0,1.0", "1.0,nan", "1.0,", "x,1.0"])
def test_a_row_that_is_no_number_is_refused_with_its_line(row: str) -> None:
    with pytest.raises(ImportRefused) as caught:
        content_of(f"1714550400.000000, IBI\n1.0,1.0\n{row}\n".encode())
    assert caught.value.where == "line 3"


def test_half_a_last_row_is_left_out() -> None:
    content = content_of(b"1714550400.000000, IBI\n1.0,1.0\n2.0")
    assert len(content.ticks) == 1
    assert "its last line (3) is cut off and left out" in content.decisions


def test_other_files_of_an_e4_are_not_claimed() -> None:
    for line in (b"1714550400.000000\n1.000000\n", b"IBI, IBI\n", b"1,2\n", io.BytesIO().getvalue(), b"x, IBI\n"):
        assert not READERS[0].claims(in_memory("IBI.csv", line))


def test_mutants_are_refused_in_a_sentence_or_read() -> None:
    data = ibi([(1.0 + each, 1.0) for each in range(20)])
    tags = in_memory("tags.csv", b"1714550400.00\n")
    assert only_refusals(READERS, "IBI.csv", data, lambda _: tags) > 50
