"""Whether there is room for a recording, before anything of it is written (RECORDING 1.4.3)."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from biofeedback.errors import RecordingError

MB: Final = 1_000_000
LEAST_FREE: Final = 50 * MB
"""A session of several hours; with less none is begun."""
SCARCE_FREE: Final = 500 * MB


def free_bytes(folder: Path) -> int | None:
    """What is free where a folder is or will be made; None when the system does not say."""
    there = next((place for place in (folder, *folder.absolute().parents) if place.is_dir()), None)
    try:
        return None if there is None else shutil.disk_usage(there).free
    except OSError:
        return None


def check_space(folder: Path, free: Callable[[Path], int | None] = free_bytes) -> str | None:
    """A sentence when room is scarce, None when there is enough. Raises RecordingError when there is too little."""
    left = free(folder)
    if left is None or left >= SCARCE_FREE:
        return None
    told = f"Only {left // MB} MB are free on the disk of {folder}"
    if left < LEAST_FREE:
        raise RecordingError(f"{told}; a recording needs {LEAST_FREE // MB} MB to begin.", ADVICE)
    return f"{told}. That is enough for this session; make room before long."


ADVICE: Final = "Make room, choose another folder with --output, or keep nothing with --no-record."
