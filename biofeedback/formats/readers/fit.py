"""Garmin FIT: messages 78 (intervals) and 132 (times of beats), by fitdecode."""

from __future__ import annotations

from typing import Final

from biofeedback.formats.reading import Reader

READERS: Final[tuple[Reader, ...]] = ()
