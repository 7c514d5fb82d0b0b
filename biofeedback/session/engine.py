"""The engine: a pure fold from inputs to outputs (RULINGS A1, A4-A6).

No clock, no input or output, no randomness: time arrives with events, and what was due before an event happens at
its own planned time, so that outputs do not depend on how often anyone calls `advance`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from biofeedback.arousal.live import LiveLevel
from biofeedback.arousal.quality import (
    DISAGREES,
    MOST_FLAGGED_LIVE,
    TOO_MANY,
    holds,
    too_many_flagged,
    unreadable,
    why_not,
    why_not_covered,
)
from biofeedback.breathing.motion import LOOK_BACK_US, MotionSense
from biofeedback.breathing.pacer import SPONTANEOUS_RATE, Stretch, breaths_for, ramp_start, stretch_at
from biofeedback.events import (
    Acc,
    Answer,
    Battery,
    Beat,
    Command,
    Cue,
    End,
    Gap,
    Input,
    Link,
    Mark,
    Note,
    Notice,
    Open,
    Output,
    Pacer,
    Packet,
    Phase,
    Reveal,
    Rr,
    Safety,
    Sensor,
)
from biofeedback.hrv.beats import NEVER, Hole, TimedBeat
from biofeedback.hrv.foreign import Failure, ForeignMetric, Guard, metric_lost
from biofeedback.hrv.live import Trailing, known_at, live_hrv
from biofeedback.hrv.reception import Reception
from biofeedback.hrv.registry import METRICS
from biofeedback.hrv.stream import Ready, Settled, StreamEvent
from biofeedback.imagery.player import Player, epoch_cues, practice_cues
from biofeedback.imagery.safety import LevelWatch
from biofeedback.imagery.script import GROUNDING, Script, from_json
from biofeedback.session.plan import BASELINE_STEP_S, MOST_SLOPE, Plan, Step, rescue_steps, steps_of
from biofeedback.session.questions import Questions
from biofeedback.session.sensor import SensorWatch
from biofeedback.session.signal import Signal
from biofeedback.session.tally import Tally
from biofeedback.session.timeline import Timeline
from biofeedback.session.trials import ROSE, Trials

VERSION: Final = 4
KEEP_US: Final = 360_000_000
"""Beats older than this are forgotten: longer than any window a live number needs."""
GENTLE_CLOSE_S: Final = 20.0
SLEPT: Final = "the computer slept"
AWAY: Final = "the program was away"
"""The text of a `wake` when it was not the computer that slept: the session is gone on with by another program."""
LONGEST_SLEEP_US: Final = 1_800_000_000
"""Who comes back later than this has left the session."""
IMPOSSIBLE: Final = (
    "The strap's data come twice. None of them are used, and a test in this session will have no result. "
    "End the session and start it again."
)


@dataclass(frozen=True, slots=True)
class Asleep:
    """Since when the computer sleeps, and whether the session was paused already."""

    since_us: int
    paused_before: bool


class Engine:
    """The only stateful thing among the pure packages. Feed `Open` first. `beats`: so many have come."""

    def __init__(self, metrics: Sequence[ForeignMetric] = ()) -> None:
        """`metrics`: those of plug-ins, computed after ours; one that fails is left out from then on."""
        self.time = 0
        self.ended = False
        self._foreign = Guard(metrics)
        self._metrics = {**METRICS, **self._foreign.metrics}
        self._foreign_told = 0
        self._stream = Reception(KEEP_US)
        self._signal = Signal()
        self._sensor = SensorWatch()
        self._level = LiveLevel()
        self._watch = LevelWatch()
        self._motion = MotionSense()
        self._questions = Questions()
        self._player = Player()
        self._opened: Open | None = None
        self._timeline = Timeline(Plan("free"), ())
        self._trials = Trials(Plan("free"), {}, self._stream.coverage)
        self._scripts: dict[str, Script] = {}
        self._hashes: dict[str, str] = {}
        self._announced: Stretch | None = None
        self._numbers_from_us: int | None = None
        self._told_impossible = False
        self._asleep: Asleep | None = None
        self._tally = Tally()
        self.beats = 0
        self._steps_begun = 0

    @property
    def flagged(self) -> int:
        """So many of the beats that are settled are artefacts."""
        return self._tally.flagged

    @property
    def lost_metrics(self) -> Sequence[Failure]:
        """The metrics of plug-ins that have failed, in order."""
        return self._foreign.failures

    @property
    def next_deadline(self) -> int:
        """When `advance` has something to do, microseconds; NEVER when it has not."""
        return min((deadline for deadline, _ in self._due()), default=NEVER)

    def advance(self, now: int) -> list[Output]:
        """Do what was planned until `now`, in order, each thing at its own time."""
        outs: list[Output] = []
        while due := self._due():
            deadline, act = min(due, key=lambda planned: planned[0])
            if deadline > now:
                break
            self.time = max(self.time, deadline)
            outs.extend(act(self.time))
        self.time = max(self.time, now)
        return outs

    def feed(self, event: Input) -> list[Output]:
        """Take one input; its time must have been advanced to."""
        if self.ended:
            return []
        if event.at < self.time:
            raise ValueError(f"the input at {event.at} lies before {self.time}")
        self.time = event.at
        outs: list[Output]
        match event:
            case Open():
                outs = self._open(event)
            case Packet() | Rr() | Acc() | Link() | Sensor() | Battery():
                outs = self._heard(event)
            case Command():
                outs = self._command(event)
            case Answer():
                outs = [*self._questions.answer(event)]
            case Reveal():
                self._trials.reveal(event.pair, event.coin)
                outs = []
            case _:
                outs = []
        return outs

    def _due(self) -> Sequence[tuple[int, Callable[[int], Sequence[Output]]]]:
        """What happens by itself, in the order in which ties are broken; nothing after the end, nor asleep."""
        if self.ended or self._asleep is not None:
            return ()
        return (
            (self._stream.deadline, lambda at: self._after_beats(at, self._stream.advance(at))),
            (self._signal.deadline, self._no_beats),
            (self._trials.deadline, self._measure),
            (self._questions.deadline, self._questions.close),
            (self._next_pacer_us(), self._announce),
            (self._timeline.deadline, self._step_ends),
            (self._player.deadline, self._player.advance),
        )

    # Beats

    def _open(self, event: Open) -> list[Output]:
        plan = Plan.from_json(event.plan)
        self._opened = event
        self._scripts = {key: from_json(table) for key, table in event.scripts.items()}
        self._hashes = {key: str(table["hash"]) for key, table in event.scripts.items()}
        self._timeline = Timeline(plan, steps_of(plan))
        titles = {key: script.title for key, script in self._scripts.items()}
        self._trials = Trials(plan, titles, self._stream.coverage)
        return []

    def _heard(self, event: Packet | Rr | Acc | Link | Sensor | Battery) -> list[Output]:
        """What the source said."""
        match event:
            case Packet():
                return self._packet(event)
            case Rr():
                return self._after_beats(event.at, self._stream.add_intervals(event))
            case Acc():
                return self._acceleration(event)
            case Link():
                return self._link(event)
            case Sensor():
                return [*self._sensor.sensor(event)]
            case Battery():
                return [*self._sensor.battery(event)]

    def _packet(self, packet: Packet) -> list[Output]:
        before = self._stream.coverage.excessive
        added = self._stream.add_packet(packet)
        now = self._stream.coverage.excessive
        outs: list[Output] = [*self._sensor.packet(packet), *self._signal.packet(packet, excessive=now)]
        if now and not before:
            outs.extend(self._judge_no_more(packet.at))
        elif before and not now:
            self._numbers_from_us = packet.at
        return [*outs, *self._after_beats(packet.at, added)]

    def _judge_no_more(self, at: int) -> list[Output]:
        """More has arrived than there is time for: no verdict of this session, whatever comes later."""
        self._trials.stop(TOO_MANY)
        said = [] if self._told_impossible else [Notice(at, "impossible", IMPOSSIBLE)]
        self._told_impossible = True
        return [*said, *self._hold_cues(at)]

    def _acceleration(self, acc: Acc) -> list[Output]:
        told = self._motion.take(acc)
        for motion in told:
            if motion.moving:
                self._trials.moved(motion.t_us - LOOK_BACK_US, motion.t_us)
        return [*told]

    def _link(self, link: Link) -> list[Output]:
        decided = self._stream.link(link)
        return [*self._signal.link(link), *self._after_beats(link.at, decided)]

    def _no_beats(self, at: int) -> list[Output]:
        return [*self._signal.advance(at), *self._hold_cues(at)]

    def _after_beats(self, at: int, events: Sequence[StreamEvent]) -> list[Output]:
        """Turn what the stream says into outputs; the session's time line starts with the first beat."""
        outs: list[Output] = []
        came = len(self._stream.beats) and self._stream.beats[-1].index + 1 > self.beats
        if came:
            self.beats = self._stream.beats[-1].index + 1
            outs.extend(self._signal.beats(at))
        if self._numbers_from_us is None and self._stream.beats:
            self._numbers_from_us = self._stream.beats[0].opening_us
            if self._timeline.current is None:
                outs.extend(self._next_step(at))
        for event in events:
            outs.extend(self._stream_event(at, event))
        return [*outs, *self._measure(at), *self._hold_cues(at)]

    def _stream_event(self, at: int, event: StreamEvent) -> list[Output]:
        match event:
            case Settled(beat):
                self._tally.add(beat)
                return [_beat_output(at, beat)]
            case Hole():
                return [Gap(at, event.from_us, event.to_us, event.why)]
            case Ready():
                return self._live_numbers(at, event)

    def _live_numbers(self, at: int, ready: Ready) -> list[Output]:
        beat, known = ready.beat, known_at(ready, self._stream.beats)
        stretch = stretch_at(self._timeline.schedule, beat.t_us)
        breath_us = stretch.breath_us if stretch is not None and stretch.rate is not None else None
        doubt, coverage = self._doubt(at), self._stream.coverage.minute(at)
        windows = Trailing(known, self._numbers_from_us or 0)
        doubt = doubt or unreadable(windows.minute)
        level = self._level.at_beat(at, known, beat, breath_us, doubt)
        withheld = doubt or why_not_covered(coverage) or too_many_flagged(windows.minute, MOST_FLAGGED_LIVE)
        return [
            live_hrv(at, windows, coverage, withheld, lambda window: why_not(window, MOST_FLAGGED_LIVE), self._metrics),
            *self._lost_metrics(at),
            level,
            *self._signal.doubt(at, self._level.doubtful),
            *self._watch_level(at, level.delta_bpm, self._watch.see(level)),
        ]

    def _lost_metrics(self, at: int) -> list[Notice]:
        """Tell once of each metric of a plug-in that has just failed."""
        lost, self._foreign_told = self._foreign.failures[self._foreign_told :], len(self._foreign.failures)
        return [Notice(at, "metric_failed", metric_lost(failure.words)) for failure in lost]

    def _doubt(self, at: int) -> str | None:
        """Why nothing that the strap sends may be believed now: beats are missing, or its rate says something else."""
        share = self._stream.coverage.unbroken(at)
        if self._sensor.differs and not holds(share):
            return DISAGREES
        return why_not_covered(share)

    def _watch_level(self, at: int, delta_bpm: float | None, changed: bool) -> list[Output]:
        if not changed:
            return []
        if self._watch.high:
            self._interrupt_epoch()
        why = "the level is 8 bpm above the baseline for 10 s" if self._watch.high else "the level came back"
        return [Safety(at, "amber", self._watch.high, why, delta_bpm, None)]

    def _interrupt_epoch(self) -> None:
        """A heart far above its baseline ends the words of an epoch and its pair, not the time line (RULINGS C3)."""
        step = self._timeline.current
        if step is not None and step.name in ("image", "control"):
            self._trials.lose(step.pair, ROSE)
            self._player.stop()

    def _measure(self, at: int) -> Sequence[Output]:
        settled_us = self._tally.last_us if self._stream.coverage.decided(at) else 0
        return self._trials.measure_due(at, tuple(self._stream.beats), settled_us)

    # Cues and pacer

    def _hold_cues(self, at: int) -> Sequence[Output]:
        return self._player.hold(at, self._hold_reason(), self._timeline.schedule)

    def _hold_reason(self) -> str | None:
        if self._rescuing:
            return None
        if self._signal.lost is not None:
            return self._signal.lost
        return "the heart is 8 bpm or more above its baseline" if self._watch.high else None

    @property
    def _rescuing(self) -> bool:
        return self._timeline.current is not None and self._timeline.current.name == "recovery"

    def _next_pacer_us(self) -> int:
        return next((stretch.start_us for stretch in self._unannounced()), NEVER)

    def _unannounced(self) -> Sequence[Stretch]:
        """What follows the last stretch that was said; one that was cut off is followed by what took its place."""
        schedule, last = self._timeline.schedule, self._announced
        if last in schedule:
            return schedule[len(schedule) - schedule[::-1].index(last) :]
        return [stretch for stretch in schedule if last is None or stretch.start_us >= last.start_us]

    def _announce(self, at: int) -> list[Output]:
        """Say each change of the pacer when it takes effect."""
        begun = [stretch for stretch in self._unannounced() if stretch.start_us <= at]
        if begun:
            self._announced = begun[-1]
        return [Pacer(at, stretch.rate, stretch.inhale, 0.0) for stretch in begun[-1:]]

    # Steps

    def _step_ends(self, at: int) -> list[Output]:
        step = self._timeline.current
        if step is not None and step.name == "baseline":
            slope = self._level.baseline_slope()
            if (waiting := self._let_it_settle(at, slope)) is not None:
                return waiting
            return [*self._end_baseline(at, slope), *self._next_step(at)]
        if self._timeline.finished:
            return self._end(at, "planned end")
        return self._next_step(at)

    def _end_baseline(self, at: int, slope: float | None) -> list[Output]:
        """Take the baseline, or go on without one and say so."""
        settled = slope is not None and abs(slope) <= MOST_SLOPE
        self._level.end_baseline(usable=settled)
        if settled:
            return []
        why = "too few beats could be used" if slope is None else "the heart did not settle"
        return [Notice(at, "unsettled", f"This session has no baseline to compare with: {why}.")]

    def _let_it_settle(self, at: int, slope: float | None) -> list[Output] | None:
        """Lengthen the baseline while the heart still moves; None when it has settled or has had its time."""
        plan = self._timeline.plan
        room = plan.baseline_most_s - (at - self._timeline.started_us) / 1e6
        if slope is None or abs(slope) <= MOST_SLOPE or room < BASELINE_STEP_S:
            return None
        self._timeline.extend(breaths_for(BASELINE_STEP_S, plan.pace))
        return [Notice(at, "settling", "Let the heart settle a little longer.")]

    def _next_step(self, at: int) -> list[Output]:
        ending = self._timeline.current
        outs: list[Output] = []
        if ending is not None:
            outs.append(self._phase(at, ending, on=False))
            self._trials.epoch_ended(ending, self._timeline.started_us, at)
        self._player.stop()
        if ending is not None and ending.name == "settle":
            measured = self._motion.rate(at)
            self._timeline.free_rate = SPONTANEOUS_RATE if measured is None else ramp_start(measured)
        return [*outs, *self._begin(at, self._timeline.next(at), ending)]

    def _begin(self, at: int, step: Step, before: Step | None) -> list[Output]:
        if step.name == "image":
            label = self._trials.label(step)
            if label is None:
                self._trials.lose(step.pair, "its coin was not opened")
            step = step.as_label(label or "image")
            self._timeline.relabel(step)
        outs: list[Output] = [self._phase(at, step, on=True), *self._announce(at)]
        self._steps_begun += 1
        if step.name == "baseline":
            self._level.begin_baseline(at)
        if step.name in ("recovery", "rest"):
            self._watch.reset()
        return [*outs, *self._ask(at, step, before), *self._begin_cues(at, step)]

    def _phase(self, at: int, step: Step, *, on: bool) -> Phase:
        timeline = self._timeline
        planned = None if timeline.ends_us == NEVER else (timeline.ends_us - timeline.started_us) / 1e6
        index = self._steps_begun if on else self._steps_begun - 1
        return Phase(at, step.name, on, index, step.pair, step.visualization, step.control, planned)

    def _ask(self, at: int, step: Step, before: Step | None) -> Sequence[Output]:
        if step.name == "settle":
            return self._questions.ask_suds(at, "before")
        if before is not None and before.name in ("image", "control"):
            return self._questions.ask_suds(at, "epoch")
        if step.name == "close" or (step.name == "rest" and before is not None):
            return self._questions.ask_suds(at, "after")
        return []

    def _begin_cues(self, at: int, step: Step) -> list[Output]:
        script_id = self._script_of(step)
        if step.name == "close" and (closing := self._closing_words()):
            return [closing(at)]
        script = self._scripts.get(script_id) if script_id else None
        if script is None or script_id is None:
            return []
        if step.name == "practice":
            cues = practice_cues(script, step.breaths or 0, self._timeline.plan.breath_us)
        else:
            cues = epoch_cues(script)
        self._player.begin(
            at, script_id, self._hashes[script_id], cues, self._timeline.schedule, shifts=step.pair is None
        )
        if self._watch.high:
            self._interrupt_epoch()
        return list(self._hold_cues(at))

    def _script_of(self, step: Step) -> str | None:
        match step.name:
            case "image" | "practice":
                return step.visualization
            case "control":
                return step.control
            case "recovery":
                return GROUNDING
            case _:
                return None

    def _closing_words(self) -> Callable[[int], Cue] | None:
        script = self._scripts.get(self._timeline.plan.script or "")
        if script is None:
            return None
        return lambda at: Cue(at, script.id, self._hashes[script.id], len(script.cues), script.practice.closing, 0.0)

    # Commands

    def _command(self, command: Command) -> list[Output]:
        at = command.at
        match command.what:
            case "mark":
                return [Mark(at, command.text, command.by)]
            case "note":
                return [Note(at, command.text, command.by)]
            case "stop":
                return self._end(at, command.text or "stopped")
            case "sleep":
                return self._sleep(command)
            case "wake":
                return self._wake(at, command.text or SLEPT)
            case _:
                return self._steer(command) if self._timeline.current is not None else self._steer_early(command)

    def _steer_early(self, command: Command) -> list[Output]:
        """Before the first beat there is nothing to pause, but a session can be left, and grounding is always there."""
        if command.what == "end":
            return self._end(command.at, "ended by the person")
        if command.what == "strong":
            return self._rescue(command.at)
        return []

    def _steer(self, command: Command) -> list[Output]:
        match command.what:
            case "pause":
                return self._pause(command.at)
            case "resume":
                return self._resume(command.at)
            case "strong":
                return self._rescue(command.at)
            case _:
                return self._end_gently(command.at)

    def _pause(self, at: int) -> list[Output]:
        if self._timeline.paused or self._rescuing:
            return []
        self._timeline.pause(at)
        self._player.pause(at)
        return [Notice(at, "paused", "Paused. Breathe as you like."), *self._announce(at)]

    def _resume(self, at: int) -> list[Output]:
        if not self._timeline.paused:
            return []
        return self._go_on(Notice(at, "resumed", "Going on."), "it was paused")

    def _go_on(self, said: Notice, why: str) -> list[Output]:
        """After a pause: where it stopped, but a pair that was torn is left, for the reason given."""
        at, step = said.at, self._timeline.current
        if step is not None and step.pair is not None:
            return [said, *self._leave_pair(at, step, why)]
        self._timeline.resume(at)
        if step is not None and step.name == "baseline":
            self._level.begin_baseline(at)
        self._player.resume(at, self._timeline.schedule)
        return [said, *self._announce(at), *self._hold_cues(at)]

    def _sleep(self, command: Command) -> list[Output]:
        """The computer sleeps from here on: nothing is due until it wakes, and nobody is there to answer."""
        if self._asleep is not None:
            return []
        decided = self._after_beats(command.at, self._stream.command(command))
        self._asleep = Asleep(command.at, paused_before=self._timeline.paused)
        if not self._timeline.paused:
            self._timeline.pause(command.at)
            self._player.pause(command.at)
        return [*decided, *self._questions.close(command.at), *self._announce(command.at)]

    def _wake(self, at: int, why: str) -> list[Output]:
        """It is awake: go on where the session stopped, or end it when that is too long ago."""
        asleep, self._asleep = self._asleep, None
        if asleep is None:
            return []
        self._signal.wake(at)
        slept_us = at - asleep.since_us
        if slept_us > LONGEST_SLEEP_US:
            last_us = self._stream.beats[-1].t_us if self._stream.beats else at
            return [*([Gap(at, last_us, at, "suspend")] if last_us < at else []), *self._end(at, why)]
        slept = f"{why[0].upper()}{why[1:]} for {_length(slept_us)}."
        if asleep.paused_before:
            return [Notice(at, "slept", f"{slept} The session is still paused.")]
        return self._go_on(Notice(at, "slept", f"{slept} The session goes on where it stopped."), why)

    def _leave_pair(self, at: int, step: Step, why: str) -> list[Output]:
        self._trials.lose(step.pair, why)
        self._timeline.drop_pair(step.pair if step.pair is not None else -1)
        self._timeline.finish_now(at)
        return self._next_step(at)

    def _rescue(self, at: int) -> list[Output]:
        """Something strong: grounding at once, then natural breathing, then the end."""
        if self._rescuing:
            return []
        step = self._timeline.current
        if step is not None:
            self._trials.lose(step.pair, "something strong came up")
        self._timeline.replace_rest(rescue_steps())
        self._timeline.finish_now(at)
        return [Safety(at, "red", True, "something strong", None, None), *self._next_step(at)]

    def _end_gently(self, at: int) -> list[Output]:
        """A short close; from a close, a rest or a free session the end itself."""
        step, plan = self._timeline.current, self._timeline.plan
        if step is None or step.name in ("close", "rest", "recovery", "settle"):
            return self._end(at, "ended by the person")
        self._trials.lose(step.pair, "the session was ended")
        self._timeline.replace_rest((Step("close", breaths=breaths_for(min(GENTLE_CLOSE_S, plan.close_s), plan.pace)),))
        self._timeline.finish_now(at)
        return self._next_step(at)

    def _end(self, at: int, why: str) -> list[Output]:
        step = self._timeline.current
        outs: list[Output] = [self._phase(at, step, on=False)] if step is not None else []
        if step is not None:
            self._trials.lose(step.pair, "the session ended in it")
            self._trials.epoch_ended(step, self._timeline.started_us, at)
        outs.extend(self._questions.close(at))
        for event in self._stream.finish():
            outs.extend(self._stream_event(at, event))
        outs.extend(self._trials.flush(at, tuple(self._stream.beats)))
        demo = self._opened is not None and self._opened.demo
        outs.extend(self._trials.verdicts(at, demo=demo))
        self.ended = True
        return [*outs, End(at, why, at / 1e6, self.beats, self._tally.flagged, self._tally.coverage)]


def _length(us: int) -> str:
    minutes, seconds = round(us / 60e6), round(us / 1e6)
    return f"{minutes} minutes" if minutes >= 2 else f"{seconds} second{'s' * (seconds != 1)}"


def _beat_output(at: int, beat: TimedBeat) -> Beat:
    return Beat(at, beat.t_us, beat.ticks, beat.ok, beat.why, beat.gap_before)
