"""The words of both faces: what a part is called, what the numbers say, what happened at the end."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from biofeedback import times
from biofeedback.arousal.quality import DISAGREES, REPEATED, TOO_MANY
from biofeedback.breathing.measured import GOOD as CLEAR
from biofeedback.breathing.pacer import Position
from biofeedback.events import End, GapReason, Link
from biofeedback.hrv.coverage import GOOD, LOW
from biofeedback.presenter.picture import BREAKS_OFF, CUT, Part, Picture
from biofeedback.session.engine import SLEPT
from biofeedback.session.guarded import BROKEN
from biofeedback.session.loop import SOURCE_ENDED
from biofeedback.session.sensor import LOW_BATTERY
from biofeedback.session.signal import NO_BEATS, NO_CONTACT

LONGEST_TEXT: Final = 300
SILENT_END_S: Final = 10.0
"""An end without heartbeats is no gap, for none follows; so much of it is told."""
LONGEST_TITLE: Final = 48
"""Beside it the time that is left must have room."""
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")

NAMES: Final[Mapping[str, str]] = {
    "settle": "Settling in",
    "ramp": "The breath slows down",
    "baseline": "Paced baseline",
    "washout": "In between",
    "recovery": "Back to the room",
    "close": "Closing",
    "rest": "Rest",
}
INSTRUCTIONS: Final[Mapping[str, str]] = {
    "settle": "Sit comfortably and breathe as you like.",
    "washout": "Only follow the breath.",
    "image": "Let it come as the words suggest, and follow the breath.",
    "control": "Follow the breath and the words.",
    "practice": "Let it come as the words suggest, and follow the breath.",
    "recovery": "Breathe as you like, eyes open.",
    "close": "The last breaths with the pacer.",
    "rest": "Breathe as you like.",
}
LINKS: Final[Mapping[str, str]] = {
    "off": "No Bluetooth",
    "scanning": "Looking for the strap",
    "connecting": "Connecting to the strap",
    "streaming": "Waiting for a heartbeat",
    "stale": "The strap has gone quiet",
    "waiting": "Not connected yet",
    "closed": "The strap is closed",
}
SEE_TO_IT: Final = "Wet its electrodes and see that it sits snugly."
WHAT_TO_DO: Final[Mapping[str, str]] = {
    NO_BEATS: SEE_TO_IT,
    NO_CONTACT: SEE_TO_IT,
    DISAGREES: SEE_TO_IT,
    REPEATED: "Take it off, wet its electrodes and put it on again.",
    TOO_MANY: "The strap's data come twice: none of them are used, and a test in this session will have no result."
    " End the session and start it again.",
    "of the beats cannot be trusted": "Sit still for a moment, and see that the strap sits snugly.",
    "of the heartbeats arrived": "Stay close to the computer, and see that the strap sits snugly.",
}
"""What to do about a signal that is lost, by how its reason ends; a lost link says it itself."""
SOUGHT: Final = "The link to the strap was lost and is being made anew. Keep the strap close."
GAPS: Final[Mapping[GapReason, str]] = {
    "link": "the strap was not connected",
    "contact": "the strap had no contact with the skin",
    "sensor": "the strap gave nothing usable",
    "silence": "nothing came from the strap",
    "lost": "they were lost on the way",
    "pause": "the session was paused",
    "doubled": "more came than there was time for",
    "suspend": "the computer slept, or the program was away",
    "file": "the file holds nothing of this time",
}
ENDS: Final[Mapping[str, str]] = {
    "planned end": "The session is over.",
    "ended by the person": "You ended the session.",
    "interrupted": "The session was interrupted.",
    BREAKS_OFF: "The recording breaks off here.",
    CUT: "The part that was asked for ends here.",
    BROKEN: "The session ended after a mistake of the program; what the strap sent is recorded.",
    SLEPT: "The computer slept for long, so the session was ended.",
    SOURCE_ENDED: "The recorded beats end here. The session is over.",
    "the source failed": "What brings the heartbeats has failed. The session is over.",
}
NONE_HERE: Final = "No heartbeats here"
"""Of a file; a strap's are lost."""
FILE_ENDS: Final = "The file ends here."
RESCUED: Final = "You stopped when you needed to. Take your time."
CALM_ENDS: Final = frozenset({"planned end", "ended by the person"})
EXPLAINED: Final = (
    "What they mean: bpm is heartbeats a minute; the level is the heart rate averaged over a breath, or over"
    " 30 s while breathing is free; RMSSD is how much one interval between beats differs from the next, over"
    " the last minute."
)
RMSSD: Final = "beat-to-beat change (RMSSD)"
NO_INTERVALS: Final = "this sensor sends no intervals"
QUESTION: Final = "How strong is what you feel now, 0–10?"
SCALE: Final = "0 is not at all, 10 the strongest you can think of. You need not answer."
BREATHE_IN: Final = "Breathe in"
BREATHE_OUT: Final = "Breathe out"
AS_YOU_LIKE: Final = "Breathe as you like"
INTERIM: Final = "Live numbers show now; only the test sessions show whether it helps."


def clean(text: str) -> str:
    """Somebody's words, fit for a terminal: one line, no control codes, not longer than it should be."""
    words = _UNPRINTABLE.sub(" ", text).strip()
    return words if len(words) <= LONGEST_TEXT else words[: LONGEST_TEXT - 1] + "…"


def part_title(picture: Picture, part: Part) -> str:
    """What this part of the session is called; a file of another program by its name."""
    if picture.file is not None:
        return clean(picture.file.name)
    if part.script:
        return clean(picture.title(part.script))
    if part.name == "rest" and picture.plan is not None and picture.plan.name == "free":
        return "Beats of a file" if looked_at(picture) else "Free session"
    return NAMES.get(part.name, part.name)


def looked_at(picture: Picture) -> bool:
    """Whether these are only beats of a file, with no session for anybody to take part in."""
    return picture.from_file and picture.plan is not None and picture.plan.name == "free"


def instruction(picture: Picture) -> str:
    """What to do in this part."""
    part, plan = picture.part, picture.plan
    if part is None:
        return ""
    if part.name == "rest" and looked_at(picture):
        return ""
    if plan is None or part.name not in ("ramp", "baseline"):
        return INSTRUCTIONS.get(part.name, "")
    if part.name == "ramp":
        return f"Follow the breath: each is a little longer, down to {plan.pace:.1f} a minute."
    breath_s = 60 / plan.pace
    into, out = breath_s * plan.inhale, breath_s * (1 - plan.inhale)
    return f"Follow the breath: {plan.pace:.1f} a minute, in for {into:.1f} s, out for {out:.1f} s."


def signal_words(picture: Picture) -> str:
    """The state of the signal in two to four words."""
    if picture.signal == "good":
        weak = picture.battery is not None and picture.battery <= LOW_BATTERY
        return f"{_quality(picture.coverage)}, battery {picture.battery} %" if weak else _quality(picture.coverage)
    if picture.signal == "rate only":
        return "Heart rate only, no HRV"
    if picture.signal == "lost":
        return NONE_HERE if picture.file and picture.lost_why.endswith(f"{NO_BEATS}.") else "Signal lost"
    if picture.replay.opening:
        return "Reading the file"
    if picture.link is None:
        return "Opening the file" if picture.from_file else "Waiting for the strap"
    return LINKS.get(picture.link.state, "Waiting for the strap")


def _quality(coverage: float | None) -> str:
    if coverage is None or coverage >= GOOD:
        return "Signal good"
    return "Signal fair" if coverage >= LOW else "Signal weak"


def link_sentence(link: Link) -> str:
    """What happened to the connection, in its own words where it has some, and what to do."""
    why = clean(link.why) or LINKS.get(link.state, clean(link.state)) + "."
    return f"{why} {clean(link.advice)}".rstrip()


def lost_sentence(text: str, *, from_file: bool = False) -> str:
    """That the signal is lost, as the session says it, and what to do about it; of a file nothing can be done."""
    if from_file:
        return f"{NONE_HERE}." if text.endswith(f"{NO_BEATS}.") else clean(text)
    advice = next((advice for end, advice in WHAT_TO_DO.items() if text.endswith(f"{end}.")), "")
    return f"{clean(text)} {advice}".rstrip()


def clock(at_us: int) -> str:
    """Session time at the head of a line: 04:05, or 1:02:03 from an hour on."""
    return times.clock(at_us).rjust(len("04:05"), "0")


def minutes(seconds: float) -> str:
    """A time on an axis, or that is left: 4:05, or 1:02:03 from an hour on."""
    return times.clock(round(seconds * 1e6))


def length(seconds: float) -> str:
    """A length of time: 42 s, 4 min 42 s, 1 h 3 min."""
    return times.length(round(seconds * 1e6))


def gap(from_us: int, to_us: int) -> str:
    """How long a gap is: 3.4 s, from a minute on as a length."""
    return times.gap(to_us - from_us)


def signed(value: float) -> str:
    """A difference with its sign and a true minus; what rounds to nothing has none."""
    text = f"{value:+.1f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def count(many: int, one: str) -> str:
    """So many of them: 1 heartbeat, 2 heartbeats."""
    return f"{many} {one if many == 1 else one + 's'}"


def heart_words(picture: Picture) -> str:
    """The heart rate now."""
    if picture.heart_bpm is None:
        return "Heart: no signal" if picture.signal == "lost" else "Heart: not known yet"
    return f"Heart {picture.heart_bpm:.0f} bpm"


def level_words(picture: Picture) -> str:
    """The level, heart rate averaged over a breath, beside the baseline when there is one."""
    level = picture.level
    if picture.signal == "rate only":
        return f"level: {NO_INTERVALS}"
    if level is None or level.bpm is None:
        return f"level: {_why_no_level(picture)}"
    if level.delta_bpm is not None:
        return f"level {signed(level.delta_bpm)} bpm vs your paced baseline"
    if picture.plan is not None and picture.plan.name == "free":
        return f"level {level.bpm:.1f} bpm"
    missing = "no steady baseline this time" if picture.baseline_tried else "no baseline yet"
    return f"level {level.bpm:.1f} bpm, {missing}"


def _why_no_level(picture: Picture) -> str:
    if picture.signal == "lost":
        return "no signal"
    why = picture.level.withheld if picture.level else None
    return clean(why or "not known yet")


def rmssd_words(picture: Picture) -> str:
    """The variability, or why it is not there yet."""
    if picture.signal == "rate only":
        return f"{RMSSD}: {NO_INTERVALS}"
    if picture.hrv is None:
        return f"{RMSSD}: {'no signal' if picture.signal == 'lost' else 'not known yet'}"
    value = picture.hrv.values.get("rmssd_ms")
    if value is None:
        return f"{RMSSD}: {clean(picture.hrv.reasons.get('rmssd_ms', 'not known yet'))}"
    return f"{RMSSD} {value:.0f} ms" + (", unsure: many artefacts" if picture.hrv.quality == "poor" else "")


def breath_words(picture: Picture, breath: Position | None) -> str:
    """What to do with the breath now; nothing while the first heartbeat is waited for."""
    if breath is not None:
        return BREATHE_IN if breath.inhaling else BREATHE_OUT
    silent = picture.replay.hurried or (picture.signal == "waiting" and picture.part is None) or looked_at(picture)
    return "" if silent or picture.file is not None else AS_YOU_LIKE


def part_and_time(picture: Picture, now_us: int) -> Sequence[str]:
    """What part this is and how much of it is left, as far as they are known; nothing after the end."""
    if picture.part is None or picture.end is not None:
        return []
    left_s = picture.left_s(now_us)
    left = [] if left_s is None else [f"{minutes(left_s)} left"]
    title = part_title(picture, picture.part)
    return [title if len(title) <= LONGEST_TITLE else title[: LONGEST_TITLE - 1] + "…", *left]


def numbers(picture: Picture) -> Sequence[str]:
    """The numbers that are shown, in order."""
    return heart_words(picture), level_words(picture), rmssd_words(picture)


def motion_words(picture: Picture, now_us: int) -> str:
    """What the strap's accelerometer shows, for whoever watches; empty without one and while numbers are hidden."""
    motion = None if picture.numbers_hidden else picture.motion(now_us)
    if motion is None:
        return ""
    if motion.moving:
        return "moving"
    if motion.breaths_per_min is None or motion.breath_quality < CLEAR:
        return "breath not clear"
    return f"breathing {motion.breaths_per_min:.1f} a minute, quality {100 * motion.breath_quality:.0f} %"


def closing(picture: Picture) -> Sequence[str]:
    """How it ended, what can be said, how long, how many beats; empty before the end."""
    if picture.end is None:
        return []
    why = picture.end.why
    said = ENDS.get(why) or f"The session ended: {clean(why)}."
    if picture.file is not None and why == SOURCE_ENDED:
        said = FILE_ENDS
    if picture.rescued and why in CALM_ENDS:
        said = RESCUED
    verdicts = [clean(verdict.words) for verdict in picture.verdicts]
    return [said, *verdicts, *_left_out(picture), _tally(picture, picture.end)]


def _left_out(picture: Picture) -> Sequence[str]:
    many = len(picture.moved_pairs)
    if not many:
        return []
    were = "1 pair is" if many == 1 else f"{many} pairs are"
    return [f"{were} left out because you moved: movement changes the heart rate by itself."]


def _tally(picture: Picture, end: End) -> str:
    if not end.beats:
        rate_only = picture.signal == "rate only"
        return f"{length(end.duration_s)}, {'a heart rate without intervals' if rate_only else 'not one heartbeat'}."
    told = [f"{length(end.duration_s)}, {count(end.beats, 'heartbeat')}.", _flagged(picture, end)]
    holes = f"{count(picture.gaps, 'gap')} in the signal." if picture.gaps else ""
    silent_s = (end.at - picture.newest_beat_us) / 1e6 if picture.beats else 0
    none = f"The last {length(silent_s)} hold none." if silent_s > SILENT_END_S else ""
    return " ".join(sentence for sentence in (*told, holes, none) if sentence)


def _flagged(picture: Picture, end: End) -> str:
    """How many intervals cannot be trusted; a view that was too slow for every beat knows only a least number."""
    least = "At least " if picture.beats < end.beats else ""
    if not picture.flagged:
        return "" if least else "No interval between them was flagged as an artefact."
    were = "was flagged as an artefact" if picture.flagged == 1 else "were flagged as artefacts"
    many = count(picture.flagged, "interval")
    return f"{least}{many} between them {were}: not to be trusted, and left out."
