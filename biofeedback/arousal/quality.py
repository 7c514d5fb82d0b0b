"""When a strap's numbers may be believed: by the beats themselves, and by how much of the time they cover.

Every number of a session asks here, over its own window: the live metrics over a minute, the level over half a one,
an epoch over its breaths. What comes from a strap that nobody wears fails: invented beats jump from one to the next
by a share of their length that no heart at rest does, and a test pattern repeats itself. Neither is dropped from a
recording; no number is made of it. docs/signal.md has the figures these limits were chosen by.
"""

from __future__ import annotations

from itertools import pairwise
from statistics import median
from typing import Final

from biofeedback.hrv.coverage import GOOD, HIGH, LOW
from biofeedback.hrv.ticks import TICKS_PER_S
from biofeedback.hrv.window import BeatWindow

MOST_CHANGE: Final = 0.12
"""A typical change from beat to beat beyond this share of an interval: 0.088 is the most any of our people reached."""
LEAST_CHANGES: Final = 10
SAME_BEATS: Final = 20
SAME_S: Final = 20.0
SAME_LEAST: Final = 10
"""So many equal intervals are a pattern, or fewer of them once they fill 20 s; eight is the most a heart has shown."""
MOST_FLAGGED_LIVE: Final = 0.30

TOO_MANY: Final = "more heartbeats arrive than there is time for"
REPEATED: Final = "the strap repeats one and the same interval, as no heart does"
ERRATIC: Final = "the intervals jump too much to be read; check that the strap is worn and its electrodes are wet"
DISAGREES: Final = "the strap's heart rate and its intervals do not fit together"


def why_not(window: BeatWindow, most_flagged: float) -> str | None:
    """Why the beats of a window cannot be believed, None when they can."""
    return unreadable(window) or too_many_flagged(window, most_flagged)


def unreadable(window: BeatWindow) -> str | None:
    """Why these are not the beats of a heart that can be read, None when they may be; over a minute it shows best."""
    if repeats(window.ticks):
        return REPEATED
    return ERRATIC if changes(window) > MOST_CHANGE else None


def too_many_flagged(window: BeatWindow, most: float) -> str | None:
    """Why the share of flagged beats is too large, None when it is not."""
    share = window.flagged_share
    return f"{100 * share:.0f} % of the beats cannot be trusted" if share > most else None


def why_not_covered(share: float | None) -> str | None:
    """Why a window with this coverage cannot be believed; nothing is held against one that is too short to say."""
    if share is None or LOW <= share <= HIGH:
        return None
    return TOO_MANY if share > HIGH else f"only {100 * share:.0f} % of the heartbeats arrived"


def holds(share: float | None) -> bool:
    """Whether coverage is good enough to believe the intervals against the strap's own heart rate."""
    return share is not None and GOOD <= share <= HIGH


def repeats(ticks: tuple[int, ...]) -> bool:
    """Whether one and the same interval comes so often in a row that it is a pattern."""
    run = 1
    for before, now in pairwise(ticks):
        run = run + 1 if now == before else 1
        if run >= SAME_BEATS or (run >= SAME_LEAST and run * now >= SAME_S * TICKS_PER_S):
            return True
    return False


def changes(window: BeatWindow) -> float:
    """Median change between adjacent intervals over their median length, flagged ones too; 0 under ten changes."""
    steps = [
        abs(now - before)
        for (before, now), joined in zip(pairwise(window.ticks), window.joined[1:], strict=True)
        if joined
    ]
    return median(steps) / median(window.ticks) if len(steps) >= LEAST_CHANGES else 0.0
