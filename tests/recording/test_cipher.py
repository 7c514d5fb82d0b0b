"""Lines are sealed one by one, open in their order only, and no nonce comes twice."""

from __future__ import annotations

import os
from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.recording.chain import SealedError
from biofeedback.recording.cipher import KeyBox, LineCipher

HOME_KEY = bytes(range(32))
IDENT = "0f8fad5b-d9cb-469f-a165-70867728950e"


def box(key: bytes = HOME_KEY) -> KeyBox:
    return KeyBox(key, "tests")


def sealed(texts: list[bytes]) -> tuple[list[bytes], str]:
    cipher = LineCipher.new(IDENT, box())
    return [cipher.seal(n, text) for n, text in enumerate(texts)], cipher.wrapped


def reader(wrapped: str, ident: str = IDENT) -> LineCipher:
    return LineCipher.of(ident, box(), wrapped)


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_lines_open_as_they_were_written(texts: list[bytes]) -> None:
    stored, wrapped = sealed(texts)
    cipher = reader(wrapped)
    assert [cipher.open(n, line) for n, line in enumerate(stored)] == texts


def test_another_implementation_of_gcm_opens_them() -> None:
    # The layout of RECORDING 2.1 by the primitive: nonce = n as 96 bits, aad = ident then the tag before.
    stored, wrapped = sealed([b"first", b"second", b"third"])
    key = box().unwrap(wrapped, IDENT)
    tag = bytes(16)
    for n, (line, text) in enumerate(zip(stored, [b"first", b"second", b"third"], strict=True)):
        nonce = bytes(8) + bytes([0, 0, 0, n])
        decryptor = Cipher(algorithms.AES(key), modes.GCM(nonce, line[-16:])).decryptor()
        decryptor.authenticate_additional_data(IDENT.encode() + tag)
        assert decryptor.update(line[:-16]) + decryptor.finalize() == text
        tag = line[-16:]


def test_every_flipped_bit_is_found() -> None:
    stored, wrapped = sealed([b"one", b"two"])
    for bit in range(len(stored[0]) * 8):
        changed = bytearray(stored[0])
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealedError):
            reader(wrapped).open(0, bytes(changed))


def test_lines_do_not_open_under_another_number_in_another_order_or_in_another_file() -> None:
    stored, wrapped = sealed([b"same", b"same", b"same"])
    for attempt in (
        lambda: reader(wrapped).open(1, stored[0]),
        lambda: reader(wrapped).open(1, stored[1]),  # the line before it was left out
        lambda: reader(wrapped).open(0, b""),
        lambda: reader(wrapped).open(-1, stored[0]),
        lambda: reader(wrapped, "another"),
        lambda: LineCipher.of(IDENT, box(os.urandom(32)), wrapped),
        lambda: LineCipher.of(IDENT, KeyBox(HOME_KEY, "another purpose"), wrapped),
    ):
        with pytest.raises(SealedError):
            attempt()
    assert len({bytes(line) for line in stored}) == 3


def test_a_line_that_cannot_be_opened_costs_no_other() -> None:
    stored, wrapped = sealed([b"a", b"b", b"c"])
    cipher = reader(wrapped)
    with pytest.raises(SealedError):
        cipher.open(0, b"x" + stored[0][1:])
    assert cipher.open(0, stored[0]) == b"a"  # a failed try leaves it where it was
    cipher.follow(stored[1])
    assert cipher.open(2, stored[2]) == b"c"


def test_no_nonce_comes_twice_under_one_key() -> None:
    cipher = LineCipher.new(IDENT, box())
    cipher.seal(5, b"written")
    for n in (5, 4, 0):
        with pytest.raises(SealedError):
            cipher.seal(n, b"another text")
    cipher.seal(6, b"goes on")
    with pytest.raises(SealedError):
        reader(cipher.wrapped).seal(7, b"a file that was opened again")


def test_a_tail_that_was_cut_and_written_again_has_another_key() -> None:
    """Resumed again and again at the same line, as after a crash: each time another key under that number."""
    stored, wrapped = sealed([b"head", b"kept", b"torn"])
    keys, lines = {wrapped}, {stored[2]}
    for _ in range(50):
        cipher = reader(wrapped)
        for n in (0, 1):
            cipher.open(n, stored[n])
        cipher.renew()
        again = cipher.seal(2, b"torn")
        keys.add(cipher.wrapped)
        lines.add(again)
        replayed = reader(wrapped)
        replayed.follow(stored[1])
        replayed.turn(cipher.wrapped)
        assert replayed.open(2, again) == b"torn"
        with pytest.raises(SealedError):
            replayed.seal(3, b"a key it only read")
    assert len({box().unwrap(key, IDENT) for key in keys}) == 51
    assert len(lines) == 51


def test_wrapped_keys_show_nothing_and_never_look_alike() -> None:
    wraps = {box().wrap(HOME_KEY) for _ in range(20)}
    assert len(wraps) == 20
    assert all(HOME_KEY not in b64decode(wrap) and len(b64decode(wrap)) == 12 + 32 + 16 for wrap in wraps)


@pytest.mark.parametrize("wrapped", ["", "?", "AAAA", "é", "A" * 80])
def test_what_is_no_wrapped_key_is_refused(wrapped: str) -> None:
    with pytest.raises(SealedError):
        box().unwrap(wrapped)
