"""The process that reads foreign files: it parses what nobody can trust, within limits that the system holds.

One line of JSON asks for a path; the answers are lines of JSON, a content's followed by its numbers as bytes of 64
bits. Nothing is imported or executed that comes from a file, and nothing can be written (`limits.confine`).
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

from biofeedback.errors import ImportRefused
from biofeedback.formats import containers, limits, wire
from biofeedback.formats.containers import Listed, Sums
from biofeedback.formats.content import Content
from biofeedback.formats.detect import class_of, content_of, refusing
from biofeedback.formats.foreign import Foreign, on_disk
from biofeedback.formats.reading import Choices, Reader

if TYPE_CHECKING:
    from biofeedback.formats.plugins import Importers

LAID_DOWN_AT: Final = limits.MEMORY_BYTES // 4
"""A process that has had so much memory serves no other file: what is left may not be enough for it."""
_TELL_EVERY_S: Final = 0.1


class Plugged:
    """The importers of other people's packages, looked for when the first file needs them (it takes a while)."""

    def __init__(self) -> None:
        self._found: Importers | None = None

    def __iter__(self) -> Iterator[Reader]:
        if self._found is None:
            from biofeedback.formats.plugins import importer_plugins

            self._found = importer_plugins()
        return iter(self._found.readers)

    def complaints(self) -> list[str]:
        """Sentences on what failed since this was asked last."""
        return [] if self._found is None else self._found.drain()


class Teller:
    """Writes the answers about one path after the other."""

    def __init__(self, stream: BinaryIO) -> None:
        self.plugged = Plugged()
        self.cpu_s = limits.CPU_S
        self.worn = False
        """Whether the other side was told that this process serves nothing more."""
        self._complaints: list[str] = []
        self._stream = stream
        self._last = 0.0
        self._before, self._part = 0.0, 1.0

    def line(self, **answer: object) -> None:
        """One answer on one line."""
        self._stream.write(json.dumps(answer).encode("ascii") + b"\n")
        self._stream.flush()

    def begins(self, listed: Listed, before: float, part: float, left: int) -> None:
        """The file that is read next, after which so many are left; the shares of all that are read and that it is."""
        self._before, self._part = before, part
        self.line(file=listed.name, size=0 if listed.file is None else listed.file.size, left=left)

    def progress(self, share: float) -> None:
        """What share of the one file is read; told as a share of all, and not too often."""
        now = time.monotonic()
        if now - self._last >= _TELL_EVERY_S:
            self._last = now
            self.line(share=self._before + share * self._part)

    def content(self, content: Content, sha256: str, size: int) -> None:
        """What a file holds: a line, and the intervals behind it. Raises ImportRefused for more than may be told."""
        with refusing():
            more: dict[str, object] = {"sha256": sha256, "bytes": size}
            line = wire.line_of(content, more | self._aside())
            numbers = wire.numbers_of(content).tobytes()
        self._stream.write(line + numbers)
        self._stream.flush()
        self._complaints = []

    def _aside(self) -> dict[str, object]:
        self._complaints += self.plugged.complaints()
        self.worn = is_worn()
        return {"worn": self.worn, "complaints": self._complaints}

    def skipped(self, why: str) -> None:
        """Why a file is passed over without a look."""
        self.line(skipped=why, **self._aside())
        self._complaints = []

    def refused(self, error: ImportRefused) -> None:
        """Why a file is not read, and the class of the error behind that."""
        cause = "" if error.__cause__ is None else class_of(error.__cause__)
        self.line(refused=wire.refusal_told(error), cause=cause, **self._aside())
        self._complaints = []


def is_worn() -> bool:
    """Whether this process has held so much memory that it should read nothing more."""
    return limits.largest_memory() > LAID_DOWN_AT


def files_of(path: Path) -> list[Listed]:
    """The file at a path, or the members of the archive that it is. Raises ImportRefused."""
    file = on_disk(path)
    with refusing():
        if file.head.startswith(containers.ZIP):
            return containers.in_zip(file)
        return [Listed("", containers.unpacked(file))]


def answer(path: Path, choices: Choices, skip: int, teller: Teller) -> None:
    """Tells everything about one path; of an archive, from member number `skip` on."""
    limits.allow_cpu(teller.cpu_s)
    try:
        listed = files_of(path)
    except ImportRefused as error:
        teller.refused(error)
        return
    sizes = [0 if each.file is None else each.file.size for each in listed]
    ends = list(accumulate(sizes))
    total = max(1, ends[-1])
    for number in range(skip, len(listed)):
        before = (ends[number] - sizes[number]) / total
        teller.begins(listed[number], before, sizes[number] / total, len(listed) - 1 - number)
        _tell(listed[number], choices, teller)
        if teller.worn:
            raise SystemExit


def _tell(listed: Listed, choices: Choices, teller: Teller) -> None:
    if listed.skipped:
        teller.skipped(listed.skipped)
        return
    try:
        if listed.refused is not None or listed.file is None:
            raise listed.refused or ImportRefused("it cannot be read.", "Export it again.")
        content, sha256 = _read(listed.file, choices, teller)
        teller.content(content, sha256, listed.file.size)
    except ImportRefused as error:
        teller.refused(error)


def _read(file: Foreign, choices: Choices, teller: Teller) -> tuple[Content, str]:
    with refusing():
        limits.check_size(file.size, file.head)
        xml = limits.is_xml(file.head)
    limits.allow_cpu(teller.cpu_s + limits.more_s(file.size, xml=xml, wave=limits.is_wave(file.head)))
    if xml:
        teller.line(xml=True)
    sums = Sums(file)
    content = content_of(sums.file, choices, teller.progress, teller.plugged)
    with refusing():
        return content, sums.sha256()


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer one request after the other, until there are no more."""
    teller = Teller(answers)
    for line in requests:
        asked = json.loads(line)
        teller.cpu_s = asked["cpu_s"]
        answer(Path(asked["path"]), Choices(**asked["choices"]), asked["skip"], teller)


def main() -> None:
    """Confine this process, then serve. Nothing but answers is written to the pipe, whatever a library prints."""
    answers = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    limits.confine()
    code = 1
    try:
        serve(sys.stdin.buffer, answers)
        code = 0
    except MemoryError:
        code = limits.NO_MEMORY_LEFT
    finally:
        os._exit(code)  # nothing is left to be tidied up, and the code is told before the pipe closes
