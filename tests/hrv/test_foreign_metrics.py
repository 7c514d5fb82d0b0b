"""Metrics of other people are held to their word: what they may be and answer, and what happens when they fail."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf, nan
from typing import Any, cast

import numpy as np
import pytest

from biofeedback.hrv.foreign import ForeignMetric, Guard, checked, metric_fault, metric_lost, sealed
from biofeedback.hrv.registry import METRICS, Metric
from biofeedback.hrv.window import BeatWindow, Estimate, NotYet
from tests.strategies import MS, window

SOUND = Metric("range_ms", "ms", 1, lambda held: float(held.nn_ms.max() - held.nn_ms.min()), 10)
USUAL = window([(800 + 40 * (n % 3)) * MS for n in range(100)])


def foreign(compute: object) -> ForeignMetric:
    return ForeignMetric(replace(SOUND, compute=cast("Any", compute)), "acme-metric", "2.1")


def sorts_beats(held: BeatWindow) -> None:
    held.arrays.ticks.sort()


def sorts_intervals(held: BeatWindow) -> None:
    held.nn.sort()


def test_a_sound_metric_has_no_fault() -> None:
    assert metric_fault(SOUND, "range_ms") is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"unit": ""}, "its unit is ''"),
        ({"unit": "m\n"}, "its unit is"),
        ({"unit": 5}, "its unit is 5"),
        ({"version": 0}, "its version is 0, not a whole number from 1 on"),
        ({"version": True}, "its version is True"),
        ({"version": 1.5}, "its version is 1.5"),
        ({"compute": None}, "its compute is None, not a function"),
        ({"least_s": -1}, "its least_s is -1"),
        ({"least_s": nan}, "its least_s is nan"),
        ({"least_s": "10"}, "its least_s is '10'"),
        ({"least_beats": 1.0}, "its least_beats is 1.0"),
        ({"live_s": 300}, "its live_s is 300, not None or up to 120 s"),
        ({"live_s": 0}, "its live_s is 0"),
        ({"live_beats": -1}, "its live_beats is -1"),
        ({"counts": "beats"}, "its counts is 'beats'"),
        ({"whole": 1}, "its whole is 1"),
        ({"most_beats": 2.5}, "its most_beats is 2.5"),
        ({"without": ""}, "its without is ''"),
        ({"each_s": inf}, "its each_s is inf"),
        ({"name": "other_ms"}, "its name is 'other_ms', but it is registered as 'range_ms'"),
    ],
)
def test_each_field_is_looked_at(changes: dict[str, Any], said: str) -> None:
    assert said in (metric_fault(replace(SOUND, **changes), "range_ms") or "")


@pytest.mark.parametrize(
    ("held", "name", "said"),
    [
        (5, "range_ms", "it is a int, not a Metric"),
        (METRICS["rmssd_ms"], "rmssd_ms", "a metric of the program itself"),
        (SOUND, "Range", "cannot be a metric's name"),
        (SOUND, "r", "cannot be a metric's name"),
        (SOUND, "range-ms", "cannot be a metric's name"),
        (SOUND, "range_ms\n", "cannot be a metric's name"),
    ],
)
def test_names_and_kinds_that_cannot_be(held: object, name: str, said: str) -> None:
    assert said in (metric_fault(held, name) or "")


def test_a_live_window_may_be_as_long_as_the_longest_of_ours() -> None:
    assert metric_fault(replace(SOUND, live_s=max(m.live_s or 0 for m in METRICS.values())), "range_ms") is None


@pytest.mark.parametrize(
    ("answer", "value"),
    [(1.5, 1.5), (2, 2.0), (np.float32(0.5), 0.5), (np.float64(0.25), 0.25), (np.int64(3), 3.0), (None, None)],
)
def test_numbers_of_any_kind_become_plain_ones(answer: object, value: float | None) -> None:
    found = checked(answer)
    assert found == value
    assert type(found) in (float, type(None))


@pytest.mark.parametrize("answer", [nan, inf, -inf, np.nan, True, np.True_, "5", 1j, [1.0], NotYet(""), NotYet("a\nb")])
def test_what_is_no_answer(answer: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        checked(answer)


def test_a_guarded_metric_answers_as_it_does_unguarded() -> None:
    guard = Guard([ForeignMetric(SOUND, "acme-metric", "2.1")])
    assert guard.metrics["range_ms"].over(USUAL) == SOUND.over(USUAL)
    assert isinstance(SOUND.over(USUAL), Estimate)
    assert guard.failures == []


def test_a_metric_may_say_itself_why_there_is_no_value() -> None:
    guard = Guard([foreign(lambda _: NotYet("needs a breath"))])
    assert guard.metrics["range_ms"].live(USUAL) == NotYet("needs a breath")
    assert guard.failures == []


@pytest.mark.parametrize(
    ("compute", "said"),
    [
        (lambda held: 1 / 0, "ZeroDivisionError"),
        (lambda held: nan, "ValueError"),
        (lambda held: "12", "TypeError"),
        (sorts_beats, "ValueError"),
        (sorts_intervals, "ValueError"),
    ],
)
def test_one_that_fails_is_told_once_and_not_asked_again(compute: Callable[[BeatWindow], Any], said: str) -> None:
    calls: list[BeatWindow] = []

    def counted(held: BeatWindow) -> object:
        calls.append(held)
        return compute(held)

    guard = Guard([foreign(counted)])
    why = NotYet(f"the metric 'range_ms' of acme-metric 2.1 failed: {said}")
    assert [guard.metrics["range_ms"].over(USUAL) for _ in range(3)] == [why] * 3
    assert [failure.words for failure in guard.failures] == [why.reason]
    assert len(calls) == 1
    assert metric_lost(why.reason) == f"The{why.reason[3:]}. It is left out from here on."


def test_who_sorts_in_place_spoils_nothing_for_others() -> None:
    ticks = USUAL.arrays.ticks.copy()
    Guard([foreign(sorts_beats)]).metrics["range_ms"].over(USUAL)
    assert (USUAL.arrays.ticks == ticks).all()


def test_a_part_of_a_window_is_sealed_with_its_whole() -> None:
    part = sealed(USUAL.part(10, 60))
    for array in (part.arrays.ticks, part.nn, part.differences, USUAL.arrays.ticks):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_a_keyboard_interrupt_is_no_failure_of_a_metric() -> None:
    def interrupted(_: BeatWindow) -> float | None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Guard([foreign(interrupted)]).metrics["range_ms"].over(USUAL)
