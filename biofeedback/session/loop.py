"""The session loop: source and commands in, recording and views out, one step at a time (RULINGS A5)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from traceback import extract_tb
from typing import Final, Protocol, TypeAlias

from biofeedback.breathing.acceleration import delta_coded
from biofeedback.entry_points import complaint
from biofeedback.errors import SourceFailedError
from biofeedback.events import (
    Acc,
    Answer,
    Ask,
    Battery,
    Command,
    Commit,
    Cue,
    End,
    Event,
    Input,
    Json,
    Link,
    Notice,
    NoticeCode,
    Output,
    Pacer,
    Packet,
    Phase,
    Reveal,
    Rr,
    Sensor,
)
from biofeedback.hrv.beats import NEVER
from biofeedback.session import door
from biofeedback.session.clock import SessionClock
from biofeedback.session.coins import Coin
from biofeedback.session.engine import AWAY
from biofeedback.session.guarded import ENGINE_FAILED, GuardedEngine
from biofeedback.session.opening import Opening
from biofeedback.session.wall import WallWatch
from devices.events import (
    Acceleration,
    Answered,
    Dropped,
    Heard,
    HeardCue,
    HeardPacer,
    HeardPhase,
    HeardQuestion,
    Intervals,
    LinkState,
    SourceEvent,
)
from devices.events import Battery as StrapBattery
from devices.events import Packet as StrapPacket
from devices.events import Sensor as StrapSensor
from devices.heart_rate_measurement import decode
from devices.polar_accelerometer import decode as decode_acceleration
from devices.source import Source

LISTEN_ON_S: Final = 0.05
"""A strap's packet needs some milliseconds from the air to the session; one that was sent before a stop is kept."""
SOURCE_FAILED: Final = "the source failed"
SOURCE_ENDED: Final = "the source has no more beats"
METRIC_FAILED: Final = "metric_failed"
"""The code of the notice, and of the `err` line of a recording that says with what."""
RECORDING: Final[tuple[NoticeCode, str]] = ("recording_goes_on", "The disk takes the recording again. Nothing is lost.")
MOMENT_S: Final = 0.005
CATCH_UP_S: Final = 3.0
"""A session that is behind its strap by more than this when it is stopped stops nonetheless."""

SLEPT_US: Final = 10_000_000
"""What was due so long ago was slept over: the machine was suspended, or the program stopped."""

Publish: TypeAlias = Callable[[Sequence[Event]], None]
Posted: TypeAlias = Callable[[int], Input]


class Recorder(Protocol):
    """Where events are kept; `append` returns when the event is."""

    @property
    def trouble(self) -> str | None:
        """One sentence while events wait in memory for the disk."""
        ...

    @property
    def moved(self) -> str | None:
        """One sentence once a disk has failed and events go on in another file."""
        ...

    @property
    def failed(self) -> str | None:
        """One sentence once nothing can be kept any more; the session goes on."""
        ...

    def append(self, event: Event) -> None:
        """Keep one event."""
        ...

    def append_line(self, t: int, kind: str, body: Mapping[str, Json]) -> None:
        """Keep what is no event of the engine's."""
        ...


@dataclass(frozen=True, slots=True)
class Past:
    """A session that was broken off: its engine as it stood then, outputs that are not in its file, `resume`'s keys."""

    engine: GuardedEngine
    missing: Sequence[Output]
    line: Mapping[str, Json]


class SessionLoop:
    """Runs one session. `post` may be called from any thread once `run` has begun."""

    def __init__(
        self,
        source: Source,
        clock: SessionClock,
        opening: Opening,
        coins: Sequence[Coin],
        recorder: Recorder | None,
        publish: Publish,
        wall: WallWatch | None = None,
        past: Past | None = None,
    ) -> None:
        """`wall`: where session time is the machine's own, its wall clock is kept beside it.

        `past`: a session that is gone on with; its `coins` are then those of the pairs that have not begun.
        """
        self._source = door.door_of(source)
        self._clock = clock
        self._opening = opening
        self._coins = {coin.pair: coin for coin in coins}
        self._recorder = recorder
        self._publish = publish
        self._wall = wall
        self._past = past
        self._engine = GuardedEngine(opening.metrics) if past is None else past.engine
        self._error_kept = False
        self._lost_kept = len(self._engine.lost_metrics)
        self._recorder_told = RECORDING
        self.end: End | None = None
        """How the session ended, once it has."""
        self.failure: SourceFailedError | None = None
        """Why the source is not listened to any more; the session then ends at once, its recording whole."""
        self._posted: list[Posted] = []
        self._wake = asyncio.Event()
        self._asyncio: asyncio.AbstractEventLoop | None = None

    def post(self, make: Posted) -> None:
        """Hand in a command or an answer, made when its time is known."""
        self._posted.append(make)
        if self._asyncio is not None:
            with suppress(RuntimeError):  # its loop is closed: the session has just ended
                self._asyncio.call_soon_threadsafe(self._wake.set)

    async def run(self, ended: Callable[[], object] = lambda: None) -> None:
        """Open the source and go on until the session ends, by its plan, by a command or with its source.

        A source that cannot be opened leaves nothing in the recording, nor does a session that is stopped before it
        is; SourceFailedError or DeviceError says why it cannot. One that fails later ends the session, and `failure`
        says why. `ended` is called after the last event and before the source is closed, which may take seconds.
        """
        self._asyncio = asyncio.get_running_loop()
        try:
            async with AsyncExitStack() as opened:
                if not await self._enter_source(opened):
                    return
                self._open()
                try:
                    await self._follow(self._source.events(self._clock))
                finally:
                    self._stop("the session was interrupted" if self.failure is None else SOURCE_FAILED)
                    ended()
        except SourceFailedError as failure:
            if self.end is None:
                raise
            self.failure = self.failure or failure  # on leaving: the recording is finished, only the person is told

    async def _enter_source(self, opened: AsyncExitStack) -> bool:
        """Open the source, which may take seconds, unless the session is stopped meanwhile; whether it is open."""
        limit = asyncio.timeout(None)
        try:
            async with limit:
                watching = asyncio.ensure_future(self._until_stopped(limit))
                try:
                    await opened.enter_async_context(self._source)
                finally:
                    watching.cancel()
        except TimeoutError:
            if not limit.expired():
                raise
            return False
        self._wake.set()  # what was posted meanwhile is still to be taken
        return True

    async def _until_stopped(self, limit: asyncio.Timeout) -> None:
        """Let the limit be over when a stop is posted."""
        while not any(_stops(make(0)) for make in self._posted):
            await self._wake.wait()
            self._wake.clear()
        limit.reschedule(asyncio.get_running_loop().time())

    def _open(self) -> None:
        if self._past is None:
            self._step(self._opening.event)
        else:
            self._catch_up(self._past)
        for coin in self._coins.values():
            self._step(Commit(self._engine.time, coin.pair, coin.sealed(self._opening.session)))
        if self._past is not None:
            self._step(Command(max(self._clock.now(), self._engine.time), "wake", by="program", text=AWAY))
        self._look_at_clocks()

    def _catch_up(self, past: Past) -> None:
        """What was said but is not on file comes first; from the last line until now the session slept."""
        for out in past.missing:
            self._keep(out)
        if self._recorder is not None:
            self._recorder.append_line(self._engine.time, "resume", past.line)
        self._step(Command(self._engine.time, "sleep", by="program"))

    def _look_at_clocks(self, pulling: _Pulling | None = None) -> None:
        """Keep what the wall clock says when that is due; what the machine slept is no time of the session.

        What the source said just before the sleep comes before it.
        """
        at = max(self._clock.now(), self._engine.time)
        if self._wall is None or (seen := self._wall.look(at)) is None:
            return
        if seen.why == "suspend":
            from_us = at - self._wall.slept_us
            if pulling is not None and pulling.came_by(from_us):
                self._take(pulling)
            self._sleep(from_us, at)
        self._step(seen)

    def _sleep(self, from_us: int, to_us: int) -> None:
        self._step(Command(max(from_us, self._engine.time), "sleep", by="program"))
        self._step(Command(to_us, "wake", by="program"))

    async def _follow(self, events: AsyncIterator[SourceEvent]) -> None:
        pulling = _Pulling(events)
        wake = asyncio.ensure_future(self._wake.wait())
        try:
            while not self._engine.ended and self.failure is None:
                looks_us = NEVER if self._wall is None else self._wall.due_us
                await self._clock.wait((pulling.next, wake), min(self._engine.next_deadline, looks_us))
                self._look_at_clocks(pulling)
                if wake.done():
                    self._wake.clear()
                    wake = asyncio.ensure_future(self._wake.wait())
                await self._take_posted(pulling)
                if not self._take(pulling):
                    self._advance(max(self._clock.now(), self._engine.time))
        finally:
            pulling.next.cancel()
            wake.cancel()
            stopped = asyncio.gather(pulling.next, wake, return_exceptions=True)
            await asyncio.wait((stopped,), timeout=door.LEAVE_S)
            if not stopped.done() and self.failure is None:
                self._fail(door.failure_of(self._source.info, None, "it does not stop when it is asked to"))

    def _take(self, pulling: _Pulling) -> bool:
        """Take what the source has said, if it has said something."""
        if not pulling.next.done():
            return False
        try:
            event = pulling.pop()
        except SourceFailedError as failure:
            self._fail(failure)
            return False
        if event is None:
            self._stop(SOURCE_ENDED)
        else:
            for step in self._inputs(event):
                self._step(step)
        return True

    async def _take_posted(self, pulling: _Pulling) -> None:
        while self._posted:
            make = self._posted.pop(0)
            if self._source.info.kind == "strap" and _stops(make(self._engine.time)):
                await self._listen_on(pulling)
            self._step(make(max(self._clock.now(), self._engine.time)))

    async def _listen_on(self, pulling: _Pulling) -> None:
        """Before a session stops, take the packets that are on their way already, however fast others follow."""
        loop = asyncio.get_running_loop()
        until_s, until_us = loop.time() + LISTEN_ON_S, self._clock.now() + int(LISTEN_ON_S * 1e6)
        while not self._engine.ended:
            await asyncio.wait((pulling.next,), timeout=max(until_s - loop.time(), MOMENT_S))
            if not self._take(pulling) or self._engine.time > until_us or loop.time() > until_s + CATCH_UP_S:
                return

    def _fail(self, failure: SourceFailedError) -> None:
        """The source said its last: name it and what it did in the recording; the session ends by that.

        After the end nothing is written any more; then only the person is told.
        """
        self.failure = failure
        if self._recorder is not None and not self._engine.ended:
            self._recorder.append_line(self._engine.time, "err", {"code": "source_failed", "error": failure.what})

    def _stop(self, why: str) -> None:
        if not self._engine.ended:
            self._step(Command(self._engine.time, "stop", by="program", text=why))

    def _inputs(self, event: SourceEvent) -> Sequence[Input]:
        """The engine's words for what the source said, at the time the session has reached."""
        at = max(event.stamp_us, self._engine.time)
        match event:
            case StrapPacket():
                return (packet_input(at, event),)
            case Acceleration():
                return (acc_input(at, event),)
            case Intervals(ticks=ticks, lost=lost):
                return (Rr(at, ticks, lost),)
            case LinkState(state=state, why=why, advice=advice):
                return (Link(at, state, why, advice),)
            case StrapSensor(device=device, location=location):
                return (Sensor(at, device, location),)
            case StrapBattery(percent=percent):
                return (Battery(at, percent),)
            case Answered(question=question, value=value):
                return (Answer(at, question, "suds", value, by="sim"),)
            case Dropped(packets=packets):
                return self._dropped(at, packets)

    def _dropped(self, at: int, packets: int) -> Sequence[Input]:
        """Packets that found no room are a hole in the beats, like a link that was gone for a moment."""
        if self._recorder is not None:
            self._recorder.append_line(at, "drop", {"count": packets})
        return Link(at, "waiting", f"The program was too slow and lost {packets} packets."), Link(at, "streaming")

    def _step(self, event: Input) -> None:
        """Write-ahead: what was due, then the input on file, then fed, then shown."""
        self._advance(event.at)
        if self._engine.ended:
            return
        self._keep(event)
        self._publish((event,))
        self._handle(self._engine.feed(event))

    def _advance(self, to_us: int) -> None:
        """Do what was due until then, unless the computer slept over it: nobody wants ten minutes of cues at once."""
        awake_us = max(self._engine.next_deadline, self._engine.time)
        if to_us - awake_us > SLEPT_US * self._clock.speed:
            self._sleep(self._engine.time, to_us)
        self._handle(self._engine.advance(to_us))

    def _handle(self, outs: Sequence[Output]) -> None:
        self._keep_error()
        self._keep_lost_metrics()
        for out in outs:
            self._keep(out)
        if outs:
            self._publish(outs)
        for out in outs:
            self._tell_source(out)
            if isinstance(out, End):
                self.end = out
        for out in outs:
            self._open_coin(out)

    def _keep(self, event: Event) -> None:
        if self._recorder is None:
            return
        self._recorder.append(event)
        told = _state_of(self._recorder)
        if told != self._recorder_told:
            self._recorder_told = told
            self._publish((Notice(event.at, *told),))

    def _keep_error(self) -> None:
        """What the engine failed with, once, for whoever has to mend it; no folder of this machine is in it."""
        error = self._engine.error
        if error is None or self._error_kept:
            return
        self._error_kept = True
        if self._recorder is not None:
            said: dict[str, Json] = {"code": ENGINE_FAILED, "error": f"{type(error).__name__}: {error}"}
            self._recorder.append_line(self._engine.time, "err", {**said, "trace": _trace(error)})

    def _keep_lost_metrics(self) -> None:
        """What a metric of a plug-in failed with, for whoever made it."""
        lost, self._lost_kept = self._engine.lost_metrics[self._lost_kept :], len(self._engine.lost_metrics)
        if self._recorder is None:
            return
        for failure in lost:
            words = f"{failure.foreign.described} failed: {complaint(failure.error)}"
            said: dict[str, Json] = {"code": METRIC_FAILED, "error": words, "trace": _trace(failure.error)}
            self._recorder.append_line(self._engine.time, "err", said)

    def _tell_source(self, out: Output) -> None:
        heard = heard_of(out)
        if heard is None or self.failure is not None:
            return
        try:
            self._source.hear(heard)
        except SourceFailedError as failure:
            self._fail(failure)

    def _open_coin(self, out: Output) -> None:
        """A pair's coin is opened when its first washout begins."""
        if isinstance(out, Phase) and out.on and out.name == "washout" and out.pair in self._coins:
            coin = self._coins.pop(out.pair)
            self._step(Reveal(self._engine.time, coin.pair, coin.coin, coin.nonce))


def packet_input(at: int, packet: StrapPacket) -> Packet:
    """A notification decoded, its bytes kept."""
    said = decode(packet.raw)
    return Packet(
        at=at,
        dev=packet.device,
        rx=packet.stamp_us,
        hr=said.hr,
        contact=said.contact,
        energy=said.energy_kj,
        ticks=said.rr_1024,
        raw=packet.raw.hex(),
        problems=said.problems,
    )


def acc_input(at: int, said: Acceleration) -> Acc:
    """A frame of acceleration decoded; its samples are whole numbers, so they keep all that its bytes held."""
    frame = decode_acceleration(said.raw, said.factor)
    return Acc(
        at=at,
        dev=said.device,
        rx=said.stamp_us,
        dev_ns=frame.dev_ns,
        fs=said.fs_hz,
        xyz_mg=delta_coded(frame.xyz_mg),
        problems=frame.problems,
    )


def heard_of(out: Output) -> Heard | None:
    """What a person would see or hear of an output."""
    match out:
        case Pacer():
            return HeardPacer(out.at, out.rate, out.inhale, out.at_phase)
        case Phase(on=True):
            return HeardPhase(out.at, out.name, _imagined(out), out.name == "control")
        case Cue():
            return HeardCue(out.at, out.script, out.index, out.say)
        case Ask():
            return HeardQuestion(out.at, out.id, out.what)
        case _:
            return None


def _state_of(recorder: Recorder) -> tuple[NoticeCode, str]:
    """How it stands with the recording, as the code and the words of a notice."""
    if recorder.failed is not None:
        return "recording_stopped", recorder.failed
    if recorder.trouble is not None:
        return "recording_waits", recorder.trouble
    return RECORDING if recorder.moved is None else ("recording_goes_on", recorder.moved)


def _trace(error: BaseException) -> list[Json]:
    """Where it was raised, without the folders of this machine."""
    return [f"{Path(at.filename).name}:{at.lineno} {at.name}" for at in extract_tb(error.__traceback__)]


def _imagined(phase: Phase) -> str | None:
    """The script that is shown in a part, None where there is none."""
    if phase.name == "control":
        return phase.control
    return phase.visualization if phase.name in ("image", "practice") else None


def _stops(event: Input) -> bool:
    return isinstance(event, Command) and event.what == "stop"


class _Pulling:
    """What a source says next, as a future that is always there to be waited for; None when it has no more."""

    def __init__(self, events: AsyncIterator[SourceEvent]) -> None:
        self._events = events
        self.next = self._pull()

    def pop(self) -> SourceEvent | None:
        """The event that has come; the next one is waited for from now on."""
        event = self.next.result()
        if event is not None:
            self.next = self._pull()
        return event

    def came_by(self, at_us: int) -> bool:
        """Whether an event has come that is stamped by then."""
        if not self.next.done() or self.next.cancelled() or self.next.exception() is not None:
            return False
        event = self.next.result()
        return event is not None and event.stamp_us <= at_us

    def _pull(self) -> asyncio.Future[SourceEvent | None]:
        return asyncio.ensure_future(anext(self._events, None))
