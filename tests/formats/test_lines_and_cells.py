"""Lines, cells and numbers of foreign text: stricter than Python's own readers (RECORDING 2.3 row 5)."""

from __future__ import annotations

import csv
import re
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.errors import ImportRefused
from biofeedback.formats.foreign import decoded, in_memory
from biofeedback.formats.lines import (
    MOST_COLUMNS,
    beginning_of,
    cells_of,
    interval_of,
    lines_of,
    number_of,
    pieces_of,
    printable,
)
from tests.formats.samples import read_bytes, refusal


def test_row_5_a_nul_is_refused_wherever_it_stands() -> None:
    for data in (b"\0", b"800\n8\x000\n810\n", b"rr;time\n800;1\n81\x000;2\n", b"800\n" * 40_000 + b"\0"):
        with pytest.raises(ImportRefused):
            read_bytes("rr.txt", data)
    with pytest.raises(ImportRefused, match="NUL"):
        decoded(b"800\n8\x000\n")


def test_row_5_a_field_of_200_kb_is_refused_with_its_line() -> None:
    """Python's csv module takes 131 072 letters."""
    long = b"8" * 200_000
    with pytest.raises(ImportRefused, match="longer than 64 KiB") as caught:
        list(lines_of((b"800,1\n" + long + b",2\n").decode()))
    assert caught.value.where == "line 2"
    assert refusal("rr.csv", b"rr,time\n800,1\n" + long + b",2\n").where == "line 3"
    assert refusal("rr.txt", b"800\n" + long + b"\n").where == "line 2"


def test_row_5_a_line_of_exactly_64_kib_is_read() -> None:
    assert len(list(lines_of("8" * 65_536))) == 1
    with pytest.raises(ImportRefused):
        list(lines_of("8" * 65_537))


def test_row_5_a_quote_that_is_not_closed_is_refused_with_its_line() -> None:
    found = refusal("rr.csv", b'rr,time\n800,1\n"810,2\n805,3\n')
    assert (found.where, found.what) == ("line 3", "a quote is not closed.")
    assert found.advice == "Mend that line or export the file again."


@pytest.mark.parametrize("line", ['"800"9,1', '"800" 9,1', '"800"",1', '1,"8"00'])
def test_row_5_what_stands_behind_a_quote_is_not_dropped(line: str) -> None:
    with pytest.raises(ImportRefused):
        cells_of(line, ",", 4)


def test_row_5_line_ends_may_be_mixed() -> None:
    text = "800\r\n810\r805\n\r\n\r795"
    assert list(lines_of(text)) == [(1, "800"), (2, "810"), (3, "805"), (4, ""), (5, ""), (6, "795")]
    assert [ticks // 1024 for ticks in read_bytes("rr.txt", text.encode()).ticks] == [800, 810, 805, 795]
    table = b"rr;n\r800;1\r\n810;2\n805;3\r"
    assert [ticks // 1024 for ticks in read_bytes("rr.csv", table).ticks] == [800, 810, 805]


def test_row_5_256_columns_are_read_and_257_refused() -> None:
    assert len(cells_of(",".join("8" * MOST_COLUMNS), ",")) == 256
    for line in (",".join("8" * 257), '"8"' + ",8" * 256, "8 " * 256 + "8"):
        with pytest.raises(ImportRefused, match="more than 256 columns") as caught:
            cells_of(line, "," if "," in line else " ", 5)
        assert caught.value.where == "line 5"


def test_row_5_a_line_of_quotes_costs_no_more_than_its_length() -> None:
    """A copy of the rest for each cell would take 32 000 times 64 KiB here."""
    with pytest.raises(ImportRefused, match="256 columns"):
        cells_of('"",' * 21_000, ",")
    assert cells_of('"' + '""' * 32_000 + '"', ",") == ['"' * 32_000]


@given(st.text(alphabet="8\r\n", max_size=30), st.integers(1, 9))
def test_lines_are_those_of_universal_newlines(text: str, size: int) -> None:
    found = list(lines_of(text))
    assert [line for _, line in found] == re.sub(r"\r\n?", "\n", text).removesuffix("\n").split("\n")[: len(found)]
    assert [number for number, _ in found] == list(range(1, len(found) + 1))
    pieces = list(pieces_of(text, size=size))
    assert "".join(pieces) == text
    assert all(piece[-1] in "\r\n" for piece in pieces[:-1])


@given(st.lists(st.text(alphabet='ab",;\t 1', max_size=6), min_size=1, max_size=6), st.sampled_from(",;\t"))
def test_cells_are_those_of_pythons_csv_module(cells: list[str], delimiter: str) -> None:
    """Written by csv with every cell in quotes; blanks around a cell are no part of it for us."""
    line = delimiter.join('"' + cell.replace('"', '""') + '"' for cell in cells)
    (wanted,) = csv.reader([line], delimiter=delimiter, strict=True)
    assert cells_of(line, delimiter) == [cell.strip(" \t") for cell in wanted]


def test_an_empty_cell_before_a_quoted_one_keeps_its_place() -> None:
    assert cells_of('\t"a"', "\t") == ["", "a"]
    assert cells_of(' "a" ,\t"b"', ",") == ["a", "b"]


def test_runs_of_blanks_part_cells_but_not_inside_quotes() -> None:
    assert cells_of('  0.0 \t 0.8  "a b" ', " ") == ["0.0", "0.8", "a b"]


def test_numbers_are_those_of_ten_digits_and_one_point_or_comma() -> None:
    assert number_of("0,809") == number_of("0.809") == Decimal("0.809")
    for cell in (
        "1_000",
        "٨٠٠",
        "８００",
        "nan",
        "inf",
        "1e4",
        "-800",
        "+800",
        "0x3",
        "8.",
        ".8",
        "1" * 16,
        "80\n",
        "",
    ):
        assert number_of(cell) is None
    with pytest.raises(ImportRefused, match=r"this is no number: '8\?0'") as caught:
        interval_of("8\x1b0", 7)
    assert caught.value.where == "line 7"


def test_a_message_holds_the_beginning_of_a_text_and_no_control_signs() -> None:
    assert printable("a\x1b[31m\u202eb" + "c" * 99) == "a?[31m?b" + "c" * 32


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"\xef\xbb\xbf800", "800"),
        (b"\xff\xfe8\0", "8"),
        (b"\xfe\xff\x008", "8"),
        ("Größe".encode(), "Größe"),
        ("Größe".encode("cp1252"), "Größe"),
        (b"\xef\xbb\xbf", ""),
        (b"\xff\xfe", ""),
        (b"", ""),
    ],
)
def test_text_is_decoded_by_its_mark_else_utf_8_else_windows_1252(data: bytes, text: str) -> None:
    assert decoded(data) == text


def test_a_beginning_may_end_in_the_middle_of_a_letter() -> None:
    assert decoded("aß".encode()[:-1], cut=True) == "a"
    assert decoded("aß €".encode("cp1252"), cut=True) == "aß €"
    assert decoded(b"\xff\xfe8\x008", cut=True) == "8"


@pytest.mark.parametrize("data", [b"\xff\xfe8", b"\xef\xbb\xbf\xff", b"\xff\xfe\x00\xd8"])
def test_what_begins_as_marked_text_and_is_none_is_refused(data: bytes) -> None:
    with pytest.raises(ImportRefused, match="not text"):
        decoded(data)
    assert beginning_of(in_memory("x", b"8\0")) == ""
