"""Plans and their parts against the table of RULINGS C1."""

from __future__ import annotations

import json

import pytest

from biofeedback.breathing.pacer import ramp_rates
from biofeedback.session.plan import (
    Pair,
    Plan,
    demo_plan,
    free_plan,
    practice_plan,
    rescue_steps,
    steps_of,
    trial_plan,
)

PAIR = Pair("safe_place", "breath_only")
PLANS = [free_plan(None), free_plan(5), practice_plan("safe_place", 8), trial_plan((PAIR,) * 3, 5.4), demo_plan(PAIR)]


def lengths(plan: Plan) -> list[tuple[str, float | None]]:
    """Each part with its length in seconds."""
    ramp_s = sum(60 / rate for rate in ramp_rates(plan.pace))
    return [
        (step.name, ramp_s if step.name == "ramp" else 60 * step.breaths / plan.pace if step.breaths else step.seconds)
        for step in steps_of(plan)
    ]


def test_c1_free_has_one_part_with_the_minutes_it_was_given() -> None:
    assert lengths(free_plan(None)) == [("rest", None)]
    assert lengths(free_plan(2.5)) == [("rest", 150.0)]


def test_c1_practice() -> None:
    found = lengths(practice_plan("safe_place", 8))
    assert [name for name, _ in found] == ["settle", "ramp", "baseline", "practice", "close"]
    assert [length for _, length in found] == pytest.approx([60, 67.43, 60, 480, 60], abs=0.01)


def test_c1_trial_is_16_minutes_of_three_pairs() -> None:
    found = lengths(trial_plan((PAIR,) * 3))
    assert found[0] == ("settle", 60.0)
    assert found[2] == ("baseline", 60.0)
    assert found[3:-1] == [("washout", 30.0), ("image", 90.0)] * 6
    assert found[-1] == ("close", 60.0)
    assert 16 <= sum(length or 0 for _, length in found) / 60 <= 16.5


@pytest.mark.parametrize(("pace", "outcome", "epoch"), [(4.5, 5, 7), (5.4, 6, 8), (6.0, 7, 9), (7.0, 8, 11)])
def test_e4_breaths_of_washout_epoch_and_outcome(pace: float, outcome: int, epoch: int) -> None:
    plan = trial_plan((PAIR,), pace)
    assert (plan.outcome_breaths, plan.epoch_breaths) == (outcome, epoch)
    assert (plan.epoch_breaths - plan.outcome_breaths) * 60 / pace >= 20
    assert 30 <= plan.washout_breaths * 60 / pace < 30 + 60 / pace


def test_c1_demo_lasts_4_min_40_without_a_ramp() -> None:
    found = lengths(demo_plan(PAIR))
    assert found == [
        ("settle", 20.0), ("baseline", 60.0), ("washout", 30.0), ("image", 60.0), ("washout", 30.0), ("image", 60.0),
        ("close", 20.0),
    ]  # fmt: skip
    assert sum(length or 0 for _, length in found) == 280


def test_each_pair_has_two_slots_and_knows_its_scripts() -> None:
    other = Pair("lake", "breath_only")
    steps = [step for step in steps_of(trial_plan((PAIR, other))) if step.pair is not None]
    assert [(s.name, s.pair, s.slot, s.visualization) for s in steps] == [
        (name, pair, slot, ("safe_place", "lake")[pair])
        for pair in (0, 1)
        for slot in (0, 1)
        for name in ("washout", "image")
    ]


@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name)
def test_a1_a_plan_comes_back_from_a_recording_as_it_was(plan: Plan) -> None:
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_3_2_after_something_strong_come_90_s_of_grounding_and_then_rest() -> None:
    assert [(step.name, step.seconds) for step in rescue_steps()] == [("recovery", 90.0), ("rest", 60.0)]
