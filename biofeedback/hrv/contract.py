"""What every metric keeps to, as tests to inherit: a plug-in's author subclasses `MetricContract` and runs pytest.

    from biofeedback.hrv.contract import MetricContract

    class TestMyMetric(MetricContract):
        def metric(self) -> Metric:
            return MY_METRIC

Metrics are asked as the program asks them, by `Metric.over` and `Metric.live`, so that `compute` meets only windows
that hold what the metric says it needs. pytest is not imported here; a test fails with a sentence on what it did.
"""

from __future__ import annotations

import json
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from math import isclose, pi, sin
from pkgutil import resolve_name
from typing import Final

from biofeedback.hrv.foreign import checked, metric_fault, sealed
from biofeedback.hrv.registry import Metric
from biofeedback.hrv.ticks import TICKS_PER_MS, TICKS_PER_S, ticks_to_us
from biofeedback.hrv.window import Answer, BeatWindow, Estimate

HOUR_US: Final = 3_600_000_000
GAP_TICKS: Final = 5 * TICKS_PER_S
CHILD_S: Final = 60.0
_CHILD: Final = (
    "import sys, json\n"
    "asked = json.load(sys.stdin)\n"
    "sys.path[:] = asked['path']\n"
    "from biofeedback.hrv.contract import answers_of\n"
    "json.dump(answers_of(asked['module'], asked['class']), sys.stdout)\n"
)


def made(ticks: Sequence[int], flagged: Sequence[int] = (), gaps: Sequence[int] = ()) -> BeatWindow:
    """A window of these intervals, those with the numbers `flagged` not to be used, a gap of 5 s before `gaps`."""
    clock, t_us = 0, list[int]()
    for number, value in enumerate(ticks):
        clock += value + (GAP_TICKS if number in gaps else 0)
        t_us.append(ticks_to_us(clock))
    ok = tuple(number not in flagged for number in range(len(ticks)))
    joined = tuple(number > 0 and number not in gaps for number in range(len(ticks)))
    span_s = (t_us[-1] - t_us[0] + ticks_to_us(ticks[0])) / 1e6 if t_us else 0.0
    return BeatWindow(tuple(t_us), tuple(ticks), ok, joined, span_s)


def breathing(count: int) -> list[int]:
    """Intervals of a heart that breathes and drifts, each a little different, in ticks; the same every time."""
    series: list[int] = []
    for beat in range(count):
        # A golden-ratio sequence is as uneven as chance, and the same on every machine.
        uneven = 30 * ((beat * 0.6180339887498949) % 1 - 0.5)
        rr_ms = 850 + 45 * sin(2 * pi * beat / 11) + 25 * sin(2 * pi * beat / 3.7) + 20 * sin(beat / 90) + uneven
        series.append(round(rr_ms * TICKS_PER_MS))
    return series


def contract_windows() -> Mapping[str, BeatWindow]:
    """The windows that a metric is asked about, by what is special in them."""
    usual = breathing(420)
    return {
        "usual": made(usual),
        "with flags": made(usual, flagged=(0, 40, 41, 42, 180, 300, 419)),
        "with gaps": made(usual, gaps=(100, 250)),
        "with gaps and flags": made(usual, flagged=(99, 100, 249, 251, 252), gaps=(100, 250)),
        "a third flagged": made(usual, flagged=range(0, 420, 3)),
        "all flagged": made(usual, flagged=range(420)),
        "a gap at every beat": made(usual, gaps=range(1, 420)),
        "two minutes": made(usual[:142]),
        "one minute": made(usual[:71]),
        "few beats": made(usual[:5]),
        "one beat": made(usual[:1]),
        "no beat": made(()),
        "beats that do not differ": made([800 * TICKS_PER_MS] * 420),
        "beats of two lengths": made([(800 + 100 * (beat % 2)) * TICKS_PER_MS for beat in range(420)]),
        "fast": made([ticks * 2 // 5 for ticks in breathing(1000)]),
        "slow": made([ticks * 2 for ticks in breathing(200)]),
    }


def answers_of(module: str, name: str) -> dict[str, str]:
    """What the metric of a test class answers to every window, in another process."""
    kind: type[MetricContract] = resolve_name(f"{module}:{name}")
    return kind().answers()


class MetricContract(ABC):
    """Inherit, and say in `metric` what is tested."""

    @abstractmethod
    def metric(self) -> Metric:
        """The metric."""

    def answers(self) -> dict[str, str]:
        """Its answers to every window of the contract, analysed and live, to the last bit."""
        return {
            f"{name}, {how}": _exact(ask(window))
            for name, window in contract_windows().items()
            for how, ask in self._ways().items()
        }

    def test_it_is_what_the_program_can_use(self) -> None:
        """Its fields are of the right kind, and its name is free (or it is one of ours)."""
        metric = self.metric()
        fault = metric_fault(metric, metric.name)
        _demand(fault is None or "of the program itself" in fault, f"{fault}")

    def test_it_has_an_answer_for_every_window(self) -> None:
        """A finite number, or why there is none: with gaps, flags, few beats, beats that do not differ, no beat."""
        for name, window in contract_windows().items():
            for how, ask in self._ways().items():
                answer = _asked(ask, window, f"{name}, {how}")
                if isinstance(answer, Estimate):
                    checked(answer.value)

    def test_it_has_a_value_for_a_usual_heart(self) -> None:
        """Six minutes of a heart that breathes are enough for any metric."""
        answer = self.metric().over(contract_windows()["usual"])
        _demand(isinstance(answer, Estimate), f"it has no value for six minutes of a heart that breathes: {answer}")

    def test_one_window_has_one_answer(self) -> None:
        """Asked twice, of one window and of two that are equal, it answers the same to the last bit."""
        once, kept = self.answers(), contract_windows()
        for name, window in kept.items():
            for how, ask in self._ways().items():
                for _ in range(2):
                    again = _exact(ask(window))
                    _demand(again == once[f"{name}, {how}"], f"{name}, {how}: it answers {again} at another time")

    def test_another_process_has_the_same_answers(self) -> None:
        """Nothing but the window goes into a value: no chance, no clock, no order of a set."""
        kind = type(self)
        asked = {"path": sys.path, "module": kind.__module__, "class": kind.__qualname__}
        done = subprocess.run(  # noqa: S603 - this Python, and a program that stands above
            [sys.executable, "-c", _CHILD],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=CHILD_S,
            check=False,
        )
        _demand(done.returncode == 0, f"it cannot be asked in another process:\n{done.stderr}")
        other: dict[str, str] = json.loads(done.stdout)
        for what, answer in self.answers().items():
            _demand(other[what] == answer, f"{what}: it answers {answer} here and {other[what]} in another process")

    def test_it_leaves_the_window_as_it_is(self) -> None:
        """The window's arrays are shared by all metrics; it is asked with arrays that cannot be written."""
        for name, window in contract_windows().items():
            before = made(window.ticks)
            for how, ask in self._ways().items():
                _asked(ask, sealed(window), f"{name}, {how}")
            _demand(window.ticks == before.ticks, f"{name}: it changed the intervals")
            _demand((window.arrays.ticks == before.arrays.ticks).all(), f"{name}: it changed the array of intervals")

    def test_it_does_not_matter_when_a_session_began(self) -> None:
        """An hour later on the session's clock the same beats have the same value, within 1e-9."""
        for name, window in contract_windows().items():
            later = BeatWindow(
                tuple(t_us + HOUR_US for t_us in window.t_us), window.ticks, window.ok, window.joined, window.span_s
            )
            for how, ask in self._ways().items():
                now, then = ask(window), ask(later)
                _demand(_alike(now, then), f"{name}, {how}: it answers {now}, and an hour later {then}")

    def test_it_does_not_matter_what_a_window_was_cut_from(self) -> None:
        """The window that is a part of a longer one has the value of the same beats alone, to the last bit."""
        for name, whole in contract_windows().items():
            count = len(whole.ticks)
            for first, last in ((0, count), (count // 7, count), (0, count - count // 9), (count // 5, count // 2)):
                part = whole.part(first, last) if first < last else made(())
                alone = BeatWindow(part.t_us, part.ticks, part.ok, part.joined, part.span_s)
                for how, ask in self._ways().items():
                    cut, fresh = _exact(ask(part)), _exact(ask(alone))
                    _demand(
                        cut == fresh,
                        f"beats {first} to {last} of {name}, {how}: {cut} as a part, {fresh} by themselves",
                    )

    def _ways(self) -> Mapping[str, Callable[[BeatWindow], Answer]]:
        metric = self.metric()
        return {"analysed": metric.over, "live": metric.live}


def _asked(ask: Callable[[BeatWindow], Answer], window: BeatWindow, what: str) -> Answer:
    try:
        return ask(window)
    except Exception as error:
        raise AssertionError(f"{what}: it raises {type(error).__name__}: {error}") from error


def _exact(answer: Answer) -> str:
    return float(answer.value).hex() if isinstance(answer, Estimate) else answer.reason


def _alike(one: Answer, other: Answer) -> bool:
    if isinstance(one, Estimate) and isinstance(other, Estimate):
        return isclose(one.value, other.value, rel_tol=1e-9, abs_tol=1e-12)
    return one == other


def _demand(kept: bool, said: str) -> None:
    if not kept:
        raise AssertionError(said)
