"""HRV Logger for Android and iOS: never an interval from a stamp, holes from "since start", events as markers."""

from __future__ import annotations

import csv
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import accumulate

import pytest

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content, Hole, Marker, Start
from biofeedback.formats.detect import reader_of
from biofeedback.formats.foreign import Foreign, in_memory
from biofeedback.formats.reading import Choices
from biofeedback.formats.readers.hrv_logger import READERS
from biofeedback.hrv.ticks import TICKS_PER_S
from tests.formats.samples import check, expected, read, read_bytes, sample
from tests.formats.refusals import assert_sound, only_refusals

ANDROID = "hrvlogger_android/ot_a60_RRIntervals.csv"
IOS = "hrvlogger_ios_made_up/2025-03-15_RR_0001CTRL.csv"
IOS_EVENTS = "hrvlogger_ios_made_up/2025-03-15_Events_0001CTRL.csv"
UNIX_MS = 1_700_000_000_000
RR = [random.Random(5).randrange(700, 1100) for _ in range(120)]


def android(rr: list[int], since: int = 0, holes: dict[int, int] | None = None, late: int = 900) -> bytes:
    """As the app writes it; `holes`: ms that are missing before an interval. Arrivals are late by up to `late` ms."""
    chance = random.Random(1)
    ends = list(accumulate(each + (holes or {}).get(place, 0) for place, each in enumerate(rr)))
    rows = [
        f"{UNIX_MS + end + (chance.randrange(late) if place else late)},{each},{since + end}"
        for place, (each, end) in enumerate(zip(rr, ends, strict=True))
    ]
    return ("timestamp, rr, since_start \n\n" + "\n".join(rows)).encode()


def ios(rr: list[int]) -> bytes:
    opens = [0, *accumulate(rr)][: len(rr)]
    began = datetime(2026, 3, 15, 11, 3, tzinfo=UTC)
    dates = [(began + timedelta(milliseconds=at)).strftime("%Y-%m-%d %H:%M:%S +0000") for at in opens]
    rows = [f"{date}, {each}, {at}" for date, each, at in zip(dates, rr, opens, strict=True)]
    return ("date, rr, since start\n" + "\n".join(rows) + "\n").encode()


def among(files: dict[str, bytes]) -> Callable[[str], Foreign | None]:
    return lambda name: in_memory(name, files[name]) if name in files else None


def content_of(name: str, data: bytes, **beside: bytes) -> Content:
    files = {key.replace("__", "-") + ".csv": value for key, value in beside.items()}
    file = in_memory(name, data, among(files))
    reader = reader_of(file)
    assert reader in READERS
    content = reader.read(file, Choices(), lambda _: None)
    assert_sound(content)
    return content


@pytest.mark.parametrize("name", [ANDROID, IOS])
def test_the_samples_are_as_expected_and_as_another_parser_reads_them(name: str) -> None:
    content = read(sample(name))
    check(content, expected(name))
    with sample(name).open(newline="") as file:
        rows = [row for row in csv.reader(file) if row][1:]
    assert content.ticks.tolist() == [int(row[1]) * 1024 for row in rows]
    assert content.holes == ()
    assert content.why is None


@pytest.mark.parametrize("kind", ["Features", "HR"])
def test_the_companions_of_a_sample_are_summaries(kind: str) -> None:
    name = f"hrvlogger_android/ot_a60_{kind}.csv"
    content = read(sample(name))
    check(content, expected(name))
    assert content.about["rows"] == expected(name)["rows"]
    assert content.why is not None
    assert "the intervals are in the file of RR intervals" in content.why


def test_events_of_a_sample_without_a_row_are_refused() -> None:
    with pytest.raises(ImportRefused, match="holds no event, and no interval"):
        read(sample("hrvlogger_android/ot_a60_Event.csv"))


def test_events_of_a_sample_alone_are_a_summary_with_markers() -> None:
    content = read(sample(IOS_EVENTS))
    check(content, expected(IOS_EVENTS))
    assert content.about["rows"] == expected(IOS_EVENTS)["rows"]
    assert [marker.text for marker in content.markers] == expected(IOS_EVENTS)["markers"]
    assert (
        content.why == "events only; the intervals are in 2025-03-15_RR_0001CTRL.csv beside it, which takes them along."
    )


def test_events_beside_the_intervals_become_their_markers() -> None:
    markers = read(sample(IOS)).markers
    assert [marker.text for marker in markers] == expected(IOS_EVENTS)["markers"]
    with sample(IOS_EVENTS).open(newline="") as file:
        seconds = [float(row[1]) for row in list(csv.reader(file))[1:]]
    assert [marker.at / TICKS_PER_S for marker in markers] == seconds


def test_android_starts_in_utc_at_the_first_arrival() -> None:
    start = read(sample(ANDROID)).start
    assert start is not None
    assert start.zone == "utc"
    began = datetime.fromisoformat(start.text).replace(tzinfo=UTC)
    assert began == datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=expected(ANDROID)["start_unix_ms"])


def test_ios_keeps_its_zone() -> None:
    assert content_of("2026_RR_1.csv", ios(RR)).start == Start("2026-03-15T11:03:00", "+00:00")


def test_intervals_never_come_from_arrivals() -> None:
    for late in (1, 900, 1200):
        assert content_of("x_RRIntervals.csv", android(RR, late=late)).ticks.tolist() == [each * 1024 for each in RR]


def test_beats_dropped_before_the_first_are_told_not_made_a_hole() -> None:
    content = content_of("x_RRIntervals.csv", android(RR, since=34_000))
    assert content.holes == ()
    assert "its first interval opens 34.0 s after the start; earlier beats are not in it" in content.decisions


@pytest.mark.parametrize("since", [0, 34_096])
def test_holes_stand_where_since_start_leaps(since: int) -> None:
    content = content_of("x_RRIntervals.csv", android(RR, since=since, holes={20: 750, 70: 30_000}))
    assert content.holes == (Hole(20, 750 * 1024), Hole(70, 30_000 * 1024))
    assert content.why is not None
    assert "2 holes are marked, 30.8 s" in content.why


def test_ios_counts_since_start_to_the_opening_of_an_interval() -> None:
    rows = ios(RR).decode().splitlines()
    data = "\n".join([*rows[:41], *rows[51:]]) + "\n"
    assert content_of("2026_RR_1.csv", data.encode()).holes == (Hole(40, sum(RR[40:50]) * 1024),)


def test_a_silence_that_since_start_does_not_count_is_seen_in_the_arrivals() -> None:
    rows = android(RR).decode().splitlines()
    late = [f"{int(stamp) + 60_000},{rest}" for stamp, _, rest in (row.partition(",") for row in rows[62:])]
    (hole,) = content_of("x_RRIntervals.csv", "\n".join([*rows[:62], *late]).encode()).holes
    assert hole.before == 60
    assert hole.ticks / TICKS_PER_S == pytest.approx(60, abs=1.0)


@pytest.mark.parametrize("heading", ["timestamp", "timestamp, label", "timestamp, annotation "])
def test_events_of_android_are_markers_since_the_first_opening(heading: str) -> None:
    label = ", Pause" if "," in heading else ""
    events = f"{heading}\n\n{UNIX_MS + 30_000}{label}\n{UNIX_MS - 1000}{label}\n".encode()
    content = content_of("x_RRIntervals.csv", android(RR), x_Event=events)
    text = "Pause" if label else "event"
    assert [marker.text for marker in content.markers] == [text, text]
    assert [marker.at / TICKS_PER_S for marker in content.markers] == pytest.approx([30, -1], abs=0.1)
    alone = content_of("x_Event.csv", events)
    assert alone.verdict == "summary"
    assert alone.markers == (Marker(0, text), Marker(-31 * TICKS_PER_S, text))


def test_events_whose_stamps_are_since_1970_are_markers_too() -> None:
    began = datetime(2026, 3, 15, 11, 3, tzinfo=UTC).timestamp()
    events = f"date, timestamp, annotation, manual\n2026-03-15 11:03:20 +0000, {began + 20:.3f}, x, 1\n".encode()
    (marker,) = content_of("2026_RR_1.csv", ios(RR), **{"2026_Events_1": events}).markers
    assert marker.text == "x"
    assert marker.at / TICKS_PER_S == pytest.approx(20, abs=2.5)


def test_broken_events_do_not_spoil_the_intervals() -> None:
    content = content_of("x_RRIntervals.csv", android(RR), x_Event=b"timestamp, label\nyesterday, Pause\n")
    assert content.markers == ()
    assert len(content.ticks) == len(RR)
    assert any("its events in x_Event.csv are left out: line 2" in each for each in content.decisions)


@pytest.mark.parametrize("rr", ["", "-5", "8_00", "nan", "٨٠٠", "1e3", "=800"])
def test_an_interval_that_is_no_number_is_refused_with_its_line(rr: str) -> None:
    rows = android(RR).decode().splitlines()
    rows[5] = f"{UNIX_MS},{rr},5000"
    with pytest.raises(ImportRefused, match="no number") as caught:
        content_of("x_RRIntervals.csv", "\n".join(rows).encode())
    assert caught.value.where == "line 6"


def test_a_heading_alone_is_refused() -> None:
    for data in (b"timestamp, rr, since_start \n\n", b"date, rr, since start\n"):
        with pytest.raises(ImportRefused, match="no interval, only a heading"):
            content_of("x.csv", data)


def test_the_name_decides_nothing_about_intervals() -> None:
    assert content_of("holiday.txt", android(RR)).format == "hrvlogger-android"
    assert content_of("holiday.txt", ios(RR)).format == "hrvlogger-ios"


def test_tables_of_others_are_not_claimed() -> None:
    for line in (b"timestamp\n1\n", b"timestamp, rr\n", b"date,HR,AVNN,SDNN,rMSSD,pNN50,LF,HF\n", b"", b"rr\n",
                 b"timestamp_measurement,HR,AVNN,SDNN,rMSSD,pNN50,LF,HF,HRV4T_Recovery_Points\n"):  # fmt: skip
        assert not any(reader.claims(in_memory("x_RR.csv", line)) for reader in READERS)


def test_mutants_are_refused_in_a_sentence_or_read() -> None:
    events = among({"x_Event.csv": b"timestamp, label\n1700000000000, x\n"})
    assert only_refusals(READERS, "x_RRIntervals.csv", android(RR[:20]), events) > 50
    assert only_refusals(READERS, "x_RR_1.csv", ios(RR[:20]), events) > 50
    data = b"date, timestamp, annotation, manual\n2026-03-15 11:03:20 +0000, 0.5, x, 1\n"
    assert only_refusals(READERS, "x_Events.csv", data) > 50


def test_intervals_that_no_heart_has_are_doubted_even_where_the_program_names_its_unit() -> None:
    """As if HRV Logger wrote seconds one day."""
    rows = "".join(f"{1743296380 + at}.0, 1.000, {at}\n" for at in range(40))
    found = read_bytes("a_RRIntervals.csv", b"timestamp, rr, since_start \n\n" + rows.encode())
    assert found.why == "the median of its intervals is 1 ms, which no heart has: is it another unit?"
    assert found.start is None
