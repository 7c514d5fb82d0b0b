"""When each part of a session began and ended, from its `phase` events; an import has no parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from biofeedback.events import Event, Open, Phase, PhaseName
from biofeedback.recording.parents import parent_in, parent_of
from biofeedback.recording.reader import StoredRecording


@dataclass(frozen=True, slots=True)
class PhaseSpan:
    """A part of a session from beginning to end, in whole microseconds of session time.

    `index` counts the parts from 0; `pair`, `visualization` and `control` name what a part of a trial belongs to.
    """

    name: PhaseName
    index: int
    start_us: int
    end_us: int
    pair: int | None = None
    visualization: str | None = None
    control: str | None = None

    @property
    def start_s(self) -> float:
        """Its beginning in seconds since the session began."""
        return self.start_us / 1e6

    @property
    def end_s(self) -> float:
        """Its end in seconds since the session began."""
        return self.end_us / 1e6

    @property
    def script(self) -> str | None:
        """The script that was said in it, None where none was."""
        said = self.control if self.name == "control" else self.visualization
        return said if self.name in ("image", "control", "practice") else None


def spans_of(phases: Sequence[Phase], length_us: int) -> Iterator[PhaseSpan]:
    """The parts in order; one whose end was not recorded lasts until the next, the last one until `length_us`."""
    begun = [phase for phase in phases if phase.on]
    ended = {phase.index: phase.at for phase in phases if not phase.on}
    follows = [*(phase.at for phase in begun[1:]), length_us]
    for phase, next_us in zip(begun, follows, strict=False):
        end_us = ended.get(phase.index, next_us)
        yield PhaseSpan(phase.name, phase.index, phase.at, end_us, phase.pair, phase.visualization, phase.control)


def is_imported(recording: StoredRecording) -> bool:
    """Whether a recording was made of a file of another program."""
    return parent_of(recording.lines) is not None


def parts_of(events: Iterable[Event], length_us: int) -> tuple[PhaseSpan, ...]:
    """The parts of a session in order. None for an import: whether somebody rested or ran then, nobody knows."""
    phases: list[Phase] = []
    for event in events:
        if isinstance(event, Open) and parent_in(event.parent) is not None:
            return ()
        if isinstance(event, Phase):
            phases.append(event)
    return tuple(spans_of(phases, length_us))
