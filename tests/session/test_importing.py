"""RULINGS A7: an import is a recording like any other, with what its file knows, and no more than that."""

from __future__ import annotations

import hashlib
import random
import subprocess
import sys
import time
from array import array
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import biofeedback as bf
from biofeedback.errors import ImportRefused, RecordingError, UnreadableError, UsageError
from biofeedback.events import Beat, Command, Gap, Hrv, Mark, Rr
from biofeedback.formats.content import Content, Hole, Marker, Start
from biofeedback.formats.door import Found
from biofeedback.hrv.beats import BeatLine, TimedBeat
from biofeedback.hrv.beats import Hole as Gone
from biofeedback.recording.catalogue import facts_of
from biofeedback.recording.chain import seal_line
from biofeedback.recording.codec import from_body, to_body
from biofeedback.recording.reader import StoredRecording, read_recording
from biofeedback.report.page import session_report
from biofeedback.session.analysis import Asked, analyse_file
from biofeedback.session.foreign_files import began_of, foreign_at, free_session
from biofeedback.session.importing import (
    SCRATCH,
    clear_scratch,
    copy_recording,
    import_found,
    session_of,
    shelf_of,
)
from biofeedback.session.plan import free_plan
from biofeedback.session.playback import Tape
from biofeedback.session.plugins import MetricPlugins
from biofeedback.session.replay import verify
from biofeedback.session.exporting import gather
from biofeedback.session.rescoring import phase_values
from biofeedback.session.sharing import anonymised_lines
from biofeedback.session.scripts import shipped
from biofeedback.session.sources import file_source
from biofeedback.session.tapes import foreign_tape, recorded_tape
from devices.events import Intervals
from tests.session.sessions import run_session, simulated

NONE = MetricPlugins()
SHA = hashlib.sha256(b"a file").hexdigest()


def resting(count: int, seed: int = 1) -> list[int]:
    """Intervals of a quiet heart in ticks, whole milliseconds."""
    dice = random.Random(seed)
    return [1024 * round(850 + 40 * dice.gauss(0, 1)) for _ in range(count)]


def found(
    ticks: Sequence[int],
    *,
    start: Start | None = None,
    holes: tuple[Hole, ...] = (),
    markers: tuple[Marker, ...] = (),
    name: str = "anna morning.txt",
) -> Found:
    content = Content(
        "plain", "rr", array("q", ticks), "ms", "as told", start, holes, markers, decisions=("A decision.",)
    )
    return Found(f"somewhere/{name}", content, SHA, 4711)


def imported(folder: Path, what: Found) -> StoredRecording:
    path, _ = import_found(what, folder, "me", NONE)
    return read_recording(path)


def parent_of(recording: StoredRecording) -> dict[str, Any]:
    return next(dict(line.body["parent"]) for line in recording.lines if line.kind == "open")


def test_an_import_holds_each_interval_exactly_and_verifies_to_the_bit(tmp_path: Path) -> None:
    ticks = resting(200)
    ticks[50] = 70_000 * 1024  # a minute that somebody wrote as one interval
    recording = imported(tmp_path, found(ticks))
    said = [value for _, event in recording.timed_events(("rr",)) if isinstance(event, Rr) for value in event.ticks]
    assert said == ticks
    checked = verify(recording.path)
    assert checked.exact
    assert checked.differences == 0
    assert recording.finished
    assert recording.path.stat().st_mode & 0o777 == 0o400
    assert len([line for line in recording.lines if line.kind == "alg"]) > 10


def test_its_parent_says_what_it_was_made_of(tmp_path: Path) -> None:
    start = Start("2017-06-29T13:11:53", None)
    parent = parent_of(imported(tmp_path, found(resting(40), start=start)))
    assert parent["name"] == "anna morning.txt"
    assert (parent["sha256"], parent["bytes"], parent["format"], parent["unit"]) == (SHA, 4711, "plain", "ms")
    assert (parent["rule"], parent["start"], parent["start_zone"]) == ("as told", "2017-06-29T13:11:53", None)
    assert parent["decisions"][0] == "A decision."
    assert "no time zone" in parent["decisions"][1]


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("2024-03-05T07:08:09", "+02:00"),
        ("2024-03-05T07:08:09+02:00", None),
        ("2024-03-05T05:08:09", "utc"),
        ("2024-03-05 07:08:09.25", "+02:00"),
    ],
)
def test_a_start_with_its_zone_is_the_start_of_the_recording(tmp_path: Path, text: str, zone: str | None) -> None:
    recording = imported(tmp_path, found(resting(30), start=Start(text, zone)))
    at = datetime.fromtimestamp(recording.head["wall_ns"] / 1e9, UTC)
    assert at.replace(microsecond=0) == datetime(2024, 3, 5, 5, 8, 9, tzinfo=UTC)
    assert recording.head["utc_off_s"] == (0 if zone == "utc" else 7200)
    assert "start_unknown" not in recording.head
    assert recording.path.name.startswith("20240305T050809Z_")
    analysed = analyse_file(recording.path).start
    assert analysed is not None
    assert datetime.fromisoformat(analysed) == datetime(2024, 3, 5, 5, 8, 9, tzinfo=UTC)


def test_a_start_without_a_zone_is_told_without_one(tmp_path: Path) -> None:
    recording = imported(tmp_path, found(resting(30), start=Start("2024-03-05T07:08:09")))
    assert recording.head["start_unknown"] == "zone"
    assert bf.read(recording.path).start == "2024-03-05T07:08:09"
    facts = facts_of(tmp_path, recording.path.name, recording.path.stat())
    assert facts.start == "2024-03-05T07:08:09"
    page = session_report(recording)
    assert "5 March 2024 at 07:08" in page
    assert "UTC" not in page.partition("5 March 2024 at 07:08")[2][:12]


def test_a_start_that_nobody_knows_is_not_the_moment_of_the_import(tmp_path: Path) -> None:
    before_ns = time.time_ns()
    recording = imported(tmp_path, found(resting(30)))
    assert recording.head["start_unknown"] == "all"
    assert recording.head["wall_ns"] >= before_ns // 1000 * 1000
    facts = facts_of(tmp_path, recording.path.name, recording.path.stat())
    assert facts.start is None
    assert facts.imported == SHA
    assert bf.read(recording.path).start is None
    assert analyse_file(recording.path).to_json()["start"] is None
    page = session_report(recording)
    assert f" {datetime.now(UTC).year} at" not in page
    assert "recorded at a time its file does not tell" in page
    assert "anna morning.txt" in page


def test_a_reader_with_much_to_say_fits_into_the_opening_line(tmp_path: Path) -> None:
    what = found(resting(30), name="é" * 250)
    talkative = replace(what, content=replace(what.content, decisions=("日本語" * 400,) * 90))
    recording = imported(tmp_path, talkative)
    assert recording.damage is None
    assert parent_of(recording)["decisions"][-1] == "70 more"


@pytest.mark.parametrize("text", ["no time", "2024-13-45T00:00:00", "9999-12-31T23:59:59", "0001-01-01T00:00:00", ""])
def test_a_start_that_is_none_is_not_known_or_a_time_and_never_an_error(text: str) -> None:
    for zone in (None, "+01:00", "utc", "Europe", "+99:00"):
        began, _ = began_of(Start(text, zone))
        assert began is None or began.at.year in (1, 9998, 9999, 10_000)


def test_a_day_alone_is_said_to_be_one() -> None:
    began, decided = began_of(Start("2024-03-05", "+01:00"))
    assert began is not None
    assert "only the day" in decided[0]


# Holes


def test_a_hole_is_a_gap_of_its_length_and_no_difference_crosses_it(tmp_path: Path) -> None:
    ticks = [1024 * 800] * 40 + [1024 * 1000] * 40
    recording = imported(tmp_path, found(ticks, holes=(Hole(40, 4 * 3600 * 1_024_000),)))
    events = list(recording.events())
    (gap,) = [event for event in events if isinstance(event, Gap)]
    assert (gap.from_us, gap.to_us, gap.why) == (32_000_000, 32_000_000 + 4 * 3600 * 1_000_000, "file")
    beats = [event for event in events if isinstance(event, Beat)]
    assert [beat.t_us for beat in beats if beat.gap_before] == [800_000, 14_432_000_000 + 1_000_000]
    summary = analyse_file(recording.path).summary
    assert summary.numbers()["rmssd_ms"] == 0
    assert summary.duration_s == pytest.approx(4 * 3600 + 72)
    assert verify(recording.path).exact


def test_a_hole_of_unknown_length_takes_no_time_and_parts_the_beats(tmp_path: Path) -> None:
    recording = imported(tmp_path, found([1024 * 800] * 40 + [1024 * 1000] * 40, holes=(Hole(40),)))
    (line,) = [line for line in recording.lines if line.kind == "rr" and "lost" in line.body]
    assert line.body["lost"] is None
    (gap,) = [event for event in recording.events() if isinstance(event, Gap)]
    assert gap.from_us == gap.to_us == 32_000_000
    summary = analyse_file(recording.path).summary
    assert summary.gaps == 1
    assert summary.duration_s == pytest.approx(72.0)
    assert summary.numbers()["rmssd_ms"] == 0
    assert verify(recording.path).exact
    assert "the file holds nothing of this time" in session_report(recording)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(400 * 1024, 1500 * 1024), min_size=1, max_size=40),
    st.dictionaries(st.integers(1, 39), st.none() | st.integers(1, 10**10), max_size=5),
)
def test_beats_lie_where_the_sum_of_intervals_and_holes_puts_them(
    ticks: list[int], lost: dict[int, int | None]
) -> None:
    line, placed = BeatLine(), list[TimedBeat | Gone]()
    for number, value in enumerate(ticks):
        placed += line.add_intervals(Rr(0, (value,), lost.get(number, 0)))
    beats = [each for each in placed if isinstance(each, TimedBeat)]
    clock = 0
    for number, beat in enumerate(beats):
        clock += ticks[number] + (lost.get(number) or 0)
        assert abs(beat.t_us - clock / 1.024) <= 1
        assert beat.gap_before == (number == 0 or number in lost)
    gaps = [each for each in placed if isinstance(each, Gone)]
    assert len(gaps) == len([number for number in lost if number < len(ticks)])
    assert all(gap.why == "file" and gap.to_us >= gap.from_us for gap in gaps)


@pytest.mark.parametrize("value", [0, None, 1, 10**12])
def test_what_was_lost_goes_into_a_line_and_comes_out_again_and_nothing_lost_leaves_no_trace(value: int | None) -> None:
    body = to_body(Rr(5, (1024,), value))
    assert from_body("rr", 5, body) == Rr(5, (1024,), value)
    assert ("lost" in body) == (value != 0)


def test_lines_of_intervals_of_before_are_written_byte_for_byte() -> None:
    raw, crc = seal_line(7, 99, "rr", {"ticks": [819_200, 820_224]}, 0)
    again, _ = seal_line(7, 99, "rr", to_body(from_body("rr", 99, {"ticks": [819_200, 820_224]})), 0)
    assert raw == again
    assert crc > 0


HOLED = (Hole(0, 5), Hole(30, 90 * 1_024_000), Hole(30, 1_024_000), Hole(60), Hole(100, 86_400 * 1_024_000), Hole(999))


def test_the_file_and_its_import_have_the_same_numbers(tmp_path: Path) -> None:
    what = found(resting(200), holes=HOLED)
    path = imported(tmp_path, what).path
    in_memory = bf.Recording(replace(read_recording(path)))
    for correction in (True, False):
        told = in_memory.analyze(correction=correction)
        again = analyse_file(path, Asked(correction=correction)).summary
        assert told == again
        assert told.gaps == 3
        assert told.duration_s == pytest.approx(sum(what.content.ticks) / 1_024_000 + 91 + 86_400, abs=1e-5)


def test_replay_and_a_source_of_the_same_file_say_what_was_lost(tmp_path: Path) -> None:
    recording = imported(tmp_path, found(resting(120), holes=HOLED))
    source = file_source(recording.path)
    said = [event for event in source._events if isinstance(event, Intervals)]  # type: ignore[attr-defined]
    rr = [event for _, event in recording.timed_events(("rr",)) if isinstance(event, Rr)]
    assert [(each.stamp_us, each.ticks, each.lost) for each in said] == [
        (each.at, each.ticks, each.lost) for each in rr
    ]
    assert [each.lost for each in said if each.lost != 0] == [91 * 1_024_000, None, 86_400 * 1_024_000]


def test_years_of_a_watch_with_holes_of_days_are_one_recording_that_is_whole(tmp_path: Path) -> None:
    days = 86_400 * 1_024_000
    recording = imported(tmp_path, found(resting(300), holes=tuple(Hole(at, 61 * days) for at in range(30, 300, 30))))
    assert recording.damage is None
    summary = analyse_file(recording.path).summary
    assert (summary.beats, summary.gaps, round(summary.duration_s / 86_400)) == (300, 9, 549)
    assert session_report(recording).count("<tr>") < 60
    with pytest.raises(ImportRefused, match="longer than 20 years"):
        import_found(found(resting(30), holes=(Hole(9, 8000 * days),)), tmp_path, "me", NONE)


# Markers


def test_markers_are_marks_of_the_file_at_their_times(tmp_path: Path) -> None:
    second = 1_024_000
    markers = (
        Marker(20 * second, "stood up"),
        Marker(-5 * second, "before"),
        Marker(3 * second, "sat"),
        Marker(10**15, "long after"),
    )
    recording = imported(tmp_path, found([1024 * 1000] * 40, markers=markers))
    marks = [event for event in recording.events() if isinstance(event, Mark)]
    assert [(mark.at, mark.text) for mark in marks] == [
        (0, "before"),
        (3_000_000, "sat"),
        (20_000_000, "stood up"),
        (40_000_000, "long after"),
    ]
    assert {mark.by for mark in marks} == {"file"}
    assert {event.by for event in recording.events() if isinstance(event, Command)} == {"file", "program"}
    assert "2 markers lie before" in " ".join(parent_of(recording)["decisions"])
    page = session_report(recording)
    assert all(word in page for word in ("stood up", "before", "sat", "long after"))
    assert verify(recording.path).exact


def test_a_replay_says_which_file_it_is_of_and_when_that_began(tmp_path: Path) -> None:
    what = found(resting(30), start=Start("2024-03-05T07:08:09"))
    told = "anna morning.txt (plain), began 2024-03-05 07:08."
    assert _sentence(foreign_tape(what, shipped(), NONE)) == told
    assert _sentence(recorded_tape(imported(tmp_path, what), as_recorded=False)) == f"Imported from {told}"
    assert _sentence(foreign_tape(found(resting(30)), shipped(), NONE)) == "anna morning.txt (plain), start not known."


def _sentence(tape: Tape) -> str:
    assert tape.about is not None
    return tape.about.sentence


def test_nobody_knows_of_its_parts_so_it_has_none_anywhere(tmp_path: Path) -> None:
    what = found(resting(200), start=Start("2024-03-05T07:08:09"), markers=(Marker(0, "start"),))
    recording = imported(tmp_path, what)
    assert recording.path.name.startswith("20240305T070809_")
    assert bf.read(recording.path).phases == ()
    gathered = gather(recording)
    assert gathered.device == ""
    assert gathered.about["interval_unit"] == "ms"
    assert "phase" not in {moment.kind for moment in gathered.moments}
    assert {value.scope for value in gathered.metrics()} == {"live", "session"}
    assert {row.name for row in phase_values(recording)} == {"whole"}
    anonymous = gather(recording, anonymise=True)
    assert "phase" not in {moment.kind for moment in anonymous.moments}
    assert "<td>rest" not in session_report(recording)
    assert bf.read(run_session(tmp_path, simulated("sim:calm?seed=2"), free_plan(1)).path).phases[0].name == "rest"


# What is left of it, and what is not


def test_an_anonymised_copy_hides_name_markers_and_decisions_and_keeps_the_numbers(tmp_path: Path) -> None:
    what = found(resting(60), start=Start("2024-03-05T07:08:09"), markers=(Marker(9, "my mother called"),))
    recording = imported(tmp_path, what)
    lines = anonymised_lines(recording.lines)
    text = repr([line.body for line in lines])
    for word in ("anna", "mother", "A decision", "2024-03-05", SHA):
        assert word not in text
    assert next(line for line in lines if line.kind == "open").body["parent"]["format"] == "plain"
    kept = [line.body for line in lines if line.kind in ("rr", "beat", "hrv")]
    assert kept == [line.body for line in recording.lines if line.kind in ("rr", "beat", "hrv")]
    assert {line.body["by"] for line in lines if line.kind == "mark"} == {"file"}


def test_reading_a_file_is_reading_its_import_without_writing_it(tmp_path: Path) -> None:
    text = tmp_path / "rr.txt"
    text.write_text("".join(f"{ticks // 1024}\n" for ticks in resting(90)))
    read = bf.read(text)
    path, _ = import_found(foreign_at(text), tmp_path, "me", NONE)
    stored = bf.read(path)
    assert np.array_equal(read.beats, stored.beats)
    assert [event for event in read.events if isinstance(event, Hrv)] == [
        event for event in stored.events if isinstance(event, Hrv)
    ]
    assert read.analyze() == stored.analyze() == analyse_file(text).summary
    assert read.finished
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted([path.name, "rr.txt"])


@pytest.mark.parametrize("error", [KeyboardInterrupt, RecordingError("The disk is full.", "Make room.")])
def test_an_import_that_is_broken_off_leaves_nothing(
    tmp_path: Path, error: BaseException | type[BaseException]
) -> None:
    def tell(share: float) -> None:
        if share > 0.4:
            raise error

    with pytest.raises((KeyboardInterrupt, RecordingError)):
        import_found(found(resting(320)), tmp_path, "me", NONE, progress=tell)
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.session.test_importing import NONE, found, import_found, resting

def tell(share):
    if share > 0.4:
        os.kill(os.getpid(), signal.SIGKILL)

import_found(found(resting(320)), Path(sys.argv[1]), "me", NONE, progress=tell)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no kill -9 there")
def test_what_is_left_when_an_import_is_killed_is_no_session_and_goes_with_the_next_one(tmp_path: Path) -> None:
    died = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False, cwd=Path(__file__).parents[2])
    assert died.returncode == -9
    (left,) = tmp_path.iterdir()
    assert SCRATCH in left.name
    assert shelf_of(tmp_path).import_of(SHA) is None
    clear_scratch(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_import_is_known_by_the_bytes_it_was_made_of(tmp_path: Path) -> None:
    path = imported(tmp_path, found(resting(30))).path
    known = shelf_of(tmp_path).import_of(SHA)
    assert known is not None
    assert known.file == path.name
    assert shelf_of(tmp_path).import_of("0" * 64) is None


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (Content("plain", "ask", why="the unit is not clear: say it with --unit ms"), "the unit is not clear."),
        (Content("a table", "summary"), "no intervals between heartbeats"),
        (Content("plain", "rr", array("q")), "no heartbeats"),
        (Content("plain", "rr", array("q", [0, 5000 * 1024])), "interval of 2.5 s or less"),
        (Content("plain", "rr", array("q", [1024 * 800, 2**62 // 10])), "longer than 20 years"),
    ],
)
def test_what_no_recording_can_be_made_of_is_refused_by_name(tmp_path: Path, content: Content, words: str) -> None:
    with pytest.raises(ImportRefused) as refused:
        import_found(Found("x.txt", content, SHA, 1), tmp_path, "me", NONE)
    assert "x.txt" in refused.value.what
    assert words in refused.value.what
    assert refused.value.advice
    assert list(tmp_path.iterdir()) == []


def test_several_files_with_beats_are_not_one_session(tmp_path: Path) -> None:
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text("800\n810\n790\n" * 20)
    with pytest.raises(UsageError, match=r"2 files with heartbeats: one\.txt, two\.txt"):
        foreign_at(tmp_path)
    (tmp_path / "two.txt").write_text("what\n")
    assert foreign_at(tmp_path).file.endswith("one.txt")


def test_the_time_line_of_a_long_file_never_goes_backwards() -> None:
    what = found(resting(300), holes=HOLED, markers=tuple(Marker(at * 10**6, "m") for at in range(50, -5, -1)))
    from biofeedback.session.importing import opening_of

    times = [event.at for event in free_session(what.content, opening_of(what, "me", NONE))]
    assert all(early <= late for early, late in pairwise(times))


# Recordings of ours


def test_a_recording_of_another_computer_is_taken_in_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "here").mkdir()
    path = run_session(tmp_path / "there", simulated("sim:calm?seed=2"), free_plan(1)).path
    copied = copy_recording(path, tmp_path / "here", session_of(path))
    assert copied.path.read_bytes() == path.read_bytes()
    assert copied.path.stat().st_mode & 0o777 == 0o400
    assert copied.remark == ""
    assert shelf_of(tmp_path / "here").recording_of(copied.session) is not None
    with pytest.raises(RecordingError, match="exists already"):
        copy_recording(path, tmp_path / "here", session_of(path))


def test_one_that_is_damaged_changed_or_not_finished_is_refused(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    path = run_session(tmp_path, simulated("sim:calm?seed=2"), free_plan(1)).path
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    damaged = tmp_path / "damaged.session.jsonl"
    damaged.write_bytes(b"".join(lines[:40] + lines[41:]))
    with pytest.raises(UnreadableError, match="damaged"):
        copy_recording(damaged, tmp_path / "here", session_of(damaged))
    part = tmp_path / "x.session.jsonl.part"
    part.write_bytes(b"".join(lines[:40]))
    with pytest.raises(UnreadableError, match="without its end"):
        session_of(part)
    changed = tmp_path / "changed.session.jsonl"
    changed.write_bytes(_with_other_numbers(read_recording(path)))
    with pytest.raises(UnreadableError, match="its numbers are not those"):
        copy_recording(changed, tmp_path / "here", session_of(changed))
    assert list((tmp_path / "here").iterdir()) == []


def _with_other_numbers(recording: StoredRecording) -> bytes:
    """The same with another heart rate in each level, chained and sealed as if it had been so."""
    written, crc = list[bytes](), 0
    for line in recording.lines:
        body = dict(line.body)
        if line.kind == "arousal" and body["bpm"] is not None:
            body["bpm"] += 1.0
        if line.kind == "seal":
            data = b"".join(written)
            body |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        raw, crc = seal_line(line.n, line.t, line.kind, body, crc)
        written.append(raw)
    return b"".join(written)
