"""OpenHRV's table: several recordings in one file, a last line that is cut, local times (FORMATS 1.2)."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta

import pytest

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content, Hole, Marker, Start
from biofeedback.formats.detect import reader_of
from biofeedback.formats.foreign import in_memory
from biofeedback.formats.reading import Choices
from biofeedback.formats.readers.openhrv import HEADING, READERS
from biofeedback.hrv.ticks import TICKS_PER_S
from tests.formats.samples import check, expected, read, sample
from tests.formats.refusals import assert_sound, only_refusals

WANTED = "made_up/openhrv.csv"
BEGAN = datetime(2026, 3, 1, 9, 30)  # noqa: DTZ001


def at(seconds: float) -> str:
    return (BEGAN + timedelta(seconds=seconds)).isoformat(timespec="microseconds")


def beats(count: int, since: float = 0.0, name: str = "InterBeatInterval") -> list[str]:
    return [f"{name},1000,{at(since + 1 + place)}" for place in range(count)]


def content_of(lines: list[str], end: str = "\n") -> Content:
    file = in_memory("whatever.csv", ("\n".join(lines) + end).encode())
    assert reader_of(file) is READERS[0]
    content = READERS[0].read(file, Choices(), lambda _: None)
    assert_sound(content)
    return content


def test_the_sample_is_as_expected_and_as_another_parser_reads_it() -> None:
    content = read(sample(WANTED))
    check(content, expected(WANTED))
    assert content.start == Start(expected(WANTED)["start"])
    with sample(WANTED).open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["event"] == "ibi"]
    assert content.ticks.tolist() == [int(row["value"]) * 1024 for row in rows]
    assert content.to_json()["markers"] == ["start breathing"]


def test_every_name_an_interval_had_is_read() -> None:
    for name in ("ibi", "InterBeatInterval", "IBI"):
        assert len(content_of([HEADING, *beats(5, name=name)]).ticks) == 5


def test_a_median_that_ends_in_a_half_is_exact() -> None:
    content = content_of([HEADING, f"ibi,1000.5,{at(1)}", f"ibi,999.0,{at(2)}"])
    assert content.ticks.tolist() == [1024512, 1022976]


def test_a_heading_in_the_middle_is_a_hole_of_the_time_between() -> None:
    content = content_of([HEADING, *beats(10), HEADING, *beats(10, since=70)])
    assert content.holes == (Hole(10, 60 * TICKS_PER_S),)
    assert "it was recorded in 2 parts; between two of them is a hole" in content.decisions
    assert content.why is not None
    assert "1 hole is marked, 60.0 s" in content.why


def test_a_heading_without_a_pause_is_a_hole_of_unknown_length() -> None:
    assert content_of([HEADING, *beats(10), HEADING, *beats(10, since=10)]).holes == (Hole(10, 0),)


def test_headings_without_intervals_between_or_behind_them_are_no_holes() -> None:
    assert content_of([HEADING, HEADING, *beats(10), HEADING, HEADING, *beats(5, since=10), HEADING]).holes == (
        Hole(10, 0),
    )
    assert content_of([HEADING, *beats(10), HEADING]).holes == ()


@pytest.mark.parametrize("cut", ["i", "ibi", "ibi,9", "ibi,967,", "ibi,967,2026-03", "ibi,967,2026-03-01T09:30:1"])
def test_a_last_line_that_is_cut_is_left_out(cut: str) -> None:
    content = content_of([HEADING, *beats(10), cut], end="")
    assert len(content.ticks) == 10
    assert "its last line (12) is cut off and left out" in content.decisions


def test_a_last_line_that_only_lacks_its_end_is_read() -> None:
    assert len(content_of([HEADING, *beats(10)], end="").ticks) == 10


def test_a_broken_line_anywhere_else_is_refused_with_its_number() -> None:
    for line in ("ibi,9_7," + at(3), "ibi,-9," + at(3), "ibi,," + at(3), "ibi,900,yesterday", "ibi,900"):
        with pytest.raises(ImportRefused) as caught:
            content_of([HEADING, *beats(2), line, *beats(2, since=3)])
        assert caught.value.where == "line 4"


def test_notes_and_paces_are_markers_since_the_first_opening() -> None:
    lines = [
        HEADING, *beats(4), f"Annotation,slow, then fast,{at(2.5)}", f"PacerRate,6.0,{at(3)}", f"HrvTarget,200,{at(3)}",
        f"Sensors,H10 12345678, AA:BB:CC,{at(3)}", f"Annotation,never,{'x'}", *beats(3, since=4),
    ]  # fmt: skip
    content = content_of(lines)
    assert content.markers == (
        Marker(TICKS_PER_S * 5 // 2, "slow, then fast"),
        Marker(3 * TICKS_PER_S, "pacer 6.0 a minute"),
    )
    assert "rows of other values than intervals, left out: 2" in content.decisions
    assert "notes without a time that can be read, left out: 1" in content.decisions
    assert "12345678" not in str(content)


def test_a_night_in_which_the_clock_is_set_has_no_hole() -> None:
    lines = [f"ibi,1000,2026-03-29T01:59:{second:02}.500000" for second in range(40, 60)]
    lines += [f"ibi,1000,2026-03-29T03:00:{second:02}.500000" for second in range(20)]
    content = content_of([HEADING, *lines])
    assert content.holes == ()
    assert content.why is None
    assert any("set forward by an hour at 2:00" in each for each in content.decisions)


def test_it_is_said_that_the_hour_is_ambiguous_and_what_openhrv_does() -> None:
    told = " ".join(content_of([HEADING, *beats(3)]).decisions)
    assert "ambiguous" in told
    assert "rounds intervals up" in told
    assert "arrivals" in told


def test_a_file_without_an_interval_is_refused() -> None:
    with pytest.raises(ImportRefused, match="holds no interval"):
        content_of([HEADING, f"PacerRate,6.0,{at(3)}"])


def test_a_silence_is_a_hole_though_the_heading_is_not_repeated() -> None:
    (hole,) = content_of([HEADING, *beats(30), *beats(30, since=90)]).holes
    assert hole == Hole(30, 60 * TICKS_PER_S)


def test_other_tables_are_not_claimed() -> None:
    for line in (b"event,value\n", b"timestamp,event,value\n", b"", b"event,value,timestamp,elapsed_sec\n"):
        assert not READERS[0].claims(in_memory("openhrv.csv", line))


def test_mutants_are_refused_in_a_sentence_or_read() -> None:
    lines = [HEADING, *beats(12), f"Annotation,x,{at(12)}", HEADING, *beats(12, since=40)]
    assert only_refusals(READERS, "o.csv", "\n".join(lines).encode() + b"\n") > 50
