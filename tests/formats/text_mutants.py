"""Text files with lines, cells and bytes changed: a reader may refuse them in a sentence, and do nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import VERDICTS, Content
from biofeedback.formats.foreign import Foreign, in_memory
from biofeedback.formats.reading import Choices, Reader

NASTY: tuple[str, ...] = (
    "", "0", "-1", "nan", "1e400", "1_000", "٣", "9" * 5000, "2025-02-30T25:61:61", "9999-12-31T23:59:59.999999999",
    "0001-01-01T00:00:00", "23:59:59", "null", "[]", "{}", '"', "\x0b", "\u2028", "\ufeff", "=HYPERLINK(1)", "238",
    "999999999999999", "0.00000000000000000001", ";;;;", ",,,,", "[HRData]", "é", "2025-03-30T03:00:00.1",
)  # fmt: skip


def mutant(data: bytes, chance: random.Random) -> bytes:
    """A file with one to five changes."""
    for _ in range(chance.choice((1, 1, 2, 5))):
        data = chance.choice((_line, _line, _cell, _cell, _bytes, _cut))(data, chance)
    return data


def _line(data: bytes, chance: random.Random) -> bytes:
    lines = data.split(b"\n")
    place, other = chance.randrange(len(lines)), chance.randrange(len(lines))
    match chance.randrange(5):
        case 0:
            del lines[place]
        case 1:
            lines[place], lines[other] = lines[other], lines[place]
        case 2:
            lines.insert(place, lines[other])
        case 3:
            lines[place] = chance.choice(NASTY).encode()
        case _:
            return data.replace(b"\n", chance.choice((b"\r\n", b"\r", b"\n\n", b" \n")))
    return b"\n".join(lines)


def _cell(data: bytes, chance: random.Random) -> bytes:
    signs = [place for place, byte in enumerate(data) if byte in b",;:=[]{}\t \n"] or [0]
    first = chance.randrange(len(signs))
    start, end = signs[first] + 1, signs[min(first + 1, len(signs) - 1)]
    return data[:start] + chance.choice(NASTY).encode() + data[max(start, end) :]


def _bytes(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    return data[:place] + chance.randbytes(chance.randrange(4)) + data[place + chance.randrange(4) :]


def _cut(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def only_refusals(
    readers: Sequence[Reader],
    name: str,
    data: bytes,
    neighbours: Callable[[str], Foreign | None] = lambda _: None,
    count: int = 300,
) -> int:
    """Give `count` mutants to every reader, past its claim and without the door; how many were read.

    Any exception but ImportRefused comes through: these readers have no library whose errors would be excused.
    """
    chance = random.Random(7)
    read = 0
    for _ in range(count):
        file = in_memory(name, mutant(data, chance), neighbours)
        for reader in readers:
            said = _sentence_or_content(reader, file, Choices(look=chance.random() < 0.5))
            if isinstance(said, Content):
                assert_sound(said)
                read += 1
            else:
                assert said.what[:1].islower() or said.what[:1].isdigit() or said.what.startswith("[HRData]"), said.what
                assert said.what.endswith(".")
                assert said.advice.endswith((".", ")"))
    return read


def _sentence_or_content(reader: Reader, file: Foreign, choices: Choices) -> Content | ImportRefused:
    try:
        reader.claims(file)
        return reader.read(file, choices, lambda _: None)
    except ImportRefused as error:
        return error


def assert_sound(content: Content) -> None:
    """What any content must keep to, whatever it was made of."""
    assert content.verdict in VERDICTS
    assert all(0 <= each < 2**62 for each in content.ticks)
    assert all(0 < hole.before < len(content.ticks) and hole.ticks >= 0 for hole in content.holes)
    assert [hole.before for hole in content.holes] == sorted({hole.before for hole in content.holes})
    assert all(marker.text.isprintable() for marker in content.markers)
    assert all(each.isprintable() for each in content.decisions)
    assert content.why is None or content.why.isprintable()
    content.to_json()
