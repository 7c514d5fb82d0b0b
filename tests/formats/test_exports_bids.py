"""BIDS: the layout, the tables, and a data set that grows and is never overwritten."""

from __future__ import annotations

import csv
import gzip
import json
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings

from biofeedback.breathing.pacer import Stretch
from biofeedback.errors import OutputError
from biofeedback.formats.exports.bids import write_bids, zipped
from biofeedback.formats.exports.gathered import Gathered, Moment
from biofeedback.formats.exports.grid import tachogram
from tests.formats.gathering import beats_of, gathered, recordings
from tests.strategies import MS

SESSION = "sub-P014/ses-20260301T093015"
BEH = f"{SESSION}/beh/sub-P014_ses-20260301T093015_task-trial"


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def files_in(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def swinging(count: int) -> list[int]:
    return [round((850 + 60 * np.sin(number / 2)) * MS) for number in range(count)]


def test_the_layout_is_that_of_bids(tmp_path: Path) -> None:
    made = write_bids(gathered(beats_of(swinging(20))), tmp_path)
    assert made == tmp_path / SESSION
    assert sorted(files_in(tmp_path)) == sorted(
        [
            "README",
            "dataset_description.json",
            "participants.json",
            "participants.tsv",
            f"{SESSION}/sub-P014_ses-20260301T093015_scans.tsv",
            *(f"{BEH}_{end}" for end in ("physio.tsv.gz", "physio.json", "events.tsv", "events.json")),
        ]
    )
    assert (tmp_path / "participants.tsv").read_text() == "participant_id\tpseudonym\nsub-P014\tP-014\n"
    scans = rows_of(tmp_path / f"{SESSION}/sub-P014_ses-20260301T093015_scans.tsv")
    assert {row["acq_time"] for row in scans} == {"2026-03-01T09:30:15.000000Z"}
    for row in scans:
        assert (tmp_path / SESSION / row["filename"]).is_file()
    described = json.loads((tmp_path / "dataset_description.json").read_text())
    assert (described["BIDSVersion"], described["DatasetType"]) == ("1.10.0", "raw")


@given(recordings())
@settings(max_examples=40)
def test_every_beat_is_an_event_with_its_exact_interval(recording: Gathered) -> None:
    with TemporaryDirectory() as folder:
        write_bids(recording, Path(folder))
        rows = rows_of(Path(folder) / f"{BEH}_events.tsv")
    beats = [row for row in rows if row["trial_type"] == "beat"]
    assert [Fraction(row["onset"]) * 10**6 for row in beats] == sorted(beat.t_us for beat in recording.beats)
    told = {(int(Fraction(row["onset"]) * 10**6), Fraction(row["value"]) * 1024, row["label"]) for row in beats}
    assert told == {(beat.t_us, Fraction(beat.ticks), beat.why or "n/a") for beat in recording.beats}


def test_the_physio_file_is_what_its_json_says(tmp_path: Path) -> None:
    recording = gathered(beats_of(swinging(90), gaps=[50]), pacer=(Stretch(10_000_000, 6.0, 0.4),))
    write_bids(recording, tmp_path)
    said = json.loads((tmp_path / f"{BEH}_physio.json").read_text())
    assert (said["SamplingFrequency"], said["StartTime"], said["Columns"]) == (4, 0, ["rr", "pacer"])
    assert (said["ManufacturersModelName"], said["SoftwareVersions"]) == ("Polar H10", "biofeedback 0.1.0")
    assert said["RecordingStart"] == "2026-03-01T09:30:15+00:00"
    text = gzip.decompress((tmp_path / f"{BEH}_physio.tsv.gz").read_bytes()).decode()
    lines = [line.split("\t") for line in text.splitlines()]
    expected = tachogram(recording)
    assert len(lines) == len(expected)
    for (rr, pacer), value, number in zip(lines, expected, range(len(lines)), strict=True):
        assert rr == "n/a" if np.isnan(value) else abs(float(rr) - value) <= 0.0005
        assert (pacer == "n/a") == (number < 40)
    assert sum(rr == "n/a" for rr, _ in lines) > 20


def test_parts_are_named_as_trial_types_and_words_stay_on_their_line(tmp_path: Path) -> None:
    moments = (
        Moment(500_000, "phase", "image", 3, 90_000_000, 1, "safe_place"),
        Moment(1_000_000, "gap", "contact", None, 6_449_616),
        Moment(2_000_000, "note", "=1+1\tand\nmore"),
        Moment(3_000_000, "suds", "before", 4),
    )
    write_bids(gathered((), moments=moments), tmp_path)
    lines = (tmp_path / f"{BEH}_events.tsv").read_text("utf-8").splitlines()
    assert lines == [
        "onset\tduration\ttrial_type\tvalue\tlabel\tpair\tscript",
        "0.500000\t90.000000\timage\tn/a\tn/a\t1\tsafe_place",
        "1.000000\t6.449616\tgap\tn/a\tcontact\tn/a\tn/a",
        "2.000000\t0\tnote\tn/a\t'=1+1 and more\tn/a\tn/a",
        "3.000000\t0\tsuds\t4\tbefore\tn/a\tn/a",
    ]
    said = json.loads((tmp_path / f"{BEH}_events.json").read_text())
    assert {line.split("\t")[2] for line in lines[1:]} <= set(said["trial_type"]["Levels"])


def test_the_same_recording_gives_the_same_bytes(tmp_path: Path) -> None:
    recording = gathered(beats_of(swinging(30)))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_bids(recording, tmp_path / name)
    assert files_in(tmp_path / "one") == files_in(tmp_path / "two")
    assert zipped("x")[4:8] == b"\0\0\0\0"


def test_a_data_set_grows_and_nothing_in_it_is_written_twice(tmp_path: Path) -> None:
    first = gathered(beats_of(swinging(20)))
    write_bids(first, tmp_path)
    (tmp_path / "README").write_text("Ours, edited.")
    before = files_in(tmp_path)
    with pytest.raises(OutputError, match="exists already"):
        write_bids(first, tmp_path)
    assert files_in(tmp_path) == before
    write_bids(gathered(beats_of(swinging(20)), subject="P-015"), tmp_path)
    after = files_in(tmp_path)
    assert after["participants.tsv"] == b"participant_id\tpseudonym\nsub-P014\tP-014\nsub-P015\tP-015\n"
    assert {name: after[name] for name in before if name != "participants.tsv"} == {
        name: data for name, data in before.items() if name != "participants.tsv"
    }


def test_two_pseudonyms_that_look_alike_there_are_never_one_person(tmp_path: Path) -> None:
    write_bids(gathered(beats_of(swinging(20)), subject="P-014"), tmp_path)
    with pytest.raises(OutputError, match="another person as sub-P014"):
        write_bids(gathered(beats_of(swinging(20)), subject="P014", session="ffffffff"), tmp_path)


def test_a_data_set_of_another_program_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "dataset_description.json").write_text("{}")
    with pytest.raises(OutputError, match="another program"):
        write_bids(gathered(beats_of(swinging(20))), tmp_path)
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nsub-01\t34\n")
    with pytest.raises(OutputError, match="not a list of this program"):
        write_bids(gathered(beats_of(swinging(20))), tmp_path)
    assert len(files_in(tmp_path)) == 2


def test_without_a_start_the_session_is_told_by_its_id_and_no_time_is(tmp_path: Path) -> None:
    made = write_bids(gathered(beats_of(swinging(20)), start=None, anchors=()), tmp_path)
    assert made == tmp_path / "sub-P014" / "ses-0f5c7f0e"
    assert not list(tmp_path.rglob("*scans*"))
    assert "RecordingStart" not in next(tmp_path.rglob("*physio.json")).read_text()


def test_anonymised_each_session_is_a_subject_of_its_own(tmp_path: Path) -> None:
    write_bids(gathered(beats_of(swinging(20)), subject="P", anonymised=True, start=None, anchors=()), tmp_path)
    assert (tmp_path / "participants.tsv").read_text() == "participant_id\tpseudonym\nsub-0f5c7f0e\tn/a\n"
