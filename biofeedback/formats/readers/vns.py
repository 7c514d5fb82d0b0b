"""VNS Analyse: German text with a block of raw intervals in seconds, notes beside them, and a corrected block."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content, Marker
from biofeedback.formats.dates import moment_of
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.lines import MEND, MOST_BEATS, NUMBER, beginning_of, lines_of, printable
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.formats.units import Numbers, Told, asked, ticks_each, unit_of

NAME: Final = "vns analyse"
BLOCK: Final = "RR-Intervalle"
RAW: Final = "Rohwerte"
CORRECTED: Final = "Korrigierte"
NOTE: Final = "Notiz:"
_NAMED: Final = re.compile(r"(?P<date>[0-9]{2}\.[0-9]{2}\.[0-9]{4})[ _]+(?P<h>[0-9]{1,2})\.(?P<m>[0-9]{2})(?![0-9])")


@dataclass(slots=True)
class _Block:
    """One block of intervals and the notes beside them."""

    numbers: Numbers = field(default_factory=Numbers)
    notes: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])


def claims(file: Foreign) -> bool:
    """Whether it holds the headings of the program's sections."""
    text = beginning_of(file)
    return f"{BLOCK} - " in text or "Hauptparameter der VNS Analyse" in text


def read(file: Foreign, choices: Choices, progress: Progress) -> Content:
    """The raw block; the corrected one only where there is no other, and then it is said."""
    if choices.unit is not None:
        ticks_each(choices.unit)
    blocks = _blocks(file.text)
    progress(1.0)
    chosen = next((kind for kind in (RAW, CORRECTED) if kind in blocks and len(blocks[kind].numbers)), None)
    if chosen is None:
        raise ImportRefused("it has no block of RR intervals.", "Export it from VNS Analyse with its RR intervals.")
    decisions: list[str] = []
    if chosen == CORRECTED:
        decisions.append("it holds only intervals corrected by VNS Analyse")
    elif CORRECTED in blocks:
        decisions.append(f"the block of {len(blocks[CORRECTED].numbers)} corrected intervals was left out")
    return _content(file, blocks[chosen], choices, decisions)


def _content(file: Foreign, block: _Block, choices: Choices, decisions: list[str]) -> Content:
    told = _told(block.numbers, choices)
    if told.unit is None:
        return Content(NAME, "ask", why=asked(told), about={"n": len(block.numbers)})
    ticks = block.numbers.ticks(ticks_each(told.unit))
    notes = dict(block.notes)
    markers: list[Marker] = []
    at = 0
    for index, value in enumerate(ticks):
        if index in notes:
            markers.append(Marker(at, notes[index]))
        at += value
    if markers:
        decisions.append("a note was put where the interval beside it begins")
    found = _NAMED.search(file.name)
    moment = moment_of(f"{found['date']} {found['h']}:{found['m']}") if found is not None else None
    if moment is not None:
        decisions.append("the start is from the file's name, which says no zone")
    return Content(
        NAME, "rr", ticks, told.unit, told.rule, None if moment is None else moment.start,
        markers=tuple(markers), decisions=tuple(decisions),
    )  # fmt: skip


def _told(numbers: Numbers, choices: Choices) -> Told:
    if choices.unit is not None:
        return Told(choices.unit, "as told")
    found = unit_of(numbers.values())
    if found.unit == "ms":
        return Told(None, "VNS Analyse writes seconds, but the numbers look like ms")
    return Told("s", "VNS Analyse writes seconds")


def _blocks(text: str) -> dict[str, _Block]:
    """The blocks of intervals by kind. Raises ImportRefused for a line in one that is no interval."""
    blocks: dict[str, _Block] = {}
    block: _Block | None = None
    parted = False
    for number, line in lines_of(text):
        bare = line.strip(" \t")
        if bare.startswith(BLOCK):
            kind = next((word for word in (RAW, CORRECTED) if word in bare), None)
            block = None if kind is None else blocks.setdefault(kind, _Block())
        elif block is not None and bare:
            cell, _, note = bare.partition("\t")
            if parted and not NUMBER.match(cell):
                block = None
            else:
                _take(block, cell.strip(" "), note.strip(" \t"), number)
        parted = not bare
    return blocks


def _take(block: _Block, cell: str, note: str, number: int) -> None:
    if not block.numbers.add(cell):
        raise ImportRefused(
            f"this is no interval: '{printable(cell)}'.",
            MEND,
            f"line {number}",
        )
    if len(block.numbers) > MOST_BEATS:
        raise ImportRefused("it holds more than 5 million intervals.", "Cut it into parts.")
    words = note.removeprefix(NOTE).strip(" \t")
    if words:
        block.notes.append((len(block.numbers) - 1, printable(words, 500)))


READERS: Final[tuple[Reader, ...]] = (Reader(NAME, claims, read),)
