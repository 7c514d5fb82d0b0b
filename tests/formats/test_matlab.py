"""MATLAB files: the sample, files that scipy writes, and files that lie about their sizes."""

from __future__ import annotations

import io
import struct
import time
import tracemalloc
import zlib
from fractions import Fraction
from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content
from biofeedback.formats.foreign import on_disk
from biofeedback.formats.reading import Choices
from biofeedback.formats.readers.matlab import READERS
from biofeedback.hrv.ticks import TICKS_PER_MS, TICKS_PER_S
from tests.formats.samples import check, expected, read, read_bytes, sample
from tests.formats.refusals import only_refusals

_RR = [812.0, 790.5, 805.25, 799.0]


def scipy_io() -> Any:  # noqa: ANN401 - a module without types
    return import_module("scipy.io")


def mat(*, packed: bool = False, **variables: Any) -> bytes:  # noqa: ANN401 - whatever MATLAB can hold
    """A MATLAB 5 file."""
    stream = io.BytesIO()
    scipy_io().savemat(stream, variables, do_compression=packed)
    return stream.getvalue()


def ms_of(content: Content) -> list[float]:
    return [value / TICKS_PER_MS for value in content.ticks]


def test_the_sample_asks_as_expected() -> None:
    wanted = expected("matlab5_table.mat")
    content = read(sample("matlab5_table.mat"))
    check(content, wanted)
    assert content.format == wanted["format"]
    assert (content.why or "").startswith(wanted["why"])


def test_the_sample_is_read_when_somebody_says_how_fast_it_was_sampled() -> None:
    places = [int(value) for value in scipy_io().loadmat(sample("matlab5_table.mat"))["Ann"].ravel()]
    content = read(sample("matlab5_table.mat"), Choices(unit="samples@900"))
    times = [round(Fraction(place * TICKS_PER_S, 900)) for place in places]
    assert list(content.ticks) == [late - early for early, late in pairwise(times)]
    assert any("times of beats" in note for note in content.decisions)


def test_only_matlab_files_are_claimed() -> None:
    for path in sample("").rglob("*"):
        if path.is_file():
            claimed = [reader for reader in READERS if reader.claims(on_disk(path))]
            assert len(claimed) == (path.suffix == ".mat"), path


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("scale", "unit"), [(1, "ms"), (1000, "s")])
@pytest.mark.parametrize("turned", [False, True])
def test_one_vector_goes_by_the_unit_rule(packed: bool, scale: int, unit: str, turned: bool) -> None:
    values = np.array([_RR]) / scale
    content = read_bytes("a.mat", mat(rr=values.T if turned else values, packed=packed))
    assert (content.verdict, content.unit) == ("rr", unit)
    assert ms_of(content) == _RR


@settings(max_examples=30)
@given(st.lists(st.integers(300, 2000), min_size=2, max_size=60), st.sampled_from(["i2", "u2", "f4", "f8", "i4"]))
def test_whole_ms_of_any_type_come_back(values: list[int], kind: str) -> None:
    data = mat(rr=np.array(values, kind))
    content = read_bytes("a.mat", data, Choices(unit="ms"))
    rising = len(values) > 2 and all(early < late for early, late in pairwise(values))
    assert rising or ms_of(content) == values


def test_seconds_of_single_precision_are_read_as_they_are_written() -> None:
    content = read_bytes("a.mat", mat(rr=np.array([0.809, 0.812, 0.797], "f4")))
    assert ms_of(content) == [809, 812, 797]


def test_several_lists_are_named_and_one_can_be_chosen() -> None:
    data = mat(
        a=np.array(_RR), s={"inner": np.array([0.8, 0.9, 0.7]), "word": "x"}, table=np.array([[1.0, 700], [2, 710]])
    )
    asked = read_bytes("a.mat", data)
    assert asked.verdict == "ask"
    assert asked.why == (
        "4 lists of numbers: 'a' 1x4, 's.inner' 1x3, 'table(:,1)' 2x1, 'table(:,2)' 2x1; choose one with --signal NAME."
    )
    assert ms_of(read_bytes("a.mat", data, Choices(signal="s.inner"))) == [800, 900, 700]
    assert ms_of(read_bytes("a.mat", data, Choices(signal="table(:,2)"))) == [700, 710]
    assert ms_of(read_bytes("a.mat", data, Choices(signal="a", unit="s")))[0] == 812_000
    with pytest.raises(ImportRefused, match="no list of numbers 'b'") as refused:
        read_bytes("a.mat", data, Choices(signal="b"))
    assert "s.inner" in refused.value.advice


def test_lists_in_cells_and_in_arrays_of_structures_have_names() -> None:
    cells = np.empty((1, 2), object)
    cells[0, 0], cells[0, 1] = np.array(_RR), "word"
    several = np.zeros((1, 2), [("rr", "O")])
    several["rr"][0, 0], several["rr"][0, 1] = np.array([800.0, 810]), np.array([700.0, 710])
    data = mat(c=cells, s=several, z=np.array([1j, 2]), flags=np.array([True, False]))
    assert "3 lists of numbers: 'c{1}' 1x4, 's(1).rr' 1x2, 's(2).rr' 1x2;" in (read_bytes("a.mat", data).why or "")
    assert ms_of(read_bytes("a.mat", data, Choices(signal="s(2).rr"))) == [700, 710]


def test_files_of_the_other_byte_order_are_read() -> None:
    body = struct.pack(">4I", 6, 8, 6, 0) + struct.pack(">2I2i", 5, 8, 1, 3)
    body += struct.pack(">2H", 2, 1) + b"rr\0\0" + struct.pack(">2I3d", 9, 24, 800, 810, 790)
    head = b"MATLAB 5.0 MAT-file".ljust(124) + b"\1\0MI"
    assert ms_of(read_bytes("a.mat", head + struct.pack(">2I", 14, len(body)) + body)) == [800, 810, 790]


def _kubios(rr: list[float], times: list[float] | None = None) -> bytes:
    inner: dict[str, Any] = {"RR": np.array(rr)} | ({} if times is None else {"T_RR": np.array(times)})
    return mat(Res={"f_name": "x", "HRV": {"Data": inner, "Param": {"Segments": np.array([1.0, 2.0])}}})


def test_kubios_keeps_seconds_where_they_are_known_to_be() -> None:
    content = read_bytes("a.mat", _kubios([0.8, 0.81, 0.79], [36000.8, 36001.61, 36002.4]))
    assert (content.format, content.verdict, content.unit) == ("kubios mat", "rr", "s")
    assert ms_of(content) == [800, 810, 790]
    assert content.why is None
    assert content.decisions == ("Kubios may have corrected these intervals.",)


def test_intervals_of_kubios_that_do_not_fill_its_times_are_said() -> None:
    content = read_bytes("a.mat", _kubios([0.8] * 10, [0.8 * index + (60 if index > 5 else 0) for index in range(10)]))
    assert content.why == "its intervals add up to 8 s, but the times of its beats span 67 s."


def test_numbers_that_are_none_and_negative_ones_are_refused() -> None:
    with pytest.raises(ImportRefused, match="number 2 of 'rr' 1x3 is none"):
        read_bytes("a.mat", mat(rr=np.array([800, np.nan, 810])))
    with pytest.raises(ImportRefused, match="has negative numbers"):
        read_bytes("a.mat", mat(ecg=np.array([800, -3.0, 810])))


@pytest.mark.parametrize(
    "value", ["words", np.array(["a", "b"]), 5.0, np.array([1 + 2j, 3]), np.ones((20, 20)), np.array([])]
)
def test_a_file_without_a_list_says_so(value: Any) -> None:  # noqa: ANN401 - whatever MATLAB can hold
    with pytest.raises(ImportRefused, match="no list of numbers"):
        read_bytes("a.mat", mat(x=value))


def test_a_list_of_fast_or_slow_numbers_asks() -> None:
    content = read_bytes("a.mat", mat(x=np.array([70, 72, 71, 70])))
    assert content.verdict == "ask"
    assert "their median is 70.5" in (content.why or "")


def test_matlab_7_3_says_what_to_do() -> None:
    head = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM"
    with pytest.raises(ImportRefused, match=r"MATLAB 7\.3 file") as refused:
        read_bytes("a.mat", head.ljust(512, b"\0") + b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert "-v7" in refused.value.advice


def test_hdf5_is_told_whatever_its_name_says() -> None:
    with pytest.raises(ImportRefused, match="it is an HDF5 file, whatever its name says, which is not read"):
        read_bytes("a.csv", b"\x89HDF\r\n\x1a\n" + bytes(2000))
    with pytest.raises(ImportRefused, match="it is an HDF5 file, which is not read"):
        read_bytes("a.h5", b"\x89HDF\r\n\x1a\n" + bytes(2000))


def _refused_cheaply(data: bytes) -> str:
    read_bytes("a.mat", mat(rr=np.array(_RR)))
    tracemalloc.start()
    began = time.monotonic()
    try:
        with pytest.raises(ImportRefused) as refused:
            read_bytes("a.mat", data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    joined = 2 * 64 * 1024 * 1024
    assert peak < joined + 16 * 1024 * 1024
    assert time.monotonic() - began < 5
    return refused.value.what


@pytest.mark.parametrize("dimensions", [(2**31 - 1, 2**31 - 1), (2**30, 1), (-1, 4), (1, 400)])
def test_8_dimensions_that_ask_for_more_than_the_file_holds_are_refused(dimensions: tuple[int, int]) -> None:
    data = bytearray(mat(rr=np.array(_RR)))
    place = bytes(data).index(struct.pack("<II", 5, 8))
    struct.pack_into("<ii", data, place + 8, *dimensions)
    assert "sizes do not fit" in _refused_cheaply(bytes(data))


def test_8_a_cell_array_that_claims_a_billion_cells_is_refused() -> None:
    cells = np.empty((1, 2), object)
    cells[0, 0], cells[0, 1] = np.array(_RR), np.array(_RR)
    data = bytearray(mat(c=cells))
    place = bytes(data).index(struct.pack("<II", 5, 8))
    struct.pack_into("<ii", data, place + 8, 1, 10**9)
    assert "sizes do not fit" in _refused_cheaply(bytes(data))


def test_8_an_element_longer_than_the_file_is_refused() -> None:
    data = bytearray(mat(rr=np.array(_RR)))
    struct.pack_into("<I", data, 132, 2**32 - 1)
    assert "sizes do not fit" in _refused_cheaply(bytes(data))


@pytest.mark.slow
def test_2_a_packed_bomb_is_refused() -> None:
    zeros = zlib.compress(bytes(200 * 1024 * 1024), 9)
    assert len(zeros) < 300_000
    data = mat(rr=np.array(_RR))[:128] + struct.pack("<II", 15, len(zeros)) + zeros
    assert "unpacks to more than 64 MiB" in _refused_cheaply(data)


def test_2_many_numbers_in_few_bytes_are_refused() -> None:
    data = mat(packed=True, rr=np.zeros(9_000_000, "i1"))
    assert len(data) < 20_000
    assert "8 million numbers" in _refused_cheaply(data)


def test_cells_in_cells_have_a_bottom() -> None:
    nest: Any = np.array(_RR)
    for _ in range(40):
        outer = np.empty((1, 1), object)
        outer[0, 0] = nest
        nest = outer
    with pytest.raises(ImportRefused):
        read_bytes("a.mat", mat(c=nest))


@pytest.mark.parametrize("length", [19, 100, 127, 128, 130, 140, 200])
def test_a_file_that_is_cut_off_is_refused(length: int) -> None:
    with pytest.raises(ImportRefused):
        read_bytes("a.mat", mat(rr=np.array(_RR * 10))[:length])


@pytest.mark.parametrize("kind", [0, 8, 10, 14, 15, 19, 265, 0xFFFF])
def test_11_numbers_of_a_type_that_there_is_not_are_refused_before_scipy_looks_them_up(kind: int) -> None:
    data = bytearray(mat(rr=np.array(_RR * 8)))
    tag = struct.pack("<II", 9, 8 * len(_RR) * 8)
    data[data.index(tag) : data.index(tag) + 4] = struct.pack("<I", kind)
    with pytest.raises(ImportRefused, match="sizes do not fit") as caught:
        read_bytes("a.mat", bytes(data))
    assert caught.value.where == "byte 128"


@pytest.mark.parametrize("packed", [False, True])
def test_spoilt_files_are_read_or_refused_and_nothing_else(packed: bool) -> None:
    data = mat(rr=np.array(_RR * 8), s={"a": np.array(_RR), "w": "word"}, c=[1, "x"], packed=packed)
    assert only_refusals(READERS[:1], "a.mat", data) > 10
