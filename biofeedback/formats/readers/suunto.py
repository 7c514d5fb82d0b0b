"""Suunto SML and the JSON of its app."""

from __future__ import annotations

from typing import Final

from biofeedback.formats.reading import Reader

READERS: Final[tuple[Reader, ...]] = ()
