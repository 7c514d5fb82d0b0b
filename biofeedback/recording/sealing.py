"""What a log needs of encryption (RULINGS C5); `keys` has it. A log without it never loads a library for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from biofeedback.events import Json
from biofeedback.recording.chain import Cipher

CIPHER: Final = "cipher"
"""The key of a head that says how the rest of the file is encrypted; nothing in it is about the person."""
CONTINUES: Final = "continues"
"""The key of a head that names the part whose disk failed."""
NEW_KEY: Final = "key"
"""The key of a line from which on another, wrapped, key is used; it stands in more than one, for one may be lost."""
CLEAR_IN_HEAD: Final = ("format", "v", "min_reader", "session", "person_log", "wall_ns", "utc_off_s", "start_unknown")
"""What the first line of an encrypted file may hold besides; the rest of the head is its second line."""


class FileCipher(Cipher, Protocol):
    """The cipher of one file, which goes through its lines in order."""

    @property
    def wrapped(self) -> str:
        """The key in use, wrapped."""
        ...

    def follow(self, sealed: bytes) -> None:
        """The line before is this one, though it was not opened."""
        ...

    def turn(self, wrapped: str) -> None:
        """From the next line on, the key is the one wrapped here. Raises SealedError."""
        ...

    def renew(self) -> None:
        """From the next line on, a new key. So no number is used twice under one key."""
        ...


class Keys(Protocol):
    """What opens the files of a person or a household, and makes new ones."""

    def new_file(self, ident: str) -> tuple[FileCipher, Mapping[str, Json]]:
        """The cipher for a new file, and what its head says of it. `ident` is bound to every line."""
        ...

    def open_file(self, head: Mapping[str, Any]) -> FileCipher | None:
        """The cipher of a file with this head, None when it is of a home whose keys these are not.

        Raises SealedError when it should open and does not.
        """
        ...
