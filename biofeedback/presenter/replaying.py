"""A replay as a view shows it: where it is, and what its keys are for; the same in every face."""

from __future__ import annotations

from math import isinf
from typing import Final

from biofeedback.config import LEGIBLE
from biofeedback.presenter.picture import Picture, Replayed
from biofeedback.presenter.words import minutes
from biofeedback.session.playback import Playback

KEYS: Final = (
    ("Space", "Pause, and go on; at the end: begin again"),
    ("← →", "Ten seconds back, or on"),
    ("Page Up, Page Down", "A minute back, or on; Shift with an arrow does the same"),
    ("Home, End", "To the beginning, to the end"),
    ("+ −", "Faster, slower"),
)


def replayed(playback: Playback) -> Replayed:
    """What a picture is to know of a replay, from frame to frame."""
    return Replayed(
        playback.remark,
        opening=not playback.ready,
        hurried=playback.speed > LEGIBLE,
        about=playback.about,
    )


def told(playback: Playback) -> list[str]:
    """What there is to be said of a replay itself, each sentence once."""
    about = playback.about
    said = [] if about is None else [about.sentence, *about.notes]
    return [*said, playback.remark] if playback.remark else said


def left_words(picture: Picture, playback: Playback | None) -> list[str]:
    """That a replay was closed before its end, and where."""
    if playback is None or playback.over or not playback.ready or picture.end is not None:
        return []
    return [f"Closed at {place_words(playback)}."]


def shown_us(playback: Playback) -> int:
    """The time at which the mark on the position line stands: where the replay is, or is on its way to."""
    target_us = playback.target_us
    return playback.now() if target_us is None else target_us


def share(playback: Playback, at_us: int) -> float:
    """How much of the recording lies before a time, 0 to 1."""
    return min(1.0, at_us / playback.length_us) if playback.length_us else 0.0


def speed_words(speed: float) -> str:
    """×5; as fast as it goes."""
    return "as fast as it goes" if isinf(speed) else f"×{speed:g}"


def place_words(playback: Playback) -> str:
    """2:05 of 24:10; nothing while the file is read."""
    if not playback.ready:
        return ""
    return f"{minutes(shown_us(playback) / 1e6)} of {minutes(playback.length_us / 1e6)}"


def position_words(playback: Playback) -> str:
    """Where it is and what it does."""
    return ", ".join(words for words in (place_words(playback), state_words(playback)) if words)


def state_words(playback: Playback) -> str:
    """Whether it goes on, and how fast; what it does instead."""
    if not playback.ready:
        return "reading the file"
    if playback.target_us is not None:
        return f"computing, now at {minutes(playback.now() / 1e6)}"
    if playback.over:
        return "the end"
    return f"paused, {speed_words(playback.speed)}" if playback.paused else speed_words(playback.speed)
