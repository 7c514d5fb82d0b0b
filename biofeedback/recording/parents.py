"""The file of another program that a recording was made of, as the recording tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, cast

from biofeedback.recording.chain import Line
from devices.names import printable

MOST_NOTES: Final = 4
"""Where a session is shown there is room for so many."""


@dataclass(frozen=True, slots=True)
class Parent:
    """A file of another program. `notes`: what its reader doubted, took for granted or left out, as sentences."""

    name: str
    format: str
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Radtour.fit (fit mesg 78)."""
        return f"{self.name} ({self.format})" if self.format else self.name


def parent_in(told: object) -> Parent | None:
    """The file, of the `parent` of a recording's opening; None where it is no file of another program."""
    if not isinstance(told, Mapping) or "rule" not in told:
        return None
    table = cast("Mapping[str, object]", told)
    notes = table.get("decisions")
    said = cast("list[object]", notes) if isinstance(notes, list) else []
    return Parent(_text(table, "name"), _text(table, "format"), sentences(map(str, said)))


def parent_of(lines: Iterable[Line]) -> Parent | None:
    """The file that a recording of these lines was made of; None where it was made of none."""
    return parent_in(next((line.body.get("parent") for line in lines if line.kind == "open"), None))


def sentences(notes: Iterable[str]) -> tuple[str, ...]:
    """Each note as one sentence that can be printed, and none twice."""
    whole = (printable(note).strip().rstrip(".") for note in notes)
    return tuple(dict.fromkeys(f"{note[:1].upper()}{note[1:]}." for note in whole if note))


def fewer(notes: tuple[str, ...], where: str) -> tuple[str, ...]:
    """As many notes as there is room for. `where`: what tells the others."""
    more = len(notes) - MOST_NOTES
    return notes if more <= 1 else (*notes[:MOST_NOTES], f"{more} more notes: {where}.")


def _text(table: Mapping[str, object], key: str) -> str:
    value = table.get(key)
    return "" if value is None else printable(str(value))
