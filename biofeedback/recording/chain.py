"""The line layout of a recording: keys first `n t k`, last `x`, a CRC-32 seeded with that of the line before.

The chain finds a changed, lost, swapped or repeated line without any key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast
from zlib import crc32

from biofeedback.events import Json

LONGEST_LINE: Final = 65_536
_TAIL: Final = re.compile(rb',"x":"([0-9a-f]{8})"\}\Z')


class LineError(ValueError):
    """Raised when the bytes of a line are not what was written."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a recording: sequence number, session time in microseconds, kind, and the rest."""

    n: int
    t: int
    kind: str
    body: Mapping[str, Any]


def seal_line(n: int, t: int, kind: str, body: Mapping[str, Json], crc: int) -> tuple[bytes, int]:
    """The bytes of a line with its end of line, and the CRC that seeds the next one."""
    text = json.dumps({"n": n, "t": t, "k": kind, **body}, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    start = text.encode()[:-1]
    crc = crc32(start, crc)
    line = start + b',"x":"%08x"}\n' % crc
    if len(line) > LONGEST_LINE:
        raise LineError(f"a line of {len(line)} bytes is longer than {LONGEST_LINE}")
    return line, crc


def open_line(raw: bytes, crc: int) -> tuple[Line, int]:
    """Check the bytes of a line (without its end) against the chain and read it. Raises LineError."""
    tail = _TAIL.search(raw)
    if tail is None:
        raise LineError("the line is cut short or not a line of a recording")
    crc = crc32(raw[: tail.start()], crc)
    if tail[1] != b"%08x" % crc:
        raise LineError("the line is not the one that was written")
    try:
        table = json.loads(raw)
        line = Line(table.pop("n"), table.pop("t"), table.pop("k"), table)
    except (ValueError, KeyError, RecursionError) as error:
        raise LineError("the line cannot be read") from error
    cast(dict[str, Any], table).pop("x")
    return line, crc
