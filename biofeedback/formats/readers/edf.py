"""EDF, EDF+ and BDF, by edfio, which sees nothing but headers that were checked and the channels that are wanted.

Layout: https://www.edfplus.info/specs/edf.html and edfplus.html. Our own export is told by its channel `RR tachogram`;
its intervals stand in annotations "RR" from the opening beat on, as long as the interval.
"""

from __future__ import annotations

import re
import warnings
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from biofeedback.errors import EXPORT_AGAIN, ImportRefused
from biofeedback.events import Json
from biofeedback.formats.content import Content, Hole, Marker, Start, Waveform
from biofeedback.formats.dates import later, start_at
from biofeedback.formats.exports.dictionary import OF_THE_PROGRAM
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.lines import MOST_BEATS, printable
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.formats.readers.ecg import (
    LONGEST_MARKER,
    MISSING,
    chosen_of,
    ecg_content,
    kind_of,
    refuse_more_markers,
)
from biofeedback.hrv.ticks import TICKS_PER_S

if TYPE_CHECKING:
    from edfio import Bdf, Edf, EdfAnnotation

    from biofeedback.formats.sampled import Samples

_MAIN: Final = 256
_FIELDS: Final = (16, 80, 8, 8, 8, 8, 8, 80, 8, 32)
"""Bytes of the fields of one channel: label, transducer, unit, physical and digital range, filters, samples, rest."""
_LABEL, _UNIT, _SAMPLES = 0, 2, 8
_SHORTEST_RECORD_S, _LONGEST_RECORD_S = 1e-4, 1e6
_SECONDS: Final = re.compile(r"[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9]+")
_ONSET: Final = re.compile(rb"([+-][0-9]{1,12}(?:\.[0-9]{1,15})?)\x14\x14?\x00?")
_TACHOGRAM: Final = "RR tachogram"
_NO_DATE: Final = "1985-01-01T00:00:00"


@dataclass(frozen=True, slots=True)
class _Channel:
    """One channel: its header's fields as they are, samples in a data record, and where in it they begin, in bytes.

    `annotates`: they are no samples but annotations.
    """

    fields: tuple[bytes, ...]
    samples: int
    place: int
    annotates: bool

    @property
    def label(self) -> str:
        return printable(self.fields[_LABEL].decode("latin-1").strip())

    @property
    def unit(self) -> str:
        return printable(self.fields[_UNIT].decode("latin-1").strip())


@dataclass(frozen=True, slots=True)
class _Head:
    """A header that was checked against the file's size. `width`: bytes of a sample; `record_s`: s of a data record."""

    main: bytes
    channels: tuple[_Channel, ...]
    width: int
    records: int
    record_s: float
    decisions: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return "edf" if self.width == 2 else "bdf"

    @property
    def signals(self) -> tuple[_Channel, ...]:
        return tuple(channel for channel in self.channels if not channel.annotates)

    @property
    def notes(self) -> tuple[_Channel, ...]:
        return tuple(channel for channel in self.channels if channel.annotates)

    @property
    def record_bytes(self) -> int:
        return self.width * sum(channel.samples for channel in self.channels)

    def waveform(self, channel: _Channel) -> Waveform:
        hz = channel.samples / self.record_s
        return Waveform(channel.label, hz, channel.unit, self.records * self.record_s)


def _claims(file: Foreign) -> bool:
    main = file.head[:_MAIN]
    if main[:8] == b"\xffBIOSEMI":
        return True
    return main[:8] == b"0       " and (main[192:196] == b"EDF+" or not main[192:236].strip()) and b"\n" not in main


def _read(file: Foreign, choices: Choices, progress: Progress) -> Content:
    head = _head(file.data, choices)
    if any(channel.label == _TACHOGRAM for channel in head.signals):
        ours = _our_intervals(head, file.data)
        if ours is not None:
            return ours
    wanted = _wanted(head, choices)
    if wanted is None:
        return _no_waveform(head, file.data)
    _refuse_too_long(head, wanted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = _opened(head, file.data, (wanted, *head.notes))
        samples = opened.signals[0].data
        annotations, words = _annotations(opened)
        start = _start(opened)
    progress(0.3)
    times = _times(head, file.data, wanted)
    waveforms = _described(head, wanted)
    if len(waveforms) > 1:
        others = ", ".join(each.label for each in waveforms[1:])
        words.append(f"of several channels '{wanted.label}' is used; there are also {others}")
    if times is not None:
        words.append("its data records do not follow on each other; the time between them is a hole")
    return ecg_content(
        head.name,
        wanted.label,
        samples,
        head.waveform(wanted).hz,
        wanted.unit,
        choices,
        kind=kind_of(wanted.label),
        start=start,
        markers=_markers(annotations),
        decisions=(*head.decisions, *words),
        times_s=times,
        waveforms=waveforms,
        about={"annotations": len(annotations)},
    )


def _head(data: bytes, choices: Choices) -> _Head:
    """The header, checked against the size of the file. Raises ImportRefused for each of its lies."""
    if len(data) < _MAIN:
        raise ImportRefused("it ends in the middle of its header.", EXPORT_AGAIN)
    main = data[:_MAIN].replace(b"\0", b" ")
    width = 3 if main[:1] == b"\xff" else 2
    count = _whole(main[252:256], "the number of channels")
    size = _MAIN * (count + 1)
    if count < 1 or size > len(data) or _whole(main[184:192], "the length of the header") != size:
        raise ImportRefused(
            f"its header speaks of {count} channels, which does not fit its length of {len(data)} bytes.", EXPORT_AGAIN
        )
    channels = _channels(data[_MAIN:size], count, width)
    head = _Head(main, channels, width, 0, _record_s(main[244:252], channels))
    if head.record_bytes > len(data) - size:
        raise ImportRefused(
            f"one data record would take {head.record_bytes} bytes, and only {len(data) - size} are there.",
            EXPORT_AGAIN,
        )
    there, rest = divmod(len(data) - size, head.record_bytes)
    return _counted(head, there, rest, choices)


def _counted(head: _Head, there: int, rest: int, choices: Choices) -> _Head:
    told = _whole(head.main[236:244], "the number of data records")
    words: list[str] = []
    if told in (0, -1):
        words.append(f"its header does not say how many data records there are; {there} are there")
        told = there
    elif told < 0:
        raise ImportRefused(f"its header speaks of {told} data records.", EXPORT_AGAIN)
    elif told > there and not choices.partial:
        raise ImportRefused(
            f"its header speaks of {told} data records, and only {there} are there.",
            "Copy it again from where it comes from; --partial takes what is there.",
        )
    elif told > there:
        words.append(f"partial: of {told} data records {there} are there")
    elif told < there or rest:
        words.append(f"{(there - told) * head.record_bytes + rest} bytes behind the last data record are left out")
    return replace(head, records=min(told, there), decisions=tuple(words))


def _channels(raw: bytes, count: int, width: int) -> tuple[_Channel, ...]:
    columns: list[list[bytes]] = []
    place = 0
    for size in _FIELDS:
        columns.append([_plain(raw[place + index * size : place + (index + 1) * size]) for index in range(count)])
        place += count * size
    channels: list[_Channel] = []
    at = 0
    for fields in zip(*columns, strict=True):
        samples = _whole(fields[_SAMPLES], "samples in a data record")
        if samples < 1:
            raise ImportRefused(f"a channel of it has {samples} samples in a data record.", EXPORT_AGAIN)
        annotates = fields[_LABEL].rstrip() == (b"EDF Annotations" if width == 2 else b"BDF Annotations")
        channels.append(_Channel(tuple(fields), samples, at, annotates))
        at += samples * width
    return tuple(channels)


def _plain(field: bytes) -> bytes:
    """A field as the specification wants it: some programs pad with NUL, some write a decimal comma."""
    field = field.replace(b"\0", b" ")
    return field.replace(b",", b".") if re.fullmatch(rb"[-+0-9., eE]+", field) else field


def _whole(field: bytes, what: str) -> int:
    text = field.decode("latin-1").strip(" ")
    if not re.fullmatch(r"-?[0-9]{1,8}", text):
        raise ImportRefused(f"its header has no number for {what}: '{printable(text)}'.", EXPORT_AGAIN)
    return int(text)


def _record_s(field: bytes, channels: Sequence[_Channel]) -> float:
    text = _plain(field).decode("latin-1").strip(" ")
    seconds = float(text) if _SECONDS.fullmatch(text) else -1.0
    if all(channel.annotates for channel in channels) and seconds == 0:
        return seconds
    if not _SHORTEST_RECORD_S <= seconds <= _LONGEST_RECORD_S:
        raise ImportRefused(f"its header gives '{printable(text)}' as seconds of a data record.", EXPORT_AGAIN)
    return seconds


def _wanted(head: _Head, choices: Choices) -> _Channel | None:
    place = chosen_of([(channel.label, head.waveform(channel).hz) for channel in head.signals], choices)
    return None if place is None else head.signals[place]


def _refuse_too_long(head: _Head, wanted: _Channel) -> None:
    from biofeedback.formats.sampled import MOST_SAMPLES

    if head.records * wanted.samples > MOST_SAMPLES:
        raise ImportRefused(f"its channel '{wanted.label}' holds over 30 million samples.", "Cut it into parts.")


def _described(head: _Head, wanted: _Channel) -> tuple[Waveform, ...]:
    others = [channel for channel in head.signals if channel is not wanted and kind_of(channel.label)]
    return tuple(head.waveform(channel) for channel in (wanted, *others))


def _opened(head: _Head, data: bytes, keep: Sequence[_Channel]) -> Edf | Bdf:
    """The file with these channels only, as edfio reads it."""
    try:
        import edfio
    except ImportError as error:
        raise ImportRefused(MISSING.format("edfio"), 'Install it: pip install "biofeedback[formats]".') from error
    import numpy as np

    size = _MAIN * (len(keep) + 1)
    main = head.main[:184] + b"%-8d" % size + head.main[192:236] + b"%-8d" % head.records
    main += _plain(head.main[244:252]) + b"%-4d" % len(keep)
    fields = b"".join(channel.fields[index] for index in range(len(_FIELDS)) for channel in keep)
    begin, count = _MAIN * (len(head.channels) + 1), head.records * head.record_bytes
    table = np.frombuffer(data, np.uint8, count, begin).reshape(head.records, head.record_bytes)
    parts = [table[:, channel.place : channel.place + channel.samples * head.width] for channel in keep]
    slim = main + fields + np.concatenate(parts, axis=1).tobytes()
    reads = edfio.read_edf if head.width == 2 else edfio.read_bdf
    return reads(slim, header_encoding="latin-1")


def _annotations(opened: Edf | Bdf) -> tuple[list[EdfAnnotation], list[str]]:
    """All but those that keep the time of the records; damaged ones are left out, and told."""
    try:
        found = [annotation for annotation in opened.annotations if annotation.text]
    except (ValueError, IndexError) as error:
        return [], [f"its annotations are damaged and left out ({type(error).__name__})"]
    if len(found) > MOST_BEATS:
        raise ImportRefused("it has more than five million annotations.", EXPORT_AGAIN)
    return found, []


def _markers(annotations: Sequence[EdfAnnotation]) -> tuple[Marker, ...]:
    refuse_more_markers(len(annotations))
    return tuple(Marker(_ticks(each.onset), printable(each.text, LONGEST_MARKER)) for each in annotations)


def _ticks(seconds: float) -> int:
    return round(seconds * TICKS_PER_S)


def _start(opened: Edf | Bdf) -> Start | None:
    """The header's date and time, of the first data record; None where it is anonymised or none."""
    try:
        moment = opened.startdatetime
    except (ValueError, IndexError, OverflowError):
        return None
    return None if moment.isoformat() == _NO_DATE else start_at(moment)


def _times(head: _Head, data: bytes, wanted: _Channel) -> Samples | None:
    """The time of each sample where the records do not follow on each other, in s since the first; else None."""
    if not head.notes:
        return None
    import numpy as np

    onsets = _onsets(head, data)
    steps = np.arange(wanted.samples) * (head.record_s / wanted.samples)
    if onsets is None or not len(onsets):
        return None
    at = np.asarray(onsets) - onsets[0]
    if np.abs(at - np.arange(at.size) * head.record_s).max() < head.record_s / wanted.samples / 2:
        return None
    return cast("Samples", (at[:, None] + steps).reshape(-1))


def _onsets(head: _Head, data: bytes) -> list[float] | None:
    """When each data record begins, as its first annotation says; None where they do not say it and need not."""
    clock, begin = head.notes[0], _MAIN * (len(head.channels) + 1)
    onsets: list[float] = []
    for record in range(head.records):
        place = begin + record * head.record_bytes + clock.place
        found = _ONSET.match(data, place, place + clock.samples * head.width)
        if found is None:
            if head.main[196:197] == b"D":
                raise ImportRefused(f"its data record {record + 1} does not say when it begins.", EXPORT_AGAIN)
            return None
        onsets.append(float(found[1]))
    return onsets


def _no_waveform(head: _Head, data: bytes) -> Content:
    """A refusal that says what is there instead."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        count = len(_annotations(_opened(head, data, head.notes))[0]) if head.notes else 0
    channels = [head.waveform(channel) for channel in head.signals]
    about: dict[str, Json] = {
        "signals": [[each.label, each.hz, each.unit] for each in channels[:1000]],
        "seconds": head.records * head.record_s,
        "annotations": count,
    }
    if not channels:
        why = f"it holds {count} annotations and no signal, so no heartbeats."
    else:
        names = ", ".join(f"'{each.label}' ({each.hz:g} Hz)" for each in channels[:20])
        why = f"no channel of it is called an ECG or a pulse wave: {names}. --signal LABEL chooses one."
    return Content(head.name, "refuse", why=why, decisions=head.decisions, about=about)


def _our_intervals(head: _Head, data: bytes) -> Content | None:
    """The intervals of our own export, exact to the tick; None when there are none."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        opened = _opened(head, data, (*head.signals[:1], *head.notes))
        annotations, words = _annotations(opened)
        start = _start(opened)
    rr = [each for each in annotations if each.text.split(" ")[0] == "RR" and each.duration is not None]
    if not rr:
        return None
    gaps = [each.onset for each in annotations if each.text.split(" ")[0] == "gap"]
    intervals = set(rr)
    told = [each for each in annotations if each not in intervals and each.text != "beat"]
    others = [each for each in told if each.text.split(" ")[0] not in OF_THE_PROGRAM]
    words += [f"events of the program itself, left out: {len(told) - len(others)}"] if len(told) > len(others) else []
    first = rr[0].onset
    markers = tuple(Marker(marker.at - _ticks(first), marker.text) for marker in _markers(others))
    return Content(
        head.name,
        "rr",
        array("q", [_ticks(each.duration or 0.0) for each in rr]),
        unit="s",
        rule="annotations 'RR' of our own export",
        start=later(start, _ticks(first)),
        holes=_holes(rr, gaps),
        markers=markers,
        decisions=(*head.decisions, *words, "intervals are read from the annotations, not from the tachogram"),
        about={"annotations": len(annotations)},
    )


def _holes(rr: Sequence[EdfAnnotation], gaps: Sequence[float]) -> tuple[Hole, ...]:
    """Where a gap begins between the opening of one interval and that of the next."""
    holes: list[Hole] = []
    place = 0
    for index in range(1, len(rr)):
        while place < len(gaps) and gaps[place] < rr[index - 1].onset:
            place += 1
        if place < len(gaps) and gaps[place] < rr[index].onset:
            end = rr[index - 1].onset + (rr[index - 1].duration or 0.0)
            holes.append(Hole(index, max(0, _ticks(rr[index].onset - end))))
    return tuple(holes)


READERS: Final[tuple[Reader, ...]] = (Reader("edf", _claims, _read),)
