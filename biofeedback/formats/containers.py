"""Folders, zip and gzip: their files one by one, streamed and never unpacked to disk (RECORDING 2.3 rows 2 and 3)."""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import re
import stat
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

from biofeedback.errors import ImportRefused
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.limits import MOST_FILES, MOST_RATIO, MOST_UNPACKED, OFFICE, RATIO_FREE, is_xml

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

    from _typeshed import WriteableBuffer

GZIP: Final = b"\x1f\x8b"
ZIP: Final = (b"PK\3\4", b"PK\5\6")
_PIECE: Final = 1024**2
_STORED_OR_DEFLATED: Final = (0, 8)
_LONGEST_NAME: Final = 1000
_DRIVE: Final = re.compile(r"[A-Za-z]:")
_BOMB: Final = (
    f"it unpacks to more than {MOST_RATIO} times its size.",
    "Unpack it yourself if you trust it, and give the folder.",
)
_TOO_MANY: Final = (f"it holds more than {MOST_FILES} files.", "Give a smaller folder or archive.")
_TOO_MUCH: Final = ("it unpacks to more than 4 GiB.", "Unpack it yourself and give the files.")


@dataclass(frozen=True, slots=True)
class Listed:
    """One file of a folder or an archive: its name below that, and the file, or why it is not read.

    `skipped`: a reason to leave it alone that is nobody's fault.
    """

    name: str
    file: Foreign | None = None
    refused: ImportRefused | None = None
    skipped: str = ""


class Hashed(io.RawIOBase):
    """A stream read in small pieces, which knows the SHA-256 of what has gone through it.

    `digest` is None until all `size` bytes were read from the first one on, in order.
    """

    def __init__(self, inner: BinaryIO, size: int) -> None:
        super().__init__()
        self._inner, self._size, self._at = inner, size, 0
        self._hash = hashlib.sha256()
        self._in_order = True
        self.digest: str | None = None

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def seekable(self) -> bool:
        """Whether what it reads is."""
        return self._inner.seekable()

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go elsewhere; from there on nothing is hashed."""
        at = self._inner.seek(offset, whence)
        if at != self._at:
            self._in_order = False
        self._at = at
        return at

    def tell(self) -> int:
        """Where it stands."""
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Read at most 1 MiB at once, whatever is asked for."""
        view = memoryview(buffer)
        piece = self._inner.read(min(len(view), _PIECE))
        view[: len(piece)] = piece
        self._at += len(piece)
        if self._in_order:
            self._hash.update(piece)
            if self._at == self._size:
                self.digest = self._hash.hexdigest()
        return len(piece)

    def close(self) -> None:
        """Close what it reads too."""
        if not self.closed:
            self._inner.close()
        super().close()


class Sums:
    """Gives a file that is hashed while a reader reads it, and the hash afterwards."""

    def __init__(self, file: Foreign) -> None:
        self._opener, self._size = file.opener, file.size
        self._opened: list[Hashed] = []
        self.file = replace(file, opener=self._open)

    def _open(self) -> BinaryIO:
        stream = Hashed(self._opener(), self._size)
        self._opened.append(stream)
        return cast("BinaryIO", io.BufferedReader(stream, _PIECE))

    def sha256(self) -> str:
        """Of the whole file; it is read once more where no reader read it from beginning to end."""
        digest = next((stream.digest for stream in self._opened if stream.digest is not None), None)
        if digest is None:
            whole = hashlib.sha256()
            with self._opener() as stream:
                while piece := stream.read(_PIECE):
                    whole.update(piece)
            digest = whole.hexdigest()
        return digest


class _Gzip(gzip.GzipFile):
    """gzip leaves a stream open that it was given; this one closes it too."""

    def __init__(self, inner: BinaryIO) -> None:
        super().__init__(fileobj=inner, mode="rb")
        self._inner = inner

    def close(self) -> None:
        super().close()
        self._inner.close()


def unpacked(file: Foreign) -> Foreign:
    """What a gzip file holds, under its name without `.gz`; any other file as it is.

    Raises ImportRefused when it unpacks to too much; gzip's own errors when it is damaged. Its neighbours stay those
    of the packed file.
    """
    if not file.head.startswith(GZIP):
        return file

    def opened() -> BinaryIO:
        return cast("BinaryIO", _Gzip(file.opener()))

    name = file.name[:-3] if file.name.lower().endswith(".gz") else file.name
    size = 0
    with opened() as stream:
        piece = stream.read(_PIECE)
        tight = MOST_UNPACKED if is_xml(piece) else max(RATIO_FREE, MOST_RATIO * file.size)
        while piece:
            size += len(piece)
            if size > MOST_UNPACKED:
                raise ImportRefused(*_TOO_MUCH)
            if size > tight:
                raise ImportRefused(*_BOMB)
            piece = stream.read(_PIECE)
    return Foreign(name, size, opened, file.neighbours, None, file.higher)


def in_zip(file: Foreign) -> list[Listed]:
    """The members of a zip archive in the order of their names, folders left out.

    Raises ImportRefused for an archive that holds too much, zipfile's own errors for a damaged one. A member that
    may not be read is `refused`: for its name, its kind, its encryption, its compression or its ratio.
    """
    import zipfile

    archive = zipfile.ZipFile(file.path or file.opener())  # what it opens itself it closes itself
    found = archive.infolist()
    if len(found) > MOST_FILES:
        raise ImportRefused(*_TOO_MANY)
    members = sorted((each for each in found if not each.is_dir()), key=lambda each: each.filename)
    if any(each.filename == "[Content_Types].xml" for each in members):
        raise ImportRefused(*OFFICE)
    if not members:
        raise ImportRefused("it is an archive without files.", "Export it again.")
    if sum(each.file_size for each in members) > MOST_UNPACKED:
        raise ImportRefused(*_TOO_MUCH)
    if sum(each.compress_size for each in members) > file.size:
        raise ImportRefused("its members lie over one another.", "Give an archive that an ordinary program made.")
    return _Members(archive, members).listed()


class _Members:
    """The members of one archive and what each may see of the others."""

    def __init__(self, archive: ZipFile, members: list[ZipInfo]) -> None:
        self._archive = archive
        self._members = members
        self._count = Counter(each.filename for each in members)
        self._known = {each.filename: each for each in members if self._wrong(each) is None}

    def listed(self) -> list[Listed]:
        return [self._one(each) for each in self._members]

    def _one(self, member: ZipInfo) -> Listed:
        if wrong := self._wrong(member):
            return Listed(member.orig_filename, refused=wrong)
        if reason := left_alone(member.filename.split("/")):
            return Listed(member.filename, skipped=reason)
        return Listed(member.filename, self._foreign(member))

    def _wrong(self, member: ZipInfo) -> ImportRefused | None:
        kind = stat.S_IFMT(member.external_attr >> 16)
        advice = "Unpack the archive yourself if you trust it, and give the folder."
        for wrong, what in (
            (not _is_inside(member.orig_filename), "its name leads out of the archive."),
            (kind not in {0, stat.S_IFREG}, "it is a link, or no plain file."),
            (self._count[member.filename] > 1, "another file in the archive has the same name."),
            (member.flag_bits & 1, "it is encrypted."),
            (member.compress_type not in _STORED_OR_DEFLATED, "it is packed in a way that is not read."),
        ):
            if wrong:
                return ImportRefused(what, advice)
        return None

    def _open(self, member: ZipInfo) -> BinaryIO:
        """Opens a member. Raises ImportRefused for one that is packed tighter than anything but XML is in earnest."""
        if member.file_size > max(RATIO_FREE, MOST_RATIO * member.compress_size):
            with self._archive.open(member) as stream:
                if not is_xml(stream.read(64)):
                    raise ImportRefused(*_BOMB)
        return cast("BinaryIO", self._archive.open(member))

    def _foreign(self, member: ZipInfo) -> Foreign:
        *folders, name = member.filename.split("/")

        def at(place: list[str], other: str) -> Foreign | None:
            found = self._known.get("/".join([*place, other]))
            return None if found is None else self._foreign(found)

        return Foreign(
            name,
            member.file_size,
            lambda: self._open(member),
            lambda other: at(folders, other),
            None,
            lambda levels, other: at(folders[:-levels], other) if levels <= len(folders) else None,
        )


def _is_inside(name: str) -> bool:
    """Whether a member's name is a plain way down."""
    parts = name.split("/")
    plain = not any(part in {"", ".", ".."} for part in parts)
    signs = not any(sign == "\\" or sign < " " or sign == "\x7f" for sign in name)
    return plain and signs and not _DRIVE.match(name) and len(name) <= _LONGEST_NAME


def left_alone(parts: list[str]) -> str:
    """Why a file of a folder or an archive is not looked at, by the parts of its name; empty for one that is."""
    if "__MACOSX" in parts or parts[-1].startswith("._"):
        return "a side file of macOS."
    if any(part.startswith(".") for part in parts):
        return "a hidden file."
    return ""


def in_folder(folder: Path) -> list[tuple[Path, str]]:
    """The files of a folder and of those in it, in the order of their names; with each why it is skipped, if it is.

    Links are not followed. Raises ImportRefused for more than 10 000 files or a folder that cannot be read.
    """
    found: list[tuple[Path, str]] = []
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            entries = list(os.scandir(here))
        except OSError as error:
            if here == folder:
                raise ImportRefused(f"it cannot be read: {error.strerror}.", "Check its rights.") from error
            found.append((here, f"it cannot be read: {error.strerror}."))
            continue
        for entry in entries:
            place = here / entry.name
            reason = "a link; links are not followed." if entry.is_symlink() else left_alone([entry.name])
            if not reason and entry.is_dir():
                waiting.append(place)
            else:
                found.append((place, reason))
            if len(found) + len(waiting) > MOST_FILES:
                raise ImportRefused(*_TOO_MANY)
    if not found:
        raise ImportRefused("it is a folder without files.", "Give the folder that holds them.")
    return sorted(found)
