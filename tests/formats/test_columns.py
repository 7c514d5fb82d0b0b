"""Tables with a heading or of bare columns: the column of intervals is found, or somebody asked (FORMATS 1.2)."""

from __future__ import annotations

import random
from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content
from biofeedback.formats.dates import moment_of
from biofeedback.formats.detect import content_of
from biofeedback.formats.foreign import in_memory
from biofeedback.formats.headings import Meaning, meaning_of
from biofeedback.formats.reading import Choices
from biofeedback.formats.readers import columns
from biofeedback.formats.readers.columns import READERS
from tests.formats.refusals import only_refusals
from tests.formats.samples import check, expected, read, read_bytes, sample, refusal

BEATS = [800, 812, 795, 830, 801, 777, 790, 845, 860, 822]
TIMES = [0, *accumulate(BEATS[1:])]
"""The first row stands at time 0: its beat closed an interval of which nothing else is known."""


def table(text: str, **choices: str) -> Content:
    return read_bytes("table.csv", text.encode(), Choices(**choices))  # type: ignore[arg-type]


def ms(found: Content) -> list[float]:
    return [ticks / 1024 for ticks in found.ticks]


@pytest.mark.parametrize(
    ("heading", "meaning"),
    [
        ("rr", Meaning("rr")), ("RRI", Meaning("rr")), (" IBI ", Meaning("rr")), ("nn", Meaning("rr")),
        ("RR (ms)", Meaning("rr", "ms")), ("RR-interval [ms]", Meaning("rr", "ms")),
        ("rr_interval_s", Meaning("rr", "s")),
        ("RR Intervals (sec)", Meaning("rr", "s")), ("rr_raw_1024", Meaning("rr", "1/1024")),
        ("rr_ms", Meaning("rr", "ms")),
        ("IBI corrected", Meaning("rr")), ("raw rr [ms]", Meaning("rr", "ms")), ("Inter-Beat Interval", Meaning("rr")),
        ("PPI [ms]", Meaning("pulse", "ms")), ("Zeit", Meaning("time")), ("time_s", Meaning("time", "s")),
        ("HR [bpm]", Meaning("rate", "bpm")), ("heart_rate", Meaning("rate")), ("Puls", Meaning("rate")),
        ("RR (bpm)", Meaning("rate", "bpm")), ("RR [mmHg]", Meaning("other")), ("since_start", Meaning("time")),
        ("Notiz", Meaning("note")), ("corrected_ms", Meaning("other", "ms")), ("", Meaning("other")),
        ("rr" * 100, Meaning("other")), ("rMSSD", Meaning("other")),
    ],
)  # fmt: skip
def test_what_headings_mean(heading: str, meaning: Meaning) -> None:
    assert meaning_of(heading) == meaning


@pytest.mark.parametrize("heading", ["rr", "RRI", "ibi", "NN", "RR (ms)", '"RR-Interval [ms]"', "rr_ms"])
@pytest.mark.parametrize("delimiter", [";", ",", "\t"])
def test_a_heading_names_the_column(heading: str, delimiter: str) -> None:
    text = f"beat{delimiter}{heading}{delimiter}hr\n"
    text += "".join(f"{at}{delimiter}{beat}{delimiter}75\r\n" for at, beat in enumerate(BEATS))
    found = table(text)
    assert (found.format, found.verdict, found.unit, ms(found)) == ("csv", "rr", "ms", BEATS)
    assert found.about["column"] == heading.strip('"')
    assert "its heart rate column was left out" in found.decisions


def test_one_column_under_a_heading_with_point_or_comma() -> None:
    assert ms(table("RR\n800\n812\n795\n")) == [800, 812, 795]
    assert ms(table("RR\n0.8\n0.75\n0.5\n")) == ms(table("RR\n0,8\n0,75\n0,5\n")) == [800, 750, 500]
    assert ms(table("RR (ms)\n800,5\n812\n795\n")) == [800.5, 812, 795]


def test_cells_in_quotes_may_hold_the_delimiter() -> None:
    found = table('"time","rr"\n"26/06/2018 22:41:56","0,800"\n"26/06/2018 22:41:57","0,750"\n')
    assert (ms(found), found.unit) == ([800, 750], "s")
    assert found.start is not None
    assert found.start.text == "2018-06-26T22:41:56"


def test_commas_for_cells_and_decimals_at_once_are_refused() -> None:
    found = refusal("table.csv", b"Zeit,RR\n0,1,114\n1,1,113\n")
    assert (found.where, found.what) == ("line 2", "it has 3 cells under 2 headings.")
    assert found.advice == "If commas part both cells and decimals, export it with semicolons."


def test_1_3_a_cell_that_is_no_number_is_refused_with_its_line() -> None:
    for cell in ("8_00", "nan", "-800", "８００", "1e3"):
        assert refusal("table.csv", f"rr;n\n800;1\n\n{cell};2\n805;3\n".encode()).where == "line 4"
    partial = read_bytes("t.csv", b"rr;n\n800;1\nwat;2\n", Choices(partial=True))
    assert ms(partial) == [800]
    assert any(words.startswith("line 3: this is no number") for words in partial.decisions)


def test_rows_without_an_interval_and_repeated_headings_are_left_out_and_said() -> None:
    found = table("rr,hr\n800,75\n,75\n812,75\nrr,hr\n795,76\n,\n")
    assert ms(found) == [800, 812, 795]
    assert "2 rows without an interval were left out" in found.decisions
    assert "the heading stands 1 times more among the rows" in found.decisions
    with pytest.raises(ImportRefused, match="no interval in it"):
        table("rr,hr\n,75\n,76\n")


def test_lines_above_the_heading_are_left_out_and_said() -> None:
    found = table("Recorder;3000\nOperator;A\ntime;rr\n0.5;800\n1;812\n")
    assert ms(found) == [800, 812]
    assert "2 lines above the heading were left out" in found.decisions


def test_a_table_of_heart_rate_only_is_refused_in_words() -> None:
    with pytest.raises(ImportRefused) as caught:
        table("time,HR (bpm)\n0,75\n1,76\n2,76\n")
    assert caught.value.what == "it holds heart rate only (column 'HR (bpm)'), no RR."
    assert "beats cannot be made of heart rate" in caught.value.advice


def test_several_columns_of_intervals_ask_by_name_and_signal_answers() -> None:
    text = "RR raw;RR corrected\n800;801\n812;813\n"
    found = table(text)
    assert found.verdict == "ask"
    assert found.why == "it has several columns of intervals: 'RR raw', 'RR corrected'; say which with --signal"
    assert ms(table(text, signal="rr corrected")) == [801, 813]
    with pytest.raises(ImportRefused, match="no one column 'rr'"):
        table(text, signal="rr")
    assert ms(table("rr;nn\n800;\n812;\n")) == [800, 812]


def test_pulse_intervals_are_called_so() -> None:
    found = table("ppi (ms)\n800\n812\n")
    assert found.verdict == "rr"
    assert "intervals of a pulse wave (PPI), not RR" in found.decisions


@pytest.mark.parametrize(
    ("heading", "value", "unit", "verdict"),
    [
        ("rr (ms)", "800", "ms", "rr"), ("rr (s)", "0.8", "s", "rr"), ("rr_1024", "800", "1/1024", "rr"),
        ("rr (ms)", "180", "ms", "rr"), ("rr", "180", None, "ask"), ("rr (ms)", "0.8", None, "ask"),
        ("rr (s)", "800", None, "ask"),
    ],
)  # fmt: skip
def test_1_3_the_heading_says_the_unit_unless_the_numbers_say_otherwise(
    heading: str, value: str, unit: str | None, verdict: str
) -> None:
    found = table(f"{heading}\n" + f"{value}\n" * 4)
    assert (found.verdict, found.unit) == (verdict, unit)
    assert table(f"{heading}\n" + f"{value}\n" * 4, unit="samples@256").unit == "samples@256"


def test_a_column_of_intervals_that_only_rises_asks() -> None:
    assert table("rr (ms)\n" + "".join(f"{800 * at}\n" for at in range(1, 15))).verdict == "ask"


def seconds(value: int) -> str:
    return f"{value / 1000:.3f}"


@pytest.mark.parametrize("delimiter", [" ", "\t", ";", ",", "   "])
@pytest.mark.parametrize("unit", ["s", "ms"])
@pytest.mark.parametrize("swapped", [False, True])
def test_two_bare_columns_where_steps_of_time_are_the_intervals(delimiter: str, unit: str, *, swapped: bool) -> None:
    write = seconds if unit == "s" else str
    pairs = [(seconds(at), write(beat)) for at, beat in zip(TIMES, BEATS, strict=True)]
    found = table("".join(delimiter.join(pair[::-1] if swapped else pair) + "\n" for pair in pairs))
    assert (found.format, found.verdict, found.unit) == ("columns", "rr", unit)
    assert ms(found) == pytest.approx(BEATS)
    assert (found.why, found.holes) == (None, ())
    assert found.about["column"] == ("column 1" if swapped else "column 2")


def test_two_bare_columns_with_decimal_commas() -> None:
    pairs = "".join(f"{seconds(at)} {seconds(beat)}\n" for at, beat in zip(TIMES, BEATS, strict=True))
    assert ms(table(pairs.replace(".", ","))) == pytest.approx(BEATS)


def test_a_first_row_that_repeats_the_second_interval_at_time_0_is_left_out() -> None:
    """M in FORMATS 1.2: `0.000 0.809` and then `0.809 0.809`: one interval, not two."""
    rows = [(0, BEATS[1]), *zip(TIMES[1:], BEATS[1:], strict=True)]
    found = table("".join(f"{seconds(at)} {seconds(beat)}\n" for at, beat in rows))
    assert ms(found) == pytest.approx(BEATS[1:])
    assert "the first row repeats the interval of the second at time 0 and was left out" in found.decisions


def test_times_of_the_opening_beat_keep_the_first_row() -> None:
    opened = [0, *accumulate(BEATS[:-1])]
    rows = list(zip(opened, BEATS, strict=True))
    found = table("".join(f"{seconds(at)} {seconds(beat)}\n" for at, beat in rows))
    assert ms(found) == pytest.approx(BEATS)
    assert len(found.decisions) == 1


@pytest.mark.parametrize("closing", [True, False])
def test_a_step_longer_than_its_interval_is_a_hole(*, closing: bool) -> None:
    beats = BEATS * 3
    times = list(accumulate(beats)) if closing else [0, *accumulate(beats[:-1])]
    times = [at + (5000 if place >= 12 else 0) for place, at in enumerate(times)]
    found = table("time (s);rr (ms)\n" + "".join(f"{seconds(at)};{rr}\n" for at, rr in zip(times, beats, strict=True)))
    assert ms(found) == beats
    assert [(hole.before, hole.ticks) for hole in found.holes] == [(12, 5000 * 1024)]
    assert any("hole" in words for words in found.decisions)


def test_notes_become_markers_at_the_beat_beside_them_holes_counted() -> None:
    text = "time (ms);rr (ms);note\n800;800;begin\n1600;800;\n2400;800;\n9400;800;after\n10200;800;\n11000;800;\n"
    found = table(text)
    assert [(marker.at / 1024, marker.text) for marker in found.markers] == [(800, "begin"), (9400, "after")]


def test_1_3_a_sum_unlike_the_span_of_the_times_is_doubted_but_read() -> None:
    text = "time (s),rr (ms)\n" + "".join(f"{at * 2},800\n" for at in range(20))
    found = table(text)
    assert (found.verdict, len(found.ticks)) == ("rr", 20)
    assert found.why == "its intervals add up to 16.0 s, but its time column spans 38.0 s"
    dated = table("date,rr\n" + "".join(f"2025-05-01 10:00:{at * 2:02},800\n" for at in range(20)))
    assert dated.why == found.why
    assert table("date,rr\n" + "".join(f"2025-05-01 10:00:{at:02},1000\n" for at in range(20))).why is None


def test_a_column_that_counts_rows_is_no_time() -> None:
    found = table("Zeit;RR\n" + "".join(f"{at};0,5\n" for at in range(50)))
    assert found.why is None
    assert "its time column only numbers the rows and was not used" in found.decisions


def test_a_column_that_may_count_seconds_is_told() -> None:
    said = "should its time column count seconds, it holds one value a second and no beats"
    assert said in table("time,rr\n" + "".join(f"{at},812\n" for at in range(60))).decisions
    assert said not in table("time,rr\n" + "".join(f"{at},1000\n" for at in range(60))).decisions
    bare = table("".join(f"{at / 4} {800 + at % 7}\n" for at in range(60)))
    assert bare.why == "its intervals add up to 48.2 s, but its time column spans 14.8 s"


def test_a_column_of_times_that_is_not_used_is_told() -> None:
    said = "its column of times 'time' was left out"
    assert said in table("time,rr\n10:00:00.812,812\n10:00:01.607,795\n").decisions
    assert said not in table("time,rr\n0.812,812\n1.607,795\n").decisions


@pytest.mark.parametrize(("heading", "cell"), [("rr (ms)", "73"), ("rr (ms)", "812000"), ("ibi (s)", "73"),
                                               ("rr_1024", "0.812")])  # fmt: skip
def test_a_heading_is_not_believed_against_all_sense(heading: str, cell: str) -> None:
    found = table(f"{heading}\n" + f"{cell}\n" * 12)
    assert (found.verdict, "which is no usual interval" in (found.why or "")) == ("ask", True)


def test_bare_numbers_above_a_heading_are_not_left_out() -> None:
    """Two exports in one file, of which only the second has a heading."""
    with pytest.raises(ImportRefused) as refused:
        content_of(in_memory("a.csv", b"812\n795\n820\nRR\n777\n805\n"), Choices(), lambda _: None)
    assert refused.value.where == "line 4"


def test_times_that_go_back_are_doubted() -> None:
    times = list(accumulate(BEATS * 3))
    times[20:] = [at - 9000 for at in times[20:]]
    text = "".join(f"{seconds(at)} {seconds(rr)}\n" for at, rr in zip(times, BEATS * 3, strict=True))
    assert table(text).why == "its time column goes back 1 times"


def test_bare_columns_without_times_ask_unless_only_one_can_be_intervals() -> None:
    one = table("".join(f"{rr} {60_000 // rr} 1\n" for rr in BEATS))
    assert ms(one) == BEATS
    assert "column 1 was read, the only one whose values are usual intervals" in one.decisions
    text = "".join(f"{rr} {rr + 9}\n" for rr in BEATS)
    several = table(text)
    assert several.verdict == "ask"
    assert several.why == (
        "it has no heading and 2 columns ('column 1', 'column 2' may hold intervals): say which with --signal"
    )
    assert ms(table(text, signal="column 2")) == [rr + 9 for rr in BEATS]


@pytest.mark.parametrize(
    ("text", "iso", "zone"),
    [
        ("2025-05-01 10:02:03", "2025-05-01T10:02:03", None),
        ("2025-05-01T10:02:03.5Z", "2025-05-01T10:02:03.500", "utc"),
        ("2025-05-01T10:02:03,25+0200", "2025-05-01T10:02:03.250", "+02:00"),
        ("2025-05-01 10:02:03 -04:30", "2025-05-01T10:02:03", "-04:30"),
        ("2025-05-01 10:02:03 +0000", "2025-05-01T10:02:03", "+00:00"),
        ("26/06/2018 22:41:56", "2018-06-26T22:41:56", None),
        ("06/26/2018 10:41 PM", "2018-06-26T22:41:00", None),
        ("01.05.2025 07:08", "2025-05-01T07:08:00", None),
        ("01-May-2025 10:00:00", "2025-05-01T10:00:00", None),
        ("2018-06-26 12:01:00 a. m. +0000", "2018-06-26T00:01:00", "+00:00"),
        ("2025/05/01", "2025-05-01T00:00:00", None),
    ],
)
def test_dates_as_programs_write_them(text: str, iso: str, zone: str | None) -> None:
    moment = moment_of(text)
    assert moment is not None
    assert (moment.start.text, moment.zone) == (iso, zone)


@pytest.mark.parametrize("text", ["03/04/2025 10:00:00", "2025-13-01", "31.02.2025", "1-Foo-2025", "800", "", "2" * 99])
def test_what_is_no_clear_date_is_none(text: str) -> None:
    assert moment_of(text) is None


def test_day_and_month_may_be_told_by_a_later_row_and_are_left_out_otherwise() -> None:
    found = table("time,rr\n01/04/2025 23:59:59,800\n13/04/2025 00:00:00,812\n")
    assert found.start is not None
    assert found.start.text == "2025-04-01T23:59:59"
    found = table("time,rr\n03/04/2025 10:00:00,800\n03/04/2025 10:00:01,812\n")
    assert found.start is None
    assert any("day and month cannot be told apart" in words for words in found.decisions)


def test_a_day_and_a_time_of_day_in_two_columns_are_one_start() -> None:
    found = table("date,time,rr\n2025-05-01,10:00:00,800\n2025-05-01,10:00:01,812\n")
    assert found.start is not None
    assert found.start.text == "2025-05-01T10:00:00"


@pytest.mark.parametrize(("first", "step"), [("1714550400", 1), ("1714550400123", 1000)])
def test_times_since_1970_are_a_start_in_utc(first: str, step: int) -> None:
    rows = "".join(f"{int(first) + at * step * 2},{rr}\n" for at, rr in enumerate([2000] * 8))
    found = table("timestamp,rr (ms)\n" + rows)
    assert found.start is not None
    assert found.start.zone == "utc"
    assert found.start.text.startswith("2024-05-01T08:00:00")
    assert found.why is None


@settings(max_examples=10)
@given(st.lists(st.integers(301, 2199), min_size=2, max_size=40), st.booleans())
def test_many_rows_at_once_and_one_by_one_are_the_same(beats: list[int], quoted: bool) -> None:
    mark = '"' if quoted else ""
    body = "".join(f"x{at};{mark}{rr}{mark}\n" for at, rr in enumerate(beats))
    text = "id;rr (ms)\n" + "x;800\n" * 50_000 + body
    assert ms(table(text)) == [800] * 50_000 + beats


def test_a_fault_far_down_is_named_by_its_line() -> None:
    for bad, place in (("wat", 90_002), ("8;9;9", 90_002)):
        text = "id;rr\n" + "x;800\n" * 90_000 + f"x;{bad}\n" + "x;800\n" * 9
        assert refusal("table.csv", text.encode()).where == f"line {place}"


def test_other_texts_are_not_claimed() -> None:
    for text in (
        "",
        "800\n810\n",
        "0,800\n0,810\n",
        "800, 810, 820",
        "a,b\n1,2\n",
        "{}",
        "<x>rr</x>",
        "event,value\nibi,8\n",
    ):
        assert not columns.claims(in_memory("x.csv", text.encode())), text


def test_r7_damaged_tables_give_content_or_a_refusal_and_nothing_else() -> None:
    dice = random.Random(3)
    text = "time;rr (ms);note\n" + "".join(
        f"{at / 1000:.3f};{dice.randint(600, 1100)};{'x' * (at % 3 == 0)}\n" for at in range(0, 200_000, 900)
    )
    pairs = "".join(f"{seconds(at)} {seconds(rr)}\n" for at, rr in zip(accumulate(BEATS * 20), BEATS * 20, strict=True))
    for data in (text, pairs, '"date","rr"\n' + '"2025-05-01 10:00:00","0,8"\n' * 40):
        assert only_refusals(READERS, "t.csv", data.encode(), count=200) > 10


@pytest.mark.parametrize("name", ["csv_datetime_rri.csv", "csv_header_semicolon.csv", "made_up/rr_s_decimal_comma.csv"])
def test_a9_sample_tables(name: str) -> None:
    wanted, found = expected(name), read(sample(name))
    check(found, wanted)
    assert (found.format, found.unit, found.why) == ("csv", wanted["unit"], None)
    assert found.about["column"] == wanted.get("column", "RR")
    assert (found.start and found.start.text) == wanted.get("start")
