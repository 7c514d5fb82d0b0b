"""How a session of the library is shown: as one line, as JSON, and in full."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from biofeedback import times
from devices.names import printable

if TYPE_CHECKING:
    from biofeedback.events import Json
    from biofeedback.recording.catalogue import Facts
    from biofeedback.recording.library import Library, Session
    from biofeedback.recording.parents import Parent
    from biofeedback.recording.reader import StoredRecording
    from biofeedback.recording.sealing import Keys

VERIFIED: Final = {
    "exact": "every number came out again, to the bit",
    "equal": "every number came out again, within 1e-9",
    "partial": "intact, but only a part of it can be compared; that part came out again: verify FILE",
    "nothing": "intact; there is nothing in it to compare",
    "locked": "intact; encrypted, and without its passphrase neither its numbers nor its end were checked",
    "rescored": "intact; made by other versions of the rules, whose numbers are not compared",
    "differs": "NUMBERS DIFFER; see: verify FILE",
    "damaged": "DAMAGED; a copy of what can be read: library repair",
}
HOLDS: Final = {"exact": True, "equal": True, "differs": False, "damaged": False}
"""What `verified` says in JSON; null when the recording was not read whole, or cannot be compared, or only in part."""
_UNFINISHED: Final = frozenset({"unfinished", "locked"})


START_NOT_KNOWN: Final = "start not known"


def as_json(library: Library, session: Session) -> dict[str, Json]:
    """The object of the command line contract, and more."""
    facts = session.facts
    return {
        "id": session.id,
        "file": str(library.path(session)),
        "person": session.person,
        "start": facts.start,
        "duration_s": facts.dur_s,
        "plan": facts.plan,
        "quality": facts.quality,
        "verified": HOLDS.get(session.verified or ""),
        "verification": session.verified,
        "beats": facts.beats,
        "coverage": facts.coverage,
        "scripts": [*facts.scripts.split()] if facts.scripts else [],
        "state": state_of(library, session),
        "simulated": facts.simulated or facts.demo,
        "encrypted": facts.encrypted,
        "imported": facts.imported is not None,
        "tags": [*session.tags],
    }


def as_line(library: Library, session: Session) -> str:
    """One line: when, which, whose, what, how long, and what there is to say of it."""
    facts = session.facts
    what = " ".join(word for word in (facts.plan, facts.scripts) if word)
    start = moment_of(facts) if facts.start_ns else "?"
    columns = [f"{start:<16}", f"{session.short:<8}", f"{session.person or '':<10}", f"{what:<20}", length(facts.dur_s)]
    return printable("  ".join([*columns, ", ".join(_remarks(library, session))]).rstrip())


def moment_of(facts: Facts) -> str:
    """When it began, to the minute."""
    return START_NOT_KNOWN if facts.start is None else facts.start[:16].replace("T", " ")


def state_of(library: Library, session: Session) -> str:
    """finished, unfinished, running, locked, damaged or unreadable; and deleting when that was interrupted."""
    from biofeedback.recording.library import is_running

    if session.deleted:
        return "deleting"
    if session.facts.state in _UNFINISHED and session.facts.file.endswith(".part"):
        return "running" if is_running(library, session) else "unfinished"
    return session.facts.state


def length(seconds: float | None) -> str:
    """A time or a length as everywhere, in a column."""
    return f"{'' if seconds is None else times.clock(round(seconds * 1e6)):>7}"


_STATES: Final = {
    "unfinished": "not finished",
    "running": "being recorded",
    "locked": "encrypted",
    "unreadable": "cannot be read",
    "damaged": "damaged",
    "deleting": "said to be deleted, but it is here: delete it again if it is to go",
}
_REMARKS: Final = {
    "exact": "verified",
    "equal": "verified",
    "partial": "compared in part",
    "differs": "differs",
    "damaged": "damaged",
}


def _remarks(library: Library, session: Session) -> list[str]:
    facts = session.facts
    said = [_STATES.get(state_of(library, session), "")]
    said += ["demonstration" if facts.demo else "simulated" if facts.simulated else ""]
    said += ["imported" if facts.imported is not None else ""]
    said += [facts.quality if facts.quality not in (None, "good") else ""]
    said += [_REMARKS.get(session.verified or "", "")]
    said += [f"#{tag}" for tag in session.tags]
    return list(dict.fromkeys(word for word in said if word))


@dataclass(frozen=True, slots=True)
class Shown:
    """All there is to say of a session, from the index and its file."""

    library: Library
    session: Session
    recording: StoredRecording | None
    why_not: str | None
    metrics: list[tuple[Any, ...]]

    def to_json(self) -> dict[str, Json]:
        """As one object."""
        recording, parent = self.recording, _parent(self.recording)
        return {
            **as_json(self.library, self.session),
            "damage": self.why_not if recording is None else recording.damage,
            "removed": _removed(recording),
            "from": None if parent is None else {"name": parent.name, "format": parent.format},
            "decisions": [] if parent is None else [*parent.notes],
            "phases": [[name, at_s] for name, at_s in _phases(recording)],
            "suds": [[at_s, when, value] for at_s, when, value in _suds(recording)],
            "marks": [[at_s, kind, text] for at_s, kind, text in _marks(recording)],
            "metrics": [
                {"metric": m, "phase": phase, "name": name, "stored": v, "rule": rule, "now": a, "rule_now": rule_a}
                for m, phase, name, v, rule, a, rule_a in self.metrics
            ],
        }

    def text(self) -> str:
        """For people, what happened in order of time."""
        session, recording = self.session, self.recording
        lines = [as_line(self.library, session), f"id        {session.id}", f"file      {self.library.path(session)}"]
        if (parent := _parent(recording)) is not None:
            lines.append(f"from      {parent.words}")
            lines += [f"{'' if number else 'notes':<10}{note}" for number, note in enumerate(parent.notes)]
        if self.why_not or (recording is not None and recording.damage):
            lines.append(f"damage    {self.why_not or (recording.damage if recording is not None else '')}")
        if removed := _removed(recording):
            lines.append(f"removed   {', '.join(map(str, removed))}")
        if session.verified:
            lines.append(f"verified  {VERIFIED.get(session.verified, session.verified)}")
        if session.facts.beats is not None:
            flagged = f", {session.facts.quality} quality" if session.facts.quality else ""
            lines.append(f"beats     {session.facts.beats}{flagged}")
        moments = [(at_s, name) for name, at_s in _phases(recording)]
        moments += [(at_s, f"SUDS {when}: {'-' if v is None else v}") for at_s, when, v in _suds(recording)]
        moments += [(at_s, f"{kind}: {text}") for at_s, kind, text in _marks(recording)]
        lines += [f"{length(at_s)}   {text}" for at_s, text in sorted(moments, key=lambda moment: moment[0])]
        lines += [_metric_line(row) for row in self.metrics if row[0] in _SHOWN_METRICS]
        return "".join(printable(line) + "\n" for line in lines)


_SHOWN_METRICS: Final = frozenset({"mean_hr_bpm", "rmssd_ms", "epoch_ln_hr"})


def shown(library: Library, session: Session, keys: Keys | None) -> Shown:
    """Read the file of a session, and what the index has of it."""
    from biofeedback.errors import UnreadableError
    from biofeedback.recording.reader import read_recording

    try:
        recording, why_not = read_recording(library.path(session), keys), None
    except UnreadableError as error:
        recording, why_not = None, error.what
    return Shown(library, session, recording, why_not, library.metrics(session))


def _metric_line(row: tuple[Any, ...]) -> str:
    """One metric of a part: that of an epoch is of its last breaths, all others are of a window at the part's end."""
    metric, phase, name, then, _, now, _ = row
    name = name if metric == "epoch_ln_hr" else f"last minute of {name}"
    if then is None and now is None:
        return f"{'':>10}{name} {phase}: {metric} -"
    same = then == now or then is None or now is None
    also = "" if same else f", {now:.4g} by today's rules"
    value = then if then is not None else now
    return f"{'':>10}{name} {phase}: {metric} {value:.4g}{also}"


def _parent(recording: StoredRecording | None) -> Parent | None:
    from biofeedback.recording.parents import parent_of

    return None if recording is None else parent_of(recording.lines)


def _removed(recording: StoredRecording | None) -> list[Json]:
    from biofeedback.recording.reader import removed_from

    return [] if recording is None else [*removed_from(recording.head)]


def _phases(recording: StoredRecording | None) -> list[tuple[str, float]]:
    from biofeedback.session.spans import is_imported

    if recording is None or is_imported(recording):
        return []
    return [
        (str(line.body.get("name")), line.t / 1e6)
        for line in recording.lines
        if line.kind == "phase" and line.body.get("on")
    ]


def _suds(recording: StoredRecording | None) -> list[tuple[float, str, int | None]]:
    lines = recording.lines if recording is not None else ()
    return [(line.t / 1e6, str(line.body.get("when")), line.body.get("value")) for line in lines if line.kind == "suds"]


def _marks(recording: StoredRecording | None) -> list[tuple[float, str, str]]:
    lines = recording.lines if recording is not None else ()
    return [
        (line.t / 1e6, line.kind, str(line.body.get("text") or "")) for line in lines if line.kind in {"mark", "note"}
    ]
