"""Polar Sensor Logger: each stream is told by the names of its columns (FORMATS 1.2)."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from datetime import datetime, timedelta

import numpy as np
import pytest

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content, Hole, Marker, Start, Waveform
from biofeedback.formats.detect import reader_of
from biofeedback.formats.foreign import Foreign, in_memory
from biofeedback.formats.reading import Choices
from biofeedback.formats.readers.polar_sensor_logger import READERS
from biofeedback.hrv.ticks import TICKS_PER_S
from tests.formats.samples import check, expected, read, sample
from tests.formats.refusals import assert_sound, only_refusals
from tests.formats.waves import beat_times, ecg

SET = "made_up/Polar_H10_12345678_20250503_101500"
BEGAN = datetime(2026, 5, 3, 23, 59, 30)  # noqa: DTZ001
RR_HEAD = "Phone timestamp;RR-interval [ms]"
PPI_HEAD = "Phone Data RX timestamp;PP-interval [ms];error estimate [ms];blocker;contact;contact;hr [bpm]"
ECG_HEAD = "Phone timestamp;sensor timestamp [ns];timestamp [ms];ecg [uV]"
LOOK = Choices(look=True)
BEATS = beat_times(60, seed=4)


def at(seconds: float, *, dated: bool = True) -> str:
    text = (BEGAN + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
    return text if dated else text[11:]


def rows(count: int, since: float = 0.0, *, dated: bool = True) -> list[str]:
    return [f"{at(since + place + 1, dated=dated)};1000" for place in range(count)]


def among(files: dict[str, str]) -> Callable[[str], Foreign | None]:
    return lambda name: in_memory(name, files[name].encode()) if name in files else None


def content_of(
    lines: list[str],
    name: str = "x.txt",
    end: str = "\n",
    choices: Choices = LOOK,
    beside: dict[str, str] | None = None,
) -> Content:
    file = in_memory(name, ("\n".join(lines) + end).encode(), among(beside or {}))
    assert reader_of(file) is READERS[0]
    content = READERS[0].read(file, choices, lambda _: None)
    assert_sound(content)
    return content


def test_the_sample_of_rr_is_as_expected_and_as_another_parser_reads_it() -> None:
    content = read(sample(f"{SET}_RR.txt"))
    wanted = expected(f"{SET}_RR.txt")
    check(content, wanted)
    assert content.start == Start(wanted["start"])
    with sample(f"{SET}_RR.txt").open(newline="") as file:
        found = [int(row["RR-interval [ms]"]) for row in csv.DictReader(file, delimiter=";")]
    assert content.ticks.tolist() == [each * 1024 for each in found]


def test_the_sample_of_heart_rate_is_refused_and_points_to_its_sibling() -> None:
    with pytest.raises(ImportRefused, match=r"heart rate only; the RR are in the sibling _RR\.txt") as caught:
        read(sample(f"{SET}_HR.txt"))
    assert caught.value.advice == "Give Polar_H10_12345678_20250503_101500_RR.txt beside it."


@pytest.mark.parametrize("choices", [LOOK, pytest.param(Choices(), marks=pytest.mark.slow)])
def test_the_sample_of_an_ecg_is_told_and_its_beats_are_found(choices: Choices) -> None:
    wanted = expected(f"{SET}_ECG.txt")
    content = read(sample(f"{SET}_ECG.txt"), choices)
    check(content, wanted)
    assert content.waveforms == (Waveform("ECG", float(wanted["fs"]), "uV", 10.0),)
    assert content.about["rows"] == wanted["rows"]
    assert content.has_beats is not choices.look


def test_blanks_a_last_semicolon_and_other_line_ends_do_not_matter() -> None:
    heading = "Phone timestamp; RR-interval [ms];"
    lines = [heading, *(f"{row};" for row in rows(5))]
    assert len(content_of(lines).ticks) == len(content_of("\r".join(lines).split("\n"), end="\r").ticks) == 5


def test_times_of_day_pass_midnight_and_take_their_date_from_the_name() -> None:
    lines = [RR_HEAD, *rows(90, dated=False)]
    content = content_of(lines, name="Polar_H10_1_20260503_235930_RR.txt")
    assert content.start == Start("2026-05-03T23:59:31.000")
    assert content.holes == ()
    assert content.why is None
    assert "its times of day passed midnight: 1" in content.decisions


def test_times_of_day_without_a_date_in_the_name_have_no_start() -> None:
    content = content_of([RR_HEAD, *rows(9, dated=False)])
    assert content.start is None
    assert "it says the time of day only, so its date is not known" in content.decisions


def test_a_silence_is_a_hole() -> None:
    content = content_of([RR_HEAD, *rows(40), *rows(40, since=100)])
    assert content.holes == (Hole(40, 60 * TICKS_PER_S),)
    assert content.why is not None


def test_intervals_never_come_from_arrivals() -> None:
    chance = random.Random(2)
    lengths = [chance.randrange(240, 2600) for _ in range(60)]
    lines = [f"{at(place + chance.random())};{each}" for place, each in enumerate(lengths)]
    content = content_of([RR_HEAD, *lines])
    assert content.ticks.tolist() == [each * 1024 for each in lengths]
    assert any("arrivals" in each for each in content.decisions)


@pytest.mark.parametrize("cut", ["2026", at(100), f"{at(100)};", f"{at(100)[:-6]};80"])
def test_half_a_last_line_is_left_out(cut: str) -> None:
    content = content_of([RR_HEAD, *rows(9), cut], end="")
    assert len(content.ticks) == 9
    assert "its last line (11) is cut off and left out" in content.decisions


def test_a_last_value_without_a_line_end_is_read_and_doubted() -> None:
    content = content_of([RR_HEAD, *rows(9)], end="")
    assert len(content.ticks) == 9
    assert "its last line has no end, so its value may be cut" in content.decisions


@pytest.mark.parametrize("row", [f"{at(3)};8_00", f"{at(3)};", "3;800", f"{at(3)}Z;800", f"{at(3)};-5"])
def test_a_row_that_cannot_be_read_is_refused_with_its_line(row: str) -> None:
    with pytest.raises(ImportRefused) as caught:
        content_of([RR_HEAD, *rows(2), row, *rows(2, since=3)])
    assert caught.value.where == "line 4"


def test_a_heading_alone_is_refused() -> None:
    for heading in (RR_HEAD, PPI_HEAD, ECG_HEAD):
        with pytest.raises(ImportRefused, match="only a heading"):
            content_of([heading])


@pytest.mark.parametrize(
    ("heading", "row"),
    [(PPI_HEAD, "{};1000;5;{};1;1;60"),
     (f"{PPI_HEAD};", "{};1000;5;{};1;1;60;"),
     ("Phone timestamp;sensor timestamp [ns];HR [bpm];PP-interval [ms];error estimate [ms];blocker;skin contact",
      "{};0;60;1000;5;{};1")],
)  # fmt: skip
def test_pulse_intervals_are_read_by_name_of_column_labelled_and_kept(heading: str, row: str) -> None:
    content = content_of([heading, *(row.format(at(place + 1), int(place < 3)) for place in range(20))])
    assert content.format == "polar-sensor-logger ppi"
    assert content.ticks.tolist() == [1000 * 1024] * 20
    assert content.decisions[0].startswith("optical pulse intervals, not RR")
    assert content.decisions[1] == "the sensor marks 3 of 20 intervals as moved (blocker); they are kept"


@pytest.mark.parametrize(
    "heading",
    ["Phone timestamp;sensor timestamp [ns];X [mg];Y [mg];Z [mg]", "Phone timestamp;sensor timestamp [ns];X [dps];Y",
     "Phone timestamp;sensor timestamp [ns];X [G];Y [G];Z [G];", "Phone timestamp;something new"],
)  # fmt: skip
def test_movement_is_refused_and_points_to_the_intervals_beside_it(heading: str) -> None:
    with pytest.raises(ImportRefused, match="no heartbeats") as caught:
        content_of([heading, f"{at(1)};1;2;3;4"], name="P_20260503_1_ACC.txt", beside={"P_20260503_1_PPI.txt": "x"})
    assert caught.value.advice == "Give P_20260503_1_PPI.txt beside it."


def test_marks_beside_the_intervals_are_their_markers() -> None:
    marks = f"Phone timestamp;Marker start/stop\n{at(5.5)};MARKER_START \n{at(-2)};MARKER_STOP\n"
    beside = {"MARKER_20260503_235930.txt": marks}
    content = content_of([RR_HEAD, *rows(20)], name="Polar_H10_1_20260503_235930_RR.txt", beside=beside)
    assert content.markers == (Marker(11 * TICKS_PER_S // 2, "MARKER_START"), Marker(-2 * TICKS_PER_S, "MARKER_STOP"))
    alone = content_of(marks.splitlines(), name="MARKER_20260503_235930.txt")
    assert alone.verdict == "summary"
    assert [marker.text for marker in alone.markers] == ["MARKER_START", "MARKER_STOP"]


def test_broken_marks_do_not_spoil_the_intervals() -> None:
    beside = {"MARKER_20260503_235930.txt": "Phone timestamp;Marker start/stop\nyesterday;MARKER_START\n"}
    content = content_of([RR_HEAD, *rows(20)], name="Polar_H10_1_20260503_235930_RR.txt", beside=beside)
    assert content.markers == ()


def ecg_file(count: int, hz: float = 130.0, hole: float = 0.0, *, ns: bool = True) -> list[str]:
    """A made ECG; `hole`: seconds that are missing in its middle; without `ns` that column is all 0."""
    wave = ecg(BEATS, hz, count / hz + hole) * 900
    lines = [ECG_HEAD]
    for place in range(count):
        seconds = place / hz + (hole if place >= count // 2 else 0.0)
        stamp = 599616065136175104 + round(seconds * 1e9) if ns else 0
        lines.append(f"{at(seconds)};{stamp};{seconds * 1000:.6f};{round(wave[round(seconds * hz)])}")
    return lines


@pytest.mark.parametrize("ns", [True, False])
def test_the_rate_of_an_ecg_is_that_of_the_sensor_not_rounded(ns: bool) -> None:
    content = content_of(ecg_file(2600, hz=129.87, ns=ns))
    (waveform,) = content.waveforms
    assert waveform.hz == pytest.approx(129.87, abs=1e-3)
    assert waveform.seconds == pytest.approx(2600 / 129.87, abs=1e-3)


@pytest.mark.slow
def test_the_beats_of_an_ecg_are_found_by_the_adapter() -> None:
    content = content_of(ecg_file(3900), choices=Choices())
    assert content.verdict == "ecg"
    truth = np.diff(BEATS[BEATS < 29.5])
    found = np.array(content.ticks) / TICKS_PER_S
    assert abs(found.size - truth.size) <= 2
    assert min(np.abs(found[skip : skip + 20] - truth[:20]).max() for skip in range(2)) < 0.004


@pytest.mark.slow
def test_samples_that_are_missing_make_a_hole_in_the_beats() -> None:
    content = content_of(ecg_file(5200, hole=7.0), choices=Choices())
    assert len(content.holes) == 1
    assert 7 * TICKS_PER_S < content.holes[0].ticks < 10 * TICKS_PER_S
    assert max(content.ticks) < 1.3 * TICKS_PER_S


def test_a_clock_of_the_sensor_that_is_off_is_not_believed() -> None:
    content = content_of(ecg_file(1300, hz=100.0))
    assert content.waveforms[0].hz == 130.0
    assert any("taken for granted" in each for each in content.decisions)


def test_a_sample_that_is_no_number_is_refused_with_its_line() -> None:
    lines = ecg_file(30)
    lines[9] = lines[9].rpartition(";")[0] + ";nan"
    with pytest.raises(ImportRefused, match="no sample") as caught:
        content_of(lines)
    assert caught.value.where == "line 10"


def test_a_pulse_wave_has_channels_of_which_one_is_chosen() -> None:
    heading = "Phone timestamp;sensor timestamp [ns];channel 0;channel 1;channel 2;ambient"
    lines = [heading, *(f"{at(place / 55)};{10**9 + place * 10**9 // 55};{place % 55};7;8;9" for place in range(990))]
    content = content_of(lines)
    assert content.verdict == "ecg"
    assert content.waveforms[0].label == "channel 0"
    assert content.waveforms[0].hz == pytest.approx(55, abs=0.01)
    assert any("not RR" in each for each in content.decisions)
    assert content_of(lines, choices=Choices(signal="channel 2", look=True)).waveforms[0].label == "channel 2"
    with pytest.raises(ImportRefused, match="has no 'channel 7'"):
        content_of(lines, choices=Choices(signal="channel 7", look=True))


def test_other_tables_are_not_claimed() -> None:
    for line in (b"Phone timestamp\n", b"timestamp;RR-interval [ms]\n", b"", b"Phone timestamp,RR-interval [ms]\n"):
        assert not READERS[0].claims(in_memory("Polar_RR.txt", line))


@pytest.mark.parametrize("lines", [[RR_HEAD, *rows(15)], [RR_HEAD, *rows(15, dated=False)], ecg_file(20)])
def test_mutants_are_refused_in_a_sentence_or_read(lines: list[str]) -> None:
    name = "Polar_H10_1_20260503_235930_RR.txt"
    marks = {"MARKER_20260503_235930.txt": f"Phone timestamp;Marker start/stop\n{at(5.5)};MARKER_START\n"}
    assert only_refusals(READERS, name, "\n".join(lines).encode() + b"\n", among(marks)) > 10
