"""A recording as a person names it: by its file, or by the first digits of its id in the library."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Final

from biofeedback.cli.common import called, config_of
from biofeedback.errors import UnreadableError, UsageError
from biofeedback.typed import as_typed

_SHORT: Final = re.compile(r"[0-9a-fA-F]{1,3}")
_ID: Final = re.compile(r"[0-9a-fA-F][0-9a-fA-F-]{3,35}")


def recording_at(args: argparse.Namespace, word: str) -> Path:
    """The file; what is no file and looks like an id is looked for in the library. Raises UsageError for several."""
    path, config = Path(word), config_of(args)
    if _SHORT.fullmatch(word) is not None and not path.exists():
        raise UnreadableError(
            f"There is no file {word}, and an id needs at least four digits.", f"See them: {called()} library list"
        )
    if path.exists() or _ID.fullmatch(word) is None or not (config.home / "sessions").is_dir():
        return path
    from biofeedback.recording.library import open_library

    with open_library(config.home) as library:
        named = [each for each in library.sessions() if each.id.casefold().startswith(word.casefold())]
        if len(named) > 1:
            raise UsageError(f"'{word}' names {len(named)} sessions.", "Give more digits, or the name of the file.")
        return library.path(named[0]) if named else path


def check_is_recording(path: Path) -> None:
    """Raises UnreadableError for a file of another program, which says how to make a recording of it."""
    from biofeedback.recording.reader import is_recording

    if path.is_dir() or not is_recording(path):
        raise UnreadableError(
            f"{path} is not a recording of this program.",
            f"Make one of it first: {called()} import {as_typed(path)}",
        )
