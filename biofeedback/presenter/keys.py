"""What a key asks of a session, the same in every face (DESIGN 8)."""

from __future__ import annotations

from typing import Final

from biofeedback.presenter.picture import Picture
from biofeedback.presenter.straps import prompt
from biofeedback.session.runner import RunningSession

SPACE: Final = " "
ESC: Final = "esc"
STRONG: Final = "s"
MARK: Final = "m"
TEN: Final = "t"


def press(key: str, picture: Picture, session: RunningSession) -> None:
    """Do what a key asks for: SPACE, ESC, STRONG, MARK, or a figure or TEN while a question is open.

    While it is asked which strap is the person's, a figure is the number of a strap.
    """
    if key == SPACE:
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
