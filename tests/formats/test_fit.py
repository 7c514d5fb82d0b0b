"""Garmin FIT: samples, and files written here by the layout of the FIT protocol."""

from __future__ import annotations

import random
import struct
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content, Hole, Start
from biofeedback.formats.detect import reader_of
from biofeedback.formats.foreign import on_disk
from biofeedback.formats.reading import Choices
from biofeedback.formats.readers.fit import READERS
from biofeedback.hrv.ticks import TICKS_OF_STRAP, TICKS_PER_MS, TICKS_PER_S
from tests.formats.samples import check, expected, read, read_bytes, sample
from tests.formats.refusals import only_refusals

pytest.importorskip("fitdecode")

_T0 = 1_000_000_000
"""2021-09-08 01:46:40 UTC in seconds of FIT."""
_SIZES = {"B": (1, 0x02), "H": (2, 0x84), "I": (4, 0x86), "y": (1, 0x0D)}


def crc(data: bytes) -> int:
    """CRC-16 of the FIT protocol (polynomial 0x8005 mirrored), bit by bit."""
    found = 0
    for byte in data:
        found ^= byte
        for _ in range(8):
            found = (found >> 1) ^ (0xA001 if found & 1 else 0)
    return found


def message(number: int, *fields: tuple[int, str, list[int]], big: bool = False) -> bytes:
    """A definition and one message of it: (field, B H I or y for bytes, values)."""
    order = ">" if big else "<"
    definition = struct.pack(f"{order}BBBHB", 0x40, 0, big, number, len(fields))
    body = b"\0"
    for field, kind, values in fields:
        size, base = _SIZES[kind]
        definition += bytes([field, size * len(values), base])
        body += struct.pack(f"{order}{len(values)}{'B' if kind == 'y' else kind}", *values)
    return definition + body


def fit(*messages: bytes, header: int = 14) -> bytes:
    """A FIT file."""
    body = b"".join(messages)
    head = struct.pack("<BBHI4s", header, 0x20, 2100, len(body), b".FIT")
    if header == 14:
        head += struct.pack("<H", crc(head))
    return head + body + struct.pack("<H", crc(head + body))


def hrv(*ms: int, slots: int = 5, big: bool = False) -> bytes:
    """Message 78, filled up to its slots."""
    return message(78, (0, "H", [*ms, *[0xFFFF] * (slots - len(ms))]), big=big)


def record(at: int) -> bytes:
    """Message 20."""
    return message(20, (253, "I", [_T0 + at]), (3, "B", [60]))


def timer(at: int, what: int) -> bytes:
    """Message 21 of the timer: 0 starts it, 4 stops it."""
    return message(21, (253, "I", [_T0 + at]), (0, "B", [0]), (1, "B", [what]))


def stored(times: list[int], *, at: int = 0) -> bytes:
    """Message 132 of beats in 1/1024 s: a full time, then eight in each further message; the last is filled up."""
    found = message(132, (253, "I", [_T0 + at]), (9, "I", [times[0]]), (0, "H", [0]), (6, "B", [60]))
    rest = times[1:]
    for place in range(0, len(rest), 8):
        eight = [time & 0xFFF for time in rest[place : place + 8]]
        eight += [eight[-1]] * (8 - len(eight))
        packed: list[int] = []
        for first, second in zip(eight[0::2], eight[1::2], strict=True):
            packed += [first & 255, first >> 8 | (second & 15) << 4, second >> 4]
        found += message(132, (6, "B", [60] * 8), (10, "y", packed))
    return found


def ms_of(content: Content) -> list[float]:
    return [value / TICKS_PER_MS for value in content.ticks]


@pytest.mark.parametrize("name", ["hrv_78_five_slots", "hrv_78_three_slots", "hr_132_first_part"])
def test_samples_are_read_as_expected(name: str) -> None:
    wanted = expected(f"garmin_fit/{name}.fit")
    content = read(sample(f"garmin_fit/{name}.fit"))
    check(content, wanted)
    assert content.format == wanted["format"]
    told = content.to_json()
    for key in ("messages", "max_ms", "steps_back"):
        if key in wanted:
            assert told[key] == wanted[key]
    if "span_s" in wanted:
        assert told["span_s"] == pytest.approx(wanted["span_s"], abs=0.001)


def test_intervals_of_a_real_file_fill_the_time_of_its_records_and_have_no_holes() -> None:
    content = read(sample("garmin_fit/hrv_78_five_slots.fit"))
    assert content.holes == ()
    assert content.why is None
    assert content.start == Start("2017-01-26T21:58:15", "+01:00")


def test_laps_of_a_real_file_stand_where_their_lengths_say() -> None:
    content = read(sample("garmin_fit/hrv_78_three_slots.fit"))
    lengths = [300, 360, 180, 360, 180, 360, 180, 360, 180, 302]
    ends = [sum(lengths[: index + 1]) for index in range(10)]
    clock_and_message_s = 1 + 3 * 0.5
    assert [marker.at / TICKS_PER_S for marker in content.markers] == pytest.approx(ends, abs=clock_and_message_s)


@pytest.mark.parametrize(
    ("name", "words"),
    [("no_rr_inside", "no RR inside (no message 78 or 132)"), ("bad_activity-filecrc", "CRC or end of file")],
)
def test_samples_that_cannot_be_read_say_why(name: str, words: str) -> None:
    with pytest.raises(ImportRefused) as refused:
        read(sample(f"garmin_fit/{name}.fit"))
    assert words in refused.value.what


def test_only_fit_files_are_claimed() -> None:
    root = sample("")
    for path in root.rglob("*"):
        if path.is_file():
            assert READERS[0].claims(on_disk(path)) == (path.suffix == ".fit"), path


@pytest.mark.parametrize("slots", [1, 3, 5])
@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("header", [12, 14])
def test_empty_slots_are_no_intervals_and_a_pause_stays_one(slots: int, big: bool, header: int) -> None:
    values = [800, 62_900, 0, 65_534, 799]
    data = fit(*(hrv(value, slots=slots, big=big) for value in values), hrv(slots=slots, big=big), header=header)
    content = read_bytes("a.fit", data)
    assert content.verdict == "rr"
    assert ms_of(content) == values


@given(st.lists(st.lists(st.integers(0, 65_534), min_size=1, max_size=5), min_size=1, max_size=20))
def test_whatever_intervals_are_written_are_read(messages: list[list[int]]) -> None:
    content = read_bytes("a.fit", fit(*(hrv(*values) for values in messages)))
    assert ms_of(content) == [value for values in messages for value in values]


@given(st.integers(0, 2**31), st.lists(st.integers(1, 4095), min_size=8, max_size=80))
def test_whatever_beats_are_stored_are_read(first: int, steps: list[int]) -> None:
    times = [first]
    for step in steps[: len(steps) // 8 * 8]:
        times.append(times[-1] + step)
    content = read_bytes("a.fit", fit(stored(times)))
    assert content.verdict == "beats"
    assert list(content.ticks) == [(late - early) * TICKS_OF_STRAP for early, late in pairwise(times)]
    assert content.to_json()["n"] == len(times)


def test_a_byte_of_255_in_stored_beats_is_data() -> None:
    times = [0xFF0, *(0xFF0 + 0xF0F + index * 0xFFF for index in range(8))]
    assert len(read_bytes("a.fit", fit(stored(times))).ticks) == 8
    flat = fit(stored([0xFFE]), message(132, (6, "B", [60] * 8), (10, "y", [0xFF] * 9 + [0xFF, 0xEF, 0xFF])))
    content = read_bytes("a.fit", flat)
    assert list(content.ticks) == [TICKS_OF_STRAP, 4095 * TICKS_OF_STRAP]


def test_stretches_of_stored_beats_are_sorted_and_what_lies_between_is_a_hole() -> None:
    early = [10_000 + 1000 * index for index in range(9)]
    late = [30_000 + 1000 * index for index in range(9)]
    content = read_bytes("a.fit", fit(stored(late, at=20), stored(early, at=0)))
    assert list(content.ticks) == [1000 * TICKS_OF_STRAP] * 16
    assert content.holes == (Hole(8, (late[0] - early[-1]) * TICKS_OF_STRAP),)
    assert content.to_json()["steps_back"] == 1
    assert content.start == Start("2021-09-08T01:46:40", "utc")


def test_beats_that_are_stored_twice_count_once_and_that_is_said() -> None:
    times = [10_000 + 1000 * index for index in range(9)]
    content = read_bytes("a.fit", fit(stored(times), stored(times)))
    assert list(content.ticks) == [1000 * TICKS_OF_STRAP] * 8
    assert any(note == "left out: 9 times that do not come after the beat before." for note in content.decisions)
    assert content.to_json()["n"] == 18


def _paused(pause_s: int, *, first: int = 1000) -> bytes:
    """A minute of beats once a second, a pause by the timer, a minute again."""
    minute = [part for at in range(60) for part in (record(at), hrv(1000))]
    after = 60 + pause_s
    again = [part for at in range(60) for part in (record(after + at), hrv(first if at == 0 else 1000))]
    return fit(timer(0, 0), *minute, timer(60, 4), timer(after, 0), *again, timer(after + 60, 4))


def test_a_pause_of_the_timer_is_a_hole_of_its_length() -> None:
    content = read_bytes("a.fit", _paused(600))
    assert len(content.ticks) == 120
    assert [hole.before for hole in content.holes] == [60]
    assert content.holes[0].ticks / TICKS_PER_S == pytest.approx(600, abs=1)
    assert content.why is None
    assert [marker.text for marker in content.markers] == [
        "timer started", "timer stopped", "timer started", "timer stopped",
    ]  # fmt: skip
    assert [marker.at / TICKS_PER_S for marker in content.markers] == pytest.approx([0, 60, 660, 720], abs=1)


def test_a_pause_that_stands_among_the_intervals_is_no_second_time_a_hole() -> None:
    content = read_bytes("a.fit", _paused(60, first=61_000))
    assert content.holes == ()
    assert ms_of(content)[60] == 61_000


def test_a_timer_that_starts_within_a_long_interval_stands_where_the_clock_says() -> None:
    content = read_bytes("a.fit", _paused(60, first=61_000))
    assert [marker.at / TICKS_PER_S for marker in content.markers][1:3] == [60, 120]


def test_sessions_that_go_back_in_time_are_doubted() -> None:
    early, late = (fit(*[part for s in range(60) for part in (record(at + s), hrv(1000))]) for at in (0, 500))
    assert "its clock goes back" in (read_bytes("a.fit", late + early).why or "")
    assert read_bytes("a.fit", early + late).why is None


def test_intervals_that_come_late_in_batches_make_no_holes() -> None:
    batches: list[bytes] = []
    for begin, end in ((0, 20), (20, 80), (80, 100)):
        batches += [record(at) for at in range(begin, end)]
        batches += [hrv(1000) for _ in range(begin, end)]
    content = read_bytes("a.fit", fit(*batches))
    assert content.holes == ()
    assert any("were not taken for holes" in note for note in content.decisions)


def test_intervals_that_do_not_fill_the_time_of_the_file_are_said() -> None:
    data = fit(message(18, (253, "I", [_T0 + 100]), (2, "I", [_T0]), (7, "I", [100_000])), *[hrv(1000)] * 50)
    content = read_bytes("a.fit", data)
    assert content.verdict == "rr"
    assert content.why == "its intervals add up to 50 s, but it spans 100 s."


def test_local_time_is_known_where_the_activity_says_it() -> None:
    activity = message(34, (253, "I", [_T0 + 9]), (5, "I", [_T0 + 9 - 5 * 3600 + 1800]))
    content = read_bytes("a.fit", fit(record(0), hrv(1000), activity))
    assert content.start == Start("2021-09-07T21:16:40", "-04:30")


def test_seconds_since_the_watch_was_switched_on_are_no_date() -> None:
    content = read_bytes("a.fit", fit(message(20, (253, "I", [1234])), hrv(1000)))
    assert content.start is None


def test_with_both_kinds_the_one_that_covers_more_is_taken_unless_somebody_chose() -> None:
    times = [1024 * index for index in range(17)]
    data = fit(*[hrv(1000)] * 10, stored(times))
    content = read_bytes("a.fit", data)
    assert content.format == "fit mesg 132"
    assert "both messages 78" in content.decisions[0]
    chosen = read_bytes("a.fit", data, Choices(signal="78"))
    assert (chosen.verdict, len(chosen.ticks)) == ("rr", 10)
    more = fit(*[hrv(1000)] * 30, stored(times))
    assert read_bytes("a.fit", more).format == "fit mesg 78"


def test_files_chained_in_one_are_read_as_one_and_that_is_said() -> None:
    content = read_bytes("a.fit", fit(hrv(1000)) + fit(hrv(900)))
    assert ms_of(content) == [1000, 900]
    assert content.decisions == ("2 FIT files chained in one were read as one.",)


def test_a_wrong_checksum_is_refused_and_what_stands_before_it_is_offered() -> None:
    data = bytearray(fit(*[hrv(1000)] * 7))
    data[-1] ^= 1
    with pytest.raises(ImportRefused) as refused:
        read_bytes("a.fit", bytes(data))
    assert refused.value.what == (
        "CRC or end of file: it is cut off or damaged (CRC); 7 intervals stand before the fault."
    )
    assert "--partial" in refused.value.advice
    content = read_bytes("a.fit", bytes(data), Choices(partial=True))
    assert (content.verdict, len(content.ticks)) == ("rr", 7)
    assert content.decisions[0].endswith("; partial.")
    assert content.why == content.decisions[0]


def test_8_a_header_that_promises_more_than_the_file_has_is_refused() -> None:
    whole = fit(*[hrv(1000)] * 7)
    lying = whole[:4] + struct.pack("<I", 0x7FFFFFFF) + whole[8:]
    for data in (lying[:12] + bytes(2) + lying[14:], whole[:-30]):
        with pytest.raises(ImportRefused, match="CRC or end of file"):
            read_bytes("a.fit", data)
    cut = read_bytes("a.fit", whole[:-30], Choices(partial=True))
    assert 0 < len(cut.ticks) < 7


def test_nothing_before_the_fault_is_nothing_to_offer() -> None:
    data = fit(record(0))[:-1]
    with pytest.raises(ImportRefused, match="no intervals stand before") as refused:
        read_bytes("a.fit", data, Choices(partial=True))
    assert "--partial" not in refused.value.advice


def test_optical_intervals_are_named_when_there_is_nothing_else() -> None:
    with pytest.raises(ImportRefused, match=r"optical sensor \(message 290\), which are not read"):
        read_bytes("a.fit", fit(message(290, (253, "I", [_T0]), (1, "H", [800]))))


def test_without_fitdecode_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "fitdecode", None)
    with pytest.raises(ImportRefused, match="needs the package fitdecode") as refused:
        read_bytes("a.fit", fit(hrv(1000)))
    assert 'pip install "biofeedback[formats]"' in refused.value.advice


def test_spoilt_files_are_read_or_refused_and_nothing_else() -> None:
    times = [5000 + 900 * index for index in range(33)]
    seeds = [_paused(30)[:3000], fit(timer(0, 0), record(0), *[hrv(800, 810)] * 20, stored(times), record(30))]
    for data in seeds:
        assert only_refusals(READERS[:1], "a.fit", data, count=150) > 10


def test_random_bytes_after_a_header_are_refused() -> None:
    chance = random.Random(3)
    for _ in range(100):
        head = struct.pack("<BBHI4s", 12, 0x20, 2100, 500, b".FIT")
        with pytest.raises(ImportRefused):
            read_bytes("a.fit", head + chance.randbytes(500))


def test_the_name_of_the_file_does_not_matter() -> None:
    path = sample("garmin_fit/hr_132_first_part.fit")
    assert read_bytes("x.txt", path.read_bytes()).verdict == "beats"
    assert reader_of(on_disk(path)) is READERS[0]
