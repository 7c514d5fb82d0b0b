"""HRV4Training: one row a day with that morning's values, no intervals (FORMATS 1.2)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date
from typing import Final

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.lines import cells_of, lines_of
from biofeedback.formats.readers.columns import delimiter_of
from biofeedback.formats.reading import Choices, Progress, Reader

NAME: Final = "hrv4training"
WHY: Final = "one row a day and no intervals: there is nothing in it to replay or analyse"
_DAY: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?![0-9])")
_TIMES: Final = ("timestamp_measurement", "date", "datetime")


def _heading(line: str) -> list[str]:
    try:
        return [cell.casefold() for cell in cells_of(line, delimiter_of(line))]
    except ImportRefused:
        return []


def claims(file: Foreign) -> bool:
    """Whether its heading names days and the values of HRV4Training, in its iPhone or its Android order."""
    cells = _heading(file.first_line)
    days = any(word in cells for word in _TIMES)
    values = any(cell.startswith("rmssd") for cell in cells)
    return days and values and any(cell.startswith("hrv4t_") or cell == "timestamp_measurement" for cell in cells)


def read(file: Foreign, choices: Choices, progress: Progress) -> Content:
    """How many days it holds, from when to when."""
    del choices
    cells = _days(file.text)
    progress(1.0)
    about: dict[str, str | int] = {"rows": len(cells)}
    days = _in_order(cells)
    if days:
        about |= {"first_day": min(days).isoformat(), "last_day": max(days).isoformat()}
    return Content(NAME, "summary", why=WHY, about=about)


def _days(text: str) -> list[str]:
    """The cell of the day of each row. Raises ImportRefused for a row that has none."""
    column, delimiter, found = -1, ",", list[str]()
    for number, line in lines_of(text):
        if not line.strip(" \t,;"):
            continue
        if column < 0:
            delimiter = delimiter_of(line)
            heading = [cell.casefold() for cell in cells_of(line, delimiter, number)]
            column = next((at for at, cell in enumerate(heading) if cell in _TIMES), -1)
            if column < 0:
                raise ImportRefused(
                    "no heading in it names the day.", "Export it again from HRV4Training.", f"line {number}"
                )
            continue
        cells = cells_of(line, delimiter, number)
        cell = cells[column] if column < len(cells) else ""
        if _DAY.match(cell) is None:
            raise ImportRefused("this row has no day.", "Export it again from HRV4Training.", f"line {number}")
        found.append(cell)
    return found


def _in_order(cells: Sequence[str]) -> list[date]:
    """The days; the Android app writes year, day, month. Empty when neither order makes days of all of them."""
    parts = [tuple(map(int, found.groups())) for found in map(_DAY.match, cells) if found is not None]
    for month, day in ((1, 2), (2, 1)):
        try:
            return [date(each[0], each[month], each[day]) for each in parts]
        except ValueError:
            continue
    return []


READERS: Final[tuple[Reader, ...]] = (Reader(NAME, claims, read),)
