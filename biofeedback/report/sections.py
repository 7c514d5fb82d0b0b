"""The page's tables and sentences as plain words, section by section; the template only lays them out."""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import ceil, exp
from pathlib import Path
from typing import Final, cast

from biofeedback import __version__
from biofeedback.events import ArtefactName, Epoch, Mark, Note, Notice, Safety
from biofeedback.hrv.summary import Summary, cut
from biofeedback.hrv.window import Estimate
from biofeedback.recording.parents import Parent, parent_in
from biofeedback.recording.rewriting import LINES_LOST
from biofeedback.report import words
from biofeedback.report.facts import Facts, Part, span_of, text_of
from biofeedback.report.words import NONE, clean, count, number, quoted, share, signed
from biofeedback.session.loop import SOURCE_ENDED
from biofeedback.session.opening import ALGORITHMS
from biofeedback.times import clock, gap, length

MOST_ROWS: Final = 150
"""A table with more rows than this is cut; the recording has them all."""
MOST_TEXT: Final = 20_000
"""Nor may it hold more characters."""
MOST_GAPS: Final = 24
UNNAMED_STRAP: Final = "heart-rate strap"
"""The name of a source that takes any strap."""
MOST_BLOCKS: Final = 12
BLOCKS_S: Final = (30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)
METRICS: Final = ("mean_hr_bpm", "rmssd_ms", "sdnn_ms")
PLANS: Final = {"free": "free session", "practice": "practice session", "trial": "trial", "pace": "search for a pace"}
SOURCES: Final = {"strap": "the strap", "file": "the file"}
BY: Final = {"sim": "simulated person", "trainee": "trainee", "practitioner": "practitioner", "nobody": NONE}
QUALITY: Final = {
    None: "",
    "poor": "More than 5 % of the beats are flagged: take the numbers with care.",
    "irregular": "More than 20 % of the beats are flagged: the numbers of variability say little here.",
}


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells; `left` rows more are in the recording only."""

    rows: Sequence[Sequence[str]]
    left: int = 0


def _table(rows: Sequence[Sequence[str]], most: int = MOST_ROWS) -> Table:
    """As many rows as a page should hold."""
    text = accumulate(sum(map(len, row)) for row in rows)
    kept = [row for row, so_far in zip(rows[:most], text, strict=False) if so_far <= MOST_TEXT]
    return Table(kept, len(rows) - len(kept))


# What this session was


def lead(facts: Facts) -> str:
    """One sentence that says what this session was."""
    when = words.began(facts.recording.head)
    begun = f"recorded on {when}" if when else "recorded at a time its file does not tell"
    if (imported := _import_words(facts)) is not None:
        return f"Imported from {imported}, {length(facts.length_us)} long, {begun}."
    what = _plan_words(facts)
    what = f"Demonstration with a simulated person: {what}" if facts.demo else what[0].upper() + what[1:]
    return f"{what}, {length(facts.length_us)} long, {begun}{_source_words(facts)}."


def _import_words(facts: Facts) -> str | None:
    """The file of another program that a recording was made of; None for a session of ours."""
    parent = parent_in(facts.opened.parent if facts.opened is not None else None)
    if parent is None:
        return None
    kind = f" ({clean(parent.format)})" if parent.format else ""
    return f"the file {quoted(clean(parent.name))}{kind}"


def _plan_words(facts: Facts) -> str:
    name = str(facts.plan.get("name", ""))
    kind = clean(PLANS.get(name, name)) if name else "session of a plan its file does not tell"
    article = "an" if kind[:1] in "aeiou" else "a"
    if name == "trial":
        pairs = cast("Sequence[Mapping[str, str]]", facts.plan.get("pairs", ()))
        against = dict.fromkeys(
            f"{quoted(facts.title_of(pair['visualization']))} against {quoted(facts.title_of(pair['control']))}"
            for pair in pairs
        )
        return f"{article} {kind} of {count(len(pairs), 'pair')}, {' and '.join(against)}"
    script = facts.title_of(cast("str | None", facts.plan.get("script")))
    return f"{article} {kind} with {quoted(script)}" if script else f"{article} {kind}"


def _source_words(facts: Facts) -> str:
    source = facts.source
    kind, name = source.get("kind"), text_of(source, "name")
    if kind == "simulated":
        return "" if facts.demo else ", from a simulated person"
    said = SOURCES.get(str(kind), "a source its file does not tell")
    if name == UNNAMED_STRAP:
        return f", from a {UNNAMED_STRAP}"
    return f", from {said}" if name is None or kind not in SOURCES else f", from {said} {quoted(name)}"


# The figure in words


def described(facts: Facts) -> str:
    """What the figure shows, for those who do not see it."""
    span = span_of(facts.beats)
    if span is None:
        return "No heartbeat that can be used was recorded, so the figure is empty."
    mean = _answer(facts.whole, "mean_hr_bpm")
    found = f"{count(facts.whole.excluded, 'flagged beat')} and {count(len(facts.holes), 'gap')}"
    silent = facts.silent_end_us
    none = f" The last {length(silent)} hold no heartbeat; coverage is that of the time before." if silent else ""
    return (
        f"Heart rate over {length(facts.length_us)}: mean {mean} bpm, between {span[0]:.0f} and"
        f" {span[1]:.0f} bpm, with {found}.{none} The tables below hold the same facts."
    )


def blocks(facts: Facts) -> Table:
    """Heart rate by the clock: the figure's line as at most a dozen rows."""
    if not facts.beats:
        return _table([])
    length_s = facts.length_us / 1e6
    step = next((step for step in BLOCKS_S if length_s <= step * MOST_BLOCKS), 0)
    step = step or 86_400 * ceil(length_s / 86_400 / MOST_BLOCKS)
    starts = [step * number for number in range(max(1, int(length_s / step + 0.75)))]
    return _table([_block(facts, start, end) for start, end in zip(starts, [*starts[1:], length_s], strict=True)])


def _block(facts: Facts, start_s: float, end_s: float) -> list[str]:
    held = cut(facts.beats, start_s, end_s)
    good = [beat for beat in held if beat.ok]
    span = span_of(held)
    mean = 60_000 * 1024 * len(good) / sum(beat.ticks for beat in good) if good else None
    return [
        f"{clock(round(start_s * 1e6))} – {clock(round(end_s * 1e6))}",
        number(mean),
        f"{span[0]:.0f} – {span[1]:.0f}" if span else NONE,
        str(len(held)),
        str(len(held) - len(good)),
        str(sum(start_s * 1e6 <= hole.from_us < end_s * 1e6 for hole in facts.holes)),
    ]


# This session


def verdicts(facts: Facts) -> Sequence[str]:
    """The words the session ended with, unchanged."""
    return [clean(verdict.words) for verdict in facts.verdicts]


def epochs(facts: Facts) -> Table:
    """What the heart did in each epoch, and whether it counts."""
    parts = [part for part in facts.parts if part.name in ("image", "control")]
    breath_us = 60e6 / float(facts.plan.get("pace", 6.0))
    return _table([_epoch_row(epoch, parts, breath_us) for epoch in facts.epochs])


def _epoch_row(epoch: Epoch, parts: Sequence[Part], breath_us: float) -> list[str]:
    """One epoch; one cut shorter than the breaths that are measured has no level of its own."""
    part = parts[epoch.index] if epoch.index < len(parts) else None
    short = part is not None and part.end_us - part.start_us < epoch.breaths * breath_us - 1
    return [
        str(epoch.pair + 1),
        part.title if part else epoch.label,
        (part.script or NONE) if part else NONE,
        NONE if short else number(_bpm(epoch)),
        str(epoch.breaths),
        str(epoch.beats),
        f"{epoch.flagged} ({share(epoch.flagged, epoch.beats)})" if epoch.flagged else "0",
        "kept" if epoch.kept else f"not kept: {clean(epoch.why or 'no reason is recorded')}",
    ]


def _bpm(epoch: Epoch) -> float | None:
    return None if epoch.y is None or abs(epoch.y) > 20 else exp(epoch.y)


def differences(facts: Facts) -> Sequence[str]:
    """Image less control, pair by pair; a pair counts when both of its epochs were kept."""
    found: list[str] = []
    for pair in sorted({epoch.pair for epoch in facts.epochs}):
        levels = {e.label: _bpm(e) for e in facts.epochs if e.pair == pair and e.kept}
        image, control = levels.get("image"), levels.get("control")
        if image is None or control is None:
            found.append(f"pair {pair + 1} is not used")
        else:
            found.append(f"{signed(image - control)} bpm in pair {pair + 1}")
    return found


def answers(facts: Facts) -> Table:
    """How strong it felt, 0 to 10."""
    rows: list[list[str]] = []
    for suds in facts.suds:
        epoch = facts.part_before(suds.at)
        after = f"after {epoch.title}" if epoch else "after an epoch"
        when = {"before": "before", "epoch": after, "after": "at the end"}.get(suds.when, clean(suds.when))
        value = "no answer" if suds.value is None else str(suds.value)
        rows.append([clock(suds.at), when, value, BY.get(suds.by, clean(suds.by))])
    return _table(rows)


def marks(facts: Facts) -> Table:
    """Marks, notes and what the safety rail did, numbered as in the figure."""
    return _table([_mark_row(number, moment) for number, moment in enumerate(facts.marks, start=1)])


def _mark_row(number: int, moment: Mark | Note | Safety) -> list[str]:
    if isinstance(moment, Safety):
        return [str(number), clock(moment.at), "safety", clean(moment.why), "program"]
    kind = "mark" if isinstance(moment, Mark) else "note"
    return [
        str(number),
        clock(moment.at),
        kind,
        clean(moment.text) or "(no words)",
        BY.get(moment.by, clean(moment.by)),
    ]


def notices(facts: Facts) -> Table:
    """What the program said, each sentence once, whatever its figures, with how often and when."""
    groups: dict[str, list[Notice]] = {}
    for notice in facts.notices:
        groups.setdefault(re.sub(r"\d+", "0", notice.text), []).append(notice)
    return _table([[clean(g[0].text), str(len(g)), clock(g[0].at), clock(g[-1].at)] for g in groups.values()])


@dataclass(frozen=True, slots=True)
class Gaps:
    """The holes in the beats by reason, and the first of them one by one."""

    by_reason: Table
    each: Table


def gaps(facts: Facts) -> Gaps:
    """Every hole in the beats."""
    reasons: dict[str, list[int]] = {}
    each: list[list[str]] = []
    for hole in facts.holes:
        why = words.GAPS.get(hole.why, clean(hole.why)) if hole.why else "no reason is recorded"
        length_us = hole.to_us - hole.from_us
        reasons.setdefault(why, []).append(length_us)
        each.append([clock(hole.from_us), f"{gap(length_us)}, {why}"])
    rows = [[why, str(len(held)), gap(sum(held)), gap(max(held))] for why, held in reasons.items()]
    return Gaps(_table(rows), _table(each, MOST_GAPS))


def cues(facts: Facts) -> Table:
    """What was said, and when."""
    return _table([[clock(cue.at), clean(cue.say)] for cue in facts.cues if cue.say])


# The heart in numbers


@dataclass(frozen=True, slots=True)
class Numbers:
    """The table of parts, its notes on what is missing, and the flagged beats by kind."""

    table: Table
    notes: str
    kinds: Sequence[Sequence[str]]
    quality: str


def numbers(facts: Facts) -> Numbers:
    """Counts and variability over the whole session and each of its parts."""
    reasons: dict[str, str] = {}
    rows = [_number_row("whole session", 0, facts.length_us, facts.whole, reasons)]
    rows += [_number_row(part.title, part.start_us, part.end_us, part.summary, reasons) for part in facts.parts]
    kinds = [
        [kind, words.ARTEFACTS.get(cast(ArtefactName, kind), ""), str(many), share(many, facts.whole.beats)]
        for kind, many in facts.flagged_kinds.items()
    ]
    notes = "; ".join(f"{sign} {reason}" for reason, sign in reasons.items())
    return Numbers(_table(rows), notes, kinds, QUALITY.get(facts.whole.quality, ""))


def _number_row(name: str, start_us: int, end_us: int, summary: Summary, reasons: dict[str, str]) -> list[str]:
    return [
        name,
        f"{clock(start_us)} – {clock(end_us)}",
        str(summary.beats),
        f"{summary.excluded} ({share(summary.excluded, summary.beats)})" if summary.excluded else "0",
        str(summary.gaps),
        f"{100 * min(1.0, summary.coverage):.0f} %" if summary.beats else NONE,
        *(_answer(summary, metric, reasons) for metric in METRICS),
    ]


def _answer(summary: Summary, metric: str, reasons: dict[str, str] | None = None) -> str:
    """The value; a dash with the letter of its note where there is none."""
    answer = summary.metrics[metric]
    if isinstance(answer, Estimate):
        return number(answer.value)
    if reasons is None:
        return NONE
    reason = answer.reason.split(", has ")[0]
    return f"{NONE} {reasons.setdefault(reason, _letter(len(reasons)))}"


def _letter(position: int) -> str:
    return "abcdefghijklmnopqrstuvwxyz"[position % 26]


# How this was computed


def computed(facts: Facts) -> Sequence[tuple[str, str]]:
    """Where the numbers come from, so that anybody can have them again."""
    return [(term, told) for term, told in _origin(facts) if told]


def _intact(facts: Facts) -> str:
    lost = sum(line.kind == "err" and line.body.get("code") == LINES_LOST for line in facts.recording.lines)
    if not lost:
        return "yes, every line is as it was written"
    return f"a repaired copy: lines of the recording it was made from are missing, in {lost} place{'s' * (lost > 1)}"


def _origin(facts: Facts) -> Iterator[tuple[str, str | None]]:
    recording, opened = facts.recording, facts.opened
    head = recording.head
    yield "Recording", clean(recording.path.name)
    yield "SHA-256", _sha256(recording.path)
    yield "Intact", _intact(facts) if recording.damage is None else _damage(facts)
    yield "Finished", _finished(facts)
    yield "Session", text_of(head, "session")
    yield "Person", text_of(opened.person if opened else {}, "name") or text_of(head, "subject")
    yield "Source", text_of(facts.source, "spec") if facts.demo else None
    yield "Plug-in", _plugin(facts.source.get("plugin"))
    yield from _made_from(facts)
    yield "Pace", _pace(facts)
    yield (
        "Coins from",
        {"secrets": None, "seed": "the seed of the simulated person"}.get(opened.coin_source if opened else ""),
    )
    app = f"{text_of(head, 'app', 'name') or 'biofeedback'} {text_of(head, 'app', 'version') or '(version not told)'}"
    yield "Recorded with", f"{app}, Python {text_of(head, 'host', 'python') or '(version not told)'}"
    yield "Rules it names", ", ".join(clean(f"{name}/{v}") for name, v in recording.algorithms.items()) or "none"
    yield (
        "This page",
        f"made from the recorded intervals with biofeedback {__version__}, Python {platform.python_version()}",
    )
    changed = [f"{name}/{v}" for name, v in ALGORITHMS.items() if recording.algorithms.get(name) not in (v, None)]
    yield "Changed since", f"{', '.join(changed)} made the numbers of this page" if changed else None


def _plugin(said: object) -> str | None:
    """The package of somebody else that the heartbeats came from."""
    if not isinstance(said, Mapping):
        return None
    named = cast("Mapping[str, object]", said)
    return clean(f"{named.get('name', '')} {named.get('version', '')}")


def _damage(facts: Facts) -> str:
    return f"no: {clean(facts.recording.damage)}. The page shows what stands before that"


def _finished(facts: Facts) -> str:
    if facts.end is None or not facts.recording.finished:
        return "no, the recording stops before the session's end"
    if facts.end.why == SOURCE_ENDED and parent_in(facts.opened.parent if facts.opened else None) is not None:
        return "yes: its file ends there"
    return f"yes: {clean(facts.end.why)}"


def _pace(facts: Facts) -> str | None:
    if facts.plan.get("name") in (None, "free"):
        return None
    pace, inhale = facts.plan.get("pace", 0), facts.plan.get("inhale", 0)
    return f"{pace:g} breaths a minute, {100 * inhale:.0f} % of each breathing in"


def _made_from(facts: Facts) -> Iterator[tuple[str, str | None]]:
    told = facts.opened.parent if facts.opened else None
    parent = parent_in(told)
    if told and parent is not None:
        yield from _of_file(parent, told)
    elif told:
        yield "Made from", _parent(told)


def _of_file(parent: Parent, told: Mapping[str, object]) -> Iterator[tuple[str, str | None]]:
    """The file of another program that a recording was made of, and what its reader took for granted or left out."""
    size, unit = told.get("bytes"), told.get("unit")
    yield "Made from", clean(parent.words) + (f", {count(size, 'byte')}" if isinstance(size, int) else "")
    yield "Its SHA-256", text_of(told, "sha256")
    yield "Its intervals", f"in {clean(unit)}: {clean(told.get('rule'))}" if unit and told.get("rule") else None
    yield "Imported", (text_of(told, "imported") or "")[:16].replace("T", " ")
    yield "Taken for granted", " ".join(map(clean, parent.notes))


def _parent(parent: Mapping[str, object]) -> str:
    """What a copy was made of, key by key; what its file does not tell is left out."""
    told = {key: value for key, value in parent.items() if value not in (None, "", [])}
    return "; ".join(f"{clean(key).replace('_', ' ')}: {_told(value)}" for key, value in told.items())


def _told(value: object) -> str:
    return " ".join(map(clean, cast("list[object]", value))) if isinstance(value, list) else clean(value)


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return "not known: the file cannot be read any more"
