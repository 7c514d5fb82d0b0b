"""HRV4Training: one row a day; history, never a session (FORMATS 1.2)."""

from __future__ import annotations

import pytest

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content
from biofeedback.formats.readers import hrv4training
from biofeedback.formats.foreign import in_memory
from biofeedback.formats.readers.hrv4training import READERS
from tests.formats.refusals import only_refusals
from tests.formats.samples import check, expected, read, read_bytes, sample

HEADING = "timestamp_measurement,HR,AVNN,SDNN,rMSSD,pNN50,LF,HF,HRV4T_Recovery_Points"
VALUES = ",43.92,1364.75,84.05,67.54,40.48,0.0418,0.0339,8.37"


def days(*cells: str, heading: str = HEADING, end: str = "\n") -> Content:
    return read_bytes("my.csv", end.join([heading, *(cell + VALUES for cell in cells), ""]).encode())


def test_it_is_a_summary_of_days_without_intervals() -> None:
    found = days("2017-04-01 09:56:21 +0000", "2017-04-03 07:37:03 +0000")
    assert (found.format, found.verdict, len(found.ticks), found.has_beats) == ("hrv4training", "summary", 0, False)
    assert dict(found.about) == {"rows": 2, "first_day": "2017-04-01", "last_day": "2017-04-03"}
    assert found.why == "one row a day and no intervals: there is nothing in it to replay or analyse"


def test_a_real_file_with_cr_only_and_spanish_times_is_read() -> None:
    """M in FORMATS 1.2."""
    found = days("2018-03-01 7:01:00 a. m. +0000", "2018-03-02 12:01:00 a. m. +0000", end="\r")
    assert found.about["rows"] == 2
    assert found.about["last_day"] == "2018-03-02"


def test_the_android_order_of_year_day_month_is_seen_by_days_over_12() -> None:
    heading = "date, time, HR,AVNN,SDNN,rMSSD,pNN50,LF,HF,HRV4T_Recovery_Points,training,"
    found = days("2017-09-08,01:00", "2017-13-08,01:00", "2017-01-09,06:25", heading=heading + "\n")
    assert dict(found.about) == {"rows": 3, "first_day": "2017-08-09", "last_day": "2017-09-01"}
    assert "first_day" not in days("2017-13-08,01:00", "2017-08-13,01:00", heading=heading).about


def test_a_row_without_a_day_is_refused_with_its_line() -> None:
    with pytest.raises(ImportRefused) as caught:
        days("2017-04-01 09:56:21 +0000", "yesterday")
    assert caught.value.where == "line 3"


def test_a_heading_of_others_is_not_claimed() -> None:
    for heading in ("index, timestamp, HR, AVNN, SDNN, rMSSD, pNN50", "date,rr,since start", "rMSSD", '"', "date,HR"):
        assert not hrv4training.claims(in_memory("x.csv", heading.encode()))


def test_r7_damaged_files_give_content_or_a_refusal_and_nothing_else() -> None:
    data = "\n".join([HEADING, *(f"2017-04-{day:02} 09:56:21 +0000{VALUES}" for day in range(1, 31))]).encode()
    assert only_refusals(READERS, "my.csv", data) > 10


@pytest.mark.parametrize(
    ("name", "rows"), [("hrv4training/2017_7_28_myMeasurements.csv", 119), ("hrv4training/android.csv", 56)]
)
def test_a9_sample_files(name: str, rows: int) -> None:
    found = read(sample(name))
    check(found, expected(name))
    assert found.about["rows"] == rows == expected(name)["rows"]
