"""The figure: heart rate over the session with its parts, cues, marks, answers and gaps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, floor
from typing import Final

from biofeedback.hrv.beats import TimedBeat
from biofeedback.report.facts import EPOCHS, Facts, Part, rate_of
from biofeedback.report.paper import (
    EDGE,
    FLAG,
    GRID,
    GROUND,
    IMAGE,
    INK,
    LINE,
    OTHER,
    QUIET,
    TEXT_PT,
    Axes,
    Paper,
    drawn,
)
from biofeedback.report.thin import BINS, FEW, breaks_of, one_a_bin, thinned

WIDE: Final = 7.6
MAIN: Final = 2.3
ROW: Final = 0.21
"""Sizes in inches; the page scales the whole."""
LEFT: Final = 0.66
RIGHT: Final = 0.04
PLOT_PT: Final = 72 * (WIDE - LEFT - RIGHT)
MARGIN: Final = 0.012
"""Room for symbols at both ends, as a share of the length."""
SMALL_PT: Final = 6.3
FOOT: Final = 0.36
HEAD: Final = 0.19
AIR: Final = 0.07
"""Between the heart rate and the rows below it; shades and rules go on across."""
DOWN: Final = -AIR / MAIN
LEAST_SPAN_BPM: Final = 30.0
FELT: Final = "felt, 0–10"
NO_ANSWER: Final = "–"
LONGEST_NUMBER: Final = 2
"""Digits that have room in a symbol."""
MANY: Final = 100
"""Above so many crosses they are small."""
STEPS_S: Final = (30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800)
MOST_TICKS: Final = 12


@dataclass(frozen=True, slots=True)
class Strip:
    """The figure's SVG (nothing in it comes from a person), and the parts that were too short for their label."""

    svg: str
    unlabelled: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Scale:
    """How session time becomes the horizontal axis."""

    unit: str
    unit_s: float
    end: float

    def of(self, at_us: float) -> float:
        return at_us / 1e6 / self.unit_s

    def points(self, length_us: float) -> float:
        """Width on paper."""
        return PLOT_PT * self.of(length_us) / self.end / (1 + 2 * MARGIN)


def draw_strip(facts: Facts) -> Strip:
    """Draw it."""
    unlabelled: list[str] = []
    return Strip(drawn(lambda: _draw(facts, unlabelled)), tuple(dict.fromkeys(unlabelled)))


def _rows_of(facts: Facts) -> list[str]:
    rows = {"cues": facts.cues, "marks": facts.marks, FELT: facts.suds, "gaps": facts.holes}
    return [name for name, found in rows.items() if found]


def _draw(facts: Facts, unlabelled: list[str]) -> str:
    rows, scale = _rows_of(facts), _scale_of(facts.length_us)
    high = ROW * len(rows)
    paper = Paper(WIDE, FOOT + high + AIR + MAIN + HEAD)
    main = paper.axes(LEFT, FOOT + high + AIR, RIGHT, MAIN)
    _draw_rate(main, facts, scale)
    unlabelled += _draw_parts(main, facts.parts, scale)
    lowest = main
    if rows:
        main.tick_params(labelbottom=False, bottom=False)
        lowest = paper.axes(LEFT, FOOT, RIGHT, high)
        _draw_rows(lowest, facts, rows, scale)
    for axes in (main, lowest):
        _time_axis(axes, scale)
    lowest.set_xlabel(f"{scale.unit} since the recording began", color=QUIET, labelpad=3)
    return paper.svg()


def _scale_of(length_us: int) -> _Scale:
    length_s = max(length_us / 1e6, 60.0)
    unit, unit_s = ("minutes", 60.0) if length_s <= 3 * 3600 else ("hours", 3600.0)
    return _Scale(unit, unit_s, length_s / unit_s)


def _time_axis(axes: Axes, scale: _Scale) -> None:
    length_s = scale.end * scale.unit_s
    step = next((step for step in STEPS_S if length_s / step <= MOST_TICKS), STEPS_S[-1] * ceil(length_s / 3e5))
    ticks = [number * step / scale.unit_s for number in range(int(length_s // step) + 1)]
    axes.set(xlim=(-MARGIN * scale.end, (1 + MARGIN) * scale.end))
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.tick_params(axis="x", colors=QUIET, length=2.5, width=0.6, pad=2)


def _draw_rate(axes: Axes, facts: Facts, scale: _Scale) -> None:
    good = [beat for beat in facts.beats if beat.ok]
    low, high = _limits([rate_of(beat) for beat in good])
    step = 10 if high - low <= 80 else 20
    axes.set(ylim=(low, high))
    axes.set_yticks(range(int(low), int(high) + 1, step))
    axes.tick_params(axis="y", colors=QUIET, length=0, pad=3)
    axes.set_ylabel("heart rate, bpm", color=QUIET, labelpad=4)
    if good:
        axes.grid(visible=True, axis="y", color=GRID, linewidth=0.5, zorder=0)
    bin_us = max(1.0, facts.length_us / BINS)
    times, rates = thinned([(beat.t_us, rate_of(beat)) for beat in good], breaks_of(facts.beats, bin_us), bin_us)
    width = 0.9 if len(good) <= FEW else 0.6
    axes.plot([scale.of(at) for at in times], rates, color=LINE, linewidth=width, solid_joinstyle="round", zorder=3)
    _draw_flagged(axes, [beat for beat in facts.beats if not beat.ok], scale, (low, high), bin_us)
    if not good:
        words = "no heartbeat was recorded" if not facts.beats else "no beat could be used"
        axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center", va="center", color=QUIET, fontsize=10)


def _draw_flagged(
    axes: Axes, flagged: Sequence[TimedBeat], scale: _Scale, limits: tuple[float, float], bin_us: float
) -> None:
    """A cross each; those beyond the scale stand at its edge."""
    shown = one_a_bin([(beat.t_us, rate_of(beat)) for beat in flagged], bin_us)
    margin = 0.02 * (limits[1] - limits[0])
    rates = [min(max(rate, limits[0] + margin), limits[1] - margin) for _, rate in shown]
    times = [scale.of(at) for at, _ in shown]
    size = 4.0 if len(shown) <= MANY else 2.8
    axes.plot(times, rates, "x", color=FLAG, markersize=size, markeredgewidth=size / 4, zorder=4)


def _limits(rates: Sequence[float]) -> tuple[float, float]:
    """Whole tens around the rates, at least 30 bpm apart."""
    if not rates:
        return 50.0, 90.0
    low, high = floor((min(rates) - 2) / 10) * 10.0, ceil((max(rates) + 2) / 10) * 10.0
    while high - low < LEAST_SPAN_BPM:
        low, high = (low - 10, high) if min(rates) - low < high - max(rates) else (low, high + 10)
    return max(0.0, low), high


def _draw_parts(axes: Axes, parts: Sequence[Part], scale: _Scale) -> list[str]:
    """Shade the epochs, rule off the parts, and name above the figure those that are wide enough for their name."""
    unlabelled: list[str] = []
    for part in parts:
        start, end = scale.of(part.start_us), scale.of(part.end_us)
        _shade(axes, part.name, start, end, DOWN)
        axes.axvline(start, color=EDGE, linewidth=0.5, ymin=DOWN, ymax=1.09, clip_on=False, zorder=1)
        room = scale.points(part.end_us - part.start_us)
        strong = part.name in EPOCHS
        size = TEXT_PT if strong else SMALL_PT
        name = next((name for name in (part.title, part.name) if len(name) * size * 0.54 + 2 <= room), None)
        if name is None:
            unlabelled.append(part.name)
            continue
        axes.text(
            (start + end) / 2,
            1.045,
            name,
            transform=axes.get_xaxis_transform(),
            ha="center",
            va="center",
            color=INK if strong else QUIET,
            fontsize=size,
            fontweight="bold" if strong else "normal",
        )
    return unlabelled


def _shade(axes: Axes, name: str, start: float, end: float, low: float = 0.0) -> None:
    if name == "image":
        axes.axvspan(start, end, ymin=low, color=IMAGE, alpha=0.17, linewidth=0, zorder=0, clip_on=False)
    elif name == "control":
        axes.axvspan(
            start,
            end,
            ymin=low,
            facecolor="none",
            edgecolor=OTHER,
            hatch="////",
            linewidth=0,
            alpha=0.5,
            zorder=0,
            clip_on=False,
        )


def _draw_rows(axes: Axes, facts: Facts, rows: Sequence[str], scale: _Scale) -> None:
    """One line each for cues, marks, answers and gaps, below the heart rate."""
    axes.set(ylim=(len(rows) - 0.5, -0.5))
    axes.set_yticks(range(len(rows)), list(rows))
    axes.tick_params(axis="y", colors=QUIET, length=0, pad=3)
    for part in facts.parts:
        _shade(axes, part.name, scale.of(part.start_us), scale.of(part.end_us))
        axes.axvline(scale.of(part.start_us), color=EDGE, linewidth=0.5, zorder=1)
    for row in range(len(rows)):
        axes.axhline(row - 0.5, color=GRID, linewidth=0.5, zorder=1)
    for row, name in enumerate(rows):
        match name:
            case "cues":
                _draw_cues(axes, facts, row, scale)
            case "marks":
                marks = [(mark.at, str(number)) for number, mark in enumerate(facts.marks, start=1)]
                _symbols(axes, marks, row, scale, ("s", 8.5, INK))
            case "gaps":
                _draw_gaps(axes, facts, row, scale)
            case _:
                answers = [(suds.at, NO_ANSWER if suds.value is None else str(suds.value)) for suds in facts.suds]
                _symbols(axes, answers, row, scale, ("o", 9.5, OTHER))


def _draw_cues(axes: Axes, facts: Facts, row: int, scale: _Scale) -> None:
    bin_us = max(1.0, facts.length_us / BINS)
    at = [scale.of(at) for at, _ in one_a_bin([(cue.at, 0.0) for cue in facts.cues], bin_us)]
    axes.plot(at, [row] * len(at), "|", color=INK, markersize=6, markeredgewidth=1, zorder=4)


def _symbols(
    axes: Axes, found: Sequence[tuple[int, str]], row: int, scale: _Scale, style: tuple[str, float, str]
) -> None:
    """Symbols with a number in them; where they crowd, only the first of each crowd keeps its number."""
    marker, size, colour = style
    apart_us = 11 / PLOT_PT * scale.end * scale.unit_s * 1e6
    kept = one_a_bin([(at, float(number)) for number, (at, _) in enumerate(found)], apart_us / 6)
    times = [scale.of(at) for at, _ in kept]
    level = [row] * len(times)
    axes.plot(times, level, marker, color=colour, markersize=size, markeredgewidth=0, zorder=4, clip_on=False)
    look = {"ha": "center", "va": "center_baseline", "color": GROUND, "fontsize": 6, "fontweight": "bold"}
    last_us = -apart_us
    for at, number in kept:
        words = found[int(number)][1]
        if at - last_us >= apart_us and len(words) <= LONGEST_NUMBER:
            last_us = at
            axes.text(scale.of(at), row + 0.02, words, zorder=5, **look)


def _draw_gaps(axes: Axes, facts: Facts, row: int, scale: _Scale) -> None:
    """Bars as long as the gaps, never too short to be seen."""
    least = scale.end / PLOT_PT * 1.5
    drawn = _merged(
        [(scale.of(hole.from_us), max(scale.of(hole.to_us), scale.of(hole.from_us) + least)) for hole in facts.holes],
        least,
    )
    for start, end in drawn:
        axes.plot([start, end], [row, row], color=INK, linewidth=3.2, solid_capstyle="butt", zorder=4)


def _merged(bars: Sequence[tuple[float, float]], least: float) -> Iterator[tuple[float, float]]:
    """Bars that nearly touch, as one."""
    if not bars:
        return
    start, end = bars[0]
    for bar_start, bar_end in bars[1:]:
        if bar_start - end > least:
            yield start, end
            start = bar_start
        end = max(end, bar_end)
    yield start, end
