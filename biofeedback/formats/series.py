"""Intervals that stand beside times in a table: what the times say about holes, the first row and the whole length."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from typing import Final

from biofeedback.formats.content import Content, Hole, Marker, Start
from biofeedback.formats.reading import Choices
from biofeedback.formats.units import AS_TOLD_MS, Numbers, Told, asked, doubt_of, fills, only_rises, ticks_each, unit_of
from biofeedback.hrv.ticks import TICKS_PER_S

FITS_S, FITS = 0.02, 0.02
"""A step in time is the interval when they differ by no more than this or by 2 %: times are often rounded to 0.01 s."""
LEAST_FIT: Final = 0.8
HOLE_S: Final = 0.25
"""A step longer than its interval by this, the shortest interval there is, holds beats the file does not have."""
LATEST_S: Final = 1e10
"""Later times, counted from 1970 or from the first beat, are damage."""
JUDGED_BY: Final = 4096
"""Rows by which times are told to be in s or in ms."""


@dataclass(slots=True)
class Series:
    """A column of intervals as it was read, and the times beside it in `time_unit` (None where it is not said).

    `unit`: what the heading says. `notes`: words beside interval number n. `rows`: of the table, for the message.
    """

    numbers: Numbers = field(default_factory=Numbers)
    times: array[float] = field(default_factory=lambda: array("d"))
    time_unit: str | None = None
    unit: str | None = None
    notes: list[tuple[int, str]] = field(default_factory=list[tuple[int, str]])
    decisions: list[str] = field(default_factory=list[str])
    start: Start | None = None


@dataclass(frozen=True, slots=True)
class Fit:
    """How far steps in time are the intervals: `share` of them; `closing`: a row's time is that of its later beat."""

    share: float
    closing: bool


def fit_of(times: Sequence[float], seconds: Sequence[float]) -> Fit:
    """Compare steps in time with the intervals of the row they end in, and of the row they begin in; all in seconds."""
    steps = array("d", (late - early for early, late in pairwise(times)))
    if not steps:
        return Fit(0.0, closing=True)
    closing, opening = (_share(steps, beside) for beside in (seconds[1:], seconds[:-1]))
    return Fit(closing, closing=True) if closing > opening else Fit(opening, closing=False)


def _share(steps: array[float], beside: Sequence[float]) -> float:
    near = sum(abs(step - rr) <= FITS_S or abs(step - rr) <= FITS * rr for step, rr in zip(steps, beside, strict=True))
    return near / len(steps)


def is_counter(times: Sequence[float]) -> bool:
    """Whether a column only numbers the rows."""
    return len(times) > 1 and all(late - early == 1 for early, late in pairwise(times))


def content_of_series(name: str, series: Series, choices: Choices, about: dict[str, str]) -> Content:
    """The intervals, with what their times add. Without a unit: the verdict ask. Raises ImportRefused."""
    values = series.numbers.values()
    told = _told(series, values, choices)
    if told.unit is None:
        return Content(
            name, "ask", start=series.start, why=asked(told), decisions=tuple(series.decisions),
            about={"n": len(values), **about},
        )  # fmt: skip
    ticks = series.numbers.ticks(ticks_each(told.unit))
    ticks, holes, why = _timed(series, ticks)
    if why is None and choices.unit is not None:
        why = doubt_of(values, choices.unit, AS_TOLD_MS)
    ends = list(accumulate(ticks)) if series.notes else []
    beyond = [0, *accumulate(hole.ticks for hole in holes)]
    markers = tuple(
        Marker(ends[at] + beyond[bisect_left(holes, at + 1, key=lambda hole: hole.before)], text)
        for at, text in series.notes
        if 0 <= at < len(ends)
    )
    return Content(
        name, "rr", ticks, told.unit, told.rule, series.start, holes, markers, why=why,
        decisions=tuple(series.decisions), about=dict(about),
    )  # fmt: skip


def _told(series: Series, values: array[float], choices: Choices) -> Told:
    """What was told, else the heading where the numbers do not say otherwise, else the numbers."""
    if choices.unit is not None:
        return Told(choices.unit, "as told")
    told = _by_rule(series, values)
    doubt = None if told.unit is None else doubt_of(values, told.unit)
    return told if doubt is None else Told(None, doubt)


def _by_rule(series: Series, values: array[float]) -> Told:
    found = unit_of(values)
    if series.unit is None:
        return found
    if found.unit is not None and {found.unit, series.unit} == {"ms", "s"}:
        return Told(None, f"the heading says {series.unit}, but the numbers look like {found.unit}")
    if len(values) > 10 and only_rises(values):
        return found
    return Told(series.unit, "its heading says so")


def _timed(series: Series, ticks: array[int]) -> tuple[array[int], tuple[Hole, ...], str | None]:
    """The intervals without a first one that is only a filler, the holes, and what is doubtful."""
    times = series.times
    if len(times) != len(ticks) or len(times) < 2:
        return ticks, (), None
    if series.time_unit is None and is_counter(times):
        series.decisions.append("its time column only numbers the rows and was not used")
        if _span_doubt([times], array("d", (value / TICKS_PER_S for value in ticks))) is not None:
            series.decisions.append("should its time column count seconds, it holds one value a second and no beats")
        return ticks, (), None
    seconds = array("d", (value / TICKS_PER_S for value in ticks))
    scales = _scales(times, series.time_unit)
    scaled = max(scales, key=lambda each: fit_of(each[:JUDGED_BY], seconds[:JUDGED_BY]).share)
    fit = fit_of(scaled, seconds)
    if fit.share < LEAST_FIT:
        return ticks, (), _span_doubt(scales, seconds)
    if _is_filler(fit, scaled, ticks):
        series.decisions.append("the first row repeats the interval of the second at time 0 and was left out")
        series.notes = [(max(0, at - 1), text) for at, text in series.notes]
        ticks, seconds, scaled = ticks[1:], seconds[1:], scaled[1:]
    if max(map(abs, scaled)) > LATEST_S:
        return ticks, (), "its time column holds times that cannot be, and was not used for holes"
    holes = _holes(fit, scaled, seconds)
    if holes:
        series.decisions.append("where the time column steps on by more than the interval there is a hole")
    backwards = sum(late < early for early, late in pairwise(scaled))
    why = f"its time column goes back {backwards} times" if backwards else None
    return ticks, holes, why


def _scales(times: array[float], unit: str | None) -> list[array[float]]:
    """The times in seconds; where their unit is not said, as seconds and as ms."""
    each = {"s": [1.0], "ms": [1e-3], "1/1024": [1 / 1024]}.get(unit or "", [1.0, 1e-3])
    return [array("d", (time * scale for time in times)) for scale in each]


def _is_filler(fit: Fit, times: array[float], ticks: array[int]) -> bool:
    return fit.closing and times[0] == 0 and ticks[0] == ticks[1] and len(ticks) > 2


def _holes(fit: Fit, times: array[float], seconds: array[float]) -> tuple[Hole, ...]:
    beside = seconds[1:] if fit.closing else seconds[:-1]
    return tuple(
        Hole(at, round((late - early - rr) * TICKS_PER_S))
        for at, ((early, late), rr) in enumerate(zip(pairwise(times), beside, strict=True), start=1)
        if late - early - rr > HOLE_S
    )


def _span_doubt(scales: list[array[float]], seconds: array[float]) -> str | None:
    """A word of doubt when the intervals add up to another length than the times (FORMATS 1.3)."""
    whole = sum(seconds)
    spans = [scaled[-1] - scaled[0] for scaled in scales]
    for span in spans:
        if any(fills(whole - less, span, 1) for less in (seconds[0], seconds[-1])):
            return None
    return f"its intervals add up to {whole:.1f} s, but its time column spans {spans[0]:.1f} s"


def span_doubt_of(span_s: float, ticks: array[int]) -> str | None:
    """The same for a span that is known from dates."""
    seconds = array("d", (value / TICKS_PER_S for value in ticks))
    return _span_doubt([array("d", (0.0, span_s))], seconds) if len(seconds) > 1 else None
