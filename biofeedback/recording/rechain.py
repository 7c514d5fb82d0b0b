"""A log's bytes again under another head: the chain and the seals are made anew, all else stays to the byte."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Final
from zlib import crc32

from biofeedback.events import Json
from biofeedback.recording.chain import open_frame, seal_line

_CLOSING: Final = len(b',"x":"01234567"}')


def rechained(data: bytes, more_head: Mapping[str, Json]) -> tuple[bytes, int]:
    """The same lines with these keys added to the head, and the CRC of the last. Raises LineError when one is bad.

    Encrypted lines stay as they are: they are bound to each other, not to the head.
    """
    crc_before = crc = 0
    lines: list[bytes] = []
    sha, size = hashlib.sha256(), 0
    for raw in data.split(b"\n")[:-1]:
        framed, crc_before = open_frame(raw, crc_before)
        n, kind = int(framed.table["n"]), framed.table.get("k")
        if not n or kind == "seal":
            body = {key: value for key, value in framed.table.items() if key not in ("n", "t", "k")}
            body |= {**more_head} if not n else {"sha256": sha.hexdigest(), "bytes": size}
            line, crc = seal_line(n, framed.table["t"], str(kind), body, crc)
        else:
            start = raw[:-_CLOSING]
            crc = crc32(start, crc)
            line = start + f',"x":{json.dumps(f"{crc:08x}")}}}\n'.encode()
        lines.append(line)
        sha.update(line)
        size += len(line)
    return b"".join(lines), crc
