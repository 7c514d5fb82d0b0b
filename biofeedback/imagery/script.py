"""An imagery script: what it says and when, parsed and checked, and the hash that is its identity (METHOD 3.4)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from hashlib import sha256
from json import dumps
from typing import Any, Final, Literal, TypeAlias, cast, get_args
from unicodedata import category, normalize

from biofeedback.errors import ScriptError
from biofeedback.events import Json

FORMAT: Final = "brt-script/1"
MOST_WORDS: Final = 12
MATCH: Final = 0.20
"""A script and its control may differ by this share of spoken words (RULINGS E13)."""
PLACEHOLDER_WORDS: Final = 3
TRIAL_SECONDS: Final = 90.0

CuePhase: TypeAlias = Literal["exhale", "inhale", "any"]
Mode: TypeAlias = Literal["solo", "practitioner"]
Kind: TypeAlias = Literal["imagery", "control", "rescue", "practice"]
Evidence: TypeAlias = Literal["studied", "plausible", "personal"]
Outcome: TypeAlias = Literal["during", "after"]

LAST_CUE_S: Final = 80.0
MOST_CUES: Final = 60
MOST_LETTERS: Final = 300
GROUNDING: Final = "grounding"
"""The script to which "something strong" goes, always the one that comes with the program."""
FIELDS: Final = (
    *("format", "id", "version", "title", "mode", "kind", "evidence", "caution", "max_start_suds", "eyes"),
    *("outcome", "control", "user", "cue", "practice", "spike"),
)
CUE_FIELDS: Final = ("at", "phase", "say", "sense", "voice")
PRACTICE_FIELDS: Final = ("minutes", "every_breaths", "closing")
SPIKE_FIELDS: Final = ("amber", "rescue")
_PLACEHOLDER: Final = re.compile(r"\{([a-z_]+)\}")
_MARKUP: Final = re.compile(r"<[^<>]*>|[a-z]{2,}://|\bwww\.|&#?[a-z0-9]+;", re.IGNORECASE)
MOST_USER_WORDS: Final = 40


@dataclass(frozen=True, slots=True)
class ScriptCue:
    """One line. `at_s` counts from the beginning of an epoch; it is said on the next `phase` of the breath."""

    at_s: float
    phase: CuePhase
    say: str
    sense: str


@dataclass(frozen=True, slots=True)
class Practice:
    """The longer form, free of tests: the cues in turn, one every `every_breaths` breaths, for `minutes`."""

    minutes: float
    every_breaths: int
    closing: str


@dataclass(frozen=True, slots=True)
class Script:
    """A visualization, its control, or a rescue."""

    id: str
    version: int
    title: str
    mode: Mode
    kind: Kind
    evidence: Evidence
    caution: tuple[str, ...]
    max_start_suds: int
    eyes: str
    outcome: Outcome
    control: str | None
    words: Mapping[str, str]
    cues: tuple[ScriptCue, ...]
    practice: Practice
    amber: str
    rescue: str

    def spoken(self, cue: ScriptCue) -> str:
        """What is said, the person's words filled in."""
        return _PLACEHOLDER.sub(lambda found: self.words[found[1]], cue.say)

    @property
    def missing_words(self) -> tuple[str, ...]:
        """The words the person has still to fill in."""
        return tuple(name for name, text in self.words.items() if not text.strip())

    @property
    def word_count(self) -> int:
        """Spoken words of all cues, a placeholder counted as three (RULINGS E13)."""
        return sum(count_words(cue.say) for cue in self.cues)


def content_hash(script: Script, control_hash: str | None) -> str:
    """The identity of a visualization: SHA-256 over what is said and its control, canonical JSON (RULINGS C6)."""
    content = {
        "format": FORMAT,
        "outcome": script.outcome,
        "cues": [[cue.at_s, cue.phase, _plain(cue.say), cue.sense] for cue in script.cues],
        "control": control_hash,
        "words": {name: _plain(text) for name, text in script.words.items()},
    }
    canonical = dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return sha256(canonical.encode()).hexdigest()


def count_words(text: str) -> int:
    """Spoken words of a line, a placeholder counted as three."""
    placeholders = len(_PLACEHOLDER.findall(text))
    return len(re.findall(r"\w[\w'’-]*", _PLACEHOLDER.sub(" ", text))) + PLACEHOLDER_WORDS * placeholders


def match_warnings(script: Script, control: Script) -> list[str]:
    """Where a script and its control differ too much to be compared fairly; empty when they match."""
    warnings: list[str] = []
    own, other = script.word_count, control.word_count
    if abs(own - other) > MATCH * other:
        warnings.append(f"{own} spoken words against {other} in '{control.id}': more than 20 % apart")
    if [cue.at_s for cue in script.cues] != [cue.at_s for cue in control.cues]:
        warnings.append(f"the cues do not come at the same times as those of '{control.id}'")
    if script.cues[-1].at_s > LAST_CUE_S:
        warnings.append(f"a cue after {LAST_CUE_S:g} s may find no exhale before its epoch ends")
    return warnings


def parse_script(text: str, name: str) -> Script:
    """Read one TOML script; `name` is used in errors. Raises ScriptError with what is wrong and what to write."""
    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # beside its own, numbers too long and lists too deep
        raise ScriptError(f"{name}: this is not TOML: {error}.", "Mend the line it names.") from error
    return _Reader(table, name).script()


def to_json(script: Script, hash_: str) -> dict[str, Json]:
    """The whole script as it enters a recording."""
    return {
        "id": script.id,
        "version": script.version,
        "title": script.title,
        "mode": script.mode,
        "kind": script.kind,
        "evidence": script.evidence,
        "caution": list(script.caution),
        "max_start_suds": script.max_start_suds,
        "eyes": script.eyes,
        "outcome": script.outcome,
        "control": script.control,
        "words": dict(script.words),
        "cues": [[cue.at_s, cue.phase, cue.say, cue.sense] for cue in script.cues],
        "practice": [script.practice.minutes, script.practice.every_breaths, script.practice.closing],
        "amber": script.amber,
        "rescue": script.rescue,
        "hash": hash_,
    }


def from_json(table: Mapping[str, Any]) -> Script:
    """The script a recording holds; keys of newer versions are left aside."""
    known = {field.name for field in fields(Script)}
    values: dict[str, Any] = {key: value for key, value in table.items() if key in known}
    values["cues"] = tuple(ScriptCue(at, phase, say, sense) for at, phase, say, sense in table["cues"])
    values["caution"] = tuple(table["caution"])
    values["practice"] = Practice(*table["practice"])
    return Script(**values)


def _plain(text: str) -> str:
    return " ".join(normalize("NFC", text).split())


class _Reader:
    """Reads the fields of one script table; every complaint names the file and the field."""

    def __init__(self, table: Mapping[str, Any], name: str) -> None:
        self._table = table
        self._name = name

    def script(self) -> Script:
        if self._table.get("format") != FORMAT:
            raise self._complaint(f'the first line must be format = "{FORMAT}"', "Write it as it stands here.")
        self._only_known(self._table, FIELDS, "")
        self._only_known(self._section("practice"), PRACTICE_FIELDS, " under [practice]")
        self._only_known(self._section("spike"), SPIKE_FIELDS, " under [spike]")
        words = self._user_words()
        kind = cast(Kind, self._choice(self._table, "kind", get_args(Kind), "imagery"))
        return Script(
            id=self._id(),
            version=self._whole(self._table, "version", 1, 1_000_000),
            title=self._text(self._table, "title"),
            mode=cast(Mode, self._choice(self._table, "mode", get_args(Mode), "solo")),
            kind=kind,
            evidence=cast(Evidence, self._choice(self._table, "evidence", get_args(Evidence), "personal")),
            caution=tuple(self._texts("caution")),
            max_start_suds=self._whole(self._table, "max_start_suds", 0, 10, default=10),
            eyes=self._choice(self._table, "eyes", ("any", "open", "closed"), "any"),
            outcome=cast(Outcome, self._choice(self._table, "outcome", get_args(Outcome), "during")),
            control=None if kind == "control" else self._text(self._table, "control", "breath_only"),
            words=words,
            cues=self._cues(set(words)),
            practice=self._practice(),
            amber=self._text(self._section("spike"), "amber", "Feel your feet. Stay, soften, or stop."),
            rescue=self._text(self._section("spike"), "rescue", "grounding"),
        )

    def _user_words(self) -> dict[str, str]:
        """The words a person fills in, by the names that cues hold in braces."""
        words = self._section("user")
        if len(words) > MOST_USER_WORDS:
            raise self._complaint(
                f"it has more than {MOST_USER_WORDS} words under [user]", "Make several scripts of it."
            )
        for name in words:
            if _PLACEHOLDER.fullmatch(f"{{{name}}}") is None:
                raise self._complaint(f"{name!r} cannot be a word under [user]", "Use small letters and _.")
        return {name: self._text(words, name, "") for name in words}

    def _id(self) -> str:
        id_ = self._text(self._table, "id")
        if re.fullmatch(r"[a-z][a-z0-9_]{0,39}", id_) is None:
            raise self._complaint(f"'id' cannot be {id_!r}", "Use small letters, digits and _, for example my_garden.")
        return id_

    def _cues(self, words: set[str]) -> tuple[ScriptCue, ...]:
        tables = self._table.get("cue")
        if not isinstance(tables, list) or not tables:
            raise self._complaint("it has no cues", "Add at least one [[cue]] with at, phase and say.")
        if len(cast(list[Any], tables)) > MOST_CUES:
            raise self._complaint(f"it has more than {MOST_CUES} cues", "Make several scripts of it.")
        cues = tuple(self._cue(number, table, words) for number, table in enumerate(cast(list[Any], tables), start=1))
        times = [cue.at_s for cue in cues]
        if times != sorted(set(times)):
            raise self._complaint("its cues do not follow one another in time", "Sort them by at; no two alike.")
        return cues

    def _cue(self, number: int, table: object, words: set[str]) -> ScriptCue:
        if not isinstance(table, dict):
            raise self._complaint(f"cue {number} is not a section", "Write [[cue]] on a line of its own.")
        return _Reader(cast(Mapping[str, Any], table), f"{self._name}: cue {number}").as_cue(words)

    def as_cue(self, words: set[str]) -> ScriptCue:
        """The table as one cue; `words` are the names its line may hold in braces."""
        table = self._table
        self._only_known(table, CUE_FIELDS, "")
        say = self._text(table, "say")
        if count_words(say) > MOST_WORDS:
            raise self._complaint(f"'{say}' has more than {MOST_WORDS} words", "Say less, or make two cues of it.")
        missing = sorted(set(_PLACEHOLDER.findall(say)) - words)
        if missing or "{" in _PLACEHOLDER.sub("", say):
            raise self._complaint(
                f"'{say}' asks for a word that is not under [user]", "Add it there, or take the braces out."
            )
        return ScriptCue(
            at_s=self._number(table, "at", 0, TRIAL_SECONDS - 1, default=None),
            phase=cast(CuePhase, self._choice(table, "phase", get_args(CuePhase), "exhale")),
            say=say,
            sense=self._text(table, "sense", ""),
        )

    def _practice(self) -> Practice:
        table = self._section("practice")
        return Practice(
            minutes=self._number(table, "minutes", 1, 60, default=8),
            every_breaths=self._whole(table, "every_breaths", 1, 30, default=4),
            closing=self._text(table, "closing", "Feel the floor. Come back in your own time."),
        )

    def _only_known(self, table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
        for key in table:
            if key not in known:
                raise self._complaint(f"there is no field '{key}'{where}", f"Fields are: {', '.join(known)}.")

    def _section(self, name: str) -> Mapping[str, Any]:
        section = self._table.get(name, {})
        if not isinstance(section, dict):
            raise self._complaint(f"'{name}' is not a section", f"Write [{name}] on a line of its own.")
        return cast(Mapping[str, Any], section)

    def _text(self, table: Mapping[str, Any], key: str, default: str | None = None) -> str:
        value = table.get(key, default)
        if not isinstance(value, str) or (default is None and not value.strip()):
            wrong = f"'{key}' is missing" if value is None else f"'{key}' must be words in quotes, not {value!r}"
            raise self._complaint(wrong, f'Write {key} = "...".')
        return self._plain_words(key, value)

    def _texts(self, key: str) -> list[str]:
        values = self._table.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in cast(list[Any], values)):
            raise self._complaint(f"'{key}' must be a list of sentences", f'Write {key} = ["...", "..."].')
        return [self._plain_words(key, value) for value in cast(list[str], values)]

    def _plain_words(self, key: str, value: str) -> str:
        """Words with single blanks: no control or direction characters, no markup, no address, and not a book."""
        value = " ".join(value.split())
        if len(value) > MOST_LETTERS:
            raise self._complaint(f"'{key}' is longer than {MOST_LETTERS} letters", "Say less.")
        if any(category(letter) in ("Cc", "Cf", "Cs") for letter in value):
            raise self._complaint(f"'{key}' holds invisible control characters", "Type its words anew.")
        if _MARKUP.search(value):
            raise self._complaint(f"'{key}' holds markup or an address of the web", "Write plain words only.")
        return value

    def _choice(self, table: Mapping[str, Any], key: str, allowed: tuple[str, ...], default: str) -> str:
        value = table.get(key, default)
        if value not in allowed:
            raise self._complaint(f"'{key}' cannot be {value!r}", f"It is one of: {', '.join(allowed)}.")
        return cast(str, value)

    def _number(self, table: Mapping[str, Any], key: str, low: float, high: float, default: float | None) -> float:
        value = table.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            wrong = f"'{key}' is missing" if value is None else f"'{key}' cannot be {value!r}"
            raise self._complaint(wrong, f"It is a number from {low:g} to {high:g}.")
        return float(value)

    def _whole(self, table: Mapping[str, Any], key: str, low: int, high: int, default: int | None = None) -> int:
        value = self._number(table, key, low, high, default)
        if value != int(value):
            raise self._complaint(f"'{key}' cannot be {value:g}", "It is a whole number.")
        return int(value)

    def _complaint(self, what: str, advice: str) -> ScriptError:
        return ScriptError(f"{self._name}: {what}.", advice)
