"""Suunto: SML, the XML of Ambit watches, .sdf and the JSON of the app (FORMATS 1.2)."""

from __future__ import annotations

import json
import re
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.errors import ImportRefused
from biofeedback.formats import detect
from biofeedback.formats.checking import content_fault
from biofeedback.formats.content import Content, Start
from biofeedback.formats.foreign import in_memory
from biofeedback.formats.reading import Choices
from tests.formats.samples import check, expected, read, read_bytes, sample

RR = [812, 19815, 829, 240, 2501, 805]
TICKS = [value * 1024 for value in RR]
SAMPLES = "<Samples><Sample><Latitude>0.1</Latitude><HR>1.5</HR><Data>1 2 3</Data></Sample></Samples>"


def sml(data: str, header: str = "<DateTime>2014-10-07T05:01:41</DateTime>", prefix: str = "") -> bytes:
    text = (
        f'<?xml version="1.0" encoding="utf-8"?>\n<sml xmlns="http://www.suunto.com/schemas/sml">\n<DeviceLog><Header>'
        f"{header}<HR><Data>9</Data></HR></Header>{SAMPLES}<R-R><Data>{data}</Data></R-R>\n</DeviceLog></sml>\n"
    )
    return re.sub(r"<(/?)(?=[A-Za-z])", rf"<\1{prefix}", text).encode()


def ambit(data: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<header>\n<Duration>24</Duration>'
        f"<DateTime>2012-10-07T05:01:41</DateTime><Activity>Running</Activity></header>\n{SAMPLES}\n<IBI>{data}</IBI>\n"
    ).encode()


def app(data: Any, **header: Any) -> bytes:  # noqa: ANN401 - also what is wrong
    return json.dumps({"DeviceLog": {"Samples": [{"HR": 1}], "Header": header, "R-R": {"Data": data}}}).encode()


def sdf(*lines: str) -> bytes:
    return "\r\n".join(["[HEADER]", "NAME=é", "STARTTIME=01.05.2009 10:00.30", "[CUSTOM1]", *lines, ""]).encode(
        "latin-1"
    )


def found(data: bytes, name: str = "x") -> Content:
    content = read_bytes(name, data)
    assert content_fault(content) is None
    return content


WAYS = {
    "suunto-sml": sml(" ".join(map(str, RR))),
    "suunto-ambit": ambit(" ".join(map(str, RR))),
    "suunto-json": app(RR),
    "suunto-sdf": sdf(*map(str, RR)),
}


@pytest.mark.parametrize("name", ["suunto/suunto_a.sml", "made_up/suunto_app.json"])
def test_the_samples_are_equal_to_what_is_expected(name: str) -> None:
    content = read(sample(name))
    check(content, expected(name))
    assert content_fault(content) is None
    assert content.why is None, "the intervals add up to the duration in the header"


def test_the_sample_is_equal_to_what_another_parser_makes_of_it() -> None:
    path = sample("suunto/suunto_a.sml")
    space = "{http://www.suunto.com/schemas/sml}"
    text = ET.parse(path).getroot().findtext(f".//{space}R-R/{space}Data")
    assert text is not None
    content = read(path)
    assert [value // 1024 for value in content.ticks] == [int(word) for word in text.split()]
    assert content.start == Start("2014-10-07T05:01:41", None)


@pytest.mark.parametrize("name", WAYS)
def test_intervals_are_ms_and_a_value_over_2_5_s_stays_among_them(name: str) -> None:
    content = found(WAYS[name])
    assert (content.format, content.verdict, content.unit) == (name, "rr", "ms")
    assert list(content.ticks) == TICKS
    assert content.holes == ()


@pytest.mark.parametrize("name", WAYS)
def test_the_name_of_a_file_is_not_asked(name: str) -> None:
    for called in ("x", "x.sml", "x.txt", "log.json"):
        assert detect.reader_of(in_memory(called, WAYS[name])).name == name


@pytest.mark.parametrize(
    ("data", "start"),
    [
        (sml("800 810"), Start("2014-10-07T05:01:41", None)),
        (sml("800 810", "<DateTime>2014-10-07T05:01:41.25Z</DateTime>"), Start("2014-10-07T05:01:41.25", "utc")),
        (sml("800 810", "<DateTime>2014-13-07T05:01:41</DateTime>"), None),
        (sml("800 810", "<DateTime>yesterday</DateTime>"), None),
        (ambit("800 810"), Start("2012-10-07T05:01:41", None)),
        (app([800, 810], DateTime="2025-05-01T10:00:00.000+02:00"), Start("2025-05-01T10:00:00.000", "+02:00")),
        (app([800, 810], DateTime=7), None),
        (sdf("800", "810"), Start("2009-05-01T10:00:30", None)),
        (sdf("800", "810").replace(b"10:00.30", b"10:00:30"), Start("2009-05-01T10:00:30", None)),
        (sdf("800", "810").replace(b"01.05.2009", b"May 1 2009"), None),
    ],
)
def test_the_start_is_the_header_s(data: bytes, start: Start | None) -> None:
    assert found(data).start == start


def test_names_may_have_a_prefix_and_lists_may_be_several() -> None:
    assert list(found(sml("800\n810", prefix="s:")).ticks) == [819_200, 829_440]
    two = sml("800 810").replace(b"</DeviceLog>", b"<R-R><Data>820</Data></R-R></DeviceLog>")
    assert list(found(two).ticks) == [819_200, 829_440, 839_680]


@pytest.mark.parametrize("duration", ["2.4", "4.6"])
def test_intervals_that_add_up_to_the_duration_are_not_doubted(duration: str) -> None:
    assert found(sml("800 810", f"<Duration>{duration}</Duration>")).why is None


def test_intervals_that_do_not_add_up_to_the_duration_are_doubted_aloud() -> None:
    said = "the intervals add up to 2 s, but the file says that it lasts 60 s."
    for data in (sml("800 810", "<Duration>60</Duration>"), app([800, 810], Duration=60)):
        content = found(data)
        assert (content.verdict, content.why) == ("rr", said)


NO_LIST = "it holds no list of intervals (R-R or IBI), only samples."


@pytest.mark.parametrize(
    ("data", "what", "where"),
    [
        (sml(""), NO_LIST, ""),
        (ambit(" "), NO_LIST, ""),
        (app([]), NO_LIST, ""),
        (app("800 810"), NO_LIST, ""),
        (b'{"DeviceLog": [1]}', NO_LIST, ""),
        (b'{"DeviceLog": {"R-R": 7}}', NO_LIST, ""),
        (sdf(), NO_LIST, ""),
        (sml("800 81O 805"), "this is no interval: '81O'.", "interval 2"),
        (sml("800 -810"), "this is no interval: '-810'.", "interval 2"),
        (ambit("nan"), "this is no interval: 'nan'.", "interval 1"),
        (app([800, None]), "this is no interval: 'no number'.", "interval 2"),
        (app([800, True]), "this is no interval: 'no number'.", "interval 2"),
        (app([800, -1]), "this is no interval: '-1'.", "interval 2"),
        (app([1e30]), "this is no interval: '1e+30'.", "interval 1"),
        (sdf("800", "8x"), "this is no number: '8x'.", "line 6"),
        (app([800])[:-9], "its JSON is broken or cut off here.", "line 1"),
        (sml("800")[:-9], "its XML is broken or cut off here: unclosed token.", "line 4"),
    ],
)
def test_a_refusal_says_what_is_wrong_where_and_what_to_do(data: bytes, what: str, where: str) -> None:
    with pytest.raises(ImportRefused) as caught:
        read_bytes("x", data)
    assert (caught.value.what, caught.value.where.split(",")[0]) == (what, where)
    assert caught.value.advice.endswith(".")


def test_what_stands_before_a_fault_is_taken_when_somebody_says_so() -> None:
    content = read(in_memory("x.sml", sml("800 810")[:-20]), Choices(partial=True))
    assert list(content.ticks) == [819_200, 829_440]
    assert (content.why or "").startswith("read only up to a fault: line ")


def test_row_1_more_beats_than_may_be_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("biofeedback.formats.readers.suunto.MOST_BEATS", 5)
    monkeypatch.setattr("biofeedback.formats.readers.suunto.LONGEST_TEXT", 100)
    for data in (*WAYS.values(), sml(" " * 200)):
        with pytest.raises(ImportRefused, match="it has more than 5 beats"):
            read_bytes("x", data)


def test_a_track_is_not_kept_and_that_is_said() -> None:
    for data in WAYS.values():
        assert found(data).decisions == ("the track and other samples are left out",)


def test_another_json_and_another_header_are_nobody_s_of_suunto() -> None:
    for data in (b'["DeviceLog"]', b'{"a": 1}', b"<header><a/></header>", b"[HEADER]\nx=1\n", b"<smlx/>"):
        with pytest.raises(ImportRefused):
            assert not detect.reader_of(in_memory("x", data)).name.startswith("suunto")


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=40))
def test_any_intervals_come_back_by_every_way(values: list[int]) -> None:
    words = [str(value) for value in values]
    for data in (sml(" ".join(words)), ambit("\n".join(words)), app(values), sdf(*words)):
        assert list(found(data).ticks) == [value * 1024 for value in values]
