"""What a session will do, as data: plans free, practice and trial, and their parts in order (RULINGS C1, E4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Literal, TypeAlias

from biofeedback.breathing.pacer import DEFAULT_INHALE, DEFAULT_RATE, breaths_for, breaths_within
from biofeedback.events import Json, PhaseName
from biofeedback.hrv.beats import NEVER

PlanName: TypeAlias = Literal["free", "practice", "trial"]

SETTLE_S: Final = 60.0
BASELINE_S: Final = 60.0
BASELINE_STEP_S: Final = 30.0
BASELINE_MOST_S: Final = 300.0
MOST_SLOPE: Final = 3.0
"""A level that still moves faster than this, bpm a minute, has not settled."""
WASHOUT_S: Final = 30.0
OUTCOME_S: Final = 70.0
DISCARD_S: Final = 20.0
CLOSE_S: Final = 60.0
RECOVERY_S: Final = 90.0
REST_S: Final = 60.0
PAIRS: Final = 3
LEAST_GOOD_BEATS: Final = 60
RAMP_MOST_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class Pair:
    """One visualization against its control."""

    visualization: str
    control: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A session's plan. Lengths in seconds count from the first beat; paced parts are whole breaths."""

    name: PlanName
    pace: float = DEFAULT_RATE
    inhale: float = DEFAULT_INHALE
    settle_s: float = SETTLE_S
    ramp: bool = True
    baseline_s: float = BASELINE_S
    baseline_most_s: float = BASELINE_MOST_S
    script: str | None = None
    minutes: float | None = None
    pairs: tuple[Pair, ...] = ()
    washout_breaths: int = 0
    epoch_breaths: int = 0
    outcome_breaths: int = 0
    least_good_beats: int = LEAST_GOOD_BEATS
    close_s: float = CLOSE_S

    @property
    def breath_us(self) -> float:
        """Length of one breath at the plan's pace, microseconds."""
        return 60e6 / self.pace

    def to_json(self) -> dict[str, Json]:
        """The plan as it enters a recording."""
        return {**asdict(self), "pairs": [asdict(pair) for pair in self.pairs]}

    @staticmethod
    def from_json(table: Mapping[str, Any]) -> Plan:
        """The plan a recording holds; keys of newer versions are left aside."""
        known = {field.name for field in fields(Plan)}
        values: dict[str, Any] = {key: value for key, value in table.items() if key in known}
        values["pairs"] = tuple(Pair(pair["visualization"], pair["control"]) for pair in table["pairs"])
        return Plan(**values)


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a session. Its length is `breaths` when paced, else `seconds`, else it has no end of its own."""

    name: PhaseName
    breaths: int | None = None
    seconds: float | None = None
    pair: int | None = None
    slot: int = 0
    visualization: str | None = None
    control: str | None = None

    def as_label(self, label: Literal["image", "control"]) -> Step:
        """The epoch under the name its coin gave it."""
        return replace(self, name=label)


def free_plan(minutes: float | None) -> Plan:
    """No pacer, no cues, no questions."""
    return Plan("free", minutes=minutes)


def practice_plan(script: str, minutes: float, pace: float = DEFAULT_RATE, inhale: float = DEFAULT_INHALE) -> Plan:
    """A script's practice form for `minutes`."""
    return Plan("practice", pace=pace, inhale=inhale, script=script, minutes=minutes)


def trial_plan(pairs: tuple[Pair, ...], pace: float = DEFAULT_RATE, inhale: float = DEFAULT_INHALE) -> Plan:
    """Same-pace pairs; an epoch is 70 s of whole breaths behind at least 20 s that are not used."""
    outcome = breaths_within(OUTCOME_S, pace)
    return Plan(
        "trial",
        pace=pace,
        inhale=inhale,
        pairs=pairs,
        washout_breaths=breaths_for(WASHOUT_S, pace),
        epoch_breaths=outcome + breaths_for(DISCARD_S, pace),
        outcome_breaths=outcome,
    )


def demo_plan(pair: Pair) -> Plan:
    """The trial in small, 4 min 40 s: one pair of 30 + 60 s, no ramp (RULINGS C1). Never evidence."""
    return Plan(
        "trial",
        settle_s=20.0,
        ramp=False,
        baseline_most_s=BASELINE_S,
        pairs=(pair,),
        washout_breaths=3,
        epoch_breaths=6,
        outcome_breaths=4,
        least_good_beats=30,
        close_s=20.0,
    )


def length_us(plan: Plan) -> int:
    """The longest a session of this plan can take from its first beat on, pauses aside; endless without an end."""
    steps = steps_of(plan)
    if any(step.seconds is None and step.breaths is None and step.name != "ramp" for step in steps):
        return NEVER
    paced = sum(step.breaths or 0 for step in steps) * plan.breath_us
    free_s = sum(step.seconds or 0.0 for step in steps)
    stretched_s = 0.0 if plan.name == "free" else plan.baseline_most_s + RAMP_MOST_S
    return round(paced + (free_s + stretched_s) * 1e6)


def steps_of(plan: Plan) -> tuple[Step, ...]:
    """The parts of a session in order."""
    if plan.name == "free":
        return (Step("rest", seconds=None if plan.minutes is None else plan.minutes * 60),)
    opening = (
        Step("settle", seconds=plan.settle_s),
        *((Step("ramp"),) if plan.ramp else ()),
        Step("baseline", breaths=breaths_for(plan.baseline_s, plan.pace)),
    )
    closing = Step("close", breaths=breaths_for(plan.close_s, plan.pace))
    return (*opening, *_middle(plan), closing)


def _middle(plan: Plan) -> tuple[Step, ...]:
    if plan.name == "practice":
        breaths = breaths_for((plan.minutes or 0) * 60, plan.pace)
        return (Step("practice", breaths=breaths, visualization=plan.script),)
    return tuple(
        step
        for number, pair in enumerate(plan.pairs)
        for slot in (0, 1)
        for step in (
            Step("washout", plan.washout_breaths, None, number, slot, pair.visualization, pair.control),
            Step("image", plan.epoch_breaths, None, number, slot, pair.visualization, pair.control),
        )
    )


def rescue_steps() -> tuple[Step, ...]:
    """What follows "something strong": grounding, then natural breathing, then the end."""
    return (Step("recovery", seconds=RECOVERY_S), Step("rest", seconds=REST_S))
