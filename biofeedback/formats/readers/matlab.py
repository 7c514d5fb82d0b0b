"""MATLAB 5 by scipy.io; HDF5 is told and refused."""

from __future__ import annotations

from typing import Final

from biofeedback.formats.reading import Reader

READERS: Final[tuple[Reader, ...]] = ()
