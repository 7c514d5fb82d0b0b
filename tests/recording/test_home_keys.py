"""Passphrase and recovery code open the home key, alone or from the head of one file; nothing else does."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from argon2.low_level import Type, hash_secret_raw

from biofeedback.errors import UnreadableError
from biofeedback.recording.chain import SealedError
from biofeedback.recording.home_lock import HomeLock, read_home_lock, remove_home_lock, write_home_lock
from biofeedback.recording.keys import Cost, Lock, LockError, lock_of, new_home, unlock, weakness
from biofeedback.recording.recovery_code import CodeError
from biofeedback.recording.sealing import CIPHER

QUICK = Cost(1, 64, 1)
PASSPHRASE = "vier Stühle am Fenster"
KEYS, CODE = new_home(PASSPHRASE, QUICK)


def written(text: bytes = b"hello") -> tuple[bytes, dict[str, Any]]:
    cipher, said = KEYS.new_file("ident")
    return cipher.seal(1, text), {"session": "ident", CIPHER: said}


@pytest.mark.parametrize(
    "secret", [PASSPHRASE, CODE, CODE.lower().replace("-", " ")], ids=["passphrase", "code", "code typed otherwise"]
)
def test_passphrase_and_code_open_a_file_that_was_copied_away(secret: str) -> None:
    stored, head = written()
    head = json.loads(json.dumps(head))
    lock = lock_of(head)
    assert lock is not None
    assert unlock(lock, secret).open_file(head).open(1, stored) == b"hello"


def test_nothing_else_opens_it() -> None:
    for wrong in ("", "vier Stuhle am Fenster", PASSPHRASE + " ", new_home("another one", QUICK)[1]):
        with pytest.raises(SealedError, match="not the key"):
            unlock(KEYS.lock, wrong)
    with pytest.raises(CodeError, match="Group 1 "):
        unlock(KEYS.lock, ("1" if CODE[0] != "1" else "2") + CODE[1:])


def test_keys_of_another_home_do_not_open_a_file() -> None:
    _, head = written()
    other, _ = new_home(PASSPHRASE, QUICK)
    with pytest.raises(SealedError):
        other.open_file(head)


def test_an_accent_typed_in_two_ways_is_one_passphrase() -> None:
    decomposed = PASSPHRASE.replace("ü", "u\N{COMBINING DIAERESIS}")
    assert decomposed != PASSPHRASE
    assert unlock(KEYS.lock, decomposed).lock == KEYS.lock


def test_another_passphrase_leaves_old_files_open_through_the_home_key() -> None:
    stored, head = written()
    changed = KEYS.with_passphrase("a new passphrase")
    assert unlock(changed.lock, "a new passphrase").open_file(head).open(1, stored) == b"hello"
    assert unlock(changed.lock, CODE).open_file(head).open(1, stored) == b"hello"
    with pytest.raises(SealedError):
        unlock(changed.lock, PASSPHRASE)
    old = lock_of(head)
    assert old is not None
    assert unlock(old, PASSPHRASE).open_file(head).open(1, stored) == b"hello"  # alone: that of the day it was begun


def test_a_new_code_takes_the_place_of_the_old_one() -> None:
    stored, head = written()
    changed, code = KEYS.with_new_code()
    assert code != CODE
    assert unlock(changed.lock, code).open_file(head).open(1, stored) == b"hello"
    with pytest.raises(SealedError):
        unlock(changed.lock, CODE)


def test_every_file_has_its_own_key_and_no_secret_is_stored() -> None:
    heads = [KEYS.new_file("ident")[1] for _ in range(20)]
    assert len({str(head["key"]) for head in heads}) == 20
    text = json.dumps(heads) + json.dumps(KEYS.lock.to_json())
    assert PASSPHRASE not in text
    assert CODE not in text


def test_the_key_is_that_of_argon2id_with_the_stored_parameters() -> None:
    # Opened by hand with the library's own function and AES-GCM, from nothing but the stored text.
    from base64 import b64decode

    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    stored: Any = json.loads(json.dumps(KEYS.lock.to_json()))
    kdf, wrapped = stored["passphrase"]["kdf"], b64decode(stored["passphrase"]["key"])
    salt = b64decode(kdf["salt"])
    kek = hash_secret_raw(PASSPHRASE.encode(), salt, kdf["t"], kdf["m_kib"], kdf["p"], hash_len=32, type=Type.ID)
    bound = b"biofeedback home key by passphrase\0" + stored["home"].encode()
    assert len(AESGCM(kek).decrypt(wrapped[:12], wrapped[12:], bound)) == 32


def test_c5_a_new_home_costs_what_rfc_9106_recommends_second() -> None:
    kdf: Any = new_home("a long passphrase")[0].lock.to_json()["passphrase"]
    assert [kdf["kdf"][name] for name in ("name", "t", "m_kib", "p")] == ["argon2id", 3, 65_536, 4]


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("passphrase", "kdf", "name"), "md5"),
        (("passphrase", "kdf", "m_kib"), 1 << 40),
        (("passphrase", "kdf", "t"), 0),
        (("passphrase", "kdf", "t"), "many"),
        (("passphrase", "kdf", "p"), 100_000),
        (("passphrase", "kdf", "salt"), "?"),
        (("passphrase", "kdf", "salt"), ""),
        (("code", "kdf"), None),
        (("passphrase",), []),
    ],
)
def test_a_lock_that_is_not_ours_is_refused_before_any_work(where: tuple[str, ...], value: object) -> None:
    table: Any = json.loads(json.dumps(KEYS.lock.to_json()))
    inner = table
    for key in where[:-1]:
        inner = inner[key]
    inner[where[-1]] = value
    with pytest.raises(LockError):
        Lock.from_json(table)
    assert lock_of({"format": "biofeedback-session"}) is None


@pytest.mark.parametrize("said", [None, [], {}, {"name": "ROT13"}, {"name": "AES-256-GCM", "ident": "x"}])
def test_a_head_that_does_not_say_how_it_is_encrypted_is_refused(said: object) -> None:
    with pytest.raises(SealedError):
        KEYS.open_file({CIPHER: said})


@pytest.mark.parametrize(
    ("passphrase", "why"),
    [
        ("", "fewer than 8"),
        ("1234567", "fewer than 8"),
        ("e\N{COMBINING ACUTE ACCENT}" * 7, "fewer than 8"),
        ("aaaaaaaaaaaa", "again and again"),
        ("abcabcabcabc", "again and again"),
        ("x1y2" * 500, "more than 1024"),
        (CODE, "looks like a recovery code"),
    ],
    ids=["none", "short", "short with accents", "one letter", "three letters", "long", "a code"],
)
def test_weak_passphrases_are_refused_with_a_reason(passphrase: str, why: str) -> None:
    assert why in str(weakness(passphrase))


def test_a_good_passphrase_is_taken() -> None:
    assert weakness(PASSPHRASE) is None


def test_the_lock_of_a_home_is_read_back_private_and_replaced_whole(tmp_path: Path) -> None:
    home = tmp_path / "home"
    assert read_home_lock(home) is None
    write_home_lock(home, KEYS.lock, on=True)
    changed = KEYS.with_passphrase("a new passphrase").lock
    assert read_home_lock(home) == HomeLock(KEYS.lock, on=True)
    write_home_lock(home, changed, on=False)
    assert read_home_lock(home) == HomeLock(changed, on=False)
    assert [path.name for path in home.iterdir()] == ["lock.json"]
    assert (home / "lock.json").stat().st_mode & 0o777 == 0o600
    remove_home_lock(home)
    assert read_home_lock(home) is None


@pytest.mark.parametrize("text", ["", "{}", "[]", "{", '{"format":"biofeedback-lock"}', "x" * 100_000, "[" * 60_000])
def test_a_damaged_lock_is_never_taken_for_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "lock.json").write_text(text)
    with pytest.raises(UnreadableError, match=r"lock\.json is damaged"):
        read_home_lock(tmp_path)


def test_c5_plain_logs_load_no_library_for_it() -> None:
    code = (
        "import sys, biofeedback.recording.keys, biofeedback.recording.cipher, biofeedback.recording.home_lock;"
        "print([m for m in sys.modules if m.split('.')[0] in ('cryptography', 'argon2', '_argon2_cffi_bindings')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
