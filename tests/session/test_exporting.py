"""What is exported of a recording, for every target, against the recording itself and other people's programs."""

from __future__ import annotations

import csv
import gzip
import runpy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import biofeedback as bf
from biofeedback.errors import OutputError
from biofeedback.events import End, Hrv, Json
from biofeedback.hrv.window import Estimate
from biofeedback.recording.log import SessionLog
from biofeedback.recording.reader import read_recording
from biofeedback.session.exporting import WRITERS, gather, write_export
from biofeedback.session.plan import free_plan, trial_plan
from tests.cli.programs import ROOT
from tests.recording.told import ADDRESS, CANARY, told_session
from tests.session.sessions import SAFE_PLACE, at, run_session, simulated

EXAMPLE = ROOT / "examples" / "rmssd_from_exported_tables.py"
TARGETS = sorted(WRITERS)


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six minutes with a strap that fails in every way: flags and gaps."""
    folder = tmp_path_factory.mktemp("faulty")
    script = [at(100, "mark", "=1+1"), at(120, "note", "warm, =feet")]
    return run_session(folder, simulated("sim:faulty?seed=4&ectopic_pct=4"), free_plan(6), script).path


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return told_session(tmp_path_factory.mktemp("told"))


def exported(path: Path, target: str, folder: Path, *, anonymise: bool = False) -> tuple[Path, list[Path]]:
    return write_export(gather(read_recording(path), anonymise=anonymise), target, folder)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def check_rmssd(path: Path, folder: Path) -> int:
    """Every part's RMSSD by the example against `analyze --from --to`; how many there were."""
    made, _ = exported(path, "csv", folder)
    parts = runpy.run_path(str(EXAMPLE))["rmssd_of_parts"](made)
    recording, compared = bf.read(path), 0
    assert [part[0] for part in parts] == [span.name for span in recording.phases]
    for (_, begin, end, rmssd), span in zip(parts, recording.phases, strict=True):
        assert (begin, end) == (span.start_s, span.end_s)
        ours = recording.analyze(from_s=span.start_s, to_s=span.end_s)["rmssd_ms"]
        if isinstance(ours, Estimate):
            assert rmssd == pytest.approx(ours.value, abs=1e-9)
            compared += 1
    return compared


def test_reviewers_test_rmssd_of_every_part_from_the_tables_alone(told: Path, faulty: Path, tmp_path: Path) -> None:
    assert check_rmssd(told, tmp_path / "told") >= 3
    assert check_rmssd(faulty, tmp_path / "faulty") == 1


@pytest.mark.slow
def test_reviewers_test_rmssd_of_every_epoch_of_a_trial(tmp_path: Path) -> None:
    ran = run_session(tmp_path, simulated("sim:ectopic?seed=3"), trial_plan((SAFE_PLACE,) * 3), seed=3)
    assert check_rmssd(ran.path, tmp_path / "out") >= 14


def test_every_beat_of_the_recording_is_exported_as_it_is(faulty: Path) -> None:
    found, beats = gather(read_recording(faulty)), bf.read(faulty).beats
    assert [beat.t_us / 1e6 for beat in found.beats] == beats["t_s"].tolist()
    assert [beat.ticks for beat in found.beats] == beats["ticks"].tolist()
    assert [beat.why for beat in found.beats] == beats["why"].tolist()
    assert [beat.gap_before for beat in found.beats] == beats["gap_before"].tolist()
    assert sum(beat.gap_before for beat in found.beats) >= 5
    assert sum(bool(beat.why) for beat in found.beats) >= 3


def test_every_gap_is_told_once_with_its_reason(faulty: Path) -> None:
    found = gather(read_recording(faulty))
    gaps = [moment for moment in found.moments if moment.kind == "gap"]
    behind = [beat for beat in found.beats[1:] if beat.gap_before]
    assert [gap.at_us + (gap.duration_us or 0) for gap in gaps] == [beat.opening_us for beat in behind]
    assert {gap.label for gap in gaps} == {"contact", "link", "lost"}


def test_live_numbers_are_those_that_were_recorded_and_others_those_of_an_analysis(told: Path, tmp_path: Path) -> None:
    made, _ = exported(told, "csv", tmp_path)
    rows = rows_of(made / "metrics.csv")
    live = {(row["t_s"], row["m"]): row for row in rows if row["scope"] == "live"}
    recording = bf.read(told)
    shown = [event for event in recording.events if isinstance(event, Hrv)]
    for event in shown[:: len(shown) // 20]:
        row = live[f"{event.t_us / 1e6:.6f}", "rmssd_ms"]
        value = event.values["rmssd_ms"]
        assert row["value"] == ("" if value is None else repr(value))
        assert bool(row["reason"]) == (value is None)
        assert (row["unit"], row["window_s"], row["algorithm"]) == ("ms", "60", "rmssd_ms/1")
    whole = {row["m"]: row["value"] for row in rows if row["scope"] == "session"}
    assert {name: float(value) if value else None for name, value in whole.items()} == recording.analyze().numbers()
    assert {row["scope"] for row in rows if row["scope"].startswith("phase")} == {
        f"phase {span.index}" for span in recording.phases
    }


def test_row_6_a_mark_that_would_be_a_formula_is_exported_as_text(faulty: Path, tmp_path: Path) -> None:
    made, _ = exported(faulty, "csv", tmp_path)
    events = {row["kind"]: row["label"] for row in rows_of(made / "events.csv")}
    assert (events["mark"], events["note"]) == ("'=1+1", "warm, =feet")


def test_edfio_reads_every_beat_back_with_no_error_at_all(faulty: Path, tmp_path: Path) -> None:
    edfio = pytest.importorskip("edfio")
    made, _ = exported(faulty, "edf", tmp_path)
    notes = edfio.read_edf(made).annotations
    beats = bf.read(faulty).beats
    assert np.array_equal([note.onset for note in notes if note.text == "beat"], beats["t_s"])
    told = [(note.text[3:], round(note.duration * 1_024_000)) for note in notes if note.text.startswith("RR")]
    assert told == list(zip(beats["why"].tolist(), beats["ticks"].tolist(), strict=True))


def everything_in(folder: Path) -> str:
    """Every byte that was written and every name, packed ones unpacked, in small letters."""
    texts: list[str] = []
    for path in folder.rglob("*"):
        texts.append(path.name)
        if path.is_file():
            data = path.read_bytes()
            texts.append((gzip.decompress(data) if path.suffix == ".gz" else data).decode("latin-1"))
    return "\n".join(texts).lower()


def traces_of(path: Path) -> list[str]:
    """How a session could be told by when it was."""
    began = datetime.fromtimestamp(read_recording(path).head["wall_ns"] / 1e9, UTC)
    looks = ("%Y-%m-%d", "%Y%m%dT", "T%H%M%S", "%d.%m.%y", "%d-%b-%Y", "%H.%M.%S", "%H:%M:%S")
    return [began.strftime(look).lower() for look in looks]


@pytest.mark.parametrize("target", TARGETS)
def test_anonymised_no_byte_tells_who_it_was_or_when(told: Path, tmp_path: Path, target: str) -> None:
    exported(told, target, tmp_path / "hidden", anonymise=True)
    exported(told, target, tmp_path / "open")
    hidden, shown = everything_in(tmp_path / "hidden"), everything_in(tmp_path / "open")
    secrets = [CANARY, ADDRESS.lower(), *traces_of(told)]
    assert [secret for secret in secrets if secret in hidden] == []
    assert any(trace in shown for trace in traces_of(told))
    if target != "kubios":
        assert CANARY in shown


def test_anonymised_or_not_the_beats_and_times_are_the_same(told: Path) -> None:
    stored = read_recording(told)
    hidden, shown = gather(stored, anonymise=True), gather(stored)
    assert hidden.beats == shown.beats
    assert [(each.at_us, each.kind) for each in hidden.moments] == [(each.at_us, each.kind) for each in shown.moments]
    assert (hidden.start, hidden.anchors, hidden.device, hidden.subject) == (None, (), "", "P")
    assert {each.label for each in hidden.moments if each.kind in ("mark", "note")} == {"…"}


@pytest.mark.parametrize("unknown", ["all", "zone"])
def test_a_recording_whose_start_nobody_knows_is_exported_without_it(told: Path, tmp_path: Path, unknown: str) -> None:
    stored = read_recording(told)
    stored = replace(stored, head={**stored.head, "start_unknown": unknown, "utc_off_s": 3600})
    found = gather(stored)
    assert found.utc(0) == ""
    assert (found.start is None) == (unknown == "all")
    if found.start is not None:
        assert found.start.tzinfo is None
        assert found.stem == f"{found.start:%Y%m%dT%H%M%S}_{found.session}"
    assert "Z_" not in found.stem
    for target in TARGETS:
        made, files = write_export(found, target, tmp_path / target)
        assert made.exists()
        assert files


def test_a_session_without_a_beat_has_tables_and_no_rr_text(tmp_path: Path) -> None:
    head: dict[str, Json] = {"session": "0f5c7f0e-0000", "wall_ns": 1_772_357_415_000_000_000, "subject": "me"}
    with SessionLog(tmp_path / "20260301T093015Z_0f5c7f0e.session.jsonl", head) as log:
        log.append(End(2_000_000, "stopped", 2.0, 0))
    found = gather(read_recording(log.path))
    assert found.beats == ()
    made, _ = write_export(found, "csv", tmp_path / "csv")
    assert rows_of(made / "beats.csv") == []
    write_export(found, "bids", tmp_path / "bids")
    with pytest.raises(OutputError, match="holds no heartbeat"):
        write_export(found, "kubios", tmp_path / "kubios")
    assert not list((tmp_path / "kubios").iterdir())


@pytest.mark.parametrize("target", TARGETS)
def test_an_export_is_never_written_over(told: Path, tmp_path: Path, target: str) -> None:
    found = gather(read_recording(told))
    write_export(found, target, tmp_path)
    before = everything_in(tmp_path)
    with pytest.raises(OutputError, match="exists already"):
        write_export(found, target, tmp_path)
    assert everything_in(tmp_path) == before


@pytest.mark.parametrize("target", TARGETS)
def test_the_same_recording_gives_the_same_bytes(told: Path, tmp_path: Path, target: str) -> None:
    for name in ("one", "two"):
        exported(told, target, tmp_path / name)
    assert everything_in(tmp_path / "one") == everything_in(tmp_path / "two")
