"""What can be said of a recording from its two ends, without reading all of it: for a list of thousands."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from json import dumps
from math import isfinite
from pathlib import Path
from typing import Any, Final, cast

from biofeedback.errors import UnreadableError
from biofeedback.recording.chain import Line, LineError, SealedError, open_frame, opened, stated_crc
from biofeedback.recording.naming import FORMAT, PART, SUFFIX, final_of
from biofeedback.recording.reader import DAMAGED, StoredRecording, read_recording, removed_from
from biofeedback.recording.sealing import CIPHER, Keys
from biofeedback.recording.starts import local_time, start_text, unknown_in

NOT_READ: Final = -1
"""In the place of a time: what could not be read now is read again at the next look."""
FIRST_READ: Final = 12_288
MOST_READ: Final = 262_144
"""The opening is one line of at most 64 KiB behind a head and some lines on the rules."""
LAST_READ: Final = 8_192
LAST_LINES: Final = 8
"""The end of a session is followed by a seal only; one that was torn off has its last good line among these."""
POOR: Final = 0.05
IRREGULAR: Final = 0.20
"""Shares of flagged intervals (RULINGS B1.4)."""


@dataclass(frozen=True, slots=True)
class Facts:
    """A recording in a list. What cannot be known without reading all of it, or without its key, is None.

    `state`: finished, unfinished (it has no end), locked (encrypted, and there is no key), damaged or unreadable.
    `start_ns`: UTC, since 1970; of an import whose file tells no time, when it was imported; `start_unknown`: what of
    that is not known, "all" or "zone". `dur_s`: up to its end. `imported`: SHA-256 of the file that it was made of.
    """

    file: str
    bytes: int
    mtime_ns: int
    id: str = ""
    state: str = "unreadable"
    start_ns: int = 0
    utc_off_s: int = 0
    format_v: int = 0
    subject: str | None = None
    plan: str | None = None
    scripts: str | None = None
    source: str | None = None
    simulated: bool = False
    demo: bool = False
    dur_s: float | None = None
    beats: int | None = None
    quality: str | None = None
    coverage: float | None = None
    parent: str | None = None
    encrypted: bool = False
    imported: str | None = None
    start_unknown: str | None = None

    @property
    def start(self) -> str | None:
        """When it began, in the local time of the recording, ISO 8601, as far as known; None when nobody knows."""
        return start_text(self.start_ns, self.utc_off_s, self.start_unknown)

    @property
    def start_utc(self) -> str:
        """When it began, in UTC, ISO 8601."""
        return local_time(self.start_ns, 0).isoformat(timespec="seconds").replace("+00:00", "Z")


def quality_of(flagged: int | None, beats: int | None) -> str | None:
    """good, poor (above 5 % of intervals flagged) or irregular (above 20 %); None without beats (RULINGS B1.4)."""
    if flagged is None or not beats:
        return None
    share = flagged / beats
    return "irregular" if share > IRREGULAR else "poor" if share > POOR else "good"


def recordings_in(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """The recordings in a folder by name, finished or not; nothing when there is no folder.

    Links are passed over, and names that are no text.

    Of one whose disk failed, so that it went on in a second part, there is one: the finished file, else the largest.
    """
    found: dict[Path, tuple[str, os.stat_result]] = {}
    with suppress(FileNotFoundError), os.scandir(folder) as entries:
        for entry in entries:
            if (
                entry.name.endswith((SUFFIX, PART))
                and storable_text(entry.name) == entry.name
                and entry.is_file(follow_symlinks=False)
            ):
                with suppress(FileNotFoundError):
                    _keep_better(found, folder / entry.name, entry.stat(follow_symlinks=False))
    yield from found.values()


def _keep_better(found: dict[Path, tuple[str, os.stat_result]], path: Path, stat: os.stat_result) -> None:
    final = final_of(path)
    if not final.name.endswith(SUFFIX):
        return
    other = found.get(final)
    if other is None or path == final or (other[0] != final.name and stat.st_size > other[1].st_size):
        found[final] = (path.name, stat)


def facts_of(folder: Path, name: str, found: os.stat_result, keys: Keys | None = None) -> Facts:
    """What the two ends of a recording say; one that cannot be read at all is unreadable, never an error.

    An encrypted one is read whole when there are keys: its end opens only behind all that stands before it.
    """
    bare = Facts(name, found.st_size, found.st_mtime_ns)
    try:
        with (folder / name).open("rb") as file:
            first = _first_lines(file.read(FIRST_READ), lambda: file.read(MOST_READ - FIRST_READ))
            file.seek(max(0, found.st_size - LAST_READ))
            last = _last_lines(file.read(LAST_READ))
        head = first[0].body
        if head.get("format") != FORMAT:
            return bare
        if CIPHER not in head:
            return _facts(bare, head, first, last)
        if keys is not None:
            return _of_whole(bare, read_recording(folder / name, keys))
        return _facts(bare, head, [], [], locked=True)
    except OSError:  # that may pass, so it is looked at again
        return replace(bare, mtime_ns=NOT_READ)
    except (UnreadableError, LineError, SealedError, KeyError, TypeError, ValueError, IndexError, OverflowError):
        return bare


def _of_whole(bare: Facts, whole: StoredRecording) -> Facts:
    if whole.locked:  # by the keys of another home
        return _facts(bare, whole.head, [], [], locked=True)
    return _facts(bare, whole.head, whole.lines[:64], whole.lines[-8:])


def _facts(
    bare: Facts,
    head: Mapping[str, Any],
    first: Sequence[Line],
    last: Sequence[Line],
    *,
    locked: bool = False,
) -> Facts:
    opening = next((line.body for line in first if line.kind == "open"), cast("Mapping[str, Any]", {}))
    plan = cast("Mapping[str, Any]", opening.get("plan") or {})
    source = cast("Mapping[str, Any]", opening.get("source") or {})
    end = next((line for line in reversed(last) if line.kind == "end"), None)
    said: Mapping[str, Any] = end.body if end is not None else {}
    dur_s = said.get("duration_s") if end is not None else last[-1].t / 1e6 if last else None
    beats, flagged = _whole(said.get("beats")), _whole(said.get("flagged"))
    simulated = source.get("kind") == "simulated"
    return Facts(
        bare.file,
        bare.bytes,
        bare.mtime_ns,
        id=storable_text(str(head["session"])),
        state="locked" if locked else "finished" if end is not None else _without_end(bare, head),
        start_ns=_storable(int(head["wall_ns"])),
        utc_off_s=_storable(int(head.get("utc_off_s") or 0)),
        format_v=_storable(int(head["v"])),
        subject=None if locked else _text(head.get("subject")),
        plan=_text(plan.get("name")),
        scripts=_scripts(plan),
        source=_text(source.get("kind")),
        simulated=simulated,
        demo=opening.get("demo") is True,
        dur_s=_number(dur_s),
        beats=beats,
        quality=quality_of(flagged, beats),
        coverage=_number(said.get("coverage")),
        parent=dumps(head["parent"]) if isinstance(head.get("parent"), dict) else None,
        encrypted=CIPHER in head,
        imported=_imported(opening.get("parent")),
        start_unknown=unknown_in(head),
    )


def _imported(parent: object) -> str | None:
    """The SHA-256 of the file of another program that a recording was made of; None for any other."""
    if not isinstance(parent, Mapping) or "rule" not in parent:
        return None
    return _text(cast("Mapping[str, object]", parent).get("sha256"))


def _scripts(plan: Mapping[str, Any]) -> str | None:
    """The scripts of a session, in order and each once."""
    pairs = cast("list[Mapping[str, Any]]", plan.get("pairs") or [])
    named = [plan.get("script"), *(pair.get("visualization") for pair in pairs)]
    return storable_text(" ".join(dict.fromkeys(str(name) for name in named if name))) or None


def _without_end(bare: Facts, head: Mapping[str, Any]) -> str:
    """A finished recording has its end, unless it is a copy of one that was damaged."""
    return "unfinished" if bare.file.endswith(PART) or DAMAGED in removed_from(head) else "damaged"


def _first_lines(data: bytes, more: Callable[[], bytes]) -> list[Line]:
    """The lines up to the opening. Raises LineError when not even the head is good."""
    lines, rest = _good_lines(data)
    if lines and lines[-1].kind != "open" and CIPHER not in lines[0].body and rest:
        lines, _ = _good_lines(data + more())
    if not lines:
        raise LineError("there is no head")
    return lines


def _good_lines(data: bytes) -> tuple[list[Line], bool]:
    """Good lines from the beginning up to the opening, and whether data end before it."""
    lines: list[Line] = []
    crc = 0
    for raw in data.split(b"\n"):
        try:
            framed, crc = open_frame(raw, crc)
            lines.append(opened(framed))
        except (LineError, SealedError):
            return lines, True
        if lines[-1].kind == "open" or CIPHER in lines[-1].body:
            return lines, False
    return lines, True


def _last_lines(data: bytes) -> list[Line]:
    """The good lines at the end, each checked with what the line before it says of itself."""
    lines: list[Line] = []
    for before, raw in pairwise(data.split(b"\n")[-LAST_LINES:]):
        crc = stated_crc(before)
        if crc is not None and raw:
            with suppress(LineError, SealedError):
                lines.append(opened(open_frame(raw, crc)[0]))
    return lines


def _text(value: object) -> str | None:
    return storable_text(value) if isinstance(value, str) else None


def storable_text(text: str) -> str:
    """Halves of signs, which JSON can hold and an index cannot, become "?"."""
    return text if text.isascii() else text.encode(errors="replace").decode()


def _storable(number: int) -> int:
    """The number. Raises OverflowError when it is beyond 64 bits, which no index holds."""
    if number.bit_length() > 63:
        raise OverflowError("a number beyond 64 bits")
    return number


def _whole(value: object) -> int | None:
    return _storable(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _number(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not isfinite(value):
        return None
    return float(value)
