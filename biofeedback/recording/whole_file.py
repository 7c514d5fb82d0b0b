"""Small files that are replaced whole or not at all."""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from biofeedback.recording.syncer import sync_file, sync_folder


def replace_whole(path: Path, data: bytes) -> None:
    """Put the data in the file's place, on the disk for nobody else to read. Raises OSError; the old one then stays.

    A program that dies meanwhile leaves `<name>.` and some letters beside it.
    """
    descriptor, made = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            sync_file(file.fileno())
        Path(made).replace(path)
        sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            Path(made).unlink(missing_ok=True)
        raise
