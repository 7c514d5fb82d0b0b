"""Builds the `open` event and the head of a recording: all that a session knows from outside (RULINGS A1)."""

from __future__ import annotations

import platform
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from json import dumps
from typing import Final, cast

import numpy as np

from biofeedback import __version__
from biofeedback.errors import ScriptError, UsageError
from biofeedback.events import Json, Open
from biofeedback.hrv import artefacts
from biofeedback.hrv.foreign import ForeignMetric
from biofeedback.hrv.registry import METRICS
from biofeedback.imagery.script import GROUNDING, Script, to_json
from biofeedback.recording.chain import LONGEST_PLAIN
from biofeedback.recording.codec import to_body
from biofeedback.recording.naming import SUFFIX
from biofeedback.recording.starts import UNKNOWN, Unknown, stamp_of, unknown_in
from biofeedback.session.engine import VERSION as ENGINE_VERSION
from biofeedback.session.plan import Plan
from biofeedback.session.scripts import Shelf
from biofeedback.session.wall import read_clocks, zone_name
from devices.clock import CLOCK_NAME, boot_id
from devices.events import StrapInfo

ALGORITHMS: Final[Mapping[str, int]] = {
    "engine": ENGINE_VERSION,
    "artefacts": artefacts.VERSION,
    **{name: metric.version for name, metric in METRICS.items()},
}
"""The rules by name and version; a recording names them so that it can be compared or scored again."""


@dataclass(frozen=True, slots=True)
class Began:
    """When a session began that does not begin now: its local time with its offset, and what of that is not known."""

    at: datetime
    unknown: Unknown | None = None


LONGEST_NAME: Final = 64
LARGEST_OPENING: Final = LONGEST_PLAIN - 1024


@dataclass(frozen=True, slots=True)
class Opening:
    """A session before its first moment."""

    session: str
    began: datetime
    head: Mapping[str, Json]
    event: Open
    metrics: tuple[ForeignMetric, ...] = ()
    """Those of plug-ins that a live window can hold."""

    @property
    def algorithms(self) -> list[dict[str, Json]]:
        """The rules of this session, as the `alg` lines of its recording."""
        ours: list[dict[str, Json]] = [{"a": f"{name}/{version}", "params": {}} for name, version in ALGORITHMS.items()]
        for each in self.metrics:
            plugin: dict[str, Json] = {"name": each.package, "version": each.package_version}
            ours.append({"a": f"{each.metric.name}/{each.metric.version}", "params": {"plugin": plugin}})
        return ours

    @property
    def file_name(self) -> str:
        """The recording's usual name: start in UTC (local, without Z, where no zone is known) and eight digits."""
        offset_s = int(cast("int", self.head["utc_off_s"]))
        stamp = stamp_of(int(cast("int", self.head["wall_ns"])), offset_s, unknown_in(self.head))
        return f"{stamp}_{self.session[:8]}{SUFFIX}"


def open_session(
    plan: Plan,
    info: StrapInfo,
    shelf: Shelf,
    *,
    person: str = "me",
    demo: bool = False,
    seeded: bool = False,
    saw_live: str | None = None,
    parent: Mapping[str, Json] | None = None,
    metrics: Sequence[ForeignMetric] = (),
    began: Began | None = None,
) -> Opening:
    """Everything the engine will know from outside. `began`: when it began, unless that is now.

    `seeded`: the coins come from the seed of a simulated person. `saw_live`: who sees the numbers beside the trainee.
    `metrics`: those of plug-ins; the ones that no live window can hold are left out.

    The only maker of `open`, so it is here that a script is refused that may not be started (ScriptError).
    """
    scripts = shelf.needed(_scripts_of(plan))
    for script in scripts:
        _check_may_start(script, plan)
    session, now = str(uuid.uuid4()), datetime.now(UTC)
    _check_name(person)
    event = Open(
        at=0,
        plan=plan.to_json(),
        scripts={script.id: to_json(script, shelf.hash_of(script)) for script in scripts},
        person={"name": person, **({"saw_live": saw_live} if saw_live else {})},
        source=asdict(info),
        demo=demo,
        coin_source="seed" if seeded else "secrets",
        parent=parent,
    )
    if len(dumps(to_body(event))) > LARGEST_OPENING:
        raise ScriptError("These scripts are too long for one session.", "Choose fewer, or shorten them.")
    live = tuple(each for each in metrics if each.metric.live_s is not None)
    head = _head(session, now, person, info) | ({} if began is None else _head_of(began))
    return Opening(session, now if began is None else began.at.astimezone(UTC), head, event, live)


def _check_name(person: str) -> None:
    if not person.isprintable() or not 0 < len(person) <= LONGEST_NAME:
        raise UsageError(f"{person!r} cannot be a person's name here.", f"Use up to {LONGEST_NAME} letters.")


def _check_may_start(script: Script, plan: Plan) -> None:
    if script.mode == "practitioner":
        raise ScriptError(f"'{script.id}' is for practitioners to lead.", "Choose another one to practise alone.")
    if script.missing_words:
        raise ScriptError(
            f"'{script.id}' has no word of yours for {script.missing_words[0]} yet.",
            "Fill it in under [user] in your copy of the script.",
        )
    if plan.name == "trial" and script.outcome == "after":
        raise ScriptError(f"'{script.id}' works afterwards, which a trial cannot measure yet.", "Practise it instead.")


def _scripts_of(plan: Plan) -> Sequence[str]:
    named = [id_ for pair in plan.pairs for id_ in (pair.visualization, pair.control)]
    return [*named, *([plan.script] if plan.script else []), GROUNDING]


def _head(session: str, began: datetime, person: str, info: StrapInfo) -> dict[str, Json]:
    clocks = read_clocks()
    return {
        "session": session,
        "wall_ns": clocks.wall_ns,
        "tz": zone_name() or began.astimezone().tzname() or "",
        "utc_off_s": clocks.utc_off_s,
        "mono_ns": clocks.mono_ns,
        "clock": CLOCK_NAME,
        "boot": boot_id(),
        "app": {"name": "biofeedback", "version": __version__},
        "host": _host(info),
        "subject": person,
    }


def _head_of(began: Began) -> dict[str, Json]:
    """What a head says of a time that is not now."""
    offset = began.at.utcoffset() or timedelta()
    wall_ns = (began.at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    told: dict[str, Json] = {
        "wall_ns": wall_ns,
        "tz": began.at.tzname() or "",
        "utc_off_s": int(offset.total_seconds()),
    }
    return told if began.unknown is None else {**told, UNKNOWN: began.unknown}


def _host(info: StrapInfo) -> dict[str, Json]:
    """What the last bits of a number may hang on (RULINGS A6), and what spoke with the strap."""
    host: dict[str, Json] = {
        "os": platform.system(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "numpy": np.__version__,
        "cpu": [*_cpu_features()],
    }
    if info.kind == "strap":
        from importlib.metadata import PackageNotFoundError, version

        with suppress(PackageNotFoundError):
            host["bleak"] = version("bleak")
    return host


def _cpu_features() -> Sequence[str]:
    """The features of this processor that numpy makes use of; those switched off are not among them."""
    try:
        known = cast("Mapping[str, Sequence[str]]", np.show_config(mode="dicts")["SIMD Extensions"])
        return [name for part in ("baseline", "found") for name in known.get(part, ())]
    except (AttributeError, KeyError, TypeError):
        return []
