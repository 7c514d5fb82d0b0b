"""WFDB (PhysioNet): annotation files beside their header.

Layouts: WFDB Applications Guide, annot(5) and header(5); codes of annotations: WFDB Programmer's Guide, table of
annotation codes. An annotation file has no magic and no checksum: it is told by a header beside it, by the note in
which it says its own time resolution, or by its ending, and always by what its words are.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final, NamedTuple

from biofeedback.errors import ImportRefused
from biofeedback.formats.content import Content, Marker, Start
from biofeedback.formats.dates import start_at
from biofeedback.formats.foreign import Foreign
from biofeedback.formats.lines import MOST_BEATS, printable
from biofeedback.formats.reading import Choices, Progress, Reader
from biofeedback.formats.units import FASTEST_HZ, LARGEST_TICKS, between, ticks_each
from biofeedback.hrv.ticks import TICKS_PER_S

_BEATS: Final[dict[int, str]] = {
    1: "N", 2: "L", 3: "R", 4: "a", 5: "V", 6: "F", 7: "J", 8: "A", 9: "S", 10: "E", 11: "j", 12: "/", 13: "Q",
    25: "B", 30: "?", 34: "e", 35: "n", 38: "f", 41: "r",
}  # fmt: skip
"""Codes that stand for a beat. All others are rhythms, noise, waves and notes, and take no part in intervals."""
_WORDS: Final[dict[int, str]] = {
    14: "signal quality", 16: "artefact in the signal", 18: "ST change", 19: "T wave change", 22: "note", 28: "rhythm",
    32: "ventricular flutter begins", 33: "ventricular flutter ends", 36: "link",
}  # fmt: skip
"""Codes that are kept as markers."""
_RHYTHM, _NOTE = 28, 22
_LAST_CODE: Final = 49
_SKIP, _NUM, _AUX = 59, 60, 63
_ANNOTATORS: Final = ("atr", "qrs", "ecg", "wqrs", "sqrs", "gqrs", "wabp", "ari", "ecgatr", "man")
_RESOLUTION: Final = re.compile(r"## time resolution: ([0-9]{1,9}(?:\.[0-9]{1,12})?)\Z")
_RECORD: Final = re.compile(
    r"(?P<name>[^\s/]+)(?:/[0-9]+)?\s+(?P<signals>[0-9]+)"
    r"(?:\s+(?P<hz>[0-9]{1,9}(?:\.[0-9]{1,12})?)(?:/[0-9.]+(?:\([-0-9.]+\))?)?"
    r"(?:\s+(?P<samples>[0-9]{1,18})(?:\s+(?P<time>[0-9:.]{1,20})(?:\s+(?P<date>[0-9/]{1,10}))?)?)?)?\s*\Z"
)
_DEFAULT_HZ: Final = "250"
"""header(5): what counts where a header gives no sampling frequency."""
_LARGEST_HEADER: Final = 1024 * 1024
_LONGEST: Final = 1 << 45
"""Samples; a year at a million a second."""
_MOST_MARKERS: Final = 10_000
_LONGEST_WORDS: Final = 80


class _Header(NamedTuple):
    """What a .hea says: samples a second (as written), length in samples (0: not said), base time, its signal files."""

    hz: Fraction
    samples: int
    base: datetime | None
    signals: tuple[str, ...]


class _Word(NamedTuple):
    """One annotation: its place in samples, its code, the text that follows it."""

    at: int
    code: int
    text: str


@dataclass(slots=True)
class _Damage:
    """What is wrong with the end of an annotation file, and where."""

    fault: str = ""
    place: int = 0
    extra: int = 0


@dataclass(slots=True)
class _Marks:
    """An annotation file sorted: beats, markers and what else there is."""

    beats: list[int] = field(default_factory=list[int])
    labels: Counter[str] = field(default_factory=Counter[str])
    notes: list[_Word] = field(default_factory=list[_Word])
    others: int = 0
    back: int = 0
    count: int = 0
    hz: Fraction | None = None

    def take(self, word: _Word) -> None:
        """One annotation, in the order of the file."""
        self.count += 1
        stated = _RESOLUTION.match(word.text.strip()) if word.code == _NOTE else None
        if stated is not None and self.hz is None and self.count == 1:
            self.hz = _rate(stated[1])
        elif word.code in _BEATS and self.beats and word.at <= self.beats[-1]:
            self.back += 1
        elif word.code in _BEATS:
            self.beats.append(word.at)
            self.labels[_BEATS[word.code]] += 1
        elif word.code in _WORDS and not word.text.startswith("##"):
            self.notes.append(word)
        else:
            self.others += 1


def _annotations(data: bytes, damage: _Damage) -> Iterator[_Word]:
    """Annotation by annotation, each with the text behind it; `damage` is filled where the words end too early."""
    place, at = 0, 0
    last: _Word | None = None
    while True:
        if place + 2 > len(data):
            damage.fault, damage.place = "it has no end mark", place
            break
        word = data[place] | data[place + 1] << 8
        code, step = word >> 10, word & 0x3FF
        place += 2
        if word == 0:
            damage.extra = len(data) - place
            break
        if code == _SKIP:
            at += _long(data, place)
            place += 4
        elif code == _AUX:
            text = data[place : place + step].decode("latin-1").rstrip("\0")
            last = None if last is None else last._replace(text=text)
            place += step + step % 2
        elif code <= _LAST_CODE:
            at += step
            if last is not None:
                yield last
            last = _Word(at, code, "") if code else None
        elif code < _NUM:
            damage.fault, damage.place = f"there is no annotation code {code}", place - 2
            break
        if not -_LONGEST < at < _LONGEST or (at < 0 and 0 < code <= _LAST_CODE):  # wfdb-python steps to -1 and back
            damage.fault, damage.place = "a time in it lies outside of any record", place
            return
    if last is not None:
        yield last


def _long(data: bytes, place: int) -> int:
    """A long integer as PDP-11 kept it: the high 16 bits first, in each the low byte first; with a sign."""
    high, low = data[place : place + 2], data[place + 2 : place + 4]
    return int.from_bytes(high, "little", signed=True) * 65536 + int.from_bytes(low, "little")


def _rate(text: str) -> Fraction | None:
    rate = Fraction(text)
    return rate if 0 < rate <= FASTEST_HZ else None


def _header_of(file: Foreign) -> _Header | None:
    """What the header says, or None where it is none. Numbers in it are believed for nothing but arithmetic."""
    if file.size > _LARGEST_HEADER:
        return None
    try:
        lines = [line for line in file.text.splitlines() if line.strip() and not line.startswith("#")]
    except ImportRefused:
        return None
    first = _RECORD.match(lines[0].strip()) if lines else None
    if first is None:
        return None
    rate = _rate(first["hz"] or _DEFAULT_HZ)
    if rate is None:
        return None
    signals = tuple(line.split(maxsplit=1)[0] for line in lines[1:])
    return _Header(rate, int(first["samples"] or 0), _base(first["time"], first["date"]), signals)


def _base(time: str | None, date: str | None) -> datetime | None:
    """Base time and date; a time without its date is none."""
    if time is None or date is None:
        return None
    try:
        day, month, year = (int(part) for part in date.split("/"))
        parts = [Fraction(part) for part in time.split(":")]
        seconds = sum((part * 60**power for power, part in enumerate(reversed(parts))), Fraction(0))
        return datetime(year, month, day) + timedelta(seconds=float(seconds))  # noqa: DTZ001 - no zone is stated
    except (ValueError, OverflowError, ZeroDivisionError):
        return None


def _beside(file: Foreign) -> _Header | None:
    """The header of the same stem in the same folder: the only other file that is opened (RECORDING 2.3 row 10)."""
    header = file.beside(f"{file.stem}.hea")
    return None if header is None else _header_of(header)


def _ending(file: Foreign) -> str:
    return file.name.rpartition(".")[2].lower() if "." in file.name else ""


def _claims_annotations(file: Foreign) -> bool:
    if _ending(file) == "hea":
        return False
    if b"## time resolution: " not in file.head[:64] and _ending(file) not in _ANNOTATORS:
        header = _beside(file)
        if header is None or file.name in header.signals:
            return False
    return _is_words(file.head, whole=file.size <= len(file.head))


def _is_words(head: bytes, *, whole: bool) -> bool:
    """Whether bytes can be annotations: known codes throughout, a beat among them, and bytes that no text has."""
    damage = _Damage()
    codes = {word.code for word in _annotations(head[: len(head) & ~1], damage)}
    if min(head, default=9) >= 9 or not codes & _BEATS.keys():
        return False
    if damage.fault == "it has no end mark":
        return True
    return not damage.fault and (damage.extra == 0 or whole)


def _read_annotations(file: Foreign, choices: Choices, progress: Progress) -> Content:
    damage = _Damage()
    marks = _Marks()
    for word in _annotations(file.data, damage):
        marks.take(word)
        if marks.count > MOST_BEATS:
            raise ImportRefused(f"it holds more than {MOST_BEATS} annotations.", "Cut it into parts.")
    progress(1.0)
    if damage.fault and not (choices.partial and len(marks.beats) > 1):
        advice = "Fetch it again."
        if len(marks.beats) > 1:
            advice = f"Fetch it again, or take the {len(marks.beats)} beats before that with --partial."
        raise ImportRefused(f"it is cut off or damaged: {damage.fault}.", advice, f"byte {damage.place}")
    if len(marks.beats) < 2:
        raise ImportRefused("it holds fewer than two beats.", "Choose another annotation file of that record.")
    return _content(marks, damage, _beside(file), choices)


def _content(marks: _Marks, damage: _Damage, header: _Header | None, choices: Choices) -> Content:
    hz, rule = _resolution(marks, header, choices)
    if hz is None:
        words = f"{len(marks.beats)} beats in samples; no header beside it says how many there are in a second"
        return Content("wfdb annotation", "ask", why=f"{words}: put the .hea beside it, or say --unit samples@HZ.")
    each = Fraction(TICKS_PER_S) / hz
    times = [round(at * each) for at in marks.beats]
    if times[-1] >= LARGEST_TICKS:
        raise ImportRefused("its times lie outside of any record.", "Check its sampling frequency.")
    past = header is not None and 0 < header.samples < marks.beats[-1] * header.hz / hz
    return Content(
        "wfdb annotation",
        "rr",
        between(times),
        unit=f"samples@{float(hz):g}",
        rule=rule,
        start=_start(header, times[0]),
        markers=tuple(_marker(word, each, times[0]) for word in marks.notes[:_MOST_MARKERS]),
        why=_doubts(damage, past=past),
        decisions=tuple(_decisions(marks, damage)),
        about={"fs": float(hz), "annotations": marks.count},
    )


def _resolution(marks: _Marks, header: _Header | None, choices: Choices) -> tuple[Fraction | None, str]:
    """Samples a second of the annotations, and who says so: the file itself, its header, or the person."""
    if marks.hz is not None:
        return marks.hz, "the time resolution that the annotation file states"
    if header is not None:
        return header.hz, "the sampling frequency in the header beside it"
    if choices.unit is not None:
        return Fraction(TICKS_PER_S) / ticks_each(choices.unit), "as was said"
    return None, ""


def _start(header: _Header | None, first: int) -> Start | None:
    if header is None or header.base is None:
        return None
    try:
        moment = header.base + timedelta(microseconds=round(first * 10**6 / TICKS_PER_S))
    except OverflowError:
        return None
    return start_at(moment)


def _marker(word: _Word, each: Fraction, first: int) -> Marker:
    text = printable(word.text, _LONGEST_WORDS)
    if word.code == _RHYTHM and text:
        text = f"rhythm {text}"
    return Marker(round(word.at * each) - first, text or _WORDS[word.code])


def _doubts(damage: _Damage, *, past: bool) -> str | None:
    said: list[str] = []
    if damage.fault:
        said.append(f"the file is damaged at byte {damage.place} ({damage.fault}): partial.")
    if past:
        said.append("its beats run past the end that the header gives, so one of the two may be damaged.")
    return " ".join(said) or None


def _decisions(marks: _Marks, damage: _Damage) -> Iterator[str]:
    if damage.fault:
        yield f"partial: only what stands before the fault at byte {damage.place} was taken."
    kinds = ", ".join(f"{count} {label}" for label, count in marks.labels.most_common())
    yield f"all kinds of beats count alike: {kinds}."
    if marks.others:
        yield f"{marks.others} annotations of waves and the like were left out."
    if marks.back:
        yield f"{marks.back} beats that do not come after the one before were left out."
    if len(marks.notes) > _MOST_MARKERS:
        yield f"of {len(marks.notes)} notes the first {_MOST_MARKERS} were kept."
    if damage.extra:
        yield f"{damage.extra} bytes after the end mark were not read."


def _claims_header(file: Foreign) -> bool:
    return _ending(file) == "hea" and _header_of(file) is not None


def _read_header(file: Foreign, _choices: Choices, _progress: Progress) -> Content:
    there = [f"{file.stem}.{ending}" for ending in _ANNOTATORS if file.beside(f"{file.stem}.{ending}") is not None]
    if there:
        raise ImportRefused("a header alone has no beats.", f"Read its annotation file: {there[0]}.")
    raise ImportRefused(
        "a header alone has no beats; it is read with its annotation file.",
        f"Put the annotation file (such as {file.stem}.atr) beside it, and read that.",
    )


def _claims_signal(file: Foreign) -> bool:
    header = _beside(file)
    return header is not None and file.name in header.signals


def _read_signal(file: Foreign, _choices: Choices, _progress: Progress) -> Content:
    raise ImportRefused(
        "it is a waveform of a WFDB record, in which no beats are marked.",
        f"Read its annotation file, such as {file.stem}.atr or {file.stem}.qrs.",
    )


READERS: Final[tuple[Reader, ...]] = (
    Reader("wfdb header", _claims_header, _read_header),
    Reader("wfdb signal", _claims_signal, _read_signal),
    Reader("wfdb annotation", _claims_annotations, _read_annotations),
)
