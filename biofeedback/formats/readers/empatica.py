"""Empatica E4: IBI.csv, intervals of its pulse wave with the time of each beat since the start."""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from typing import Final

from biofeedback.errors import ImportRefused
from biofeedback.formats.arrivals import OPTICAL, column_of, span_why
from biofeedback.formats.clocks import S
from biofeedback.formats.content import Content, Marker
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.lines import cells_in, interval_of, lines_of, rows_below
from biofeedback.formats.dates import unix_start
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.formats.units import ticks_of, wholes_of
from biofeedback.hrv.ticks import TICKS_PER_S

SLACK: Final = TICKS_PER_S // 50
"""Samples come 64 times a second; what is shorter than one and a half of them is no missing beat."""
_HEADING: Final = re.compile(r"\s*([0-9]{1,12}(?:\.[0-9]{1,9})?)\s*,\s*IBI\s*\Z", re.IGNORECASE)


def _claims(file: Foreign) -> bool:
    return _HEADING.match(file.first_line) is not None


def _read(file: Foreign, _choices: Choices, _progress: Progress) -> Content:
    heading = _HEADING.match(file.first_line)
    rows, cut = rows_below(file.text, ",", 2)
    if not rows or heading is None:
        raise ImportRefused("it holds no interval, as when the E4 found no steady pulse.", "Choose another recording.")
    began = Decimal(heading[1])
    ticks = wholes_of(cells_in(rows, 1), TICKS_PER_S)
    column = wholes_of(cells_in(rows, 0), TICKS_PER_S)
    told_by = column_of(ticks, column, SLACK)
    markers, told = _tags(file, began, told_by.opened)
    start = unix_start(int(began * S) + round(Fraction(told_by.opened * S, TICKS_PER_S)))
    span = column[-1] - column[0] + ticks[0]
    return Content(
        "empatica ibi",
        "rr",
        ticks,
        unit="s",
        rule="Empatica writes s",
        start=start,
        holes=told_by.holes,
        markers=markers,
        why=span_why(ticks, told_by.holes, span, "its times of beats"),
        decisions=(OPTICAL, *(each for each in (cut, told_by.odd) if each), *told),
    )


def _tags(file: Foreign, began: Decimal, opened: int) -> tuple[tuple[Marker, ...], list[str]]:
    """Presses of its button, from tags.csv beside it, as markers."""
    other = file.beside("tags.csv")
    if other is None:
        return (), []
    try:
        cells = [(number, line.strip()) for number, line in lines_of(other.text) if line.strip()]
        times = [interval_of(cell, number) - began for number, cell in cells]
        ticks = ticks_of(times, Fraction(TICKS_PER_S))
    except ImportRefused as error:
        return (), [f"the presses of its button in tags.csv are left out: {error.where} {error.what}"]
    markers = tuple(Marker(at - opened, "button") for at in ticks)
    return markers, [f"the presses of its button are those of tags.csv: {len(markers)}"] if markers else []


READERS: Final[tuple[Reader, ...]] = (Reader("empatica ibi", _claims, _read),)
