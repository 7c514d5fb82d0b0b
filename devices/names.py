"""What straps are called. A name comes out of the air and may hold anything; an address is never recorded."""

from __future__ import annotations

import re
from typing import Final

NAMELESS: Final = "a strap without a name"
LONGEST_NAME: Final = 64
"""Names have up to 248 bytes; several stand in one sentence, whose length is limited."""
SIX_BYTES: Final = len("00:00:00:00:00:00")
_ADDRESS: Final = re.compile(
    r"(?:[0-9A-F]{2}[:-]){5}[0-9A-F]{2}|[0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}", re.IGNORECASE
)
_WITHIN: Final = re.compile(r"(?:[0-9A-F]{2}[:_-]){5}[0-9A-F]{2}", re.IGNORECASE)


def printable(text: str) -> str:
    """Words that may come out of the air, without anything that moves a cursor."""
    return "".join(sign if sign.isprintable() else " " for sign in text)


def readable(name: str, address: str = "") -> str:
    """A name as it came, as one short line that can be shown and recorded; empty when it tells the address."""
    line = " ".join(printable(name).split())[:LONGEST_NAME].rstrip()
    return "" if address and _bare(address) in _bare(line) else line


def without_addresses(text: str) -> str:
    """What a system or a library said, for a recording: it may name a strap by its address."""
    return _WITHIN.sub("(address)", text)


def spoken(name: str) -> str:
    """A strap in a sentence that may be recorded: by its name, never by its address."""
    return name if name.strip() else NAMELESS


def is_named(words: str, name: str, address: str) -> bool:
    """Whether `words` mean this strap: they are its address or begin its name; case does not matter. Empty: any."""
    sought = words_of(words).casefold()
    return address.casefold() == sought or readable(name).casefold().startswith(sought)


def is_address(words: str) -> bool:
    """Whether these are an address: six bytes, on macOS a UUID."""
    return _ADDRESS.fullmatch(words.strip()) is not None


def words_of(words: str) -> str:
    """What somebody typed to name a strap, as names and addresses are written here."""
    line = readable(words)
    return line.replace("-", ":") if len(line) == SIX_BYTES and is_address(line) else line


def _bare(address: str) -> str:
    """An address without what stands between its digits, which differs from place to place."""
    return re.sub(r"[:\-_\s]", "", address).casefold()
