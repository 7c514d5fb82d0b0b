"""Reports of Kubios HRV as CSV or text: the intervals stand at the end, beside spectra and an ECG (FORMATS 1.2).

Laid out by what public parsers read; a report made with a decimal comma parts its cells with semicolons or tabs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content
from biofeedback.formats.dates import later, moment_of
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.lines import MOST_BEATS, NUMBER, beginning_of, cells_of, lines_of, printable
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.formats.series import Series, content_of_series
from biofeedback.formats.units import ticks_each
from biofeedback.hrv.ticks import TICKS_PER_S

NAME: Final = "kubios report"
BEGIN: Final = "rr interval data"
HEADING_WITHIN: Final = 8
"""Lines after `BEGIN` within which the headings of its columns stand."""
_RESULTS: Final = ("results for single samples", "results for a single sample")
_TRUE: Final = re.compile(
    r"(?:beats|artif[a]cts?) corrected[^:,;\t]*+:?[,;\t ]*+(?P<n>[0-9]{1,9}(?:[.,][0-9]{1,9})?)", re.IGNORECASE
)
_DATE: Final = re.compile(r"(?:measurement )?date\s*+:?[,;\t ]*+(?P<date>[0-9].*)", re.IGNORECASE)
"""Possessive, as each may be met with 64 KiB of blanks."""
_MEND: Final = "Export the report again from Kubios."
_NO_DATA: Final = "Choose RR intervals among what Kubios saves in a report, or save them as text."


@dataclass(slots=True)
class _Report:
    """What stands above the intervals, and how their table is laid out."""

    began: str = ""
    corrected: str | None = None
    delimiter: str = ","
    rr: int = -1
    time: int | None = None
    units: list[str] = field(default_factory=list[str])


def claims(file: Foreign) -> bool:
    """Whether its first lines name Kubios, or its sections are those of a report."""
    text = beginning_of(file).casefold()
    return "kubios" in text[:2000] and (any(word in text for word in (*_RESULTS, BEGIN)) or "kubios hrv" in text[:400])


def read(file: Foreign, choices: Choices, progress: Progress) -> Content:
    """The intervals of a report, which are those after Kubios' own correction."""
    if choices.unit is not None:
        ticks_each(choices.unit)
    report, series = _Report(), Series()
    lines = lines_of(file.text)
    candidates = _top(lines, report)
    if len(candidates) > 1:
        chosen = _chosen(candidates, choices)
        if chosen is None:
            names = ", ".join(f"'{name}'" for name in candidates)
            return Content(
                NAME, "ask", why=f"it has the intervals of several samples: {names}; say which with --signal"
            )
        report.rr, report.time = candidates[chosen], candidates[chosen] - 1
    _rows(lines, report, series)
    progress(1.0)
    if not len(series.numbers):
        raise ImportRefused("it is a Kubios report without its RR intervals.", _NO_DATA)
    _say(report, series)
    return content_of_series(NAME, series, choices, {"column": "RR interval"})


def _top(lines: Iterator[tuple[int, str]], report: _Report) -> dict[str, int]:
    """Read down to the headings of the intervals; the columns of intervals, by name. Raises ImportRefused."""
    for _, line in lines:
        bare = line.strip(' \t,;"')
        if bare.casefold().startswith(BEGIN):
            return _headings(lines, report)
        date, true = _DATE.match(bare), _TRUE.match(bare)
        report.began = date["date"].strip('" ') if date is not None and not report.began else report.began
        if true is not None and (report.corrected is None or not float(report.corrected)):
            report.corrected = true["n"].replace(",", ".")
    raise ImportRefused("it is a Kubios report without its RR intervals.", _NO_DATA)


def _headings(lines: Iterator[tuple[int, str]], report: _Report) -> dict[str, int]:
    samples: list[str] = []
    for passed, (number, line) in enumerate(lines):
        report.delimiter = max("\t;,", key=line.count)
        cells = [cell.casefold() for cell in cells_of(line, report.delimiter, number)]
        found = [at for at, cell in enumerate(cells) if cell.startswith("rr interval")]
        if found and any(cell.startswith("time") for cell in cells):
            report.rr = found[0]
            before = [at for at, cell in enumerate(cells[: report.rr]) if cell.startswith("time")]
            report.time = before[-1] if before else None
            report.units = [_unit_in(cell) for cell in cells]
            return {
                samples[at] if at < len(samples) else f"RR interval {at + 1}": found[at] for at in range(len(found))
            }
        samples = samples or [cell.upper() for cell in cells if cell.startswith("sample")]
        if passed >= HEADING_WITHIN:
            break
    raise ImportRefused("the columns of its RR intervals have no headings.", "Export it again from Kubios.")


def _unit_in(cell: str) -> str:
    return cell.rpartition("(")[2].rstrip(") ") if "(" in cell else ""


def _chosen(candidates: dict[str, int], choices: Choices) -> str | None:
    wanted = (choices.signal or "").strip().casefold()
    return next((name for name in candidates if name.casefold() == wanted), None)


def _rows(lines: Iterator[tuple[int, str]], report: _Report, series: Series) -> None:
    """Rows of values; a first row without any holds the units. Columns end at different rows: ours at an empty cell."""
    ended = False
    for number, line in lines:
        if not line.strip(" \t,;"):
            continue
        cells = cells_of(line, report.delimiter, number)
        cell = cells[report.rr] if report.rr < len(cells) else ""
        if not cell:
            ended = bool(len(series.numbers))
            continue
        if not series.numbers.add(cell):
            if len(series.numbers):
                raise ImportRefused(f"this is no interval: '{printable(cell)}'.", _MEND, f"line {number}")
            report.units = [_unit_in(cell.casefold()) for cell in cells]
            continue
        if ended:
            raise ImportRefused("intervals go on after rows without one.", _MEND, f"line {number}")
        if len(series.numbers) > MOST_BEATS:
            raise ImportRefused("it holds more than 5 million intervals.", "Cut it into parts.")
        time = cells[report.time] if report.time is not None and report.time < len(cells) else ""
        if NUMBER.match(time):
            series.times.append(float(time.replace(",", ".")))


def _say(report: _Report, series: Series) -> None:
    units = report.units
    series.unit = units[report.rr] if report.rr < len(units) and units[report.rr] in ("s", "ms") else None
    if report.time is not None and report.time < len(units) and units[report.time] in ("s", "ms"):
        series.time_unit = units[report.time]
    words = "Kubios-corrected: a report holds the intervals after Kubios' own correction"
    if report.corrected is not None:
        count = report.corrected.rstrip("0").rstrip(".") if "." in report.corrected else report.corrected
        words += (
            "; it says that nothing was corrected" if not float(report.corrected) else f" (corrected: {count or 0})"
        )
    series.decisions.append(words)
    moment = moment_of(report.began)
    if moment is not None:
        series.start = later(moment.start, _opened(series))
        series.decisions.append("the start is the measurement date of the report")
    elif report.began:
        series.decisions.append(f"its measurement date {printable(report.began)} is not clear and was left out")


def _opened(series: Series) -> int:
    """Ticks from the beginning of the measurement to the first interval's opening beat."""
    if not series.times or series.time_unit != "s":
        return 0
    first = series.numbers.values()[0] * (1e-3 if series.unit == "ms" else 1.0)
    return max(0, round(round(series.times[0] - first, 3) * TICKS_PER_S))


READERS: Final[tuple[Reader, ...]] = (Reader(NAME, claims, read),)
