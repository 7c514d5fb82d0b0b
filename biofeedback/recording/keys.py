"""The keys of a household: passphrase or recovery code open the home key, the home key opens each file's own key.

passphrase → argon2id (RFC 9106, its second recommended choice) ┐
                                                                ├→ home key → key of a file → its lines
recovery code → HKDF-SHA256 (RFC 5869) ─────────────────────────┘
The two ways into the home key stand in `lock.json` of the home (`home_lock`) and in the head of every encrypted file,
so that a file that was copied away opens by itself, with the passphrase of the day it was begun.
"""

from __future__ import annotations

import os
import unicodedata
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Self, cast

from biofeedback.events import Json
from biofeedback.recording.chain import SealedError
from biofeedback.recording.cipher import KEY_BYTES, KeyBox, LineCipher
from biofeedback.recording.recovery_code import CODE_BYTES, looks_like_code, read_code, written_code
from biofeedback.recording.sealing import CIPHER

ALGORITHM: Final = "AES-256-GCM"
SHORTEST: Final = 8
"""Letters of a passphrase, at the least."""
LONGEST: Final = 1024
_SALT_BYTES: Final = 16
# What a wrapped key is for; bound to it, so that none passes for another.
_TYPED: Final = "biofeedback home key by passphrase"
_PRINTED: Final = "biofeedback home key by recovery code"
_FILE_KEY: Final = "biofeedback file key"


class LockError(ValueError):
    """Raised when what should say how to open a home is not what we wrote, or is beyond this computer."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one try of a passphrase costs: passes over memory, memory in KiB, lanes."""

    passes: int = 3
    memory_kib: int = 65_536
    lanes: int = 4


# A file from outside may not ask for more: it could keep the program busy for days, or take all memory.
_MOST: Final = Cost(64, 4 * 1024 * 1024, 64)


@dataclass(frozen=True, slots=True)
class Lock:
    """How the home key is opened; holds no secret. `ident` is the same as long as the home key is."""

    ident: str
    cost: Cost
    salt: bytes
    by_passphrase: str
    code_salt: bytes
    by_code: str

    def to_json(self) -> dict[str, Json]:
        """As it stands in `lock.json` and in the heads of files."""
        kdf: dict[str, Json] = {
            "name": "argon2id",
            "t": self.cost.passes,
            "m_kib": self.cost.memory_kib,
            "p": self.cost.lanes,
            "salt": _text(self.salt),
        }
        return {
            "home": self.ident,
            "passphrase": {"kdf": kdf, "key": self.by_passphrase},
            "code": {"kdf": {"name": "HKDF-SHA256", "salt": _text(self.code_salt)}, "key": self.by_code},
        }

    @classmethod
    def from_json(cls, table: object) -> Self:
        """From what `to_json` gave; other keys are left aside. Raises LockError."""
        try:
            known = cast("Mapping[str, Any]", table)
            by_passphrase, code = known["passphrase"], known["code"]
            kdf, code_kdf = by_passphrase["kdf"], code["kdf"]
            names = kdf["name"], code_kdf["name"]
            cost = Cost(int(kdf["t"]), int(kdf["m_kib"]), int(kdf["p"]))
            salts = _bytes(kdf["salt"]), _bytes(code_kdf["salt"])
            lock = cls(str(known["home"]), cost, salts[0], str(by_passphrase["key"]), salts[1], str(code["key"]))
        except (KeyError, TypeError, ValueError) as error:
            raise LockError("what it says of its lock cannot be read") from error
        return lock._checked(names)

    def _checked(self, names: tuple[object, object]) -> Self:
        if names != ("argon2id", "HKDF-SHA256"):
            raise LockError("it is locked in a way that this version does not know")
        cost = self.cost
        fits = (
            1 <= cost.passes <= _MOST.passes
            and 1 <= cost.lanes <= _MOST.lanes
            and 8 * cost.lanes <= cost.memory_kib <= _MOST.memory_kib
            and all(8 <= len(salt) <= 64 for salt in (self.salt, self.code_salt))
        )
        if not fits:
            raise LockError("its lock asks for more than any lock of this program")
        return self


class HomeKeys:
    """The open home key: opens the files of this home and makes new ones."""

    def __init__(self, lock: Lock, home_key: bytes) -> None:
        """Use `new_home` or `unlock`."""
        self.lock = lock
        self._key = home_key
        self._box = KeyBox(home_key, _FILE_KEY)

    def new_file(self, ident: str) -> tuple[LineCipher, Mapping[str, Json]]:
        """The cipher for a new file, and what its head says of it. `ident` is bound to every line."""
        cipher = LineCipher.new(ident, self._box)
        return cipher, {"name": ALGORITHM, "ident": ident, "key": cipher.wrapped, **self.lock.to_json()}

    def open_file(self, head: Mapping[str, Any]) -> LineCipher:
        """The cipher of a file with this head. Raises SealedError when these keys are not its keys."""
        said = head.get(CIPHER)
        if not isinstance(said, Mapping):
            raise SealedError("it does not say how it is encrypted")
        table = cast("Mapping[str, Any]", said)
        if table.get("name") != ALGORITHM:
            raise SealedError("it is encrypted in a way that this version does not know")
        return LineCipher.of(str(table.get("ident")), self._box, str(table.get("key")))

    def under(self, lock: Lock) -> HomeKeys:
        """The same home key with a newer lock of the same home: what new files say of how they are opened."""
        return self if lock == self.lock else HomeKeys(lock, self._key)

    def with_passphrase(self, passphrase: str, cost: Cost | None = None) -> HomeKeys:
        """The same home key, opened by another passphrase from now on."""
        return HomeKeys(_by_passphrase(self.lock, self._key, passphrase, cost or self.lock.cost), self._key)

    def with_new_code(self) -> tuple[HomeKeys, str]:
        """The same home key, opened by a new recovery code from now on, which is given once."""
        secret = os.urandom(CODE_BYTES)
        return HomeKeys(_by_code(self.lock, self._key, secret), self._key), written_code(secret)


class KeyRing:
    """The open keys of one home or more: each file is opened by those of its own, and stays closed without them."""

    def __init__(self, keys: Sequence[HomeKeys]) -> None:
        """At least one; the first makes new files."""
        self._first = keys[0]
        self._by_home = {each.lock.ident: each for each in keys}

    def new_file(self, ident: str) -> tuple[LineCipher, Mapping[str, Json]]:
        """As `HomeKeys.new_file`."""
        return self._first.new_file(ident)

    def open_file(self, head: Mapping[str, Any]) -> LineCipher | None:
        """As `HomeKeys.open_file`; None when the file is of another home."""
        said = head.get(CIPHER)
        home = cast("Mapping[str, Any]", said).get("home") if isinstance(said, Mapping) else None
        keys = self._by_home.get(str(home))
        return None if keys is None else keys.open_file(head)


def new_home(passphrase: str, cost: Cost | None = None) -> tuple[HomeKeys, str]:
    """A new home key under this passphrase; and its recovery code, which is given once and kept nowhere."""
    home_key, secret = os.urandom(KEY_BYTES), os.urandom(CODE_BYTES)
    empty = Lock(os.urandom(8).hex(), Cost(), b"", "", b"", "")
    lock = _by_code(_by_passphrase(empty, home_key, passphrase, cost or Cost()), home_key, secret)
    return HomeKeys(lock, home_key), written_code(secret)


def lock_of(head: Mapping[str, Any]) -> Lock | None:
    """How a file with this head is locked; None when it is not encrypted. Raises LockError."""
    return Lock.from_json(head[CIPHER]) if CIPHER in head else None


def unlock(lock: Lock, secret: str) -> HomeKeys:
    """Open the home key with the passphrase, or with the recovery code where `secret` has its form.

    Raises SealedError when it is neither, CodeError when it is a code with a mistake in it, LockError when there is
    not the memory for it.
    """
    if looks_like_code(secret):
        return _unlock(lock, _code_key(read_code(secret), lock.code_salt), lock.by_code, _PRINTED)
    kek = _passphrase_key(_normal(secret), lock.salt, lock.cost)
    return _unlock(lock, kek, lock.by_passphrase, _TYPED)


def weakness(passphrase: str) -> str | None:
    """Why a passphrase cannot be used, as a sentence; None when it can."""
    if len(_normal(passphrase).decode()) < SHORTEST:
        return f"It has fewer than {SHORTEST} letters: a computer would guess it within hours."
    if len(passphrase) > LONGEST:
        return f"It has more than {LONGEST} letters."
    if looks_like_code(passphrase):
        return "It looks like a recovery code, and could not be told from one."
    if not passphrase.isprintable():
        return "There is something in it that cannot be seen, so that nobody could type it again."
    if len(set(passphrase)) < 4:
        return "It is the same few letters again and again: a computer would guess it at once."
    return None


def _unlock(lock: Lock, kek: bytes, wrapped: str, purpose: str) -> HomeKeys:
    return HomeKeys(lock, KeyBox(kek, purpose).unwrap(wrapped, lock.ident))


def _by_passphrase(lock: Lock, home_key: bytes, passphrase: str, cost: Cost) -> Lock:
    salt = os.urandom(_SALT_BYTES)
    box = KeyBox(_passphrase_key(_normal(passphrase), salt, cost), _TYPED)
    return replace(lock, cost=cost, salt=salt, by_passphrase=box.wrap(home_key, lock.ident))


def _by_code(lock: Lock, home_key: bytes, secret: bytes) -> Lock:
    salt = os.urandom(_SALT_BYTES)
    box = KeyBox(_code_key(secret, salt), _PRINTED)
    return replace(lock, code_salt=salt, by_code=box.wrap(home_key, lock.ident))


@lru_cache(maxsize=8)
def _passphrase_key(passphrase: bytes, salt: bytes, cost: Cost) -> bytes:
    """Derived once in the life of the program: it takes a good part of a second, on purpose."""
    from argon2.exceptions import HashingError
    from argon2.low_level import Type, hash_secret_raw

    try:
        return hash_secret_raw(
            passphrase, salt, cost.passes, cost.memory_kib, cost.lanes, hash_len=KEY_BYTES, type=Type.ID
        )
    except (HashingError, MemoryError) as error:
        raise LockError(f"that needs {cost.memory_kib // 1024} MiB of free memory") from error


def _code_key(secret: bytes, salt: bytes) -> bytes:
    """A recovery code has 256 random bits: it needs no slow function."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), KEY_BYTES, salt, _PRINTED.encode()).derive(secret)


def _normal(passphrase: str) -> bytes:
    """One spelling of what can be typed in two ways, as an accent or as a letter with it (RFC 8265)."""
    return unicodedata.normalize("NFC", passphrase).encode()


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except Base64Error as error:
        raise ValueError(text) from error
