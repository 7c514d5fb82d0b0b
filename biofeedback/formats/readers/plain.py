"""Bare numbers: one a line, or all in one line (FORMATS 1.2, 1.3). A unit is never guessed silently."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice, pairwise
from statistics import median
from typing import Final

from biofeedback.errors import EXPORT_AGAIN, ImportRefused
from biofeedback.formats.content import Content, Start
from biofeedback.formats.dates import moment_of
from biofeedback.formats.foreign import HEAD_BYTES, Foreign
from biofeedback.formats.lines import MEND, MOST_BEATS, NUMBER, beginning_of, lines_of, pieces_of, printable
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.formats.units import (
    AS_TOLD_MS,
    Numbers,
    Told,
    asked,
    between,
    doubt_of,
    only_rises,
    ticks_each,
    unit_of,
)
from biofeedback.hrv.ticks import TICKS_PER_S

COMMENTS: Final = ("#", "%")
LOOKED_AT: Final = 50
"""Lines by which a file is told to be one of numbers."""
OFFER: Final = (
    "read as ms; in 1/1024 s, which whole numbers cannot be told from, all would be 2.3 % shorter: --unit 1/1024"
)
MAYBE_1024: Final = "could also be 1/1024 s: --unit 1/1024"
LEAST_DIFFERENT: Final = 64
STRETCH: Final = 64
LEAST_STRETCHES: Final = 4
MOST_STRETCHES: Final = 200
SMOOTH: Final = 0.11
_PARTED: Final = (
    (";", re.compile(r";[ \t]*")),
    ("\t", re.compile(r"\t[ \t]*")),
    (", ", re.compile(r",(?:[ \t]+|\Z)")),
    (" ", re.compile(r"[ \t]+")),
    (",", re.compile(r",")),
)
"""What stands between numbers of one line, in the order in which it is looked for: a comma may be a decimal one."""
_ELITE: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ _]([0-9]{2})-([0-9]{2})-([0-9]{2})\Z")
_ALMOST: Final = re.compile(r'"?[0-9][0-9.,:]{0,39}"?(?:[ \t]*(?:ms|s))?\Z')
"""A number, or what is refused with its line: 1,012 in quotes, 812 ms, 00:00:00.812."""
_BLANK_BYTES: Final = b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"
_LINES: Final = re.compile(r"\r\n|\r|\n")
_ENDS: Final = re.compile(r"[;,][;, \t]*+(?=[\r\n]|\Z)")


def claims(file: Foreign) -> bool:
    """Whether its first lines are numbers, most of them at least, or nothing at all."""
    text = beginning_of(file)
    if not text.strip(" \t\r\n"):
        return not file.head.strip(_BLANK_BYTES)
    text = _without_ends(text)
    lines = [line.strip(" \t") for line in islice(_LINES.split(text), LOOKED_AT)]
    found = [line for line in lines if line and not line.startswith(COMMENTS)]
    if not found:
        return False
    if len(found) > 1 and len(lines) < LOOKED_AT and file.size > HEAD_BYTES:
        found.pop()
    if len(found) == 1:
        return _of_numbers(found[0]) or _ALMOST.match(found[0]) is not None
    numbers = [_ALMOST.match(line) is not None for line in found]
    return numbers[0] or 2 * sum(numbers) > len(found)


def _of_numbers(line: str) -> bool:
    """Whether most of a line's cells are numbers."""
    cells = _split(line, _parting(line))
    return 2 * sum(NUMBER.match(cell) is not None for cell in cells) > len(cells)


def read(file: Foreign, choices: Choices, progress: Progress) -> Content:
    """Intervals of bare numbers. A cell that is none is refused with its line, unless `partial` is chosen."""
    text = _without_ends(file.text.removeprefix("\ufeff"))
    if not text.strip(" \t\r\n"):
        raise ImportRefused("it is empty.", EXPORT_AGAIN)
    if choices.unit is not None:
        ticks_each(choices.unit)
    numbers = Numbers()
    decisions: list[str] = []
    bad = _gather(text, numbers, progress, len(text))
    if bad is not None:
        line, cell = _place_of(text, bad)
        if not (choices.partial and len(numbers)):
            raise ImportRefused(f"this is no interval: '{printable(cell)}'.", MEND, f"line {line}")
        decisions.append(f"line {line} is no interval: '{printable(cell)}': only what stands before it was read")
    if any(line.lstrip(" \t").startswith(COMMENTS) for line in islice(_LINES.split(text[:HEAD_BYTES]), LOOKED_AT)):
        decisions.append("lines that begin with # or % were left out")
    if not len(numbers):
        raise ImportRefused("there is no number in it.", EXPORT_AGAIN)
    return content_of_numbers("plain", numbers, choices, start=start_of_name(file.stem), decisions=decisions)


def _gather(text: str, numbers: Numbers, progress: Progress, size: int) -> str | None:
    """All numbers of a text; the first cell that is none, before which it stops."""
    parting = _parting_of(text)
    done = 0
    for piece in pieces_of(text, _LINES if parting is None else parting):
        cells = _lines(piece) if parting is None else _split(piece, parting)
        bad = numbers.extend(cells)
        if len(numbers) > MOST_BEATS:
            raise ImportRefused("it holds more than 5 million intervals.", "Cut it into parts.")
        if bad is not None:
            return bad
        done += len(piece)
        progress(done / size)
    return None


def _without_ends(text: str) -> str:
    """The same without the separators that a spreadsheet puts behind the one cell of each line."""
    lines = [line.rstrip(" \t") for line in islice(_LINES.split(text[:HEAD_BYTES]), LOOKED_AT)]
    found = [line for line in lines if line and not line.startswith(COMMENTS)]
    if len(found) < 2 or not all(line.endswith((";", ",")) for line in found[:-1]):
        return text
    return _ENDS.sub("", text)


def _lines(piece: str) -> Iterator[str]:
    for line in piece.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        cell = line.strip(" \t")
        if cell and not cell.startswith(COMMENTS):
            yield cell


def _parting_of(text: str) -> re.Pattern[str] | None:
    """What parts the numbers when all stand in one line; None when they stand one a line."""
    content = text.strip(" \t\r\n")
    if _LINES.search(content) is not None or NUMBER.match(content):
        return None
    return _parting(content[:HEAD_BYTES])


def _parting(line: str) -> re.Pattern[str]:
    return next((pattern for sign, pattern in _PARTED if sign in line), _PARTED[-1][1])


def _split(piece: str, parting: re.Pattern[str]) -> list[str]:
    cells = [cell.strip(" \t") for cell in parting.split(piece.strip(" \t\r\n"))]
    return cells[:-1] if cells and not cells[-1] else cells


def _place_of(text: str, cell: str) -> tuple[int, str]:
    """The number of the line with this cell, and the line, or of a single line the cell."""
    for number, line in lines_of(text, longest=None):
        stripped = line.strip(" \t")
        if stripped == cell:
            return number, cell
        if stripped and not stripped.startswith(COMMENTS) and not NUMBER.match(stripped):
            return number, cell
    return 1, cell


def start_of_name(stem: str) -> Start | None:
    """When the recording began, by a name such as Elite HRV gives: `2017-06-29 13-11-53`; local, zone not stated."""
    found = _ELITE.match(stem)
    moment = moment_of(f"{found[1]} {found[2]}:{found[3]}:{found[4]}") if found is not None else None
    return None if moment is None else moment.start


def content_of_numbers(
    name: str, numbers: Numbers, choices: Choices, *, start: Start | None, decisions: list[str]
) -> Content:
    """Intervals in the unit that was told or that the rule finds; without either the verdict ask."""
    values = numbers.values()
    told = _told(values, choices.unit)
    if told.unit is None:
        return Content(name, "ask", start=start, why=asked(told), decisions=tuple(decisions), about={"n": len(numbers)})
    ticks = numbers.ticks(ticks_each(told.unit))
    if numbers.commas:
        decisions.append("a comma within a number was taken for a decimal one")
    if start is not None:
        decisions.append("the start is from the file's name, which says no zone")
    if choices.unit is not None and are_times(values, ticks_each(told.unit)):
        decisions.append("its numbers only rise: they were read as times of beats, not as intervals")
        return Content(
            name, "beats", between(ticks), told.unit, told.rule, start, decisions=tuple(decisions),
            about={"n": len(ticks), "span_s": (ticks[-1] - ticks[0]) / TICKS_PER_S},
        )  # fmt: skip
    why = None if choices.unit is None else doubt_of(values, choices.unit, AS_TOLD_MS)
    if told.unit == "ms" and choices.unit is None:
        why = MAYBE_1024 if looks_like_1024(values) else None
        if why is None and start is None and all(map(float.is_integer, values)):
            decisions.append(OFFER)
    if choices.unit is None:
        why = _waveform_of(values) or why
    return Content(name, "rr", ticks, told.unit, told.rule, start, why=why, decisions=tuple(decisions))


def _told(values: array[float], unit: str | None) -> Told:
    """The unit by the rule, where nothing in the numbers speaks against it; what somebody said stands."""
    if unit is not None:
        return Told(unit, "as told")
    told = unit_of(values)
    doubt = None if told.unit is None else doubt_of(values, told.unit)
    return told if doubt is None else Told(None, doubt)


def _waveform_of(values: array[float]) -> str | None:
    """Why numbers may be samples of an ECG or pulse wave; None where they scatter from one to the next as intervals do.

    A doubt and no question: the unit rule (FORMATS 1.3) has an answer, and a made heart may be as smooth.

    Von Neumann's ratio (mean squared step over variance, 2 for noise), the median of stretches of 64. Real intervals
    here have 0.32 to 2.1, breathing of 4.5/min alone at 90 beats/min 0.10; an ECG at 250 Hz 0.10, a pulse wave 0.03.
    """
    ratios: list[float] = []
    apart = max(STRETCH, len(values) // MOST_STRETCHES)
    for start in range(0, len(values) - STRETCH + 1, apart):
        part = values[start : start + STRETCH]
        middle = sum(part) / STRETCH
        spread = sum((value - middle) ** 2 for value in part)
        if spread:
            ratios.append(sum((late - early) ** 2 for early, late in pairwise(part)) / spread)
    if len(ratios) < LEAST_STRETCHES or median(ratios) > SMOOTH:
        return None
    return "its numbers run as smoothly as the samples of an ECG or a pulse wave, they may be no intervals"


def are_times(values: array[float], each: Fraction) -> bool:
    """Whether rising numbers of a unit that was told make sense as times of beats and not as intervals."""
    if not only_rises(values):
        return False
    seconds = float(each / TICKS_PER_S)
    step = median(late - early for early, late in pairwise(values)) * seconds
    return 0.25 <= step <= 2.5 < max(values) * seconds


def looks_like_1024(values: array[float]) -> bool:
    """Whether numbers taken for ms show the mark of a strap that measures in ms and sends 1/1024 s.

    Such firmware has only 1000 of every 1024 numbers to send: when it cuts (ms * 1024 // 1000, as whole-number
    arithmetic does) 24 of them, such as 1023 and 1066, never come. A list in ms has no reason to leave out just these:
    k different numbers miss them by chance with (1000/1024)^k, one in five for 64, one in a hundred for 200. So the
    mark is worth a word of doubt, and its absence proves nothing: whole 1/1024 s of a strap that rounds or that
    counts in 1/1024 s from the start cannot be told from ms (FORMATS 1.3), and `OFFER` says so for them.
    """
    different: set[float] = set()
    for value in values:
        if not value.is_integer():
            return False
        whole = int(value)
        if -(-whole * 1000 // 1024) * 1024 // 1000 != whole:
            return False
        different.add(value)
    return len(different) >= LEAST_DIFFERENT


READERS: Final[tuple[Reader, ...]] = (Reader("plain", claims, read),)
