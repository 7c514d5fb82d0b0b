"""The contract of metrics: ours keep it, and each way of breaking it is found."""

from __future__ import annotations

import re
from dataclasses import replace
from math import inf
from random import Random

import pytest

from biofeedback.hrv.contract import MetricContract
from biofeedback.hrv.registry import METRICS, Metric
from biofeedback.hrv.window import BeatWindow

CHANCE = Random()  # without a seed, as an author might forget it


class Contract(MetricContract):
    name = ""

    def metric(self) -> Metric:
        return METRICS[self.name]


for _name in METRICS:
    globals()[f"Test_{_name}"] = type(f"Test_{_name}", (Contract,), {"name": _name, "__module__": __name__})


def test_every_metric_of_ours_is_held_to_the_contract() -> None:
    assert {f"Test_{name}" for name in METRICS} <= set(globals())


class Sound(MetricContract):
    """A metric that keeps everything; what follows changes its formula."""

    def metric(self) -> Metric:
        return Metric("mean_ticks", "ticks", 1, type(self).compute, 0, 0, live_beats=0)

    @staticmethod
    def compute(window: BeatWindow) -> float | None:
        return float(window.nn.mean()) if len(window.nn) else None


class Careless(Sound):
    @staticmethod
    def compute(window: BeatWindow) -> float | None:
        return window.ticks[-1] / 1024


class ByChance(Sound):
    @staticmethod
    def compute(window: BeatWindow) -> float | None:
        return CHANCE.random()


class ByHash(Sound):
    @staticmethod
    def compute(window: BeatWindow) -> float | None:
        return float(hash(str(len(window.ticks))))


class InPlace(Sound):
    @staticmethod
    def compute(window: BeatWindow) -> float | None:
        window.arrays.ticks.sort()
        return 1.0


class ByTheClock(Sound):
    @staticmethod
    def compute(window: BeatWindow) -> float | None:
        return window.t_us[-1] / 1e6 if window.t_us else None


class ByItsWhole(Sound):
    @staticmethod
    def compute(window: BeatWindow) -> float | None:
        return 0.0 if window.whole is None else 1.0


class Infinite(Sound):
    @staticmethod
    def compute(window: BeatWindow) -> float | None:
        return inf


class Never(Sound):
    @staticmethod
    def compute(window: BeatWindow) -> float | None:
        return None


class Misnamed(Sound):
    def metric(self) -> Metric:
        return replace(super().metric(), name="Mean")


TESTS = [name for name in dir(MetricContract) if name.startswith("test_")]
BROKEN: list[tuple[type[Sound], str, str]] = [
    (Misnamed, "test_it_is_what_the_program_can_use", "cannot be a metric's name"),
    (Careless, "test_it_has_an_answer_for_every_window", "no beat, analysed: it raises IndexError"),
    (Infinite, "test_it_has_an_answer_for_every_window", "no finite number"),
    (Never, "test_it_has_a_value_for_a_usual_heart", "it has no value"),
    (ByChance, "test_one_window_has_one_answer", "at another time"),
    (ByHash, "test_another_process_has_the_same_answers", "in another process"),
    (InPlace, "test_it_leaves_the_window_as_it_is", "read-only"),
    (ByTheClock, "test_it_does_not_matter_when_a_session_began", "an hour later"),
    (ByItsWhole, "test_it_does_not_matter_what_a_window_was_cut_from", "0x1.0000000000000p+0 as a part"),
]


@pytest.mark.parametrize(("kind", "test", "said"), BROKEN, ids=lambda value: getattr(value, "__name__", ""))
def test_each_way_of_breaking_it_is_found(kind: type[Sound], test: str, said: str) -> None:
    with pytest.raises((AssertionError, ValueError), match=re.escape(said)):
        getattr(kind(), test)()


def test_for_each_test_of_the_contract_there_is_a_metric_that_fails_it() -> None:
    assert {test for _, test, _ in BROKEN} == set(TESTS)


@pytest.mark.parametrize("test", TESTS)
def test_a_sound_metric_keeps_it(test: str) -> None:
    getattr(Sound(), test)()
