"""The memory of straps: newest first, private, and never a reason to fail."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.known_straps import MOST_KEPT, KnownStrap, KnownStraps
from devices.names import LONGEST_NAME

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
posix = pytest.mark.skipif(os.name != "posix", reason="POSIX rights")


class Days:
    """A clock that shows noon of the next day each time."""

    def __init__(self) -> None:
        self._day = 0

    def __call__(self) -> datetime:
        self._day += 1
        return NOON + timedelta(days=self._day)


def names(known: KnownStraps) -> list[str]:
    return [strap.name for strap in known.newest_first()]


def test_what_was_used_last_comes_first_and_stands_once(tmp_path: Path) -> None:
    path = tmp_path / "home" / "straps.json"
    known = KnownStraps(path, now=Days())
    for address, name in (("A", "one"), ("B", "two"), ("a", "one, renamed")):
        known.remember(address, name)
    assert KnownStraps(path).newest_first() == [
        KnownStrap("a", "one, renamed", "2026-11-25T12:00:00+00:00"),
        KnownStrap("B", "two", "2026-11-24T12:00:00+00:00"),
    ]


def test_a_name_that_comes_late_does_not_wipe_the_one_that_was_known(tmp_path: Path) -> None:
    known = KnownStraps(tmp_path / "straps.json", now=Days())
    known.remember("A", "Polar H10")
    known.remember("A", "")
    assert names(known) == ["Polar H10"]


def test_times_are_utc_wherever_one_is(tmp_path: Path) -> None:
    known = KnownStraps(tmp_path / "s.json", now=lambda: NOON.astimezone(timezone(timedelta(hours=5))))
    known.remember("A", "")
    assert known.newest_first()[0].last_used == "2026-11-22T12:00:00+00:00"


def test_a_computer_whose_clock_was_ahead_once_still_knows_the_last_one(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    KnownStraps(path, now=lambda: NOON.replace(year=2099)).remember("A", "one")
    KnownStraps(path, now=lambda: NOON).remember("B", "two")
    assert names(KnownStraps(path)) == ["two", "one"]


def test_a_name_that_somebody_wrote_into_the_file_is_one_short_line(tmp_path: Path) -> None:
    path = tmp_path / "straps.json"
    entry = {"address": "A", "name": "\x1b[2J\n" + "x" * 5000, "last_used": "2026-11-22T12:00:00+00:00"}
    path.write_text(json.dumps({"straps": [entry]}))
    (name,) = names(KnownStraps(path))
    assert name.isprintable()
    assert len(name) <= LONGEST_NAME


def test_only_so_many_are_kept(tmp_path: Path) -> None:
    known = KnownStraps(tmp_path / "straps.json", now=Days())
    for number in range(MOST_KEPT + 5):
        known.remember(str(number), str(number))
    assert names(known) == [str(number) for number in range(MOST_KEPT + 4, 4, -1)]


def test_nothing_is_kept_by_those_who_want_nothing_kept(tmp_path: Path) -> None:
    path = tmp_path / "straps.json"
    KnownStraps(path, keeps=False).remember("A", "one")
    KnownStraps().remember("A", "one")
    assert not path.exists()
    KnownStraps(path).remember("A", "one")
    before = path.read_bytes()
    reader = KnownStraps(path, keeps=False)
    reader.remember("A", "one")
    reader.remember("B", "two")
    assert path.read_bytes() == before
    assert names(reader) == ["one"], "what is there is read"


@posix
def test_nobody_else_can_read_it_and_nothing_half_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "straps.json"
    known = KnownStraps(path, now=Days())
    known.remember("A", "one")
    known.remember("B", "two")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "damage",
    [
        b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"straps": 1}', b'{"straps": [1, null, {}, []]}', b"[" * 50_000,
        b'{"straps": [{"address": "A", "name": "x", "last_used": "yesterday"}]}',
        b'{"straps": [{"address": "A", "name": "x", "last_used": "2026-11-22T12:00:00"}]}',
        b'{"straps": [{"address": "A", "name": "x", "last_used": "0001-01-01T00:00:00+00:00"}]}',
        b'{"straps": [{"address": "A", "name": "x", "last_used": "9999-12-31T23:59:59+00:00"}]}',
        b'{"straps": [{"address": 7, "name": "x", "last_used": "2026-11-22T12:00:00+00:00"}]}',
    ],
)  # fmt: skip
def test_a_damaged_file_is_as_good_as_none_and_is_mended_by_the_next_use(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "straps.json"
    path.write_bytes(damage)
    known = KnownStraps(path)
    assert known.newest_first() == []
    known.remember("A", "one")
    assert names(known) == ["one"]


def test_entries_that_are_whole_outlive_damaged_neighbours(tmp_path: Path) -> None:
    path = tmp_path / "straps.json"
    whole = {"address": "A", "name": "one", "last_used": "2026-11-22T12:00:00+00:00"}
    path.write_text(json.dumps({"straps": [{"address": "B"}, whole, 5]}))
    assert names(KnownStraps(path)) == ["one"]


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_read_without_an_error(tmp_path_factory: pytest.TempPathFactory, damage: bytes) -> None:
    path = tmp_path_factory.mktemp("straps") / "straps.json"
    path.write_bytes(damage)
    assert KnownStraps(path).newest_first() == []


def test_a_place_that_cannot_be_written_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file" / "straps.json", tmp_path):
        known = KnownStraps(path)
        known.remember("A", "one")
        assert known.newest_first() == []
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
