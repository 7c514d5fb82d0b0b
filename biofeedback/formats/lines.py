"""Lines, cells and numbers of text files, read more strictly than Python does (RECORDING 2.3 row 5)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final, TypeAlias

from biofeedback.errors import ImportRefused
from biofeedback.formats.foreign import Foreign, decoded

LONGEST_LINE: Final = 64 * 1024
MOST_COLUMNS: Final = 256
MOST_BEATS: Final = 5_000_000
MEND: Final = "Mend or remove that line; nothing was read."
NUMBER: Final = re.compile(r"[0-9]{1,15}(?:[.,][0-9]{1,20})?\Z")
"""A number that is no interval in disguise: no sign, no exponent, no other digits than 0-9, no nan."""
_END: Final = re.compile(r"\r\n|\r|\n")
_BLANKS: Final = re.compile(r'("[^"]*")|[ \t]+')


def lines_of(text: str, *, longest: int | None = LONGEST_LINE) -> Iterator[tuple[int, str]]:
    """Number (from 1) and text of each line, whichever way lines end. Raises ImportRefused for one that is too long."""
    number, place = 1, 0
    for end in _END.finditer(text):
        _check_length(end.start() - place, number, longest)
        yield number, text[place : end.start()]
        number, place = number + 1, end.end()
    if place < len(text):
        _check_length(len(text) - place, number, longest)
        yield number, text[place:]


def _check_length(length: int, number: int, longest: int | None) -> None:
    if longest is not None and length > longest:
        raise ImportRefused("it is longer than 64 KiB.", "Export the file again.", f"line {number}")


def pieces_of(text: str, ends: re.Pattern[str] = _END, size: int = 1 << 18) -> Iterator[str]:
    """The same text in pieces of some 256 KiB, each cut after an `ends`: for work on many lines at once."""
    place = 0
    while place < len(text):
        cut = ends.search(text, min(place + size, len(text)))
        end = cut.end() if cut is not None else len(text)
        yield text[place:end]
        place = end


def cells_of(line: str, delimiter: str, number: int = 0) -> list[str]:
    """A line's cells, without the blanks around them; cells may stand in double quotes.

    `delimiter`: one sign; a blank stands for any run of blanks and tabs. Raises ImportRefused, naming line `number`,
    for a quote that is not closed or is followed by more than blanks, and for more than 256 columns.
    """
    if delimiter == " ":
        line, delimiter = _BLANKS.sub(_tabbed, line.strip(" \t")), "\t"
    if '"' in line:
        return _quoted(line, delimiter, number)
    cells = line.split(delimiter, MOST_COLUMNS)
    _check_columns(cells, number)
    return [cell.strip(" \t") for cell in cells]


def _tabbed(found: re.Match[str]) -> str:
    quoted: str | None = found[1]
    return quoted or "\t"


def _check_columns(cells: list[str], number: int) -> None:
    if len(cells) > MOST_COLUMNS:
        raise ImportRefused(f"it has more than {MOST_COLUMNS} columns.", "Export the file again.", f"line {number}")


def _quoted(line: str, delimiter: str, number: int) -> list[str]:
    cells: list[str] = []
    blanks = " " if delimiter == "\t" else " \t"
    place = 0
    while True:
        start = place
        while start < len(line) and line[start] in blanks:
            start += 1
        if line[start : start + 1] == '"':
            text, place = _inside(line, start + 1, number)
            end = line.find(delimiter, place)
            if line[place : len(line) if end < 0 else end].strip(" \t"):
                raise _bad_quote("something stands behind a closing quote.", number)
        else:
            end = line.find(delimiter, place)
            text = line[place:] if end < 0 else line[place:end]
        cells.append(text.strip(" \t"))
        _check_columns(cells, number)
        if end < 0:
            return cells
        place = end + len(delimiter)


def _inside(line: str, place: int, number: int) -> tuple[str, int]:
    """The text of a quoted cell from `place` on, and where its closing quote ends."""
    parts: list[str] = []
    while True:
        end = line.find('"', place)
        if end < 0:
            raise _bad_quote("a quote is not closed.", number)
        parts.append(line[place:end])
        if line[end + 1 : end + 2] != '"':
            return "".join(parts), end + 1
        parts.append('"')
        place = end + 2


def _bad_quote(what: str, number: int) -> ImportRefused:
    return ImportRefused(what, "Mend that line or export the file again.", f"line {number}")


Row: TypeAlias = tuple[int, list[str]]
"""One line of a log: its number, and its cells without blanks around them."""


def rows_below(text: str, delimiter: str, least: int) -> tuple[list[Row], str | None]:
    """The rows below the first line that holds anything, and a sentence when the last one was cut and is left out.

    A program that is killed leaves half a line: without a line end and with fewer than `least` cells. Raises
    ImportRefused, naming the line, for any other row with fewer cells, for a line over 64 KiB and for too many rows.
    """
    lines = (text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text).split("\n")
    rows: list[Row] = []
    for number, line in enumerate(lines, start=1):
        if not line or line.isspace():
            continue
        if len(line) > LONGEST_LINE:
            raise ImportRefused("it is longer than 64 KiB.", "Export the file again.", f"line {number}")
        rows.append((number, [cell.strip(" \t") for cell in line.split(delimiter)]))
    if len(rows) > MOST_BEATS:
        raise ImportRefused("it holds more than 5 million rows.", "Cut it into parts.")
    cut = None
    del rows[:1]
    if rows and len(rows[-1][1]) < least and not text.endswith(("\n", "\r")):
        cut = f"its last line ({rows.pop()[0]}) is cut off and left out"
    for number, cells in rows:
        if len(cells) < least:
            raise ImportRefused(f"it has {len(cells)} of {least} columns.", "Mend that line.", f"line {number}")
    return rows, cut


def cells_in(rows: Sequence[Row], column: int) -> list[tuple[int, str]]:
    """The cells of one column with the numbers of their lines."""
    return [(number, cells[column]) for number, cells in rows]


def number_of(cell: str) -> Decimal | None:
    """A cell as a number, decimal point or comma; None when it is none."""
    return Decimal(cell.replace(",", ".")) if NUMBER.match(cell) else None


def interval_of(cell: str, number: int) -> Decimal:
    """A cell that has to be a number. Raises ImportRefused naming the line."""
    found = number_of(cell)
    if found is None:
        raise ImportRefused(f"this is no number: '{printable(cell)}'.", MEND, f"line {number}")
    return found


def printable(text: str, longest: int = 40) -> str:
    """The beginning of a text, for a message: signs that would steer a terminal are left out."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:longest])


def beginning_of(file: Foreign) -> str:
    """The first 64 KiB as text, for telling formats apart; empty where it is no text."""
    try:
        return decoded(file.head, cut=True)
    except ImportRefused:
        return ""
