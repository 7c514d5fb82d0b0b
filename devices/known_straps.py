"""Which straps were used here, and when last: a small file that may be missing, damaged or impossible to write.

An address tells one person's strap from all others. It stands in this file and nowhere else: no recording has it.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from devices.names import readable

MOST_KEPT: Final = 20
"""Nobody wears more; a strap that was tried once is forgotten in the end."""
LARGEST_FILE: Final = 100_000


@dataclass(frozen=True, slots=True)
class KnownStrap:
    """A strap that has sent heartbeats here. `last_used`: the UTC time at which it began to, ISO 8601."""

    address: str
    name: str
    last_used: str


class KnownStraps:
    """The straps in the file at `path`; None is a file that is always empty and takes nothing.

    `keeps`: whether what is used now is added. All that goes wrong with the file is passed over: a session does not
    need it.
    """

    def __init__(
        self, path: Path | None = None, *, keeps: bool = True, now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._path = path
        self._keeps = keeps
        self._now = now

    def newest_first(self) -> Sequence[KnownStrap]:
        """All of them, the one that was used last in front."""
        found: dict[str, KnownStrap] = {}
        for strap in self._read():  # in their order, not by their times: the computer's clock may have been wrong
            found.setdefault(strap.address.casefold(), strap)
        return list(found.values())

    def remember(self, address: str, name: str) -> None:
        """This strap sends heartbeats now. A name that is not known yet does not replace one that was."""
        if self._path is None or not self._keeps:
            return
        known = self.newest_first()
        before = next((strap for strap in known if strap.address.casefold() == address.casefold()), None)
        used = KnownStrap(
            address, name or (before.name if before else ""), self._now().astimezone(UTC).isoformat(timespec="seconds")
        )
        kept = [used, *(strap for strap in known if strap is not before)][:MOST_KEPT]
        with suppress(OSError):
            _replace(self._path, json.dumps({"straps": [asdict(strap) for strap in kept]}, indent=1))

    def _read(self) -> list[KnownStrap]:
        if self._path is None:
            return []
        try:
            with self._path.open("rb") as file:
                table = json.loads(file.read(LARGEST_FILE))
        except (OSError, ValueError, RecursionError):
            return []
        entries = cast("dict[str, Any]", table).get("straps") if isinstance(table, dict) else None
        if not isinstance(entries, list):
            return []
        return [strap for entry in cast("list[object]", entries) if (strap := _strap(entry)) is not None]


def _strap(entry: object) -> KnownStrap | None:
    """An entry of the file, None when it is not one."""
    if not isinstance(entry, dict):
        return None
    said = cast("dict[str, object]", entry)
    address, name, last_used = said.get("address"), said.get("name", ""), said.get("last_used")
    if not isinstance(address, str) or not isinstance(name, str) or not isinstance(last_used, str) or not address:
        return None
    try:
        used = datetime.fromisoformat(last_used)
    except ValueError:
        return None
    # Near the ends of the calendar a time cannot be told in every zone.
    whole = used.tzinfo is not None and MINYEAR < used.year < MAXYEAR
    return KnownStrap(address, readable(name), last_used) if whole else None


def _replace(path: Path, text: str) -> None:
    """Put the text in the file's place, whole or not at all, for nobody else to read. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, made = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)  # 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(made).replace(path)
    except OSError:
        Path(made).unlink(missing_ok=True)
        raise
