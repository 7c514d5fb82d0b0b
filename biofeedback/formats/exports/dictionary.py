"""What each column of an export means, with its unit: made once, for the files and the words beside them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from biofeedback.formats.exports.cells import text_cell


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table. `unit`: empty where it has none."""

    name: str
    unit: str
    meaning: str


CORRECTED: Final = (
    "the interval; in the place of a flagged one what lies on the straight line, by beat number, between the nearest "
    "sound intervals of the same gap-free stretch, at its ends the nearest sound one; empty when the stretch has none. "
    "No beat is put in or taken out. Metrics do not use it: they leave flagged intervals out (dfa_alpha1 bridges them "
    "in the same way)"
)
ARTEFACT: Final = (
    "why the interval may not be used: missed, extra, ectopic, misplaced or range; empty when it may. A flagged "
    "interval keeps its time"
)
BEATS: Final = (
    Column("beat", "", "number of the interval, from 0"),
    Column("t_s", "s", "when the interval ended (its closing beat), since the session began; microseconds, exact"),
    Column("utc", "UTC", "the same on the wall clock; empty where nobody knows, or nobody is to know"),
    Column("rr_ms", "ms", "the interval between two beats as it came, exact"),
    Column(
        "rr_raw_1024",
        "1/1024 s",
        "the interval as the strap counted it, a whole number; empty for intervals of another unit",
    ),
    Column("artefact", "", ARTEFACT),
    Column("corrected_ms", "ms", CORRECTED),
    Column(
        "gap_before",
        "",
        "true when beats are missing before the interval, and for the first: no difference is taken across",
    ),
    Column("opening_s", "s", "when the interval began; `analyze --from --to` counts an interval by it"),
)
EVENTS: Final = (
    Column("t_s", "s", "when it was, since the session began"),
    Column("kind", "", "what it was: see the kinds below"),
    Column("label", "", "its words: see the kinds below"),
    Column("value", "", "its number, in the unit of its kind"),
    Column("duration_s", "s", "how long it lasted; empty for an instant"),
    Column("pair", "", "the pair of a trial it belongs to, from 0"),
    Column("script", "", "the script it belongs to"),
)
METRICS: Final = (
    Column("t_s", "s", "the end of the window, since the session began"),
    Column("m", "", "name of the metric"),
    Column("value", "as unit says", "empty when there is none: see reason"),
    Column("unit", "", "unit of the value"),
    Column("window_s", "s", "length of the window"),
    Column("algorithm", "", "name and version of the rule; another version is another number"),
    Column("quality", "", "poor above 5 % flagged intervals in the window, irregular above 20 %, else empty"),
    Column(
        "scope",
        "",
        "live: a trailing window, as it was worked out during the session; session: all of it; phase and a number: "
        "that part of the session (events.csv, kind phase, value), the intervals that begin in it",
    ),
    Column("reason", "", "why there is no value"),
)
TABLES: Final = {"beats.csv": BEATS, "events.csv": EVENTS, "metrics.csv": METRICS}

KINDS: Final = {
    "phase": "a part of the session: label its name, value its number from 0, script what is said in it",
    "gap": "a hole in the beats: label why",
    "pacer": "the pacer goes on at another rate: value breaths a minute; label off when it stops",
    "cue": "a line of a script is said: label the line, value its number from 0",
    "ask": "a question: label what about",
    "answer": "an answer: label what about, value 0-10; none when it was left open",
    "suds": "how strong it feels: value 0-10, label before, epoch or after",
    "mark": "a moment somebody marked: label its words",
    "note": "words somebody wrote: label",
    "epoch": "what the heart did in an epoch of a trial, at its end: label image or control, value bpm",
    "verdict": "what can be said of an image so far: label",
    "safety": "the safety rail: label amber, red or quiet, and on or off; value bpm above the baseline",
    "notice": "a sentence for the person: label its code",
    "command": "somebody pressed something: label what",
    "link": "the connection to the strap: label its state",
    "battery": "the strap's charge: value percent",
    "sensor": "where the strap says it is worn: label",
    "clock": "the wall clock was set, the computer slept, or the zone changed: label which, value s it moved",
    "end": "the session's end: label why",
}
OF_THE_PROGRAM: Final = frozenset(
    {"gap", "ask", "safety", "notice", "command", "link", "battery", "sensor", "clock", "end"}
)
"""The kinds that nobody did, said or heard: read back from an export they are no marks."""


def dictionary_csv() -> str:
    """The dictionary as a table: file, column, unit, meaning."""
    rows = [
        (file, column.name, column.unit, column.meaning) for file, columns in TABLES.items() for column in columns
    ] + [("events.csv", f"kind={kind}", "", meaning) for kind, meaning in KINDS.items()]
    lines = ["file,column,unit,meaning", *(",".join(map(text_cell, row)) for row in rows)]
    return "\n".join(lines) + "\n"


def dictionary_words(program: str) -> str:
    """The same in words, with how to read the tables."""
    parts = [WORDS.format(program=program)]
    for file, columns in TABLES.items():
        parts.append(f"## {file}\n" + _table(columns))
    parts.append("## Kinds of events\n" + "".join(f"- `{kind}`: {meaning}.\n" for kind, meaning in KINDS.items()))
    return "\n".join(parts)


def _table(columns: Iterable[Column]) -> str:
    rows = "".join(f"| `{each.name}` | {each.unit} | {each.meaning} |\n" for each in columns)
    return f"| column | unit | meaning |\n|---|---|---|\n{rows}"


WORDS: Final = """# What the tables mean
Made by {program}. UTF-8, comma between cells, point in numbers, one line feed at the end of a line. A cell that
cannot be given is empty. A text that begins with one of `= + - @`, a tab or a line end has a `'` before it, so that no
spreadsheet takes it for a formula; numbers never have one. `session.json` says of which session they are, by which
versions of which rules, and what an analysis of all of it gives.

RMSSD over any stretch: of the intervals that begin in it (`opening_s`), the differences of neighbours that have no
`artefact`, where the later one has no `gap_before`; the root of the mean of their squares.
"""
