"""Our own import reads our own exports back (round trips of issue 7): through the door, in its child process."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

import biofeedback as bf
from biofeedback.formats.content import Content
from biofeedback.formats.door import contents
from biofeedback.formats.exports.edf import edf_bytes
from biofeedback.formats.exports.dictionary import OF_THE_PROGRAM
from biofeedback.hrv.ticks import TICKS_PER_S
from biofeedback.recording.reader import read_recording
from biofeedback.session.exporting import gather, write_export
from biofeedback.session.plan import free_plan
from tests.recording.told import told_session
from tests.session.sessions import at, run_session, simulated


@pytest.fixture(scope="module", params=["faulty", "told"])
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with gaps, flags and marks; one that is a trial."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "told":
        return told_session(folder)
    script = [at(100, "mark", "stairs"), at(120, "note", "warm, =feet")]
    return run_session(folder, simulated("sim:faulty?seed=4&ectopic_pct=4"), free_plan(6), script).path


def read_back(path: Path, target: str, folder: Path, *, anonymise: bool = False) -> dict[str, Content]:
    """What the door says of each file of an export."""
    made, _ = write_export(gather(read_recording(path), anonymise=anonymise), target, folder)
    return {Path(found.file).name: found.content for found in contents(made)}


def check_exact(content: Content, path: Path) -> None:
    """Every interval to the tick, every gap a hole of its length within two microseconds."""
    beats = bf.read(path).beats
    assert content.verdict == "rr"
    assert content.ticks.tolist() == beats["ticks"].tolist()
    behind = [number for number in np.flatnonzero(beats["gap_before"]).tolist() if number]
    assert [hole.before for hole in content.holes] == behind
    for hole in content.holes:
        opening_s = beats["t_s"][hole.before] - beats["ticks"][hole.before] / TICKS_PER_S
        assert hole.ticks / TICKS_PER_S == pytest.approx(opening_s - beats["t_s"][hole.before - 1], abs=2e-6)


@pytest.mark.parametrize("anonymise", [False, True])
def test_edf_comes_back_to_the_tick(recording: Path, tmp_path: Path, anonymise: bool) -> None:
    pytest.importorskip("edfio")
    (content,) = read_back(recording, "edf", tmp_path, anonymise=anonymise).values()
    check_exact(content, recording)
    assert (content.start is None) == anonymise
    texts = {marker.text for marker in content.markers}
    assert any(text.startswith(("mark", "phase")) for text in texts)
    assert not {"beat", "RR"} & texts
    assert not OF_THE_PROGRAM & {text.split(" ")[0] for text in texts}


@pytest.mark.parametrize("anonymise", [False, True])
def test_bids_comes_back_to_the_tick(recording: Path, tmp_path: Path, anonymise: bool) -> None:
    found = read_back(recording, "bids", tmp_path, anonymise=anonymise)
    (events,) = (content for name, content in found.items() if name.endswith("events.tsv"))
    check_exact(events, recording)
    assert (events.start is None) == anonymise
    assert not OF_THE_PROGRAM & {marker.text.split(" ")[0] for marker in events.markers}
    assert {content.verdict for name, content in found.items() if not name.endswith("events.tsv")} == {"skip"}


def test_the_starts_of_edf_and_bids_are_the_openings_of_the_first_interval(recording: Path, tmp_path: Path) -> None:
    pytest.importorskip("edfio")
    beats, head = bf.read(recording).beats, read_recording(recording).head
    opened_s = head["wall_ns"] // 1_000_000_000 + beats["t_s"][0] - beats["ticks"][0] / TICKS_PER_S
    for target in ("edf", "bids"):
        starts = [each.start for each in read_back(recording, target, tmp_path / target).values() if each.has_beats]
        (start,) = starts
        assert start is not None
        seconds = np.datetime64(start.text[:26], "us").astype(np.int64) / 1e6
        assert seconds == pytest.approx(opened_s, abs=0.002)


def test_rr_text_for_kubios_comes_back_to_its_three_decimals(recording: Path, tmp_path: Path) -> None:
    found = read_back(recording, "kubios", tmp_path)
    raw = {name: content for name, content in found.items() if "_rr_ms" in name}
    beats = bf.read(recording).beats
    assert len(raw) == beats["gap_before"].sum()
    assert {(content.verdict, content.unit) for content in raw.values()} == {("rr", "ms")}
    ticks = [value for name in sorted(raw) for value in raw[name].ticks]
    assert np.abs(np.array(ticks) - beats["ticks"]).max() <= 0.0005 * 1024 + 0.5
    assert max(ticks) < 2.5 * TICKS_PER_S


def test_a_file_of_ours_that_was_packed_is_read_all_the_same(recording: Path, tmp_path: Path) -> None:
    pytest.importorskip("edfio")
    packed = tmp_path / "night.edf.gz"
    packed.write_bytes(gzip.compress(edf_bytes(gather(read_recording(recording)))))
    (found,) = contents(packed)
    check_exact(found.content, recording)


@pytest.mark.parametrize("anonymise", [False, True])
def test_our_tables_come_back_to_the_tick(recording: Path, tmp_path: Path, anonymise: bool) -> None:
    found = read_back(recording, "csv", tmp_path, anonymise=anonymise)
    check_exact(found["beats.csv"], recording)
    assert (found["beats.csv"].start is None) == anonymise
    assert found["beats.csv"].unit == "1/1024"
    kinds = {marker.text.split(" ")[0] for marker in found["beats.csv"].markers}
    assert "phase" in kinds
    assert not OF_THE_PROGRAM & kinds
    assert {content.verdict for name, content in found.items() if name != "beats.csv"} == {"skip"}


def test_the_words_of_a_bids_data_set_are_side_files_and_elsewhere_they_are_not(tmp_path: Path) -> None:
    (tmp_path / "README").write_text("RR intervals, and more, of people, in a study\n1, 2, 3, 4, 5, 6\n")
    assert next(contents(tmp_path)).content.verdict == "refuse"
    (tmp_path / "dataset_description.json").write_text('{"Name": "x"}')
    assert {found.content.verdict for found in contents(tmp_path)} == {"skip"}
