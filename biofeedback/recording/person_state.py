"""What a person log says so far: a pure fold of its lines.

Each kind and its keys besides `at` (UTC, ISO 8601) and `utc_off_s` (seconds east of UTC at that place and time):

- `profile`: any of name, words {name: text}, flags [word], pace (breaths a minute), strap; null takes a key away
- `screen`: kept whole; the newest counts
- `consent`: id, v (the version of its sentence), given; `why` "repair": the log was damaged, so it is to be asked again
- `journal`: entry (number), text, and where said practice, before, after (SUDS 0-10), session
- `trigger`: the same, and trigger
- `text`: what, value: words of the person for a script
- `tag`: session, what (add, remove), value
- `edit`: session, what, value, order: shown over the original; `what` is `person` when a session was moved. Of two the
  one with the higher `order` counts: milliseconds since 1970, or one more than the highest there was
- `delete`: session, or entry: what was deleted, never what it said

Unknown kinds and keys change nothing here and stay in the file. A value of another type than it should have is passed
over, as in a file of a later version.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, cast

from biofeedback.recording.chain import Line
from biofeedback.recording.consents import CONSENTS

ENTRY_KINDS: Final = frozenset({"journal", "trigger"})
MOVED: Final = "person"
"""`what` of the edit that says whose a session is."""
REPAIR: Final = "repair"
"""`why` of a consent that counts as not given since the log was mended."""


@dataclass(frozen=True, slots=True)
class Said:
    """When something was written down: UTC as ISO 8601, and seconds east of UTC at that place and time."""

    at: str
    utc_off_s: int


@dataclass(frozen=True, slots=True)
class Profile:
    """What the program knows of a person; `pace` in breaths a minute, None: not said."""

    name: str | None = None
    words: Mapping[str, str] = field(default_factory=dict[str, str])
    flags: tuple[str, ...] = ()
    pace: float | None = None
    strap: str | None = None


@dataclass(frozen=True, slots=True)
class Consent:
    """The last word about one switch."""

    id: str
    version: int
    given: bool
    said: Said
    lost: bool = False
    """Nobody took it back: the log was damaged, and what it said last is not known."""

    @property
    def holds(self) -> bool:
        """Whether it is given, to the sentence as it stands today."""
        text = CONSENTS.get(self.id)
        return self.given and text is not None and self.version == text.version


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the journal; `number` is never given twice. SUDS 0-10, None: not said."""

    number: int
    kind: str
    said: Said
    text: str = ""
    trigger: str = ""
    practice: str = ""
    before: int | None = None
    after: int | None = None
    session: str = ""


@dataclass(frozen=True, slots=True)
class Edit:
    """A later word about a session, shown over the original."""

    session: str
    what: str
    value: Any
    said: Said
    order: int = 0
    """Of two edits the one with the higher order counts."""


@dataclass(frozen=True, slots=True)
class PersonState:
    """All of it; of what was said twice the newer."""

    profile: Profile = Profile()
    consents: Mapping[str, Consent] = field(default_factory=dict[str, Consent])
    screen: Mapping[str, Any] | None = None
    entries: tuple[Entry, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict[str, str])
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    edits: tuple[Edit, ...] = ()
    deleted: frozenset[str] = frozenset()
    next_entry: int = 1
    holed: bool = False
    """Lines are missing: a consent that seems to be given may have been taken back in one of them."""

    def holds(self, consent: str) -> bool:
        """Whether this consent is given, to the sentence as it stands today; no consent of a damaged log is."""
        return not self.holed and consent in self.consents and self.consents[consent].holds

    def took_back(self, consent: str) -> bool:
        """Whether this consent was given once and is not any more, or may have been taken back in a damaged log."""
        return self.holed or (consent in self.consents and not self.consents[consent].given)

    def latest(self, what: str) -> Mapping[str, Edit]:
        """The newest edit of this sort for each session."""
        return {edit.session: edit for edit in self.edits if edit.what == what}


def fold(lines: Iterable[Line]) -> PersonState:
    """The state after these lines."""
    state = _Fold()
    for line in lines:
        if (step := _STEPS.get(line.kind)) is not None:
            step(state, line.body, Said(_text(line.body.get("at")), _whole(line.body.get("utc_off_s")) or 0))
    tags = {session: tuple(words) for session, words in state.tags.items() if words}
    return PersonState(
        state.profile,
        state.consents,
        state.screen,
        tuple(state.entries[number] for number in sorted(state.entries)),
        state.texts,
        tags,
        tuple(state.edits),
        frozenset(state.deleted),
        state.highest_entry + 1,
    )


class _Fold:
    """The state while it is built, one method a kind."""

    def __init__(self) -> None:
        self.profile = Profile()
        self.consents: dict[str, Consent] = {}
        self.screen: Mapping[str, Any] | None = None
        self.entries: dict[int, Entry] = {}
        self.texts: dict[str, str] = {}
        self.tags: dict[str, dict[str, None]] = {}
        self.edits: list[Edit] = []
        self.deleted: set[str] = set()
        self.highest_entry = 0

    def change_profile(self, body: Mapping[str, Any], _: Said) -> None:
        changes = {name: read(body[name]) for name, read in _PROFILE.items() if name in body}
        self.profile = replace(self.profile, **changes)

    def answer_screen(self, body: Mapping[str, Any], _: Said) -> None:
        self.screen = body

    def consent(self, body: Mapping[str, Any], said: Said) -> None:
        if id_ := _text(body.get("id")):
            lost = body.get("why") == REPAIR
            self.consents[id_] = Consent(id_, _whole(body.get("v")) or 0, body.get("given") is True, said, lost)

    def journal(self, body: Mapping[str, Any], said: Said) -> None:
        self._entry("journal", body, said)

    def trigger(self, body: Mapping[str, Any], said: Said) -> None:
        self._entry("trigger", body, said)

    def text(self, body: Mapping[str, Any], _: Said) -> None:
        what, value = _text(body.get("what")), body.get("value")
        if isinstance(value, str):
            self.texts[what] = value
        else:
            self.texts.pop(what, None)

    def tag(self, body: Mapping[str, Any], _: Said) -> None:
        session, what, word = (_text(body.get(key)) for key in ("session", "what", "value"))
        words = self.tags.setdefault(session, {})
        words.pop(word, None)
        if session and word and what == "add":
            words[word] = None

    def edit(self, body: Mapping[str, Any], said: Said) -> None:
        session, what = _text(body.get("session")), _text(body.get("what"))
        if session and what:
            order = _whole(body.get("order"))
            self.edits.append(Edit(session, what, body.get("value"), said, _ms(said) if order is None else order))

    def delete(self, body: Mapping[str, Any], _: Said) -> None:
        if session := _text(body.get("session")):
            self.deleted.add(session)
        if (number := _whole(body.get("entry"))) is not None:
            self.entries.pop(number, None)
            self.highest_entry = max(self.highest_entry, number)

    def _entry(self, kind: str, body: Mapping[str, Any], said: Said) -> None:
        number = _whole(body.get("entry"))
        if number is None or number < 1:
            return
        text, trigger, practice, session = (_text(body.get(key)) for key in ("text", "trigger", "practice", "session"))
        before, after = _suds(body.get("before")), _suds(body.get("after"))
        self.entries[number] = Entry(number, kind, said, text, trigger, practice, before, after, session)
        self.highest_entry = max(self.highest_entry, number)


_STEPS: Final[Mapping[str, Callable[[_Fold, Mapping[str, Any], Said], None]]] = {
    "profile": _Fold.change_profile,
    "screen": _Fold.answer_screen,
    "consent": _Fold.consent,
    "journal": _Fold.journal,
    "trigger": _Fold.trigger,
    "text": _Fold.text,
    "tag": _Fold.tag,
    "edit": _Fold.edit,
    "delete": _Fold.delete,
}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _ms(said: Said) -> int:
    """Milliseconds since 1970, 0 when it is no time."""
    try:
        return round(datetime.fromisoformat(said.at).timestamp() * 1000)
    except (ValueError, OverflowError, OSError):
        return 0


def _suds(value: object) -> int | None:
    number = _whole(value)
    return number if number is not None and 0 <= number <= 10 else None


def _flags(value: object) -> tuple[str, ...]:
    flags = cast("list[object]", value) if isinstance(value, list) else []
    return tuple(flag for flag in flags if isinstance(flag, str))


def _pace(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _words(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        return {}
    table = cast("dict[object, object]", value)
    return {name: text for name, text in table.items() if isinstance(name, str) and isinstance(text, str)}


_PROFILE: Final[Mapping[str, Callable[[object], Any]]] = {
    "name": lambda value: _text(value) or None,
    "words": _words,
    "flags": _flags,
    "pace": _pace,
    "strap": lambda value: _text(value) or None,
}
