"""Lines, cells and numbers of text files, read more strictly than Python does (RECORDING 2.3 row 5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from biofeedback.errors import ImportRefused

LONGEST_LINE: Final = 64 * 1024
MOST_COLUMNS: Final = 256
MOST_BEATS: Final = 5_000_000
NUMBER: Final = re.compile(r"[0-9]{1,15}(?:[.,][0-9]{1,20})?\Z")
"""A number that is no interval in disguise: no sign, no exponent, no other digits than 0-9, no nan."""
_END: Final = re.compile(r"\r\n|\r|\n")


def lines_of(text: str, *, longest: int | None = LONGEST_LINE) -> Iterator[tuple[int, str]]:
    """Number (from 1) and text of each line, whichever way lines end. Raises ImportRefused for one that is too long."""
    number, place = 1, 0
    for end in _END.finditer(text):
        yield number, _checked(text[place : end.start()], number, longest)
        number, place = number + 1, end.end()
    if place < len(text):
        yield number, _checked(text[place:], number, longest)


def _checked(line: str, number: int, longest: int | None) -> str:
    if longest is not None and len(line) > longest:
        raise ImportRefused("it is longer than 64 KiB.", "Export the file again.", f"line {number}")
    return line


def cells_of(line: str, delimiter: str, number: int = 0) -> list[str]:
    """A line's cells, without the blanks around them; cells may stand in double quotes.

    Raises ImportRefused, naming line `number`, for a quote that is not closed or more than 256 columns.
    """
    cells = line.split(delimiter) if '"' not in line else _quoted(line, delimiter, number)
    if len(cells) > MOST_COLUMNS:
        raise ImportRefused(f"it has more than {MOST_COLUMNS} columns.", "Export the file again.", f"line {number}")
    return [cell.strip(" \t") for cell in cells]


def _quoted(line: str, delimiter: str, number: int) -> list[str]:
    cells: list[str] = []
    place = 0
    while True:
        if line[place:].lstrip(" \t").startswith('"'):
            place = line.index('"', place) + 1
            text, place = _inside(line, place, number)
            end = line.find(delimiter, place)
            cells.append(text)
        else:
            end = line.find(delimiter, place)
            cells.append(line[place:] if end < 0 else line[place:end])
        if end < 0:
            return cells
        place = end + len(delimiter)


def _inside(line: str, place: int, number: int) -> tuple[str, int]:
    """The text of a quoted cell from `place` on, and where its closing quote ends."""
    parts: list[str] = []
    while True:
        end = line.find('"', place)
        if end < 0:
            raise ImportRefused("a quote is not closed.", "Mend that line or export the file again.", f"line {number}")
        parts.append(line[place:end])
        if line[end + 1 : end + 2] != '"':
            return "".join(parts), end + 1
        parts.append('"')
        place = end + 2


def number_of(cell: str) -> Decimal | None:
    """A cell as a number, decimal point or comma; None when it is none."""
    return Decimal(cell.replace(",", ".")) if NUMBER.match(cell) else None


def interval_of(cell: str, number: int) -> Decimal:
    """A cell that has to be a number. Raises ImportRefused naming the line."""
    found = number_of(cell)
    if found is None:
        raise ImportRefused(
            f"this is no number: '{printable(cell)}'.", "Mend or remove that line; nothing was read.", f"line {number}"
        )
    return found


def printable(text: str, longest: int = 40) -> str:
    """The beginning of a text, for a message: signs that would steer a terminal are left out."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:longest])
