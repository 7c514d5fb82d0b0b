"""Empty files, side files of macOS and other companions that hold no heartbeats."""

from __future__ import annotations

from typing import Final

from biofeedback.formats.reading import Reader

READERS: Final[tuple[Reader, ...]] = ()
