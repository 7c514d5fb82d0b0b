"""When the cues wait for the person: the level far above the baseline, or the signal lost (METHOD 3.2)."""

from __future__ import annotations

from typing import Final

from biofeedback.events import Arousal

HIGH_BPM: Final = 8.0
"""So far above the paced baseline, at every beat of `HIGH_FOR_US`, and the cues wait."""
HIGH_FOR_US: Final = 10_000_000
CALM_BPM: Final = 2.0
"""They go on when the level has been under this for `CALM_FOR_US`, two slow breaths."""
CALM_FOR_US: Final = 20_000_000


class LevelWatch:
    """Follows the live level against the baseline; `high` while it has been too far above it."""

    def __init__(self) -> None:
        self.high = False
        self._over_since: int | None = None
        self._calm_since: int | None = None

    def see(self, arousal: Arousal) -> bool:
        """Take one live level; return whether `high` changed. Without a level nothing is concluded."""
        delta = arousal.delta_bpm
        if delta is None:
            self._over_since = self._calm_since = None
            return False
        self._over_since = _since(self._over_since, delta >= HIGH_BPM, arousal.t_us)
        self._calm_since = _since(self._calm_since, delta < CALM_BPM, arousal.t_us)
        before = self.high
        if self._over_since is not None and arousal.t_us - self._over_since >= HIGH_FOR_US:
            self.high = True
        if self._calm_since is not None and arousal.t_us - self._calm_since >= CALM_FOR_US:
            self.high = False
        return self.high != before

    def reset(self) -> None:
        """Forget what was seen, for example when the part of the session that counted is over."""
        self.high = False
        self._over_since = self._calm_since = None


def _since(since: int | None, holds: bool, now_us: int) -> int | None:
    if not holds:
        return None
    return now_us if since is None else since
