"""A recording as EDF+ (Kemp & Olivan 2003, Clin Neurophysiol 114:1755): a tachogram, and beats as annotations.

| annotation | onset | duration |
|---|---|---|
| `RR`, or `RR` and the flag | where the interval begins | the interval, exact to the tick |
| `beat` | where the interval ends | none |
| `gap` and why | the last beat before it | how long no beat is known |
| `phase`, its name, script and pair | its beginning | its length |
| any other kind, its words and number | when it was | as it lasted |

Where the strap's clock is laid on the session's, the time between two beats is not quite their interval: hence both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, time
from typing import Final

import numpy as np

from biofeedback.errors import OutputError
from biofeedback.formats.exports.cells import encodable
from biofeedback.formats.exports.gathered import Gathered, Moment
from biofeedback.formats.exports.grid import GRID_HZ, tachogram
from biofeedback.hrv.ticks import TICKS_PER_S
from biofeedback.hrv.window import Floats


LABEL: Final = "RR tachogram"
RANGE_MS: Final = (0.0, 3276.75)
"""The range of 16 bits in steps of 0.05 ms; no interval is over 2500 ms. 0: there is none."""
RECORD_S: Final = 10
LONGEST_TEXT: Final = 200
"""Signs of an annotation: every data record has room for the longest one."""
YEARS: Final = range(1985, 2085)
"""What the two digits of a year in an EDF header can say."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")


def edf_bytes(gathered: Gathered) -> bytes:
    """The file. Raises OutputError when edfio is not installed."""
    try:
        from edfio import Edf, EdfAnnotation, EdfSignal, Patient, Recording
    except ImportError as error:
        raise OutputError(
            "EDF+ needs the library edfio, which is not installed.", 'Install it: pip install "biofeedback[formats]"'
        ) from error
    start = gathered.start if gathered.start is not None and gathered.start.year in YEARS else None
    recording = Recording(startdate=None if start is None else _date(start), equipment_code=_code(gathered.device))
    signal = EdfSignal(
        _whole_records(tachogram(gathered)),
        GRID_HZ,
        label=LABEL,
        transducer_type="heart beats",
        physical_dimension="ms",
        physical_range=RANGE_MS,
        prefiltering="resampled by spline, 0: no interval",
    )
    said = [EdfAnnotation(onset, duration, text) for onset, duration, text in notes_of(gathered)]
    return Edf(
        [signal],
        patient=Patient(),
        recording=recording,
        starttime=time() if start is None else start.time().replace(microsecond=0, tzinfo=None),
        data_record_duration=RECORD_S,
        annotations=said,
    ).to_bytes()


def notes_of(gathered: Gathered) -> Iterator[tuple[float, float | None, str]]:
    """Onset and duration in seconds, and text, of every annotation."""
    for beat in gathered.beats:
        yield beat.opening_us / 1e6, beat.ticks / TICKS_PER_S, f"RR {beat.why}".strip()
        yield beat.t_us / 1e6, None, "beat"
    for moment in gathered.moments:
        duration = None if moment.duration_us is None else max(0, moment.duration_us) / 1e6
        yield moment.at_us / 1e6, duration, _text(moment)


def _text(moment: Moment) -> str:
    number = "" if moment.value is None or moment.kind == "phase" else f"{moment.value:.6g}"
    pair = "" if moment.pair is None else f"pair {moment.pair}"
    words = " ".join(filter(None, [moment.kind, moment.label, number, moment.script, pair]))
    plain = _CONTROL.sub(" ", encodable(words))
    return plain if len(plain) <= LONGEST_TEXT else plain[: LONGEST_TEXT - 1] + "…"


def _whole_records(grid: Floats) -> Floats:
    """The signal without nan, filled up to whole data records."""
    filled = np.clip(np.nan_to_num(grid, nan=0.0), *RANGE_MS)
    return np.append(filled, np.zeros(-len(filled) % (RECORD_S * GRID_HZ)))


def _date(start: date) -> date:
    return date(start.year, start.month, start.day)


def _code(device: str) -> str:
    return re.sub(r"[^0-9A-Za-z.]+", "_", device).strip("_")[:30] or "X"
