"""Polar .hrm: RR only where Interval=238 says so (FORMATS 1.2)."""

from __future__ import annotations

from configparser import ConfigParser

import pytest

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content, Marker, Start
from biofeedback.formats.detect import reader_of
from biofeedback.formats.foreign import in_memory
from biofeedback.formats.reading import Choices
from biofeedback.formats.readers.polar_hrm import READERS
from biofeedback.hrv.ticks import TICKS_PER_S
from tests.formats.samples import check, expected, read, sample
from tests.formats.refusals import assert_sound, only_refusals

PARAMS = "Version=106\r\nMonitor=13\r\nSMode=000000000\r\nDate=20260131\r\nStartTime=7:08:09.5\r\nLength=00:00:08.0"
VALUES = [800, 810, 0, 2600, 790, 60, 805, 795]


def hrm(params: str = PARAMS, interval: str = "238", before: str = "", values: list[int] | None = None) -> bytes:
    data = "\r\n".join(map(str, VALUES if values is None else values))
    return f"[Params]\r\n{params}\r\nInterval={interval}\r\n\r\n{before}[HRData]\r\n{data}\r\n".encode("latin-1")


def content_of(data: bytes) -> Content:
    file = in_memory("anything.txt", data)
    assert reader_of(file) is READERS[0]
    content = READERS[0].read(file, Choices(), lambda _: None)
    assert_sound(content)
    return content


@pytest.mark.parametrize("name", ["polar_hrm/rr_small.hrm", "polar_hrm/rr_noisy.hrm"])
def test_the_samples_are_as_expected_and_as_another_parser_reads_them(name: str) -> None:
    content = read(sample(name))
    check(content, expected(name))
    assert content.start is not None
    assert content.start.text == expected(name)["start"]
    text = sample(name).read_text("latin-1")
    other = ConfigParser(allow_no_value=True, strict=False)
    other.read_string(text)
    assert [each // 1024 for each in content.ticks] == [int(v) for v in text.rpartition("[HRData]")[2].split()]
    assert content.about["interval"] == int(other["Params"]["Interval"])


def test_the_sum_fits_the_length_of_a_real_file_and_not_of_a_cut_one() -> None:
    assert read(sample("polar_hrm/rr_noisy.hrm")).why is None
    why = read(sample("polar_hrm/rr_small.hrm")).why
    assert why == "its intervals make 3.2 s, its Length says 661.9 s."


def test_all_of_a_file_is_read_in_its_order() -> None:
    content = content_of(hrm())
    assert content.format == "polar-hrm"
    assert content.verdict == "rr"
    assert content.ticks.tolist() == [each * 1024 for each in VALUES]
    assert (content.unit, content.rule) == ("ms", "Interval=238")
    assert content.start == Start("2026-01-31T07:08:09.5")
    assert content.why is None


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_line_ends_and_marks_of_order_do_not_matter(end: bytes, bom: bytes) -> None:
    assert content_of(bom + hrm().replace(b"\r\n", end)).ticks == content_of(hrm()).ticks


@pytest.mark.parametrize(
    ("interval", "held"),
    [("5", "heart rate every 5 s"), ("1", "heart rate every 1 s"), ("15", "heart rate every 15 s"),
     ("60", "heart rate every 60 s"), ("204", "means of several beats"), ("2380", "heart rate every 2380 s"),
     ("238.0", "heart rate at '238.0'"), ("", "heart rate at ''")],
)  # fmt: skip
def test_any_interval_but_238_is_refused_and_named(interval: str, held: str) -> None:
    with pytest.raises(ImportRefused) as caught:
        content_of(hrm(interval=interval))
    assert caught.value.what == f"[HRData] holds {held}, not RR (Interval=238 marks RR)."
    assert "RR mode" in caught.value.advice


def test_the_sample_with_heart_rate_every_5_s_is_refused() -> None:
    with pytest.raises(ImportRefused, match="every 5 s, not RR"):
        read(sample("polar_hrm/hr_5s_not_rr.hrm"))


def test_a_file_that_does_not_say_its_interval_is_refused() -> None:
    with pytest.raises(ImportRefused, match="have no Interval"):
        content_of(hrm().replace(b"Interval=238", b"Intervall=238"))


def test_an_empty_section_of_data_is_refused() -> None:
    for data in (hrm(values=[]), hrm().replace(b"[HRData]", b"[Trip]")):
        with pytest.raises(ImportRefused, match=r"no \[HRData\] values"):
            content_of(data)
    with pytest.raises(ImportRefused, match=r"no \[HRData\] values"):
        read(sample("polar_hrm/empty_hrdata.hrm"))


@pytest.mark.parametrize("cell", [b"-800", b"8_00", b"nan", b"800\t120", b"8e2", b"\xb2"])
def test_a_value_that_is_no_number_is_refused_with_its_line(cell: bytes) -> None:
    with pytest.raises(ImportRefused, match="no number") as caught:
        content_of(hrm().replace(b"2600", cell))
    assert caught.value.where == "line 14"


def test_a_section_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ImportRefused, match=r"\[HRData\] is there twice") as caught:
        content_of(hrm() + hrm()[hrm().index(b"[HRData]") :])
    assert caught.value.where == "line 19"


def test_notes_and_laps_become_markers() -> None:
    laps = (
        "[Note]\r\nAbend, müde\r\n\r\n[IntTimes]\r\n00:00:03.5\t84\t52\t72\t100\r\n0\t0\t0\t0\t0\t0\r\n"
        "0\t0\t0\t0\t0\r\n"
        "0:00:07.9\t91\t38\t94\t115\r\n0\t0\t0\t0\t0\t0\r\n\r\n[IntNotes]\r\n2\tsteil\r\n\r\n"
    )
    content = content_of(hrm(before=laps))
    assert content.markers == (
        Marker(0, "Abend, müde"),
        Marker(TICKS_PER_S * 35 // 10, "end of lap 1"),
        Marker(TICKS_PER_S * 79 // 10, "end of lap 2: steil"),
    )


def test_what_is_not_known_of_the_start_is_told() -> None:
    content = content_of(hrm(params="Date=20260230\r\nStartTime=07:08:09.5\r\nStartDelay=320"))
    assert content.start is None
    assert content.decisions == (
        "it says no date and time that can be read",
        "its StartDelay=320 is not added to the start",
        "it has no Length to check by",
    )


def test_another_first_line_is_not_claimed() -> None:
    for data in (b"", b"[HRData]\n800\n", b"[Parameters]\n", b"Interval=238\n", b"x[Params]\n"):
        assert not READERS[0].claims(in_memory("x.hrm", data))


def test_mutants_are_refused_in_a_sentence_or_read() -> None:
    laps = "[IntTimes]\r\n00:00:03.5\t84\t52\r\n[IntNotes]\r\n1\tx\r\n"
    assert only_refusals(READERS, "x.hrm", hrm(before=laps)) > 20
