"""The engine fails in a session (fault 37): the recording goes on, it is told once, and the session can be ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from biofeedback.events import (
    CommandName,
    End,
    Event,
    Hrv,
    Input,
    Mark,
    Notice,
    Output,
    Pacer,
    Packet,
    Phase,
    Safety,
)
from biofeedback.hrv.registry import METRICS, Metric
from biofeedback.hrv.window import BeatWindow, NotYet
from biofeedback.recording.codec import INPUT_KINDS
from biofeedback.recording.reader import read_recording
from biofeedback.session.engine import Engine
from biofeedback.session.guarded import FAILED
from biofeedback.session.plan import free_plan, practice_plan, trial_plan
from biofeedback.session.replay import refold, verify
from biofeedback.session.timeline import Timeline
from tests.session.sessions import SAFE_PLACE, Ran, at, heart, replayed, run_session, steady

S = 1_000_000


@pytest.fixture
def estimator_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """RMSSD divides by nought once there are more than 60 beats in its window."""
    metric = METRICS["rmssd_ms"]

    def compute(window: BeatWindow) -> float | NotYet | None:
        return 1 / 0 if len(window.ticks) > 60 else metric.compute(window)

    monkeypatch.setitem(cast(dict[str, Metric], METRICS), metric.name, replace(metric, compute=compute))


def kept_packets(ran: Ran) -> int:
    return sum(line.kind == "packet" for line in read_recording(ran.path).lines)


@pytest.mark.fault(37, "unit")
def test_case_37_an_estimator_that_fails_is_told_once_and_every_packet_is_recorded(
    tmp_path: Path, estimator_fails: None
) -> None:
    ran = run_session(tmp_path, replayed(heart(steady(66), 300)), free_plan(None), [at(200, "mark", "still here")])
    told = [notice for notice in ran.of(Notice) if notice.code == "engine_failed"]
    assert [notice.text for notice in told] == [FAILED]
    assert kept_packets(ran) == len(ran.of(Packet)) == 300
    assert [mark.text for mark in ran.of(Mark)] == ["still here"]
    assert max(hrv.at for hrv in ran.of(Hrv)) <= told[0].at
    assert ran.events[-1] == End(300 * S, "the source has no more beats", 300.0, ran.of(End)[0].beats)
    (error,) = [line for line in read_recording(ran.path).lines if line.kind == "err"]
    assert error.body["error"] == "ZeroDivisionError: division by zero"
    assert all("/" not in place and "\\" not in place for place in error.body["trace"])
    assert "compute" in error.body["trace"][-1]


@pytest.mark.parametrize("what", ["end", "stop"])
def test_case_37_the_session_ends_when_the_person_says_so(
    tmp_path: Path, estimator_fails: None, what: CommandName
) -> None:
    ran = run_session(tmp_path, replayed(heart(steady(66), 900)), trial_plan((SAFE_PLACE,)), [at(150, what)])
    assert (ran.of(End)[0].at, ran.path.name[-6:]) == (150 * S, ".jsonl")
    assert not [pacer for pacer in ran.of(Pacer)[-1:] if pacer.rate is not None]


def test_case_37_something_strong_is_answered_still(tmp_path: Path, estimator_fails: None) -> None:
    ran = run_session(tmp_path, replayed(heart(steady(66), 200)), free_plan(None), [at(150, "strong")])
    assert [(safety.tier, safety.on) for safety in ran.of(Safety)] == [("red", True)]


def test_case_37_a_session_nobody_ends_is_over_once_its_plan_must_be(tmp_path: Path, estimator_fails: None) -> None:
    ran = run_session(tmp_path, replayed(heart(steady(66), 3000)), practice_plan("safe_place", 2))
    assert ran.of(End)[0].why == "the program failed"
    assert 500 * S < ran.of(End)[0].at < 1000 * S


def test_case_37_verify_meets_the_failure_where_it_was(tmp_path: Path, estimator_fails: None) -> None:
    ran = run_session(tmp_path, replayed(heart(steady(66), 300)), free_plan(None))
    found = verify(ran.path)
    assert (found.intact, found.finished, found.exact, found.differences) == (True, True, True, 0)
    assert (found.failed, found.fails_now) == ("ZeroDivisionError: division by zero", True)


def test_case_37_verify_of_a_failure_that_was_mended_compares_what_came_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Timeline.next
    monkeypatch.setattr(Timeline, "next", lambda self, at_us: 1 / 0 if at_us > 100 * S else real(self, at_us))
    ran = run_session(tmp_path, replayed(heart(steady(66), 300)), trial_plan((SAFE_PLACE,)))
    told = next(notice for notice in ran.of(Notice) if notice.code == "engine_failed")
    assert told.at == next(phase for phase in ran.of(Phase) if phase.name == "ramp").at + round(67.432812 * S)
    monkeypatch.undo()
    found = verify(ran.path)
    assert (found.intact, found.differences, found.exact) == (True, 0, False)
    assert (found.failed, found.fails_now) == ("ZeroDivisionError: division by zero", False)
    assert found.compared > 100


def test_case_37_what_was_due_before_a_failure_is_done_and_comes_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a replay all of a second is due at once; the part that did not fail must not get lost there."""
    real = Engine._measure

    def fails(self: Engine, at_us: int) -> Sequence[Output]:
        if self._timeline.current is not None and self._timeline.current.name == "close":
            raise RuntimeError("no more")
        return real(self, at_us)

    monkeypatch.setattr(Engine, "_measure", fails)
    ran = run_session(tmp_path, replayed(heart(steady(66), 900)), trial_plan((SAFE_PLACE,)))
    assert [phase.on for phase in ran.of(Phase) if phase.name == "close"] == [True]
    found = verify(ran.path)
    assert (found.exact, found.differences, found.fails_now) == (True, 0, True)


def test_an_engine_that_does_not_fail_is_the_engine(tmp_path: Path) -> None:
    ran = run_session(tmp_path, replayed(heart(steady(66), 700)), trial_plan((SAFE_PLACE,)))
    recording, engine, bare = read_recording(ran.path), Engine(), list[Event]()
    for line, event in recording.timed_events(INPUT_KINDS):
        bare += [*engine.advance(line.t), event, *engine.feed(cast("Input", event))]
    assert list(refold(recording))[: len(bare)] == bare
