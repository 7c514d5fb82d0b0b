"""The table of `analyze --every-beat`: a file's metrics at every beat as comma-separated values (CLI, RULINGS B2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from math import isnan
from os.path import realpath
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from biofeedback.errors import OutputError
from biofeedback.hrv.every_beat import Block
from biofeedback.hrv.registry import METRICS
from biofeedback.hrv.summary import quality_of

COLUMNS: Final = ("t_s", *METRICS, "marks")
"""`marks`: "poor" or "irregular" by the share of flagged beats in the last minute, and "short" where the entropy is of
fewer beats than an analysis takes."""


class BeatTable:
    """A table that is there whole or not at all: written beside its place, and put there when the context is left.

    A link is followed. Raises OutputError when it cannot be written, when its place is none for a file, or when
    somebody else is writing it.
    """

    def __init__(self, path: Path, keep: Path | None = None) -> None:
        """`keep`: the file it is made of, which it must not take the place of."""
        self.path = path
        self._place = Path(realpath(path))
        self._part = self._place.with_name(self._place.name + ".part")
        self._keep = keep
        self.rows = 0

    def __enter__(self) -> Self:
        with suppress(OSError):
            if self._keep is not None and self._place.samefile(self._keep):
                raise OutputError(f"{self.path} is the file to be analysed.", "Give the table a name of its own.")
        if self._place.exists() and not self._place.is_file():
            raise OutputError(f"{self.path} is no file.", "Give the table a name of its own.")
        try:
            self._file = self._part.open("x", encoding="ascii", newline="\n")
            self._file.write(",".join(COLUMNS) + "\n")
        except FileExistsError:
            raise OutputError(
                f"{self._part} is there already.", "Somebody is writing this table; if nobody is, remove that file."
            ) from None
        except OSError as error:
            raise self._unwritable(error) from error
        except BaseException:
            self._part.unlink(missing_ok=True)
            raise
        return self

    def write(self, block: Block) -> None:
        """Add the rows of a block."""
        try:
            self._file.writelines(lines_of(block))
        except OSError as error:
            raise self._unwritable(error) from error
        self.rows += len(block.t_us)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._file.close()
            if kind is None:
                self._part.replace(self._place)
        except OSError as failed:
            raise self._unwritable(failed) from failed
        finally:
            if kind is not None:
                with suppress(OSError):
                    self._part.unlink()

    def _unwritable(self, error: OSError) -> OutputError:
        with suppress(OSError):
            self._part.unlink()
        return OutputError(
            f"{self.path} cannot be written: {error.strerror}.", "Choose another place, or make room there."
        )


def lines_of(block: Block) -> Iterator[str]:
    """The lines of a block; a cell that cannot be given is empty. Numbers read back to the same bits."""
    values = [column.tolist() for column in block.rows.values.values()]
    columns = [[repr(t_us / 1e6) for t_us in block.t_us.tolist()], *(list(map(repr, column)) for column in values)]
    for *cells, marks in zip(*columns, _marks(block), strict=True):
        yield ",".join(cells).replace("nan", "") + f",{marks}\n"


def _marks(block: Block) -> Iterable[str]:
    least = METRICS["sampen"].least_beats
    rows = block.rows
    entropies = rows.values["sampen"].tolist()
    for beats, flagged, entropy in zip(rows.beats.tolist(), rows.flagged.tolist(), entropies, strict=True):
        short = not isnan(entropy) and beats - flagged < least
        yield " ".join(mark for mark in (quality_of(flagged / max(1, beats)), "short" if short else None) if mark)
