"""Writes a finished recording or a person log again with other keys, or with none: the same lines, another cipher."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from biofeedback.errors import RecordingError
from biofeedback.events import Json
from biofeedback.recording.chain import LONGEST_LINE, Line, LineError, open_line
from biofeedback.recording.line_file import LineFile
from biofeedback.recording.naming import VERSION
from biofeedback.recording.reader import StoredLines, read_lines
from biofeedback.recording.recovery import in_use
from biofeedback.recording.sealing import CIPHER, NEW_KEY, Keys
from biofeedback.recording.syncer import sync_folder
from devices.file_lock import take_lock

BEING_MADE: Final = ".relock"
"""Ends the name of a new file until it has been checked; one that is left over from a crash is made anew."""
_MADE_ANEW: Final = frozenset({CIPHER, "v", "min_reader", "parent"})
_SEAL: Final = frozenset({"sha256", "bytes", NEW_KEY})


def relock(path: Path, old: Keys | None, new: Keys | None) -> None:
    """Replace a log by one with the same lines under `new` keys (None: plain), whose head names the old one's SHA-256.

    At every moment one of the two is there whole under the name: the new one is written beside it, brought to the
    disk, read back and compared before it takes the name. Raises RecordingError, and changes nothing, when the file
    is damaged, is being written, or the new one cannot be made; UnreadableError when it cannot be read.
    """
    held = _hold(path)
    made = path.with_name(path.name + BEING_MADE)
    try:
        stored = read_lines(path, old, format_=_format_of(path))
        _check_whole(stored)
        made.unlink(missing_ok=True)
        head = _head_of(stored, hashlib.sha256(path.read_bytes()).hexdigest())
        _write(made, head, stored.lines, new)
        _compare(made, stored, new)
        made.chmod(path.stat().st_mode & 0o777)
        if os.name == "nt":
            path.chmod(0o600)  # there a read-only file is not replaced
        made.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        raise RecordingError(f"{path} cannot be written anew: {error.strerror}.", "It is left as it is.") from error
    except LineError as error:
        raise RecordingError(f"{path} cannot be written anew: {error}.", "It is left as it is.") from error
    finally:
        made.unlink(missing_ok=True)
        if held >= 0:
            os.close(held)


def remove_left_over(folder: Path) -> None:
    """Remove new files that a crash left half-made in a folder; the old ones are whole. Raises OSError."""
    for made in folder.glob(f"*{BEING_MADE}"):
        if not in_use(made):
            made.unlink(missing_ok=True)


def _hold(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0))
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}.", "It is left as it is.") from error
    if os.name == "nt":  # there a file that is open is not replaced
        os.close(descriptor)
        return -1
    if take_lock(descriptor):
        return descriptor
    os.close(descriptor)
    raise RecordingError(f"{path} is being written.", "Wait until that has ended.")


def _format_of(path: Path) -> str:
    """Of a recording or of a person log; what is neither will be refused."""
    with path.open("rb") as file:
        line, _ = open_line(file.readline(LONGEST_LINE).removesuffix(b"\n"), 0)
    return str(line.body.get("format"))


def _check_whole(stored: StoredLines) -> None:
    if stored.locked:
        raise RecordingError(f"{stored.path} is encrypted by other keys.", "It is left as it is.")
    if stored.damage is not None:
        raise RecordingError(f"{stored.path} is damaged, {stored.damage}.", "It is left as it is.")


def _head_of(stored: StoredLines, sha256: str) -> dict[str, Json]:
    head = {key: value for key, value in stored.head.items() if key not in _MADE_ANEW}
    told = stored.head.get("parent")
    before = cast("dict[str, Json]", told) if isinstance(told, dict) else {}
    parent: dict[str, Json] = {"removed": [], **before, "sha256": sha256}
    if before:
        parent["parent"] = before
    return {**head, "parent": parent}


def _content(lines: Sequence[Line]) -> list[Line]:
    """The lines behind the head, without what is another in every file."""
    return [
        Line(
            0, line.t, line.kind, {key: line.body[key] for key in line.body if line.kind != "seal" or key not in _SEAL}
        )
        for line in lines
        if line.kind != "head"
    ]


def _write(made: Path, head: Mapping[str, Json], lines: Sequence[Line], keys: Keys | None) -> None:
    ident = str(head.get("session") or head.get("person_log"))
    file = LineFile.create(made, head, None if keys is None else keys.new_file(ident))
    try:
        for line in _content(lines):
            if line.kind == "seal":
                file.seal(line.t, line.body)
            else:
                file.write(line.t, line.kind, line.body)
            if file.trouble is not None:
                raise RecordingError(file.trouble, "The old file is left as it is.")
    finally:
        file.close()
    if file.failed is not None:
        raise RecordingError(file.failed, "The old file is left as it is.")


def _compare(made: Path, stored: StoredLines, keys: Keys | None) -> None:
    again = read_lines(made, keys, format_=str(stored.head["format"]))
    same_head = _without(again.head) == _without(stored.head) and again.head.get("v") == VERSION
    if again.damage is not None or not same_head or _content(again.lines) != _content(stored.lines):
        raise RecordingError(f"{made} is not read back as it was written.", "The old file is left as it is.")


def _without(head: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in head.items() if key not in _MADE_ANEW}
