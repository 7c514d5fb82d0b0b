"""Sessions whose program died: worked out again up to where their file ends, and gone on with, or finished.

The engine is a pure fold, so the recorded inputs bring it to where it was; what it said but could not be written any
more is written then. A session is gone on with within half an hour, as if the machine had slept (RECORDING 1.4.5).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from json import dumps
from pathlib import Path
from typing import Any, Final, Self, cast

from biofeedback.errors import RecordingError
from biofeedback.events import Command, End, Event, Json, Open, Output, Phase, Reveal
from biofeedback.recording.codec import INPUT_KINDS, kind_of, to_body
from biofeedback.recording.log import SessionLog
from biofeedback.recording.reader import StoredRecording
from biofeedback.recording.sealing import Keys
from biofeedback.session.coins import Coin, draw_coins
from biofeedback.session.engine import LONGEST_SLEEP_US
from biofeedback.session.guarded import GuardedEngine
from biofeedback.session.opening import ALGORITHMS, Opening
from biofeedback.session.plan import Plan
from biofeedback.session.replay import plugged, refold
from biofeedback.session.wall import Reading, read_clocks
from devices.clock import boot_id
from devices.events import Heard, SourceEvent, StrapInfo
from devices.source import Clock, Source

RECOVERED: Final = "recovered"
"""Why a session ended that was finished after its program had died."""
SOURCES: Final = frozenset({"strap", "simulated"})
"""What is still there after half an hour; a file would begin anew."""


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A session up to its file's last line.

    `engine` stands at `time_us`; `events` is all that happened, the last `missing` of them are outputs that are not
    in the file.
    """

    stored: StoredRecording
    opening: Opening
    engine: GuardedEngine
    events: tuple[Event, ...]
    missing: tuple[Output, ...]
    time_us: int

    def coins(self, seed: int | None) -> list[Coin]:
        """New coins for the pairs that have not begun; the old ones are forgotten, sealed or not (RULINGS E12).

        `seed`: that of a simulated person.
        """
        begun = {
            event.pair for event in self.events if isinstance(event, Reveal) or (isinstance(event, Phase) and event.on)
        }
        turn = 1 + sum(1 for line in self.stored.lines if line.kind == "resume")
        pairs = len(Plan.from_json(self.opening.event.plan).pairs)
        return [coin for coin in draw_coins(pairs, seed, turn) if coin.pair not in begun]


@dataclass(frozen=True, slots=True)
class BrokenOff:
    """A recording that may be gone on with: it was last written at `written_ns` (UTC), `passed_us` ago."""

    part: Path
    stored: StoredRecording
    written_ns: int
    passed_us: int
    keys: Keys | None = None


def rebuilt(stored: StoredRecording) -> Interrupted | None:
    """Work a session out again from its file.

    None when that cannot be done to the bit: it has not begun, its rules are not those of this program, a metric of a
    plug-in is missing, or other numbers come out.
    """
    foreign = plugged(stored)
    ours = {name: version for name, version in stored.algorithms.items() if name in ALGORITHMS}
    if foreign.missing or ours != ALGORITHMS:
        return None
    opened = next((event for _, event in stored.timed_events(("open",))), None)
    if not isinstance(opened, Open):
        return None
    engine = GuardedEngine(foreign.metrics)
    events = [*refold(stored, engine), *engine.advance(stored.lines[-1].t)]
    outputs = [event for event in events if kind_of(event) not in INPUT_KINDS]
    kept = [line for line in stored.event_lines if line.kind not in INPUT_KINDS]
    if len(kept) > len(outputs):
        return None
    for line, event in zip(kept, outputs, strict=False):
        if (line.t, line.kind) != (event.at, kind_of(event)) or _text(line.body) != _text(to_body(event)):
            return None
    opening = Opening(
        session=str(stored.head["session"]),
        began=datetime.fromtimestamp(stored.head["wall_ns"] / 1e9, UTC),
        head=stored.head,
        event=opened,
        metrics=foreign.metrics,
    )
    missing = tuple(cast("list[Output]", outputs[len(kept) :]))
    return Interrupted(stored, opening, engine, tuple(events), missing, engine.time)


def away_us(stored: StoredRecording, written_ns: int, now: Reading, boot: str | None) -> int:
    """How long ago its last line was written, as exactly as its anchors tell; never less than nothing.

    By the steady clock when the machine has not been started anew since, else by the wall clock. `written_ns`: when
    the file was last changed, for a session whose time was not the machine's.
    """
    anchor, since = None, stored.head.get("boot")
    for line in stored.lines:
        if line.kind == "resume":
            since = line.body.get("boot")
        elif line.kind == "clock":
            anchor = line, since
    if anchor is None:
        return max(0, now.wall_ns - written_ns) // 1000
    line, since = anchor
    same = boot is not None and since == boot
    passed_ns: int = now.mono_ns - line.body["mono_ns"] if same else now.wall_ns - line.body["wall_ns"]
    return max(0, passed_ns // 1000 - (stored.lines[-1].t - line.t))


def source_of(stored: StoredRecording) -> Mapping[str, Any]:
    """What its `open` says of the source; nothing for a session that never began."""
    opened = next((line.body for line in stored.lines if line.kind == "open"), None)
    return {} if opened is None else cast("Mapping[str, Any]", opened.get("source", {}))


def can_go_on(stored: StoredRecording, passed_us: int) -> bool:
    """Whether a person may come back to it: it is not over, its source is still there, and it is not too long ago."""
    source = source_of(stored)
    return (
        not stored.finished
        and not stored.locked
        and passed_us <= LONGEST_SLEEP_US
        and source.get("kind") in SOURCES
        and source.get("plugin") is None
    )


def reopen(part: Path, keys: Keys | None = None) -> tuple[SessionLog, Interrupted | None]:
    """Open a recording to go on with it, and its session; None when that is over, or cannot be worked out again.

    Raises RecordingError as `SessionLog.resume` does.
    """
    log = SessionLog.resume(part, keys)
    try:
        session = rebuilt(cast(StoredRecording, log.stored))
    except BaseException:
        log.close()
        raise
    gone = session is None or session.engine.ended or session.engine.error is not None
    return log, None if gone else session


def resume_line(log: SessionLog, clocks: Reading, boot: str | None) -> Mapping[str, Json]:
    """What the recording says where it goes on."""
    return {
        "torn_bytes": log.torn_bytes,
        "wall_ns": clocks.wall_ns,
        "mono_ns": clocks.mono_ns,
        "boot": boot,
    }


def finish_interrupted(part: Path, keys: Keys | None = None, read: Callable[[], Reading] = read_clocks) -> Path | None:
    """Bring the recording of a session whose program died to its end, `recovered`, and give it its name.

    Returns where it is, None when it held no event of a session and was removed. Raises RecordingError when another
    program writes it, when it is damaged before its end, or when it cannot be written or opened with `keys`.
    """
    log = SessionLog.resume(part, keys)
    with log:
        if log.empty:
            log.discard()
            return None
        stored = cast(StoredRecording, log.stored)
        if not stored.finished:
            _finish(log, stored, read())
    path = log.close()
    if log.failed is not None:
        raise RecordingError(log.failed, "Make room on the disk, or look after its rights, and try again.")
    return path


def _finish(log: SessionLog, stored: StoredRecording, clocks: Reading) -> None:
    session = rebuilt(stored)
    for out in session.missing if session is not None else ():
        log.append(out)
    if session is not None and session.engine.ended:
        return
    last_t = stored.lines[-1].t
    log.append_line(last_t, "resume", resume_line(log, clocks, boot_id()))
    if session is None:
        log.append(_end_of(stored, last_t))
        return
    stop = Command(session.time_us, "stop", by="program", text=RECOVERED)
    log.append(stop)
    for out in session.engine.feed(stop):
        log.append(out)


def _end_of(stored: StoredRecording, at: int) -> End:
    """An end for what another version recorded: its own lines are counted, nothing is worked out."""
    beats = [line.body.get("ok") for line in stored.lines if line.kind == "beat"]
    return End(at, RECOVERED, at / 1e6, len(beats), beats.count(False))


class Late:
    """A simulated person who is joined in the middle: she has heard all that was said, what she did is over."""

    def __init__(self, source: Source, heard: Sequence[Heard], from_us: int) -> None:
        """`heard`: what she heard in the session so far; of what she says, only that after `from_us` is told."""
        self.info: StrapInfo = source.info
        self._source = source
        self._heard = heard
        self._from_us = from_us

    async def __aenter__(self) -> Self:
        """Open the source, and tell it what it has missed."""
        await self._source.__aenter__()
        for heard in self._heard:
            self._source.hear(heard)
        return self

    async def __aexit__(self, *why: object) -> None:
        """Close it."""
        await self._source.__aexit__(*why)

    async def events(self, clock: Clock) -> AsyncIterator[SourceEvent]:
        """What it says from then on."""
        async for event in self._source.events(clock):
            if event.stamp_us > self._from_us:
                yield event

    def hear(self, heard: Heard) -> None:
        """Tell it what a person would see and hear."""
        self._source.hear(heard)


def _text(body: Mapping[str, Any]) -> str:
    return dumps(body, sort_keys=True)
