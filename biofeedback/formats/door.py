"""The one way by which foreign files come in: told, read and refused, whatever they are.

Their bytes are parsed by another process (`worker`), which may use 2 GiB of memory and 30 s of processor time for a
file (more for XML, which is streamed: a second for each 5 MB), writes no file, and is replaced when it dies. What it
answers is checked here (`wire`). On macOS the system does not hold the limit of memory; on Windows neither that nor
the one of processor time: there only the time that is waited for an answer is limited.
"""

from __future__ import annotations

import logging
import re
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, cast

from biofeedback.errors import ImportRefused
from biofeedback.events import Json
from biofeedback.formats import limits, wire
from biofeedback.formats.child import Child, Died
from biofeedback.formats.containers import GZIP, ZIP, in_folder
from biofeedback.formats.content import Content
from biofeedback.formats.foreign import LARGEST_BYTES, on_disk
from biofeedback.formats.reading import Choices, Progress

_LOG: Final = logging.getLogger(__name__)
_PEEK: Final = 512
_LINE: Final = re.compile(r"line ([0-9]{1,9})\Z")
_SENSELESS: Final = ("its reader gave an answer that cannot be.", "Do not trust that file; export it again.")


@dataclass(frozen=True, slots=True)
class Found:
    """One file, or one member of a folder or an archive.

    `file`: as it was named, with the member's name behind it. `content`: what it holds; of one that was refused, the
    verdict refuse (or ask), and `refused` says what is wrong and what to do. `sha256` (of what was read only) and
    `bytes` of it, unpacked. `complaints`: on importers of other packages that failed, each told once.
    """

    file: str
    content: Content
    sha256: str
    bytes: int
    refused: ImportRefused | None = None
    complaints: tuple[str, ...] = ()

    @property
    def is_no_recording(self) -> bool:
        """Whether nobody would look for heartbeats in it: a picture, a letter."""
        return self.refused is not None and self.refused.what in limits.NO_RECORDINGS


def contents(path: Path, choices: Choices | None = None, progress: Progress | None = None) -> Iterator[Found]:
    """What a file holds, or each file in a folder or an archive, in the order of their names.

    Raises nothing: what cannot be read is a `Found` that says so. `progress` is told the share of all that is done.
    The process that reads is gone when the iterator is at its end or is closed.
    """
    with Door() as door:
        yield from door.contents(path, choices, progress)


class Door:
    """The same for several paths, which one process reads one after the other. Used as a context."""

    def __init__(self) -> None:
        self._child = Child()
        self._deaths = 0
        self._complained: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._child.close()

    def contents(self, path: Path, choices: Choices | None = None, progress: Progress | None = None) -> Iterator[Found]:
        """As the function of this name."""
        self._deaths = 0
        told = progress or _untold
        try:
            files = in_folder(path) if _is_folder(path) else [(path, "")]
        except ImportRefused as error:
            yield _refused(str(path), error)
            return
        sizes = [0 if reason else _size(file) for file, reason in files]
        total, before = max(1, sum(sizes)), 0
        for (file, reason), size in zip(files, sizes, strict=True):
            if self._deaths >= limits.MOST_DEATHS:
                yield _refused(str(path), ImportRefused(*limits.TOO_MANY_DEATHS))
                return
            if reason:
                yield _skipped(wire.shown(str(file)), reason, size)
            else:
                share = _Share(told, before / total, size / total)
                yield from self._of_file(file, choices or Choices(), share)
            before += size
            told(before / total)

    def _of_file(self, path: Path, choices: Choices, share: _Share) -> Iterator[Found]:
        name = wire.shown(str(path))
        try:
            _check_size(path)
        except ImportRefused as error:
            yield _refused(name, error)
            return
        reading = _Reading(self._child, path, name, asdict(choices), share)
        try:
            while not reading.done:
                yield self._next_of(reading)
                if self._deaths >= limits.MOST_DEATHS and not reading.done:
                    yield _refused(name, ImportRefused(*limits.TOO_MANY_DEATHS))
                    return
        finally:
            if not reading.done:  # what it has yet to say belongs to no other question
                self._child.close()

    def _next_of(self, reading: _Reading) -> Found:
        try:
            found = reading.one()
            new = tuple(each for each in found.complaints if each not in self._complained)
            self._complained.update(new)
            return replace(found, complaints=new)
        except Died as error:
            self._deaths += 1
            return reading.failed(error.refused)
        except wire.Senseless:
            self._deaths += 1
            self._child.close()
            return reading.failed(ImportRefused(*_SENSELESS))


@dataclass(slots=True)
class _Share:
    """Turns the share of one path into that of all."""

    told: Progress
    before: float
    part: float

    def __call__(self, share: float) -> None:
        self.told(min(1.0, self.before + share * self.part))


class _Reading:
    """One path as it is read: an archive goes on with the next member when the process died of one."""

    def __init__(self, child: Child, path: Path, name: str, choices: dict[str, Any], share: _Share) -> None:
        self._child, self._path, self._name, self._choices, self._share = child, path, name, choices, share
        self._answered = 0
        self._left: int | None = None
        self._asked = self._begun = self._is_long = False
        self._file, self._size = name, 0
        self._largest = max(_size(path), limits.MOST_UNPACKED)
        self.done = False

    def one(self) -> Found:
        """The next file of it. Raises Died or Senseless."""
        if not self._asked:
            self._child.ask(self._path, self._choices, self._answered)
            self._asked = True
        while True:
            answer = self._child.line()
            if "share" in answer:
                self._share(wire.share_from(answer["share"]))
            elif "xml" in answer and not self._is_long:
                self._is_long = True
                self._child.allow(limits.wall_s(self._size, xml=True))
            elif "file" in answer and not self._begun:
                self._begin(answer)
            else:
                return self._ended(answer)

    def _begin(self, answer: dict[str, Any]) -> None:
        member = wire.name_from(answer["file"])
        left = wire.whole(answer.get("left"), 0, limits.MOST_FILES)
        if self._left is not None and left != self._left - 1:
            raise wire.Senseless
        self._left, self._begun = left, True
        self._size = wire.whole(answer.get("size"), 0, self._largest)
        self._file = f"{self._name}/{member}" if member else self._name
        self._child.allow(limits.wall_s(self._size, xml=False))

    def _ended(self, answer: dict[str, Any]) -> Found:
        """What an answer says of the file that was begun; or of all, where none was."""
        if "content" in answer:
            if not isinstance(answer["content"], dict) or not self._begun:
                raise wire.Senseless
            content = cast("dict[str, Any]", answer["content"])
            numbers = self._child.numbers(wire.count_of(content))
            size = wire.whole(answer.get("bytes"), 0, self._largest)
            sha256 = wire.sha256_from(answer.get("sha256"))
            found = Found(self._file, wire.content_from(content, numbers), sha256, size)
        elif "skipped" in answer:
            found = _skipped(self._file, wire.name_from(answer["skipped"]), self._size)
        elif isinstance(answer.get("refused"), dict):
            if cause := answer.get("cause"):
                _LOG.debug("a reader raised %s", wire.name_from(cause))
            found = _refused(self._file, wire.refusal_from(answer["refused"]), self._size)
        else:
            raise wire.Senseless
        found = replace(found, complaints=wire.complaints_from(answer.get("complaints")))
        self._next()
        if answer.get("worn") is True:
            self._child.close()
            self._asked = False
        return found

    def failed(self, refused: ImportRefused) -> Found:
        """The file of which the process died, refused; a new one goes on behind it."""
        found = _refused(self._file, refused, self._size)
        self._asked = False
        self._next()
        return found

    def _next(self) -> None:
        self.done = not self._begun or self._left == 0
        self._answered += 1
        self._begun = self._is_long = False
        self._file, self._size = self._name, 0


def _untold(_share: float) -> None:
    """For whoever wants to know of no progress."""


def _check_size(path: Path) -> None:
    """What may not be read because of its size is not even given to the other process. Raises ImportRefused."""
    file = on_disk(path)
    if file.size > LARGEST_BYTES:
        with file.opener() as stream:
            head = stream.read(_PEEK)
        if not head.startswith((*ZIP, GZIP)):
            limits.check_size(file.size, head)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # such as a name that is too long; told when it is opened
        return False


def _size(path: Path) -> int:
    try:
        known = path.stat()
    except (OSError, ValueError):
        return 0
    return known.st_size if stat.S_ISREG(known.st_mode) else 0


def _refused(file: str, error: ImportRefused, size: int = 0) -> Found:
    why = f"{error.where}: {error.what}" if error.where else error.what
    line = _LINE.match(error.where)
    about: dict[str, Json] = {} if line is None else {"line": int(line[1])}
    return Found(file, Content(error.format or "unknown", "refuse", why=why, about=about), "", size, error)


def _skipped(file: str, reason: str, size: int) -> Found:
    return Found(file, Content("side file", "skip", why=reason), "", size)
