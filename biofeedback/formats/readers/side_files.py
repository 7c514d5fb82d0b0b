"""Empty files, side files of macOS and other companions that hold no heartbeats."""

from __future__ import annotations

import re
from typing import Final

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.limits import EMPTY
from biofeedback.formats.lines import beginning_of
from biofeedback.formats.reading import Choices, Progress, Reader

_APPLE_DOUBLE: Final = b"\0\5\26\7"
_BY_THE_SYSTEM: Final = {".ds_store", "thumbs.db", "desktop.ini"}
_ECG_LINES: Final = 20
_ECG_RATE: Final = re.compile(r"[^,]{1,60},\"?5[0-9]{2}(?:[.,][0-9]+)?\"? [^,0-9]{1,20}")
_TAR_AT: Final = 257
_PACKED: Final = {
    b"7z\xbc\xaf\x27\x1c": "7-Zip",
    b"Rar!\x1a\x07": "RAR",
    b"\xfd7zXZ\0": "xz",
    b"BZh": "bzip2",
    b"\x28\xb5\x2f\xfd": "Zstandard",
}
_INNER: Final = (b"\x1f\x8b", b"PK\3\4", b"PK\5\6")
"""gzip and zip, of which one comes here only out of another: the outer one is opened before any reader is asked."""


def _is_empty(file: Foreign) -> bool:
    return file.size == 0


def _read_empty(_file: Foreign, _choices: Choices, _progress: Progress) -> Content:
    raise ImportRefused(*EMPTY)


def _is_apple_double(file: Foreign) -> bool:
    return file.name.startswith("._") or file.head.startswith(_APPLE_DOUBLE)


def _read_apple_double(_file: Foreign, _choices: Choices, _progress: Progress) -> Content:
    return Content("AppleDouble", "skip", why="a side file of macOS.")


def _is_of_a_file_manager(file: Foreign) -> bool:
    return file.name.lower() in _BY_THE_SYSTEM


def _read_of_a_file_manager(_file: Foreign, _choices: Choices, _progress: Progress) -> Content:
    return Content("side file", "skip", why="a side file of a file manager.")


def _is_ecg_of_a_watch(file: Foreign) -> bool:
    """An ECG of Apple Health: some lines of what it is, in the language of the phone, then a value a line."""
    if not file.name.endswith(".csv") or "," not in file.first_line:
        return False
    top = beginning_of(file).splitlines()[:_ECG_LINES]
    return any(map(_ECG_RATE.fullmatch, top)) and any(line.endswith(("µV", "μV")) for line in top)


def _read_ecg_of_a_watch(_file: Foreign, _choices: Choices, _progress: Progress) -> Content:
    return Content("Apple ECG", "skip", why="half a minute of ECG of a watch, which is not read.")


def _packer(file: Foreign) -> str:
    """The kind of an archive that is not opened; empty for anything else."""
    if file.head[_TAR_AT : _TAR_AT + 5] == b"ustar":
        return "tar"
    return next((name for start, name in _PACKED.items() if file.head.startswith(start)), "")


def _is_packed(file: Foreign) -> bool:
    return file.head.startswith(_INNER) or bool(_packer(file))


def _read_packed(file: Foreign, _choices: Choices, _progress: Progress) -> Content:
    if kind := _packer(file):
        raise ImportRefused(f"it is a {kind} archive, which is not opened here.", "Unpack it and give the folder.")
    raise ImportRefused("it is an archive inside an archive.", "Unpack the outer one and give the folder.")


READERS: Final[tuple[Reader, ...]] = (
    Reader("empty", _is_empty, _read_empty),
    Reader("AppleDouble", _is_apple_double, _read_apple_double),
    Reader("side file", _is_of_a_file_manager, _read_of_a_file_manager),
    Reader("Apple ECG", _is_ecg_of_a_watch, _read_ecg_of_a_watch),
    Reader("archive", _is_packed, _read_packed),
)
