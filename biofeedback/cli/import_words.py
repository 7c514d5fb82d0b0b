"""What a foreign file holds and what became of it, in words: the preview of `import --inspect` and the summary."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from devices.names import printable

if TYPE_CHECKING:
    from biofeedback.events import Json
    from biofeedback.formats.content import Content
    from biofeedback.formats.door import Found
    from biofeedback.recording.catalogue import Facts
    from biofeedback.session.importing import Known

VERDICTS: Final = {
    "rr": "intervals between heartbeats, can be imported",
    "beats": "times of heartbeats, can be imported",
    "ecg": "a waveform; its beats are found when it is imported",
    "summary": "values without intervals, cannot be imported",
    "ask": "numbers without a unit: somebody has to say it",
    "refuse": "cannot be read",
    "skip": "passed over",
}
MARKERS_SHOWN: Final = 8
LONGEST_MARKER: Final = 60
OTHERS_SHOWN: Final = 3
LABEL: Final = 11
"""How wide the left column is."""
NARROWEST: Final = 40


def as_json(found: Found) -> dict[str, Json]:
    """The object of `import --inspect --json` (RULINGS A9), and more."""
    content = found.content
    shown: dict[str, Json] = {"file": found.file, **content.to_json()}
    shown |= {"rule": content.rule, "bytes": found.bytes, "sha256": found.sha256}
    if content.has_beats:
        shown |= {"duration_s": _seconds(content.span_ticks), "mean_hr_bpm": mean_bpm(content)}
    if found.refused is not None:
        shown["advice"] = found.refused.advice
    return shown


def mean_bpm(content: Content) -> float | None:
    """Mean heart rate of the values that are intervals; None when there is none."""
    from biofeedback.hrv.artefacts import is_interval

    held = [value for value in content.ticks if is_interval(value)]
    return 60 * len(held) / _seconds(sum(held)) if held else None


def as_text(found: Found, width: int | None = None) -> str:
    """The preview for people: the file, what it is, and what is to be known before it is imported.

    With `width` no line is longer, as far as words allow.
    """
    content = found.content
    if content.verdict == "skip":
        return f"{printable(found.file)}: passed over, {printable(_without_stop(content.why or 'a side file'))}\n"
    verdict = VERDICTS[content.verdict]
    rows = [("is", verdict if content.format == "unknown" else f"{content.format}: {verdict}")]
    rows += _of_beats(content) if content.has_beats else _of_signals(content)
    rows += _of_time(content)
    if content.why is not None:
        rows.append(("why" if content.verdict in ("ask", "refuse", "summary") else "doubtful", content.why))
    if found.refused is not None:
        rows.append(("what to do", found.refused.advice))
    rows += [("note", words) for words in notes_of(content)]
    return printable_rows(found.file, rows, width)


def notes_of(content: Content) -> list[str]:
    """What was decided, without what is said to be doubtful anyway; of an import also what its start leaves open."""
    from biofeedback.session.foreign_files import began_of

    said = [*content.decisions, *(began_of(content.start)[1] if content.has_beats else ())]
    doubtful = "" if content.why is None else _without_stop(content.why)
    return [words for words in said if _without_stop(words) != doubtful]


def others_words(files: Sequence[str]) -> str:
    """What is said of files in a folder or archive that nobody would take for recordings."""
    names = ", ".join(printable(Path(file).name) for file in files[:OTHERS_SHOWN])
    more = ", ..." if len(files) > OTHERS_SHOWN else ""
    what = "file is no recording" if len(files) == 1 else "files are no recordings"
    return f"{len(files)} {what} of heartbeats: {names}{more}"


def printable_rows(title: str, rows: Sequence[tuple[str, str]], width: int | None = None) -> str:
    """A title and what is told of it, in two columns; a word that is repeated stands once."""
    lines, before = [printable(title)], ""
    for word, text in rows:
        first = f"  {word if word != before else '':<{LABEL}}"
        lines += _wrapped(first, _without_stop(printable(text)), width)
        before = word
    return "\n".join(lines) + "\n"


def _wrapped(first: str, text: str, width: int | None) -> list[str]:
    if width is None or width < NARROWEST or len(first) + len(text) <= width:
        return [first + text]
    return textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=" " * len(first),
        break_long_words=False,
        break_on_hyphens=False,
    )


def _without_stop(text: str) -> str:
    """A clause without its full stop, as a cell has none; whole sentences as they are."""
    return text if ". " in text or text[:1].isupper() else text.removesuffix(".")


def _of_beats(content: Content) -> list[tuple[str, str]]:
    bpm = mean_bpm(content)
    rate = f", mean {bpm:.1f} bpm" if bpm is not None else ""
    many = content.about.get("n", 0) if content.verdict == "beats" else 0
    beats = many if isinstance(many, int) and many else len(content.ticks)
    rows = [("beats", f"{_count(beats)} in {clock(_seconds(content.span_ticks))}{rate}")]
    if content.unit is not None:
        rows.append(("unit", f"{content.unit} ({content.rule})" if content.rule else content.unit))
    known = sum(hole.ticks for hole in content.holes)
    unknown = sum(hole.ticks <= 0 for hole in content.holes)
    if content.holes:
        length = f", together {clock(_seconds(known))}" if known else ""
        of_unknown = f", {unknown} of unknown length" if unknown < len(content.holes) else ", of unknown length"
        rows.append(("holes", f"{len(content.holes)}{length}" + (of_unknown if unknown else "")))
    return rows


def _of_signals(content: Content) -> list[tuple[str, str]]:
    return [
        ("signal", ", ".join(filter(None, (each.label, f"{each.hz:g} Hz", each.unit, clock(each.seconds)))))
        for each in content.waveforms
    ]


def _of_time(content: Content) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if content.start is not None:
        rows.append(("start", _began(content.start.text, content.start.zone)))
    elif content.verdict in ("rr", "beats", "ecg"):
        rows.append(("start", "not known"))
    for number, marker in enumerate(content.markers):
        if number == MARKERS_SHOWN:
            rows.append(("markers", f"and {len(content.markers) - MARKERS_SHOWN} more"))
            break
        rows.append(("markers", f"{clock(_seconds(marker.at)):>8}  {marker.text[:LONGEST_MARKER]}"))
    return rows


def _began(text: str, zone: str | None) -> str:
    """A start as written, to the second, and its zone."""
    named = {None: ", time zone not stated", "utc": " UTC", "+00:00": " UTC"}.get(zone, f" {zone}")
    return re.sub(r"\.\d+", "", text).replace("T", " ") + named


def recording_json(file: str, facts: Facts) -> dict[str, Json]:
    """The same object for a recording of ours."""
    return {
        "file": file,
        "format": "biofeedback",
        "verdict": "rr",
        "n": facts.beats,
        "unit": "1/1024" if facts.imported is None else None,
        "start": facts.start,
        "start_zone": None if facts.start is None or facts.start_unknown else facts.start[-6:],
        "why": None,
        "markers": [],
        "duration_s": facts.dur_s,
    }


def recording_text(file: str, facts: Facts, width: int | None = None) -> str:
    """The preview of a recording of ours."""
    beats = "not known" if facts.beats is None else _count(facts.beats)
    length = "" if facts.dur_s is None else f" in {clock(facts.dur_s)}"
    return printable_rows(
        file,
        [
            ("is", "a recording of this program: it is taken as it is"),
            ("beats", beats + length),
            ("start", "not known" if facts.start is None else _began(*_parted(facts.start))),
            ("person", facts.subject or "not known"),
        ],
        width,
    )


def _parted(start: str) -> tuple[str, str | None]:
    """A start and its zone, which may be missing."""
    found = re.fullmatch(r"(.*T.*?)([+-]\d\d:\d\d)", start)
    return (found[1], found[2]) if found else (start, None)


def already_words(known: Known) -> str:
    """Where an import is already, and since when."""
    on = datetime.fromtimestamp(known.written_ns / 1e9, UTC).astimezone()
    return f"already here as {known.file}, imported on {on:%Y-%m-%d %H:%M}"


def clock(seconds: float) -> str:
    """1:02:03, 51:29; days where there are some."""
    whole = int(abs(seconds))
    sign = "-" if seconds < 0 and whole else ""
    days, rest = divmod(whole, 86_400)
    hours, minutes = divmod(rest // 60, 60)
    if days:
        return f"{sign}{days} day{'s' if days > 1 else ''} {hours}:{minutes:02}:{rest % 60:02}"
    return f"{sign}{hours}:{minutes:02}:{rest % 60:02}" if hours else f"{sign}{minutes}:{rest % 60:02}"


def _count(many: int) -> str:
    return f"{many:,}".replace(",", " ")


def _seconds(ticks: int) -> float:
    from biofeedback.hrv.ticks import TICKS_PER_S

    return ticks / TICKS_PER_S
