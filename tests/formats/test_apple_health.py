"""Apple Health: clocks of many languages, one time line (FORMATS 1.2)."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.errors import ImportRefused
from biofeedback.formats import detect
from biofeedback.formats.checking import content_fault
from biofeedback.formats.content import Content, Hole, Start
from biofeedback.formats.foreign import Foreign, in_memory
from biofeedback.formats.lines import MOST_BEATS
from biofeedback.formats.reading import Choices
from biofeedback.formats.readers import apple_health
from biofeedback.formats.readers.apple_health import clock_of
from tests.formats.samples import check, expected, read, read_bytes, sample

S = 1_024_000
CS = S // 100
SAMPLES = ("broken_dtd", "en_GB", "en_US")
OTHER = (
    '<Record type="HKQuantityTypeIdentifierStepCount" sourceName="A &quot;/&gt; B" value="51"/>\n'
    '<Record type="HKQuantityTypeIdentifierHeartRate" value="60">\n'
    '  <MetadataEntry key="HKMetadataKeyHeartRateMotionContext" value="1"/>\n </Record>\n'
    '<Workout workoutActivityType="x"><MetadataEntry key="a" value="b"/><WorkoutEvent date="x"/></Workout>\n'
)


def british(moment: datetime) -> str:
    return f"{moment:%H:%M:%S}.{moment.microsecond // 10_000:02}"


def american(moment: datetime) -> str:
    return f"{moment:%I:%M:%S}.{moment.microsecond // 10_000:02}\u202f{moment:%p}".lstrip("0")


def german(moment: datetime) -> str:
    return british(moment).replace(".", ",")


def spanish(moment: datetime) -> str:
    half = "a.\u00a0m." if moment.hour < 12 else "p.\u00a0m."
    return f"{moment:%I:%M:%S},{moment.microsecond // 10_000:02} {half}".lstrip("0")


def finnish(moment: datetime) -> str:
    return f"{moment.hour}.{moment:%M.%S},{moment.microsecond // 10_000:02}"


def japanese(moment: datetime) -> str:
    return ("午前" if moment.hour < 12 else "午後") + f"{moment:%I:%M:%S}.{moment.microsecond // 10_000:02}".lstrip("0")


def arabic(moment: datetime) -> str:
    digits = str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")
    return f"{moment:%I:%M:%S}.{moment.microsecond // 10_000:02} ".translate(digits) + "م"


WAYS = [british, american, german, spanish, finnish, japanese, arabic]


def record(
    start: datetime, beats_cs: Sequence[int], write: Callable[[datetime], str] = british, zone: str = "+0100",
    hours: float = 0, lasts_s: int = 65,
) -> str:  # fmt: skip
    """An HRV value whose beats are so many hundredths of a second after its start, its clock `hours` ahead."""
    moments = [start + timedelta(milliseconds=10 * cs, hours=hours) for cs in beats_cs]
    beats = "\n".join(f'   <InstantaneousBeatsPerMinute bpm="60" time="{write(each)}"/>' for each in moments)
    end = start + timedelta(seconds=lasts_s)
    return (
        f' <Record type="{apple_health.HRV}" sourceName="Watch" unit="ms" startDate="{start} {zone}" '
        f'endDate="{end} {zone}" value="40">\n  <HeartRateVariabilityMetadataList>\n{beats}\n'
        "  </HeartRateVariabilityMetadataList>\n </Record>\n"
    )


def export(*records: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE HealthData [\n<!ATTLIST HealthData\n  locale CDATA\n'
        f']>\n<HealthData locale="en_GB">\n{OTHER}{OTHER.join(records)}</HealthData>\n'
    ).encode()


def found(*records: str) -> Content:
    content = read_bytes("export.xml", export(*records))
    assert content_fault(content) is None
    return content


BEATS = [100, 205, 301, 402, 512, 3512, 3600]
TICKS = [late - early for early, late in pairwise(BEATS)]
NIGHT = datetime(2025, 5, 4, 23, 59, 57)  # noqa: DTZ001 - as written


@pytest.mark.parametrize("name", SAMPLES)
def test_the_samples_are_equal_to_what_is_expected(name: str) -> None:
    file = f"made_up/apple_health_{name}.xml"
    content = read(sample(file))
    check(content, expected(file))
    assert content.about["beats"] == expected(file)["beats"]
    assert content_fault(content) is None


def test_a_sample_is_equal_to_what_another_parser_makes_of_it() -> None:
    root = ET.parse(sample("made_up/apple_health_en_GB.xml")).getroot()
    intervals: list[float] = []
    for each in root.iter("HeartRateVariabilityMetadataList"):
        times = [datetime.strptime(beat.attrib["time"], "%H:%M:%S.%f") for beat in each]  # noqa: DTZ007
        intervals += [(late - early).total_seconds() for early, late in pairwise(times)]
    content = read(sample("made_up/apple_health_en_GB.xml"))
    assert list(content.ticks) == [round(each * 100) * CS for each in intervals]


@pytest.mark.parametrize("write", WAYS)
def test_a_time_is_read_in_the_language_of_any_phone(write: Callable[[datetime], str]) -> None:
    for start in (NIGHT, NIGHT - timedelta(hours=12), NIGHT.replace(hour=0), NIGHT.replace(hour=8)):
        content = found(record(start, BEATS, write))
        assert list(content.ticks) == [cs * CS for cs in TICKS]
        assert content.start == Start((start + timedelta(seconds=1)).isoformat(), "+01:00")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("20:14:07.68", 8 * 3600 + 14 * 60 + 7.68), ("6:14:48.94 PM", 6 * 3600 + 14 * 60 + 48.94),
        ("4:17:18.57 pm", 4 * 3600 + 17 * 60 + 18.57), ("17:07:00,29", 5 * 3600 + 7 * 60 + 0.29),
        ("12:01:00.00 a. m.", 60), ("12:00:00", 0), ("0:00:01.5", 1.5), ("上午8:33:44.67", 8 * 3600 + 33 * 60 + 44.67),
        ("8:33:44.6712345", 8 * 3600 + 33 * 60 + 44.6712345),
    ],
)  # fmt: skip
def test_a_time_is_the_place_on_a_clock_of_twelve_hours(text: str, seconds: float) -> None:
    assert clock_of(text) == round(seconds * S)


@pytest.mark.parametrize(
    "text",
    [
        "", "now", "8:33", "8:60:00.00", "8:00:60.00", "25:00:00.00", "8:33:44.1.2", "-:-:-", "1e3", "8:33:44.67 2025",
        "2025-05-04 08:33:44 +0100", "x" * 25 + "8:33:44.67", "8:33:44.1234567890",
    ],
)  # fmt: skip
def test_what_is_no_time_of_day_is_none(text: str) -> None:
    assert clock_of(text) is None


def test_beats_are_anchored_on_the_start_and_roll_over_midnight() -> None:
    content = found(record(NIGHT, BEATS))
    assert list(content.ticks) == [cs * CS for cs in TICKS]
    assert content.start == Start("2025-05-04T23:59:58", "+01:00")
    assert (content.verdict, content.unit, content.markers, content.why) == ("beats", "s", (), None)
    assert content.about == {"n": 7, "records": 1, "beats": [7], "span_s": 35.0}


@pytest.mark.parametrize("hours", [1, -1, 5.5, -11, 12])
def test_a_clock_that_is_hours_off_its_own_start_is_said_and_the_start_counts(hours: float) -> None:
    content = found(record(NIGHT, BEATS, hours=hours))
    assert list(content.ticks) == [cs * CS for cs in TICKS]
    assert content.start == Start("2025-05-04T23:59:58", "+01:00")
    said = "in 1 record the clock of the beats is hours off the start, which counts"
    assert (said in content.decisions) == (hours != 12), "twelve hours are nothing on this clock"


@pytest.mark.parametrize("zone_hours", [1, -1, 5.5, -3])
def test_a_clock_that_is_set_within_a_record_makes_no_hour_of_an_interval(zone_hours: float) -> None:
    """Summer time and its end, and a journey."""
    whole = record(NIGHT, BEATS)
    ahead = record(NIGHT, BEATS, hours=zone_hours).split("<Instant")
    mixed = "<Instant".join(whole.split("<Instant")[:3] + ahead[3:])
    assert list(found(mixed).ticks) == [cs * CS for cs in TICKS]


def test_a_long_interval_stays_among_the_intervals() -> None:
    assert max(found(record(NIGHT, BEATS)).ticks) == 30 * S


def test_records_are_joined_with_holes_of_their_real_lengths() -> None:
    later = NIGHT + timedelta(hours=4)
    content = found(record(NIGHT, BEATS), record(later, BEATS, american))
    assert list(content.ticks) == [cs * CS for cs in TICKS * 2]
    assert content.holes == (Hole(6, (4 * 3600 * 100 - 3500) * CS),)
    assert content.about == {"n": 14, "records": 2, "beats": [7, 7], "span_s": 4 * 3600 + 35}
    assert content.span_ticks == (4 * 3600 + 35) * S


def test_zones_count_for_the_time_between_records_and_only_there() -> None:
    content = found(record(NIGHT, BEATS), record(NIGHT + timedelta(hours=2), BEATS, zone="+0200"))
    assert content.holes == (Hole(6, (3600 * 100 - 3500) * CS),)


def test_records_are_put_in_the_order_of_their_times() -> None:
    early, late = record(NIGHT, [0, 100]), record(NIGHT + timedelta(minutes=2), [0, 70])
    assert list(found(late, early).ticks) == [100 * CS, 70 * CS]
    assert found(late, early).holes == (Hole(1, 119 * S),)


def test_a_record_that_goes_on_where_the_last_one_ended_leaves_no_hole() -> None:
    content = found(record(NIGHT, [0, 100, 200]), record(NIGHT + timedelta(seconds=2), [0, 90]))
    assert (list(content.ticks), content.holes) == ([100 * CS, 100 * CS, 90 * CS], ())


def test_what_is_left_out_is_said() -> None:
    content = found(
        record(NIGHT, BEATS),
        record(NIGHT, BEATS),
        record(NIGHT + timedelta(seconds=20), BEATS),
        record(NIGHT + timedelta(hours=1), [50]),
        record(NIGHT + timedelta(hours=2), [0, 100], lambda _: "noon"),
        record(NIGHT + timedelta(hours=3), [0, 100]).replace('startDate="2025', 'startDate="25'),
    )
    assert list(content.ticks) == [cs * CS for cs in TICKS]
    assert content.decisions[1:] == (
        "left out: 2 records whose times cannot be read, such as 'noon'",
        "left out: 1 record of one beat",
        "left out: 1 record that are in the file twice",
        "left out: 1 record that began before another one was over",
    )


def test_beats_in_another_order_are_put_in_order_and_it_is_said() -> None:
    content = found(record(NIGHT, [100, 300, 200, 410]))
    assert list(content.ticks) == [100 * CS, 100 * CS, 110 * CS]
    assert content.decisions[1] == "in 1 record the beats were put in order"


def test_the_beats_of_other_elements_are_nobody_s() -> None:
    stray = '<Record type="x"><InstantaneousBeatsPerMinute bpm="60" time="10:00:00.00"/></Record>'
    assert found(record(NIGHT, BEATS), stray).about["n"] == 7


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (export(), "it holds no times of beats."),
        (export(record(NIGHT, [50])), "it holds no times of beats."),
        (export(record(NIGHT, [0], lambda _: "noon\x7f")), "no time of a beat in it can be read, such as 'noon?'."),
        (export(record(NIGHT, BEATS))[:-40], "its XML is broken or cut off here: unclosed token."),
        (b'<HealthData locale="x"><a></HealthData>', "its XML is broken or cut off here: mismatched tag."),
    ],
)  # fmt: skip
def test_a_refusal_says_what_is_wrong_and_what_to_do(data: bytes, what: str) -> None:
    with pytest.raises(ImportRefused) as caught:
        read_bytes("export.xml", data)
    assert caught.value.what == what
    assert caught.value.advice.endswith(".")


def test_what_stands_before_a_fault_is_taken_when_somebody_says_so() -> None:
    data = export(record(NIGHT, BEATS), record(NIGHT + timedelta(hours=1), BEATS))
    cut = data[: data.rindex(b"<Record") + 500]
    content = read(in_memory("export.xml", cut), Choices(partial=True))
    assert content.ticks[:6].tolist() == [cs * CS for cs in TICKS]
    assert content.why is not None
    assert content.why.startswith("read only up to a fault: line ")
    with pytest.raises(ImportRefused, match="cut off"):
        read(in_memory("export.xml", export()[:-5]), Choices(partial=True))


def test_row_1_more_beats_than_may_be_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MOST_BEATS == 5_000_000
    monkeypatch.setattr("biofeedback.formats.readers.apple_health.MOST_BEATS", 6)
    with pytest.raises(ImportRefused, match="it has more than 6 beats"):
        found(record(NIGHT, BEATS))


@pytest.mark.parametrize("name", ["export_cda.xml", "route.gpx"])
def test_the_other_files_of_an_export_are_skipped(name: str) -> None:
    root = "gpx" if name.endswith("gpx") else "ClinicalDocument"
    content = read_bytes(name, f'<?xml version="1.0"?>\n<{root} xmlns="urn:x"><a/></{root}>'.encode())
    assert (content.verdict, content_fault(content)) == ("skip", None)


def test_the_name_of_a_file_is_not_asked() -> None:
    assert detect.reader_of(in_memory("x.txt", export(record(NIGHT, BEATS)))).name == "apple-health"
    assert (
        detect.reader_of(in_memory("x.txt", b"\xff\xfe" + export().decode().encode("utf-16-le"))).name == "apple-health"
    )


@given(
    st.integers(0, 86_399),
    st.lists(st.integers(1, 900), min_size=1, max_size=30),
    st.sampled_from(WAYS),
    st.integers(-23, 23),
)
def test_any_beats_in_any_language_come_back(second: int, gaps: list[int], write: Any, hours: int) -> None:  # noqa: ANN401
    start = datetime(2025, 2, 28) + timedelta(seconds=second)  # noqa: DTZ001
    beats = [7]
    for gap in gaps:
        beats.append(beats[-1] + gap)
    content = found(record(start, beats, write, hours=hours, lasts_s=beats[-1] // 100 + 1))
    assert list(content.ticks) == [gap * CS for gap in gaps]
    assert content.start == Start((start + timedelta(milliseconds=70)).isoformat(timespec="milliseconds"), "+01:00")


def made(path: Path, megabytes: int) -> int:
    """An export of this size as a watch makes them, nearly all of it other records; how many beats are in it."""
    records = OTHER * 400
    beats = 0
    with path.open("wb") as file:
        file.write(export().removesuffix(b"</HealthData>\n"))
        for number in range(10**9):
            if file.tell() > megabytes * 1_000_000:
                break
            file.write(records.encode())
            file.write(record(NIGHT + timedelta(minutes=20 * number), range(0, 6000, 97), american).encode())
            beats += len(range(0, 6000, 97))
        file.write(b"</HealthData>\n")
    return beats


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.skipif(sys.platform != "linux", reason="memory is told in KiB on Linux")
def test_row_1_an_export_of_100_mb_is_read_at_once_and_takes_no_memory(tmp_path: Path) -> None:
    import resource

    path = tmp_path / "export.xml"
    beats = made(path, 100)
    shares: list[float] = []
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    # So large that it cannot be read whole.
    file = Foreign(path.name, 10**10, lambda: path.open("rb"), lambda _: None)
    content = detect.content_of(file, Choices(), shares.append)
    took = time.process_time() - began
    assert content.about["n"] == beats
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000
    assert took < 10, f"{100 / took:.0f} MB/s"
    assert len(shares) > 300
    assert shares == sorted(shares)
