"""The vocabulary of a session: what goes into the engine and what comes out.

Read this first. One word per thing: the name of a class in snake_case is its `k` in a recording and its `kind` on
the command line (RULINGS A4). `at` is session time in whole microseconds. Fields that end in `_s` are seconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

ArtefactName = Literal["missed", "extra", "ectopic", "misplaced", "range"]
GapReason = Literal["link", "contact", "sensor", "silence", "lost", "pause", "doubled", "suspend", "file"]
PhaseName = Literal[
    "settle", "ramp", "baseline", "washout", "image", "control", "recovery", "close", "rest", "practice"
]
ClockReason = Literal["tick", "step", "suspend", "zone"]
QuestionName = Literal["suds", "vividness", "expectancy", "still_here", "dissociation", "light_headed", "carry_over"]
CommandName = Literal["pause", "resume", "strong", "mark", "note", "end", "stop", "sleep", "wake"]
NoticeCode = Literal[
    # the course of the session
    "paused",
    "resumed",
    "settling",
    "unsettled",
    "cues_wait",
    "cues_go_on",
    "slept",
    # the signal: cues and numbers wait for it
    "signal_lost",
    "signal_back",
    # the strap, each told once
    "impossible",
    "no_rr",
    "not_chest",
    "hr_differs",
    "battery_low",
    # the program itself
    "engine_failed",
    "metric_failed",
    "recording_waits",
    "recording_goes_on",
    "recording_stopped",
]
"""All reasons of a `Notice`. "impossible": more intervals than time; "no_rr": a heart rate without intervals;
"not_chest": worn where intervals are smoothed; "hr_differs": the heart rate does not fit its intervals.
"recording_waits": the disk is full or fails, and what happens is kept in memory until it "goes on". "engine_failed" and
"recording_stopped": from then on there are no more numbers, or there is no more recording; "metric_failed": a
metric of a plug-in is left out from then on."""
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


# Inputs: everything the engine knows arrives as one of these.


@dataclass(frozen=True, slots=True)
class Open:
    """All that a session knows from outside, before its first beat (RULINGS A1)."""

    at: int
    plan: Mapping[str, Json]
    scripts: Mapping[str, Mapping[str, Json]]
    person: Mapping[str, Json]
    source: Mapping[str, Json]
    demo: bool = False
    coin_source: str = "secrets"
    parent: Mapping[str, Json] | None = None


@dataclass(frozen=True, slots=True)
class Packet:
    """One notification of the strap; `ticks` are its RR intervals in 1/1024 s, `rx` the stamp of its arrival."""

    at: int
    dev: str
    rx: int
    hr: int | None
    contact: bool | None
    energy: int | None
    ticks: tuple[int, ...]
    raw: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Acc:
    """One frame of the strap's accelerometer, `rx` the stamp of its arrival.

    `xyz_mg` is delta-coded (RULINGS D3): x, y, z of the first sample in mg, then what x, y, z of each further sample
    differ by from the sample before; a third as many samples as numbers. `dev_ns` is when the last sample was taken,
    in ns on the strap's own clock, which starts anew with the strap; None when the frame could not be read. `fs` is
    the rate the strap was asked for in Hz; None when it was sending already.
    """

    at: int
    dev: str
    rx: int
    dev_ns: int | None
    fs: int | None
    xyz_mg: tuple[int, ...]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rr:
    """RR intervals from a file, in 1/1 024 000 s.

    `lost`: time before them of which the file knows nothing, in the same unit; None: nobody knows how long it was.
    """

    at: int
    ticks: tuple[int, ...]
    lost: int | None = 0


@dataclass(frozen=True, slots=True)
class Link:
    """The connection to the strap changed: why in one sentence, and what the person can do where that helps."""

    at: int
    state: str
    why: str = ""
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Sensor:
    """What the sensor `dev` says of itself: where it is worn, None when it does not say."""

    at: int
    dev: str
    location: str | None


@dataclass(frozen=True, slots=True)
class Battery:
    """Charge of the strap in percent; None when unknown."""

    at: int
    percent: int | None


@dataclass(frozen=True, slots=True)
class Clock:
    """What time it was: the wall clock (UTC) beside the steady one, both in ns, and the local zone's offset.

    `step_ns` is by how much the wall clock has moved against the steady one since the `Clock` before. "tick": it was
    time for one; "step": the wall clock was set; "suspend": the machine has just slept; "zone": another zone, or
    daylight saving. The engine does not look at it, a reader finds out by it when something was (RECORDING 1.5).
    """

    at: int
    wall_ns: int
    mono_ns: int
    step_ns: int
    why: ClockReason
    utc_off_s: int


@dataclass(frozen=True, slots=True)
class Command:
    """Somebody pressed something. `text` is the words of a mark or note."""

    at: int
    what: CommandName
    by: str = "trainee"
    text: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a question; None when it was left open."""

    at: int
    id: str
    what: QuestionName
    value: int | None
    by: str = "trainee"


@dataclass(frozen=True, slots=True)
class Commit:
    """A coin was drawn and sealed before the session's first pair (RULINGS E12)."""

    at: int
    pair: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Reveal:
    """The coin of a pair, opened when its first washout begins. coin 0: image first, 1: control first."""

    at: int
    pair: int
    coin: int
    nonce: str


Input: TypeAlias = Open | Packet | Acc | Rr | Link | Sensor | Battery | Clock | Command | Answer | Commit | Reveal


# Outputs: everything the engine says.


@dataclass(frozen=True, slots=True)
class Beat:
    """One RR interval on the session's time line, once its flag is settled. `t_us` is its closing beat."""

    at: int
    t_us: int
    ticks: int
    ok: bool
    why: ArtefactName | None
    gap_before: bool

    @property
    def rr_ms(self) -> float:
        """The interval in milliseconds, exact."""
        return self.ticks / 1024


@dataclass(frozen=True, slots=True)
class Gap:
    """A hole in the beats. No successive difference crosses it."""

    at: int
    from_us: int
    to_us: int
    why: GapReason


@dataclass(frozen=True, slots=True)
class Hrv:
    """Heart-rate variability over the window that ends at beat `t_us`, made two beats later.

    `coverage`: time of the intervals that arrived over the time that passed in it, None while it cannot be said.
    """

    at: int
    t_us: int
    window_s: float
    beats: int
    flagged: int
    coverage: float | None
    values: Mapping[str, float | None]
    reasons: Mapping[str, str] = field(default_factory=dict[str, str])
    quality: str | None = None


@dataclass(frozen=True, slots=True)
class Arousal:
    """The heart-rate level over one breath, beside the paced baseline when there is one."""

    at: int
    t_us: int
    bpm: float | None
    bpm_sd: float | None
    delta_bpm: float | None
    delta_sd: float | None
    z: float | None
    rsa_bpm: float | None
    adherence: Literal["follows", "differs", "unknown"]
    r2: float | None
    withheld: str | None


@dataclass(frozen=True, slots=True)
class Motion:
    """What the strap's accelerometer shows at `t_us`, about every two seconds.

    `rms_mg` is the movement between 1 and 10 Hz over the last three seconds, `moving` whether the person moves.
    `breaths_per_min` is the rate of breath over the last 30 or 40 s, None when none can be made out;
    `breath_quality`, 0 to 1, says how far it can be trusted: from `breathing.measured.GOOD` on it is used.
    """

    at: int
    t_us: int
    rms_mg: float
    moving: bool
    breaths_per_min: float | None
    breath_quality: float


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the session begins. `plan_s` is its planned length, None when it has none."""

    at: int
    name: PhaseName
    on: bool
    index: int
    pair: int | None
    visualization: str | None
    control: str | None
    plan_s: float | None = None


@dataclass(frozen=True, slots=True)
class Pacer:
    """From `at` on the pacer is at `at_phase` of a breath and runs at `rate` breaths a minute; None: it stops."""

    at: int
    rate: float | None
    inhale: float
    at_phase: float


@dataclass(frozen=True, slots=True)
class Cue:
    """A line of a script is said. `plan_s` is when the script wanted it, seconds after the part began."""

    at: int
    script: str
    hash: str
    index: int
    say: str
    plan_s: float


@dataclass(frozen=True, slots=True)
class Ask:
    """A question. Without an answer by `until_us` the session goes on as if it had not been asked."""

    at: int
    id: str
    what: QuestionName
    until_us: int


@dataclass(frozen=True, slots=True)
class Safety:
    """The safety rail acted, or let go."""

    at: int
    tier: Literal["amber", "red", "quiet"]
    on: bool
    why: str
    delta_bpm: float | None
    z: float | None


@dataclass(frozen=True, slots=True)
class Suds:
    """How strong it feels, 0-10, as answered."""

    at: int
    value: int | None
    when: Literal["before", "epoch", "after"]
    by: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment somebody marked."""

    at: int
    text: str
    by: str


@dataclass(frozen=True, slots=True)
class Note:
    """Words somebody wrote during the session."""

    at: int
    text: str
    by: str


@dataclass(frozen=True, slots=True)
class Epoch:
    """What the heart did in one epoch of a pair. `y` is ln of the mean heart rate over its last whole breaths.

    `coverage` as in `Hrv`, over the same breaths.
    """

    at: int
    index: int
    pair: int
    label: Literal["image", "control"]
    y: float | None
    se: float | None
    breaths: int
    beats: int
    flagged: int
    r2: float | None
    rate_est: float | None
    kept: bool
    why: str | None
    interrupted: bool
    coverage: float | None = None

    @property
    def bpm(self) -> float | None:
        """The level as a heart rate."""
        from math import exp

        return None if self.y is None else exp(self.y)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What can be said of a visualization against its control, after `sessions` sessions that had a kept pair.

    `this_session` are the pair differences of today in ln bpm, None for a pair that is not kept.
    """

    at: int
    visualization: str
    control: str
    sessions: int
    state: str
    words: str
    this_session: tuple[float | None, ...]
    mean: float | None
    theta: float | None = None
    cs_low: float | None = None
    cs_high: float | None = None
    bpm: float | None = None
    bpm_low: float | None = None
    bpm_high: float | None = None
    sessions_needed: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """One calm sentence for the person, with the reason a program can read in `code`."""

    at: int
    code: NoticeCode
    text: str


@dataclass(frozen=True, slots=True)
class End:
    """The session is over. Of its `beats` so many are `flagged` as artefacts.

    `coverage`: time of all its intervals over the time from the first opening to the last closing beat, None without
    any beat (RULINGS A8).
    """

    at: int
    why: str
    duration_s: float
    beats: int
    flagged: int = 0
    coverage: float | None = None


Output: TypeAlias = (
    Beat
    | Gap
    | Hrv
    | Arousal
    | Motion
    | Phase
    | Pacer
    | Cue
    | Ask
    | Safety
    | Suds
    | Mark
    | Note
    | Epoch
    | Verdict
    | Notice
    | End
)
Event: TypeAlias = Input | Output
