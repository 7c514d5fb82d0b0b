"""Takes a class of what a person said out of recordings for good (RULINGS C4): SUDS, or words."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from biofeedback.recording.anonymise import Shipped, without_words
from biofeedback.recording.chain import Line
from biofeedback.recording.rewriting import Check, rewrite_in_place
from biofeedback.recording.sealing import Keys


@dataclass(frozen=True, slots=True)
class _Class:
    """What goes: how the lines are changed, and what the new head says was removed."""

    change: Callable[[Sequence[Line], Shipped | None], Sequence[Line]]
    removed: tuple[str, ...]


def _without_suds(lines: Sequence[Line], _: Shipped | None) -> list[Line]:
    """No answer to how strong it felt, nor what came of one; that it was asked stays."""
    return [line for line in lines if not (line.kind == "suds" or _answers_suds(line))]


def _answers_suds(line: Line) -> bool:
    return line.kind == "answer" and line.body.get("what") == "suds"


CLASSES: Final[Mapping[str, _Class]] = {
    "suds": _Class(_without_suds, ("answer", "suds")),
    "texts": _Class(lambda lines, shipped: list(without_words(lines, shipped)), ("texts",)),
}
"""`suds`: the answers and what came of them, whole lines. `texts`: notes, the words of marks, the person's own words in
scripts and in what was said of them, each replaced by "…"; that there was a mark and when stays."""


def rewrite(
    path: Path,
    classes: Collection[str],
    keys: Keys | None = None,
    check: Check | None = None,
    *,
    shipped: Shipped | None = None,
) -> Path:
    """Take these classes (of `CLASSES`) out of a recording, and what lies beside it with them.

    The new file has its own chain and `head.parent` {sha256, removed}, is verified, and then takes the old one's
    place. `check` may refuse the new file by raising. With `shipped` of all other scripts everything goes that somebody
    wrote, titles and ids too. Raises RecordingError; the recording is then as it was.
    """
    chosen = [CLASSES[name] for name in sorted(classes)]
    removed = [kind for each in chosen for kind in each.removed]

    def change(lines: Sequence[Line]) -> Sequence[Line]:
        for each in chosen:
            lines = each.change(lines, shipped)
        return lines

    rewrite_in_place(path, change, removed, keys, check)
    return path
