"""Every metric of an analysis: ours, and behind them those of plug-ins, which are given up when they do not answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from queue import Empty, Queue
from threading import Thread
from typing import Final

from biofeedback.entry_points import complaint
from biofeedback.hrv.foreign import ForeignMetric, Guard, metric_lost, name_fault
from biofeedback.hrv.registry import METRICS, Metric
from biofeedback.hrv.window import BeatWindow, NotYet
from biofeedback.session.plugins import MetricPlugins, RefusedMetric, metric_plugins

LONGEST_S: Final = 20.0
"""A metric of a plug-in that takes longer over one file is given up."""


class AllMetrics:
    """Our metrics and those of plug-ins behind them, for one run of analyses.

    One that cannot be imported, fails or takes more than `LONGEST_S` says so in place of a value, from then on.
    """

    def __init__(self, found: MetricPlugins | None = None, longest_s: float = LONGEST_S) -> None:
        """`found`: what is installed."""
        held = metric_plugins() if found is None else found
        self._refused = held.refused
        self._packages = {each.metric.name: f"{each.package} {each.package_version}" for each in held.metrics}
        self._guard = Guard((_within(each, longest_s) for each in held.metrics), complaint)
        self.by_name: Mapping[str, Metric] = {
            **METRICS,
            **self._guard.metrics,
            **{each.name: _refused(each) for each in held.refused if name_fault(each.name) is None},
        }

    @property
    def failures(self) -> list[str]:
        """What went wrong with plug-ins until now, a sentence for each metric."""
        words = [*(each.words for each in self._refused), *(each.words for each in self._guard.failures)]
        return [metric_lost(each) for each in words]

    @property
    def packages(self) -> Mapping[str, str]:
        """The package and version of each metric that is not ours."""
        return self._packages


def _refused(refused: RefusedMetric) -> Metric:
    return Metric(refused.name, "-", 1, lambda _: NotYet(refused.words), 0, 0)


def _within(foreign: ForeignMetric, longest_s: float) -> ForeignMetric:
    """The metric, given up when it does not answer in time; nothing can stop it, so it is left to itself."""

    def compute(window: BeatWindow) -> float | NotYet | None:
        came: Queue[Callable[[], float | NotYet | None]] = Queue()

        def work() -> None:
            try:
                answer = foreign.metric.compute(window)
            except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
                came.put(partial(_raise, error))
            else:
                came.put(lambda: answer)

        Thread(target=work, name=foreign.metric.name, daemon=True).start()
        try:
            give = came.get(timeout=longest_s)
        except Empty:
            raise TimeoutError(f"it takes more than {longest_s:g} s") from None
        return give()

    return replace(foreign, metric=replace(foreign.metric, compute=compute))


def _raise(error: BaseException) -> None:
    raise error
