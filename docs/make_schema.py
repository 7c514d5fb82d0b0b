"""Makes recording.schema.json, the JSON Schema of a recording's lines, and the table of kinds in recording.md.

Both are made from the classes of biofeedback/events.py. `python docs/make_schema.py` writes them anew; a test fails
when they are not what the classes say.
"""

from __future__ import annotations

import json
import re
import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, Union, get_args, get_origin, get_type_hints

from biofeedback.events import Event
from biofeedback.recording.chain import LONGEST_LINE
from biofeedback.recording.codec import INPUT_KINDS, kind_classes

Schema: TypeAlias = dict[str, Any]
SCHEMA: Final = Path(__file__).parent / "recording.schema.json"
PAGE: Final = Path(__file__).parent / "recording.md"
MARKED: Final = re.compile(r"(<!-- kinds: made by make_schema.py -->\n).*?(<!-- kinds -->)", re.DOTALL)
DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"

WHOLE: Final[Schema] = {"type": "integer"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
NUMBER: Final[Schema] = {"type": "number"}
TEXT: Final[Schema] = {"type": "string"}
TABLE: Final[Schema] = {"type": "object"}
SHA256: Final[Schema] = {"type": "string", "pattern": "^[0-9a-f]{64}$"}

FIELDS: Final[Mapping[str, str]] = {
    "plan": "what the session will do, every length in seconds",
    "scripts": "the imagery scripts in full, by id",
    "person": "what the session knows of the person",
    "source": "where the heartbeats come from",
    "demo": "whether it is a demonstration, never evidence",
    "coin_source": "where the coins come from: secrets, or the seed of a simulated person",
    "parent": "what it was made of, null for nothing",
    "dev": "the sensor",
    "rx": "when it arrived, in microseconds of session time",
    "hr": "heart rate as the sensor says it, beats a minute",
    "contact": "skin contact; null: the sensor cannot tell",
    "energy": "energy as the sensor says it, kJ",
    "packet.ticks": "RR intervals in 1/1024 s",
    "rr.ticks": "RR intervals in 1/1 024 000 s",
    "lost": "1/1 024 000 s before them that the file knows nothing of; null: of unknown length; absent: nothing lost",
    "beat.ticks": "the RR interval in 1/1 024 000 s",
    "raw": "the notification's bytes in hexadecimal",
    "problems": "what is wrong with it",
    "dev_ns": "when the last sample was taken, ns on the sensor's clock",
    "fs": "samples a second that were asked for",
    "xyz_mg": "x, y, z of the first sample in mg, then what each further sample differs by from the one before",
    "state": "where it stands now",
    "link.why": "the reason in one sentence",
    "end.why": "the reason in one sentence",
    "safety.why": "the reason in one sentence",
    "advice": "what the person can do",
    "location": "where it is worn; null: it does not say",
    "percent": "charge in percent; null: unknown",
    "what": "which one",
    "by": "whose it is: trainee, practitioner, program, sim, file, nobody",
    "text": "the words",
    "id": "the question's name in this session",
    "value": "0 to 10; null: left open",
    "pair": "number of the pair, from 0; null: none",
    "sha256": "commitment to the coin",
    "coin": "0: image first, 1: control first",
    "nonce": "what the commitment was made with, in hexadecimal",
    "wall_ns": "the wall clock, ns since 1970 in UTC",
    "mono_ns": "the monotonic clock of the session, ns",
    "step_ns": "what the wall clock moved by against the monotonic one, ns",
    "clock.why": "tick, step, suspend or zone",
    "utc_off_s": "local time less UTC, seconds",
    "t_s": "the closing beat it speaks of, seconds of session time",
    "ok": "whether the interval may be used",
    "beat.why": "the flag: missed, extra, ectopic, misplaced, range; null: none",
    "gap_before": "a hole lies before it: no difference crosses it",
    "rr_ms": "the RR interval in ms, exact",
    "from_s": "where it begins, seconds of session time",
    "to_s": "where it ends, seconds of session time",
    "gap.why": "the reason: link, contact, sensor, silence, lost, pause, doubled, suspend, file",
    "window_s": "length of the window, seconds",
    "beats": "number of intervals in it",
    "flagged": "how many of them are flagged",
    "coverage": "time of the intervals that arrived over the time that passed; null: cannot be said",
    "values": "the metrics by name; null: withheld",
    "reasons": "why a metric is withheld, by its name",
    "quality": "poor above 5 % flagged intervals, else null",
    "bpm": "heart rate, beats a minute",
    "bpm_sd": "its standard deviation",
    "delta_bpm": "above the paced baseline, beats a minute",
    "delta_sd": "its standard deviation",
    "z": "the same in standard deviations of the baseline",
    "rsa_bpm": "respiratory sinus arrhythmia, beats a minute",
    "adherence": "whether the breath follows the pacer: follows, differs, unknown",
    "r2": "share of variance at the pacer's frequency",
    "withheld": "why there is no number; null: there is one",
    "rms_mg": "movement between 1 and 10 Hz in 3 s, mg",
    "moving": "whether the person moves",
    "breaths_per_min": "rate of breath; null: cannot be made out",
    "breath_quality": "how far it can be trusted, 0 to 1",
    "name": "which part",
    "on": "it begins (true) or ends (false)",
    "index": "number of its kind in the session, from 0",
    "visualization": "the script of the image",
    "control": "the script of the control",
    "phase.plan_s": "planned length, seconds; null: none",
    "cue.plan_s": "when the script wanted it, seconds after its part began",
    "rate": "breaths a minute; null: the pacer stops",
    "inhale": "share of a breath that is inhaled",
    "at_phase": "place in the breath at this moment, 0 to 1",
    "script": "the script's id",
    "hash": "the script's SHA-256",
    "say": "the words",
    "until_s": "when the question closes, seconds of session time",
    "tier": "amber, red or quiet",
    "when": "before, epoch or after",
    "label": "image or control",
    "y": "natural logarithm of the mean heart rate over its last whole breaths; null: none",
    "se": "standard error of y",
    "breaths": "breaths that y is made of",
    "rate_est": "breaths a minute as the beats show them",
    "kept": "whether the epoch counts",
    "epoch.why": "why it does not count; null: it does",
    "interrupted": "its words were ended early",
    "sessions": "sessions with a kept pair",
    "words": "what can be said, in words",
    "this_session": "differences of this session's pairs in ln bpm; null: not kept",
    "mean": "their mean",
    "theta": "the estimate over all sessions, ln bpm",
    "cs_low": "its confidence sequence, lower end",
    "cs_high": "its confidence sequence, upper end",
    "bpm_low": "lower end in beats a minute",
    "bpm_high": "upper end in beats a minute",
    "sessions_needed": "how many sessions more, for even and for good odds",
    "code": "the reason as a word a program can read",
    "duration_s": "length of the session, seconds",
}
"""What a key means, with its unit; `kind.key` where kinds differ."""

NAMES: Final[Mapping[object, str]] = {bool: "boolean", int: "integer", float: "number", str: "string"}

LOG_ONLY: Final[Mapping[str, tuple[str, Schema, tuple[str, ...]]]] = {
    "head": (
        "The first line. All that can be known of a file without reading further.",
        {
            "format": TEXT | {"description": "biofeedback-session"},
            "v": COUNT | {"description": "version of the line layout"},
            "min_reader": COUNT | {"description": "least version a program must know to read it"},
            "session": TEXT | {"description": "UUID of the session"},
            "wall_ns": COUNT | {"description": "when it began, ns since 1970 in UTC"},
            "tz": TEXT | {"description": "time zone"},
            "utc_off_s": WHOLE | {"description": "local time less UTC, seconds"},
            "start_unknown": TEXT | {"description": "of an import, what of these is not known: all, or the zone"},
            "mono_ns": WHOLE | {"description": "the monotonic clock at its beginning, ns"},
            "clock": TEXT | {"description": "name of that clock"},
            "boot": {"type": ["string", "null"], "description": "which start of the computer"},
            "app": TABLE | {"description": "name and version of the program"},
            "host": TABLE | {"description": "system, Python and libraries that computed the numbers"},
            "subject": TEXT | {"description": "the person's pseudonym"},
            "person": TEXT | {"description": "in the log of a person: the pseudonym"},
            "parent": {"type": ["object", "null"], "description": "what this file was made of: sha256, removed"},
            "continues": TABLE | {"description": "the part whose disk failed, all of which is in this file: file, why"},
            "cipher": TABLE | {"description": "how the lines that follow are encrypted"},
        },
        ("format", "v", "min_reader", "wall_ns"),
    ),
    "alg": (
        "The version of a rule that made the numbers of this file, before its first use.",
        {
            "a": {"type": "string", "pattern": "/[0-9]+$", "description": "NAME/VERSION"},
            "params": TABLE | {"description": "its settings; plugin: the package it comes from"},
        },
        ("a",),
    ),
    "drop": (
        "Packets that the program could not take in time.",
        {"count": COUNT | {"description": "how many"}},
        ("count",),
    ),
    "err": (
        "Something in the program failed.",
        {
            "code": TEXT | {"description": "which thing"},
            "error": TEXT | {"description": "how, in words"},
            "trace": {"description": "where in the program"},
        },
        ("code",),
    ),
    "resume": (
        "The session went on in this file after the program had died.",
        {
            "torn_bytes": COUNT | {"description": "length of the half line that was moved aside"},
            "wall_ns": WHOLE | {"description": "the wall clock, ns since 1970 in UTC"},
            "mono_ns": WHOLE | {"description": "the monotonic clock, ns"},
            "boot": {"type": ["string", "null"], "description": "which start of the computer"},
        },
        (),
    ),
    "seal": (
        "What stands before this line, so that a change shows.",
        {
            "sha256": SHA256 | {"description": "SHA-256 of all bytes before this line"},
            "bytes": COUNT | {"description": "how many bytes that are"},
            "events": COUNT | {"description": "how many events"},
            "key": TEXT | {"description": "of an encrypted file: the key in use, wrapped"},
        },
        ("sha256", "bytes"),
    ),
}
"""Kinds that are no events: what they are, their keys, and those that must be there."""


def schema() -> Schema:
    """The schema of one line. Unknown kinds and keys are allowed: later versions add some (RECORDING 1.3)."""
    kinds = {name: _log_only(*parts) for name, parts in LOG_ONLY.items()}
    kinds |= {name: _event(name, kind) for name, kind in kind_classes().items()}
    return {
        "$schema": DRAFT,
        "$id": "recording.schema.json",
        "title": "One line of a biofeedback recording",
        "description": (
            f"Lines are UTF-8 and end with LF, at most {LONGEST_LINE} bytes each. Kinds and keys that are not here "
            "come from later versions: keep them and pass them on. Words such as reasons may get company too."
        ),
        "type": "object",
        "required": ["n", "x"],
        "properties": {
            "n": COUNT | {"description": "number of the line, from 0 without holes"},
            "t": COUNT | {"description": "session time in microseconds, never going backwards"},
            "k": TEXT | {"description": "kind of the line", "pattern": "^[a-z][a-z_]*$"},
            "x": TEXT | {"description": "CRC-32 of the line before this key, seeded with the one before it",
                         "pattern": "^[0-9a-f]{8}$"},
        },
        "if": {"required": ["k"]},
        "then": {"required": ["t"]},
        "else": {"required": ["z"], "properties": {"z": TEXT | {"description": "an encrypted line's rest, base64"}}},
        "allOf": [
            {"if": {"properties": {"k": {"const": name}}, "required": ["k"]}, "then": {"$ref": f"#/$defs/{name}"}}
            for name in kinds
        ],
        "$defs": kinds,
    }  # fmt: skip


def as_text() -> str:
    """The file's text."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def _log_only(what: str, properties: Schema, required: tuple[str, ...]) -> Schema:
    return {"description": what, "type": "object", "required": list(required), "properties": properties}


def _event(name: str, kind: type[Event]) -> Schema:
    """The keys of an event's line from the fields of its class; those with a default came later and may be absent."""
    hints = get_type_hints(kind)
    told = [field for field in fields(kind) if field.name != "at"]
    properties = {
        _key(field): _described(name, _key(field), NUMBER if field.name.endswith("_us") else _type(hints[field.name]))
        for field in told
    }
    required = [_key(field) for field in told if field.default is MISSING and field.default_factory is MISSING]
    if name == "beat":
        properties["rr_ms"] = _described(name, "rr_ms", NUMBER)
        required.append("rr_ms")
    side = "Input: " if name in INPUT_KINDS else "Output: "
    return {"description": side + _words(kind), "type": "object", "required": required, "properties": properties}


def _words(kind: type) -> str:
    """The first paragraph of a class's docstring in the words of a file: its keys, null, no clause of ours."""
    words = " ".join((kind.__doc__ or "").split("\n\n")[0].split())
    words = re.sub(r" \((RULINGS|RECORDING)[^)]*\)", "", words).replace("`at`", "`t`")
    return re.sub(r"`(\w+)_us`", r"`\1_s`", words).replace("None", "null")


def _key(field: Field[Any]) -> str:
    return f"{field.name[:-3]}_s" if field.name.endswith("_us") else field.name


def _described(kind: str, key: str, held: Schema) -> Schema:
    """The schema of one key with its words. Raises KeyError for a key that FIELDS says nothing of."""
    return held | {"description": FIELDS.get(f"{kind}.{key}") or FIELDS[key]}


def _type(hint: object) -> Schema:
    """The JSON Schema of a Python type, as far as events use them."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return _union(inner)
    if origin is Literal:
        return {"type": "string" if isinstance(inner[0], str) else "integer"}
    if origin is tuple:
        return {"type": "array", "items": _type(inner[0])}
    if origin is not None and issubclass(origin, Mapping):
        return {"type": "object", **({"additionalProperties": held} if (held := _value(inner[1])) else {})}
    return {"type": NAMES[hint]}


def _union(inner: tuple[object, ...]) -> Schema:
    parts = [_type(part) for part in inner if part is not type(None)]
    names = [str(part["type"]) for part in parts]
    return {**parts[0], "type": [*names, "null"] if len(parts) < len(inner) else names}


def _value(hint: object) -> Schema:
    """The schema of a table's values, empty where they can be anything."""
    return {} if get_origin(hint) is not None and str in get_args(hint) else _type(hint)


def page_with_table(page: str) -> str:
    """The page with the table of all kinds between its marks."""
    rows = "".join(
        f"| `{kind}` | {part['description']} | {' '.join(part['properties'])} |\n"
        for kind, part in schema()["$defs"].items()
    )
    table = f"| kind | what it is | keys |\n|---|---|---|\n{rows}"
    return MARKED.sub(lambda marks: marks[1] + table + marks[2], page)


def main() -> None:
    """Write the file and the table."""
    SCHEMA.write_text(as_text(), "utf-8")
    PAGE.write_text(page_with_table(PAGE.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main()
