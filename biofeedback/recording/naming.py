"""What a log's file is called and how its first line begins."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FORMAT: Final = "biofeedback-session"
VERSION: Final = 1
"""Of the line layout. It rises only when a reader of this version could not read a file any more (`min_reader`)."""
SUFFIX: Final = ".session.jsonl"
JSONL: Final = ".jsonl"
"""What the name of a recording ends in, whoever chose the rest."""
PART: Final = ".part"
FIRST_BYTES: Final = b'{"n":0,"t":0,"k":"head"'
MOST_PARTS: Final = 9


def part_of(final: Path, number: int = 1) -> Path:
    """The name of a file that is still written; one whose disk failed is followed by the next `number`."""
    return final.with_name(final.name + (PART if number == 1 else f".{number}{PART}"))


def final_of(part: Path) -> Path:
    """The name that a part gets when it is finished; any other name is itself."""
    if not part.name.endswith(PART):
        return part
    whole, _, number = part.name.removesuffix(PART).rpartition(".")
    is_number = number.isdigit() and 1 < int(number) <= MOST_PARTS
    return part.with_name(whole if is_number else part.name.removesuffix(PART))
