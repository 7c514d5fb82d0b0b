"""RR intervals as Kubios reads them: one a line, in milliseconds (FORMATS 2.1).

A file is one piece of time, so a gap splits it: a hole never becomes a long interval.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from biofeedback.errors import OutputError
from biofeedback.formats.exports.gathered import Gathered, stretches
from biofeedback.formats.exports.whole import write_private
from biofeedback.hrv.ticks import TICKS_PER_MS


def write_kubios(gathered: Gathered, folder: Path) -> None:
    """Write raw and corrected intervals into an empty folder, a file each and a part for each stretch.

    `<stem>_rr_ms.txt` are the intervals as they came, `<stem>_rr_corrected_ms.txt` with flagged ones replaced; a
    stretch without one sound interval has none of these. Raises OutputError without any beat, OSError.
    """
    if not gathered.beats:
        raise OutputError(f"{gathered.stem} holds no heartbeat.", "Choose another recording.")
    for name, text in kubios_files(gathered):
        write_private(folder / name, text.encode("ascii"))


def kubios_files(gathered: Gathered) -> Iterator[tuple[str, str]]:
    """Name and text of each file."""
    parts = list(stretches(gathered.beats))
    for number, part in enumerate(parts, 1):
        end = "" if len(parts) == 1 else f"_part{number:0{len(str(len(parts)))}}"  # names in order of time
        yield f"{gathered.stem}_rr_ms{end}.txt", _lines(beat.ticks for beat in part)
        corrected = [beat.corrected for beat in part if beat.corrected is not None]
        if corrected:
            yield f"{gathered.stem}_rr_corrected_ms{end}.txt", _lines(corrected)


def _lines(ticks: Iterable[int]) -> str:
    return "".join(f"{value / TICKS_PER_MS:.3f}\n" for value in ticks)
