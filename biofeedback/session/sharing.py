"""Recordings to give away: which texts in them are nobody's own."""

from __future__ import annotations

from collections.abc import Iterable

from biofeedback.recording.anonymise import Shipped, anonymised
from biofeedback.recording.chain import Line
from biofeedback.session.scripts import shipped


def anonymised_lines(lines: Iterable[Line]) -> list[Line]:
    """The lines of a recording without names and words, except those of the scripts that come with the program."""
    return list(anonymised(lines, shipped_texts()))


def shipped_texts() -> Shipped:
    """What the scripts that come with the program say, and their ids."""
    scripts = shipped().scripts.values()
    texts = {
        text
        for script in scripts
        for text in (
            *(cue.say for cue in script.cues),
            *script.caution,
            script.title,
            script.amber,
            script.practice.closing,
        )
    }
    return Shipped(frozenset(script.id for script in scripts), frozenset(texts))
