"""Makes the pictures of the windows for the README: `python docs/make_pictures.py [FOLDER]`.

Real windows, off the screen, that show a real session of a simulated person; the same picture every time on one
machine. With a folder and `--large` they are kept in their full size, to be looked at.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QWidget

from biofeedback.desktop.app import dress
from biofeedback.desktop.plots import PlotWindow
from biofeedback.desktop.theme import DARK
from biofeedback.desktop.trainee import TraineeWindow
from biofeedback.presenter.picture import Picture
from biofeedback.presenter.traces import Traces
from biofeedback.session.clock import JumpingClock
from biofeedback.session.coins import draw_coins
from biofeedback.session.hub import ViewQueue
from biofeedback.session.loop import SessionLoop
from biofeedback.session.opening import open_session
from biofeedback.session.plan import Pair, demo_plan
from biofeedback.session.runner import RunningSession
from biofeedback.session.scripts import shipped
from devices.opening import open_source
from devices.source import parse_spec

if TYPE_CHECKING:
    from biofeedback.events import Event

HERE = Path(__file__).parent / "pictures"
PERSON = "sim:ectopic?seed=3&ectopic_pct=0.8"
TRAINEE_AT_S = 136.6
PLOTS_AT_S = 252.0
SMALL = {"trainee": 620, "plots": 900}
"""Widths in pixels."""
SMALLEST_FILE = 0
"""What Qt calls the quality of a PNG; all of them are lossless."""


def session_events() -> list[Event]:
    """The demonstration, whole, in a moment."""
    events: list[Event] = []
    shelf, source, plan = shipped(), open_source(parse_spec(PERSON)), demo_plan(Pair("safe_place", "breath_only"))
    opening = open_session(plan, source.info, shelf, demo=True, seeded=True)
    loop = SessionLoop(source, JumpingClock(), opening, draw_coins(len(plan.pairs), 1), None, events.extend)
    asyncio.run(loop.run())
    return events


def seen(events: list[Event], at_s: float, *, hide_numbers: bool) -> tuple[Picture, Traces]:
    """What there is to show at this time."""
    titles = {id_: script.title for id_, script in shipped().scripts.items()}
    picture, traces = Picture(titles, hide_numbers=hide_numbers), Traces()
    for event in events:
        if event.at <= at_s * 1e6:
            picture.see(event)
            traces.see(event)
    return picture, traces


def trainee(events: list[Event]) -> QWidget:
    """The trainee's window while the image is imagined."""
    picture, _ = seen(events, TRAINEE_AT_S, hide_numbers=True)
    session = RunningSession(ViewQueue(), lambda: round(TRAINEE_AT_S * 1e6), lambda _: None)
    window = TraineeWindow(DARK, picture, session)
    window.resize(900, 640)
    window.show()
    window.refresh(session.now())
    return window


def plots(events: list[Event]) -> QWidget:
    """The plots near the end of the pair."""
    picture, traces = seen(events, PLOTS_AT_S, hide_numbers=False)
    window = PlotWindow(DARK, traces, picture)
    window.resize(1240, 820)
    window.show()
    window.refresh(round(PLOTS_AT_S * 1e6))
    return window


def main() -> None:
    """Draw both windows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=HERE)
    parser.add_argument("--large", action="store_true", help="in full size")
    words = parser.parse_args()
    app = QApplication([])
    dress(app, DARK)
    events = session_events()
    for name, window in (("trainee", trainee(events)), ("plots", plots(events))):
        app.processEvents()
        picture = window.grab()
        if not words.large:
            picture = picture.scaledToWidth(SMALL[name], Qt.TransformationMode.SmoothTransformation)
        picture.save(str(words.folder / f"{name}.png"), "PNG", SMALLEST_FILE)


if __name__ == "__main__":
    main()
