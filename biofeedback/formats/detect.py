"""What a foreign file is, told by its content and never by its name alone (FORMATS 1.1), and the one way to read it."""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from itertools import chain
from dataclasses import replace
from statistics import median
from typing import Final

from biofeedback.errors import EXPORT_AGAIN, ImportRefused
from biofeedback.formats.content import Content
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.limits import NOBODYS, TOO_MUCH_MEMORY
from biofeedback.formats.units import LEAST_JUDGED, LONGEST_MS, SHORTEST_MS
from biofeedback.hrv.ticks import TICKS_PER_MS
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.formats.readers import (
    apple_health,
    bids,
    columns,
    edf,
    empatica,
    fit,
    hrv4training,
    hrv_logger,
    kubios,
    matlab,
    openhrv,
    plain,
    polar_flow,
    polar_hrm,
    polar_sensor_logger,
    side_files,
    sqlite,
    suunto,
    tidy,
    vns,
    wfdb,
    xdf,
)

SURE: Final[tuple[Reader, ...]] = (
    *side_files.READERS,
    *fit.READERS,
    *xdf.READERS,
    *edf.READERS,
    *sqlite.READERS,
    *matlab.READERS,
    *apple_health.READERS,
    *suunto.READERS,
    *polar_flow.READERS,
    *polar_hrm.READERS,
    *hrv_logger.READERS,
    *hrv4training.READERS,
    *vns.READERS,
    *polar_sensor_logger.READERS,
    *kubios.READERS,
    *openhrv.READERS,
    *empatica.READERS,
    *tidy.READERS,
    *bids.READERS,
    *wfdb.READERS,
)
"""Asked one after the other; the first that claims a file reads it. What bytes make sure comes before text."""
BARE: Final[tuple[Reader, ...]] = (*columns.READERS, *plain.READERS)
"""Asked last: numbers with a heading or none, which any program may have written."""

DAMAGED: Final = "it is damaged, or not what it seems to be."
_LOG: Final = logging.getLogger(__name__)


def reader_of(file: Foreign, more: Iterable[Reader] = ()) -> Reader:
    """Who reads this file; `more` are readers of plug-ins, asked before bare numbers are tried, and not before.

    Raises ImportRefused when nobody does.
    """
    for reader in chain(SURE, more, BARE):
        if reader.claims(file):
            return reader
    raise ImportRefused(*NOBODYS)


def content_of(file: Foreign, choices: Choices, progress: Progress, more: Iterable[Reader] = ()) -> Content:
    """What a file holds. Raises nothing but ImportRefused.

    A library's own error is one of these too; what it was goes to the debug log only (RECORDING 2.3 row 9).
    """
    name = ""
    try:
        with refusing():
            reader = reader_of(file, more)
            name = reader.name
            return _believable(reader.read(file, choices, progress))
    except ImportRefused as error:
        error.format = name
        raise


def _believable(content: Content) -> Content:
    """The same with a word of doubt when nobody has such intervals, as of a program that changed its unit."""
    if content.verdict not in ("rr", "beats") or content.why is not None or len(content.ticks) < LEAST_JUDGED:
        return content
    usual = median(content.ticks) / TICKS_PER_MS
    if SHORTEST_MS <= usual <= LONGEST_MS:
        return content
    return replace(content, why=f"the median of its intervals is {usual:g} ms, which no heart has: is it another unit?")


@contextmanager
def refusing() -> Generator[None]:
    """Whatever is raised inside becomes an ImportRefused; only its class goes to the debug log (RECORDING 2.2)."""
    try:
        yield
    except ImportRefused:
        raise
    except MemoryError as error:
        raise ImportRefused(*TOO_MUCH_MEMORY) from error
    except Exception as error:
        _LOG.debug("a reader raised %s", class_of(error))
        raise ImportRefused(DAMAGED, EXPORT_AGAIN) from error


def class_of(error: BaseException) -> str:
    """The full name of an exception's class."""
    return f"{type(error).__module__}.{type(error).__qualname__}"
