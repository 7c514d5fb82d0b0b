"""Every slip of the pen in a recovery code is found, and the group is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.recording.recovery_code import (
    GROUPS,
    LETTERS,
    CodeError,
    looks_like_code,
    read_code,
    written_code,
)

SECRET = bytes(range(7, 39))
CODE = written_code(SECRET)


@given(st.binary(min_size=32, max_size=32))
def test_a_code_is_read_back_as_written(secret: bytes) -> None:
    code = written_code(secret)
    assert read_code(code) == secret
    assert looks_like_code(code)
    assert [len(group) for group in code.split("-")] == [5] * GROUPS


def test_the_first_letters_are_those_of_crockfords_base_32() -> None:
    # 0x00 0x44 0x32 0x14: 00000 00001 00010 00011 = "0123"; its check letter is 0*1 + 1*3 + 2*5 + 3*7 = 34 = 2.
    assert written_code(bytes([0x00, 0x44, 0x30 | 0x02, 0x14]) + bytes(28)).startswith("01232-")


@pytest.mark.parametrize("typed", [CODE.lower(), CODE.replace("-", " "), CODE.replace("-", ""), f"  {CODE}\n"])
def test_it_may_be_typed_in_many_ways(typed: str) -> None:
    assert read_code(typed) == SECRET


def test_letters_that_look_like_figures_are_understood() -> None:
    zeros_and_ones = written_code(bytes([0x00, 0x42, 0x10, 0x84] * 8))
    assert set("01") <= set(zeros_and_ones)
    assert read_code(zeros_and_ones.replace("0", "O").replace("1", "l")) == read_code(zeros_and_ones)


def test_every_wrong_letter_is_found_and_its_group_named() -> None:
    for place, right in enumerate(CODE):
        for letter in LETTERS:
            if right in ("-", letter):
                continue
            with pytest.raises(CodeError, match=rf"Group {place // 6 + 1} "):
                read_code(CODE[:place] + letter + CODE[place + 1 :])


def test_every_two_groups_in_the_wrong_order_are_found() -> None:
    groups = CODE.split("-")
    for a in range(GROUPS):
        for b in range(a):
            swapped = list(groups)
            swapped[a], swapped[b] = groups[b], groups[a]
            with pytest.raises(CodeError, match=rf"Group {b + 1} "):
                read_code("-".join(swapped))


@pytest.mark.parametrize("typed", ["", CODE[:-1], CODE + "A", "a passphrase of mine"])
def test_what_is_too_short_or_too_long_is_no_code(typed: str) -> None:
    assert not looks_like_code(typed)
    with pytest.raises(CodeError, match="13 groups of 5"):
        read_code(typed)


def test_bits_beyond_the_secret_are_refused() -> None:
    last = [LETTERS.index(letter) for letter in CODE[-5:-1]]
    last[3] |= 1
    check = (sum(w * v for w, v in zip((1, 3, 5, 7), last, strict=True)) + 9 * 12) % 32
    with pytest.raises(CodeError, match="Group 13 "):
        read_code(CODE[:-5] + "".join(LETTERS[v] for v in [*last, check]))


def test_only_32_bytes_make_a_code() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        written_code(bytes(31))
