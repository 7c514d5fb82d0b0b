"""Doors for other people's packages: entry points in the groups `biofeedback.sources` and `biofeedback.metrics`.

A source's entry point is named by its kind, as in "mydevice:NAME?key=value"; it holds a function from a
`devices.source.SourceSpec` to a `devices.source.Source` (docs/adding_a_device.md). A metric's is named as the metric
and holds a `biofeedback.hrv.registry.Metric`, or what makes one when it is called (docs/adding_a_metric.md).

Sources are looked for when somebody names a kind that is not ours, or wants a list, and no source's code runs until
it is named. Metrics are loaded by every session and every analysis. What opens a source is imported inside functions:
a list in a help text is quick.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import EntryPoint
from inspect import iscoroutine
from typing import TYPE_CHECKING, Final, cast

from biofeedback.entry_points import Registered, complaint, entries_of, loaded, plugin_of, registered
from devices.events import Plugin, StrapInfo

if TYPE_CHECKING:
    from biofeedback.hrv.foreign import ForeignMetric
    from biofeedback.session.door import Door
    from devices.source import Source, SourceSpec

SOURCES: Final = "biofeedback.sources"
METRICS: Final = "biofeedback.metrics"
OURS: Final = frozenset({"strap", "sim", "file"})
"""Kinds of the program itself, which nobody else can take."""
KIND: Final = re.compile(r"[a-z][a-z0-9_-]{1,31}\Z")
"""What a kind may be called. One letter is none, so that C:\\rest.txt is not taken for one."""


def source_plugins() -> tuple[Registered, ...]:
    """All that are installed, by kind; none of their code runs."""
    return registered(SOURCES, _kind_fault, ":")


def opener_of(found: Registered) -> Callable[[SourceSpec], Source]:
    """Import a kind of source. Raises SourceFailedError when it cannot be used."""
    from biofeedback.session.door import failure_of

    info = _unopened(found)
    if found.trouble:
        raise failure_of(info, None, found.trouble, advice="")
    try:
        opener = loaded(found.entry)
    except (Exception, SystemExit) as error:
        raise failure_of(info, None, f"it cannot be imported: {complaint(error)}", advice="") from error
    if not callable(opener):
        raise failure_of(info, None, f"{found.entry.value} is nothing that can be called", advice="")
    return cast("Callable[[SourceSpec], Source]", opener)


def open_plugin(spec: SourceSpec) -> Door | None:
    """The source of a kind that is not ours, not yet entered; None when no plug-in has this kind.

    Raises SourceFailedError when the plug-in fails, SourceSpecError when it does not understand the words.
    """
    from biofeedback.session.door import Door, failure_of
    from devices.checking import info_fault
    from devices.errors import BluetoothError, SourceSpecError

    found = next((each for each in source_plugins() if each.name == spec.kind), None)
    if found is None:
        return None
    opener = opener_of(found)
    unopened = replace(_unopened(found), spec=spec.text)
    try:
        with redirect_stdout(sys.stderr):
            source = opener(spec)
        if iscoroutine(source):
            source.close()  # its opener is async; that it is no source is told below, without a warning besides
        info = source.info
    except (SourceSpecError, BluetoothError):
        raise
    except (Exception, SystemExit) as error:
        raise failure_of(unopened, error, advice="") from error
    fault = info_fault(info)
    if fault is not None:
        raise failure_of(unopened, None, fault, advice="")
    return Door(source, replace(info, spec=spec.text, plugin=found.plugin))


def described() -> list[str]:
    """A line for each installed source."""
    return [each.described for each in source_plugins()]


@dataclass(frozen=True, slots=True)
class RefusedMetric:
    """A registered metric that cannot be used. `why` ends the sentence "the metric 'x' of package 1.0 failed: ..."."""

    name: str
    plugin: Plugin
    why: str
    error: BaseException | None = None

    @property
    def words(self) -> str:
        """Which metric it is, whose, and why it cannot be used."""
        return f"the metric '{self.name}' of {self.plugin.name} {self.plugin.version} failed: {self.why}"


@dataclass(frozen=True, slots=True)
class MetricPlugins:
    """What is installed: metrics by name that can be used, and those that cannot."""

    metrics: tuple[ForeignMetric, ...] = ()
    refused: tuple[RefusedMetric, ...] = ()


def metric_plugins() -> MetricPlugins:
    """All metrics that are installed, loaded once for a path to look for packages on."""
    return _metric_plugins(tuple(sys.path))


@lru_cache(maxsize=4)
def _metric_plugins(_path: tuple[str, ...]) -> MetricPlugins:
    metrics: list[ForeignMetric] = []
    refused: list[RefusedMetric] = []
    entries = entries_of(METRICS)
    names = [entry.name for entry in entries]
    for entry in entries:
        found = _metric(entry, names)
        if isinstance(found, RefusedMetric):
            refused.append(found)
        else:
            metrics.append(found)
    return MetricPlugins(tuple(metrics), tuple(refused))


def _metric(entry: EntryPoint, names: Sequence[str]) -> ForeignMetric | RefusedMetric:
    """The metric behind an entry point, or why it is none."""
    from biofeedback.hrv.foreign import ForeignMetric, metric_fault, name_fault
    from biofeedback.hrv.registry import Metric

    name, plugin = entry.name, plugin_of(entry)
    several = f"several packages claim '{name}'" if names.count(name) > 1 else None
    if (trouble := name_fault(name) or several) is not None:
        return RefusedMetric(name, plugin, trouble)
    try:
        found = loaded(entry)
        if not isinstance(found, Metric) and callable(found):
            with redirect_stdout(sys.stderr):
                found = found()
        fault = metric_fault(found, name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it is somebody else's code
        return RefusedMetric(name, plugin, f"it cannot be imported: {complaint(error)}", error)
    if fault is not None:
        return RefusedMetric(name, plugin, fault)
    return ForeignMetric(cast("Metric", found), plugin.name, plugin.version)


def _kind_fault(kind: str) -> str | None:
    if kind in OURS:
        return f"'{kind}:' is a kind of source of the program itself"
    return None if KIND.match(kind) else f"'{kind}' cannot be a kind of source: it takes small letters, digits, - and _"


def _unopened(found: Registered) -> StrapInfo:
    return StrapInfo(name=found.name, kind="strap", spec=f"{found.name}:", plugin=found.plugin)
