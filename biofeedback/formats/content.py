"""What a foreign file holds, in one shape for all formats: the answer of every reader.

Values are exact: intervals are whole ticks of 1/1 024 000 s (RULINGS A7). Nothing is dropped or repaired here; what a
reader left out or took for granted stands in `decisions`, in words that go into the recording.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, get_args

from biofeedback.events import Json
from biofeedback.hrv.ticks import TICKS_PER_MS, TICKS_PER_S

Verdict: TypeAlias = Literal["rr", "beats", "ecg", "summary", "ask", "refuse", "skip"]
"""What can be done with a file (RULINGS A9).

rr: intervals; beats: times of beats; ecg: a waveform whose beats have yet to be found; summary: values without
intervals; ask: numbers of which somebody has to say what they are; refuse: `why` says what is wrong; skip: a side file.
"""
VERDICTS: Final[tuple[str, ...]] = get_args(Verdict)


@dataclass(frozen=True, slots=True)
class Start:
    """When the first interval opened, as the file says it.

    `text`: ISO 8601, local time as written; `zone`: "+01:00", "utc", or None where the file does not say.
    """

    text: str
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Hole:
    """Time before interval number `before` (from 0) of which the file knows nothing, in ticks; 0: of unknown length.

    An interval over 2.5 s is not one of these: it stays among the intervals, and the artefact rule makes it a gap.
    """

    before: int
    ticks: int = 0


@dataclass(frozen=True, slots=True)
class Marker:
    """Words the file has for a moment: ticks since the first interval opened, which may be negative."""

    at: int
    text: str


@dataclass(frozen=True, slots=True)
class Waveform:
    """One channel of an ECG or a pulse wave: its label, samples a second, unit as written, length in seconds."""

    label: str
    hz: float
    unit: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds.

    `format`: its name, such as "fit mesg 78". `ticks`: array("q") of intervals in the order of the file. `unit`: the
    unit in the file; `rule`: how it is known. `why`: one sentence, for ask, refuse, skip and summary what to do, for
    the others what is doubtful. `decisions`: what the reader took for granted or left out. `waveforms`: of an ecg.
    `about`: more of `import --inspect --json`, by key of the contract (n and span_s of beats, rows of a summary ...).
    """

    format: str
    verdict: Verdict
    ticks: array[int] = field(default_factory=lambda: array("q"))
    unit: str | None = None
    rule: str = ""
    start: Start | None = None
    holes: tuple[Hole, ...] = ()
    markers: tuple[Marker, ...] = ()
    waveforms: tuple[Waveform, ...] = ()
    why: str | None = None
    decisions: tuple[str, ...] = ()
    about: Mapping[str, Json] = field(default_factory=dict[str, Json])

    @property
    def has_beats(self) -> bool:
        """Whether a recording can be made of it."""
        return self.verdict in ("rr", "beats", "ecg") and len(self.ticks) > 0

    @property
    def span_ticks(self) -> int:
        """From the first opening beat to the last closing one, holes of known length included."""
        return sum(max(0, value) for value in self.ticks) + sum(hole.ticks for hole in self.holes)

    def to_json(self) -> dict[str, Json]:
        """The object of `import --inspect --json` (RULINGS A9), without the file's name."""
        known: dict[str, Json] = {"format": self.format, "verdict": self.verdict}
        if len(self.ticks) and self.verdict in ("rr", "beats"):
            known |= {
                "n": len(self.ticks),
                "sum_ms": _ms(sum(self.ticks)),
                "first": [_ms(value) for value in self.ticks[:3]],
                "last": [_ms(value) for value in self.ticks[-2:]],
            }
        if self.waveforms:
            known["signals"] = [[each.label, each.hz, each.unit] for each in self.waveforms]
            known["seconds"] = max(each.seconds for each in self.waveforms)
        known |= {
            "unit": self.unit,
            "start": None if self.start is None else self.start.text,
            "start_zone": None if self.start is None else self.start.zone,
            "why": self.why,
            "markers": [marker.text for marker in self.markers],
        }
        known["marker_s"] = [marker.at / TICKS_PER_S for marker in self.markers]
        known["holes"] = len(self.holes)
        known["decisions"] = list(self.decisions)
        return known | dict(self.about)


def _ms(ticks: int) -> float:
    return round(ticks / TICKS_PER_MS, 6)
