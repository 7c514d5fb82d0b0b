"""Metrics of other people: what one has to be, and a guard that asks no more of one that fails (DESIGN 5).

Pure like the engine: which of them fail is a function of the beats, so a replay loses the same ones at the same beat.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import isfinite
from numbers import Real
from typing import Final, cast

from biofeedback.hrv.live import LONGEST_S
from biofeedback.hrv.registry import METRICS, Metric
from biofeedback.hrv.window import BeatWindow, NotYet

NAME: Final = re.compile(r"[a-z][a-z0-9_]{1,31}\Z")
"""What a metric may be called."""
LONGEST_UNIT: Final = 20
LONGEST_REASON: Final = 200


@dataclass(frozen=True, slots=True)
class ForeignMetric:
    """A metric and the package that it comes from."""

    metric: Metric
    package: str
    package_version: str

    @property
    def described(self) -> str:
        """Which metric it is, and whose."""
        return f"the metric '{self.metric.name}' of {self.package} {self.package_version}"


@dataclass(frozen=True, slots=True)
class Failure:
    """A metric that failed, and what it failed with."""

    foreign: ForeignMetric
    error: BaseException
    words: str


def type_only(error: BaseException) -> str:
    """An error by its type. Its message may hold what differs from run to run, and a session must come out again."""
    return type(error).__name__


class Guard:
    """Metrics of other people during one session or analysis: `metrics`, held to their word.

    One that raises, or answers what is no finite number, says why from then on and is not asked again. `failures`
    holds those, in order. `words`: how an error is told.
    """

    def __init__(
        self, foreign: Iterable[ForeignMetric] = (), words: Callable[[BaseException], str] = type_only
    ) -> None:
        held = tuple(foreign)
        self.metrics: Mapping[str, Metric] = {
            each.metric.name: replace(each.metric, compute=partial(self._ask, each)) for each in held
        }
        self.failures: list[Failure] = []
        self._words = words
        self._failed: dict[str, NotYet] = {}

    def _ask(self, foreign: ForeignMetric, window: BeatWindow) -> float | NotYet | None:
        name = foreign.metric.name
        if name in self._failed:
            return self._failed[name]
        try:
            return checked(foreign.metric.compute(sealed(window)))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it is somebody else's code
            said = f"{foreign.described} failed: {self._words(error)}"
            self.failures.append(Failure(foreign, error, said))
            self._failed[name] = NotYet(said)
            return self._failed[name]


def metric_lost(words: str) -> str:
    """What a person is told of a metric that failed, from the `words` of its failure."""
    return f"{words[0].upper()}{words[1:]}. It is left out from here on."


def sealed(window: BeatWindow) -> BeatWindow:
    """The window with its arrays made read-only: whoever writes into them gets an error, not other people's numbers."""
    part: BeatWindow | None = window
    while part is not None:
        held = part.arrays
        for array in (held.t_us, held.ticks, held.ok, held.joined, part.nn, part.differences):
            array.flags.writeable = False
        part = part.whole[0] if part.whole is not None else None
    return window


def checked(answer: object) -> float | NotYet | None:
    """What a metric answered, as a plain number. Raises TypeError or ValueError when it is no answer."""
    if answer is None:
        return None
    if isinstance(answer, NotYet):
        if not _is_text(answer.reason, LONGEST_REASON):
            raise ValueError(f"its reason is no line of 1 to {LONGEST_REASON} signs")
        return answer
    if isinstance(answer, bool) or not isinstance(answer, Real):
        raise TypeError(f"it answered a {type(answer).__name__}, which is no number")
    value = float(answer)
    if not isfinite(value):
        raise ValueError(f"it answered {value}, which is no finite number")
    return value


def metric_fault(metric: object, name: str) -> str | None:
    """What is wrong with a metric that is registered under `name`; None when nothing is. For whoever wrote it."""
    if not isinstance(metric, Metric):
        return f"it is a {type(metric).__name__}, not a Metric of biofeedback.hrv.registry"
    if (fault := name_fault(name)) is not None:
        return fault
    for what, (right, wanted) in _RULES.items():
        held: object = getattr(metric, what)
        if not right(held):
            return f"its {what} is {held!r:.60}, not {wanted}"
    if metric.name != name:
        return f"its name is '{metric.name}', but it is registered as '{name}'"
    return None


def name_fault(name: str) -> str | None:
    """Why a metric cannot be called so; None when it can."""
    if name in METRICS:
        return f"'{name}' is a metric of the program itself"
    return None if NAME.match(name) else f"'{name}' cannot be a metric's name: it takes a-z, then a-z, 0-9 and _"


def _is_text(value: object, longest: int) -> bool:
    return isinstance(value, str) and value.isprintable() and 0 < len(value) <= longest


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_length(value: object, most: float = 7 * 86400.0) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return isfinite(value) and 0 <= value <= most


def _is_live_length(value: object) -> bool:
    return value is None or (_is_length(value, LONGEST_S) and cast("float", value) > 0)


_RULES: Final[Mapping[str, tuple[Callable[[object], bool], str]]] = {
    "name": (lambda value: isinstance(value, str), "a text"),
    "unit": (lambda value: _is_text(value, LONGEST_UNIT), f"a text of 1 to {LONGEST_UNIT} signs"),
    "version": (lambda value: _is_count(value) and value != 0, "a whole number from 1 on"),
    "compute": (callable, "a function"),
    "least_s": (_is_length, "a number of seconds"),
    "least_beats": (_is_count, "a whole number"),
    "live_s": (_is_live_length, f"None or up to {LONGEST_S:g} s, the longest window of a live session"),
    "live_beats": (_is_count, "a whole number"),
    "counts": (lambda value: value in ("intervals", "differences"), "'intervals' or 'differences'"),
    "whole": (lambda value: isinstance(value, bool), "True or False"),
    "most_beats": (lambda value: value is None or _is_count(value), "None or a whole number"),
    "without": (lambda value: _is_text(value, LONGEST_REASON), f"a text of 1 to {LONGEST_REASON} signs"),
    "each_s": (lambda value: value is None or _is_length(value), "None or a number of seconds"),
}
