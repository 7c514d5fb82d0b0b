"""What is said at this moment, in order: the same for every face."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from biofeedback.events import Link, PhaseName
from biofeedback.presenter import words
from biofeedback.presenter.picture import Picture

WORDLESS: Final = frozenset[PhaseName]({"settle", "ramp", "baseline", "washout", "close"})
"""Parts that have no words of a script, at least not at first: what to do is said instead."""


@dataclass(frozen=True, slots=True)
class Sentence:
    """`kind`: a line of the script or what stands for it, the open question, or what the program has to say."""

    kind: Literal["script", "question", "program"]
    text: str


def sentences(picture: Picture, now_us: int, *, hears: bool) -> Sequence[Sentence]:
    """At most one of each kind. `hears`: whether keys have an effect here, so that they may be named."""
    found: list[Sentence] = []
    if picture.amber:
        found.append(Sentence("script", words.clean(picture.amber_words)))
    elif picture.cue is not None:
        found.append(Sentence("script", words.clean(picture.cue.say)))
    elif meanwhile := _meanwhile(picture):
        found.append(Sentence("script", meanwhile))
    if picture.asked(now_us):
        found.append(Sentence("question", words.QUESTION))
    program = _program(picture, now_us, hears=hears) or _remarks(picture)
    return [*found, Sentence("program", program)] if program else found


def _meanwhile(picture: Picture) -> str:
    if picture.part is None or picture.end is not None or picture.paused:
        return ""
    if picture.file is not None:
        return words.clean(picture.file.facts)
    return words.instruction(picture) if picture.part.name in WORDLESS else ""


def _remarks(picture: Picture) -> str:
    """What is said as long as nothing else is: what is doubtful about a file, and of the replay itself."""
    notes = () if picture.file is None or picture.end is not None else picture.file.notes
    return " ".join(words.clean(said) for said in (*notes, picture.replay.remark) if said)


def _program(picture: Picture, now_us: int, *, hears: bool) -> str:
    if picture.paused:
        return "Paused. Space goes on." if hears else "Paused."
    if picture.signal == "rate only":
        return words.clean(picture.lost_why)
    said = picture.said(now_us) or ""
    if said and picture.part is None and not _is_down(picture):
        return words.clean(said)
    if picture.link is not None and (picture.part is None or _is_down(picture)):
        return words.SOUGHT if _is_sought_again(picture, picture.link) else words.link_sentence(picture.link)
    if picture.signal == "lost":
        return words.lost_sentence(picture.lost_why, from_file=picture.from_file)
    return words.clean(said)


def _is_sought_again(picture: Picture, link: Link) -> bool:
    """Whether a link that was lost is on its way back; its steps change too fast to be read."""
    return _is_down(picture) and link.state in ("scanning", "connecting") and not link.advice


def _is_down(picture: Picture) -> bool:
    """Whether the link is what the signal is lost by; it says itself what is done about it."""
    return picture.signal == "lost" and picture.link is not None and picture.link.state != "streaming"
