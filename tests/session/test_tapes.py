"""What is replayed: a recording as it is stored or computed anew, and a file of intervals as the session it is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from biofeedback.events import Beat, End, Event, Hrv, Open
from biofeedback.recording.chain import Line
from biofeedback.recording.codec import to_object
from biofeedback.recording.reader import StoredRecording, read_recording
from biofeedback.formats.reading import Choices
from biofeedback.session.foreign_files import foreign_at
from biofeedback.session.clock import JumpingClock
from biofeedback.session.loop import SessionLoop
from biofeedback.session.opening import open_session
from biofeedback.session.plan import free_plan
from biofeedback.session.plugins import MetricPlugins
from biofeedback.session.scripts import shipped
from biofeedback.session.sources import file_source
from biofeedback.session.tapes import ANEW, foreign_tape, recorded_tape
from tests.real import needs_data, plain_ms
from tests.session.sessions import run_session, simulated


IN_MS: Final = Choices(unit="ms")
"""What is far from the others would be asked about otherwise."""


def session_of(path: Path) -> list[Event]:
    """The free session that is run over a file of intervals, without a recording."""
    source, events = file_source(path, "ms"), list[Event]()
    opening = open_session(free_plan(None), source.info, shipped())
    asyncio.run(SessionLoop(source, JumpingClock(), opening, (), None, events.extend).run())
    return events


def objects(events: Sequence[Event]) -> list[object]:
    return [to_object(event) for event in events if not isinstance(event, Open)]


@pytest.mark.parametrize(
    "text", ["800\n" * 90, "1000\n0\n1000\n" * 40, "600\n" * 30 + "70000\n" + "600\n" * 30, "900\n" * 3]
)
def test_intervals_give_what_a_session_over_their_file_gives(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rr.txt"
    path.write_text(text)
    tape = foreign_tape(foreign_at(path, IN_MS), shipped(), MetricPlugins())
    events = list(tape.events)
    assert objects(events) == objects(session_of(path))
    assert tape.length_us == events[-1].at


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("name", ["rr_h10_cardiolab/orthostatic_2026-05-17.txt", "rr_rest_rhenan/rest_rri.txt"])
def test_so_do_those_of_real_hearts(tmp_path: Path, name: str) -> None:
    path = tmp_path / "rr.txt"
    path.write_text("".join(f"{rr_ms}\n" for rr_ms in plain_ms(name)[:200]))
    events = list(foreign_tape(foreign_at(path, IN_MS), shipped(), MetricPlugins()).events)
    assert objects(events) == objects(session_of(path))
    assert sum(isinstance(event, Beat) for event in events) > 150


@pytest.fixture
def recording(tmp_path: Path) -> StoredRecording:
    return read_recording(run_session(tmp_path, simulated("sim:calm?seed=2"), free_plan(2)).path)


def changed(recording: StoredRecording) -> StoredRecording:
    """As an earlier version would have made it: RMSSD by another rule, which gave twice as much."""

    def older(line: Line) -> Line:
        if line.kind == "alg" and str(line.body["a"]).startswith("rmssd_ms/"):
            return replace(line, body={**line.body, "a": "rmssd_ms/0"})
        if line.kind == "hrv":
            values = {**line.body["values"]}
            values["rmssd_ms"] = None if values["rmssd_ms"] is None else 2 * values["rmssd_ms"]
            return replace(line, body={**line.body, "values": values})
        return line

    return replace(recording, lines=tuple(older(line) for line in recording.lines))


def rmssd(events: Sequence[Event]) -> list[float]:
    values = [event.values["rmssd_ms"] for event in events if isinstance(event, Hrv)]
    return [value for value in values if value is not None]


def test_what_is_stored_is_shown_as_it_is_stored_and_else_computed_anew(recording: StoredRecording) -> None:
    older = changed(recording)
    anew, stored = (recorded_tape(older, as_recorded=as_recorded) for as_recorded in (False, True))
    now, then = list(anew.events), list(stored.events)
    assert rmssd(now) == rmssd(list(recorded_tape(recording, as_recorded=True).events))
    assert rmssd(then) == [2 * value for value in rmssd(now)] != []
    assert anew.length_us == stored.length_us == now[-1].at == then[-1].at


def test_rules_that_are_not_here_are_named_with_the_way_to_see_what_they_gave(recording: StoredRecording) -> None:
    assert recorded_tape(recording, as_recorded=False).remark == ""
    remark = recorded_tape(changed(recording), as_recorded=False).remark
    assert "rmssd_ms/0" in remark
    assert ANEW in remark
    assert "--as-recorded" in remark
    assert recorded_tape(changed(recording), as_recorded=True).remark == ""


def test_a_recording_that_broke_off_ends_with_its_last_line(recording: StoredRecording) -> None:
    half = replace(recording, lines=recording.lines[: len(recording.lines) // 2], damage="line 9: it is torn")
    tape = recorded_tape(half, as_recorded=True)
    events = list(tape.events)
    assert not any(isinstance(event, End) for event in events)
    assert tape.length_us == max(event.at for event in events)
    assert "damaged, line 9: it is torn" in tape.remark
