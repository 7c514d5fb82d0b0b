"""When something began, as other programs write it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from biofeedback.formats.content import Start

_ISO: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[T ]([0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?) ?(Z|[+-][0-9]{2}:?[0-9]{2})?\Z"
)


def start_of(text: str) -> Start | None:
    """A date and time in ISO 8601, with a zone or without; None when there is no such time."""
    found = _ISO.match(text.strip(" \t\r\n"))
    if found is None:
        return None
    local, zone = f"{found[1]}T{found[2]}", found[3]
    try:
        datetime.fromisoformat(local)
    except ValueError:
        return None
    if zone is not None:
        zone = "utc" if zone == "Z" else f"{zone[:3]}:{zone[-2:]}"
    return Start(local, zone)
