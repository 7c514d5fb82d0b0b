"""Runs a session or a replay for a command: clock, recording, view, signals, and the words at the end."""

from __future__ import annotations

import argparse
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from math import isinf
from pathlib import Path
from traceback import print_exception
from types import FrameType
from typing import Final, Self

from biofeedback.cli.common import complain, say
from biofeedback.cli.faces import Face
from biofeedback.cli.printing import JsonLines
from biofeedback.errors import RecordingError
from biofeedback.events import Command, Event, Input, Link, Notice
from biofeedback.hrv.foreign import metric_lost
from biofeedback.presenter.picture import Picture
from biofeedback.presenter.replaying import left_words, replayed, told
from biofeedback.presenter.words import link_sentence
from biofeedback.recording.log import SessionLog
from biofeedback.recording.sealing import Keys
from biofeedback.session.clock import JumpingClock, LiveClock, SessionClock
from biofeedback.session.coins import Coin, draw_coins
from biofeedback.session.hub import ViewQueue
from biofeedback.session.loop import METRIC_FAILED, Past, SessionLoop, heard_of
from biofeedback.session.opening import Opening, open_session
from biofeedback.session.plan import Plan
from biofeedback.session.playback import Playback, Tape
from biofeedback.session.plugins import MetricPlugins, metric_plugins
from biofeedback.session.resuming import BrokenOff, Late, away_us, finish_interrupted, reopen, resume_line
from biofeedback.session.runner import RunningSession
from biofeedback.session.scripts import Shelf
from biofeedback.session.space import check_space
from biofeedback.session.wall import WallWatch, read_clocks
from devices.choosing import Chooser
from devices.clock import boot_id
from devices.source import Source

INTERRUPTED_WHY: Final = "interrupted"
SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(signal, name)]


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be run. `place`: the folder of the recording or the file itself, None: nothing is recorded."""

    source: Source
    plan: Plan
    shelf: Shelf
    speed: float
    place: Path | None
    person: str = "me"
    seed: int | None = None
    demo: bool = False
    saw_live: str | None = None
    """Who else sees the numbers while they are made."""
    chooser: Chooser | None = None
    """Where the source asks which strap it should be."""
    keys: Keys | None = None
    """What encrypts the recording."""
    broken_off: BrokenOff | None = None
    """A session that is gone on with; `plan`, `person` and `place` are then its own."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is replayed of a recording, and how fast."""

    speed: float
    from_us: int = 0
    to_us: int | None = None


@dataclass(frozen=True, slots=True)
class View:
    """How it is shown.

    `json`: events as JSON lines on stdout, of these `kinds` only; `plain`: the terminal's lines instead of its screen;
    `plots`: the plot window opens at once, for somebody beside the trainee; `hide_numbers`: the trainee sees none.
    """

    face: Face
    json: bool
    kinds: frozenset[str] | None = None
    plain: bool | None = None
    plots: bool = False
    hide_numbers: bool = False

    @property
    def shown(self) -> bool:
        """Whether a person sees anything."""
        return self.face != "none"


@dataclass(slots=True)
class Outcome:
    """How it ended. `recording` is the file, None when nothing was recorded."""

    recording: Path | None
    interrupted: bool
    trouble: str | None = None


def run_session(args: argparse.Namespace, work: Work, view: View) -> Outcome:
    """One session from its opening to its last line. From here on a signal leaves no file half begun."""
    forbid_core_dumps()
    with _Signals() as signals:
        return _run_session(args, work, view, signals)


def forbid_core_dumps() -> None:
    """What a session holds in memory is nobody's business: no file of it is left when the program crashes."""
    with suppress(ImportError, OSError, ValueError):  # Windows has no such limit
        from resource import RLIMIT_CORE, getrlimit, setrlimit

        setrlimit(RLIMIT_CORE, (0, getrlimit(RLIMIT_CORE)[1]))


@dataclass(frozen=True, slots=True)
class _Begun:
    """A session before it runs: a new one, or one that stands in its middle at `at_us` with all its `events`."""

    opening: Opening
    log: SessionLog | None
    source: Source
    coins: Sequence[Coin]
    past: Past | None = None
    events: Sequence[Event] = ()
    at_us: int = 0


def _begin(args: argparse.Namespace, work: Work) -> _Begun:
    if work.place is not None and (scarce := check_space(_folder_of(work.place))):
        say(args, scarce)
    if work.broken_off is not None:
        return _begin_again(work, work.broken_off)
    foreign = metric_plugins()
    opening = open_session(
        work.plan,
        work.source.info,
        work.shelf,
        person=work.person,
        demo=work.demo,
        seeded=work.seed is not None,
        saw_live=work.saw_live,
        metrics=foreign.metrics,
    )
    log = _open_log(work, opening, foreign)
    for refused in foreign.refused:
        say(args, metric_lost(refused.words))
    return _Begun(opening, log, work.source, draw_coins(len(work.plan.pairs), work.seed))


def _begin_again(work: Work, broken_off: BrokenOff) -> _Begun:
    """Where the file of a session ends; from its last line until now it slept."""
    log, session = reopen(broken_off.part, broken_off.keys)
    if session is None:
        log.close()
        finished = finish_interrupted(broken_off.part, broken_off.keys)
        raise RecordingError(
            "That session cannot be gone on with: it is over, or made by another version of this program.",
            f"It is finished as far as it went: {finished}. Start a new one.",
        )
    clocks, boot = read_clocks(), boot_id()
    at_us = session.time_us + away_us(session.stored, broken_off.written_ns, clocks, boot)
    source = work.source
    if source.info.kind == "simulated":
        outputs = (heard_of(event) for event in session.events if not isinstance(event, Input))
        source = Late(source, [heard for heard in outputs if heard is not None], at_us)
    past = Past(session.engine, session.missing, resume_line(log, clocks, boot))
    return _Begun(session.opening, log, source, session.coins(work.seed), past, session.events, at_us)


def _folder_of(place: Path) -> Path:
    return place.parent if place.name.endswith(".jsonl") else place


def _run_session(args: argparse.Namespace, work: Work, view: View, signals: _Signals) -> Outcome:
    begun = _begin(args, work)
    log = begun.log
    clock: SessionClock
    clock = JumpingClock(begun.at_us) if isinf(work.speed) else LiveClock(work.speed, begun.at_us)
    wall = WallWatch() if work.speed == 1 else None
    queue = ViewQueue() if work.source.info.kind == "strap" else ViewQueue(None)
    publish = _Publisher(queue if view.shown else None, talk=None if view.shown or view.json else partial(say, args))
    queue.put(begun.events)
    loop = SessionLoop(begun.source, clock, begun.opening, begun.coins, log, publish, wall, begun.past)
    running = RunningSession(queue, clock.now, loop.post, chooser=work.chooser)
    if view.json:
        publish.lines = JsonLines(view.kinds, lambda: loop.post(_nobody_reads), live=True)
    recording: Path | None = None

    async def whole() -> None:
        """The file is finished with the session, however long its link takes to close and its window stays open."""
        nonlocal recording
        try:
            await loop.run(lambda: _close_log(log))
        finally:
            recording = _close_log(log)

    signals.watch(running)
    with publish.lines or nullcontext():
        _show(args, running, whole, view, _titles(work.shelf))
    # A signal after the session's own end only closes a window.
    interrupted = signals.came and (loop.end is None or loop.end.why == INTERRUPTED_WHY)
    return Outcome(recording, interrupted, _told_trouble(args, log, loop))


def _told_trouble(args: argparse.Namespace, log: SessionLog | None, loop: SessionLoop) -> str | None:
    """Say what went wrong with the recording and with the source; the first of it."""
    trouble = log.failed if log is not None else None
    if trouble:
        say(args, trouble)
    if loop.failure is not None:
        complain(args, loop.failure.what, loop.failure.advice, loop.failure)
        return trouble or loop.failure.what
    return trouble


def run_replay(args: argparse.Namespace, tape: Callable[[], Tape], stretch: Stretch, view: View) -> bool:
    """Show a tape, which is opened on the session's thread; returns whether it was interrupted."""
    queue = ViewQueue(None)
    lines = JsonLines(view.kinds, _stop_replay, live=False) if view.json else None
    playback = Playback(
        tape,
        queue if view.shown else None,
        lines,
        speed=stretch.speed,
        from_us=stretch.from_us,
        to_us=stretch.to_us,
    )
    playback.stay(view.face == "desktop")
    running = RunningSession(queue, playback.now, None, playback=playback)
    with _Signals() as signals, lines or nullcontext():
        signals.watch(running, windows=view.face == "desktop")
        _show(args, running, playback.run, view, {})
    for line in () if view.shown else told(playback):
        say(args, line)
    return signals.came


def _nobody_reads(at: int) -> Command:
    return Command(at, "stop", "program", "nobody reads the output any more")


@dataclass(slots=True)
class _Publisher:
    """Where the session's events go. `talk`: says a sentence where nothing else shows what there is to be done."""

    queue: ViewQueue | None
    lines: JsonLines | None = None
    talk: Callable[[str], None] | None = None

    def __call__(self, events: Sequence[Event]) -> None:
        if self.lines is not None:
            self.lines(events)
        if self.queue is not None:
            self.queue.put(events)
        if self.talk is not None:
            for event in events:
                if isinstance(event, Link) and event.advice:
                    self.talk(link_sentence(event))
                elif isinstance(event, Notice) and event.code == METRIC_FAILED:
                    self.talk(event.text)


def _open_log(work: Work, opening: Opening, foreign: MetricPlugins) -> SessionLog | None:
    place = work.place
    if place is None:
        return None
    log = SessionLog(place if place.name.endswith(".jsonl") else place / opening.file_name, opening.head, work.keys)
    for rule in opening.algorithms:
        log.append_line(0, "alg", rule)
    for refused in foreign.refused:
        log.append_line(0, "err", {"code": METRIC_FAILED, "error": refused.words})
    if log.failed:
        raise RecordingError(log.failed, "Make room on the disk, or choose another folder with --output.")
    return log


def _close_log(log: SessionLog | None) -> Path | None:
    """Finish the file; one of a session that never began goes."""
    if log is None:
        return None
    if log.empty:
        log.discard()
        return None
    return log.close()


def _stop_replay() -> None:
    raise BrokenPipeError


def _titles(shelf: Shelf) -> dict[str, str]:
    return {id_: script.title for id_, script in shelf.scripts.items()}


def _show(
    args: argparse.Namespace,
    running: RunningSession,
    work: Callable[[], Awaitable[None]],
    view: View,
    titles: Mapping[str, str],
) -> None:
    """Run `work` on its thread and the view on this one."""
    picture = Picture(titles, hide_numbers=view.hide_numbers)
    if running.playback is not None:
        picture.replay = replayed(running.playback)
    running.can_be_asked(view.shown)  # a face that finds no keyboard takes that back
    running.start(work)
    try:
        if view.face == "desktop":
            _watch_windows(args, running, view, picture)
        elif view.face == "terminal":
            _watch_terminal(running, view, picture)
    except Exception:
        running.command("stop", "its view failed")
        running.leave()
        running.join()
        raise
    running.join()


def _watch_windows(args: argparse.Namespace, running: RunningSession, view: View, picture: Picture) -> None:
    """The windows; should they fail, the session goes on in the terminal, which knows what they knew."""
    from biofeedback.desktop.app import watch
    from biofeedback.presenter.words import closing

    what = "session" if running.live else "replay"
    say(args, f"The {what} is in its windows; F1 there shows the keys.")
    try:
        watch(running, picture, plots=view.plots, plots_allowed=view.plots or not view.hide_numbers)
    except Exception as failure:  # noqa: BLE001 - whatever it is, a session must not end by it
        if args.verbose >= 2:
            print_exception(failure)
        say(args, f"The window failed ({type(failure).__name__}: {failure}). The session goes on in the terminal.")
        _watch_terminal(running, view, picture)
        return
    for line in (*left_words(picture, running.playback), *closing(picture)):
        say(args, line)


def _watch_terminal(running: RunningSession, view: View, picture: Picture) -> None:
    from biofeedback.terminal import watch

    watch(running, picture, plain=view.plain)


class _Signals:
    """Ctrl-C, SIGTERM and a closed window end the session calmly; a second one ends the program at once."""

    def __init__(self) -> None:
        self.came = False
        self._running: RunningSession | None = None
        self._windows = False
        self._before: dict[int, signal.Handlers | Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def watch(self, running: RunningSession, *, windows: bool = False) -> None:
        """From now on a signal ends this one; one that came while it was made does so at once.

        `windows`: an exception would be lost where a window is just being painted, so none is raised.
        """
        self._running, self._windows = running, windows
        if self.came:
            self._end(running)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        if self.came:
            raise KeyboardInterrupt
        self.came = True
        if self._running is not None:
            self._end(self._running)

    def _end(self, running: RunningSession) -> None:
        running.interrupted = True
        if running.live:
            running.command("stop", INTERRUPTED_WHY)
            return
        running.leave()
        if not self._windows:
            raise KeyboardInterrupt
