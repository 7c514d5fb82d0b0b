"""What a foreign file holds and what became of it, in words: the preview of `import --inspect` and the summary."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from shutil import get_terminal_size
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
USUAL_WIDTH: Final = 80
LEAST_WIDTH: Final = 40
_OPTION: Final = re.compile(r"--[a-z]+(?: \S+)?\Z")


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


def as_text(found: Found) -> str:
    """The preview for people: the file, what it is, and what is to be known before it is imported."""
    content = found.content
    if content.verdict == "skip":
        return f"{printable(found.file)}: {printable(skip_words(found))}\n"
    known = "" if content.format == "unknown" else f"{content.format}: "
    rows = [("is", known + VERDICTS[content.verdict])]
    rows += _of_beats(content) if content.has_beats else _of_signals(content)
    rows += _of_time(content)
    if content.why is not None:
        word = "why" if content.verdict in ("ask", "refuse", "summary") else "doubtful"
        rows.append((word, sentence(content.why)))
    if found.refused is not None:
        rows.append(("what to do", found.refused.advice))
    rows += [("note", sentence(words)) for words in notes_of(content)]
    return printable_rows(found.file, rows)


def skip_words(found: Found) -> str:
    """What a side file is, in one line."""
    return f"passed over, {found.content.why or 'a side file.'}"


def others_words(files: Sequence[str]) -> str:
    """What is said of files in a folder or archive that nobody would take for recordings."""
    names = ", ".join(printable(Path(file).name) for file in files[:OTHERS_SHOWN])
    more = ", ..." if len(files) > OTHERS_SHOWN else ""
    what = "file is no recording" if len(files) == 1 else "files are no recordings"
    return f"{len(files)} {what} of heartbeats: {names}{more}"


def notes_of(content: Content) -> list[str]:
    """What was decided, without what is said to be doubtful anyway, and of an import what its start leaves open."""
    from biofeedback.session.foreign_files import began_of

    said = [*content.decisions, *(began_of(content.start)[1] if content.has_beats else ())]
    doubtful = (content.why or "").rstrip(".")
    return list(dict.fromkeys(words for words in said if words.rstrip(".") != doubtful))


def sentence(words: str) -> str:
    """Words with a full stop, but where somebody may copy an option from their end."""
    return words if words.endswith((".", "!", "?", "…")) or _OPTION.search(words) else f"{words}."


def printable_rows(title: str, rows: Sequence[tuple[str, str]]) -> str:
    """A title and what is told of it, in two columns as wide as the terminal; a word that is repeated stands once."""
    from textwrap import wrap

    width = max(LEAST_WIDTH, get_terminal_size((USUAL_WIDTH, 24)).columns)
    lines, before = [printable(title)], ""
    for word, text in rows:
        head = f"  {word if word != before else '':<11}"
        parts = wrap(printable(text), width - len(head), break_long_words=False, break_on_hyphens=False) or [""]
        lines += [head + parts[0], *(" " * len(head) + part for part in parts[1:])]
        before = word
    return "\n".join(lines) + "\n"


def _of_beats(content: Content) -> list[tuple[str, str]]:
    bpm = mean_bpm(content)
    rate = f", mean {bpm:.1f} bpm" if bpm is not None else ""
    many, told = _count(len(content.ticks)), content.about.get("n")
    if isinstance(told, int) and told > len(content.ticks):  # each stretch has one beat more than intervals
        many = f"{_count(told)}, {many} intervals"
    rows = [("beats", f"{many} in {clock(_seconds(content.span_ticks))}{rate}")]
    if content.unit is not None:
        rows.append(("unit", f"{content.unit} ({content.rule})" if content.rule else content.unit))
    known = sum(hole.ticks for hole in content.holes)
    unknown = sum(hole.ticks <= 0 for hole in content.holes)
    if content.holes:
        rows.append(("holes", _holes_words(len(content.holes), known, unknown)))
    return rows


def _holes_words(many: int, known: int, unknown: int) -> str:
    """How many there are and how long they are together."""
    length = f", together {clock(_seconds(known))}" if known else ""
    if unknown == many:
        return f"{many}, of unknown length"
    return f"{many}{length}" + (f", {unknown} of unknown length" if unknown else "")


def _of_signals(content: Content) -> list[tuple[str, str]]:
    return [
        ("signal", ", ".join(filter(None, (each.label, f"{each.hz:g} Hz", each.unit, clock(each.seconds)))))
        for each in content.waveforms
    ]


def _of_time(content: Content) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    if content.start is not None:
        rows.append(("start", start_words(content.start.text, content.start.zone)))
    elif content.verdict in ("rr", "beats", "ecg"):
        rows.append(("start", "not known"))
    for number, marker in enumerate(content.markers):
        if number == MARKERS_SHOWN:
            rows.append(("markers", f"and {len(content.markers) - MARKERS_SHOWN} more"))
            break
        rows.append(("markers", f"{clock(_seconds(marker.at)):>8}  {marker.text[:LONGEST_MARKER]}"))
    return rows


def start_words(text: str, zone: str | None) -> str:
    """A start as a file has it, for people: without parts of a second, and one word for UTC."""
    said = {None: ", time zone not stated", "utc": " UTC", "+00:00": " UTC"}.get(zone, f" {zone}")
    return re.sub(r"\.\d+", "", text).replace("T", " ") + said


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


def recording_text(file: str, facts: Facts) -> str:
    """The preview of a recording of ours."""
    beats = "not known" if facts.beats is None else _count(facts.beats)
    length = "" if facts.dur_s is None else f" in {clock(facts.dur_s)}"
    return printable_rows(
        file,
        [
            ("is", "a recording of this program: it is taken as it is"),
            ("beats", beats + length),
            ("start", _start_of_recording(facts)),
            ("person", facts.subject or "not known"),
        ],
    )


def _start_of_recording(facts: Facts) -> str:
    if facts.start is None:
        return "not known"
    known = facts.start_unknown is None
    return start_words(facts.start[:19], facts.start[19:] if known else None)


def already_words(known: Known) -> str:
    """Where an import is already, and since when."""
    on = datetime.fromtimestamp(known.written_ns / 1e9, UTC).astimezone()
    return f"already here as {known.file}, imported on {on:%Y-%m-%d %H:%M}"


def clock(seconds: float) -> str:
    """1:02:03, 51:29; days where there are some."""
    whole = round(abs(seconds))
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
