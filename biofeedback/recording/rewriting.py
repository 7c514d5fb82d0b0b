"""A recording written anew: with some lines changed or left out, in the old one's place or somewhere else.

A finished file is never edited (RULINGS C4). The new one has its own chain, says in its head what it was made from, and
is read back and compared before it takes its place in one step; whenever the program dies, one whole file is there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from hashlib import file_digest
from pathlib import Path
from typing import Any, Final, cast

from biofeedback.errors import RecordingError
from biofeedback.events import Json
from biofeedback.recording.chain import Line
from biofeedback.recording.line_file import LineFile
from biofeedback.recording.naming import PART
from biofeedback.recording.private import FINISHED_MODE
from biofeedback.recording.reader import DAMAGED, LOG_ONLY, StoredRecording, read_recording, removed_from
from biofeedback.recording.sealing import CIPHER, Keys
from biofeedback.recording.side_files import SCRATCH, remove_side_files
from biofeedback.recording.syncer import sync_folder
from devices.file_lock import take_lock

Change = Callable[[Sequence[Line]], Sequence[Line]]
Check = Callable[[Path], None]
LINES_LOST: Final = "lines_lost"
"""The code of the `err` line that stands where lines could not be read; `lines` says how many when that is known."""
_LAYOUT: Final = frozenset({"head", "seal"})


def rewrite_in_place(
    path: Path, change: Change, removed: Sequence[str], keys: Keys | None = None, check: Check | None = None
) -> bool:
    """Put a changed copy in a recording's place, and delete what lies beside it; whether anything had to be changed.

    `removed` is told in the copy's head, `check` may refuse it by raising. An encrypted recording stays encrypted. Of
    a damaged one the copy has all that can be read: what cannot be might hold what is to go. Raises RecordingError
    when the recording is not finished, is worked on by another program, or the copy cannot be made; it is then left as
    it was.
    """
    try:
        with _held(path):
            return _rewrite(path, change, removed, keys, check)
    except OSError as error:
        raise RecordingError(f"{path} cannot be written anew: {error.strerror}.", "It is left as it was.") from error


def _rewrite(path: Path, change: Change, removed: Sequence[str], keys: Keys | None, check: Check | None) -> bool:
    source = read_recording(path, keys)
    _check_can_change(source)
    before = content(source)
    after = change(before)
    if source.damage is None and _content(after) == _content(before):
        remove_side_files(path)
        return False
    scratch = path.with_name(path.name + SCRATCH)
    scratch.unlink(missing_ok=True)
    damaged = [DAMAGED] if source.damage is not None else []
    try:
        copy_to(scratch, source, after, [*removed, *damaged], keys if CIPHER in source.head else None)
        if check is not None:
            check(scratch)
        remove_side_files(path, but=scratch)
        _take_place(scratch, path)
    except BaseException:
        with suppress(OSError):
            scratch.unlink(missing_ok=True)
        raise
    return True


def copy_to(
    target: Path,
    source: StoredRecording,
    lines: Sequence[Line],
    removed: Sequence[str],
    keys: Keys | None,
    *,
    more_head: Mapping[str, Json] | None = None,
) -> Path:
    """Write lines as a file of their own, read it back and compare. `keys`: encrypt it. Raises RecordingError.

    The lines of the source's head and seals among them say where these go; their content is made anew.
    """
    try:
        _write(target, _head(source, lines, removed, more_head or {}), lines, keys)
        _compare(read_recording(target, keys), lines)
        target.chmod(FINISHED_MODE)
        sync_folder(target.parent)
    except BaseException as error:
        with suppress(OSError):
            target.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise RecordingError(
                f"{target} cannot be written: {error.strerror}.", "The recording is left as it was."
            ) from error
        raise
    return target


def _compare(again: StoredRecording, lines: Sequence[Line]) -> None:
    """Raises RecordingError when what is read back is not what was written."""
    if again.damage is not None or _content(again.lines) != _content(lines):
        raise RecordingError(f"The copy {again.path} is not what was written.", "The recording is left as it was.")


def content(source: StoredRecording) -> list[Line]:
    """All lines that can be read, those behind a damage too.

    Where some are missing stands one that says so; at the end too, when the file has no good end. The beat behind them
    is one behind a gap: nobody knows what was between.
    """
    lines: list[Line] = list(source.lines)
    torn = False
    for line in source.beyond:
        lost = line.n - lines[-1].n - 1
        if lost > 0:
            lines.append(_lost(lines, line.n - 1, f"{lost} lines could not be read", lost))
            torn = True
        if torn and line.kind == "beat":
            lines.append(replace(line, body={**line.body, "gap_before": True}))
            torn = False
        else:
            lines.append(line)
    if source.damage is not None and not source.beyond:
        lines.append(_lost(lines, lines[-1].n, f"the end could not be read: {source.damage}"))
    return lines


def _lost(lines: Sequence[Line], number: int, why: str, how_many: int | None = None) -> Line:
    body: dict[str, Json] = {"code": LINES_LOST, "error": why}
    return Line(number, lines[-1].t, "err", body if how_many is None else {**body, "lines": how_many})


def sha256_of(path: Path) -> str:
    """Of all bytes of a file, in hex. Raises OSError."""
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest()


def _parent(head: Mapping[str, Any]) -> Mapping[str, object]:
    parent = head.get("parent")
    return cast("dict[str, object]", parent) if isinstance(parent, dict) else {}


def _head(
    source: StoredRecording, lines: Sequence[Line], removed: Sequence[str], more: Mapping[str, Json]
) -> dict[str, Json]:
    """The head of the copy: that of the changed lines, with what it was made from."""
    heads = [line.body for line in lines if line.kind == "head"] or [source.head]
    head: dict[str, Json] = {}
    for body in heads:
        head |= {key: value for key, value in body.items() if key != CIPHER}
    all_removed = sorted({*removed_from(source.head), *removed})
    parent: dict[str, Json] = {"sha256": sha256_of(source.path), "removed": [*all_removed]}
    if isinstance(first := _parent(source.head).get("session"), str):
        parent["session"] = first
    told = more.get("parent")
    return {**head, **more, "parent": parent | (told if isinstance(told, dict) else {})}


def _write(target: Path, head: Mapping[str, Json], lines: Sequence[Line], keys: Keys | None) -> None:
    cipher = keys.new_file(str(head.get("session"))) if keys is not None else None
    file = LineFile.create(target, head, cipher)
    events, t, sealed = 0, 0, False
    try:
        for line in lines:
            sealed, t = line.kind == "seal", line.t
            events += line.kind not in LOG_ONLY
            if sealed:
                file.seal(t, {"events": events})
            elif line.kind != "head":
                file.write(t, line.kind, line.body)
        if not sealed:
            file.seal(t, {"events": events})
    finally:
        file.close()
    if file.failed is not None or file.path != target:
        file.path.unlink(missing_ok=True)
        raise RecordingError(file.failed or f"{target} could not be written.", "The recording is left as it was.")


def _content(lines: Sequence[Line]) -> list[tuple[int, str, Mapping[str, Any]]]:
    """What lines say, whatever their numbers; head and seals are made anew and left out."""
    return [(line.t, line.kind, line.body) for line in lines if line.kind not in _LAYOUT]


def _check_can_change(source: StoredRecording) -> None:
    if source.locked:
        raise RecordingError(f"{source.path} is encrypted.", "Give its passphrase.")
    if source.path.name.endswith(PART) and not source.finished and source.damage is None:
        raise RecordingError(f"{source.path} is not finished.", "Finish it first: library rebuild")


def _take_place(scratch: Path, path: Path) -> None:
    if os.name == "nt":
        path.chmod(0o600)  # there a read-only file is not replaced
    scratch.replace(path)
    with suppress(OSError):  # the new name then comes to the disk a little later
        sync_folder(path.parent)


@contextmanager
def _held(path: Path) -> Generator[None]:
    """Nobody else of us changes this file meanwhile. Raises RecordingError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise RecordingError(f"{path} cannot be read: {error.strerror}.", "Check its name and its rights.") from error
    try:
        if os.name == "posix" and (
            not take_lock(descriptor) or not os.path.samestat(os.fstat(descriptor), path.stat())
        ):
            raise RecordingError(f"{path} is worked on by another program.", "Wait until that has ended.")
        if os.name == "nt":
            os.close(descriptor)
        yield
    finally:
        if os.name != "nt":
            os.close(descriptor)
