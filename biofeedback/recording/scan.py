"""Goes through the bytes of a log: the good lines, where they end and why, and what is still good behind that."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from biofeedback.recording.chain import SEALED, Framed, Line, LineError, SealedError, open_frame, opened, stated_crc
from biofeedback.recording.naming import FORMAT
from biofeedback.recording.shape import is_well_formed
from biofeedback.recording.sealing import CIPHER, CLEAR_IN_HEAD, CONTINUES, NEW_KEY, FileCipher, Keys


_CONTENTS: Final = re.compile(rb'"%b":"[^"]*?([A-Za-z0-9+/]{22,}={0,2})"' % SEALED.encode())
_KEYS: Final = re.compile(rb'"%b":"([A-Za-z0-9+/]{22,}={0,2})"' % NEW_KEY.encode())
CUT_SHORT: Final = "the line is cut short"
_END: Final = 24
"""Letters at the end of an encrypted line's content that hold what the next line is bound to."""


YEAR_US: Final = 366 * 86_400 * 1_000_000
LONGEST_SESSION_US: Final = 20 * YEAR_US
"""What a watch has kept over many years is one import, with holes of hours."""
LONGEST_US: Final = 200 * YEAR_US
"""No log is kept longer, not even a person's."""


class Hash(Protocol):
    """A running SHA-256."""

    def update(self, data: bytes, /) -> None:
        """Take more bytes."""
        ...

    def hexdigest(self) -> str:
        """Of what was taken so far."""
        ...

    def digest(self) -> bytes:
        """The same as bytes."""
        ...


@dataclass(slots=True)
class Scan:
    """What stands in the bytes of a log, and what is needed to go on behind the last good line.

    `frames`: good lines, opened or not; `size`: their bytes; `beyond`: good lines behind the first damage;
    `locked`: lines are encrypted and there is no key for them, so `lines` has the clear ones only.
    """

    lines: list[Line] = field(default_factory=list[Line])
    beyond: list[Line] = field(default_factory=list[Line])
    damage: str | None = None
    locked: bool = False
    frames: int = 0
    size: int = 0
    crc: int = 0
    sha: Hash = field(default_factory=hashlib.sha256)
    cipher: FileCipher | None = None
    last_kind: str = ""

    @property
    def torn(self) -> bool:
        """Whether only the end is damaged, as by a power cut: nothing behind it is good."""
        return self.damage is not None and not self.beyond


def scan(data: bytes, keys: Keys | None = None) -> Scan:
    """Read all lines of a log. Raises SealedError when it is encrypted by other keys."""
    found = Scan()
    *whole, rest = data.split(b"\n")
    for place, raw in enumerate(whole):
        try:
            _take(found, raw, keys)
        except (LineError, SealedError) as error:
            if not place and isinstance(error, SealedError):
                raise
            found.damage = f"line {place + 1}: {error}"
            _salvage(found, whole, place)
            return found
    if rest:
        found.damage = f"line {len(whole) + 1}: {CUT_SHORT}"
    return found


def _take(found: Scan, raw: bytes, keys: Keys | None) -> None:
    """Add the next line. Raises LineError, SealedError."""
    framed, crc = open_frame(raw, found.crc)
    if framed.table["n"] != found.frames:
        raise LineError(f"its number is {framed.table['n']}")
    line = _opened(found, framed)
    if line is not None:
        _check(found, line)
        found.lines.append(line)
        found.last_kind = line.kind
    else:
        found.last_kind = ""
    found.frames, found.crc, found.size = found.frames + 1, crc, found.size + len(raw) + 1
    found.sha.update(raw + b"\n")
    if line is not None and not line.n and CIPHER in line.body:
        found.cipher = keys.open_file(line.body) if keys is not None else None
        found.locked = found.cipher is None


def _opened(found: Scan, framed: Framed) -> Line | None:
    """The line, None when it is encrypted and there is no key."""
    if not framed.sealed:
        return _clear(found, opened(framed))
    if found.cipher is None:
        if not found.locked:
            raise LineError("it is encrypted, and the head does not say how")
        return None
    if NEW_KEY in framed.table:
        found.cipher.turn(str(framed.table[NEW_KEY]))
    return opened(framed, found.cipher)


def _clear(found: Scan, line: Line) -> Line:
    """A line in plain text. In an encrypted log only a seal is: anybody could have put in another, without a key."""
    if found.locked or found.cipher is not None:
        if line.kind != "seal":
            raise LineError("it is not encrypted as the others are")
        if found.cipher is not None and NEW_KEY in line.body:
            found.cipher.turn(str(line.body[NEW_KEY]))
    return line


def _check(found: Scan, line: Line) -> None:
    if found.cipher is not None and line.n == 1:
        _check_heads(found.lines[0], line)
    if line.kind == "seal" and line.body.get("sha256") != found.sha.hexdigest():
        raise LineError("its seal does not fit what stands before it")
    is_session = (found.lines[0] if found.lines else line).body.get("format") == FORMAT
    if is_session and not is_well_formed(line.kind, line.body):
        raise LineError(f"it is no {line.kind} of this program")
    if not 0 <= line.t <= (LONGEST_SESSION_US if is_session else LONGEST_US):
        raise LineError("its time is no time of a session")
    if found.lines and line.t < found.lines[-1].t:
        raise LineError("its time lies before that of the line before it")


def _check_heads(clear: Line, sealed: Line) -> None:
    """Anybody could write the clear head anew; what it says must be what the encrypted one says."""
    said = {key: value for key, value in clear.body.items() if key in CLEAR_IN_HEAD}
    if sealed.kind != "head" or said != {key: sealed.body[key] for key in CLEAR_IN_HEAD if key in sealed.body}:
        raise LineError("the head before it is not the one that was written")


def _salvage(found: Scan, raws: Sequence[bytes], damaged: int) -> None:
    """The good lines behind a damaged one: each is checked with what the line before it says of itself."""
    reached, t = found.frames - 1, found.lines[-1].t if found.lines else 0
    for before, raw in zip(raws[damaged:], raws[damaged + 1 :], strict=False):
        _follow(found, before)
        crc = stated_crc(before)
        if crc is None:
            continue
        with suppress(LineError, SealedError):
            framed, _ = open_frame(raw, crc)
            if framed.table["n"] <= reached:
                continue
            line = _opened(found, framed)
            if line is not None and line.t >= t:
                found.beyond.append(line)
                reached, t = line.n, line.t


def _follow(found: Scan, before: bytes) -> None:
    """Bring the cipher to where it stands after this line, whether it was opened, is damaged, or not encrypted."""
    if found.cipher is None:
        return
    for wrapped in _KEYS.findall(before):
        with suppress(SealedError):
            found.cipher.turn(wrapped.decode())
    for content in _CONTENTS.findall(before):  # two when the end of a line was damaged
        with suppress(Base64Error):
            found.cipher.follow(b64decode(content[-_END:], validate=True))


def head_of(lines: Sequence[Line]) -> Mapping[str, Any]:
    """The head of a log. That of an encrypted one is its second line; anybody could have written into the first."""
    clear = lines[0].body
    if CIPHER not in clear or len(lines) == 1 or lines[1].kind != "head":
        return clear
    return {**lines[1].body, **{key: clear[key] for key in (CIPHER, CONTINUES) if key in clear}}
