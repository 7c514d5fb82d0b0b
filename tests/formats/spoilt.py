"""Files with a few bytes changed, cut out or put in: what a reader may say of them is one refusal, and nothing else."""

from __future__ import annotations

import random

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import VERDICTS
from biofeedback.formats.foreign import Foreign, in_memory
from biofeedback.formats.reading import Choices, Reader


def spoilt(data: bytes, chance: random.Random) -> bytes:
    """One mutant of a file."""
    found = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        place = chance.randrange(max(1, len(found)))
        match chance.randrange(5):
            case 0:
                found[place : place + 1] = bytes([chance.randrange(256)])
            case 1:
                found[place : place + 4] = chance.choice((b"\xff\xff\xff\x7f", b"\xff\xff\xff\xff", bytes(4)))
            case 2:
                del found[place : place + chance.randrange(1, 64)]
            case 3:
                found[place:place] = found[max(0, place - 40) : place]
            case _:
                del found[chance.randrange(len(found) + 1) :]
        if not found:
            break
    return bytes(found)


def only_refusals(
    reader: Reader, data: bytes, *, name: str, beside: Foreign | None = None, count: int = 200, seed: int = 7
) -> int:
    """Read `count` mutants, past the claim; how many were read. Whatever a library raises is seen as by the door."""
    chance = random.Random(seed)
    read = 0
    refused: list[ImportRefused] = []
    for _ in range(count):
        mutant = in_memory(name, spoilt(data, chance), lambda _: beside)
        reader.claims(mutant)
        try:
            content = reader.read(mutant, Choices(partial=chance.random() < 0.5), lambda _: None)
        except ImportRefused as error:
            refused.append(error)
            continue
        assert content.verdict in VERDICTS
        read += 1
    for each in refused:
        assert each.what[:1].islower() or each.what[:1].isdigit() or each.what.startswith("CRC"), each.what
        assert each.what.endswith(".")
        assert each.advice
    return read
