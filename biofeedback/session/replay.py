"""A recording through the same engine again: to watch it, and to compare every number (RULINGS A6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from json import dumps
from pathlib import Path
from typing import Any, cast

from biofeedback.events import Event, Input, Json
from biofeedback.recording.codec import INPUT_KINDS, kind_of, to_body
from biofeedback.recording.reader import Recording, read_recording
from biofeedback.session.engine import Engine
from biofeedback.session.loop import Publish
from biofeedback.session.opening import ALGORITHMS
from devices.source import Clock


def refold(recording: Recording) -> Iterator[Event]:
    """The recorded inputs and what the engine of this version says to them, in the order of a live session."""
    engine = Engine()
    last_t = 0
    for line, event in recording.timed_events(INPUT_KINDS):
        yield from engine.advance(line.t)
        yield event
        yield from engine.feed(cast(Input, event))
    last_t = max((line.t for line in recording.event_lines), default=last_t)
    yield from engine.advance(last_t)


async def play(recording: Recording, clock: Clock, publish: Publish) -> None:
    """Show a recording at the clock's speed."""
    for event in refold(recording):
        await clock.sleep_until(event.at)
        publish((event,))


@dataclass(frozen=True, slots=True)
class Verification:
    """What a comparison of a recording with its recomputation found."""

    file: str
    events: int
    outputs: int
    compared: int
    rescored: tuple[str, ...]
    differences: int
    exact: bool
    intact: bool
    first_difference: str | None
    damage: str | None
    finished: bool

    def to_json(self) -> dict[str, Json]:
        """The object of the command line contract."""
        return {
            "file": self.file,
            "events": self.events,
            "outputs": self.outputs,
            "compared": self.compared,
            "rescored": list(self.rescored),
            "differences": self.differences,
            "exact": self.exact,
            "intact": self.intact,
            "first_difference": self.first_difference,
            "damage": self.damage,
            "finished": self.finished,
        }


def verify(path: Path) -> Verification:
    """Recompute a recording and compare everything stored. Raises UnreadableError when it is not a recording."""
    recording = read_recording(path)
    stored = [(line.t, line.kind, line.body) for line in recording.event_lines if line.kind not in INPUT_KINDS]
    rescored = tuple(
        f"{name}/{version}" for name, version in recording.algorithms.items() if ALGORITHMS.get(name) != version
    )
    again = [
        (event.at, kind_of(event), to_body(event)) for event in refold(recording) if kind_of(event) not in INPUT_KINDS
    ]
    comparison = _Comparison()
    if not rescored:
        comparison.run(stored, again, whole=recording.finished and recording.damage is None)
    return Verification(
        file=str(path),
        events=sum(1 for _ in recording.event_lines),
        outputs=len(stored),
        compared=comparison.compared,
        rescored=rescored,
        differences=comparison.differences,
        exact=comparison.exact and not rescored,
        intact=recording.damage is None,
        first_difference=comparison.first,
        damage=recording.damage,
        finished=recording.finished,
    )


class _Comparison:
    """Stored outputs against recomputed ones: kinds and order equal, numbers within 1e-9, `exact` to the bit."""

    def __init__(self) -> None:
        self.compared = 0
        self.differences = 0
        self.exact = True
        self.first: str | None = None

    def run(
        self,
        stored: list[tuple[int, str, Mapping[str, Any]]],
        again: list[tuple[int, str, dict[str, Json]]],
        *,
        whole: bool,
    ) -> None:
        """Compare in order; what an unfinished file does not hold any more is no difference."""
        for number, (old, new) in enumerate(zip(stored, again, strict=False)):
            self.compared += 1
            same_bits = old[:2] == new[:2] and _canonical(old[2]) == _canonical(new[2])
            if same_bits:
                continue
            self.exact = False
            if not (old[:2] == new[:2] and _close(old[2], new[2])):
                self._differs(
                    f"output {number}: {old[1]} at {old[0] / 1e6:.3f} s, now {new[1]} at {new[0] / 1e6:.3f} s"
                )
        missing = len(stored) - len(again)
        if missing > 0 or (whole and missing):
            self.exact = False
            self._differs(f"{len(stored)} outputs are stored, {len(again)} come out now", abs(missing))

    def _differs(self, what: str, count: int = 1) -> None:
        self.differences += count
        self.first = self.first or what


def _canonical(body: Mapping[str, Any]) -> str:
    return dumps(body, sort_keys=True, ensure_ascii=False)


def _close(old: object, new: object) -> bool:
    """Equal, numbers within 1e-9 relative."""
    if isinstance(old, float) or isinstance(new, float):
        if not isinstance(old, int | float) or not isinstance(new, int | float):
            return False
        return abs(old - new) <= 1e-9 * max(abs(old), abs(new))
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        left, right = cast("Mapping[str, object]", old), cast("Mapping[str, object]", new)
        return left.keys() == right.keys() and all(_close(left[key], right[key]) for key in left)
    if isinstance(old, list) and isinstance(new, list):
        first, second = cast("list[object]", old), cast("list[object]", new)
        return len(first) == len(second) and all(map(_close, first, second))
    return bool(old == new)
