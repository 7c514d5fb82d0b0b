"""What every peer's runner does: read a request as JSON on stdin, measure or compute, write JSON on stdout.

Runs in the peer's own environment, so it knows numpy and the standard library only. Tasks:
`speed`    windows: lists of intervals in ms, whole: one list, repeats -> CPU seconds by group of metrics
`values`   series: lists by name -> the peer's values by our names, for every recipe it has
`correct`  series: lists -> for every correction of the peer flags (or null), the corrected series, CPU seconds a beat
`versions` nothing -> versions only
CPU seconds are of this process, least of the repeats; the calibration loop is timed right before and after.
"""

from __future__ import annotations

import contextlib
import json
import platform
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final, TypeAlias

import numpy as np

Intervals: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"
Compute: TypeAlias = Callable[[Intervals], object]
Values: TypeAlias = Callable[[Intervals], Mapping[str, float]]
Correct: TypeAlias = Callable[[Intervals], tuple[Sequence[bool] | None, Sequence[float]]]
NUMBERS: Final = ("numpy", "scipy", "pandas", "nolds", "scikit-learn", "numba", "setuptools")
FAILED: Final = (ArithmeticError, AssertionError, LookupError, TypeError, ValueError)
"""What peers raise when a series is not to their taste."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One peer: its metrics by group, its values by recipe, its corrections by name."""

    package: str
    metrics: Mapping[str, Compute]
    values: Mapping[str, Values]
    corrections: Mapping[str, Correct] = field(default_factory=dict[str, Correct])


def calibration_s() -> float:
    """CPU seconds of a fixed loop of Python and small numpy calls, the mix that this kind of work is; least of five."""
    values = np.arange(512, dtype=np.float64) / 512
    spent = []
    for _ in range(5):
        began = time.process_time()
        total = 0.0
        for turn in range(4000):
            total += float(np.sqrt(np.mean(np.diff(values) ** 2))) + sum(k % 7 for k in range(100)) + turn
        spent.append(time.process_time() - began)
    return min(spent)


def cpu_s(work: Callable[[], object], repeats: int) -> float:
    """CPU seconds of this process for `work`, least of the repeats, after one run that is not counted."""
    work()
    spent = []
    for _ in range(repeats):
        began = time.process_time()
        work()
        spent.append(time.process_time() - began)
    return min(spent)


def versions(package: str) -> dict[str, str]:
    """The Python and the packages that matter to the figures."""
    found = {"python": platform.python_version()}
    for name in (package, *NUMBERS):
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def serve(peer: Peer) -> None:
    """Answer the request on stdin. What the peer prints goes to stderr."""
    request = json.load(sys.stdin)
    warnings.simplefilter("ignore")
    np.seterr(all="ignore")
    with contextlib.redirect_stdout(sys.stderr):
        before = calibration_s()
        answer = TASKS[request["task"]](peer, request)
        answer["calibration_s"] = [before, calibration_s()]
    answer["versions"] = versions(peer.package)
    json.dump(_plain(answer), sys.stdout)


def _speed(peer: Peer, request: Mapping[str, Any]) -> dict[str, Any]:
    windows = [np.array(window) for window in request["windows"]]
    whole = np.array(request["whole"])
    live: dict[str, float | str] = {}
    once: dict[str, float | str] = {}
    for group, compute in peer.metrics.items():
        live[group] = _tried(lambda compute=compute: [compute(window.copy()) for window in windows], request["repeats"])
        once[group] = _tried(lambda compute=compute: compute(whole.copy()), 3 * request["repeats"])
    return {"live_s": live, "whole_s": once, "windows": len(windows)}


def _tried(work: Callable[[], object], repeats: int) -> float | str:
    try:
        return cpu_s(work, repeats)
    except FAILED as error:
        return f"{type(error).__name__}: {error}"


def _values(peer: Peer, request: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    for recipe, compute in peer.values.items():
        found[recipe] = {}
        for name, series in request["series"].items():
            try:
                found[recipe][name] = dict(compute(np.array(series)))
            except FAILED as error:
                found[recipe][name] = {"error": f"{type(error).__name__}: {error}"}
    return {"values": found}


def _correct(peer: Peer, request: Mapping[str, Any]) -> dict[str, Any]:
    """The first series once more before all of them, so that nothing is compiled while the time is taken."""
    found: dict[str, Any] = {}
    series = [np.array(each) for each in request["series"]]
    for name, correct in peer.corrections.items():
        _corrected(correct, series[0])
        began = time.process_time()
        results = [_corrected(correct, each) for each in series]
        spent = time.process_time() - began
        found[name] = {"results": results, "cpu_s_a_beat": spent / sum(map(len, series))}
    return {"corrections": found}


def _corrected(correct: Correct, series: Intervals) -> dict[str, Any]:
    try:
        flags, corrected = correct(series.copy())
    except FAILED as error:
        return {"error": f"{type(error).__name__}: {error}"}
    return {
        "flags": None if flags is None else [int(flag) for flag in flags],
        "series": [float(rr) for rr in corrected],
    }


def _plain(value: Any) -> Any:  # noqa: ANN401
    """The same with null for what is no number."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value


TASKS: Final[Mapping[str, Callable[[Peer, Mapping[str, Any]], dict[str, Any]]]] = {
    "speed": _speed,
    "values": _values,
    "correct": _correct,
    "versions": lambda _peer, _request: {},
}
