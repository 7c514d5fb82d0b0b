"""Encrypts the lines of one file, each bound to its number and to the line before it (RULINGS C5, RECORDING 2.1).

AES-256-GCM (NIST SP 800-38D): nonce = the line's number as 96 bits, additional data = the file's ident and the tag of
the encrypted line before. A key is used for one run of numbers only, see `LineCipher.seal`.
"""

from __future__ import annotations

import os
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from typing import TYPE_CHECKING, Final

from biofeedback.recording.chain import SealedError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
_FIRST: Final = bytes(TAG_BYTES)
"""Stands for the tag before the first encrypted line."""


class KeyBox:
    """Keeps keys under another key: AES-256-GCM with a random nonce. `purpose` says what for, and is bound to it."""

    def __init__(self, key: bytes, purpose: str) -> None:
        self._aead = _aead(key)
        self._purpose = purpose.encode()

    def wrap(self, key: bytes, label: str = "") -> str:
        """The key, encrypted, as text; `label` must be the same to get it out again."""
        nonce = os.urandom(NONCE_BYTES)
        return b64encode(nonce + self._aead.encrypt(nonce, key, self._bound(label))).decode()

    def unwrap(self, wrapped: str, label: str = "") -> bytes:
        """The key. Raises SealedError when the box has another key or the text was changed."""
        from cryptography.exceptions import InvalidTag

        try:
            sealed = b64decode(wrapped, validate=True)
            return self._aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._bound(label))
        except (Base64Error, InvalidTag, ValueError) as error:
            raise SealedError("this is not the key for it") from error

    def _bound(self, label: str) -> bytes:
        return self._purpose + b"\0" + label.encode()


class LineCipher:
    """The cipher of one file; goes through its lines in order. Make it with `new` or `of`."""

    def __init__(self, ident: str, box: KeyBox, wrapped: str, *, fresh: bool) -> None:
        self._ident = ident
        self._box = box
        self._previous = _FIRST
        self._last = -1
        self._turn(wrapped, fresh=fresh)

    @classmethod
    def new(cls, ident: str, box: KeyBox) -> LineCipher:
        """For a file that begins."""
        return cls(ident, box, box.wrap(os.urandom(KEY_BYTES), ident), fresh=True)

    @classmethod
    def of(cls, ident: str, box: KeyBox, wrapped: str) -> LineCipher:
        """For a file that exists: it reads, and writes after `renew`. Raises SealedError when the key is another."""
        return cls(ident, box, wrapped, fresh=False)

    @property
    def wrapped(self) -> str:
        """The key in use, wrapped."""
        return self._wrapped

    def seal(self, n: int, plain: bytes) -> bytes:
        """The stored bytes of line `n`.

        Raises SealedError unless `n` is larger than all sealed under this key, and the key was made by this object:
        no nonce can come twice, even when a line that was sealed never reached the file.
        """
        if not self._fresh or n <= self._last:
            raise SealedError(f"line {n} may not be written under this key")
        self._last = n
        sealed = self._aead.encrypt(_nonce(n), plain, self._bound())
        self._previous = sealed[-TAG_BYTES:]
        return sealed

    def open(self, n: int, sealed: bytes) -> bytes:
        """What was written in line `n`. Raises SealedError when it is not the line after the one before."""
        from cryptography.exceptions import InvalidTag

        try:
            plain = self._aead.decrypt(_nonce(n), sealed, self._bound())
        except (InvalidTag, ValueError, OverflowError) as error:
            raise SealedError("it cannot be decrypted after the line before it") from error
        self._previous = sealed[-TAG_BYTES:]
        return plain

    def follow(self, sealed: bytes) -> None:
        """The line before is this one, though it was not opened."""
        if len(sealed) >= TAG_BYTES:
            self._previous = sealed[-TAG_BYTES:]

    def turn(self, wrapped: str) -> None:
        """From the next line on, the key is the one wrapped here. Raises SealedError."""
        if wrapped != self._wrapped:
            self._turn(wrapped, fresh=False)

    def renew(self) -> None:
        """From the next line on, a new key."""
        self._turn(self._box.wrap(os.urandom(KEY_BYTES), self._ident), fresh=True)

    def _turn(self, wrapped: str, *, fresh: bool) -> None:
        self._aead = _aead(self._box.unwrap(wrapped, self._ident))
        self._wrapped = wrapped
        self._fresh = fresh
        self._last = -1

    def _bound(self) -> bytes:
        return self._ident.encode() + self._previous


def _nonce(n: int) -> bytes:
    return n.to_bytes(NONCE_BYTES, "big")


def _aead(key: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)
