"""What there is to show of a session: a fold of its events, without a terminal and without a clock."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from math import ceil
from typing import Any, Final, Literal

from biofeedback.breathing.pacer import Position, Schedule, Stretch, breaths_for, position
from biofeedback.hrv.ticks import TICKS_PER_S
from biofeedback.events import (
    Arousal,
    Ask,
    Battery,
    Beat,
    Command,
    Cue,
    End,
    Epoch,
    Event,
    Gap,
    Hrv,
    Link,
    Mark,
    Motion,
    Notice,
    NoticeCode,
    Open,
    Pacer,
    Packet,
    Phase,
    PhaseName,
    Rr,
    Safety,
    Suds,
    Verdict,
)
from biofeedback.session.hub import Keep, Seen, Sought
from biofeedback.session.playback import About
from biofeedback.session.plan import BASELINE_STEP_S, Plan
from biofeedback.session.timeline import UNPACED
from biofeedback.session.trials import MOVED

SAID_FOR_US: Final = 15_000_000
"""How long a passing sentence stays."""
MOTION_FOR_US: Final = 6_000_000
"""What the accelerometer showed is no news for longer: it speaks every two seconds."""
NEWEST_BEATS: Final = 4
"""The heart rate of a file is that of so many of its newest beats."""
KEPT_STRETCHES: Final = 4
WARNINGS: Final = frozenset[NoticeCode](["not_chest", "battery_low", "hr_differs", "impossible", "engine_failed"])
"""Sentences that stay for their time even when the next part of the session begins."""
FEEL_YOUR_FEET: Final = "Feel your feet. You can stay, soften it, or stop."
BREAKS_OFF: Final = "the recording breaks off"
CUT: Final = "the part that was asked for is over"
HIDDEN: Final = "In a test the numbers are hidden, so that knowing them cannot change the result."


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the session. `script` is the id of what is shown in it; `ends_us` None: no end of its own."""

    name: PhaseName
    script: str | None
    begun_us: int
    ends_us: int | None


@dataclass(frozen=True, slots=True)
class Replayed:
    """What there is to be known of a replay besides its events.

    `remark` is to be said as long as nothing else is; `opening`: its file is still read; `hurried`: it goes too fast
    for the breath to be shown; `about`: the file of another program that it is of.
    """

    remark: str = ""
    opening: bool = False
    hurried: bool = False
    about: About | None = None


class Picture:
    """Everything that is shown. `hide_numbers`: a test, its numbers hidden until it is over (RULINGS E2)."""

    def __init__(self, titles: Mapping[str, str], *, hide_numbers: bool) -> None:
        self.plan: Plan | None = None
        self.demo = False
        self.from_file = False
        self.replay = Replayed()
        self.signal: Literal["waiting", "rate only", "good", "lost"] = "waiting"
        self.lost_why = ""
        self.link: Link | None = None
        self.battery: int | None = None
        self.part: Part | None = None
        self.paused = False
        self.schedule: Schedule = ()
        self.cue: Cue | None = None
        self.amber = False
        self.rescued = False  # whether something strong came up in this session
        self.question: Ask | None = None
        self.heart_bpm: float | None = None
        self.level: Arousal | None = None
        self.hrv: Hrv | None = None
        self.coverage: float | None = None
        """What share of the last minute arrived as intervals, None while it cannot be said."""
        self.baseline_tried = False
        self.beats = 0
        self.newest_beat_us = 0
        self.flagged = 0
        self.gaps = 0
        self.verdicts: list[Verdict] = []
        self.moved_pairs: set[int] = set()  # left out because of movement
        self._motion: Motion | None = None
        self.end: End | None = None
        self._titles = titles
        self._hide_numbers = hide_numbers
        self._amber_words: dict[str, str] = {}
        self._said: tuple[int, str] | None = None
        self._warned = False
        self._paused_left_us: int | None = None
        self._slept = False
        self._kept: dict[int, dict[str, Any]] = {}
        self._newest: tuple[int, ...] = ()
        self._newest_us = 0

    # What the faces read

    def title(self, script: str | None) -> str:
        """A script's title, else its id."""
        return self._titles.get(script, script) if script else ""

    @property
    def file(self) -> About | None:
        """The file of another program that is replayed: nobody sat there with this program."""
        return self.replay.about

    def breath(self, now_us: int) -> Position | None:
        """Where the paced breath is; None while breathing is free."""
        return None if self.end or self.replay.hurried else position(self.schedule, now_us)

    def left_s(self, now_us: int) -> float | None:
        """Seconds left of this part; None when it has no end of its own."""
        if self.part is None:
            return None
        left_us = self._paused_left_us if self.paused else _left(self.part, now_us)
        return None if left_us is None else max(0, left_us) / 1e6

    def said(self, now_us: int) -> str | None:
        """The passing sentence, as long as it is fresh."""
        if self._said is None or now_us - self._said[0] > SAID_FOR_US:
            return None
        return self._said[1]

    def motion(self, now_us: int) -> Motion | None:
        """What the strap's accelerometer shows, as long as it is fresh."""
        newest = self._motion
        return None if newest is None or self.end or now_us - newest.t_us > MOTION_FOR_US else newest

    def asked(self, now_us: int) -> Ask | None:
        """The open question, None when there is none or its time has passed."""
        return self.question if self.question is not None and now_us < self.question.until_us else None

    @property
    def is_test(self) -> bool:
        """Whether answers and results are kept back until the session is over."""
        return self._hide_numbers and self.end is None

    @property
    def numbers_hidden(self) -> bool:
        """Whether no number is shown now: in a test, from the first paced part on."""
        return self.is_test and self.part is not None and self.part.name != "settle"

    @property
    def amber_words(self) -> str:
        """What the script says while the heart is far above its baseline."""
        script = self.part.script if self.part else None
        return self._amber_words.get(script or "") or FEEL_YOUR_FEET

    def break_off(self, why: str = BREAKS_OFF) -> None:
        """Nothing comes any more, though no end has come: a recording that was cut off, or of which a part is shown."""
        if self.end is None:
            self.see(End(self._newest_us, why, self._newest_us / 1e6, self.beats))

    def say(self, now_us: int, text: str) -> None:
        """Show a passing sentence of the face's own."""
        self._said = (now_us, text)

    # The fold

    def see(self, event: Seen) -> None:
        """Take in one event; a replay that goes back begins anew."""
        if isinstance(event, Keep):
            self._kept[event.number] = known(self)
        elif not isinstance(event, Sought):
            self._fold(event)
        elif event.anew:
            fresh = Picture(self._titles, hide_numbers=self._hide_numbers)
            vars(self).update(deepcopy(self._kept[event.kept]) if event.kept else known(fresh))

    def _fold(self, event: Event) -> None:
        self._newest_us = event.at
        match event:
            case Open() | Link() | Battery() | Packet() | Rr():
                self._see_source(event)
            case Beat() | Gap() | Hrv() | Arousal():
                self._see_numbers(event)
            case Phase(on=True):
                self._begin(event)
            case Pacer():
                self._pace(event)
            case Command(what="sleep") if not self.paused:
                self._slept, self.paused, self._paused_left_us = True, True, _left(self.part, event.at)
            case Cue() | Ask() | Suds() | Safety() | Mark() | Notice():
                self._see_words(event)
            case Motion():
                self._motion = event
            case Epoch(why=why, pair=pair):
                self.moved_pairs |= {pair} if why == MOVED else set()
            case Verdict():
                self.verdicts.append(event)
            case End():
                self.end, self.question, self.cue, self.paused = event, None, None, False
            case _:
                pass

    def _see_source(self, event: Open | Link | Battery | Packet | Rr) -> None:
        match event:
            case Open():
                self.plan = Plan.from_json(event.plan)
                self.demo = event.demo
                self.from_file = event.source.get("kind") == "file"
                self._titles = {**_titles(event), **self._titles}
                self._amber_words = {id_: str(said.get("amber", "")) for id_, said in event.scripts.items()}
            case Link():
                self.link = event
            case Battery():
                self.battery = event.percent
            case Packet():
                self._rates(event.hr or None, event.ticks)
            case Rr():
                self._newest = (*self._newest, *(ticks for ticks in event.ticks if ticks > 0))[-NEWEST_BEATS:]
                mean = sum(self._newest) / len(self._newest) if self._newest else 0
                self._rates(60 * TICKS_PER_S / mean if mean else None, event.ticks)

    def _rates(self, bpm: float | None, ticks: tuple[int, ...]) -> None:
        if self.signal in ("waiting", "rate only") and ticks:
            self.signal, self.lost_why = "good", ""
        self.heart_bpm = bpm if self.signal in ("good", "rate only") else None

    def _see_numbers(self, event: Beat | Gap | Hrv | Arousal) -> None:
        match event:
            case Beat():
                self.beats += 1
                self.newest_beat_us = event.t_us
                self.flagged += not event.ok
            case Gap():
                self.gaps += 1
            case Hrv():
                self.hrv = event if self.signal != "lost" else None
                self.coverage = event.coverage
            case Arousal():
                self.level = event if self.signal != "lost" else None

    def _begin(self, phase: Phase) -> None:
        if self.part is not None and self.part.name == "baseline":
            self.baseline_tried = True
        ends_us = None if phase.plan_s is None else phase.at + round(phase.plan_s * 1e6)
        self.part = Part(phase.name, self._shown_in(phase), phase.at, ends_us)
        self.cue, self.paused = None, False
        self._said = self._said if self._warned else None
        if phase.name in ("recovery", "rest"):
            self.amber = False

    def _shown_in(self, phase: Phase) -> str | None:
        if phase.name == "control":
            return phase.control
        return phase.visualization if phase.name in ("image", "practice") else None

    def _pace(self, pacer: Pacer) -> None:
        start_us = pacer.at if pacer.rate is None else pacer.at - round(pacer.at_phase * 60e6 / pacer.rate)
        kept = tuple(stretch for stretch in self.schedule if stretch.start_us < start_us)
        self.schedule = (*kept[1 - KEPT_STRETCHES :], Stretch(start_us, pacer.rate, pacer.inhale))

    def _see_words(self, event: Cue | Ask | Suds | Safety | Mark | Notice) -> None:
        match event:
            case Cue():
                self.cue = event
            case Ask():
                self.question = event if event.what == "suds" else self.question
            case Suds():
                self.question = None
            case Safety():
                self.amber = event.on and event.tier == "amber"
                self.rescued = self.rescued or (event.on and event.tier == "red")
            case Mark():
                self._said = (event.at, event.text if self.file is not None and event.text else "Marked.")
            case Notice():
                self._notice(event)

    def _notice(self, notice: Notice) -> None:
        self._said, self._warned = (notice.at, self.told(notice)), notice.code in WARNINGS
        match notice.code:
            case "paused":
                self.paused, self._paused_left_us = True, _left(self.part, notice.at)
            case "resumed":
                self._resume(notice.at)
            case "slept" if self._slept:
                self._slept = False
                self._resume(notice.at)
            case "no_rr" if self.signal == "waiting":
                self.signal, self.lost_why = "rate only", notice.text
            case "settling":
                self._lengthen_baseline()
            case "signal_lost" | "engine_failed":
                self.signal, self.lost_why = "lost", notice.text
                self.heart_bpm = self.level = self.hrv = None
            case "signal_back":
                self.signal, self.lost_why = "good", ""
            case _:
                pass

    def told(self, notice: Notice) -> str:
        """The notice's words; while a test hides its numbers not those that give the level away."""
        return "The next cue waits." if self._tells_level(notice) else notice.text

    def _tells_level(self, notice: Notice) -> bool:
        return notice.code == "cues_wait" and self.amber and self.is_test

    def _resume(self, at: int) -> None:
        """The part goes on as on the time line: a paced one in whole breaths, the ramp from its start."""
        left_us, self.paused, self._paused_left_us = self._paused_left_us, False, None
        if self.part is None or left_us is None:
            return
        if self.part.name == "ramp":
            left_us = (self.part.ends_us or 0) - self.part.begun_us
        elif self.part.name not in UNPACED and self.plan is not None:
            left_us = round(ceil(left_us / self.plan.breath_us) * self.plan.breath_us)
        self.part = replace(self.part, begun_us=at, ends_us=at + left_us)

    def _lengthen_baseline(self) -> None:
        if self.part is not None and self.part.ends_us is not None and self.plan is not None:
            more_us = round(breaths_for(BASELINE_STEP_S, self.plan.pace) * self.plan.breath_us)
            self.part = replace(self.part, ends_us=self.part.ends_us + more_us)


def _left(part: Part | None, now_us: int) -> int | None:
    return None if part is None or part.ends_us is None else part.ends_us - now_us


def known(fold: object) -> dict[str, Any]:
    """What a fold of events has come to know of them, copied so that it can be gone back to."""
    return deepcopy({name: value for name, value in vars(fold).items() if name not in ("replay", "_kept")})


def _titles(opening: Open) -> dict[str, str]:
    return {id_: str(said.get("title", id_)) for id_, said in opening.scripts.items()}
