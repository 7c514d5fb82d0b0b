"""Dates and times as programs write them (FORMATS 1.2), held against Python's datetime."""

from __future__ import annotations

from array import array
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Start
from biofeedback.formats.clocks import DAY, HOUR, S, Stamp, clock_of, set_clocks, stamp_of
from biofeedback.formats.dates import day_in_name, unix_start
from biofeedback.hrv.ticks import us_to_ticks

MOMENTS = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2199, 12, 31))  # noqa: DTZ001
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


def since_1970(moment: datetime) -> int:
    zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (zoned - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


@given(MOMENTS, st.sampled_from("T "))
def test_a_local_moment_counts_on_its_own_clock(moment: datetime, between: str) -> None:
    found = stamp_of(moment.isoformat(between))
    assert found == Stamp(since_1970(moment), Start(moment.isoformat()))


@given(MOMENTS, ZONES, st.sampled_from(["", " "]), st.sampled_from([":", ""]))
def test_a_zone_is_counted_in_and_kept_as_written(moment: datetime, zone: timezone, blank: str, colon: str) -> None:
    zoned = moment.replace(tzinfo=zone)
    offset = zoned.isoformat()[-6:]
    found = stamp_of(moment.isoformat() + blank + offset.replace(":", colon))
    assert found == Stamp(since_1970(zoned), Start(moment.isoformat(), offset))


def test_z_is_utc_and_a_decimal_comma_a_point() -> None:
    assert stamp_of("2025-05-03T10:15:01,25Z") == Stamp(1746267301250000, Start("2025-05-03T10:15:01.25", "utc"))


def test_a_time_of_day_has_no_date() -> None:
    assert stamp_of("6:07:08.5") == Stamp((6 * 3600 + 7 * 60 + 8) * S + 500_000, Start("06:07:08.5"), dated=False)


@pytest.mark.parametrize(
    "text",
    ["", "2025-02-30T10:00:00", "2025-13-01T10:00:00", "0000-01-01T00:00:00", "2025-01-01T24:00:00",
     "2025-01-01T10:60:00", "2025-01-01T10:00:60", "2025-01-01", "10:00", "1700000000", "2025-01-01T10:00:00+25:00",
     "٢٠٢٥-01-01T10:00:00", "2025-01-01T10:00:00.", "2025-01-01 10:00:00 UTC", "2025-W01-1T10:00:00",
     "20250101T100000", "2025-01-01T10:00:00\n", "2025-01-01T10:00:00.1234567890", "-2025-01-01T10:00:00"],
)  # fmt: skip
def test_what_is_no_moment_is_none(text: str) -> None:
    assert stamp_of(text) is None
    with pytest.raises(ImportRefused) as caught:
        clock_of([(5, text)])
    assert caught.value.where == "line 5"


@given(st.lists(MOMENTS, min_size=1, max_size=20), st.none() | ZONES)
def test_a_column_of_stamps_is_each_stamp_by_itself(moments: list[datetime], zone: timezone | None) -> None:
    texts = [moment.replace(tzinfo=zone).isoformat() for moment in moments]
    clock = clock_of(list(enumerate(texts, start=1)))
    assert clock is not None
    assert clock.us.tolist() == [since_1970(moment.replace(tzinfo=zone)) for moment in moments]
    assert clock.first == stamp_of(texts[0])


@pytest.mark.parametrize(
    ("first", "other"),
    [("2025-01-01T10:00:00", "2025-01-01T10:00:01Z"), ("2025-01-01T10:00:00Z", "2025-01-01T10:00:01"),
     ("10:00:00", "2025-01-01T10:00:01"), ("2025-01-01T10:00:00", "10:00:01"), ("10:00:00", "")],
)  # fmt: skip
def test_a_stamp_of_another_kind_is_refused_with_its_line(first: str, other: str) -> None:
    with pytest.raises(ImportRefused, match="no time as the others are") as caught:
        clock_of([(2, first), (3, other)])
    assert caught.value.where == "line 3"


def test_no_row_has_no_clock() -> None:
    assert clock_of([]) is None


def test_times_of_day_pass_midnight_as_often_as_they_must() -> None:
    times = ["23:59:58.5", "23:59:59.5", "0:00:00.5", "00:00:00.4", "12:00:00", "23:00:00", "00:30:00"]
    clock = clock_of(list(enumerate(times)))
    assert clock is not None
    assert clock.midnights == 2
    steps = [late - early for early, late in pairwise(clock.us)]
    assert steps == [S, S, -S // 10, 12 * HOUR - S * 4 // 10, 11 * HOUR, HOUR + HOUR // 2]


@given(st.integers(0, 2**31 * S))
def test_unix_time_is_told_in_utc(us: int) -> None:
    start = unix_start(us)
    assert start is not None
    assert start.zone == "utc"
    assert since_1970(datetime.fromisoformat(start.text)) == us


@pytest.mark.parametrize("us", [-1, 230 * 366 * DAY, 2**63])
def test_a_time_that_no_clock_shows_is_no_start(us: int) -> None:
    assert unix_start(us) is None


@given(st.integers(-(10**15), 10**15))
def test_microseconds_become_ticks_by_rounding_half_up(us: int) -> None:
    exact = Fraction(us * 1_024_000, S)
    assert -Fraction(1, 2) < us_to_ticks(us) - exact <= Fraction(1, 2)


@pytest.mark.parametrize(
    ("name", "day"),
    [("Polar_H10_12345678_20250503_101500_RR.txt", "2025-05-03"), ("2017-06-29 13-11-53.txt", "2017-06-29"),
     ("rr.txt", None), ("20251303.txt", None), ("20250503_20250504.txt", None), ("120250503.txt", None),
     ("20250503_20250503.txt", "2025-05-03"), ("20250230.txt", None)],
)  # fmt: skip
def test_the_date_in_a_name(name: str, day: str | None) -> None:
    assert day_in_name(name) == day


def night(hour: int, jump: int, zone: str | None = None) -> tuple[array[int], Stamp]:
    """Stamps of a beat a second over a full hour, at which the clock is set by `jump` hours."""
    full = 20_000 * DAY + hour * HOUR
    stamps = array("q", [full + second * S + (jump * HOUR if second > 0 else 0) - S // 2 for second in range(-30, 30)])
    return stamps, Stamp(stamps[0], Start("2024-10-04T00:00:00", zone))


@pytest.mark.parametrize(("hour", "jump", "way"), [(2, 1, "forward"), (3, -1, "back"), (1, 1, "forward"), (0, 1, "f")])
def test_an_hour_of_summer_time_is_no_hole(hour: int, jump: int, way: str) -> None:
    stamps, first = night(hour, jump)
    found, told = set_clocks(stamps, first)
    assert [late - early for early, late in pairwise(found)] == [S] * 59
    assert len(told) == 1
    assert f"set {way}" in told[0]
    assert f"at {hour}:00" in told[0]


@pytest.mark.parametrize(("hour", "jump", "zone"), [(12, 1, None), (2, 2, None), (2, 1, "utc"), (2, 1, "+01:00")])
def test_any_other_leap_of_a_clock_stays_one(hour: int, jump: int, zone: str | None) -> None:
    stamps, first = night(hour, jump, zone)
    assert set_clocks(stamps, first) == (stamps, ())


def test_an_hour_that_does_not_begin_at_a_full_hour_stays_a_hole() -> None:
    stamps = array("q", [20_000 * DAY + 2 * HOUR + 600 * S, 20_000 * DAY + 3 * HOUR + 601 * S])
    assert set_clocks(stamps, Stamp(stamps[0], Start("x"))) == (stamps, ())
