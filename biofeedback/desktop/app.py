"""The Qt application around a session: one timer that drains, shows and moves the breath."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from PySide6.QtCore import QCoreApplication, QEvent, Qt, QTimer
from PySide6.QtGui import QColor, QKeyEvent, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from biofeedback.desktop.theme import DARK, Theme
from biofeedback.desktop.trainee import TraineeWindow
from biofeedback.presenter.picture import BREAKS_OFF, CUT, HIDDEN, Picture
from biofeedback.presenter.replaying import replayed
from biofeedback.presenter.traces import Traces
from biofeedback.session.runner import RunningSession

if TYPE_CHECKING:
    from biofeedback.desktop.plots import PlotWindow

FRAME_MS: Final = 16
"""While the breath moves: a little faster than most screens."""
REST_MS: Final = 50
"""While nothing moves: a key's effect still shows at once."""
OVER_MS: Final = 200
"""When all is over: often enough for a signal to be heard."""
WORDS_EVERY_S: Final = 0.1
SWITCH_S: Final = 0.001
"""How soon Python lets the session's thread in while this one is busy; its 5 ms would delay a packet's stamp."""
LEAST_BESIDE_PX: Final = 640
"""The plots are hard to read in a window narrower than this."""
ALWAYS_HEARD: Final = frozenset({Qt.Key.Key_S, Qt.Key.Key_P, Qt.Key.Key_F1})
NO_PLOTS: Final = "The plots cannot be shown here."


def watch(session: RunningSession, picture: Picture, *, plots: bool, plots_allowed: bool) -> None:
    """Show the session in windows until it is over and the person has closed them, or until it fails to begin.

    `picture` folds its events. `plots`: open the plots too, as soon as the trainee's window is there.
    `plots_allowed`: whether the key P may show them. Raises what went wrong in a window, and ConnectionError when the
    screen is lost; the session goes on.
    """
    app = QApplication.instance() or QApplication(["biofeedback"])
    if not isinstance(app, QApplication):
        raise TypeError("another kind of Qt application runs in this process")
    dress(app, DARK)
    showing = _Showing(app, session, picture, plots, plots_allowed)
    with showing:
        app.exec()
    showing.end()


def dress(app: QApplication, theme: Theme) -> None:
    """Give every window the colours of the theme, whatever the desktop has."""
    app.setStyle("Fusion")
    app.setApplicationName("biofeedback")
    app.setQuitOnLastWindowClosed(False)
    palette = QPalette(QColor(theme.surface), QColor(theme.ground))
    for role, colour in (
        (QPalette.ColorRole.WindowText, theme.ink),
        (QPalette.ColorRole.Text, theme.ink),
        (QPalette.ColorRole.ButtonText, theme.ink),
        (QPalette.ColorRole.Base, theme.surface),
        (QPalette.ColorRole.ToolTipBase, theme.surface),
        (QPalette.ColorRole.ToolTipText, theme.ink),
        (QPalette.ColorRole.Highlight, theme.beat),
        (QPalette.ColorRole.HighlightedText, theme.ground),
    ):
        palette.setColor(role, QColor(colour))
    app.setPalette(palette)


def place_beside(first: QWidget, second: QWidget) -> None:
    """Put the second window to the right of the first where the screen has room for both; else leave it to the desk."""
    room = first.screen().availableGeometry()
    left = room.width() - first.width()
    if left < LEAST_BESIDE_PX or first.isMaximized() or first.isFullScreen():
        return
    first.move(room.left(), room.top() + (room.height() - first.height()) // 2)
    second.resize(min(second.width(), left), min(second.height(), room.height()))
    second.move(room.left() + first.width(), room.top() + (room.height() - second.height()) // 2)


class _Showing:
    """Drains the session once a frame and shows it. A failure anywhere in a window ends it and is raised by `end`."""

    def __init__(
        self, app: QApplication, session: RunningSession, picture: Picture, plots: bool, plots_allowed: bool
    ) -> None:
        self._app = app
        self._session = session
        self._picture = picture
        self._traces = Traces()
        self._plots: PlotWindow | None = None
        self._plots_due = plots
        self._watched = plots
        """Whether the plots are there for somebody beside the trainee."""
        self._plots_allowed = plots_allowed
        self._failure: BaseException | None = None
        self._words_s = 0.0
        self._window = TraineeWindow(DARK, picture, session)
        self._window.plots_wanted.connect(self._toggle_plots)
        self._timer = QTimer()
        self._timer.timeout.connect(self._frame)

    def __enter__(self) -> Self:
        self._switch_s = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        self._hook, sys.excepthook = sys.excepthook, self._failed
        self._window.show()
        self._timer.start(REST_MS)
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.stop()
        sys.excepthook = self._hook
        sys.setswitchinterval(self._switch_s)
        for window in (self._window, self._plots):
            if window is not None:
                window.hide()
                window.deleteLater()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)

    def end(self) -> None:
        """Raise what went wrong in a window, if anything did.

        When the screen goes, Qt leaves its loop as if somebody had closed everything.
        """
        if self._failure is not None:
            raise self._failure
        if not self._session.done:
            raise ConnectionError("the screen has gone")

    def _frame(self) -> None:
        done, over = self._session.done, self._session.over
        events = self._session.drain()
        for event in events:
            self._picture.see(event)
            self._traces.see(event)
        self._see_replay(over)
        if done and (self._window.gone or self._session.interrupted or self._never_began()):
            self._app.exit(0)
            return
        now_us, now_s = self._session.now(), time.monotonic()
        moves = self._picture.breath(now_us) is not None
        if events or now_s - self._words_s >= WORDS_EVERY_S:
            self._words_s = now_s
            self._window.refresh(now_us)
            self._refresh_plots(now_us)
        elif moves:
            self._window.pacer.advance()
        self._keep_pace(OVER_MS if done else FRAME_MS if moves else REST_MS)

    def _see_replay(self, over: bool) -> None:
        """A recording may break off, or only a part of it be asked for: then it has no end of its own.

        Nor has one whose window is closed before.
        """
        playback = self._session.playback
        if playback is not None:
            self._picture.replay = replayed(playback)
            over = over and playback.over
        if over and not self._session.live and not self._session.failed:
            self._picture.break_off(CUT if playback is not None and playback.cut else BREAKS_OFF)

    def _never_began(self) -> bool:
        """Without an end there is nothing to be read here; why it failed is told by whoever joins the session."""
        return self._picture.end is None and (self._session.live or self._session.failed)

    def _keep_pace(self, every_ms: int) -> None:
        if self._timer.interval() != every_ms:
            exact = every_ms == FRAME_MS
            self._timer.setTimerType(Qt.TimerType.PreciseTimer if exact else Qt.TimerType.CoarseTimer)
            self._timer.start(every_ms)

    def _failed(self, _kind: type[BaseException], failure: BaseException, _trace: TracebackType | None) -> None:
        """Qt cannot pass on what is raised in a slot or in an event, Ctrl-C neither."""
        self._failure = self._failure or failure
        self._app.exit(1)

    # The plots

    def _key_in_plots(self, event: QKeyEvent) -> None:
        """Pass on a key that is not of the plots.

        Whoever watches drives nothing without a click (DESIGN 8), but S leads back to the room from everywhere; and a
        trainee alone, who opened the plots by P, finds all keys there.
        """
        if event.key() in ALWAYS_HEARD or not (self._watched and self._session.live and self._picture.end is None):
            self._window.keyPressEvent(event)

    def _toggle_plots(self) -> None:
        if not self._plots_allowed and self._picture.end is None:
            self._picture.say(self._session.now(), HIDDEN)
        elif self._plots is None:
            self._open_plots()
        else:
            self._plots.setVisible(not self._plots.isVisible())

    def _open_plots(self) -> None:
        """Late on purpose: loading what draws them takes longer than the first painting of the trainee's window."""
        self._plots_due = False
        try:
            from biofeedback.desktop.plots import PlotWindow

            self._plots = PlotWindow(DARK, self._traces, self._picture)
            self._plots.refresh(self._session.now())
        except Exception:  # noqa: BLE001 - the trainee's breath goes on without them
            self._plots_failed()
            return
        self._plots.other_key.connect(self._key_in_plots)
        place_beside(self._window, self._plots)
        self._plots.show()
        self._window.raise_()
        self._window.activateWindow()

    def _refresh_plots(self, now_us: int) -> None:
        if self._plots_due and self._window.painted:
            self._open_plots()
        elif self._plots is not None and self._plots.isVisible():
            try:
                self._plots.refresh(now_us)
            except Exception:  # noqa: BLE001 - the trainee's breath goes on without them
                self._plots_failed()

    def _plots_failed(self) -> None:
        """Put the plots away; they may be asked for again."""
        if self._plots is not None:
            self._plots.hide()
            self._plots.deleteLater()
            self._plots = None
        self._picture.say(self._session.now(), NO_PLOTS)
