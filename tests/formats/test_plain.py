"""Plain RR text: strict numbers, units never guessed silently, exact ticks (FORMATS 1.3, RULINGS A7)."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from biofeedback.errors import UnreadableError
from biofeedback.formats import plain
from biofeedback.formats.plain import Intervals, read_plain
from tests.real import FORMATS, needs_formats


def read(folder: Path, content: str | bytes, unit: str | None = None) -> Intervals:
    path = folder / "rr.txt"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_plain(path, unit)


BAD = ["1_000", "٨٠٠", "８００", "nan", "inf", "1e400", "8e2", "-800", "+800", "0x320", "800.", ".8", "8,0,0",
       "800 810", "800;", "1000000000000000", "80\u00a00", "800\x0b"]  # fmt: skip


@pytest.mark.parametrize("cell", BAD)
def test_1_3_a_cell_that_is_no_number_is_refused_with_its_line(tmp_path: Path, cell: str) -> None:
    with pytest.raises(UnreadableError, match=r"line 3 is not an interval") as caught:
        read(tmp_path, f"800\n\n{cell}\n810\n")
    assert caught.value.exit_code == 4
    with pytest.raises(UnreadableError, match=r"line 1 is not an interval"):
        read(tmp_path, f"{cell}\n800\n")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_lf_crlf_or_cr(tmp_path: Path, end: str) -> None:
    assert read(tmp_path, end.join(["800", " 810\t", "", "805"]) + end).ticks == (819200, 829440, 824320)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_byte_order_marks(tmp_path: Path, encoding: str) -> None:
    bom = {"utf-16-le": b"\xff\xfe", "utf-16-be": b"\xfe\xff"}.get(encoding, b"")
    assert read(tmp_path, bom + "800\r\n810\r\n805".encode(encoding)).ticks == (819200, 829440, 824320)


@pytest.mark.parametrize(
    "content", [b"", b" \r\n\n", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff\xfe\n\x00\r\x00", b"\xef\xbb\xbf \t\n"]
)
@pytest.mark.parametrize("unit", [None, "ms"])
def test_a_file_without_a_number_is_empty(tmp_path: Path, content: bytes, unit: str | None) -> None:
    with pytest.raises(UnreadableError, match="is empty"):
        read(tmp_path, content, unit)


@pytest.mark.parametrize("content", [b"800\n\x00\n", b"\x89HDF\r\n", b"800\n\xff\n", b"\xff\xfe8", b"8\x000\x000\x00"])
def test_bytes_that_are_no_text_are_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableError, match="not a text file of RR intervals"):
        read(tmp_path, content)


@pytest.mark.parametrize(
    ("content", "unit", "ticks_each"),
    [("800\n810\n805", "ms", 1024), ("0.8\n0.81\n0.805", "s", 1_024_000), ("0,8\n0,81\n0,805", "s", 1_024_000)],
)
def test_1_3_unit_by_the_median(tmp_path: Path, content: str, unit: str, ticks_each: int) -> None:
    found = read(tmp_path, content)
    assert found.unit == unit
    assert found.ticks == tuple(round(Fraction(v.replace(",", ".")) * ticks_each) for v in content.split())


@pytest.mark.parametrize(
    ("median", "unit"),
    [("300", "ms"), ("2200", "ms"), ("299.999", None), ("2200.001", None), ("0.30", "s"), ("2.2", "s"),
     ("0.299", None), ("2.201", None), ("70", None), ("0", None), ("5000", None)],
)  # fmt: skip
def test_1_3_an_odd_median_asks_and_its_borders_are_as_written(tmp_path: Path, median: str, unit: str | None) -> None:
    content = f"{median}\n" * 3
    if unit is not None:
        assert read(tmp_path, content).unit == unit
        return
    with pytest.raises(UnreadableError, match="the unit is not clear") as caught:
        read(tmp_path, content)
    assert caught.value.advice == "Say it with --unit ms, s, 1/1024 or samples@HZ (for example samples@256)."


def test_1_3_a_list_that_only_rises_asks(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="could be times of beats"):
        read(tmp_path, "800\n900\n1000\n")
    assert read(tmp_path, "800\n900\n900\n").unit == "ms"
    assert read(tmp_path, "800\n900\n1000\n", "ms").rule == "as told"


@pytest.mark.parametrize(
    ("unit", "each"),
    [
        ("ms", Fraction(1024)),
        ("s", Fraction(1_024_000)),
        ("1/1024", Fraction(1000)),
        ("samples@256", Fraction(4000)),
        ("samples@130", Fraction(1_024_000, 130)),
        ("samples@0.5", Fraction(2_048_000)),
        ("samples@0,5", Fraction(2_048_000)),
    ],
)
def test_a7_units_are_exact(tmp_path: Path, unit: str, each: Fraction) -> None:
    values = ("225", "230.5", "0.001", "220")
    found = read(tmp_path, "\n".join(values), unit)
    assert found.ticks == tuple(round(Fraction(value) * each) for value in values)
    assert found.unit == unit


def test_a7_half_ticks_go_to_the_even_one(tmp_path: Path) -> None:
    """1/2048 ms is half a tick."""
    halves = ["0.00048828125", "0.00146484375", "0.00244140625", "0.00341796875"]
    assert read(tmp_path, "\n".join(halves), "ms").ticks == (0, 2, 2, 4)


@pytest.mark.parametrize(
    "unit", ["samples@", "samples@0", "samples@-256", "samples@x", "256", "samples", "MS", "", "samples@1e3"]
)
def test_an_unknown_unit_is_told_with_the_known_ones(tmp_path: Path, unit: str) -> None:
    with pytest.raises(UnreadableError, match="There is no unit") as caught:
        read(tmp_path, "800\n810\n", unit)
    assert "samples@HZ" in caught.value.advice


def test_size_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "LARGEST_BYTES", 11)
    assert len(read(tmp_path, "800\n810\n805").ticks) == 3
    with pytest.raises(UnreadableError, match="larger than 512 MiB"):
        read(tmp_path, "800\n810\n805\n")
    monkeypatch.setattr(plain, "MOST_BEATS", 2)
    with pytest.raises(UnreadableError, match="more than 5 million"):
        read(tmp_path, "800\n810\n805")


def test_a_file_that_is_not_there_or_no_file_is_told(tmp_path: Path) -> None:
    for path in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(UnreadableError, match="cannot be read"):
            read_plain(path)


def expected(name: str) -> dict[str, Any]:
    answers: dict[str, dict[str, Any]] = json.loads((FORMATS / "expected.json").read_text("utf-8"))
    return answers[name]


@needs_formats
@pytest.mark.parametrize(
    "name",
    ["plain_ms_rest.txt", "elitehrv/2017-06-29 13-11-53.txt", "made_up/rr_1024ths.txt", "made_up/rr_ms_utf8_bom.txt"],
)
def test_a9_sample_files_of_plain_rr(name: str) -> None:
    answer, found = expected(name), read_plain(FORMATS / name)
    ms = [ticks / 1024 for ticks in found.ticks]
    assert (found.unit, len(ms)) == (answer["unit"], answer["n"])
    assert sum(ms) == pytest.approx(answer["sum_ms"], abs=2, rel=1e-4)
    if "first" in answer:
        assert [ms[:3], ms[-2:]] == [answer["first"], answer["last"]]


@needs_formats
def test_a9_intervals_in_samples_ask_and_are_read_when_told() -> None:
    path, answer = FORMATS / "rr_in_samples_256hz.csv", expected("rr_in_samples_256hz.csv")["if_256_hz"]
    with pytest.raises(UnreadableError, match="the unit is not clear"):
        read_plain(path)
    ms = [ticks / 1024 for ticks in read_plain(path, "samples@256").ticks]
    assert len(ms) == answer["n"]
    assert sum(ms) == pytest.approx(answer["sum_ms"], abs=0.1)


@needs_formats
def test_a9_text_among_numbers_is_refused_with_its_line() -> None:
    line = expected("bad_text_in_rr.txt")["line"]
    with pytest.raises(UnreadableError, match=f"line {line} "):
        read_plain(FORMATS / "bad_text_in_rr.txt")


@needs_formats
def test_a9_an_empty_file_is_told_to_be_empty() -> None:
    with pytest.raises(UnreadableError, match="is empty"):
        read_plain(FORMATS / "empty.txt")


@needs_formats
def test_files_of_other_kinds_are_refused_and_never_read_as_rr() -> None:
    for pattern in (
        "*.mat",
        "csv_*",
        "*/*.hrm",
        "*/*.fit",
        "*/*.xml",
        "*/*.json",
        "*/*.sml",
        "wfdb/*",
        "xdf/*",
        "edf/*",
    ):
        for path in sorted(FORMATS.glob(pattern)):
            with pytest.raises(UnreadableError):
                read_plain(path)
