"""A log's bytes again under another head: the chain and the seals are made anew, all else stays to the byte."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final
from zlib import crc32

from biofeedback.events import Json
from biofeedback.recording.chain import seal_line

_CLOSING: Final = len(b',"x":"01234567"}')
_SEAL: Final = re.compile(rb'\{"n":\d+,"t":\d+,"k":"seal",')


def rechained(data: bytes, more_head: Mapping[str, Json]) -> tuple[bytes, int]:
    """The same lines with these keys added to the head, and the CRC of the last. All of them must be good.

    Only head and seals are read, so that an hour takes some ten milliseconds. Encrypted lines stay as they are: they
    are bound to each other, not to the head.
    """
    crc, size, sha = 0, 0, hashlib.sha256()
    lines: list[bytes] = []
    for raw in data.split(b"\n")[:-1]:
        if not lines:
            line, crc = _again(raw, more_head, crc)
        elif _SEAL.match(raw):
            line, crc = _again(raw, {"sha256": sha.hexdigest(), "bytes": size}, crc)
        else:
            start = raw[:-_CLOSING]
            crc = crc32(start, crc)
            line = start + b',"x":"%08x"}\n' % crc
        lines.append(line)
        sha.update(line)
        size += len(line)
    return b"".join(lines), crc


def _again(raw: bytes, more: Mapping[str, Json], crc: int) -> tuple[bytes, int]:
    """A line with other values for these keys."""
    table: dict[str, Any] = json.loads(raw)
    n, t, kind, _ = (table.pop(key) for key in ("n", "t", "k", "x"))
    return seal_line(n, t, kind, {**table, **more}, crc)
