"""MATLAB 5 by scipy.io; HDF5 is told and refused.

A MATLAB file says nothing of units, so a bare vector goes by the unit rule or asks. Kubios keeps intervals in seconds
in Res.HRV.Data.RR, and times of beats in T_RR. Before scipy sees a file its elements are unpacked up to a limit, and
each size and each dimension is held against the bytes there are (layout: MathWorks, MAT-File Format, level 5).
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib import import_module
from itertools import pairwise
from math import prod
from typing import Any, Final, cast

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
    data = _unpacked(file.data)
    progress(0.5)
    vectors = list(_vectors("", _loaded(data), 0))
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


def _vectors(name: str, value: Any, depth: int) -> Iterator[_Vector]:  # noqa: ANN401 - whatever a file holds
    """Lists of at least two real numbers, by name, in structures too; of a narrow matrix each column."""
    if isinstance(value, Mapping):
        for key, inner in cast("Mapping[object, object]", value).items():
            if not (depth == 0 and str(key).startswith("__")):
                yield from _vectors(f"{name}.{key}" if name else str(key), inner, depth + 1)
    elif isinstance(value, list):
        for number, inner in enumerate(cast("list[object]", value), 1):
            yield from _vectors(f"{name}{{{number}}}", inner, depth + 1)
    elif getattr(getattr(value, "dtype", None), "kind", "") in ("f", "i", "u"):
        yield from _columns(name, value)


def _columns(name: str, value: Any) -> Iterator[_Vector]:  # noqa: ANN401 - an array of any type
    if value.ndim == 1 and value.size >= 2:
        yield _Vector(name, f"{value.size}x1", value)
    elif value.ndim == 2 and value.shape[1] <= _MOST_COLUMNS and value.shape[0] >= 2:
        for column in range(value.shape[1]):
            yield _Vector(f"{name}(:,{column + 1})", f"{value.shape[0]}x1", value[:, column])


def _loaded(data: bytes) -> Mapping[str, Any]:
    reading: Any = import_module("scipy.io")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found: Mapping[str, Any] = reading.loadmat(io.BytesIO(data), simplify_cells=True)
        except Exception as error:
            raise ImportRefused("it is damaged, or holds what only MATLAB reads.", _ADVICE) from error
    return found


_ADVICE: Final = "Save the intervals as text (writematrix), or with save -v7 as a plain vector."


def _unpacked(data: bytes) -> bytes:
    """The file with no packed elements in it, each element held against its bounds. Raises ImportRefused for lies."""
    order = {b"IM": "<", b"MI": ">"}.get(data[_HEADER - 2 : _HEADER])
    if order is None:
        raise _damaged(_HEADER - 2)
    parts: list[bytes] = []
    left = _MOST_UNPACKED
    numbers = 0
    place = _HEADER
    while place + 8 <= len(data):
        kind, size = struct.unpack_from(f"{order}II", data, place)
        if size > len(data) - place - 8 or kind not in (_MATRIX, _PACKED):
            raise _damaged(place)
        element = data[place : place + 8 + size]
        if kind == _PACKED:
            element = _inflated(element[8:], left, place)
        left -= len(element)
        check = _Check(element, order, place)
        check.element(0, len(element), 0)
        numbers += check.numbers
        if left < 0 or numbers > _MOST_NUMBERS:
            raise _too_large()
        parts.append(element)
        place += 8 + size
    return data[:_HEADER] + b"".join(parts)


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


class _Check:
    """Walks through one element and everything in it: no size, no dimension may ask for more than is there."""

    def __init__(self, data: bytes, order: str, origin: int) -> None:
        self._data = data
        self._order = order
        self._origin = origin
        self._matrices = 0
        self.numbers = 0

    def element(self, place: int, end: int, depth: int) -> int:
        """Check the matrix at `place`, which has to end before `end`; where it ends."""
        kind, begin, size, after = self._tag(place, end)
        self._matrices += 1
        if kind != _MATRIX or depth > _DEEPEST or self._matrices > _MOST_MATRICES:
            raise _damaged(self._origin)
        if size:
            self._matrix(begin, begin + size, depth)
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

    def _matrix(self, place: int, end: int, depth: int) -> None:
        _, begin, size, place = self._tag(place, end)
        if size < 8:
            raise _damaged(self._origin)
        mx_class = struct.unpack_from(f"{self._order}I", self._data, begin)[0] & 0xFF
        _, begin, size, place = self._tag(place, end)
        dimensions = struct.unpack_from(f"{self._order}{size // 4}i", self._data, begin)
        if not 2 <= len(dimensions) <= _MOST_DIMENSIONS or min(dimensions) < 0:
            raise _damaged(self._origin)
        if max(dimensions) > _MOST_UNPACKED or (mx_class != _SPARSE and prod(dimensions) > end - place):
            raise _damaged(self._origin)
        if mx_class in (_CELL, _STRUCT, _OBJECT):
            self._inside(place, end, depth, skip={_CELL: 1, _STRUCT: 3, _OBJECT: 4}[mx_class])
            return
        self.numbers += 0 if mx_class == _SPARSE else prod(dimensions)
        while place < end:
            _, _, _, place = self._tag(place, end)

    def _inside(self, place: int, end: int, depth: int, *, skip: int) -> None:
        """Past the name and the names of the fields, all that follows are matrices."""
        for _ in range(skip):
            _, _, _, place = self._tag(place, end)
        while place < end:
            place = self.element(place, end, depth + 1)


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
