"""What lies beside a recording and goes with it: parts, torn ends, half copies, and the page about it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from biofeedback.errors import RecordingError
from biofeedback.recording.naming import PART, final_of
from biofeedback.recording.recovery import in_use
from biofeedback.recording.syncer import sync_folder

SCRATCH: Final = ".rewriting"
"""What a copy is called while it is written."""
SCRATCHES: Final = (SCRATCH, ".relock", ".importing")


def page_of(recording: Path) -> Path:
    """Where the page about a recording goes unless told otherwise."""
    return recording.with_name(recording.name.split(".")[0] + ".html")


def side_files(path: Path) -> list[Path]:
    """All that belongs to the recording at `path` in its folder, itself left out."""
    final = final_of(path)
    with os.scandir(final.parent) as entries:
        names = sorted(entry.name for entry in entries if entry.name.startswith(f"{final.name}."))
    found = [final.with_name(name) for name in names]
    page = page_of(final)
    return [*(each for each in found if each != path), *([page] if page.is_file() else [])]


def remove_side_files(path: Path, but: Path | None = None) -> list[Path]:
    """Delete them, and say which. Raises RecordingError when one is being written."""
    gone = [each for each in side_files(path) if each != but]
    for each in gone:
        if _busy(each):
            raise RecordingError(f"{each} is being written by another program.", "Wait until that has ended.")
    for each in gone:
        try:
            _unlink(each)
        except OSError as error:
            raise RecordingError(
                f"{each} cannot be deleted: {error.strerror}.", "Check the rights of its folder."
            ) from error
    return gone


def remove_recording(path: Path) -> list[Path]:
    """Delete a recording and all that lies beside it; what was deleted. Raises RecordingError.

    The recording itself goes last: while it is there the rest can be found and deleted again.
    """
    try:
        if _busy(path):
            raise RecordingError(f"{path} is being written by another program.", "End that session first.")
        gone = [*remove_side_files(path), path]
        _unlink(path)
        sync_folder(path.parent)
    except OSError as error:
        raise RecordingError(
            f"{path} cannot be deleted: {error.strerror}.", "Check the rights of its folder."
        ) from error
    return gone


def remove_scratch(folder: Path) -> list[Path]:
    """Delete copies that were being made when a program died; nothing is in them that is not in the originals."""
    gone: list[Path] = []
    for ending in SCRATCHES:
        for path in sorted(folder.glob(f"*{ending}*")):
            if not in_use(path) and not in_use(path.with_name(path.name.partition(ending)[0])):
                _unlink(path)
                gone.append(path)
    return gone


def _unlink(path: Path) -> None:
    """Delete a file, which may be gone already. Raises OSError."""
    if os.name == "nt":
        with suppress(OSError):
            path.chmod(0o600)  # there a read-only file is not deleted
    path.unlink(missing_ok=True)


def _busy(path: Path) -> bool:
    return path.name.endswith(PART) and in_use(path)
