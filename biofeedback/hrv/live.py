"""Metrics at every beat over trailing windows, made when two more beats have followed (RULINGS B1.3, B2)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Reversible, Sequence
from dataclasses import replace
from typing import Final

from biofeedback.events import Hrv
from biofeedback.hrv.artefacts import NO_INTERVAL_OVER
from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.registry import LENGTHS_S, LIVE_WINDOW_S, METRICS, Metric
from biofeedback.hrv.stream import Ready
from biofeedback.hrv.ticks import ticks_to_us
from biofeedback.hrv.window import POOR, BeatWindow, NotYet, window_of

LONGEST_S: Final = LENGTHS_S[-1]
KEPT_S: Final = LONGEST_S + 10.0


def trailing(beats: Reversible[TimedBeat], last: TimedBeat, seconds: float) -> list[TimedBeat]:
    """The beats up to `last` whose intervals opened within the last `seconds`."""
    from_us = last.t_us - round(seconds * 1e6)
    near_us = from_us + ticks_to_us(NO_INTERVAL_OVER)
    held: list[TimedBeat] = []
    for beat in reversed(beats):
        if beat.index <= last.index:
            if beat.t_us < near_us and beat.opening_us < from_us:
                break
            held.append(beat)
    held.reverse()
    return held


def known_at(ready: Ready, beats: Reversible[TimedBeat]) -> list[TimedBeat]:
    """The last beats up to the one that is ready, more than any window holds, with the flags of that moment."""
    held = trailing(beats, ready.beat, KEPT_S)
    for place, why in enumerate(ready.whys[-len(held) :], start=-min(len(held), len(ready.whys))):
        if held[place].why != why:
            held[place] = replace(held[place], why=why)
    return held


class Trailing:
    """The windows that end with the last of `beats`, of any length that a metric takes.

    They are shorter while less time has passed since `from_us`, when the numbers began.
    """

    def __init__(self, beats: Sequence[TimedBeat], from_us: int) -> None:
        last = beats[-1]
        self.t_us = last.t_us
        self._since_s = (last.t_us - from_us) / 1e6
        longest_s = min(LONGEST_S, self._since_s)
        start = bisect_left(beats, last.t_us - round(longest_s * 1e6), key=lambda beat: beat.opening_us)
        self._longest = window_of(beats[start:], longest_s)
        held = self._longest.arrays
        self._openings = held.t_us - ticks_to_us(held.ticks)
        self._firsts = {seconds: self._first(seconds) for seconds in LENGTHS_S}
        self._longest.remember("parts begin", lambda _: tuple(self._firsts.values()))
        self._windows = {LONGEST_S: self._longest}

    def _first(self, seconds: float) -> int:
        """The beat that begins the last `seconds`."""
        span_s = min(seconds, self._since_s)
        return int(self._openings.searchsorted(self.t_us - round(span_s * 1e6)))

    @property
    def minute(self) -> BeatWindow:
        """The last 60 s."""
        return self.window(LIVE_WINDOW_S)

    def window(self, seconds: float) -> BeatWindow:
        """The last `seconds`, at most the longest that any metric of ours takes."""
        if seconds not in self._windows:
            first = self._firsts[seconds] if seconds in self._firsts else self._first(seconds)
            self._windows[seconds] = self._longest.part(first, len(self._openings), min(seconds, self._since_s))
        return self._windows[seconds]


def live_hrv(
    at: int,
    windows: Trailing,
    coverage: float | None,
    withheld: str | None = None,
    doubt: Callable[[BeatWindow], str | None] = lambda _: None,
    metrics: Mapping[str, Metric] = METRICS,
) -> Hrv:
    """The `hrv` event for the beat that ends these windows.

    `withheld`: why none of its numbers may be shown. `doubt`: why those of one window may not.
    """
    values: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for name, metric in metrics.items():
        window = windows.window(metric.live_s or LIVE_WINDOW_S)
        why = withheld or window.remember("doubt", doubt)
        answer = NotYet(why) if why is not None else metric.live(window)
        if isinstance(answer, NotYet):
            values[name], reasons[name] = None, answer.reason
        else:
            values[name] = answer.value
    minute = windows.minute
    return Hrv(
        at=at,
        t_us=windows.t_us,
        window_s=minute.span_s,
        beats=len(minute.ticks),
        flagged=minute.flagged,
        coverage=coverage,
        values=values,
        reasons=reasons,
        quality="poor" if minute.flagged_share > POOR else None,
    )
