"""The window of a replayed file of another program."""

from __future__ import annotations

from math import inf

import pytest

from biofeedback.desktop.theme import DARK
from biofeedback.desktop.trainee import TraineeWindow
from biofeedback.events import Event
from biofeedback.presenter.picture import Picture, Replayed
from biofeedback.session.hub import ViewQueue
from biofeedback.session.playback import About, Playback, Tape
from biofeedback.session.runner import RunningSession
from tests.terminal.showing import SHORT, TITLES, events_of

ABOUT = About("Radtour.fit", "fit mesg 78", "start not known", ("Its clock names no zone.",))


def window(about: About | None) -> tuple[TraineeWindow, Picture]:
    playback = Playback(lambda: Tape(iter(list[Event]()), 5, "", about), None, speed=inf)
    session = RunningSession(ViewQueue(None), playback.now, None, playback=playback)
    picture = Picture(TITLES, hide_numbers=False)
    picture.replay = Replayed(about=about)
    made = TraineeWindow(DARK, picture, session)
    made.show()
    return made, picture


@pytest.mark.parametrize("about", [ABOUT, None])
def test_a_file_has_its_name_where_a_session_has_the_breath(about: About | None) -> None:
    made, picture = window(about)
    for event in events_of(SHORT)[:40]:
        picture.see(event)
    made.refresh(0)
    assert made.pacer.isVisible() == (about is None)
    assert made.file.isVisible() == (about is not None)
    if about is not None:
        assert made.file.words == "Radtour.fit"
        assert made.script.words == "Format: fit mesg 78, start not known."
        assert made.part.words == ""
    made.close()
