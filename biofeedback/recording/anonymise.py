"""A recording without anything that tells who the person is, line by line (RULINGS C6, RECORDING 2). Pure.

What is known to say nothing about a person stays; every other text becomes "…". So a kind or a key of a later version
is emptied of its texts, not passed on. Times, intervals, hashes and the order of lines stay, and as texts are replaced
in the same way where they enter a session and where they come out of it, the copy verifies like the original.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from biofeedback.events import Json
from biofeedback.recording.chain import Line

HIDDEN: Final = "…"
SUBJECT: Final = "P"
BY: Final = frozenset({"trainee", "practitioner", "program", "sim", "nobody", "file"})
SENSES: Final = frozenset({"sight", "sound", "temperature", "touch", "smell", "nothing", ""})
_WRITTEN: Final = frozenset({"mark", "note"})
"""Commands whose text somebody wrote; that of all others is the program's."""
_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")

KEPT: Final[Mapping[str, frozenset[str]]] = {
    "head": frozenset(["format", "session", "clock", "app", "host", "start_unknown"]),
    "alg": frozenset(["a", "params"]),
    "packet": frozenset(["raw", "problems"]),
    "acc": frozenset(["problems"]),
    "link": frozenset(["state"]),
    "sensor": frozenset(["location"]),
    "command": frozenset(["what"]),
    "answer": frozenset(["id", "what"]),
    "commit": frozenset(["sha256"]),
    "reveal": frozenset(["nonce"]),
    "clock": frozenset(["why"]),
    "beat": frozenset(["why"]),
    "gap": frozenset(["why"]),
    "hrv": frozenset(["reasons", "quality"]),
    "arousal": frozenset(["adherence", "withheld"]),
    "phase": frozenset(["name"]),
    "cue": frozenset(["hash"]),
    "ask": frozenset(["id", "what"]),
    "safety": frozenset(["tier", "why"]),
    "suds": frozenset(["when"]),
    "epoch": frozenset(["label", "why"]),
    "verdict": frozenset(["state"]),
    "notice": frozenset(["code", "text"]),
    "end": frozenset(["why"]),
    "err": frozenset(["code"]),
}
"""The keys of each kind whose texts are the program's own; others are handled below, or hidden."""
_SCRIPT_KEPT: Final = frozenset(["mode", "kind", "evidence", "eyes", "outcome", "hash"])


@dataclass(frozen=True, slots=True)
class Shipped:
    """What is said in the scripts that come with the program: texts that are nobody's own, and their ids."""

    ids: Collection[str] = frozenset()
    texts: Collection[str] = frozenset()


@dataclass(slots=True)
class _Names:
    """How the names of one recording are replaced, each always by the same."""

    shipped: Shipped
    scripts: dict[str, str] = field(default_factory=dict[str, str])
    devices: dict[str, str] = field(default_factory=dict[str, str])
    spoken: dict[str, str] = field(default_factory=dict[str, str])
    """What a script says, by what it said before; what is not here was written by somebody."""
    titles: dict[str, str] = field(default_factory=dict[str, str])

    def script(self, id_: object) -> Json:
        """The id of a script: one of the person's own may say as much as its words."""
        if not isinstance(id_, str):
            return None
        return id_ if id_ in self.shipped.ids else self.scripts.setdefault(id_, f"own_{len(self.scripts) + 1}")

    def device(self, dev: object) -> Json:
        """What a strap is called in its packets."""
        return self.devices.setdefault(dev, f"d{len(self.devices) + 1}") if isinstance(dev, str) else None

    def text(self, text: object) -> str:
        """A text of a script, hidden unless it comes with the program."""
        return text if isinstance(text, str) and text in self.shipped.texts else HIDDEN


def anonymised(lines: Iterable[Line], shipped: Shipped) -> Iterator[Line]:
    """The lines of a recording with every text hidden that is not the program's; nothing is left out."""
    names = _Names(shipped)
    for line in lines:
        handle = _SPECIAL.get(line.kind)
        body = handle(line.body, names) if handle is not None else _plainly(line.kind, line.body, names)
        if isinstance(by := line.body.get("by"), str):
            body["by"] = by if by in BY else HIDDEN
        yield Line(line.n, line.t, line.kind, body)


def without_words(lines: Iterable[Line], shipped: Shipped | None = None) -> Iterator[Line]:
    """The lines with the words of persons hidden: notes, marks and their own words in scripts; all else stays.

    `shipped`: scripts besides these are somebody's own, with their names and all that is said in them; None when that
    is not known.
    """
    names = _Names(shipped or Shipped())
    for line in lines:
        body: Mapping[str, Any] = line.body
        if line.kind == "open":
            body = _open_without_words(body, names, all_ours=shipped is None)
        elif line.kind == "cue":
            body = {**body, "say": names.spoken.get(str(body.get("say")), body.get("say"))}
            body = body if shipped is None else {**body, "script": names.script(body.get("script"))}
        elif shipped is not None and line.kind in _NAMING_SCRIPTS:
            said = _SPECIAL[line.kind](body, names)
            body = {key: said[key] if key in _NAMING_SCRIPTS[line.kind] else body[key] for key in body}
        elif line.kind in _WRITTEN or (line.kind == "command" and body.get("what") in _WRITTEN):
            body = {**body, "text": HIDDEN if body.get("text") else body.get("text")}
        yield Line(line.n, line.t, line.kind, body)


def _open_without_words(body: Mapping[str, Any], names: _Names, *, all_ours: bool) -> dict[str, Any]:
    scripts = dict(_tables(body.get("scripts")))
    if all_ours:
        return {**body, "scripts": {id_: _own_words(table, names) for id_, table in scripts.items()}}
    said = {
        str(names.script(id_)): _own_words(table, names) if id_ in names.shipped.ids else _script(table, names)
        for id_, table in scripts.items()
    }
    plan = dict(_tables({"": body.get("plan")})).get("")
    return {**body, "scripts": said, "plan": body.get("plan") if plan is None else _renamed(plan, names)}


def _renamed(plan: Mapping[str, Any], names: _Names) -> dict[str, Any]:
    """A plan with the ids of somebody's own scripts replaced; it is as it was otherwise."""
    said = dict(cast("dict[str, Any]", _plan(plan, names)))
    return {key: said[key] if key in ("script", "pairs") else plan[key] for key in plan}


def _plainly(kind: str, body: Mapping[str, Any], names: _Names | None = None) -> dict[str, Json]:
    """The body with only the texts that its kind may keep."""
    kept = KEPT.get(kind, frozenset())
    return {key: value if key in kept else _hidden(value, names) for key, value in body.items()}


def _hidden(value: object, names: _Names | None = None) -> Json:
    """The same shape with every text hidden; a key is one only where it is the id of a script of somebody's own."""
    if isinstance(value, str):
        return HIDDEN if value else value
    if isinstance(value, list):
        return [_hidden(item, names) for item in cast("list[object]", value)]
    if isinstance(value, dict):
        own = names.scripts if names is not None else {}
        table = cast("dict[str, object]", value)
        return {own.get(key, key): _hidden(item, names) for key, item in table.items()}
    return cast(Json, value)


def _head(body: Mapping[str, Any], _: _Names) -> dict[str, Json]:
    said = _plainly("head", body)
    return {key: SUBJECT if key == "subject" else value for key, value in said.items() if key != "cipher"}


def _open(body: Mapping[str, Any], names: _Names) -> dict[str, Json]:
    scripts: Json = {str(names.script(id_)): _script(table, names) for id_, table in _tables(body.get("scripts"))}
    said = {key: _hidden(value, names) for key, value in body.items()}
    said["scripts"] = scripts
    said["plan"] = _plan(body.get("plan"), names)
    person = dict(_tables({"": body.get("person")})).get("", {})
    said["person"] = {
        key: SUBJECT if key == "name" else value if isinstance(value, str) and value in BY else _hidden(value, names)
        for key, value in person.items()
    }
    said["source"] = _source(dict(_tables({"": body.get("source")})).get("", {}))
    said["coin_source"] = body.get("coin_source")
    parent = body.get("parent")
    if isinstance(parent, dict):
        table = cast("dict[str, Any]", parent)
        said["parent"] = {
            key: value if key in ("unit", "format", "rule") else _hidden(value) for key, value in table.items()
        }
    return said


def _plan(plan: object, names: _Names) -> Json:
    if not isinstance(plan, dict):
        return None
    table = cast("dict[str, Any]", plan)
    said: dict[str, Json] = {key: value if key == "name" else _hidden(value) for key, value in table.items()}
    said["script"] = names.script(table.get("script"))
    said["pairs"] = [
        {key: names.script(value) for key, value in cast("dict[str, object]", pair).items()}
        for pair in cast("list[object]", table.get("pairs") or [])
        if isinstance(pair, dict)
    ]
    return said


def _script(table: Mapping[str, Any], names: _Names) -> Json:
    """A script: what comes with the program stays, the person's words and own lines do not."""
    words = _all_hidden(table.get("words"))
    cues = [
        [at, phase, names.text(say), sense if sense in SENSES else HIDDEN]
        for at, phase, say, sense in cast("list[list[Any]]", table.get("cues") or [])
    ]
    practice = cast("list[Any]", table.get("practice") or [])
    said: dict[str, Json] = {
        key: value if key in _SCRIPT_KEPT else _hidden(value) for key, value in table.items() if key != "words"
    }
    said |= {key: names.script(table[key]) for key in ("id", "control", "rescue") if table.get(key) is not None}
    said |= {"words": words, "cues": cast(Json, cues), "title": names.text(table.get("title"))}
    said |= {"caution": [names.text(text) for text in cast("list[object]", table.get("caution") or [])]}
    said |= {"amber": names.text(table.get("amber")), "practice": [*practice[:2], *map(names.text, practice[2:])]}
    in_order: dict[str, Json] = {key: said[key] for key in table}
    _remember(table, in_order, names)
    return in_order


def _own_words(table: Mapping[str, Any], names: _Names) -> Json:
    """A script with the person's words hidden, its lines as they are."""
    said: dict[str, Json] = {**table, "words": _all_hidden(table.get("words"))}
    _remember(table, said, names)
    return said


def _all_hidden(words: object) -> Json:
    return cast(Json, dict.fromkeys(cast("dict[str, Any]", words or {}), HIDDEN))


def _remember(before: Mapping[str, Any], after: Mapping[str, Any], names: _Names) -> None:
    """What will be said of this script, before and after."""
    for old, new in zip(_said(before), _said(after), strict=False):
        names.spoken[old] = new
    names.titles[str(before.get("title"))] = str(after.get("title"))
    names.titles[str(before.get("id"))] = str(after.get("id"))


def _said(script: Mapping[str, Any]) -> Iterator[str]:
    words = cast("dict[str, str]", script.get("words") or {})
    for _, _, say, _ in cast("list[list[Any]]", script.get("cues") or []):
        yield _PLACEHOLDER.sub(lambda found: words.get(found[1], found[0]), str(say))
    yield from (str(text) for text in cast("list[Any]", script.get("practice") or [])[2:])
    yield str(script.get("amber"))


def _source(source: Mapping[str, Any]) -> Json:
    """A simulated person is nobody, so its name stays; what a strap or a file is called does not."""
    simulated = source.get("kind") == "simulated"
    said: dict[str, Json] = {}
    for key, value in source.items():
        if key in ("kind", "plugin") or (simulated and key != "address"):
            said[key] = value
        elif key == "spec" and isinstance(value, str):
            said[key] = value.partition(":")[0] + ":" if ":" in value else ""
        else:
            said[key] = _hidden(value)
    return said


def _of_device(kind: str) -> Callable[[Mapping[str, Any], _Names], dict[str, Json]]:
    def handle(body: Mapping[str, Any], names: _Names) -> dict[str, Json]:
        said = _plainly(kind, body)
        return {key: names.device(body["dev"]) if key == "dev" else value for key, value in said.items()}

    return handle


def _of_script(kind: str, *keys: str) -> Callable[[Mapping[str, Any], _Names], dict[str, Json]]:
    def handle(body: Mapping[str, Any], names: _Names) -> dict[str, Json]:
        said = _plainly(kind, body)
        return {key: names.script(body[key]) if key in keys else value for key, value in said.items()}

    return handle


def _cue(body: Mapping[str, Any], names: _Names) -> dict[str, Json]:
    said = _of_script("cue", "script")(body, names)
    return {key: names.spoken.get(str(body["say"]), HIDDEN) if key == "say" else said[key] for key in said}


def _verdict(body: Mapping[str, Any], names: _Names) -> dict[str, Json]:
    """Its words name the scripts by their titles, in quotes."""
    said = _of_script("verdict", "visualization", "control")(body, names)
    if isinstance(words := body.get("words"), str):
        titles = "|".join(re.escape(title) for title in sorted(names.titles, key=len, reverse=True) if title)
        said["words"] = re.sub(f"'({titles})'", lambda found: f"'{names.titles[found[1]]}'", words)
    return said


def _command(body: Mapping[str, Any], _: _Names) -> dict[str, Json]:
    said = _plainly("command", body)
    if body.get("what") not in _WRITTEN and isinstance(text := body.get("text"), str):
        said["text"] = text
    return said


def _err(body: Mapping[str, Any], _: _Names) -> dict[str, Json]:
    """Of an error its name stays; what it said may hold anything."""
    said = _plainly("err", body)
    name = re.match(r"[A-Za-z]+(?=: )", str(body.get("error")))
    return {**said, "error": f"{name[0]}: {HIDDEN}" if name else HIDDEN} if "error" in body else said


_NAMING_SCRIPTS: Final[Mapping[str, frozenset[str]]] = {
    "phase": frozenset(["visualization", "control"]),
    "verdict": frozenset(["visualization", "control", "words"]),
}
"""Kinds whose lines name scripts, and where."""
_SPECIAL: Final[Mapping[str, Callable[[Mapping[str, Any], _Names], dict[str, Json]]]] = {
    "head": _head,
    "open": _open,
    "packet": _of_device("packet"),
    "acc": _of_device("acc"),
    "sensor": _of_device("sensor"),
    "phase": _of_script("phase", "visualization", "control"),
    "cue": _cue,
    "verdict": _verdict,
    "command": _command,
    "err": _err,
}


def _tables(value: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """The tables in a table, by key."""
    if isinstance(value, dict):
        for key, table in cast("dict[str, object]", value).items():
            if isinstance(table, dict):
                yield key, cast("dict[str, Any]", table)
