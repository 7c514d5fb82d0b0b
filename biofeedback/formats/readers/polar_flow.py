"""Polar Flow: pulse intervals of the account export, and a session's CSV, which holds none."""

from __future__ import annotations

from typing import Final

from biofeedback.formats.reading import Reader

READERS: Final[tuple[Reader, ...]] = ()
