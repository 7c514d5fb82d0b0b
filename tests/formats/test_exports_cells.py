"""Cells of exported tables (RECORDING 2.3 row 6)."""

from __future__ import annotations

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.formats.exports.cells import (
    STEERING,
    harmless,
    number_cell,
    seconds_cell,
    tab_cell,
    text_cell,
    truth_cell,
)


def read_back(cell: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(f"{cell},end\n", newline="")))


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ('=HYPERLINK("http://evil.example","look")', '"\'=HYPERLINK(""http://evil.example"",""look"")"'),
        ("=1+1", "'=1+1"),
        ("+49 123", "'+49 123"),
        ("-2", "'-2"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tTAB", "'\tTAB"),
        ("\rCR", '"\'\rCR"'),
        ("  =1+1", "'  =1+1"),
        ("\v@SUM(A1)", "'\v@SUM(A1)"),
        ("\ufeff=1+1", "'\ufeff=1+1"),
        ("\u200b\u202e=1+1", "'\u200b\u202e=1+1"),
        ("a;=1+1", "a;'=1+1"),
        ("a; +1", "a;' +1"),
        ("a\n=1+1", '"a\n\'=1+1"'),
        ("a; b, c = d", '"a; b, c = d"'),
        ("a = b", "a = b"),
        ("my feet, warm", '"my feet, warm"'),
        ("", ""),
    ],
)
def test_row_6_a_text_that_would_be_a_formula_gets_a_quote_before_it(text: str, cell: str) -> None:
    assert text_cell(text) == cell
    assert tab_cell(text).startswith("'") == cell.lstrip('"').startswith("'")


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_row_6_any_text_is_one_cell_that_begins_no_formula_and_is_the_text_again(text: str) -> None:
    assert read_back(text_cell(text)) == [[harmless(text), "end"]]
    assert not harmless(text).startswith(STEERING)
    kept = text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    assert harmless(text).replace("'", "") == kept.replace("'", "")
    assert not any(cell.lstrip().startswith(STEERING) for cell in re.split(r"[;\t\r\n]", harmless(text)))
    assert not tab_cell(text).startswith(STEERING)
    text_cell(text).encode()


@given(st.sampled_from(STEERING), st.text(max_size=20))
def test_row_6_every_sign_that_steers_is_made_harmless(sign: str, rest: str) -> None:
    assert harmless(sign + rest).startswith("'" + sign)


@given(st.text(st.characters(exclude_categories=()), max_size=40))
def test_a_bids_cell_is_one_cell_on_one_line_and_never_empty(text: str) -> None:
    cell = tab_cell(text)
    assert cell
    assert "\t" not in cell
    assert len(cell.splitlines()) == 1
    assert not cell.startswith(STEERING)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_reads_back_to_the_same_bits_and_never_gets_a_quote(value: float) -> None:
    cell = number_cell(value)
    assert float(cell) == value
    assert cell[0] in "-0123456789"
    assert "," not in cell
    assert read_back(cell) == [[cell, "end"]]


@given(st.integers(-(10**14), 10**14))
def test_microseconds_are_told_exactly(at_us: int) -> None:
    whole, _, rest = seconds_cell(at_us).partition(".")
    assert len(rest) == 6
    assert int(whole + rest) == at_us
    assert round(float(seconds_cell(at_us)) * 1e6) == at_us or abs(at_us) > 2**50


def test_what_is_not_there_is_an_empty_cell() -> None:
    assert (number_cell(None), seconds_cell(None), text_cell(""), tab_cell("")) == ("", "", "", "n/a")
    assert (truth_cell(True), truth_cell(False), number_cell(6.0), number_cell(0.1)) == ("true", "false", "6", "0.1")
