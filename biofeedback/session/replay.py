"""A recording through the same engine again: to watch it, and to compare every number (RULINGS A6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from json import dumps
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

from biofeedback.events import Epoch, Event, Hrv, Input, Json
from biofeedback.hrv.foreign import ForeignMetric
from biofeedback.recording.chain import Line
from biofeedback.recording.codec import EVENT_KINDS, INPUT_KINDS, kind_of, to_body
from biofeedback.recording.naming import PART
from biofeedback.recording.reader import StoredRecording, read_recording, removed_from
from biofeedback.recording.rewriting import LINES_LOST
from biofeedback.recording.sealing import Keys
from biofeedback.session.guarded import ENGINE_FAILED, GuardedEngine
from biofeedback.session.loop import METRIC_FAILED
from biofeedback.session.opening import ALGORITHMS
from biofeedback.session.sealed_coins import coin_faults


Output: TypeAlias = tuple[int, str, Mapping[str, Any]]
"""An output's time in microseconds, kind and body."""

OUTPUT_KINDS: Final = EVENT_KINDS - INPUT_KINDS
"""Kinds of a later version are neither: they are passed over."""
UNDERLYING: Final = frozenset({"engine", "artefacts"})
"""When one of these has another version, every output may differ and none is compared."""


@dataclass(frozen=True, slots=True)
class Plugged:
    """The metrics of plug-ins that a recording names: those that are installed now, and what is not, "NAME/VERSION"."""

    metrics: tuple[ForeignMetric, ...]
    missing: Mapping[str, str]
    """By the metric's name; it is missing too when its version is another one."""


def plugged(recording: StoredRecording) -> Plugged:
    """Find the metrics of plug-ins that a recording names; nothing is looked for when it names none."""
    named = dict(_foreign_rules(recording))
    if not named:
        return Plugged((), {})
    from biofeedback.session.plugins import metric_plugins

    found: list[ForeignMetric] = []
    missing: dict[str, str] = {}
    here = {each.metric.name: each for each in metric_plugins().metrics}
    for name, (rule, plugin) in named.items():
        each = here.get(name)
        if each is not None and each.package == plugin.get("name"):
            found.append(each)
        if each not in found or rule != f"{name}/{each.metric.version}":
            missing[name] = f"{rule} of {plugin.get('name')} {plugin.get('version')}"
    return Plugged(tuple(found), missing)


def _foreign_rules(recording: StoredRecording) -> Iterator[tuple[str, tuple[str, Mapping[str, Any]]]]:
    """The `alg` lines that name a plug-in: by the metric's name the rule, "NAME/VERSION", and the package."""
    for line in recording.lines:
        params = line.body.get("params") if line.kind == "alg" else None
        plugin = cast("Mapping[str, Any]", params).get("plugin") if isinstance(params, Mapping) else None
        if isinstance(plugin, Mapping):
            rule = str(line.body["a"])
            yield rule.partition("/")[0], (rule, cast("Mapping[str, Any]", plugin))


def refold(recording: StoredRecording, engine: GuardedEngine | None = None) -> Iterator[Event]:
    """The recorded inputs and what the engine of this version says to them, in the order of a live session.

    Where it failed then it fails now, unless it has been mended; `engine`, when given, tells afterwards. Metrics of
    plug-ins are those that the session had, as far as they are installed now.
    """
    engine = engine or GuardedEngine(plugged(recording).metrics)
    last_t = 0
    for line, event in recording.timed_events(INPUT_KINDS):
        yield from engine.advance(line.t)
        yield event
        yield from engine.feed(cast(Input, event))
    last_t = max((line.t for line in recording.event_lines), default=last_t)
    yield from engine.advance(last_t)


def other_rules(recording: StoredRecording) -> tuple[str, ...]:
    """The rules that made its stored numbers and are not here in that version, "NAME/VERSION", with their package."""
    return tuple(_stale(recording, plugged(recording)).values())


@dataclass(frozen=True, slots=True)
class Verification:
    """What a comparison of a recording with its recomputation found."""

    file: str
    events: int
    outputs: int
    """All that are stored and can be read."""
    compared: int
    rescored: tuple[str, ...]
    differences: int
    exact: bool
    """All of them were compared, there are some, and every one was equal to the bit."""
    intact: bool
    first_difference: str | None
    damage: str | None
    finished: bool | None
    """Whether it has its end; None: that cannot be seen, as it is encrypted."""
    failed: str | None = None
    """What the engine failed with in the session, None when it did not."""
    fails_now: bool = False
    locked: bool = False
    """It is encrypted, and its numbers were not compared."""
    removed: tuple[str, ...] = ()
    """What was deleted from it when a consent was withdrawn: outputs of these kinds are not compared (RULINGS C4)."""
    host: str = ""
    """Where it was recorded, in words."""
    bits: bool = False
    """What was compared was equal to the bit, even if that was not all."""
    lost: int | None = 0
    """How many lines a repaired copy lacks, None when that is not known; what follows the first is not compared."""

    @property
    def complete(self) -> bool:
        """Whether all that was ever stored is there and was compared."""
        mended = self.failed is not None and not self.fails_now
        whole = self.intact and not self.locked and not mended and self.lost == 0
        return whole and self.compared == self.outputs

    def to_json(self) -> dict[str, Json]:
        """The object of the command line contract."""
        return {
            "file": self.file,
            "events": self.events,
            "outputs": self.outputs,
            "compared": self.compared,
            "rescored": list(self.rescored),
            "differences": self.differences,
            "exact": self.exact,
            "intact": self.intact,
            "first_difference": self.first_difference,
            "damage": self.damage,
            "finished": self.finished,
            "failed": self.failed,
            "fails_now": self.fails_now,
            "locked": self.locked,
            "removed": list(self.removed),
            "lost_lines": self.lost,
        }


@dataclass(frozen=True, slots=True)
class Checked:
    """A verification with what it was made from: the recording as read, and the `Hrv` and `Epoch` of now."""

    found: Verification
    recording: StoredRecording
    again: tuple[Epoch | Hrv, ...] = ()


def verify(path: Path, keys: Keys | None = None) -> Verification:
    """Recompute a recording and compare everything stored. Raises UnreadableError when it is not a recording.

    Of an encrypted one without `keys` only chain and seals are checked: it is `locked` then (RULINGS C5).
    """
    return check(path, keys).found


def check(path: Path, keys: Keys | None = None) -> Checked:
    """The same, and what came out of the recomputation. Raises UnreadableError when it is not a recording."""
    recording = read_recording(path, keys)
    if recording.locked:
        return Checked(_locked(path, recording), recording)
    engine = GuardedEngine(plugged(recording).metrics)
    again, scored = list[Output](), list[Epoch | Hrv]()
    for event in refold(recording, engine):
        if (kind := kind_of(event)) in OUTPUT_KINDS:
            again.append((event.at, kind, to_body(event)))
        if isinstance(event, (Epoch, Hrv)):
            scored.append(event)
    return Checked(_verification(recording, engine, again), recording, tuple(scored))


def _verification(recording: StoredRecording, engine: GuardedEngine, again: Sequence[Output]) -> Verification:
    """The stored outputs against those that came `again`."""
    removed, stale = removed_from(recording.head), _stale(recording, plugged(recording))
    counted = OUTPUT_KINDS.difference(removed)
    stored = [(line.t, line.kind, line.body) for line in recording.event_lines if line.kind in counted]
    failed = _failure_of(recording)
    mended = failed is not None and engine.error is None
    end = _comparable_outputs(recording, stored, mended=mended)
    all_there = recording.damage is None and end is None
    comparison = _Comparison(frozenset(stale))
    comparison.check_coins(recording)
    if not stale.keys() & UNDERLYING:
        now = [out for out in again if out[1] in counted]
        comparison.run(stored[:end], now[:end], whole=recording.finished and all_there)
    return Verification(
        file=str(recording.path),
        events=sum(1 for _ in recording.event_lines),
        outputs=len(stored) + sum(1 for line in recording.beyond if line.kind in counted),
        compared=comparison.compared,
        rescored=tuple(stale.values()),
        differences=comparison.differences,
        exact=comparison.exact and comparison.compared > 0 and all_there and not stale,
        intact=recording.damage is None,
        first_difference=comparison.first,
        damage=recording.damage,
        finished=recording.finished,
        failed=failed,
        fails_now=engine.error is not None,
        removed=removed,
        host=_host_of(recording),
        bits=comparison.exact and comparison.compared > 0,
        lost=_lost_lines(recording),
    )


def _comparable_outputs(recording: StoredRecording, stored: Sequence[Output], *, mended: bool) -> int | None:
    """How many outputs from the first on can be compared, None for all of them.

    Behind what was lost from a repaired copy nothing can; nor behind a failure of the engine that is `mended` since.
    """
    ends = [place_of_hole(recording), _place_of_failure(stored) if mended else None]
    return min((end for end in ends if end is not None), default=None)


def _locked(path: Path, recording: StoredRecording) -> Verification:
    """What can be said without a key."""
    return Verification(
        file=str(path),
        events=0,
        outputs=0,
        compared=0,
        rescored=(),
        differences=0,
        exact=False,
        intact=recording.damage is None,
        first_difference=None,
        damage=recording.damage,
        finished=False if path.name.endswith(PART) else None,
        locked=True,
    )


def _host_of(recording: StoredRecording) -> str:
    """The computer and the libraries that made the numbers."""
    told = recording.head.get("host")
    host: Mapping[str, object] = cast("Mapping[str, object]", told) if isinstance(told, Mapping) else {}
    words = " ".join(str(host[key]) for key in ("os", "machine") if key in host)
    with_ = [f"{name} {host[key]}" for key, name in (("python", "Python"), ("numpy", "numpy")) if key in host]
    return ", ".join(part for part in (words, *with_) if part)


def _stale(recording: StoredRecording, foreign: Plugged) -> dict[str, str]:
    """The rules of a recording that are not here, or in another version: by name, as they are to be told."""
    here = {each.metric.name for each in foreign.metrics}
    ours = {name: v for name, v in recording.algorithms.items() if name not in here and name not in foreign.missing}
    return {
        **{name: f"{name}/{version}" for name, version in ours.items() if ALGORITHMS.get(name) != version},
        **foreign.missing,
    }


def _failure_of(recording: StoredRecording) -> str | None:
    """What the engine failed with, as the recording says it."""
    failures = (line.body for line in recording.lines if line.kind == "err" and line.body.get("code") == ENGINE_FAILED)
    return next((f"{body.get('error')}" for body in failures), None)


def _place_of_failure(stored: Sequence[tuple[int, str, Mapping[str, Any]]]) -> int:
    """How many outputs came before the failure."""
    told = (number for number, (_, _, body) in enumerate(stored) if body.get("code") == ENGINE_FAILED)
    return next(told, len(stored))


def place_of_hole(recording: StoredRecording) -> int | None:
    """How many outputs a repaired copy has before the first lines that it lacks; None when it lacks none."""
    outputs = 0
    for line in recording.lines:
        if _is_hole(line):
            return outputs
        outputs += line.kind in OUTPUT_KINDS
    return None


def _lost_lines(recording: StoredRecording) -> int | None:
    """How many lines a repaired copy lacks, as it says itself."""
    holes = [line.body.get("lines") for line in recording.lines if _is_hole(line)]
    return None if not all(isinstance(lines, int) for lines in holes) else sum(cast("list[int]", holes))


def _is_hole(line: Line) -> bool:
    return line.kind == "err" and line.body.get("code") == LINES_LOST


class _Comparison:
    """Stored outputs against recomputed ones: kinds and order equal, numbers within 1e-9, `exact` to the bit."""

    def __init__(self, stale_metrics: frozenset[str]) -> None:
        """`stale_metrics` were made by another version of their rule and are left out."""
        self._stale = stale_metrics
        self.compared = 0
        self.differences = 0
        self.exact = True
        self.first: str | None = None

    def run(
        self,
        stored: Sequence[Output],
        again: Sequence[Output],
        *,
        whole: bool,
    ) -> None:
        """Compare in order; what an unfinished file does not hold any more is no difference."""
        odd = self._odd_failures(stored, again)
        stored, again = (
            [out for out in stored if self._counts(out, odd)],
            [out for out in again if self._counts(out, odd)],
        )
        for number, (old, new) in enumerate(zip(stored, again, strict=False)):
            self.compared += 1
            before, now = self._comparable(old[2]), self._comparable(new[2])
            if old[:2] == new[:2] and _canonical(before) == _canonical(now):
                continue
            self.exact = False
            if not (old[:2] == new[:2] and _close(before, now)):
                self._differs(f"output {number}: {old[1]} at {old[0] / 1e6:.3f} s, {_now(old, new, before, now)}")
        missing = len(stored) - len(again)
        if missing > 0 or (whole and missing):
            self.exact = False
            self._differs(f"{len(stored)} outputs are stored, {len(again)} come out now", abs(missing))

    def check_coins(self, recording: StoredRecording) -> None:
        """Every coin that was opened must be the one that was sealed before (RULINGS E12).

        What lines that a repaired copy lacks had to say of coins is not known, so it counts up to there only.
        """
        hole = next((place for place, line in enumerate(recording.lines) if _is_hole(line)), None)
        for fault in coin_faults(replace(recording, lines=recording.lines[:hole])):
            self.exact = False
            self._differs(fault)

    def _comparable(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """The body without the values of metrics that another version made."""
        if not self._stale or "values" not in body:
            return body
        kept = {key: _without(body[key], self._stale) for key in ("values", "reasons")}
        return {**body, **kept}

    def _odd_failures(self, stored: Sequence[Output], again: Sequence[Output]) -> frozenset[str]:
        """Notices that a metric failed only then, or only now: a difference each, and no shift of all that follows."""
        then, now = (
            {str(body.get("text")): None for _, _, body in outs if body.get("code") == METRIC_FAILED}
            for outs in (stored, again)
        )
        odd = [(text, "only then") for text in then if text not in now]
        odd += [(text, "only now") for text in now if text not in then]
        for text, when in odd:
            if not self._is_of_stale(text):
                self.exact = False
                self._differs(f"{when}: {text}")
        return frozenset(text for text, _ in odd)

    def _counts(self, out: Output, odd: frozenset[str]) -> bool:
        """Whether an output is compared: not the notice that a metric failed which is not here as it was."""
        text = str(out[2].get("text"))
        return out[2].get("code") != METRIC_FAILED or not (text in odd or self._is_of_stale(text))

    def _is_of_stale(self, text: str) -> bool:
        return any(text.startswith(f"The metric '{name}' ") for name in self._stale)

    def _differs(self, what: str, count: int = 1) -> None:
        self.differences += count
        self.first = self.first or what


def _now(old: Output, new: Output, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What stands in the place of an output: another one, or the first of its keys that differs."""
    if old[:2] != new[:2]:
        return f"now {new[1]} at {new[0] / 1e6:.3f} s"
    return _first_key(before, now)


def _first_key(left: Mapping[str, object], right: Mapping[str, object], within: str = "") -> str:
    key = next(key for key in (*left, *right) if not _close(left.get(key, _ABSENT), right.get(key, _ABSENT)))
    was, now = left.get(key, _ABSENT), right.get(key, _ABSENT)
    told = f"{within}{key} was {_short(was)}, now {_short(now)}"
    if isinstance(was, Mapping) and isinstance(now, Mapping):
        return _first_key(cast("Mapping[str, object]", was), cast("Mapping[str, object]", now), f"{within}{key}.")
    return told


_ABSENT: Final = "absent"


def _short(value: object) -> str:
    words = dumps(value, ensure_ascii=False)
    return words if len(words) <= 60 else words[:59] + "…"


def _without(values: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name not in names}


def _canonical(body: Mapping[str, Any]) -> str:
    return dumps(body, sort_keys=True, ensure_ascii=False)


def _close(old: object, new: object) -> bool:
    """Equal, numbers within 1e-9 relative."""
    if isinstance(old, float) or isinstance(new, float):
        if not isinstance(old, int | float) or not isinstance(new, int | float):
            return False
        return abs(old - new) <= 1e-9 * max(abs(old), abs(new))
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        left, right = cast("Mapping[str, object]", old), cast("Mapping[str, object]", new)
        return left.keys() == right.keys() and all(_close(left[key], right[key]) for key in left)
    if isinstance(old, list) and isinstance(new, list):
        first, second = cast("list[object]", old), cast("list[object]", new)
        return len(first) == len(second) and all(map(_close, first, second))
    return bool(old == new)
