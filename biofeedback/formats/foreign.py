"""A file of another program as the readers see it: on disk, a member of an archive, or unpacked from gzip.

A reader never opens anything by itself: it asks this for bytes, text, or the file beside it. So the limits of the
threat table (RECORDING 2.3) stand in one place, and nothing outside of the file's own folder or archive is reached.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, Final

from biofeedback.errors import EXPORT_AGAIN, ImportRefused

LARGEST_BYTES: Final = 512 * 1024 * 1024
"""What is read whole; XML is streamed and may be larger."""
HEAD_BYTES: Final = 64 * 1024
MOST_LEVELS: Final = 3
"""How far up a reader may look: from a BIDS data folder over session and subject to the dataset."""
_BOMS: Final = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))


@dataclass(frozen=True, eq=False)
class Foreign:
    """One file. `name`: the last part of its name; `size` in bytes, unpacked; `path`: where it lies, if on disk.

    `opener` opens it from its first byte; `neighbours` gives the file of that plain name beside it, or None, and
    `higher` the same so many folders further up.
    """

    name: str
    size: int
    opener: Callable[[], BinaryIO]
    neighbours: Callable[[str], Foreign | None]
    path: Path | None = None
    higher: Callable[[int, str], Foreign | None] = lambda _levels, _name: None

    @cached_property
    def head(self) -> bytes:
        """The first 64 KiB."""
        with self.opener() as stream:
            return stream.read(HEAD_BYTES)

    @cached_property
    def data(self) -> bytes:
        """All of it. Raises ImportRefused when it is larger than 512 MiB, or not of the size that it had."""
        if self.size > LARGEST_BYTES:
            raise ImportRefused("it is larger than 512 MiB.", "Cut it into parts.")
        with self.opener() as stream:
            found = stream.read(self.size + 1)
        if len(found) != self.size:
            raise ImportRefused("its size changed while it was read.", "Try again when nothing writes to it.")
        return found

    @property
    def stem(self) -> str:
        """Its name without the last ending."""
        return self.name.rpartition(".")[0] or self.name

    @cached_property
    def text(self) -> str:
        """All of it as text: by its byte order mark, else UTF-8, else Windows-1252.

        Raises ImportRefused when it holds a NUL, which no text does.
        """
        return decoded(self.data)

    @cached_property
    def first_line(self) -> str:
        """Its first line as text without the line end, for telling formats apart; empty where it is no text."""
        try:
            start = decoded(self.head, cut=True)
        except ImportRefused:
            return ""
        lines = start.replace("\r\n", "\n").replace("\r", "\n").split("\n", 1)
        return lines[0] if len(lines) > 1 or len(self.head) < HEAD_BYTES else ""

    def beside(self, name: str) -> Foreign | None:
        """The file of this plain name in the same folder or archive; None when there is none or the name is a path."""
        return self.neighbours(name) if is_plain(name) else None

    def above(self, levels: int, name: str) -> Foreign | None:
        """The file of this plain name `levels` (1 to 3) folders further up, which BIDS lets speak for all below.

        None when there is none, and where an archive or the folder that was given has no such level.
        """
        return self.higher(levels, name) if is_plain(name) and 1 <= levels <= MOST_LEVELS else None


def is_plain(name: str) -> bool:
    """Whether a name is that of a file, and no path that leads out of the folder."""
    return bool(name) and name not in {".", ".."} and not any(sign in name for sign in "/\\:\0")


def decoded(data: bytes, *, cut: bool = False) -> str:
    """Bytes as text. `cut`: the end may stand in the middle of a letter. Raises ImportRefused when it is no text."""
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), None)
    if encoding is None:
        text = _without_mark(data, cut=cut)
    else:
        try:
            text = data.decode(encoding, "ignore" if cut else "strict")
        except UnicodeDecodeError:
            text = "\0"
    if "\0" in text:
        if not text.strip("\0 \t\r\n"):
            raise ImportRefused("it is not text, though it begins as text does.", "Export it again.")
        raise ImportRefused("it holds a NUL, which no text does.", EXPORT_AGAIN)
    return text


def _without_mark(data: bytes, *, cut: bool) -> str:
    """UTF-8, else Windows-1252; a letter of UTF-8 that is cut off at the end makes it no less UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if cut and error.reason == "unexpected end of data":
            return data[: error.start].decode("utf-8")
        return data.decode("cp1252", "replace")


def on_disk(path: Path) -> Foreign:
    """A file on disk. Raises ImportRefused when it is missing or is no plain file."""
    try:
        stat = path.stat()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "there can be no such name"
        raise ImportRefused(f"it cannot be read: {reason}.", "Check the name and its rights.") from error
    if not path.is_file():
        raise ImportRefused("it is no file.", "Give a file, a folder or an archive.")

    def opened() -> BinaryIO:
        try:
            return path.open("rb")
        except OSError as error:
            raise ImportRefused(f"it cannot be read: {error.strerror}.", "Check its rights.") from error

    def at(folder: Path, name: str) -> Foreign | None:
        other = folder / name
        return on_disk(other) if other.is_file() and not other.is_symlink() else None

    def higher(levels: int, name: str) -> Foreign | None:
        folders = path.absolute().parents
        return at(folders[levels], name) if levels < len(folders) else None

    return Foreign(path.name, stat.st_size, opened, lambda name: at(path.parent, name), path, higher)


def in_memory(name: str, data: bytes, neighbours: Callable[[str], Foreign | None] = lambda _: None) -> Foreign:
    """Bytes that are at hand, such as those of a small archive member."""
    return Foreign(name, len(data), lambda: io.BytesIO(data), neighbours)
