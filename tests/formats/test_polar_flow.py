"""Polar Flow: pulse intervals of the account export by day and device; what holds none is refused (FORMATS 1.2)."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, BinaryIO

import pytest

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content, Hole, Start
from biofeedback.formats.detect import reader_of
from biofeedback.formats.foreign import Foreign, in_memory
from biofeedback.formats.reading import Choices
from biofeedback.formats.readers.polar_flow import READERS
from biofeedback.hrv.ticks import TICKS_PER_S
from tests.formats.samples import check, expected, read, sample
from tests.formats.refusals import assert_sound, only_refusals

PPI = "made_up/polar_flow_ppi_samples_2025-05-01.json"
BEGAN = datetime(2026, 5, 1, 3)  # noqa: DTZ001


def samples(count: int, since: float = 0.0, length: float = 1000) -> list[dict[str, Any]]:
    times = [BEGAN + timedelta(seconds=since + (place + 1) * length / 1000) for place in range(count)]
    return [{"sampleDateTime": time.isoformat(timespec="milliseconds"), "pulseLength": length} for time in times]


def day(*devices: tuple[str, list[dict[str, Any]]]) -> dict[str, Any]:
    parts = [{"deviceId": name, "ppiSamples": found} for name, found in devices]
    return {"date": "2026-05-01", "devicePpiSamplesList": parts}


def content_of(document: object, choices: Choices | None = None) -> Content:
    file = in_memory("x.json", (document if isinstance(document, str) else json.dumps(document)).encode())
    assert reader_of(file) is READERS[0]
    content = READERS[0].read(file, choices or Choices(), lambda _: None)
    assert_sound(content)
    return content


def test_the_sample_is_as_expected_and_labelled_as_pulse() -> None:
    content = read(sample(PPI))
    check(content, expected(PPI))
    assert content.start == Start(expected(PPI)["start"])
    document = json.loads(sample(PPI).read_text())
    lengths = [each["pulseLength"] for each in document[0]["devicePpiSamplesList"][0]["ppiSamples"]]
    assert content.ticks.tolist() == [each * 1024 for each in lengths]
    assert content.why is not None
    assert content.why.startswith("optical pulse intervals, not RR")
    assert content.decisions[0].startswith("optical pulse intervals, not RR")


def test_days_of_one_device_are_one_list_with_holes_between() -> None:
    content = content_of([day(("a", samples(50))), day(("a", samples(40, since=3600)))])
    assert len(content.ticks) == 90
    assert content.holes == (Hole(50, 3550 * TICKS_PER_S),)
    assert content.start == Start("2026-05-01T03:00:01.000")


def test_days_in_another_order_are_put_in_the_order_of_their_times() -> None:
    content = content_of([day(("a", samples(40, since=3600, length=900))), day(("a", samples(50)))])
    assert content.ticks.tolist() == [1000 * 1024] * 50 + [900 * 1024] * 40
    assert content.start == Start("2026-05-01T03:00:01.000")
    assert any("put in this order" in each for each in content.decisions)


def test_of_several_devices_the_one_with_most_intervals_is_read_and_the_others_are_told() -> None:
    document = [day(("serial-1", samples(10)), ("serial-2", samples(60, length=800))), day(("serial-1", samples(9)))]
    content = content_of(document)
    assert content.ticks.tolist() == [800 * 1024] * 60
    told = "only the intervals of device 2 are read; left out: 19 of device 1 (--signal chooses)"
    assert told in content.decisions
    assert "serial" not in str(content)


def test_a_device_can_be_chosen() -> None:
    document = [day(("serial-1", samples(10)), ("serial-2", samples(60, length=800)))]
    assert content_of(document, Choices(signal="device 1")).ticks.tolist() == [1000 * 1024] * 10
    with pytest.raises(ImportRefused, match="has no 'device 3'") as caught:
        content_of(document, Choices(signal="device 3"))
    assert caught.value.advice == "Choose device 1, device 2 (--signal)."


def test_one_day_need_not_stand_in_a_list_and_lists_may_be_missing() -> None:
    assert len(content_of(day(("a", samples(5)))).ticks) == 5
    some = [{"date": "x", "devicePpiSamplesList": None}, day(("a", samples(5)))]
    assert len(content_of(some).ticks) == 5


@pytest.mark.parametrize(
    "document", [[], [{"devicePpiSamplesList": []}], [day(("a", []))], [{"devicePpiSamplesList": None}]]
)
def test_an_export_without_intervals_is_refused(document: object) -> None:
    file = in_memory("x.json", json.dumps(document).encode())
    with pytest.raises(ImportRefused, match="no pulse interval"):
        READERS[0].read(file, Choices(), lambda _: None)


@pytest.mark.parametrize("length", [None, "1000", -1, True, [], 1e12])
def test_a_length_that_is_none_is_refused_with_its_number(length: object) -> None:
    found = samples(5)
    found[3]["pulseLength"] = length
    with pytest.raises(ImportRefused, match="no length of a pulse") as caught:
        content_of([day(("a", found))])
    assert caught.value.where == "sample 4"


@pytest.mark.parametrize("time", [None, 5, "yesterday", "2026-02-30T01:00:00", "10:00:00"])
def test_a_time_that_is_none_is_refused(time: object) -> None:
    found = samples(5)
    found[3]["sampleDateTime"] = time
    with pytest.raises(ImportRefused, match=r"no time as the others are|it has no time"):
        content_of([day(("a", found))])


@pytest.mark.parametrize(
    ("text", "said"),
    [('[{"devicePpiSamplesList": [', "broken or cut off"), ('{"devicePpiSamplesList": 5}', "are no list"),
     ('[5, {"devicePpiSamplesList": []}]', "something else where 'devicePpiSamplesList' should be"),
     ('[{"devicePpiSamplesList": [], "devicePpiSamplesList": []}]', "twice"),
     ('[{"devicePpiSamplesList": [{"ppiSamples": [{"pulseLength": NaN}]}]}]', "NaN"),
     ('[{"devicePpiSamplesList": ' + "[" * 100_000, "nested too deeply"),
     ('[{"devicePpiSamplesList": [{"ppiSamples": [{"pulseLength": ' + "9" * 5000 + "}]}]}]", "5000 signs")],
)  # fmt: skip
def test_threat_7_json_that_may_not_be_is_refused(text: str, said: str) -> None:
    with pytest.raises(ImportRefused, match=said):
        content_of(text)


def test_the_kind_of_json_is_told_by_its_beginning_alone() -> None:
    """A file of any size is not read to be told: of this one only the head can be opened."""
    opened: list[int] = []

    def opener() -> BinaryIO:
        opened.append(1)
        return in_memory("x", b'[{"date": "x", "devicePpiSamplesList": ' + b" " * 70_000).opener()

    assert READERS[0].claims(Foreign("x.json", 10**12, opener, lambda _: None))
    assert len(opened) == 1


def test_a_session_table_is_refused_for_hrv() -> None:
    with pytest.raises(ImportRefused, match="heart rate once a second only, no RR"):
        read(sample("made_up/polar_flow_session.csv"))
    table = b"Name,Sport,Date,Start time,Duration,Average heart rate (bpm)\nA,B,1,2,3,4\n\nSample rate,Time,HR (bpm)\n"
    for data in (table, table.replace(b",", b";"), b"\xef\xbb\xbf" + table):
        file = in_memory("x.csv", data)
        assert reader_of(file) is READERS[2]
        with pytest.raises(ImportRefused, match="once a second only, no RR"):
            READERS[2].read(file, Choices(), lambda _: None)


def test_a_training_of_the_account_export_is_refused_for_hrv() -> None:
    file = in_memory("x.json", b'{"exportVersion": "1.6", "name": "run", "exercises": [{"samples": {}}]}')
    assert reader_of(file) is READERS[1]
    with pytest.raises(ImportRefused, match="no RR"):
        READERS[1].read(file, Choices(), lambda _: None)


def test_other_json_is_not_claimed() -> None:
    for data in (b"{}", b"[1, 2]", b'{"DeviceLog": {"R-R": {"Data": []}}}', b'{"n":0,"t":0,"k":"head"}', b"800\n"):
        assert not any(reader.claims(in_memory("ppi_samples_1.json", data)) for reader in READERS)


def test_mutants_are_refused_in_a_sentence_or_read() -> None:
    document = json.dumps([day(("a", samples(9)), ("b", samples(3))), day(("a", samples(4, since=99)))])
    assert only_refusals(READERS[:1], "x.json", document.encode()) > 20
    only_refusals(READERS[1:], "x.json", document.encode(), count=20)
