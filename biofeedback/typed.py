"""Names of files as somebody types them."""

from __future__ import annotations

import re
import sys
from typing import Final

_PLAIN: Final = re.compile(r"[\w@%+=:,./\\~-]+\Z")


def as_typed(path: object) -> str:
    """A name as it can be typed behind a command: in quotes where a shell would take it apart."""
    text = str(path)
    if _PLAIN.match(text):
        return text
    return f'"{text}"' if sys.platform == "win32" else "'" + text.replace("'", "'\\''") + "'"
