"""Reports of Kubios HRV, made here as public parsers read them: metadata, results, then the intervals (FORMATS 1.2)."""

from __future__ import annotations

import time
from itertools import accumulate

import pytest

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content
from biofeedback.formats.detect import reader_of
from biofeedback.formats.foreign import in_memory
from biofeedback.formats.reading import Choices
from biofeedback.formats.readers.kubios import READERS
from tests.formats.refusals import only_refusals
from tests.formats.samples import check, expected, read, read_bytes, sample

BEATS = [1114, 1113, 1066, 1119, 1062, 1089, 1093, 975]
CORRECTED = "Kubios-corrected: a report holds the intervals after Kubios' own correction"


def report(*, parting: str = ",", decimal: str = ".", beats: list[int] | None = None, top: str = "",
           date: str = "01-May-2025 10:00:00", offset: int = 0) -> str:  # fmt: skip
    beats = BEATS if beats is None else beats

    def number(ms: int) -> str:
        return f"{ms / 1000:.4f}".replace(".", decimal)

    rows = [
        ["", number(at + offset), number(rr), "0" + decimal + "01", "-1", "", "", "", "", "", "0", "0", ""]
        for at, rr in zip(accumulate(beats), beats, strict=True)
    ]
    rows += [["", "", "", "0" + decimal + "4", "12", *[""] * 5, "1", "0", ""]] * 3
    table = [
        ["", "RR INTERVAL", "", "FFT", "", "AR", "", "", "", "", "ECG", "", ""],
        ["", "Time", "RR interval", "Frequency", "PSD", "Frequency", "PSD", "VLF", "LF", "HF", "Time", "ECG", "Marker"],
        ["", "(s)", "(s)", "(Hz)", "(ms^2/Hz)", "(Hz)", "(ms^2/Hz)", "", "", "", "(s)", "(mV)", ""],
        *rows,
    ]
    return (
        f"sep={parting}\r\nKubios HRV Scientific (ver. 4.1.0)\r\n\r\nFile name: a.edf\r\n"
        f"Measurement date: {date}\r\n{top}"
        f"Data length: 00:05:00\r\n\r\nRESULTS FOR SINGLE SAMPLES{parting}\r\n{parting}SAMPLE 1{parting}\r\n"
        "RR INTERVAL DATA, SPECTRUM ESTIMATES AND ECG-WAVEFORM\r\n\r\n"
        + "".join(parting.join(row) + "\r\n" for row in table)
    )


def read_report(text: str, choices: Choices | None = None) -> Content:
    return read_bytes("report.csv", text.encode(), choices)


def ms(found: Content) -> list[float]:
    return [ticks / 1024 for ticks in found.ticks]


@pytest.mark.parametrize(("parting", "decimal"), [(",", "."), (";", ","), (";", "."), ("\t", ","), ("\t", ".")])
def test_the_intervals_are_read_in_every_locale(parting: str, decimal: str) -> None:
    found = read_report(report(parting=parting, decimal=decimal))
    assert (found.format, found.verdict, found.unit, found.why) == ("kubios report", "rr", "s", None)
    assert ms(found) == BEATS
    assert found.rule == "its heading says so"


def test_it_says_kubios_corrected_and_how_many() -> None:
    assert CORRECTED in read_report(report()).decisions
    found = read_report(report(top="Beats corrected: ,7,\r\n"))
    assert CORRECTED + " (corrected: 7)" in found.decisions
    found = read_report(report(top="Beats corrected: ,0,\r\n"))
    assert CORRECTED + "; it says that nothing was corrected" in found.decisions


@pytest.mark.parametrize(
    ("date", "start"),
    [
        ("01-May-2025 10:00:00", "2025-05-01T10:00:00"),
        ("13/05/2025 10:00:00", "2025-05-13T10:00:00"),
        ("13.05.2025 10:00:00", "2025-05-13T10:00:00"),
        ("2025-05-01 10:00:00", "2025-05-01T10:00:00"),
    ],
)
def test_the_measurement_date_is_the_start(date: str, start: str) -> None:
    found = read_report(report(date=date))
    assert found.start is not None
    assert (found.start.text, found.start.zone) == (start, None)


def test_a_sample_that_begins_later_starts_later() -> None:
    found = read_report(report(offset=60_500))
    assert found.start is not None
    assert found.start.text == "2025-05-01T10:01:00.500"


def test_a_date_that_is_not_clear_is_left_out_and_said() -> None:
    found = read_report(report(date="03/04/2025 10:00:00"))
    assert found.start is None
    assert "its measurement date 03/04/2025 10:00:00 is not clear and was left out" in found.decisions


def test_a_hole_between_samples_is_kept() -> None:
    text = report(beats=[800] * 12)
    for place in range(6, 12):
        at = 800 * (place + 1)
        text = text.replace(f",{at / 1000:.4f},", f",{(at + 60_000) / 1000:.4f},")
    found = read_report(text)
    assert [(hole.before, hole.ticks) for hole in found.holes] == [(6, 60_000 * 1024)]


def test_a_report_without_intervals_is_refused_with_what_to_do() -> None:
    text = report().partition("RR INTERVAL DATA")[0]
    for short in (text, report(beats=[])):
        with pytest.raises(ImportRefused, match="without its RR intervals") as caught:
            read_report(short)
        assert "Choose RR intervals among what Kubios saves" in caught.value.advice


def test_text_among_the_intervals_is_refused_with_its_line() -> None:
    text = report().replace("1.1190,,", "1.1190,,").replace(",1.0660,", ",wat,")
    with pytest.raises(ImportRefused) as caught:
        read_report(text)
    assert caught.value.where == f"line {1 + text[: text.index('wat')].count(chr(10))}"
    with pytest.raises(ImportRefused, match="go on after rows without one"):
        read_report(report().replace(",1.0660,", ",,"))


def test_several_samples_ask_and_signal_answers() -> None:
    text = (
        "Kubios HRV\nRR INTERVAL DATA and SPECTRUM ESTIMATES\n,SAMPLE 1,,SAMPLE 2,,\n"
        ",Time,RR interval,Time,RR interval\n,(s),(s),(s),(s)\n"
        ",0.8,0.8,60.9,0.9\n,1.6,0.8,61.8,0.9\n,2.41,0.81,62.7,0.9\n"
    )
    found = read_report(text)
    assert (found.verdict, found.why) == (
        "ask", "it has the intervals of several samples: 'SAMPLE 1', 'SAMPLE 2'; say which with --signal",
    )  # fmt: skip
    assert ms(read_report(text, Choices(signal="sample 2"))) == [900, 900, 900]


@pytest.mark.parametrize(
    "line", ["Date:" + " " * 60_000 + "x", "Date: 1" + ";" * 60_000 + "x", "Beats corrected" + " " * 60_000]
)
def test_a_long_line_above_the_intervals_costs_no_more_than_its_length(line: str) -> None:
    began = time.process_time()
    assert ms(read_report(report(top=f"{line}\r\n" * 20))) == BEATS
    assert time.process_time() - began < 1.0


def test_lists_saved_by_kubios_as_text_are_bare_numbers_or_columns() -> None:
    assert reader_of(in_memory("rr.txt", b"1.114\n1.113\n1.066\n")).name == "plain"
    assert ms(read_bytes("rr.txt", b"1.114\t1.114\r\n2.227\t1.113\r\n3.293\t1.066\r\n")) == [1114, 1113, 1066]


def test_r7_damaged_reports_give_content_or_a_refusal_and_nothing_else() -> None:
    assert only_refusals(READERS, "r.csv", report(parting=";", decimal=",", beats=BEATS * 10).encode()) > 10


def test_a9_sample_report() -> None:
    found = read(sample("made_up/kubios_report.csv"))
    check(found, expected("made_up/kubios_report.csv"))
    assert (found.format, found.unit, found.holes, found.why) == ("kubios report", "s", (), None)
    assert found.start is not None
    assert found.start.text == "2025-05-01T10:00:00"
