"""A recording as a person names it: by its file, or by the first digits of its id in the library."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import Final

from biofeedback.cli.common import config_of
from biofeedback.errors import UsageError

_ID: Final = re.compile(r"[0-9a-fA-F][0-9a-fA-F-]{3,35}")


def recording_at(args: argparse.Namespace, word: str) -> Path:
    """The file; what is no file and looks like an id is looked for in the library. Raises UsageError for several."""
    path, config = Path(word), config_of(args)
    if path.exists() or _ID.fullmatch(word) is None or not (config.home / "sessions").is_dir():
        return path
    from biofeedback.recording.library import open_library

    with open_library(config.home) as library:
        named = [each for each in library.sessions() if each.id.casefold().startswith(word.casefold())]
        if len(named) > 1:
            raise UsageError(f"'{word}' names {len(named)} sessions.", "Give more digits, or the name of the file.")
        return library.path(named[0]) if named else path
