"""The plots for whoever watches: tachogram, heart-rate level, RMSSD and coverage on one time axis."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import ceil, isnan, nan
from typing import Final, Literal

import numpy as np
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QBrush, QColor, QFont, QHelpEvent, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QToolTip, QVBoxLayout, QWidget

from biofeedback.desktop.graph import (
    DASHED,
    DOTTED,
    FLAG_PX,
    LEAST_S,
    MOST_S,
    SYMBOLS,
    UNSURE,
    Curve,
    Floats,
    Panel,
    Points,
    Span,
    Upright,
    pen_of,
    thinned,
    with_alpha,
)
from biofeedback.desktop.lane import Lane, fill_of, gap_fill, part_words
from biofeedback.desktop.legend import Legend, legend_of
from biofeedback.desktop.theme import Theme
from biofeedback.presenter import words
from biofeedback.presenter.picture import Picture
from biofeedback.presenter.traces import KINDS, Line, Scale, Traces

TITLE: Final = "Biofeedback - heart"
LIVE_S: Final = 300.0
AHEAD_S: Final = 3.0
"""Room at the right, so that the newest beat does not touch the edge."""
MARGIN_S: Final = 30.0
"""So much more is drawn on the left, so that scrolling needs no new data until the next beat."""
TICKS_S: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
TICK_PX: Final = 76
UP_TICK_PX: Final = 24
ZOOM: Final = 1.25
MOVE: Final = 0.1
GROWTH: Final = 0.1
"""A whole session that goes on has room for so much more of it, and then takes the next step."""
SMALL_PX: Final = 560
"""A window lower than this has no legend."""
WIDE_PX: Final = 1100
"""In a window as wide as this each number has one line, else two."""
STRONG_PX: Final = 14
WORDS_PX: Final = 12
LOW_WORDS_PX: Final = 11
SMALL_FLAG_PX: Final = 6.0
MANY: Final = 60
"""More signs than this are small."""
TAIL_PX: Final = 4.5
NEAR_PX: Final = 6

Mode = Literal["follow", "whole", "free"]


class PlotWindow(QWidget):
    """Watches one session. Call `refresh` some ten times a second; it does what is needed and no more.

    Keys: Home follows the newest beats, W shows the whole session, + and - zoom, the arrows move. So do wheel and
    mouse. Once a session is over all of it is shown.
    """

    other_key = Signal(QKeyEvent)
    """A key that is not of the plots: S must lead back to the room whichever window has the keyboard."""

    def __init__(self, theme: Theme, traces: Traces, picture: Picture) -> None:
        super().__init__()
        self.mode: Mode = "follow"
        self._theme = theme
        self._traces = traces
        self._picture = picture
        self._now_us = 0
        self._drawn = -1
        self._shown = (0.0, LIVE_S)
        self._over = False
        self.setWindowTitle(TITLE)
        self.setAccessibleName("Plots of the heart")
        self.setObjectName("plots")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._build_panels()
        self._build_header()
        self._lane = Lane(theme, traces, picture, self)
        self._legend = Legend(theme, legend_of(theme), self)
        self._lay_out()
        self._apply_theme()
        self.resize(1200, 800)
        self.setFocus()  # not on a button: Space pauses

    # Building

    def _build_panels(self) -> None:
        theme = self._theme
        self.tachogram = Panel(theme, "Tachogram: RR intervals in milliseconds over time", "RR, ms", times=False)
        self.rate = Panel(theme, "Heart-rate level over a breath, with the paced baseline", "heart, bpm", times=False)
        self.rmssd = Panel(theme, "RMSSD of the last minute in milliseconds", "RMSSD, ms", times=False)
        self.coverage = Panel(theme, "Share of the last minute covered by beats, percent", "cover, %", times=True)
        self.panels = (self.tachogram, self.rate, self.rmssd, self.coverage)
        line, flag, quiet = QColor(theme.beat), QColor(theme.flag), QColor(theme.quiet)
        self.intervals = Curve(pen_of(line, 1))
        self.flagged = Points(pen_of(flag, 1.2), QBrush(with_alpha(theme.flag, 70)), FLAG_PX)
        self.tail = Curve(pen_of(quiet, 1, DOTTED))
        self.waiting = Points(pen_of(QColor(theme.ink), 1), QBrush(Qt.BrushStyle.NoBrush), TAIL_PX)
        self.unjudged = Curve(pen_of(quiet, 1))
        self.each_beat = Curve(pen_of(with_alpha(theme.quiet, 90), 1))
        self.level = Curve(pen_of(line, 2))
        self.baseline = Curve(pen_of(QColor(theme.ink), 1, DASHED))
        self.change = Curve(pen_of(line, 2))
        self.change_poor = Curve(pen_of(flag, 1, UNSURE))
        self.covered = Curve(pen_of(line, 1))
        placed: Mapping[Panel, Sequence[Curve | Points]] = {
            self.tachogram: (self.unjudged, self.intervals, self.tail, self.waiting, self.flagged),
            self.rate: (self.each_beat, self.baseline, self.level),
            self.rmssd: (self.change_poor, self.change),
            self.coverage: (self.covered,),
        }
        for panel, drawn in placed.items():
            panel.on_moved(self._moved)
            panel.viewport.installEventFilter(self)
            for item in drawn:
                panel.add(item)

    def _build_header(self) -> None:
        self.state = QLabel(self)
        self.numbers = tuple(QLabel(self) for _ in range(4))
        names = ("Signal and part", "Heart rate", "Level", "Beat-to-beat change", "Beats")
        for label, name in zip((self.state, *self.numbers), names, strict=True):
            label.setAccessibleName(name)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setMinimumWidth(10)
        for label in self.numbers:
            label.setWordWrap(True)
            label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.follow_button = self._button(
            "Follow", "Show the newest five minutes and go on with them (Home)", self.follow
        )
        self.whole_button = self._button("Whole session", "Show everything from the beginning (W)", self.show_whole)

    def _button(self, text: str, what: str, act: Callable[[], None]) -> QPushButton:
        button = QPushButton(text, self)
        button.setCheckable(True)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setToolTip(what)
        button.setAccessibleDescription(what)
        button.clicked.connect(act)
        return button

    def _lay_out(self) -> None:
        top, middle, outer = QHBoxLayout(), QHBoxLayout(), QVBoxLayout(self)
        top.addWidget(self.state, 1)
        top.addWidget(self.follow_button)
        top.addWidget(self.whole_button)
        for label, share in zip(self.numbers, (12, 25, 33, 36), strict=True):
            middle.addWidget(label, share)
        outer.setContentsMargins(12, 10, 12, 8)
        outer.setSpacing(4)
        for row in (top, middle):
            row.setSpacing(8)
            outer.addLayout(row)
        outer.addSpacing(4)
        outer.addWidget(self._lane)
        for panel, share in zip(self.panels, (40, 28, 22, 15), strict=True):
            outer.addWidget(panel.widget, share)
        outer.addWidget(self._legend)

    def _apply_theme(self) -> None:
        theme = self._theme
        self.setStyleSheet(
            f"#plots {{ background: {theme.ground}; }} QLabel {{ color: {theme.ink}; }}"
            f"QPushButton {{ color: {theme.quiet}; background: {theme.surface}; border: 1px solid {theme.edge};"
            f" border-radius: 4px; padding: 3px 10px; }}"
            f"QPushButton:checked {{ color: {theme.ink}; border-color: {theme.quiet}; }}"
            f"QPushButton:focus {{ border-color: {theme.beat}; }}"
        )
        strong = QFont(self.font())
        strong.setPixelSize(STRONG_PX)
        strong.setBold(True)
        self.state.setFont(strong)

    def _fit_words(self, *, low: bool) -> None:
        """Smaller words around the plots of a low window."""
        small = QFont(self.font())
        small.setPixelSize(LOW_WORDS_PX if low else WORDS_PX)
        if small != self._lane.font():
            for panel in self.panels:
                panel.set_font(small)
            for surrounding in (self._lane, self._legend):
                surrounding.setFont(small)

    # What happens

    def refresh(self, now_us: int) -> None:
        """Show what is known at session time `now_us`: new data when there are some, the time axis a pixel on."""
        self._now_us = now_us if self._traces.end_us is None else self._traces.end_us
        if (self._traces.end_us is not None) != self._over:
            self._over = not self._over
            if self.mode != "free":
                self.mode = "whole" if self._over else "follow"
        resized = [panel.measure() for panel in self.panels]
        if any(resized):
            self._drawn = -1
            self._place(*self._shown)
        if self.mode != "free":
            self._show(*(self._live_range() if self.mode == "follow" else self._whole_range()))
        if self._drawn != self._traces.changes:
            self._draw()
        self._say()

    def follow(self) -> None:
        """Show the newest five minutes and go on with them; once it is over, all of it."""
        self.mode = "whole" if self._over else "follow"
        self.refresh(self._now_us)

    def show_whole(self) -> None:
        """Show the whole session."""
        self.mode = "whole"
        self.refresh(self._now_us)

    def show_time(self, from_s: float, to_s: float) -> None:
        """Show a stretch of time and stay there: at least 5 s, at most two days, and always some of the session."""
        self.mode = "free"
        wide = min(max(to_s - from_s, LEAST_S), MOST_S)
        newest_s = max(self._now_us, self._traces.newest_us) / 1e6
        from_s = min(max((from_s + to_s - wide) / 2, -wide / 2), max(0.0, newest_s - wide / 10))
        self._show(from_s, from_s + wide)
        self._draw()
        self._say()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Home, W, +, -, the arrows and F11; the others are the session's."""
        from_s, to_s = self._shown
        wide = to_s - from_s
        match event.key():
            case Qt.Key.Key_Home:
                self.follow()
            case Qt.Key.Key_W:
                self.show_whole()
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self._zoom(1 / ZOOM)
            case Qt.Key.Key_Minus:
                self._zoom(ZOOM)
            case Qt.Key.Key_Left:
                self.show_time(from_s - MOVE * wide, to_s - MOVE * wide)
            case Qt.Key.Key_Right:
                self.show_time(from_s + MOVE * wide, to_s + MOVE * wide)
            case Qt.Key.Key_F11:
                self.setWindowState(self.windowState() ^ Qt.WindowState.WindowFullScreen)
            case _:
                self.other_key.emit(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """A low window gives the room of the legend to the plots."""
        super().resizeEvent(event)
        low = self.height() < SMALL_PX
        self._legend.setVisible(not low)
        self._fit_words(low=low)
        rows = 1 if self.width() >= WIDE_PX else 2
        for label in self.numbers:
            label.setFixedHeight(rows * label.fontMetrics().height())

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        """Tell what is under the pointer."""
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            left, right = self.tachogram.inside_px
            share = (event.pos().x() - left) / max(1.0, right - left)
            if 0 <= share <= 1:
                said = self.told(self._shown[0] + share * (self._shown[1] - self._shown[0]))
                QToolTip.showText(event.globalPos(), said, self)
                return True
        return super().eventFilter(watched, event)

    def _zoom(self, by: float) -> None:
        """About the newest beats while they are followed, else about the middle."""
        from_s, to_s = self._shown
        centre = to_s if self.mode == "follow" else (from_s + to_s) / 2
        self.show_time(centre + (from_s - centre) * by, centre + (to_s - centre) * by)

    def _moved(self, from_s: float, to_s: float) -> None:
        self.show_time(from_s, to_s)

    # Time

    def _live_range(self) -> tuple[float, float]:
        """The last five minutes, in steps of a pixel; a young session grows from the left."""
        left, right = self.tachogram.inside_px
        pixel_s = LIVE_S / max(100.0, right - left)
        to_s = max(LIVE_S, ceil((self._now_us / 1e6 + AHEAD_S) / pixel_s) * pixel_s)
        return to_s - LIVE_S, to_s

    def _whole_range(self) -> tuple[float, float]:
        length_s = max(self._now_us, self._traces.newest_us) / 1e6
        if self._over:
            return 0.0, max(10.0, 1.005 * length_s)
        to_s = LIVE_S
        while to_s < length_s + AHEAD_S:
            to_s *= 1 + GROWTH
        return 0.0, to_s

    def _show(self, from_s: float, to_s: float) -> None:
        if (from_s, to_s) != self._shown:
            self._shown = (from_s, to_s)
            self._place(from_s, to_s)

    def _place(self, from_s: float, to_s: float) -> None:
        """Lay the panels and the lane over a stretch of time."""
        left, right = self.tachogram.inside_px
        ticks = _ticks(from_s, to_s, right - left)
        for panel in self.panels:
            panel.show_time(from_s, to_s, ticks)
        self._lane.show_time(from_s, to_s, self._inside_px())

    def _inside_px(self) -> tuple[float, float]:
        left, right = self.tachogram.inside_px
        offset = self.tachogram.widget.x() - self._lane.x()
        return left + offset, right + offset

    # Drawing

    def _draw(self) -> None:
        traces = self._traces
        self._drawn = traces.changes
        from_s, to_s = self._shown
        wide = to_s - from_s
        before = MARGIN_S if self.mode == "follow" else wide / 2
        span = (from_s - before, to_s + before)
        left, right = self.tachogram.inside_px
        bins = int((right - left) * (span[1] - span[0]) / wide) if wide > 0 else 1
        self._scale(self.tachogram, traces.rr_scale)
        self._scale(self.rate, traces.rate_scale)
        self._scale(self.rmssd, traces.rmssd_scale)
        self._scale(self.coverage, Scale(0.0, 100.0, 50.0))
        t_s, rr_ms = _cut(traces.tachogram, span, bins)
        self.intervals.set(t_s, rr_ms)
        self.each_beat.set(t_s, 60_000 / rr_ms)
        self._draw_flagged(span, bins)
        self._draw_tail(span, bins)
        self.level.set(*_cut(traces.level, span, bins))
        self.baseline.set(*self._baseline(span))
        self.change.set(*_cut(traces.rmssd, span, bins))
        self.change_poor.set(*_cut(traces.rmssd_poor, span, bins))
        self.covered.set(*_cut(traces.coverage, span, bins))
        self._draw_backdrop(span)
        self._lane.show_time(from_s, to_s, self._inside_px())

    def _scale(self, panel: Panel, scale: Scale) -> None:
        """The limits of an axis, and as many ticks as have room."""
        step = scale.step
        while (scale.high - scale.low) / step * UP_TICK_PX > panel.height_px and step < scale.high - scale.low:
            step *= 2
        first = ceil(scale.low / step) * step
        ticks = [first + number * step for number in range(int((scale.high - first) / step + 1e-9) + 1)]
        panel.show_values(scale.low, scale.high, ticks)

    def _draw_flagged(self, span: tuple[float, float], bins: int) -> None:
        """Intervals beyond the limits stand at the edge."""
        first, last = self._traces.flagged.place(*span)
        t_s, rr_ms = _floats(self._traces.flagged.t_s[first:last]), _floats(self._traces.flagged.values[first:last])
        kinds = np.array(self._traces.flagged.kinds[first:last], dtype=np.int64)
        if len(t_s) > bins:
            kept = np.unique(np.floor((t_s - t_s[0]) / max(t_s[-1] - t_s[0], 1e-9) * bins), return_index=True)[1]
            t_s, rr_ms, kinds = t_s[kept], rr_ms[kept], kinds[kept]
        low, high = self.tachogram.limits()
        size_px = FLAG_PX if len(t_s) <= MANY else SMALL_FLAG_PX
        self.flagged.set(t_s, np.clip(rr_ms, low, high), [SYMBOLS[int(kind)] for kind in kinds.tolist()], size_px)

    def _draw_tail(self, span: tuple[float, float], bins: int) -> None:
        """What is not judged yet, joined to the last beat that is."""
        low, high = self.tachogram.limits()
        tail = [(t_s, min(max(rr_ms, low), high)) for t_s, rr_ms in self._traces.tail()]
        joint = self._traces.last_settled()
        line = [joint, *tail] if joint is not None and tail else tail
        self.tail.set(*_columns(line))
        self.waiting.set(*_columns(tail))
        self.unjudged.set(*_cut(self._traces.unjudged, span, bins))

    def _baseline(self, span: tuple[float, float]) -> tuple[Floats, Floats]:
        """The baselines from when they were taken on, as steps."""
        points: list[tuple[float, float]] = []
        taken = self._traces.baselines
        for place, (from_s, bpm) in enumerate(taken):
            to_s = taken[place + 1][0] if place + 1 < len(taken) else self._traces.newest_us / 1e6
            points += [(max(from_s, span[0]), bpm), (max(to_s, span[0]), bpm), (max(to_s, span[0]), nan)]
        return _columns(points)

    def _draw_backdrop(self, span: tuple[float, float]) -> None:
        traces, theme = self._traces, self._theme
        spans: list[Span] = []
        lines: list[Upright] = []
        for part in traces.parts:
            to_s = (traces.newest_us if part.to_us is None else part.to_us) / 1e6
            fill = fill_of(theme, part.name)
            if fill is not None and part.from_us / 1e6 <= span[1] and to_s >= span[0]:
                spans.append(Span(part.from_us / 1e6, to_s, fill))
            lines.append(Upright(part.from_us / 1e6, pen_of(QColor(theme.quiet), 1, DOTTED)))
        spans += [Span(hole.from_us / 1e6, hole.to_us / 1e6, gap_fill(theme)) for hole in traces.holes_between(*span)]
        marked = {"mark": theme.ink, "note": theme.ink, "safety": theme.flag}
        lines += [
            Upright(moment.at_us / 1e6, pen_of(QColor(marked[moment.kind]), 1))
            for moment in traces.moments_between(1e6 * span[0], 1e6 * span[1])
            if moment.kind in marked
        ]
        for panel in self.panels:
            panel.backdrop.spans, panel.backdrop.uprights = spans, lines
            panel.backdrop.update()

    # Words

    def _say(self) -> None:
        picture, traces = self._picture, self._traces
        if picture.end is not None:
            state = words.closing(picture)[0]
        elif picture.part is None:
            state = words.signal_words(picture)
        else:
            title, *left = words.part_and_time(picture, self._now_us)
            signal = picture.lost_why.rstrip(".") or words.signal_words(picture)
            state = f"{signal} · {', '.join([title, *(['paused'] if picture.paused else []), *left])}"
            motion = words.motion_words(picture, self._now_us)
            state += f" · {motion}" if motion else ""
        _set(self.state, state, self.state.width())
        share = f"{picture.flagged / picture.beats:.1%}".replace("%", "\u00a0%") if picture.beats else "0\u00a0%"
        now = picture.coverage if picture.end is None else None  # of the last minute: it does not stand beside totals
        arrived = [] if now is None else [f"{100 * now:.0f}\u00a0% arrived"]
        gaps = words.count(len(traces.holes), "gap")
        counted = (words.count(picture.beats, "beat"), f"{share} flagged", gaps, *arrived)
        for label, text in zip(self.numbers, (*words.numbers(picture), ", ".join(counted)), strict=True):
            _set(label, text[:1].upper() + text[1:])
        self.follow_button.setChecked(self.mode == "follow")
        self.follow_button.setEnabled(not self._over)
        self.whole_button.setChecked(self.mode == "whole")

    def told(self, at_s: float) -> str:
        """What is known of a time: part, interval, gap, why a number is missing, what was marked."""
        traces = self._traces
        lines = [words.minutes(at_s)]
        part, hole = traces.part_at(at_s * 1e6), traces.hole_at(at_s * 1e6)
        if part is not None:
            lines.append(part_words(self._picture, part))
        if hole is not None:
            lines.append(f"gap of {words.gap(hole.from_us, hole.to_us)}: {words.GAPS[hole.why]}")
        near_s = NEAR_PX * (self._shown[1] - self._shown[0]) / max(1.0, float(self.tachogram.widget.width()))
        lines += [said for said in (self._told_beat(at_s, near_s),) if said]
        for name, why in (("level", traces.no_level.at(at_s)), ("RMSSD", traces.no_rmssd.at(at_s))):
            lines += [f"no {name}: {why}"] if why else []
        lines += [moment.words for moment in traces.moments_between((at_s - near_s) * 1e6, (at_s + near_s) * 1e6)]
        return "\n".join(lines)

    def _told_beat(self, at_s: float, near_s: float) -> str:
        """The interval nearest to a time, within a few pixels or its own length."""
        traces = self._traces
        found: list[tuple[float, str]] = []
        for line, what in ((traces.tachogram, ""), (traces.unjudged, ", not judged")):
            for t_s, rr_ms in zip(*line.between(at_s, at_s), strict=True):
                if not isnan(rr_ms):
                    found.append((abs(t_s - at_s), f"RR {rr_ms:.0f} ms{what}"))
        first, last = traces.flagged.place(at_s, at_s)
        for place in range(first, last):
            kind = KINDS[traces.flagged.kinds[place]]
            rr_ms = traces.flagged.values[place]
            found.append((abs(traces.flagged.t_s[place] - at_s), f"RR {rr_ms:.0f} ms, flagged: {kind}, left out"))
        found += [(abs(t_s - at_s), f"RR {rr_ms:.0f} ms, not judged yet") for t_s, rr_ms in traces.tail()]
        apart, said = min(found, default=(1e9, ""))
        return said if apart <= max(near_s, 1.5) else ""


def _ticks(from_s: float, to_s: float, wide_px: float) -> list[tuple[float, str]]:
    """As many times as have room; none before the session began."""
    most = max(1.0, wide_px / TICK_PX)
    step = next((step for step in TICKS_S if (to_s - from_s) / step <= most), TICKS_S[-1])
    first = max(0, ceil(from_s / step))
    return [(float(n * step), words.minutes(n * step)) for n in range(first, int(max(0.0, to_s) // step) + 1)]


def _floats(values: Sequence[float]) -> Floats:
    return np.array(values, dtype=np.float64)


def _cut(line: Line, span: tuple[float, float], bins: int) -> tuple[Floats, Floats]:
    t_s, values = line.between(*span)
    return thinned(_floats(t_s), _floats(values), bins)


def _columns(points: Sequence[tuple[float, float]]) -> tuple[Floats, Floats]:
    return _floats([t_s for t_s, _ in points]), _floats([value for _, value in points])


def _set(label: QLabel, text: str, room_px: int | None = None) -> None:
    """Say it; what has no room is told by the pointer and to screen readers."""
    fits = text if room_px is None else label.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room_px)
    if label.text() != fits or label.toolTip() != text:
        label.setText(fits)
        label.setToolTip(text)
        label.setAccessibleDescription(text)
