"""An example plug-in: the files of a logger that writes intervals, holes and notes, one a line.

    RRLOG 1 2025-03-15T11:03:00 +01:00
    812.5
    pause 4.2
    note window opened
    830

The first line says when the first interval opened, intervals are in ms, a pause is in seconds. How to write and
install an importer: docs/adding_an_importer.md.
"""

from __future__ import annotations

from array import array
from typing import Final

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content, Hole, Marker
from biofeedback.formats.dates import start_of
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.lines import interval_of, lines_of, printable
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.formats.units import ticks_each, ticks_of

HEAD: Final = "RRLOG 1 "
MS: Final = ticks_each("ms")
SECONDS: Final = ticks_each("s")


def claims(file: Foreign) -> bool:
    """By the first line: quick, and true of no other format."""
    return file.first_line.startswith(HEAD)


def read(file: Foreign, choices: Choices, progress: Progress) -> Content:  # noqa: ARG001 - every reader has these
    """All intervals, in whole ticks; what a line cannot be is refused with its number."""
    start = start_of(file.first_line.removeprefix(HEAD))
    if start is None:
        raise ImportRefused("its first line names no time.", "Export it again from the logger.", "line 1")
    ticks, holes, markers = array("q"), dict[int, int](), list[Marker]()
    for number, line in lines_of(file.text):
        word, _, rest = line.partition(" ")
        if number == 1 or not line:
            continue
        if word == "pause":  # more than one in a row are one hole
            (gap,) = ticks_of([interval_of(rest, number)], SECONDS)
            holes[len(ticks)] = holes.get(len(ticks), 0) + gap
        elif word == "note":
            markers.append(Marker(sum(ticks) + sum(holes.values()), printable(rest, 200) or "(no words)"))
        else:
            ticks += ticks_of([interval_of(line, number)], MS)
    if not ticks:
        raise ImportRefused("it holds no intervals.", "Record again with a strap.")
    return Content(
        "rrlog",
        "rr",
        ticks,
        unit="ms",
        rule="the logger writes ms",
        start=start,
        holes=tuple(Hole(before, gap) for before, gap in sorted(holes.items())),
        markers=tuple(markers),
    )


RRLOG: Final = Reader("rrlog", claims, read)
