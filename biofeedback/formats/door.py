"""The one way by which foreign files come in: told, read and refused, whatever they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content
from biofeedback.formats.detect import content_of
from biofeedback.formats.foreign import on_disk
from biofeedback.formats.reading import Choices, Progress


@dataclass(frozen=True, slots=True)
class Found:
    """One file, or one member of a folder or an archive.

    `file`: as it was named, with the member's name behind it. `content`: what it holds; of one that was refused, the
    verdict refuse (or ask), and `refused` says what is wrong and what to do. `sha256` and `bytes` of it, unpacked.
    """

    file: str
    content: Content
    sha256: str
    bytes: int
    refused: ImportRefused | None = None


def contents(path: Path, choices: Choices | None = None, progress: Progress | None = None) -> Iterator[Found]:
    """What a file holds, or each file in a folder or an archive, in the order of their names.

    Raises nothing: what cannot be read is a `Found` that says so.
    """
    try:
        file = on_disk(path)
        content = content_of(file, choices or Choices(), progress or (lambda _: None))
        yield Found(str(path), content, sha256(file.data).hexdigest(), file.size)
    except ImportRefused as error:
        why = f"{error.where}: {error.what}" if error.where else error.what
        yield Found(str(path), Content("unknown", "refuse", why=why), "", 0, error)
