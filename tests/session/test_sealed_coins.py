"""A coin is sealed before its pair and never exchanged (RULINGS E12); verify says so where it is otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from biofeedback.recording.chain import Line
from biofeedback.recording.reader import StoredRecording, read_recording
from biofeedback.session.plan import demo_plan
from biofeedback.session.sealed_coins import coin_faults
from tests.session.sessions import SAFE_PLACE, run_session, simulated


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> StoredRecording:
    ran = run_session(tmp_path_factory.mktemp("coins"), simulated("sim:calm"), demo_plan(SAFE_PLACE))
    return read_recording(ran.path)


def faults(recording: StoredRecording, lines: Sequence[Line]) -> list[str]:
    return list(coin_faults(replace(recording, lines=tuple(lines))))


def split(recording: StoredRecording) -> tuple[list[Line], Line]:
    (commit,) = (line for line in recording.lines if line.kind == "commit")
    return [line for line in recording.lines if line is not commit], commit


def behind(lines: Sequence[Line], kind: str, *more: Line) -> list[Line]:
    place = next(number for number, line in enumerate(lines) if line.kind == kind)
    return [*lines[: place + 1], *more, *lines[place + 1 :]]


def test_e12_coins_of_a_session_are_in_order(recording: StoredRecording) -> None:
    assert faults(recording, recording.lines) == []


def test_e12_a_coin_that_is_sealed_after_it_was_opened_is_found(recording: StoredRecording) -> None:
    others, commit = split(recording)
    assert faults(recording, behind(others, "reveal", commit)) == [
        "the coin of pair 0 is not the one that was sealed",
        "the coin of pair 0 was sealed after the pair had begun",
    ]


def test_e12_a_coin_that_was_exchanged_is_found_but_for_a_session_gone_on_with(recording: StoredRecording) -> None:
    others, commit = split(recording)
    another = Line(commit.n, commit.t, "commit", {"pair": 0, "sha256": "0" * 64})
    resume = Line(commit.n, commit.t, "resume", {"torn_bytes": 0})
    exchanged = "the coin of pair 0 was exchanged"
    assert faults(recording, behind(others, "open", another, commit)) == [exchanged]
    assert faults(recording, behind(others, "open", another, resume, commit)) == []
