"""Tidy tables: every column explained, every interval exact, plain to read."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings

from biofeedback.formats.exports.dictionary import TABLES, dictionary_csv, dictionary_words
from biofeedback.formats.exports.gathered import Anchor, Gathered, MetricValue, Moment
from biofeedback.formats.exports.tidy import write_csv
from tests.formats.gathering import EMPTY, beats_of, gathered, recordings
from tests.strategies import MS


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def two_numbers() -> Iterator[MetricValue]:
    yield MetricValue(61_000_000, "rmssd_ms", 41.25, "ms", 60.0, "rmssd_ms/1", "poor", "live")
    yield MetricValue(61_000_000, "acme,odd", None, "=ms", None, "acme/2", "", "phase 3", "needs 60 s of beats, has 9")


@given(recordings())
@settings(max_examples=50)
def test_every_interval_is_exact_and_the_beats_are_where_they_were(recording: Gathered) -> None:
    with TemporaryDirectory() as folder:
        write_csv(recording, Path(folder))
        rows = rows_of(Path(folder) / "beats.csv")
    assert [int(row["beat"]) for row in rows] == list(range(len(rows)))
    assert [Fraction(row["rr_ms"]) * 1024 for row in rows] == [beat.ticks for beat in recording.beats]
    assert [Fraction(row["t_s"]) * 10**6 for row in rows] == [beat.t_us for beat in recording.beats]
    assert [Fraction(row["opening_s"]) * 10**6 for row in rows] == [beat.opening_us for beat in recording.beats]
    assert [row["artefact"] for row in rows] == [beat.why for beat in recording.beats]
    assert [row["gap_before"] == "true" for row in rows] == [beat.gap_before for beat in recording.beats]
    for row, beat in zip(rows, recording.beats, strict=True):
        assert (row["corrected_ms"] == "") == (beat.corrected is None)
        assert beat.corrected is None or Fraction(row["corrected_ms"]) * 1024 == beat.corrected
        assert bool(row["rr_raw_1024"]) == (beat.ticks % 1000 == 0)


def test_intervals_of_a_strap_have_its_own_unit_and_those_of_a_file_have_not(tmp_path: Path) -> None:
    beats = beats_of([792_000, 1_024_000])
    for name, strap_unit in (("strap", True), ("file", False)):
        (tmp_path / name).mkdir()
        write_csv(gathered(beats, strap_unit=strap_unit), tmp_path / name)
    assert [row["rr_raw_1024"] for row in rows_of(tmp_path / "strap" / "beats.csv")] == ["792", "1024"]
    assert [row["rr_raw_1024"] for row in rows_of(tmp_path / "file" / "beats.csv")] == ["", ""]
    assert [row["rr_ms"] for row in rows_of(tmp_path / "file" / "beats.csv")] == ["773.4375", "1000"]


def test_the_wall_clock_follows_its_anchors_and_is_left_out_where_nobody_knows_it(tmp_path: Path) -> None:
    begun = EMPTY.anchors[0]
    moved = Anchor(1_500_000, begun.wall_ns + 3_601_500_000_000)
    found = gathered(beats_of([1000 * MS, 1000 * MS]), anchors=(begun, moved))
    assert [found.utc(beat.t_us) for beat in found.beats] == [
        "2026-03-01T09:30:16.000000Z", "2026-03-01T10:30:17.000000Z"
    ]  # fmt: skip
    write_csv(gathered(found.beats, anchors=(), start=None), tmp_path)
    assert {row["utc"] for row in rows_of(tmp_path / "beats.csv")} == {""}


def test_row_6_events_and_metrics_hold_no_formula_and_their_numbers_are_numbers(tmp_path: Path) -> None:
    moments = (
        Moment(1_000_000, "note", '=HYPERLINK("http://evil.example";"look")\nsecond line'),
        Moment(2_000_000, "suds", "before", 4),
        Moment(2_500_000, "safety", "amber on", -2.5),
        Moment(3_000_000, "phase", "image", 2, 90_000_000, 1, "@safe"),
    )
    write_csv(gathered((), moments=moments, metrics=two_numbers), tmp_path)
    events = rows_of(tmp_path / "events.csv")
    assert events[0]["label"] == "'" + moments[0].label
    assert (events[1]["value"], events[2]["value"]) == ("4", "-2.5")
    assert events[3] == {
        "t_s": "3.000000", "kind": "phase", "label": "image", "value": "2", "duration_s": "90.000000", "pair": "1",
        "script": "'@safe",
    }  # fmt: skip
    metrics = rows_of(tmp_path / "metrics.csv")
    assert [row["value"] for row in metrics] == ["41.25", ""]
    assert (metrics[0]["window_s"], metrics[0]["algorithm"], metrics[0]["quality"]) == ("60", "rmssd_ms/1", "poor")
    assert (metrics[1]["m"], metrics[1]["unit"], metrics[1]["window_s"]) == ("acme,odd", "'=ms", "")
    assert metrics[1]["reason"] == "needs 60 s of beats, has 9"


def test_every_column_of_every_table_is_in_the_dictionary_and_in_words(tmp_path: Path) -> None:
    write_csv(gathered(beats_of([800 * MS]), metrics=two_numbers, about={"plan": "Ruhe – still"}), tmp_path)
    explained = {(row["file"], row["column"]): row for row in rows_of(tmp_path / "data_dictionary.csv")}
    words = (tmp_path / "data_dictionary.md").read_text("utf-8")
    for name in TABLES:
        with (tmp_path / name).open(encoding="utf-8", newline="") as file:
            header = next(csv.reader(file))
        for column in header:
            assert explained[name, column]["meaning"]
            assert f"| `{column}` |" in words
    assert json.loads((tmp_path / "session.json").read_text("utf-8")) == {"plan": "Ruhe – still"}
    assert dictionary_csv().isascii()
    assert "corrected" in dictionary_words("x 1")


def test_the_columns_are_those_of_the_contract() -> None:
    told = {
        "beats.csv": "beat t_s utc rr_ms rr_raw_1024 artefact corrected_ms gap_before",
        "events.csv": "t_s kind label value",
        "metrics.csv": "t_s m value unit window_s algorithm quality",
    }
    for name, columns in told.items():
        assert [column.name for column in TABLES[name]][: len(columns.split())] == columns.split()


def test_files_are_utf_8_with_line_feeds(tmp_path: Path) -> None:
    moments = (Moment(0, "note", "Füße warm – 足"),)
    write_csv(gathered(beats_of([800 * MS]), moments=moments), tmp_path)
    assert "Füße warm – 足".encode() in (tmp_path / "events.csv").read_bytes()
    for path in tmp_path.iterdir():
        assert b"\r" not in path.read_bytes()
        assert path.read_bytes().endswith(b"\n")


def test_an_interval_of_the_table_is_the_time_from_its_opening_to_its_closing_beat(tmp_path: Path) -> None:
    write_csv(gathered(beats_of([800 * MS, 810 * MS, 790 * MS], gaps=[2])), tmp_path)
    rows: list[dict[str, Any]] = rows_of(tmp_path / "beats.csv")
    for row in rows:
        assert float(row["t_s"]) - float(row["opening_s"]) == pytest.approx(float(row["rr_ms"]) / 1000, abs=1e-6)
    joined = [early["t_s"] == late["opening_s"] for early, late in pairwise(rows)]
    assert joined == [True, False]
