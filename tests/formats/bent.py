"""Damaged copies of a text file, the same ones in every run."""

from __future__ import annotations

import random
from collections.abc import Iterator

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import VERDICTS
from biofeedback.formats.detect import reader_of
from biofeedback.formats.foreign import in_memory
from biofeedback.formats.reading import Choices

_SPICE = [b"\0", b'"', b"\r", b"\n", b",", b";", b"\t", b"-", b"nan", b"1e999", b"9" * 40, b"\xff", b"\xef\xbb\xbf",
          "٣".encode(), b"0." + b"0" * 30, b"99999999999999999999", b"2018-13-45 99:99:99"]  # fmt: skip


def bent(data: bytes, count: int, seed: int = 7) -> Iterator[bytes]:
    """`count` copies with some bytes changed, dropped, doubled or put in."""
    dice = random.Random(seed)
    for _ in range(count):
        copy = bytearray(data)
        for _ in range(dice.randint(1, 6)):
            at = dice.randrange(len(copy) + 1)
            match dice.randrange(5):
                case 0:
                    copy[at : at + 1] = bytes([dice.randrange(256)])
                case 1:
                    del copy[at : at + dice.randint(1, 200)]
                case 2:
                    copy[at:at] = dice.choice(_SPICE)
                case 3:
                    copy[at:at] = copy[at : at + dice.randint(1, 300)]
                case _:
                    copy = copy[:at] if dice.random() < 0.3 else copy
        yield bytes(copy)


def check_bent(name: str, data: bytes, count: int = 300) -> set[str]:
    """Each damaged copy is read or refused in a sentence by its reader itself, before the door's own safety net.

    Returns the names of the readers that took them.
    """
    takers: set[str] = set()
    refused: list[ImportRefused] = []
    for copy in bent(data, count):
        file = in_memory(name, copy)
        try:
            reader = reader_of(file)
            takers.add(reader.name)
            assert reader.read(file, Choices(), lambda _: None).verdict in VERDICTS
        except ImportRefused as error:
            refused.append(error)
    assert all(error.what[0].islower() and error.advice for error in refused)
    return takers
