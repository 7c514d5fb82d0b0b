"""A key on paper: 32 random bytes as thirteen groups of four letters, each with a check letter of its own.

The letters are Crockford's base 32 (no I, L, O and U); small letters, blanks and the figures that look like letters
are understood. A mistyped letter, and two groups in the wrong order, are always found and the group is named.
"""

from __future__ import annotations

from typing import Final

CODE_BYTES: Final = 32
LETTERS: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUPS: Final = 13
_IN_GROUP: Final = 4
# Odd, so that no change of one letter leaves the sum as it is; the last is that of the place of the group.
_WEIGHTS: Final = (1, 3, 5, 7)
_PLACE_WEIGHT: Final = 9
_LOOK_ALIKE: Final = str.maketrans({"I": "1", "L": "1", "O": "0", "-": None, " ": None, "\t": None})


class CodeError(ValueError):
    """Raised when letters are not those of a recovery code; says which group is wrong."""


def written_code(secret: bytes) -> str:
    """The code for 32 bytes, such as `4T0Q7-…`. Raises ValueError for any other length."""
    if len(secret) != CODE_BYTES:
        raise ValueError(f"a recovery code is {CODE_BYTES} bytes, not {len(secret)}")
    number = int.from_bytes(secret, "big") << 4  # 256 bits in 52 letters of 5 bits
    values = [number >> 5 * place & 31 for place in reversed(range(GROUPS * _IN_GROUP))]
    groups = [values[start : start + _IN_GROUP] for start in range(0, len(values), _IN_GROUP)]
    return "-".join(
        "".join(LETTERS[value] for value in (*group, _check(place, group))) for place, group in enumerate(groups)
    )


def read_code(text: str) -> bytes:
    """The 32 bytes of a code as it was typed. Raises CodeError."""
    letters = text.strip().upper().translate(_LOOK_ALIKE)
    size = _IN_GROUP + 1
    if len(letters) != GROUPS * size:
        raise CodeError(f"A recovery code has {GROUPS} groups of {size} letters.")
    number = 0
    for place in range(GROUPS):
        values = [LETTERS.find(letter) for letter in letters[place * size : (place + 1) * size]]
        if -1 in values or values[-1] != _check(place, values[:-1]):
            raise CodeError(f"Group {place + 1} of the recovery code is not right.")
        for value in values[:-1]:
            number = number << 5 | value
    if number & 15:
        raise CodeError(f"Group {GROUPS} of the recovery code is not right.")
    return (number >> 4).to_bytes(CODE_BYTES, "big")


def looks_like_code(text: str) -> bool:
    """Whether these are as many letters as a recovery code has, and all of them can be in one."""
    letters = text.strip().upper().translate(_LOOK_ALIKE)
    return len(letters) == GROUPS * (_IN_GROUP + 1) and set(letters) <= set(LETTERS)


def _check(place: int, group: list[int]) -> int:
    total = sum(weight * value for weight, value in zip(_WEIGHTS, group, strict=True))
    return (total + _PLACE_WEIGHT * place) % len(LETTERS)
