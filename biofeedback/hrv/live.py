"""Metrics at every beat over the trailing minute, made when two more beats have followed (RULINGS B1.3)."""

from __future__ import annotations

from collections.abc import Reversible
from itertools import takewhile

from biofeedback.events import Hrv
from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.registry import LIVE_METRICS, LIVE_WINDOW_S, METRICS
from biofeedback.hrv.window import POOR, BeatWindow, NotYet, window_of


def trailing(beats: Reversible[TimedBeat], last: TimedBeat, seconds: float) -> list[TimedBeat]:
    """The beats up to `last` whose intervals opened within the last `seconds`."""
    from_us = last.t_us - round(seconds * 1e6)
    newest_first = (beat for beat in reversed(beats) if beat.index <= last.index)
    held = list(takewhile(lambda beat: beat.opening_us >= from_us, newest_first))
    held.reverse()
    return held


def live_window(beats: Reversible[TimedBeat], last: TimedBeat, from_us: int) -> BeatWindow:
    """The trailing minute up to `last`; shorter while less time has passed since `from_us`."""
    span_s = min(LIVE_WINDOW_S, (last.t_us - from_us) / 1e6)
    return window_of(trailing(beats, last, span_s), span_s)


def live_hrv(at: int, t_us: int, window: BeatWindow, coverage: float | None, withheld: str | None) -> Hrv:
    """The `hrv` event for the beat at `t_us` that ends `window`; `withheld`: why none of its numbers may be shown."""
    values: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for name in LIVE_METRICS:
        answer = NotYet(withheld) if withheld is not None else METRICS[name].live(window)
        if isinstance(answer, NotYet):
            values[name], reasons[name] = None, answer.reason
        else:
            values[name] = answer.value
    return Hrv(
        at=at,
        t_us=t_us,
        window_s=window.span_s,
        beats=len(window.ticks),
        flagged=window.flagged,
        coverage=coverage,
        values=values,
        reasons=reasons,
        quality="poor" if window.flagged_share > POOR else None,
    )
