"""The line layout of a recording: keys first `n t k`, last `x`, a CRC-32 seeded with that of the line before.

The chain finds a changed, lost, swapped or repeated line without any key. An encrypted line has `z` in the place of
all but its number (RULINGS C5); the chain is over the stored bytes of both.
"""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn, Protocol, cast
from zlib import crc32

from biofeedback.events import Json

LONGEST_LINE: Final = 65_536
LONGEST_PLAIN: Final = 48_000
"""Of what is encrypted: its letters are a third more."""
SEALED: Final = "z"
"""The key of an encrypted line's content."""
_TAIL: Final = re.compile(rb',"x":"([0-9a-f]{8})"\}\Z')


class LineError(ValueError):
    """Raised when the bytes of a line are not what was written."""


class SealedError(ValueError):
    """Raised when an encrypted line does not open: another key, or a line before it that is not the one it was."""


class Cipher(Protocol):
    """Encrypts the lines of one file in their order; each is bound to the one before it."""

    def seal(self, n: int, plain: bytes) -> bytes:
        """The stored bytes of line `n`."""
        ...

    def open(self, n: int, sealed: bytes) -> bytes:
        """What was written in line `n`. Raises SealedError."""
        ...


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a recording: sequence number, session time in microseconds, kind, and the rest."""

    n: int
    t: int
    kind: str
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Framed:
    """A line whose bytes are those that were written: all its keys but `x`."""

    table: Mapping[str, Any]

    @property
    def sealed(self) -> bool:
        """Whether its content is encrypted; of a line that is not, `z` may be a number of its own."""
        return SEALED in self.table and "k" not in self.table


def seal_line(
    n: int,
    t: int,
    kind: str,
    body: Mapping[str, Json],
    crc: int,
    cipher: Cipher | None = None,
    clear: Mapping[str, Json] | None = None,
) -> tuple[bytes, int]:
    """The bytes of a line with its end of line, and the CRC that seeds the next one.

    `cipher` encrypts all but the number and what is `clear`. Raises LineError when the line is too long.
    """
    if cipher is None:
        return _framed({"n": n, "t": t, "k": kind, **body}, crc)
    plain = _text({"t": t, "k": kind, **body})
    if len(plain) > LONGEST_PLAIN:  # asked before it is encrypted: no number may be used twice
        raise LineError(f"a line of {len(plain)} bytes is longer than {LONGEST_PLAIN}")
    sealed = cipher.seal(n, plain)
    return _framed({"n": n, **(clear or {}), SEALED: b64encode(sealed).decode()}, crc)


def open_frame(raw: bytes, crc: int) -> tuple[Framed, int]:
    """Check the bytes of a line (without its end) against the chain and read its keys. Raises LineError."""
    tail = _TAIL.search(raw)
    if tail is None:
        raise LineError("the line is cut short or not a line of a recording")
    crc = crc32(raw[: tail.start()], crc)
    if tail[1] != b"%08x" % crc:
        raise LineError("the line is not the one that was written")
    table = _table(raw)
    table.pop("x")
    if not isinstance(table.get("n"), int):
        raise LineError("the line has no number")
    return Framed(table), crc


def opened(framed: Framed, cipher: Cipher | None = None) -> Line:
    """What a line says. Raises LineError, and SealedError when it is encrypted and `cipher` cannot open it."""
    table = dict(framed.table)
    n = table.pop("n")
    if framed.sealed:
        if cipher is None:
            raise SealedError("the line is encrypted")
        try:
            sealed = b64decode(table[SEALED], validate=True)
        except (Base64Error, TypeError, ValueError) as error:
            raise LineError("the line cannot be read") from error
        table = _table(cipher.open(n, sealed))
    t, kind = table.pop("t", None), table.pop("k", None)
    if not isinstance(t, int) or not isinstance(kind, str):
        raise LineError("the line has no time or no kind")
    return Line(n, t, kind, table)


def open_line(raw: bytes, crc: int, cipher: Cipher | None = None) -> tuple[Line, int]:
    """Check the bytes of a line (without its end) against the chain and read it. Raises LineError, SealedError."""
    framed, crc = open_frame(raw, crc)
    return opened(framed, cipher), crc


def stated_crc(raw: bytes) -> int | None:
    """The CRC that a line says it has, whether true or not; the line after it may be checked with that."""
    tail = _TAIL.search(raw)
    return None if tail is None else int(tail[1], 16)


def _text(table: Mapping[str, Json]) -> bytes:
    return json.dumps(table, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def _framed(table: Mapping[str, Json], crc: int) -> tuple[bytes, int]:
    start = _text(table)[:-1]
    crc = crc32(start, crc)
    line = start + b',"x":"%08x"}\n' % crc
    if len(line) > LONGEST_LINE:
        raise LineError(f"a line of {len(line)} bytes is longer than {LONGEST_LINE}")
    return line, crc


def _not_a_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


_DECODER: Final = json.JSONDecoder(parse_constant=_not_a_number)


def _table(text: bytes) -> dict[str, Any]:
    try:
        table = _DECODER.decode(text.decode())
    except (ValueError, RecursionError) as error:
        raise LineError("the line cannot be read") from error
    if not isinstance(table, dict):
        raise LineError("the line cannot be read")
    return cast("dict[str, Any]", table)
