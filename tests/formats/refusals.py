"""What a reader may say of a damaged file: a sound content or one refusal in a sentence, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from biofeedback.errors import ImportRefused
from biofeedback.formats.checking import content_fault
from biofeedback.formats.content import Content
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.reading import Choices, Reader
from tests.formats.mutants import Seed, mutants


def only_refusals(
    readers: Sequence[Reader],
    name: str,
    data: bytes,
    neighbours: Callable[[str], Foreign | None] = lambda _: None,
    count: int = 300,
) -> int:
    """Give `count` mutants of a file to every reader, past its claim and without the door; how many were read.

    Any exception but ImportRefused comes through.
    """
    read = 0
    for number, (seed, mutant) in enumerate(mutants([Seed(name, data, neighbours)], count)):
        file = seed.foreign(mutant)
        for reader in readers:
            said = _said(reader, file, Choices(look=number % 2 == 0, partial=number % 3 == 0))
            if isinstance(said, Content):
                assert_sound(said)
                read += 1
            else:
                assert not said.what[:1].isupper() or said.what.startswith("CRC"), said.what
                assert said.what.endswith(".")
                assert said.advice.endswith((".", ")"))
    return read


def _said(reader: Reader, file: Foreign, choices: Choices) -> Content | ImportRefused:
    try:
        reader.claims(file)
        return reader.read(file, choices, lambda _: None)
    except ImportRefused as error:
        return error


def assert_sound(content: Content) -> None:
    """What any content must keep to, whatever it was made of."""
    fault = content_fault(content)
    assert fault is None, (fault, content)
    content.to_json()
