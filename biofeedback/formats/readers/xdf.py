"""XDF of LabRecorder, by pyxdf, which sees nothing but chunks whose sizes were checked, of streams that are wanted.

Layout: https://github.com/sccn/xdf/wiki/Specifications. A file that ends in the middle, as after a crash, is usual.
"""

from __future__ import annotations

import importlib
import io
import logging
import re
import struct
import warnings
from array import array
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from math import isfinite
from typing import TYPE_CHECKING, Any, Final
from xml.etree import ElementTree as ET

from biofeedback.errors import ImportRefused
from biofeedback.events import Json
from biofeedback.formats.content import Content, Marker, Start
from biofeedback.formats.dates import start_of
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.lines import MOST_BEATS, printable
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.formats.readers.ecg import (
    LONGEST_MARKER,
    MISSING,
    PULSE_WORDS,
    chosen_of,
    ecg_content,
    kind_of,
    label_place,
    refuse_more_markers,
)
from biofeedback.formats.units import Told, asked, fills, ticks_each, ticks_of, unit_of
from biofeedback.hrv.ticks import TICKS_PER_S

if TYPE_CHECKING:
    from biofeedback.formats.peaks import WaveformKind
    from biofeedback.formats.sampled import Samples

_BOUNDARY: Final = bytes.fromhex("43a546dccbf5410fb30ed5467383cbe4")
_FILE_HEADER, _STREAM_HEADER, _SAMPLES, _OFFSET, _FOOTER = 1, 2, 3, 4, 6
_OF_STREAM: Final = (_STREAM_HEADER, _SAMPLES, _OFFSET, _FOOTER)
_BYTES: Final = {"int8": 1, "int16": 2, "int32": 4, "int64": 8, "float32": 4, "double64": 8, "string": 2}
"""The least bytes that one value takes; of a string its length alone takes two."""
_STAMP: Final = 8
_MOST_CHANNELS, _MOST_STREAMS, _FASTEST_HZ = 10_000, 1_000, 1e6
_LONGEST_S: Final = 366 * 86_400.0
_RR: Final = re.compile(r"(rr|r-r|rri|ibi|nn|nni|ppi|(rr|r-r|inter-?beat)[ _-]?intervals?)", re.IGNORECASE)
_MARKS: Final = re.compile(r"marker|event|annotation|trigger", re.IGNORECASE)
_UNITS: Final = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), "s"),
    **dict.fromkeys(("ms", "msec", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("1/1024", "1/1024 s", "1/1024s"), "1/1024"),
}
_ADVICE: Final = "Copy it again from where it comes from; --partial takes what stands before the fault."
_EXPORT: Final = "Record it again with a current LabRecorder."


@dataclass(slots=True)
class _Stream:
    """One stream's header; `samples` are counted while the chunks are walked."""

    number: int
    name: str
    kind: str
    channels: int
    form: str
    hz: float
    labels: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    samples: int = 0

    @property
    def least_bytes(self) -> int:
        return 1 + self.channels * _BYTES[self.form]

    @property
    def is_marks(self) -> bool:
        return self.samples > 0 and (self.form == "string" or (self.hz == 0 and bool(_MARKS.search(self.kind))))

    @property
    def rr_column(self) -> int | None:
        """The channel that holds intervals, told by its label, or the first of a stream whose type says so."""
        if self.form == "string" or not self.samples:
            return None
        named = [place for place, label in enumerate(self.labels) if _RR.fullmatch(label)]
        return named[0] if named else 0 if _RR.fullmatch(self.kind) else None

    def unit_of(self, column: int) -> str:
        return self.units[column] if column < len(self.units) else ""


@dataclass(slots=True)
class _Walked:
    """What is in a file: its streams, the bytes that are whole, when the recorder began, and what was left out."""

    streams: dict[int, _Stream] = field(default_factory=dict[int, _Stream])
    end: int = 4
    start: Start | None = None
    words: list[str] = field(default_factory=list[str])

    @property
    def about(self) -> dict[str, Json]:
        return {"streams": [[each.name, each.kind, each.samples] for each in self.streams.values()]}


def _claims(file: Foreign) -> bool:
    return file.head.startswith(b"XDF:")


def _read(file: Foreign, choices: Choices, progress: Progress) -> Content:
    walked = _walked(file.data, choices)
    intervals = [
        stream
        for stream in walked.streams.values()
        if stream.rr_column is not None and choices.signal in (None, stream.name)
    ]
    if intervals:
        return _intervals(file.data, walked, intervals, choices)
    waves = _waves(walked)
    place = _wave_place(waves, choices)
    if place is None:
        return _refused(walked)
    progress(0.1)
    return _wave(file.data, walked, waves, place, choices)


def _walked(data: bytes, choices: Choices) -> _Walked:
    """All chunks, none of which is longer than the file or holds more than it has bytes for."""
    walked = _Walked()
    while walked.end < len(data):
        begin, finish = _bounds(data, walked.end)
        if finish > len(data) and data.find(_BOUNDARY, begin) < 0:
            walked.words.append("it ends in the middle, as after a crash; its last chunk is left out")
            break
        try:
            _look_into(data, begin, finish, walked)
        except ImportRefused as fault:
            why = f"it is damaged: {fault.what.removesuffix('.')}, at byte {walked.end} of {len(data)}"
            if not choices.partial:
                raise ImportRefused(f"{why}.", _ADVICE) from fault
            walked.words.append(f"partial: {why}; only what stands before is read")
            break
        walked.end = finish
    return walked


def _bounds(data: bytes, place: int) -> tuple[int, int]:
    """Where a chunk's content begins and ends; (place, place) where its length cannot be read."""
    size = data[place]
    begin = place + 1 + size
    if size not in (1, 4, 8):
        return place, place
    if begin > len(data):
        return begin, begin + 1
    return begin, begin + int.from_bytes(data[place + 1 : begin], "little")


def _look_into(data: bytes, begin: int, finish: int, walked: _Walked) -> None:
    if not begin + 2 <= finish <= len(data):
        raise ImportRefused("a chunk's length is wrong", _ADVICE)
    tag = int.from_bytes(data[begin : begin + 2], "little")
    if tag == _FILE_HEADER:
        walked.start = start_of(_xml(data[begin + 2 : finish]).findtext("datetime") or "")
    if tag not in _OF_STREAM:
        return
    if finish - begin < 6:
        raise ImportRefused("a chunk is too short", _ADVICE)
    number = int.from_bytes(data[begin + 2 : begin + 6], "little")
    if tag == _STREAM_HEADER:
        if number in walked.streams or len(walked.streams) >= _MOST_STREAMS:
            raise ImportRefused("a stream has two headers, or there are over a thousand", _ADVICE)
        walked.streams[number] = _stream(number, _xml(data[begin + 6 : finish]))
    elif number not in walked.streams:
        raise ImportRefused("a stream has no header", _ADVICE)
    elif tag == _SAMPLES:
        _count(data, begin + 6, finish, walked.streams[number])
    elif tag == _OFFSET and finish - begin != 22:
        raise ImportRefused("a clock offset has the wrong length", _ADVICE)


def _count(data: bytes, begin: int, finish: int, stream: _Stream) -> None:
    """Add a chunk's samples to its stream; a number that its bytes cannot hold is a lie."""
    place, end = _bounds(data, begin) if begin < finish else (finish, finish)
    count, there = end - place, finish - place
    most = there if stream.form == "string" else count * (stream.least_bytes + _STAMP)
    if place == begin or place > finish or not count * stream.least_bytes <= there <= most:
        raise ImportRefused(f"a chunk speaks of {count} samples in {there} bytes", _ADVICE)
    stream.samples += count


def _xml(raw: bytes) -> ET.Element:
    if b"<!" in raw.replace(b"<!--", b"") or b"\0" in raw:
        raise ImportRefused("a header declares XML entities", _EXPORT)
    try:
        return ET.fromstring(raw.decode("utf-8", "replace").strip())  # noqa: S314 - no entities, see above
    except (ET.ParseError, ValueError, LookupError, RecursionError) as error:
        raise ImportRefused("a header is broken XML", _ADVICE) from error


def _stream(number: int, info: ET.Element) -> _Stream:
    def told(key: str) -> str:
        return printable((info.findtext(key) or "").strip(), LONGEST_MARKER)

    form, count = told("channel_format"), told("channel_count")
    hz = _float(told("nominal_srate"))
    if form not in _BYTES:
        raise ImportRefused(f"a stream's values are of the kind '{form}'", _EXPORT)
    if not re.fullmatch("[0-9]{1,5}", count) or not 1 <= int(count) <= _MOST_CHANNELS:
        raise ImportRefused(f"a stream has '{count}' channels", _EXPORT)
    if hz is None or not 0 <= hz <= _FASTEST_HZ:
        raise ImportRefused(f"a stream has '{told('nominal_srate')}' samples a second", _EXPORT)
    channels = info.findall("desc/channels/channel")[: int(count)]
    labels = tuple(_text(each, "label") or _text(each, "name") for each in channels)
    units = tuple(_text(each, "unit") for each in channels)
    return _Stream(number, told("name"), told("type"), int(count), form, hz, labels, units)


def _text(channel: ET.Element, key: str) -> str:
    return printable((channel.findtext(key) or "").strip())


def _float(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if isfinite(value) else None


def _refused(walked: _Walked) -> Content:
    streams = ", ".join(f"'{each.name}' ({each.kind}, {each.samples})" for each in list(walked.streams.values())[:20])
    why = f"none of its streams holds RR, an ECG or a pulse wave: {streams}. --signal NAME chooses one."
    if not walked.streams:
        why = "it holds no stream."
    return Content("xdf", "refuse", why=why, start=walked.start, decisions=tuple(walked.words), about=walked.about)


@dataclass(frozen=True, slots=True)
class _Wave:
    """A channel that may be a waveform: its label, what its label or else its stream says it is, and where it is."""

    label: str
    kind: WaveformKind | None
    stream: _Stream
    column: int


def _waves(walked: _Walked) -> list[_Wave]:
    waves: list[_Wave] = []
    for stream in walked.streams.values():
        if stream.form == "string" or not stream.samples:
            continue
        labels = [*stream.labels, *[""] * (stream.channels - len(stream.labels))]
        kinds: list[WaveformKind | None] = [kind_of(label) for label in labels]
        if not any(kinds):
            kinds[0] = kind_of(stream.kind)
        waves += [
            _Wave(label or stream.name, kind, stream, column)
            for column, (label, kind) in enumerate(zip(labels, kinds, strict=True))
        ]
    return waves


def _wave_place(waves: Sequence[_Wave], choices: Choices) -> int | None:
    if choices.signal is None or not waves:
        return chosen_of([(wave.kind or "", wave.stream.hz) for wave in waves], replace(choices, signal=None))
    likely = sorted(range(len(waves)), key=lambda place: waves[place].kind is None)
    labels = [waves[place].label for place in range(len(waves))] + [waves[place].stream.name for place in likely]
    found = label_place(labels, choices.signal)
    return found if found < len(waves) else likely[found - len(waves)]


def _wave(data: bytes, walked: _Walked, waves: Sequence[_Wave], place: int, choices: Choices) -> Content:
    wave = waves[place]
    stream = wave.stream
    loaded = _loaded(data[: walked.end], walked, stream)
    stamps = _times(loaded[stream.number]["time_stamps"], stream.hz)
    markers = _markers(loaded, walked, float(stamps[0]))
    words = list(walked.words)
    others = [each.label for each in waves if each.kind and each is not wave]
    if others:
        words.append(f"of several channels '{wave.label}' is used; there are also {', '.join(others)}")
    if walked.start is not None:
        words.append("its start is when LabRecorder began, a little before the first sample")
    words.append("times are those of the stamps, put on one clock and evened out")
    return ecg_content(
        "xdf",
        wave.label if wave.label == stream.name else f"{stream.name} {wave.label}",
        loaded[stream.number]["time_series"][:, wave.column].astype(float),
        stream.hz or None,
        stream.unit_of(wave.column),
        choices,
        kind=wave.kind,
        start=walked.start,
        markers=markers,
        decisions=words,
        times_s=stamps,
        about=walked.about,
    )


def _times(arrived: Samples, hz: float) -> Samples:
    """The times of samples in s, evened out where they have a rate. Raises ImportRefused when they cannot be."""
    import numpy as np

    from biofeedback.formats.packets import evened

    stamps = np.asarray(arrived, dtype=np.float64)
    if hz and stamps.size and float(np.ptp(stamps)) <= _LONGEST_S:
        stamps = evened(stamps, hz)
    steps = np.diff(stamps)
    if not np.isfinite(stamps).all() or (steps <= 0).any() or float(steps.sum()) > _LONGEST_S:
        raise ImportRefused("its time stamps do not rise from sample to sample, or leap by years.", _EXPORT)
    return stamps


def _intervals(data: bytes, walked: _Walked, streams: Sequence[_Stream], choices: Choices) -> Content:
    stream = streams[0]
    column = stream.rr_column or 0
    if stream.samples > MOST_BEATS:
        raise ImportRefused("it has more than five million intervals.", _EXPORT)
    loaded = _loaded(data[: walked.end], walked, stream)
    values = _decimals(loaded[stream.number]["time_series"][:, column])
    unit, rule = _unit(stream, column, values, choices)
    words: list[str] = []
    if len(streams) > 1:
        words.append(f"of several streams '{stream.name}' is used; there are also {_names(streams[1:])}")
    if re.fullmatch("ppi", stream.kind, re.IGNORECASE):
        words.append(PULSE_WORDS)
    if walked.start is not None:
        words.append("its start is when LabRecorder began, a little before the first interval")
    content = Content("xdf", "rr", rule=rule, unit=unit, start=walked.start, about=walked.about)
    if unit is None:
        return replace(content, verdict="ask", why=asked(Told(None, rule)), decisions=(*walked.words, *words))
    ticks = ticks_of(values, ticks_each(unit))
    stamps = loaded[stream.number]["time_stamps"]
    markers = _markers(loaded, walked, float(stamps[0]) - ticks[0] / TICKS_PER_S)
    words.append("the time of an interval is when it arrived; only the intervals themselves are used")
    return replace(
        content,
        ticks=ticks,
        why=_doubt(ticks, float(stamps[-1] - stamps[0])),
        markers=markers,
        decisions=(*walked.words, *words),
    )


def _unit(stream: _Stream, column: int, values: Sequence[Decimal], choices: Choices) -> tuple[str | None, str]:
    if choices.unit is not None:
        return choices.unit, "as told"
    written = stream.unit_of(column)
    if written.lower() in _UNITS:
        return _UNITS[written.lower()], f"unit '{written}' of the stream"
    told = unit_of(values)
    return told.unit, told.rule


def _decimals(values: Any) -> list[Decimal]:  # noqa: ANN401 - a numpy array of any type
    """Intervals as they were written: a float32 by its shortest digits."""
    found: list[Decimal] = []
    for place, value in enumerate(values, start=1):
        number = Decimal(str(value))
        if not number.is_finite() or number < 0:
            raise ImportRefused(f"this is no interval: '{value}'.", _EXPORT, f"sample {place}")
        found.append(number)
    return found


def _doubt(ticks: array[int], span_s: float) -> str | None:
    """Whether the intervals behind the first fill the time from the first stamp to the last."""
    if not 0 <= span_s <= _LONGEST_S:
        return "its time stamps cannot be; only the intervals themselves are used."
    total = sum(ticks[1:]) / TICKS_PER_S
    if fills(total, span_s, 1):
        return None
    return f"its intervals sum up to {total:.1f} s, but they arrived within {span_s:.1f} s: beats are missing or twice."


def _names(streams: Sequence[_Stream]) -> str:
    return ", ".join(f"'{stream.name}'" for stream in streams)


def _markers(loaded: dict[int, dict[str, Any]], walked: _Walked, zero: float) -> tuple[Marker, ...]:
    """Of all streams of markers, by time; those whose time cannot be are left out, and told."""
    found: list[Marker] = []
    odd = 0
    for number, stream in loaded.items():
        if not walked.streams[number].is_marks:
            continue
        for at, values in zip(stream["time_stamps"], stream["time_series"], strict=True):
            text = " ".join(str(value) for value in values).strip()
            since = float(at) - zero
            if not abs(since) <= _LONGEST_S:
                odd += 1
            elif text:
                found.append(Marker(round(since * TICKS_PER_S), printable(text, LONGEST_MARKER)))
    if odd:
        walked.words.append(f"{odd} markers are left out, whose times cannot be")
    return tuple(sorted(found, key=lambda marker: marker.at))


def _loaded(data: bytes, walked: _Walked, stream: _Stream) -> dict[int, dict[str, Any]]:
    """The stream and all markers as pyxdf gives them, by number."""
    wanted = [each.number for each in walked.streams.values() if each is stream or each.is_marks]
    refuse_more_markers(sum(walked.streams[number].samples for number in wanted if number != stream.number))
    load = _loader()
    with _quiet():
        streams, _ = load(io.BytesIO(data), wanted, dejitter_timestamps=False)
    loaded = {int(each["info"]["stream_id"]): each for each in streams}
    if not 0 < len(loaded[stream.number]["time_stamps"]) <= stream.samples:
        raise ImportRefused("its samples are damaged.", _EXPORT)
    lost = stream.samples - len(loaded[stream.number]["time_stamps"])
    if lost:
        walked.words.append(f"{lost} samples of '{stream.name}' are damaged and left out")
    return loaded


def _loader() -> Callable[..., tuple[list[dict[str, Any]], dict[str, Any]]]:
    try:
        load: Callable[..., tuple[list[dict[str, Any]], dict[str, Any]]] = importlib.import_module("pyxdf").load_xdf
    except ImportError as error:
        raise ImportRefused(MISSING.format("pyxdf"), 'Install it: pip install "biofeedback[formats]".') from error
    return load


@contextmanager
def _quiet() -> Generator[None]:
    """What pyxdf logs and numpy warns of is told by our own words, or is nothing to the user."""
    import numpy as np

    def nothing(_: logging.LogRecord) -> bool:
        return False

    logger = logging.getLogger("pyxdf.pyxdf")
    logger.addFilter(nothing)
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            yield
    except (MemoryError, struct.error, LookupError, ValueError, ET.ParseError) as error:
        raise ImportRefused("its chunks are damaged.", _EXPORT) from error
    finally:
        logger.removeFilter(nothing)


READERS: Final[tuple[Reader, ...]] = (Reader("xdf", _claims, _read),)
