"""A real plot window, offscreen: what it draws is what the traces hold."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from math import isnan, nan
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QHelpEvent, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QPushButton, QToolTip, QWidget
from pytestqt.qtbot import QtBot

from biofeedback.desktop.graph import SYMBOLS, Floats, thinned
from biofeedback.desktop.lane import fill_of
from biofeedback.desktop.legend import Legend
from biofeedback.desktop.plots import LIVE_S, TITLE, PlotWindow
from biofeedback.desktop.theme import DARK
from biofeedback.events import Arousal, Beat, End, Event, Gap, Hrv, Mark, Motion, Open, Packet, Phase, Rr
from biofeedback.presenter.words import minutes
from biofeedback.presenter.picture import Picture
from biofeedback.presenter.traces import KINDS, Line, Traces
from tests.terminal.showing import DEMO, SHORT, TITLES, events_of

S = 1_000_000
MS = 1024
LEVEL = Arousal(S, S, 500.0, None, None, None, None, None, "unknown", None, None)


@dataclass(slots=True)
class Watched:
    """A window with what it shows."""

    window: PlotWindow
    traces: Traces
    picture: Picture

    def see(self, *events: Event) -> None:
        for event in events:
            self.traces.see(event)
            self.picture.see(event)
        self.window.refresh(max((event.at for event in events), default=0))


class Paints(QObject):
    """Counts how often something is painted."""

    many = 0

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        self.many += event.type() == QEvent.Type.Paint
        return super().eventFilter(watched, event)


Watch = Callable[..., Watched]


@pytest.fixture
def watch(qtbot: QtBot) -> Watch:
    def made(events: Iterable[Event] = (), size: tuple[int, int] = (1200, 800)) -> Watched:
        traces, picture = Traces(), Picture(TITLES, hide_numbers=False)
        window = PlotWindow(DARK, traces, picture)
        qtbot.addWidget(window)
        window.resize(*size)
        window.show()
        QApplication.processEvents()
        watched = Watched(window, traces, picture)
        watched.see(*events)
        QApplication.processEvents()
        return watched

    return made


@pytest.fixture(scope="module")
def demo() -> list[Event]:
    return events_of(DEMO, [(100, "mark")], "sim:ectopic?seed=3")


def until(events: Iterable[Event], seconds: float) -> list[Event]:
    return [event for event in events if event.at <= seconds * S]


def beat(t_us: int, rr_ms: float, kind: int | None = None, *, gap: bool = False) -> Beat:
    return Beat(t_us, t_us, round(rr_ms * MS), kind is None, None if kind is None else KINDS[kind], gap)


def holds(line: Line, drawn: tuple[Floats, Floats]) -> None:
    """All of a line is drawn, as it is."""
    np.testing.assert_array_equal(drawn[0], line.t_s)
    np.testing.assert_array_equal(drawn[1], line.values)


def widgets(window: QWidget) -> Iterator[QWidget]:
    return (child for child in window.findChildren(QWidget) if child.isVisibleTo(window))


def heights(window: PlotWindow) -> list[list[float]]:
    """What pyqtgraph shows of each upright axis."""
    return [panel._box.viewRange()[1] for panel in window.panels]


def colours(image: QImage, x: float, from_y: int, to_y: int) -> set[str]:
    return {image.pixelColor(round(x), y).name() for y in range(from_y, to_y)}


class TestDraws:
    def test_what_the_traces_hold(self, watch: Watch, demo: list[Event]) -> None:
        watched = watch(until(demo, 240))
        window, traces = watched.window, watched.traces
        holds(traces.tachogram, window.intervals.held())
        holds(traces.level, window.level.held())
        holds(traces.rmssd, window.change.held())
        holds(traces.rmssd_poor, window.change_poor.held())
        holds(traces.coverage, window.covered.held())
        np.testing.assert_array_equal(window.each_beat.held()[1], 60_000 / window.intervals.held()[1])
        assert len(traces.tachogram) > 200

    def test_flagged_intervals_by_their_kind_those_beyond_the_limits_at_the_edge(self, watch: Watch) -> None:
        flagged = [beat((2 + n) * S, 900, n) for n in range(len(KINDS))]
        window = watch([beat(S, 800), *flagged, beat(8 * S, 1900, 0), beat(9 * S, 300, 1)]).window
        signs = [(float(2 + n), 900.0, SYMBOLS[n]) for n in range(len(KINDS))]
        assert window.flagged.held() == [*signs, (8.0, 1100.0, SYMBOLS[0]), (9.0, 600.0, SYMBOLS[1])]
        assert len(set(SYMBOLS)) == len(KINDS)

    def test_intervals_that_are_not_judged_yet_joined_to_the_last_that_is(self, watch: Watch) -> None:
        watched = watch([Rr(S, (800 * MS,) * 3), beat(800_000, 800, gap=True)])
        t_s, rr_ms = watched.window.tail.held()
        np.testing.assert_allclose(t_s, [0.8, 1.6, 2.4])
        assert list(rr_ms) == [800, 800, 800]
        assert [point[:2] for point in watched.window.waiting.held()] == [(1.6, 800), (2.4, 800)]
        watched.see(beat(1_600_000, 800), beat(2_400_000, 800))
        assert watched.window.waiting.held() == []
        assert len(watched.window.tail.held()[0]) == 0

    def test_a_gap_as_a_break_and_a_hatch(self, watch: Watch) -> None:
        gap = Gap(9 * S, 2 * S, 8 * S, "link")
        window = watch([beat(S, 800), beat(2 * S, 800), gap, beat(9 * S, 800, gap=True)]).window
        assert [isnan(value) for value in window.intervals.held()[1]] == [False, False, True, False]
        for panel in window.panels:
            assert [(span.from_s, span.to_s) for span in panel.backdrop.spans] == [(2, 8)]
            assert panel.backdrop.spans[0].fill.style() == Qt.BrushStyle.FDiagPattern

    def test_epochs_as_shades_and_parts_and_marks_as_upright_lines(self, watch: Watch, demo: list[Event]) -> None:
        watched = watch(demo)
        epochs = [part for part in watched.traces.parts if part.name in ("image", "control")]
        for panel in watched.window.panels:
            shaded = [(span.from_s, span.to_s, span.fill.style()) for span in panel.backdrop.spans]
            fills = {part.name: fill_of(DARK, part.name) for part in epochs}
            assert len({fill.style() for fill in fills.values() if fill}) == 2
            for part in epochs:
                fill = fills[part.name]
                assert fill is not None
                assert (part.from_us / 1e6, (part.to_us or 0) / 1e6, fill.style()) in shaded
            lines = [upright.at_s for upright in panel.backdrop.uprights]
            assert 100.0 in lines
            assert {part.from_us / 1e6 for part in watched.traces.parts} <= set(lines)

    def test_the_shades_are_painted_behind_the_data(self, watch: Watch) -> None:
        window = watch([Phase(0, "image", True, 0, 0, None, None), Mark(150 * S, "", "trainee")]).window
        window.refresh(290 * S)
        QApplication.processEvents()
        panel = window.rmssd.viewport
        image = panel.grab().toImage()
        left, right = window.rmssd.inside_px
        middle, low, high = (left + right) / 2, 20, panel.height() - 20
        seen = [colours(image, left + (right - left) * share, low, high) for share in (0.25, 0.5, 0.75)]
        assert QColor(DARK.ink).name() in colours(image, middle, low, high) | colours(image, middle - 1, low, high)
        assert seen[0] != seen[2]
        assert image.pixelColor(round(left + 5), low).green() > image.pixelColor(round(left + 5), low).red()

    def test_the_baseline_from_when_it_was_taken_on(self, watch: Watch) -> None:
        def level(t_s: int, delta: float | None) -> Arousal:
            return Arousal(t_s * S, t_s * S, 60.0, None, delta, None, None, None, "unknown", None, None)

        t_s, bpm = watch([level(5, None), level(10, -2.0), level(20, -2.0)]).window.baseline.held()
        assert (list(t_s[:2]), list(bpm[:2])) == ([10, 20], [62, 62])
        assert isnan(bpm[2])

    def test_nothing_at_all_and_odd_beginnings(self, watch: Watch) -> None:
        window = watch().window
        assert len(window.intervals.held()[0]) == 0
        for events in (
            [End(0, "stopped", 0, 0)],
            [beat(S, 800)],
            [beat(S, 300, 1)],
            [Packet(S, "strap", S, 60, None, None, (1000,), "")],
            [Gap(S, 0, S, "link"), Hrv(S, S, 0.0, 0, 0, 0.0, {}), Hrv(S, S, 0.0, 0, 0, 0.0, {"rmssd_ms": None})],
            [Hrv(S, S, 60, 60, 0, 1.0, {"rmssd_ms": 1e6}), LEVEL],
        ):
            watched = watch(events)
            watched.window.show_whole()
            watched.window.show_time(0, 1)
            QApplication.processEvents()
            watched.window.grab()

    def test_opened_late_it_shows_all_that_was(self, watch: Watch, demo: list[Event]) -> None:
        early, late = watch(), watch(demo)
        for event in demo:
            early.see(event)
        assert early.window.mode == late.window.mode == "whole"
        for one, other in zip(early.window.intervals.held(), late.window.intervals.held(), strict=True):
            np.testing.assert_array_equal(one, other)

    def test_only_when_something_changed(self, watch: Watch, demo: list[Event]) -> None:
        watched = watch(until(demo, 100))
        QApplication.processEvents()
        paints = Paints()
        for panel in watched.window.panels:
            panel.viewport.installEventFilter(paints)
        for tenth in range(20):
            watched.window.refresh(100 * S + tenth * 100_000)
            QApplication.processEvents()
        assert paints.many == 0
        watched.see(*until(demo, 102))
        QApplication.processEvents()
        assert paints.many == len(watched.window.panels)


class TestTime:
    def test_a_young_session_grows_from_the_left_of_five_minutes(self, watch: Watch) -> None:
        window = watch().window
        for second in (0, 60, 290):
            window.refresh(second * S)
            assert window.tachogram.seen() == (0, LIVE_S)

    def test_then_the_newest_five_minutes_are_followed_by_whole_pixels(self, watch: Watch) -> None:
        window = watch().window
        left, right = window.tachogram.inside_px
        pixel_s = LIVE_S / (right - left)
        ends: list[float] = []
        for tenth in range(4000, 4100):
            window.refresh(tenth * 100_000)
            from_s, to_s = window.tachogram.seen()
            assert to_s - from_s == pytest.approx(LIVE_S)
            assert tenth / 10 < to_s < tenth / 10 + 4
            ends.append(to_s)
        steps = np.diff(ends)
        assert set(np.round(steps / pixel_s)) <= {0, 1}
        assert {panel.seen() for panel in window.panels} == {window.tachogram.seen()}

    def test_once_it_is_over_all_of_it_is_shown(self, watch: Watch, demo: list[Event]) -> None:
        watched = watch(until(demo, 200))
        assert watched.window.follow_button.isChecked()
        watched.see(*demo[len(until(demo, 200)) :])
        from_s, to_s = watched.window.tachogram.seen()
        assert from_s == 0
        assert demo[-1].at / 1e6 < to_s < demo[-1].at / 1e6 * 1.01
        assert not watched.window.follow_button.isEnabled()
        QTest.keyClick(watched.window, Qt.Key.Key_Home)
        assert watched.window.mode == "whole"

    def test_keys_zoom_move_and_return(self, watch: Watch) -> None:
        window = watch().window
        window.refresh(1000 * S)
        live = window.tachogram.seen()
        QTest.keyClick(window, Qt.Key.Key_Plus)
        from_s, to_s = window.tachogram.seen()
        assert window.mode == "free"
        assert to_s == pytest.approx(live[1])
        assert to_s - from_s == pytest.approx(LIVE_S / 1.25)
        QTest.keyClick(window, Qt.Key.Key_Left)
        assert np.add(window.tachogram.seen(), 24).tolist() == pytest.approx([from_s, to_s])
        QTest.keyClick(window, Qt.Key.Key_Right)
        QTest.keyClick(window, Qt.Key.Key_Minus)
        window.refresh(1001 * S)
        assert window.mode == "free"
        QTest.keyClick(window, Qt.Key.Key_W)
        assert window.tachogram.seen()[0] == 0
        assert window.whole_button.isChecked()
        QTest.keyClick(window, Qt.Key.Key_Home)
        assert (window.mode, window.follow_button.isChecked()) == ("follow", True)

    @pytest.mark.parametrize("stay", [False, True])
    def test_another_size_gets_its_own_ticks(self, watch: Watch, demo: list[Event], stay: bool) -> None:
        watched = watch(demo, size=(700, 500))
        window, ticks = watched.window, list[tuple[int, int]]()
        if stay:
            window.show_time(0, 250)
        for size in ((700, 500), (1900, 1000), (700, 500)):
            window.resize(*size)
            QApplication.processEvents()
            window.refresh(demo[-1].at)
            across, up = window.rate.backdrop.grid
            ticks.append((len(across), len(up)))
        assert ticks[0] == ticks[2]
        assert ticks[1] > ticks[0]

    def test_nothing_leads_away_from_the_session(self, watch: Watch, demo: list[Event]) -> None:
        window = watch(demo).window
        for key in (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Plus, Qt.Key.Key_Minus):
            for _ in range(60):
                QTest.keyClick(window, key)
            from_s, to_s = window.tachogram.seen()
            assert from_s < demo[-1].at / 1e6
            assert to_s > 0
            assert 4.99 <= to_s - from_s <= 48 * 3600 + 1

    def test_the_wheel_zooms_time_and_not_the_heart(self, watch: Watch) -> None:
        window = watch().window
        window.refresh(1000 * S)
        before, limits = window.tachogram.seen(), heights(window)
        viewport = window.rate.viewport
        middle = QPointF(viewport.rect().center())
        turned = QWheelEvent(
            middle,
            QPointF(viewport.mapToGlobal(middle.toPoint())),
            QPoint(),
            QPoint(0, 120),
            Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(viewport, turned)
        after = window.tachogram.seen()
        assert window.mode == "free"
        assert after[1] - after[0] < before[1] - before[0]
        assert {panel.seen() for panel in window.panels} == {after}
        assert heights(window) == limits

    def test_the_axis_says_minutes_and_seconds(self) -> None:
        assert [minutes(at_s) for at_s in (0, 65, 600, 3600, 3725)] == ["0:00", "1:05", "10:00", "1:00:00", "1:02:05"]


class TestLimits:
    def test_never_shrink_and_hold_all_that_is_usable(self, watch: Watch, demo: list[Event]) -> None:
        watched = watch()
        before = [panel.limits() for panel in watched.window.panels]
        for number in range(0, len(demo), 50):
            watched.see(*demo[number : number + 50])
            after = [panel.limits() for panel in watched.window.panels]
            for (low, high), (new_low, new_high) in zip(before, after, strict=True):
                assert new_low <= low
                assert new_high >= high
            before = after
        low, high = watched.window.tachogram.limits()
        values = watched.window.intervals.held()[1]
        assert low <= np.nanmin(values)
        assert high >= np.nanmax(values)


class TestWords:
    def test_the_title_says_nothing_of_anybody(self, watch: Watch, demo: list[Event]) -> None:
        assert watch(until(demo, 150)).window.windowTitle() == TITLE == "Biofeedback - heart"

    def test_everything_has_an_accessible_name(self, watch: Watch) -> None:
        window = watch().window
        assert window.accessibleName()
        for panel in window.panels:
            assert panel.widget.accessibleName()
        unnamed = [
            child
            for child in widgets(window)
            if isinstance(child, QLabel | QPushButton | Legend)
            if not (child.accessibleName() or getattr(child, "text", str)())
        ]
        assert unnamed == []

    def test_the_header_says_signal_part_numbers_and_counts(self, watch: Watch) -> None:
        watched = watch(until(events_of(SHORT), 60))
        said = [label.toolTip() for label in (watched.window.state, *watched.window.numbers)]
        assert said[0].startswith("Signal good · A safe place, 0:")
        assert said[0].endswith(" left")
        assert said[1].startswith("Heart ")
        assert said[2].startswith("Level ")
        assert said[3].startswith("Beat-to-beat change (RMSSD)")
        assert said[4] == f"{watched.picture.beats} beats, 0.0\u00a0% flagged, 0 gaps, 100\u00a0% arrived"
        assert watched.window.state.text() == said[0]

    def test_the_legend_names_every_kind(self, watch: Watch) -> None:
        legend = watch().window.findChild(Legend)
        assert legend is not None
        said = legend.accessibleDescription()
        assert [
            kind for kind in (*KINDS, "gap", "image", "control", "paced baseline", "not judged") if kind not in said
        ] == []

    def test_a_low_window_has_no_legend(self, watch: Watch) -> None:
        legend = watch(size=(700, 500)).window.findChild(Legend)
        assert legend is not None
        assert not legend.isVisible()

    def test_the_pointer_is_told_what_lies_there(self, watch: Watch) -> None:
        reason = {"rmssd_ms": "needs 60 s of beats, has 12"}
        watched = watch(
            [
                Open(0, DEMO.to_json(), {}, {}, {"kind": "simulated"}),
                Phase(0, "image", True, 0, 0, "safe_place", "breath_only"),
                beat(S, 800),
                Hrv(S, S, 1, 1, 0, 1.0, {"rmssd_ms": None}, reason),
                beat(3 * S, 1900, 0),
                Gap(20 * S, 3 * S, 10 * S, "contact"),
                Mark(40 * S, "a cough", "trainee"),
                Rr(50 * S, (900 * MS,)),
            ]
        )
        told = watched.window.told
        assert told(1).split("\n") == ["0:01", "image: A safe place", "RR 800 ms", f"no RMSSD: {reason['rmssd_ms']}"]
        assert "RR 1900 ms, flagged: missed, left out" in told(2.9)
        assert "gap of 7.0 s: the strap had no contact with the skin" in told(6)
        assert "a cough" in told(40)
        assert "not judged yet" in told(10.9)

    def test_and_it_is_shown(self, watch: Watch) -> None:
        window = watch([beat(S, 800)]).window
        viewport = window.tachogram.viewport
        at = QPoint(round(window.tachogram.inside_px[0]) + 4, 30)
        QApplication.sendEvent(viewport, QHelpEvent(QEvent.Type.ToolTip, at, viewport.mapToGlobal(at)))
        assert "RR 800 ms" in QToolTip.text()
        QToolTip.hideText()


class TestThinning:
    @given(st.integers(1, 400), st.integers(0, 2**32))
    def test_keeps_every_bins_extremes_and_every_break(self, bins: int, seed: int) -> None:
        chance = Random(seed)
        t_s = np.cumsum([chance.uniform(0.3, 2) for _ in range(3000)])
        values = np.array([nan if chance.random() < 0.01 else chance.uniform(300, 1500) for _ in range(3000)])
        kept_t, kept = thinned(t_s, values, bins)
        assert np.isnan(kept).sum() == np.isnan(values).sum()
        held = np.minimum(bins - 1, ((t_s - t_s[0]) / (t_s[-1] - t_s[0]) * bins).astype(int))
        for number in set(held.tolist()):
            here = values[held == number]
            if not np.isnan(here).all():
                assert {np.nanmin(here), np.nanmax(here)} <= set(kept.tolist())
        assert len(kept) <= 2 * bins + 2 + np.isnan(values).sum() or len(kept) == len(values)
        assert set(kept_t.tolist()) <= set(t_s.tolist())

    def test_leaves_a_short_line_alone(self) -> None:
        line = np.arange(10.0)
        assert thinned(line, line, 5)[0] is line


@pytest.mark.slow
def test_windows_that_are_closed_are_gone(qtbot: QtBot, demo: list[Event]) -> None:
    alive: list[weakref.ref[PlotWindow]] = []
    held: list[int] = []
    for _ in range(60):
        traces = Traces()
        for event in demo[:40]:
            traces.see(event)
        window = PlotWindow(DARK, traces, Picture(TITLES, hide_numbers=False))
        window.show()
        window.refresh(S)
        QApplication.processEvents()
        window.close()
        window.deleteLater()
        alive.append(weakref.ref(window))
        del window
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        if len(alive) % 20 == 0:
            gc.collect()
            held.append(len(gc.get_objects()))
    assert [ref for ref in alive if ref() is not None] == []
    assert held[-1] - held[0] < 2000


def test_movement_and_breath_are_told_quietly_behind_the_part(watch: Watch) -> None:
    watched = watch([Phase(0, "rest", True, 0, None, None, None, 300.0)])
    assert "breath" not in watched.window.state.text()
    watched.see(Motion(50 * S, 50 * S, 4.0, False, 14.23, 0.78))
    assert watched.window.state.toolTip().endswith(" left · breathing 14.2 a minute, quality 78 %")
    watched.see(Motion(52 * S, 52 * S, 90.0, True, None, 0.0))
    assert watched.window.state.toolTip().endswith(" left · moving")
    watched.window.refresh(60 * S)
    assert watched.window.state.toolTip().endswith(" left")
