"""Finds recordings whose program has died: parts that nobody writes any more (RECORDING 1.4.5)."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from glob import escape
from pathlib import Path
from typing import Final

from biofeedback.recording.chain import LONGEST_LINE
from biofeedback.recording.naming import FIRST_BYTES, JSONL, PART, SUFFIX, final_of
from biofeedback.recording.scan import scan
from biofeedback.recording.sealing import CIPHER
from devices.file_lock import try_lock

QUIET_S: Final = 120.0
"""Where no file can be locked, a part that was written so recently is still being written."""
JUST_BEGUN_S: Final = 60.0
"""A part without a head may be one that another program is beginning right now."""


def parts_in(folder: Path) -> list[Path]:
    """The recordings in a folder that were not finished and that nobody writes now, in the order of their names.

    Where a disk failed and a session went on in a second part, it is the one that holds more.
    """
    by_final: dict[Path, list[Path]] = defaultdict(list)
    with suppress(OSError):
        for path in folder.iterdir():
            final = final_of(path)
            if final != path and final.suffix == JSONL and path.is_file() and not path.is_symlink():
                by_final[final].append(path)
    free = (parts for _, parts in sorted(by_final.items()) if not any(map(in_use, parts)))
    begun = ([part for part in parts if _has_begun(part) and not _finished_already(part)] for parts in free)
    return [_fullest(parts) for parts in begun if parts]


def in_use(part: Path) -> bool:
    """Whether a program writes this part now."""
    try:
        descriptor = os.open(part, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return False
    try:
        free = try_lock(descriptor)
        if free is None:  # nobody can tell: a session that runs writes a line every second
            return time.time() - os.fstat(descriptor).st_mtime < QUIET_S
        return not free
    finally:
        os.close(descriptor)


def clear_finished_parts(final: Path) -> list[Path]:
    """Remove the parts of a finished recording that hold nothing besides; returns those that do, which are kept."""
    others: list[Path] = []
    for part in sorted(final.parent.glob(f"{escape(final.name)}*{PART}")):
        if in_use(part):
            continue
        if _holds(final, part):
            if os.name == "nt":
                part.chmod(0o600)  # there nothing that is read-only is taken away
            part.unlink()
        else:
            others.append(part)
    return others


def _finished_already(part: Path) -> bool:
    """A program died after giving the final name and before taking this one away: takes it away.

    It is another name of the finished recording, or what was left behind when a disk failed and is in that too.
    """
    final = final_of(part)
    with suppress(OSError):
        if final.exists() and _holds(final, part):
            if part.samefile(final):
                final.chmod(0o400)
            part.unlink()
            return True
    return False


def _has_begun(part: Path) -> bool:
    """Whether there is at least a head. One whose program died before has nothing in it, and is put aside."""
    with suppress(OSError):
        with part.open("rb") as file:
            first, second = file.readline(LONGEST_LINE), file.readline(LONGEST_LINE)
        encrypted = f'"{CIPHER}":'.encode() in first  # then its head goes on in the second line
        if (second if encrypted else first).endswith(b"\n"):
            return first.startswith(FIRST_BYTES)  # other programs make parts too
        ours = SUFFIX in part.name and FIRST_BYTES.startswith(first[: len(FIRST_BYTES)])
        if ours and time.time() - part.stat().st_mtime > JUST_BEGUN_S:
            part.replace(part.with_name(f"{part.name}.torn0"))
    return False


def _fullest(parts: Sequence[Path]) -> Path:
    return max(sorted(parts), key=_lines_in)


def _lines_in(part: Path) -> int:
    with suppress(OSError):
        return scan(part.read_bytes()).frames
    return 0


def _holds(final: Path, part: Path) -> bool:
    """Whether all good lines of a part are in the finished file, but for head and seals."""
    with suppress(OSError):
        if part.samefile(final):
            return True
        return _contents(part.read_bytes()) <= _contents(final.read_bytes())
    return False


def _contents(data: bytes) -> set[bytes]:
    found = scan(data)
    kept = data[: found.size].split(b"\n")[1:-1]
    return {raw[:-17] for raw in kept if b'"k":"seal"' not in raw}
