"""Scoring a recording again keeps what was stored beside what comes out now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from biofeedback.events import Epoch, Event, Hrv, Phase
from biofeedback.hrv.registry import METRICS
from biofeedback.recording.chain import Line
from biofeedback.recording.reader import StoredRecording, read_recording
from biofeedback.recording.repair import repair
from biofeedback.session.guarded import GuardedEngine
from biofeedback.session.opening import ALGORITHMS
from biofeedback.session.plan import demo_plan
from biofeedback.session.rescoring import LEVEL, phase_values
from biofeedback.session.replay import check, refold
from biofeedback.session.scoring import score
from tests.recording.test_repair import spoiled
from tests.session.sessions import SAFE_PLACE, Ran, run_session, simulated
from tests.session.test_replay import rewritten


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A trial in small."""
    return run_session(tmp_path_factory.mktemp("trial"), simulated("sim:tense?seed=5"), demo_plan(SAFE_PLACE))


def test_with_the_same_rules_both_values_are_equal_to_the_bit(trial: Ran) -> None:
    rows = phase_values(read_recording(trial.path))
    assert {row.phase for row in rows} == set(range(7))
    assert {row.metric for row in rows} == {LEVEL, *METRICS}
    assert all(row.stored == row.now and row.stored_rule == row.now_rule for row in rows)
    assert sum(row.stored is not None for row in rows) > 60
    beneath = f"artefacts/{ALGORITHMS['artefacts']} engine/{ALGORITHMS['engine']}"
    for row in rows:
        own = "" if row.metric == LEVEL else f"{row.metric}/{ALGORITHMS[row.metric]} "
        assert row.stored_rule == own + beneath


def test_a_value_is_the_last_that_was_on_the_screen_in_that_part(trial: Ran) -> None:
    rows = {(row.phase, row.metric): row.stored for row in phase_values(read_recording(trial.path))}
    ends = {phase.index: phase.at for phase in trial.of(Phase) if not phase.on}
    for index, end in ends.items():
        last = [hrv for hrv in trial.of(Hrv) if hrv.at < end][-1]
        assert {metric: rows[index, metric] for metric in last.values} == dict(last.values)
    levels = [value for (_, metric), value in rows.items() if metric == LEVEL]
    assert levels == [epoch.y for epoch in trial.of(Epoch)]
    names = {row.phase: row.name for row in phase_values(read_recording(trial.path)) if row.metric == LEVEL}
    assert list(names.values()) == [epoch.label for epoch in trial.of(Epoch)]


def test_a_newer_rule_gives_a_second_value_and_the_first_stays(trial: Ran) -> None:
    """The session as an older program would have made it: its RMSSD was twice as large."""

    def older(line: Line, body: dict[str, Any]) -> None:
        if line.kind == "alg" and body["a"] == "rmssd_ms/1":
            body["a"] = "rmssd_ms/0"
        if line.kind == "hrv" and body["values"]["rmssd_ms"] is not None:
            body["values"] = {**body["values"], "rmssd_ms": 2 * body["values"]["rmssd_ms"]}

    today = phase_values(read_recording(trial.path))
    rows = phase_values(read_recording(rewritten(trial.path, older)))
    for then, now in zip(today, rows, strict=True):
        if then.metric != "rmssd_ms":
            assert now == then
            continue
        rule = then.now_rule.replace("rmssd_ms/1", "rmssd_ms/0")
        assert now == replace(then, stored=None if then.stored is None else 2 * then.stored, stored_rule=rule)


def test_a_metric_that_is_not_here_any_more_has_no_value_now(trial: Ran) -> None:
    def other(line: Line, body: dict[str, Any]) -> None:
        if line.kind == "alg" and body["a"] == "sampen/1":
            body["a"] = "entropy/7"
        if line.kind == "hrv":
            body["values"] = {("entropy" if name == "sampen" else name): v for name, v in body["values"].items()}

    rows = phase_values(read_recording(rewritten(trial.path, other)))
    gone = [row for row in rows if row.metric == "entropy"]
    new = [row for row in rows if row.metric == "sampen"]
    assert {(row.now, row.now_rule) for row in gone} == {(None, "")}
    assert {(row.stored, row.stored_rule) for row in new} == {(None, "")}
    assert [row.stored for row in gone] == [row.now for row in new]
    assert all(row.stored_rule.startswith("entropy/7 ") for row in gone)


@pytest.mark.slow
def test_what_verify_worked_out_needs_not_be_worked_out_again(
    trial: Ran, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a damaged copy too, whose stored values are not all those that come out now."""
    path = tmp_path / trial.path.name
    path.write_bytes(trial.path.read_bytes())
    damaged = next(line.n for line in read_recording(path).lines if line.kind == "packet" and line.t > 100_000_000)
    copy = repair(spoiled(path, damaged))
    expected = {each: phase_values(read_recording(each)) for each in (trial.path, copy)}
    assert any(row.stored != row.now for row in expected[copy])
    folds = list[StoredRecording]()

    def counted(recording: StoredRecording, engine: GuardedEngine | None = None) -> Iterator[Event]:
        folds.append(recording)
        return refold(recording, engine)

    for module in ("replay", "rescoring"):
        monkeypatch.setattr(f"biofeedback.session.{module}.refold", counted)
    for each, rows in expected.items():
        checked = check(each)
        assert phase_values(checked.recording, checked.again) == rows
        _, scored = score(each)
        assert [row[:4] for row in scored.metrics] == [(row.metric, row.phase, row.name, row.stored) for row in rows]
        assert [row[5] for row in scored.metrics] == [row.now for row in rows]
    assert len(folds) == 2 * len(expected)


def test_a_recording_without_a_part_has_no_values(trial: Ran, tmp_path: Path) -> None:
    part = tmp_path / "short.session.jsonl.part"
    part.write_bytes(trial.path.read_bytes()[:9_000])
    assert phase_values(read_recording(part)) == ()
