"""A window of beats as metrics see it, and what a metric answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, Final, Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from biofeedback.hrv.beats import TimedBeat
from biofeedback.hrv.ticks import TICKS_PER_MS, TICKS_PER_S, ticks_to_us

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Detrend: TypeAlias = Literal["linear", "smoothness-priors"]
Found = TypeVar("Found")

POOR: Final = 0.05
"""A window with a larger share of flagged intervals is marked so (RULINGS B1.4)."""
SUMMED: Final = 1 << 16
FULL: Final = 0.98
"""A window counts as full from this share of its length."""


def stretches(values: npt.NDArray[Any], width: int) -> npt.NDArray[Any]:
    """All stretches of `width` values in a row of an array (n,): a view (n - width + 1, width)."""
    step = values.itemsize
    return np.ndarray((len(values) - width + 1, width), values.dtype, values, 0, (step, step))


@dataclass(frozen=True, slots=True)
class Moments:
    """Count, sum and sum of squares of whole numbers, exact."""

    count: int
    total: int
    squares: int

    @classmethod
    def of(cls, values: Ints) -> Moments:
        """Those of an array (n,) of ticks; no more are squared at once than 64 bits hold."""
        parts = [values[start : start + SUMMED] for start in range(0, len(values), SUMMED)]
        return cls(len(values), sum(int(part.sum()) for part in parts), sum(map(_squares, parts)))


def _squares(values: Ints) -> int:
    """The sum of the squares, however long intervals that were taken as they are may be."""
    most = int(np.abs(values).max(initial=0))
    return int(values @ values) if len(values) * most * most < 2**63 else sum(value**2 for value in values.tolist())


@dataclass(frozen=True)
class Columns:
    """The beats of a window as arrays, (n,) each."""

    t_us: Ints
    ticks: Ints
    ok: Bools
    joined: Bools

    @cached_property
    def accepted(self) -> Ints:
        """The numbers of the accepted beats."""
        return self.ok.nonzero()[0]


@dataclass(frozen=True, eq=False)
class BeatWindow:
    """Intervals in order, in ticks of 1/1 024 000 s; `t_us` are their closing beats on session time, microseconds.

    `ok[i]`: may be used; `joined[i]`: follows interval i-1 with no gap between (False for the first).
    `span_s` is the time from the first opening to the last closing beat, or the length that was asked for.
    `detrend`: how a slow trend is removed before a spectrum is taken. `whole`: of what this is a part, and from
    which of its beats on.
    """

    t_us: tuple[int, ...]
    ticks: tuple[int, ...]
    ok: tuple[bool, ...]
    joined: tuple[bool, ...]
    span_s: float
    detrend: Detrend = "linear"
    whole: tuple[BeatWindow, int] | None = None
    _known: dict[str, Any] = field(default_factory=dict[str, Any], repr=False)

    def remember(self, what: str, make: Callable[[BeatWindow], Found]) -> Found:
        """What `make` says of this window, made once: several metrics are read from one spectrum."""
        if what not in self._known:
            self._known[what] = make(self)
        found: Found = self._known[what]
        return found

    @property
    def opening_us(self) -> int:
        """When the first interval began, microseconds of session time; the window must hold one."""
        return self.t_us[0] - ticks_to_us(self.ticks[0])

    @cached_property
    def arrays(self) -> Columns:
        """The beats as arrays."""
        if self.whole is None:
            return Columns(
                np.array(self.t_us, np.int64),
                np.array(self.ticks, np.int64),
                np.array(self.ok, bool),
                np.array(self.joined, bool),
            )
        whole, start = self.whole
        held, part = whole.arrays, slice(start, start + len(self.ticks))
        joined = held.joined[part].copy()
        joined[:1] = False
        return Columns(held.t_us[part], held.ticks[part], held.ok[part], joined)

    @cached_property
    def nn(self) -> Ints:
        """The accepted intervals, ticks."""
        held = self.arrays
        return held.ticks[held.ok]

    @cached_property
    def differences(self) -> Ints:
        """Successive differences, only where both intervals are accepted and adjacent, ticks."""
        held = self.arrays
        paired = held.joined[1:] & held.ok[1:] & held.ok[:-1]
        return (held.ticks[1:] - held.ticks[:-1])[paired]

    @cached_property
    def nn_moments(self) -> Moments:
        """Of the accepted intervals."""
        return Moments.of(self.nn)

    @cached_property
    def difference_moments(self) -> Moments:
        """Of the successive differences."""
        return Moments.of(self.differences)

    @property
    def nn_ms(self) -> Floats:
        """The accepted intervals in milliseconds."""
        return self.nn / TICKS_PER_MS

    @property
    def differences_ms(self) -> Floats:
        """The successive differences in milliseconds."""
        return self.differences / TICKS_PER_MS

    @cached_property
    def stretches(self) -> tuple[BeatWindow, ...]:
        """The pieces of the window between its gaps; the window itself, as long as it is said to be, without one."""
        if self.joined.count(False) <= 1:
            return (self,) if self.ticks else ()
        starts = [index for index, follows in enumerate(self.joined) if index and not follows]
        return tuple(self.part(start, stop) for start, stop in pairwise([0, *starts, len(self.ticks)]))

    def pieces(self, least_s: float) -> tuple[BeatWindow, ...]:
        """The gap-free pieces that hold `least_s` seconds of beats (from 98 % of it on)."""
        return tuple(piece for piece in self.stretches if piece.span_s >= FULL * least_s)

    def part(self, start: int, stop: int, span_s: float | None = None) -> BeatWindow:
        """The window of the beats from `start` to before `stop`; as long as they are, unless it is said."""
        if span_s is None:
            span_s = (self.t_us[stop - 1] - self.t_us[start] + ticks_to_us(self.ticks[start])) / 1e6
        joined = (False, *self.joined[start + 1 : stop]) if start < stop else ()
        t_us, ticks, ok = self.t_us[start:stop], self.ticks[start:stop], self.ok[start:stop]
        return BeatWindow(t_us, ticks, ok, joined, span_s, self.detrend, (self, start))

    @cached_property
    def flagged(self) -> int:
        """Number of intervals that may not be used."""
        return self.ok.count(False)

    @cached_property
    def flagged_share(self) -> float:
        """Flagged intervals over all intervals, 0 when there are none."""
        return self.flagged / len(self.ok) if self.ok else 0.0

    @cached_property
    def coverage(self) -> float:
        """Summed time of the intervals over the span; holes lower it."""
        return sum(self.ticks) / TICKS_PER_S / self.span_s if self.span_s > 0 else 0.0


def window_of(beats: Iterable[TimedBeat], span_s: float | None = None, detrend: Detrend = "linear") -> BeatWindow:
    """The window over these beats; `span_s` defaults to the time from first opening to last closing beat."""
    held = list(beats)
    if span_s is None:
        span_s = (held[-1].t_us - held[0].opening_us) / 1e6 if held else 0.0
    return BeatWindow(
        tuple([beat.t_us for beat in held]),
        tuple([beat.ticks for beat in held]),
        tuple([beat.why is None for beat in held]),
        (False, *[not beat.gap_before for beat in held[1:]]) if held else (),
        span_s,
        detrend,
    )


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric's value over a window; `beats` is the number of intervals it used.

    `coverage`: the share of the window's time that its intervals fill.
    """

    value: float
    unit: str
    window_s: float
    beats: int
    version: int
    coverage: float


@dataclass(frozen=True, slots=True)
class NotYet:
    """Why a metric cannot be given, in words for a person."""

    reason: str


Answer: TypeAlias = Estimate | NotYet
