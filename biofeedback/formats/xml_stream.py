"""XML of any length, read as a stream and without trust (RECORDING 2.3 rows 1 and 4).

The document type is cut out before anything reads it: that of a real Apple export is broken, and none that we read
needs one. One that defines entities is refused, and should an entity come through all the same, expat refuses it by
the handlers below. Signs that XML forbids, such as the U+000B of some exports, are cut out as well; a NUL is refused.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final, NoReturn
from xml.parsers import expat

from biofeedback.errors import EXPORT_AGAIN, ImportRefused
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.reading import Progress

if TYPE_CHECKING:
    from xml.parsers.expat import XMLParserType

MOST_ELEMENTS: Final = 20_000_000
DEEPEST: Final = 1000
LONGEST_TAG: Final = 1024 * 1024
"""Bytes of one tag with its attributes, and of all that stands before the first element."""
CHUNK: Final = 256 * 1024

_FORBIDDEN: Final = bytes(sign for sign in range(1, 32) if sign not in b"\t\n\r")
_WIDE: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SIDE: Final = re.compile(rb"\s*+(?:<\?.*?\?>|<!--.*?-->)", re.DOTALL)
_TYPE: Final = re.compile(rb"\s*+<!DOCTYPE\s++([^\s\[>]++)[^\[>]*+(?:\[.*?\]\s*+)?>", re.DOTALL)
_TYPE_BEGINS: Final = re.compile(rb"\s*+<!DOCTYPE\s++([^\s\[>]++)")
_ROOT: Final = re.compile(rb"\s*+<([^\s<>/!?]++)[\s>/]")
_ENTITY: Final = re.compile(rb"<!\s*ENTITY", re.IGNORECASE)
_DECLARED: Final = re.compile(rb"\s*+<\?xml\s.*?\?>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Elements:
    """What is wanted of a document.

    `start`: called with each element's name and its attributes as [key, value, key, value ...]; `end` with its name;
    `text` with pieces of text. `skip`: matches whole elements that are cut out unread (and counted), for speed.
    `parts`: the file is several elements after one another, without one around them.
    """

    start: Callable[[str, list[str]], None]
    end: Callable[[str], None] | None = None
    text: Callable[[str], None] | None = None
    skip: re.Pattern[bytes] | None = None
    parts: bool = False


def root_of(file: Foreign) -> str:
    """The name of a file's first element, or the one that its document type names; empty when it is no XML."""
    head = file.head
    if head.startswith(_WIDE):
        head = head.decode("utf-16", "ignore").encode("utf-8", "ignore")
    head = head.removeprefix(codecs.BOM_UTF8).translate(None, _FORBIDDEN)
    if head.lstrip()[:1] != b"<":
        return ""
    place = _after_sides(head, 0)
    found = _TYPE_BEGINS.match(head, place) or _ROOT.match(head, place)
    return found[1].decode("ascii", "replace") if found else ""


def walk(file: Foreign, wanted: Elements, progress: Progress) -> None:
    """Read a file through. Raises ImportRefused, and whatever the functions of `wanted` raise."""
    reading = _Reading(wanted, "utf-8" if file.head.startswith(_WIDE) else None)
    done = 0
    with file.opener() as stream:
        try:
            for data in _without_type(_plain_bytes(stream), parts=wanted.parts):
                reading.feed(data)
                done += len(data)
                progress(min(1.0, done / file.size) if file.size else 1.0)
            reading.close()
        except expat.ExpatError as error:
            raise ImportRefused(
                f"its XML is broken or cut off here: {expat.ErrorString(error.code)}.",
                EXPORT_AGAIN,
                f"line {error.lineno}",
            ) from error
        except (LookupError, ValueError) as error:
            raise ImportRefused("its text is in an encoding that cannot be read.", EXPORT_AGAIN) from error


def guarded_parser(encoding: str | None = None) -> XMLParserType:
    """An expat parser that refuses entities. `encoding`: what counts, whatever the document says."""
    parser = expat.ParserCreate(encoding)
    parser.ordered_attributes = True
    parser.buffer_text = True
    parser.EntityDeclHandler = _refuse_entity
    parser.ExternalEntityRefHandler = _refuse_entity
    return parser


def _refuse_entity(*_: object) -> NoReturn:
    raise ImportRefused("it defines XML entities, which no export of heartbeats does.", EXPORT_AGAIN)


class _Reading:
    """A document on its way through the parser, and how much of it there has been."""

    def __init__(self, wanted: Elements, encoding: str | None) -> None:
        self._wanted = wanted
        self._elements = self._depth = self._fed = 0
        self._pending = b""
        self._ended: list[str] = []
        self._parser = guarded_parser(encoding)
        self._parser.StartElementHandler = self._started
        # Without somebody to call, the ends are collected by C code and counted now and then.
        self._parser.EndElementHandler = self._ended.append if wanted.end is None else self._left
        if wanted.text is not None:
            self._parser.CharacterDataHandler = wanted.text

    def feed(self, data: bytes) -> None:
        if self._wanted.skip is not None:
            data = self._skipped(data, self._wanted.skip)
        self._parse(data)

    def close(self) -> None:
        self._parse(self._pending)
        self._parser.Parse(b"", True)

    def _skipped(self, data: bytes, skip: re.Pattern[bytes]) -> bytes:
        """The data without what is not looked at; what may be the beginning of a tag waits for the rest of it."""
        data = self._pending + data
        whole = data.rfind(b">") + 1
        if len(data) - whole > LONGEST_TAG:
            whole = len(data)
        self._pending = data[whole:]
        data, number = skip.subn(b"", data[:whole])
        self._count(number)
        return data

    def _parse(self, data: bytes) -> None:
        self._parser.Parse(data, False)
        self._fed += len(data)
        self._depth -= len(self._ended)
        self._ended.clear()
        if self._depth > DEEPEST:
            raise ImportRefused(f"its XML is nested more than {DEEPEST} deep.", EXPORT_AGAIN)
        if self._fed - self._parser.CurrentByteIndex > LONGEST_TAG:
            raise ImportRefused(
                "it has a tag of more than 1 MiB.", EXPORT_AGAIN, f"line {self._parser.CurrentLineNumber}"
            )

    def _started(self, name: str, attributes: list[str]) -> None:
        self._depth += 1
        self._count(1)
        self._wanted.start(name, attributes)

    def _left(self, name: str) -> None:
        self._ended.append(name)
        if self._wanted.end is not None:
            self._wanted.end(name)

    def _count(self, number: int) -> None:
        self._elements += number
        if self._elements > MOST_ELEMENTS:
            raise ImportRefused(f"it has more than {MOST_ELEMENTS} XML elements.", "Export a shorter time.")


def _plain_bytes(stream: BinaryIO) -> Iterator[bytes]:
    """The bytes as UTF-8 (or as the document says), without a byte order mark and the signs that XML forbids."""
    first = stream.read(CHUNK)
    wide = codecs.getincrementaldecoder("utf-16")() if first.startswith(_WIDE) else None
    data = first.removeprefix(codecs.BOM_UTF8)
    while data or wide is not None:
        if wide is not None:
            end = not data
            data = wide.decode(data, final=end).encode()
            if end:
                yield _allowed(data)
                return
        yield _allowed(data)
        data = stream.read(CHUNK)


def _allowed(data: bytes) -> bytes:
    """The data without the signs that XML forbids; those that have been seen in exports, which NUL has not."""
    if b"\0" in data:
        raise ImportRefused("it holds a NUL, which no text does.", EXPORT_AGAIN)
    return data.translate(None, _FORBIDDEN)


def _without_type(chunks: Iterator[bytes], *, parts: bool) -> Iterator[bytes]:
    """The same without the document type. `parts`: in one element more, since there are several outermost ones."""
    head = b""
    for chunk in chunks:
        head += chunk
        cut = _cut(head, whole=False)
        if cut is not None:
            break
        if len(head) > LONGEST_TAG:
            raise ImportRefused("nothing but a beginning is in the first 1 MiB of it.", EXPORT_AGAIN)
    else:
        cut = _cut(head, whole=True) or head
    if not parts:
        yield cut
        yield from chunks
        return
    declared = _DECLARED.match(cut)
    place = declared.end() if declared else 0
    yield b"%b<parts>%b" % (cut[:place], cut[place:])
    yield from chunks
    yield b"</parts>"


def _cut(head: bytes, *, whole: bool) -> bytes | None:
    """What stands before and after the document type; None when more is needed to see where the first element is."""
    place = _after_sides(head, 0)
    found = _TYPE.match(head, place)
    if found is not None:
        if _ENTITY.search(found[0]):
            _refuse_entity()
        kept = b"\n" * found[0].count(b"\n")  # so that the numbers of lines stay right
        place = _after_sides(head, found.end())
        head = b"%b%b%b" % (head[: found.start()], kept, head[found.end() :])
        place += len(kept) - len(found[0])
    return head if whole or _ROOT.match(head, place) else None


def _after_sides(head: bytes, place: int) -> int:
    """Where comments and instructions from `place` on end."""
    while (found := _SIDE.match(head, place)) is not None:
        place = found.end()
    return place
