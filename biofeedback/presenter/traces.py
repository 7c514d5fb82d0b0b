"""What the plots draw of a session: a fold of its events, without a window, a clock or numpy.

A beat costs about 100 bytes here, a day of them some 10 MB. Reading a stretch of time costs what lies in it.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from math import ceil, floor, inf, isnan, nan
from typing import Any, Final, Literal, TypeAlias

from biofeedback.events import (
    Arousal,
    ArtefactName,
    Beat,
    Command,
    Cue,
    End,
    Gap,
    GapReason,
    Hrv,
    Link,
    Mark,
    Note,
    Packet,
    Phase,
    PhaseName,
    Rr,
    Safety,
    Suds,
)
from biofeedback.hrv.artefacts import is_interval
from biofeedback.hrv.coverage import MINUTE_US, Coverage
from biofeedback.hrv.ticks import TICKS_OF_STRAP, TICKS_PER_MS, ticks_to_us
from biofeedback.presenter.picture import known
from biofeedback.presenter.words import clean
from biofeedback.session.hub import Keep, Seen, Sought

KINDS: Final[tuple[ArtefactName, ...]] = ("missed", "extra", "ectopic", "misplaced", "range")
BRIDGE_S: Final = 3.0
"""The tachogram is not drawn over a longer time without a usable interval."""
SILENT_S: Final = 5.0
"""Numbers come with every beat: a line is not drawn over a longer time without one."""
REMEMBERED: Final = 64
"""Settled beats that a hole may still move when it is found late (12 s of packets)."""
MOST_WAITING: Final = 48
"""Intervals that wait to be judged: five, and what comes in the 12 s until it is sure that none was lost."""
RECALLED: Final = 16
"""So far back a beat may be found among the intervals that were given up."""
SAME_BPM: Final = 0.05
"""Baselines nearer than this are one."""

MomentKind: TypeAlias = Literal["mark", "note", "suds", "safety", "cue"]


class Line:
    """A line over time: seconds, values, and a NaN value wherever it is broken."""

    __slots__ = ("t_s", "values")

    def __init__(self) -> None:
        self.t_s = array("d")
        self.values = array("d")

    def __len__(self) -> int:
        return len(self.t_s)

    def add(self, t_s: float, value: float, *, broken: bool = False) -> None:
        """Go on to a point; `broken`: the line does not lead there. Time never runs back."""
        if self.t_s:
            t_s = max(t_s, self.t_s[-1])
        if broken:
            self.end(t_s)
        self.t_s.append(t_s)
        self.values.append(value)

    def end(self, t_s: float) -> None:
        """Break the line here, unless it is broken already."""
        if self.values and not isnan(self.values[-1]):
            self.t_s.append(max(t_s, self.t_s[-1]))
            self.values.append(nan)

    def place(self, from_s: float, to_s: float) -> tuple[int, int]:
        """Where a stretch of time lies in the line, with one point more on each side, so that it leads out of it."""
        return max(0, bisect_left(self.t_s, from_s) - 1), min(len(self.t_s), bisect_right(self.t_s, to_s) + 1)

    def between(self, from_s: float, to_s: float) -> tuple[array[float], array[float]]:
        """Times and values of that stretch, copied."""
        first, last = self.place(from_s, to_s)
        return self.t_s[first:last], self.values[first:last]

    def move(self, from_s: float, to_s: float, by_us: int) -> None:
        """What lies behind one moment and not behind the other comes later; the line is broken before it.

        Times stay those of whole microseconds, so that the next hole finds them.
        """
        first, last = bisect_right(self.t_s, from_s), bisect_right(self.t_s, to_s)
        for place in range(first, last):
            self.t_s[place] = (round(self.t_s[place] * 1e6) + by_us) / 1e6
        for place in range(max(1, last), len(self)):
            self.t_s[place] = max(self.t_s[place], self.t_s[place - 1])
        if 0 < first < last:
            self._break(first)

    def blank(self, from_s: float, to_s: float) -> None:
        """Nothing is drawn between two moments."""
        for place in range(bisect_right(self.t_s, from_s), bisect_left(self.t_s, to_s)):
            self.values[place] = nan

    def join(self, t_s: float) -> None:
        """Take away the break behind a point."""
        place = bisect_right(self.t_s, t_s)
        if place < len(self) and self.t_s[place - 1] == t_s and isnan(self.values[place]):
            del self.t_s[place], self.values[place]

    def _break(self, place: int) -> None:
        if not isnan(self.values[place - 1]):
            self.t_s.insert(place, self.t_s[place])
            self.values.insert(place, nan)


class Flagged(Line):
    """Intervals that may not be used: time, RR in ms, and which of KINDS."""

    __slots__ = ("kinds",)

    def __init__(self) -> None:
        super().__init__()
        self.kinds = array("b")

    def flag(self, t_s: float, rr_ms: float, why: ArtefactName) -> None:
        """Add one."""
        self.add(t_s, rr_ms)
        self.kinds.append(KINDS.index(why))

    def _break(self, place: int) -> None:
        """Points, not a line: nothing to break."""


@dataclass(slots=True)
class Scale:
    """The limits of an upright axis: they widen by whole steps when usable data leave them, and never shrink."""

    low: float
    high: float
    step: float

    def take(self, value: float) -> None:
        """Make room for a value."""
        if value < self.low:
            self.low = max(0.0, floor(value / self.step) * self.step)
        elif value > self.high:
            self.high = ceil(value / self.step) * self.step


@dataclass(slots=True)
class Part:
    """A part of the session; `to_us` None while it goes on. `script`: id of what is shown in it."""

    name: PhaseName
    script: str | None
    from_us: int
    to_us: int | None = None


@dataclass(frozen=True, slots=True)
class Hole:
    """Time without beats."""

    from_us: int
    to_us: int
    why: GapReason


@dataclass(frozen=True, slots=True)
class Moment:
    """Something that happened at one time, in words."""

    at_us: int
    kind: MomentKind
    words: str


@dataclass(slots=True)
class Reasons:
    """Why numbers cannot be given, from when on; empty words: they can."""

    t_s: array[float] = field(default_factory=lambda: array("d"))
    words: list[str] = field(default_factory=list[str])

    def note(self, t_s: float, words: str) -> None:
        """Remember what holds from now on."""
        if (self.words[-1] if self.words else "") != words:
            self.t_s.append(t_s)
            self.words.append(words)

    def at(self, t_s: float) -> str:
        """What held at a time."""
        place = bisect_right(self.t_s, t_s)
        return self.words[place - 1] if place else ""


class Traces:
    """Everything the plots draw. `changes` grows with every event that changes something drawn.

    `tachogram`: RR in ms of the usable intervals over their closing beats. `unjudged`: intervals whose settled beat
    was overtaken on its way here. `level`: bpm over one breath, `baselines` (from when on, bpm) beside it. `rmssd`,
    `rmssd_poor`: ms over the last minute, and those that too many artefacts make unsure. `coverage`: percent of that
    minute that intervals cover.
    """

    def __init__(self) -> None:
        self.changes = 0
        self.newest_us = 0
        self.end_us: int | None = None
        self.tachogram = Line()
        self.flagged = Flagged()
        self.unjudged = Line()
        self.level = Line()
        self.rmssd = Line()
        self.rmssd_poor = Line()
        self.coverage = Line()
        self.baselines: list[tuple[float, float]] = []
        self.parts: list[Part] = []
        self.holes: list[Hole] = []
        self.moments: list[Moment] = []
        self.no_level = Reasons()
        self.no_rmssd = Reasons()
        self.rr_scale = Scale(600.0, 1100.0, 100.0)
        self.rate_scale = Scale(50.0, 90.0, 10.0)
        self.rmssd_scale = Scale(0.0, 80.0, 20.0)
        self._waiting: deque[int] = deque()
        self._anchor_us: int | None = None
        self._lead_ticks = 0
        self._recent: deque[tuple[int, int]] = deque(maxlen=REMEMBERED)
        self._overtaken = 0
        self._usable_us = -inf
        self._poor = False
        self._coverage = Coverage(MINUTE_US)
        self._kept: dict[int, dict[str, Any]] = {}

    # What the plots read

    def tail(self) -> Iterator[tuple[float, float]]:
        """Time in s and RR in ms of the intervals that are not judged yet, laid on behind the last known beat."""
        t_us = self._anchor_us or 0
        for ticks in self._waiting:
            t_us += ticks_to_us(ticks)
            yield t_us / 1e6, ticks / TICKS_PER_MS

    def last_settled(self) -> tuple[float, float] | None:
        """The usable beat that the tail goes on from; None behind a hole or an interval that cannot be used."""
        line = self.tachogram
        if not line or self._anchor_us is None or line.t_s[-1] != self._anchor_us / 1e6 or isnan(line.values[-1]):
            return None
        return line.t_s[-1], line.values[-1]

    def part_at(self, at_us: float) -> Part | None:
        """The part that a time lies in."""
        place = bisect_right(self.parts, at_us, key=lambda part: part.from_us)
        part = self.parts[place - 1] if place else None
        return part if part is not None and (part.to_us is None or at_us < part.to_us) else None

    def hole_at(self, at_us: float) -> Hole | None:
        """The hole that a time lies in."""
        place = bisect_right(self.holes, at_us, key=lambda hole: hole.from_us)
        hole = self.holes[place - 1] if place else None
        return hole if hole is not None and at_us < hole.to_us else None

    def holes_between(self, from_s: float, to_s: float) -> list[Hole]:
        """The holes that lie at least partly in a stretch of time."""
        last = bisect_right(self.holes, to_s * 1e6, key=lambda hole: hole.from_us)
        first = bisect_left(self.holes, from_s * 1e6, key=lambda hole: hole.to_us)
        return self.holes[first:last]

    def moments_between(self, from_us: float, to_us: float) -> list[Moment]:
        """What happened in a stretch of time."""
        first = bisect_left(self.moments, from_us, key=lambda moment: moment.at_us)
        last = bisect_right(self.moments, to_us, key=lambda moment: moment.at_us)
        return self.moments[first:last]

    # The fold

    def see(self, event: Seen) -> None:
        """Take in one event; newer Beat, Hrv and Arousal events may have overtaken older ones."""
        if isinstance(event, Sought | Keep):
            self._seek(event)
            return
        self.newest_us = max(self.newest_us, event.at)
        match event:
            case Packet() | Rr():
                self._arrive(event)
            case Link():
                self._coverage.link(event)
            case Command(what="sleep"):
                self._coverage.tear()
            case Beat():
                self._settle(event)
            case Gap():
                self._tear(event)
            case Hrv():
                self._see_hrv(event)
            case Arousal():
                self._see_level(event)
            case Phase() | End():
                self._see_part(event)
            case Mark() | Note() | Suds() | Safety() | Cue():
                self.moments.append(_moment(event))
            case _:
                return
        self.changes += 1

    def _seek(self, event: Sought | Keep) -> None:
        """Where a replay goes back, know no more than at its beginning, or than what was kept."""
        if isinstance(event, Keep):
            self._kept[event.number] = known(self)
        elif event.anew:
            changes = self.changes + 1
            vars(self).update(deepcopy(self._kept[event.kept]) if event.kept else known(Traces()))
            self.changes = changes

    # Beats

    def _arrive(self, event: Packet | Rr) -> None:
        """Intervals came: their settled beats follow, five beats later, or when it is sure that none was lost."""
        if isinstance(event, Packet) and not self._coverage.take(event):
            return
        values = _values(event)
        for ticks in values:
            if self._anchor_us is None and not self._waiting and not is_interval(ticks):
                self._lead_ticks += max(0, ticks)
        came = [ticks for ticks in values if is_interval(ticks)]
        while len(self._waiting) > MOST_WAITING:
            self._overtake()
        if came and self._anchor_us is None:
            ahead_us = sum(map(ticks_to_us, came))
            self._anchor_us = ticks_to_us(self._lead_ticks) if isinstance(event, Rr) else event.at - ahead_us
        self._waiting.extend(came)

    def _settle(self, beat: Beat) -> None:
        if beat.ticks in self._waiting:
            while self._waiting[0] != beat.ticks:
                self._overtake()
            self._waiting.popleft()
        elif self.unjudged:
            self._recall(beat.rr_ms)
        opening_us = beat.t_us - ticks_to_us(beat.ticks)
        self._lay_out(opening_us)
        self._anchor_us = beat.t_us
        self._recent.append((beat.t_us, opening_us))
        t_s, rr_ms = beat.t_us / 1e6, beat.rr_ms
        if beat.gap_before:
            self.tachogram.end(opening_us / 1e6)
        if beat.why is not None:
            self.flagged.flag(t_s, rr_ms, beat.why)
            return
        self.tachogram.add(t_s, rr_ms, broken=opening_us - self._usable_us > BRIDGE_S * 1e6)
        self._usable_us = beat.t_us
        self.rr_scale.take(rr_ms)
        self.rate_scale.take(60_000 / rr_ms)

    def _tear(self, gap: Gap) -> None:
        """A hole; one that was found late moves the settled beats behind it too."""
        self._coverage.tear()
        self.holes.append(Hole(gap.from_us, gap.to_us, gap.why))
        while self._waiting and (self._anchor_us or 0) + ticks_to_us(self._waiting[0]) // 2 < gap.from_us:
            self._overtake()
        self._lay_out(gap.from_us)
        kept = [beat for beat in self._recent if beat[0] <= gap.from_us]
        behind = [beat for beat in self._recent if beat[0] > gap.from_us]
        self._anchor_us = self._move(gap, behind) if behind else gap.to_us
        for line in (self.level, self.rmssd, self.rmssd_poor, self.coverage):
            line.blank(gap.from_us / 1e6, gap.to_us / 1e6)
        self._recent = deque([*kept, *behind], maxlen=REMEMBERED)

    def _move(self, gap: Gap, behind: list[tuple[int, int]]) -> int:
        """Move the beats that were told before the hole was found; those told with it are in their place already."""
        by_us = gap.to_us - behind[0][1]
        told = 1
        while told < len(behind) and behind[told][1] - behind[told - 1][0] < by_us // 2:
            told += 1
        last_us = behind[told - 1][0]
        for line in (self.tachogram, self.flagged):
            line.move(gap.from_us / 1e6, last_us / 1e6, by_us)
        for place in range(told):
            behind[place] = (behind[place][0] + by_us, behind[place][1] + by_us)
        if gap.from_us < self._usable_us <= last_us:
            self._usable_us += by_us
        if told < len(behind):
            self.tachogram.join((last_us + by_us) / 1e6)
        return behind[-1][0]

    def _overtake(self) -> None:
        """The beat that is due was dropped on its way here: its interval is kept as one that nobody judged."""
        ticks = self._waiting.popleft()
        self._anchor_us = (self._anchor_us or 0) + ticks_to_us(ticks)
        self.unjudged.add(self._anchor_us / 1e6, ticks / TICKS_PER_MS, broken=not self._overtaken)
        self._overtaken += 1

    def _recall(self, rr_ms: float) -> None:
        """A beat came after all for an interval that had been given up: it is no longer one that nobody judged."""
        line = self.unjudged
        for place in range(len(line) - 1, max(-1, len(line) - 1 - RECALLED), -1):
            if line.values[place] == rr_ms:
                self._overtaken -= place >= len(line) - self._overtaken
                del line.t_s[place], line.values[place]
                return

    def _lay_out(self, to_us: int) -> None:
        """The overtaken intervals end where the next known beat begins: spread what the clocks differ by."""
        many, self._overtaken = self._overtaken, 0
        if not many:
            return
        times, values = self.unjudged.t_s, self.unjudged.values
        first = len(times) - many
        from_s = max(times[first] - values[first] / 1e3, times[first - 1] if first else -inf)
        length_s = times[-1] - from_s
        stretch = (to_us / 1e6 - from_s) / length_s if length_s > 0 else 0.0
        if stretch > 0:
            for place in range(first, len(times)):
                times[place] = from_s + stretch * (times[place] - from_s)

    # Numbers

    def _see_hrv(self, hrv: Hrv) -> None:
        t_s, value = hrv.t_us / 1e6, hrv.values.get("rmssd_ms")
        silent = bool(self.coverage) and t_s - self.coverage.t_s[-1] > SILENT_S
        if hrv.coverage is not None:
            self.coverage.add(t_s, 100 * hrv.coverage, broken=silent)
        self.no_rmssd.note(t_s, clean(hrv.reasons.get("rmssd_ms", "not known")) if value is None else "")
        poor = hrv.quality == "poor"
        line, other = (self.rmssd_poor, self.rmssd) if poor else (self.rmssd, self.rmssd_poor)
        if value is None or silent:
            line.end(t_s)
            other.end(t_s)
        if value is None:
            return
        self.rmssd_scale.take(value)
        if poor != self._poor and other and not isnan(other.values[-1]):
            line.add(other.t_s[-1], other.values[-1])
            other.end(t_s)
        line.add(t_s, value)
        self._poor = poor

    def _see_level(self, level: Arousal) -> None:
        t_s = level.t_us / 1e6
        self.no_level.note(t_s, clean(level.withheld or "not known") if level.bpm is None else "")
        if level.bpm is None:
            self.level.end(t_s)
            return
        self.level.add(t_s, level.bpm, broken=bool(self.level) and t_s - self.level.t_s[-1] > SILENT_S)
        self.rate_scale.take(level.bpm)
        if level.delta_bpm is None:
            return
        baseline = level.bpm - level.delta_bpm
        if not self.baselines or abs(self.baselines[-1][1] - baseline) > SAME_BPM:
            self.baselines.append((t_s, baseline))
            self.rate_scale.take(baseline)

    # Parts and moments

    def _see_part(self, event: Phase | End) -> None:
        if self.parts and self.parts[-1].to_us is None:
            self.parts[-1].to_us = event.at
        if isinstance(event, End):
            self.end_us = event.at
            while self._waiting:
                self._overtake()
        elif event.on:
            control, image = event.name == "control", event.name in ("image", "practice")
            script = event.control if control else event.visualization if image else None
            self.parts.append(Part(event.name, script, event.at))


def _values(event: Packet | Rr) -> list[int]:
    """The values of an input in ticks; a packet without contact or with a heart rate of 0 is not used."""
    if isinstance(event, Rr):
        return list(event.ticks)
    used = event.contact is not False and event.hr != 0
    return [value * TICKS_OF_STRAP for value in event.ticks] if used else []


def _moment(event: Mark | Note | Suds | Safety | Cue) -> Moment:
    match event:
        case Mark():
            return Moment(event.at, "mark", clean(event.text) or "mark")
        case Note():
            return Moment(event.at, "note", clean(event.text))
        case Suds():
            said = "no answer" if event.value is None else f"{event.value} of 10"
            return Moment(event.at, "suds", f"felt: {said}")
        case Safety():
            return Moment(event.at, "safety", clean(event.why))
        case Cue():
            return Moment(event.at, "cue", clean(event.say))
