"""WFDB annotations: samples, and files written here by annot(5) and header(5)."""

from __future__ import annotations

import struct
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content, Start
from biofeedback.formats.detect import reader_of
from biofeedback.formats.foreign import Foreign, in_memory, on_disk
from biofeedback.formats.reading import Choices
from biofeedback.formats.readers.wfdb import READERS
from biofeedback.hrv.ticks import TICKS_PER_S
from tests.formats.samples import check, expected, read, read_bytes, sample
from tests.formats.refusals import only_refusals

_CODES = {
    "N": 1, "L": 2, "R": 3, "a": 4, "V": 5, "F": 6, "J": 7, "A": 8, "S": 9, "E": 10, "j": 11, "/": 12, "Q": 13,
    "B": 25, "?": 30, "e": 34, "n": 35, "f": 38, "r": 41,
}  # fmt: skip
_OTHERS = {"~": 14, "|": 16, "s": 18, "T": 19, '"': 22, "p": 24, "t": 27, "+": 28, "(": 39, ")": 40}
_SKIP, _NUM, _SUB, _CHN, _AUX = 59, 60, 61, 62, 63


def word(code: int, value: int) -> bytes:
    return struct.pack("<H", code << 10 | value)


def marked(*marks: tuple[int, str] | tuple[int, str, str], end: bytes = b"\0\0", extra: bytes = b"") -> bytes:
    """An annotation file: (samples since the mark before, symbol, text behind it)."""
    found = b""
    for step, symbol, *texts in marks:
        code = (_CODES | _OTHERS)[symbol]
        if 0 <= step < 1024:
            found += word(code, step)
        else:
            found += word(_SKIP, 0) + struct.pack("<HH", step >> 16 & 0xFFFF, step & 0xFFFF) + word(code, 0)
        found += extra
        for text in texts:
            data = text.encode("latin-1")
            found += word(_AUX, len(data)) + data + bytes(len(data) % 2)
    return found + end


def record(data: bytes, header: str | None, name: str = "r.atr") -> Foreign:
    """An annotation file with its header beside it."""
    stem = name.rpartition(".")[0]
    beside = {} if header is None else {f"{stem}.hea": in_memory(f"{stem}.hea", header.encode())}
    return in_memory(name, data, beside.get)


def seconds(content: Content) -> list[float]:
    return [value / TICKS_PER_S for value in content.ticks]


@pytest.mark.parametrize("name", ["100.atr", "100.qrs"])
def test_samples_are_read_as_expected(name: str) -> None:
    wanted = expected(f"wfdb/{name}")
    content = read(sample(f"wfdb/{name}"))
    check(content, wanted)
    assert content.format == wanted["format"]
    assert content.to_json()["fs"] == wanted["fs"]


def test_a_header_alone_is_refused_and_the_annotations_beside_it_are_named() -> None:
    with pytest.raises(ImportRefused, match="a header alone has no beats") as refused:
        read(sample("wfdb/100.hea"))
    assert "100.atr" in refused.value.advice


def test_only_wfdb_files_are_claimed() -> None:
    for path in sample("").rglob("*"):
        if path.is_file():
            claimed = [reader.name for reader in READERS if reader.claims(on_disk(path))]
            assert len(claimed) == (path.parent.name == "wfdb"), path


def test_positions_are_rounded_as_times_and_then_differenced() -> None:
    steps = [77, *[293] * 2000]
    content = read(record(marked(*((step, "N") for step in steps)), "r 1 360 650000"))
    places = [sum(steps[: index + 1]) for index in range(len(steps))]
    times = [round(Fraction(place * TICKS_PER_S, 360)) for place in places]
    assert list(content.ticks) == [late - early for early, late in pairwise(times)]
    assert sum(content.ticks) == times[-1] - times[0]


@pytest.mark.parametrize("symbol", _CODES)
def test_every_beat_symbol_counts(symbol: str) -> None:
    content = read(record(marked((10, "N"), (250, symbol), (250, "N")), "r 1 250"))
    assert seconds(content) == [1, 1]


@pytest.mark.parametrize("symbol", _OTHERS)
def test_no_other_symbol_makes_an_interval(symbol: str) -> None:
    content = read(record(marked((10, symbol), (90, "N"), (50, symbol), (200, "N")), "r 1 250"))
    assert seconds(content) == [1]


def test_rhythms_and_notes_are_markers_at_their_time() -> None:
    marks = marked((50, "N"), (250, "N"), (100, "+", "(AFIB\0"), (150, "N"), (10, '"', "hello"), (1, "~"))
    content = read(record(marks, "r 1 250"))
    assert [(marker.text, marker.at / TICKS_PER_S) for marker in content.markers] == [
        ("rhythm (AFIB", 1.4),
        ("hello", 2.04),
        ("signal quality", pytest.approx(2.044, abs=1e-6)),
    ]


def test_signs_that_steer_a_terminal_are_not_kept_in_notes() -> None:
    content = read(record(marked((50, "N"), (250, "N"), (1, '"', "a\x1b[2Jb")), "r 1 250"))
    assert content.markers[0].text == "a?[2Jb"


def test_markers_are_bounded_and_that_is_said() -> None:
    content = read(record(marked((1, "N"), *[(1, "+", "(N")] * 10_001, (1, "N")), "r 1 250"))
    assert len(content.markers) == 10_000
    assert any("10001 notes" in note for note in content.decisions)


def test_num_sub_and_chn_change_no_time() -> None:
    extra = word(_NUM, 1) + word(_SUB, 3) + word(_CHN, 1)
    content = read(record(marked((5, "N"), (250, "N"), (500, "N"), extra=extra), "r 1 250"))
    assert seconds(content) == [1, 2]


@given(st.lists(st.integers(1, 3_000_000), min_size=2, max_size=40))
def test_skip_carries_any_step(steps: list[int]) -> None:
    content = read(record(marked(*((step, "N") for step in steps)), "r 1 1000"))
    assert list(content.ticks) == [step * 1024 for step in steps[1:]]


def test_a_step_before_the_start_and_back_as_wfdb_python_writes_it_is_no_damage() -> None:
    note = b"## time resolution: 128\0"
    head = word(22, 0) + word(63, 23) + note + word(59, 0) + b"\xff\xff\xff\xff" + word(0, 1)
    data = head + word(1, 128) + word(1, 64) + word(1, 128) + b"\0\0"
    assert seconds(read(record(data, None))) == [0.5, 1.0]
    with pytest.raises(ImportRefused):
        reader_of(record(head[:-2] + word(1, 0) + data[len(head) :], None))


def test_beats_that_step_back_are_left_out_and_that_is_said() -> None:
    content = read(record(marked((500, "N"), (250, "N"), (-100, "V"), (350, "N")), "r 1 250"))
    assert seconds(content) == [1, 1]
    assert any(note.startswith("1 beats that do not come after") for note in content.decisions)


def test_the_time_resolution_in_the_file_beats_the_header() -> None:
    marks = marked((0, '"', "## time resolution: 1000"), (10, "N"), (1000, "N"), (500, "N"))
    content = read(record(marks, "r 1 250"))
    assert seconds(content) == [1, 0.5]
    assert content.markers == ()
    alone = read_bytes("whatever.bin", marks)
    assert seconds(alone) == [1, 0.5]
    assert alone.unit == "samples@1000"


def test_without_any_frequency_it_asks_and_an_answer_is_taken() -> None:
    data = marked((10, "N"), (256, "N"), (128, "N"))
    asked = read_bytes("a.atr", data)
    assert asked.verdict == "ask"
    assert "samples@HZ" in (asked.why or "")
    assert seconds(read_bytes("a.atr", data, Choices(unit="samples@256"))) == [1, 0.5]


@pytest.mark.parametrize(
    ("header", "hz"),
    [
        ("r 1", 250), ("r 2 360 650000", 360), ("r 2 360.5/720(3) 100", 360.5), ("# note\n\nr/3 2 128 0", 128),
        ("r 1 500 0 10:00:00 05/11/2021", 500),
    ],
)  # fmt: skip
def test_the_frequency_is_taken_from_the_record_line(header: str, hz: float) -> None:
    assert read(record(marked((1, "N"), (100, "N")), header)).to_json()["fs"] == hz


def test_the_start_is_the_base_time_and_date_at_the_first_beat() -> None:
    content = read(record(marked((125, "N"), (250, "N")), "r 1 250 9999 23:59:59.75 31/12/2021"))
    assert content.start == Start("2022-01-01T00:00:00.250")
    assert read(record(marked((125, "N"), (250, "N")), "r 1 250 9999 23:59:59")).start is None


def test_beats_past_the_end_in_the_header_are_doubted() -> None:
    assert "past the end" in (read(record(marked((1, "N"), (900, "N")), "r 1 250 500")).why or "")
    assert read(record(marked((1, "N"), (400, "N")), "r 1 250 500")).why is None


@pytest.mark.parametrize("symbols", ["", "N", "+~|+"])
def test_fewer_than_two_beats_are_no_intervals(symbols: str) -> None:
    file = record(marked(*((10, symbol) for symbol in symbols)), "r 1 250")
    with pytest.raises(ImportRefused):
        read(file)


def test_a_file_that_is_cut_off_is_refused_and_what_stands_there_is_offered() -> None:
    data = marked(*[(250, "N")] * 5, end=b"")
    with pytest.raises(ImportRefused, match="it has no end mark") as refused:
        read(record(data, "r 1 250"))
    assert refused.value.where == "byte 10"
    assert "the 5 beats before that with --partial" in refused.value.advice
    content = read(record(data, "r 1 250"), Choices(partial=True))
    assert seconds(content) == [1] * 4
    assert content.decisions[0].startswith("partial")
    assert "partial" in (content.why or "")


def test_8_a_header_that_asks_for_186_gib_costs_nothing() -> None:
    header = "r 50000 250 2000000\nr.dat 16 200"
    assert len(header) <= 40
    content = read(record(marked((1, "N"), (250, "N")), header))
    assert seconds(content) == [1]
    huge = "r 999999999999 250 999999999999999999\n"
    assert seconds(read(record(marked((1, "N"), (250, "N")), huge))) == [1]


def test_10_a_header_that_names_other_files_opens_none_of_them(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret.dat").write_bytes(b"secret")
    (inside / "r.hea").write_text("r 1 250 500\n../secret.dat 16 200 11\n/etc/passwd 16\n")
    (inside / "r.atr").write_bytes(marked((1, "N"), (250, "N")))
    asked: list[str] = []
    file = on_disk(inside / "r.atr")

    def neighbour(name: str) -> Foreign | None:
        asked.append(name)
        return file.neighbours(name)

    watched = Foreign(file.name, file.size, file.opener, neighbour, file.path)
    content = read(watched)
    assert seconds(content) == pytest.approx([1], abs=1e-6)
    assert set(asked) <= {"r.hea"}


def test_10_a_link_is_no_header(tmp_path: Path) -> None:
    (tmp_path / "real.txt").write_text("r 1 250 500\n")
    (tmp_path / "r.hea").symlink_to(tmp_path / "real.txt")
    (tmp_path / "r.atr").write_bytes(marked((1, "N"), (250, "N")))
    assert read(tmp_path / "r.atr").verdict == "ask"


def test_a_signal_file_is_refused_and_says_what_to_read() -> None:
    header = in_memory("100.hea", b"100 1 360 10\n100.dat 212 200 11 1024 995 -22131 0 MLII\n")
    signal = in_memory("100.dat", bytes(30), {"100.hea": header}.get)
    with pytest.raises(ImportRefused, match="waveform of a WFDB record") as refused:
        read(signal)
    assert "100.atr" in refused.value.advice


def test_text_beside_a_header_is_no_annotation_file() -> None:
    for text in (b"800\n810\n790\n", b"ANNOTATIONS, none\n" * 20, "é".encode() * 30):
        assert not READERS[2].claims(record(text, "r 1 250", "r.txt"))


@pytest.mark.parametrize("ending", ["atr", "qrs", "ecg", "wqrs", "sqrs", "me2"])
def test_any_annotator_is_read_beside_its_header(ending: str) -> None:
    file = record(marked((1, "N"), (250, "N"), (250, "N")), "r 1 250", f"r.{ending}")
    assert reader_of(file).name == "wfdb annotation"
    assert seconds(read(file)) == [1, 1]


@pytest.mark.parametrize("header", ["", "r", "nonsense", "r x y", "r 1 0", "r 1 1e9", "r 1 99999999999", "\xff"])
def test_a_header_that_is_none_makes_it_ask(header: str) -> None:
    assert read(record(marked((1, "N"), (250, "N")), header)).verdict == "ask"


def test_spoilt_files_are_read_or_refused_and_nothing_else() -> None:
    some: list[tuple[int, str] | tuple[int, str, str]] = [(300, "N"), (2000, "V"), (1, '"', "note")]
    data = marked((5, "+", "(N\0"), *some * 20)
    header = in_memory("r.hea", b"r 1 360 650000 10:00:00 05/11/2021\n")
    assert only_refusals(READERS[2:3], "r.atr", data, lambda _: header, count=500) > 10


def test_spoilt_headers_are_read_or_refused_and_nothing_else() -> None:
    header = b"100 2 360/720(3) 650000 10:00:00 05/11/2021\n100.dat 212 200 11 1024 995 -22131 0 MLII\n# 69 M\n"
    only_refusals(READERS[:1], "100.hea", header, count=500)
    data = marked((1, "N"), (250, "N"))
    for seed in range(300):
        mutant = bytearray(header)
        mutant[seed % len(header)] = seed * 7 % 256
        assert read(record(data, None)).verdict == "ask"
        beside = in_memory("r.hea", bytes(mutant))
        assert read(in_memory("r.atr", data, lambda _, beside=beside: beside)).verdict in ("rr", "ask")  # type: ignore[misc]
