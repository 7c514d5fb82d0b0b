"""The plain face: one line for each thing that matters, without any control code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from biofeedback.events import (
    Ask,
    Battery,
    Cue,
    End,
    Epoch,
    Event,
    Gap,
    Hrv,
    Link,
    Mark,
    Note,
    Notice,
    Packet,
    Open,
    Phase,
    Safety,
    Suds,
)
from biofeedback.session.plan import Plan
from biofeedback.session.sensor import LOW_BATTERY
from biofeedback.session.signal import NO_BEATS
from biofeedback.session.trials import ROSE
from biofeedback.presenter import replaying, words
from biofeedback.presenter.picture import HIDDEN, Picture
from biofeedback.presenter.straps import prompt
from biofeedback.presenter.words import clean, clock, length
from biofeedback.session.hub import Keep, Seen, Sought
from biofeedback.session.playback import Playback
from devices.choosing import StrapQuestion

EVERY_US: Final = 30_000_000
"""How often the numbers are told."""


class Teller:
    """Turns events into lines. `picture` must have seen the event already. `playback`: of a replay."""

    def __init__(self, picture: Picture, playback: Playback | None = None) -> None:
        self._picture = picture
        self._playback = playback
        self._state: Sequence[str] = () if playback is None else _course(playback)
        self._sought_us = -1
        self._told_us = 0
        self._explained = False
        self._hidden_said = False
        self._battery_said = False
        self._asked: Sequence[str] = ()
        self._stale = False
        self._differs_us = -1

    def tell(self, event: Seen) -> Sequence[str]:
        """The lines for this event, most often none; the first begins with the session time.

        What a replay only passes over on its way to another time is not told.
        """
        if isinstance(event, Sought):
            self._sought_us = event.at
            self._told_us = min(self._told_us, event.at)
            return [f"{clock(event.at)}  From here on."]
        if isinstance(event, Keep) or (event.at < self._sought_us and not isinstance(event, End)):
            return []
        said = [text for text in self._said(event) if text]
        if isinstance(event, End) and said:
            return [f"{clock(event.at)}  {said[0]}", *said[1:]]
        return [f"{clock(event.at)}  {text}" for text in said]

    def ask(self, question: StrapQuestion | None) -> Sequence[str]:
        """The straps to choose from, whenever there is something new about them; a signal that changes is not."""
        asked = prompt(question) if question is not None else None
        spoken = [row.spoken for row in asked.rows] if asked else []
        if asked is None or spoken == self._asked:
            return []
        self._asked = spoken
        rows = [f"  {row.number if row.free else '-'}  {row.name}: {row.facts}" for row in asked.rows]
        return ["Press the number of your strap:", *rows, *([asked.more] if asked.more else [])]

    def say_state(self) -> Sequence[str]:
        """What changed about a replay itself since the last call."""
        if self._playback is None:
            return []
        before, self._state = self._state, [*replaying.told(self._playback), *_course(self._playback)]
        return [said for said in self._state if said not in before]

    def _said(self, event: Event) -> Sequence[str]:
        match event:
            case Open():
                return [self._opening()]
            case Link():
                return self._link(event)
            case Battery():
                return [self._battery(event)]
            case Phase(on=True):
                return self._part(event)
            case Hrv():
                return self._numbers(event.at)
            case Packet() if self._picture.signal == "rate only":
                return self._rate(event.at)
            case End():
                return words.closing(self._picture)
            case _:
                return [self._sentence(event)]

    def _sentence(self, event: Event) -> str:
        match event:
            case Gap():
                return f"{words.gap(event.from_us, event.to_us)} of heartbeats are missing: {words.GAPS[event.why]}."
            case Cue(script=script, say=say):
                return f"{clean(self._picture.title(script))}: {clean(say)}"
            case Ask(what="suds"):
                return f"{words.QUESTION} {words.SCALE}"
            case Suds(value=value):
                return self._answer(value)
            case Mark(text=text):
                return f"Marked: {clean(text)}" if clean(text) else "Marked."
            case Note(text=text):
                return f"Note: {clean(text)}"
            case _:
                return self._program(event)

    def _program(self, event: Event) -> str:
        match event:
            case Safety():
                return self._safety(event)
            case Notice():
                return self._notice(event)
            case Epoch():
                return self._epoch(event)
            case _:
                return ""

    def _link(self, link: Link) -> Sequence[str]:
        """What happened to the connection, where the signal does not say the same."""
        was_stale, self._stale = self._stale, link.state == "stale"
        back = was_stale and link.state == "streaming" and self._picture.signal != "waiting"
        silent = self._picture.signal == "lost" and self._picture.lost_why.endswith(f"{NO_BEATS}.")
        told = back or (self._stale and silent)
        return [] if told else [words.link_sentence(link)]

    def _notice(self, notice: Notice) -> str:
        """The program's words; a lost signal is not told when what lies behind it has just been."""
        picture = self._picture
        if notice.code == "impossible" and picture.signal == "lost":
            return ""
        if notice.code == "hr_differs":
            self._differs_us = notice.at
        if notice.code != "signal_lost":
            return clean(picture.told(notice))
        down = picture.link is not None and picture.link.state != "streaming"
        told = down or notice.at == self._differs_us
        return "" if told else words.lost_sentence(notice.text, from_file=picture.from_file)

    def _opening(self) -> str:
        plan = self._picture.plan
        if self._picture.file is not None:
            return ""  # which file it is has been told
        if plan is None or plan.name == "free":
            if words.looked_at(self._picture):
                return "The beats of a file: no pacer and no words, only the numbers."
            return "A free session: no pacer and no words, only the numbers."
        if plan.name == "practice":
            lasts = length((plan.minutes or 0) * 60)
            return f"A practice session: {self._quoted(plan.script)} for {lasts}, with a calm start and end."
        return self._opening_of_test(plan)

    def _opening_of_test(self, plan: Plan) -> str:
        against = dict.fromkeys(
            f"{self._quoted(pair.visualization)} against {self._quoted(pair.control)}" for pair in plan.pairs
        )
        what = "A test in small, with a simulated person" if self._picture.demo else "A test"
        pairs = " and ".join(against)
        return f"{what}: {pairs}, at the same breathing pace. A coin decides which comes first."

    def _quoted(self, script: str | None) -> str:
        return f"“{clean(self._picture.title(script))}”"

    def _battery(self, battery: Battery) -> str:
        percent = battery.percent
        if percent is None or self._battery_said or percent <= LOW_BATTERY:  # a low one has a sentence of its own
            return ""
        self._battery_said = True
        return f"Battery of the strap: {percent} %."

    def _part(self, phase: Phase) -> Sequence[str]:
        part = self._picture.part
        if part is None or self._picture.file is not None:
            return []
        lasts = f", {length(phase.plan_s)}" if phase.plan_s is not None else ""
        line = f"{words.part_title(self._picture, part)}{lasts}. {words.instruction(self._picture)}".rstrip()
        if not self._picture.numbers_hidden or self._hidden_said:
            return [line]
        self._hidden_said = True
        return [line, HIDDEN]

    def _epoch(self, epoch: Epoch) -> str:
        pair = self._pair_of(epoch)
        name = self._quoted(pair) if pair else epoch.label
        if not epoch.kept and epoch.why == ROSE and self._picture.is_test:
            return f"{name} cannot be compared."
        if not epoch.kept:
            return f"{name} cannot be compared: {clean(epoch.why or 'no reason is known')}."
        if self._picture.is_test or epoch.bpm is None:
            return f"{name} is measured."
        flagged = f", {epoch.flagged} of them flagged as artefacts" if epoch.flagged else ""
        beats = words.count(epoch.beats, "heartbeat")
        return f"{name} is measured: {epoch.bpm:.1f} bpm over {epoch.breaths} breaths, {beats}{flagged}."

    def _pair_of(self, epoch: Epoch) -> str | None:
        plan = self._picture.plan
        if plan is None or not 0 <= epoch.pair < len(plan.pairs):
            return None
        pair = plan.pairs[epoch.pair]
        return pair.visualization if epoch.label == "image" else pair.control

    def _answer(self, value: int | None) -> str:
        if value is None:
            return "The question stays open; that is fine."
        return "The answer is noted." if self._picture.is_test else f"Answer: {value} of 10."

    def _safety(self, safety: Safety) -> str:
        if safety.tier == "red":
            return "Something strong came up. Back to the room now." if safety.on else ""
        if safety.tier == "amber":
            return clean(self._picture.amber_words) if safety.on else "It has settled again."
        return ""

    def _rate(self, at: int) -> Sequence[str]:
        """The heart rate of a sensor that sends nothing else."""
        if at - self._told_us < EVERY_US or self._picture.heart_bpm is None:
            return []
        self._told_us = at
        return [f"{words.heart_words(self._picture)}."]

    def _numbers(self, at: int) -> Sequence[str]:
        picture = self._picture
        known = picture.heart_bpm is not None and picture.level is not None and picture.end is None
        if not known or picture.numbers_hidden or at - self._told_us < EVERY_US:
            return []
        self._told_us = at
        said = [" · ".join(words.numbers(picture)) + "."]
        if not self._explained:
            self._explained = True
            said += [words.EXPLAINED, *([] if picture.is_test or picture.file else [words.INTERIM])]
        return said


def _course(playback: Playback) -> Sequence[str]:
    return ["Paused." if playback.paused else "It goes on.", f"Speed: {replaying.speed_words(playback.speed)}."]
