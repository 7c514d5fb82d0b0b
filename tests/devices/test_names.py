"""What straps are called: whatever comes out of the air stays one short line without an address."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.names import LONGEST_NAME, is_address, is_named, readable, words_of

ADDRESS = "A0:9E:1A:00:00:01"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("Polar H10 12345678", "Polar H10 12345678"),
        ("Po\x1b[31mlar\r\n\tH10\x00", "Po [31mlar H10"),
        ("\u202eevil\u2066", "evil"),
        ("\ud800H10", "H10"),
        ("  ", ""),
        ("A" * 248, "A" * LONGEST_NAME),
        ("a0-9e-1a-00-00-01", ""),
        ("A09E1A000001", ""),
        ("HRM A0:9E:1A:00:00:01", ""),
        ("H10 00:01", "H10 00:01"),
    ],
)
def test_a_name_is_one_short_line_and_never_the_address(name: str, line: str) -> None:
    assert readable(name, ADDRESS) == line


@given(st.text(st.characters(codec=None), max_size=300))
def test_any_name_can_be_shown_and_recorded_and_read_again(name: str) -> None:
    line = readable(name, ADDRESS)
    assert len(line.encode()) <= 4 * LONGEST_NAME
    assert line.isprintable()
    assert readable(line, ADDRESS) == line
    assert is_named(name, line, ADDRESS), "by its own name it is found"


@pytest.mark.parametrize("typed", [ADDRESS, ADDRESS.lower(), "A0-9E-1A-00-00-01", f" {ADDRESS} "])
def test_an_address_is_one_however_it_is_typed(typed: str) -> None:
    assert is_address(typed)
    assert is_named(typed, "", ADDRESS)
    assert words_of(typed).casefold() == ADDRESS.casefold()
