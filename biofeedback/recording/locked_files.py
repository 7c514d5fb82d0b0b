"""Which files of a data folder are encrypted, as their first lines say: no key is needed to know that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from biofeedback.recording.chain import LONGEST_LINE, LineError, open_line
from biofeedback.recording.sealing import CIPHER

_PLACES: Final = ("people/*/person.jsonl", "sessions/*.session.jsonl", "sessions/*.part")
_SAID: Final = f'"{CIPHER}"'.encode()


def clear_head(path: Path) -> Mapping[str, Any]:
    """The first line of a log, empty when it is none or damaged: whoever reads the file will say so."""
    return _head(path, b"")


def is_locked(path: Path) -> bool:
    """Whether a log is encrypted."""
    return CIPHER in _head(path, _SAID)


def locked_files(home: Path) -> Iterator[Path]:
    """The encrypted person logs and recordings of a data folder, finished or not."""
    for place in _PLACES:
        yield from filter(is_locked, sorted(home.glob(place)))


def _head(path: Path, needle: bytes) -> Mapping[str, Any]:
    try:
        if not path.is_file():
            return {}
        with path.open("rb") as file:
            raw = file.readline(LONGEST_LINE)
        if needle not in raw:
            return {}
        line, _ = open_line(raw.removesuffix(b"\n"), 0)
    except (OSError, LineError):
        return {}
    return line.body if line.kind == "head" else {}
