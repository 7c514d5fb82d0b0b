"""Tables of any program: a heading that names the intervals, or columns of which one can only be intervals.

Where a table has several columns of intervals somebody has to say which; a table of heart rate is refused.
"""

from __future__ import annotations

import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import islice, takewhile
from typing import Final

from biofeedback.errors import EXPORT_AGAIN, ImportRefused
from biofeedback.formats.content import Content
from biofeedback.formats.dates import Moment, days_come_first, is_date, moment_of, unix_start
from biofeedback.formats.foreign import HEAD_BYTES, Foreign
from biofeedback.formats.headings import Kind, Meaning, meaning_of
from biofeedback.formats.lines import (
    LONGEST_LINE,
    MOST_BEATS,
    MOST_COLUMNS,
    NUMBER,
    beginning_of,
    cells_of,
    interval_of,
    lines_of,
    number_of,
    pieces_of,
    printable,
)
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.formats.series import LEAST_FIT, Series, content_of_series, fit_of, is_counter, span_doubt_of
from biofeedback.formats.units import only_rises, ticks_each, unit_of

COMMENTS: Final = ("#", "%")
LOOKED_AT: Final = 400
"""Rows by which the columns of a table without a heading are told apart."""
HEADING_WITHIN: Final = 30
"""Lines in which a heading is looked for; above it a program may say who it is."""
_QUOTED: Final = re.compile(r'"[^"]*"')
_DECIMAL_COMMAS: Final = re.compile(r"[0-9]+(?:,[0-9]+)?(?:[ \t]+[0-9]+(?:,[0-9]+)?)*\Z")
_UNUSUAL: Final = re.compile(r'[^\t\r\n -~]|["#%]')
_FIRST_S, _LAST_S = 946_684_800, 4_102_444_800
"""The years 2000 to 2100 in seconds since 1970: larger numbers count something else."""


@dataclass(frozen=True, slots=True)
class Table:
    """How a table is laid out: `first`: the number of its first line of values; `above`: lines over the heading."""

    delimiter: str
    heading: tuple[str, ...]
    first: int
    above: int = 0

    @property
    def meanings(self) -> tuple[Meaning, ...]:
        """What each column holds, by its heading."""
        return tuple(map(meaning_of, self.heading))


@dataclass(frozen=True, slots=True)
class Roles:
    """Which columns are read: intervals, times in numbers, dates (a day and a time of day may be two), notes."""

    rr: int
    time: int | None = None
    dates: tuple[int, ...] = ()
    notes: tuple[int, ...] = ()


def delimiter_of(line: str) -> str:
    """What parts the cells of a line: a comma only where it cannot be a decimal one."""
    bare = _QUOTED.sub("x", line.strip(" \t\r\n"))
    for sign in "\t;":
        if sign in bare:
            return sign
    if "," in bare and not _DECIMAL_COMMAS.match(bare):
        return ","
    return " " if " " in bare else ","


def table_of(text: str) -> Table | None:
    """The table at the beginning of a text; None when there is none whose columns we understand."""
    lines: list[tuple[int, str]] = []
    with suppress(ImportRefused):
        lines.extend(
            (number, line)
            for number, line in islice(lines_of(text), LOOKED_AT)
            if line.strip() and not line.lstrip().startswith(COMMENTS)
        )
    return _headed(lines) or _bare(lines)


def _headed(lines: list[tuple[int, str]]) -> Table | None:
    """The first line that names intervals, else the first that names heart rate; none below a line of bare numbers."""
    above = list(takewhile(lambda each: NUMBER.match(each[1].strip(" \t;,")) is None, lines[:HEADING_WITHIN]))
    tables = [_heading_at(lines, place) for place in range(len(above))]
    found = [table for table in tables if table is not None]
    kinds = {"rr", "pulse"}
    return next(
        (each for each in found if kinds & {meaning.kind for meaning in each.meanings}), next(iter(found), None)
    )


def _heading_at(lines: list[tuple[int, str]], place: int) -> Table | None:
    number, line = lines[place]
    below = lines[place + 1][1] if place + 1 < len(lines) else ""
    delimiter = delimiter_of(below or line)
    if delimiter == "," and "," not in line:
        delimiter = ";"
    heading = _cells(line, delimiter)
    if any(map(NUMBER.match, heading)) or not {"rr", "pulse", "rate"} & {meaning_of(cell).kind for cell in heading}:
        return None
    if below and not any(map(_is_value, _cells(below, delimiter))):
        return None
    return Table(delimiter, tuple(heading), lines[place + 1][0] if below else number + 1, place)


def _cells(line: str, delimiter: str) -> list[str]:
    """A line's cells; none where it is damaged, which is told when it is read."""
    try:
        return cells_of(line, delimiter)
    except ImportRefused:
        return []


def _is_value(cell: str) -> bool:
    return NUMBER.match(cell) is not None or is_date(cell)


def _bare(lines: list[tuple[int, str]]) -> Table | None:
    if len(lines) < 2:
        return None
    delimiter = delimiter_of(lines[0][1])
    rows = [_cells(line, delimiter) for _, line in lines[:5]]
    width = len(rows[0])
    if width < 2 or all(NUMBER.match(line.strip(" \t")) for _, line in lines[:5]):
        return None
    if any(len(row) != width or not all(map(_is_value, row)) for row in rows):
        return None
    return Table(delimiter, (), lines[0][0])


def rows_of(text: str, table: Table, above: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of each row that is not empty; `above`: lines before this text.

    Raises ImportRefused for a row wider than the heading.
    """
    width = len(table.heading)
    for number, line in ((above + number, line) for number, line in lines_of(text)):
        if number < table.first or not line or line.isspace() or line.startswith(COMMENTS):
            continue
        cells = cells_of(line, table.delimiter, number)
        if width and len(cells) > width and any(cells[width:]):
            raise ImportRefused(
                f"it has {len(cells)} cells under {width} headings.",
                "If commas part both cells and decimals, export it with semicolons.",
                f"line {number}",
            )
        yield number, cells


def claims(file: Foreign) -> bool:
    """Whether it begins with a heading that names intervals or heart rate, or with rows of several numbers."""
    return table_of(beginning_of(file)) is not None


def read(file: Foreign, choices: Choices, progress: Progress) -> Content:
    """Intervals of the one column that holds them, with what the times beside them say."""
    text = file.text
    table = table_of(text[:HEAD_BYTES])
    if table is None:
        raise ImportRefused("it holds no table that is understood.", "docs/formats.md lists what is read.")
    if choices.unit is not None:
        ticks_each(choices.unit)
    name = "csv" if table.heading else "columns"
    sample = [cells for _, cells in islice(rows_of(text, table), LOOKED_AT)]
    series = Series()
    roles = _roles_of_headings(table, sample, choices) if table.heading else _roles_of_values(sample, choices, series)
    if isinstance(roles, str):
        return Content(name, "ask", why=roles)
    return _read(name, text, table, roles, series, choices, progress)


def _roles_of_headings(table: Table, sample: list[list[str]], choices: Choices) -> Roles | str:
    """The columns by their headings, or the question when several hold intervals. Raises ImportRefused without one."""
    meanings = table.meanings
    found = [at for at, meaning in enumerate(meanings) if meaning.kind in ("rr", "pulse")]
    found = [at for at in found if any(at < len(row) and row[at] for row in sample)] or found
    if choices.signal is not None:
        found = _named(choices.signal, table.heading)
    if not found:
        rate = next(table.heading[at] for at, meaning in enumerate(meanings) if meaning.kind == "rate")
        raise ImportRefused(
            f"it holds heart rate only (column '{printable(rate)}'), no RR.",
            "Export the RR intervals; beats cannot be made of heart rate.",
        )
    if len(found) > 1:
        names = ", ".join(f"'{printable(table.heading[at])}'" for at in found)
        return f"it has several columns of intervals: {names}; say which with --signal"
    times = [at for at, meaning in enumerate(meanings) if meaning.kind == "time" and at != found[0]]
    notes = tuple(at for at, meaning in enumerate(meanings) if meaning.kind == "note")
    top = sample[0] if sample else []
    numeric = [at for at in times if at < len(top) and NUMBER.match(top[at])]
    return Roles(found[0], next(iter(numeric), None), _dates_of(times, top), notes)


def _dates_of(times: Sequence[int], row: Sequence[str]) -> tuple[int, ...]:
    """The columns of time that make a date in this row: one, or a day and a time of day."""
    there = [at for at in times if at < len(row)]
    for at in there:
        if is_date(row[at]):
            clock = next((other for other in there if other != at and is_date(f"{row[at]} {row[other]}")), None)
            return (at,) if ":" in row[at] or clock is None else (at, clock)
    return ()


def _named(signal: str, heading: Sequence[str]) -> list[int]:
    wanted = signal.strip().casefold()
    found = [at for at, cell in enumerate(heading) if cell.casefold() == wanted]
    if len(found) != 1:
        raise ImportRefused(
            f"it has no one column '{printable(signal)}'.",
            "Its columns: " + ", ".join(printable(cell) for cell in heading[:20]) + ".",
        )
    return found


def _roles_of_values(sample: list[list[str]], choices: Choices, series: Series) -> Roles | str:
    """The columns of a table without a heading: times whose steps are the intervals beside them, else the only ones."""
    columns = _numeric(sample)
    if choices.signal is not None:
        names = [f"column {at + 1}" for at in range(len(sample[0]))]
        return Roles(_named(choices.signal, names)[0])
    pair = _time_and_rr(columns)
    if pair is not None:
        series.decisions.append(
            f"column {pair[1] + 1} holds the steps of column {pair[0] + 1}: these are the intervals"
        )
        return Roles(pair[1], pair[0])
    likely = [at for at, values in columns.items() if unit_of(values).unit is not None and len(set(values)) > 1]
    if len(likely) == 1:
        series.decisions.append(f"column {likely[0] + 1} was read, the only one whose values are usual intervals")
        rising = [at for at, values in columns.items() if only_rises(values) and not is_counter(values)]
        time = rising[0] if len(rising) == 1 else None
        return Roles(likely[0], time, _dates_of(range(len(sample[0])), sample[0]))
    which = ", ".join(f"'column {at + 1}'" for at in (likely or columns))
    return f"it has no heading and {len(sample[0])} columns ({which} may hold intervals): say which with --signal"


def _numeric(sample: list[list[str]]) -> dict[int, array[float]]:
    columns: dict[int, array[float]] = {}
    for at in range(len(sample[0])):
        cells = [number_of(row[at]) if at < len(row) else None for row in sample]
        if None not in cells:
            columns[at] = array("d", (float(cell) for cell in cells if cell is not None))
    return columns


def _time_and_rr(columns: dict[int, array[float]]) -> tuple[int, int] | None:
    """The pair of columns where steps in the one are the other, in s or ms each, and fit best."""
    best: tuple[float, tuple[int, int] | None] = (0.0, None)
    seconds = {at: {"s": 1.0, "ms": 1e-3}.get(unit_of(values).unit or "", 0.0) for at, values in columns.items()}
    for at, values in columns.items():
        if not seconds[at]:
            continue
        rr = [value * seconds[at] for value in values]
        for other, times in columns.items():
            for scale in (1.0, 1e-3):
                share = fit_of([time * scale for time in times], rr).share if other != at else 0.0
                if share > best[0]:
                    best = share, (other, at)
    return best[1] if best[0] >= LEAST_FIT else None


@dataclass(slots=True)
class _Seen:
    """What was met on the way through a table and has to be said."""

    empty: int = 0
    repeated: int = 0
    first: str = ""
    last: str = ""
    times: bool = True

    def saw(self, date: str) -> None:
        """One more row's date."""
        self.first = self.first or date
        self.last = date or self.last


def _read(
    name: str, text: str, table: Table, roles: Roles, series: Series, choices: Choices, progress: Progress
) -> Content:
    seen = _Seen()
    about = {"column": table.heading[roles.rr] if table.heading else f"column {roles.rr + 1}"}
    try:
        _take_all(text, table, roles, series, seen, progress)
    except ImportRefused as error:
        if not (choices.partial and error.where and len(series.numbers)):
            raise
        series.decisions.append(f"{error.where}: {error.what.rstrip('.')}: only what stands before it was read")
    if not len(series.numbers):
        raise ImportRefused("there is no interval in it.", EXPORT_AGAIN)
    _say(table, roles, series, seen)
    days = _dates(series, seen)
    content = content_of_series(name, series, choices, about)
    if days is None or content.verdict != "rr" or content.why is not None:
        return content
    return _doubted(content, span_doubt_of(days, content.ticks))


def _take_all(text: str, table: Table, roles: Roles, series: Series, seen: _Seen, progress: Progress) -> None:
    above, done = 0, 0
    for piece in pieces_of(text):
        if above < table.first or not _take_piece(piece, table, roles, series, seen):
            for number, cells in rows_of(piece, table, above):
                _take(cells, number, table, roles, series, seen)
        if len(series.numbers) > MOST_BEATS:
            raise ImportRefused("it holds more than 5 million intervals.", "Cut it into parts.")
        above += piece.count("\n") + piece.count("\r") - piece.count("\r\n")
        done += len(piece)
        progress(done / len(text))


def _take_piece(piece: str, table: Table, roles: Roles, series: Series, seen: _Seen) -> bool:
    """Many rows at once, a third of the time; False, with nothing taken, where one of them is out of the ordinary."""
    if _UNUSUAL.search(piece) is not None or roles.notes:
        return False
    lines = piece.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    delimiter = None if table.delimiter == " " else table.delimiter
    rows = [line.split(delimiter) for line in lines if line]
    widths = set(map(len, rows))
    if len(widths) != 1 or not max(roles.rr, roles.time or 0) < max(widths) <= (len(table.heading) or MOST_COLUMNS):
        return False
    if max(map(len, lines)) > LONGEST_LINE:
        return False
    times: list[str] = []
    if roles.time is not None and seen.times:
        times = [row[roles.time].strip(" \t") for row in rows]
        if not all(map(NUMBER.match, times)):
            return False
    before = len(series.numbers)
    if series.numbers.extend([row[roles.rr].strip(" \t") for row in rows]) is not None:
        series.numbers.cut(before)
        return False
    series.times.extend(map(float, (time.replace(",", ".") for time in times)))
    if roles.dates:
        for row in (rows[0], rows[-1]):
            seen.saw(" ".join(row[at].strip(" \t") for at in roles.dates if at < len(row)))
    return True


def _take(cells: list[str], number: int, table: Table, roles: Roles, series: Series, seen: _Seen) -> None:
    """One row. Raises ImportRefused when its interval is no number."""
    cell = cells[roles.rr] if roles.rr < len(cells) else ""
    if not series.numbers.add(cell):
        if cell and tuple(cells) != table.heading:
            interval_of(cell, number)
        seen.empty += not cell
        seen.repeated += bool(cell)
        return
    if roles.time is not None and seen.times:
        time = cells[roles.time] if roles.time < len(cells) else ""
        seen.times = NUMBER.match(time) is not None
        if seen.times:
            series.times.append(float(time.replace(",", ".")))
    if roles.dates:
        seen.saw(" ".join(cells[at] for at in roles.dates if at < len(cells)))
    for at in roles.notes:
        if at < len(cells) and cells[at]:
            series.notes.append((len(series.numbers) - 1, printable(cells[at], 500)))


def _say(table: Table, roles: Roles, series: Series, seen: _Seen) -> None:
    """Put into words what was taken for granted or left out."""
    kinds: Counter[Kind] = Counter(meaning.kind for meaning in table.meanings)
    if table.heading:
        meaning = table.meanings[roles.rr]
        series.unit = meaning.unit
        series.time_unit = None if roles.time is None else table.meanings[roles.time].unit
        if meaning.kind == "pulse":
            series.decisions.append("intervals of a pulse wave (PPI), not RR")
    if table.above:
        series.decisions.append(f"{table.above} lines above the heading were left out")
    used = {roles.rr, roles.time, *roles.dates}
    for at, meaning in enumerate(table.meanings):
        if meaning.kind == "time" and at not in used:
            series.decisions.append(f"its column of times '{printable(table.heading[at])}' was left out")
    if kinds["rate"]:
        series.decisions.append("its heart rate column was left out")
    if seen.empty:
        series.decisions.append(f"{seen.empty} rows without an interval were left out")
    if seen.repeated:
        series.decisions.append(f"the heading stands {seen.repeated} times more among the rows")
    if not seen.times:
        series.times = array("d")


def _dates(series: Series, seen: _Seen) -> float | None:
    """Set the start by the time of the first row; the seconds to the last one, where both are dates."""
    _since_1970(series)
    day_first = days_come_first(seen.first)
    day_first = days_come_first(seen.last) if day_first is None else day_first
    first, last = moment_of(seen.first, day_first=day_first), moment_of(seen.last, day_first=day_first)
    if first is None:
        if seen.first:
            series.decisions.append(
                f"its date {printable(seen.first)} was left out: day and month cannot be told apart"
            )
        return None
    series.start = first.start
    series.decisions.append("the start is the time of the first row")
    return _between(first, last)


def _since_1970(series: Series) -> None:
    """Times that count from 1970, in seconds or ms, say when it began."""
    if not series.times:
        return
    for unit, scale in (("s", 1.0), ("ms", 1e-3)):
        seconds = series.times[0] * scale
        if _FIRST_S <= seconds < _LAST_S and series.time_unit in (None, unit):
            series.start, series.time_unit = unix_start(round(seconds * 1e6)), unit
            series.decisions.append("the start is the time of the first row, counted from 1970 in UTC")


def _between(first: Moment, last: Moment | None) -> float | None:
    if last is None or first.zone != last.zone:
        return None
    return (last.when - first.when).total_seconds()


def _doubted(content: Content, why: str | None) -> Content:
    return content if why is None else replace(content, why=why)


READERS: Final[tuple[Reader, ...]] = (Reader("columns", claims, read),)
