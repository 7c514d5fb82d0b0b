"""MATLAB 5 by a reader of its own; HDF5 is told and refused.

A MATLAB file says nothing of units, so a bare vector goes by the unit rule or asks. Kubios keeps intervals in seconds
in Res.HRV.Data.RR, and times of beats in T_RR. Elements are unpacked up to a limit, and each size and each dimension is
held against the bytes there are (layout: MathWorks, MAT-File Format, level 5). scipy.io is not used: files with a few
bytes changed end the whole process in it (scipy 1.17, segmentation fault in read_var_array).
"""

from __future__ import annotations

import struct
import zlib
from array import array
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from itertools import pairwise
from math import prod
from typing import Any, Final, Literal, TypeAlias

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.lines import MOST_BEATS, printable
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.formats.units import between, fills, ticks_each, ticks_of, unit_of
from biofeedback.hrv.ticks import TICKS_PER_S

_HEADER: Final = 128
_MATRIX, _PACKED = 14, 15
_CELL, _STRUCT, _OBJECT, _SPARSE = 1, 2, 3, 5
_NUMBERS: Final = range(6, 16)
"""Classes of arrays of numbers, double to uint64."""
_COMPLEX, _LOGICAL = 0x0800, 0x0200
_STORED: Final = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""How numbers are stored, whatever their class; MATLAB takes the smallest that holds them."""
Order: TypeAlias = Literal["<", ">"]
_ORDERS: Final[dict[bytes, Order]] = {b"IM": "<", b"MI": ">"}
_MOST_UNPACKED: Final = 64 * 1024 * 1024
_MOST_NUMBERS: Final = 8_000_000
"""In the whole file: MATLAB may keep a number in one byte, which takes eight when it is read."""
_DEEPEST: Final = 12
_MOST_DIMENSIONS: Final = 16
_MOST_MATRICES: Final = 50_000
_MOST_COLUMNS: Final = 8
"""A matrix of more columns than this is no list of intervals with something beside it."""
_NAMED: Final = 20
_KUBIOS: Final = "Res.HRV.Data.RR"
_TIMES: Final = "Res.HRV.Data.T_RR"
_HDF5: Final = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class _Vector:
    """A vector in the file: its name behind those of the structures around it, its size as MATLAB writes it."""

    name: str
    shape: str
    numbers: Any

    @property
    def said(self) -> str:
        """Name and size."""
        return f"'{printable(self.name)}' {self.shape}"


def _claims(file: Foreign) -> bool:
    return file.head.startswith(b"MATLAB 5.0 MAT-file")


def _read(file: Foreign, choices: Choices, progress: Progress) -> Content:
    vectors = _vectors(file.data)
    progress(0.5)
    kubios = {each.name: each for each in vectors if each.name in (_KUBIOS, _TIMES)}
    if choices.signal is not None:
        return _of_vector(_named(vectors, choices.signal), choices)
    if _KUBIOS in kubios:
        return _of_kubios(kubios[_KUBIOS], kubios.get(_TIMES), choices)
    if not vectors:
        raise ImportRefused("there is no list of numbers in it.", "Save the intervals as a vector, or as text.")
    if len(vectors) == 1:
        return _of_vector(vectors[0], choices)
    more = f" and {len(vectors) - _NAMED} more" if len(vectors) > _NAMED else ""
    names = ", ".join(each.said for each in vectors[:_NAMED])
    why = f"{len(vectors)} lists of numbers: {names}{more}; choose one with --signal NAME."
    return Content("MATLAB 5", "ask", why=why)


def _named(vectors: list[_Vector], name: str) -> _Vector:
    for each in vectors:
        if each.name == name:
            return each
    there = ", ".join(printable(each.name) for each in vectors[:_NAMED]) or "nothing, there is none"
    raise ImportRefused(f"there is no list of numbers '{printable(name)}' in it.", f"Choose from: {there}.")


def _of_kubios(vector: _Vector, times: _Vector | None, choices: Choices) -> Content:
    values = _decimals(vector)
    told = unit_of(values)
    unit = choices.unit or told.unit
    if unit is None or min(values) < 0:
        return Content("kubios mat", "ask", why=f"{vector.said}: {told.rule}; say --unit {_UNITS}.")
    ticks = ticks_of(values, ticks_each(unit))
    return Content(
        "kubios mat",
        "rr",
        ticks,
        unit=unit,
        rule="as was said" if choices.unit else f"Kubios writes {_KUBIOS}; {told.rule}",
        why=None if times is None else _mismatch(ticks, times),
        decisions=("Kubios may have corrected these intervals.",),
    )


def _mismatch(ticks: array[int], times: _Vector) -> str | None:
    """FORMATS 1.3: what the intervals add up to against the times of the beats."""
    stamps = times.numbers
    span, summed = float(stamps[-1]) - float(stamps[0]), sum(ticks) / TICKS_PER_S
    opening = ticks[0] / TICKS_PER_S if len(stamps) == len(ticks) else 0.0
    if fills(summed - opening, span, 1):
        return None
    return f"its intervals add up to {summed:.0f} s, but the times of its beats span {span:.0f} s."


_UNITS: Final = "ms, s, 1/1024 or samples@HZ"


def _of_vector(vector: _Vector, choices: Choices) -> Content:
    values = _decimals(vector)
    told = unit_of(values)
    rising = len(values) > 2 and all(early < late for early, late in pairwise(values))
    unit = choices.unit or told.unit
    if min(values) < 0:
        raise ImportRefused(
            f"{vector.said} has negative numbers, so it holds no intervals.",
            "Choose another list with --signal, or have the beats of a waveform found by another format such as EDF.",
        )
    if unit is None:
        kind = "beat positions" if rising else told.rule
        why = f"one matrix {vector.said}, {kind}, no unit inside: say --unit {_UNITS}."
        return Content("MATLAB 5", "ask", why=why)
    ticks = ticks_of(values, ticks_each(unit))
    decisions = [f"the list {vector.said} was read."]
    if rising:
        ticks = between(ticks)
        decisions.append("its numbers only rise, so they were taken for times of beats.")
    rule = "as was said" if choices.unit else told.rule
    return Content("MATLAB 5", "rr", ticks, unit=unit, rule=rule, decisions=tuple(decisions))


def _decimals(vector: _Vector) -> list[Decimal]:
    """Its numbers as they are written shortest. Raises ImportRefused for one that is none."""
    if len(vector.numbers) > MOST_BEATS:
        raise ImportRefused(f"{vector.said} has more than {MOST_BEATS} numbers.", "Cut it into parts.")
    values = [Decimal(str(each)) for each in vector.numbers]
    bad = next((index for index, value in enumerate(values) if not value.is_finite()), None)
    if bad is not None:
        raise ImportRefused(
            f"number {bad + 1} of {vector.said} is none: {values[bad]}.", "Mend or remove it; nothing was read."
        )
    return values


_ADVICE: Final = "Save the intervals as text (writematrix), or with save -v7 as a plain vector."


def _vectors(data: bytes) -> list[_Vector]:
    """All lists of at least two real numbers, in structures and cells too. Raises ImportRefused for what is damaged."""
    order: Order | None = _ORDERS.get(data[_HEADER - 2 : _HEADER])
    if order is None:
        raise _damaged(_HEADER - 2)
    vectors: list[_Vector] = []
    left, numbers = _MOST_UNPACKED, 0
    place = _HEADER
    while place + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, place)
        if size > len(data) - place - 8 or kind not in (_MATRIX, _PACKED):
            raise _damaged(place)
        element = data[place : place + 8 + size]
        if kind == _PACKED:
            element = _inflated(element[8:], left, place)
        walk = _Walk(element, order, place)
        walk.element(0, len(element), 0, "")
        left -= len(element)
        numbers += walk.numbers
        if left < 0 or numbers > _MOST_NUMBERS:
            raise _too_large()
        vectors += walk.vectors
        place += 8 + size
    return vectors


def _inflated(packed: bytes, most: int, place: int) -> bytes:
    try:
        found = zlib.decompressobj().decompress(packed, most + 1)
    except zlib.error as error:
        raise _damaged(place) from error
    if len(found) > most:
        raise _too_large()
    return found


def _too_large() -> ImportRefused:
    return ImportRefused(
        f"it unpacks to more than {_MOST_UNPACKED // 1024**2} MiB or {_MOST_NUMBERS // 10**6} million numbers.", _ADVICE
    )


def _damaged(place: int) -> ImportRefused:
    return ImportRefused("it is damaged, or its sizes do not fit the file.", _ADVICE, f"byte {place}")


class _Walk:
    """Walks through one element and everything in it: no size, no dimension may ask for more than is there."""

    def __init__(self, data: bytes, order: Order, origin: int) -> None:
        self._data = data
        self._order = order
        self._origin = origin
        self._matrices = 0
        self.numbers = 0
        self.vectors: list[_Vector] = []

    def element(self, place: int, end: int, depth: int, name: str) -> int:
        """Read the matrix at `place`, which has to end before `end`; where it ends. `name`: of one in a structure."""
        kind, begin, size, after = self._tag(place, end)
        self._matrices += 1
        if kind != _MATRIX or depth > _DEEPEST or self._matrices > _MOST_MATRICES:
            raise _damaged(self._origin)
        if size:
            self._matrix(begin, begin + size, depth, name)
        return after

    def _tag(self, place: int, end: int) -> tuple[int, int, int, int]:
        """Kind, begin and size of an element's data, and where the next begins."""
        if end - place < 8:
            raise _damaged(self._origin)
        kind, size = struct.unpack_from(f"{self._order}II", self._data, place)
        if kind >> 16:
            kind, size = kind & 0xFFFF, kind >> 16
            if size > 4:
                raise _damaged(self._origin)
            return kind, place + 4, size, place + 8
        if size > end - place - 8:
            raise _damaged(self._origin)
        return kind, place + 8, size, min(end, place + 8 + size + -size % 8)

    def _bytes(self, place: int, end: int) -> tuple[bytes, int]:
        """The data of the element at `place`, and where the next begins."""
        _, begin, size, after = self._tag(place, end)
        return self._data[begin : begin + size], after

    def _matrix(self, place: int, end: int, depth: int, name: str) -> None:
        flags, place = self._bytes(place, end)
        sizes, place = self._bytes(place, end)
        own, place = self._bytes(place, end)
        if len(flags) < 8:
            raise _damaged(self._origin)
        flag = int(struct.unpack_from(f"{self._order}I", flags)[0])
        dimensions = struct.unpack_from(f"{self._order}{len(sizes) // 4}i", sizes)
        if not 2 <= len(dimensions) <= _MOST_DIMENSIONS or min(dimensions) < 0:
            raise _damaged(self._origin)
        count, mx_class = prod(dimensions), flag & 0xFF
        if max(dimensions) > _MOST_UNPACKED or (mx_class != _SPARSE and count > end - place):
            raise _damaged(self._origin)
        name = name or own.decode("latin-1")
        if mx_class == _CELL:
            self._cells(place, end, depth, name)
        elif mx_class in (_STRUCT, _OBJECT):
            self._fields(place, end, depth, name, count, is_object=mx_class == _OBJECT)
        elif mx_class in _NUMBERS and not flag & (_COMPLEX | _LOGICAL) and name:
            self._columns(place, end, name, dimensions)
        else:
            while place < end:
                place = self._tag(place, end)[3]

    def _cells(self, place: int, end: int, depth: int, name: str) -> None:
        number = 0
        while place < end:
            number += 1
            place = self.element(place, end, depth + 1, f"{name}{{{number}}}")

    def _fields(self, place: int, end: int, depth: int, name: str, count: int, *, is_object: bool) -> None:
        if is_object:
            _, place = self._bytes(place, end)
        widths, place = self._bytes(place, end)
        raw, place = self._bytes(place, end)
        width = int(struct.unpack_from(f"{self._order}i", widths)[0]) if len(widths) >= 4 else 0
        if width < 1:
            raise _damaged(self._origin)
        fields = [raw[at : at + width].split(b"\0")[0].decode("latin-1") for at in range(0, len(raw), width)]
        if not fields and place < end:
            raise _damaged(self._origin)
        number = 0
        while place < end:
            item = "" if count == 1 else f"({number // len(fields) + 1})"
            place = self.element(place, end, depth + 1, f"{name}{item}.{fields[number % len(fields)]}")
            number += 1

    def _columns(self, place: int, end: int, name: str, dimensions: tuple[int, ...]) -> None:
        """A list of numbers, or of a narrow matrix each column; what is neither is passed over."""
        kind, begin, size, _ = self._tag(place, end)
        stored, count = _STORED.get(kind), prod(dimensions)
        if stored is None or size != count * int(stored[1]):
            raise _damaged(self._origin)
        self.numbers += count
        sides = [each for each in dimensions if each != 1]
        if count < 2 or self.numbers > _MOST_NUMBERS or len(sides) > 2:
            return
        np: Any = import_module("numpy")
        values = np.frombuffer(self._data, f"{self._order}{stored}", count, begin)
        if len(sides) == 1:
            shape = "x".join(str(each) for each in dimensions)
            self.vectors.append(_Vector(name, shape, values))
        elif sides[1] <= _MOST_COLUMNS:
            for column in range(sides[1]):
                part = values[column * sides[0] : (column + 1) * sides[0]]
                self.vectors.append(_Vector(f"{name}(:,{column + 1})", f"{sides[0]}x1", part))


def _claims_hdf5(file: Foreign) -> bool:
    return file.head.startswith((b"MATLAB 7.3 MAT-file", _HDF5)) or file.head[512:520] == _HDF5


def _read_hdf5(file: Foreign, _choices: Choices, _progress: Progress) -> Content:
    if file.head.startswith(b"MATLAB"):
        raise ImportRefused(
            "it is a MATLAB 7.3 file (HDF5), which is not read.",
            "In MATLAB, load it and save with -v7, or write the intervals as text; in Kubios, export the RR as text.",
        )
    named = "" if file.name.lower().endswith((".h5", ".hdf5", ".hdf", ".mat", ".nc")) else ", whatever its name says"
    raise ImportRefused(
        f"it is an HDF5 file{named}, which is not read.",
        "Write the intervals as text or CSV with the program it is from.",
    )


READERS: Final[tuple[Reader, ...]] = (Reader("matlab", _claims, _read), Reader("hdf5", _claims_hdf5, _read_hdf5))
