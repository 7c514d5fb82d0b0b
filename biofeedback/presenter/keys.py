"""What a key asks of a session, the same in every face (DESIGN 8)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from biofeedback.presenter.picture import Picture
from biofeedback.presenter.straps import prompt
from biofeedback.session.playback import Playback
from biofeedback.session.runner import RunningSession

SPACE: Final = " "
ESC: Final = "esc"
STRONG: Final = "s"
MARK: Final = "m"
TEN: Final = "t"
LEFT: Final = "left"
RIGHT: Final = "right"
SHIFT_LEFT: Final = "shift left"
SHIFT_RIGHT: Final = "shift right"
PAGE_UP: Final = "page up"
PAGE_DOWN: Final = "page down"
HOME: Final = "home"
END: Final = "to the end"
PLUS: Final = "+"
UNSHIFTED_PLUS: Final = "="
"""The same key on many keyboards."""
MINUS: Final = "-"

STEP_US: Final = 10_000_000
LEAP_US: Final = 60_000_000
MOVES: Final[Mapping[str, Callable[[Playback], None]]] = {
    SPACE: Playback.pause_or_go_on,
    LEFT: lambda playback: playback.seek_by(-STEP_US),
    RIGHT: lambda playback: playback.seek_by(STEP_US),
    SHIFT_LEFT: lambda playback: playback.seek_by(-LEAP_US),
    SHIFT_RIGHT: lambda playback: playback.seek_by(LEAP_US),
    PAGE_UP: lambda playback: playback.seek_by(-LEAP_US),
    PAGE_DOWN: lambda playback: playback.seek_by(LEAP_US),
    HOME: lambda playback: playback.seek(0),
    END: lambda playback: playback.seek(playback.end_us),
    MINUS: lambda playback: playback.change_speed(-1),
    PLUS: lambda playback: playback.change_speed(1),
    UNSHIFTED_PLUS: lambda playback: playback.change_speed(1),
}
"""What the keys of a replay do."""


def press(key: str, picture: Picture, session: RunningSession) -> None:
    """Do what a key asks for: SPACE, ESC, STRONG, MARK, or a figure or TEN while a question is open.

    While it is asked which strap is the person's, a figure is the number of a strap. In a replay the keys of MOVES
    have their own meaning, and ESC leaves it.
    """
    if session.playback is not None:
        _steer(key, session, session.playback)
    elif key == SPACE:
        session.command("resume" if picture.paused else "pause")
    elif key == STRONG:
        session.command("strong")
    elif key == MARK:
        session.command("mark")
    elif key == ESC:
        session.command("end")
    elif key.isdecimal() and (straps := session.straps) is not None:
        for row in prompt(straps).rows:
            if str(row.number) == key:
                session.choose_strap(row.address)
    elif key == TEN or key.isdecimal():
        asked = picture.asked(session.now())
        if asked is not None:
            session.answer(asked.id, 10 if key == TEN else int(key))


def _steer(key: str, session: RunningSession, playback: Playback) -> None:
    if key == ESC:
        session.leave()
    elif key in MOVES:
        MOVES[key](playback)
